"""The formats for CI systems, of a plan as well as of an error that kept it from being made."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from reconciler.cli.output import clean, clean_json, show_clean, warn, write_clean
from reconciler.cli.state import State
from reconciler.cli.values import alternatives
from reconciler.record import Struct, replace

if TYPE_CHECKING:
    from reconciler.render.ci.findings import Findings

FORMATS: Final = ("github", "gitlab", "junit", "sarif")
WITH_COMMENT: Final = ("markdown", *FORMATS)
_ROOTS: Final = ("GITHUB_WORKSPACE", "CI_PROJECT_DIR")
"""Variables with the folder of the repository, to which CI systems relate paths."""


class Report(Struct, frozen=True):
    """A file to write besides the result, and its format."""

    form: str
    path: Path


def show_findings(state: State, findings: Findings, form: str) -> None:
    """Prints findings in one of the formats."""
    show_clean(text_of(state, findings, form))


def text_of(state: State, findings: Findings, form: str) -> str:
    """Findings in one of the formats, with secrets hidden in each text."""
    from reconciler.render.ci.findings import cleaned

    project = findings.project or state.settings.project or state.settings.directory.resolve().name
    finished = cleaned(replace(findings, project=project), clean, _place(state))
    match form:
        case "markdown":
            from reconciler.render.ci.markdown import findings_markdown

            return findings_markdown(finished)
        case "github":
            from reconciler.render.ci.github import findings_github

            return findings_github(finished)
        case "gitlab":
            from reconciler.render.ci.gitlab import findings_gitlab

            return clean_json(findings_gitlab(finished))
        case "junit":
            from reconciler.render.ci.junit import findings_junit

            return findings_junit(finished)
        case _:
            from reconciler.render.ci.sarif import findings_sarif

            return clean_json(findings_sarif(finished))


def reports(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> tuple[Report, ...]:
    """Click callback: texts such as ``junit=report.xml``."""
    found = tuple(Report(form, Path(path)) for form, _, path in (value.partition("=") for value in values))
    for each, value in zip(found, values, strict=True):
        if each.form not in WITH_COMMENT or not each.path.name:
            raise click.BadParameter(
                f"`{value}` has no known format or no file; write FORMAT=FILE with {alternatives(WITH_COMMENT)}"
            )
    return found


def write_report(path: Path, text: str) -> None:
    """Writes a report into its file. Raises Unwritable."""
    from reconciler.core.message.errors import writing

    with writing("the report", path):
        write_clean(path, text)


@contextmanager
def errors_as(state: State, form: str, reports: Sequence[Report] = ()) -> Iterator[None]:
    """Reports an error in these formats as well, so that a CI system shows wrong files at their lines."""
    from reconciler.core.message.errors import ReconcileError, Unwritable

    try:
        yield
    except ReconcileError as error:
        from reconciler.render.ci.findings import findings_of_error

        findings = findings_of_error(error)
        for report in reports:
            try:
                write_report(report.path, text_of(state, findings, report.form))
            except Unwritable as unwritable:
                if str(unwritable) != str(error):  # the first error is the one to solve
                    warn(str(unwritable))
        if form in WITH_COMMENT:
            show_findings(state, findings, form)
        raise


def _place(state: State) -> Callable[[str], str]:
    """The path of a file from the repository's folder, or from here; that of the first file for "" and for no file."""
    settings = state.settings
    files = [*settings.stack_files, *settings.users_files]
    root = _root(settings.environment)

    def place(file: str) -> str:
        found = next(
            (base / file for base in (Path.cwd(), settings.directory) if file and (base / file).exists()), None
        )
        path = found or (files[0] if files else None)
        return _relative(path, root) if path else "stack.yaml"

    return place


def _root(environment: Mapping[str, Any]) -> Path:
    here = Path.cwd()
    named = (Path(environment[name]).resolve() for name in _ROOTS if environment.get(name))
    return next((path for path in named if here.resolve().is_relative_to(path)), here)


def _relative(path: Path, root: Path) -> str:
    return Path(os.path.relpath(path.absolute(), root)).as_posix()
