"""Values that a realm declares together and that Keycloak never has at the same time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from reconciler.config.realm.canonical import is_named_by_address
from reconciler.config.realm.checks import Finding
from reconciler.config.realm.merge import Realm
from reconciler.config.realm.trees import as_list
from reconciler.config.yaml.tree import Tree, TreePath
from reconciler.core.message.problem import SCHEMA, Severity
from reconciler.pattern import lazy_pattern
from reconciler.vocabulary.combinations import COMBINATIONS, EXCLUSIVE, Combination, Exclusive
from reconciler.vocabulary.keycloak import (
    CLIENT,
    DEFAULT_CLIENT_SCOPES,
    LOGIN_OF_MAIL,
    REALM,
    REALM_MANAGEMENT,
    SERVICE_ACCOUNT,
    WORDS,
)

_ADDRESS: Final = lazy_pattern(r"[^\s@]+@[^\s@]+|\".*\"@\S+")
_MASK: Final = "**********"
_TEXTS: Final[Mapping[Tree, bool]] = {"true": True, "false": False}


_SECTIONS: Final = {REALM: "", DEFAULT_CLIENT_SCOPES: "", CLIENT: "clients"}
"""The section of a type's objects, "" for the realm itself."""


def _applies(row: Combination, body: Mapping[str, Tree]) -> bool:
    return all(_switch(body, key) is value for key, value in row.values.items())


def _switch(body: Mapping[str, Tree], key: str) -> bool | None:
    """The value of a switch, None where the body does not declare it."""
    value = body.get(key)
    return value if isinstance(value, bool) else _TEXTS.get(value) if isinstance(value, str) else None


def combinations(realm: Realm) -> Iterator[Finding]:
    """Finds settings of the realm that exclude each other."""
    for row in COMBINATIONS:
        for path, body in _bodies(realm.merged, _SECTIONS[row.kind]):
            # Exports of realms with the first admin permissions have this client as none can be.
            if _applies(row, body) and body.get("clientId") != REALM_MANAGEMENT:
                yield Finding((*path, row.at), row.why)
    for pair in EXCLUSIVE:
        for path, body in _bodies(realm.merged, _SECTIONS[pair.kind]):
            yield from _in_both(pair, path, body)
    for check in _CHECKS:
        yield from check(realm.merged)


def _bodies(realm: Mapping[str, Tree], section: str) -> Iterator[tuple[TreePath, Mapping[str, Tree]]]:
    """The objects of a section with their paths, or the realm itself."""
    if not section:
        yield (), realm
    else:
        found = realm.get(section)
        bodies = enumerate(found if isinstance(found, list) else ())
        yield from (((section, index), body) for index, body in bodies if isinstance(body, dict))


def _in_both(pair: Exclusive, path: TreePath, body: Mapping[str, Tree]) -> Iterator[Finding]:
    """Names in two lists, where Keycloak keeps them in the first one alone."""
    first, second = (as_list(body.get(name)) for name in pair.lists)
    for index, name in enumerate(second):
        if name in first:
            said = f"`{name}` is {pair.words[0]} already, so it can't be {pair.words[1]}"
            yield Finding((*path, pair.lists[1], index), f"{said}; leave it out of one of the two lists")


def _names_by_address(realm: Mapping[str, Tree]) -> Iterator[Finding]:
    """Users whose name is not their address, where the address is the name."""
    if not is_named_by_address(realm):
        return
    for path, user in _bodies(realm, "users"):
        name, email = str(user.get("username") or "").lower(), str(user.get("email") or "").lower()
        # A service account has the name of its client, whatever the realm says.
        if name and email and name != email and not name.startswith(SERVICE_ACCOUNT):
            yield Finding(
                (*path, "username"),
                f"Keycloak names user `{user['username']}` by the address `{user['email']}`, as the realm has "
                "`registrationEmailAsUsername: true`; leave the username out, or set that to false",
            )


def _addresses(realm: Mapping[str, Tree]) -> Iterator[Finding]:
    """Addresses that Keycloak takes for none, and those of two users."""
    owners: dict[str, str] = {}
    may_be_shared = _switch(realm, "duplicateEmailsAllowed") is True or is_named_by_address(
        realm
    )  # then they are names
    for path, user in _bodies(realm, "users"):
        email = user.get("email")
        if not isinstance(email, str) or not email:
            continue
        owner = owners.setdefault(email.lower(), str(user.get("username") or email))
        if not _ADDRESS.fullmatch(email):
            yield Finding((*path, "email"), f"`{email}` is no e-mail address", code=SCHEMA)
        elif not may_be_shared and owner != str(user.get("username") or email):
            remedy = "give one of them another, or set `duplicateEmailsAllowed: true` in the realm"
            yield Finding((*path, "email"), f"user `{owner}` has the e-mail address `{email}` as well; {remedy}")


def _locales(realm: Mapping[str, Tree]) -> Iterator[Finding]:
    """Languages of users in a realm that is said to have one language only."""
    # Only a declared false is an error: undeclared, the live realm decides.
    if _switch(realm, "internationalizationEnabled") is not False:
        return
    profile = realm.get("userProfile")
    declared = profile.get("attributes") if isinstance(profile, dict) else None
    if any(isinstance(each, dict) and each.get("name") == "locale" for each in declared or ()):
        return
    for path, user in _bodies(realm, "users"):
        attributes = user.get("attributes")
        if isinstance(attributes, dict) and attributes.get("locale"):
            yield Finding(
                (*path, "attributes", "locale"),
                "Keycloak drops the attribute `locale` while the realm has `internationalizationEnabled: false`; set "
                "that to true, or leave the attribute out",
            )


def _secrets(realm: Mapping[str, Tree]) -> Iterator[Finding]:
    """Secrets of clients that have none, and clients without the one that they must have."""
    for path, client in _bodies(realm, "clients"):
        has_none = _switch(client, "publicClient") is True or _switch(client, "bearerOnly") is True
        # Only a written null: a secret that is not declared stays as it is.
        if "secret" in client and client["secret"] is None and not has_none:
            said = "`secret` can't be unset: Keycloak gives one to each client that is not public"
            yield Finding((*path, "secret"), f"{said}; leave the line out, or set `publicClient: true`")
        if _switch(client, "publicClient") is True and client.get("secret") not in (None, "", _MASK):
            said = "`secret` has no effect: a client with `publicClient: true` has none"
            yield Finding((*path, "secret"), said, Severity.WARNING)


def _mail(realm: Mapping[str, Tree]) -> Iterator[Finding]:
    """An account for the mail server, where the server is said to want none."""
    mail = realm.get("smtpServer")
    if isinstance(mail, dict) and str(mail.get("auth")).lower() != "true":
        for key in LOGIN_OF_MAIL:
            if mail.get(key):
                said = f"`{key}` has no effect: Keycloak keeps it only with `auth: true`"
                yield Finding(("smtpServer", key), said, Severity.WARNING)


def _words(realm: Mapping[str, Tree]) -> Iterator[Finding]:
    """Settings with a word that Keycloak does not know."""
    for path, words in WORDS.items():
        value: Tree = realm
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        said = value.strip() if isinstance(value, str) else ""
        if said and said not in words and not (words[0].islower() and said.lower() in words):
            yield Finding(path, f"`{path[-1]}` must be one of {', '.join(words)}, but is `{said}`", code=SCHEMA)


_CHECKS: Final[tuple[Callable[[Mapping[str, Tree]], Iterator[Finding]], ...]] = (
    _names_by_address,
    _addresses,
    _locales,
    _secrets,
    _mail,
    _words,
)
