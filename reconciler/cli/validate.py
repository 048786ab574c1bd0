"""``reconcile validate``."""

from __future__ import annotations

import click

from reconciler.cli.output import show
from reconciler.cli.state import State


@click.command("validate")
@click.pass_obj
def command(state: State) -> None:
    """Check both files against their schemas, then everything that can be checked without looking at what is live.

    All problems are shown at once, each with its file, line and column.
    """
    from reconciler.core.graph import needs_of, ordered

    with state.session() as session:
        resources = {resource.address: resource for resource in session.reconciler().desired()}
        ordered(resources, needs_of(resources, session.kinds))
        names = " and ".join(session.names)
    show(f"{names}: valid, {len(resources)} resources.")
