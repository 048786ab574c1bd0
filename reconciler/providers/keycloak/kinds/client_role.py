"""Roles of one client; else as roles of a realm."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from reconciler.core.resource.resource import Observed, Resource
from reconciler.core.resource.values import ABSENT, Path, Spec, Value
from reconciler.providers.keycloak.kinds import client, role
from reconciler.providers.keycloak.table.connection import BASE, Representation
from reconciler.providers.keycloak.table.groups import Builtins, Paths, Pruning, Put, Reading
from reconciler.providers.keycloak.table.kind import Item, RestKind
from reconciler.providers.keycloak.table.properties import as_names, flag
from reconciler.vocabulary.keycloak import AUTHORIZATION_ROLE, CLIENT, CLIENT_ROLE, MASTER, REALM_MANAGEMENT

"""Of every client with authorization services; Keycloak makes it with them."""

_FLAG: Final = flag()


def _roles(realm: Representation) -> Iterator[Item]:
    for client_id, bodies in ((realm.get("roles") or {}).get("client") or {}).items():
        for index, body in enumerate(bodies or ()):
            yield Item((client_id, body["name"]), ("roles", "client", client_id, index), body)


def _is_builtin(path: Path) -> bool:
    realm, client_id, name = path
    if name == AUTHORIZATION_ROLE:
        return True
    return client_id in client.BUILTIN or (realm == MASTER and client_id.endswith("-realm"))


def _comes_with(path: Path, client_spec: Spec) -> bool:
    """The role of authorization services is in some exports of clients that have none."""
    has_services = _FLAG.normal(client_spec.get("authorizationServicesEnabled", ABSENT))
    return path[-1] != AUTHORIZATION_ROLE or bool(has_services)


def _adjust(desired: Resource, observed: Observed, expected: dict[str, Value]) -> Mapping[str, Value]:
    """Let the role that is all rights in one have those that came with a newer server."""
    if desired.address.path[1:] == (REALM_MANAGEMENT, "realm-admin"):
        return role.with_composites_of(lambda client_id: client_id == REALM_MANAGEMENT, observed, expected)
    return expected


KIND: Final = RestKind(
    name=CLIENT_ROLE,
    key="name",
    properties=role.ROLE_ROWS,
    objects=_roles,
    paths=Paths(
        item=role.ROLE_ITEM,
        find=f"{BASE}/clients/{{parent}}/roles/{{name}}",
        collections={CLIENT: f"{BASE}/clients/{{parent}}/roles"},
        answers_id=False,
    ),
    right="manage-clients",
    parent=CLIENT,
    links=role.ROLE_LINKS,
    adjust=_adjust,
    put=Put(always=role.ROLE_ALWAYS),
    builtins=Builtins(is_builtin=_is_builtin, comes_with=_comes_with),
    pruning=Pruning(section="clientRoles", mark=as_names),
    reading=Reading(flags=frozenset({"exportClients", "exportGroupsAndRoles"})),
)
