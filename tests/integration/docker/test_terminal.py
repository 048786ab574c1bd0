"""Questions and output for a person at a terminal."""

from __future__ import annotations

from time import monotonic

import pexpect
import pytest

from tests.kit.cli import command, environment

SOON_S = 2.0
"""It takes less than one where nothing else runs on the machine."""

QUESTION = r"Apply these changes\? \[y/N\]: "


@pytest.fixture
def at_the_question(project):
    project.service("web")
    program, *arguments = command(["apply"])
    terminal = pexpect.spawn(
        program, arguments, cwd=str(project.directory), env=environment(), encoding="utf-8", timeout=30
    )
    terminal.expect(QUESTION)
    yield terminal
    terminal.close(force=True)


def ended(terminal):
    """The rest of the output, and the exit code."""
    rest = terminal.read()
    terminal.wait()
    return rest, terminal.exitstatus


def nothing_was_made(project):
    return project.engine.get(f"/containers/{project.container()}/json") is None


def test_the_plan_is_shown_in_colour_before_the_question(at_the_question):
    assert "\033[32m+ docker.container/web" in at_the_question.before


def test_yes_applies_it(at_the_question, project):
    at_the_question.sendline("y")

    rest, code = ended(at_the_question)

    assert (code, "No changes. 3 resources match stack.yaml." in rest) == (0, True)
    assert project.inspect()["State"]["Running"]


@pytest.mark.parametrize("answer", ["n", ""])
def test_anything_else_does_not(at_the_question, project, answer):
    at_the_question.sendline(answer)

    rest, code = ended(at_the_question)

    assert (code, "Nothing was done." in rest) == (4, True)
    assert nothing_was_made(project)


def test_an_interrupt_at_the_question_ends_it_at_once(at_the_question, project):
    """Python does not notice a signal that comes just before it begins to read; then a person presses again."""
    for _ in range(3):
        at_the_question.sendintr()
        if at_the_question.expect([pexpect.EOF, pexpect.TIMEOUT], timeout=10) == 0:
            break
    at_the_question.wait()

    rest = at_the_question.before
    assert (at_the_question.exitstatus, "interrupted" in rest) == (130, True)
    assert "once more" not in rest
    assert "Traceback" not in rest
    assert nothing_was_made(project)


def test_the_end_of_input_at_the_question_is_no_yes(at_the_question, project):
    at_the_question.sendeof()

    rest, code = ended(at_the_question)

    assert (code, "Traceback" in rest) == (130, False)
    assert nothing_was_made(project)


def test_a_second_interrupt_ends_a_build_at_once_and_what_is_said_is_so(project):
    """Neither the image nor the container is there, as the words say."""
    context = project.directory / "app"
    context.mkdir()
    dockerfile = f'FROM localhost/probe:1\nENV BY={project.name}\nRUN ["sleep", "30"]\n'  # in no cache
    (context / "Dockerfile").write_text(dockerfile, encoding="utf-8")
    project.write(services={"web": {"build": {"context": "app"}, "image": f"localhost/{project.name}:1"}})
    program, *arguments = command(["apply", "--yes"])
    terminal = pexpect.spawn(
        program, arguments, cwd=str(project.directory), env=environment(), encoding="utf-8", timeout=30
    )
    terminal.expect("building [2-9] s")

    terminal.sendintr()
    terminal.expect(r"once\s+more\s+to\s+stop\s+at\s+once")
    began = monotonic()
    terminal.sendintr()
    rest, code = ended(terminal)

    assert (code, monotonic() - began < SOON_S) == (130, True)
    said = " ".join(rest.split())  # lines are broken at the terminal's width
    assert "of building: its result is not known" in said
    assert "not started: create, start, wait" in said
    assert "1 resource done, 2 interrupted or not started" in said  # the network
    assert nothing_was_made(project)
    assert project.engine.get(f"/images/localhost/{project.name}:1/json") is None


def test_keys_that_were_typed_before_the_question_are_no_answer(project):
    project.service("web")
    program, *arguments = command(["apply"])
    terminal = pexpect.spawn(
        program, arguments, cwd=str(project.directory), env=environment(), encoding="utf-8", timeout=30
    )
    terminal.sendline("y")
    terminal.expect(QUESTION)
    terminal.sendline("n")

    rest, code = ended(terminal)

    assert (code, "Nothing was done." in rest) == (4, True)
    assert nothing_was_made(project)
