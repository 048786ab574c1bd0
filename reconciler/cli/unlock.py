"""``reconcile unlock``: report which runs hold the project's lock, and remove the marks of runs that are gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler.cli.exit import Exit
from reconciler.cli.exitcodes import of_error
from reconciler.cli.output import say, warn
from reconciler.cli.state import State, show_error

if TYPE_CHECKING:
    from reconciler.core.message.errors import Refusal
    from reconciler.core.provider import LeaseStore
    from reconciler.run.lock.lock import Holder


@click.command("unlock")
@click.option("--yes", is_flag=True, help="Also break the lock of a run that may still be active.")
@click.pass_obj
def command(state: State, *, yes: bool) -> int:
    """Report who holds the project's lock, and break it where nobody is at work any more.

    Marks that no run can have left are removed as well. A run on another machine or in another container can't be asked
    whether it lives: `apply --lock-wait 150` watches for two minutes whether it renews its mark; --yes breaks its lock.
    """
    from reconciler.core.message.errors import Refusal, Refused
    from reconciler.run.lock.lock import State as Mark
    from reconciler.run.lock.lock import holders, other_names

    with state.session(starts=False) as session:
        store, project = session.leases, session.document.project
        found = holders(store, project) if store else []
        for name in other_names(store, project) if store else ():
            warn(f"volume {name} has the label of a lock of {project}, but not the name of one; it is left alone")
        if not found:
            say(f"{project}: nobody holds the lock.")
        living = [holder for holder in found if holder.state in (Mark.HELD, Mark.FOREIGN) and not yes]
        refusals = [Refusal(None, f"{each} {each.state.value}", _REMEDY) for each in living]
        for holder in found:
            if store and holder not in living:
                refusals += _removed(store, project, holder)
        if not refusals:
            return Exit.DONE
        refused, begun = Refused(refusals), len(refusals) < len(found)
        show_error(refused, begun=begun)
        return of_error(refused, begun=begun)


_REMEDY = "wait for it to end, or break its lock with `reconcile unlock --yes`"


def _removed(store: LeaseStore, project: str, holder: Holder) -> list[Refusal]:
    """Remove a mark, unless its volume is more than a mark."""
    from reconciler.core.message.errors import Refusal
    from reconciler.run.lock.lock import State as Mark

    if store.holds_data(holder.name):
        remedy = "look at what it is, and remove it by hand if it may go"
        message = f"volume {holder.name} looks like a lock of {project}, but is in use or has data"
        return [Refusal(None, message, remedy)]
    store.drop_lease(holder.name)
    why = {Mark.OVER: ", which is gone", Mark.MALFORMED: ", which no run can have left"}.get(holder.state, "")
    say(f"{project}: the lock of {holder} is broken{why}.")
    return []
