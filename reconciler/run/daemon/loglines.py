"""All lines of the daemon's log: the phrase of each, when it is written, and its keys. The reference shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reconciler.core.history.facts import Ailment
from reconciler.record import Struct


class LogLine(Struct, frozen=True):
    """The occasion of a line, and its keys besides ``event``, ``level`` and ``ts``; of these some may be left out."""

    when: str
    keys: tuple[str, ...] = ()


_OF_CHANGE: Final = ("pass", "address", "action")

LOG_LINES: Final[Mapping[str, LogLine]] = {
    "daemon begins": LogLine("once", ("project", "interval_s")),
    "difference": LogLine(
        "once for each field, when it begins to differ",
        (*_OF_CHANGE, "field", "old", "new", "at", "cause", "events", "by", "left"),
    ),
    "repaired": LogLine("once for each resource", (*_OF_CHANGE, "seconds", "outage", "outage_s")),
    "repair failed": LogLine("for each try", (*_OF_CHANGE, "seconds", "error", "failures", "retry_in_s")),
    "pass done": LogLine(
        "after a pass that did something", ("pass", "why", "repaired", "failed", "unfinished", "seconds", "error")
    ),
    "looked": LogLine("after each look, with `-v`", ("pass", "why", "due")),
    "look failed": LogLine("where a look ends with an error", ("error",)),
    "look failed for an unknown reason": LogLine("for a bug", ("exception",)),
    "over": LogLine("at the end of a trouble", ("trouble", "subject", "seconds")),
    "left undone": LogLine("at the end, for each repair that a stop cut off", ("pass", "address", "note")),
    "is replaced": LogLine("when a container apart begins to replace the daemon's own", ("pass", "address")),
    "another run is at work": LogLine("where another run holds the lock", ("owner",)),
    "the lock was lost": LogLine(
        "where another run took the lock during a repair; what was under way is left as it is", ("reason",)
    ),
    "lock is not given back": LogLine("where the engine does not take the lock back", ("reason",)),
    "history was damaged": LogLine("where its file is kept beside a new one", ("reason",)),
    "stands by": LogLine("when another daemon acts", ("leader",)),
    "has no lease": LogLine("where no daemon can have the lease, such as while the engine is away", ("reason",)),
    "leads": LogLine("when this daemon acts again", ()),
    "files reloaded": LogLine("after a change of the files", ()),
    "revision taken": LogLine("when a revision of the repository comes into force", ("revision",)),
    "commit status not reported": LogLine("where the forge does not take it", ("commit", "reason")),
    "rotation goes on": LogLine("for each step of a rotation that was cut off", ("step",)),
    "rotation is not finished": LogLine("where it fails again", ("reason",)),
    "notification failed": LogLine("where a service does not take it", ("service", "subject", "reason")),
    "pause": LogLine("when a pause begins", ("subject", "owner", "reason", "ends_in_s")),
    "pause ended": LogLine("when somebody ends it", ("subject", "owner", "reason")),
    "pause expired": LogLine("when its time is over", ("subject", "owner", "reason")),
    "listens": LogLine("once", ("address", "port")),
    "does not listen": LogLine("where the address of `--listen` can't be had", ("reason",)),
    "request": LogLine("for each act by the page or the API", ("command", "user", "address", "trigger")),
    "request refused": LogLine("for one that is not allowed", ("request", "user", "address", "reason")),
    "request failed": LogLine("for a bug", ("request", "error")),
    "login": LogLine("at each login by the page", ("user", "role", "address")),
    "login failed": LogLine("where Keycloak refuses it or does not answer", ("reason", "detail", "address")),
    "login not confirmed": LogLine("where Keycloak confirms a session no more", ("user", "reason", "detail")),
    "logout": LogLine("for each session that has ended at Keycloak", ("user", "by", "address")),
    "logout failed": LogLine("where Keycloak does not take it", ("user", "reason", "detail")),
    "logout refused": LogLine("where a token is none of Keycloak's", ("reason", "detail", "address")),
    "a library warns": LogLine("where a library that the daemon uses has something to say", ("library", "note")),
    "thread failed": LogLine("for a bug that ends a thread", ("thread", "exception")),
    "daemon ends": LogLine("once", ()),
    "daemon is ended, as something hangs": LogLine(
        "instead, 7 seconds after SIGTERM; with the line of the program that does not go on", ("at",)
    ),
}

_OF_TROUBLE: Final = ("subject", "note")
TROUBLES: Final[Mapping[Ailment, LogLine]] = {
    Ailment.UNHEALTHY: LogLine("as declared, but not well", _OF_TROUBLE),
    Ailment.CRASH_LOOP: LogLine(
        "started 4 times or more without a minute of calm between",
        (*_OF_TROUBLE, "times", "within_s", "retry_in_s", "exit_code", "last_lines"),
    ),
    Ailment.FIGHT: LogLine(
        "the same field was repaired that often",
        (*_OF_TROUBLE, "times", "within_s", "retry_in_s", "field", "events"),
    ),
    Ailment.UNDECLARED: LogLine(
        "a resource of the project that no file declares, and that `prune` does not name", _OF_TROUBLE
    ),
    Ailment.UNREAD: LogLine(
        "the engine or Keycloak hangs, is away, or refuses its credentials; `deferred` is the number of resources",
        (*_OF_TROUBLE, "deferred"),
    ),
    Ailment.WRONG_REVISION: LogLine(
        "a new revision of the repository is wrong, not signed, or can't be fetched", _OF_TROUBLE
    ),
    Ailment.HELD_BACK: LogLine("the policy, a window or `keep_stopped` forbids the repair", _OF_TROUBLE),
    Ailment.REFUSED: LogLine("a rule forbids the repair", _OF_TROUBLE),
    Ailment.UNRECORDED: LogLine("its file can't be written: a full disk, a wrong owner", _OF_TROUBLE),
    Ailment.OBSTACLE: LogLine("the other side lacks a feature", _OF_TROUBLE),
    Ailment.UNDECIDED_FILE: LogLine(
        "a secret is missing, and the engine or Keycloak can't say whether something that lives was given it",
        _OF_TROUBLE,
    ),
    Ailment.WRONG_FILE: LogLine("one line for each mistake", _OF_TROUBLE),
}
"""The lines of troubles, which are written when one begins or changes."""
