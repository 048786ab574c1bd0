"""Values that Keycloak derives from declared ones are expected, and not undone."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.resource.values import Secret
from tests.kit.keycloak.server import ByHand, Driver

TEMPORARY = ({"type": "password", "value": Secret("Start-1"), "temporary": True},)


@pytest.mark.sweep(every=2)
@pytest.mark.parametrize("count", [2, 25])
@pytest.mark.parametrize("said", [{}, {"requiredActions": ()}, {"requiredActions": ("VERIFY_EMAIL",)}], ids=str)
def test_a_temporary_password_has_to_be_changed_whatever_is_declared_beside_it(
    driver: Driver, realm: str, by_hand: ByHand, said: dict[str, Any], count: int
) -> None:
    users = [{"username": f"user{n}", "enabled": True, "credentials": TEMPORARY, **said} for n in range(count)]
    file = {"realm": realm, "users": users}

    driver.apply(file)

    for user in by_hand.get("users?max=100"):
        assert set(user["requiredActions"]) == {"UPDATE_PASSWORD", *said.get("requiredActions", ())}
    assert driver.look(file).plan.in_sync

    ann = by_hand.one("users", username="user0")
    by_hand.change(f"users/{ann['id']}", requiredActions=[*said.get("requiredActions", ())])
    assert driver.look(file).plan.in_sync, "once it is changed there is no duty any more"


def test_another_duty_is_taken_away_where_none_is_declared(driver: Driver, realm: str, by_hand: ByHand) -> None:
    file = {
        "realm": realm,
        "users": [{"username": "ann", "enabled": True, "credentials": TEMPORARY, "requiredActions": ()}],
    }
    driver.apply(file)
    ann = by_hand.one("users", username="ann")
    by_hand.change(f"users/{ann['id']}", requiredActions=["UPDATE_PASSWORD", "VERIFY_EMAIL"])

    driver.apply(file)

    assert by_hand.one("users", username="ann")["requiredActions"] == ["UPDATE_PASSWORD"]


@pytest.mark.sweep(every=2)
@pytest.mark.parametrize("more", [{}, {"protocol": "openid-connect"}, {"protocol": "saml"}], ids=str)
def test_a_client_that_is_to_have_a_secret_is_not_made_public(
    driver: Driver, realm: str, by_hand: ByHand, more: dict[str, str]
) -> None:
    file = {"realm": realm, "clients": [{"clientId": "app", "secret": Secret("a secret"), **more}]}

    driver.apply(file)

    client = by_hand.one("clients", clientId="app")
    assert (client["publicClient"], client["secret"]) == (False, "a secret")


def test_a_public_client_that_gets_a_secret_is_public_no_more(driver: Driver, realm: str, by_hand: ByHand) -> None:
    driver.apply({"realm": realm, "clients": [{"clientId": "app", "publicClient": True}]})
    file = {"realm": realm, "clients": [{"clientId": "app", "secret": Secret("a secret")}]}

    driver.apply(file)

    assert by_hand.one("clients", clientId="app")["secret"] == "a secret"
    assert driver.look(file).plan.in_sync
