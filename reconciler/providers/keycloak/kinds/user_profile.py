"""The user profile: which attributes users have, and who may see and change them.

Its lists are exact, and so are the attributes and groups in them: to Keycloak the profile is one document, in which an
attribute without `required` need not be filled in. Their order is not compared. Exports have it as a component with a
text of JSON, other tools under `userProfile`; both are understood. An export leaves the component out where the profile
was never set, and the profile is then Keycloak's own (26.7); so it is asked for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from reconciler.core.difference.kind import Field
from reconciler.core.resource.resource import Resource
from reconciler.core.resource.values import ABSENT, Value
from reconciler.providers.keycloak.kinds.component import WORKFLOWS
from reconciler.providers.keycloak.table.connection import BASE, Connection, Representation
from reconciler.providers.keycloak.table.groups import Paths, Put, Reading
from reconciler.providers.keycloak.table.kind import Item, RestKind
from reconciler.providers.keycloak.table.properties import (
    Property,
    as_list,
    as_map,
    as_name_map,
    as_names,
    as_plain,
    as_word,
    by,
    text,
)
from reconciler.vocabulary.keycloak import PROFILE_COMPONENT, USER_PROFILE

_TEXT: Final = "kc.user.profile.config"
SECTION: Final = "userProfile"


def _profile(realm: Representation) -> Iterator[Item]:
    if realm.get("userProfile") is not None:
        yield Item((), ("userProfile",), realm["userProfile"])
        return
    # Exports keep the profile as a text of JSON inside of a component.
    for index, component in enumerate((realm.get("components") or {}).get(PROFILE_COMPONENT) or ()):
        found = _parsed(component)
        if found:
            yield Item((), ("components", PROFILE_COMPONENT, index, "config", _TEXT), found)


def _parsed(component: Representation) -> Mapping[str, Any]:
    texts = (component.get("config") or {}).get(_TEXT) or ()
    found: Mapping[str, Any] = json.loads(texts[0]) if texts else {}
    return found


def exported(realm: Representation) -> Mapping[str, Any]:
    """The profile of an export as a structure, and the components without it and without what is none of them."""
    components = {sort: each for sort, each in (realm.get("components") or {}).items() if sort != WORKFLOWS}
    found = next((_parsed(each) for each in components.get(PROFILE_COMPONENT) or ()), {})
    rest = {sort: each for sort, each in components.items() if sort != PROFILE_COMPONENT}
    return {"components": rest, SECTION: found} if found else {"components": components}


def _read(connection: Connection, base: str, export: Representation, _wanted: Iterable[Resource]) -> Mapping[str, Any]:
    """The profile of a realm whose export has none, which is the one that Keycloak gives every realm."""
    found = ABSENT if any(_profile(export)) else connection.get(f"{base}/users/profile")
    return {} if found is ABSENT else {"userProfile": found}


def _attribute(value: Value) -> Value:
    """An attribute as the server shows it: whether it has several values is always there."""
    found = {"multivalued": False, **as_map(value)}
    return as_plain({name: _PARTS[name](part) if name in _PARTS else part for name, part in found.items()})


def _stripped(value: Value) -> Value:
    """A name in the server's spelling: it takes blanks around it off (26.7)."""
    return value.strip() if isinstance(value, str) else value


def _permissions(value: Value) -> Value:
    """The names of those that see and change an attribute: the server shows both, also those that nobody may (26.7)."""
    return {"view": (), "edit": (), **as_name_map(value)} if isinstance(value, Mapping) else value


def _for_some(value: Value) -> Value:
    """Roles and scopes for which something holds, as sets."""
    if not isinstance(value, Mapping):
        return value
    return {name: part if part is None else as_names(part) for name, part in value.items()}


_PARTS: Final[Mapping[str, Callable[[Value], Value]]] = {
    "group": _stripped,
    "permissions": _permissions,
    "required": _for_some,
    "selector": _for_some,
}


def _documents(normalise: Callable[[Value], Value]) -> Property:
    """A list of objects that are exact as a whole."""
    by_name = by("name", normalise)

    def normal(value: Value) -> Value:
        return {name.strip(): body for name, body in by_name(value).items()}

    return Property(Field(normalise=normal), unset=(), whole=True, wire=as_list("name"))


KIND: Final = RestKind(
    name=USER_PROFILE,
    key="realm",
    properties={
        "attributes": _documents(_attribute),
        "groups": _documents(as_plain),
        "unmanagedAttributePolicy": text(as_word),
    },
    objects=_profile,
    paths=Paths(item=f"{BASE}/users/profile", find=f"{BASE}/users/profile", id_key=""),
    right="manage-realm",
    singleton=True,
    put=Put(replaces=True),
    reading=Reading(more=_read),
)
