"""``reconcile snapshot``: all that is live as a file, for a comparison without any server."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli.diff import say_once, write_document
from reconciler.cli.output import say, show_json, writer
from reconciler.cli.state import State, command_line
from reconciler.cli.values import FILE, SECONDS


@click.command("snapshot")
@click.option("--out", type=FILE, metavar="FILE", help="Write it there, instead of printing it.")
@click.option("--wait", type=SECONDS, default=0.0, metavar="SECONDS", help="How long to wait for Keycloak to start.")
@click.pass_obj
def command(state: State, *, out: Path | None, wait: float) -> None:
    """Write what is live of the declared resources as a file, for `diff --against FILE` on a machine without servers.

    There is no secret in it, but a salted digest of each: the same secret in the files is known again.
    """
    from reconciler.run.commands.snapshot import SCHEMA, snapshot_of

    with state.session(needs_secrets=True) as session:
        look = session.reconciler(patience_s=wait, on_wait=say_once()).look()
        made = snapshot_of(look, session.document.project, session.providers, writer().known.__contains__)
        for name in look.unread:
            say(f"{session.providers[name].title} can't be read, and is not in it", level="warning")
        if out is None:
            show_json(made)
        else:
            write_document(out, made, SCHEMA, "snapshot")
            say(f"{out}: {len(made['resources'])} live resources.")
            say(f"Next: `{command_line('diff', '--against', out)}` compares with it, and asks no server.")
