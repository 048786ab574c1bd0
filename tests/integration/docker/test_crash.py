"""Killed with SIGKILL after any call to the engine, the next run finishes the work and leaves nothing behind.

With RECONCILE_TEST_CRASHES=all the program is killed after each of the calls that change something, else after one in
the midst of it.
"""

from __future__ import annotations

import os
import signal

import pytest

from reconciler.core.message.errors import Refused
from tests.kit.cli import started
from tests.kit.docker.engine import PROBE, READY
from tests.kit.machine.proxy import READS, recorded

EVERY = os.environ.get("RECONCILE_TEST_CRASHES") == "all"
KEEPS = "test -f /data/kept || echo first > /data/kept; cat /data/kept; exec sleep 3600"


def first_start(project):
    project.write(services={}, networks={"back": {}}, volumes={"data": {}})
    project.service("db", **READY, networks=["default", "back"])
    needs = {"db": {"condition": "service_healthy"}}
    networks = {"default": {}, "back": {"aliases": ["w"]}}
    web = {"command": ["sh", "-c", KEEPS], "volumes": ["data:/data", "/more"], "networks": networks}
    project.service("web", **READY, **web, depends_on=needs, restart="unless-stopped")


def changed(project, name="web", **attributes):
    project.service(name, **{**project.model["services"][name], **attributes})


def prepared(project):
    hooks = [{"command": ["true"]}, {"command": ["sleep", "0.1"]}]
    changed(project, pre_start=hooks)


def replaced(project):
    changed(project, environment={"V": "2"})


def handed_over(project):
    changed(project, "db", environment={"V": "2"})


def network_changed(project):
    project.write(networks={"back": {"internal": True}})


def changed_in_place(project):
    changed(project, container_name=f"{project.name}-other", mem_limit="64m", networks=["default"], restart="always")


def volume_made_anew(project):
    project.write(volumes={"data": {"driver_opts": {"type": "tmpfs", "device": "tmpfs"}}})


def taken_out(project):
    project.write(services={"web": {**project.model["services"]["web"], "depends_on": {}}})


SCENARIOS = {
    "first start": (None, first_start, ()),
    "replace": (first_start, replaced, ()),
    "prepared": (first_start, prepared, ()),
    "handover": (first_start, handed_over, ()),
    "network": (first_start, network_changed, ()),
    "in place": (first_start, changed_in_place, ()),
    "volume": (first_start, volume_made_anew, ("--allow-delete", "docker.volume/data")),
    "taken out": (first_start, taken_out, ()),
}


def killed_after(project, folder, number, options):
    """Apply, killed once so many calls that change something were carried out; the number of those there were."""
    with recorded(folder) as (host, recorder):
        process = started("apply", "--yes", *options, cwd=project.directory, env={"DOCKER_HOST": host})

        def kill(_number, text):
            if not text.startswith(READS) and len(recorder.writes) == number:
                process.send_signal(signal.SIGKILL)
                process.wait()

        recorder.after = kill
        _out, err = process.communicate(timeout=120)
        assert process.returncode in (0, -signal.SIGKILL), err
        return len(recorder.writes)


def names(project):
    found = project.engine.get("/containers/json", all=1, filters={"name": [project.name]})
    return {item["Names"][0].lstrip("/") for item in found}


def volumes(project):
    """The volumes with a name. The lock of a killed run may still be there: a run without changes takes none."""
    found = project.engine.get("/volumes", filters={"name": [project.name]}).get("Volumes") or ()
    return {item["Name"] for item in found if "reconcile.lock" not in (item["Labels"] or {})}


def unnamed(project, service="web"):
    name = project.model["services"][service].get("container_name") or project.container(service)
    mounts = project.engine.get(f"/containers/{name}/json")["Mounts"]
    return {mount["Name"] for mount in mounts if mount["Destination"] == "/more"}


@pytest.mark.sweep(every=4)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_killed_after_any_call_the_next_run_finishes_the_work(project, tmp_path, scenario):
    before, change, options = SCENARIOS[scenario]

    def begin():
        project.remove()
        if before:
            before(project)
            project.settle()
        kept = unnamed(project) if before else set()
        change(project)
        return kept

    begin()
    calls = killed_after(project, tmp_path, 0, options)
    there = names(project), volumes(project)
    points = range(1, calls + 1) if EVERY else [2 * calls // 3]

    problems = []
    for point in points:
        kept = begin()
        killed_after(project, tmp_path, point, options)
        killed_after(project, tmp_path, 0, options)
        found = {
            "left over": (names(project), volumes(project)) != there,
            "different": bool(project.differences()),
            "volume without a name": bool(before) and unnamed(project) != kept,
            "data": scenario != "volume" and b"first" not in b"".join(project.engine.logs(next(iter(web(project))))),
        }
        problems += [f"killed after call {point} of {calls}: {what}" for what, is_so in found.items() if is_so]

    assert problems == []


def web(project):
    return sorted(name for name in names(project) if not name.endswith("-db-1"))


def test_a_port_that_somebody_else_has_leaves_the_predecessor_serving(project, engine):
    project.service("web", **READY)
    project.settle()
    before = project.identity()[0]
    port = {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "18437"}]}
    host = {"PortBindings": port, "Init": True}
    body = {"Image": PROBE, "Cmd": ["sleep", "60"], "ExposedPorts": {"80/tcp": {}}, "HostConfig": host}
    other = engine.post("/containers/create", body)["Id"]
    try:
        engine.post(f"/containers/{other}/start")
        project.service("web", **READY, ports=["127.0.0.1:18437:80"])

        with pytest.raises(Refused, match="is in use by container"):
            project.apply()

        inspect = project.inspect()
        assert (inspect["Id"], inspect["State"]["Status"]) == (before, "running")
        assert names(project) == {project.container()}
    finally:
        engine.delete(f"/containers/{other}", force=1)
