"""Clients: the applications that log people in through the realm.

``attributes`` are managed by declared key, as the server keeps entries of its own there; so an empty map
manages none. Lists of scopes and of mappers are exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from reconciler.core.difference.kind import Field, Output
from reconciler.core.provider import Sample
from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Observed, Resource
from reconciler.core.resource.values import ABSENT, Path, Spec, Value
from reconciler.providers.keycloak.kinds.client_scope import scope, unknown_protocol
from reconciler.providers.keycloak.kinds.mappers import MAPPERS, mappers
from reconciler.providers.keycloak.kinds.user import service_account_of
from reconciler.providers.keycloak.table.connection import BASE, Live, Representation, View
from reconciler.providers.keycloak.table.groups import (
    Builtins,
    Creation,
    Dependencies,
    Paths,
    Pruning,
    Put,
    Reading,
    Requirements,
)
from reconciler.providers.keycloak.table.kind import Item, Links, RestKind
from reconciler.providers.keycloak.table.properties import (
    MARK,
    Property,
    as_map,
    as_names,
    as_secret,
    as_text,
    as_text_map,
    declared_keys,
    flag,
    is_masked,
    names,
    number,
    secret,
    text,
    without_blanks,
)
from reconciler.vocabulary.keycloak import (
    ADMIN_PERMISSIONS_CLIENT,
    AUTHORIZATION,
    BUILT_IN_CLIENTS,
    CLIENT,
    CLIENT_SECRETS,
    DEFAULT_CLIENT_SCOPES,
    FLOW,
    MASTER,
    REALM,
    REALM_MANAGEMENT,
    USER,
)

BUILTIN: Final = BUILT_IN_CLIENTS | {ADMIN_PERMISSIONS_CLIENT}

SAML_SCOPES: Final = ("AuthnContextClassRef", "role_list", "saml_organization")
"""Built-in scopes that a client of OpenID Connect is never given."""
_FLOWS: Final = "authenticationFlowBindingOverrides"
# What the server writes there itself; exports have it, and it differs from one server to the next.
_MADE_BY_SERVER: Final = (
    "client.secret.creation.time",
    "client.secret.expiration.time",
    "client.secret.rotated",
    "client.secret.rotated.creation.time",
    "client.secret.rotated.expiration.time",
    "realm_client",
)


def _texts(value: Value) -> Mapping[str, Value]:
    return as_map(without_blanks(as_text_map)(value))


def _attributes(value: Value) -> Mapping[str, Value]:
    return {
        key: as_secret(part) if key in CLIENT_SECRETS else part
        for key, part in _texts(value).items()
        if key not in _MADE_BY_SERVER and key != MARK
    }


def _clients(realm: Representation) -> Iterator[Item]:
    flows = {flow["id"]: flow["alias"] for flow in realm.get("authenticationFlows") or () if "id" in flow}
    for index, client in enumerate(realm.get("clients") or ()):
        yield Item((client["clientId"],), ("clients", index), with_flow_names(client, flows))


def with_flow_names(client: Representation, flows: Mapping[str, str]) -> Representation:
    """The flows that this client uses instead of the realm's by name; Keycloak has them by id."""
    own = client.get(_FLOWS)
    if not own:
        return client
    return {**client, _FLOWS: {use: flows.get(flow, flow) for use, flow in own.items()}}


_SORT: Final = ("protocol", "publicClient", "bearerOnly", "serviceAccountsEnabled", "authorizationServicesEnabled")
"""The properties that decide which defaults a new client is given."""

_USUAL_PROTOCOL: Final = "openid-connect"


def samples(clients: Sequence[Representation]) -> Sequence[Sample]:
    """A client of next to no properties for each sort of clients; those that every realm has tell nothing of others."""
    own = [each for each in clients if each["clientId"] not in BUILTIN]
    named = [each for each in own if _names_protocol(each)]
    sorts = [*((False, sort) for sort in _sorts(own)), *((True, sort) for sort in _sorts(named))]
    return [_sample(number, sort, names_protocol=is_named) for number, (is_named, sort) in enumerate(sorts)]


def _sorts(clients: Sequence[Representation]) -> Sequence[Mapping[str, Any]]:
    """The properties that tell the sorts of these clients, each sort once."""
    found = dict.fromkeys(tuple(each.get(name) for name in _SORT) for each in clients)
    return [dict(zip(_SORT, sort, strict=True)) for sort in found]


def _names_protocol(client: Representation) -> bool:
    """Returns whether a client was made by somebody who named its protocol, as the console does.

    The server gives such a client attributes and settings of its own (26.7).
    """
    is_usual = client.get("protocol") == _USUAL_PROTOCOL
    return is_usual and _OF_NAMED_PROTOCOL in (client.get("attributes") or {})


_OF_NAMED_PROTOCOL: Final = "backchannel.logout.session.required"


def _sample(number: int, like: Mapping[str, Any], *, names_protocol: bool) -> Sample:
    # A client that names its protocol is a public one unless it says otherwise (26.7).
    named = {"protocol": _USUAL_PROTOCOL, "publicClient": like["publicClient"] is True} if names_protocol else {}
    needed = {name: value for name, value in like.items() if value and value != _USUAL_PROTOCOL}
    return Sample({"clientId": f"reconcile-sample-{number}", **named, **needed}, like)


def _with_flow_ids(live: Live, address: Address, body: Mapping[str, Value]) -> Mapping[str, Value]:
    """The way back; an empty text takes one away."""
    if not isinstance(body.get(_FLOWS), Mapping):
        return body
    ids = {use: _flow_id(live, address.path[0], flow) for use, flow in as_map(body[_FLOWS]).items()}
    return {**body, _FLOWS: ids}


def _flow_id(live: Live, realm: str, flow: Value) -> str:
    return live.id(Address(FLOW, (realm, str(flow)))) if flow else ""


def _needs(realm: str, spec: Spec) -> Iterable[Address]:
    """The flows it uses; and the default scopes, which it is given when it is made."""
    yield Address(DEFAULT_CLIENT_SCOPES, (realm,))
    own = spec.get(_FLOWS)
    if isinstance(own, Mapping):
        yield from (Address(FLOW, (realm, str(flow))) for flow in own.values() if flow)


def _adjust(desired: Resource, observed: Observed, expected: dict[str, Value]) -> Mapping[str, Value]:
    """Leave out what this client can't have, and let the scope stay that a service account gets by itself.

    The server drops scopes of the other protocol without a word.
    """
    client = {**observed.spec, **desired.spec}
    if "publicClient" not in desired.spec and "secret" in desired.spec and not is_masked(desired.spec["secret"]):
        expected["publicClient"] = False  # a public client has no secret
    has_none = client.get("bearerOnly") and "secret" not in observed.spec  # 26.5 and older drop it without a word
    if client.get("publicClient") or has_none:
        expected.pop("secret", None)
    if client.get("publicClient") is True and observed.spec.get("publicClient") is False and "secret" in observed.spec:
        expected["secret"] = ABSENT  # for good: made confidential again, a client gets another one
    if client.get("protocol", "openid-connect") == "openid-connect":
        for name in {"defaultClientScopes", "optionalClientScopes"} & expected.keys():
            expected[name] = tuple(scope for scope in _listed(expected[name]) if scope not in SAML_SCOPES)
    scopes, live = expected.get("defaultClientScopes"), observed.spec.get("defaultClientScopes")
    if client.get("serviceAccountsEnabled") and isinstance(scopes, Sequence) and "service_account" in _listed(live):
        expected["defaultClientScopes"] = (*_listed(scopes), "service_account")
    return expected


def _confidential(body: Mapping[str, Value]) -> Mapping[str, Value]:
    """A new client that is to have a secret, or an account: where a protocol is named, Keycloak makes it public (26.7).

    It drops the secret then without a word.
    """
    has_secret = any(body.get(name) for name in ("secret", "serviceAccountsEnabled", "authorizationServicesEnabled"))
    return {"publicClient": False, **body} if has_secret else body


def _with_realm(clients: Sequence[Resource]) -> tuple[Sequence[Resource], Mapping[str, Value]]:
    """The client that nobody can change later (26.7), as another release had it; the server adds to its roles."""
    own = [each for each in clients if each.address.name == REALM_MANAGEMENT and not each.spec.get(_FLOWS)]
    return own, {"clients": tuple(map(KIND.creation_body, own))} if own else {}


def _listed(value: Value) -> tuple[Value, ...]:
    return tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else ()


def _is_builtin(path: Path) -> bool:
    realm, client_id = path
    return client_id in BUILTIN or (realm == MASTER and client_id.endswith("-realm"))


def _arises(path: Path) -> bool:
    return path[-1] == ADMIN_PERMISSIONS_CLIENT


def secret_of(client: Mapping[str, Any]) -> Value:
    """The client's secret, if it has one that we may see."""
    value = as_secret(client.get("secret"))
    return ABSENT if isinstance(value, str) else value


def _service_account(realm: str, body: Spec) -> Iterable[Address]:
    """The user that a client is, which Keycloak deletes along with it."""
    is_there = body.get("serviceAccountsEnabled") is True
    return (Address(USER, (realm, service_account_of(str(body["clientId"])))),) if is_there else ()


def _authorization(realm: str, body: Spec) -> Iterable[Address]:
    """Its authorization services, with all their resources and policies."""
    is_there = body.get("authorizationServicesEnabled") is True
    return (Address(AUTHORIZATION, (realm, str(body["clientId"]))),) if is_there else ()


def _scopes_of_another_protocol(view: View, address: Address, body: Mapping[str, Value]) -> str:
    """Explains that the server would drop scopes without a word: a client has those of its protocol alone (26.7)."""
    lists = (as_names(body.get(name)) for name in ("defaultClientScopes", "optionalClientScopes"))
    # Those that every export has are left out of what is expected.
    named = [str(name) for found in lists for name in found if name not in SAML_SCOPES]
    base = BASE.format(realm=quote(address.path[0], safe=""))
    scopes = view.once(f"{base}/client-scopes") if named else ABSENT
    if not isinstance(scopes, Sequence):
        return ""
    protocol = body.get("protocol") or _live_protocol(view, address) or _USUAL_PROTOCOL
    protocols = {each["name"]: each.get("protocol") or protocol for each in scopes}
    others = [name for name in named if protocols.get(name, protocol) != protocol]
    if not others:
        return ""
    listed = ", ".join(f"`{name}` ({protocols[name]})" for name in others)
    return (
        f"a client of the protocol {protocol} can't have scopes of another one, so Keycloak would drop {listed} "
        "without a word; take it out, or give both the same protocol"
    )


def _live_protocol(view: View, address: Address) -> Value:
    found = view.once(KIND.paths.find.format(realm=quote(address.path[0], safe=""), name=quote(address.name, safe="")))
    return found[0].get("protocol") if isinstance(found, Sequence) and found else None


KIND: Final = RestKind(
    name=CLIENT,
    key="clientId",
    properties={
        **{name: text() for name in ("name", "description", "rootUrl", "adminUrl", "baseUrl", "protocol")},
        "type": text(without_blanks(as_text)),
        "enabled": flag(default=True),
        "alwaysDisplayInConsole": flag(),
        "surrogateAuthRequired": flag(),
        "clientAuthenticatorType": text(),
        "secret": secret(),
        "redirectUris": names(without_blanks(as_names)),
        "webOrigins": names(without_blanks(as_names)),
        "bearerOnly": flag(),
        "consentRequired": flag(),
        "standardFlowEnabled": flag(),
        "implicitFlowEnabled": flag(),
        "directAccessGrantsEnabled": flag(),
        "serviceAccountsEnabled": flag(),
        "authorizationServicesEnabled": flag(),
        "publicClient": flag(),
        "frontchannelLogout": flag(),
        "fullScopeAllowed": flag(),
        "nodeReRegistrationTimeout": number(),
        "attributes": Property(Field(normalise=_attributes), complete=declared_keys),
        _FLOWS: Property(Field(normalise=as_text_map), complete=declared_keys),
        "protocolMappers": mappers(),
        "defaultClientScopes": names(),
        "optionalClientScopes": names(),
    },
    objects=_clients,
    paths=Paths(
        item=f"{BASE}/clients/{{id}}", find=f"{BASE}/clients?clientId={{name}}", collections={REALM: f"{BASE}/clients"}
    ),
    right="manage-clients",
    links={
        "defaultClientScopes": Links("default-client-scopes/{target}", scope, in_creation=True),
        "optionalClientScopes": Links("optional-client-scopes/{target}", scope, in_creation=True),
    },
    parts={"protocolMappers": MAPPERS},
    adjust=_adjust,
    outputs={"secret": Output(declared_by="secret", stale_on=frozenset({"secret"}))},
    vital=frozenset(
        {
            "enabled",
            "protocol",
            "secret",
            "bearerOnly",
            "publicClient",
            "clientAuthenticatorType",
            "serviceAccountsEnabled",
            "directAccessGrantsEnabled",
        }
    ),
    put=Put(
        # A PUT that leaves the one out switches authorization services off, with all their settings; without the
        # other, web origins are made of the redirect URIs where there are none.
        always=("authorizationServicesEnabled", "webOrigins"),
        # A realm import switches the one on for the other; POST and PUT answer 500 if it is missing.
        implies={"authorizationServicesEnabled": {"serviceAccountsEnabled": True}},
        resolve=_with_flow_ids,
    ),
    creation=Creation(complete=_confidential, with_realm=_with_realm),
    builtins=Builtins(is_builtin=_is_builtin, arises=_arises),
    pruning=Pruning(section="clients", mark=as_text),
    dependencies=Dependencies(
        uses=_needs,
        takes=_service_account,
        switches={"serviceAccountsEnabled": _service_account, "authorizationServicesEnabled": _authorization},
    ),
    requirements=Requirements(refuses=_scopes_of_another_protocol, rejects=unknown_protocol),
    reading=Reading(
        flags=frozenset({"exportClients"}),
        secrets=(("secret",), *(("attributes", name) for name in CLIENT_SECRETS)),
    ),
)
