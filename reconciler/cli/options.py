"""Options and arguments that several commands have, and the names that a shell completes for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import click

from reconciler.cli.output import begin_events
from reconciler.cli.state import addresses, settings_of

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from reconciler.run.commands.names import Names

Decorator: TypeAlias = Callable[[Any], Any]

DISRUPT: Final = "Allow disrupting users of this resource outside the plan."
TARGET: Final = "Only this resource and its dependencies."


def address_option(name: str, text: str) -> Decorator:
    """An option that takes addresses and may be repeated."""
    return click.option(
        name, multiple=True, callback=addresses, shell_complete=_addresses, metavar="ADDRESS", help=text
    )


def json_option() -> Decorator:
    """An option to tell the run as events, one JSON document a line; so does ``--log-format json``."""
    return click.option(
        "--json", is_flag=True, expose_value=False, callback=_tells_events, help="Print the run as JSON Lines."
    )


def _tells_events(ctx: click.Context, _param: click.Parameter, value: bool) -> None:  # noqa: FBT001 (click's signature)
    if value and not ctx.resilient_parsing:
        ctx.obj.log_format = "json"
        begin_events(command=ctx.info_name)


def services_argument() -> Decorator:
    """The names of any number of services."""
    return click.argument("services", nargs=-1, metavar="[SERVICE]...", shell_complete=_services)


def service_argument() -> Decorator:
    """The name of one service."""
    return click.argument("service", metavar="SERVICE", shell_complete=_services)


def _addresses(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return _items(ctx, incomplete, lambda names: names.addresses)


def _services(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return _items(ctx, incomplete, lambda names: names.services)


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
