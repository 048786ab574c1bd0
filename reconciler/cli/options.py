"""Options and arguments that several commands have, and the names that a shell completes for them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import click

from reconciler.cli.output import DISPLAY, begin_events
from reconciler.cli.state import addresses, settings_of

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from reconciler.core.resource.address import Address
    from reconciler.run.commands.names import Names
    from reconciler.run.session.session import Session

Decorator: TypeAlias = Callable[[Any], Any]

DISRUPT: Final = "Allow disrupting users of this resource outside the plan."
TARGET: Final = "Only this resource and its dependencies."
EXCLUDE: Final = "Leave out this resource, and what waits for it."


def address_option(name: str, text: str) -> Decorator:
    """An option that takes addresses and may be repeated."""
    return click.option(
        name, multiple=True, callback=addresses, shell_complete=complete_address, metavar="ADDRESS", help=text
    )


def include_paused_option() -> Decorator:
    """An option to treat paused resources as all others."""
    return click.option("--include-paused", is_flag=True, help="Act on paused resources as well.")


def leaves_of(session: Session, options: Mapping[str, Any]) -> Callable[[Address], str]:
    """The reason for which a resource is left alone, by the pauses of its project; "" for none."""
    return (lambda _address: "") if options["include_paused"] else pauses_leave(session)


def pauses_leave(session: Session) -> Callable[[Address], str]:
    """The pause of a resource in words; "" for none."""
    from reconciler.run.daemon.pauses import pauses_of

    return pauses_of(session).reasons(time.time())


def json_option() -> Decorator:
    """An option to tell the run as events, one JSON document a line; so does ``--log-format json``."""
    return click.option(
        "--json", is_flag=True, expose_value=False, callback=_tells_events, help="Print the run as JSON Lines."
    )


def _tells_events(ctx: click.Context, _param: click.Parameter, value: bool) -> None:  # noqa: FBT001 (click's signature)
    if value and not ctx.resilient_parsing:
        ctx.obj.log_format = "json"
        begin_events(command=ctx.info_name)


def display_options() -> list[click.Option]:
    """Options for what is printed; the program has them, and each command as well."""
    return [
        _switch(("-q", "--quiet"), _is_quiet, "Print only results, warnings and errors."),
        _switch(("--no-color",), _is_plain, "Print without colours; so does NO_COLOR."),
        _switch(("--no-pager",), _has_no_pager, "Print long results without a pager."),
    ]


def _switch(names: Sequence[str], set_it: Callable[[click.Context], None], text: str) -> click.Option:
    def on_parsed(ctx: click.Context, _param: click.Parameter, value: bool) -> None:  # noqa: FBT001 (click's signature)
        if value and not ctx.resilient_parsing:
            set_it(ctx)

    return click.Option(names, is_flag=True, expose_value=False, callback=on_parsed, help=text)


def _is_quiet(_ctx: click.Context) -> None:
    DISPLAY.quiet = True


def _is_plain(ctx: click.Context) -> None:
    DISPLAY.colour = ctx.color = False


def _has_no_pager(_ctx: click.Context) -> None:
    DISPLAY.pages = False


def services_argument() -> Decorator:
    """The names of any number of services."""
    return click.argument("services", nargs=-1, metavar="[SERVICE]...", shell_complete=_services)


def service_argument() -> Decorator:
    """The name of one service."""
    return click.argument("service", metavar="SERVICE", shell_complete=_services)


def complete_address(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The declared addresses and services."""
    return _items(ctx, incomplete, lambda names: (*names.addresses, *names.services))


def _services(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return _items(ctx, incomplete, lambda names: tuple(names.services))


def _items(ctx: click.Context, incomplete: str, which: Callable[[Names], tuple[str, ...]]) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    from reconciler.core.message.errors import ReconcileError
    from reconciler.run.commands.names import names_in_files

    options: Mapping[str, Any] = ctx.find_root().params
    try:
        names = which(names_in_files(settings_of(options)))
    except (ReconcileError, OSError):
        return []  # files that are wrong are reported by the command itself
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]
