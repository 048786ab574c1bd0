"""``reconcile secrets``: which secrets the files declare, and how to get lost ones back. Never prints a value."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler.cli.exit import Exit
from reconciler.cli.output import say, show, show_json
from reconciler.cli.state import State
from reconciler.record import asdict

if TYPE_CHECKING:
    from reconciler.run.session.session import DeclaredSecret


@click.group("secrets")
def command() -> None:
    """List the secrets that the files declare under x-reconcile.secrets, and get lost ones back.

    No value is ever printed.
    """


@command.command("list")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="Output format.")
@click.pass_obj
def list_secrets(state: State, *, form: str) -> None:
    """Say for each declared secret whether it has a value, where that is set, and where it is used.

    Asks neither the engine nor Keycloak.
    """
    from reconciler.run.session.session import secrets_of

    state.require_files()
    found = secrets_of(state.settings)
    if form == "json":
        show_json([asdict(each) for each in found])
        return
    for each in found:
        show("\n    ".join([f"{each.name}  {_standing(each)}", *(each.used or ["used nowhere"])]))
    if not found:
        say("No secrets are declared under x-reconcile.secrets.")


def _standing(secret: DeclaredSecret) -> str:
    return f"set in {secret.set_in}" if secret.set_in else "has no value"


@command.command("recover")
@click.pass_obj
def recover(state: State) -> int:
    """Read secrets that have no value from what lives, and write them into .env; a value that is there stays.

    They are read from the environment, commands, labels and mounted secrets of the project's containers, and from
    clients in Keycloak, also where they are part of a text such as a URL. Exit code 0: all that were given to something
    are written; 3: some of them; 1: none.
    """
    from reconciler.run.session.lostsecrets import BY_HAND
    from reconciler.run.session.session import env_file, recover_secrets

    state.require_files()
    became = recover_secrets(state.settings)
    for name, place in became.where.items():
        say(f"{env_file(state.settings)}: {name} is written, as {place} has it.")
    for name in became.new:
        say(f"{name} was given to nothing that lives; the next apply generates it.")
    for name, why in became.lost.items():
        say(f"{name} can't be recovered: {why}; {BY_HAND}.")
    if not (became.where or became.new or became.lost):
        say("Every declared secret has a value; there is nothing to recover.")
    if not became.lost:
        return Exit.DONE
    return Exit.PARTIAL if became.where else Exit.ERROR
