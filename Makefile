# `make` alone lists the targets. PYTHON is the interpreter that makes .venv.

CANDIDATES := python3 python3.14 python3.13 python3.12 python3.11
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in $(CANDIDATES); do $$p -c '$(NEW_ENOUGH)' 2>/dev/null && echo $$p && break; done)

BIN := .venv/bin
DEV := .venv/.installed-dev
PYTEST := $(BIN)/python -m pytest

# Tests start the program hundreds of times; without bytecode each start would compile all modules again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo demo-down venv test test-unit faults reliability test-integration nightly nightly-config nightly-faults nightly-login nightly-keycloak nightly-docker nightly-daemon drift-matrix test-newer-engine test-rootless-engine swarm test-restart test-e2e test-machine lint format check bench structure schema images lock changelog release-check coverage mutation docs docs-serve reference clean python

help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 26

python:
	@test -n "$(PYTHON)" || { printf '%s\n' 'failed: find Python' \
	  '  cause:  Python 3.11 or newer is needed, and none of $(CANDIDATES) is that' \
	  '  remedy: apt-get install python3 (Debian 12, Ubuntu 24.04 or newer), or make demo PYTHON=/path/to/python'; exit 1; }

demo: python ## bring up MLflow behind Keycloak, from nothing
	@$(PYTHON) scripts/demo/demo.py up

demo-down: python ## remove what the demo runs, and its data
	@$(PYTHON) scripts/demo/demo.py down

venv: $(DEV) ## .venv with the program and the development tools

PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

$(DEV): pyproject.toml requirements/dev.txt | python
	@$(BIN)/python --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	$(PIP) --require-hashes -r requirements/dev.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

test: test-unit faults test-integration test-restart test-e2e ## all tests; installs what they need

test-unit: $(DEV) ## tests that need neither engine nor Keycloak
	$(PYTEST) -n auto tests/unit

faults: $(DEV) ## campaigns of crashes and faults on an engine and a Keycloak in memory; a line of figures for each
	$(PYTEST) -n auto tests/faults

reliability: export RECONCILE_TEST_FIGURES = .figures.json
reliability: $(DEV) test-machine ## write docs/reliability.md: the figures of all campaigns, also of those with the real engine
	$(PYTEST) -n auto tests/faults tests/integration/docker/test_simulator.py
	$(BIN)/python scripts/reliability.py $(RECONCILE_TEST_FIGURES)

test-integration: $(DEV) test-machine ## tests with the real engine and the real Keycloak
	$(PYTEST) -n 4 tests/integration

# Older releases of Keycloak that the provider is tried with, as images are named by scripts/demo/local_images.py.
OLDER_KEYCLOAKS := 26.6.4 26.5.6 26.4.7
nightly: nightly-config nightly-faults nightly-login nightly-keycloak nightly-docker nightly-daemon swarm drift-matrix mutation ## what takes hours: the tries below, all of them
	RECONCILE_TEST_EXAMPLES=1000 $(MAKE) test-restart

nightly-config: $(DEV) ## 2,000 random stacks, as we and as the Compose CLI read them
	RECONCILE_ORACLE_EXAMPLES=500 $(PYTEST) -n auto tests/unit/config/compose/test_oracle.py

nightly-faults: $(DEV) test-machine ## every request of a look, a start and a change, answered wrongly in every way
	RECONCILE_TEST_FAULTS=all $(PYTEST) -n auto tests/faults
	RECONCILE_TEST_FAULTS=all $(PYTEST) -n 2 \
	  $(patsubst %,tests/integration/%.py,$(foreach at,keycloak docker,$(at)/test_faults $(at)/test_simulator))

nightly-login nightly-keycloak nightly-docker: export RECONCILE_TEST_SWEEPS = all
nightly-login: $(DEV) test-machine ## every fault that a login to the seed stack can meet, and 100 runs without one
	$(PYTEST) tests/e2e/test_3_drift.py tests/e2e/test_5_doctor.py

nightly-keycloak: $(DEV) test-machine ## all of RECONCILE_KEYCLOAK_CORPUS, many random realms, older Keycloaks, 100,000 users
	RECONCILE_KEYCLOAK_CORPUS_EVERY=1 $(PYTEST) tests/integration/keycloak/test_corpus.py
	RECONCILE_TEST_ADOPTION=all $(PYTEST) -n 4 tests/integration/keycloak/test_printed.py
	RECONCILE_TEST_EXAMPLES=100 $(PYTEST) tests/integration/keycloak/test_random.py
	RECONCILE_TEST_CASES_EVERY=1 RECONCILE_TEST_ORDERS=10 $(PYTEST) -n 4 tests/integration/keycloak
	scripts/demo/local_images.py $(addprefix keycloak-,$(OLDER_KEYCLOAKS))
	for release in $(OLDER_KEYCLOAKS); do \
	  RECONCILE_TEST_KEYCLOAK_IMAGE=localhost/keycloak:$$release $(PYTEST) -n 4 tests/integration/keycloak \
	    --ignore tests/integration/keycloak/test_simulator.py || exit 1; done
	RECONCILE_TEST_KEYCLOAK_IMAGE=localhost/keycloak:26.5.6 RECONCILE_TEST_KEYCLOAK_OPTIONS=--features=workflows \
	  $(PYTEST) -n 4 $(patsubst %,tests/integration/keycloak/test_%.py,export kinds many random rules since)
	RECONCILE_TEST_KEYCLOAK_OPTIONS=--features-disabled=organization,admin-fine-grained-authz \
	  $(PYTEST) -k setting_of_a_feature tests/integration/keycloak/test_since.py
	$(BIN)/python -m bench.keycloak_users 1000 10000 100000

EXAMPLES ?= 10000
nightly-docker: $(DEV) test-machine test-newer-engine test-rootless-engine ## EXAMPLES random services, each field, a kill after each call, the newer and the rootless engine
	RECONCILE_TEST_EXAMPLES=$(EXAMPLES) $(PYTEST) -n 2 tests/integration/docker/test_property.py
	RECONCILE_TEST_FIELDS=all RECONCILE_TEST_CRASHES=all RECONCILE_TEST_ADOPTION=all $(PYTEST) -n 4 tests/integration/docker tests/integration/web

BEHIND_A_PROXY := $(patsubst %,tests/integration/docker/test_%.py,drift depends_on down git handover hooks replace rollout restart)
nightly-daemon: $(DEV) test-machine ## the daemon in a container, and tests with a program whose only way to the engine is the proxy
	scripts/demo/local_images.py reconcile
	$(PYTEST) tests/nightly/test_sidecar.py tests/nightly/test_daemon_faults.py tests/nightly/test_daemon_soak.py
	RECONCILE_TEST_FAULTS=all $(PYTEST) tests/faults/test_daemon_stop.py
	$(BIN)/python -m tests.kit.machine.engine_proxy $(PYTEST) $(BEHIND_A_PROXY) tests/integration/keycloak/test_daemon.py

# While the engine is restarted nothing else may run. Images of several platforms are held by containerd alone.
test-newer-engine: $(DEV) test-machine ## the Docker tests against a second, newer engine, where there can be one
	@scripts/engines/newer.py sh -c 'env -u RECONCILE_TEST_RESTART_ENGINE $(PYTEST) -n 4 tests/integration/docker && \
	  $(PYTEST) -k started tests/integration/docker/test_property.py' || test $$? = 77
	@RECONCILE_NEWER_ENGINE_OPTIONS=--feature=containerd-snapshotter \
	  scripts/engines/newer.py $(PYTEST) -n 2 tests/integration/docker/test_build.py || test $$? = 77

# Those whose stacks have no binds, since the engine's user may not see what tests write, and no need of cgroups.
ROOTLESS_TESTS := $(patsubst %,tests/integration/docker/test_%.py,property drift depends_on handover links replace replicas rollout terminal)
test-rootless-engine: $(DEV) test-machine ## Docker tests against a rootless engine, where there can be one
	@scripts/engines/rootless.py $(PYTEST) -n 2 $(ROOTLESS_TESTS) || test $$? = 77

swarm: $(DEV) test-machine ## the Swarm tests on a Swarm of one node, of a newer engine, and of three nodes, where there can be one
	$(PYTEST) tests/integration/swarm
	@scripts/engines/newer.py sh -c 'docker swarm init --advertise-addr 127.0.0.1 >/dev/null && \
	  RECONCILE_TEST_SWARM=$$DOCKER_HOST $(PYTEST) tests/integration/swarm/test_swarm.py' || test $$? = 77
	@scripts/engines/three_nodes.py $(PYTEST) tests/nightly/test_three_nodes.py || test $$? = 77

drift-matrix: $(DEV) test-machine ## write docs/drift-matrix.md: what we and the Compose CLI make of the same changes
	$(BIN)/python -m bench.drift_matrix

test-restart: $(DEV) test-machine ## what is as declared is so after the engine was restarted; disturbs whatever else runs there
	RECONCILE_TEST_RESTART_ENGINE="$(CURDIR)/scripts/engines/prepare.py restart" \
	  $(PYTEST) -k started tests/integration/docker/test_property.py

test-e2e: $(DEV) test-machine ## the whole seed stack, with a real login
	$(PYTEST) tests/e2e

test-machine: python # a Docker engine, Chromium, a registry, an ssh server, buildx, and the images that tests run
	@scripts/engines/prepare.py

lint: $(DEV) ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy scripts/*.py scripts/*/*.py
	$(BIN)/mypy --explicit-package-bases bench/*.py
	$(BIN)/mypy -p tests.kit

format: $(DEV) ## put the source into its form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

check: lint test-unit ## what to run before every commit

bench: $(DEV) ## measure, beside the tools that others use, and write docs/performance.md; BENCH_OPTIONS=--quick for a short run
	$(BIN)/python -m bench.page $(BENCH_OPTIONS)

structure: ## measure the source: sizes, docstrings, folders, circles of imports
	@scripts/structure.py

schema: ## write what follows from the rest of schemas/stack.schema.json
	@scripts/stack_schema.py

# The builder announces its successor at each start; strict mode ends with an error for a link that leads nowhere.
SITE = NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs
docs: $(DEV) ## build the docs as a site in site/, and check its links
	$(PIP) --require-hashes -r requirements/docs.txt
	$(SITE) build

docs-serve: $(DEV) ## show the site at http://localhost:8000, anew after each change
	$(PIP) --require-hashes -r requirements/docs.txt
	$(SITE) serve

reference: $(DEV) ## write docs/errors.md, docs/daemon-log.md and the man page
	@$(BIN)/python scripts/reference.py

images: ## build the local stand-ins for the official images
	@scripts/demo/local_images.py

# The uv that compiles the lists is the one that will install the image's from its own.
UV_VERSION = $(shell sed -n 's/^ARG UV_VERSION=//p' images/mlflow/Dockerfile)
COMPILE = uv pip compile --quiet $(if $(UPGRADE),--upgrade) --universal --python-version 3.11 --generate-hashes \
  --no-annotate --no-emit-index-url --custom-compile-command 'make lock'
lock: $(DEV) ## write the lists of versions and checksums of all that is installed; UPGRADE=1 for the newest of all
	$(PIP) 'uv==$(UV_VERSION)'
	cd images/mlflow && ../../$(BIN)/$(COMPILE) --output-file requirements.txt requirements.in
	$(BIN)/$(COMPILE) --output-file requirements/run.txt pyproject.toml
	for extra in dev docs nightly release; do \
	  $(BIN)/$(COMPILE) --extra $$extra --constraint requirements/run.txt --output-file requirements/$$extra.txt pyproject.toml || exit 1; done

changelog: $(DEV) ## move changelog.d into the entry of CHANGELOG.md; CHANGELOG_OPTIONS=--release gives it a date
	$(PIP) --require-hashes -r requirements/release.txt
	$(BIN)/python scripts/changelog.py $(CHANGELOG_OPTIONS)

release-check: $(DEV) ## build wheel, sdist and bill of materials in dist/, and use them as a newcomer would; TAG=v1.2.3
	$(PIP) --require-hashes -r requirements/release.txt
	$(BIN)/python scripts/release.py $(TAG)

coverage: $(DEV) ## how much of the package the unit tests run; a figure, not a goal
	$(PIP) --require-hashes -r requirements/nightly.txt
	$(BIN)/coverage run -m pytest -q tests/unit tests/faults
	$(BIN)/coverage report

LEAST_KILLED := 85
mutation: $(DEV) ## change the core line by line, and see whether a test notices: at least $(LEAST_KILLED) of 100
	$(PIP) --require-hashes -r requirements/nightly.txt
	$(BIN)/mutmut run --max-children 2 >mutants.log || { tail -5 mutants.log; exit 1; }
	$(BIN)/mutmut export-cicd-stats
	$(BIN)/python scripts/mutation_score.py mutants/mutmut-cicd-stats.json $(LEAST_KILLED)

clean: ## remove .venv and all caches; settings, images and data stay
	rm -rf .venv build dist site mutants mutants.log .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
