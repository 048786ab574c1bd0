"""Checks that a schema can't make: objects declared twice, and declarations that can't have their effect."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from reconciler.config.realm.canonical import is_named_by_address
from reconciler.config.realm.file import UsersFile
from reconciler.config.realm.keys import natural_key
from reconciler.config.realm.legacy_exports import OF_USERS
from reconciler.config.realm.merge import Realm
from reconciler.config.realm.trees import as_dict, as_list, items
from reconciler.config.yaml.tree import Tree, TreePath, dotted
from reconciler.core.message.problem import CHECK, SCHEMA, Problem, Severity
from reconciler.record import Struct
from reconciler.vocabulary.keycloak import ADMIN_PERMISSIONS_CLIENT

_FIXED: Final = {
    "allowRemoteResourceManagement": True,
    "policyEnforcementMode": "ENFORCING",
    "decisionStrategy": "UNANIMOUS",
}
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
    code: str = CHECK


def duplicates(users: UsersFile) -> Iterator[Problem]:
    """Objects that one file declares twice."""
    for fragment in users.fragments():
        for path, message in _twice(fragment.realm, (), ()):
            yield users.problem((*fragment.path, *path), message, code=CHECK)


def _twice(tree: Tree, path: TreePath, names: tuple[str, ...]) -> Iterator[tuple[TreePath, str]]:
    if isinstance(tree, dict):
        for key, value in tree.items():
            if isinstance(value, dict | list):
                yield from _twice(value, (*path, key), (*names, key))
    elif isinstance(tree, list):
        seen: dict[object, int] = {}
        # Users are many and hold no lists of objects with keys, so their inside is not walked through.
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


def contradictions(realm: Realm) -> Iterator[Finding]:
    """Declarations that can't have the effect that they say."""
    for check in _CHECKS:
        yield from check(realm.merged)


def _admin_permissions(realm: Mapping[str, Tree]) -> Iterator[Finding]:
    """Checks for settings that the client for administrators' permissions can't have."""
    for index, client in enumerate(items(realm, "clients")):
        if client.get("clientId") != ADMIN_PERMISSIONS_CLIENT:
            continue
        settings = as_dict(client.get("authorizationSettings"))
        for key, fixed in _FIXED.items():
            if settings.get(key, fixed) not in (fixed, str(fixed).lower(), None):
                said = f"Keycloak sets `{key}` of {ADMIN_PERMISSIONS_CLIENT}, and lets nobody change it"
                at = ("clients", index, "authorizationSettings", key)
                yield Finding(at, f"{said}; it is left as it is", Severity.WARNING)
        if not realm.get("adminPermissionsEnabled"):
            said = "is made by Keycloak once its realm has `adminPermissionsEnabled: true`, which is not declared"
            yield Finding(("clients", index), f"{ADMIN_PERMISSIONS_CLIENT} {said}", Severity.WARNING)


def _passwords(realm: Mapping[str, Tree]) -> Iterator[Finding]:
    for index, user in enumerate(items(realm, "users")):
        if "password" in user and "credentials" in user:
            said = f"{_user(user)} has both `password` and `credentials`; keep one"
            yield Finding(("users", index, "password"), said)
        for place, credential in enumerate(map(as_dict, as_list(user.get("credentials")))):
            if wrong := _unlasting(credential):
                said = f"a credential of {_user(user)} with `ensure: {credential['ensure']}` {wrong}"
                yield Finding(("users", index, "credentials", place), said)


def _unlasting(credential: Mapping[str, Tree]) -> str:
    """Explains why a password can't be kept as declared, "" if it can."""
    # Set once at the creation, so it need not be compared later.
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
    for index, user in enumerate(items(realm, "users")):
        if "username" not in user and "email" in user and not (user["email"] and is_named_by_address(realm)):
            remedy = "add one, or `registrationEmailAsUsername: true` to the realm, by which the address is the name"
            yield Finding(("users", index), f"a user has no `username`; {remedy}", code=SCHEMA)


def _left_alone(realm: Mapping[str, Tree]) -> Iterator[Finding]:
    for index, user in enumerate(items(realm, "users")):
        for name in _LEFT_ALONE.keys() & user.keys():
            if user[name]:
                message = f"`{name}` has no effect: {_LEFT_ALONE[name]}; they are left as they are in Keycloak"
                yield Finding(("users", index, name), message, Severity.WARNING)
        for name in OF_USERS.keys() & as_dict(user.get("attributes")).keys():
            message = f"the attribute `{name}` has no effect: {OF_USERS[name]}; it is left as it is in Keycloak"
            yield Finding(("users", index, "attributes", name), message, Severity.WARNING)


def _service_accounts(realm: Mapping[str, Tree]) -> Iterator[Finding]:
    """Warns about missing service accounts: exports keep the one that a client once had."""
    users = {str(user.get("username")).lower(): index for index, user in enumerate(items(realm, "users"))}
    for index, client in enumerate(items(realm, "clients")):
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


def _user(user: Mapping[str, Tree]) -> str:
    return f"user `{user.get('username', user.get('email'))}`"


_CHECKS: Final[tuple[Callable[[Mapping[str, Tree]], Iterator[Finding]], ...]] = (
    _admin_permissions,
    _passwords,
    _nameless,
    _left_alone,
    _service_accounts,
)
