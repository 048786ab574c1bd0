"""``reconcile permissions``: the least that the account in Keycloak may be given."""

from __future__ import annotations

import click

from reconciler.cli.output import show
from reconciler.cli.state import State


@click.command("permissions")
@click.pass_obj
def command(state: State, /) -> None:
    """Print the roles of realm-management that the account needs for what the files declare, realm by realm."""
    from reconciler.providers.keycloak.permissions import rights

    with state.session() as session:
        keycloak = session.providers.get("keycloak")
        if keycloak is None:
            raise click.UsageError("Without a users file nothing in Keycloak is declared; name one with -u.")
        for realm, roles in rights(keycloak.expand(session.document)).items():
            for role, reason in roles.items():
                show(f"{realm}  {role:<28}{reason}")
