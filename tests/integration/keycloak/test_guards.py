"""Objects that `prune: exact` may not take away by a mere yes: inside a protected one, or given to people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from reconciler.core.difference.change import Action
from reconciler.core.plan.policy import Policy
from reconciler.core.resource.address import Address
from reconciler.providers.keycloak.provider import KeycloakProvider
from reconciler.run.clock import RealClock
from reconciler.run.reconciliation.once import Look, Reconciler
from tests.kit.keycloak.server import Driver, document

EXACT = {"x-reconcile": {"prune": {"groups": "exact", "roles": "exact", "clientRoles": "exact", "clients": "exact"}}}
SECTIONS: Mapping[str, Any] = {"groups": [], "roles": {"realm": [], "client": {}}, "clients": []}
THERE: Mapping[str, Any] = {
    "roles": {"realm": [{"name": "vip"}, {"name": "idle"}], "client": {"app": [{"name": "reader"}]}},
    "clients": [{"clientId": "app"}, {"clientId": "lone"}],
    "groups": [
        {"name": "staff", "subGroups": [{"name": "night"}]},
        {"name": "empty"},
        {"name": "board", "realmRoles": ["vip"]},
    ],
    "users": [
        {"username": "ann", "groups": ["/staff/night"], "realmRoles": ["vip"], "clientRoles": {"app": ["reader"]}},
        {"username": "bob", "groups": ["/board"]},
    ],
}


def looked(driver: Driver, realm: Mapping[str, Any], **policy: Any) -> Look:
    provider = KeycloakProvider({}, client=driver.client)
    rules = Policy.of(provider.kinds.values(), deletes=True, **policy)
    return Reconciler(document(realm), {"keycloak": provider}, RealClock(), rules).look()


@pytest.fixture
def lab(driver: Driver, realm: str) -> str:
    """A realm whose objects were all made by somebody else."""
    driver.apply({"realm": realm, **THERE})
    return realm


def deleted(look: Look, realm: str) -> set[str]:
    gone = (change.address for change in look.plan.changes if change.action is Action.DELETE)
    return {str(each).replace(f"/{realm}/", "/").removeprefix("keycloak.") for each in gone}


def test_an_object_that_people_have_is_deleted_by_its_name_only(driver: Driver, lab: str) -> None:
    look = looked(driver, {"realm": lab, **SECTIONS, **EXACT})

    said = {str(each.address).replace(f"/{lab}/", "/"): each for each in look.plan.refusals}
    assert said.keys() == {
        "keycloak.client-role/app/reader",
        "keycloak.group/board",
        "keycloak.group/staff/night",
        "keycloak.role/vip",
    }
    assert "in use by user ann, which would lose it" in said["keycloak.group/staff/night"].message
    assert "user ann" in said["keycloak.role/vip"].message
    assert said["keycloak.group/board"].remedy == f"allow it with `--allow-disrupt keycloak.group/{lab}/board`"
    allowed = frozenset(each.address for each in look.plan.refusals if each.address)
    assert looked(driver, {"realm": lab, **SECTIONS, **EXACT}, may_disrupt=allowed).plan.refusals == ()


def test_a_client_takes_its_roles_from_people(driver: Driver, lab: str) -> None:
    look = looked(driver, {"realm": lab, "clients": [], "x-reconcile": {"prune": {"clients": "exact"}}})

    assert deleted(look, lab) == {"client/app", "client/lone"}
    assert [(each.address and each.address.name, "user ann" in each.message) for each in look.plan.refusals] == [
        ("app", True)
    ]


def test_who_is_told_by_the_file_what_they_belong_to_is_not_asked(driver: Driver, lab: str) -> None:
    users = [{"username": "ann", "groups": [], "realmRoles": [], "clientRoles": {}}, {"username": "bob", "groups": []}]

    look = looked(driver, {"realm": lab, **SECTIONS, **EXACT, "users": users})

    assert [str(each) for each in look.plan.refusals] == []


def test_what_is_in_a_protected_object_stays(driver: Driver, lab: str) -> None:
    protected = frozenset({Address("keycloak.group", (lab, "staff")), Address("keycloak.client", (lab, "app"))})

    look = looked(driver, {"realm": lab, **SECTIONS, **EXACT}, protected=protected)

    assert deleted(look, lab) == {"client/lone", "group/board", "group/empty", "role/idle", "role/vip"}
