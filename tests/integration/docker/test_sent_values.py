"""Values that the command lines change before they send them: profiles, ports and paths of the system."""

from __future__ import annotations

import json
import subprocess

import pytest

from reconciler.core.difference.kind import Effect
from tests.kit.docker.compose import compose_cli
from tests.kit.docker.engine import READY

ALLOWS = {"defaultAction": "SCMP_ACT_ALLOW"}
REFUSES = {**ALLOWS, "syscalls": [{"names": ["sethostname"], "action": "SCMP_ACT_ERRNO"}]}

SPELLINGS = [
    ["seccomp=./sec.json"],
    ["seccomp:sec.json", "no-new-privileges:false"],
    ["seccomp=unconfined", "no-new-privileges=true"],
    ["seccomp:unconfined", "apparmor:unconfined"],
    ["systempaths=unconfined"],
]


def up_by_compose(project):
    up = [compose_cli(), "-p", project.name, "-f", str(project.directory / "stack.yaml"), "up", "-d"]
    subprocess.run(up, check=True, capture_output=True)


@pytest.fixture
def profiled(project):
    (project.directory / "sec.json").write_text(json.dumps(ALLOWS, indent=2))
    return project


@pytest.mark.sweep(every=2)
@pytest.mark.parametrize("options", SPELLINGS, ids=" ".join)
def test_security_options_are_sent_as_compose_sends_them(profiled, options):
    profiled.service("web", **READY, security_opt=options)

    profiled.settle()


@pytest.mark.skipif(compose_cli() is None, reason="no Compose CLI")
def test_what_compose_sent_is_taken_over_as_it_is(profiled):
    for number, options in enumerate(SPELLINGS):
        profiled.service(f"s{number}", security_opt=options, expose=["3000-3003", "80/udp", "8000"])
    profiled.service("v", network_mode="bridge")
    profiled.service("l", network_mode="bridge", links=["v:vee"])
    up_by_compose(profiled)

    assert profiled.differences() == {}


def test_an_edited_profile_is_seen_and_another_spelling_of_it_is_not(profiled):
    profiled.service("web", **READY, security_opt=["seccomp=./sec.json"])
    profiled.settle()

    (profiled.directory / "sec.json").write_text(json.dumps(ALLOWS))
    respelled = profiled.differences()
    (profiled.directory / "sec.json").write_text(json.dumps(REFUSES))
    edited = profiled.differences()["docker.container/web"]
    profiled.settle()

    assert respelled == {}
    assert edited.effect in (Effect.REPLACE, Effect.HANDOVER)
    assert all(len(str(field.after)) < 100 for field in edited.fields)


def test_each_port_of_a_range_is_exposed(project):
    project.service("web", **READY, expose=["3000-3003", "80/udp", 8000])

    project.settle()

    exposed = set(project.inspect()["Config"]["ExposedPorts"])
    assert exposed == {"3000/tcp", "3001/tcp", "3002/tcp", "3003/tcp", "80/udp", "8000/tcp"}


@pytest.mark.skipif(compose_cli() is None, reason="no Compose CLI")
def test_proxies_of_the_config_file_are_put_into_containers_as_compose_does(project, monkeypatch, tmp_path):
    folder = tmp_path / "cli"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"proxies": {"default": {"httpProxy": "http://127.0.0.1:9"}}}))
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))
    project.service("web")
    up_by_compose(project)

    assert "http_proxy=http://127.0.0.1:9" in project.inspect()["Config"]["Env"]
    assert project.differences() == {}


@pytest.mark.skipif(compose_cli() is None, reason="no Compose CLI")
def test_names_have_underscores_where_compose_is_to_be_compatible(project, monkeypatch):
    monkeypatch.setenv("COMPOSE_COMPATIBILITY", "true")
    project.service("web")
    project.service("near", network_mode="bridge")
    project.service("other", network_mode="bridge", links=["near:n"])
    project.service("third", links=["web"])
    up_by_compose(project)

    assert project.engine.get(f"/containers/{project.name}_web_1/json")
    assert project.differences() == {}
