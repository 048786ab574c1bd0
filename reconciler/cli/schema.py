"""``reconcile schema``: for editors."""

from __future__ import annotations

import click

from reconciler.cli.output import show_own
from reconciler.cli.values import OneOf


@click.command("schema")
@click.argument("which", type=OneOf(["stack", "users", "plan", "events"]))
def command(which: str) -> None:
    """Print a JSON Schema: of stack.yaml, of users.yaml, of `diff --format json`, or of a line of `apply --json`."""
    from reconciler.config.schema.validator import schema_text

    show_own(schema_text(which))
