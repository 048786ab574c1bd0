"""`reconcile exec` with a real engine: input, outputs, terminal and exit code of the command."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import pexpect
import pytest

from tests.kit.cli import command, environment, reconcile
from tests.kit.docker.engine import a_project


@pytest.fixture(scope="module")
def project(engine, tmp_path_factory):
    with a_project(tmp_path_factory.mktemp("exec"), engine) as project:
        project.service("web", deploy={"replicas": 2})
        project.service("gone")
        project.settle()
        project.hand("stop?t=0", service="gone")
        yield project


def executed(project, *arguments, data=b"", **env):
    """Outputs and exit code, in bytes."""
    return subprocess.run(
        command(["exec", *arguments]),
        cwd=project.directory,
        env=environment(**env),
        input=data,
        capture_output=True,
        timeout=60,
        check=False,
    )


def test_outputs_stay_apart_and_the_exit_code_is_that_of_the_command(project):
    ran = executed(project, "web", "sh", "-c", "echo out; echo err >&2; exit 42")

    assert (ran.returncode, ran.stdout, ran.stderr) == (42, b"out\n", b"err\n")


def test_input_is_passed_on_byte_for_byte_and_ends(project):
    data = bytes(range(256)) * 4096

    ran = executed(project, "-T", "web", "cat", data=data)

    assert (ran.returncode, ran.stdout == data) == (0, True), ran.stderr


def test_options_reach_the_command_and_those_behind_the_service_are_its_own(project):
    script = 'echo "$A $B $(id -u) $PWD $1"'

    ran = executed(
        project, "-e", "A=1", "-e", "B", "-u", "1000", "-w", "/tmp", "web", "sh", "-c", script, "-", "-T", B="two"
    )

    assert (ran.returncode, ran.stdout) == (0, b"1 two 1000 /tmp -T\n"), ran.stderr


def test_a_container_is_chosen_by_its_number(project):
    names = [executed(project, *index, "web", "hostname").stdout.decode().strip() for index in ((), ("--index", "2"))]

    ids = [project.engine.get(f"/containers/{project.name}-web-{number}/json")["Id"][:12] for number in (1, 2)]
    assert names == ids


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--index", "9", "web", "true"], 1, "service web has no container 9\n     = note: it has 2"),
        (["gone", "true"], 1, "is not running"),
        (["wbe", "true"], 64, "did you mean `web`?"),
    ],
)
def test_there_must_be_a_running_container(project, arguments, code, said):
    ran = reconcile("exec", *arguments, cwd=project.directory)

    assert (ran.code, said in ran.err) == (code, True), ran.err


def test_a_program_that_is_not_there_is_said_by_the_engine(project):
    assert executed(project, "web", "no-such-program").returncode in (126, 127)


def test_what_is_detached_goes_on_alone(project):
    ran = executed(project, "-d", "web", "sh", "-c", "sleep 0.3; touch /tmp/detached")

    assert (ran.returncode, ran.stdout) == (0, b"")
    assert executed(project, "web", "sh", "-c", "until [ -e /tmp/detached ]; do sleep 0.1; done").returncode == 0


def test_a_command_that_closes_its_outputs_is_waited_for(project):
    assert executed(project, "web", "sh", "-c", "exec >&- 2>&-; sleep 0.5; exit 3").returncode == 3


def test_ctrl_c_hangs_up_and_says_that_the_command_may_go_on(project):
    program = subprocess.Popen(
        command(["exec", "-T", "web", "sh", "-c", "echo begun; sleep 20"]),
        cwd=project.directory,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509  # there are no threads here
    )
    with program:
        assert program.stdout.readline() == b"begun\n"
        began = time.monotonic()
        program.send_signal(signal.SIGINT)
        _, said = program.communicate(timeout=10)

    assert (program.returncode, b"may still run in the container" in said) == (130, True)
    assert time.monotonic() - began < 3


def test_a_terminal_is_handed_on_with_its_size_and_ctrl_c_is_for_the_command(project):
    program, *arguments = command(["exec", "web", "sh"])
    terminal = pexpect.spawn(
        program,
        arguments,
        cwd=str(project.directory),
        env=environment(COLUMNS=""),
        encoding="utf-8",
        timeout=60,
        dimensions=(33, 77),
    )
    terminal.expect("# ")
    terminal.sendline("stty size; tty -s && echo is-$((1 + 1))")
    terminal.expect("33 77")
    terminal.expect("is-2")
    terminal.setwinsize(44, 99)
    terminal.sendline("for i in 1 2 3 4 5 6 7 8 9; do stty size | grep '44 99' && break; sleep 0.2; done")
    terminal.expect("44 99\r\n")
    # The trap is set before the text appears: between two commands of the shell the signal would reach neither of them.
    terminal.sendline("""sh -c 'trap "exit 3" INT; echo asleep-$((1 + 1)); while :; do sleep 0.1; done'""")
    terminal.expect("asleep-2")
    terminal.sendintr()
    terminal.sendline("exit 7")

    terminal.expect(pexpect.EOF)
    terminal.wait()
    assert terminal.exitstatus == 7
    assert os.waitstatus_to_exitcode(terminal.status) == 7
