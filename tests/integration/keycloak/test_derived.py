"""Values that Keycloak derives from declared ones are expected and shown, and not undone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from reconciler.core.message.errors import Rejected
from reconciler.core.plan.policy import Policy, refusals
from reconciler.core.resource.values import ABSENT, Secret
from reconciler.providers.keycloak.registry import KINDS
from reconciler.providers.keycloak.table.coupled import forbidden, moved
from reconciler.vocabulary.combinations import COMBINATIONS, EXCLUSIVE
from reconciler.vocabulary.keycloak import CLIENT, REALM
from tests.integration.keycloak import test_combinations, test_fields
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


# ------------------------------------------------------------------ properties that move along


@dataclass(frozen=True)
class Moved:
    """A live object of a type, what a file declares of it, and what else Keycloak changes with it."""

    kind: str
    live: Mapping[str, Any]
    file: Mapping[str, Any]
    shown: Mapping[str, Any] = field(default_factory=dict)
    along: tuple[str, ...] = ()


SHARED = {"duplicateEmailsAllowed": True, "loginWithEmailAllowed": False}
NAMED = {"registrationEmailAsUsername": True, "loginWithEmailAllowed": True}
SERVED = {"serviceAccountsEnabled": True, "publicClient": False}
GUARDED = {**SERVED, "authorizationServicesEnabled": True}
ACCOUNT, SERVICES = "keycloak.user/service-account-app", "keycloak.authorization/app"
MOVES = {
    "login by addresses of two": Moved(
        REALM, SHARED, {"loginWithEmailAllowed": True}, {"duplicateEmailsAllowed": False}
    ),
    "names that are addresses of two": Moved(
        REALM, SHARED, {"registrationEmailAsUsername": True}, {"duplicateEmailsAllowed": False}
    ),
    "addresses of two": Moved(REALM, NAMED, {"duplicateEmailsAllowed": True}, dict.fromkeys(NAMED, False)),
    "authorization": Moved(CLIENT, {}, {"authorizationServicesEnabled": True}, {"serviceAccountsEnabled": True}),
    "no authorization": Moved(CLIENT, GUARDED, {"authorizationServicesEnabled": False}, along=(SERVICES,)),
    "no account": Moved(CLIENT, SERVED, {"serviceAccountsEnabled": False}, along=(ACCOUNT,)),
    "no secret": Moved(CLIENT, {"publicClient": False}, {"publicClient": True}, {"secret": ABSENT}),
}


def realm_of(name: str, kind: str, body: Mapping[str, Any]) -> dict[str, Any]:
    realm = {"realm": name, "enabled": True}
    return {**realm, **body} if kind == REALM else {**realm, "clients": [{"clientId": "app", **body}]}


def shown_by(by_hand: ByHand, kind: str) -> dict[str, Any]:
    """The live properties that are no lists, in normal form; scopes come and go with an account."""
    body = by_hand.get("") if kind == REALM else by_hand.one("clients", clientId="app")
    rows = KINDS[kind].properties.items()
    found = {name: row.normal(body.get(name, ABSENT)) for name, row in rows}
    return {name: value for name, value in found.items() if not isinstance(value, tuple | dict)}


@pytest.mark.parametrize("case", MOVES)
def test_what_moves_along_is_shown_and_nothing_else_moves(
    driver: Driver, realm: str, by_hand: ByHand, case: str
) -> None:
    moved = MOVES[case]
    driver.apply(realm_of(realm, moved.kind, moved.live))
    before, file = shown_by(by_hand, moved.kind), realm_of(realm, moved.kind, moved.file)

    plan = driver.plan(file)

    (change,) = (change for change in plan.changes if change.acts)
    wanted = {name: KINDS[moved.kind].properties[name].normal(value) for name, value in moved.file.items()}
    assert {each.path[0]: each.after for each in change.fields} == {**wanted, **moved.shown}
    assert [str(each).replace(f"/{realm}/", "/") for each in change.along] == [*moved.along]
    driver.apply(file)
    after = shown_by(by_hand, moved.kind)
    assert {name: after[name] for name in after if after[name] != before[name]} == {**wanted, **moved.shown}


REFUSED = {f"{name} with {row.at}": (row, name) for row in COMBINATIONS for name in sorted(row.refused)}


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_cost_more_than_a_change_is_refused_and_nothing_is_lost(
    driver: Driver, realm: str, by_hand: ByHand, case: str
) -> None:
    row, name = REFUSED[case]
    (other,) = row.values.keys() - {name}
    driver.apply(realm_of(realm, row.kind, {other: True, "redirectUris": []}))
    before = shown_by(by_hand, row.kind)

    plan = driver.plan(realm_of(realm, row.kind, {name: True}))

    said = [str(each) for each in refusals(plan, Policy.of([KINDS[row.kind].kind]))]
    assert len(said) == 1
    assert f"can't get `{name}: true` while it has `{other}: true`" in said[0]
    assert shown_by(by_hand, row.kind) == before


@pytest.mark.parametrize("turn", [1, -1])
@pytest.mark.parametrize("pair", EXCLUSIVE, ids=lambda pair: pair.kind)
def test_a_scope_goes_from_one_list_to_the_other_where_both_are_declared(
    driver: Driver, realm: str, pair: Any, turn: int
) -> None:
    here, there = pair.lists[::turn]
    scope: dict[str, Any] = {"clientScopes": [{"name": "extra", "protocol": "openid-connect"}]}

    def file(**lists: Any) -> dict[str, Any]:
        own = realm_of(realm, CLIENT if pair.kind == CLIENT else REALM, lists)
        return {**own, **scope}

    driver.apply(file(**{here: ["extra"], there: []}))
    kept = driver.plan(file(**{there: ["extra"]}))
    (change,) = (change for change in kept.changes if change.acts)
    assert "can't have `extra` as" in change.obstacle
    assert f"declare `{here}` without it as well" in change.obstacle

    passes = driver.apply(file(**{here: [], there: ["extra"]}))

    assert len(passes) <= 2
    assert driver.look(file(**{here: [], there: ["extra"]})).plan.in_sync


# ------------------------------------------------------------------ nothing but the table moves


SWITCHES = {
    REALM: [name for name, (value, _) in test_fields.REALM.items() if isinstance(value, bool) and name != "enabled"],
    CLIENT: [name for name, values in test_combinations.CLIENT.items() if values == test_combinations.YES_NO],
}
NOTHING_AT = {"adminPermissionsEnabled"}  # it makes a client, and stays on
STATES = {
    "realm, addresses of two": (REALM, {**SHARED, "registrationEmailAsUsername": False}),
    "realm, all off": (REALM, dict.fromkeys(SWITCHES[REALM], False)),
    "realm, all on": (REALM, {**dict.fromkeys(SWITCHES[REALM], True), "duplicateEmailsAllowed": False}),
    "client, new": (CLIENT, {}),
    "client, guarded": (CLIENT, GUARDED),
    "client, public": (CLIENT, {"publicClient": True}),
    "client, all on": (CLIENT, {**dict.fromkeys(SWITCHES[CLIENT], True), "publicClient": False, "bearerOnly": False}),
    "client, saml": (CLIENT, {"protocol": "saml"}),
}
"""States of an object from which each of its switches is turned."""


def turned(by_hand: ByHand, kind: str, state: Mapping[str, Any], name: str, *, value: bool) -> dict[str, Any] | None:
    """The properties that differ once a switch is turned; None where the server refuses it, or it stands so already."""
    path = "" if kind == REALM else f"clients/{by_hand.id_of('clients', clientId='app')}"
    by_hand.change(path, **state)
    before = shown_by(by_hand, kind)
    if before[name] == value:
        return None
    live = by_hand.get(path)
    try:
        by_hand.put(path, KINDS[kind].update({name: value}, live))
    except Rejected:
        return None
    after = shown_by(by_hand, kind)
    return {each: after[each] for each in after if after[each] != before[each] and each != name}


@pytest.mark.sweep(every=8)
@pytest.mark.parametrize("case", STATES)
def test_a_switch_moves_what_the_table_says_and_nothing_else(
    driver: Driver, realm: str, by_hand: ByHand, case: str
) -> None:
    kind, state = STATES[case]
    driver.apply(realm_of(realm, kind, state))
    live = shown_by(by_hand, kind)
    lost = {"secret"} if kind == CLIENT else set()  # which adjust expects of a client that is made public

    found = {}
    for name in sorted({*SWITCHES[kind], *(("duplicateEmailsAllowed",) if kind == REALM else ())} - NOTHING_AT):
        for value in (True, False):
            changed = turned(by_hand, kind, {**state}, name, value=value)
            known = {} if changed is None else moved(kind, {name: value}, live | dict(state))
            refused = forbidden(kind, {name: value}, live | dict(state))
            if changed and not refused and {**changed} != {**known} and not changed.keys() <= lost:
                found[f"{name}: {value}"] = (changed, dict(known))

    assert found == {}
