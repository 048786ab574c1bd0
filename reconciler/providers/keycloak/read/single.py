"""A realm put together from single requests, for an account that may look at it but not export it.

Keycloak exports a realm to nobody without manage-realm (26.7), which also changes it. The answers of its other requests
have the same objects, part by part, each part for a role of its own. An account that lacks one of these roles is
refused that part, or is shown an empty list. So lists are compared with what is there in any case.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Final
from urllib.parse import quote

from reconciler.core.message.errors import Denied
from reconciler.core.resource.values import ABSENT
from reconciler.providers.keycloak.server.pages import pages
from reconciler.providers.keycloak.table.connection import Connection, Representation
from reconciler.providers.side_by_side import side_by_side
from reconciler.record import Struct
from reconciler.vocabulary.keycloak import (
    ADMIN_PERMISSIONS,
    ADMIN_PERMISSIONS_CLIENT,
    AUTHORIZATION,
    CLIENT,
    CLIENT_ROLE,
    CLIENT_SCOPE,
    CLIENT_SCOPE_MAPPINGS,
    COMPONENT,
    DEFAULT_CLIENT_SCOPES,
    DEFAULT_GROUPS,
    DEFAULT_ROLES,
    FLOW,
    GROUP,
    IDENTITY_PROVIDER,
    IDENTITY_PROVIDER_MAPPER,
    LOCALIZATION,
    MASTER,
    REALM_MANAGEMENT,
    REQUIRED_ACTION,
    ROLE,
    SCOPE_MAPPINGS,
    USER,
    USER_PROFILE,
)

_FULL: Final = "briefRepresentation=false"


class SingleReads:
    """The requests for one realm; ``flows`` are the names of those that are looked for."""

    def __init__(self, connection: Connection, base: str, settings: Representation, flows: Collection[str]) -> None:
        self.connection, self.base, self.settings, self.flows = connection, base, settings, flows

    def get(self, below: str) -> Any:
        """The answer to a request below the realm; an empty list where there is no such thing."""
        found = self.connection.get(f"{self.base}/{below}")
        return [] if found is ABSENT else found

    def each(self, paths: Iterable[str]) -> Sequence[Any]:
        """The answers to several requests."""
        return tuple(side_by_side(self.get, paths))

    @cached_property
    def clients(self) -> Sequence[Representation]:
        """All clients. Raises Denied where the account sees none of them, as with query-clients alone."""
        found: Sequence[Representation] = self.get("clients")
        own = f"{MASTER}-realm" if self.settings["realm"] == MASTER else REALM_MANAGEMENT
        if not any(each["clientId"] == own for each in found):
            raise Denied("the account does not see all clients")
        return found

    @cached_property
    def scopes(self) -> Sequence[Representation]:
        found: Sequence[Representation] = self.get("client-scopes")
        return found

    @cached_property
    def client_names(self) -> Mapping[str, str]:
        return {each["id"]: each["clientId"] for each in self.clients}


def _components(reads: SingleReads) -> Mapping[str, Any]:
    return {"components": _inside(reads.get("components"), reads.settings["id"])}


def _inside(components: Sequence[Representation], parent: str) -> Mapping[str, Sequence[Representation]]:
    """The components within a parent by type, each with those within it."""
    found: dict[str, list[Representation]] = {}
    for each in components:
        if each.get("parentId") == parent:
            # An export says both by where a component stands.
            own = {key: value for key, value in each.items() if key not in ("parentId", "providerType")}
            own["subComponents"] = _inside(components, each["id"])
            found.setdefault(each["providerType"], []).append(own)
    return found


def _flows(reads: SingleReads) -> Mapping[str, Any]:
    """Flows with those inside them, which no list shows; and those that are looked for and stand in no other."""
    shown: Sequence[Representation] = reads.get("authentication/flows")
    listed = _executions(reads, [flow["alias"] for flow in shown])
    # The list has top-level flows alone; the executions of one name those below it by id.
    below = reads.each(f"authentication/flows/{each}" for each in _ids(listed, "flowId"))
    known = {flow["alias"] for flow in (*shown, *below)}
    alone = [found for alias in sorted(set(reads.flows) - known) for found in _alone(reads, alias)]
    settings = reads.each(f"authentication/config/{each}" for each in _ids(listed, "authenticationConfig"))
    return {"authenticationFlows": [*shown, *below, *alone], "authenticatorConfig": list(settings)}


def _executions(reads: SingleReads, aliases: Iterable[str]) -> Sequence[Representation]:
    """The executions of flows, and of those below them."""
    found = reads.each(f"authentication/flows/{quote(alias, safe='')}/executions" for alias in aliases)
    return [each for part in found for each in part]


def _ids(objects: Iterable[Representation], key: str) -> Iterable[str]:
    return dict.fromkeys(each[key] for each in objects if each.get(key))


def _alone(reads: SingleReads, alias: str) -> Iterator[Representation]:
    """A flow that stands in no other; an execution of it tells its id. Raises Denied for one without any."""
    path = f"authentication/flows/{quote(alias, safe='')}/executions"
    found = reads.connection.get(f"{reads.base}/{path}")
    if found is ABSENT:
        return
    if not found:
        raise Denied(f"flow `{alias}` is shown by an export only, as it is empty and stands in no other")
    # A flow is read by its id, and its executions by its name: so the way leads over one of them.
    parent = reads.get(f"authentication/executions/{found[0]['id']}")["parentFlow"]
    yield reads.get(f"authentication/flows/{parent}")


def _required_actions(reads: SingleReads) -> Mapping[str, Any]:
    return {"requiredActions": reads.get("authentication/required-actions")}


def _providers(reads: SingleReads) -> Mapping[str, Any]:
    found = reads.get("identity-provider/instances")
    paths = (f"identity-provider/instances/{quote(each['alias'], safe='')}/mappers" for each in found)
    mappers = [mapper for part in reads.each(paths) for mapper in part]
    return {"identityProviders": found, "identityProviderMappers": mappers}


def _scopes(reads: SingleReads) -> Mapping[str, Any]:
    defaults = {
        "defaultDefaultClientScopes": "default-default-client-scopes",
        "defaultOptionalClientScopes": "default-optional-client-scopes",
    }
    named = {key: [each["name"] for each in reads.get(path)] for key, path in defaults.items()}
    return {"clientScopes": reads.scopes, **named}


def _texts(reads: SingleReads) -> Mapping[str, Any]:
    languages = reads.get("localization")
    texts = reads.each(f"localization/{quote(each, safe='')}" for each in languages)
    return {"localizationTexts": dict(zip(languages, texts, strict=True))}


def _clients(reads: SingleReads) -> Mapping[str, Any]:
    return {"clients": reads.clients}


def _services(reads: SingleReads) -> Mapping[str, Any]:
    """The clients with their authorization services."""
    with_services = [
        each["id"]
        for each in reads.clients
        # The settings of that client are the permissions for administrators, which no such request shows.
        if each.get("authorizationServicesEnabled") and each["clientId"] != ADMIN_PERMISSIONS_CLIENT
    ]
    found = reads.each(f"clients/{each}/authz/resource-server/settings" for each in with_services)
    settings = dict(zip(with_services, found, strict=True))
    own = (
        {**each, "authorizationSettings": settings[each["id"]]} if each["id"] in settings else each
        for each in reads.clients
    )
    return {"clients": list(own)}


def _admin_permissions(reads: SingleReads) -> Mapping[str, Any]:
    """Nothing. Raises Denied where there are permissions, of which no single request shows all (26.7: error 400)."""
    if any(each["clientId"] == ADMIN_PERMISSIONS_CLIENT for each in reads.clients):
        raise Denied("Keycloak shows permissions for administrators in an export only")
    return {}


def _mappings(reads: SingleReads) -> Mapping[str, Any]:
    """The roles of clients and client scopes, those of the realm and those of clients apart."""
    holders = [
        *(("client", each["clientId"], f"clients/{each['id']}") for each in reads.clients),
        *(("clientScope", each["name"], f"client-scopes/{each['id']}") for each in reads.scopes),
    ]
    found = reads.each(f"{path}/scope-mappings" for _, _, path in holders)
    of_realm: list[Representation] = []
    of_clients: dict[str, list[Representation]] = {}
    # An export has these lists by the other side: the roles of a client, and who may have them.
    for (sort, name, _), mappings in zip(holders, found, strict=True):
        if roles := _names(mappings.get("realmMappings")):
            of_realm.append({sort: name, "roles": roles})
        for client, held in (mappings.get("clientMappings") or {}).items():
            of_clients.setdefault(client, []).append({sort: name, "roles": _names(held["mappings"])})
    return {"scopeMappings": of_realm, "clientScopeMappings": of_clients}


def _names(objects: Iterable[Representation] | None) -> list[str]:
    return [each["name"] for each in objects or ()]


def _roles(reads: SingleReads) -> Mapping[str, Any]:
    of_clients = reads.each(f"clients/{each}/roles?{_FULL}" for each in reads.client_names)
    own = dict(zip(reads.client_names.values(), (_with_composites(reads, part) for part in of_clients), strict=True))
    return {"roles": {"realm": _with_composites(reads, reads.get(f"roles?{_FULL}")), "client": own}}


def _with_composites(reads: SingleReads, roles: Sequence[Representation]) -> Sequence[Representation]:
    # One request for each composite role, as no list of roles has what is in them.
    composed = [each["id"] for each in roles if each.get("composite")]
    found = reads.each(f"roles-by-id/{each}/composites" for each in composed)
    inside = {role: _composites(reads, parts) for role, parts in zip(composed, found, strict=True)}
    return [{**each, "composites": inside[each["id"]]} if each["id"] in inside else each for each in roles]


def _composites(reads: SingleReads, parts: Sequence[Representation]) -> Mapping[str, Any]:
    """The roles in another one by name, those of clients by client."""
    of_clients: dict[str, list[str]] = {}
    for each in parts:
        if each["clientRole"]:
            of_clients.setdefault(reads.client_names[each["containerId"]], []).append(each["name"])
    of_realm = [each["name"] for each in parts if not each["clientRole"]]
    return {**({"realm": of_realm} if of_realm else {}), **({"client": of_clients} if of_clients else {})}


def _groups(reads: SingleReads) -> Mapping[str, Any]:
    """All groups. Raises Denied where the account does not see each of them, as with query-groups alone."""
    found = list(_level(reads, "groups"))
    # An account that may see some groups gets a shorter list and no error; the count tells.
    counted = reads.get("groups/count?top=false")
    if not counted or _number(found) != int(counted["count"]):
        raise Denied("the account does not see all groups")
    return {"groups": found, "defaultGroups": [each["path"] for each in reads.get("default-groups")]}


def _level(reads: SingleReads, path: str) -> Iterator[Representation]:
    for each in pages(reads.connection, f"{reads.base}/{path}", _FULL):
        # Since 23 a list of groups has the number of those below, and no longer the groups themselves.
        below = list(_level(reads, f"groups/{each['id']}/children")) if each.get("subGroupCount") else []
        yield {**each, "subGroups": below}


def _number(groups: Iterable[Representation]) -> int:
    return sum(1 + _number(each["subGroups"]) for each in groups)


def _accounts(reads: SingleReads) -> Mapping[str, Any]:
    """The service accounts of clients, with their roles."""
    acting = [each for each in reads.clients if each.get("serviceAccountsEnabled")]
    users = reads.each(f"clients/{each['id']}/service-account-user" for each in acting)
    held = reads.each(f"users/{each['id']}/role-mappings" for each in users)
    groups = reads.each(f"users/{each['id']}/groups" for each in users)
    return {
        "users": [
            {**user, "serviceAccountClientId": client["clientId"], **_held(roles), "groups": [g["path"] for g in own]}
            for client, user, roles, own in zip(acting, users, held, groups, strict=True)
        ]
    }


def _held(mappings: Representation) -> Mapping[str, Any]:
    of_clients = mappings.get("clientMappings") or {}
    return {
        "realmRoles": _names(mappings.get("realmMappings")),
        "clientRoles": {client: _names(own["mappings"]) for client, own in of_clients.items()},
    }


class Part(Struct, frozen=True):
    """A part of an export that has the objects of these types, and the roles with which it is read otherwise.

    An export has it if it was asked for with all of the ``flags``.
    """

    read: Callable[[SingleReads], Mapping[str, Any]]
    kinds: frozenset[str]
    roles: str
    flags: frozenset[str] = frozenset()


CLIENTS: Final = "exportClients"
GROUPS: Final = "exportGroupsAndRoles"
_OF_CLIENTS: Final = frozenset({CLIENTS})
_OF_GROUPS: Final = frozenset({GROUPS})

PARTS: Final = (
    Part(_components, frozenset({COMPONENT, USER_PROFILE}), "view-realm"),
    Part(_flows, frozenset({FLOW}), "view-realm"),
    Part(_required_actions, frozenset({REQUIRED_ACTION}), "view-realm"),
    Part(_texts, frozenset({LOCALIZATION}), "view-realm"),
    Part(_providers, frozenset({IDENTITY_PROVIDER, IDENTITY_PROVIDER_MAPPER}), "view-identity-providers"),
    Part(_scopes, frozenset({CLIENT_SCOPE, DEFAULT_CLIENT_SCOPES}), "view-clients"),
    Part(_clients, frozenset({CLIENT}), "view-clients", _OF_CLIENTS),
    Part(_services, frozenset({AUTHORIZATION}), "view-clients and view-authorization", _OF_CLIENTS),
    Part(_admin_permissions, frozenset({ADMIN_PERMISSIONS}), "view-clients and manage-realm", _OF_CLIENTS),
    Part(_mappings, frozenset({SCOPE_MAPPINGS, CLIENT_SCOPE_MAPPINGS}), "view-clients", _OF_CLIENTS),
    Part(_roles, frozenset({ROLE, CLIENT_ROLE, DEFAULT_ROLES}), "view-realm and view-clients", _OF_GROUPS),
    Part(_groups, frozenset({GROUP, DEFAULT_GROUPS}), "view-users", _OF_GROUPS),
    Part(_accounts, frozenset({USER}), "view-clients and view-users", _OF_CLIENTS | _OF_GROUPS),
)
"""The parts of an export, besides the settings of the realm."""


def parts_read(reads: SingleReads, flags: Collection[str]) -> tuple[dict[str, Any], Mapping[str, str]]:
    """The realm as an export with these flags has it; and the types that the account can't see, each with a reason."""
    body: dict[str, Any] = dict(reads.settings)
    unread: dict[str, str] = {}
    for part in PARTS:
        if part.flags.issubset(flags):
            try:
                body |= part.read(reads)
            except Denied as error:
                unread |= dict.fromkeys(part.kinds, f"{error.args[0]}; it takes the roles {part.roles}")
    return body, unread
