"""Organizations: groups of people from one company, with its domains and identity providers.

Members are managed only where they are declared, and then exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from reconciler.core.difference.kind import Field
from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Resource
from reconciler.core.resource.values import ABSENT, Path, Value
from reconciler.providers.keycloak.server.pages import pages, pages_if_any
from reconciler.providers.keycloak.table.connection import BASE, Connection, Representation, View
from reconciler.providers.keycloak.table.groups import Creation, Paths, Pruning, Put, Reading, Requirements
from reconciler.providers.keycloak.table.kind import Item, Links, RestKind
from reconciler.providers.keycloak.table.names import of_path
from reconciler.providers.keycloak.table.properties import (
    Property,
    as_list,
    as_map,
    as_names,
    attributes,
    by,
    declared_objects,
    flag,
    names,
    text,
)
from reconciler.vocabulary.keycloak import IDENTITY_PROVIDER, ORGANIZATION, REALM, USER

SHOWN_TO: Final = "view-organizations or manage-realm"
_by_name: Final = by("name")
_VERIFIED: Final = flag()
_SWITCH: Final = flag()
_LISTS: Final = {"identityProviders": ("identity-providers", "alias"), "members": ("members", "username")}


def _organizations(realm: Representation) -> Iterator[Item]:
    for index, body in enumerate(realm.get("organizations") or ()):
        named = {name: [each[key] for each in body[name] or ()] for name, (_, key) in _LISTS.items() if name in body}
        yield Item((body.get("alias") or body["name"],), ("organizations", index), {**body, **named})


def _domains(value: Value) -> Value:
    """Domains by their names in the server's spelling: it folds capitals, and takes blanks around them off (26.7)."""
    return {name.strip().lower(): _domain(as_map(body)) for name, body in _by_name(value).items()}


def _domain(body: Mapping[str, Value]) -> Mapping[str, Value]:
    return {name: _VERIFIED.normal(part) if name == "verified" else part for name, part in body.items()}


def _usernames(value: Value) -> Value:
    """The server stores usernames in lower case."""
    return as_names([name.lower() if isinstance(name, str) else name for name in as_names(value)])


def _provider(realm: str, _keys: Path, alias: str) -> Address:
    return Address(IDENTITY_PROVIDER, (realm, alias))


def _member(realm: str, _keys: Path, username: str) -> Address:
    return Address(USER, (realm, username.lower()))


def read(connection: Connection, base: str, _export: Representation, wanted: Iterable[Resource]) -> Mapping[str, Any]:
    """The export leaves organizations out; whose members or providers are declared, these are asked for."""
    found = pages(connection, f"{base}/organizations", "briefRepresentation=false")
    lists = {each.address.name: [name for name in _LISTS if name in each.spec] for each in wanted}
    return {"organizations": [_with_lists(connection, base, body, lists.get(body["alias"], [])) for body in found]}


def _with_lists(connection: Connection, base: str, body: Representation, wanted: Iterable[str]) -> Representation:
    read = {name: _READ[name](connection, f"{base}/organizations/{body['id']}/{_LISTS[name][0]}") for name in wanted}
    return {**body, **{name: found for name, found in read.items() if found is not None}}


def _members(connection: Connection, path: str) -> Sequence[Representation] | None:
    found = pages_if_any(connection, path)
    return None if found is None else list(found)


def _providers(connection: Connection, path: str) -> Sequence[Representation] | None:
    """All of them are in one answer: the path takes no pages."""
    found = connection.get(path)
    return None if found is ABSENT else found


_READ: Final = {"identityProviders": _providers, "members": _members}


def _named(body: Mapping[str, Value]) -> Mapping[str, Value]:
    return {"name": body["alias"], **body}


def _switched_off(view: View, address: Address, body: Mapping[str, Value]) -> str:
    """Explains that a realm without the switch has no organizations, and answers with 404."""
    # The realm of one that is there has the switch; only a new one is sent with its alias.
    if "alias" not in body:
        return ""
    realm = view.once(BASE.format(realm=quote(address.path[0], safe="")))
    is_off = isinstance(realm, Mapping) and _SWITCH.normal(realm.get("organizationsEnabled", ABSENT)) is not True
    return "the realm has no organizations; set `organizationsEnabled: true` in it" if is_off else ""


KIND: Final = RestKind(
    name=ORGANIZATION,
    key="alias",
    properties={
        "name": text(),
        "description": text(),
        "redirectUrl": text(),
        "enabled": flag(default=True),
        "domains": Property(
            Field(normalise=_domains), complete=declared_objects, unset=(), whole=True, wire=as_list("name")
        ),
        "attributes": attributes(),
        "identityProviders": names(),
        "members": names(_usernames),
    },
    objects=_organizations,
    paths=Paths(
        item=f"{BASE}/organizations/{{id}}",
        find=f"{BASE}/organizations?first=0&max=1000",
        collections={REALM: f"{BASE}/organizations"},
    ),
    right="manage-realm",
    links={
        "identityProviders": Links("identity-providers", _provider, by_id=True),
        "members": Links("members", _member, by_id=True),
    },
    put=Put(replaces=True),
    creation=Creation(misnamed=of_path, complete=_named),
    pruning=Pruning(section="organizations", mark=as_names),
    requirements=Requirements(rejects=_switched_off),
    reading=Reading(more=read, shown_to=SHOWN_TO),
)
