"""``reconcile down``: the project's containers and networks go, and its data only when that is said by name."""

from __future__ import annotations

import click

from reconciler.cli.apply import Teller, interruptible
from reconciler.cli.exitcodes import of_report
from reconciler.cli.state import State, is_terminal, say


@click.command("down")
@click.option("--volumes", is_flag=True, help="Remove the volumes too: their data is lost.")
@click.option("--confirm", metavar="PROJECT", help="The project's name, to remove volumes without being asked.")
@click.pass_obj
def command(state: State, *, volumes: bool, confirm: str | None) -> int:
    """Stop and remove the project's containers and networks; with --volumes also its data."""
    from reconciler.core.report import Report
    from reconciler.run.once import Look
    from reconciler.run.remove import kinds_to_remove, removal

    with state.session() as session:
        if volumes:
            _confirm(session.document.project, confirm)
        reconciler = session.reconciler()
        with session.locked("down"), interruptible() as stop:
            report = Report()
            teller = Teller(state, session)
            for event in removal(reconciler, kinds_to_remove(volumes=volumes), stop=stop.flag):
                if isinstance(event, Look):
                    teller.begin(event)
                else:
                    report += [event]
                    teller.tell(event)
        left = "" if volumes else "; volumes and images are left"
        say(f"{session.document.project}: {'down' if not report.failed else 'not all is down'}{left}.")
        return stop.code or of_report(report)


def _confirm(project: str, confirmed: str | None) -> None:
    """Raise Refused unless the project's name was said. On a terminal it is asked for."""
    from reconciler.core.errors import Refusal, Refused

    if confirmed is None and is_terminal():
        confirmed = click.prompt(f"All data of project {project} will be lost. Type its name to go on", err=True)
    if confirmed != project:
        remedy = f"say which project with `--confirm {project}`"
        raise Refused([Refusal(None, f"`down --volumes` would delete the data of project {project}", remedy)])
