"""``reconcile config``: what the files come to."""

from __future__ import annotations

import json
from typing import Any

import click

from reconciler.cli.state import State


@click.command("config")
@click.option("--format", type=click.Choice(["yaml", "json"]), default="yaml", help="How it is printed.")
@click.option("--show-secrets", is_flag=True, help="Print the values of secrets, too.")
@click.pass_obj
def command(state: State, /, **options: Any) -> None:
    """Print the desired state: loaded, interpolated, in canonical form.

    The stack file is printed as `docker compose config` prints it; after it, where there are users files, the
    realms, under `realms`.
    """
    from reconciler.config import printable
    from reconciler.run.session import completed_sources

    state.require_files()
    model = printable(completed_sources(state.settings), show_secrets=options["show_secrets"])
    if options["format"] == "json":
        click.echo(json.dumps(model, indent=2))
    else:
        from reconciler.config.yamlfile import yaml_text

        click.echo(yaml_text(model), nl=False)
