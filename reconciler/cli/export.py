"""``reconcile export``: a live realm as users.yaml."""

from __future__ import annotations

from typing import Any

import click

from reconciler.cli.output import show_json, show_yaml
from reconciler.cli.state import State


@click.command("export")
@click.option("--realm", required=True, metavar="REALM", help="Name of the realm.")
@click.option("--format", type=click.Choice(["yaml", "json"]), default="yaml", help="Output format.")
@click.pass_obj
def command(state: State, /, **options: Any) -> None:
    """Print a live realm as users.yaml, without what every new realm has.

    Secrets and passwords are left out: what is not in the file stays as it is in Keycloak. To tell what is default, a
    new realm is made on the server for a moment.
    """
    from reconciler.run.export import exported

    realm = exported(state.settings, options["realm"])
    (show_json if options["format"] == "json" else show_yaml)(realm)
