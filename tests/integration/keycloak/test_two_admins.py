"""Somebody else writes between the look and the write: what they add stays, and what they made first is found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from reconciler.core.message.errors import Conflict
from reconciler.core.plan.plan import Step
from tests.kit.keycloak.server import ByHand, Driver, Server, a_made_realm, dropped


@dataclass(frozen=True)
class Meeting:
    """One object that both write: what the file says first and then, what the other does, and what must be there."""

    before: dict[str, Any]
    after: dict[str, Any]
    path: Callable[[ByHand], str]
    others: dict[str, Any]
    outcome: dict[str, Any]


def at(collection: str, **keys: str) -> Callable[[ByHand], str]:
    return lambda hand: f"{collection}/{hand.id_of(collection, **keys)}"


PROVIDER = {"alias": "github", "providerId": "github", "config": {"clientId": "a", "clientSecret": "s"}}
MEETINGS = {
    "realm": Meeting(
        {"displayName": "Lab", "attributes": {"ours": "1"}},
        {"displayName": "Laboratory", "attributes": {"ours": "2"}},
        lambda _: "",
        {"displayNameHtml": "<b>Lab</b>", "attributes": {"ours": "1", "theirs": "1"}},
        {"displayName": "Laboratory", "displayNameHtml": "<b>Lab</b>", "attributes": {"ours": "2", "theirs": "1"}},
    ),
    "client": Meeting(
        {"clients": [{"clientId": "app", "name": "App", "attributes": {"ours": "1"}}]},
        {"clients": [{"clientId": "app", "name": "The app", "attributes": {"ours": "2"}}]},
        at("clients", clientId="app"),
        {"description": "theirs", "redirectUris": ["https://theirs/*"], "attributes": {"theirs": "1"}},
        {
            "name": "The app",
            "description": "theirs",
            "redirectUris": ["https://theirs/*"],
            "attributes": {"theirs": "1"},
        },
    ),
    "role": Meeting(
        {"roles": {"realm": [{"name": "lead", "attributes": {"ours": ["1"]}}]}},
        {"roles": {"realm": [{"name": "lead", "attributes": {"ours": ["2"]}}]}},
        lambda _: "roles/lead",
        {"description": "theirs"},
        {"description": "theirs", "attributes": {"ours": ["2"]}},
    ),
    "group": Meeting(
        {"groups": [{"name": "staff", "attributes": {"ours": ["1"]}}]},
        {"groups": [{"name": "staff", "attributes": {"ours": ["2"]}}]},
        at("groups", name="staff"),
        {"description": "theirs"},
        {"description": "theirs", "attributes": {"ours": ["2"]}},
    ),
    "user": Meeting(
        {"users": [{"username": "ann", "firstName": "Ann"}]},
        {"users": [{"username": "ann", "firstName": "Anna"}]},
        at("users", username="ann"),
        {"lastName": "Theirs", "email": "theirs@example.org", "requiredActions": ["VERIFY_EMAIL"]},
        {"firstName": "Anna", "lastName": "Theirs", "email": "theirs@example.org", "requiredActions": ["VERIFY_EMAIL"]},
    ),
    "identity provider": Meeting(
        {"identityProviders": [PROVIDER]},
        {"identityProviders": [{**PROVIDER, "config": {"clientId": "b"}}]},
        lambda _: "identity-provider/instances/github",
        {"displayName": "theirs", "trustEmail": True},
        {"displayName": "theirs", "trustEmail": True, "config": {"clientId": "b"}},
    ),
    "required action": Meeting(
        {"requiredActions": [{"alias": "VERIFY_EMAIL", "defaultAction": False}]},
        {"requiredActions": [{"alias": "VERIFY_EMAIL", "defaultAction": True}]},
        lambda _: "authentication/required-actions/VERIFY_EMAIL",
        {"name": "theirs"},
        {"name": "theirs", "defaultAction": True},
    ),
    "user profile": Meeting(
        {"userProfile": {"unmanagedAttributePolicy": "ADMIN_VIEW"}},
        {"userProfile": {"unmanagedAttributePolicy": "ADMIN_EDIT"}},
        lambda _: "users/profile",
        {"groups": [{"name": "theirs"}]},
        {"unmanagedAttributePolicy": "ADMIN_EDIT", "groups": [{"name": "theirs"}]},
    ),
}


def holds(found: Any, wanted: Any) -> bool:
    """Returns whether all that is declared is there, whatever else is."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(holds(found.get(key), part) for key, part in wanted.items())
    return bool(found == wanted)


@pytest.fixture(scope="module")
def by_hand(server: Server) -> Iterator[ByHand]:
    name, admin = a_made_realm(server), server.client()
    yield ByHand(admin, name)
    admin.close()
    dropped(server, name)


@pytest.fixture
def realm(by_hand: ByHand) -> str:
    return by_hand.realm


@pytest.mark.sweep(every=3)
@pytest.mark.parametrize("name", MEETINGS)
def test_what_somebody_else_adds_meanwhile_is_not_lost(name: str, driver: Driver, realm: str, by_hand: ByHand) -> None:
    meeting = MEETINGS[name]
    driver.apply({"realm": realm, **meeting.before})
    looked = driver.plan({"realm": realm, **meeting.after})
    path = meeting.path(by_hand)

    by_hand.change(path, **meeting.others)
    driver.perform(looked.steps)

    found = by_hand.get(path)
    assert holds(found, meeting.outcome), found


def test_memberships_and_roles_that_somebody_else_gives_stay(driver: Driver, realm: str, by_hand: ByHand) -> None:
    groups = {"groups": [{"name": "ours"}, {"name": "theirs"}]}
    driver.apply({"realm": realm, **groups, "users": [{"username": "bob", "groups": []}]})
    looked = driver.plan({"realm": realm, **groups, "users": [{"username": "bob", "groups": ["/ours"]}]})
    bob = by_hand.id_of("users", username="bob")

    by_hand.put(f"users/{bob}/groups/{by_hand.id_of('groups', name='theirs')}")
    driver.perform(looked.steps)

    assert {group["name"] for group in by_hand.get(f"users/{bob}/groups")} == {"ours", "theirs"}


def test_what_somebody_else_made_meanwhile_is_looked_at_again(driver: Driver, realm: str, by_hand: ByHand) -> None:
    file = {"realm": realm, "clients": [{"clientId": "wiki", "name": "ours"}]}
    (step, *_) = driver.plan(file).steps
    assert isinstance(step, Step)

    by_hand.post("clients", {"clientId": "wiki", "name": "theirs", "description": "theirs"})
    with pytest.raises(Conflict, match="somebody else made it meanwhile"):
        driver.perform([step])
    driver.apply(file)

    wiki = by_hand.one("clients", clientId="wiki")
    assert (wiki["name"], wiki["description"]) == ("ours", "theirs")
