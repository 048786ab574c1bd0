"""The command group: commands are imported when they are called, and every error gets its exit code here."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

from reconciler import __version__
from reconciler.cli.examples import epilog
from reconciler.cli.options import display_options
from reconciler.cli.output import (
    begin,
    begin_events,
    end,
    fail,
    is_of_output,
    learn_settings,
    let_go,
    repeat_options,
    say,
    show,
)
from reconciler.cli.state import COMPLETE, State, in_colour, settings_of
from reconciler.cli.values import EXISTING_FOLDER, FILE, OneOf
from reconciler.providers.waits import WAITS
from reconciler.settings import process_environment

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

COMMANDS: Final = {
    "init": "Write .env with generated secrets, and .gitignore.",
    "validate": "Check both files, offline.",
    "config": "Print the desired state: loaded, interpolated, in canonical form.",
    "diff": "Show the differences and the actions of apply.",
    "apply": "Apply the differences, and compare again.",
    "build": "Build the images of the stack, and push them.",
    "status": "Show the state and health of each resource.",
    "why": "Explain what is planned for a resource, and what was done to it before.",
    "snapshot": "Write what is live as a file, for a comparison without servers.",
    "pause": "Leave a resource or the project alone for a while.",
    "resume": "End a pause.",
    "history": "Show earlier runs and their changes, newest first.",
    "doctor": "Find the cause of trouble, such as of a failing login.",
    "secrets": "List and rotate declared secrets, and recover lost ones from live resources.",
    "logs": "Show the output of the containers.",
    "exec": "Run a command in the container of a service.",
    "down": "Stop and remove the project's containers and networks.",
    "unlock": "Release the lock of a run that has ended.",
    "daemon": "Run continuously: detect and repair drift.",
    "adopt": "Write running containers and live realms as files.",
    "export": "Print running containers or a live realm as a file.",
    "access": "Print the access of users, and its sources.",
    "permissions": "Print the roles in Keycloak, or the requests to the engine, that are needed.",
    "graph": "Print the graph of dependencies: text, DOT, Mermaid or SVG.",
    "restart": "Restart the containers of services.",
    "completion": "Print the completion script of a shell.",
    "explain": "Explain the code of an error, or a field of a file.",
    "schema": "Print the JSON Schema of stack.yaml or users.yaml.",
}
ALIASES: Final = {"plan": "diff"}

_OF_DISPLAY: Final = frozenset({"log_format", "verbose"})
"""Options before the command that do not say which project is meant, besides those without a value of their own."""

_WITHOUT_PROJECT: Final = frozenset({"completion", "explain", "schema"})

RUNS: Final = frozenset({"apply", "build", "down"})
"""Commands that can be told as events."""

EPILOG: Final = """\b
Begin with:
  reconcile validate        are the files right?
  reconcile diff            what would be done?
  reconcile apply           do it
"""


class LazyGroup(click.Group):
    """Knows its commands by name; the module of one is imported when it is called."""

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands by the table, so that none of them is imported for it, and the options."""
        from click.shell_completion import CompletionItem

        found = [CompletionItem(name, help=text) for name, text in COMMANDS.items() if name.startswith(incomplete)]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        name = ALIASES.get(cmd_name, cmd_name)
        if name not in COMMANDS:
            return None
        command: click.Command = import_module(f"reconciler.cli.{name}").command
        # Added here, so that no module of a command has to know of examples and of the options that all share.
        command.epilog = epilog(name)
        if not any(option.name == "quiet" for option in command.params):
            command.params += display_options()
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """As click does, with the nearest name where there is no such command."""
        from reconciler.cli.usage import no_such_command

        if args and self.get_command(ctx, args[0]) is None:
            raise click.UsageError(no_such_command(args[0], ctx, [*COMMANDS, *ALIASES]), ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=LazyGroup,
    epilog=EPILOG,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "auto_envvar_prefix": "RECONCILE",
        "max_content_width": 100,
    },
)
@click.option(
    "--project-directory", type=EXISTING_FOLDER, help="Base of relative paths; default: folder of the first file."
)
@click.option("-f", "--file", type=FILE, multiple=True, metavar="FILE", help="A stack file.")
@click.option("-u", "--users", type=FILE, multiple=True, metavar="FILE", help="A users file.")
@click.option("--env-file", type=FILE, multiple=True, metavar="FILE", help="Variables; instead of .env.")
@click.option("-p", "--project", metavar="NAME", help="Project name; overrides the stack file.")
@click.option("--profile", multiple=True, metavar="NAME", help="Enable a profile of the stack file.")
@click.option("--keycloak-url", metavar="URL", help="URL of Keycloak; overrides the users file.")
@click.option("--state-directory", type=FILE, metavar="DIR", help="Folder of the history; default: XDG_STATE_HOME.")
@click.option("--log-format", type=OneOf(["human", "json"]), default=None, help="Format of progress output.")
@click.option("-v", "--verbose", is_flag=True, help="Show more detail: full values, tracebacks of unexpected errors.")
@click.version_option(__version__, prog_name="reconcile")
@click.pass_context
def cli(ctx: click.Context, /, **options: Any) -> None:
    """Keep Docker and Keycloak as stack.yaml and users.yaml say.

    Everything that is declared is compared with what is live, field by field; only what differs is changed, by
    the least disruptive means.
    """
    # Before anything can fail: a reader of events gets the mistakes of settings and files as events too.
    if options["log_format"] == "json" and ctx.invoked_subcommand in RUNS:
        begin_events(command=ctx.invoked_subcommand)
    repeat_options(_typed(ctx), (name for name in (*COMMANDS, *ALIASES) if name not in _WITHOUT_PROJECT))
    settings = settings_of(options)
    # Also early: the message of a file that is wrong may quote a line with a secret of the environment.
    learn_settings(settings)
    ctx.color = in_colour()  # else click takes colour out wherever there is no terminal, FORCE_COLOR or not
    ctx.obj = State(settings, options["log_format"], verbose=options["verbose"])
    WAITS.report_to(None if ctx.invoked_subcommand == "daemon" else ctx.obj.tell_wait)  # which has a log of its own


cli.params += display_options()


def _typed(ctx: click.Context) -> Sequence[str]:
    """The options that say which project is meant, as far as they were given on the command line."""
    words: list[str] = []
    for param in ctx.command.params:
        name = param.name or ""
        is_of_project = param.expose_value and name not in _OF_DISPLAY
        # What came from RECONCILE_… is set for the next command as well.
        if is_of_project and ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            value = ctx.params[name]
            words += [str(word) for each in (value if param.multiple else (value,)) for word in (param.opts[0], each)]
    return words


def run(arguments: Sequence[str]) -> int:
    """Run one command line; returns the exit code. Nothing but a bug gets out as a traceback."""
    begin()
    code = _run(arguments)
    lost = end(code)
    return code or (_lost_output(lost) if lost else code)


def _run(arguments: Sequence[str]) -> int:
    from reconciler.cli.exit import Exit
    from reconciler.config.yaml.reading import reading

    # The shell asks on each Tab; nothing of the files may be printed, and no error either.
    if instruction := process_environment().get(COMPLETE):
        from reconciler.cli.completion import completed

        return completed(cli, instruction)
    # Looked for here already, since the parsing of the options may fail itself.
    verbose = "-v" in arguments or "--verbose" in arguments
    try:
        with reading(), cli.make_context("reconcile", list(arguments)) as context:  # main() ends a broken pipe with 1
            code = cli.invoke(context)
    except click.exceptions.Exit as error:
        return int(error.exit_code)
    except SystemExit as error:  # of a second interrupt
        return int(error.code or 0)
    except (click.Abort, KeyboardInterrupt):
        say("interrupted")
        return Exit.INTERRUPTED
    except click.exceptions.NoArgsIsHelpError as error:
        show(error.format_message())  # asking for nothing is no mistake
        return Exit.DONE
    except click.ClickException as error:
        _show_usage(error)
        return Exit.USAGE
    except Exception as error:  # noqa: BLE001 (the one place for what nobody foresaw)
        if is_of_output(error):
            let_go(sys.stdout)
            return _lost_output(error)
        return _failed(error, verbose=verbose)
    return int(code or 0)


def _lost_output(error: OSError) -> int:
    """The exit code after a failure to write to stdout. A reader that has ended wanted no more, so nothing is said."""
    from reconciler.cli.exit import Exit
    from reconciler.core.message.codes import UNWRITABLE

    if isinstance(error, BrokenPipeError):
        return Exit.BROKEN_PIPE
    fail(f"the output can't be written: {error.strerror}", UNWRITABLE)
    return Exit.ERROR


def _show_usage(error: click.ClickException) -> None:
    from reconciler.cli.usage import usage_message
    from reconciler.core.message.codes import USAGE
    from reconciler.render.output.message import usage_text

    message = usage_message(error, cli)
    say(usage_text(message, USAGE), level="error")
    context = getattr(error, "ctx", None)
    if context is not None:
        say(context.get_usage())
        if "--help" not in message:
            say(f"Try `{context.command_path} --help`.")


def _failed(error: Exception, *, verbose: bool) -> int:
    from reconciler.cli.exit import Exit
    from reconciler.cli.exitcodes import of_error
    from reconciler.cli.state import show_error
    from reconciler.core.message.codes import BUG
    from reconciler.core.message.errors import ReconcileError

    # Known trouble of files, servers and policy; everything else is a mistake in this program.
    if isinstance(error, ReconcileError):
        show_error(error)
        return of_error(error)
    import traceback

    if verbose:
        say("".join(traceback.format_exception(error)).rstrip())
    last = traceback.extract_tb(error.__traceback__)[-1:]
    place = f" at {last[0].filename}:{last[0].lineno}" if last else ""
    fail(f"this is a bug in reconcile: {type(error).__name__}: {error}{place}", BUG)
    say("Please report it, with what `reconcile -v …` prints for the same command.")
    return Exit.ERROR
