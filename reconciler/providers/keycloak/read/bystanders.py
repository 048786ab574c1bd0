"""Objects and people outside the plan that a deletion takes something from; read only if there is one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import quote

from reconciler.core.difference.change import Action, Change
from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Bystander
from reconciler.core.resource.values import ABSENT
from reconciler.providers.keycloak.ids import Directory
from reconciler.providers.keycloak.read.losses import LOSS, PEOPLE, is_declared, namers, permissions
from reconciler.providers.keycloak.read.users import People
from reconciler.providers.keycloak.table.connection import BASE
from reconciler.vocabulary.keycloak import CLIENT, CLIENT_ROLE, GROUP, ROLE, USER

_PROPERTIES: Final = {GROUP: "groups", ROLE: "realmRoles", CLIENT_ROLE: "clientRoles"}
"""The property of a user, or of a group, that names objects of a type."""


def bystanders(directory: Directory, changes: Sequence[Change]) -> Mapping[Address, tuple[Bystander, ...]]:
    """Returns for each deleted object who has it or a part of it, or names it, unless a file says so of them."""
    gone = {change.address: change for change in changes if change.action is Action.DELETE}
    declared = {change.address: change for change in changes}
    # Collected for all deletions at once, since each realm is read whole for it.
    naming = namers(directory, gone, declared)
    found = {
        address: (
            *(_holders(directory, change, declared) if address.kind in (*_PROPERTIES, CLIENT) else ()),
            *(PEOPLE[address.kind](directory, change, declared) if address.kind in PEOPLE else ()),
            *naming.get(address, ()),
        )
        for address, change in gone.items()
    }
    found |= {change.address: tuple(permissions(change)) for change in changes if change.action is Action.UPDATE}
    return {address: holders for address, holders in found.items() if holders}


def is_harmful(change: Change) -> bool:
    """Returns whether a change may hurt what is outside the plan; asks nothing."""
    return change.action is Action.DELETE or any(permissions(change))


def _holders(directory: Directory, change: Change, declared: Mapping[Address, Change]) -> Iterator[Bystander]:
    own = [change.address, *(each for each in _inside(directory, change) if each not in declared)]
    held = [each for each in own if each.kind in _PROPERTIES]
    names = dict.fromkeys(name for each in held for name in _users(directory, each, declared))
    groups = dict.fromkeys(path for each in held for path in _groups(directory, each, declared))
    yield from (Bystander(name, f"user {name}", LOSS) for name in names)
    yield from (Bystander(path, f"group {path}", LOSS) for path in groups)


def _inside(directory: Directory, change: Change) -> Iterable[Address]:
    """The objects deleted along; the roles of a client are asked for, as not every look has them."""
    if change.address.kind != CLIENT:
        return sorted(change.observed.along.get((), ())) if change.observed else ()
    realm, client = change.address.path
    found = directory.connection.get(directory.path(f"{BASE}/clients/{{id}}/roles", change.address))
    return [Address(CLIENT_ROLE, (realm, client, role["name"])) for role in (found if found is not ABSENT else ())]


def _users(directory: Directory, address: Address, declared: Mapping[Address, Change]) -> Iterator[str]:
    """The users who are in a group, or have a role, of whom the files do not say so themselves."""
    realm = address.path[0]
    people = People(directory.connection, BASE.format(realm=quote(realm, safe="")), {}, False, {})  # noqa: FBT003
    path = f"groups/{directory.id(address)}/members" if address.kind == GROUP else f"{_role(directory, address)}/users"
    for name in people.members(path):
        if not is_declared(declared.get(Address(USER, (realm, name))), _PROPERTIES[address.kind]):
            yield name


def _groups(directory: Directory, address: Address, declared: Mapping[Address, Change]) -> Iterator[str]:
    """The groups that have a role, of which the files do not say so themselves."""
    if address.kind not in (ROLE, CLIENT_ROLE):
        return
    realm = address.path[0]
    found = directory.connection.get(f"{BASE.format(realm=quote(realm, safe=''))}/{_role(directory, address)}/groups")
    for group in found if found is not ABSENT else ():
        holder = Address(GROUP, (realm, *group["path"].strip("/").split("/")))
        # A file that declares the group's roles decides about this one, too.
        if not is_declared(declared.get(holder), _PROPERTIES[address.kind]):
            yield str(group["path"])


def _role(directory: Directory, address: Address) -> str:
    name = quote(address.name, safe="")
    if address.kind == ROLE:
        return f"roles/{name}"
    return f"clients/{directory.id(Address(CLIENT, address.path[:-1]))}/roles/{name}"
