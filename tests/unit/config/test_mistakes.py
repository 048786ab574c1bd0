"""Mistakes as people make them, and what they are told: line, column and words of all problems of a file.

A case of ``tests/cases/config`` is a title, a file, and a line for each problem. To add one is to write it there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.config import Sources, load
from reconciler.core.message.errors import ConfigError
from reconciler.core.message.problem import CHECK, OTHER, VARIABLE, Problem, Severity

CASES = Path(__file__).parents[2] / "cases" / "config"
ENVIRONMENT = {"DB_PASSWORD": "hunter2", "HOME": "/home/somebody"}


def cases(kind: str) -> Iterator[object]:
    for case in (CASES / f"{kind}_mistakes.txt").read_text(encoding="utf-8").split("=== ")[1:]:
        title, _, rest = case.partition("\n")
        lines = rest.rstrip("\n").split("\n")
        expected = [line.removeprefix("--- ") for line in lines if line.startswith("--- ")]
        text = "".join(f"{line}\n" for line in lines if not line.startswith("--- "))
        yield pytest.param(title, text if text.strip() else "", expected, id=title)


def problems_of(file: Path, **files: tuple[Path, ...]) -> tuple[Problem, ...]:
    sources = Sources(directory=file.parent, environment=ENVIRONMENT, project="test", **files)
    try:
        return load(sources).warnings
    except ConfigError as error:
        return error.problems


def told(file: Path, **files: tuple[Path, ...]) -> list[str]:
    """The lines of a case: place and words, and before those of a warning that it is one."""
    found = problems_of(file, **files)
    assert {problem.origin.file for problem in found} <= {file.name}
    return [
        f"{'warning ' if each.severity is Severity.WARNING else ''}{each.origin.line}:{each.origin.column}: "
        f"{each.message}"
        for each in found
    ]


@pytest.mark.parametrize(("title", "text", "expected"), list(cases("stack")))
def test_mistakes_in_a_stack_are_told_with_their_places(title, text, expected, tmp_path, golden):
    file = tmp_path / "stack.yaml"
    file.write_text(text, encoding="utf-8")

    golden.lines(CASES / "stack_mistakes.txt", title, told(file, stack_files=(file,)), expected)


@pytest.mark.parametrize(("title", "text", "expected"), list(cases("users")))
def test_mistakes_in_users_are_told_with_their_places(title, text, expected, tmp_path, golden):
    file = tmp_path / "users.yaml"
    file.write_text(text, encoding="utf-8")

    golden.lines(CASES / "users_mistakes.txt", title, told(file, users_files=(file,)), expected)


ABOUT_ONE_VALUE = re.compile(
    r"(can't be `|must (be|begin)|is no (?!such)|is not a valid|expected)(?!.*(beside|which is not|its `platform`))"
)
"""Words about a value that is wrong by itself, whatever else is declared."""

BETWEEN_TWO = (
    "must be a password with a value",
    "it must be in the realm already",
    "can't be temporary",
    "`read_only` forbids",
)


@pytest.mark.parametrize("kind", ["stack", "users"])
def test_the_code_of_every_mistake_describes_its_sort(kind, tmp_path):
    found = set[tuple[str, str]]()
    for number, (_, text, _) in enumerate(case.values for case in cases(kind)):
        file = tmp_path / str(number) / f"{kind}.yaml"
        file.parent.mkdir()
        file.write_text(text, encoding="utf-8")
        found |= {(each.code, each.message) for each in problems_of(file, **{f"{kind}_files": (file,)})}

    contradictions = {message for code, message in found if code == CHECK}
    of_variables = {message for code, message in found if code == VARIABLE}
    assert {message for code, message in found if code == OTHER} == set()
    assert {
        message
        for message in contradictions
        if ABOUT_ONE_VALUE.search(message) and not any(words in message for words in BETWEEN_TWO)
    } == set()
    assert {message for message in of_variables if "variable" not in message and "$" not in message} == set()


def test_problems_of_both_files_are_told_together(tmp_path):
    stack, users = tmp_path / "stack.yaml", tmp_path / "users.yaml"
    stack.write_text("services:\n  web: {image: nginx, prots: []}\n", encoding="utf-8")
    users.write_text("realm: r\nusres: []\n", encoding="utf-8")

    with pytest.raises(ConfigError) as caught:
        load(Sources(directory=tmp_path, stack_files=(stack,), users_files=(users,)))

    assert [str(problem) for problem in caught.value.problems] == [
        "stack.yaml:2:23: unknown key `prots` in services.web; did you mean `ports`?",
        "users.yaml:2:1: unknown key `usres`; did you mean `users`?",
    ]


def test_problems_come_with_their_line_of_the_file_but_not_with_secrets(tmp_path):
    stack = tmp_path / "stack.yaml"
    stack.write_text(
        "services:\n  web:\n    image: nginx\n    environment:\n      DB_PASSWORD: [hunter2]\n"
        "      API_TOKEN: {a: hunter2}\n      X: [1]\n",
        encoding="utf-8",
    )

    with pytest.raises(ConfigError) as caught:
        load(Sources(directory=tmp_path, stack_files=(stack,)))

    assert [problem.text for problem in caught.value.problems] == [
        "      DB_PASSWORD: ********",
        "      API_TOKEN: ********",
        "      X: [1]",
    ]
    assert "hunter2" not in str(caught.value)
