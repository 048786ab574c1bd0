"""Each input file is opened and parsed once by a command, however many parts of the program ask for it."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import FrameType

import pytest

from reconciler.config.realm.csvfile import _table
from reconciler.config.realm.file import read_users
from reconciler.config.yaml.parse import parse
from reconciler.config.yaml.reading import reading
from reconciler.run.session.session import read
from reconciler.settings import Settings
from tests.kit.cli import called
from tests.kit.docker.memory import MemoryEngine, served

FILES = {
    ".env": "TAG=1\nTOKEN=t0k3n\n",
    "common.env": "A=1\n",
    "web.labels": "b=2\n",
    "base.yaml": "services: {base: {image: 'app:$TAG'}}\n",
    "more.yaml": "services: {more: {image: 'app:1', env_file: common.env}}\n",
    "profile.json": "{}\n",
    "stack.yaml": """
include: [more.yaml]
services:
  web:
    extends: {file: base.yaml, service: base}
    env_file: [common.env, .env]
    label_file: web.labels
    security_opt: ["seccomp=profile.json"]
  api: {extends: {file: base.yaml, service: base}, env_file: common.env, environment: {T: $TOKEN}}
x-reconcile: {secrets: [TOKEN]}
""",
    "people.csv": "username,email\nann,ann@example.org\n",
    "others.yaml": "- username: bob\n",
    "users.yaml": "{realm: lab, users: {from: people.csv}}\n---\n{realm: wiki, users: {from: others.yaml}}\n",
    "export.json": '{"realm": "other", "displayName": "$TOKEN"}\n',
}
STACK = ("-f", "stack.yaml")
USERS = ("-u", "users.yaml", "-u", "export.json")
OFFLINE = [("validate",), ("config",), ("secrets", "list"), ("access",), ("init",)]
WITH_ENGINE = [
    ("diff",),
    ("apply", "--yes"),
    ("status",),
    ("build",),
    ("unlock", "--yes"),
    ("secrets", "recover"),
    ("down",),
]


@dataclass
class Seen:
    """The files below ``folder`` that were opened, and those that were parsed, with the number of times."""

    folder: Path
    opened: Counter[str] = field(default_factory=Counter)
    parsed: Counter[str] = field(default_factory=Counter)

    def audit(self, event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and isinstance(arguments[0], str | Path):
            path = Path(arguments[0]).absolute()
            self.opened.update([path.name] if path.parent == self.folder else ())

    def profile(self, frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and frame.f_code in PARSERS:
            file = frame.f_locals.get("file") or frame.f_locals["path"]
            self.parsed[Path(getattr(file, "name", file)).name] += 1


PARSERS = {function.__code__ for function in (parse, read_users, _table)}
_watching: list[Seen] = []
sys.addaudithook(lambda event, arguments: [each.audit(event, arguments) for each in _watching] and None)


@contextmanager
def watched(folder: Path) -> Iterator[Seen]:
    seen = Seen(folder)
    _watching.append(seen)
    sys.setprofile(seen.profile)
    try:
        yield seen
    finally:
        sys.setprofile(None)
        _watching.clear()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def more_than_once(counts: Counter[str]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count > 1}


@pytest.mark.parametrize("command", OFFLINE, ids=" ".join)
def test_a_command_that_asks_nobody_reads_each_file_once(monkeypatch, capsys, folder, command):
    with watched(folder) as seen:
        ran = called(monkeypatch, capsys, *STACK, *USERS, *command, cwd=folder)

    assert ran.code == 0, ran.err
    written = {".env"} if command == ("init",) else set()  # its writer compares before it writes
    assert more_than_once(seen.opened).keys() == written
    assert not more_than_once(seen.parsed)
    unread = {"init": FILES.keys() - {"stack.yaml", "people.csv"}, "config": {"profile.json"}}.get(command[0], set())
    assert FILES.keys() - seen.opened.keys() <= unread


@pytest.mark.parametrize("command", WITH_ENGINE, ids=" ".join)
def test_a_command_that_asks_the_engine_reads_each_file_once(monkeypatch, capsys, folder, command):
    engine = MemoryEngine()
    engine.image("app:1")
    with served(engine) as url:
        run = partial(called, monkeypatch, capsys, cwd=folder, env={"DOCKER_HOST": url})
        with watched(folder) as seen:
            ran = run(*STACK, *command)

    assert ran.code in (0, 2), ran.err
    assert not more_than_once(seen.opened)
    assert not more_than_once(seen.parsed)
    assert seen.parsed["stack.yaml"] == 1


def test_a_secret_that_is_written_has_only_its_own_file_read_again(monkeypatch, capsys, folder):
    (folder / ".env").write_text("TAG=1\n", encoding="utf-8")
    engine = MemoryEngine()
    engine.image("app:1")
    with served(engine) as url, watched(folder) as seen:
        ran = called(monkeypatch, capsys, *STACK, "apply", "--yes", cwd=folder, env={"DOCKER_HOST": url})

    assert ran.code == 0, ran.err
    assert "TOKEN=" in (folder / ".env").read_text(encoding="utf-8")
    assert more_than_once(seen.opened).keys() <= {".env"}
    assert not more_than_once(seen.parsed)


def test_a_later_load_sees_what_was_edited_since(folder):
    settings = Settings(folder, (folder / "stack.yaml",))
    with reading():
        before, _ = read(settings)
        (folder / "common.env").write_text("A=2\n", encoding="utf-8")
        after, _ = read(settings)

    values = [each.document.stack["services"]["web"]["environment"]["A"] for each in (before, after)]
    assert values == ["1", "2"]
