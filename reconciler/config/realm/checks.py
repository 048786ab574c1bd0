"""Checks that a schema can't make: objects declared twice, references that lead nowhere.

Where a realm's section is not declared at all, what it names may well be there: then a warning is enough.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Final

from reconciler.config.realm.canonical import default_role, group_path, is_named_by_address, paths_and_ids, split_roles
from reconciler.config.realm.file import UsersFile
from reconciler.config.realm.keys import natural_key
from reconciler.config.realm.legacy_exports import OF_USERS
from reconciler.config.realm.merge import Realm
from reconciler.config.yaml.suggest import suggestion
from reconciler.config.yaml.tree import Tree, TreePath, dotted
from reconciler.core.message.problem import Problem, Severity
from reconciler.record import Struct
from reconciler.vocabulary.keycloak import (
    ADMIN_PERMISSIONS_CLIENT,
    BUILT_IN_CLIENTS,
    BUILT_IN_ROLES,
    BUILT_IN_SCOPES,
    MASTER,
)

_AUTHORIZATION_ROLE: Final = "uma_protection"  # of every client with authorization services
_FIXED: Final = {
    "allowRemoteResourceManagement": True,
    "policyEnforcementMode": "ENFORCING",
    "decisionStrategy": "UNANIMOUS",
}
_ADMIN_ROLES: Final = frozenset({"admin", "create-realm"})
_LEFT_ALONE: Final = {
    "clientConsents": "only users themselves can give consent",
    "verifiableCredentials": "they are made for a user when one is issued",
    "issuedVerifiableCredentials": "they are made for a user when one is issued",
}
"""What exports of a whole database have of a user besides, and why it stays as it is in Keycloak."""


class Finding(Struct, frozen=True):
    """A mistake at a path of a realm, in the files' words."""

    path: TreePath
    message: str
    severity: Severity = Severity.ERROR


def duplicates(users: UsersFile) -> Iterator[Problem]:
    """Objects that one file declares twice."""
    for fragment in users.fragments():
        for path, message in _twice(fragment.realm, (), ()):
            yield users.problem((*fragment.path, *path), message)


def _twice(tree: Tree, path: TreePath, names: tuple[str, ...]) -> Iterator[tuple[TreePath, str]]:
    if isinstance(tree, dict):
        for key, value in tree.items():
            if isinstance(value, dict | list):
                yield from _twice(value, (*path, key), (*names, key))
    elif isinstance(tree, list):
        seen: dict[object, int] = {}
        deep = not names or names[-1] != "users"
        for index, item in enumerate(tree):
            key = natural_key(names, item)
            if key is not None and seen.setdefault(key, index) != index:
                yield (*path, index), f"{dotted(path)} has {_named(names, item)} twice; keep one of the two"
            if deep and isinstance(item, dict):
                yield from _twice(item, (*path, index), names)


def _named(names: tuple[str, ...], item: Mapping[str, Tree]) -> str:
    fields = ("username", "email", "clientId", "alias", "name", "client", "clientScope")
    name = next((item[field] for field in fields if item.get(field)), "the same")
    told = " (Keycloak usernames are case-insensitive)" if names[-1:] == ("users",) else ""
    return f"`{name}`{told}"


def references(realm: Realm) -> Iterator[Finding]:
    """References to what the realm does not declare."""
    for check in _CHECKS:
        yield from check(realm.merged)


def _groups(realm: Mapping[str, Tree]) -> Iterator[Finding]:
    declared = {path for path, _ in paths_and_ids(realm.get("groups"))}
    known = "groups" in realm
    for index, user in enumerate(_items(realm, "users")):
        for place, name in enumerate(_list(user.get("groups"))):
            if group_path(name) not in declared:
                path: TreePath = ("users", index, "groups", place)
                yield _missing(path, f"{_user(user)} is to be in the group", group_path(name), declared, known=known)
    for place, name in enumerate(_list(realm.get("defaultGroups"))):
        if group_path(name) not in declared:
            yield _missing(("defaultGroups", place), "defaultGroups names", group_path(name), declared, known=known)


def _organizations(realm: Mapping[str, Tree]) -> Iterator[Finding]:
    for index, organization in enumerate(_items(realm, "organizations")):
        groups = list(paths_and_ids(organization.get("groups")))
        declared, ids = {path for path, _ in groups}, {group_id for _, group_id in groups if group_id}
        known = "groups" in organization
        for number, member in enumerate(_items(organization, "members")):
            said = f"member `{member.get('username')}` of {_organization(organization)} is to be in its group"
            for place, name in enumerate(_list(member.get("groups"))):
                if name not in ids and group_path(name) not in declared:
                    path: TreePath = ("organizations", index, "members", number, "groups", place)
                    yield _missing(path, said, group_path(name), declared, known=known)


def _roles(realm: Mapping[str, Tree]) -> Iterator[Finding]:
    section = _dict(realm.get("roles"))
    declared = _names(section.get("realm")) | BUILT_IN_ROLES | {default_role(realm)}
    declared |= _ADMIN_ROLES if realm["realm"] == MASTER else set()
    clients = {name: _names(roles) for name, roles in _dict(section.get("client")).items()}
    known = "roles" in realm
    for path, owner, client, role in _named_roles(realm):
        if client is None and role not in declared:
            yield _missing(path, f"{owner} is to have the role", role, declared, known=known)
        elif client is not None and not _is_built_in(client, role) and role not in clients.get(client, set()):
            candidates = {f"{client}/{name}" for name in clients.get(client, set())}
            yield _missing(path, f"{owner} is to have the role", f"{client}/{role}", candidates, known=known)


def _is_built_in(client: str, role: str) -> bool:
    """Returns whether Keycloak makes this role of a client by itself."""
    return client in BUILT_IN_CLIENTS or role == _AUTHORIZATION_ROLE


def _named_roles(realm: Mapping[str, Tree]) -> Iterator[tuple[TreePath, str, str | None, str]]:
    """Every role that a user, a group or everybody is to have: where, whose, of which client, which."""
    for index, user in enumerate(_items(realm, "users")):
        if user.keys() & {"roles", "realmRoles", "clientRoles"}:
            yield from _roles_of(user, ("users", index), _user(user))
    yield from _roles_of_groups(realm, ())
    for index, organization in enumerate(_items(realm, "organizations")):
        yield from _roles_of_groups(organization, ("organizations", index), of=f" of {_organization(organization)}")
    for place, role in enumerate(_list(realm.get("defaultRoles"))):
        yield ("defaultRoles", place), "everybody", None, str(role)
    for index, client in enumerate(_items(realm, "clients")):
        for place, role in enumerate(_list(client.get("defaultRoles"))):
            yield ("clients", index, "defaultRoles", place), "everybody", str(client.get("clientId")), str(role)


def _roles_of_groups(
    holder: Mapping[str, Tree], path: TreePath, section: str = "groups", *, of: str = ""
) -> Iterator[tuple[TreePath, str, str | None, str]]:
    """Lists the roles of the groups of a realm, an organization or a group, at every depth."""
    for index, group in enumerate(_items(holder, section)):
        at = (*path, section, index)
        yield from _roles_of(group, at, f"group `{group.get('name')}`{of}")
        yield from _roles_of_groups(group, at, "subGroups", of=of)


def _roles_of(
    holder: Mapping[str, Tree], path: TreePath, owner: str
) -> Iterator[tuple[TreePath, str, str | None, str]]:
    for place, role in enumerate(_list(holder.get("roles"))):
        realm_roles, client_roles = split_roles([role])
        yield from (((*path, "roles", place), owner, None, name) for name in realm_roles)
        for client, names in client_roles.items():
            yield from (((*path, "roles", place), owner, client, name) for name in names)
    for place, role in enumerate(_list(holder.get("realmRoles"))):
        yield (*path, "realmRoles", place), owner, None, str(role)
    for client, roles in _dict(holder.get("clientRoles")).items():
        for place, role in enumerate(_list(roles)):
            yield (*path, "clientRoles", client, place), owner, client, str(role)


def _scopes(realm: Mapping[str, Tree]) -> Iterator[Finding]:
    own = _names(realm.get("clientScopes"))
    declared = own | BUILT_IN_SCOPES
    known = "clientScopes" in realm
    for index, client in enumerate(_items(realm, "clients")):
        for key in ("defaultClientScopes", "optionalClientScopes"):
            for place, scope in enumerate(_list(client.get(key))):
                if str(scope) not in declared:
                    said = f"client `{client.get('clientId')}` names the scope"
                    yield _missing(("clients", index, key, place), said, str(scope), declared, known=known)
    for key in ("defaultDefaultClientScopes", "defaultOptionalClientScopes"):
        for place, scope in enumerate(_list(realm.get(key))):
            if str(scope) not in declared:
                yield _missing((key, place), f"{key} names the scope", str(scope), declared, known=known)


def _policies(realm: Mapping[str, Tree]) -> Iterator[Finding]:
    """Policies that others apply; the list is the whole truth, so there are no others."""
    for index, client in enumerate(_items(realm, "clients")):
        settings = _dict(client.get("authorizationSettings"))
        declared = _names(settings.get("policies"))
        ids = {policy.get("id") for policy in _items(settings, "policies")}
        for place, policy in enumerate(_items(settings, "policies")):
            for name in _json_list(_dict(policy.get("config")).get("applyPolicies")):
                if name not in declared and name not in ids:
                    path = ("clients", index, "authorizationSettings", "policies", place, "config", "applyPolicies")
                    said = f"policy `{policy.get('name')}` applies"
                    yield _missing(path, said, str(name), declared, known=True)


def _json_list(value: Tree) -> list[Tree]:
    """A list that may be written as a text of JSON."""
    if not isinstance(value, str):
        return _list(value)
    try:
        return _list(json.loads(value))
    except ValueError:
        return []


def _admin_permissions(realm: Mapping[str, Tree]) -> Iterator[Finding]:
    """Checks for settings that the client for administrators' permissions can't have."""
    for index, client in enumerate(_items(realm, "clients")):
        if client.get("clientId") != ADMIN_PERMISSIONS_CLIENT:
            continue
        settings = _dict(client.get("authorizationSettings"))
        for key, fixed in _FIXED.items():
            if settings.get(key, fixed) not in (fixed, str(fixed).lower(), None):
                said = f"Keycloak sets `{key}` of {ADMIN_PERMISSIONS_CLIENT}, and lets nobody change it"
                at = ("clients", index, "authorizationSettings", key)
                yield Finding(at, f"{said}; it is left as it is", Severity.WARNING)
        if not realm.get("adminPermissionsEnabled"):
            said = "is made by Keycloak once its realm has `adminPermissionsEnabled: true`, which is not declared"
            yield Finding(("clients", index), f"{ADMIN_PERMISSIONS_CLIENT} {said}", Severity.WARNING)


def _passwords(realm: Mapping[str, Tree]) -> Iterator[Finding]:
    for index, user in enumerate(_items(realm, "users")):
        if "password" in user and "credentials" in user:
            said = f"{_user(user)} has both `password` and `credentials`; keep one"
            yield Finding(("users", index, "password"), said)
        for place, credential in enumerate(map(_dict, _list(user.get("credentials")))):
            if wrong := _unlasting(credential):
                said = f"a credential of {_user(user)} with `ensure: {credential['ensure']}` {wrong}"
                yield Finding(("users", index, "credentials", place), said)


def _unlasting(credential: Mapping[str, Tree]) -> str:
    """Explains why a password can't be kept as declared, "" if it can."""
    if credential.get("ensure", "initial") == "initial":
        return ""
    if credential.get("type") != "password" or not credential.get("value"):
        return "must be a password with a value; there is nothing else to compare"
    if credential.get("temporary"):
        return "can't be temporary, as the user's own choice would be taken back; use `ensure: initial`"
    if credential.get("userLabel"):
        return "can't have a `userLabel`; leave it out"
    return ""


def _nameless(realm: Mapping[str, Tree]) -> Iterator[Finding]:
    for index, user in enumerate(_items(realm, "users")):
        if "username" not in user and "email" in user and not (user["email"] and is_named_by_address(realm)):
            remedy = "add one, or `registrationEmailAsUsername: true` to the realm, by which the address is the name"
            yield Finding(("users", index), f"a user has no `username`; {remedy}")


def _left_alone(realm: Mapping[str, Tree]) -> Iterator[Finding]:
    for index, user in enumerate(_items(realm, "users")):
        for name in _LEFT_ALONE.keys() & user.keys():
            if user[name]:
                message = f"`{name}` has no effect: {_LEFT_ALONE[name]}; they are left as they are in Keycloak"
                yield Finding(("users", index, name), message, Severity.WARNING)
        for name in OF_USERS.keys() & _dict(user.get("attributes")).keys():
            message = f"the attribute `{name}` has no effect: {OF_USERS[name]}; it is left as it is in Keycloak"
            yield Finding(("users", index, "attributes", name), message, Severity.WARNING)


def _service_accounts(realm: Mapping[str, Tree]) -> Iterator[Finding]:
    """Warns about missing service accounts: exports keep the one that a client once had."""
    users = {str(user.get("username")).lower(): index for index, user in enumerate(_items(realm, "users"))}
    for index, client in enumerate(_items(realm, "clients")):
        has_services = client.get("authorizationServicesEnabled") in (True, "true")
        if has_services or client.get("serviceAccountsEnabled") not in (False, "false"):
            continue
        none = f"client `{client.get('clientId')}` has no service account, by `serviceAccountsEnabled: false`"
        if client.get("serviceAccountRoles"):
            yield Finding(("clients", index, "serviceAccountRoles"), f"{none}; set that to true, or remove this")
        name = f"service-account-{client.get('clientId')}".lower()
        if name in users:
            said = f"user `{name}` is left out: {none}"
            yield Finding(("users", users[name]), said, Severity.WARNING)


def _missing(path: TreePath, said: str, name: str, declared: Collection[str], *, known: bool) -> Finding:
    if known:
        hint = suggestion(name, declared) or "; declare it, or remove this"
        return Finding(path, f"{said} `{name}`, which is not declared{hint}")
    hint = suggestion(name, declared)
    message = f"{said} `{name}`, which is not declared here{hint or '; it must be in the realm already'}"
    return Finding(path, message, Severity.WARNING)


def _list(value: Tree) -> list[Tree]:
    """The list; nothing where the file has something else there, which the schema says."""
    return value if isinstance(value, list) else []


def _dict(value: Tree) -> dict[str, Tree]:
    return value if isinstance(value, dict) else {}


def _items(realm: Mapping[str, Tree], section: str) -> Iterator[Mapping[str, Tree]]:
    return map(_dict, _list(realm.get(section)))


def _names(items: Tree) -> set[str]:
    return {str(item["name"]) for item in _list(items) if isinstance(item, dict) and item.get("name")}


def _organization(organization: Mapping[str, Tree]) -> str:
    return f"organization `{organization.get('alias', organization.get('name'))}`"


def _user(user: Mapping[str, Tree]) -> str:
    return f"user `{user.get('username', user.get('email'))}`"


_CHECKS: Final[tuple[Callable[[Mapping[str, Tree]], Iterator[Finding]], ...]] = (
    _groups,
    _organizations,
    _roles,
    _scopes,
    _policies,
    _admin_permissions,
    _passwords,
    _nameless,
    _left_alone,
    _service_accounts,
)
