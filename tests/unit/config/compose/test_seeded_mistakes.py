"""Mistakes that people make, one to a file: how many are told at their very place, and how many with what to do.

A case of ``tests/cases/config/seeded_mistakes.txt`` is a title, files as in ``files.txt``
named) with ``▶`` before what is wrong, and after ``=>`` the remedy that a person who knows would give: the nearest
right name, or what to write instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from reconciler.config import Sources, load
from reconciler.core.message.errors import ConfigError
from reconciler.core.message.problem import Problem
from tests.unit.config.compose.test_files import CASES, read_case

ENVIRONMENT = {"DB_PASSWORD": "hunter2", "HOME": "/home/somebody"}
MARK = "▶"


@dataclass(frozen=True)
class Mistake:
    """One mistake, where it is, and what to do about it."""

    title: str
    files: dict[str, str]
    named: tuple[str, ...]
    place: tuple[str, int, int]
    remedy: str

    def told(self, folder: Path) -> tuple[Problem, ...]:
        for name, text in self.files.items():
            (folder / name).write_text(text, encoding="utf-8")
        sources = Sources(folder, tuple(folder / name for name in self.named), environment=ENVIRONMENT)
        try:
            load(sources)
        except ConfigError as error:
            return error.problems
        return ()


def mistakes() -> Iterator[Mistake]:
    for text in (CASES / "seeded_mistakes.txt").read_text(encoding="utf-8").split("=== ")[1:]:
        written, _, remedy = text.rpartition("=> ")
        case = read_case(written)
        marked = [(name, text.partition(MARK)) for name, text in case.files.items() if MARK in text]
        (name, (before, _, _)), *others = marked
        assert not others, case.title
        place = (name, before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
        files = {name: text.replace(MARK, "", 1) for name, text in case.files.items()}
        yield Mistake(case.title, files, case.named, place, remedy.rstrip("\n"))


ALL = [pytest.param(case, id=case.title) for case in mistakes()]


def where(problem: Problem) -> tuple[str, int, int]:
    return problem.origin.file, problem.origin.line, problem.origin.column


@pytest.mark.parametrize("mistake", ALL)
def test_a_mistake_is_one_problem_at_its_place(mistake, tmp_path):
    assert [where(problem) for problem in mistake.told(tmp_path)] == [mistake.place]


def test_nearly_all_mistakes_are_told_with_their_remedy(tmp_path):
    found = {case.title: (case, case.told(tmp_path)) for case in mistakes()}

    placed = [title for title, (case, problems) in found.items() if [where(each) for each in problems] == [case.place]]
    remedied = [
        title for title in placed if found[title][0].remedy in " ".join(each.message for each in found[title][1])
    ]
    assert len(found) >= 100
    assert len(placed) == len(found)
    assert len(remedied) >= 0.9 * len(found), sorted(set(found) - set(remedied))
