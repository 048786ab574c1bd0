"""Any two mistakes are reported by one run, each once, wherever they are: no stage ends before the others."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import combinations
from typing import NamedTuple

import pytest

from tests.kit.cli import called

SOUND = {
    "stack.yaml": "services:\n  a: {image: x}\n",
    "users.yaml": "realm: r\nusers: [{username: al}]\n",
    ".env": "SET=1\n",
}
FILES = ("-f", "stack.yaml", "-u", "users.yaml")


class Mistake(NamedTuple):
    """Files with another content, a text after stack.yaml, or options; and words of the message."""

    words: str
    files: Mapping[str, str] = {}
    adds: str = ""
    options: tuple[str, ...] = ()
    is_unread: bool = False
    """Whatever it names can't be read, and might have given a variable."""


SECRET = "x-reconcile: {{secrets: {{S: {}}}}}\n"
MISTAKES = {
    "stack is no YAML": Mistake("stack.yaml:3:1", {"stack.yaml": "services:\n  a: [\n"}, is_unread=True),
    "key of a service": Mistake("`imagee`", adds="  b: {imagee: x}\n"),
    "no second stack file": Mistake("more.yaml: no such file", options=("-f", "more.yaml"), is_unread=True),
    "users are no YAML": Mistake("users.yaml:2:1", {"users.yaml": "realm: [\n"}, is_unread=True),
    "key of a realm": Mistake("`usrs`", {"users.yaml": "realm: r\nusrs: []\n"}),
    "no table of users": Mistake(
        "p.csv: no such file", {"users.yaml": "realm: r\nusers: {from: p.csv}\n"}, is_unread=True
    ),
    "no second users file": Mistake("else.yaml: no such file", options=("-u", "else.yaml"), is_unread=True),
    "no env file": Mistake("no.env: no such file", options=("--env-file", "no.env"), is_unread=True),
    "line of the env file": Mistake(".env:2:", {".env": 'SET=1\nX="open\n'}, is_unread=True),
    "name of the project": Mistake("`Bad Name` is not a valid project name", options=("-p", "Bad Name")),
    "source of a secret": Mistake("nowhere.txt", adds=SECRET.format("{from: {file: nowhere.txt}}"), is_unread=True),
    "rotation of a secret": Mistake("`nosuch`", adds=SECRET.format("{rotate: {exec: [x], service: nosuch}}")),
    "variable": Mistake("`UNSET`", adds="volumes: {v: {name: '${UNSET?}'}}\n"),
}


def can_be_together(one, other):
    """Returns whether two mistakes are in different places; what can't be read has no second one."""
    adds = bool(one.adds) and bool(other.adds)
    # A stack of which a file is missing is no stack, so nothing is said of its other files.
    more = {"stack.yaml"}
    files = [each.files.keys() | (more if each.adds or "more.yaml" in each.options else set()) for each in (one, other)]
    options = {*one.options, *other.options} >= {"--env-file"} and ".env" in {*one.files, *other.files}
    return (not files[0] & files[1] or (adds and one.adds[:8] != other.adds[:8])) and not options


PAIRS = [
    pytest.param(one, other, id=f"{name} - {second}")
    for (name, one), (second, other) in combinations(MISTAKES.items(), 2)
    if can_be_together(one, other)
]


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_both_of_two_mistakes_are_reported_once(one, other, tmp_path, monkeypatch, capsys):
    written = {**SOUND, **one.files, **other.files}
    written["stack.yaml"] += "".join(sorted((one.adds, other.adds)))
    for name, text in written.items():
        (tmp_path / name).write_text(text, encoding="utf-8")

    ran = called(monkeypatch, capsys, *FILES, *one.options, *other.options, "diff", cwd=tmp_path)

    said = re.findall(r"^error\S*: .*", ran.err, re.MULTILINE)
    # A variable may be given by a file that can't be read.
    hidden = {MISTAKES["variable"].words} if one.is_unread or other.is_unread else set()
    wanted = {one.words, other.words} - hidden
    assert ran.code == 65
    assert sorted(next((words for words in wanted if words in line), line) for line in said) == sorted(wanted)
