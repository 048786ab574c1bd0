"""The flows that a realm binds: settings of the realm, but only possible once the flows exist."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from reconciler.core.resource.address import Address
from reconciler.core.resource.values import Spec, Value
from reconciler.providers.keycloak.kinds import realm
from reconciler.providers.keycloak.kinds.flow import unknown_flows
from reconciler.providers.keycloak.table.connection import BASE, Representation, View
from reconciler.providers.keycloak.table.groups import Dependencies, Paths, Put, Requirements
from reconciler.providers.keycloak.table.kind import Item, RestKind
from reconciler.providers.keycloak.table.properties import text
from reconciler.vocabulary.keycloak import BOUND_FLOWS, FLOW, FLOW_BINDINGS


def _bindings(realm: Representation) -> Iterator[Item]:
    found = {name: realm[name] for name in BOUND_FLOWS if name in realm}
    if found:
        yield Item((), (), found)


def _flows(realm: str, spec: Spec) -> Iterable[Address]:
    return tuple(Address(FLOW, (realm, str(spec[name]))) for name in BOUND_FLOWS if spec.get(name))


def _refused(view: View, address: Address, body: Mapping[str, Value]) -> str:
    return unknown_flows(view, address, body, BOUND_FLOWS)


KIND: Final = RestKind(
    name=FLOW_BINDINGS,
    key="realm",
    properties={name: text() for name in BOUND_FLOWS},
    objects=_bindings,
    paths=Paths(item=BASE, find=BASE, id_key=""),
    right="manage-realm",
    singleton=True,
    vital=frozenset({"directGrantFlow", "clientAuthenticationFlow"}),
    put=Put(always=realm.ALWAYS),
    dependencies=Dependencies(uses=_flows),
    requirements=Requirements(refuses=_refused),
)
