"""Schedules of maintenance windows: five fields of cron in a time zone, as cronsim reads them, and a duration."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from reconciler.core.plan.restraint import Window
from reconciler.core.resource.units import BadQuantity, nanoseconds

_NANOSECOND: Final = 1e-9
_FIELDS: Final = 5


_USUAL: Final = {"schedule": "", "duration": "", "timezone": "UTC"}


def problems_of(window: Mapping[str, Any]) -> dict[str, str]:
    """The mistakes of a declared window, by its attributes."""
    from cronsim import CronSim, CronSimError

    schedule, duration, timezone = (str(window.get(key, usual)) for key, usual in _USUAL.items())
    found: dict[str, str] = {}
    try:
        is_known = len(schedule.split()) == _FIELDS and bool(next(CronSim(schedule, datetime.now(UTC))))
    except (CronSimError, StopIteration):
        is_known = False
    if not is_known:
        found["schedule"] = (
            f"`{schedule}` is no schedule; expected five fields such as `0 22 * * 6`, Saturdays at 22:00"
        )
    try:
        is_short = nanoseconds(duration) <= 0
    except BadQuantity:
        is_short = True
    if is_short:
        found["duration"] = f"`{duration}` is not a valid duration; expected one such as `4h` or `1h30m`"
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(timezone)
    except (OSError, ValueError, LookupError):
        found["timezone"] = f"`{timezone}` is no time zone; expected a name such as `Europe/Berlin`"
    return found


def is_open(window: Window, at: float) -> bool:
    """Returns whether a window is open at a time, in seconds since 1970."""
    opened = _near(window, at, reverse=True)
    return opened is not None and at < opened + _seconds(window)


def next_change(window: Window, at: float) -> float:
    """The next time at which a window opens or closes, in seconds since 1970."""
    last, following = _near(window, at, reverse=True), _near(window, at, reverse=False)
    times = (None if last is None else last + _seconds(window), following)
    return min((time for time in times if time is not None and time > at), default=float("inf"))


def _seconds(window: Window) -> float:
    return nanoseconds(window.duration) * _NANOSECOND


def _near(window: Window, at: float, *, reverse: bool) -> float | None:
    """The last time at which it has opened, also this very second, or the next one; None if there is none."""
    from zoneinfo import ZoneInfo

    from cronsim import CronSim

    begin = datetime.fromtimestamp(int(at), ZoneInfo(window.timezone))
    if reverse:
        begin += timedelta(minutes=1)  # cronsim leaves out the minute that it is given
    found = (each.timestamp() for each in CronSim(window.schedule, begin, reverse=reverse))
    return next((each for each in found if not reverse or each <= at), None)
