"""The run of ``reconcile secrets rotate``, which other commands begin as well where one was cut off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.cli.diff import rendered
from reconciler.cli.exit import Exit
from reconciler.cli.exitcodes import of_error, of_report
from reconciler.cli.output import agreed, ignore, say, show
from reconciler.cli.runner import Teller, interruptible
from reconciler.cli.state import State, is_terminal, show_error

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from reconciler.run.commands.rotation import Exchange, Rotating
    from reconciler.run.reconciliation.once import Look, Reconciler
    from reconciler.run.session.recorder import Recorder
    from reconciler.run.session.session import Session


def finish_rotation(state: State, *, lock_wait: float = 0.0) -> int:
    """Go on with a rotation that was cut off, if there is one; returns the exit code."""
    from reconciler.run.session.session import unfinished_of

    if unfinished_of(state.settings) is None:
        return Exit.DONE
    return Rotate(state, lock_wait=lock_wait).run(())


class Rotate:
    """One run, with the options of its command line."""

    def __init__(
        self, state: State, *, yes: bool = False, dry_run: bool = False, wait: float = 300.0, lock_wait: float = 0.0
    ) -> None:
        self._state, self._yes, self._dry_run, self._lock_wait = state, yes, dry_run, lock_wait
        self._patience_s = wait
        self._teller = Teller(state)

    def run(self, names: Sequence[str]) -> int:
        """Rotate these secrets, or all with none. A rotation that was cut off is finished instead, and first."""
        from reconciler.run.session.session import unfinished_of

        # With an unfinished rotation the files name values that are half in force, so missing secrets are no error.
        before = unfinished_of(self._state.settings)
        with self._state.session(needs_secrets=before is None) as session:
            rotating = self._rotation(session, names)
            with self._teller.comparing():
                look = rotating.look()
            self._show(session, rotating, look)
            if self._dry_run:
                return Exit.DONE
            self._require_agreed(rotating)
            with (
                session.locked("secrets rotate", wait_s=self._lock_wait),
                session.recorded("secrets rotate") as record,
                interruptible() as stop,
            ):
                # While the lock was awaited, another run may have finished what was left.
                self._require_same(before)
                _keep_out_of_git(rotating.file)
                code = self._carried_out(rotating, record, stop.flag)
                record.code = stop.code or code
                return record.code

    def _rotation(self, session: Session, names: Sequence[str]) -> Rotating:
        from reconciler.core.message.errors import ReconcileError
        from reconciler.run.commands.rotation import new_rotation, rotation_to_finish
        from reconciler.run.session.session import unfinished_of

        values = unfinished_of(session.settings)
        if values is None:
            rotating = new_rotation(session, names)
        else:
            rotating = rotation_to_finish(session, values)
            # One at a time: the file of what is unfinished has room for one rotation, and a second would lose its old
            # values.
            others = [name for name in names if name not in values.old]
            if others:
                raise ReconcileError(
                    f"a rotation of {_listed(values.old)} was cut off; finish it with `reconcile secrets rotate`, "
                    f"and rotate {_listed(others)} afterwards"
                )
        rotating.say, rotating.patience_s, rotating.on_wait = say, self._patience_s, self._teller.awaits
        return rotating

    def _show(self, session: Session, rotating: Rotating, look: Look) -> None:
        """Show each secret with what is done about it, and then the plan of what is replaced."""
        from reconciler.core.message.errors import Refused
        from reconciler.core.plan.policy import as_applied

        for each in rotating.exchanges:
            show(f"{each.name}  {_way(each)}")
        if stopped := rotating.to_stop():
            show(f"stopped while the values change: {', '.join(stopped)}")
        show("")
        outages = rotating.outages(stopped)
        show(rendered(self._state, session, look.plan, "text", stopped=outages))
        if refusals := as_applied(look.plan).refusals:
            raise Refused(refusals)

    def _require_agreed(self, rotating: Rotating) -> None:
        """Raise Cancelled or Refused unless the person agrees. What was begun is finished without a question."""
        from reconciler.core.message.errors import Cancelled, Refusal, Refused

        if self._yes or rotating.is_begun:
            return
        if not is_terminal():
            message = f"`secrets rotate` changes {_listed(rotating.values.old)}, and there is nobody to ask"
            raise Refused([Refusal(None, message, "allow it with `--yes`")])
        if not agreed("Rotate these secrets?"):
            raise Cancelled

    def _require_same(self, before: object) -> None:
        from reconciler.core.message.errors import Conflict
        from reconciler.run.session.session import unfinished_of

        if unfinished_of(self._state.settings) != before:
            raise Conflict("another run has rotated secrets meanwhile; look again with `reconcile secrets rotate`")

    def _carried_out(self, rotating: Rotating, record: Recorder, stop: threading.Event) -> int:
        """Do it; returns the exit code. Raises ReconcileError where everything is as it was."""
        from reconciler.core.message.errors import ReconcileError
        from reconciler.run.session.session import unfinished_of

        try:
            with rotating.changed(stop) as reconciler:
                code = self._brought(reconciler, record, stop) if reconciler else Exit.DONE
            if code == Exit.DONE and not stop.is_set():
                rotating.require_changed()
        except ReconcileError as error:
            # Nothing is unfinished, so everything is as it was, and the error says so.
            if unfinished_of(self._state.settings) is None:
                raise
            show_error(error, begun=True)
            code = of_error(error, begun=True)
        if code != Exit.DONE or stop.is_set():
            say(f"The rotation of {_listed(rotating.values.old)} goes on with the next `reconcile secrets rotate`.")
            # Whatever the apply says, some secrets are new by now and others are not.
            return Exit.PARTIAL if code in (Exit.DONE, Exit.ERROR, Exit.ROLLED_BACK) else code
        rotating.end()
        self._tell_end(rotating)
        return Exit.DONE

    def _brought(self, reconciler: Reconciler, record: Recorder, stop: threading.Event) -> int:
        """Bring the new values to all that use them, by an apply."""
        from reconciler.core.message.errors import ReconcileError

        began = reconciler.clock.now()
        # The person has agreed to the rotation, and asking again in its middle would leave services stopped.
        events = reconciler.converge(_agree, stop=stop)
        error: ReconcileError | None = self._teller.follow(record.follow(events, reconciler))
        self._teller.tell_outcome(reconciler.clock.now() - began)
        if error:
            raise error
        return of_report(self._teller.report)

    def _tell_end(self, rotating: Rotating) -> None:
        unchecked = rotating.unchecked
        tried = [name for name in rotating.values.old if name not in unchecked]
        if tried:
            say(f"rotated, and tried: {', '.join(tried)}; the old values open nothing any more")
        if unchecked:
            say(f"rotated: {', '.join(unchecked)}")


def _keep_out_of_git(file: Path) -> None:
    """Add the file to the .gitignore beside it, if there is one: a run that is cut off leaves it there."""
    gitignore = file.with_name(".gitignore")
    if gitignore.exists() and ignore(gitignore, file.name):
        say(f"{gitignore}: {file.name} is ignored by git now.")


def _agree(_look: Look) -> None:
    """The plan was shown, and agreed to."""


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)


def _way(exchange: Exchange) -> str:
    """The way in which a secret is changed, in a few words."""
    rotation = exchange.rotation
    if rotation.user:
        means = f"a new password of {rotation.user}"
    elif rotation.change:
        means = f"changed in {rotation.service} by its command"
    else:
        means = "taken from the environment at the next start"
    goes = f"; goes to {', '.join(map(str, exchange.users))}" if exchange.users else ""
    return f"{means}{goes}"
