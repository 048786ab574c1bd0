"""A live realm as a file: what somebody decided is in it, and nothing else; applied again nothing differs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from reconciler.config import Sources, load
from reconciler.config.minimal import minimal
from reconciler.core.values import Value
from reconciler.providers.keycloak.whole import new_realm, whole
from tests.kit.keycloak import Driver, Server, dropped, unique_realm
from tests.kit.realms import a_realm, a_whole_realm


def exported(server: Server, realm: str) -> dict[str, Any]:
    client = server.client()
    try:
        return minimal(whole(client, realm), new_realm(client, realm))
    finally:
        client.close()


def loaded(folder: Path, realm: Mapping[str, Any]) -> Sequence[Mapping[str, Value]]:
    file = folder / "users.json"
    file.write_text(json.dumps(realm))
    return load(Sources(folder, users_files=(file,), environment={})).document.realms or ()


def test_a_new_realm_is_nothing_but_its_name(server: Server, driver: Driver, fresh: str) -> None:
    driver.apply({"realm": fresh, "enabled": True})

    assert exported(server, fresh) == {"realm": fresh}


@pytest.mark.parametrize("made", [a_realm, a_whole_realm])
def test_what_is_exported_is_what_is_there(
    server: Server, driver: Driver, fresh: str, tmp_path: Path, made: Any
) -> None:
    driver.apply(made(fresh))

    realm = exported(server, fresh)

    assert driver.look(*loaded(tmp_path, realm)).fields == {}
    assert driver.look(*loaded(tmp_path, realm)).plan.in_sync
    assert not {"first secret", "between us", "mail's secret"} & set(json.dumps(realm).split('"'))
    assert {client["clientId"] for client in realm["clients"]} <= {"app", "robot"}


def test_an_export_makes_the_same_realm_anew(server: Server, driver: Driver, fresh: str, tmp_path: Path) -> None:
    driver.apply(a_whole_realm(fresh))
    realm = exported(server, fresh)
    other = unique_realm()
    try:
        driver.apply(*loaded(tmp_path, json.loads(json.dumps(realm).replace(fresh, other))))

        again = json.loads(json.dumps(exported(server, other)).replace(other, fresh))
        realm["identityProviders"][0]["config"].pop("clientSecret")  # masked, so nobody could set it
        # The server adds to attributes of clients, and writes policies in another order; the look above saw through it.
        assert {**again, "clients": ()} == {**realm, "clients": ()}
    finally:
        dropped(server, other)
