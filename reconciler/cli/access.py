"""``reconcile access``: who can get into what, and through what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from reconciler.cli.output import say, show, show_json
from reconciler.cli.state import State
from reconciler.cli.values import OneOf


@click.command("access")
@click.option("--live", is_flag=True, help="Read Keycloak instead of the files.")
@click.option("--realm", multiple=True, metavar="REALM", help="Only this realm; with --live any existing one.")
@click.option("--user", multiple=True, metavar="NAME", help="Only this user.")
@click.option("--client", multiple=True, metavar="ID", help="Only this client.")
@click.option("--format", type=OneOf(["text", "json"]), default="text", help="Output format.")
@click.pass_obj
def command(state: State, /, **options: Any) -> None:
    """Print who can get into what: for each user the roles and groups that each client is told of.

    Clients that are told the same share a line. In brackets is what a role comes through, where the user does not have
    it directly: a group, a composite role, or what everybody has. Users and clients that are switched off are left
    out, and so is what has neither role nor group.
    """
    from reconciler.render.answers.access import access_document, access_text

    realms = dict(_realms(state, options))
    users, clients = [name.lower() for name in options["user"]], options["client"]
    _check("realm", options["realm"], realms)
    _check("user", users, {name for grants in realms.values() for name in grants.users})
    _check("client", clients, {name for grants in realms.values() for name in grants.clients})
    named = ((grants, user) for grants in realms.values() for user in users or sorted(grants.users))
    found = [entry for grants, user in named if user in grants.users for entry in grants.entries(user, clients)]
    open_clients = {realm: sorted(grants.open_clients()) for realm, grants in realms.items()}
    if options["format"] == "json":
        show_json(access_document(found, open_clients))
        return
    show(access_text(found))
    for realm, names in open_clients.items():
        shown = [name for name in names if not clients or name in clients]
        if shown:
            say(f"Every user of {realm} who is not switched off can log in to: {', '.join(shown)}.")


def _realms(state: State, options: Mapping[str, Any]) -> Any:
    from reconciler.run.commands.access import declared, live

    if options["live"]:
        if not state.settings.users_files and not options["realm"]:
            raise click.UsageError("without a users file no realm is named; name one with --realm")
        return live(state.settings, options["realm"], options["user"])
    with state.session() as session:
        if session.document.realms is None:
            raise click.UsageError("without a users file nothing is declared; name one with -u, or use --live")
        return list(declared(session, options["realm"]))


def _check(what: str, names: Any, there: Any) -> None:
    from reconciler.config.yaml.suggest import suggestion
    from reconciler.core.message.errors import UnknownAddress

    for name in names:
        if name not in there:
            hint = suggestion(name, list(there)) or "; check its spelling"
            raise UnknownAddress(f"there is no {what} `{name}`{hint}")
