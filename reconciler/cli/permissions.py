"""``reconcile permissions``: the least that the account in Keycloak, and a proxy of the engine, may be given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler.cli.output import show
from reconciler.cli.state import State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.run.session.session import Session


@click.command("permissions")
@click.option(
    "--docker", "of_engine", is_flag=True, help="The requests that a proxy in front of the engine must admit."
)
@click.option("--patterns", is_flag=True, help="With --docker: regular expressions of `METHOD PATH`, one a line.")
@click.pass_obj
def command(state: State, /, *, of_engine: bool, patterns: bool) -> None:
    """Print the roles that the account in Keycloak needs for what the files declare, realm by realm.

    They are roles of the realm's client realm-management; for an account of master, of its client REALM-realm. With
    the role create-realm of master the account makes realms, and has all roles in those.

    The roles of an account that may only look are printed below them.

    With --docker it prints the requests to the engine instead, for a proxy in front of its socket.
    """
    if patterns and not of_engine:
        raise click.UsageError("--patterns is a form of --docker; give that as well")
    with state.session() as session:
        if of_engine:
            _print_requests(session, patterns=patterns)
        else:
            _print_roles(session)


def _print_roles(session: Session) -> None:
    from reconciler.core.provider import PermissionSource

    if session.document.realms is None:
        raise click.UsageError("without a users file nothing in Keycloak is declared; name one with -u")
    for provider in session.providers.values():
        if isinstance(provider, PermissionSource):
            wanted = tuple(provider.expand(session.document))
            _print_table(provider.permissions(wanted))
            show("\nAn account that may only look, for diff, status, why, doctor and a daemon that observes:\n")
            _print_table(provider.looking(wanted))


def _print_table(realms: Mapping[str, Mapping[str, str]]) -> None:
    for realm, roles in realms.items():
        for role, reason in roles.items():
            show(f"{realm}  {role:<28}{reason}")


def _print_requests(session: Session, *, patterns: bool) -> None:
    from reconciler.core.provider import EndpointSource

    if session.document.stack is None:
        raise click.UsageError("without a stack file nothing is asked of an engine; name one with -f")
    for provider in session.providers.values():
        if isinstance(provider, EndpointSource):
            for request, (reason, pattern) in provider.endpoints(session.document).items():
                show(pattern if patterns else f"{request:<42}{reason}")
