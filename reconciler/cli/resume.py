"""``reconcile resume``: the end of a pause."""

from __future__ import annotations

import time

import click

from reconciler.cli.options import complete_address
from reconciler.cli.output import say
from reconciler.cli.pause import SUBJECT, named, subject_of
from reconciler.cli.state import State


@click.command("resume")
@click.argument("subject", metavar=SUBJECT, shell_complete=complete_address)
@click.pass_obj
def command(state: State, *, subject: str) -> None:
    """End the pause of a resource, a service or the whole project.

    Its differences are repaired by the next `apply`, or by the daemon's next look.
    """
    from reconciler.core.message.errors import UnknownAddress, writing

    key, pauses = subject_of(state, subject, may_be_gone=True)
    with writing("pauses", pauses.file):
        was_paused = pauses.end(key, time.time())
    if not was_paused:
        raise UnknownAddress(f"{named(key)} is not paused; `reconcile status` shows what is")
    say(f"{named(key)} is no longer paused.")
