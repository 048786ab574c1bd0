"""Texts of the login pages in one language each. The texts of a declared language are exact."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import quote

from reconciler.core.difference.kind import Field
from reconciler.core.resource.address import Address
from reconciler.core.resource.values import ABSENT, Value
from reconciler.providers.keycloak.table.connection import BASE, Live, Representation
from reconciler.providers.keycloak.table.groups import Paths, Pruning, Put
from reconciler.providers.keycloak.table.kind import Item, RestKind
from reconciler.providers.keycloak.table.properties import Property, as_map, as_text_map
from reconciler.vocabulary.keycloak import LOCALIZATION, REALM

_PATH: Final = f"{BASE}/localization/{{name}}"


def _languages(realm: Representation) -> Iterator[Item]:
    for name, texts in (realm.get("localizationTexts") or {}).items():
        yield Item((name,), ("localizationTexts", name), {"texts": texts})


def _save(live: Live, address: Address, patch: Mapping[str, Value]) -> None:
    """A POST adds to what is there; what goes has to be deleted text by text."""
    path, texts = live.path(_PATH, address), as_map(patch["texts"])
    kept = {key: text for key, text in texts.items() if text is not ABSENT}
    if kept:
        live.connection.post(path, kept)
    for key in texts.keys() - kept.keys():
        live.connection.delete(f"{path}/{quote(key, safe='')}")


KIND: Final = RestKind(
    name=LOCALIZATION,
    key="locale",
    properties={"texts": Property(Field(normalise=as_text_map), unset={}, whole=True)},
    objects=_languages,
    paths=Paths(item=_PATH, find=_PATH, collections={REALM: _PATH}, id_key=""),
    right="manage-realm",
    put=Put(save=_save),
    pruning=Pruning(section="localizationTexts"),
)
