"""Every way of mistyping every command: each mistake has the code, the fact and the advice, and no words of click."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

import click
import pytest

from reconciler.cli.main import COMMANDS, cli
from reconciler.cli.values import EXISTING_FILE, EXISTING_FOLDER, FILE, OneOf, Seconds, Whole, alternatives
from scripts.reference import commands
from tests.kit.cli import called

OF_CLICK = re.compile(
    r"Invalid value|No such (option|command)|Missing (argument|option|parameter)|Got unexpected|requires an argument"
    r"|does not take a value|in the range|is not one of|integer|float|does not exist|Did you mean"
)
OURS = (
    OneOf,
    Seconds,
    Whole,
    type(FILE),
    click.types.StringParamType,
    click.types.BoolParamType,
    click.types.UnprocessedParamType,
)


def mistakes(context: click.Context) -> Iterator[list[str]]:
    """Command lines that are wrong, each by one mistake in one command."""
    path = context.command_path.split()[1:]
    given = ["diff"] if context.command is cli else []
    needed = [each for each in context.command.params if isinstance(each, click.Argument) and each.required]
    yield [*path, "--nope", *given]
    if path[-1:] != ["exec"]:
        yield [*path, "--formt", *given]
    if needed:
        yield path
    if not isinstance(context.command, click.Group) and all(each.nargs == 1 for each in context.command.params):
        yield [*path, *["x/y"] * 5]
    for option in context.command.params:
        if not isinstance(option, click.Option):
            continue
        name = option.opts[-1]
        if option.is_flag:
            yield [*path, f"{name}=1", *given]
        else:
            yield [*path, *given, name] if not given else [name]
        if isinstance(option.type, OneOf | Whole | Seconds) or option.type in (EXISTING_FILE, EXISTING_FOLDER):
            yield [*path, name, "!nonsense", *given]
        if isinstance(option.type, Whole):
            yield [*path, name, "-7", *given]
    if isinstance(context.command, click.Group):
        yield [*path, "nonsense"]


CONTEXTS = {context.command_path: context for context in commands()}


@pytest.fixture
def reconcile(monkeypatch, capsys, tmp_path):
    (tmp_path / "stack.yaml").write_text("services: {web: {image: nginx}}\n", encoding="utf-8")
    return partial(called, monkeypatch, capsys, cwd=tmp_path)


def test_all_commands_are_tried():
    assert {path.split()[1] for path in CONTEXTS if " " in path} == set(COMMANDS)


@pytest.mark.parametrize("path", CONTEXTS)
def test_a_mistake_has_a_code_a_fact_and_advice_in_our_words(reconcile, path):
    tried = list(mistakes(CONTEXTS[path]))

    assert tried
    for arguments in tried:
        ran = reconcile(*arguments)

        assert ran.code == 64, (arguments, ran.err)
        assert ran.out == ""
        first, advice, *_ = ran.err.splitlines()
        assert first.startswith("error[RC0100]: "), (arguments, ran.err)
        assert advice.startswith(("     = help: ", "     = note: ")), (arguments, ran.err)
        assert not OF_CLICK.search(ran.err), (arguments, ran.err)


@pytest.mark.parametrize("path", CONTEXTS)
def test_every_option_has_a_type_of_ours(path):
    for parameter in CONTEXTS[path].command.params:
        assert isinstance(parameter.type, OURS), (path, parameter.name)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["diff", "--nope"], "`reconcile diff` has no option `--nope`\n     = help: did you mean `--no-pager`?"),
        (["diff", "--log-format", "json"], "= help: write it before the command: `reconcile --log-format … diff`"),
        (["--format", "json", "diff"], "= help: did you mean `--log-format`?"),
        (["--target", "web", "diff"], "= help: write an option of a command behind it"),
        (["diff", "--format", "jsn"], "--format: `jsn` is not known\n     = help: did you mean `json`?"),
        (["config", "--format", "toml"], "--format: `toml` is not known\n     = help: write yaml or json"),
        (
            ["why"],
            "`reconcile why` needs ADDRESS or SERVICE\n     = help: write it like `reconcile why docker.container/web`",
        ),
        (["completion"], "`reconcile completion` needs bash or zsh or fish\n     = help: write it like"),
        (
            ["apply", "--max-delete", "many"],
            "--max-delete: `many` is not a whole number\n     = help: write one such as 5",
        ),
        (["apply", "--max-delete", "-4"], "--max-delete: `-4` is too small\n     = note: the least is 0"),
        (["daemon", "--interval", "0"], "--interval: `0` is too short\n     = note: the least is 0.5 s"),
        (["logs", "--tail"], "`--tail` needs a value\n     = help: write it behind, as in `--tail VALUE`"),
        (["diff", "--quiet=1"], "`--quiet` takes no value\n     = help: write it alone"),
        (["diff", "a", "b"], "`reconcile diff` does not take the argument `a`"),
        (["secrets", "lst"], "`reconcile secrets` has no command `lst`\n     = help: did you mean `list`?"),
        (["frobnicate"], "`reconcile` has no command `frobnicate`\n     = help: `reconcile --help` lists the commands"),
        (["daemon", "--token-file", "/nope"], "--token-file: there is no file `/nope`\n     = help: check its name"),
        (["daemon", "--token-file", "/"], "--token-file: `/` is a folder\n     = help: name a file"),
        (["explain", "zzzzzz"], "`zzzzzz` is neither the code of an error nor a field"),
    ],
)
def test_a_message_is_as_it_should_be(reconcile, arguments, says):
    assert says in reconcile(*arguments).err


def test_a_wrong_variable_is_named_instead_of_its_option(reconcile):
    ran = reconcile("diff", env={"RECONCILE_DIFF_FORMAT": "toml"})

    assert ran.code == 64
    assert "error[RC0100]: RECONCILE_DIFF_FORMAT: `toml` is not known" in ran.err


@pytest.mark.parametrize(("words", "text"), [(["a"], "a"), (["a", "b"], "a or b"), (["a", "b", "c"], "a, b or c")])
def test_alternatives_in_words(words, text):
    assert alternatives(words) == text
