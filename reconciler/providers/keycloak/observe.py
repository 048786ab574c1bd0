"""Reading the live realms, with the fewest requests: what is not declared is not asked for.

A realm without its users is two requests: a partial export (Keycloak 26.7: all but users, in one answer of about
60 ms for 50 clients), and the list of clients, which has their secrets in clear.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import quote

from reconciler.core.address import Address
from reconciler.core.errors import Conflict, Denied
from reconciler.core.resource import Observed, Resource
from reconciler.core.values import ABSENT, Secret, Value
from reconciler.providers.keycloak.directory import Directory
from reconciler.providers.keycloak.kinds import KINDS
from reconciler.providers.keycloak.kinds.client import secret_of
from reconciler.providers.keycloak.kinds.user import SERVICE_ACCOUNT
from reconciler.providers.keycloak.rest import (
    BASE,
    CLIENT,
    CLIENT_ROLE,
    FLOW_BINDINGS,
    REALM,
    USER,
    Connection,
    Item,
    Representation,
    RestKind,
)

_ONLY_WITH_RIGHTS: Final = "accessTokenLifespan"  # in every realm, but not in what is shown without view-realm


def observe(connection: Connection, directory: Directory, desired: Collection[Resource]) -> Iterator[Observed]:
    """What there is of the desired resources; the directory learns the ids of all that was seen."""
    realms: dict[str, dict[Address, Resource]] = {}
    for resource in desired:
        realms.setdefault(resource.address.path[0], {})[resource.address] = resource
    for realm, wanted in realms.items():
        yield from _realm(connection, directory, realm, wanted)


def _realm(
    connection: Connection, directory: Directory, realm: str, wanted: Mapping[Address, Resource]
) -> Iterator[Observed]:
    live = _snapshot(connection, realm, wanted)
    if live is None:
        return
    for kind in KINDS.values():
        for item in kind.objects(live):
            address = kind.address(realm, item.keys)
            if kind.name != REALM and kind.id_key in item.body:
                directory.learn(address, kind.id_of(item.body, address))
            if address in wanted:
                yield _observed(kind, address, item)
    users = [resource for address, resource in wanted.items() if address.kind == USER and not _is_exported(address)]
    for body in read_users(connection, realm, users):
        yield from _seen(directory, realm, body)


def _seen(directory: Directory, realm: str, body: Representation) -> Iterator[Observed]:
    kind = KINDS[USER]
    for item in kind.objects({"users": [body]}):
        address = kind.address(realm, item.keys)
        directory.learn(address, body["id"])
        yield _observed(kind, address, item)


def _observed(kind: RestKind, address: Address, item: Item) -> Observed:
    spec = {name: item.body[name] for name in kind.properties if name in item.body}
    for path in kind.secrets:
        spec = _hidden(spec, path)
    parent = kind.parent_of(address)
    return Observed(
        address,
        kind.id_of(item.body, address),
        spec,
        outputs={"secret": secret_of(item.body)} if "secret" in kind.outputs else {},
        after=frozenset((*((parent,) if parent else ()), *kind.uses(address.path[0], item.body))),
    )


def _hidden(spec: dict[str, Any], path: Sequence[str]) -> dict[str, Any]:
    """The properties with the text at ``path`` made a secret."""
    name, *rest = path
    value = spec.get(name)
    match value:
        case str() if not rest:
            return {**spec, name: Secret(value)}
        case dict() if rest:
            return {**spec, name: _hidden(value, rest)}
        case _:
            return spec


# ------------------------------------------------------------------ all but users


def _snapshot(connection: Connection, realm: str, wanted: Mapping[Address, Resource]) -> Representation | None:
    """The realm as far as it is needed, as one representation; None where there is no such realm."""
    base, kinds = BASE.format(realm=quote(realm, safe="")), {address.kind for address in wanted}
    if any(address.kind == USER and _is_exported(address) for address in wanted):
        kinds.add(CLIENT_ROLE)
    if kinds <= {REALM, FLOW_BINDINGS, USER}:
        return _settings(connection, base, realm)
    flags = {flag for name in kinds for flag in KINDS[name].flags}
    query = "&".join(f"{flag}={str(flag in flags).lower()}" for flag in ("exportClients", "exportGroupsAndRoles"))
    with _needing("manage-realm, view-clients and query-groups", realm):
        answer = connection.ask(f"{base}/partial-export?{query}")
        clients = connection.get(f"{base}/clients") if CLIENT in kinds and answer is not ABSENT else ()
    if answer is ABSENT or clients is ABSENT:
        return None
    live = {**answer, "clients": _together(answer, clients)} if CLIENT in kinds else answer
    for name in sorted(kinds):
        more, own = KINDS[name].more, [each for address, each in wanted.items() if address.kind == name]
        live = {**live, **more(connection, base, live, own)} if more else live
    return live


def _together(export: Representation, clients: Sequence[Representation]) -> Sequence[Representation]:
    """The list of clients has their secrets, the export what they have of authorization services."""
    exported = {client["clientId"]: client for client in export.get("clients") or ()}
    name = "authorizationSettings"
    of_export = {client_id: {name: body[name]} for client_id, body in exported.items() if name in body}
    return [{**client, **of_export.get(client["clientId"], {})} for client in clients]


def _settings(connection: Connection, base: str, realm: str) -> Representation | None:
    with _needing("view-realm", realm):
        answer = connection.get(base)
        if answer is not ABSENT and _ONLY_WITH_RIGHTS not in answer:
            raise Denied("the account sees next to nothing")
    return None if answer is ABSENT else answer


@contextmanager
def _needing(roles: str, realm: str) -> Iterator[None]:
    """Names the roles that reading takes, where it is refused."""
    try:
        yield
    except Denied as error:
        raise Denied(f"{error.args[0]}; to read realm {realm} the account needs the roles {roles} in it") from error


# ------------------------------------------------------------------ users


def _is_exported(address: Address) -> bool:
    """Service accounts are in the export, with their roles; other users are not."""
    return address.name.startswith(SERVICE_ACCOUNT)


def read_users(connection: Connection, realm: str, wanted: Sequence[Resource]) -> Iterator[Representation]:
    """The wanted users as far as they exist, each with the memberships that are declared of it.

    One by one, 5 ms each and as much for groups and for roles: the best way while few of the users of a realm
    are declared. Pages of a thousand and the members of each group are the other way, and belong here, too.
    """
    base = BASE.format(realm=quote(realm, safe=""))
    seen = 0
    for resource in wanted:
        with _needing("view-users", realm):
            body = _user(connection, base, resource)
        if body is not None:
            seen += 1
            yield body
    if wanted and not seen:
        with _needing("view-users", realm):
            _check_sight(connection, base)


def _user(connection: Connection, base: str, resource: Resource) -> Representation | None:
    query = f"username={quote(resource.address.name, safe='')}&exact=true"
    found = connection.get(f"{base}/users?{query}")
    if found is ABSENT or not found:
        return None
    # Where e-mail addresses serve as names, the server finds by the name it stores, and shows the address.
    user: dict[str, Any] = {**found[0], "username": resource.address.name}
    at = f"{base}/users/{user['id']}"
    if "groups" in resource.spec:
        user["groups"] = [group["path"] for group in _there(connection.get(f"{at}/groups"))]
    if resource.spec.keys() & {"realmRoles", "clientRoles"}:
        user |= _roles(_there(connection.get(f"{at}/role-mappings")))
    if "federatedIdentities" in resource.spec:
        user["federatedIdentities"] = _there(connection.get(f"{at}/federated-identity"))
    return user


def _there(answer: Any) -> Any:
    """What belongs to a user who was there a moment ago."""
    if answer is ABSENT:
        raise Conflict("a user was deleted while the realm was read")
    return answer


def _roles(mappings: Representation) -> dict[str, Value]:
    of_clients = mappings.get("clientMappings", {})
    return {
        "realmRoles": [role["name"] for role in mappings.get("realmMappings", ())],
        "clientRoles": {client: [role["name"] for role in body["mappings"]] for client, body in of_clients.items()},
    }


def _check_sight(connection: Connection, base: str) -> None:
    """Tell "there are none" from "we see none": with query-users alone, lists are empty and only the count is true."""
    if connection.get(f"{base}/users?max=1&briefRepresentation=true"):
        return
    if connection.get(f"{base}/users/count"):
        raise Denied("there are users, but the account sees none of them")
