"""Checks values that Keycloak refuses, or takes without an effect: words, password policies, users' attributes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from reconciler.config.realm.checks import Finding
from reconciler.config.realm.merge import Realm
from reconciler.config.realm.trees import as_dict, as_list, items
from reconciler.config.yaml.patterns import matches
from reconciler.config.yaml.suggest import nearest
from reconciler.config.yaml.tree import Tree, TreePath, dotted
from reconciler.core.message.problem import SCHEMA, Severity
from reconciler.vocabulary.accepted import (
    PASSWORD_POLICIES,
    SETTINGS,
    Words,
    broken_validation,
    policies,
    wrong_policy_value,
)
from reconciler.vocabulary.keycloak import SERVICE_ACCOUNT

_ALIKE: Final = 0.8
_POLICY: Final = "passwordPolicy"


def unaccepted(realm: Realm) -> Iterator[Finding]:
    """Values that Keycloak will not accept as they are."""
    for check in _CHECKS:
        yield from check(realm.merged)


def _words(realm: Mapping[str, Tree]) -> Iterator[Finding]:
    for pattern, known in SETTINGS.items():
        for path, value, _ in matches(realm, tuple(pattern.split("."))):
            if type(value) is str and value and (said := _other_word(value, known)):
                severity = Severity.ERROR if known.is_refused else Severity.WARNING
                yield Finding(path, f"{dotted(path)} {said}", severity, SCHEMA)


def _other_word(value: str, known: Words) -> str:
    """Describes a word that is none of these. One of an open set may be an extension's, if it is like no other."""
    near = known.meant.get(value) or nearest(value, known.words, alike=_ALIKE)
    if known.has(value) or (known.is_open and not near):
        return ""
    if near:
        return f"can't be `{value}`; did you mean `{near}`?"
    return f"must be one of {', '.join(f'`{word}`' for word in known.words)}, but is `{value}`"


def _password_policy(realm: Mapping[str, Tree]) -> Iterator[Finding]:
    text = realm.get(_POLICY)
    for name, value in policies(text) if type(text) is str else ():
        if wanted := wrong_policy_value(name, value):
            example = f"{name}(8)"
            said = f"passwordPolicy: `{name}` needs {wanted} in parentheses, as in `{example}`, but has `{value}`"
            joined = "; join policies by ` and `" if value and "(" in value else ""
            yield Finding((_POLICY,), f"{said}{joined}", code=SCHEMA)
        elif name not in PASSWORD_POLICIES and (near := nearest(name, PASSWORD_POLICIES, alike=_ALIKE)):
            yield Finding((_POLICY,), f"passwordPolicy names `{name}`; did you mean `{near}`?", code=SCHEMA)


def _profile(realm: Mapping[str, Tree]) -> Iterator[Finding]:
    """Attributes of users that the declared user profile refuses; the plan asks the server for one of its own."""
    declared = as_list(as_dict(realm.get("userProfile")).get("attributes"))
    rules = {str(each.get("name")): as_dict(each.get("validations")) for each in map(as_dict, declared)}
    for index, user in enumerate(items(realm, "users") if rules else ()):
        if str(user.get("username")).lower().startswith(SERVICE_ACCOUNT) or user.get("federationLink"):
            continue
        for path, value in _attributes(user):
            said = broken_validation(rules.get(str(path[-1]), {}), value) if type(value) is str else ""
            if said:
                message = f"the {path[-1]} `{value}` {said}, by the realm's `userProfile`"
                yield Finding(("users", index, *path), message, code=SCHEMA)


def _attributes(user: Mapping[str, Tree]) -> Iterator[tuple[TreePath, Any]]:
    yield from (((name,), user.get(name)) for name in ("username", "email", "firstName", "lastName"))
    for name, values in as_dict(user.get("attributes")).items():
        yield from (((_ATTRIBUTES, name), value) for value in (values if isinstance(values, list) else (values,)))


_ATTRIBUTES: Final = "attributes"


_CHECKS: Final[tuple[Callable[[Mapping[str, Tree]], Iterator[Finding]], ...]] = (_words, _password_policy, _profile)
