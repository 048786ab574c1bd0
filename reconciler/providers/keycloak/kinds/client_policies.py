"""Client policies, and the profiles they apply: rules on what clients may ask for. The lists are exact.

A policy refuses or changes whatever is written of a client after it, so that clients and their roles come first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from reconciler.core.resource.address import Address
from reconciler.core.resource.values import Spec, Value
from reconciler.providers.keycloak.table.connection import BASE, Representation
from reconciler.providers.keycloak.table.groups import Dependencies, Paths, Requirements
from reconciler.providers.keycloak.table.kind import Item, RestKind
from reconciler.providers.keycloak.table.properties import as_map, as_plain, flag, objects
from reconciler.providers.keycloak.table.required_release import Since
from reconciler.vocabulary.keycloak import CLIENT, CLIENT_POLICIES, CLIENT_PROFILES, CLIENT_ROLE, CLIENT_SCOPE


def _section(section: str, name: str) -> Callable[[Representation], Iterator[Item]]:
    def found(realm: Representation) -> Iterator[Item]:
        body = realm.get(section)
        if body is not None and name in body:
            yield Item((), (section,), body)

    return found


def _profiles(realm: str, _spec: Spec) -> Iterable[Address]:
    return (Address(CLIENT_PROFILES, (realm,)),)


def _policy(value: Value) -> Value:
    """A policy as the server shows it: its switch is a truth value, however it is written."""
    found = as_map(value)
    return as_plain({**found, "enabled": _SWITCH.normal(found["enabled"])} if "enabled" in found else found)


_SWITCH: Final = flag()

PROFILES: Final = RestKind(
    name=CLIENT_PROFILES,
    key="realm",
    properties={"profiles": objects("name")},
    objects=_section("clientProfiles", "profiles"),
    paths=Paths(item=f"{BASE}/client-policies/profiles", find=f"{BASE}/client-policies/profiles", id_key=""),
    right="manage-realm",
    singleton=True,
)
POLICIES: Final = RestKind(
    name=CLIENT_POLICIES,
    key="realm",
    properties={"policies": objects("name", _policy)},
    objects=_section("clientPolicies", "policies"),
    paths=Paths(item=f"{BASE}/client-policies/policies", find=f"{BASE}/client-policies/policies", id_key=""),
    right="manage-realm",
    singleton=True,
    dependencies=Dependencies(uses=_profiles, behind=(CLIENT, CLIENT_ROLE, CLIENT_SCOPE)),
    requirements=Requirements(since={"policies.*.mode": Since((26, 7))}),
)
