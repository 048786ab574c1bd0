"""What only newer releases of Keycloak have: from which one on, and how a server that lacks it is told of.

Source: the representations of 26.4.7, 26.5.0, 26.6.0 and 26.7.0, and what the servers say. An older one refuses such a
word as unrecognized, or has no such path, which is found out somewhere in the middle of the work.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from reconciler.core.change import Action, Change
from reconciler.core.resource import Origin

Release: TypeAlias = tuple[int, int]

_VERSION: Final = re.compile(r"(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class Since:
    """The first release that has something; where it is a ``feature``, the first that has it switched on as well."""

    release: Release
    feature: str = ""
    by_default: Release = (0, 0)


@dataclass(frozen=True, slots=True)
class Server:
    """What a server says of itself; ``features`` are those that are switched on."""

    version: str
    features: frozenset[str]


def is_in(row: Since, export: Mapping[str, Any]) -> bool:
    """Whether the release that made an export may have something; one that does not say is taken for new."""
    version = export.get("keycloakVersion")
    return not version or _release(version) >= row.release


def server(get: Callable[[str], Any], ask: Callable[[str], Any], realm_path: str) -> Server:
    """The server as an account of any realm may see it."""
    said = get("admin/serverinfo")
    version = (said.get("systemInfo") or {}).get("version")
    if not version:  # 26.4 tells only accounts of master, and these alone can work on a realm that is not there yet
        version = ask(f"{realm_path}/partial-export")["keycloakVersion"]
    return Server(version, frozenset(each["name"].lower() for each in said["features"] if each["enabled"]))


def needed(rows: Mapping[str, Since], change: Change) -> Iterator[tuple[str, Origin | None]]:
    """The rows that a change needs, each with the place that asks for it; what the server shows already it has.

    ``rows`` are by property, "" for the object itself.
    """
    if change.desired is None or change.action not in (Action.CREATE, Action.UPDATE):
        return
    there = change.observed.spec if change.observed else {}
    new = () if change.observed else ("",)
    for name in dict.fromkeys((*new, *(difference.path[0] for difference in change.fields))):
        if name in rows and name not in there:
            source = change.desired.sources.get(name)
            yield name, source.origin if source else change.desired.origin


def lack(rows: Mapping[str, Since], name: str, found: Server) -> str:
    """Why this server can't hold what one of the rows is about; empty where it can."""
    row, subject = rows[name], f"`{name}` " if name else ""
    release, option = _release(found.version), f"`--features={row.feature}`"
    if release < row.release:
        wanted = f"{_text(row.release)} or newer"
        if row.feature:
            wanted = f"{_text(row.by_default)} or newer, or {_text(row.release)} with {option}"
        return f"{subject}needs Keycloak {wanted}, and this server is {found.version}; take it out or update the server"
    if row.feature and row.feature not in found.features:
        by_itself = f"{_text(row.by_default)} and newer have it by themselves"
        return (
            f"{subject}needs the feature {row.feature}, which this server has not switched on; start it with {option} "
            f"({by_itself}), or take it out"
        )
    return ""


def _release(version: str) -> Release:
    """As in 26.7; of a version that is written in another way, the oldest."""
    found = _VERSION.match(version)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _text(release: Release) -> str:
    return ".".join(map(str, release))
