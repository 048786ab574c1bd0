"""The seed realm of users.yaml, as the loader reads it, from nothing to "nothing to do"."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from reconciler.core.resource.values import ABSENT, Secret, Value
from tests.kit.keycloak.realms import VARIABLES_OF_THE_SEED, the_seed_realm
from tests.kit.keycloak.server import ByHand, Driver, Server


@pytest.fixture
def by_hand(server: Server, fresh: str) -> Iterator[ByHand]:
    client = server.client()
    yield ByHand(client, fresh)
    client.close()


@pytest.fixture
def seed(fresh: str, tmp_path: Path) -> Mapping[str, Value]:
    return the_seed_realm(fresh, tmp_path)


def test_the_seed_realm_is_there_after_one_pass_of_nine_writes(driver: Driver, seed: Mapping[str, Value]) -> None:
    first, second = driver.apply(seed)

    export = f"admin/realms/{seed['realm']}/partial-export?exportClients=true&exportGroupsAndRoles=true"
    # The realm of a new user with an address is asked whether it takes the address for the name.
    assert first.reads == (f"POST {export}", f"GET admin/realms/{seed['realm']}")
    assert len(first.plan.steps) == len(first.writes) == 9
    assert second.writes == ()
    assert len(second.reads) == 6  # the realm, its clients, and for each user the user and the groups


def test_a_second_apply_writes_nothing(driver: Driver, seed: Mapping[str, Value], by_hand: ByHand) -> None:
    driver.apply(seed)
    events = by_hand.events()

    again = driver.once(seed)

    assert again.plan.in_sync
    assert again.writes == ()
    assert by_hand.events() == events


def test_the_users_and_the_client_are_as_mlflow_needs_them(
    driver: Driver, seed: Mapping[str, Value], by_hand: ByHand
) -> None:
    driver.apply(seed)

    users = {user["username"]: user for user in by_hand.get("users")}
    groups = {name: [g["path"] for g in by_hand.get(f"users/{user['id']}/groups")] for name, user in users.items()}
    client = by_hand.one("clients", clientId="mlflow")
    assert groups == {"mlflow_user": ["/mlflow_users"], "mlflow_admin": ["/mlflow_admins"]}
    assert all(user["enabled"] and user["emailVerified"] for user in users.values())
    assert client["secret"] == VARIABLES_OF_THE_SEED["OIDC_CLIENT_SECRET"]
    assert client["redirectUris"] == ["http://localhost:5000/callback"]
    assert not client["publicClient"]


def test_all_that_may_happen_to_the_seed_is_named_and_repaired_in_one_pass(
    driver: Driver, seed: Mapping[str, Value], by_hand: ByHand
) -> None:
    driver.apply(seed)
    app = f"clients/{by_hand.id_of('clients', clientId='mlflow')}"
    user = f"users/{by_hand.id_of('users', username='mlflow_user')}"
    by_hand.change(app, redirectUris=["https://evil.example.org/*"])
    by_hand.post(f"{app}/client-secret", {})
    by_hand.delete(f"{app}/protocol-mappers/models/{by_hand.id_of(f'{app}/protocol-mappers/models', name='groups')}")
    by_hand.change(user, enabled=False, email="other@example.org")
    by_hand.delete(f"{user}/groups/{by_hand.id_of('groups', name='mlflow_users')}")
    by_hand.delete(f"groups/{by_hand.id_of('groups', name='mlflow_admins')}")

    repaired, after = driver.apply(seed)

    def at(kind: str, name: str) -> str:
        return f"keycloak.{kind}/{by_hand.realm}/{name}"

    shown = repaired.fields
    secret = shown.pop(f"{at('client', 'mlflow')} secret")
    mapper = shown.pop(f"{at('client', 'mlflow')} protocolMappers.groups")
    assert isinstance(secret[0], Secret)
    assert secret[1] == Secret(VARIABLES_OF_THE_SEED["OIDC_CLIENT_SECRET"])
    assert mapper[0] is ABSENT
    assert shown == {
        f"{at('client', 'mlflow')} redirectUris": (
            ("https://evil.example.org/*",),
            ("http://localhost:5000/callback",),
        ),
        f"{at('user', 'mlflow_user')} enabled": (False, True),
        f"{at('user', 'mlflow_user')} email": ("other@example.org", "mlflow_user@example.com"),
        f"{at('user', 'mlflow_user')} groups": ((), ("/mlflow_users",)),
        f"{at('user', 'mlflow_admin')} groups": ((), ("/mlflow_admins",)),
    }
    assert at("group", "mlflow_admins") in repaired.changes
    assert len(repaired.writes) == 6  # client, mapper, group, user, and two memberships
    assert after.writes == ()
