"""Properties that need a newer Keycloak or one of its features, and the message for a server that lacks it.

Source: the representations of 26.4.7, 26.5.0, 26.6.0 and 26.7.0, and what the servers say. An older one refuses such a
word as unrecognized, or has no such path, which is found out somewhere in the middle of the work. One without the
feature takes the word, and goes on as if nothing had been said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from reconciler.core.difference.change import Action, Change
from reconciler.core.message.errors import Denied, NoLogin
from reconciler.core.resource.resource import Origin
from reconciler.core.resource.values import ABSENT, Path, Value
from reconciler.pattern import lazy_pattern
from reconciler.record import Struct

Release: TypeAlias = tuple[int, int]

_NEWEST: Final = (99, 0)
_VERSION: Final = lazy_pattern(r"(\d+)\.(\d+)")
_VERSIONED: Final = lazy_pattern(r"-(v\d+)$")


class Since(Struct, frozen=True):
    """The first release that has something; of a ``feature`` also the first that has it switched on, if any has."""

    release: Release
    feature: str = ""
    by_default: Release | None = None


class Check(Struct, frozen=True):
    """A check for another value that a server silently drops.

    ``asked`` is what is to be known about a change, ABSENT where there is nothing to ask; ``lack`` reads what the
    server says to that, and why it can't hold it.
    """

    asked: Callable[[Change], Value]
    lack: Callable[[Callable[[str], Any], Value], str]


class Need(Struct, frozen=True):
    """A row or check that a change needs, by its name, and the place that asks for it."""

    name: str
    origin: Origin | None
    asked: Value = None


class Server(Struct, frozen=True):
    """The server's information about itself; ``features`` are those that are switched on.

    The ``version`` is empty where the account is not told it.
    """

    version: str
    features: frozenset[str]


def is_in(row: Since, export: Mapping[str, Any]) -> bool:
    """Returns whether the release that made an export may have something; an unknown one is taken for new."""
    return _release(str(export.get("keycloakVersion") or "")) >= row.release


def server(get: Callable[[str], Any], ask: Callable[[str], Any], realm_path: str) -> Server:
    """The server as an account of any realm may see it."""
    said = get("admin/serverinfo")
    version = (said.get("systemInfo") or {}).get("version")
    if not version:  # 26.4 tells only accounts of master, and these alone can work on a realm that is not there yet
        version = _told(ask, realm_path)
    features = (each["name"].lower().replace("_", "-") for each in said["features"] if each["enabled"])
    return Server(version, frozenset(features))


def _told(ask: Callable[[str], Any], realm_path: str) -> str:
    """The version in an export; "" where the account may only look at the realm."""
    try:
        return str(ask(f"{realm_path}/partial-export")["keycloakVersion"])
    except NoLogin:
        raise
    except Denied:
        return ""


def needed(rows: Mapping[str, Since], checks: Mapping[str, Check], change: Change) -> Iterator[Need]:
    """The requirements of a change; values that the server already shows need nothing, unless a feature decides.

    ``rows`` are by property, or by the path to one in which ``*`` stands for any name and ``**`` for any number of
    them, "" for the object itself; ``checks`` are by property.
    """
    if change.desired is None or change.action not in (Action.CREATE, Action.UPDATE):
        return
    for name, row in rows.items():
        asked = _asked(name, row, change)
        if asked is not ABSENT:
            yield Need(name, _place(change, name), asked)
    for name, check in checks.items():
        asked = check.asked(change)
        if asked is not ABSENT:
            yield Need(name, _place(change, name), asked)


def _asked(name: str, row: Since, change: Change) -> Value:
    """The change's value for a row's name, None for the object itself; ABSENT if it does not need the row."""
    if not name:
        return None if change.observed is None else ABSENT
    # What the server shows it has; only a feature may be switched off meanwhile.
    if change.observed and name in change.observed.spec and not row.feature:
        return ABSENT
    path = tuple(name.split("."))
    found = (part for field in change.fields for part in _reached(path, field.path, field.after))
    return next((part for part in found if part is not ABSENT), ABSENT)


def _reached(row: Path, path: Path, value: Value) -> Iterator[Value]:
    """The values at a row's name that a change at a place reaches."""
    if not row:
        yield value
    elif row[0] == "**":
        yield from _reached(row[1:], path, value)
        yield from _reached(("*", *row), path, value)
    elif path:
        if row[0] in ("*", path[0]):
            yield from _reached(row[1:], path[1:], value)
    elif isinstance(value, Mapping):
        for part in value.values() if row[0] == "*" else (value.get(row[0], ABSENT),):
            yield from _reached(row[1:], (), part)


def _place(change: Change, name: str) -> Origin | None:
    assert change.desired is not None
    return change.desired.place((name.partition(".")[0],))


def lack(rows: Mapping[str, Since], name: str, found: Server, asked: Value = None) -> str:
    """Explains why this server can't hold what is ``asked`` for one of the rows; empty if it can.

    Any server can hold that a feature it knows of is not used.
    """
    row, subject = rows[name], f"`{name.rpartition('.')[2]}` " if name else ""
    release, option = _release(found.version), f"`--features={row.feature}`"
    if release < row.release:
        wanted = f"{_text(row.by_default or row.release)} or newer"
        if row.by_default and row.by_default > row.release:
            wanted = f"{wanted}, or {_text(row.release)} with {option}"
        elif row.feature and not row.by_default:
            wanted = f"{wanted} with {option}"
        return f"{subject}needs Keycloak {wanted}, and this server is {found.version}; take it out or update the server"
    # A property that is to be off needs no feature.
    if not row.feature or row.feature in found.features or asked is False:
        return ""
    if row.by_default and release >= row.by_default:
        off = f"has switched off; start it without `--features-disabled={_VERSIONED.sub('', row.feature)}`"
    else:
        by_itself = f" ({_text(row.by_default)} and newer have it by themselves)" if row.by_default else ""
        off = f"has not switched on; start it with {option}{by_itself}"
    return f"{subject}needs the feature {row.feature}, which this server {off}, or take it out"


def _release(version: str) -> Release:
    """As in 26.7; of a version that is written in another way the oldest, of an unknown one the newest."""
    if not version:
        return _NEWEST
    found = _VERSION.match(version)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _text(release: Release) -> str:
    return ".".join(map(str, release))
