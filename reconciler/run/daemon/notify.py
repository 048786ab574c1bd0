"""Notifications through Apprise: mail, chat, webhooks and whatever else it knows, each named by a URL.

A thread of its own sends them, so that a service that hangs holds up nothing. Apprise is imported only here.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
import warnings
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Any, Final

from reconciler.core.history.facts import Fact
from reconciler.core.history.notices import Notice, Notices, Sort, is_worth
from reconciler.core.message.errors import Misconfigured

TICK_S: Final = 5.0
"""Between two checks for reminders, for recoveries, and for what could not be sent."""

MOST_WAITING: Final = 1_000
MOST_TRIES: Final = 60
FLUSH_S: Final = 2.0
"""The time for what waits to be sent once the daemon ends."""

_Fact = tuple[float, Fact]


class Notifier:
    """A listener that has people notified. ``failing`` gives the subjects whose repairs fail now, and ``clean`` hides
    secrets and control characters in one line."""

    def __init__(
        self,
        urls: Sequence[str],
        log: Any,
        *,
        interval_s: float,
        clean: Callable[[str], str],
        project: Callable[[], str],
        failing: Callable[[], Collection[str]],
        now: Callable[[], float] = time.monotonic,
        tick_s: float = TICK_S,
    ) -> None:
        self._services = [_service(url, number) for number, url in enumerate(urls, 1)]
        self._log, self._clean, self._failing, self._now, self._tick_s = log, clean, failing, now, tick_s
        self._project = project
        self._notices = Notices(interval_s)
        self._facts: queue.Queue[_Fact | None] = queue.Queue(MOST_WAITING)
        self._unsent: list[tuple[Any, int, Notice, int]] = []
        self._thread = threading.Thread(target=self._run, name="notifications", daemon=True)
        self._thread.start()

    def __call__(self, fact: Fact) -> None:
        """Take a fact; never waits. If very many wait already, the oldest is dropped."""
        if not is_worth(fact):
            return
        while True:
            try:
                self._facts.put_nowait((self._now(), fact))
            except queue.Full:
                self._drop_oldest()
            # The queue may be full again at once, so it is tried until there is room.
            else:
                return

    def close(self) -> None:
        """Send what waits, within a short time."""
        try:
            self._facts.put(None, timeout=FLUSH_S)
        except queue.Full:
            return
        self._thread.join(FLUSH_S)

    def _drop_oldest(self) -> None:
        with suppress(queue.Empty):
            self._facts.get_nowait()

    def _run(self) -> None:
        while True:
            try:
                found = self._facts.get(timeout=self._tick_s)
            except queue.Empty:
                # Reminders are due by time and not by facts.
                self._tick()
                continue
            if found is None:
                return
            at, fact = found
            for notice in self._notices.of(fact, at):
                self._send(notice)

    def _tick(self) -> None:
        unsent, self._unsent = self._unsent, []
        for service, number, notice, tries in unsent:
            self._send_to(service, number, notice, tries)
        now = self._now()
        for notice in (*self._notices.settled(set(self._failing()), now), *self._notices.reminders(now)):
            self._send(notice)

    def _send(self, notice: Notice) -> None:
        for number, service in enumerate(self._services, 1):
            self._send_to(service, number, notice, 1)

    def _send_to(self, service: Any, number: int, notice: Notice, tries: int) -> None:
        mark = "" if notice.sort is Sort.FAILURE else f"{notice.sort.value}: "
        title = self._clean(f"reconcile {self._project()}: {mark}{notice.subject}")
        body = self._clean(": ".join(filter(None, (notice.what, notice.note))))
        kind = "success" if notice.sort is Sort.RECOVERY else "failure"
        try:
            is_sent = service.notify(body=body, title=title, notify_type=kind, body_format="text")
        except Exception as error:  # noqa: BLE001 (whatever a plugin of Apprise raises, it concerns this message alone)
            is_sent, reason = False, type(error).__name__
        else:
            reason = "the service did not take it"
        if is_sent:
            return
        if tries < MOST_TRIES:
            self._unsent = [*self._unsent, (service, number, notice, tries + 1)][-MOST_WAITING:]
        else:
            self._log.warning("notification failed", service=number, subject=notice.subject, reason=reason)


def _service(url: str, number: int) -> Any:
    """The service that a URL names. Raises Misconfigured; the URL itself is a secret."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its plugins import what Python has marked as old
            from apprise import Apprise
    except ImportError as error:
        raise Misconfigured("notifications need Apprise: install `reconcile[notify]`") from error
    logger = logging.getLogger("apprise")  # it writes URLs, and answers of services
    logger.handlers, logger.propagate = [logging.NullHandler()], False
    made = Apprise()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        is_known = made.add(url)
    if not is_known:
        raise Misconfigured(f"URL {number} of the notifications is none that Apprise knows")
    return made
