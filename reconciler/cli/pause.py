"""``reconcile pause``: the daemon and `apply` leave a resource alone for a while."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import click

from reconciler.cli.options import complete_address
from reconciler.cli.output import say
from reconciler.cli.state import State, command_line
from reconciler.cli.values import SECONDS
from reconciler.core.plan.restraint import LONGEST_PAUSE_S, USUAL_PAUSE_S

if TYPE_CHECKING:
    from reconciler.core.resource.address import Address
    from reconciler.run.commands.names import Names
    from reconciler.run.daemon.pauses import Pauses

SUBJECT: Final = "ADDRESS|SERVICE|PROJECT"
_LONGEST_REASON: Final = 500


@click.command("pause")
@click.argument("subject", metavar=SUBJECT, shell_complete=complete_address)
@click.option("--for", "seconds", type=SECONDS, default=USUAL_PAUSE_S, metavar="TIME", help="How long; default: 1h.")
@click.option("--reason", default="", metavar="TEXT", help="Why, for those who meet the pause.")
@click.option("--owner", metavar="NAME", help="Who asks for it; default: your name on this machine.")
@click.pass_obj
def command(state: State, /, subject: str, **options: Any) -> None:
    """Leave a resource, a service or the whole project alone for a while.

    Its differences are still shown. The daemon and `apply` act on it again when the pause ends. A second pause of the
    same resource replaces the first.
    """
    from reconciler.core.message.errors import writing
    from reconciler.run.daemon.pauses import Pause
    from reconciler.run.session.session import user_name

    if not 0 < options["seconds"] <= LONGEST_PAUSE_S:
        raise click.BadParameter(
            "a pause is longer than 0s and lasts at most 30d; write a time such as 2h", param_hint="--for"
        )
    key, pauses = subject_of(state, subject)
    now, reason = time.time(), " ".join(options["reason"].split())[:_LONGEST_REASON]
    made = Pause(key, options["owner"] or user_name(), reason, now, now + options["seconds"])
    with writing("pauses", pauses.file):
        pauses.add(made)
    say(f"{named(key)} is {made}.")
    say(f"Next: `{command_line('resume', subject)}` ends the pause.")


def subject_of(state: State, text: str, *, may_be_gone: bool = False) -> tuple[str, Pauses]:
    """The subject of a pause that a text means, and the pauses of its project.

    Raises UnknownAddress for what no file declares, unless it ``may_be_gone``.
    """
    from reconciler.core.message.errors import ReconcileError, UnknownAddress
    from reconciler.core.resource.address import Address
    from reconciler.run.commands.names import names_in_files
    from reconciler.run.daemon.pauses import EVERYTHING, Pauses, file_of
    from reconciler.run.reconciliation.once import require_known

    state.require_files()
    names: Names = names_in_files(state.settings)
    file = file_of(state.settings, names.project)
    if file is None:
        raise ReconcileError("there is no place to keep a pause; name one with --state-directory")
    if text in (EVERYTHING, names.project):
        if text in names.services:
            raise UnknownAddress(
                f"`{text}` is the project and a service of it; write {names.services[text]}, or `{EVERYTHING}` for all"
            )
        return EVERYTHING, Pauses(file)
    address = _address(names, text)
    if not may_be_gone:
        require_known([address], map(Address.parse, names.addresses))
    return str(address), Pauses(file)


def _address(names: Names, text: str) -> Address:
    try:
        return names.address(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint=SUBJECT) from error


def named(key: str) -> str:
    """The subject of a pause at the beginning of a sentence."""
    from reconciler.run.daemon.pauses import EVERYTHING

    return "The whole project" if key == EVERYTHING else key
