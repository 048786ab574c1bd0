"""The grammar of .env: the table holds for the Compose CLI too, which ``test_oracle`` asks about it."""

from __future__ import annotations

import pytest

from reconciler.config.variables.dotenv import parse_env, parse_raw
from reconciler.config.variables.template import Variables
from reconciler.config.yaml.textfile import TextFile

OUTSIDE = {"OUT": "outside", "BOTH": "outside", "EMPTY": ""}
FILES = {
    "A=1\nB=2\n": {"A": "1", "B": "2"},
    "# c\n\n  A=1   # c\nB=x#y\n": {"A": "1", "B": "x#y"},
    "A = 1 \nB: 2\nexport C=3\n": {"A": "1", "B": "2", "C": "3"},
    "A=\nB= \n": {"A": "", "B": ""},
    "A=# c\n": {"A": "# c"},
    "A=a b c\n": {"A": "a b c"},
    "A='a $B \\n # c'\n": {"A": "a $B \\n # c"},
    'A="a\\tb\\n\\"c\\""\n': {"A": 'a\tb\n"c"'},
    "A='it\\'s'\n": {"A": "it's"},
    'A="two\nlines"\nB=1\n': {"A": "two\nlines", "B": "1"},
    "A='two\nlines'  # c\nB=1\n": {"A": "two\nlines", "B": "1"},
    'A="x" # c\n': {"A": "x"},
    "A=1\nB=$A-${A}\n": {"A": "1", "B": "1-1"},
    'A=1\nB="$A \\$A $$A"\n': {"A": "1", "B": "1 $A $A"},
    "A=${OUT}/${NONE:-x}\n": {"A": "outside/x"},
    "BOTH=mine\nA=$BOTH\n": {"BOTH": "mine", "A": "outside"},
    "OUT\nNONE\nA=1\n": {"OUT": "outside", "A": "1"},
    'A="\\0101\\012\\0777"\n': {"A": "A\\12\\777"},
    "A=1\r\nB=2\r\n": {"A": "1", "B": "2"},
    "A=1\nA=2\n": {"A": "2"},
    "A.b-c[0]=1\n": {"A.b-c[0]": "1"},
    "é=ü\n": {"é": "ü"},
    "A=x=y:z\n": {"A": "x=y:z"},
    "A=1": {"A": "1"},
}


@pytest.mark.parametrize(("text", "values"), FILES.items())
def test_a_file_says(text, values):
    env = parse_env(TextFile(".env", text), Variables(OUTSIDE))

    assert env.values == values
    assert env.problems == ()


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("A=1\nB='x\n", (2, 3), "the quote that begins the value of `B` is never closed"),
        ("A B=1\n", (1, 1), "expected `NAME=value`, without a space in the name"),
        ("=1\n", (1, 1), "expected `NAME=value`"),
        ("A=1\n  A!=1\n", (2, 4), "`!` can't be part of a variable's name"),
        ("A=1\nB=x${OUT\n", (2, 4), "the `${` here is not closed"),
        ("A=${NONE:?why}\n", (1, 3), "required variable `NONE` is not set: why"),
    ],
)
def test_what_is_wrong_is_said_with_its_place_and_without_values(text, place, message):
    env = parse_env(TextFile(".env", text, private=True), Variables(OUTSIDE))

    (problem,) = env.problems
    assert (problem.origin.line, problem.origin.column) == place
    assert problem.message.startswith(message)
    assert problem.text.split("=")[-1].strip(" *") == ""


def test_later_lines_are_read_after_a_wrong_one():
    env = parse_env(TextFile(".env", "A!=1\nB=2\nC C=3\nD=4\n"), Variables())

    assert env.values == {"B": "2", "D": "4"}
    assert len(env.problems) == 2


def test_a_value_with_a_secret_in_it_is_tainted():
    env = parse_env(TextFile(".env", "DB_PASSWORD=x\nURL=postgres://u:${DB_PASSWORD}@db\nHOST=db\n"), Variables())

    assert env.tainted == {"URL"}


def test_in_a_raw_file_everything_stands_as_it_is():
    env = parse_raw(TextFile("x.env", "# c\nA='q' # c\nB=$A\n\nOUT\nNONE\nC=\n"), Variables(OUTSIDE))

    assert env.values == {"A": "'q' # c", "B": "$A", "OUT": "outside", "C": ""}


def test_a_raw_file_needs_names():
    env = parse_raw(TextFile("x.env", "=x\nA B=1\n"), Variables())

    assert [problem.origin.line for problem in env.problems] == [1, 2]


def test_a_dollar_in_a_password_is_reported_without_a_part_of_it():
    file = TextFile(".env", "DBPASS=a$bcd\nQUOTED='a$bcd'\n", private=True)

    env = parse_env(file, Variables({}))

    (problem,) = env.problems
    assert problem.origin.line == 1
    assert "in single quotes a `$` stands for itself" in problem.message
    assert "bcd" not in problem.message
    assert env.values["QUOTED"] == "a$bcd"
