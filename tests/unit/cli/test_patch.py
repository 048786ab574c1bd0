"""``reconcile export --patch`` on an engine in memory: live changes come into the file, and nothing else changes."""

from __future__ import annotations

import json
import stat
from functools import partial

import pytest

from reconciler.config.yaml.parse import yaml_text
from tests.kit.cli import called
from tests.kit.docker.fields import ROWS
from tests.kit.docker.memory import MemoryEngine, a_stack, apply, served

NAMESPACES = ("container_name", "network_mode", "networks", "volumes")
"""Their rows have names of a project's networks and volumes, and need the real engine."""

ROWS_HERE = [row for row in ROWS if row.attribute not in NAMESPACES and row.starts]


@pytest.fixture
def engine():
    engine = MemoryEngine(api="1.51")
    engine.image("app:1")
    engine.image("app:2")
    return engine


@pytest.fixture
def reconcile(monkeypatch, capsys, tmp_path, engine):
    with served(engine) as url:
        yield partial(called, monkeypatch, capsys, cwd=tmp_path, env={"DOCKER_HOST": url})


def live(engine, folder, text):
    """The engine as this stack has it."""
    apply(a_stack(text, folder), engine)


def declared(folder, text):
    path = folder / "stack.yaml"
    path.write_bytes(text.encode())
    return path


def services(side):
    """A service for each row, as ``side`` gives its value; without the attribute for None."""
    return {
        f"s{number}": {
            "image": "app:1",
            **row.beside,
            **({row.attribute: value} if (value := side(row)) is not None else {}),
        }
        for number, row in enumerate(ROWS_HERE)
    }


SIDES = {"value": lambda row: row.value, "other": lambda row: row.other, "nothing": lambda _: None}


@pytest.mark.parametrize(("said", "there"), [("value", "other"), ("value", "nothing"), ("nothing", "value")])
def test_each_property_is_put_into_the_file(reconcile, engine, tmp_path, said, there):
    live(engine, tmp_path, json.dumps({"name": "p", "services": services(SIDES[there])}))
    declared(tmp_path, yaml_text({"name": "p", "services": services(SIDES[said])}))

    ran = reconcile("export", "--patch", "stack.yaml", "--write")

    assert ran.code == 0, (ran.err, (tmp_path / "stack.yaml").read_text())
    assert reconcile("diff").code == 0


FILE = """\
# The project.
name: p

x-common: &common   # shared
  restart: always
  environment: &env {MODE: "quiet", LEVEL: "${LEVEL}"}

services:
    web:   # the front
        image: "app:1"
        mem_limit: 64m   # as measured
        ports:
        # for people
        - "127.0.0.1:8080:80"   # http
        - 8443:443
        cap_add: [NET_ADMIN, sys_time]
        environment:
        - GREETING='hello'
        - API_TOKEN=${TOKEN}
        - WHO=me  # me
        labels:
            team: blue

    # two of a kind
    one: {<<: *common, image: "app:1", stop_grace_period: 5s}
    two:
        <<: *common
        image: 'app:1'
"""


def as_live(text, *changes):
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    return text.replace("${LEVEL}", "info").replace("${TOKEN}", "s3cret-token")


WEB = (
    ("64m", "96m"),
    ("        - 8443:443\n", "        - 9000:9000\n        - 9001:9001\n"),
    ("NET_ADMIN, sys_time", "SYS_TIME, SYS_PTRACE"),
    ("WHO=me", "WHO=you and $$me"),
    ("            team: blue\n", "            team: blue\n            size: '1'\n"),
)


def patch(reconcile, folder):
    (folder / ".env").write_text("LEVEL=info\nTOKEN=s3cret-token\n", encoding="utf-8")
    return reconcile("export", "--patch", "stack.yaml", "--write")


@pytest.mark.parametrize("eol", ["\n", "\r\n"])
def test_comments_order_quotes_and_line_ends_stay(reconcile, engine, tmp_path, eol):
    live(engine, tmp_path, as_live(FILE, *WEB))
    path = declared(tmp_path, FILE.replace("\n", eol))
    path.chmod(0o640)

    ran = patch(reconcile, tmp_path)

    wanted = FILE
    for before, after in (
        ("64m", "96m"),
        ("- 8443:443\n", '- "9000:9000"\n        - "9001:9001"\n'),
        ("[NET_ADMIN, sys_time]", "[SYS_PTRACE, sys_time]"),
        ("WHO=me  #", "WHO=you and $$me  #"),
        ("team: blue\n", 'team: blue\n            size: "1"\n'),
    ):
        wanted = wanted.replace(before, after)
    assert ran.code == 0, ran.err
    assert path.read_bytes().decode() == wanted.replace("\n", eol)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert reconcile("diff").code == 0


def test_a_shared_value_is_overridden_where_it_is_used_and_stays_for_others(reconcile, engine, tmp_path):
    changed = FILE.replace("stop_grace_period: 5s}", "stop_grace_period: 5s, restart: 'no'}")
    live(engine, tmp_path, as_live(changed))
    path = declared(tmp_path, FILE)

    ran = patch(reconcile, tmp_path)

    assert ran.code == 0, ran.err
    assert path.read_text() == FILE.replace("stop_grace_period: 5s}", 'stop_grace_period: 5s, restart: "no"}')
    assert reconcile("diff").code == 0


def test_values_of_variables_and_secrets_are_left_and_reported(reconcile, engine, tmp_path):
    text = FILE.replace('LEVEL: "${LEVEL}"}', "LEVEL: debug}").replace("${TOKEN}", "another-token")
    live(engine, tmp_path, as_live(text, ("64m", "96m")))
    path = declared(tmp_path, FILE)

    ran = patch(reconcile, tmp_path)

    assert ran.code == 3
    assert path.read_text() == FILE.replace("64m", "96m")
    assert "docker.container/web environment.API_TOKEN is a secret" in ran.err
    assert "docker.container/one environment comes from a variable" in ran.err
    assert "another-token" not in ran.out + ran.err


def test_the_file_is_printed_unless_it_is_to_be_written(reconcile, engine, tmp_path):
    text = "name: p\nservices:\n  web: {image: app:1, mem_limit: 64m}  # mine\n"
    live(engine, tmp_path, text.replace("64m", "96m"))
    path = declared(tmp_path, text)

    ran = reconcile("export", "--patch", "stack.yaml")

    assert (ran.code, ran.out) == (0, text.replace("64m", "96m"))
    assert path.read_text() == text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--patch", "other.yaml"), "no file of this project"),
        (("--patch", "stack.yaml", "web"), "goes with no project"),
        (("--write",), "goes with --patch"),
    ],
)
def test_a_wrong_use_is_explained(reconcile, tmp_path, arguments, words):
    declared(tmp_path, "name: p\nservices: {web: {image: app:1}}\n")

    ran = reconcile("export", *arguments)

    assert ran.code == 64
    assert words in ran.err
