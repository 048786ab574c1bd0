"""``reconcile history``: the runs and changes of the project, newest first."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import click

from reconciler.cli.options import complete_address
from reconciler.cli.output import show, show_json, warn
from reconciler.cli.state import State, as_address
from reconciler.cli.values import OneOf, Whole, clipped
from reconciler.pattern import lazy_pattern

if TYPE_CHECKING:
    from reconciler.history.store import History

_UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_SPAN: Final = lazy_pattern(r"0*([0-9]{1,12})([smhdw])")


def since(_ctx: click.Context, _param: click.Parameter, value: str | None) -> float:
    """Click callback: a span such as 2h or 3d, or a date, as seconds since 1970."""
    if value is None:
        return 0.0
    if span := _SPAN.fullmatch(value):
        return time.time() - int(span[1]) * _UNITS[span[2]]
    try:
        return datetime.fromisoformat(value).timestamp()
    except (ValueError, OverflowError) as error:
        raise click.BadParameter(
            f"`{clipped(value)}` is neither a span nor a date; write one like 30m, 2h, 3d or 2026-11-30"
        ) from error


@click.command("history")
@click.argument(
    "address", required=False, callback=as_address, metavar="[ADDRESS|SERVICE]", shell_complete=complete_address
)
@click.option("--format", type=OneOf(["text", "json"]), default="text", help="Output format.")
@click.option("--limit", type=Whole(1), default=20, metavar="N", help="Most runs to show.")
@click.option("--since", callback=since, metavar="TIME", help="Only runs since then: 2h, 3d, or a date.")
@click.pass_obj
def command(state: State, /, **options: Any) -> None:
    """Show the runs that changed something, newest first, or those that changed ADDRESS.

    Each machine has a history of its own, in the folder --state-directory.
    """
    from reconciler.config.yaml.suggest import suggestion
    from reconciler.core.message.errors import UnknownAddress
    from reconciler.render.answers.history import history_json, history_text
    from reconciler.run.session.session import history_of, project_of

    state.require_files()
    project = project_of(state.settings)
    warnings: list[str] = []
    history = history_of(state.settings, project, warnings.append)
    address = str(options["address"] or "")
    runs = history.runs(address=address, since=options["since"], limit=options["limit"])
    _require_usable(history, is_empty=not runs)
    for each in warnings:
        warn(each)
    # A declared resource that no run has changed has an empty history; anything else is a wrong name.
    if address and not runs and address not in (known := (*history.addresses(), *_declared(state))):
        raise UnknownAddress(f"no run changed {address}{suggestion(address, known)}")
    if options["format"] == "json":
        show_json(history_json(project, runs))
    else:
        show(history_text(runs, full=state.verbose, address=address))


def _require_usable(history: History, *, is_empty: bool) -> None:
    """Raises Unwritable where nothing is shown because the history can't be used, and not because nothing was done."""
    from reconciler.core.message.errors import Unwritable, writing

    if history.trouble:
        raise Unwritable(history.trouble)
    if is_empty:
        with writing("the history", history.place):
            history.require_place()


def _declared(state: State) -> Sequence[str]:
    """The declared addresses; none where the files can't be loaded, as a history needs none of them."""
    from reconciler.core.message.errors import ReconcileError
    from reconciler.run.commands.names import names_in_files

    try:
        return names_in_files(state.settings).addresses
    except ReconcileError:
        return ()
