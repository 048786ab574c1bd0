"""``reconcile export``: what lives, as a file on the standard output."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler.cli.adopt import here, require_names
from reconciler.cli.output import say, show_json, show_yaml, warn

if TYPE_CHECKING:
    from reconciler.run.adopt import AdoptedFile


@click.command("export")
@click.argument("names", nargs=-1, metavar="[PROJECT|CONTAINER]...")
@click.option("--realm", "realms", multiple=True, metavar="REALM", help="A realm, as users.yaml.")
@click.option("--format", "form", type=click.Choice(["yaml", "json"]), default="yaml", help="Output format.")
@click.pass_context
def command(ctx: click.Context, /, names: tuple[str, ...], realms: tuple[str, ...], form: str) -> None:
    """Print a running Compose project or containers as stack.yaml, or a live realm as users.yaml, without defaults.

    No secret is printed: in a stack there are variables in their places, which `adopt` writes into .env. Secrets and
    passwords of a realm are left out or masked, and stay as they are. To tell what is default, a new realm is made on
    the server for a moment.
    """
    from reconciler.run.adopt import adopted_realms, adopted_stack

    if names and realms:
        raise click.UsageError("A stack and a realm are two files; export one after the other.")
    require_names(names, realms)
    found = adopted_realms(ctx.obj.settings, realms, with_secrets=False) if realms else adopted_stack(here(ctx), names)
    (show_json if form == "json" else show_yaml)(found.content)
    _tell(found)


def _tell(found: AdoptedFile) -> None:
    for remark in found.remarks:
        warn(remark)
    if found.variables:
        say(f"It needs the variables {', '.join(sorted(found.variables))}; `reconcile adopt` writes them into .env.")
