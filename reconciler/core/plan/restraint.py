"""The daemon's policy: which differences it repairs, which it only reports, and when. Pure: the time is handed in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final

from reconciler.core.difference.change import Change
from reconciler.core.resource.address import Address
from reconciler.record import Struct, convert, field

USUAL_PAUSE_S: Final = 3_600.0
LONGEST_PAUSE_S: Final = 30 * 86_400.0
"""A person who asks for a pause gets it for so long if they don't say otherwise, and at most."""

HEAL: Final = "heal"
OBSERVE: Final = "observe"
DENY: Final = "deny"


def covers(pattern: str, address: Address) -> bool:
    """Returns whether a pattern is about a resource: its address, one above it, its kind or provider, or with ``*``."""
    text = str(address)
    return text == pattern or text.startswith((f"{pattern}/", f"{pattern}.")) or fnmatchcase(text, pattern)


class Window(Struct, frozen=True):
    """A time that comes again and again: by the schedule of cron in a time zone, each time for so long."""

    schedule: str
    duration: str
    timezone: str = "UTC"
    kind: str = "allow"
    resources: tuple[str, ...] = ("*",)

    def is_for(self, address: Address) -> bool:
        return any(covers(pattern, address) for pattern in self.resources)

    def __str__(self) -> str:
        return f"`{self.schedule}` ({self.timezone}) for {self.duration}"


class Restraint(Struct, frozen=True):
    """The policy of a project, that of parts of it by their patterns, its windows, and what stays stopped."""

    policy: str = HEAL
    policies: Mapping[str, str] = field(default_factory=dict)
    windows: tuple[Window, ...] = ()
    keep_stopped: tuple[str, ...] = ()

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Restraint:
        """Returns that of ``x-reconcile.daemon`` of both files, which is checked already."""
        return convert(settings, cls)

    def reason(self, change: Change, is_open: Callable[[Window], bool]) -> str:
        """Returns why a difference is left as it is, in words; "" if it may be repaired now."""
        address = change.address
        if self._policy_of(address) == OBSERVE:
            return "the policy is to observe"
        # Before the windows: it stays stopped in an open one as well.
        if _is_stopped(change) and any(covers(pattern, address) for pattern in self.keep_stopped):
            return "stopped by hand, and declared to stay so"
        own = [window for window in self.windows if window.is_for(address)]
        return _denied(own, is_open) or _not_allowed(own, is_open)

    def _policy_of(self, address: Address) -> str:
        fitting = [pattern for pattern in self.policies if covers(pattern, address)]
        return self.policies[max(fitting, key=len)] if fitting else self.policy


def _is_stopped(change: Change) -> bool:
    return bool(change.observed and change.observed.stopped_by_hand)


def _denied(windows: Sequence[Window], is_open: Callable[[Window], bool]) -> str:
    found = next((each for each in windows if each.kind == DENY and is_open(each)), None)
    return f"repairs are denied by the window {found}" if found else ""


def _not_allowed(windows: Iterable[Window], is_open: Callable[[Window], bool]) -> str:
    allowing = [each for each in windows if each.kind != DENY]
    if not allowing or any(map(is_open, allowing)):
        return ""
    return f"repairs wait for the window {' or '.join(map(str, allowing))}"
