"""Users and groups as the server finds them: never all of them, of however many there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

from reconciler.core.plan.access import Matches
from reconciler.core.resource.values import ABSENT
from reconciler.providers.keycloak.server.pages import BRIEF
from reconciler.providers.keycloak.table.connection import BASE, Connection, Representation
from reconciler.providers.side_by_side import side_by_side


def users_found(connection: Connection, realm: str, text: str, most: int) -> Matches:
    """The first users with this text at the beginning of their name or address; ``*`` stands for anything."""
    base, asked = BASE.format(realm=quote(realm, safe="")), f"search={quote(text, safe='')}"
    # Each of the two goes through all users of a realm, which takes the server a moment.
    listed, total = side_by_side(
        connection.get, (f"{base}/users?first=0&max={most}&{BRIEF}&{asked}", f"{base}/users/count?{asked}")
    )
    found = _listed(listed)
    return Matches(tuple(str(each["username"]) for each in found), total if isinstance(total, int) else len(found))


def groups_found(connection: Connection, realm: str, text: str, most: int) -> Matches:
    """The paths of the first groups with this text in their name."""
    base, asked = BASE.format(realm=quote(realm, safe="")), f"search={quote(text, safe='')}"
    found = _listed(connection.get(f"{base}/groups?first=0&max={most}&{BRIEF}&{asked}"))
    # The server also returns the groups above a match, so that its tree is whole.
    paths = tuple(path for path in _paths(found) if text.lower() in path.rpartition("/")[2].lower())
    counted: Any = connection.get(f"{base}/groups/count?{asked}") if len(found) == most else None
    total = counted.get("count") if isinstance(counted, dict) else None
    return Matches(paths[:most], max(total if isinstance(total, int) else 0, len(paths)))


def members_found(connection: Connection, realm: str, group: str, most: int) -> Matches:
    """The first members of a group. The server does not count them: one more than asked for means there are more."""
    base = BASE.format(realm=quote(realm, safe=""))
    there = connection.get(f"{base}/group-by-path/{quote(group.strip('/'))}")
    if there is ABSENT:
        return Matches((), 0)
    found = _listed(connection.get(f"{base}/groups/{there['id']}/members?first=0&max={most + 1}&{BRIEF}"))
    return Matches(tuple(str(each["username"]) for each in found[:most]), len(found))


def _listed(found: Any) -> Sequence[Representation]:
    return found if isinstance(found, list) else ()


def _paths(groups: Sequence[Representation]) -> Iterator[str]:
    """The paths of groups and of those below them, as far as a search shows them."""
    for group in groups:
        yield str(group["path"])
        yield from _paths(group.get("subGroups") or ())
