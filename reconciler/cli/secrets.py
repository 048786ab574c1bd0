"""``reconcile secrets``: which secrets the files declare, and how to get lost ones back. Never prints a value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.exit import Exit
from reconciler.cli.output import say, show, show_json
from reconciler.cli.state import State
from reconciler.cli.values import SECONDS, OneOf
from reconciler.record import asdict

if TYPE_CHECKING:
    from reconciler.run.session.session import DeclaredSecret


@click.group("secrets")
def command() -> None:
    """List the secrets that the files declare under x-reconcile.secrets, change them, and get lost ones back.

    No value is ever printed.
    """


@command.command("list")
@click.option("--format", "form", type=OneOf(["text", "json"]), default="text", help="Output format.")
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
    clients in Keycloak. A part of a text such as a URL is found as well. Exit code 0: all that were given to something
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


@command.command("rotate")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "everything", is_flag=True, help="All secrets that the files declare.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Only show what would be done.")
@click.option("--wait", type=SECONDS, default=300.0, metavar="SECONDS", help="How long to wait for Keycloak to start.")
@click.option("--lock-wait", type=SECONDS, default=0.0, metavar="SECONDS", help="How long to wait for another run.")
@click.pass_obj
def rotate(state: State, /, *, names: tuple[str, ...], everything: bool, **options: Any) -> int:
    """Give secrets new values: in the services that know them, in .env, and in all that uses them.

    Services with a declared way (`x-reconcile.secrets.NAME.rotate`) take the new value while they run. All containers
    that use one are replaced in order of dependency, and the values are tried. A run that was cut off is gone on with
    by the next one, without a NAME. Exit code 3: some of it is left to do.
    """
    from reconciler.cli.rotation import Rotate
    from reconciler.run.session.session import unfinished_of

    state.require_files()
    if names and everything:
        raise click.UsageError("--all goes with no names; name secrets, or say --all")
    if not names and not everything and unfinished_of(state.settings) is None:
        raise click.UsageError("no secret is named; name some, or say --all: `reconcile secrets list` shows them")
    return Rotate(state, **options).run(names)
