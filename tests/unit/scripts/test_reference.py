"""The reference: what stands in the repository is current, and nothing that a user may rely on is left out."""

from __future__ import annotations

import pytest

from reconciler.cli.exit import MEANINGS, Exit
from reconciler.cli.main import COMMANDS
from reconciler.core.message.codes import CODES
from scripts.reference import ROOT, commands, committed, examples, options, pages

CONTEXTS = {context.command_path: context for context in commands()}


@pytest.mark.parametrize("path", committed())
def test_a_file_of_the_repository_is_as_the_program_writes_it(path):
    assert (ROOT / path).read_text(encoding="utf-8") == committed()[path], "run `make reference`"


def test_every_command_is_in_the_reference():
    top = {path.split()[1] for path in CONTEXTS if " " in path}

    assert top == set(COMMANDS)
    for path in CONTEXTS:
        assert f"# {path}\n" in pages()["reference/commands.md"]


@pytest.mark.parametrize("path", [path for path in CONTEXTS if path.count(" ") == 1])
def test_every_command_has_an_example_of_its_own(path):
    assert any(f"{path} " in f"{line} " for line in examples(CONTEXTS[path]))


@pytest.mark.parametrize("path", CONTEXTS)
def test_every_option_says_its_meaning(path):
    for option in options(CONTEXTS[path]):
        names, meaning = option.get_help_record(CONTEXTS[path])
        text = meaning.partition("  [")[0]  # behind it click writes the default
        assert text[0].isupper(), names
        assert text.endswith("."), names


def test_every_exit_code_has_a_meaning():
    assert list(MEANINGS) == list(Exit)
    assert {code for each in CODES.values() for code in each.exits} <= {int(code) for code in Exit}


def test_a_page_of_fields_has_every_described_field_with_its_cost():
    stack, users = pages()["reference/stack.md"], pages()["reference/users.md"]

    assert "## services.NAME\n" in stack
    assert "| `mem_limit` |" in stack
    assert "| docker.container: " in stack
    assert "| keycloak.client: " in users


def test_the_man_page_has_no_line_that_roff_would_read_as_an_unknown_request():
    known = {".TH", ".SH", ".SS", ".TP", ".PP", ".B", ".I", ".nf", ".fi", ".RS", ".RE"}
    lines = committed()["docs/man/reconcile.1"].splitlines()

    assert {line.split()[0] for line in lines if line.startswith((".", "'"))} <= known
