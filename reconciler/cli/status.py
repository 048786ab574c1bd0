"""``reconcile status``: the state and health of each resource."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from reconciler.cli.diff import say_once
from reconciler.cli.exit import Exit
from reconciler.cli.options import pauses_leave
from reconciler.cli.output import show, show_json
from reconciler.cli.state import State, in_colour, show_error
from reconciler.cli.values import SECONDS, OneOf
from reconciler.core.execution.report import TROUBLED, Standing
from reconciler.record import replace

if TYPE_CHECKING:
    from reconciler.core.provider import Machine
    from reconciler.run.reconciliation.once import Reconciler
    from reconciler.run.session.session import Session

_WATCH_S: Final = 2.0


@click.command("status")
@click.option("--format", type=OneOf(["text", "json"]), default="text", help="Output format.")
@click.option("--watch", is_flag=True, help="Print it again every two seconds.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 also if something is not in sync.")
@click.option("--wait", type=SECONDS, default=0.0, metavar="SECONDS", help="How long to wait for Keycloak to start.")
@click.pass_obj
def command(state: State, /, **options: Any) -> int:
    """Show every resource: in sync, drifted, degraded, missing, unknown, blocked or paused.

    Exit code 0: nothing is drifted, degraded, missing, unknown or blocked; 2: something is. With --watch it goes on
    also while the engine or Keycloak can't be read.
    """
    with state.session(needs_secrets=True) as session:
        reconciler = session.reconciler(patience_s=options["wait"], on_wait=say_once())
        if options["watch"]:
            _watch(session, reconciler, options["format"])
        rows = replace(reconciler, leaves=pauses_leave(session)).status()
        _print(rows, _machines(session), options["format"])
    is_troubled = any(row.state in TROUBLED for row in rows)
    return Exit.DIFFERENT if is_troubled and not options["exit_zero"] else Exit.DONE


def _watch(session: Session, reconciler: Reconciler, form: str) -> NoReturn:
    """Prints the states again and again, until the person ends it."""
    from reconciler.core.message.errors import ReconcileError

    while True:
        try:
            rows = replace(reconciler, leaves=pauses_leave(session)).status()
        except ReconcileError as error:
            click.clear()
            show_error(error)
        else:
            click.clear()
            _print(rows, _machines(session), form)
        session.clock.sleep(_WATCH_S)


def _machines(session: Session) -> Sequence[Machine]:
    """The machines of a cluster, as far as they can be read: else the resources say why not."""
    from reconciler.core.message.errors import ProviderError
    from reconciler.core.provider import MachineSource

    found: list[Machine] = []
    for source in (each for each in session.providers.values() if isinstance(each, MachineSource)):
        with suppress(ProviderError):
            found += source.machines()
    return found


def _print(rows: Sequence[Standing], machines: Sequence[Machine], form: str) -> None:
    from reconciler.render.answers.status import status_json, status_text

    if form == "json":
        show_json(status_json(rows, machines))
    else:
        show(status_text(rows, machines, colour=in_colour()))
