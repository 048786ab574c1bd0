"""The natural keys of Keycloak's types, by which two objects of a realm are the same."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Final

from reconciler.config.yaml.tree import Tree

_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "applicationScopeMappings": ("client", "clientScope"),
    "authenticationFlows": ("alias",),
    "authenticatorConfig": ("alias",),
    "attributes": ("name",),
    "clientScopes": ("name",),
    "clients": ("clientId",),
    "groups": ("name",),
    "federatedIdentities": ("identityProvider",),
    "identityProviderMappers": ("identityProviderAlias", "name"),
    "identityProviders": ("alias",),
    "organizations": ("alias",),
    "policies": ("name",),
    "profiles": ("name",),
    "protocolMappers": ("name", "protocol"),
    "requiredActions": ("alias",),
    "scopeMappings": ("client", "clientScope"),
    "subGroups": ("name",),
    "users": ("username",),
    "workflows": ("name",),
}
_UNLESS_SAID: Final = {"protocol": "openid-connect"}
_COMPONENT: Final = ("name", "subType", "providerId")


def natural_key(path: tuple[str, ...], item: Tree) -> Hashable | None:
    """The key of an item of the list at ``path`` (without numbers); None where it has none."""
    fields = _fields(path)
    if path[-1:] == ("users",) and isinstance(item, dict) and item.get("username") is None:
        fields = ("email",)  # which is the name where addresses are names
    if not fields or not isinstance(item, dict) or item.get(fields[0]) is None:
        return None
    values = tuple(item.get(field, _UNLESS_SAID.get(field)) for field in fields)
    if not all(isinstance(value, str | None) for value in values):
        return None
    return tuple(str(value).lower() for value in values) if path[-1] == "users" else values


def has_objects(path: tuple[str, ...]) -> bool:
    """Returns whether the list at this path is one of objects with a natural key."""
    return bool(_fields(path))


def _fields(path: tuple[str, ...]) -> tuple[str, ...]:
    if not path:
        return ()
    if path[0] == "roles":
        return ("name",)
    if path[0] == "components":
        return _COMPONENT
    return _KEYS.get(path[-1], ())
