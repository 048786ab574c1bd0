"""``reconcile validate``."""

from __future__ import annotations

import click

from reconciler.cli.findings import WITH_COMMENT, errors_as, show_findings
from reconciler.cli.output import show
from reconciler.cli.state import State
from reconciler.cli.values import OneOf


@click.command("validate")
@click.option("--format", "form", type=OneOf(["text", *WITH_COMMENT]), default="text", help="Output format.")
@click.pass_obj
def command(state: State, *, form: str) -> None:
    """Check both files against their schemas, then everything that can be checked without looking at what is live.

    All problems are shown at once, each with its file, line and column.
    """
    from reconciler.core.plan.graph import needs_of, ordered

    with errors_as(state, form), state.session(asks_sources=False) as session:
        resources = {resource.address: resource for resource in session.reconciler().desired()}
        ordered(resources, needs_of(resources, session.kinds))
        names, warnings = " and ".join(session.names), session.warnings
    if form != "text":
        from reconciler.render.ci.findings import findings_of_problems

        show_findings(state, findings_of_problems(warnings), form)
        return
    show(f"{names}: valid, {len(resources)} resources.")
