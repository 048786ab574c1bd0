"""The names of objects that a file, or a server, names by their ids."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, TypeAlias

from reconciler.providers.keycloak.kinds import client_role, group, role
from reconciler.providers.keycloak.table.connection import Representation
from reconciler.providers.keycloak.table.kind import Item

NamesById: TypeAlias = Mapping[str, Mapping[str, str]]
"""Names by type and id; a type is named as Keycloak names what can be administered."""

NAMES: Final[Mapping[str, Callable[[Representation], str]]] = {
    "Users": lambda body: str(body["username"]).lower(),
    "Groups": lambda body: str(body["path"]),
    "Clients": lambda body: str(body["clientId"]),
    "Organizations": lambda body: str(body.get("alias") or body["name"]),
}
"""What one of a type is called; that of a role has the name of its client in it, which its body has not."""


def names_by_id(realm: Representation) -> NamesById:
    """The names of a representation's objects, as far as it has their ids."""
    roles = (*role.KIND.objects(realm), *client_role.KIND.objects(realm))
    return {
        **{sort: dict(_called(sort, realm.get(sort.lower()))) for sort in ("Users", "Clients", "Organizations")},
        "Groups": {own: f"/{name}" for own, name in _placed(group.KIND.objects(realm))},
        "Roles": dict(_placed(roles)),
    }


def _called(sort: str, bodies: Iterable[Representation] | None) -> Iterator[tuple[str, str]]:
    return ((each["id"], NAMES[sort](each)) for each in bodies or () if "id" in each)


def _placed(items: Iterable[Item]) -> Iterator[tuple[str, str]]:
    return ((item.body["id"], "/".join(item.keys)) for item in items if "id" in item.body)
