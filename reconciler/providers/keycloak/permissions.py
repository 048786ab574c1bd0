"""The roles that an account needs for what is declared: those of the tables for writing, and what reading takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Resource
from reconciler.providers.keycloak.read.observe import is_exported, looked_for
from reconciler.providers.keycloak.read.whole import LOOKING
from reconciler.providers.keycloak.registry import KINDS
from reconciler.vocabulary.keycloak import MASTER, USER

_EXPORT: Final[Mapping[str, str]] = {
    "manage-realm": "to export the realm, which is how it is read",
    "view-clients": "to export the realm",
    "query-groups": "to export the realm",
}
_PROFILE: Final[Mapping[str, str]] = {"view-realm": "to read the realm"}
_CREATION: Final = "create-realm"
_USERS: Final[Mapping[str, str]] = {"view-users": "to read users"}


def rights(resources: Iterable[Resource]) -> Mapping[str, Mapping[str, str]]:
    """The roles of realm-management by realm, each with its purpose, and the role in master that makes realms.

    An account that makes a realm has all rights in it.
    """
    realms: dict[str, dict[Address, Resource]] = {}
    for resource in resources:
        realms.setdefault(resource.address.path[0], {})[resource.address] = resource
    found = {realm: _of(realm, wanted) for realm, wanted in realms.items()}
    # `master` is always there already.
    made = [realm for realm in found if realm != MASTER]
    if not made:
        return found
    return {**found, MASTER: {**found.get(MASTER, {}), _CREATION: f"to make {', '.join(made)} where it does not exist"}}


def looking(resources: Iterable[Resource]) -> Mapping[str, Mapping[str, str]]:
    """The roles of realm-management with which an account may look at each realm, and change nothing."""
    realms = dict.fromkeys(resource.address.path[0] for resource in resources)
    shows = {role: f"shows {what.replace('*', '')}" for role, what in LOOKING.items()}
    return dict.fromkeys(realms, shows)


def _of(realm: str, wanted: Mapping[Address, Resource]) -> Mapping[str, str]:
    kinds, read = {address.kind for address in wanted}, looked_for(realm, wanted)
    # Users may be read for others, such as the members of an organization.
    named = (each.kind for at, one in wanted.items() for each in KINDS[at.kind].dependencies.uses(realm, one.spec))
    reads = {**(_EXPORT if is_exported(read) else _PROFILE), **(_USERS if USER in {*read, *named} else {})}
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
