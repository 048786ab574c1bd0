"""Objects that go along with a deletion: planned from what is live, shown, and refused where something is to stay."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.difference.change import Action, Change
from reconciler.core.plan.plan import Plan, make
from reconciler.core.plan.policy import Policy, refusals
from reconciler.core.resource.address import Address
from reconciler.providers.keycloak.expand import expand
from reconciler.providers.keycloak.ids import Directory
from reconciler.providers.keycloak.provider import KeycloakProvider
from reconciler.providers.keycloak.read.observe import observe
from reconciler.record import replace
from reconciler.render.plan.jsonplan import PlanDocument
from reconciler.render.plan.text import plan_text
from tests.kit.keycloak.scripted import ScriptedConnection
from tests.kit.keycloak.server import document

ALL = Policy.of(KeycloakProvider({}).kinds.values(), deletes=True)


def planned(live: dict[str, Any], realm: dict[str, Any], policy: Policy = ALL) -> Plan:
    export = {"id": "lab", "realm": "lab", "enabled": True, **live}
    flags = (f"exportClients={a}&exportGroupsAndRoles={b}" for a in ("true", "false") for b in ("true", "false"))
    answers: dict[str, Any] = {f"ASK lab/partial-export?{flag}": export for flag in flags}
    answers |= {"GET lab/clients": export.get("clients", [])}
    connection = ScriptedConnection(answers)
    desired = list(expand(document({"realm": "lab", **realm})))
    observed = list(observe(connection, Directory(connection), desired))
    return make({"keycloak": KeycloakProvider({}, client=connection)}, desired, observed, prunes=policy.prunes)


def flow(alias: str, *subflows: str, **more: Any) -> dict[str, Any]:
    inside = [{"flowAlias": name, "requirement": "REQUIRED", "priority": 1 + i} for i, name in enumerate(subflows)]
    return {"id": f"id-of-{alias}", "alias": alias, "authenticationExecutions": inside, **more}


def change_of(plan: Plan, address: str) -> Change:
    return next(change for change in plan.changes if change.address == Address.parse(address))


def steps_of(plan: Plan) -> list[str]:
    return [step.id.replace("keycloak.flow/lab/", "").replace(":authenticationExecutions", "") for step in plan.steps]


def refused(plan: Plan, policy: Policy = ALL) -> list[str]:
    return [str(refusal) for refusal in refusals(plan, policy)]


def test_a_subflow_that_moves_is_made_anew_before_the_old_one_goes() -> None:
    live = {"authenticationFlows": [flow("L", "F", "G"), flow("F", "T"), flow("G"), flow("T")]}
    file = {"authenticationFlows": [flow("L", "F", "G"), flow("F"), flow("G", "T"), flow("T")]}

    plan = planned(live, file)

    assert steps_of(plan) == ["T:set aside", "T:create", "G:create part:T", "F:delete part:T"]
    assert plan.steps[-1].args["part"] == "T.old-id-of-T"
    assert change_of(plan, "keycloak.flow/lab/T").action is Action.REPLACE
    assert refused(plan) == []


def test_a_removal_that_others_need_done_does_not_hold_them_up() -> None:
    live = {"authenticationFlows": [flow("L", "F"), flow("F", "T"), flow("T")]}
    file = {"authenticationFlows": [flow("L", "F", "T"), flow("F"), flow("T")]}

    assert steps_of(planned(live, file))[-2:] == ["L:create part:T", "F:delete part:T"]


def test_a_flow_that_goes_with_the_one_around_it_is_made_anew_for_its_new_place() -> None:
    live = {"authenticationFlows": [flow("L", "F"), flow("F")]}
    file = {
        "authenticationFlows": [flow("M", "F"), flow("F")],
        "x-reconcile": {"prune": {"authenticationFlows": "exact"}},
    }

    plan = planned(live, file)

    assert steps_of(plan)[-1] == "L:delete"
    assert change_of(plan, "keycloak.flow/lab/F").action is Action.REPLACE


def test_what_a_file_does_not_say_of_a_flow_comes_over_from_the_old_one() -> None:
    live = {"authenticationFlows": [flow("F", "T"), flow("G"), flow("T", description="of two", providerId="form-flow")]}
    file = {"authenticationFlows": [flow("F"), flow("G", "T"), {"alias": "T"}]}

    plan = planned(live, file)

    body = next(step for step in plan.steps if step.verb == "create").args["body"]
    assert isinstance(body, dict)
    assert (body["description"], body["providerId"]) == ("of two", "form-flow")


BLOCKED = {
    "a flow that is in two places": (
        [flow("L", "T"), flow("M", "T"), flow("T")],
        [flow("L"), flow("T")],
        "can't let go of keycloak.flow/lab/T: keycloak.flow/lab/M has it in authenticationExecutions.T",
    ),
    "a flow with one below that no file has": (
        [flow("L", "T"), flow("M"), flow("T", "U"), flow("U")],
        [flow("L"), flow("M", "T"), {"alias": "T"}],
        "keycloak.flow/lab/T has keycloak.flow/lab/U, which is not declared there",
    ),
    "a flow that is built in": (
        [flow("L", "T"), flow("M"), flow("T", builtIn=True)],
        [flow("L"), flow("M", "T"), flow("T")],
        "keycloak.flow/lab/T is built in",
    ),
}


@pytest.mark.parametrize("case", BLOCKED)
def test_a_flow_that_can_not_be_made_anew_is_refused_at_its_place(case: str) -> None:
    live, file, message = BLOCKED[case]

    (found,) = refused(planned({"authenticationFlows": live}, {"authenticationFlows": file}))

    assert found.startswith("users.yaml:1:1: ")
    assert message in found


def test_a_secret_that_keycloak_does_not_show_is_not_lost_with_a_flow() -> None:
    settings = [{"alias": "captcha", "config": {"site.key": "a", "secret.key": "**********"}}]
    step = {"authenticator": "recaptcha", "priority": 1, "requirement": "REQUIRED", "authenticatorConfig": "captcha"}
    subflow = {"alias": "T", "authenticationExecutions": [step]}
    live = {"authenticationFlows": [flow("L", "T"), flow("M"), {**subflow, "id": "t"}], "authenticatorConfig": settings}
    own = {"alias": "captcha", "config": {"site.key": "a", "secret.key": "s"}}
    file = {"authenticationFlows": [flow("L"), flow("M", "T"), subflow]}

    (message,) = refused(planned(live, {**file, "authenticatorConfig": settings}))
    declared = planned(live, {**file, "authenticatorConfig": [own]})

    assert "settings of recaptcha that Keycloak does not show" in message
    assert refused(declared) == []


PRUNE = {"prune": {"groups": "exact", "clients": "exact", "identityProviders": "exact", "authenticationFlows": "exact"}}
ALONG: dict[str, tuple[dict[str, Any], str, set[str]]] = {
    "roles of a client": (
        {"clients": [{"id": "c", "clientId": "app"}], "roles": {"client": {"app": [{"id": "r", "name": "reader"}]}}},
        "keycloak.client/lab/app",
        {"keycloak.client-role/lab/app/reader"},
    ),
    "who a client is": (
        {"clients": [{"id": "c", "clientId": "app", "serviceAccountsEnabled": True}]},
        "keycloak.client/lab/app",
        {"keycloak.user/lab/service-account-app"},
    ),
    "mappers of an identity provider": (
        {
            "identityProviders": [{"alias": "corp", "internalId": "i"}],
            "identityProviderMappers": [{"id": "m", "name": "all", "identityProviderAlias": "corp"}],
        },
        "keycloak.identity-provider/lab/corp",
        {"keycloak.identity-provider-mapper/lab/corp/all"},
    ),
    "flows in a flow": (
        {"authenticationFlows": [flow("L", "F"), flow("F", "T"), flow("T", builtIn=True)]},
        "keycloak.flow/lab/L",
        {"keycloak.flow/lab/T"},
    ),
}


@pytest.mark.parametrize("case", ALONG)
def test_a_plan_shows_what_goes_along(case: str) -> None:
    live, address, expected = ALONG[case]
    provider = KeycloakProvider({})

    plan = planned(live, {"x-reconcile": PRUNE})

    assert set(map(str, change_of(plan, address).along)) == expected
    for each in expected:
        assert f"along with it: {each}" in plan_text(plan, provider.kinds, ["users.yaml"])
    actions = PlanDocument("test", provider.kinds, "salt").of(plan)["actions"]
    assert [set(action["along"]) for action in actions if action["address"] == address] == [expected]


def test_a_protected_child_is_not_deleted_with_its_parent() -> None:
    live = {"groups": [{"id": "g", "name": "staff", "path": "/staff", "subGroups": [
        {"id": "h", "name": "admins", "path": "/staff/admins", "subGroups": []}]}]}  # fmt: skip
    child = Address("keycloak.group", ("lab", "staff", "admins"))
    policy = replace(ALL, protected=frozenset({child}))

    plan = planned(live, {"x-reconcile": PRUNE}, policy)

    (message,) = refused(plan, policy)
    assert f"{child} is protected, and would be deleted along with keycloak.group/lab/staff" in message


def test_what_is_declared_does_not_go_with_something_that_is_not() -> None:
    live = {
        "identityProviders": [{"alias": "corp", "internalId": "i"}],
        "identityProviderMappers": [{"id": "m", "name": "all", "identityProviderAlias": "corp"}],
    }
    mapper = {"name": "all", "identityProviderAlias": "corp"}

    (message,) = refused(planned(live, {"identityProviderMappers": [mapper], "x-reconcile": PRUNE}))

    assert "keycloak.identity-provider-mapper/lab/corp/all is declared" in message
    assert "deleted along with keycloak.identity-provider/lab/corp" in message


# ------------------------------------------------------------------ fixed once made


def test_what_is_fixed_once_made_is_refused_at_the_line_of_the_property() -> None:
    corp = {"alias": "corp", "internalId": "i", "providerId": "oidc"}

    plan = planned({"identityProviders": [corp]}, {"identityProviders": [{**corp, "providerId": "saml"}]})

    (message,) = refused(plan)
    assert message.startswith("users.yaml:1:1: keycloak.identity-provider/lab/corp can't get another providerId")


# ------------------------------------------------------------------ others let go first


def test_who_names_what_is_deleted_lets_go_first() -> None:
    roles = {"realm": [{"id": "r", "name": "old"}, {"id": "s", "name": "all", "composites": {"realm": ["old"]}}]}
    file = {
        "roles": {"realm": [{"name": "all", "composites": {"realm": []}}]},
        "x-reconcile": {"prune": {"roles": "exact"}},
    }

    deletion = planned({"roles": roles}, file).steps[-1]

    assert deletion.id == "keycloak.role/lab/old:delete"
    assert deletion.after == {"keycloak.role/lab/all:remove:composites"}


def test_what_goes_itself_is_not_waited_for() -> None:
    roles = {"realm": [{"id": n, "name": n, "composites": {"realm": [m]}} for n, m in (("a", "b"), ("b", "a"))]}

    plan = planned({"roles": roles}, {"x-reconcile": {"prune": {"roles": "exact"}}})

    assert [step.after for step in plan.steps] == [frozenset(), frozenset()]


# ------------------------------------------------------------------ mappers


def test_mappers_of_one_name_are_told_apart_by_protocol() -> None:
    def mapper(protocol: str, **more: Any) -> dict[str, Any]:
        return {"name": "aud", "protocol": protocol, "protocolMapper": "x", "config": {}, **more}

    both = [mapper("openid-connect", id="m"), mapper("saml", id="n")]
    live = {"clients": [{"id": "c", "clientId": "app", "protocolMappers": both}]}

    plan = planned(live, {"clients": [{"clientId": "app", "protocolMappers": [mapper("openid-connect")]}]})

    (change,) = (change for change in plan.changes if change.acts)
    assert [field.path for field in change.fields] == [("protocolMappers", "aud (saml)")]
    assert [step.verb for step in plan.steps] == ["delete part"]


def test_a_mapper_without_a_protocol_is_the_live_one_of_its_name() -> None:
    own = {"name": "aud", "protocolMapper": "x", "config": {}}
    live = {"clients": [{"id": "c", "clientId": "app", "protocolMappers": [{"id": "m", "protocol": "saml", **own}]}]}

    plan = planned(live, {"clients": [{"clientId": "app", "protocolMappers": [own]}]})

    assert plan.in_sync
