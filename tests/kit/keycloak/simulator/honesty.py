"""The same random calls to two servers, and what they answer: the simulator has to answer as the real one does."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final
from urllib.parse import quote

from reconciler.providers.keycloak.server.client import AdminClient, _json

Body = Any
Production = Callable[[Random], tuple[str, str, Body]]

_NAMES: Final = ("one", "two", "three")
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_DROPPED: Final = frozenset("id _id internalId containerId parentId access types createdTimestamp createdDate".split())  # noqa: SIM905
_GENERATED: Final = re.compile(r"generated .*|[A-Za-z0-9]{80,}")
_NOT_COMPARED: Final = frozenset({"client.secret.creation.time", "kc.user.profile.config", "results"})
"""What is made up anew each time, or has its contents compared by another call."""


# ------------------------------------------------------------------ a server, by names


@dataclass(frozen=True)
class Side:
    """One of the two servers, with a realm of its own. In a path or body ``$roles.one`` is the id of that role."""

    client: AdminClient
    realm: str

    def call(self, method: str, path: str, body: Body = None) -> tuple[int, Any]:
        """The status and the answer without what differs from server to server."""
        sent = None if body is None else self._resolved(body)
        response = self._sent(method, self._path(self._resolved(path)), sent)
        try:
            found = json.loads(response.content) if response.content else None
        except ValueError:
            found = response.content.decode(errors="replace")
        return response.status_code, self.normal(found)

    def _sent(self, method: str, path: str, body: Body) -> Any:
        return self.client._call(self.client._writer, method, path, _json(body))

    def _path(self, below: str) -> str:
        return f"admin/realms/{self.realm}{below}"

    def _resolved(self, value: Any) -> Any:
        match value:
            case str():
                return re.sub(r"\$([a-z-]+)\.([a-z-]+)(?:\.([a-z-]+))?", lambda found: self._id(*found.groups()), value)
            case dict():
                return {key: self._resolved(part) for key, part in value.items()}
            case list():
                return [self._resolved(part) for part in value]
            case _:
                return value

    def _id(self, sort: str, name: str, inner: str | None) -> str:
        """The id of an object of this name, "none" where there is none."""
        above = self._id(*_ABOVE[sort], name, None) if sort in _ABOVE else ""
        path, key = _LISTS[sort]
        wanted = inner or name
        found = self.client.get(self._path(path.format(above=above, name=quote(wanted))))
        bodies = found if isinstance(found, list) else [found] if isinstance(found, Mapping) else []
        return str(next((body["id"] for body in bodies if body.get(key) == wanted), "none"))

    def normal(self, value: Any) -> Any:
        """An answer without ids and without an order; the realm has one name."""
        match value:
            case dict():
                kept = {key: part for key, part in value.items() if key not in (_DROPPED | _NOT_COMPARED)}
                return {self._text(key): self.normal(part) for key, part in kept.items()}
            case list():
                parts = [self.normal(part) for part in value]
                return sorted(parts, key=lambda part: json.dumps(part, sort_keys=True))
            case str():
                return self._text(value)
            case _:
                return value

    def _text(self, text: str) -> str:
        return _GENERATED.sub("generated", _UUID.sub("ID", text.replace(self.realm, "REALM")))


_LISTS: Final[Mapping[str, tuple[str, str]]] = {
    "roles": ("/roles/{name}", "name"),
    "groups": ("/groups?search={name}", "name"),
    "users": ("/users?username={name}&exact=true", "username"),
    "clients": ("/clients?clientId={name}", "clientId"),
    "client-roles": ("/clients/{above}/roles/{name}", "name"),
    "client-mappers": ("/clients/{above}/protocol-mappers/models", "name"),
    "scopes": ("/client-scopes", "name"),
    "scope-mappers": ("/client-scopes/{above}/protocol-mappers/models", "name"),
    "flows": ("/authentication/flows", "alias"),
    "mappers": ("/identity-provider/instances/one/mappers", "name"),
    "components": ("/components?name={name}", "name"),
}
"""Where the id of an object is found, and the key that has its name."""

_ABOVE: Final[Mapping[str, tuple[str]]] = {
    "client-roles": ("clients",),
    "client-mappers": ("clients",),
    "scope-mappers": ("scopes",),
}


# ------------------------------------------------------------------ the calls


_NO_PROVIDER: Final = "none"


def calls(seed: int, count: int) -> Iterator[tuple[str, str, Body]]:
    """So many calls, the same for the same seed."""
    random, components = Random(seed), set[str]()
    while count:
        method, path, body = random.choice(_PRODUCTIONS)(random)
        if (method, path) == ("POST", "/components"):  # of which there may be two of one name
            if body["name"] in components:
                continue
            components.add(body["name"])
        # The server keeps a half of such a change, and then answers by what is in its caches (26.7.3).
        if method == "PUT" and path.startswith("/components/") and body["providerId"] == _NO_PROVIDER:
            continue
        yield method, path, body
        count -= 1


def _name(random: Random) -> str:
    return random.choice(_NAMES)


def _role(random: Random) -> tuple[str, Body]:
    """The path of a role's holder, and a body that names one of its roles."""
    name = _name(random)
    if random.random() < 0.3:
        return "/clients/$clients.one", {"id": f"$client-roles.one.{name}", "name": name}
    return "/realm", {"id": f"$roles.{name}", "name": name}


def _maybe(random: Random, **values: Any) -> dict[str, Any]:
    """Some of these values."""
    return {key: value for key, value in values.items() if random.random() < 0.5}


def _crud(
    path: str, sort: str, make: Callable[[Random, str], Body], change: Callable[[Random, str], Body]
) -> list[Production]:
    """Making, changing, reading and deleting one of the objects of a list."""

    def one(random: Random) -> str:
        return f"{path if sort != 'roles' else '/roles-by-id'}/${sort}.{_name(random)}"

    return [
        lambda random: ("POST", path, make(random, _name(random))),
        lambda random: ("POST", path, make(random, _name(random))),
        lambda random: ("PUT", one(random), change(random, _name(random))),
        lambda random: ("GET", one(random), None),
        lambda random: ("DELETE", one(random), None),
    ]


def _group(random: Random, name: str) -> Body:
    return {"name": name, **_maybe(random, description="Some", attributes={"a": ["1", "2"]})}


def _new_role(random: Random, name: str) -> Body:
    return {"name": name, **_maybe(random, description="Some", attributes={"a": ["1"]})}


def _user(random: Random, name: str) -> Body:
    other = _name(random)
    more = _maybe(
        random,
        email=f"{other}@Example.org",
        firstName="First",
        lastName="Last",
        enabled=True,
        emailVerified=True,
        attributes={"unknown": ["1"]},
        requiredActions=["UPDATE_PROFILE", "NONE"],
    )
    return {"username": name.title(), **more}


def _changed_user(random: Random, name: str) -> Body:
    del name
    more = _maybe(random, email="new@example.org", firstName="New", lastName="", enabled=False, requiredActions=[])
    return {**more, **_maybe(random, attributes={})}


def _imported(random: Random) -> tuple[str, str, Body]:
    names = random.sample(_NAMES, 2)
    users = [{"username": name, "enabled": True, **_maybe(random, realmRoles=["offline_access"])} for name in names]
    return "POST", "/partialImport", {"ifResourceExists": random.choice(("SKIP", "SKIP", "FAIL")), "users": users}


def _client(random: Random, name: str) -> Body:
    more = _maybe(
        random,
        description="Some",
        redirectUris=["https://a.example.org/x/*", "https://b.example.org:8443/y"],
        attributes={"note": "1", "flag": True},
        protocolMappers=[_mapper(random, "one")],
        secret="s",
    )
    kind = random.choice(({}, {"protocol": "openid-connect"}, {"publicClient": True}, {"serviceAccountsEnabled": True}))
    return {"clientId": name, "publicClient": False, **kind, **more}


def _changed_client(random: Random, name: str) -> Body:
    del name
    return _maybe(
        random,
        description="New",
        redirectUris=["https://c.example.org/*"],
        webOrigins=[],
        attributes={"note": "", "more": "2"},
        serviceAccountsEnabled=random.random() < 0.5,
        publicClient=random.random() < 0.3,
        secret="t",
    )


def _mapper(random: Random, name: str, kind: str = "oidc-usermodel-attribute-mapper") -> Body:
    return {
        "name": name,
        "protocol": "openid-connect",
        "protocolMapper": kind,
        "config": {"claim.name": "x", **random.choice((_TOKENS, {}))},
    }


def _scope(random: Random, name: str) -> Body:
    return {"name": name, "protocol": "openid-connect", **_maybe(random, description="Some", attributes={"a": "1"})}


def _provider(random: Random, name: str) -> Body:
    config = {"clientId": "us", "authorizationUrl": "https://i.example.org/a", "tokenUrl": "https://i.example.org/t"}
    config |= _maybe(random, clientSecret=random.choice(("abc", "${vault.one}", "**********")))
    return {
        "alias": name,
        "providerId": "oidc",
        "config": config,
        **_maybe(random, displayName="Some", trustEmail=True),
    }


def _idp_mapper(random: Random, name: str) -> Body:
    config = {"role": _name(random), "syncMode": "INHERIT"}
    kind = "hardcoded-role-idp-mapper"
    return {"name": name, "identityProviderAlias": "one", "identityProviderMapper": kind, "config": config}


def _flow(random: Random, name: str) -> Body:
    more = _maybe(random, description="Some")
    return {"alias": name, "providerId": "basic-flow", "topLevel": True, "builtIn": False, **more}


def _execution(random: Random) -> tuple[str, str, Body]:
    authenticator = random.choice(("auth-cookie", "auth-otp-form", "conditional-user-role", "none"))
    requirement = random.choice(("ALTERNATIVE", "DISABLED"))
    body = {"authenticator": authenticator, "requirement": requirement, "priority": random.randrange(1, 9)}
    return "POST", "/authentication/executions", {**body, "parentFlow": f"$flows.{_name(random)}"}


def _component(random: Random, name: str) -> Body:
    config = _maybe(random, priority=["5"], algorithm=["HS256"])
    kind = random.choice(("hmac-generated", "hmac-generated", _NO_PROVIDER))
    return {"name": name, "providerId": kind, "providerType": "org.keycloak.keys.KeyProvider", "config": config}


def _changed_action(random: Random) -> tuple[str, str, Body]:
    alias = random.choice(_ACTIONS)
    more = _maybe(random, name="Some", enabled=True, priority=7, defaultAction=True)
    return "PUT", f"/authentication/required-actions/{alias}", {"alias": alias, **more}


def _settings(random: Random) -> tuple[str, str, Body]:
    more = _maybe(
        random,
        displayName=random.choice(("", "Lab")),
        accessTokenLifespan=random.randrange(60, 600),
        attributes={"note": random.choice(("1", "2"))},
        browserSecurityHeaders={"xFrameOptions": random.choice(("DENY", "SAMEORIGIN"))},
        browserFlow=random.choice(("browser", "browser", "none", "one")),
        resetPasswordAllowed=random.random() < 0.5,
    )
    own = {"oauth2DeviceCodeLifespan": 600, "oauth2DevicePollingInterval": 5, "attributes": {"note": "0"}}
    return "PUT", "", {**own, **more}


def _assigned(holder: str) -> list[Production]:
    """Roles given to, and taken from, an object."""

    def path(random: Random) -> str:
        return f"{holder}.{_name(random)}/{_ROLES_OF[holder]}"

    def change(method: str) -> Production:
        def production(random: Random) -> tuple[str, str, Body]:
            below, role = _role(random)
            return method, f"{path(random)}{below}", [role]

        return production

    return [change("POST"), change("POST"), change("DELETE"), lambda random: ("GET", path(random), None)]


_ROLES_OF: Final = {
    "/users/$users": "role-mappings",
    "/groups/$groups": "role-mappings",
    "/clients/$clients": "scope-mappings",
    "/client-scopes/$scopes": "scope-mappings",
}
_TOKENS: Final = dict.fromkeys((f"{name}.token.claim" for name in ("id", "access", "userinfo", "introspection")), True)
_BRIEF: Final = "first=0&max=9&briefRepresentation=true"
_ACTIONS: Final = ("VERIFY_EMAIL", "CONFIGURE_TOTP", "none")

_PRODUCTIONS: Final[Sequence[Production]] = (
    *_crud("/roles", "roles", _new_role, _new_role),
    *_crud("/groups", "groups", _group, _group),
    *_crud("/users", "users", _user, _changed_user),
    *_crud("/clients", "clients", _client, _changed_client),
    *_crud("/client-scopes", "scopes", _scope, _scope),
    *_crud("/authentication/flows", "flows", _flow, _flow),
    *_crud("/components", "components", _component, _component),
    *(each for holder in _ROLES_OF for each in _assigned(holder)),
    lambda random: ("POST", f"/groups/$groups.{_name(random)}/children", _group(random, _name(random))),
    lambda random: ("GET", f"/groups/$groups.{_name(random)}/members?{_BRIEF}", None),
    lambda random: ("GET", f"/group-by-path/{_name(random)}", None),
    lambda random: ("PUT", f"/users/$users.{_name(random)}/groups/$groups.{_name(random)}", None),
    lambda random: ("DELETE", f"/users/$users.{_name(random)}/groups/$groups.{_name(random)}", None),
    lambda random: ("GET", f"/users/$users.{_name(random)}/groups", None),
    lambda random: ("PUT", f"/default-groups/$groups.{_name(random)}", None),
    lambda random: ("DELETE", f"/default-groups/$groups.{_name(random)}", None),
    lambda _random: ("GET", "/default-groups", None),
    lambda _random: ("GET", f"/users?{_BRIEF}", None),
    lambda _random: ("GET", "/users?first=0&max=9", None),
    lambda _random: ("GET", "/users/count", None),
    lambda random: ("GET", f"/users?username={_name(random)}&exact=true", None),
    _imported,
    lambda random: ("POST", f"/roles-by-id/$roles.{_name(random)}/composites", [_role(random)[1]]),
    lambda random: ("DELETE", f"/roles-by-id/$roles.{_name(random)}/composites", [_role(random)[1]]),
    lambda random: ("GET", f"/roles-by-id/$roles.{_name(random)}/composites", None),
    lambda random: ("GET", f"/roles/{_name(random)}", None),
    lambda random: ("GET", f"/roles/{_name(random)}/users?{_BRIEF}", None),
    lambda random: ("GET", f"/roles/{_name(random)}/groups?{_BRIEF}", None),
    lambda random: ("POST", "/clients/$clients.one/roles", _new_role(random, _name(random))),
    lambda random: ("GET", f"/clients/$clients.one/roles/{_name(random)}", None),
    lambda _random: ("GET", "/clients/$clients.one/roles", None),
    lambda random: ("GET", f"/clients?clientId={_name(random)}", None),
    lambda random: ("POST", "/clients/$clients.one/protocol-mappers/models", _mapper(random, _name(random))),
    lambda random: ("POST", "/clients/$clients.one/protocol-mappers/models", _mapper(random, _name(random), "none")),
    lambda random: (
        "DELETE",
        f"/clients/$clients.one/protocol-mappers/models/$client-mappers.one.{_name(random)}",
        None,
    ),
    lambda _random: ("GET", "/clients/$clients.one/protocol-mappers/models", None),
    lambda random: ("POST", "/client-scopes/$scopes.one/protocol-mappers/models", _mapper(random, _name(random))),
    lambda random: ("PUT", f"/clients/$clients.{_name(random)}/default-client-scopes/$scopes.{_name(random)}", None),
    lambda random: ("PUT", f"/clients/$clients.{_name(random)}/optional-client-scopes/$scopes.{_name(random)}", None),
    lambda random: ("DELETE", f"/clients/$clients.{_name(random)}/default-client-scopes/$scopes.{_name(random)}", None),
    lambda random: ("PUT", f"/default-default-client-scopes/$scopes.{_name(random)}", None),
    lambda random: ("PUT", f"/default-optional-client-scopes/$scopes.{_name(random)}", None),
    lambda random: ("DELETE", f"/default-default-client-scopes/$scopes.{_name(random)}", None),
    lambda random: ("POST", "/identity-provider/instances", _provider(random, _name(random))),
    lambda random: ("GET", f"/identity-provider/instances/{_name(random)}", None),
    lambda random: ("DELETE", f"/identity-provider/instances/{_name(random)}", None),
    lambda random: ("POST", "/identity-provider/instances/one/mappers", _idp_mapper(random, _name(random))),
    lambda _random: ("GET", "/identity-provider/instances/one/mappers", None),
    lambda random: ("DELETE", f"/identity-provider/instances/one/mappers/$mappers.{_name(random)}", None),
    _execution,
    _execution,
    lambda random: ("GET", f"/authentication/flows/{_name(random)}/executions", None),
    lambda _random: ("GET", "/authentication/flows", None),
    lambda random: ("GET", f"/authentication/required-actions/{random.choice(_ACTIONS)}", None),
    _changed_action,
    lambda random: ("POST", f"/localization/{_name(random)}", {_name(random): "text"}),
    lambda random: ("GET", f"/localization/{_name(random)}", None),
    lambda random: ("DELETE", f"/localization/{_name(random)}/{_name(random)}", None),
    lambda random: ("DELETE", f"/localization/{_name(random)}", None),
    _settings,
    lambda _random: ("GET", "", None),
    lambda _random: ("POST", "/partial-export?exportClients=true&exportGroupsAndRoles=true", {}),
    lambda _random: ("POST", "/partial-export?exportClients=false&exportGroupsAndRoles=true", {}),
)
