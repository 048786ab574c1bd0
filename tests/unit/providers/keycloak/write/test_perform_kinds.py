"""Steps into requests, for the types that need more than one of them, or others than a PUT of what differs."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.message.errors import Conflict, Rejected
from reconciler.core.plan.plan import Step
from reconciler.core.resource.address import Address
from reconciler.core.resource.values import ABSENT, Secret
from reconciler.providers.keycloak.ids import Directory
from reconciler.providers.keycloak.write.perform import Performer
from tests.kit.keycloak.scripted import ScriptedConnection

FLOW = Address("keycloak.flow", ("lab", "ours"))
INNER = Address("keycloak.flow", ("lab", "inner"))
PROVIDER = Address("keycloak.identity-provider", ("lab", "elsewhere"))
COMPANY = Address("keycloak.organization", ("lab", "acme"))
PEOPLE = tuple(Address("keycloak.user", ("lab", name)) for name in ("ann", "bob"))
LDAP = Address("keycloak.component", ("lab", "ldap"))
CLIENT = Address("keycloak.client", ("lab", "app"))
IDS = {FLOW: "f1", INNER: "f2", PROVIDER: "elsewhere", COMPANY: "o1", PEOPLE[0]: "u1", LDAP: "l1", CLIENT: "c1"}
EXECUTIONS = "GET lab/authentication/flows/ours/executions"


def performed(step: Step, answers: Any = None) -> ScriptedConnection:
    """The line after one step; ``answers`` lack ``admin/realms/``."""
    connection = ScriptedConnection(answers or {})
    directory = Directory(connection)
    for address, object_id in IDS.items():
        directory.learn(address, object_id)
    Performer(connection, directory)(step)
    return connection


def a_step(address: Address, verb: str, **args: Any) -> Step:
    return Step("step", address, verb, args)


def part(verb: str, name: str, address: Address = FLOW, field: str = "authenticationExecutions", **args: Any) -> Step:
    return a_step(address, verb, field=field, part=name, **args)


# ------------------------------------------------------------------ workflows

LEAVE = Address("keycloak.workflow", ("lab", "leave"))


def test_a_step_of_a_workflow_is_changed_with_all_that_the_others_say() -> None:
    first, second = {"uses": "notify-user", "after": "1d", "id": "s1"}, {"uses": "delete-user", "id": "s2"}
    live = {"id": "w1", "name": "leave", "on": "user-created", "steps": [first, second]}
    patch = {"steps": {"1": {"after": "2d"}, "2": ABSENT, "3": {"uses": "disable-user", "with": {"a": ("b",)}}}}
    answers = {"GET lab/workflows?search=leave&exact=true": [live], "GET lab/workflows/w1": live}

    done = performed(a_step(LEAVE, "update", patch=patch), answers)

    steps = ({"uses": "notify-user", "after": "2d"}, {"uses": "disable-user", "with": {"a": ("b",)}})
    assert done.writes == [("PUT lab/workflows/w1", {**live, "steps": steps})]


def test_who_changes_a_workflow_that_is_planned_for_somebody_is_told_what_to_do() -> None:
    answers = {
        "GET lab/workflows?search=leave&exact=true": [{"id": "w1", "name": "leave"}],
        "GET lab/workflows/w1": {"id": "w1", "name": "leave"},
        "PUT lab/workflows/w1": Rejected("Cannot change 'on' when there are scheduled resources for it (400)"),
    }

    with pytest.raises(Rejected, match=r"update keycloak.workflow/lab/leave: .* \(400\); give the changed one another"):
        performed(a_step(LEAVE, "update", patch={"on": "user-created"}), answers)


# ------------------------------------------------------------------ flows


def test_a_subflow_is_put_into_its_flow_by_its_id() -> None:
    own = {"requirement": "REQUIRED", "priority": 3}
    answers = {"GET lab/authentication/flows/f2": {"id": "f2"}}

    done = performed(part("create part", "inner", body={"flowAlias": "inner", **own}), answers)

    execution = {**own, "flowId": "f2", "parentFlow": "f1", "authenticatorFlow": True}
    assert done.writes == [("POST lab/authentication/executions", execution)]


def test_a_subflow_that_is_gone_is_put_nowhere() -> None:
    with pytest.raises(Conflict, match="keycloak.flow/lab/inner is not there any more"):
        performed(part("create part", "inner", body={"flowAlias": "inner"}))


def test_an_old_flow_and_its_settings_get_names_of_their_own() -> None:
    answers = {
        EXECUTIONS: [
            {"id": "e1", "level": 0, "authenticationConfig": "c1234567890"},
            {"id": "e2", "level": 1, "authenticationConfig": "of a subflow"},
        ],
        "GET lab/authentication/config/c1234567890": {"id": "c1234567890", "alias": "x", "config": {"a": "1"}},
        "GET lab/authentication/flows/f1234567890": {"id": "f1234567890", "alias": "ours", "topLevel": False},
    }

    done = performed(a_step(FLOW, "set aside", id="f1234567890"), answers)

    settings = {"id": "c1234567890", "alias": "x.old-c1234567", "config": {"a": "1"}}
    flow = {"id": "f1234567890", "alias": "ours.old-f1234567", "topLevel": False}
    assert done.writes == [
        ("PUT lab/authentication/config/c1234567890", settings),
        ("PUT lab/authentication/flows/f1234567890", flow),
    ]


def test_an_execution_is_made_with_its_settings() -> None:
    settings = {"alias": "x", "config": {"a": "1"}}

    done = performed(part("create part", "a", body={"authenticator": "a", "authenticatorConfig": settings}))

    assert done.writes[1] == ("POST lab/authentication/executions/made/config", settings)


def test_settings_of_a_name_that_is_taken_are_shared() -> None:
    body = {"authenticator": "a", "authenticatorConfig": {"alias": "x", "config": {}}}
    taken = {"POST lab/authentication/executions/made/config": Conflict("exists")}

    done = performed(part("create part", "a", body=body), taken)

    assert done.requests[-2:] == ["DELETE lab/authentication/executions/made", "POST lab/authentication/executions"]
    assert done.writes[-1][1]["authenticatorConfig"] == "x"  # type: ignore[index, call-overload]


def test_the_second_execution_of_a_name_is_the_later_one_of_the_flow_itself() -> None:
    def execution(number: int, level: int = 0) -> dict[str, Any]:
        return {"id": f"e{number}", "providerId": "a", "level": level, "priority": number, "requirement": "REQUIRED"}

    found = {EXECUTIONS: [execution(1), execution(2, level=1), execution(3)]}

    done = performed(part("update part", "a #2", patch={"requirement": "DISABLED"}), found)
    gone = performed(part("delete part", "a #2"), found)

    assert done.writes == [
        ("PUT lab/authentication/flows/ours/executions", {"id": "e3", "priority": 3, "requirement": "DISABLED"})
    ]
    assert gone.requests[-1] == "DELETE lab/authentication/executions/e3"


def test_an_execution_that_is_gone_is_a_conflict() -> None:
    with pytest.raises(Conflict, match="not there any more"):
        performed(part("update part", "a", patch={"priority": 1}))


# ------------------------------------------------------------------ others


def test_an_identity_provider_is_sent_whole_with_its_mask() -> None:
    live = {"alias": "elsewhere", "trustEmail": False, "config": {"clientId": "us", "clientSecret": "**********"}}

    done = performed(
        a_step(PROVIDER, "update", patch={"trustEmail": True, "config": {"clientId": "we"}}),
        {"GET lab/identity-provider/instances/elsewhere": live},
    )

    assert done.writes[0][1] == {
        "alias": "elsewhere",
        "trustEmail": True,
        "config": {"clientId": "we", "clientSecret": "**********"},
    }


def test_texts_are_added_in_one_request_and_taken_away_one_by_one() -> None:
    address = Address("keycloak.localization", ("lab", "de"))

    done = performed(a_step(address, "update", patch={"texts": {"a": "1", "b": "2", "c d": ABSENT}}))

    assert done.writes == [
        ("POST lab/localization/de", {"a": "1", "b": "2"}),
        ("DELETE lab/localization/de/c%20d", None),
    ]


def test_a_component_inside_another_names_it_by_its_id() -> None:
    address = Address("keycloak.component", ("lab", "ldap", "email"))

    done = performed(a_step(address, "create", body={"name": "email"}, targets=()))

    assert done.writes == [("POST lab/components", {"name": "email", "parentId": "l1"})]


def test_a_setting_of_a_component_is_taken_away_by_an_empty_list_and_no_mask_is_sent() -> None:
    live = {"id": "l1", "name": "ldap", "config": {"bindCredential": ["**********"], "a": ["1"]}}

    done = performed(a_step(LDAP, "update", patch={"config": {"a": ABSENT}}), {"GET lab/components/l1": live})

    assert done.writes[0][1] == {"id": "l1", "name": "ldap", "config": {"a": ()}}


def test_a_flow_of_a_client_is_sent_by_its_id_and_taken_away_by_nothing() -> None:
    patch = {"authenticationFlowBindingOverrides": {"browser": "ours", "direct_grant": ABSENT}}

    done = performed(a_step(CLIENT, "update", patch=patch), {"GET lab/clients/c1": {"id": "c1"}})

    assert done.writes[0][1] == {"authenticationFlowBindingOverrides": {"browser": "f1", "direct_grant": ""}}


@pytest.mark.parametrize(
    ("verb", "field", "target", "request_"),
    [
        ("add", "members", PEOPLE[0], ("POST lab/organizations/o1/members", "u1")),
        ("remove", "members", PEOPLE[0], ("DELETE lab/organizations/o1/members/u1", None)),
        ("add", "identityProviders", PROVIDER, ("POST lab/organizations/o1/identity-providers", "elsewhere")),
    ],
)
def test_what_belongs_to_an_organization_is_named_by_its_id_alone(
    verb: str, field: str, target: Address, request_: Any
) -> None:
    assert performed(a_step(COMPANY, verb, field=field, targets=(str(target),))).writes == [request_]


GROUPS = Address("keycloak.organization-groups", ("lab", "acme"))
OF_COMPANY = "lab/organizations/o1"
OF_ITS_MEMBER = f"GET {OF_COMPANY}/members/u1/groups?first=0&max=1000"


def test_groups_of_an_organization_are_written_level_by_level_and_keep_what_is_not_said() -> None:
    groups = f"{OF_COMPANY}/groups"
    answers = {
        f"GET {groups}?first=0&max=1000": [{"name": "old", "id": "g0"}, {"name": "a", "id": "g1"}],
        f"GET {groups}/g1/children?first=0&max=1000": [{"name": "in", "id": "g2"}],
        f"GET {groups}/g2": {"id": "g2", "name": "in", "description": "d", "attributes": {"x": ["1"], "y": ["2"]}},
    }
    patch = {"groups": {"old": ABSENT, "a": {"subGroups": {"in": {"attributes": {"x": ABSENT}}}}}}

    done = performed(a_step(GROUPS, "update", patch=patch), answers)

    changed = {"id": "g2", "name": "in", "description": "d", "attributes": {"y": ["2"]}}
    assert done.writes == [(f"DELETE {groups}/g0", None), (f"PUT {groups}/g2", changed)]


def test_a_member_is_taken_out_of_one_group_and_put_into_another() -> None:
    answers = {
        f"GET {OF_COMPANY}/members/u1/groups?first=0&max=1000": [
            {"path": "/a", "id": "g1"},
            {"path": "/b", "id": "g2"},
        ],
        f"GET {OF_COMPANY}/groups/group-by-path/r%26d": {"id": "g3"},
    }

    done = performed(a_step(GROUPS, "update", patch={"members": {"ann": ("/b", "/r&d")}}), answers)

    assert done.writes == [
        (f"DELETE {OF_COMPANY}/groups/g1/members/u1", None),
        (f"PUT {OF_COMPANY}/groups/g3/members/u1", None),
    ]


def test_a_group_that_nobody_made_is_told_of() -> None:
    step = a_step(GROUPS, "update", patch={"members": {"ann": ("/b",)}})

    with pytest.raises(Conflict, match="the organization has no group /b"):
        performed(step, {f"GET {OF_COMPANY}/members/u1/groups?first=0&max=1000": []})


def test_an_identity_elsewhere_is_replaced_as_there_is_no_put() -> None:
    path = "lab/users/u1/federated-identity"
    live = {f"GET {path}": [{"identityProvider": "elsewhere", "userId": "1", "userName": "a"}]}

    step = part("update part", "elsewhere", PEOPLE[0], "federatedIdentities", patch={"userId": "2"})

    assert performed(step, live).writes == [
        (f"DELETE {path}/elsewhere", None),
        (f"POST {path}/elsewhere", {"identityProvider": "elsewhere", "userId": "2", "userName": "a"}),
    ]


# ------------------------------------------------------------------ authorization services


def test_a_permission_that_went_with_its_policy_is_not_deleted_twice() -> None:
    path = "lab/clients/c1/authz/resource-server"
    answers = {
        f"GET {path}/settings": {"policies": [{"name": "all", "type": "js"}]},
        f"GET {path}/policy?name=all&max=1000": [],
    }

    patch = {"policies": {"all": ABSENT}}
    done = performed(a_step(Address("keycloak.authorization", ("lab", "app")), "update", patch=patch), answers)

    assert [request for request, _ in done.writes] == [f"POST {path}/import"]


def test_a_policy_of_another_type_is_deleted_first_with_what_applies_it() -> None:
    path = "lab/clients/c1/authz/resource-server"
    old = {"name": "p", "type": "time", "logic": "NEGATIVE", "config": {"hour": "8"}}
    read = {"name": "read", "type": "scope", "config": {"applyPolicies": '["p"]'}}
    answers = {
        f"GET {path}/settings": {"policies": [old, read]},
        f"GET {path}/policy/providers": [{"type": "client"}, {"type": "scope"}],
        f"GET {path}/policy?name=p&max=1000": [{"name": "p", "id": "p1"}],
        f"GET {path}/policy?name=read&max=1000": [{"name": "read", "id": "p2"}],
    }
    patch = {"policies": {"p": {"type": "client", "logic": "POSITIVE", "config": {"hour": ABSENT}}}}

    done = performed(a_step(Address("keycloak.authorization", ("lab", "app")), "update", patch=patch), answers)

    assert [request for request, _ in done.writes] == [
        f"DELETE {path}/policy/p2",
        f"DELETE {path}/policy/p1",
        f"POST {path}/import",
    ]
    body = done.writes[-1][1]
    assert isinstance(body, dict)
    assert [each["name"] for each in body["policies"]] == ["p", "read"]
    assert body["policies"][0] == {"name": "p", "type": "client", "logic": "POSITIVE", "config": {"clients": "[]"}}


def test_authorization_services_are_imported_and_then_what_the_import_leaves_is_done() -> None:
    path = "lab/clients/c1/authz/resource-server"
    resource = {"name": "files", "uris": ["/a"], "scopes": [{"name": "read"}]}
    settings = {"decisionStrategy": "UNANIMOUS", "resources": [resource], "scopes": [{"name": "read"}, {"name": "x"}]}
    answers = {
        f"GET {path}/settings": settings,
        f"GET {path}/resource?name=files&max=1000": [{"name": "files", "_id": "r1"}, {"name": "files 2", "_id": "r2"}],
        f"GET {path}/scope?name=x&max=1000": [{"name": "x", "id": "s1"}],
    }
    patch = {"resources": {"files": {"uris": ("/b",)}}, "scopes": {"x": ABSENT}, "policyEnforcementMode": "PERMISSIVE"}

    done = performed(a_step(Address("keycloak.authorization", ("lab", "app")), "update", patch=patch), answers)

    changed = {"name": "files", "uris": ("/b",), "scopes": ({"name": "read"},)}
    assert done.writes == [
        (
            f"POST {path}/import",
            {
                "decisionStrategy": "UNANIMOUS",
                "policyEnforcementMode": "PERMISSIVE",
                "policies": (),
                "resources": (changed,),
                "scopes": (),
            },
        ),
        (f"PUT {path}/resource/r1", changed),
        (f"DELETE {path}/scope/s1", None),
    ]


def test_a_client_without_authorization_services_is_told() -> None:
    with pytest.raises(Rejected, match="authorizationServicesEnabled"):
        performed(a_step(Address("keycloak.authorization", ("lab", "app")), "update", patch={}))


# ------------------------------------------------------------------ imports


def an_import() -> Step:
    bodies = ({"username": "ann", "credentials": ({"value": Secret("s")},)}, {"username": "bob"})
    return Step("step", PEOPLE[0], "import", {"bodies": bodies}, covers=PEOPLE)


def test_many_users_are_one_request() -> None:
    ((request, body),) = performed(an_import()).writes

    assert request == "POST lab/partialImport"
    assert body == {"ifResourceExists": "SKIP", "users": an_import().args["bodies"]}


def test_users_that_the_server_refuses_are_named() -> None:
    with pytest.raises(Rejected, match="ann: no such group; bob: no such group"):
        performed(an_import(), {"POST lab/partialImport": Rejected("no such group")})


def test_users_whose_attributes_would_be_dropped_do_not_hold_up_the_others() -> None:
    bodies = ({"username": "ann", "attributes": {"note": ("a",)}}, {"username": "bob"})
    step = Step("step", PEOPLE[0], "import", {"bodies": bodies}, covers=PEOPLE)
    connection = ScriptedConnection({"GET lab/users/profile": {"attributes": []}, "GET lab": {}})

    with pytest.raises(Rejected, match="ann: the realm's user profile has no attribute `note`"):
        Performer(connection, Directory(connection))(step)

    ((_, body),) = connection.writes
    assert body["users"] == (bodies[1],)


def test_a_flow_that_could_never_be_filled_is_not_made() -> None:
    step = a_step(
        Address("keycloak.flow", ("lab", "older")), "create", body={"alias": "older", "builtIn": True}, targets=()
    )

    with pytest.raises(Rejected, match="come with a new realm only"):
        performed(step, {})


@pytest.mark.parametrize(
    ("sort", "said"),
    [("js", "policy `mine` is of the type `js`, which this server does not have"), ("role", "ask the server's log")],
)
def test_a_policy_of_a_type_that_the_server_lacks_is_named(sort: str, said: str) -> None:
    path = "lab/clients/c1/authz/resource-server"
    answers = {
        f"GET {path}/settings": {},
        f"POST {path}/import": Rejected("ask the server's log"),
        f"GET {path}/policy/providers": [{"type": "role"}],
    }
    patch = {"policies": {"mine": {"type": sort}, "gone": ABSENT}}

    with pytest.raises(Rejected, match=said):
        performed(a_step(Address("keycloak.authorization", ("lab", "app")), "update", patch=patch), answers)
