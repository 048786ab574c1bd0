"""Objects that Keycloak deletes along with others: the plan makes them anew, orders them or has an obstacle, and
nobody is locked out at any moment."""

from __future__ import annotations

import copy
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from tests.kit.keycloak.server import MOST_PASSES, ByHand, Driver, Server

FORMS = ("username-password-form", "forms")
Tree = Mapping[str, Sequence[Any]]


def flows(tree: Tree, *top: str) -> list[dict[str, Any]]:
    """Flows by name, each with what is in it: a name of another flow, or of an authenticator."""
    return [
        {
            "alias": alias,
            "providerId": "basic-flow",
            "topLevel": alias in top,
            "authenticationExecutions": [
                execution(name, index, is_flow=name in tree) for index, name in enumerate(inside)
            ],
        }
        for alias, inside in tree.items()
    ]


def execution(name: str, index: int, *, is_flow: bool) -> dict[str, Any]:
    own = {"requirement": "ALTERNATIVE", "priority": 10 + 10 * index}
    if is_flow:
        return {"authenticatorFlow": True, "flowAlias": name, **own}
    if name == "conditional-user-role":
        settings = {"alias": "only admins", "config": {"condUserRole": "admin"}}
        return {"authenticator": name, **own, "requirement": "REQUIRED", "authenticatorConfig": settings}
    return {"authenticator": name, **own, "requirement": "REQUIRED" if name.startswith("cond") else "ALTERNATIVE"}


@dataclass(frozen=True)
class Move:
    """A browser flow ``L`` before and after; ``bound`` is its name after."""

    before: Tree
    after: Tree
    bound: str = "L"
    top: tuple[str, ...] = ("L",)


PASSWORD, OTP = "auth-username-password-form", "auth-otp-form"
TWO_FACTORS = ("conditional-user-role", OTP)
MOVES = {
    "up": Move(
        {"L": ("auth-cookie", "F"), "F": (PASSWORD, "T"), "T": TWO_FACTORS},
        {"L": ("auth-cookie", "F", "T"), "F": (PASSWORD,), "T": TWO_FACTORS},
    ),
    "down": Move(
        {"L": ("auth-cookie", "F", "T"), "F": (PASSWORD,), "T": TWO_FACTORS},
        {"L": ("auth-cookie", "F"), "F": (PASSWORD, "T"), "T": TWO_FACTORS},
    ),
    "to a neighbour": Move(
        {"L": ("F", "G"), "F": (PASSWORD, "T"), "G": ("auth-cookie",), "T": TWO_FACTORS},
        {"L": ("F", "G"), "F": (PASSWORD,), "G": ("auth-cookie", "T"), "T": TWO_FACTORS},
    ),
    "to a new flow in between": Move(
        {"L": ("auth-cookie", "F"), "F": (PASSWORD, "T"), "T": TWO_FACTORS},
        {"L": ("auth-cookie", "F"), "F": (PASSWORD, "N"), "N": ("T",), "T": TWO_FACTORS},
    ),
    "out of a flow in between": Move(
        {"L": ("auth-cookie", "F"), "F": (PASSWORD, "N"), "N": ("T",), "T": TWO_FACTORS},
        {"L": ("auth-cookie", "F"), "F": (PASSWORD, "T"), "T": TWO_FACTORS},
    ),
    "with all that is below": Move(
        {"L": ("F", "G"), "F": ("T",), "G": ("auth-cookie",), "T": (PASSWORD, "U"), "U": TWO_FACTORS},
        {"L": ("F", "G"), "F": (PASSWORD,), "G": ("auth-cookie", "T"), "T": (PASSWORD, "U"), "U": TWO_FACTORS},
    ),
    "swapped": Move(
        {"L": ("F", "G"), "F": (PASSWORD, "T"), "G": ("auth-cookie", "U"), "T": TWO_FACTORS, "U": (OTP,)},
        {"L": ("F", "G"), "F": (PASSWORD, "U"), "G": ("auth-cookie", "T"), "T": TWO_FACTORS, "U": (OTP,)},
    ),
    "turned inside out": Move(
        {"L": ("auth-cookie", "F"), "F": (PASSWORD, "T"), "T": TWO_FACTORS},
        {"L": ("auth-cookie", "T"), "F": (PASSWORD,), "T": (*TWO_FACTORS, "F")},
    ),
    "moved and changed": Move(
        {"L": ("auth-cookie", "F"), "F": (PASSWORD, "T"), "T": TWO_FACTORS},
        {"L": ("auth-cookie", "F", "T"), "F": (PASSWORD,), "T": (OTP,)},
    ),
    "to another top-level flow": Move(
        {"L": ("auth-cookie", "F"), "F": (PASSWORD, "T"), "T": TWO_FACTORS, "M": (PASSWORD,)},
        {"L": ("auth-cookie", "F"), "F": (PASSWORD,), "T": TWO_FACTORS, "M": (PASSWORD, "T")},
        top=("L", "M"),
    ),
    "its flow renamed": Move(
        {"L": ("auth-cookie", "F"), "F": (PASSWORD, "T"), "T": TWO_FACTORS},
        {"L2": ("auth-cookie", "F"), "F": (PASSWORD, "T"), "T": TWO_FACTORS},
        bound="L2",
        top=("L", "L2"),
    ),
    "the flow in between renamed": Move(
        {"L": ("auth-cookie", "F"), "F": (PASSWORD, "T"), "T": TWO_FACTORS},
        {"L": ("auth-cookie", "F2"), "F2": (PASSWORD, "T"), "T": TWO_FACTORS},
    ),
    "its flow deleted": Move(
        {"L": ("auth-cookie", PASSWORD), "M": (PASSWORD, "T"), "T": TWO_FACTORS},
        {"L": ("auth-cookie", PASSWORD, "T"), "T": TWO_FACTORS},
        top=("L", "M"),
    ),
    "taken away": Move(
        {"L": ("auth-cookie", PASSWORD, "F"), "F": (PASSWORD, "T"), "T": TWO_FACTORS},
        {"L": ("auth-cookie", PASSWORD)},
    ),
}


def realm_of(name: str, tree: Tree, bound: str, *top: str, prune: str) -> dict[str, Any]:
    return {
        "realm": name,
        "enabled": True,
        "browserFlow": bound,
        "authenticationFlows": flows(tree, *top),
        "x-reconcile": {"prune": {"authenticationFlows": prune}},
    }


def shows_a_login(server: Server, realm: str) -> int:
    """The status of the page where a user of the realm logs in."""
    account = f"{server.url}/realms/{realm}/account/"
    query = urllib.parse.urlencode(
        {
            "client_id": "account-console",
            "response_type": "code",
            "redirect_uri": account,
            "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
            "code_challenge_method": "S256",
        }
    )
    try:
        with urllib.request.urlopen(f"{server.url}/realms/{realm}/protocol/openid-connect/auth?{query}") as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.sweep(every=3)
@pytest.mark.parametrize("prune", ["off", "exact"])
@pytest.mark.parametrize("move", MOVES)
def test_a_subflow_that_moves_is_made_anew_and_a_login_works_after_every_step(
    driver: Driver, server: Server, fresh: str, move: str, prune: str
) -> None:
    case = MOVES[move]
    driver.apply(realm_of(fresh, case.before, "L", *case.top, prune="off"))
    file = realm_of(fresh, case.after, case.bound, *case.top, prune=prune)

    passes = 0
    while (plan := driver.pruning(copy.deepcopy(file))).steps:
        passes += 1
        assert passes <= MOST_PASSES
        assert not [change.obstacle for change in plan.changes if change.obstacle]
        for step in plan.steps:
            driver.perform([step])
            assert shows_a_login(server, fresh) == 200, step.id

    hand = ByHand(driver.client, fresh)
    left = {flow["alias"] for flow in hand.client.ask(hand.path("partial-export"))["authenticationFlows"]}
    assert passes == 1
    assert not [alias for alias in left if ".old-" in alias]
    assert left >= case.after.keys()
    if prune == "exact":
        assert not left & (case.before.keys() - case.after.keys())
