"""The state that all commands share: settings, opening a session, output of messages."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TextIO

import click

from reconciler.cli.output import DISPLAY, columns, emit, in_events, log, say, warn, writer
from reconciler.record import Struct, replace
from reconciler.settings import Settings, process_environment

if TYPE_CHECKING:
    from reconciler.core.message.errors import ReconcileError, Refusal
    from reconciler.core.message.problem import Problem
    from reconciler.core.resource.address import Address
    from reconciler.providers.waits import Wait
    from reconciler.run.session.session import Session


_EACH_CODE: Final = "`reconcile explain CODE` explains each of these errors."

COMPLETE: Final = "_RECONCILE_COMPLETE"
"""The variable by which the script of a shell asks for completions, as click spells it."""


class State(Struct):
    """The settings of this command line, and the way to its project."""

    settings: Settings
    log_format: str | None = None
    verbose: bool = False

    @property
    def logs_json(self) -> bool:
        return self.log_format == "json"

    @contextmanager
    def session(
        self, *, needs_secrets: bool = False, starts: bool = True, asks_sources: bool = True
    ) -> Iterator[Session]:
        """The project, loaded. Warnings of the files are shown; errors are raised.

        A command that never ``starts`` anything is not held up by a file that only a start needs.
        """
        from reconciler.run.clock import RealClock
        from reconciler.run.session.requestlog import ignored, logged
        from reconciler.run.session.session import opened

        self.require_files()
        known = writer().known
        settings = replace(self.settings, starts=starts, asks_sources=asks_sources)
        note = logged(log(as_json=self.logs_json, verbose=True)) if self.verbose else ignored
        clock = RealClock()
        with opened(settings, clock, needs_secrets=needs_secrets, warn=warn, known=known, note=note) as session:
            show_problems(session.warnings)
            yield session

    def tell_wait(self, wait: Wait) -> None:
        """Says what is waited for."""
        if in_events():
            from reconciler.render.progress.events import wait_fields

            emit("wait", str(wait), **wait_fields(wait.who, wait.asked, wait.most_s))
        elif self.logs_json:
            log(as_json=True, verbose=self.verbose).info("waiting", who=wait.who, asked=wait.asked, most_s=wait.most_s)
        else:
            say(f"{wait}; it has {wait.most_s:g} s")

    def require_files(self) -> None:
        if not self.settings.stack_files and not self.settings.users_files:
            raise click.UsageError(
                f"there is neither stack.yaml nor users.yaml in {self.settings.directory.resolve()}; "
                "go to the project's directory, or name the files with -f and -u"
            )


def command_line(*words: object) -> str:
    """A command line of ours, to be typed."""
    return shlex.join(("reconcile", *map(str, words)))


def settings_of(options: Mapping[str, Any]) -> Settings:
    """The settings of the options before the command. Raises ConfigError."""
    from reconciler.config import commandline

    found = commandline.find(
        options["file"] or (),
        options["users"] or (),
        directory=options["project_directory"],
        env_files=options["env_file"] or (),
        environment=process_environment(),
    )
    return Settings(
        directory=found.directory,
        stack_files=found.stack,
        users_files=found.users,
        env_files=found.env_files,
        project=options["project"],
        profiles=options["profile"],
        environment=found.environment,
        keycloak_url=options["keycloak_url"],
        state_directory=options["state_directory"],
    )


def options_of(settings: Settings) -> list[str]:
    """The options before a command that have these settings, in the same environment."""
    given: list[tuple[str, object]] = [
        *(("--file", each) for each in settings.stack_files),
        *(("--users", each) for each in settings.users_files),
        *(("--env-file", each) for each in settings.env_files or ()),
        *(("--profile", each) for each in settings.profiles),
        ("--project-directory", settings.directory),
        ("--project", settings.project),
        ("--keycloak-url", settings.keycloak_url),
        ("--state-directory", settings.state_directory),
    ]
    return [str(word) for name, value in given if value for word in (name, value)]


def is_terminal() -> bool:
    """Returns whether there is somebody to ask."""
    return sys.stdin.isatty() and sys.stdout.isatty() and not in_events()


def is_drawable(stream: TextIO) -> bool:
    """Returns whether a part of the stream can be drawn again and again."""
    return stream.isatty() and process_environment().get("TERM") != "dumb"


def in_colour() -> bool:
    """Returns whether to use colour: on a terminal, unless NO_COLOR or TERM=dumb; always with FORCE_COLOR.

    Never with --no-color.
    """
    environment = process_environment()
    if not DISPLAY.colour:
        return False
    if environment.get("FORCE_COLOR"):
        return True
    return sys.stdout.isatty() and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"


def show_problems(problems: Iterable[Problem]) -> None:
    if in_events():
        from reconciler.render.progress.events import problem_document

        for problem in problems:
            document = problem_document(problem)
            emit(document.pop("type"), document.pop("msg"), **document)
        return
    from reconciler.render.output.message import problem_text

    for problem in problems:
        say(problem_text(problem, columns(sys.stderr)), level=problem.severity.value)


def show_error(error: ReconcileError, *, begun: bool = False) -> None:
    """An error in the words for its kind; ``begun`` where it ended a run that had begun to do something."""
    from reconciler.core.message.codes import code_of
    from reconciler.core.message.errors import Cancelled, ConfigError, Refused
    from reconciler.core.message.problem import Severity
    from reconciler.render.output.message import counted, error_text

    code = code_of(error)
    nothing = "What was done before that stays." if begun else "Nothing was done."
    match error:
        case ConfigError(problems=problems):
            show_problems(problems)
            untouched = "the run ends here" if begun else "nothing was touched"
            say(f"{counted(problems)}; {untouched}.")
        case Refused(refusals=refusals):
            _show_refusals(refusals, code.name)
            say(nothing)
        case Cancelled():
            say(f"Cancelled. {nothing}")
            return
        case _:
            say(error_text(error, code), level="error")
    codes = {code.name}
    if isinstance(error, ConfigError):
        codes = {each.code for each in error.problems if each.severity is Severity.ERROR}
    say(f"`reconcile explain {min(codes)}` explains this error." if len(codes) == 1 else _EACH_CODE)


def _show_refusals(refusals: Sequence[Refusal], code: str) -> None:
    from reconciler.render.output.message import refusal_text
    from reconciler.render.plan.refusals import few_of_each

    for refusal in few_of_each(refusals):
        say(refusal_text(refusal, code), level="error")


def addresses(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> frozenset[Address]:
    """Click callback: texts as addresses."""
    return frozenset(found for value in values if (found := as_address(ctx, param, value)))


def as_address(ctx: click.Context, _param: click.Parameter, value: str | None) -> Address | None:
    """Click callback: a text as an address. A name without a kind is looked up in the files."""
    if value is None or ctx.resilient_parsing:
        return None
    from reconciler.core.resource.address import Address
    from reconciler.run.commands.names import names_in_files

    try:
        return Address.parse(value) if "/" in value else names_in_files(ctx.obj.settings).address(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
