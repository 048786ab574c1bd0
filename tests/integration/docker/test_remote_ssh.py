"""An engine behind ``ssh://``, by a real ssh server: all that works with a socket works through it, or says why not."""

from __future__ import annotations

import os
import re
import signal
import time
from contextlib import closing

import docker
import pexpect
import pytest

from tests.kit.cli import command, environment, reconcile, started
from tests.kit.docker.engine import PROBE, READY
from tests.kit.machine.sshd import served

LIMIT_S = 30.0
SHOWS = {"command": "sh -c 'cat /app.conf /run/secrets/key; exec sleep 3600'"}
HERE = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"


@pytest.fixture
def server(tmp_path_factory):
    """The engine is that of this machine, seen from an account that is logged in to."""
    with served(tmp_path_factory.mktemp("ssh") / "server", HERE) as server:
        yield server
        assert until(lambda: not server.clients), f"left behind: {server.clients}"


@pytest.fixture
def through(project, server, monkeypatch):
    """The project on an engine over there."""
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    return project


@pytest.fixture
def run(project, server):
    def run(*arguments, url="", **rest):
        return reconcile(*arguments, cwd=project.directory, env=server.environment(url), **rest)

    return run


def until(condition):
    end = time.monotonic() + LIMIT_S
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


def logged(project):
    return b"".join(project.engine.logs(project.container())).decode().splitlines()


def test_a_stack_is_made_compared_changed_in_place_and_taken_away(through, run):
    through.service("web", **READY, restart="unless-stopped")
    assert run("diff").code == 2
    assert run("apply").code == 0
    before = through.identity()
    assert run("diff").code == 0

    through.service("web", **READY, restart="always")

    assert run("apply").code == 0
    assert run("status").code == 0
    assert (through.identity(), through.inspect()["HostConfig"]["RestartPolicy"]["Name"]) == (before, "always")
    assert run("down").code == 0
    assert through.engine.get(f"/containers/{through.container()}/json") is None


def test_many_containers_are_made_side_by_side_over_a_few_connections(through):
    for number in range(6):
        through.service(f"s{number}", **READY)

    through.settle()


def test_a_name_of_the_ssh_settings_is_understood(project, run):
    project.service("web", **READY)

    assert run("apply", url="ssh://engine-over-there").code == 0


def test_files_of_this_machine_are_copied_there_and_followed(through):
    for name in ("app.conf", "key"):
        (through.directory / name).write_text(f"{name} 1\n", encoding="utf-8")
    through.write(configs={"app.conf": {"file": "./app.conf"}}, secrets={"key": {"file": "./key"}})
    through.service("web", **READY, **SHOWS, configs=["app.conf"], secrets=["key"])
    through.settle()
    before, mounts = logged(through), through.inspect()["Mounts"]

    (through.directory / "key").write_text("key 2\n", encoding="utf-8")
    fields = through.fields()
    through.settle()

    assert (before, mounts) == (["app.conf 1", "key 1"], [])
    assert set(fields) == {"files./run/secrets/key"}
    assert logged(through) == ["app.conf 1", "key 2"]


def test_of_a_bind_in_the_project_it_is_said_that_it_is_of_the_other_machine(project, run):
    project.service("web", **READY, volumes=["./conf:/conf"])
    (project.directory / "conf").mkdir()

    shown = run("diff")

    assert f"{project.directory}/conf is a path of the engine's machine" in shown.err
    assert "warning[RC0101]: stack.yaml:" in shown.err
    assert "engine's machine" not in reconcile("diff", cwd=project.directory).err


def test_a_context_of_this_machine_is_built_there(project, run):
    (project.directory / "Dockerfile").write_text(f"FROM {PROBE}\nCOPY text /text\n", encoding="utf-8")
    (project.directory / "text").write_text("from here\n" * 100_000, encoding="utf-8")
    image = f"localhost/{project.name}:1"
    project.service("web", **READY, image=image, build={"context": "."}, command=["sh", "-c", "wc -l /text; sleep 999"])

    made = run("apply")

    try:
        assert made.code == 0, made.err
        assert logged(project) == ["100000 /text"]
        assert run("diff").code == 0
    finally:
        project.remove()
        with closing(docker.from_env()) as engine:
            engine.api.remove_image(image, force=True)


def test_who_is_at_work_here_is_seen_from_there(project, run):
    project.service("web", **READY)
    with project.session() as session, session.locked("a test"):
        other = run("apply")

    assert other.code == 6
    assert project.engine.get(f"/containers/{project.container()}/json") is None


def test_logs_are_followed_until_an_interrupt_and_no_program_is_left(project, server, run):
    project.service("web", **READY, command=["sh", "-c", "while :; do echo tick; sleep 0.2; done"])
    assert run("apply").code == 0
    process = started("logs", "-f", "web", cwd=project.directory, env=server.environment())

    assert "tick" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=LIMIT_S)

    assert (process.returncode, "Traceback" in errors, "Exception" in errors) == (130, False, False)


def test_a_program_that_is_killed_leaves_none_behind(project, server, run):
    project.service("web", **READY, command=["sh", "-c", "while :; do echo tick; sleep 0.2; done"])
    assert run("apply").code == 0
    process = started("logs", "-f", "web", cwd=project.directory, env=server.environment())
    assert "tick" in process.stdout.readline()

    process.kill()

    process.communicate(timeout=LIMIT_S)
    assert until(lambda: not server.clients)


def test_an_interrupt_is_not_heard_by_the_program_but_ends_the_run_after_its_step(project, server):
    """Ctrl-C goes to all programs of the terminal; the line must outlast it, for the step to be finished."""
    project.service("web", healthcheck={"test": "sleep 2", "interval": "300ms"})
    program, *arguments = command(["apply", "--yes"])
    terminal = pexpect.spawn(
        program, arguments, cwd=str(project.directory), env=environment(**server.environment()), encoding="utf-8"
    )
    assert until(lambda: project.engine.get(f"/containers/{project.container()}/json"))

    terminal.sendintr()

    said = terminal.read()
    terminal.wait()
    assert terminal.exitstatus == 130, said
    assert "can't be reached" not in said


def test_the_daemon_hears_there_of_what_is_done_by_hand(project, server):
    project.service("web", **READY)
    process = started("daemon", "--interval", "3600", cwd=project.directory, env=server.environment())
    try:
        first = _lines_until(process, "pass done")
        project.engine.delete(f"/containers/{project.container()}", force=1)

        second = _lines_until(process, "pass done")
    finally:
        process.terminate()
        process.communicate(timeout=LIMIT_S)
    assert '"failed": 0' in first[-1]
    # Files are watched, too, and others use the engine: which hint comes first is chance, but some are the engine's.
    assert re.search(r'"why": \[[^\]]*"(container|network|volume|image) ', "".join(second))
    assert project.inspect()["State"]["Running"]


def _lines_until(process, words):
    lines = []
    for line in process.stderr:
        lines.append(line)
        if words in line:
            return lines
    raise AssertionError(lines)


# ------------------------------------------------------------------ when there is no way


def refused(run, *said, url=""):
    told = run("diff", url=url, timeout=LIMIT_S)
    assert told.code == 69, told
    assert all(words in told.err for words in said), told.err
    assert told.err.startswith("error[RC0401]: the Docker engine at ssh://")
    assert "Traceback" not in told.err


def test_a_host_whose_key_is_not_known_is_not_trusted(project, run, server):
    project.service("web")
    server.know()
    refused(run, "its host key is not known", "`ssh -p", "by hand, and compare the key")


def test_nor_is_one_whose_key_is_another_one_by_now(project, run, server):
    project.service("web")
    server.know("client")
    refused(run, "IDENTIFICATION HAS CHANGED", "find out why before you take the new one")


def test_who_is_not_let_in_is_told_so_and_not_asked_for_a_password(project, server):
    project.service("web")
    server.lock_out()
    program, *arguments = command(["diff"])
    env = environment(**server.environment())
    terminal = pexpect.spawn(program, arguments, cwd=str(project.directory), env=env, encoding="utf-8", timeout=LIMIT_S)

    said = terminal.read()
    terminal.wait()

    assert terminal.exitstatus == 69
    assert "Permission denied (publickey,password" in said
    assert "load a key with `ssh-add`" in said
    assert "assword:" not in said


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ssh://127.0.0.1:1", "Connection refused"),
        ("ssh://nowhere.invalid", "Could not resolve hostname nowhere.invalid"),
        ("ssh://{user}/nowhere.sock", "start the engine there"),
    ],
)
def test_what_is_not_there_is_named(project, run, server, url, said):
    project.service("web")
    refused(run, said, url=url.format(user=server.url.removeprefix("ssh://")))


def test_without_the_ssh_program_it_is_said_what_to_install(project, server):
    project.service("web")
    told = reconcile("diff", cwd=project.directory, env=server.environment(PATH="/nowhere"))

    assert (told.code, "`ssh` can't be run" in told.err, "openssh-client" in told.err) == (69, True, True)


def test_without_docker_on_the_other_side_too(project, tmp_path_factory):
    project.service("web")
    with served(tmp_path_factory.mktemp("ssh") / "server", HERE, path="/nowhere") as server:
        told = reconcile("diff", cwd=project.directory, env=server.environment())

    assert (told.code, "install the Docker CLI there" in told.err) == (69, True)


def test_a_server_that_dies_meanwhile_is_told_and_not_waited_for(project, tmp_path_factory, monkeypatch):
    """Also over a connection that was good before."""
    project.service("web", **READY)
    with served(tmp_path_factory.mktemp("ssh") / "server", HERE) as server:
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        with project.session() as session:
            session.reconciler().look()
            server.cut()
            with pytest.raises(Exception, match="can't be reached: .*(Connection refused|closed|ended)"):
                session.reconciler().look()
