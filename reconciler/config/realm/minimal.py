"""A realm without what every new realm has: what is left is what somebody decided.

An object of a section is left out where a new realm has the same; where it has one of that name, only what differs is
kept. Anything inside an object that is a list is kept as a whole or not at all, as it is the whole truth in a file.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from reconciler.config.realm.keys import natural_key
from reconciler.core.message.secrecy import looks_secret, names_secret
from reconciler.core.provider import Sample
from reconciler.vocabulary.keycloak import CLIENT_SECRETS, EXECUTIONS, OF_PEOPLE, SECTIONS

_DEFAULT_SCOPES: Final = ("defaultDefaultClientScopes", "defaultOptionalClientScopes")
_GIVEN: Final[Mapping[str, Mapping[str, Sequence[str]]]] = {
    "clients": {"defaultClientScopes": _DEFAULT_SCOPES, "optionalClientScopes": _DEFAULT_SCOPES},
    "users": {"groups": ("defaultGroups",), "requiredActions": ("requiredActions",)},
}
"""Properties, by section, that the server gives a new object by itself, and the parts of the realm that decide."""
_GIVEN_BY: Final[Mapping[str, str]] = {"webOrigins": "redirectUris"}
"""Values that a new object would be given because of another property of its own."""

_PRIVATE_KEY: Final = ".private.key"
_NOTHING: Final[Sequence[Any]] = ([], {}, "")
"""Values of properties of an object that mean as much as none."""
_NONE: Final[frozenset[str]] = frozenset()
_OF_THE_SERVER: Final = frozenset(
    {
        "access",
        "adminPermissionsClient",
        *CLIENT_SECRETS,
        "client.secret.creation.time",
        "client.secret.expiration.time",
        "client.secret.rotated.creation.time",
        "client.secret.rotated.expiration.time",
        "containerId",
        "createdTimestamp",
        "defaultRole",
        "disableableCredentialTypes",
        "id",
        "internalId",
        "keycloakVersion",
        "notBefore",
        "organizationId",
        "otpSupportedApplications",
        "parentId",
        "realm_client",
        "registrationAccessToken",
        "saml.artifact.binding.identifier",
        "self",
        "subGroupCount",
        "totp",
        "types",
        "userProfileMetadata",
    }
)
_OF_PLACE: Final[Mapping[str, frozenset[str]]] = {
    "roles": frozenset({"clientRole", "composite"}),
    "groups": frozenset({"path"}),
    "subGroups": frozenset({"path"}),
    "authenticationExecutions": frozenset({"authenticatorFlow", "autheticatorFlow", "userSetupAllowed"}),
}
_FLOWS: Final = "authenticationFlows"
_SETTINGS: Final = "authenticatorConfig"
_EXACT: Final = frozenset({("requiredActions", "config"), ("roles", "attributes"), ("roles", "composites")})
"""Maps of objects that a new realm has as well, by section: a file says all of them, so they are kept as a whole."""
_IN_ORDER: Final = ("workflows", "steps")
"""The one list whose order means something."""
_NAMES: Final = ("name", "username", "clientId", "alias", "realm", "client", "clientScope", "providerId", "subType")


def minimal(
    realm: Mapping[str, Any], new: Mapping[str, Any], samples: Mapping[str, Sequence[Sample]] = MappingProxyType({})
) -> dict[str, Any]:
    """The realm as a file has it; ``new`` is a realm as the server makes it, with the same name.

    ``samples`` are objects, by section, as the server makes them of next to nothing.
    """
    own, known = _cleaned(realm, ()), _with_roles_of(samples.get("clients", ()), _cleaned(new, ()), realm)
    left = _left(own, known, ())
    assert isinstance(left, dict)
    left |= _whole_flows(left, own, known)
    left |= {section: _beyond_samples(left, section, found, own, known) for section, found in samples.items()}
    # An empty value stays where it is what the realm really has, and a new one has something.
    left = {key: value for key, value in left.items() if value not in ([], {}) or _is_emptied(key, own, known)}
    return {"realm": realm["realm"], **{key: value for key, value in left.items() if key != "realm"}}


def is_secret(path: Sequence[str]) -> bool:
    """Returns whether the last key on a path in a realm is that of a secret.

    In attributes of people it is one that a user chose, else one of Keycloak's own.
    """
    is_chosen = path[0] in OF_PEOPLE and "attributes" in path[1:-1]
    return looks_secret(path[-1]) if is_chosen else names_secret(path[-1])


def _whole_flows(left: Mapping[str, Any], realm: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Keycloak's own flows with their settings, all of them in full, where one is not as in a new realm.

    A new realm takes all of them or none, and nothing can be added to them later. So a part of them would be in a realm
    of a newer release, whose own flows are others, a part of nothing.
    """
    own = _built_in(realm)
    if own == _built_in(new) and _settings_of(own, realm) == _settings_of(own, new):
        return {}
    settings = _settings_of(own, realm)
    others = [flow for flow in left.get(_FLOWS) or () if flow["alias"] not in own]
    more = [each for each in left.get(_SETTINGS) or () if each not in settings]
    return {_FLOWS: [*own.values(), *others], **({_SETTINGS: [*settings, *more]} if settings or more else {})}


def _built_in(realm: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {flow["alias"]: flow for flow in realm.get(_FLOWS) or () if flow.get("builtIn")}


def _settings_of(flows: Mapping[str, Mapping[str, Any]], realm: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The settings that executions of these flows have."""
    named = {each.get("authenticatorConfig") for flow in flows.values() for each in flow.get(EXECUTIONS) or ()}
    return [each for each in realm.get(_SETTINGS) or () if each["alias"] in named]


def _cleaned(tree: Any, path: tuple[str, ...]) -> Any:
    """Without ids, nothings and what the server says for information; sets in one order. Masks stay, to say "keep"."""
    match tree:
        case dict():
            place = path[0] if path[:1] == ("roles",) else "".join(path[-1:])
            gone = _OF_THE_SERVER | _certificates(tree) | _OF_PLACE.get(place, _NONE)
            kept = {key: _cleaned(value, (*path, key)) for key, value in tree.items() if key not in gone}
            return {key: value for key, value in kept.items() if value is not None}
        case list() | tuple() if path == _IN_ORDER:
            return [_cleaned(item, path) for item in tree]
        # Sets come in any order from the server; sorted, two exports of one realm are the same text.
        case list() | tuple():
            return sorted((_cleaned(item, path) for item in tree), key=lambda item: json.dumps(item, sort_keys=True))
        case _:
            return tree


def _certificates(attributes: Mapping[str, Any]) -> frozenset[str]:
    """The certificates of private keys, which no file has: a new client gets a pair of its own."""
    keys = (str(name) for name in attributes if str(name).endswith(_PRIVATE_KEY))
    return frozenset(f"{name.removesuffix(_PRIVATE_KEY)}.certificate" for name in keys)


def _left(tree: Any, new: Any, path: tuple[str, ...]) -> Any:
    """The part of a tree that differs from a new realm's."""
    if isinstance(tree, dict) and (*path[:1], *path[-1:]) not in _EXACT:
        known = new if isinstance(new, dict) else {}
        found = {key: _left(value, known.get(key), (*path, key)) for key, value in _unlike(tree, known)}
        return {key: value for key, value in found.items() if value not in ([], {}) or _is_emptied(key, tree, known)}
    if isinstance(tree, list) and _is_section(path):
        known = {_key(path, item): item for item in new or ()}
        pairs = ((item, known.get(_key(path, item))) for item in tree)
        return [_object(item, other, path) for item, other in pairs if item != other]
    return tree


def _is_emptied(key: str, tree: Mapping[str, Any], known: Mapping[str, Any]) -> bool:
    """Returns whether somebody took all out of what has something in a new realm."""
    return not tree.get(key, True) and bool(known.get(key))


def _unlike(tree: Mapping[str, Any], known: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    return ((key, value) for key, value in tree.items() if known.get(key) != value)


def _object(item: dict[str, Any], known: dict[str, Any] | None, path: tuple[str, ...]) -> dict[str, Any]:
    """An object of a section: its names, and what differs."""
    if known is None:
        return {k: value for k, value in item.items() if value not in _NOTHING or _is_told_if_empty(path[0], k, item)}
    names = {key: item[key] for key in _NAMES if key in item}
    return {**names, **{key: value for key, value in _left(item, known, (*path, "*")).items() if key not in names}}


# ------------------------------------------------------------------ objects made of next to nothing


def _beyond_samples(
    left: Mapping[str, Any],
    section: str,
    samples: Sequence[Sample],
    realm: Mapping[str, Any],
    new: Mapping[str, Any],
) -> list[Any]:
    """The objects of a section without what the server gives such objects by itself.

    Those that a new realm has as well are told by that realm.
    """
    known = {_key((section,), item) for item in new.get(section) or ()}
    # With other default scopes or groups in the realm, an object without them has to say so.
    given = _GIVEN.get(section, {}).items()
    kept = frozenset(name for name, parts in given if any(realm.get(part) != new.get(part) for part in parts))
    beyond = (
        item if _key((section,), item) in known else _beyond_sample(item, section, samples, kept)
        for item in left.get(section) or ()
    )
    return [item for item in beyond if item.keys() - _ARISING]


_ARISING: Final = frozenset({"username", "serviceAccountClientId"})
"""The names of an object that comes with another one; there is nothing to say of it besides."""


def _with_roles_of(samples: Sequence[Sample], new: Mapping[str, Any], realm: Mapping[str, Any]) -> dict[str, Any]:
    """A new realm that also has the roles which come with clients such as those of the realm."""
    made = (new.get("roles") or {}).get("client") or {}
    found = {
        client["clientId"]: _renamed(made[_named(sample)], _named(sample), client["clientId"])
        for client in realm.get("clients") or ()
        for sample in _samples_of(client, samples)
        if made.get(_named(sample))
    }
    return {**new, "roles": {**new["roles"], "client": {**made, **found}}} if found else dict(new)


def _named(sample: Sample) -> str:
    return str(next(iter(sample.asked.values())))


def _samples_of(item: Mapping[str, Any], samples: Sequence[Sample]) -> Sequence[Sample]:
    """The sample of such an object, if there is one."""
    return [each for each in samples if _is_like(each, item)][:1]


def _renamed(tree: Any, old: str, new: str) -> Any:
    """A tree with one name in place of another, also where that is a part of a text."""
    match tree:
        case dict():
            return {_renamed(key, old, new): _renamed(value, old, new) for key, value in tree.items()}
        case list():
            return [_renamed(each, old, new) for each in tree]
        case str():
            return tree.replace(old, new)
        case _:
            return tree


def _beyond_sample(
    item: dict[str, Any], section: str, samples: Sequence[Sample], kept: frozenset[str]
) -> dict[str, Any]:
    """The object without what a sample of its sort was given, of several that which leaves the least."""
    made = [(sample, _made(item, section, sample)) for sample in samples if _is_like(sample, item)]
    found = ((_has_all(item, of), _beyond_made(item, of, sample.asked, kept)) for sample, of in made)
    return min(found, key=lambda each: (not each[0], _size(each[1])), default=(True, item))[1]


def _made(item: Mapping[str, Any], section: str, sample: Sample) -> dict[str, Any]:
    """The answer of the server to the making of a sample, under the name of an object."""
    own = str(next(item[key] for key in sample.asked))
    found = _cleaned(_renamed(sample.made, _named(sample), own), (section,))
    assert isinstance(found, dict)
    return found


def _has_all(item: Mapping[str, Any], made: Mapping[str, Any]) -> bool:
    """Returns whether an object has all entries that were made, so that one like it is given no others."""
    maps = ((value, item.get(key) or {}) for key, value in made.items() if isinstance(value, dict))
    return all(value.keys() <= own.keys() for value, own in maps)


def _size(tree: Any) -> int:
    """The number of values in a tree."""
    parts = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    return sum(map(_size, parts)) + (0 if isinstance(tree, dict | list) else 1)


def _beyond_made(
    item: dict[str, Any], made: Mapping[str, Any], asked: Mapping[str, Any], kept: frozenset[str]
) -> dict[str, Any]:
    """An object without what the server has ``made`` of the ``asked`` properties."""
    told = {key for key in item if key in kept or key in _NAMES or key in asked or item.get(_GIVEN_BY.get(key, ""))}
    rest = {key: value if key in told else _without_equal(value, made.get(key)) for key, value in item.items()}
    return {key: value for key, value in rest.items() if value is not None}


def _is_like(sample: Sample, item: Mapping[str, Any]) -> bool:
    return all(item.get(key) == value for key, value in sample.like.items())


def _without_equal(value: Any, made: Any) -> Any:
    """The part of a property that is not made so by itself; None for nothing."""
    if isinstance(value, dict) and isinstance(made, dict):
        return {key: part for key, part in value.items() if made.get(key) != part} or None
    return None if value == made else value


def _is_told_if_empty(section: str, key: str, item: Mapping[str, Any]) -> bool:
    """Returns whether a new object would be given something if the file said nothing of this key."""
    return key in _GIVEN.get(section, ()) or bool(item.get(_GIVEN_BY.get(key, "")))


def _is_section(path: tuple[str, ...]) -> bool:
    match path:
        case (name,):
            return name in SECTIONS
        case ("roles", "realm") | ("roles", "client", _) | ("components", _) | ("clientScopeMappings", _):
            return True
        case _:
            return False


def _key(path: tuple[str, ...], item: Any) -> Hashable:
    return natural_key(("scopeMappings",) if path[0] == "clientScopeMappings" else path, item)
