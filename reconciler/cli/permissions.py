"""``reconcile permissions``: the least that the account in Keycloak may be given."""

from __future__ import annotations

import click

from reconciler.cli.output import show
from reconciler.cli.state import State


@click.command("permissions")
@click.pass_obj
def command(state: State, /) -> None:
    """Print the roles that the account in Keycloak needs for what the files declare, realm by realm.

    They are roles of the realm's client realm-management; for an account of master, of its client REALM-realm. With
    the role create-realm of master the account makes realms, and has all roles in those.
    """
    from reconciler.core.provider import PermissionSource

    with state.session() as session:
        if session.document.realms is None:
            raise click.UsageError("Without a users file nothing in Keycloak is declared; name one with -u.")
        for provider in session.providers.values():
            if isinstance(provider, PermissionSource):
                for realm, roles in provider.permissions(provider.expand(session.document)).items():
                    for role, reason in roles.items():
                        show(f"{realm}  {role:<28}{reason}")
