"""A failing command says each thing once: no line of its output stands there twice, on whichever stream."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from tests.kit.cli import called
from tests.kit.docker.memory import PROJECT, Refusal, served

AWAY = "tcp://127.0.0.1:1"
NOBODY = "http://127.0.0.1:1"
STACK = "services: {web: {image: 'app:1'}}\n"
WRONG = "services: {web: {imagee: x}, db: {image: 'A B', depends_on: [nobody]}}\n"
TWO_NETWORKS = "services: {web: {image: 'app:1', networks: [a, b]}}\nnetworks: {a: {}, b: {}}\n"
REALM = f'x-reconcile: {{connection: {{url: "{NOBODY}", auth: {{username: a, password: b}}}}}}\nrealm: r\n'
PROJECTS = {
    "wrong": {"stack.yaml": WRONG, "users.yaml": "realm: r\nclients: [{clientid: x}]\n"},
    "away": {"stack.yaml": STACK},
    "both away": {"stack.yaml": STACK, "users.yaml": REALM},
    "nothing": {},
}
COMMANDS = [
    ("validate",),
    ("validate", "--format", "github"),
    ("diff", "--wait", "0"),
    ("diff", "--format", "sarif", "--wait", "0"),
    ("apply", "--yes", "--wait", "0"),
    ("status",),
    ("why", "docker.container/web", "--wait", "0"),
    ("logs",),
    ("exec", "web", "ls"),
    ("restart",),
    ("down",),
    ("build",),
    ("snapshot",),
    ("unlock",),
    ("pause", "nobody"),
    ("secrets", "rotate", "NOBODY"),
    ("access", "--live"),
    ("export", "--realm", "r"),
    ("diff", "--target", "docker.container/nobody", "--wait", "0"),
    ("apply", "missing.json"),
]
_HEAD = re.compile(r"^(?:error|warning)(?:\[\w+\])?: |^[✗!-] +")
_SHORT = 25


def facts(ran):
    """The lines that say something, without their marks and the frames around lines of files.

    A report in JSON has the message as well; it is for a program.
    """
    text = ran.err if ran.out.startswith("{") else f"{ran.out}\n{ran.err}"
    lines = [line.strip() for line in text.splitlines()]
    return [_HEAD.sub("", line) for line in lines if len(line) > _SHORT and not re.match(r"\d* *\|", line)]


def said_twice(ran):
    found = facts(ran)
    again = [line for line, count in Counter(found).items() if count > 1]
    return again + [one for one in found for other in found if one != other and one in other]


@pytest.mark.parametrize("project", PROJECTS)
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_failing_command_says_each_thing_once(project, command, tmp_path, monkeypatch, capsys):
    for name, text in PROJECTS[project].items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    env = {"DOCKER_HOST": AWAY, "RECONCILE_STATE_DIRECTORY": str(tmp_path / "state")}

    ran = called(monkeypatch, capsys, *command, cwd=tmp_path, env=env)

    assert said_twice(ran) == []


def test_so_does_one_whose_steps_fail(engine, tmp_path, monkeypatch, capsys):
    def refuse(_number, call):
        if "/networks/create" in call:
            raise Refusal(500, "the disk of this machine is full")

    engine.before = refuse
    (tmp_path / "stack.yaml").write_text(TWO_NETWORKS, encoding="utf-8")
    with served(engine) as url:
        env = {"DOCKER_HOST": url, "COMPOSE_PROJECT_NAME": PROJECT}
        ran = called(monkeypatch, capsys, "apply", "--yes", cwd=tmp_path, env=env)

    assert ran.code == 3
    assert said_twice(ran) == []
