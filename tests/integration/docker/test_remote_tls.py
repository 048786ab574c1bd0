"""An engine's port with TLS, and contexts as the Docker CLI makes them: who is to be believed, and what is told."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.kit.cli import reconcile
from tests.kit.docker.engine import READY
from tests.kit.machine.tls import Authority, served

SOCKET = Path((os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock").removeprefix("unix://"))


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture(scope="module")
def port(authority):
    with served(authority.server("127.0.0.1"), SOCKET) as host:
        yield host


@pytest.fixture
def folder_of(authority, tmp_path):
    """A client's folder of certificates."""
    return lambda **kind: authority.folder(tmp_path / str(len(list(tmp_path.iterdir()))), **kind)


@pytest.fixture
def run(project, tmp_path):
    def run(*arguments, **variables):
        env = {"DOCKER_HOST": "", "DOCKER_CONFIG": str(tmp_path / "config"), **variables}
        return reconcile(*arguments, cwd=project.directory, env=env)

    return run


@pytest.fixture
def cli(tmp_path):
    """The Docker CLI with settings of its own; what it says."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("DOCKER_")}

    def cli(*arguments, **variables):
        own = {"DOCKER_CONFIG": str(tmp_path / "config"), **variables}
        done = subprocess.run(
            ["docker", *arguments], env={**env, **own}, capture_output=True, text=True, check=False, timeout=60
        )
        return done.stdout.strip()

    return cli


def by_tls(port, folder, **more):
    return {"DOCKER_HOST": port, "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(folder), **more}


def test_a_stack_is_made_by_tls_and_files_are_copied(project, run, folder_of, port):
    (project.directory / "app.conf").write_text("a = 1\n", encoding="utf-8")
    project.write(configs={"app": {"file": "./app.conf"}})
    project.service("web", **READY, configs=["app"], command=["sh", "-c", "cat /app; exec sleep 999"])
    reached = by_tls(port, folder_of())

    assert run("apply", **reached).code == 0
    assert run("diff", **reached).code == 0
    assert run("logs", "web", **reached).out.splitlines()[-1].endswith("a = 1")
    assert project.inspect()["Mounts"] == []


def test_who_wants_no_check_is_not_warned_of_it(project, run, authority, port, tmp_path):
    project.service("web")
    folder = Authority().folder(tmp_path / "c", own=authority)

    told = run("diff", DOCKER_HOST=port, DOCKER_TLS="1", DOCKER_CERT_PATH=str(folder))

    assert (told.code, "warning" in told.err) == (2, False)


def refused(told, *words):
    assert told.code == 69, told
    assert all(word in told.err for word in words), told.err
    assert told.err.startswith("error[RC0401]: the Docker engine at tcp://127.0.0.1:")
    assert told.err.splitlines()[-1:] == ["`reconcile explain RC0401` explains this error."]


def test_an_engine_of_another_authority_is_not_believed(project, run, authority, port, tmp_path):
    project.service("web")
    folder = Authority().folder(tmp_path / "c", own=authority)

    refused(run("diff", **by_tls(port, folder)), "certificate verify failed", f"ca.pem in {folder}")


@pytest.mark.parametrize(
    ("names", "options", "said"),
    [(["elsewhere.test"], {}, "mismatch"), (["127.0.0.1"], {"expired": True}, "certificate has expired")],
)
def test_nor_is_one_with_another_name_or_an_old_certificate(  # noqa: PLR0917  # three fixtures, three columns
    project, run, tmp_path, names, options, said
):
    project.service("web")
    own = Authority()
    with served(own.server(*names, **options), SOCKET) as port:
        refused(run("diff", **by_tls(port, own.folder(tmp_path / "c"))), "certificate verify failed", said)


@pytest.mark.parametrize(
    "kind", [{"without": "cert.pem key.pem"}, {"without": "key.pem"}, {"expired": True}, {"own": Authority()}]
)
def test_it_is_said_when_the_engine_does_not_believe_us(project, run, folder_of, port, kind):
    project.service("web")
    folder = folder_of(**kind)

    refused(run("diff", **by_tls(port, folder)), f"not take our certificate: cert.pem and key.pem in {folder}")


def test_a_key_that_is_not_that_of_the_certificate_is_said(project, run, folder_of, port):
    project.service("web")
    folder, other = folder_of(), folder_of()
    shutil.copy(other / "key.pem", folder / "key.pem")

    refused(run("diff", **by_tls(port, folder)), f"cert.pem and key.pem in {folder} do not belong together")


def test_an_engine_without_tls_is_not_spoken_to_with_it(project, run, folder_of):
    project.service("web")
    with served(None, SOCKET) as port:
        refused(run("diff", **by_tls(port, folder_of())), "it does not speak TLS there")


# ------------------------------------------------------------------ contexts


def test_contexts_of_the_docker_cli_lead_where_they_lead_it(project, run, cli, folder_of, port):
    project.service("web", **READY)
    folder = folder_of()
    tls = f"host={port},ca={folder}/ca.pem,cert={folder}/cert.pem,key={folder}/key.pem"
    for name, endpoint in (("here", f"host=unix://{SOCKET}"), ("safe", tls), ("far", "host=ssh://nobody@127.0.0.1:1")):
        assert cli("context", "create", name, "--docker", endpoint) == name

    assert run("diff", DOCKER_CONTEXT="here").code == 2
    assert run("diff", DOCKER_CONTEXT="safe").code == 2
    far = run("diff", DOCKER_CONTEXT="far")
    assert (far.code, "ssh://nobody@127.0.0.1:1 can't be reached" in far.err) == (69, True)
    cli("context", "use", "far")
    assert run("diff").code == 69
    assert run("diff", DOCKER_CONTEXT="here").code == 2
    assert run("diff", DOCKER_HOST=f"unix://{SOCKET}").code == 2
    cli("context", "use", "safe")
    assert run("diff").code == 2


@pytest.mark.sweep(every=3)
@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"DOCKER_CONTEXT": "one"},
        {"DOCKER_CONTEXT": "default"},
        {"DOCKER_CONTEXT": "one", "DOCKER_HOST": "unix:///nowhere/host.sock"},
        {"DOCKER_HOST": "unix:///nowhere/host.sock"},
    ],
)
@pytest.mark.parametrize("used", ["one", "two", "default"])
def test_which_engine_is_meant_is_decided_as_the_cli_decides(project, run, cli, used, variables):
    project.service("web")
    for name in ("one", "two"):
        cli("context", "create", name, "--docker", f"host=unix:///nowhere/{name}.sock")
    cli("context", "use", used)
    shown = json.loads(cli("context", "inspect", cli("context", "show", **variables), **variables))
    meant = variables.get("DOCKER_HOST") or shown[0]["Endpoints"]["docker"]["Host"]

    told = run("diff", **variables)

    if meant == "unix:///var/run/docker.sock":
        assert told.code == 2
    else:
        assert (told.code, f"no Docker engine at {meant.removeprefix('unix://')}" in told.err) == (69, True)


def test_a_context_that_is_not_there_is_an_error_and_nothing_is_done_here(project, run):
    project.service("web")

    told = run("apply", DOCKER_CONTEXT="nowhere")

    assert (told.code, "there is no Docker context `nowhere`, which DOCKER_CONTEXT names" in told.err) == (69, True)
    assert project.engine.get(f"/containers/{project.container()}/json") is None


# ------------------------------------------------------------------ versions


def test_a_version_that_is_asked_for_is_spoken_or_refused(project, run):
    project.service("web")
    there = {"DOCKER_HOST": f"unix://{SOCKET}"}

    assert run("diff", DOCKER_API_VERSION="1.41", **there).code == 2
    old = run("diff", DOCKER_API_VERSION="1.24", **there)
    assert (old.code, "DOCKER_API_VERSION is 1.24; this engine supports only 1.41" in old.err) == (69, True)
