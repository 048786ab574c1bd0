"""The lock on a real engine: runs that can't see each other's processes or clocks, and marks that are none."""

from __future__ import annotations

import shutil
import subprocess
import time

import pytest

from reconciler.run.lock.owner import Owner
from tests.kit.cli import command, environment, reconcile, started
from tests.kit.docker.engine import PROBE
from tests.kit.machine.proxy import recorded

UNSHARE = ("unshare", "--map-root-user", "--fork", "--kill-child", "--pid")
APART = {
    "PID namespaces": (*UNSHARE, "--mount-proc"),
    "PID namespaces, and /proc of the outer one": UNSHARE,
    "PID and time namespaces, with clocks far apart": (
        *(*UNSHARE, "--mount-proc", "--time", "--monotonic", "100000", "--boottime", "100000"),
    ),
}
SLOW = {"test": "test -f /tmp/ready || { sleep 6; touch /tmp/ready; }", "interval": "300ms", "timeout": "30s"}


@pytest.fixture
def run(project):
    def run(*arguments, **rest):
        return reconcile(*arguments, cwd=project.directory, **rest)

    return run


@pytest.fixture
def in_namespace(project):
    """Start the program in namespaces of its own."""
    begun = []

    def start(wrapper, *arguments):
        begun.append(
            subprocess.Popen(
                [*wrapper, *command(arguments)],
                cwd=project.directory,
                env=environment(),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
        return begun[-1]

    yield start
    for process in begun:
        process.kill()
        process.communicate()


def marks(project):
    found = project.engine.get("/volumes", filters={"label": [f"reconcile.lock={project.name}"]})
    return {item["Name"] for item in found["Volumes"] or ()}


def a_mark(project, name, **labels):
    mark = {f"reconcile.lock.{key}": value for key, value in labels.items()} | {"reconcile.lock": project.name}
    project.engine.post("/volumes/create", {"Name": name, "Labels": mark})


def wait_for_mark(project):
    end = time.monotonic() + 60
    while not marks(project) and time.monotonic() < end:
        time.sleep(0.05)
    assert marks(project)


@pytest.mark.skipif(not shutil.which("unshare"), reason="util-linux is not installed")
@pytest.mark.sweep(every=3)
@pytest.mark.parametrize("who", ["first", "second"])
@pytest.mark.parametrize("wrapper", APART.values(), ids=APART)
def test_a_run_that_we_can_not_see_keeps_its_lock(project, in_namespace, wrapper, who):
    project.service("web", healthcheck=SLOW)
    project.service("late", depends_on={"web": {"condition": "service_healthy"}})
    first = in_namespace(wrapper if who == "first" else (), "apply", "--yes")
    wait_for_mark(project)
    before = marks(project)

    second = in_namespace(wrapper if who == "second" else (), "apply", "--yes")
    said, _ = second.communicate(timeout=60)

    assert first.poll() is None, first.communicate()
    assert (second.returncode, "another run is at work" in said) == (6, True), said
    assert before <= marks(project)
    assert first.wait(timeout=120) == 0
    assert marks(project) == set()


def test_the_lock_of_a_run_that_was_killed_here_is_broken_at_once(project, run):
    project.service("web", healthcheck=SLOW)
    process = started("apply", "--yes", cwd=project.directory)
    wait_for_mark(project)
    process.kill()
    process.communicate()

    ran = run("apply", "--yes")

    assert ran.code == 0, ran.err
    assert marks(project) == set()


def test_the_lock_of_who_is_gone_is_broken_and_that_of_who_may_live_only_where_asked_for(project, run):
    project.service("web")
    gone = subprocess.Popen(["true"])
    gone.wait()
    dead, living = (f"reconcile-lock-{project.name}-{letter * 12}" for letter in "ab")
    mine = Owner.me("apply")
    labels = {"host": mine.host, "pid": str(gone.pid), "began": mine.began, "what": "apply", "domain": mine.domain}
    a_mark(project, dead, **labels)
    a_mark(project, living, **{**labels, "domain": "another boot"}, until="1970-01-01T00:00:00+00:00")

    refused = run("unlock")
    left = marks(project)
    broken = run("unlock", "--yes")
    again = run("unlock")

    assert refused.code == 3
    assert f"on {mine.host}, process {gone.pid}, which is gone, is broken" in refused.err
    assert "may still be at work" in refused.err
    assert "What was done before that stays." in refused.err
    assert "Nothing was done." not in refused.err
    assert left == {living}
    assert (broken.code, again.code) == (0, 0)
    assert "if it still runs, it notices that within 10 s" in broken.err
    assert "nobody holds the lock" in again.err


@pytest.mark.sweep(every=2)
@pytest.mark.parametrize(
    "labels",
    [
        {},
        {"host": "x", "pid": "abc", "began": "1", "what": "apply"},
        {"host": "\x1b[31mx", "pid": "7", "began": "1", "what": "a\n::error::x"},
        {"host": "x", "pid": "9" * 400, "began": "1", "what": "apply", "until": "tomorrow"},
    ],
)
def test_a_mark_that_can_not_be_read_is_reported_and_unlock_removes_it(project, run, labels):
    name = f"reconcile-lock-{project.name}-0123456789ab"
    project.service("web")
    a_mark(project, name, **labels)

    locked, unlocked, applied = run("apply", "--yes"), run("unlock"), run("apply", "--yes")

    assert (locked.code, unlocked.code, applied.code) == (6, 0, 0), unlocked.err
    assert name in locked.err
    assert "bug" not in locked.err + unlocked.err
    assert "\x1b" not in locked.err + unlocked.err
    assert "::error" not in locked.err + unlocked.err
    assert marks(project) == set()


@pytest.mark.parametrize("name", ["data", "lock"])
def test_a_volume_with_data_is_never_removed_as_a_lock(project, run, name):
    prefix = "" if name == "data" else "reconcile-lock-"
    volume = f"{prefix}{project.name}-{name}"
    project.service("web")
    a_mark(project, volume, until="1970-01-01T00:00:00+00:00")
    writes = [
        "docker",
        "run",
        "--rm",
        "-v",
        f"{volume}:/data",
        "--entrypoint",
        "sh",
        PROBE,
        "-c",
        "echo kept > /data/f",
    ]
    subprocess.run(writes, check=True, capture_output=True)

    ran = [run("apply", "--yes"), run("unlock"), run("unlock", "--yes")]

    assert marks(project) == {volume}
    assert [each.code for each in ran] == ([0, 0, 0] if name == "data" else [6, 4, 4]), [each.err for each in ran]
    assert all(volume in each.err for each in ran[1:])


def test_a_release_that_fails_changes_no_exit_code(project, run, tmp_path):
    project.service("web")
    with recorded(tmp_path) as (host, recorder):

        def cut(_number, text):
            if text.startswith("DELETE volumes/reconcile-lock"):
                raise ConnectionError

        recorder.before = cut
        ran = run("apply", "--yes", env={"DOCKER_HOST": host})
    left = marks(project)
    again = run("unlock")

    assert ran.code == 0, ran.err
    assert len(left) == 1
    assert "could not be given back" in ran.err
    assert next(iter(left)) in ran.err
    assert (again.code, marks(project)) == (0, set())
