"""``reconcile unlock``: say who is at work on the project, and take away the mark of whoever is gone."""

from __future__ import annotations

import click

from reconciler.cli.state import State, say


@click.command("unlock")
@click.option("--yes", is_flag=True, help="Break the lock of a run that may still be at work, too.")
@click.pass_obj
def command(state: State, *, yes: bool) -> None:
    """Say who holds the project's lock, and break it where nobody is at work any more.

    A run on another machine can't be asked whether it lives: its lock expires by itself after two minutes, or is broken
    with --yes.
    """
    from reconciler.core.errors import Refusal, Refused
    from reconciler.run.lock import holders

    with state.session() as session:
        store, project = session.leases, session.document.project
        found = holders(store) if store else []
        if not found:
            say(f"{project}: nobody holds the lock.")
        living = [holder for holder in found if not holder.is_over and not yes]
        for holder in found:
            if store and holder not in living:
                store.drop_lease(holder.name)
                say(f"{project}: the lock of {holder.owner} is broken{', which is gone' if holder.is_over else ''}.")
        if living:
            remedy = "wait for it to end, or break its lock with `reconcile unlock --yes`"
            raise Refused([Refusal(None, f"{holder.owner} may still be at work", remedy) for holder in living])
