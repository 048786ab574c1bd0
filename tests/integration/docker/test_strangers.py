"""Other projects on the same engine are left as they are, whatever is done to this one."""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack, suppress
from functools import partial

import pytest

from reconciler.core.message.errors import Denied
from tests.kit.cli import reconcile
from tests.kit.docker.engine import PROBE, READY


@pytest.fixture
def run(project):
    return partial(reconcile, cwd=project.directory)


@pytest.fixture
def stranger(project):
    """Makes containers that are not the project's; they are removed before the project is."""
    made = []

    def stranger(name, *, runs=True, **host):
        called = f"{project.name}-stranger-{name}"
        exposed = {"ExposedPorts": {key: {} for key in host.get("PortBindings", ())}}
        body = {"Image": PROBE, "Cmd": ["sleep", "3600"], **exposed, "HostConfig": {"Init": True, **host}}
        project.engine.post("/containers/create", body, name=called)
        made.append(called)
        if runs:
            project.engine.post(f"/containers/{called}/start")
        return called

    yield stranger
    for called in made:
        with suppress(Denied):
            project.engine.delete(f"/containers/{called}", force=1)


@pytest.fixture
def free_port():
    """Finds a port that nobody has at the moment, another one at each call."""
    with ExitStack() as held:

        def free_port():
            taken = held.enter_context(socket.socket())
            taken.bind(("127.0.0.1", 0))
            found.append(taken.getsockname()[1])
            return found[-1]

        found = []
        ports = [free_port() for _ in range(2)]
    return ports.pop


def a_shared_network(project, **options):
    project.service("web", networks=["edge"], stop_signal="SIGKILL", **READY)
    project.write(networks={"edge": options})


def networks_of(project, called):
    return list(project.engine.get(f"/containers/{called}/json")["NetworkSettings"]["Networks"])


def test_a_network_with_strangers_in_it_is_left_when_the_project_goes_down(project, run, stranger):
    a_shared_network(project)
    project.settle()
    called = stranger("a", NetworkMode=f"{project.name}_edge")

    ran = run("down")

    assert ran.code == 0
    assert f"docker.network/edge is left, as it is in use by container {called}" in ran.err
    assert networks_of(project, called) == [f"{project.name}_edge"]
    assert project.engine.get(f"/networks/{project.name}_edge")
    assert project.inspect() is None


@pytest.mark.parametrize("runs", [True, False])
def test_a_network_with_strangers_in_it_is_made_anew_only_if_that_was_said(project, run, stranger, runs):
    a_shared_network(project)
    project.settle()
    called = stranger("a", runs=runs, NetworkMode=f"{project.name}_edge")
    identity, network = project.identity(), project.engine.get(f"/networks/{project.name}_edge")["Id"]
    a_shared_network(project, internal=True)

    shown, refused = run("diff"), run("apply", "--yes")

    assert (shown.code, refused.code) == (2, 4)
    for text in (shown.out, refused.err):
        assert f"in use by container {called}, which would be disconnected from it" in text
        assert "--allow-disrupt docker.network/edge" in text
    assert (project.identity(), project.engine.get(f"/networks/{project.name}_edge")["Id"]) == (identity, network)
    assert networks_of(project, called) == [f"{project.name}_edge"]
    assert run("apply", "--yes", "--allow-disrupt", "docker.network/edge").code == 0
    assert project.engine.get(f"/networks/{project.name}_edge")["Internal"]


@pytest.mark.sweep(every=2)
@pytest.mark.parametrize(
    ("key", "loss"),
    [
        ("NetworkMode", "lives in its network and would be cut off"),
        ("PidMode", "lives among its processes and would be ended"),
        ("IpcMode", "shares its memory and would lose it"),
    ],
)
def test_a_container_whose_namespaces_strangers_share_is_replaced_only_if_that_was_said(
    project, run, stranger, key, loss
):
    project.service("web", ipc="shareable", stop_signal="SIGKILL", **READY)
    project.settle()
    called = stranger("a", **{key: f"container:{project.container()}"})
    identity = project.identity()
    project.service("web", ipc="shareable", stop_signal="SIGKILL", environment={"A": "b"}, **READY)

    refused, down = run("apply", "--yes"), run("down")

    assert (refused.code, down.code) == (4, 4)
    for ran in (refused, down):
        assert f"in use by container {called}, which {loss}" in ran.err
    assert project.identity() == identity
    assert project.engine.get(f"/containers/{called}/json")["State"]["Running"]
    assert run("apply", "--yes", "--allow-disrupt", "docker.container/web").code == 0


def test_a_volume_that_strangers_hold_is_left_and_never_made_anew(project, run, stranger):
    project.service("web", volumes=["data:/data"], stop_signal="SIGKILL", **READY)
    project.write(volumes={"data": {}})
    project.settle()
    called = stranger("a", runs=False, Binds=[f"{project.name}_data:/x"])
    identity = project.identity()
    project.write(volumes={"data": {"driver_opts": {"type": "tmpfs", "device": "tmpfs"}}})

    refused = run("apply", "--yes", "--allow-delete", "docker.volume/data")
    assert refused.code == 4
    assert f"in use by container {called}, which holds it\n     = help: remove what uses it first" in refused.err
    assert project.identity() == identity

    down = run("down", "--volumes", "--confirm", project.name)
    assert down.code == 0
    assert f"docker.volume/data is left, as it is in use by container {called}" in down.err


def test_a_name_that_a_stranger_has_is_refused_before_anything_is_made(project, run):
    project.engine.post("/containers/create", {"Image": PROBE}, name=project.container())
    project.service("db", stop_signal="SIGKILL", **READY)
    project.service("web", stop_signal="SIGKILL", **READY)
    try:
        shown, ran = run("diff"), run("apply", "--yes")

        assert (shown.code, ran.code) == (2, 4)
        assert "--adopt docker.container/web" in shown.out
        assert "+ docker.container/db" in ran.out
        assert project.engine.get(f"/networks/{project.name}_default") is None
        assert project.inspect("db") is None
    finally:
        project.engine.delete(f"/containers/{project.container()}", force=1)


@pytest.mark.sweep(every=2)
@pytest.mark.parametrize(
    ("addresses", "is_taken"),
    [
        (("127.0.0.1", ""), True),
        (("", "127.0.0.1"), True),
        (("127.0.0.1", "127.0.0.1"), True),
        (("127.0.0.1", "127.0.0.2"), False),
    ],
)
def test_a_host_port_of_a_stranger_is_told_before_anything_is_stopped(
    project, stranger, free_port, addresses, is_taken
):
    run, port, other, (held, wanted) = partial(reconcile, cwd=project.directory), free_port(), free_port(), addresses
    called = stranger("a", PortBindings={"80/tcp": [{"HostIp": held, "HostPort": str(port)}]})
    project.service("web", ports=[f"127.0.0.1:{other}:80"], stop_signal="SIGKILL", **READY)
    project.settle()
    before = project.identity()
    project.service("web", ports=[f"{wanted}:{port}:80".removeprefix(":")], stop_signal="SIGKILL", **READY)

    shown, ran = run("diff"), run("apply", "--yes")

    said = f"host port {port}/tcp is in use by container {called}; stop it, or publish another port"
    assert (said in shown.out, said in ran.err) == (is_taken, is_taken)
    assert ("stack.yaml:" in next((line for line in shown.out.splitlines() if said in line), "")) is is_taken
    assert (ran.code, project.identity() == before) == ((4, True) if is_taken else (0, False))


@pytest.mark.parametrize("is_new", [True, False])
def test_a_host_port_of_a_program_is_told_before_anything_is_stopped(project, run, is_new):
    if not is_new:
        project.service("web", stop_signal="SIGKILL", **READY)
        project.settle()
    before = project.inspect() and project.identity()
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        port = held.getsockname()[1]
        project.service("web", ports=[f"{port}:80"], stop_signal="SIGKILL", **READY)

        shown, ran = run("diff"), run("apply", "--yes")

        said = f"host port {port}/tcp is in use by "
        assert f"(process {os.getpid()}); stop it, or publish another port" in shown.out
        assert (said in shown.out, said in ran.err, ran.code) == (True, True, 4)
        assert (project.inspect() and project.identity()) == before
    project.settle()


def test_a_port_goes_from_one_container_of_the_project_to_another(project, free_port):
    port = free_port()
    project.service("web", ports=[f"127.0.0.1:{port}:80"], stop_signal="SIGKILL", **READY)
    project.service("db", stop_signal="SIGKILL", **READY)
    project.settle()
    project.service("web", stop_signal="SIGKILL", **READY)
    project.service("db", ports=[f"127.0.0.1:{port}:80"], stop_signal="SIGKILL", **READY)

    project.settle()
