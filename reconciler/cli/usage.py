"""Mistakes of the command line in our own form: code, fact, what to do; in place of click's words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import click
from click.core import ParameterSource

from reconciler.pattern import lazy_pattern

_EXTRA: Final = lazy_pattern(r"Got unexpected extra arguments? \((.*)\)")
_TAKES_NONE: Final = "does not take a value"


def usage_message(error: click.ClickException, program: click.Command) -> str:
    """The fact and the advice, with a semicolon between, as all messages have them."""
    context = getattr(error, "ctx", None)
    match error:
        case click.NoSuchOption():
            return _no_such_option(error, program)
        case click.MissingParameter():
            return _missing(error)
        case click.BadParameter():
            return _bad(error)
        case click.BadOptionUsage():
            wrong = _TAKES_NONE in error.message
            advice = "write it alone" if wrong else f"write it behind, as in `{error.option_name} VALUE`"
            return f"`{error.option_name}` {'takes no value' if wrong else 'needs a value'}; {advice}"
        case click.UsageError() if found := _EXTRA.fullmatch(error.message):
            first = found[1].split(" ", 1)[0]
            return f"`{_command(context)}` does not take the argument `{first}`; {_look(context)}"
        case click.UsageError() if (name := getattr(error, "command_name", None)) is not None:
            return no_such_command(name, context)
        case _:
            text = error.format_message().removesuffix(".")
            return text if "; " in text else f"{text}; {_look(context)}"


def no_such_command(name: str, context: click.Context | None, known: Iterable[str] = ()) -> str:
    """The message on a command that there is none of."""
    group = context.command if context else None
    names = [*known] or (group.list_commands(context) if isinstance(group, click.Group) and context else [])
    return f"`{_command(context)}` has no command `{name}`; {_nearest(name, names) or _look(context)}"


def _no_such_option(error: click.NoSuchOption, program: click.Command) -> str:
    context, name = error.ctx, error.option_name
    fact = f"`{_command(context)}` has no option `{name}`"
    if context is not None and context.command is not program and name in _names(program):
        return f"{fact}; write it before the command: `reconcile {name} … {context.info_name}`"
    near = _nearest(name, error.possibilities or ())
    if context is not None and context.command is program:
        return f"{fact}; {near or 'write an option of a command behind it'}"
    return f"{fact}; {near or _look(context)}"


def _names(command: click.Command) -> list[str]:
    return [name for each in command.params for name in each.opts]


def _missing(error: click.MissingParameter) -> str:
    context, parameter = error.ctx, error.param
    name = _shown(parameter, context) if parameter else str(error.param_hint or "an argument")
    return f"`{_command(context)}` needs {name}; {_example(context) or _look(context)}"


def _bad(error: click.BadParameter) -> str:
    """The parameter and the reason; the reason names the value."""
    context, parameter, message = error.ctx, error.param, error.message.removesuffix(".")
    name = error.param_hint if isinstance(error.param_hint, str) else ""
    if parameter is not None and not name:
        name = _shown(parameter, context)
    if "; " not in message:
        message = f"{message}; {_look(context)}"
    return f"{name}: {message}" if name else message


def _shown(parameter: click.Parameter, context: click.Context | None) -> str:
    """The name of a parameter as it is typed, or of the variable that gave its value."""
    if context is None:
        return str(parameter.name)
    if parameter.name and context.get_parameter_source(parameter.name) is ParameterSource.ENVIRONMENT:
        return f"{context.auto_envvar_prefix}_{parameter.name.upper()}"
    if isinstance(parameter, click.Option):
        return max(parameter.opts, key=len)
    return parameter.make_metavar(context).strip("{}[]").replace("|", " or ")


def _command(context: click.Context | None) -> str:
    return context.command_path if context else "reconcile"


def _look(context: click.Context | None) -> str:
    shows = "lists the commands" if context and isinstance(context.command, click.Group) else "shows its usage"
    return f"`{_command(context)} --help` {shows}"


def _example(context: click.Context | None) -> str:
    """Advice by the first example of a command."""
    lines = (context.command.epilog or "").splitlines()[2:] if context else []
    return f"write it like `{lines[0].strip()}`" if lines else ""


def _nearest(name: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, [*known], 1)
    return f"did you mean `{near[0]}`?" if near else ""
