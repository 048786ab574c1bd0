"""The daemon's policy: whether it repairs a difference now, and the words for why not."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.difference.change import Action, Change
from reconciler.core.plan.restraint import Restraint, covers
from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Observed

WEB = Address.parse("docker.container/web")
ALICE = Address.parse("keycloak.user/shop/alice")
WINDOW = {"schedule": "0 22 * * 6", "duration": "4h"}


def reason(address: Address, *, by_hand: bool = False, is_open: bool = False, **settings: Any) -> str:
    change = Change(address, Action.START, observed=Observed(address, "1", {}, stopped_by_hand=by_hand))
    return Restraint.of(settings).reason(change, lambda _window: is_open)


@pytest.mark.parametrize(
    ("pattern", "is_covered"),
    [
        ("keycloak", True),
        ("keycloak.user", True),
        ("keycloak.user/shop", True),
        ("keycloak.user/shop/alice", True),
        ("keycloak.*/shop/*", True),
        ("*", True),
        ("key", False),
        ("keycloak.use", False),
        ("keycloak.user/sho", False),
        ("docker", False),
    ],
)
def test_a_pattern_covers_a_resource_and_all_in_it(pattern: str, is_covered: bool) -> None:
    assert covers(pattern, ALICE) is is_covered


def test_without_a_policy_all_is_repaired() -> None:
    assert reason(WEB) == reason(ALICE, by_hand=True) == ""


def test_the_policy_of_the_project_is_that_of_each_resource_without_another() -> None:
    assert reason(WEB, policy="observe") == "the policy is to observe"
    assert reason(WEB, policy="observe", policies={"docker": "heal"}) == ""


def test_the_longest_pattern_counts_whatever_the_order() -> None:
    policies = {"keycloak.user/shop/alice": "heal", "keycloak": "observe", "keycloak.user": "observe"}

    assert reason(ALICE, policies=policies) == ""
    assert reason(Address.parse("keycloak.user/shop/bob"), policies=policies) == "the policy is to observe"
    assert reason(WEB, policies=policies) == ""


def test_what_waits_for_a_window_is_repaired_while_one_is_open() -> None:
    assert reason(WEB, windows=[WINDOW]) == "repairs wait for the window `0 22 * * 6` (UTC) for 4h"
    assert reason(WEB, windows=[WINDOW], is_open=True) == ""


def test_deny_goes_before_allow() -> None:
    deny = {**WINDOW, "kind": "deny", "timezone": "Europe/Berlin"}

    found = reason(WEB, windows=[WINDOW, deny], is_open=True)

    assert found == "repairs are denied by the window `0 22 * * 6` (Europe/Berlin) for 4h"
    assert reason(WEB, windows=[deny]) == ""


def test_a_window_is_for_its_resources_only() -> None:
    windows = [{**WINDOW, "resources": ["docker"]}]

    assert reason(ALICE, windows=windows) == ""
    assert reason(WEB, windows=windows) != ""


def test_what_a_person_stopped_stays_stopped_where_that_is_declared() -> None:
    declared = {"keep_stopped": ["docker.container/*"]}

    assert reason(WEB, by_hand=True, **declared) == "stopped by hand, and declared to stay so"
    assert reason(WEB, **declared) == reason(WEB, by_hand=True, keep_stopped=["docker.container/db"]) == ""
