"""``reconcile why``: the causes of a planned change, and what was done to the resource before."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.diff import say_once
from reconciler.cli.options import complete_address
from reconciler.cli.output import show, show_json, warn
from reconciler.cli.state import State, as_address
from reconciler.cli.values import SECONDS, OneOf, Whole

if TYPE_CHECKING:
    from reconciler.core.plan.plan import Plan
    from reconciler.core.resource.address import Address
    from reconciler.render.answers.why import Answer
    from reconciler.run.session.session import Session


@click.command("why")
@click.argument("address", callback=as_address, metavar="ADDRESS|SERVICE", shell_complete=complete_address)
@click.option("--format", type=OneOf(["text", "json"]), default="text", help="Output format.")
@click.option("--limit", type=Whole(1), default=5, metavar="N", help="Most earlier runs to show.")
@click.option("--wait", type=SECONDS, default=0.0, metavar="SECONDS", help="How long to wait for Keycloak to start.")
@click.pass_obj
def command(state: State, /, **options: Any) -> None:
    """Explain what is planned for ADDRESS, and what was done to it before.

    Before an apply: the fields that differ, their lines, their causes, and the reason for the cost. After it: the runs
    that changed it, and who had changed it outside of the files, as far as its server records that.
    """
    from reconciler.render.answers.why import why_json, why_text
    from reconciler.render.plan.jsonplan import PlanDocument

    with state.session(needs_secrets=True) as session:
        answer = _answer(session, options["address"], limit=options["limit"], wait_s=options["wait"])
        if options["format"] == "json":
            document = PlanDocument(session.document.project, session.kinds, secrets.token_hex(8))
            show_json(why_json(answer, document, session.document.project))
        else:
            show(why_text(answer))


def _answer(session: Session, address: Address, *, limit: int, wait_s: float) -> Answer:
    from reconciler.config.yaml.suggest import suggestion
    from reconciler.core.message.errors import UnknownAddress
    from reconciler.render.answers.why import Answer
    from reconciler.run.session.recorder import AUTHORS_SINCE_S, authors_of, ids_of

    plan = _plan(session, wait_s)
    runs = session.history.runs(address=str(address), limit=limit)
    changes = [change for change in plan.changes if change.address == address] if plan else []
    if not changes and not runs:
        known = [str(change.address) for change in plan.changes] if plan else []
        known += session.history.addresses()
        near = suggestion(str(address), sorted(set(known)))
        raise UnknownAddress(f"there is no {address}{near or '; `reconcile status` lists the addresses there are'}")
    ended = [run.began + (run.seconds or 0.0) for run, _ in runs[:1]]
    since = max([time.time() - AUTHORS_SINCE_S, *ended])
    found = authors_of(session.providers, ids_of(changes, session.memory), since=since)
    return Answer(address, plan, session.kinds, runs, found.get(address, ()))


def _plan(session: Session, wait_s: float) -> Plan | None:
    """The plan; None, with a warning, where a server can't be read: what was done before is known all the same."""
    from reconciler.core.message.errors import ProviderError

    try:
        return session.reconciler(patience_s=wait_s, on_wait=say_once()).look().plan
    except ProviderError as error:
        warn(f"only the history is shown: {error}")
        return None
