"""``reconcile down``: the project's containers and networks go, and its data only when that is said by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from reconciler.cli.exitcodes import of_error, of_report
from reconciler.cli.options import DISRUPT, address_option, json_option
from reconciler.cli.output import answer, say
from reconciler.cli.runner import Teller, interruptible
from reconciler.cli.state import State, is_terminal, show_error

if TYPE_CHECKING:
    from reconciler.core.execution.report import Report
    from reconciler.core.plan.plan import Plan
    from reconciler.run.session.session import Session

_MOST_NAMES: Final = 10


@click.command("down")
@click.option("--volumes", is_flag=True, help="Remove the volumes too: their data is lost.")
@click.option("--confirm", metavar="PROJECT", help="The project's name, to remove volumes without being asked.")
@json_option()
@address_option("--allow-disrupt", DISRUPT)
@click.option("--despite-daemon", is_flag=True, help="Go on although a daemon would make everything again.")
@click.pass_obj
def command(state: State, /, **options: Any) -> int:
    """Stop and remove the project's containers and networks; with --volumes also its data.

    A network or volume that other projects use is left. It is refused while a daemon acts on the project.
    """
    from reconciler.run.reconciliation.remove import clear, kinds_to_remove, removal

    volumes: bool = options["volumes"]
    with state.session(starts=False) as session:
        # A daemon would bring everything up again.
        if not options["despite_daemon"]:
            _require_no_leader(session)
        if volumes or options["confirm"] is not None:
            _confirm(session.document.project, options["confirm"], volumes=volumes)
        reconciler = session.reconciler(policy=session.policy(may_disrupt=options["allow_disrupt"]))
        with session.locked("down"), session.recorded("down") as record, interruptible() as stop:
            teller = Teller(state)
            kinds = kinds_to_remove(session.kinds.values(), volumes=volumes)
            if error := teller.follow(record.follow(removal(reconciler, kinds, stop=stop.flag))):
                show_error(error, begun=True)
                record.code = stop.code or of_error(error, begun=True)
                return record.code
            record.code = stop.code or of_report(teller.report)
            # Notes beside resources are of no use without them.
            clear(session.providers.values())
        _tell_end(session, teller, volumes=volumes)
        # Leases are volumes, too, and would stay behind.
        _drop_leases(session)
        return stop.code or of_report(teller.report)


def _tell_end(session: Session, teller: Teller, *, volumes: bool) -> None:
    """Say what is left, and why, and what was removed."""
    from reconciler.run.reconciliation.remove import left_in_use, left_to_others

    plan = teller.look.plan
    for line in (*left_in_use(plan), *left_to_others(plan)):
        say(f"  - {line}")
    say(f"{session.document.project}: {_outcome(teller.report)}{_kept(session, plan, volumes=volumes)}.")


def _outcome(report: Report) -> str:
    if not report.events:
        return "nothing was there to remove"
    return "not all is down" if report.unfinished else "down"


def _kept(session: Session, plan: Plan, *, volumes: bool) -> str:
    """The sentence on data that stays; those that others use are reported on their own."""
    from reconciler.core.message.wording import listed
    from reconciler.run.reconciliation.remove import kept_data

    names = [address.name for address in kept_data(plan, session.kinds)]
    if volumes or not names:
        return ""
    is_one = len(names) == 1
    are_left = f"volume {names[0]} is left" if is_one else f"volumes {listed(names, _MOST_NAMES)} are left"
    return f"; {are_left}: `down --volumes` removes {'it' if is_one else 'them'}"


def _require_no_leader(session: Session) -> None:
    """Raises Refused while a daemon acts on the project: it would make everything again."""
    from reconciler.core.message.errors import Refusal, Refused

    if leader := _drop_leases(session):
        message = f"{leader} acts on project {session.document.project}, as far as is known, and would make it again"
        remedy = "stop it first, or go on all the same with `--despite-daemon`"
        raise Refused([Refusal(None, message, remedy, ("--despite-daemon",))])


def _drop_leases(session: Session) -> str:
    """Removes what daemons left that are gone; returns a description of one that may still act, "" without one."""
    from reconciler.run.lock.leadership import leader_left

    return leader_left(session.leases, session.document.project) if session.leases else ""


def _confirm(project: str, confirmed: str | None, *, volumes: bool) -> None:
    """Raise Refused unless the project's name was given. On a terminal it is asked for."""
    from reconciler.core.message.errors import Refusal, Refused

    if confirmed is None and is_terminal():
        confirmed = answer(f"All data of project {project} will be lost. Type its name to go on")
    if confirmed != project:
        remedy = f"say which project with `--confirm {project}`"
        message = f"would delete the data of project {project}" if volumes else f"would take down project {project}"
        raise Refused([Refusal(None, f"`down{' --volumes' if volumes else ''}` {message}", remedy)])
