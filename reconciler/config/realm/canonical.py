"""A realm in canonical form: sugar written out in Keycloak's own words, secrets sealed, everything else as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from reconciler.config.realm.legacy_exports import as_of_now, credential
from reconciler.config.yaml.tree import Tainted, Tree, TreePath
from reconciler.core.message.secrecy import holds_secret, is_switch, names_secret
from reconciler.core.resource.options import OPTIONS
from reconciler.core.resource.values import Secret, Value

_OF_THE_DOCUMENT: Final = frozenset({"connection", "secrets"})  # no part of any realm

_SYNONYMS: Final = {"messageBundles": "localizationTexts"}  # keycloak-config-cli's word, and Keycloak's
_REWRITTEN: Final = frozenset({"username", "password", "credentials", "groups", "roles"})
_DEFAULT: Final = "defaultRoles"


def canonical_realm(realm: Mapping[str, Tree]) -> Mapping[str, Value]:
    """The realm as the provider wants it."""
    named = with_usernames(realm)
    made = {_SYNONYMS.get(key, key): _SECTIONS.get(key, sealed)(value) for key, value in named.items()}
    return _with_default_roles(as_of_now({key: value for key, value in made.items() if key != OPTIONS or value}))


def source_path(realm: Mapping[str, Tree], path: TreePath) -> TreePath:
    """The path in the files' words of what stands at a canonical path: sugar has other keys."""
    match path:
        case ("localizationTexts", *rest) if "localizationTexts" not in realm:
            return ("messageBundles", *rest)
        case ("defaultRoles", *_) if _DEFAULT not in realm:
            # The realm itself declares none, so the section stems from a client.
            clients = realm.get("clients") or ()
            return next((("clients", index, _DEFAULT) for index, each in enumerate(clients) if _DEFAULT in each), path)
        case ("users", int(index), "credentials", *_) if "password" in _user_at(realm, index):
            return ("users", index, "password")
        case ("users", int(index), ("realmRoles" | "clientRoles") as key, *_) if "roles" in _user_at(
            realm, index
        ) and key not in _user_at(realm, index):
            return ("users", index, "roles")
        case _:
            return path


def _user_at(realm: Mapping[str, Tree], index: int) -> Mapping[str, Tree]:
    users = realm.get("users")
    user = users[index] if isinstance(users, list) and index < len(users) else None
    return user if isinstance(user, dict) else {}


def _is_secret(key: str, part: Tree) -> bool:
    """Returns whether a key of Keycloak's own words names a secret; a switch under such a name is none."""
    items = part if isinstance(part, list) else [part]
    return names_secret(key) and not all(type(item) is str and is_switch(item) for item in items)


def sealed(value: Tree, is_secret: Callable[[str, Tree], bool] = _is_secret) -> Value:
    """The value with its secrets sealed, lists as tuples; ``is_secret`` says of which keys the value is one."""
    match value:
        case Tainted():
            return Secret(str(value))
        case str():
            return Secret(value) if holds_secret(value) else value
        case dict():
            return {
                key: _secret(part) if is_secret(key, part) else sealed(part, is_secret) for key, part in value.items()
            }
        case list():
            return tuple(sealed(item, is_secret) for item in value)
        case _:
            plain: Value = value
            return plain


def _is_credential(key: str, _part: Tree) -> bool:
    return key == "value" or names_secret(key)


def _secret(value: Tree) -> Value:
    """The value of a key that holds a secret; component settings are lists of one."""
    match value:
        case str():
            return Secret(str(value))
        case list():
            return tuple(map(_secret, value))
        case _:
            return sealed(value)


def _shown(value: Tree) -> Value:
    """Texts for people, under names that say nothing."""
    return sealed(value, lambda _key, _part: False)


def is_named_by_address(realm: Mapping[str, Tree]) -> bool:
    """Returns whether the user's e-mail address is the username as well."""
    return realm.get("registrationEmailAsUsername") in (True, "true")


def with_usernames(realm: Mapping[str, Tree]) -> Mapping[str, Tree]:
    """The realm with names for those users that have none."""
    users = realm.get("users")
    if not is_named_by_address(realm) or not isinstance(users, list):
        return realm
    return {**realm, "users": [user if "username" in user else {**user, "username": user["email"]} for user in users]}


def default_role(realm: Mapping[str, Any]) -> str:
    """The name of the role that everybody has."""
    named = (realm.get("defaultRole") or {}).get("name")
    return str(named or f"default-roles-{realm['realm']}".lower())


def _with_default_roles(realm: Mapping[str, Any]) -> Mapping[str, Value]:
    """`defaultRoles`, of the realm and of its clients, in one place: a section of its own, by which what is not said
    stays as it is. Where the role that everybody has is declared with its composites, these are the whole truth, and
    the others are put to them.
    """
    clients = realm.get("clients") or ()
    of_clients = {str(client["clientId"]): client[_DEFAULT] or () for client in clients if _DEFAULT in client}
    said: dict[str, Any] = {"realmRoles": realm[_DEFAULT] or ()} if _DEFAULT in realm else {}
    if of_clients:
        said["clientRoles"] = of_clients
        realm = {**realm, "clients": tuple(_without_default_roles(client) for client in clients)}
    if not said:
        return realm
    roles = realm.get("roles") or {}
    own = {role["name"]: role for role in roles.get("realm") or ()}
    everybody = own.get(default_role(realm), {})
    # Without declared composites only the declared default roles are managed, and others stay.
    if everybody.get("composites") is None:
        return {**realm, _DEFAULT: said}
    own[everybody["name"]] = {**everybody, "composites": _with_more(everybody["composites"], said)}
    return {**_without_default_roles(realm), "roles": {**roles, "realm": tuple(own.values())}}


def _without_default_roles(body: Mapping[str, Value]) -> Mapping[str, Value]:
    return {key: value for key, value in body.items() if key != _DEFAULT}


def _with_more(composites: Mapping[str, Any], said: Mapping[str, Any]) -> Mapping[str, Value]:
    """Composites with further roles of the realm and of clients."""
    known, more = composites.get("client") or {}, said.get("clientRoles", {})
    return {
        "realm": _together(composites.get("realm"), said.get("realmRoles", ())),
        "client": {name: _together(known.get(name), more.get(name, ())) for name in dict.fromkeys((*known, *more))},
    }


def _settings(value: Tree) -> Value:
    return {key: sealed(part) for key, part in (value or {}).items() if key not in _OF_THE_DOCUMENT}


def _users(value: Tree) -> Value:
    return tuple(map(_user, value)) if isinstance(value, list) else sealed(value)


def _user(user: Mapping[str, Tree]) -> Value:
    """A user without sugar: each key of it gives way to Keycloak's own."""
    made: dict[str, Value] = {
        key: value if type(value) is str else sealed(value) for key, value in user.items() if key not in _REWRITTEN
    }
    if "username" in user:
        made["username"] = str(user["username"]).lower()  # as Keycloak keeps it
    if "password" in user:
        made["credentials"] = ({"type": "password", "value": _secret(user["password"]), "temporary": False},)
    elif "credentials" in user:
        made["credentials"] = sealed([*map(credential, user["credentials"] or ())], _is_credential)
    if "groups" in user:
        made["groups"] = tuple(map(group_path, user["groups"] or ()))
    return {**made, **_roles(user)}


def group_path(name: Tree) -> str:
    """The path of a group that may be written without the leading slash."""
    path = str(name)
    return path if path.startswith("/") else f"/{path}"


def _organizations(value: Tree) -> Value:
    return tuple(map(_organization, value)) if isinstance(value, list) else sealed(value)


def _organization(organization: Mapping[str, Tree]) -> Value:
    """An organization whose members name its groups by their paths: the server's own exports have ids there."""
    path_of = {group_id: path for path, group_id in paths_and_ids(organization.get("groups"))}

    def named(member: Mapping[str, Tree]) -> Value:
        own = {key: sealed(part) for key, part in member.items()}
        if not member.get("groups"):
            return own
        return {**own, "groups": tuple(path_of.get(name) or group_path(name) for name in member["groups"])}

    found = {key: sealed(part) for key, part in organization.items()}
    members = organization.get("members")
    return {**found, "members": tuple(map(named, members))} if isinstance(members, list) else found


def paths_and_ids(groups: Tree, above: str = "") -> Iterator[tuple[str, str | None]]:
    """Every group with those below it: its path, and the id that an export has of it."""
    for group in groups if isinstance(groups, list) else ():
        if isinstance(group, dict) and group.get("name"):
            path = f"{above}/{group['name']}"
            yield path, group.get("id")
            yield from paths_and_ids(group.get("subGroups"), path)


def _roles(user: Mapping[str, Tree]) -> Mapping[str, Value]:
    """`roles: [name, client/name]` added to what `realmRoles` and `clientRoles` say."""
    if "roles" not in user:
        return {}
    realm_roles, client_roles = split_roles(user["roles"])
    made: dict[str, Value] = {}
    # `roles: []` says that there are to be none, which is not the same as no `roles`.
    if realm_roles or not client_roles:
        made["realmRoles"] = _together(user.get("realmRoles"), realm_roles)
    if client_roles:
        known = user.get("clientRoles") or {}
        clients = dict.fromkeys((*known, *client_roles))
        made["clientRoles"] = {name: _together(known.get(name), client_roles.get(name, [])) for name in clients}
    return made


def split_roles(roles: Tree) -> tuple[list[str], dict[str, list[str]]]:
    """Realm roles, and roles of clients, of the short form."""
    realm_roles: list[str] = []
    client_roles: dict[str, list[str]] = {}
    for role in roles or ():
        client, slash, name = str(role).rpartition("/")
        if slash:
            client_roles.setdefault(client, []).append(name)
        else:
            realm_roles.append(name)
    return realm_roles, client_roles


def _together(known: Tree, more: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*(known or ()), *more)))


_SECTIONS: Final[Mapping[str, Callable[[Tree], Value]]] = {
    "users": _users,
    "organizations": _organizations,
    "localizationTexts": _shown,
    OPTIONS: _settings,
}
