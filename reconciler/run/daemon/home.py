"""The resource that the daemon itself runs in: replaced last, and by a run apart that does not end with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from threading import Thread
from typing import Final, TypeAlias

from reconciler.core.difference.change import Action, Change
from reconciler.core.difference.kind import Effect
from reconciler.core.message.errors import ReconcileError
from reconciler.core.provider import Residence
from reconciler.core.resource.address import Address
from reconciler.run.reconciliation.once import Look
from reconciler.run.session.session import Session
from reconciler.settings import Settings

Arguments: TypeAlias = Callable[[Settings, Address], Sequence[str]]
"""The arguments of a run of this program that brings one resource to what is declared."""


class Home:
    """The daemon's own resource, where a provider has it. ``begin`` starts a thread."""

    def __init__(self, arguments: Arguments | None, begin: Callable[[Callable[[], None]], Thread | None]) -> None:
        self._arguments, self._begin = arguments, begin
        self._thread: Thread | None = None
        self._failed: list[tuple[Change, str]] = []

    def change(self, session: Session, look: Look) -> Change | None:
        """The change of the daemon's own resource, if it is one that the daemon would not survive."""
        if self._arguments is None:
            return None
        homes = {found for each in session.providers.values() if isinstance(each, Residence) for found in [each.home()]}
        own = (each for each in look.plan.changes if each.observed and each.observed.id in homes - {""})
        return next((each for each in own if each.acts and _ends_us(each)), None)

    def replace(self, session: Session, change: Change) -> None:
        """Have a run apart do it, unless one is at work. A failure is there to be taken later."""
        provider = session.providers[change.address.provider]
        if self._arguments is None or not isinstance(provider, Residence) or (self._thread and self._thread.is_alive()):
            return
        arguments = self._arguments(session.settings, change.address)
        ask = partial(provider.run_apart, arguments, str(change.desired.spec if change.desired else ""))
        self._thread = self._begin(partial(self._asked, change, ask))

    def failures(self) -> Sequence[tuple[Change, str]]:
        """The replacements that did not come about since the last call, with the reasons."""
        found, self._failed = self._failed, []
        return found

    def clear_away(self, session: Session) -> None:
        """Remove what is left of a replacement that is finished."""
        for provider in session.providers.values():
            if isinstance(provider, Residence) and provider.home():
                self._thread = self._begin(partial(_cleared, provider))

    def _asked(self, change: Change, ask: Callable[[], str]) -> None:
        try:
            reason = ask()
        except ReconcileError as error:
            reason = str(error)
        if reason:
            self._failed.append((change, reason))


_ENDING: Final = (Action.REPLACE, Action.DELETE)


def _ends_us(change: Change) -> bool:
    """Returns whether the daemon is stopped by it, or loses its way to the server for a while."""
    return change.action in _ENDING or change.effect > Effect.LIVE


def _cleared(provider: Residence) -> None:
    try:
        provider.clear_away()
    except ReconcileError:
        return  # it is tried again after the next full look
