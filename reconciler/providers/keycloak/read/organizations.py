"""Reading who is in which groups of organizations, for what follows from it: of whole organizations, group by group, or
of single users.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from reconciler.core.resource.values import ABSENT
from reconciler.providers.keycloak.kinds.organization_groups import tree
from reconciler.providers.keycloak.server.pages import pages
from reconciler.providers.keycloak.table.connection import Connection, Representation


def organizations(connection: Connection, base: str) -> Iterator[Representation]:
    """All organizations of a realm, none where its server knows none."""
    return pages(connection, f"{base}/organizations", "briefRepresentation=false")


def with_everybody(connection: Connection, base: str, body: Representation) -> Representation:
    """An organization with its groups, and its members with those that each is in."""
    path = f"{base}/organizations/{body['id']}"
    groups = list(tree(connection, f"{path}/groups"))
    # Members first, so that those who are in no group are there, too.
    members: dict[str, list[str]] = {name: [] for name in _names(connection, f"{path}/members")}
    for group in _below(groups):
        for name in _names(connection, f"{path}/groups/{group['id']}/members"):
            members.setdefault(name, []).append(group["path"])
    return {**body, "groups": groups, "members": [{"username": name, "groups": own} for name, own in members.items()]}


def of_users(connection: Connection, base: str, users: Mapping[str, str]) -> Iterable[Representation]:
    """Organizations, with those of their groups that any of these users is in; ``users`` are ids by name."""
    found: dict[str, dict[str, Any]] = {}
    for name, user_id in users.items():
        for body in _there(connection.get(f"{base}/organizations/members/{user_id}/organizations")):
            path = f"{base}/organizations/{body['id']}/members/{user_id}/groups"
            groups = list(pages(connection, path, "briefRepresentation=false"))
            own = found.setdefault(body["alias"], {**body, "groups": {}, "members": []})
            own["members"].append({"username": name, "groups": [group["path"] for group in groups]})
            # A path in place of names one in another: no more of the other groups is known.
            own["groups"] |= {group["path"]: {**group, "name": group["path"].lstrip("/")} for group in groups}
    return [{**body, "groups": list(body["groups"].values())} for body in found.values()]


def _names(connection: Connection, path: str) -> Iterator[str]:
    return (str(body["username"]).lower() for body in pages(connection, path))


def _below(groups: Iterable[Representation]) -> Iterator[Representation]:
    for group in groups:
        yield group
        yield from _below(group["subGroups"])


def _there(answer: Any) -> Iterable[Representation]:
    return () if answer is ABSENT else answer
