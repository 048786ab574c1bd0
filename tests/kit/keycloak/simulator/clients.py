"""Clients, client scopes and their mappers of a simulated realm."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from tests.kit.keycloak.simulator import authorization, people
from tests.kit.keycloak.simulator.recorded import recorded
from tests.kit.keycloak.simulator.state import (
    MASK,
    Body,
    Given,
    Made,
    Realm,
    Refusal,
    Routes,
    conflict,
    duplicate,
    failed,
    found,
    missing,
    refused,
    shown,
    texts,
    without,
)

_NO_CLIENT: Final = "Could not find client"
_NO_SCOPE: Final = "Could not find client scope"
_NO_LISTED_SCOPE: Final = "Client scope not found"
_BUILT_IN: Final = ("account", "account-console", "admin-cli", "broker", "security-admin-console")
_FIXED: Final = "realm-management"
_NEW: Final[Mapping[str, Any]] = {
    "surrogateAuthRequired": False,
    "enabled": True,
    "alwaysDisplayInConsole": False,
    "clientAuthenticatorType": "client-secret",
    "redirectUris": [],
    "notBefore": 0,
    "bearerOnly": False,
    "consentRequired": False,
    "standardFlowEnabled": True,
    "implicitFlowEnabled": False,
    "directAccessGrantsEnabled": False,
    "serviceAccountsEnabled": False,
    "publicClient": False,
    "frontchannelLogout": False,
    "protocol": "openid-connect",
    "authenticationFlowBindingOverrides": {},
    "fullScopeAllowed": True,
    "nodeReRegistrationTimeout": -1,
}
_NEW_OF_A_PROTOCOL: Final[Mapping[str, Mapping[str, Any]]] = {
    "openid-connect": {"publicClient": True, "directAccessGrantsEnabled": True},
    "saml": {"frontchannelLogout": True},
}
"""What differs where the body names a protocol."""
_ATTRIBUTES_OF_A_PROTOCOL: Final[Mapping[str, Mapping[str, str]]] = {
    "openid-connect": {
        "backchannel.logout.session.required": "true",
        "backchannel.logout.revoke.offline.tokens": "false",
    },
    "saml": {
        "saml.force.post.binding": "true",
        "saml.server.signature": "true",
        "saml.signing.certificate": "made",
        "saml.signing.private.key": "made",
        "saml.artifact.binding.identifier": "made",
        "saml.signature.algorithm": "RSA_SHA256",
        "saml_force_name_id_format": "false",
        "saml.client.signature": "true",
        "saml.authnstatement": "true",
        "saml_name_id_format": "username",
        "saml.allow.ecp.flow": "false",
        "saml_signature_canonicalization_method": "http://www.w3.org/2001/10/xml-exc-c14n#",
    },
}
_OWN_ROUTES: Final = frozenset(
    {"id", "attributes", "protocolMappers", "defaultClientScopes", "optionalClientScopes", "authorizationSettings"}
)
"""Parts of a representation that a PUT treats in another way than to take them over."""
_ACCESS: Final = {"access": {"view": True, "configure": True, "manage": True}}


# ------------------------------------------------------------------ clients


def _client(realm: Realm, client: Body) -> Body:
    secret = None if client["publicClient"] or client["bearerOnly"] else client.get("secret")
    return shown(
        {
            **without(client, "scopes", "authorization", "protocolMappers"),
            "secret": secret,
            "authorizationServicesEnabled": True if "authorization" in client else None,
            "protocolMappers": client["protocolMappers"] or None,
            "defaultClientScopes": [realm.scopes[each]["name"] for each in client["scopes"]["default"]],
            "optionalClientScopes": [realm.scopes[each]["name"] for each in client["scopes"]["optional"]],
        }
    )


def _get_client(realm: Realm, given: Given) -> Body:
    return {**_client(realm, found(realm.clients, given.names[0], _NO_CLIENT)), **_ACCESS}


def _list_clients(realm: Realm, given: Given) -> list[Body]:
    wanted = given.query.get("clientId")
    own = (each for each in realm.clients.values() if wanted in (None, each["clientId"]))
    return [{**_client(realm, each), **_ACCESS} for each in own]


def _create_client(realm: Realm, given: Given) -> Made:
    body = given.body
    client_id = body.get("clientId")
    if client_id and realm.client_named(client_id):
        raise conflict(f"Client {client_id} already exists")
    named = body.get("protocol")
    if body.get("authorizationServicesEnabled") and not body.get("serviceAccountsEnabled"):
        raise failed()
    client: Body = {"id": realm.new_id(), **_NEW, **_NEW_OF_A_PROTOCOL.get(named, {})}
    client["clientId"] = client_id or client["id"]
    client |= {key: value for key, value in body.items() if key not in _OWN_ROUTES and value is not None}
    client["attributes"] = {
        "realm_client": "false",
        **_ATTRIBUTES_OF_A_PROTOCOL.get(named, {}),
        **texts(body.get("attributes")),
    }
    client["protocolMappers"] = _mappers_in(realm, body)
    client["webOrigins"] = _origins(client) if body.get("webOrigins") is None else body["webOrigins"]
    client["scopes"] = _scopes_of_new(realm, client, body)
    client.pop("authorizationServicesEnabled", None)
    _settle_secret(realm, client)
    realm.clients[client["id"]] = client
    _settle_account(realm, client, has_services=bool(body.get("authorizationServicesEnabled")))
    return Made(client["id"])


def _scopes_of_new(realm: Realm, client: Body, body: Body) -> dict[str, list[str]]:
    """The declared scopes, or those of the realm; only such of the client's own protocol."""
    lists = {}
    for key, name in (("default", "defaultClientScopes"), ("optional", "optionalClientScopes")):
        by_name = {each["name"]: each["id"] for each in realm.scopes.values()}
        declared = body.get("defaultClientScopes") is not None or body.get("optionalClientScopes") is not None
        ids = [by_name[each] for each in body.get(name) or () if each in by_name]
        wanted = ids if declared else realm.default_scopes[key]
        lists[key] = [each for each in wanted if realm.scopes[each]["protocol"] == client["protocol"]]
    return lists


def _origins(client: Body) -> list[str]:
    """The origins of the redirect URIs, as the server makes them where nobody says which."""
    parts = [urlsplit(each) for each in client["redirectUris"]]
    return list(dict.fromkeys(f"{each.scheme}://{each.netloc}" for each in parts if each.scheme and each.netloc))


def _settle_secret(realm: Realm, client: Body) -> None:
    if client["publicClient"] or client["bearerOnly"]:
        client["secret"] = None
    elif not client.get("secret"):
        client["secret"] = f"generated {realm.new_id()}"
        client["attributes"]["client.secret.creation.time"] = str(realm.now_ms() // 1000)


def _settle_account(realm: Realm, client: Body, *, has_services: bool) -> None:
    """The user that a client is, the scope that comes with it, and its authorization services."""
    own = [user for user in realm.users.values() if user.get("client") == client["id"]]
    if not client["serviceAccountsEnabled"]:
        for user in own:
            del realm.users[user["id"]]
    elif not own:
        user = people.new_user(realm, {"enabled": True}, f"service-account-{client['clientId'].lower()}")
        user["requiredActions"] = people.default_actions(realm)
        user |= {"client": client["id"], "roles": [realm.default_role["id"]], "groups": list(realm.default_groups)}
        own = [user]
    scope = next((each["id"] for each in realm.scopes.values() if each["name"] == "service_account"), None)
    listed = client["scopes"]["default"]
    if scope and client["serviceAccountsEnabled"] and scope not in listed:
        listed.append(scope)
    elif scope in listed and not client["serviceAccountsEnabled"]:
        listed.remove(scope)
    if has_services and "authorization" not in client:
        client["authorization"] = authorization.new()
        role = people.role_named(realm, client["clientId"], "uma_protection") or people.new_role(
            realm, client["id"], {"name": "uma_protection"}
        )
        own[0]["roles"].append(role["id"])
    elif not has_services:
        client.pop("authorization", None)


def _put_client(realm: Realm, given: Given) -> None:
    client, body = found(realm.clients, given.names[0], _NO_CLIENT), given.body
    if client["clientId"] == _FIXED:
        raise Refusal(403, {"error": "HTTP 403 Forbidden"})
    other = realm.client_named(body["clientId"]) if body.get("clientId") else None
    if other is not None and other is not client:
        raise duplicate()
    has_account = body.get("serviceAccountsEnabled", client["serviceAccountsEnabled"])
    if body.get("authorizationServicesEnabled") and not has_account:
        raise failed()
    was_public = client["publicClient"]
    client |= {key: value for key, value in body.items() if key not in _OWN_ROUTES and value is not None}
    client.pop("authorizationServicesEnabled", None)
    _merge_overrides(client)
    if body.get("attributes") is not None:
        sent = body["attributes"]
        client["attributes"] = {
            key: value for key, value in {**client["attributes"], **sent}.items() if key not in sent or sent[key]
        }
        client["attributes"] = texts(client["attributes"])
    if body.get("protocolMappers") is not None:
        client["protocolMappers"] = _synchronised(realm, client["protocolMappers"], body["protocolMappers"])
    if body.get("webOrigins") is None and not client["webOrigins"]:
        client["webOrigins"] = _origins(client)
    if was_public and body.get("secret") is None:
        client["secret"] = None
    _settle_secret(realm, client)
    _settle_account(realm, client, has_services=bool(body.get("authorizationServicesEnabled")))


def _merge_overrides(client: Body) -> None:
    overrides = client["authenticationFlowBindingOverrides"]
    client["authenticationFlowBindingOverrides"] = {use: flow for use, flow in overrides.items() if flow}


def _synchronised(realm: Realm, live: Sequence[Body], sent: Sequence[Body]) -> list[Body]:
    ids = {each["name"]: each["id"] for each in live}
    made = [_new_mapper(realm, each) for each in sent]
    return [{**each, "id": ids.get(each["name"], each["id"])} for each in made]


def _delete_client(realm: Realm, given: Given) -> None:
    client = found(realm.clients, given.names[0], _NO_CLIENT)
    if client["clientId"] == _FIXED:
        raise Refusal(403, {"error": "HTTP 403 Forbidden"})
    if client["clientId"] in _BUILT_IN:
        raise Refusal(400, {"error": "invalid_request", "error_description": "Could not delete client"})
    own = [role["id"] for role in realm.roles.values() if role["containerId"] == client["id"]]
    people.forget_roles(realm, own)
    realm.users = {key: user for key, user in realm.users.items() if user.get("client") != client["id"]}
    realm.mappings.pop(client["id"], None)
    del realm.clients[client["id"]]


def _new_secret(realm: Realm, given: Given) -> Body:
    client = found(realm.clients, given.names[0], _NO_CLIENT)
    client["secret"] = None
    _settle_secret(realm, client)
    return {"type": "secret", "value": client["secret"]}


def _account_of(realm: Realm, given: Given) -> Body:
    client = found(realm.clients, given.names[0], _NO_CLIENT)
    own = next((user for user in realm.users.values() if user.get("client") == client["id"]), None)
    if own is None:
        raise Refusal(400, {"error": f"Service account not enabled for the client '{client['clientId']}'"})
    return people._user(own, Given((), {}, None))


# ------------------------------------------------------------------ mappers


def _new_mapper(realm: Realm, body: Body) -> Body:
    return {
        "id": realm.new_id(),
        "name": body.get("name"),
        "protocol": body["protocol"],
        "protocolMapper": body["protocolMapper"],
        "consentRequired": False,
        "config": texts(body.get("config")),
    }


def _mappers_in(realm: Realm, body: Body) -> list[Body]:
    """The mappers in the body of a new object; what goes into one token goes into what is said of the user, too."""
    made = [_new_mapper(realm, each) for each in body.get("protocolMappers") or ()]
    for each in made:
        own = each["config"]
        each["config"] = {**({_OF_USER: own[_ID_TOKEN]} if _ID_TOKEN in own else {}), **own}
    return made


_ID_TOKEN: Final = "id.token.claim"
_OF_USER: Final = "userinfo.token.claim"


def recorded_mappers() -> Mapping[str, Sequence[str]]:
    found_: Mapping[str, Sequence[str]] = recorded()["mappers"]
    return found_


def _mapper_routes(path: str, holder: Any) -> Routes:
    def listed(realm: Realm, given: Given) -> list[Body]:
        own: list[Body] = holder(realm, given)["protocolMappers"]
        return own

    def one(realm: Realm, given: Given) -> Body:
        own = next((each for each in listed(realm, given) if each["id"] == given.names[1]), None)
        if own is None:
            raise missing("Model not found")
        return own

    def create(realm: Realm, given: Given) -> Made:
        own, body = listed(realm, given), given.body
        if body.get("protocolMapper") not in recorded_mappers().get(str(body.get("protocol")), ()):
            raise missing("ProtocolMapper provider not found")
        if any((each["name"], each["protocol"]) == (body.get("name"), body.get("protocol")) for each in own):
            raise conflict("Protocol mapper exists with same name")
        made = _new_mapper(realm, body)
        own.append(made)
        return Made(made["id"])

    def put(realm: Realm, given: Given) -> None:
        own = one(realm, given)
        own |= {**_new_mapper(realm, {**own, **given.body}), "id": own["id"]}

    def delete(realm: Realm, given: Given) -> None:
        listed(realm, given).remove(one(realm, given))

    return {
        f"GET {path}": listed,
        f"POST {path}": create,
        f"GET {path}/{{}}": one,
        f"PUT {path}/{{}}": put,
        f"DELETE {path}/{{}}": delete,
    }


# ------------------------------------------------------------------ client scopes


def _scope(scope: Body) -> Body:
    return shown({**scope, "protocolMappers": scope["protocolMappers"] or None})


def _create_scope(realm: Realm, given: Given) -> Made:
    body = given.body
    if not body.get("protocol"):
        raise refused("Unexpected protocol")
    if not body.get("name"):
        raise failed()
    if _scope_named(realm, body["name"]):
        raise conflict(f"Client Scope {body['name']} already exists")
    scope = {
        "id": realm.new_id(),
        "name": body["name"],
        "description": body.get("description"),
        "protocol": body["protocol"],
        "attributes": texts(body.get("attributes")),
        "protocolMappers": _mappers_in(realm, body),
    }
    realm.scopes[scope["id"]] = scope
    return Made(scope["id"])


def _scope_named(realm: Realm, name: str) -> Body | None:
    return next((each for each in realm.scopes.values() if each["name"] == name), None)


def _put_scope(realm: Realm, given: Given) -> None:
    scope, body = found(realm.scopes, given.names[0], _NO_SCOPE), given.body
    if not body.get("name"):
        raise failed()
    if _scope_named(realm, body["name"]) not in (None, scope):
        raise conflict(f"Client Scope {body['name']} already exists")
    scope["name"] = body["name"]
    scope |= {key: body[key] for key in ("description", "protocol") if body.get(key) is not None}
    sent = body.get("attributes") or {}
    scope["attributes"] = texts({**scope["attributes"], **sent})


def _delete_scope(realm: Realm, given: Given) -> None:
    scope_id = found(realm.scopes, given.names[0], _NO_SCOPE)["id"]
    lists = [realm.default_scopes, *(client["scopes"] for client in realm.clients.values())]
    for held in (held for both in lists for held in both.values()):
        if scope_id in held:
            held.remove(scope_id)
    realm.mappings.pop(scope_id, None)
    del realm.scopes[scope_id]


def _list_routes(path: str, key: str, holder: Any, *, is_strict: bool) -> Routes:
    """The routes of a list of scopes; a strict one refuses what is in either list already, the other ignores it."""

    def put(realm: Realm, given: Given) -> None:
        lists = holder(realm, given)
        scope = found(realm.scopes, given.names[-1], _NO_LISTED_SCOPE)["id"]
        if any(scope in held for held in lists.values()):
            if is_strict:
                raise duplicate()
            return
        lists[key].append(scope)

    def delete(realm: Realm, given: Given) -> None:
        lists = holder(realm, given)
        scope = found(realm.scopes, given.names[-1], _NO_LISTED_SCOPE)["id"]
        for held in lists.values():
            if scope in held:
                held.remove(scope)

    return {f"PUT {path}/{{}}": put, f"DELETE {path}/{{}}": delete}


def _scopes_of_client(realm: Realm, given: Given) -> dict[str, list[str]]:
    lists: dict[str, list[str]] = found(realm.clients, given.names[0], _NO_CLIENT)["scopes"]
    return lists


def _scopes_of_realm(realm: Realm, _given: Given) -> dict[str, list[str]]:
    return realm.default_scopes


# ------------------------------------------------------------------ scope mappings


def _mappings_of_client(realm: Realm, client_id: str) -> list[str]:
    return realm.mappings.setdefault(found(realm.clients, client_id, _NO_CLIENT)["id"], [])


def _mappings_of_scope(realm: Realm, scope_id: str) -> list[str]:
    return realm.mappings.setdefault(found(realm.scopes, scope_id, _NO_SCOPE)["id"], [])


def fill_mappings(realm: Realm, export: Body) -> None:
    for client, mappings in ((None, export["scopeMappings"]), *export["clientScopeMappings"].items()):
        for each in mappings:
            holder = (
                realm.client_named(each["client"]) if "client" in each else _scope_named(realm, each["clientScope"])
            )
            roles = [people.role_named(realm, client, name) for name in each["roles"]]
            if holder:
                realm.mappings.setdefault(holder["id"], []).extend(role["id"] for role in roles if role)


def _exported_mappings(realm: Realm, *, with_clients: bool) -> Body:
    of_realm: list[Body] = []
    of_clients: dict[str, list[Body]] = {}
    for holder_id, held in realm.mappings.items():
        client, scope = realm.clients.get(holder_id), realm.scopes.get(holder_id)
        if client is not None and not with_clients:
            continue
        name = {"client": client["clientId"]} if client else {"clientScope": (scope or {}).get("name")}
        realm_roles, client_roles = people._names(realm, held)
        if realm_roles:
            of_realm.append({**name, "roles": realm_roles})
        for client_id, roles in client_roles.items():
            of_clients.setdefault(client_id, []).append({**name, "roles": roles})
    return {"scopeMappings": of_realm or None, "clientScopeMappings": of_clients or None}


# ------------------------------------------------------------------ in an export


def exported(realm: Realm, *, with_clients: bool) -> Body:
    names = {key: [realm.scopes[each]["name"] for each in held] for key, held in realm.default_scopes.items()}
    return {
        "clientScopes": [_scope(each) for each in realm.scopes.values()],
        "defaultDefaultClientScopes": names["default"],
        "defaultOptionalClientScopes": names["optional"],
        "clients": [_exported_client(realm, each) for each in realm.clients.values()] if with_clients else None,
        **_exported_mappings(realm, with_clients=with_clients),
    }


def _exported_client(realm: Realm, client: Body) -> Body:
    body = _client(realm, client)
    settings = authorization.settings(realm, client) if "authorization" in client else None
    secret = MASK if "secret" in body else None
    return shown({**body, "secret": secret, "authorizationSettings": settings})


def _holder(store: str, words: str) -> Any:
    def holder(realm: Realm, given: Given) -> Body:
        objects: Mapping[str, Body] = getattr(realm, store)
        return found(objects, given.names[0], words)

    return holder


def _listed_scopes(realm: Realm, given: Given, ids: Iterable[str]) -> list[Body]:
    del given
    return [{key: realm.scopes[each][key] for key in ("id", "name", "protocol")} for each in ids]


ROUTES: Final[Routes] = {
    "GET /clients": _list_clients,
    "POST /clients": _create_client,
    "GET /clients/{}": _get_client,
    "PUT /clients/{}": _put_client,
    "DELETE /clients/{}": _delete_client,
    "POST /clients/{}/client-secret": _new_secret,
    "GET /clients/{}/service-account-user": _account_of,
    **_mapper_routes("/clients/{}/protocol-mappers/models", _holder("clients", _NO_CLIENT)),
    **_list_routes("/clients/{}/default-client-scopes", "default", _scopes_of_client, is_strict=False),
    **_list_routes("/clients/{}/optional-client-scopes", "optional", _scopes_of_client, is_strict=False),
    **people.mapping_routes("/clients/{}/scope-mappings", _mappings_of_client, _NO_CLIENT),
    "GET /client-scopes": lambda realm, _given: [_scope(each) for each in realm.scopes.values()],
    "POST /client-scopes": _create_scope,
    "GET /client-scopes/{}": lambda realm, given: _scope(found(realm.scopes, given.names[0], _NO_SCOPE)),
    "PUT /client-scopes/{}": _put_scope,
    "DELETE /client-scopes/{}": _delete_scope,
    **_mapper_routes("/client-scopes/{}/protocol-mappers/models", _holder("scopes", _NO_SCOPE)),
    **people.mapping_routes("/client-scopes/{}/scope-mappings", _mappings_of_scope, _NO_CLIENT),
    "GET /default-default-client-scopes": lambda realm, given: _listed_scopes(
        realm, given, realm.default_scopes["default"]
    ),
    "GET /default-optional-client-scopes": lambda realm, given: _listed_scopes(
        realm, given, realm.default_scopes["optional"]
    ),
    **_list_routes("/default-default-client-scopes", "default", _scopes_of_realm, is_strict=True),
    **_list_routes("/default-optional-client-scopes", "optional", _scopes_of_realm, is_strict=True),
}
