"""Workflows: what Keycloak does by itself with users or clients, step by step, when something happened to them.

The steps are exact and in order. What they name (groups, roles) is not looked up before it is needed, so a workflow
needs none of it. It comes last all the same: what a plan does to users and clients is not to set it going. A step keeps
its place in the lives of those it is planned for if the server finds it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from reconciler.core.difference.kind import Field
from reconciler.core.resource.resource import Resource
from reconciler.core.resource.values import Value
from reconciler.providers.keycloak.server.pages import pages
from reconciler.providers.keycloak.table.connection import BASE, Connection, Representation
from reconciler.providers.keycloak.table.groups import Dependencies, Paths, Pruning, Put, Reading, Requirements
from reconciler.providers.keycloak.table.kind import Item, RestKind
from reconciler.providers.keycloak.table.properties import Property, as_map, as_name_map, as_text, as_text_map, flag
from reconciler.providers.keycloak.table.required_release import Since, is_in
from reconciler.vocabulary.keycloak import (
    CLIENT,
    CLIENT_ROLE,
    GROUP,
    IDENTITY_PROVIDER,
    ORGANIZATION,
    PASSWORD,
    REALM,
    ROLE,
    USER,
    WORKFLOW,
)

_SINCE: Final = Since((26, 5), feature="workflows", by_default=(26, 6))  # those of 26.4 are written in other words


def _workflows(realm: Representation) -> Iterator[Item]:
    for index, body in enumerate(realm.get("workflows") or ()):
        yield Item((body["name"],), ("workflows", index), body)


def _read(connection: Connection, base: str, export: Representation, _wanted: Iterable[Resource]) -> Mapping[str, Any]:
    """The export leaves them out."""
    return {"workflows": list(pages(connection, f"{base}/workflows")) if is_in(_SINCE, export) else []}


def _steps(value: Value) -> Mapping[str, Value]:
    """The steps by their place, so that a difference names the one that it is in."""
    if isinstance(value, Mapping):
        return {place: _step(as_map(body)) for place, body in value.items()}
    bodies = value if isinstance(value, Sequence) and not isinstance(value, str) else ()
    return {str(place): _step(as_map(body)) for place, body in enumerate(bodies, 1)}


def _step(body: Mapping[str, Value]) -> Mapping[str, Value]:
    """One step, without what the server notes of it; its settings are sets of texts, whatever they were."""
    texts = {name: as_text(body[name]) for name in ("uses", "after") if name in body}
    settings = as_name_map(body.get("with"))  # an empty one is dropped (26.7)
    return {**texts, **({"with": settings} if settings else {})}


def _in_order(steps: Value) -> Value:
    return tuple(step for _, step in sorted(as_map(steps).items(), key=lambda each: int(each[0])))


def _text() -> Property:
    return Property(Field(normalise=as_text), unset=None)


def _settings() -> Property:
    return Property(Field(normalise=as_text_map), unset=None, whole=True)


KIND: Final = RestKind(
    name=WORKFLOW,
    key="name",
    properties={
        "enabled": flag(default=True),
        "on": _text(),
        "if": _text(),
        "schedule": _settings(),
        "concurrency": _settings(),
        "steps": Property(Field(normalise=_steps), unset=(), whole=True, wire=_in_order),
    },
    objects=_workflows,
    paths=Paths(
        item=f"{BASE}/workflows/{{id}}",
        find=f"{BASE}/workflows?search={{name}}&exact=true",
        collections={REALM: f"{BASE}/workflows"},
    ),
    right="realm-admin",  # also to read them; no other role or set of roles will do (26.7)
    put=Put(replaces=True),
    pruning=Pruning(section="workflows"),
    dependencies=Dependencies(
        behind=(USER, PASSWORD, GROUP, CLIENT, CLIENT_ROLE, ROLE, ORGANIZATION, IDENTITY_PROVIDER)
    ),
    requirements=Requirements(
        since={"": _SINCE},
        remedies={
            "scheduled resources": "give the changed one another name, or delete it first: either ends what is planned"
        },
    ),
    reading=Reading(more=_read),
)
