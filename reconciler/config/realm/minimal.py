"""A realm without what every new realm has: what is left is what somebody decided.

An object of a section is left out where a new realm has the same; where it has one of that name, only what differs is
kept. Anything inside an object that is a list is kept as a whole or not at all, as it is the whole truth in a file.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator, Mapping
from typing import Any, Final

from reconciler.config.realm.keys import natural_key
from reconciler.vocabulary.keycloak import CLIENT_SECRETS, SECTIONS

_TOLD_IF_EMPTY: Final = frozenset({"defaultClientScopes", "optionalClientScopes"})
"""What a new object would be given if the file said nothing."""
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
_EXECUTIONS: Final = "authenticationExecutions"
_SETTINGS: Final = "authenticatorConfig"
_EXACT: Final = frozenset({("requiredActions", "config"), ("roles", "attributes"), ("roles", "composites")})
"""Maps of objects that a new realm has as well, by section: a file says all of them, so they are kept as a whole."""
_IN_ORDER: Final = ("workflows", "steps")
"""The one list whose order means something."""
_NAMES: Final = ("name", "username", "clientId", "alias", "realm", "client", "clientScope", "providerId", "subType")


def minimal(realm: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The realm as a file has it; ``new`` is a realm as the server makes it, with the same name."""
    own, known = _cleaned(realm, ()), _cleaned(new, ())
    left = _left(own, known, ())
    assert isinstance(left, dict)
    left |= _whole_flows(left, own, known)
    return {"realm": realm["realm"], **{key: value for key, value in left.items() if key != "realm"}}


def _whole_flows(left: Mapping[str, Any], realm: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Keycloak's own flows with their settings, all of them in full, where they are not made as those of a new realm.

    Another release made them; a new realm takes all of them or none, and nothing can be added to them later.
    """
    own = _built_in(realm)
    if {alias: _runs(flow) for alias, flow in own.items()} == {a: _runs(flow) for a, flow in _built_in(new).items()}:
        return {}
    named = {each.get("authenticatorConfig") for flow in own.values() for each in flow.get(_EXECUTIONS) or ()}
    settings = [each for each in realm.get(_SETTINGS) or () if each["alias"] in named]
    others = [flow for flow in left.get(_FLOWS) or () if flow["alias"] not in own]
    more = [each for each in left.get(_SETTINGS) or () if each["alias"] not in named]
    return {_FLOWS: [*own.values(), *others], **({_SETTINGS: [*settings, *more]} if settings or more else {})}


def _built_in(realm: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {flow["alias"]: flow for flow in realm.get(_FLOWS) or () if flow.get("builtIn")}


def _runs(flow: Mapping[str, Any]) -> list[str]:
    """The executions of a flow, in any order."""
    return sorted(str(each.get("flowAlias") or each.get("authenticator")) for each in flow.get(_EXECUTIONS) or ())


def _cleaned(tree: Any, path: tuple[str, ...]) -> Any:
    """Without ids, nothings and what the server says for information; sets in one order. Masks stay, to say "keep"."""
    match tree:
        case dict():
            gone = _OF_THE_SERVER | _OF_PLACE.get(path[0] if path[:1] == ("roles",) else "".join(path[-1:]), _NONE)
            kept = {key: _cleaned(value, (*path, key)) for key, value in tree.items() if key not in gone}
            return {key: value for key, value in kept.items() if value is not None}
        case list() | tuple() if path == _IN_ORDER:
            return [_cleaned(item, path) for item in tree]
        case list() | tuple():
            return sorted((_cleaned(item, path) for item in tree), key=lambda item: json.dumps(item, sort_keys=True))
        case _:
            return tree


def _left(tree: Any, new: Any, path: tuple[str, ...]) -> Any:
    """The part of a tree that differs from a new realm's."""
    if isinstance(tree, dict) and (*path[:1], *path[-1:]) not in _EXACT:
        known = new if isinstance(new, dict) else {}
        found = {key: _left(value, known.get(key), (*path, key)) for key, value in _unlike(tree, known)}
        return {key: value for key, value in found.items() if value not in ([], {}) or tree[key] == value}
    if isinstance(tree, list) and _is_section(path):
        known = {_key(path, item): item for item in new or ()}
        pairs = ((item, known.get(_key(path, item))) for item in tree)
        return [_object(item, other, path) for item, other in pairs if item != other]
    return tree


def _unlike(tree: Mapping[str, Any], known: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    return ((key, value) for key, value in tree.items() if known.get(key) != value)


def _object(item: dict[str, Any], known: dict[str, Any] | None, path: tuple[str, ...]) -> dict[str, Any]:
    """An object of a section: its names, and what differs."""
    if known is None:
        return {key: value for key, value in item.items() if key in _TOLD_IF_EMPTY or value not in ([], {})}
    names = {key: item[key] for key in _NAMES if key in item}
    return {**names, **{key: value for key, value in _left(item, known, (*path, "*")).items() if key not in names}}


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
