"""``reconcile config``: what the files come to."""

from __future__ import annotations

from typing import Any

import click

from reconciler.cli.output import show_json, show_yaml
from reconciler.cli.state import State, show_problems
from reconciler.cli.values import OneOf


@click.command("config")
@click.option("--format", type=OneOf(["yaml", "json"]), default="yaml", help="Output format.")
@click.option("--show-secrets", is_flag=True, help="Print the values of secrets, too.")
@click.pass_obj
def command(state: State, /, **options: Any) -> None:
    """Print the desired state: loaded, interpolated, in canonical form.

    The stack file is printed as `docker compose config` prints it; after it, where there are users files, the
    realms, under `realms`.
    """
    from reconciler.config import printable
    from reconciler.run.session.session import completed_sources

    state.require_files()
    with_secrets = options["show_secrets"]
    found = printable(completed_sources(state.settings), show_secrets=with_secrets)
    show_problems(found.warnings)
    (show_json if options["format"] == "json" else show_yaml)(found.model, with_secrets=with_secrets)
