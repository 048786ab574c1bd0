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
    whether it lives. `apply --lock-wait 150` watches for two minutes whether it renews its mark; --yes breaks its lock.
    A run whose lock is broken notices that within ten seconds; until then it may make changes beside another run.
    """
    from reconciler.core.message.errors import Refusal, Refused
    from reconciler.run.lock.lock import LEAD, STANDBY, holders
    from reconciler.run.lock.lock import State as Mark

    with state.session(starts=False) as session:
        store, project = session.leases, session.document.project
        if store is None:
            say(f"{project}: nobody holds the lock.")
            return Exit.DONE
        _warn_of_others(store, project)
        runs = holders(store, project)
        leaders = [*holders(store, project, LEAD), *holders(store, project, STANDBY)]
        # The lease of a daemon is a mark as well: it is reported below, and removed where its daemon is gone.
        if not (runs or leaders):
            say(f"{project}: nobody holds the lock.")
        acting = {each.name for each in (*runs, *leaders) if each.state in (Mark.HELD, Mark.FOREIGN) and not yes}
        for leader in (each for each in leaders if each.name in acting):
            say(f"{project}: {leader} acts on it, as far as is known; `--yes` removes the lease of one that is gone.")
        refusals = [Refusal(None, f"{each} {each.state.value}", _REMEDY) for each in runs if each.name in acting]
        left = [each for each in (*runs, *leaders) if each.name not in acting]
        more = [refusal for holder in left for refusal in _removed(store, project, holder)]
        if not (refusals or more):
            return Exit.DONE
        refused, begun = Refused([*refusals, *more]), len(more) < len(left)
        show_error(refused, begun=begun)
        return of_error(refused, begun=begun)


_REMEDY = "wait for it to end, or break its lock with `reconcile unlock --yes`"


def _warn_of_others(store: LeaseStore, project: str) -> None:
    from reconciler.run.lock.lock import other_names

    for name in other_names(store, project):
        labelled = f"{store.lease_noun} {name} has the label of a lock of {project}"
        warn(f"{labelled}, but not the name of one; it is left alone")


def _removed(store: LeaseStore, project: str, holder: Holder) -> list[Refusal]:
    """Remove a mark, unless it is more than a mark."""
    from reconciler.core.message.errors import Refusal
    from reconciler.run.lock.lock import CONFIRMED_S
    from reconciler.run.lock.lock import State as Mark

    if store.holds_data(holder.name):
        remedy = "look at what it is, and remove it by hand if it may go"
        message = f"{holder.noun} {holder.name} looks like a lock of {project}, but is in use or has data"
        return [Refusal(None, message, remedy)]
    store.drop_lease(holder.name)
    # A run asks for its mark before a change, unless it has just seen it.
    notices = f" is broken; if it still runs, it notices that within {CONFIRMED_S:.0f} s, and makes changes until then"
    why = {
        Mark.OVER: ", which is gone, is broken",
        Mark.MALFORMED: ", which no run can have left, is broken",
    }.get(holder.state, notices)
    say(f"{project}: the lock of {holder}{why}.")
    return []
