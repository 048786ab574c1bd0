"""Passwords that are kept as they are declared: what is asked, what is told, and what is written."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.plan.plan import Plan, make
from reconciler.core.resource.values import Secret
from reconciler.providers.keycloak.provider import KeycloakProvider
from reconciler.providers.keycloak.table.digests import digest_of, is_digest_of
from reconciler.render.plan.text import plan_text
from tests.kit.keycloak.scripted import ScriptedConnection
from tests.kit.keycloak.server import document

DECLARED = Secret("marked-password")
SET_AT = 1795487886764
ADDRESS = "keycloak.password/lab/ann"
REALM = {"id": "lab", "realm": "lab", "accessTokenLifespan": 300}
ANN = {"id": "u1", "username": "ann"}
THERE = {"GET lab": REALM, "GET lab/users?username=ann&exact=true": [ANN]}
LOCKED = "GET lab/attack-detection/brute-force/users/u1"


def with_password(mode: str, **user: Any) -> Any:
    credential = {"type": "password", "value": DECLARED, "ensure": mode}
    return {"realm": "lab", "users": [{"username": "ann", **user, "credentials": [credential]}]}


def planned(provider: KeycloakProvider, mode: str) -> Plan:
    desired = list(provider.expand(document(with_password(mode))))
    return make({"keycloak": provider}, desired, provider.observe(desired))


def actions(answers: Any, mode: str) -> dict[str, str]:
    provider = KeycloakProvider({}, client=ScriptedConnection(answers))
    return {str(each.address): each.action.value for each in planned(provider, mode).changes}


def labelled(label: str) -> Any:
    otp = {"id": "c0", "type": "otp", "userLabel": "phone"}
    password = {"id": "c1", "type": "password", "userLabel": label, "createdDate": SET_AT}
    return THERE | {"GET lab/users/u1/credentials": [otp, password]}


def test_a_label_tells_its_own_password_only_and_is_another_one_each_time() -> None:
    first, second = digest_of(DECLARED, "1"), digest_of(DECLARED, "1")

    assert first != second
    assert DECLARED.reveal() not in first
    assert is_digest_of(first, DECLARED, "1")
    assert is_digest_of(second, DECLARED, "1")
    assert not is_digest_of(first, Secret("another"), "1")


def test_a_label_that_was_put_back_after_another_password_was_set_tells_nothing() -> None:
    assert not is_digest_of(digest_of(DECLARED, "1"), DECLARED, "2")


@pytest.mark.parametrize(
    "label", ["", "None", "my laptop", "reconcile:1:é:ü", "reconcile:1:salt:", "reconcile:1", ":::"]
)
def test_what_somebody_else_wrote_there_is_no_label_of_ours(label: str) -> None:
    assert not is_digest_of(label, DECLARED, "1")


@pytest.mark.parametrize(
    ("mode", "answers", "action"),
    [
        ("label", labelled(digest_of(DECLARED, str(SET_AT))), "keep"),
        ("label", labelled(digest_of(Secret("the last one"), str(SET_AT))), "update"),
        ("label", labelled(""), "update"),
        ("label", THERE, "update"),
        ("verify", THERE | {"ASK lab/ann": True}, "keep"),
        ("verify", THERE, "update"),
        ("verify", THERE | {LOCKED: {"disabled": True}}, "keep"),
        ("verify", THERE | {"GET lab/users?username=ann&exact=true": [{**ANN, "totp": True}]}, "keep"),
        ("always", THERE, "update"),
    ],
)
def test_what_is_told_of_a_live_password(mode: str, answers: Any, action: str) -> None:
    assert actions(answers, mode)[ADDRESS] == action


def test_the_user_is_compared_apart_from_the_password() -> None:
    assert actions(THERE, "always")["keycloak.user/lab/ann"] == "keep"


def test_a_password_that_is_set_gets_its_label_last() -> None:
    connection = ScriptedConnection(labelled("old"))
    provider = KeycloakProvider({}, client=connection)

    for step in planned(provider, "label").steps:
        provider.perform(step)

    (reset, body), (label, text) = connection.writes
    assert reset == "PUT lab/users/u1/reset-password"
    assert body == {"type": "password", "value": DECLARED, "temporary": False}
    assert label == "PUT lab/users/u1/credentials/c1/userLabel"
    assert is_digest_of(str(text), DECLARED, str(SET_AT))


def test_what_is_always_set_is_set_once_in_a_run() -> None:
    provider = KeycloakProvider({}, client=ScriptedConnection(THERE))

    first = planned(provider, "always")
    for step in first.steps:
        provider.perform(step)

    assert len(first.steps) == 1
    assert planned(provider, "always").in_sync


def test_a_new_user_is_made_first_and_without_the_password() -> None:
    provider = KeycloakProvider({}, client=ScriptedConnection({"GET lab": REALM}))

    made, password = planned(provider, "label").steps

    assert made.args["body"] == {"username": "ann", "enabled": True}
    assert made.id in password.after


@pytest.mark.parametrize("answers", [THERE, {"GET lab": REALM}, labelled("")])
def test_a_plan_does_not_show_it(answers: Any) -> None:
    provider = KeycloakProvider({}, client=ScriptedConnection(answers))

    text = plan_text(planned(provider, "label"), provider.kinds, ["users.yaml"])

    assert ADDRESS in text
    assert "(secret)" in text
    assert DECLARED.reveal() not in text
