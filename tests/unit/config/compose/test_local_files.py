"""Every local file that a stack needs to start: one that is missing or unusable is an error at its line."""

from __future__ import annotations

import os

import pytest

from reconciler.config import Sources, load
from reconciler.core.message.errors import ConfigError

SERVICE = "services:\n  a:\n    {}\n"
PROFILE = '{"defaultAction": "SCMP_ACT_ALLOW"}'
ROWS = {
    "an env file": (SERVICE.format("{image: x, env_file: ▶it}"), "A=b"),
    "an env file among several": (SERVICE.format("{image: x, env_file: [▶{path: it}]}"), "A=b"),
    "a label file": (SERVICE.format("{image: x, label_file: ▶it}"), "a=b"),
    "a seccomp profile": (SERVICE.format("{image: x, security_opt: [▶'seccomp:it']}"), PROFILE),
    "a secret": (SERVICE.format("{image: x, secrets: [s]}") + "secrets: {s: {file: ▶it}}", "s"),
    "a config": (SERVICE.format("{image: x, configs: [s]}") + "configs: {s: {file: ▶./it}}", "s"),
    "a secret of a build": (
        SERVICE.format("{build: {context: ok, secrets: [s]}}") + "secrets: {s: {file: ▶it}}",
        "s",
    ),
    "a build context": (SERVICE.format("{build: {context: ▶it, dockerfile_inline: FROM x}}"), None),
    "a build context in short form": (SERVICE.format("{build: ▶it}"), None),
    "a Dockerfile": (SERVICE.format("{build: {context: ok, dockerfile: ▶../it}}"), "FROM x"),
    "a further build context": (
        SERVICE.format("{build: {context: ok, additional_contexts: {more: ▶./it}}}"),
        None,
    ),
    "a key for a build": (SERVICE.format("{build: {context: ok, ssh: [▶own=it]}}"), "key"),
    "an env file of a hook": (SERVICE.format("{image: x, pre_start: [{command: a, env_file: ▶it}]}"), "A=b"),
    "a secret of a hook": (
        SERVICE.format("{image: x, pre_start: [{command: a, secrets: [s]}]}") + "secrets: {s: {file: ▶it}}",
        "s",
    ),
}
EACH = pytest.mark.parametrize(("text", "content"), ROWS.values(), ids=ROWS.keys())


def found(folder, text, **options):
    """The errors of a stack, as place and words; its files are in a folder, besides a context that is fine."""
    (folder / "ok").mkdir(exist_ok=True)
    (folder / "ok" / "Dockerfile").touch()
    file = folder / "stack.yaml"
    file.write_text(text.replace("▶", ""), encoding="utf-8")
    try:
        load(Sources(directory=folder, stack_files=(file,), **options))
    except ConfigError as error:
        return [(each.origin.line, each.origin.column, each.message) for each in error.problems]
    return []


def place(text):
    before = text.partition("▶")[0]
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def make(path, content):
    if content is None:
        path.mkdir()
        (path / "Dockerfile").touch()
    else:
        path.write_text(content, encoding="utf-8")


@EACH
def test_a_missing_file_is_an_error_at_its_line_where_something_starts(text, content, tmp_path):
    ((line, column, message),) = found(tmp_path, text)

    assert (line, column) == place(text)
    assert "no such " in message
    assert found(tmp_path, text, starts=False) == []
    make(tmp_path / "it", content)
    assert found(tmp_path, text) == []


@EACH
def test_a_pipe_is_no_file(text, content, tmp_path):  # noqa: ARG001
    os.mkfifo(tmp_path / "it")

    ((line, column, message),) = found(tmp_path, text)

    assert (line, column) == place(text)
    assert "is a pipe" in message


@EACH
def test_a_service_that_is_not_active_needs_no_file(text, content, tmp_path):  # noqa: ARG001
    idle = text.replace("{image: x", "{profiles: [other], image: x").replace(
        "{build: {", "{profiles: [other], build: {"
    )
    if idle == text:
        idle = text.replace("{build: ", "{profiles: [other], build: ")

    assert found(tmp_path, idle) == []


def test_a_context_without_a_dockerfile_and_a_file_with_a_similar_name(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "token.txt").touch()
    text = SERVICE.format("{build: empty, secrets: [s]}") + "secrets: {s: {file: tokens.txt}}"

    said = [message for _, _, message in found(tmp_path, text)]

    assert said == [
        "services.a.build.context needs `empty/Dockerfile`: no such file",
        "secrets.s.file needs `tokens.txt`: no such file or directory; did you mean `token.txt`?",
    ]


@pytest.mark.parametrize("context", ["https://github.com/a/b.git", "git@example.org:a/b.git", "service:b"])
def test_what_is_no_path_is_not_looked_for(context, tmp_path):
    more = SERVICE.format(f"{{build: {{context: ok, additional_contexts: {{more: '{context}'}}}}}}")

    assert found(tmp_path, more + "  b: {build: ok}\n") == []


def test_nothing_is_looked_for_outside_of_a_confined_directory(tmp_path):
    project = tmp_path / "project"
    project.mkdir()
    (tmp_path / "tokens.txt").touch()
    text = SERVICE.format("{image: x, secrets: [s]}")
    text += "secrets: {s: {file: ../token.txt}}\nx-reconcile: {policy: {paths: project}}\n"

    ((_, _, message),) = found(project, text)

    assert "outside of the project's directory" in message
    assert "tokens.txt" not in message


def test_the_path_of_a_file_that_has_a_secret_in_it_is_not_shown(tmp_path):
    text = SERVICE.format("{image: x, secrets: [s]}") + "secrets: {s: {file: './${A_PASSWORD}'}}"

    ((_, _, message),) = found(tmp_path, text, environment={"A_PASSWORD": "hunter2canary"})

    assert message == "secrets.s.file needs (secret): no such file or directory"
