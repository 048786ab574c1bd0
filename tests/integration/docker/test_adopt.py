"""Running containers are written as a stack: then nothing differs, and nothing was touched.

The projects are started by the Compose CLI. RECONCILE_COMPOSE_CORPUS names a folder of other people's Compose files;
with RECONCILE_TEST_ADOPTION=all each of them is tried, with the probe in place of its images, else a few.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, note, seed, settings
from hypothesis import strategies as st

from reconciler.core.message.errors import ProviderError
from tests.kit.cli import called
from tests.kit.docker.compose import compose_cli
from tests.kit.docker.engine import PROBE, a_project
from tests.kit.docker.fields import filled
from tests.kit.docker.services import NETWORKS, SERVICES, VOLUMES

CORPUS = Path(os.environ.get("RECONCILE_COMPOSE_CORPUS") or "/nowhere")
EVERYTHING = os.environ.get("RECONCILE_TEST_ADOPTION") == "all"
A_FEW = 2
SLEEPS = {"image": PROBE, "command": ["sleep", "3600"], "init": True}


@pytest.fixture
def adopt(monkeypatch, capsys, tmp_path):
    folder = tmp_path / "adopted"
    folder.mkdir()
    return partial(called, monkeypatch, capsys, cwd=folder)


def compose_up(project, file):
    """Start a project with the Compose CLI; what it says where it can't."""
    command = [compose_cli(), "-p", project.name, "-f", str(file), "up", "-d", "--quiet-pull", "--no-build"]
    done = subprocess.run(command, cwd=file.parent, capture_output=True, text=True, timeout=120, check=False)
    return "" if done.returncode == 0 else done.stderr


def starts(engine, project):
    """Name → id and start of each container."""
    mine = {"label": [f"com.docker.compose.project={project.name}"]}
    found = (
        engine.get(f"/containers/{item['Id']}/json") for item in engine.get("/containers/json", all=1, filters=mine)
    )
    return {each["Name"]: (each["Id"], each["State"]["StartedAt"]) for each in found}


def written(tmp_path):
    return yaml.safe_load((tmp_path / "adopted" / "stack.yaml").read_text(encoding="utf-8"))


def test_what_compose_copies_into_a_container_and_its_hooks_are_adopted(engine, project, adopt, tmp_path):
    file = tmp_path / "theirs" / "compose.yaml"
    file.parent.mkdir()
    (file.parent / "bound.ini").write_text("bound", encoding="utf-8")
    (file.parent / ".env").write_text("TOKEN='hush $hush'\n", encoding="utf-8")
    ini = {"source": "ini", "target": "/etc/app.ini"}
    services = {
        "web": {
            **SLEEPS,
            "configs": [ini, {"source": "bound", "target": "/etc/bound.ini"}, {"source": "own", "mode": "0400"}],
            "secrets": ["token"],
            "post_start": [{"command": ["true"]}],
        },
        "other": {**SLEEPS, "configs": [ini]},
    }
    configs = {"ini": {"content": "a = 1\nb = $$x\n"}, "bound": {"file": "./bound.ini"}, "own": {"content": "o"}}
    model = {"services": services, "configs": configs, "secrets": {"token": {"environment": "TOKEN"}}}
    file.write_text(json.dumps(model), encoding="utf-8")
    assert compose_up(project, file) == ""
    before = starts(engine, project)

    ran = adopt("adopt", project.name)

    assert (ran.code, adopt("diff").code) == (0, 0), ran.err
    assert adopt("apply", "--yes").code == 0
    assert starts(engine, project) == before
    found, folder = written(tmp_path), tmp_path / "adopted"
    copied = {**ini, "mode": "0444"}
    assert found["services"]["other"]["configs"] == [copied]
    assert found["services"]["web"]["configs"] == [copied, {"source": "own", "target": "/own", "mode": "0400"}]
    assert found["services"]["web"]["secrets"] == [{"source": "token", "target": "/run/secrets/token", "mode": "0444"}]
    assert found["services"]["web"]["post_start"][0]["command"] == ["true"]
    assert found["configs"] == {name: {"file": f"./configs/{name}"} for name in ("ini", "own")}
    assert (folder / "configs" / "ini").read_text(encoding="utf-8") == "a = 1\nb = $x\n"
    assert (folder / "secrets" / "token").read_text(encoding="utf-8") == "hush $hush"
    assert "secrets/" in (folder / ".gitignore").read_text(encoding="utf-8").splitlines()
    file.unlink()
    gone = adopt("adopt", project.name, "--overwrite")
    assert f"{file} can't be read: configs and secrets that Compose copies into a container, and hooks" in gone.err


def test_a_compose_project_is_adopted_as_it_was_written(engine, project, adopt, tmp_path):
    file = tmp_path / "theirs" / "compose.yaml"
    file.parent.mkdir()
    (file.parent / "token.txt").write_text("secret words", encoding="utf-8")
    services = {
        "db": {
            **SLEEPS,
            "environment": {"DB_PASSWORD": "correct horse", "DB_NAME": "app"},
            "volumes": ["data:/data", "/cache"],
            "healthcheck": {"test": "true", "interval": "1s", "retries": 2},
            "secrets": ["token"],
            "networks": {"back": {"ipv4_address": project.subnet.replace(".0/24", ".9"), "aliases": ["store"]}},
            "ulimits": {"nofile": {"soft": 100, "hard": 200}, "nproc": 900},
            "restart": "unless-stopped",
        },
        "job": {**SLEEPS, "command": ["true"], "networks": ["back"]},
        "web": {
            **SLEEPS,
            "depends_on": {
                "db": {"condition": "service_healthy"},
                "job": {"condition": "service_completed_successfully"},
            },
            "environment": {"URL": "postgres://app:correct horse@db/app"},
            "ports": ["127.0.0.1::80", "81/udp"],
            "scale": 2,
            "mem_limit": "64m",
            "tmpfs": ["/t:size=1m"],
            "networks": ["back", "default"],
            "logging": {"options": {"max-size": "1m"}},
        },
        "beside": {**SLEEPS, "network_mode": "service:db", "pid": "service:db"},
        "reader": {**SLEEPS, "volumes_from": ["db"], "links": ["db:database"], "networks": ["back"]},
    }
    networks = {"back": {"ipam": {"config": [{"subnet": project.subnet}]}, "internal": True}}
    model = {"services": services, "networks": networks, "volumes": {"data": {"labels": {"a": "b"}}}}
    file.write_text(json.dumps({**model, "secrets": {"token": {"file": "./token.txt"}}}), encoding="utf-8")
    assert compose_up(project, file) == ""
    before = starts(engine, project)

    ran = adopt("adopt", project.name)

    assert (ran.code, adopt("diff").code) == (0, 0), ran.err
    assert starts(engine, project) == before
    found = written(tmp_path)
    assert found["networks"] == networks
    assert found["volumes"] == {"data": {"labels": {"a": "b"}}}
    assert found["secrets"] == {"token": {"file": str(file.parent / "token.txt")}}
    for name in ("job", "beside", "reader"):
        assert found["services"][name] == services[name], name
    expected = services["web"] | {"environment": {"URL": "postgres://app:${DB_PASSWORD}@db/app"}}
    assert found["services"]["web"] == expected
    assert found["services"]["db"]["secrets"] == ["token"]
    assert found["services"]["db"]["volumes"] == ["/cache", "data:/data"]
    assert "correct horse" not in (tmp_path / "adopted" / "stack.yaml").read_text(encoding="utf-8") + ran.out + ran.err


def test_containers_of_docker_run_are_adopted(engine, project, adopt, tmp_path):
    """Each made as the Docker CLI makes it: in the engine's own network, in one made by hand, beside another one."""
    lan, data = f"{project.name}_lan", f"{project.name}_data"
    names = [f"{project.name}-{each}" for each in ("plain", "one", "two", "inside")]
    plain, one, two, inside = names
    try:
        engine.post("/networks/create", {"Name": lan, "Labels": {"x": "1"}})
        engine.post("/volumes/create", {"Name": data})
        bound = {"PortBindings": {"80/tcp": [{"HostPort": "0"}]}, "Binds": [f"{data}:/data", f"{tmp_path}:/here:ro"]}
        usual = {"Image": PROBE, "Cmd": ["sleep", "3600"]}
        run = partial(_run, engine)
        run(
            plain,
            {**usual, "ExposedPorts": {"80/tcp": {}}, "Env": ["A=1"], "Volumes": {"/anon": {}}, "HostConfig": bound},
        )
        run(one, {**usual, "HostConfig": {"NetworkMode": lan, "Init": True, "Memory": 64 << 20}})
        connected = {"NetworkMode": lan, "Links": [], "ReadonlyRootfs": True}
        run(two, {**usual, "Hostname": "named", "HostConfig": connected, **_aliased(lan, ["alias"])})
        run(inside, {**usual, "HostConfig": {"NetworkMode": f"container:{one}", "RestartPolicy": {"Name": "always"}}})
        before = [engine.get(f"/containers/{name}/json")["State"]["StartedAt"] for name in names]

        ran = adopt("adopt", *names)

        assert (ran.code, adopt("diff").code) == (0, 0), ran.err
        assert [engine.get(f"/containers/{name}/json")["State"]["StartedAt"] for name in names] == before
        found = written(tmp_path)
        assert found["services"][plain]["volumes"] == ["/anon", f"{data}:/data", f"{tmp_path}:/here:ro"]
        assert found["services"][plain]["ports"] == ["80"]
        assert found["services"][two]["networks"] == {lan: {"aliases": ["alias"]}}
        assert found["services"][inside]["network_mode"] == f"service:{one}"
        assert found["networks"] == {lan: {"name": lan, "labels": {"x": "1"}}}
        assert found["volumes"] == {data: {"name": data}}
    finally:
        for name in names:
            engine.delete(f"/containers/{name}", force=1, v=1)
        engine.delete(f"/networks/{lan}")
        engine.delete(f"/volumes/{data}")
        for item in engine.get("/volumes", filters={"label": ["com.docker.compose.project=adopted"]})["Volumes"] or ():
            engine.delete(f"/volumes/{item['Name']}")


def _run(engine, name, body):
    engine.post("/containers/create", body, name=name)
    engine.post(f"/containers/{name}/start")


def _aliased(network, aliases):
    return {"NetworkingConfig": {"EndpointsConfig": {network: {"Aliases": aliases}}}}


# ------------------------------------------------------------------ random stacks

EXAMPLES = 40 if EVERYTHING else 3
STACKS = st.tuples(st.lists(SERVICES, min_size=5, max_size=5), NETWORKS, VOLUMES)


QUIET = {"deadline": None, "suppress_health_check": list(HealthCheck), "derandomize": True, "database": None}


@seed(7)
@settings(max_examples=EXAMPLES, phases=[Phase.generate], **QUIET)
@given(STACKS)
def test_what_was_made_of_a_random_stack_is_adopted(engine, adopt, tmp_path, stack):
    """Made but not started, which is all that differs then."""
    services, network, volume = stack
    with a_project(tmp_path, engine) as project:
        networks = {"default": {}, "back": filled(project, network)}
        named = {f"s{number}": {"image": PROBE, **service} for number, service in enumerate(services)}
        project.write(volumes={"data": volume}, networks=networks, services=named)
        note(stack)
        with project.session() as session:
            _make(session.reconciler())
        before = starts(engine, project)

        ran = adopt("adopt", project.name, "--overwrite")

        differing = [line for line in ran.err.splitlines() if " still differs: " in line]
        assert [line for line in differing if not line.endswith(" still differs: state differs")] == []
        assert len(differing) == len(before)
        assert starts(engine, project) == before


def _make(reconciler):
    """Make everything, start nothing; what the engine does not take together is left out."""
    for step in reconciler.look().plan.steps:
        if not step.verb.startswith(("container.start", "container.wait")):
            with suppress(ProviderError):
                reconciler.perform(step)


# ------------------------------------------------------------------ other people's files


def corpus():
    """The files that are tried, as paths in the corpus."""
    files = sorted([*CORPUS.rglob("*.yaml"), *CORPUS.rglob("*.yml")])
    services = [file for file in files if "services:" in file.read_text(encoding="utf-8")]
    return services if EVERYTHING else services[:: max(len(services) // A_FEW, 1)][:A_FEW]


def _with_probes(model):
    """A resolved model that can be started here: the probe runs, ports are the engine's choice, names are our own."""
    named = model.get("services", {}).items()
    awaited = {
        other
        for _, service in named
        for other, need in (service.get("depends_on") or {}).items()
        if need.get("condition") == "service_completed_successfully"
    }
    services = {each: _with_probe(service, each in awaited) for each, service in named if not service.get("provider")}
    kept = {each: _own(found) for each, found in model.items() if each in ("networks", "volumes")}
    files = {each: found for each, found in model.items() if each in ("configs", "secrets")}
    return {"services": services, **kept, **files}


def _own(section):
    """Networks and volumes with names that nobody else has; none of them is external."""
    return {
        key: {each: value for each, value in (item or {}).items() if each not in ("name", "external")}
        for key, item in section.items()
    }


def _with_probe(service, is_awaited):
    gone = (
        "build",
        "container_name",
        "develop",
        "healthcheck",
        "image",
        "models",
        "platform",
        "pull_policy",
        "runtime",
    )
    kept = {key: value for key, value in service.items() if key not in (*gone, "post_start", "pre_start", "pre_stop")}
    ports = [{**port, "published": ""} for port in service.get("ports") or ()]
    check = {"healthcheck": {"test": ["CMD", "true"], "interval": "1s"}} if "healthcheck" in service else {}
    command = {"command": ["true"] if is_awaited else ["sleep", "3600"]}
    kept |= {"image": PROBE, "entrypoint": [], "init": True, **command, **({} if is_awaited else check)}
    return kept | ({"ports": ports} if ports else {})


@pytest.mark.skipif(not CORPUS.is_dir(), reason="RECONCILE_COMPOSE_CORPUS names no folder of Compose files")
@pytest.mark.parametrize("file", corpus() if CORPUS.is_dir() else [], ids=lambda file: str(file.relative_to(CORPUS)))
def test_other_peoples_projects_are_adopted(engine, project, adopt, tmp_path, file):
    copy = tmp_path / "theirs"
    shutil.copytree(file.parent, copy, symlinks=True)
    command = [compose_cli(), "-p", project.name, "-f", file.name, "config", "--format", "json"]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        pytest.skip("Compose can't load it alone")
    model = _with_probes(json.loads(done.stdout))
    started = copy / "started.json"
    started.write_text(json.dumps(model), encoding="utf-8")
    if said := compose_up(project, started):
        pytest.skip(f"Compose can't start it here: {said[-200:]}")
    before = starts(engine, project)

    ran = adopt("adopt", project.name)

    assert (ran.code, adopt("diff").code) == (0, 0), ran.err
    assert starts(engine, project) == before
