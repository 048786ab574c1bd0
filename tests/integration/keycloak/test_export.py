"""A live realm as a file: what somebody decided is in it, and nothing else; applied again nothing differs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from reconciler.config import Sources, load
from reconciler.core.resource.values import Value
from reconciler.providers.keycloak.export import whole
from tests.kit.keycloak.realms import a_realm, a_whole_realm
from tests.kit.keycloak.server import (
    ByHand,
    Driver,
    Server,
    dropped,
    printed,
    unique_realm,
    with_quick_keys,
    without_newer,
)


def loaded(folder: Path, realm: Mapping[str, Any]) -> Sequence[Mapping[str, Value]]:
    file = folder / "users.json"
    file.write_text(json.dumps(realm))
    return load(Sources(folder, users_files=(file,), environment={})).document.realms or ()


def test_a_new_realm_is_nothing_but_its_name(server: Server, driver: Driver, fresh: str) -> None:
    driver.apply({"realm": fresh, "enabled": True})

    assert printed(server, fresh) == {"realm": fresh}


BY_HAND: Sequence[Mapping[str, Any]] = (
    {
        "clientId": "console",
        "protocol": "openid-connect",
        "name": "",
        "description": "",
        "publicClient": True,
        "directAccessGrantsEnabled": True,
        "attributes": {"saml_idp_initiated_sso_url_name": ""},
    },
    {"clientId": "named", "protocol": "openid-connect", "publicClient": False},
    {"clientId": "plain"},
    {"clientId": "rs", "publicClient": False, "serviceAccountsEnabled": True, "authorizationServicesEnabled": True},
    {"clientId": "saml", "protocol": "saml"},
)
"""Clients as the console and others make them."""


def test_what_comes_with_clients_and_users_is_not_printed_and_comes_again(
    server: Server, driver: Driver, realm: str, by_hand: ByHand, tmp_path: Path
) -> None:
    for each in BY_HAND:
        by_hand.post("clients", each)
    by_hand.post("users", {"username": "ann", "enabled": True})

    file = printed(server, realm)

    assert file["users"] == [{"username": "ann", "enabled": True}]
    assert "roles" not in file
    assert sorted(file["clients"], key=lambda client: str(client["clientId"])) == [
        {"clientId": "console", "protocol": "openid-connect", "publicClient": True},
        {"clientId": "named", "protocol": "openid-connect", "publicClient": False},
        {"clientId": "plain"},
        {"clientId": "rs", "serviceAccountsEnabled": True, "authorizationServicesEnabled": True},
        {"clientId": "saml", "protocol": "saml"},
    ]
    before = {name: by_hand.one("clients", clientId=name)["attributes"] for name in ("console", "named", "plain")}
    dropped(server, realm)
    *_, last = driver.apply(*loaded(tmp_path, with_quick_keys({**file, "components": {}})))
    assert last.plan.in_sync
    for name, attributes in before.items():
        assert by_hand.one("clients", clientId=name)["attributes"].keys() == attributes.keys()


@pytest.mark.parametrize("made", [a_realm, a_whole_realm])
def test_what_is_exported_is_what_is_there(
    server: Server, driver: Driver, realm: str, tmp_path: Path, made: Any
) -> None:
    driver.apply(without_newer(driver.client, made(realm)))

    file = printed(server, realm)

    assert driver.look(*loaded(tmp_path, file)).fields == {}
    assert driver.look(*loaded(tmp_path, file)).plan.in_sync
    assert driver.look(*loaded(tmp_path, whole(driver.client, realm))).plan.in_sync  # with all that is default
    assert not {"first secret", "between us", "mail's secret"} & set(json.dumps(file).split('"'))
    assert {client["clientId"] for client in file["clients"]} <= {"app", "robot", "admin-permissions"}

    other = unique_realm()
    file["components"].pop("org.keycloak.keys.KeyProvider")  # whose private keys are not shown
    try:
        *_, last = driver.apply(*loaded(tmp_path, json.loads(json.dumps(file).replace(realm, other))))
        assert last.plan.in_sync
    finally:
        dropped(server, other)
