"""``reconcile doctor``: find the cause of trouble, above all of a login that fails. Changes nothing."""

from __future__ import annotations

import click

from reconciler.cli.exit import Exit
from reconciler.cli.output import repeating, show, show_json
from reconciler.cli.state import State, in_colour
from reconciler.cli.values import OneOf


@click.command("doctor")
@click.option("--format", "form", type=OneOf(["text", "json"]), default="text", help="Output format.")
@click.pass_obj
def command(state: State, *, form: str) -> int:
    """Check the engine, Keycloak and the containers, and walk the login of `x-reconcile.login` as a browser does.

    Each finding names the cause, its place, and the one command or line that mends it. Exit code 0: no findings; 2:
    findings. It changes nothing, and ends within three minutes whatever hangs.
    """
    from reconciler.render.answers.doctor import doctor_json, doctor_text
    from reconciler.run.commands.doctor import examined

    with state.session() as session:
        found = examined(session)
        if form == "json":
            project = session.document.project
            show_json(doctor_json(project, found.checked, found.diagnoses, found.login, found.walk))
        else:
            outcome = (found.checked, found.diagnoses, found.login, found.walk)
            show(repeating(doctor_text(*outcome, colour=in_colour(), full=state.verbose)))
    return Exit.DIFFERENT if found.diagnoses else Exit.DONE
