"""Protocol mappers: parts of a client or a client scope, which say what goes into its tokens.

Two of different protocols may have one name; the one that is not of OpenID Connect has its protocol in brackets.
Their ``config`` is exact, as a key added by hand changes what tokens contain, but for a few keys that Keycloak
fills in itself where they are missing (26.7). Left out of the file, all of it is left alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from reconciler.core.difference.kind import Field
from reconciler.core.resource.values import ABSENT, Value
from reconciler.providers.keycloak.table.kind import Parts
from reconciler.providers.keycloak.table.properties import Property, as_map, as_text_map, text, unmasked

# What the server fills in where it is missing, found by making each type of mapper (26.7).
_FILLED_IN: Final = ("userinfo.token.claim", "introspection.token.claim")
_FILLED_IN_BY_TYPE: Final[Mapping[Value, tuple[str, ...]]] = {
    "oidc-allowed-origins-mapper": ("access.token.claim",),
    "oidc-audience-resolve-mapper": ("access.token.claim",),
    # Set in memory when a token is made, and gone after a restart.
    "oidc-group-membership-mapper": ("multivalued",),
    "oidc-organization-membership-mapper": (
        "addOrganizationAttributes",
        "addOrganizationId",
        "claim.name",
        "jsonType.label",
        "multivalued",
    ),
    # A new salt would be a new name for everybody.
    "oidc-sha256-pairwise-sub-mapper": ("pairwiseSubAlgorithmSalt",),
}

_OIDC: Final = "openid-connect"
MAPPER: Final = {
    "name": text(),
    "protocol": text(),
    "protocolMapper": text(),
    "config": Property(Field(normalise=as_text_map), complete=unmasked, whole=True),
}


def _label(body: Mapping[str, Any]) -> str:
    """The label of a mapper: Keycloak distinguishes them by protocol and name (26.7)."""
    protocol = body.get("protocol") or _OIDC
    return str(body["name"]) if protocol == _OIDC else f"{body['name']} ({protocol})"


MAPPERS: Final = Parts("protocol-mappers/models", "name", MAPPER, label=_label)


def mappers() -> Property:
    """The row of a list of mappers, which is the truth: undeclared ones are removed."""
    return Property(Field(normalise=_by_name), complete=_completed, unset=())


def _by_name(value: Value) -> Mapping[str, Mapping[str, Value]]:
    match value:
        case Mapping():
            found = dict(value)
        case Sequence():
            found = {_label(body): _unnamed(body) for body in value if isinstance(body, Mapping)}
        case _:
            found = {}
    return {name: _normal(body) for name, body in found.items() if isinstance(body, Mapping)}


def _unnamed(body: Mapping[str, Value]) -> Mapping[str, Value]:
    """A mapper without the name that it is found by."""
    return body if body["name"] != _label(body) else {key: part for key, part in body.items() if key != "name"}


def _normal(body: Mapping[str, Value]) -> Mapping[str, Value]:
    return {name: row.normal(body[name]) for name, row in MAPPER.items() if name in body}


def _completed(declared: Value, live: Value) -> Value:
    """Each declared mapper, with what it leaves out as it is."""
    there = _by_name(live)
    own = {_meant(name, body, there): body for name, body in _by_name(declared).items()}
    return {name: _filled(body, there.get(name, {})) for name, body in own.items()}


def _meant(name: str, body: Mapping[str, Value], there: Mapping[str, Mapping[str, Value]]) -> str:
    """The live mapper that is meant by one without a protocol."""
    if name in there or "protocol" in body:
        return name
    return next((each for each, live in there.items() if live.get("name") == name), name)


def _filled(body: Mapping[str, Value], live: Mapping[str, Value]) -> Mapping[str, Value]:
    expected = {name: MAPPER[name].expected(value, live.get(name, ABSENT)) for name, value in body.items()}
    if "config" in expected:
        config = as_map(live.get("config", {}))
        keys = (*_FILLED_IN, *_FILLED_IN_BY_TYPE.get(live.get("protocolMapper", ABSENT), ()))
        # The server fills these in when a mapper is made; they are expected as they are.
        expected["config"] = {key: config[key] for key in keys if key in config} | as_map(expected["config"])
    return {**live, **expected}
