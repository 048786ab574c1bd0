"""``reconcile exec``: a command in the container of a service, with this terminal or these pipes."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.exit import Exit
from reconciler.cli.options import service_argument
from reconciler.cli.output import pass_on, say
from reconciler.cli.state import State, is_terminal
from reconciler.cli.values import Whole

if TYPE_CHECKING:
    from reconciler.core.provider import Command, RunningCommand


@click.command("exec", context_settings={"allow_interspersed_args": False})
@click.option("-T", "--no-tty", is_flag=True, help="No terminal, even if this one could be handed on.")
@click.option("--index", type=Whole(1), metavar="N", help="Number of the container; default: the first.")
@click.option("-e", "--env", multiple=True, metavar="NAME[=VALUE]", help="Set a variable of the command.")
@click.option("-u", "--user", default="", metavar="USER[:GROUP]", help="Run it as this user.")
@click.option("-w", "--workdir", default="", metavar="DIR", help="Working directory in the container.")
@click.option("-d", "--detach", is_flag=True, help="Leave it running in the background.")
@click.option("--privileged", is_flag=True, help="Give it all rights of the host.")
@service_argument()
@click.argument("words", nargs=-1, required=True, metavar="COMMAND [ARGUMENT]...", type=click.UNPROCESSED)
@click.pass_obj
def command(
    state: State, /, *, index: int | None, detach: bool, service: str, words: tuple[str, ...], **options: Any
) -> int:
    """Run a command in the running container of a service.

    It has this terminal if input and output are one, else these pipes, byte for byte. The exit code is that of the
    command; 0 after Ctrl-P Ctrl-Q, with which newer engines leave it running. An error of reconcile itself begins with
    `error` on stderr.
    """
    from reconciler.core.provider import CommandRunner
    from reconciler.run.commands.services import known_services

    with state.session(starts=False) as session:
        runner = next((each for each in session.providers.values() if isinstance(each, CommandRunner)), None)
        if runner is None:
            raise click.UsageError("without a stack file there are no containers to run a command in; name one with -f")
        # A wrong name is told before the terminal is taken over.
        known_services(session, runner, (service,))
        asked = _asked(words, options, session.settings.environment, is_detached=detach)
        if detach:
            runner.begin(service, index, asked)
            return Exit.DONE
        running = runner.begun(service, index, asked)
        try:
            return _followed(running, asked)
        except KeyboardInterrupt:
            say("interrupted; the command may still run in the container")
            return Exit.INTERRUPTED
        finally:
            running.close()


def _asked(
    words: tuple[str, ...], options: Mapping[str, Any], environment: Mapping[str, str], *, is_detached: bool
) -> Command:
    """The command with the options of the command line."""
    from reconciler.cli import terminal
    from reconciler.core.provider import Command

    return Command(
        words,
        environment=tuple(entry for each in options["env"] if (entry := _entry(each, environment))),
        user=options["user"],
        directory=options["workdir"],
        # A terminal only if both ends are one: a pipe must get the bytes as they are.
        size=terminal.size() if is_terminal() and not (options["no_tty"] or is_detached) else None,
        takes_input=not is_detached and terminal.has_input(),
        is_privileged=options["privileged"],
    )


def _entry(text: str, environment: Mapping[str, str]) -> str:
    """A variable with its value; one without is that of this environment, and left out if it is not there."""
    name, equals, _ = text.partition("=")
    return text if equals else f"{name}={environment[name]}" if name in environment else ""


def _followed(running: RunningCommand, asked: Command) -> int:
    """Pass on input and output until the command ends; returns its exit code."""
    from reconciler.cli.terminal import feed, handed_on

    with handed_on(running.resize) if asked.size else nullcontext():
        if asked.takes_input:
            feed(running.send, running.end_input)
        for is_error, piece in running.output():
            pass_on(piece, is_error=is_error)
        code = running.exit_code()
    if code is None:
        say("detached; the command goes on in the container")
        return Exit.DONE
    return code
