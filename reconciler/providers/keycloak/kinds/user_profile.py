"""The user profile: which attributes users have, and who may see and change them.

Its lists are exact; of each attribute and group what is declared. Their order is not compared. Exports have it as a
component with a text of JSON, other tools under `userProfile`; both are understood.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from reconciler.providers.keycloak.kinds.component import PROFILE
from reconciler.providers.keycloak.rest import BASE, USER_PROFILE, Item, Representation, RestKind
from reconciler.providers.keycloak.rows import objects, text

_TEXT: Final = "kc.user.profile.config"


def _profile(realm: Representation) -> Iterator[Item]:
    if realm.get("userProfile") is not None:
        yield Item((), ("userProfile",), realm["userProfile"])
        return
    for index, component in enumerate((realm.get("components") or {}).get(PROFILE) or ()):
        found = _parsed(component)
        if found:
            yield Item((), ("components", PROFILE, index), found)


def _parsed(component: Representation) -> Mapping[str, Any]:
    texts = (component.get("config") or {}).get(_TEXT) or ()
    found: Mapping[str, Any] = json.loads(texts[0]) if texts else {}
    return found


KIND: Final = RestKind(
    name=USER_PROFILE,
    key="realm",
    properties={"attributes": objects("name"), "groups": objects("name"), "unmanagedAttributePolicy": text()},
    objects=_profile,
    item=f"{BASE}/users/profile",
    collections={},
    find=f"{BASE}/users/profile",
    right="manage-realm",
    replaces=True,
    singleton=True,
    id_key="",
)
