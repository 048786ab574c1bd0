"""Special files are refused at once wherever a file is named, as are files that are made to take long."""

from __future__ import annotations

import os
import socket

import pytest

from reconciler.config.yaml.textfile import UnusableFile, read_bytes
from reconciler.core.message.errors import ConfigError, Unwritable
from reconciler.secrets import write_secrets
from tests.kit.cli import called

WEB = "services: {web: {image: nginx}}\n"
OF_ENV = "services: {web: {image: nginx, env_file: it}}\n"
OF_LABELS = "services: {web: {image: nginx, label_file: it}}\n"
OF_EXTENDS = "services: {web: {extends: {file: it, service: web}}}\n"
OF_INCLUDE = f"include: [it]\n{WEB}"
OF_SECRET = "services: {web: {image: nginx, secrets: [s]}}\nsecrets: {s: {file: it}}\n"
OF_CONFIG = "services: {web: {image: nginx, configs: [c]}}\nconfigs: {c: {file: it}}\n"
OF_CSV = "realm: r\nusers: {from: it.csv}\n"


@pytest.fixture
def named(tmp_path, monkeypatch):
    """Put a special file under a name."""
    sockets = []

    def make(kind, name):
        path = tmp_path / name
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "device":
            path.symlink_to("/dev/zero")
        elif kind == "directory":
            path.mkdir()
        else:
            sockets.append(socket.socket(socket.AF_UNIX))
            monkeypatch.chdir(tmp_path)  # the whole path may be too long for a socket
            sockets[-1].bind(name)
        return path

    yield make
    for each in sockets:
        each.close()


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    def run(*arguments):
        return called(monkeypatch, capsys, *arguments, cwd=tmp_path, env={"DOCKER_HOST": "tcp://127.0.0.1:9"})

    return run


ROLES = {
    "a stack file": ({}, "it", ["-f", "it", "validate"]),
    "a users file": ({}, "it", ["-u", "it", "validate"]),
    "an env file of the command line": ({"stack.yaml": WEB}, "it", ["--env-file", "it", "validate"]),
    "an env file of a service": ({"stack.yaml": OF_ENV}, "it", ["validate"]),
    "a label file": ({"stack.yaml": OF_LABELS}, "it", ["validate"]),
    "a file that is extended": ({"stack.yaml": OF_EXTENDS}, "it", ["validate"]),
    "a file that is included": ({"stack.yaml": OF_INCLUDE}, "it", ["validate"]),
    "a table of users": ({"users.yaml": OF_CSV}, "it.csv", ["validate"]),
}
OF_FOLDERS = {
    "a secret": ({"stack.yaml": OF_SECRET}, "it", ["validate"]),
    "a config": ({"stack.yaml": OF_CONFIG}, "it", ["validate"]),
}


@pytest.mark.parametrize("kind", ["pipe", "device", "socket", "directory"])
@pytest.mark.parametrize("role", ROLES.values(), ids=ROLES)
def test_what_is_no_file_is_refused_by_its_sort(run, named, tmp_path, kind, role):
    files, name, arguments = role
    for each, text in files.items():
        (tmp_path / each).write_text(text, encoding="utf-8")
    named(kind, name)

    ran = run(*arguments)

    assert (ran.code, f"is a {kind}\n" in ran.err, "= help: expected a file" in ran.err) == (65, True, True)


@pytest.mark.parametrize("kind", ["pipe", "device", "socket"])
@pytest.mark.parametrize("role", OF_FOLDERS.values(), ids=OF_FOLDERS)
def test_what_is_mounted_is_a_file_or_a_folder(run, named, tmp_path, kind, role):
    files, name, arguments = role
    for each, text in files.items():
        (tmp_path / each).write_text(text, encoding="utf-8")
    named(kind, name)

    ran = run(*arguments)

    assert (ran.code, f"is a {kind}\n" in ran.err, "= help: expected a file or a folder" in ran.err) == (65, True, True)


@pytest.mark.parametrize("kind", ["pipe", "device", "socket"])
def test_an_env_file_of_the_project_that_is_none_is_neither_read_nor_written(run, named, tmp_path, kind):
    (tmp_path / "stack.yaml").write_text(WEB, encoding="utf-8")
    path = named(kind, ".env")

    ran = run("validate")
    with pytest.raises(Unwritable, match="no regular file"):
        write_secrets(path, {"A": "b"})

    assert (ran.code, f"is a {kind}\n" in ran.err, "= help: expected a file" in ran.err) == (65, True, True)


def test_the_null_device_is_an_empty_file(run, tmp_path):
    (tmp_path / "stack.yaml").write_text(WEB, encoding="utf-8")

    assert run("--env-file", os.devnull, "validate").code == 0


def test_a_file_that_grows_is_read_to_the_limit(tmp_path):
    (tmp_path / "f").write_bytes(b"x" * 11)

    with pytest.raises(UnusableFile, match="too large"):
        read_bytes(tmp_path / "f", 10)


IMAGE = "image: nginx"
BOMBS = {
    "services": ("services:\n" + "".join(f"  s{i}: {{{IMAGE}}}\n" for i in range(20_000)), "more than the 1000"),
    "containers": (f"services: {{web: {{{IMAGE}, scale: 5000}}}}", "more than the 1000"),
    "replicas": (f"services: {{web: {{{IMAGE}, deploy: {{replicas: 5000}}}}}}", "more than the 1000"),
    "millions of containers": (f"services: {{web: {{{IMAGE}, scale: 5000000}}}}", "must be at most 10000"),
    "millions of replicas": (f"services: {{web: {{{IMAGE}, deploy: {{replicas: 5000000}}}}}}", "must be at most 10000"),
    "extends": (
        "services:\n" + "".join(f"  s{i}: {{extends: s{i + 1}}}\n" for i in range(900)) + f"  s900: {{{IMAGE}}}\n",
        "more than 100 services extend each other",
    ),
    "variables": (f'services: {{web: {{{IMAGE}, command: "{"${A:-" * 200_000}"}}}}', "is not closed"),
    "closed variables": (
        f'services: {{web: {{{IMAGE}, command: "{"${A:-" * 200_000}{"}" * 200_000}"}}}}',
        "more than 50 deep",
    ),
}


@pytest.mark.parametrize(("text", "said"), BOMBS.values(), ids=BOMBS)
def test_what_is_made_to_take_long_is_refused(run, tmp_path, text, said):
    (tmp_path / "stack.yaml").write_text(text, encoding="utf-8")

    ran = run("validate")

    assert (ran.code, said in ran.err, "nothing was touched" in ran.err) == (65, True, True), ran.err[:500]


def test_a_large_env_file_is_refused(run, tmp_path):
    (tmp_path / "stack.yaml").write_text(OF_ENV, encoding="utf-8")
    (tmp_path / "it").write_text("".join(f"N{i}=x\n" for i in range(800_000)), encoding="utf-8")

    ran = run("validate")

    assert (ran.code, "is too large" in ran.err) == (65, True)


# ------------------------------------------------------------------ plans


PLANS = {
    "nested": ("[" * 200_000, "nested too deep"),
    "no JSON": ("{", "is not a valid plan"),
    "not UTF-8": (b"\xff\xfe\x00", "is not a valid plan"),
    "another document": ("{}", "plan"),
}


@pytest.mark.parametrize(("content", "said"), PLANS.values(), ids=PLANS)
def test_a_file_that_is_no_plan_is_refused(tmp_path, content, said):
    from reconciler.cli.apply import _read_plan

    (tmp_path / "p").write_bytes(content if isinstance(content, bytes) else content.encode())

    with pytest.raises(ConfigError, match=said):
        _read_plan(tmp_path / "p")


@pytest.mark.parametrize("kind", ["pipe", "device", "socket", "directory"])
def test_a_plan_that_is_no_file_is_refused_and_not_written_over(named, kind):
    import click

    from reconciler.cli.apply import _read_plan
    from reconciler.cli.diff import write_document
    from reconciler.render.plan.jsonplan import SCHEMA

    path = named(kind, "p")

    with pytest.raises(ConfigError, match=f"is a {kind}"):
        _read_plan(path)
    with pytest.raises(click.UsageError, match="not a plan"):
        write_document(path, {}, SCHEMA, "plan")


@pytest.mark.parametrize("before", [None, "", '{"schema": "reconcile.plan/v1"}'])
def test_a_plan_is_written_for_its_owner_alone_over_nothing_but_a_plan(tmp_path, before):
    from reconciler.cli.diff import write_document
    from reconciler.render.plan.jsonplan import SCHEMA

    path = tmp_path / "plan.json"
    if before is not None:
        path.write_text(before, encoding="utf-8")
        path.chmod(0o644)

    write_document(path, {"a": 1}, SCHEMA, "plan")

    assert (path.stat().st_mode & 0o777, path.read_text(encoding="utf-8")) == (0o600, '{\n  "a": 1\n}\n')
    assert [each.name for each in tmp_path.iterdir()] == ["plan.json"]


@pytest.mark.parametrize("text", [WEB, "{}", "[1]", '{"schema": "other"}', "not a plan"])
def test_what_is_no_plan_is_not_written_over(tmp_path, text):
    import click

    from reconciler.cli.diff import write_document
    from reconciler.render.plan.jsonplan import SCHEMA

    path, link = tmp_path / "stack.yaml", tmp_path / "link"
    path.write_text(text, encoding="utf-8")
    link.symlink_to(path)

    for each in (path, link):
        with pytest.raises(click.UsageError, match="not overwritten"):
            write_document(each, {}, SCHEMA, "plan")

    assert path.read_text(encoding="utf-8") == text
