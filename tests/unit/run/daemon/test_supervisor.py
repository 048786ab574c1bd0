"""The datagrams that systemd gets, at a socket as it has one."""

from __future__ import annotations

import math
import os
import socket

import pytest

from reconciler.run.daemon.supervisor import Supervisor


@pytest.fixture(params=["path", "abstract"])
def line(request, tmp_path):
    """The socket, and its name as the environment has it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        name = str(tmp_path / "s") if request.param == "path" else f"@reconcile-test-{os.getpid()}"
        made.bind(name.replace("@", "\0"))
        made.settimeout(5)
        yield made, name


def test_it_hears_that_the_daemon_is_ready_lives_and_ends(line):
    made, name = line
    supervisor = Supervisor({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())})

    supervisor.ready()
    supervisor.alive()
    supervisor.stopping()

    told = [made.recv(1000).decode() for _ in range(3)]
    assert [each.split("\n")[0] for each in told] == ["READY=1", "WATCHDOG=1", "STOPPING=1"]
    assert supervisor.beat_s == 10.0


@pytest.mark.parametrize("more", [{}, {"WATCHDOG_USEC": "soon"}, {"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}])
def test_without_a_watchdog_of_its_own_there_are_no_signs_of_life(line, more):
    made, name = line
    supervisor = Supervisor({"NOTIFY_SOCKET": name, **more})

    supervisor.alive()
    supervisor.stopping()

    assert made.recv(1000) == b"STOPPING=1"
    assert supervisor.beat_s == math.inf


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": "/nowhere/at/all"}])
def test_without_systemd_nothing_happens(environment):
    supervisor = Supervisor(environment)

    supervisor.ready()
    supervisor.alive()
    supervisor.stopping()
