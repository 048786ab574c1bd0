"""``reconcile apply``: show the plan, do it, and call it a success when it was seen to be so."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.diff import checksum_of, document, rendered
from reconciler.cli.exit import Exit
from reconciler.cli.exitcodes import of_error, of_report
from reconciler.cli.options import (
    DISRUPT,
    EXCLUDE,
    TARGET,
    address_option,
    include_paused_option,
    json_option,
    leaves_of,
)
from reconciler.cli.output import agreed, emit, fail, in_events, say, show, warn, writer
from reconciler.cli.runner import Stop, Teller, interruptible
from reconciler.cli.state import State, is_terminal, show_error
from reconciler.cli.values import FILE, SECONDS, Whole

if TYPE_CHECKING:
    from reconciler.core.difference.change import Change
    from reconciler.core.plan.plan import Plan
    from reconciler.core.plan.policy import Policy
    from reconciler.run.commands.gate import LoginGate
    from reconciler.run.reconciliation.once import Look, Reconciler
    from reconciler.run.session.recorder import Recorder
    from reconciler.run.session.session import Session


@click.command("apply")
@click.argument("plan", type=FILE, required=False, metavar="[PLAN]")
@click.option("--checksum", metavar="H", help="Apply only the plan that `diff` showed with this checksum.")
@click.option("--yes", is_flag=True, help="Do not ask; allow deletions.")
@click.option("--dry-run", is_flag=True, help="Only show the plan; exit code 2 if there are differences.")
@address_option("--target", TARGET)
@address_option("--exclude", EXCLUDE)
@include_paused_option()
@address_option("--allow-delete", "Allow deleting this resource and its data.")
@click.option(
    "--max-delete",
    type=Whole(0),
    metavar="N",
    help="Most deletions of one type that look like a mistake.",
)
@address_option("--adopt", "Adopt this existing resource.")
@address_option("--allow-disrupt", DISRUPT)
@address_option("--allow-empty", "Allow this container to begin with an empty volume.")
@click.option("--wait", type=SECONDS, default=300.0, metavar="SECONDS", help="How long to wait for Keycloak to start.")
@json_option()
@click.option("--lock-wait", type=SECONDS, default=0.0, metavar="SECONDS", help="How long to wait for another run.")
@click.pass_obj
def command(state: State, /, **options: Any) -> int:
    """Show the plan, ask on a terminal, and do only what differs. PLAN is a file written by `diff --out`.

    Without a terminal it proceeds where it only creates, updates and replaces what is its own. Deleting needs
    --yes, and losing data needs --allow-delete for each resource that loses it. A rotation of secrets that was cut off
    is finished first.
    """
    from reconciler.cli.rotation import finish_rotation

    state.require_files()
    if not options["dry_run"] and (code := finish_rotation(state, lock_wait=options["lock_wait"])):
        return code
    with state.session(needs_secrets=True) as session:
        return _Apply(state, session, options).run()


class _Apply:
    """One apply, with the options of its command line by their names."""

    def __init__(self, state: State, session: Session, options: Mapping[str, Any]) -> None:
        self._state, self._session = state, session
        self._plan_file: Path | None = options["plan"]
        self._checksum: str | None = options["checksum"]
        self._dry_run, self._lock_wait = options["dry_run"], options["lock_wait"]
        self._asks = is_terminal() and not options["yes"]
        self._teller = Teller(state)
        self._reconciler: Reconciler = session.reconciler(
            policy=_policy(session, options, deletes=options["yes"] or self._asks),
            only=options["target"],
            excluded=options["exclude"],
            leaves=leaves_of(session, options),
            patience_s=options["wait"],
            on_wait=self._teller.awaits,
        )
        self._allowed = {name: options[name] for name in ("allow_delete", "adopt", "allow_disrupt", "allow_empty")}
        self._approved = False
        self._asked_s = 0.0
        self._stop = Stop()

    def run(self) -> int:
        with self._teller.comparing():
            look = self._reconciler.look()
        self._warn_of_unknown(look)
        if look.plan.is_left or self._dry_run:
            return self._without_change(look)
        with (
            # The lock before the look that counts: what was shown may have changed while we waited for it.
            self._session.locked("apply", wait_s=self._lock_wait),
            self._session.recorded("apply") as record,
            interruptible() as self._stop,
        ):
            code = self._converge(self._stop.flag, self._session.still_good(look), record)
            record.code = self._stop.code or code
            return record.code

    def _without_change(self, look: Look) -> int:
        """Show the plan of a dry run, or of a project without differences; returns the exit code."""
        self._check_saved(look)
        self._show(look.plan)
        if self._dry_run:
            return Exit.DONE if look.plan.in_sync else Exit.DIFFERENT
        # Without a change nothing asks or locks, but made-up secrets and takeovers are still to be kept.
        self._session.keep_secrets()
        with self._session.recorded("apply") as record:
            record.saw(look, self._reconciler)
        return Exit.DONE if _taken_over(self._session, look) else Exit.PARTIAL

    def _warn_of_unknown(self, look: Look) -> None:
        """Warns about options that name an unknown resource, most likely a slip, or one that needs no adoption."""
        from reconciler.config.yaml.suggest import suggestion

        known = [str(change.address) for change in look.plan.changes]
        for name, allowed in self._allowed.items():
            for address in sorted(map(str, allowed)):
                if address not in known:
                    warn(f"--{name.replace('_', '-')} {address}: there is no such resource{suggestion(address, known)}")
        for change in look.plan.changes:
            if change.address in self._allowed["adopt"] and (reason := _why_no_adoption(change)):
                warn(f"--adopt {change.address} has no effect: {reason}")

    def _converge(self, stop: threading.Event, first: Look | None, record: Recorder) -> int:
        from reconciler.run.commands.gate import login_gate

        gate = login_gate(self._session)
        if gate is None:
            return self._converged(self._teller, stop, first, record)
        gate.begin()
        code = self._converged(self._teller, stop, first, record)
        return self._gated(gate, self._teller, record) if code == Exit.DONE and not stop.is_set() else code

    def _gated(self, gate: LoginGate, teller: Teller, record: Recorder) -> int:
        """Walk the login after an apply that succeeded, and take the changes back where it is broken."""
        from reconciler.render.answers.doctor import login_words

        walked = gate.end()
        if walked.works:
            say(f"gate: {login_words(gate.login, walked)}")
            return Exit.DONE
        fail(f"gate: {login_words(gate.login, walked)}")
        # A login that was broken before proves nothing against this run.
        if not gate.worked:
            say("It failed before this run as well, so nothing is taken back. `reconcile doctor` looks for the cause.")
            return Exit.PARTIAL
        say("It worked before this run; its changes are taken back.")
        self._take_back(teller, record)
        say(f"gate: {login_words(gate.login, gate.end())}. `reconcile diff` shows what the files ask for.")
        return Exit.ROLLED_BACK

    def _take_back(self, teller: Teller, record: Recorder) -> None:
        from reconciler.core.message.errors import ReconcileError
        from reconciler.run.commands.gate import Rollback

        back, telling = Rollback(self._reconciler, tuple(teller.looks)), Teller(self._state)
        try:
            with telling.comparing():
                for event in record.follow(back.events()):
                    telling.tell(event)
        except ReconcileError as error:
            show_error(error, begun=True)
        for address in sorted(back.done):
            say(f"taken back: {address}")
        for address, why in sorted(back.left.items()):
            say(f"stays: {address}: {why}")

    def _converged(self, teller: Teller, stop: threading.Event, first: Look | None, record: Recorder) -> int:
        began = self._session.clock.now()
        events = self._reconciler.converge(self._approve, stop=stop, first=first)
        error = teller.follow(record.follow(events, self._reconciler))
        teller.tell_outcome(self._session.clock.now() - began - self._asked_s)
        if error:
            show_error(error, begun=True)
            return of_error(error, begun=True)
        if teller.look.plan.is_left and not teller.report.failed:
            self._show(teller.look.plan)
        return of_report(teller.report)

    def _show(self, plan: Plan) -> None:
        if in_events():
            from reconciler.render.plan.text import summary

            emit("plan", summary(plan, self._session.names), plan=document(self._session, plan))
        else:
            show(rendered(self._state, self._session, plan, "text"))

    def _approve(self, look: Look) -> None:
        """Show the plan of a pass, and ask where that is due. Raises Cancelled, or StalePlan for a saved plan."""
        self._check_saved(look)
        self._show(look.plan.without_refusals())  # the error says what is refused
        if look.plan.refusals:
            return
        # Later passes were part of the first answer, unless they bring a danger that it did not show.
        if self._asks and (not self._approved or _is_dangerous(look)):
            began = self._session.clock.now()
            with self._stop.at_once():
                _ask()
            # The time of the question is a person's, and no part of the run.
            self._asked_s += self._session.clock.now() - began
        # Only after the approval: until then nothing is written, not even .env.
        self._session.keep_secrets()
        self._approved = True

    def _check_saved(self, look: Look) -> None:
        """Raise StalePlan unless the saved plan or the checksum, if there is one, is of what would be done now."""
        from reconciler.core.message.errors import StalePlan

        if self._approved:
            return
        if self._checksum is not None and self._checksum != checksum_of(self._session, look.plan):
            raise StalePlan(
                f"{self._checksum} is not the checksum of this plan: the files or the live resources changed since it "
                "was shown; look at a new `reconcile diff`, and apply that"
            )
        if self._plan_file is None:
            return
        saved = _read_plan(self._plan_file)
        # With the salt of the saved plan, or equal secrets would have other digests.
        now = writer().document(document(self._session, look.plan, saved["salt"]))
        if (saved["project"], _without_causes(saved)) != (now["project"], _without_causes(now)):
            raise StalePlan(
                f"{self._plan_file} is stale: the files or the live resources changed since it was made; "
                "look at a new `reconcile diff`, and apply that"
            )


def _taken_over(session: Session, look: Look) -> bool:
    """Takes over what is nobody's and as declared; returns whether all of it is the project's now."""
    from reconciler.core.execution.report import What
    from reconciler.run.commands.adopt import taken_over

    report = taken_over(session, look.plan, "apply")
    for event in report.failed:
        warn(f"{event.step.address} is not taken over: {event.note}")
    for event in report.of(What.DONE):
        say(f"  ✓ {event.step.address} taken over")
    return not report.unfinished


def _without_causes(plan: Any) -> Any:
    """The actions of a plan without their causes, which another machine may not know."""
    return [
        {**action, "cause": "", "changes": [{**change, "cause": ""} for change in action["changes"]]}
        for action in plan["actions"]
    ]


def _ask() -> None:
    """Raise Cancelled unless the person at the terminal agrees."""
    from reconciler.core.message.errors import Cancelled

    if not agreed("Apply these changes?"):
        raise Cancelled


def _read_plan(path: Path) -> Any:
    """A file that ``diff --out`` wrote. Raises ConfigError for anything else."""
    from reconciler.config.schema.validator import plan_problems
    from reconciler.config.yaml.errors import json_fault
    from reconciler.config.yaml.textfile import PLAN_LIMIT, UnusableFile, read_bytes
    from reconciler.core.message.errors import ConfigError
    from reconciler.core.message.problem import SYNTAX, UNREADABLE, Problem
    from reconciler.core.resource.resource import Origin

    try:
        saved = json.loads(read_bytes(path, PLAN_LIMIT))
    except UnusableFile as error:
        raise ConfigError([Problem(str(error), Origin(str(path)), code=UNREADABLE)]) from error
    except (ValueError, RecursionError) as error:
        why = "it is nested too deep" if isinstance(error, RecursionError) else json_fault(error)
        said = f"is not a valid plan: {why}; write one with `diff --out`"
        raise ConfigError([Problem(said, Origin(str(path)), code=SYNTAX)]) from error
    if problems := plan_problems(saved, str(path)):
        raise ConfigError(problems)
    return saved


def _is_dangerous(look: Look) -> bool:
    from reconciler.core.difference.change import Action

    return any(change.action in (Action.DELETE, Action.REPLACE) for change in look.plan.changes)


def _policy(session: Session, options: Mapping[str, Any], *, deletes: bool) -> Policy:
    return session.policy(
        deletes=deletes,
        may_lose=options["allow_delete"],
        may_adopt=options["adopt"],
        may_disrupt=options["allow_disrupt"],
        may_begin_empty=options["allow_empty"],
        most_surplus=options["max_delete"],
    )


def _why_no_adoption(change: Change) -> str:
    """Explains why a resource can't be adopted; "" if it can, or if its provider can't be read yet."""
    from reconciler.core.difference.change import Action

    if change.observed is None:
        return "" if change.action is Action.DEFERRED else "it does not exist yet"
    return "the project has it already" if change.observed.owned else ""
