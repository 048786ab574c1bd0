"""`reconcile down`: in the order of dependency, with true sentences, and nothing of the program's own is left."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from functools import partial

import pytest
import yaml

from tests.kit.cli import reconcile, started
from tests.kit.docker.compose import compose_cli
from tests.kit.docker.engine import PROBE

FAST = {"stop_signal": "SIGKILL"}
SLOW = {"command": ["sh", "-c", "trap '' TERM; while :; do sleep 1; done"], "init": False, "stop_grace_period": "3s"}
"""It takes its time to stop, so that without an order it would be the last one."""


@pytest.fixture
def run(project):
    return partial(reconcile, cwd=project.directory)


def deleted(ran):
    return re.findall(r"docker\.container/(\S+)\s+deleted", ran.err)


def marks(project):
    """The volumes that say who acts on the project."""
    found = project.engine.get("/volumes", filters={"label": [f"reconcile.lock={project.name}"]})["Volumes"] or ()
    return [item["Name"] for item in found]


def a_chain(project):
    project.service("db", **FAST)
    project.service("api", depends_on=["db"], **SLOW)
    project.service("web", network_mode="service:api", **FAST)


@pytest.mark.parametrize("is_declared", [True, False])
def test_what_depends_on_another_goes_first(project, run, is_declared):
    """Labels tell the order of a service that is no longer in the file."""
    a_chain(project)
    project.settle()
    if not is_declared:
        project.write(services={"other": {"image": PROBE, "profiles": ["never"]}})

    ran = run("down")

    assert (ran.code, deleted(ran)) == (0, ["web", "api", "db"])


def test_the_labels_of_compose_tell_the_order(project, run, tmp_path):
    services = {
        "db": {"image": PROBE, "command": ["sleep", "3600"], "init": True, **FAST},
        "api": {"image": PROBE, "depends_on": ["db"], **SLOW},
    }
    file = tmp_path / "compose" / "compose.yaml"
    file.parent.mkdir()
    file.write_text(yaml.safe_dump({"services": services}), encoding="utf-8")
    command = [compose_cli(), "-p", project.name, "-f", str(file), "up", "-d"]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    project.write(services={"other": {"image": PROBE, "profiles": ["never"]}})

    ran = run("down")

    assert (ran.code, deleted(ran)) == (0, ["api", "db"])


def test_only_what_is_left_is_reported(project, run):
    project.service("web", volumes=["data:/data", "more:/more"], **FAST)
    project.write(volumes={"data": {}, "more": {}})
    project.settle()

    first, again = run("down"), run("down")
    gone, nothing = (run("down", "--volumes", "--confirm", project.name) for _ in range(2))

    left = "volumes data, more are left: `down --volumes` removes them."
    assert f"{project.name}: down; {left}\n" in first.err
    assert f"{project.name}: nothing was there to remove; {left}\n" in again.err
    assert f"{project.name}: down.\n" in gone.err
    assert f"{project.name}: nothing was there to remove.\n" in nothing.err


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_of_a_daemon_is_left(project, run, how):
    project.service("web", **FAST)
    project.settle()
    daemon = started("daemon", "--listen", "off", cwd=project.directory)
    try:
        end = time.monotonic() + 60
        while not marks(project) and time.monotonic() < end:
            time.sleep(0.2)
        assert marks(project)
        (acts,) = [line for line in run("unlock").err.splitlines() if " acts on it" in line]
        assert "`reconcile daemon` on " in acts
        daemon.send_signal(how)
        daemon.communicate(timeout=60)
    finally:
        daemon.kill()
        daemon.communicate()
    if how is signal.SIGTERM:
        assert marks(project) == []
        return

    assert run("down").code == 0

    assert marks(project) == []


def test_a_daemon_that_was_killed_is_unlocked(project, run):
    project.service("web", **FAST)
    daemon = started("daemon", "--listen", "off", cwd=project.directory)
    end = time.monotonic() + 60
    while not any("-daemon-" in name for name in marks(project)) and time.monotonic() < end:
        time.sleep(0.2)
    daemon.kill()
    daemon.communicate()
    assert marks(project)

    ran = run("unlock")

    assert (ran.code, marks(project)) == (0, [])


def test_while_a_daemon_acts_nothing_goes_down_unless_that_is_asked_for(project, run):
    project.service("web", **FAST)
    project.settle()
    daemon = started("daemon", "--listen", "off", "--interval", "600", cwd=project.directory)
    try:
        end = time.monotonic() + 60
        while not any("-daemon-" in name for name in marks(project)) and time.monotonic() < end:
            time.sleep(0.2)

        before = project.identity()
        refused = run("down")
        after = project.identity()
        ran = run("down", "--despite-daemon")

        said = f"acts on project {project.name}, as far as is known, and would make it again"
        assert (refused.code, said in refused.err, after == before) == (4, True, True)
        assert ran.code == 0
        assert "deleted" in ran.err
    finally:
        daemon.terminate()
        daemon.communicate(timeout=60)
