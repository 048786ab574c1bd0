"""Groups of an organization, which stand beside those of its realm, and who of its members is in which.

The groups are exact wherever they are declared, at every level. The server shows a whole group only by itself, takes
no roles with one, and no more than the name of a new subgroup (26.7), so that each is written bit by bit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from reconciler.core.difference.kind import Field
from reconciler.core.message.errors import Conflict
from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Resource
from reconciler.core.resource.values import ABSENT, Spec, Value
from reconciler.providers.keycloak.kinds import organization
from reconciler.providers.keycloak.kinds.group import ROLE_LINKS, paths
from reconciler.providers.keycloak.kinds.organization import SHOWN_TO
from reconciler.providers.keycloak.kinds.role import role
from reconciler.providers.keycloak.server.pages import pages
from reconciler.providers.keycloak.table.connection import BASE, Connection, Live, Representation
from reconciler.providers.keycloak.table.groups import Dependencies, Paths, Put, Reading, Requirements
from reconciler.providers.keycloak.table.kind import Item, RestKind
from reconciler.providers.keycloak.table.properties import (
    Property,
    as_list_map,
    as_map,
    as_name_map,
    as_names,
    as_text,
    by,
    declared_keys,
    merged,
    without_absent,
)
from reconciler.providers.keycloak.table.required_release import Since, is_in
from reconciler.vocabulary.keycloak import CLIENT, ORGANIZATION, ORGANIZATION_GROUPS, USER

_COUNTED: Final = "briefRepresentation=false&subGroupsCount=true"
_SINCE: Final = Since((26, 6))
_ROLES_SINCE: Final = Since((26, 7))
_PLAIN: Final = ("description", "attributes")


def _group(value: Value) -> Value:
    return {key: _FORMS[key](part) for key, part in as_map(value).items() if key in _FORMS}


_groups: Final = by("name", _group)
_FORMS: Final = {
    "description": as_text,
    "attributes": as_list_map,
    "realmRoles": as_names,
    "clientRoles": as_name_map,
    "subGroups": _groups,
}


def _memberships(value: Value) -> Mapping[str, Value]:
    """The groups of each member that has the word, by username."""
    if isinstance(value, Mapping):
        return {name: paths(part) or ABSENT for name, part in value.items()}
    members = value if isinstance(value, Sequence) and not isinstance(value, str) else ()
    found = [as_map(each) for each in members]
    return {str(each["username"]).lower(): paths(each["groups"]) or ABSENT for each in found if "groups" in each}


def _expected(declared: Value, live: Value) -> Value:
    """Exactly the declared groups, and of each only what is declared."""
    there = as_map(live)
    return {name: _expected_group(as_map(body), as_map(there.get(name, {}))) for name, body in as_map(declared).items()}


def _expected_group(declared: Mapping[str, Value], live: Mapping[str, Value]) -> Value:
    below = (
        {"subGroups": _expected(declared["subGroups"], live.get("subGroups", {}))} if "subGroups" in declared else {}
    )
    return {**live, **declared, **below}


def _organizations(realm: Representation) -> Iterator[Item]:
    for index, body in enumerate(realm.get("organizations") or ()):
        placed = [each for each in body.get("members") or () if "groups" in each]
        own = {"groups": body["groups"]} if "groups" in body else {}
        # Without declared groups the organization's groups are not managed.
        if own or placed:
            found = {**own, **({"members": placed} if placed else {})}
            yield Item((body.get("alias") or body["name"],), ("organizations", index), found)


def _named(realm: str, spec: Spec) -> Iterator[Address]:
    """The members that are placed, and the roles of the groups."""
    yield from (Address(USER, (realm, name)) for name in _memberships(spec.get("members", ())))
    yield from _roles(realm, _groups(spec.get("groups", ())))


def _roles(realm: str, groups: Mapping[str, Value]) -> Iterator[Address]:
    for body in map(as_map, groups.values()):
        for name, links in ROLE_LINKS.items():
            yield from links.targets(realm, body.get(name))
        yield from _roles(realm, as_map(body.get("subGroups", {})))


# ------------------------------------------------------------------ reading


def _read(connection: Connection, base: str, export: Representation, wanted: Iterable[Resource]) -> Mapping[str, Any]:
    """The organizations, with their groups where these are declared."""
    specs = {each.address.name: each.spec for each in wanted}
    found = export.get("organizations")
    if found is None:
        found = organization.read(connection, base, export, wanted)["organizations"]
    if is_in(_SINCE, export):
        found = [
            _with_groups(connection, f"{base}/organizations/{body['id']}", body, specs.get(body["alias"], {}))
            for body in found
        ]
    return {"organizations": found}


def _with_groups(connection: Connection, path: str, body: Representation, spec: Spec) -> Representation:
    declared = _memberships(spec.get("members", ()))
    groups = list(tree(connection, f"{path}/groups")) if "groups" in spec else None
    members = [
        {**each, "groups": list(_of_member(connection, path, each["id"]))} if each["username"] in declared else each
        for each in body.get("members", ())
    ]
    return {**body, **({} if groups is None else {"groups": groups}), **({"members": members} if declared else {})}


def tree(connection: Connection, groups: str, below: str = "") -> Iterator[Representation]:
    """The groups of one level with those below; the list of subgroups shows neither attributes nor roles (26.7)."""
    for brief in pages(connection, f"{groups}{below}", _COUNTED):
        own = connection.get(f"{groups}/{brief['id']}") if below else brief
        children = list(tree(connection, groups, f"/{brief['id']}/children")) if brief.get("subGroupCount") else []
        if own is not ABSENT:
            yield {**own, "subGroups": children}


def _of_member(connection: Connection, organization_path: str, user_id: str) -> Mapping[str, str]:
    """The groups that a member is in: path → id."""
    found = pages(connection, f"{organization_path}/members/{user_id}/groups")
    return {each["path"]: each["id"] for each in found}


# ------------------------------------------------------------------ writing


def _save(live: Live, address: Address, patch: Mapping[str, Value]) -> None:
    path = live.path(f"{BASE}/organizations/{{parent}}", address)
    _save_level(live, address, f"{path}/groups", "", as_map(patch.get("groups", {})))
    for name, wanted in as_map(patch.get("members", {})).items():
        _place(live, path, live.id(Address(USER, (address.path[0], name))), () if wanted is ABSENT else paths(wanted))


def _save_level(live: Live, address: Address, groups: str, below: str, patch: Mapping[str, Value]) -> None:
    if not patch:
        return
    found = {each["name"]: each["id"] for each in pages(live.connection, f"{groups}{below}")}
    for name, body in patch.items():
        if body is not ABSENT:
            # An earlier try may have made it.
            made = found.get(name) or live.connection.create(f"{groups}{below}", {"name": name})
            _save_group(live, address, groups, made, as_map(body))
        elif name in found:
            live.connection.delete(f"{groups}/{found[name]}")


def _save_group(live: Live, address: Address, groups: str, group: str, patch: Mapping[str, Value]) -> None:
    path = f"{groups}/{group}"
    # Of subgroups alone nothing has to be written here.
    if patch.keys() - {"subGroups"}:
        found = live.connection.get(path)
        if found is ABSENT:
            raise Conflict("a group of it is not there any more")
        plain = {name: patch[name] for name in _PLAIN if name in patch}
        if plain:
            live.connection.put(path, without_absent(merged(found, plain)))
        _save_roles(live, address, f"{path}/role-mappings", found, patch)
    _save_level(live, address, groups, f"/{group}/children", as_map(patch.get("subGroups", {})))


def _save_roles(live: Live, address: Address, path: str, found: Representation, patch: Mapping[str, Value]) -> None:
    realm = address.path[0]
    if "realmRoles" in patch:
        _map(live, f"{path}/realm", _addresses(realm, (), found.get("realmRoles"), patch["realmRoles"]))
    for client, names in as_map(patch.get("clientRoles", {})).items():
        before = (found.get("clientRoles") or {}).get(client)
        client_id = quote(live.id(Address(CLIENT, (realm, client))), safe="")
        _map(live, f"{path}/clients/{client_id}", _addresses(realm, (client,), before, names))


def _addresses(realm: str, client: tuple[str, ...], before: Value, after: Value) -> tuple[list[Address], list[Address]]:
    """The roles that go, and those that come."""
    old, new = (dict.fromkeys(role(realm, client, str(name)) for name in as_names(each)) for each in (before, after))
    return [each for each in old if each not in new], [each for each in new if each not in old]


def _map(live: Live, path: str, roles: tuple[list[Address], list[Address]]) -> None:
    for addresses, write in zip(roles, (live.connection.delete, live.connection.post), strict=True):
        if addresses:
            write(path, tuple({"id": live.id(each), "name": each.name} for each in addresses))


def _place(live: Live, path: str, user_id: str, wanted: Sequence[Value]) -> None:
    """Put a member into exactly these groups."""
    now = _of_member(live.connection, path, user_id)
    for gone in now.keys() - set(wanted):
        live.connection.delete(f"{path}/groups/{now[gone]}/members/{user_id}")
    for name in wanted:
        if name not in now:
            found = live.connection.get(f"{path}/groups/group-by-path{quote(str(name))}")
            if found is ABSENT:
                raise Conflict(f"the organization has no group {name}; declare it, or see who deleted it")
            live.connection.put(f"{path}/groups/{found['id']}/members/{user_id}")


KIND: Final = RestKind(
    name=ORGANIZATION_GROUPS,
    key="alias",
    properties={
        "groups": Property(Field(normalise=_groups), complete=_expected, unset=()),
        "members": Property(Field(normalise=_memberships), complete=declared_keys, unset={}),
    },
    objects=_organizations,
    paths=Paths(item=f"{BASE}/organizations/{{parent}}", find=f"{BASE}/organizations/{{parent}}", id_key=""),
    right="manage-realm",
    parent=ORGANIZATION,
    singleton=True,
    put=Put(save=_save),
    dependencies=Dependencies(uses=_named),
    requirements=Requirements(
        since={
            "groups": _SINCE,
            "members": _SINCE,
            **{f"groups.*.**.{name}": _ROLES_SINCE for name in ROLE_LINKS},
        }
    ),
    reading=Reading(more=_read, shown_to=SHOWN_TO),
)
