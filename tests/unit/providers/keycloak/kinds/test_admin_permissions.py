"""Permissions for administrators: by name in a file, by id on the server, written one policy at a time."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reconciler.core.difference.change import Action, Change, diff
from reconciler.core.message.errors import Rejected
from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Resource
from reconciler.core.resource.values import ABSENT
from reconciler.providers.keycloak.expand import expand
from reconciler.providers.keycloak.ids import Directory
from reconciler.providers.keycloak.permissions import rights
from reconciler.providers.keycloak.read.observe import observe
from reconciler.providers.keycloak.registry import KINDS
from reconciler.providers.keycloak.write.perform import Performer
from reconciler.providers.keycloak.write.steps import steps
from tests.kit.keycloak.realms import a_permission
from tests.kit.keycloak.scripted import ScriptedConnection
from tests.kit.keycloak.server import document

OURS = Address("keycloak.admin-permissions", ("lab",))
ANN = "11111111-1111-4111-8111-111111111111"
APP = "22222222-2222-4222-8222-222222222222"
STAFF = "33333333-3333-4333-8333-333333333333"
NIGHT = "44444444-4444-4444-8444-444444444444"
VIEWER = "55555555-5555-4555-8555-555555555555"
READER = "66666666-6666-4666-8666-666666666666"
ACME = "77777777-7777-4777-8777-777777777777"
HELPERS = {"name": "helpers", "type": "role", "config": {"roles": '[{"id":"viewer","required":false}]'}}
EXPORT = "ASK lab/partial-export?exportClients=true&exportGroupsAndRoles=false"
AUTHZ = "lab/clients/ap/authz/resource-server"
SORTS = {
    "Users": {"scopes": ["view", "manage"]},
    "Groups": {"scopes": ["view"]},
    "Clients": {"scopes": ["view", "manage"]},
    "Roles": {"scopes": ["map-role"]},
    "Organizations": {"scopes": ["view"]},
}


def a_file(*policies: Any, **more: Any) -> dict[str, Any]:
    own = {"clientId": "admin-permissions", "id": "ap", "authorizationSettings": {"policies": [*policies]}}
    return {"realm": "lab", "adminPermissionsEnabled": True, **more, "clients": [own, *more.get("clients", ())]}


def ours(realm: Any) -> Resource:
    (found,) = [each for each in expand(document(realm)) if each.address == OURS]
    return found


def a_live(*policies: Any, **more: Any) -> dict[str, Any]:
    """The content of the server's export."""
    own = {
        "resources": [{"name": "Users"}],
        "scopes": [{"name": "view"}],
        "authorizationSchema": {"resourceTypes": SORTS},
    }
    client = {
        "clientId": "admin-permissions",
        "id": "ap",
        "authorizationSettings": {**own, "policyEnforcementMode": "ENFORCING", "policies": [*policies]},
    }
    return {"realm": "lab", "clients": [client, {"clientId": "app", "id": APP}], **more}


def change_of(file: Any, live: Any, answers: Any = None) -> tuple[Change, ScriptedConnection]:
    connection = ScriptedConnection({f"GET lab/{key}": each for key, each in (answers or {}).items()} | {EXPORT: live})
    (wanted,) = [each for each in expand(document(file)) if each.address == OURS]
    (seen,) = [each for each in observe(connection, Directory(connection), [wanted]) if each.address == OURS]
    return diff(KINDS[OURS.kind].kind, wanted, seen), connection


def differences(change: Change) -> dict[str, Any]:
    return {".".join(each.path): (each.before, each.after) for each in change.fields}


# ------------------------------------------------------------------ files


def test_only_the_policies_are_managed() -> None:
    file = a_file(HELPERS)
    file["clients"][0]["authorizationSettings"] |= {"resources": [], "scopes": [], "policyEnforcementMode": "DISABLED"}

    found = [each for each in expand(document(file)) if each.address.kind.startswith("keycloak.a")]

    assert [str(each.address) for each in found] == ["keycloak.admin-permissions/lab"]
    assert found[0].spec.keys() == {"policies"}


def test_a_client_that_is_declared_without_policies_says_nothing_of_them() -> None:
    file = {"realm": "lab", "clients": [{"clientId": "admin-permissions", "authorizationSettings": {"resources": []}}]}

    assert [each for each in expand(document(file)) if each.address == OURS] == []


def test_permissions_come_after_all_that_they_name() -> None:
    file = a_file(
        HELPERS,
        a_permission("a", "Users", ["$Ann"], "view"),
        a_permission("b", "Groups", ["staff/night", "/staff"], "view"),
        a_permission("c", "Clients", ["app"], "view"),
        a_permission("d", "Roles", ["viewer", "app/reader"], "map-role"),
        a_permission("e", "Organizations", ["acme"], "view"),
        a_permission("f", "Users", [ANN], "view"),
        users=[{"username": "ann"}],
        groups=[{"name": "staff", "subGroups": [{"name": "night"}]}],
        clients=[{"clientId": "app"}],
        roles={"realm": [{"name": "viewer"}], "client": {"app": [{"name": "reader"}]}},
        organizations=[{"alias": "acme", "name": "Acme"}],
    )

    assert {str(each) for each in ours(file).after} == {
        "keycloak.realm/lab",
        "keycloak.user/lab/ann",
        "keycloak.group/lab/staff",
        "keycloak.group/lab/staff/night",
        "keycloak.client/lab/app",
        "keycloak.role/lab/viewer",
        "keycloak.client-role/lab/app/reader",
        "keycloak.organization/lab/acme",
    }


def test_what_is_only_in_the_realm_is_asked_for_by_its_id_and_ids_of_the_file_are_names() -> None:
    by_id = [
        a_permission("a", "Users", [ANN], "view"),
        a_permission("b", "Groups", [NIGHT], "view"),
        a_permission("c", "Clients", [APP], "view"),
        a_permission("d", "Roles", [VIEWER, READER], "map-role"),
        a_permission("e", "Organizations", [ACME], "view"),
    ]
    by_name = [
        a_permission("a", "Users", ["ANN"], "view"),
        a_permission("b", "Groups", ["staff/night"], "view"),
        a_permission("c", "Clients", ["$app"], "view"),
        a_permission("d", "Roles", ["app/reader", "viewer"], "map-role"),
        a_permission("e", "Organizations", ["acme"], "view"),
    ]
    answers = {
        f"users/{ANN}": {"username": "ann"},
        f"groups/{NIGHT}": {"path": "/staff/night"},
        f"roles-by-id/{VIEWER}": {"name": "viewer"},
        f"roles-by-id/{READER}": {"name": "reader", "clientRole": True, "containerId": APP},
        f"organizations/{ACME}": {"alias": "acme"},
    }
    an_export = a_file(
        *by_id,
        users=[{"username": "ann", "id": ANN}],
        groups=[{"name": "staff", "id": STAFF, "subGroups": [{"name": "night", "id": NIGHT}]}],
        clients=[{"clientId": "app", "id": APP}],
        roles={"realm": [{"name": "viewer", "id": VIEWER}], "client": {"app": [{"name": "reader", "id": READER}]}},
        organizations=[{"alias": "acme", "name": "Acme", "id": ACME}],
    )

    change, connection = change_of(a_file(*by_name), a_live(*by_id), answers)
    exported, _ = change_of(an_export, a_live(*by_id), answers)

    assert change.action is Action.KEEP, differences(change)
    assert exported.action is Action.KEEP, differences(exported)
    assert connection.requests[1:] == [f"GET lab/{key}" for key in answers]


def test_an_id_that_only_the_realm_knows_stays_one() -> None:
    same, _ = change_of(
        a_file(a_permission("a", "Users", [ANN], "view")),
        a_live(a_permission("a", "Users", [ANN], "view")),
        {f"users/{ANN}": {"username": "ann"}},
    )

    assert same.action is Action.KEEP


def test_what_a_permission_leaves_out_is_all_of_its_type_and_no_policy() -> None:
    bare = {"name": "a", "type": "scope", "config": {"defaultResourceType": "Users", "scopes": '["view"]'}}
    full = a_permission("a", "Users", ["Users"], "view")

    settled, _ = change_of(a_file(bare), a_live({**full, "config": {**full["config"], "applyPolicies": "[]"}}))
    narrowed, _ = change_of(
        a_file(bare), a_live(a_permission("a", "Users", [ANN], "view", applies=["x"])), {f"users/{ANN}": ABSENT}
    )
    of_nothing, _ = change_of(a_file(bare), a_live(bare))

    assert settled.action is Action.KEEP
    assert differences(narrowed) == {
        "policies.a.config.resources": ((ANN,), ("Users",)),
        "policies.a.config.applyPolicies": (("x",), ()),
    }
    assert differences(of_nothing) == {"policies.a.config.resources": ((), ("Users",))}


def test_who_names_users_needs_to_see_them() -> None:
    def needed(resources: list[str]) -> set[str]:
        return set(rights([ours(a_file(a_permission("a", "Users", resources, "view")))])["lab"])

    assert needed(["ann"]) - needed([]) == {"view-users"}


# ------------------------------------------------------------------ writing


def written(file: Any, live: Any, answers: Any = None) -> ScriptedConnection:
    """The line after one change was carried out, with the ids that are known by then."""
    change, _ = change_of(file, live)
    found = {f"GET lab/{key}": each for key, each in (answers or {}).items()} | {EXPORT: live}
    policies = live["clients"][0]["authorizationSettings"]["policies"]
    ids = [{"name": each["name"], "id": f"id-{each['name']}"} for each in policies]
    connection = ScriptedConnection({f"GET {AUTHZ}/policy?max=-1": ids, **found})
    directory = Directory(connection)
    for kind, name, object_id in (("user", "ann", ANN), ("client", "app", APP), ("role", "viewer", VIEWER)):
        directory.learn(Address(f"keycloak.{kind}", ("lab", name)), object_id)
    for step in steps([change]):
        Performer(connection, directory)(step)
    return connection


def requests(connection: ScriptedConnection) -> list[str]:
    return [request.replace(AUTHZ, "") for request, _ in connection.writes]


def test_policies_are_made_before_what_applies_them() -> None:
    both = {"name": "both", "type": "aggregate", "config": {"applyPolicies": '["helpers"]'}}
    done = written(a_file(a_permission("a", "Users", ["ann"], "view", applies=["both"]), both, HELPERS), a_live())

    bodies = [body for _, body in done.writes]
    assert requests(done) == ["POST /policy", "POST /policy", "POST /permission/scope"]
    assert [body["name"] for body in bodies] == ["helpers", "both", "a"]  # type: ignore[index, call-overload]
    assert bodies[1] == both
    assert bodies[2] == {
        "name": "a",
        "type": "scope",
        "logic": "POSITIVE",
        "decisionStrategy": "UNANIMOUS",
        "resourceType": "Users",
        "resources": (ANN,),
        "scopes": ("view",),
        "policies": ("both",),
    }


def test_one_that_differs_is_one_request_with_all_that_it_says() -> None:
    live = {**a_permission("a", "Users", [ANN], "view"), "description": "by hand"}
    done = written(a_file(a_permission("a", "Users", ["Users"], "view"), HELPERS), a_live(live, HELPERS))
    other = written(
        a_file(
            {
                "name": "a",
                "type": "scope",
                "logic": "NEGATIVE",
                "config": a_permission("a", "Users", [ANN], "view")["config"],
            }
        ),
        a_live(live),
    )

    ((request, body),) = done.writes
    assert request == f"PUT {AUTHZ}/permission/scope/id-a"
    assert body["resources"] == ("Users",)  # type: ignore[index, call-overload]
    assert body["description"] == "by hand"  # type: ignore[index, call-overload]
    ((_, body),) = other.writes
    assert (body["logic"], body["resources"]) == ("NEGATIVE", (ANN,))  # type: ignore[index, call-overload]


def test_what_is_too_much_goes_after_the_rest_and_what_applies_others_first() -> None:
    old = {"name": "old", "type": "regex", "config": {"pattern": "a", "targetClaim": "b"}}
    live = a_live(old, HELPERS, a_permission("a", "Users", ["Users"], "view", applies=["old"]))

    done = written(a_file({**HELPERS, "logic": "NEGATIVE"}), live)

    assert requests(done) == ["PUT /policy/id-helpers", "DELETE /policy/id-a", "DELETE /policy/id-old"]


def test_what_is_gone_already_is_no_failure() -> None:
    live = a_live(HELPERS)
    change, _ = change_of(a_file(), live)
    connection = ScriptedConnection({EXPORT: live, f"GET {AUTHZ}/policy?max=-1": []})
    (step,) = steps([change])

    Performer(connection, Directory(connection))(step)

    assert connection.writes == []


def test_a_policy_of_another_type_is_made_anew_with_what_would_go_with_it() -> None:
    permission = a_permission("a", "Users", ["Users"], "view", applies=["helpers"])
    others = {"name": "helpers", "type": "user", "config": {"users": '["ann"]'}}

    done = written(a_file(others, permission), a_live(HELPERS, permission))

    assert requests(done) == [
        "DELETE /policy/id-a",
        "DELETE /policy/id-helpers",
        "POST /policy",
        "POST /permission/scope",
    ]


REFUSED = {
    "a permission for what is not there": (
        [a_permission("a", "Users", ["bob"], "view")],
        "policy `a` names keycloak.user/lab/bob, which is not there; declare it",
    ),
    "an id that is nobody's": (
        [a_permission("a", "Groups", [STAFF], "view")],
        f"policy `a` names {STAFF}, which is the id of none of the Groups; write what it is called",
    ),
    "a policy about what is not there": (
        [{"name": "p", "type": "group", "config": {"groups": [{"path": "/nobody"}]}}],
        "policy `p` names keycloak.group/lab/nobody, which is not there",
    ),
    "a type that is none": ([a_permission("a", "Things", [], "view")], "one of `Clients`, `Groups`, `Org"),
    "no type": (
        [{"name": "a", "type": "scope", "config": {"scopes": ["view"]}}],
        "permission `a` needs a `defaultResourceType`",
    ),
    "a scope that is none of the type": (
        [a_permission("a", "Roles", [], "view")],
        "permission `a` has `view` in its `scopes`; of Roles this server knows `map-role`",
    ),
    "no scope": ([a_permission("a", "Roles", [])], "permission `a` has none in its `scopes`"),
    "a policy that there is not": (
        [a_permission("a", "Roles", [], "map-role", applies=["nobody"])],
        "policy `a` applies `nobody`, which the file does not have",
    ),
    "a policy of no type": ([{"name": "p"}], "policy `p` needs a `type`"),
    "a circle": (
        [
            {"name": "x", "type": "aggregate", "config": {"applyPolicies": '["y"]'}},
            {"name": "y", "type": "aggregate", "config": {"applyPolicies": '["x"]'}},
        ],
        "policies apply each other in a circle: ",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_the_server_would_misunderstand_is_refused_before_anything_is_written(case: str) -> None:
    policies, said = REFUSED[case]

    with pytest.raises(Rejected) as raised:
        written(a_file(*policies), a_live())

    assert said in str(raised.value)


def test_nothing_is_written_before_all_of_it_is_known_to_be_right() -> None:
    connection = ScriptedConnection({EXPORT: a_live()})
    change, _ = change_of(a_file(HELPERS, a_permission("a", "Users", ["bob"], "view")), a_live())
    directory = Directory(connection)
    directory.learn(Address("keycloak.role", ("lab", "viewer")), VIEWER)

    with pytest.raises(Rejected):
        Performer(connection, directory)(steps([change])[0])

    assert connection.writes == []


def test_a_realm_that_has_no_such_permissions_is_told_how_to_get_them() -> None:
    connection = ScriptedConnection({EXPORT: {"realm": "lab", "clients": []}})
    (step,) = steps([change_of(a_file(HELPERS), a_live())[0]])
    directory = Directory(connection)
    directory.learn(Address("keycloak.role", ("lab", "viewer")), VIEWER)

    with pytest.raises(Rejected, match="set `adminPermissionsEnabled: true`"):
        Performer(connection, directory)(step)


def test_the_client_is_never_made() -> None:
    wanted = [each for each in expand(document(a_file())) if each.address.kind == "keycloak.client"]

    assert steps([diff(KINDS["keycloak.client"].kind, each, None) for each in wanted]) == []


def test_settings_are_texts_or_lists() -> None:
    as_lists = {**HELPERS, "config": {"roles": json.loads(HELPERS["config"]["roles"]), "fetchRoles": True}}  # type: ignore[index]
    as_texts = {**HELPERS, "config": {**HELPERS["config"], "fetchRoles": "true"}}  # type: ignore[dict-item]

    assert change_of(a_file(as_lists), a_live(as_texts))[0].action is Action.KEEP
