"""Messages: severity and code, place, fact, the source line with a mark, and what to do; golden files."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.core.message.codes import CODES, code_of
from reconciler.core.message.errors import Conflict, GateFailed, Refusal, Unreachable
from reconciler.core.message.problem import SCHEMA, Problem, Severity
from reconciler.core.resource.resource import Origin
from reconciler.render.output.columns import cells
from reconciler.render.output.message import error_text, facts_and_advice, problem_text, refusal_text
from tests.kit.build import address

FILE = Path(__file__).parents[3] / "cases/messages/everything.txt"
UNKNOWN_KEY = Problem(
    "services.web: unknown key `imagee`; did you mean `image`?",
    Origin("stack.yaml", 3, 5),
    text="    imagee: nginx",
    code=SCHEMA,
)


def of_error(error):
    return error_text(error, code_of(error))


MESSAGES = {
    "a key": problem_text(UNKNOWN_KEY),
    "a value in quotes": problem_text(
        Problem(
            "`x y` is not a valid port; write one like 8080:80", Origin("s.yaml", 112, 9), text='ports: ["x y", 80]'
        )
    ),
    "a warning without a line": problem_text(
        Problem("the key `a` is already there; the last one counts", Origin("users.yaml"), Severity.WARNING)
    ),
    "tabs and wide characters": problem_text(
        Problem("is unknown", Origin("s.yaml", 1, 5), text="\t漢: bad"),
    ),
    "an error with advice": of_error(Unreachable("the engine does not answer; start it")),
    "an error without": of_error(Conflict("it is gone", address=address("memory.box/a"), doing="box.update")),
    "an error with words of a server": of_error(GateFailed("it exited; its last lines:\n    no database; bye")),
    "a refusal": refusal_text(Refusal(None, "a would be deleted", "allow it with `--yes`"), "RC0201"),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_is_written_so(golden, name):
    golden.parts(FILE, {name: MESSAGES[name] + "\n"})


@pytest.mark.parametrize("width", [20, 50, 80])
@pytest.mark.parametrize("column", [1, 60, 119])
def test_the_mark_stands_under_its_word_however_narrow_the_terminal_is(width, column):
    word = f"w{column}"
    line = " ".join(word if at == column - 1 else "x" for at in range(120))[:400]
    at = line.index(word)

    shown = problem_text(Problem("is wrong", Origin("s.yaml", 1, at + 1), text=line), width).split("\n")

    source, mark = shown[2], shown[3]
    start = mark.index("^")
    assert source[start : start + len(word)] == word
    assert mark.count("^") == len(word)
    assert cells(source) <= max(width, 27)


@pytest.mark.parametrize(
    ("message", "parts"),
    [
        ("a; b", ("a", "b")),
        ("a; b; c", ("a; b", "c")),
        ("`a; b` is wrong", ("`a; b` is wrong", "")),
        ("`a; b` is wrong; write `c; d`", ("`a; b` is wrong", "write `c; d`")),
        ("nothing", ("nothing", "")),
        ("a; b\nc; d", ("a; b\nc; d", "")),
    ],
)
def test_advice_is_the_last_part_and_what_is_in_backticks_is_whole(message, parts):
    assert facts_and_advice(message) == parts


def test_every_code_says_what_to_do_and_none_says_it_twice():
    assert len({code.remedy for code in CODES.values()}) == len(CODES)
