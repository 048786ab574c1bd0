"""The daemon's loop: looks, compares and repairs at intervals, and at once when a hint comes.

Level-triggered: a pass never uses what a hint says, and nothing is remembered from pass to pass but the last
files that were right. A file that is wrong is told, and the last right ones stay in force.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event as Flag
from typing import Any, Final

from reconciler.core.change import Action
from reconciler.core.document import Document
from reconciler.core.errors import ConfigError, Locked, ReconcileError, Refused
from reconciler.core.policy import Policy
from reconciler.core.provider import HintSource
from reconciler.core.report import Report, What
from reconciler.providers.registry import connect
from reconciler.render.known import KnownSecrets
from reconciler.run.clock import Clock
from reconciler.run.hints import FILE, Hints, changed_files
from reconciler.run.once import Look
from reconciler.run.requestlog import logged
from reconciler.run.session import Session, learn_files, opened, read
from reconciler.settings import Settings

BACKOFF_S: Final = 2.0
LONGEST_BACKOFF_S: Final = 300.0
PATIENCE_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class Rhythm:
    """The interval between looks of the daemon. ``heals`` is False if it only reports."""

    interval_s: float = 30.0
    heals: bool = True


class Daemon:
    """One project, kept as declared until ``stop`` is set."""

    def __init__(
        self, settings: Settings, clock: Clock, log: Any, *, rhythm: Rhythm, stop: Flag, known: KnownSecrets
    ) -> None:
        self._settings, self._clock, self._log, self._rhythm, self._stop = settings, clock, log, rhythm, stop
        self._known = known
        self.hints = Hints(clock)
        self._failures = 0
        self._files: tuple[Path, ...] = ()
        self._wrong: tuple[str, ...] = ()

    def run(self) -> None:
        """Raises ConfigError where the files are wrong from the beginning; later that is only told."""
        with opened(
            self._settings,
            self._clock,
            keep_secrets=self._rhythm.heals,
            needs_secrets=True,
            warn=self._warn,
            known=self._known,
            note=logged(self._log),
        ) as first:
            self._log.info("daemon begins", project=first.document.project, interval_s=self._rhythm.interval_s)
            self._follow(first)
            session, why = first, ["start"]
            while not self._stop.is_set():
                self._guarded(session, why)
                why = self._next()
                session = self._reloaded(session)
            self.hints.close()
            self._log.info("daemon ends")

    def _warn(self, message: str) -> None:
        self._log.warning("lock is not given back", reason=message)

    def _follow(self, session: Session) -> None:
        self._files = session.files
        self.hints.follow("files", lambda: changed_files(lambda: self._files, self._stop))
        for name, provider in session.providers.items():
            if isinstance(provider, HintSource):
                self.hints.follow(f"{name} events", provider.hints)

    def _next(self) -> list[str]:
        """Wait for the interval or a hint. After failures only a changed file cuts the wait short.

        A container that crashes again and again makes events all the time; they must not drive the repairs.
        """
        wait_s = self._rhythm.interval_s
        if self._failures:
            wait_s = min(BACKOFF_S * 2.0 ** (self._failures - 1), LONGEST_BACKOFF_S)
        end, hints = self._clock.now() + wait_s, list[str]()
        while self._clock.now() < end and not self._stop.is_set():
            hints += self.hints.wait(end - self._clock.now())
            if any(hint.startswith(FILE) for hint in hints):
                self._failures = 0
            if hints and not self._failures:
                break
        return hints or ["resync"]

    def _reloaded(self, session: Session) -> Session:
        """The files as they are now; where they are wrong, as they were."""
        try:
            keep = self._rhythm.heals
            loaded, made_up = read(self._settings, keep_secrets=keep, needs_secrets=True, made_up=session.made_up)
        except ConfigError as error:
            self._report_wrong("file is wrong, the last right one stays in force", tuple(map(str, error.problems)))
            return session
        except ReconcileError as error:
            self._report_wrong("files can't be reloaded, the last right ones stay in force", (str(error),))
            return session
        self._wrong = ()
        document = loaded.document
        self._files = loaded.files
        if replace(document, locate=session.document.locate) == session.document:
            learn_files(self._known, loaded)  # what is in the files of secrets may be new
            return replace(session, document=document, made_up=made_up)  # the same, perhaps in other lines
        self._known.collect()
        learn_files(self._known, loaded)
        self._log.info("files reloaded")
        reached = _reached(document) == _reached(session.document)
        providers = session.providers if reached else connect(document, self._settings.environment, session.note)
        return replace(session, document=document, providers=providers, made_up=made_up)

    def _report_wrong(self, phrase: str, problems: tuple[str, ...]) -> None:
        """Log what is wrong with the files, once for as long as it is the same."""
        if problems != self._wrong:
            for problem in problems:
                self._log.error(phrase, problem=problem)
        self._wrong = problems

    def _guarded(self, session: Session, why: list[str]) -> None:
        try:
            self._failures = self._failures + 1 if self._pass(session, why) else 0
        except Locked as error:
            self._log.info("another run is at work", owner=error.owner)
        except Refused as error:
            for refusal in error.refusals:
                self._log.warning("refused", address=str(refusal.address or ""), reason=str(refusal))
        except ReconcileError as error:
            self._failures += 1
            self._log.error("pass failed", error=str(error), failures=self._failures)
        except Exception:  # noqa: BLE001 (one bad pass must not end the daemon)
            self._failures += 1
            self._log.exception("pass failed for an unknown reason", failures=self._failures)

    def _pass(self, session: Session, why: list[str]) -> bool:
        """One look, and the repair where there is something to repair; whether something failed."""
        began = self._clock.now()
        reconciler = session.reconciler(policy=_policy(session), patience_s=PATIENCE_S)
        look = reconciler.look()
        self._log.debug("looked", why=why[:5], in_sync=look.plan.in_sync)
        if look.plan.in_sync:
            return False
        self._tell(look, why)
        if not self._rhythm.heals:
            return False
        report = Report()
        with session.locked("daemon"):
            for event in reconciler.converge(_agree, stop=self._stop, first=session.still_good(look)):
                if isinstance(event, Look):
                    continue
                report += [event]
                if event.what in (What.FAILED, What.ROLLED_BACK):
                    self._log.error(f"step {event.what.value}", **_fields(event))
        seconds = round(self._clock.now() - began, 3)
        self._log.info("pass done", steps=len(report.of(What.DONE)), failed=len(report.failed), seconds=seconds)
        return bool(report.failed)

    def _tell(self, look: Look, why: list[str]) -> None:
        for change in look.plan.changes:
            if change.action is not Action.KEEP:
                fields = [".".join(field.path) for field in change.fields] if change.observed else []
                self._log.info(
                    "difference", address=str(change.address), action=change.action.value, fields=fields, why=why[:5]
                )


def _reached(document: Document) -> tuple[object, ...]:
    """The settings that providers are made from."""
    halves = (document.stack is None, document.realms is None)
    return document.project, *halves, document.connection


def _policy(session: Session) -> Policy:
    """Nobody is there to ask: only what the files say in so many words is pruned."""
    policy = session.policy(deletes=True)
    declared = (session.document.stack or {}).get("x-reconcile") or {}
    return policy if isinstance(declared, dict) and declared.get("prune") else replace(policy, prune={})


def _agree(_look: Look) -> None:
    pass


def _fields(event: Any) -> dict[str, Any]:
    return {"address": str(event.step.address), "verb": event.step.verb, "error": event.note}
