"""``reconcile status``: the state and health of each resource."""

from __future__ import annotations

from typing import Any

import click

from reconciler.cli.diff import say_once
from reconciler.cli.options import pauses_leave
from reconciler.cli.output import show, show_json
from reconciler.cli.state import State, in_colour
from reconciler.cli.values import SECONDS, OneOf
from reconciler.record import replace


@click.command("status")
@click.option("--format", type=OneOf(["text", "json"]), default="text", help="Output format.")
@click.option("--watch", is_flag=True, help="Print it again every two seconds.")
@click.option("--wait", type=SECONDS, default=0.0, metavar="SECONDS", help="How long to wait for Keycloak to start.")
@click.pass_obj
def command(state: State, /, **options: Any) -> None:
    """Show every resource: in sync, drifted, degraded, missing, blocked or paused."""
    from reconciler.render.answers.status import status_json, status_text

    with state.session(needs_secrets=True) as session:
        reconciler = session.reconciler(patience_s=options["wait"], on_wait=say_once())
        while True:
            rows = replace(reconciler, leaves=pauses_leave(session)).status()
            if options["watch"]:
                click.clear()
            if options["format"] == "json":
                show_json(status_json(rows))
            else:
                show(status_text(rows, colour=in_colour()))
            if not options["watch"]:
                return
            session.clock.sleep(2.0)
