"""Our model of a stack is the one that the real Compose CLI prints; where it refuses, we do.

Four properties with 50 examples each; nightly RECONCILE_ORACLE_EXAMPLES=500 makes 2,000 of them. RECONCILE_CORPUS
names a folder of Compose files to compare as well.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from reconciler.config import load_stack
from reconciler.core.message.errors import ConfigError
from tests.kit.docker.compose import HOME, Answer, comparable, compose_cli, compose_config, differences, with_limits
from tests.unit.config.compose.strategies import ENV_FILES, TEMPLATE, VARIABLES, as_yaml, env_lines, projects, stacks
from tests.unit.config.variables.test_dotenv import FILES, OUTSIDE
from tests.unit.config.yaml.test_scalars import DATES, SCALARS

EXAMPLES = int(os.environ.get("RECONCILE_ORACLE_EXAMPLES", "50" if os.environ.get("CI") else "15"))
CORPUS = Path(os.environ.get("RECONCILE_CORPUS", "/nowhere"))
# The same examples each time, unless more are asked for. Making a failing one smaller would take hundreds of runs.
RANDOM = settings(
    max_examples=EXAMPLES,
    derandomize="RECONCILE_ORACLE_EXAMPLES" not in os.environ,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)
# Within a variable Compose miscounts these, and loses what follows; docs/compose.md says more.
LONE_BRACES = re.compile(r"(?<!\$)\{\}")

pytestmark = pytest.mark.skipif(compose_cli() is None, reason="no Compose CLI is installed")


def ours(file: Path | list[Path], **options: Any) -> tuple[dict[str, Any] | None, ConfigError | None]:
    try:
        return with_limits(comparable(load_stack(file, project="test", **options))), None
    except ConfigError as error:
        return None, error


def verdict(file: Path | list[Path], theirs: Answer, **options: Any) -> str:
    """The comparison of our answer: "same", "both refuse", or the difference."""
    mine, error = ours(file, **options)
    if error is not None or theirs.model is None:
        both = error is not None and theirs.model is None
        return "both refuse" if both else f"only we refuse: {error}" if error else f"only they refuse: {theirs.said}"
    return "; ".join(differences(mine, theirs.model)) or "same"


@given(stack=stacks())
@RANDOM
def test_any_stack_gives_the_model_that_compose_prints(stack, tmp_path):
    file = tmp_path / "stack.yaml"
    file.write_text(as_yaml(stack), encoding="utf-8")
    for name, text in ENV_FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")

    theirs = compose_config(file, environment=VARIABLES, options=["--profile", "on"])

    assert verdict(file, theirs, environment={**VARIABLES, "HOME": HOME}, profiles=("on",)) in ("same", "both refuse")


@given(files=projects())
@RANDOM
def test_any_files_give_the_model_that_compose_prints(files, tmp_path):
    for name, stack in {**files, **ENV_FILES}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(stack if isinstance(stack, str) else as_yaml(stack), encoding="utf-8")
    paths = [tmp_path / "stack.yaml", tmp_path / "over.yaml"]
    options = ["-f", "over.yaml", "--profile", "on"]

    theirs = compose_config(paths[0], environment=VARIABLES, options=options)

    assert verdict(paths, theirs, environment={**VARIABLES, "HOME": HOME}, profiles=("on",)) in ("same", "both refuse")


@given(parts=st.lists(st.sampled_from(TEMPLATE), min_size=1, max_size=7))
@RANDOM
def test_any_template_is_filled_in_as_by_compose(parts, tmp_path):
    assume(not LONE_BRACES.search("".join(parts)))
    file = tmp_path / "stack.yaml"
    file.write_text(f"services: {{a: {{image: x, labels: {{k: {json.dumps(''.join(parts))}}}}}}}", encoding="utf-8")
    environment = {"W": "word", "E": "", "w_1": "one"}

    theirs = compose_config(file, environment=environment)

    assert verdict(file, theirs, environment=environment) in ("same", "both refuse")


@given(lines=st.lists(env_lines, min_size=1, max_size=4))
@RANDOM
def test_any_env_file_is_read_as_by_compose(lines, tmp_path):
    (tmp_path / "a.env").write_bytes("".join(lines).encode())
    file = tmp_path / "stack.yaml"
    file.write_text("services: {a: {image: x, env_file: a.env}}", encoding="utf-8")

    theirs = compose_config(file, environment={"W": "word"})

    nameless = theirs.model and "" in theirs.model["services"]["a"].get("environment", {})  # which no engine takes
    assert nameless or verdict(file, theirs, environment={"W": "word"}) in ("same", "both refuse")


def test_scalars_mean_the_same(tmp_path):
    table = {**SCALARS, **DATES}
    lines = "".join(f"      k{number}: {text}\n" for number, text in enumerate(table))
    file = tmp_path / "stack.yaml"
    file.write_text(f"services:\n  a:\n    image: x\n    labels:\n{lines}", encoding="utf-8")

    theirs = compose_config(file)

    assert theirs.model is not None, theirs.said
    assert theirs.model["services"]["a"]["labels"] == {f"k{number}": text for number, text in enumerate(table.values())}
    assert verdict(file, theirs) == "same"


def test_env_files_mean_the_same(tmp_path):
    services = ""
    for number, text in enumerate(FILES):
        (tmp_path / f"{number}.env").write_bytes(text.encode())
        services += f"  s{number}: {{image: x, env_file: {number}.env}}\n"
    file = tmp_path / "stack.yaml"
    file.write_text(f"services:\n{services}", encoding="utf-8")

    theirs = compose_config(file, environment=OUTSIDE)

    assert theirs.model is not None, theirs.said
    services = theirs.model["services"]
    assert [services[f"s{number}"]["environment"] for number in range(len(FILES))] == list(FILES.values())
    assert verdict(file, theirs, environment=OUTSIDE) == "same"


@pytest.mark.parametrize(
    "body",
    [
        "services: {a: {image: x, depends_on: [b]}}",
        "services: {a: {image: x, networks: [n]}}",
        "services: {a: {image: x, volumes: ['vol:/v']}}",
        "services: {a: {command: x}}",
        "services: {a: {image: x, imagge: y}}",
        "services: {a: {image: x, ports: ['a:b']}}",
        "services: {a: {image: x, init: perhaps}}",
        "services: {a: {image: x, mem_limit: lots}}",
        "services: {a: {image: x, environment: {A: [1]}}}",
        "services: {a: {image: x, env_file: nowhere.env}}",
        "services: {a: {image: '${A', command: x}}",
        "services: {a: {image: '${A:?}', command: x}}",
        "services: {a: {image: x, image: y}}",
        "services: {a: {image: x, network_mode: host, networks: [default]}}",
        "services: {a: {image: x, container_name: c}, b: {image: x, container_name: c}}",
        "services: {a: {image: x, depends_on: [b]}, b: {image: x, depends_on: [a]}}",
        "services: {a: {image: x, healthcheck: {test: [curl]}}}",
        "services: {a: }",
        "services: {a: {image: x, secrets: [s]}}",
        "services: {a: {image: x, configs: [c]}}",
        "services: {a: {image: x, links: [b]}}",
        "services: {a: {image: x, volumes_from: [b]}}",
        "services: {a: {image: x, models: [m]}}",
        "services: {a: {image: x, build: {context: ., additional_contexts: {b: 'service:b'}}}, b: {image: x}}",
        "services: {a: {image: x, build: {context: ., platforms: [linux/arm64]}, platform: linux/amd64}}",
        "services: {a: {image: x, scale: 2, deploy: {replicas: 3}}}",
        "services: {a: {image: x, scale: -1}}",
        "services: {a: {image: x, scale: 2, container_name: one}}",
        "services: {a: {image: x, gpus: [{count: 1, device_ids: ['0'], capabilities: [gpu]}]}}",
        "services: {a: {image: x, develop: {watch: [{path: ., action: sync}]}}}",
        "services: {a: {provider: {type: p}, networks: [default]}}",
        "services: {a: {image: x}}\nsecrets: {s: {}}",
        "services: {a: {image: x}}\nsecrets: {s: {file: a, environment: B}}",
        "services: {a: {image: x}}\nconfigs: {c: {file: a, content: b}}",
        "services: {a: {image: x}}\nnetworks: {n: {external: {name: a}, name: b}}",
        "services: {a: {image: x, post_start: [{user: u}]}}",
        "services: {a: {image: x, pre_start: [{ports: ['80']}]}}",
        "services: {a: {image: x, label_file: nowhere.env}}",
        "services: [a]",
        "- a",
        "",
    ],
)
def test_what_compose_refuses_is_refused(body, tmp_path):
    file = tmp_path / "stack.yaml"
    file.write_text(body, encoding="utf-8")

    assert verdict(file, compose_config(file)) == "both refuse"


@pytest.mark.skipif(not CORPUS.is_dir(), reason="RECONCILE_CORPUS names no folder of Compose files")
def test_the_corpus_gives_the_models_that_compose_prints(capsys):
    files = sorted([*CORPUS.rglob("*.yaml"), *CORPUS.rglob("*.yml")])
    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(compose_config, files))

    pairs = zip(files, answers, strict=True)
    verdicts = {file: verdict(file, answer, environment={"HOME": HOME}) for file, answer in pairs}
    known = ("same", "both refuse")
    counts = Counter(each if each in known else "different" for each in verdicts.values())

    with capsys.disabled():
        sys.stdout.write(f"\ncorpus of {len(files)} files: {dict(counts)}\n")
    assert {str(file): each for file, each in verdicts.items() if each not in known} == {}
