#!/usr/bin/env python3
"""Writes the reference that follows from the program: its commands, codes, formats and fields.

The site's builder makes the pages from it (scripts/docs_site.py). `make reference` writes those that stand in the
repository: the man page, which the wheel installs, docs/errors.md and docs/daemon-log.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

import click

from reconciler.cli.exit import MEANINGS
from reconciler.cli.main import cli
from reconciler.cli.options import display_options
from reconciler.config.schema.fields import described_fields
from reconciler.core.message.codes import CODES
from reconciler.providers.registry import all_kinds
from reconciler.render.answers.explanations import DescribedField, codes_markdown, costs_of
from reconciler.run.daemon.loglines import LOG_LINES, TROUBLES
from reconciler.web.metrics import METRICS

ROOT: Final = Path(__file__).resolve().parents[1]
SCHEMAS: Final = ROOT / "schemas"
_WIDTH: Final = 100
_HIDES: Final = frozenset({"--version", "--help"})
"""Options without a variable of the environment."""


def committed() -> Mapping[str, str]:
    """The files that stand in the repository, by their path in it."""
    return {
        "docs/errors.md": codes_markdown(CODES.values()),
        "docs/daemon-log.md": daemon_page(),
        "docs/man/reconcile.1": man_page(),
    }


def pages() -> Mapping[str, str]:
    """The pages that only the site has, by their path on it."""
    return {
        "reference/commands.md": commands_page(),
        "reference/exit-codes.md": exit_codes_page(),
        "reference/stack.md": fields_page("stack.yaml", "Every field of a stack file, `x-reconcile` included."),
        "reference/users.md": fields_page("users.yaml", "Every field of a users file that has a meaning of its own."),
        "reference/formats.md": formats_page(),
    }


def commands() -> Iterator[click.Context]:
    """The program and each of its commands, as contexts that know their help."""
    return _below(cli, "reconcile", None)


def _below(command: click.Command, name: str, parent: click.Context | None) -> Iterator[click.Context]:
    settings = {**command.context_settings, "terminal_width": _WIDTH, "max_content_width": _WIDTH}
    context = click.Context(command, info_name=name, parent=parent, **settings)
    yield context
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            child = command.get_command(context, each)
            assert child is not None
            yield from _below(child, each, context)


_ABOUT_COMMANDS: Final = (
    "`reconcile COMMAND --help` prints the same. Options of the program stand before the command, options of a command "
    "behind it. Each option can be set by the variable beside it. Every command has `-q`, `--no-color`, `--no-pager` "
    "and `-h` as well."
)


def commands_page() -> str:
    """The page of all commands: the same facts as `--help` prints of each."""
    parts = ["# Commands", _ABOUT_COMMANDS]
    for context in commands():
        level = "##" if context.parent is None or context.parent.parent is None else "###"
        parts += [f"{level} {context.command_path}", *_described(context)]
    return "\n\n".join(parts) + "\n"


def _described(context: click.Context) -> Iterator[str]:
    yield f"```text\n{usage(context)}\n```"
    yield from paragraphs(context)
    if rows := [_option_row(context, option) for option in options(context)]:
        yield "| option | meaning | variable |\n|---|---|---|\n" + "\n".join(rows)
    if found := examples(context):
        yield "Examples:\n\n```console\n" + "\n".join(f"$ {each}" for each in found) + "\n```"


def _option_row(context: click.Context, option: click.Parameter) -> str:
    record = option.get_help_record(context)
    assert record
    variable = variable_of(context, option)
    return f"| `{_cell(record[0])}` | {_cell(record[1])} | {f'`{variable}`' if variable else ''} |"


def usage(context: click.Context) -> str:
    """The usage of a command, on one line."""
    return " ".join(context.get_usage().removeprefix("Usage: ").split())


def paragraphs(context: click.Context) -> list[str]:
    """The description of a command, in paragraphs."""
    text = context.command.help or ""
    return [" ".join(each.replace("\b\n", "").split()) for each in text.split("\n\n")]


def options(context: click.Context) -> list[click.Parameter]:
    """The options of a command, as its help lists them, but for those that every command has."""
    common = {each.name for each in display_options()} if context.parent else set()
    own = context.command.params if context.parent else context.command.get_params(context)
    return [each for each in own if isinstance(each, click.Option) and each.name not in common and not each.hidden]


def variable_of(context: click.Context, option: click.Parameter) -> str:
    """The variable that sets an option; empty for one that no variable sets."""
    if option.name is None or _HIDES.intersection(option.opts):
        return ""
    return f"{context.auto_envvar_prefix}_{option.name.upper()}"


def examples(context: click.Context) -> list[str]:
    """The examples of a command, each a line."""
    lines = (context.command.epilog or "").replace("\b\n", "").splitlines()
    return [line.strip() for line in lines[1:]]


def exit_codes_page() -> str:
    """The page of exit codes, each with the errors that end with it."""
    errors = {
        code: [f"[{each.name}](../errors.md)" for each in CODES.values() if code in each.exits] for code in MEANINGS
    }
    rows = [f"| {code:d} | {meaning} | {', '.join(errors[code])} |" for code, meaning in MEANINGS.items()]
    return (
        "# Exit codes\n\nScripts may rely on them: each code means one thing, and no other failure produces it.\n\n"
        "| code | meaning | errors |\n|---|---|---|\n" + "\n".join(rows) + "\n"
    )


def fields_page(file: str, about: str) -> str:
    """The page of a file's fields: each with its meaning, and the cost of changing it."""
    kinds = all_kinds()
    fields = [DescribedField(*field) for field in described_fields() if field.file == file]
    parts = [f"# Fields of {file}", f"{about} `reconcile explain FIELD` prints the same of one field."]
    for place, group in groupby(fields, key=lambda field: field.path.rpartition(".")[0]):
        costs = {field: [f"{kind}: {cost}" for kind, cost in costs_of(field, kinds)] for field in group}
        parts += [f"## {place or 'At the top'}", _fields_table(costs)]
    return "\n\n".join(parts) + "\n"


def _fields_table(costs: Mapping[DescribedField, list[str]]) -> str:
    """The table of some fields; without a column of costs where none of them has one."""
    heads = ["field", "meaning", "a change of it"][: 3 if any(costs.values()) else 2]
    rows = [
        [f"`{field.name}`", _cell(f"{field.title}. {field.description}"), _cell("; ".join(cost))]
        for field, cost in costs.items()
    ]
    return "\n".join(f"| {' | '.join(row[: len(heads)])} |" for row in (heads, ["---"] * len(heads), *rows))


def formats_page() -> str:
    """The page of what programs may read: each format with its schema."""
    parts = ["# JSON formats", "Programs may rely on these formats; texts for people change between releases."]
    for path in sorted(SCHEMAS.glob("*.schema.json")):
        schema = json.loads(path.read_text(encoding="utf-8"))
        parts += [
            f"## {schema['title']}",
            schema.get("description", ""),
            f"[{path.name}](../schemas/{path.name})",
        ]
    return "\n\n".join(filter(None, parts)) + "\n"


_ABOUT_LOG: Final = """\
# The daemon's log and metrics

This page is made from the program's tables. Programs may rely on the names.

## Log

`reconcile daemon` writes one JSON object per line to stderr, with `event`, a constant phrase, `level`, `ts` (the
moment, in UTC) and the keys of its phrase. A key without a value may be left out.\
"""
_ABOUT_TROUBLES: Final = """\
## Troubles

The line of a trouble is written when it begins or changes, and `over` at its end.\
"""
_ABOUT_METRICS: Final = """\
## Metrics

`GET /metrics` has them in the text format of Prometheus.\
"""


def daemon_page() -> str:
    """The page of the daemon's log and metrics."""
    lines = [(phrase, line.when, line.keys) for phrase, line in LOG_LINES.items()]
    troubles = [(ailment.value, line.when, line.keys) for ailment, line in TROUBLES.items()]
    metrics = [
        (f"reconcile_{name}{'_total' if each.type == 'counter' else ''}", f"{each.type}: {each.text}", each.labels)
        for name, each in METRICS.items()
    ]
    parts = [
        (_ABOUT_LOG, ("`event`", "written", "keys"), lines),
        (_ABOUT_TROUBLES, ("`event`", "meaning", "keys"), troubles),
        (_ABOUT_METRICS, ("metric", "meaning", "labels"), metrics),
    ]
    return "\n\n".join(f"{about}\n\n{_names_table(heads, rows)}" for about, heads, rows in parts) + "\n"


def _names_table(heads: Sequence[str], rows: Sequence[tuple[str, str, Sequence[str]]]) -> str:
    cells = [(f"`{name}`", _cell(text), ", ".join(f"`{each}`" for each in names)) for name, text, names in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in (heads, ("---",) * len(heads), *cells))


def _cell(text: str) -> str:
    """Text as it stands in a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def man_page() -> str:
    """The man page of the program, with a section for each command."""
    first, *rest = commands()
    lines = ['.TH RECONCILE 1 "" reconcile "User Commands"', ".SH NAME"]
    lines += ["reconcile \\- keep Docker and Keycloak as stack.yaml and users.yaml say"]
    lines += [".SH SYNOPSIS", f".B {_roff(usage(first))}", ".SH DESCRIPTION"]
    lines += [*_man_paragraphs(first), ".SH OPTIONS", *_man_options(first), ".SH COMMANDS", ".PP"]
    lines += [_roff("Each command has -q, --no-color, --no-pager and -h as well.")]
    for context in rest:
        lines += [f".SS {_roff(context.command_path)}", f".B {_roff(usage(context))}"]
        lines += [*_man_paragraphs(context), *_man_options(context)]
        if found := examples(context):
            lines += [".PP", "Examples:", ".PP", ".nf", ".RS", *map(_roff, found), ".RE", ".fi"]
    lines += [".SH EXIT STATUS"]
    for code, meaning in MEANINGS.items():
        lines += [".TP", f".B {code:d}", _roff(meaning)]
    lines += [
        ".SH ENVIRONMENT",
        ".PP",
        "Each option has a variable, such as RECONCILE_KEYCLOAK_URL and RECONCILE_APPLY_YES.",
    ]
    lines += ["Variables of Compose, of the Docker CLI, NO_COLOR and PAGER count as well."]
    lines += [".SH FILES"]
    for name, meaning in _FILES.items():
        lines += [".TP", f".I {_roff(name)}", _roff(meaning)]
    return "\n".join(lines) + "\n"


_FILES: Final = {
    "stack.yaml": "The containers, networks and volumes, as a Compose file; else a Compose file of another usual name.",
    "users.yaml": "The realms of Keycloak, as realm exports.",
    ".env": "Variables and generated secrets, readable by the owner alone.",
    "$XDG_STATE_HOME/reconcile": "The history of runs, pauses and the daemon's folder. Losing it loses nothing else.",
}


def _man_paragraphs(context: click.Context) -> Iterator[str]:
    for each in paragraphs(context):
        yield from (".PP", _roff(each))


def _man_options(context: click.Context) -> Iterator[str]:
    for option in options(context):
        record = option.get_help_record(context)
        assert record
        yield from (".TP", f".B {_roff(record[0])}", _roff(record[1]))


def _roff(text: str) -> str:
    """The text without anything that roff would read as a request."""
    written = " ".join(text.split()) if "\n" in text else text
    written = written.replace("\\", "\\e").replace("-", "\\-").replace("…", "...")
    return f"\\&{written}" if written.startswith((".", "'")) else written


def main() -> None:
    for path, text in committed().items():
        target = ROOT / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
