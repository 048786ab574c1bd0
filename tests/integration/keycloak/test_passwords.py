"""Passwords on a real server: by whom and how they may be changed, and whether that is seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from reconciler.core.message.errors import Conflict
from reconciler.core.resource.address import Address
from reconciler.core.resource.values import Secret
from reconciler.providers.keycloak.provider import KeycloakProvider
from tests.kit.keycloak.server import ByHand, Driver, Server, still

RIGHT, WRONG = Secret("the right one"), Secret("another one")
PASSWORD = "keycloak.password/{realm}/ann"


def declared(realm: str, mode: str, value: Secret = RIGHT, **user: Any) -> dict[str, Any]:
    credentials = [{"type": "password", "value": value, "ensure": mode}]
    return {"realm": realm, "users": [{"username": "ann", **user, "credentials": credentials}]}


def reset(by_hand: ByHand, user: dict[str, Any], password: Secret) -> None:
    by_hand.put(f"users/{user['id']}/reset-password", {"type": "password", "value": password})


@pytest.fixture
def opens(server: Server, realm: str) -> Callable[[Secret], bool]:
    def opens(password: Secret) -> bool:
        client = server.client()
        try:
            return client.takes(realm, "ann", password)
        finally:
            client.close()

    return opens


@pytest.mark.parametrize("mode", ["label", "verify"])
def test_a_password_is_kept_as_it_is_declared(
    mode: str, driver: Driver, realm: str, by_hand: ByHand, opens: Callable[[Secret], bool]
) -> None:
    driver.apply(declared(realm, mode))
    ann = by_hand.one("users", username="ann")
    assert opens(RIGHT)
    assert driver.look(declared(realm, mode)).plan.in_sync

    reset(by_hand, ann, WRONG)
    repaired, last = driver.apply(declared(realm, mode))

    assert list(repaired.changes) == [PASSWORD.format(realm=realm)]
    assert (len(repaired.writes), last.writes) == (2 if mode == "label" else 1, ())
    assert opens(RIGHT)

    driver.apply(declared(realm, mode, WRONG))
    assert opens(WRONG)
    assert not opens(RIGHT)


def test_an_old_label_put_back_does_not_hide_another_password(driver: Driver, realm: str, by_hand: ByHand) -> None:
    driver.apply(declared(realm, "label"))
    ann = by_hand.one("users", username="ann")
    (before,) = by_hand.get(f"users/{ann['id']}/credentials")

    reset(by_hand, ann, WRONG)
    by_hand.client.put_text(
        by_hand.path(f"users/{ann['id']}/credentials/{before['id']}/userLabel"), before["userLabel"]
    )

    assert list(driver.look(declared(realm, "label")).changes) == [PASSWORD.format(realm=realm)]


@pytest.mark.parametrize("user", [{"enabled": False}, {"requiredActions": ["UPDATE_PROFILE"]}])
def test_a_user_who_may_not_log_in_has_a_right_password_all_the_same(
    user: dict[str, Any], driver: Driver, realm: str, by_hand: ByHand
) -> None:
    driver.apply(declared(realm, "verify", **user))
    assert driver.look(declared(realm, "verify", **user)).plan.in_sync

    reset(by_hand, by_hand.one("users", username="ann"), WRONG)

    is_told = "enabled" not in user or not still(
        by_hand.client, "says that a user is disabled without looking at the password"
    )
    assert list(driver.look(declared(realm, "verify", **user)).changes) == [PASSWORD.format(realm=realm)] * is_told


def test_no_session_is_left_of_a_trial(driver: Driver, realm: str, by_hand: ByHand) -> None:
    driver.apply(declared(realm, "verify"))

    assert by_hand.get(f"users/{by_hand.id_of('users', username='ann')}/sessions") == []


def test_a_user_who_is_locked_out_for_a_while_is_left_alone(driver: Driver, realm: str, by_hand: ByHand) -> None:
    by_hand.change("", bruteForceProtected=True, failureFactor=1, waitIncrementSeconds=600)
    driver.apply(declared(realm, "verify"))
    for _ in range(3):
        driver.client.inner.takes(realm, "ann", WRONG)

    assert driver.look(declared(realm, "verify")).plan.in_sync


def test_what_is_always_set_is_set_by_each_run(
    server: Server, driver: Driver, realm: str, by_hand: ByHand, opens: Callable[[Secret], bool]
) -> None:
    driver.apply(declared(realm, "always"))
    reset(by_hand, by_hand.one("users", username="ann"), WRONG)
    next_run = Driver(server.client())

    first, last = next_run.apply(declared(realm, "always"))

    assert (len(first.writes), last.writes) == (1, ())
    assert opens(RIGHT)
    next_run.client.close()


def test_what_is_set_once_is_not_looked_at_again(driver: Driver, realm: str, by_hand: ByHand) -> None:
    driver.apply(declared(realm, "initial"))
    reset(by_hand, by_hand.one("users", username="ann"), WRONG)

    found = driver.look(declared(realm, "initial"))

    assert found.plan.in_sync
    assert not [read for read in found.reads if "credentials" in read or "LOGIN" in read]


def test_many_new_users_get_their_labels_too(driver: Driver, realm: str) -> None:
    users = [
        {"username": f"user{number}", "credentials": [{"type": "password", "value": RIGHT, "ensure": "label"}]}
        for number in range(22)
    ]

    driver.apply({"realm": realm, "users": users})

    assert driver.look({"realm": realm, "users": users}).plan.in_sync


def test_a_rotation_sets_and_tries_the_password_of_a_user(server: Server, driver: Driver, realm: str) -> None:
    driver.apply(declared(realm, "initial"))
    client = server.client()
    provider = KeycloakProvider({}, client=client)
    ann, nobody = (Address("keycloak.user", (realm, name)) for name in ("ann", "nobody"))
    try:
        assert provider.has_password(ann, RIGHT)

        provider.set_password(ann, WRONG)

        assert (provider.has_password(ann, WRONG), provider.has_password(ann, RIGHT)) == (True, False)
        with pytest.raises(Conflict):
            provider.set_password(nobody, WRONG)
    finally:
        client.close()
    assert driver.look(declared(realm, "initial")).plan.in_sync
