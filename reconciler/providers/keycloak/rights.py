"""The roles that an account needs for what is declared: those of the tables for writing, and what reading takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from reconciler.core.resource import Resource
from reconciler.providers.keycloak.kinds import KINDS
from reconciler.providers.keycloak.rest import FLOW_BINDINGS, PASSWORD, REALM, USER

_EXPORT: Final[Mapping[str, str]] = {
    "manage-realm": "to export the realm, which is how it is read",
    "view-clients": "to export the realm",
    "query-groups": "to export the realm",
}
_PROFILE: Final[Mapping[str, str]] = {"view-realm": "to read the realm"}
_USERS: Final[Mapping[str, str]] = {"view-users": "to read users"}


def rights(resources: Iterable[Resource]) -> Mapping[str, Mapping[str, str]]:
    """By realm, the roles of its realm-management and what each is for."""
    kinds: dict[str, set[str]] = {}
    for resource in resources:
        kinds.setdefault(resource.address.path[0], set()).add(resource.address.kind)
    return {realm: _of(found) for realm, found in kinds.items()}


def _of(kinds: set[str]) -> Mapping[str, str]:
    is_small = kinds <= {REALM, FLOW_BINDINGS, USER, PASSWORD}
    reads = {**(_PROFILE if is_small else _EXPORT), **(_USERS if USER in kinds else {})}
    writes: dict[str, list[str]] = {}
    for name, kind in KINDS.items():
        if name in kinds:
            writes.setdefault(kind.right, []).append(name.partition(".")[2])
    return {
        role: "; ".join(_reasons(reads.get(role), writes.get(role, ()))) for role in dict.fromkeys((*reads, *writes))
    }


def _reasons(read: str | None, written: Sequence[str]) -> Iterator[str]:
    if read:
        yield read
    if written:
        yield f"to write {', '.join(written)}"
