"""``reconcile schema``: for editors."""

from __future__ import annotations

import click

from reconciler.cli.output import show_own


@click.command("schema")
@click.argument("which", type=click.Choice(["stack", "users", "plan"]))
def command(which: str) -> None:
    """Print a JSON Schema: of stack.yaml, of users.yaml, or of what `diff --format json` prints."""
    from reconciler.config.schema.validator import schema_text

    show_own(schema_text(which))
