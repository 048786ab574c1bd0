"""Changes into steps: which requests, in which order, and nothing for nothing."""

from __future__ import annotations

from typing import Any

from reconciler.core.difference.change import Action, Change, diff
from reconciler.core.plan.plan import Step, make
from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Observed, Resource
from reconciler.core.resource.values import ABSENT, Secret
from reconciler.providers.keycloak.provider import KeycloakProvider
from reconciler.providers.keycloak.registry import KINDS
from reconciler.providers.keycloak.write.steps import steps
from tests.kit.keycloak.realms import a_realm
from tests.kit.keycloak.server import document


def update(kind: str, desired: Any, live: Any, name: str = "thing") -> list[Step]:
    address = Address(kind, ("lab",) if kind == "keycloak.realm" else ("lab", name))
    table = KINDS[kind].kind
    return list(steps([diff(table, Resource(address, desired), Observed(address, "id", live))]))


def told(found: list[Step]) -> list[str]:
    """``verb why`` of each step."""
    return [f"{step.verb}: {step.why}" for step in found]


def planned(*realms: Any, live: tuple[Observed, ...] = ()) -> dict[str, Step]:
    provider = KeycloakProvider({})
    plan = make({"keycloak": provider}, provider.expand(document(*realms)), live)
    return {step.id: step for step in plan.steps}


def test_no_difference_is_no_step() -> None:
    assert update("keycloak.client", {"name": "a"}, {"name": "a", "description": "x"}) == []


def test_all_properties_of_an_object_are_one_step_that_says_only_what_changes() -> None:
    (step,) = update(
        "keycloak.client",
        {
            "name": "new",
            "description": None,
            "redirectUris": ["b"],
            "attributes": {"x": "1", "y": None},
            "enabled": True,
        },
        {"name": "old", "description": "x", "redirectUris": ["a"], "attributes": {"y": "2"}, "enabled": True},
    )

    assert step.verb == "update"
    assert step.why == "name, description, redirectUris, attributes.y, attributes.x"
    assert step.args["patch"] == {
        "name": "new",
        "description": ABSENT,
        "redirectUris": ("b",),
        "attributes": {"x": "1", "y": ABSENT},
    }


def test_each_mapper_is_a_step_of_its_own() -> None:
    def mapper(name: str, **config: str) -> dict[str, Any]:
        return {"name": name, "protocol": "openid-connect", "protocolMapper": "x", "config": config}

    found = update(
        "keycloak.client",
        {"protocolMappers": [mapper("new", a="1"), mapper("changed", a="1", b="1"), mapper("same")]},
        {"protocolMappers": [mapper("old"), mapper("changed", a="2"), mapper("same")]},
    )

    assert told(found) == [
        "delete part: protocolMappers.old",
        "update part: protocolMappers.changed.config.a, protocolMappers.changed.config.b",
        "create part: protocolMappers.new",
    ]
    assert found[1].args["patch"] == {"config": {"a": "1", "b": "1"}}
    assert found[2].args["body"] == {"protocol": "openid-connect", "protocolMapper": "x", "config": {"a": "1"}}


def test_each_group_of_a_user_is_a_step_and_the_roles_of_one_sort_are_one_together() -> None:
    found = update(
        "keycloak.user",
        {"groups": ["/a", "/b"], "realmRoles": ["x", "y"], "clientRoles": {"app": ["p", "q"], "two": ["r"]}},
        {"groups": ["/c"], "realmRoles": ["z"], "clientRoles": {"app": ["s"]}},
        name="ann",
    )

    assert told(found) == [
        "remove: groups - c",
        "remove: realmRoles - z",
        "remove: clientRoles - s",
        "add: groups + a",
        "add: groups + b",
        "add: realmRoles + x, y",
        "add: clientRoles + p, q",
        "add: clientRoles + r",
    ]
    assert found[6].args["targets"] == ("keycloak.client-role/lab/app/p", "keycloak.client-role/lab/app/q")
    assert all(step.after == frozenset() for step in found)


def test_the_rest_of_an_object_comes_after_its_own_properties() -> None:
    first, *rest = update("keycloak.user", {"enabled": True, "groups": ["/a"]}, {"enabled": False, "groups": []})

    assert first.verb == "update"
    assert [step.after for step in rest] == [{first.id}]


def test_a_scope_leaves_one_list_before_it_enters_the_other() -> None:
    removed, added = update(
        "keycloak.client",
        {"defaultClientScopes": ["a"], "optionalClientScopes": ["b"]},
        {"defaultClientScopes": ["a", "b"], "optionalClientScopes": []},
    )

    assert told([removed, added]) == ["remove: defaultClientScopes - b", "add: optionalClientScopes + b"]
    assert added.after == {removed.id}


def test_composites_of_both_sorts_are_one_step() -> None:
    (step,) = update("keycloak.role", {"composites": {"realm": ["a"], "client": {"app": ["b"]}}}, {})

    assert told([step]) == ["add: composites + a, b"]


def test_a_new_object_is_made_with_all_that_a_post_takes() -> None:
    found = planned(a_realm("lab"))

    body = found["keycloak.client/lab/app:create"].args["body"]
    assert body == {
        "clientId": "app",
        "publicClient": False,
        "secret": Secret("first secret"),
        "redirectUris": ("https://app.example.org/a", "https://app.example.org/b"),
        "attributes": {"pkce.code.challenge.method": "S256", "use.refresh.tokens": "true"},
        "protocolMappers": (
            {
                "name": "groups",
                "protocol": "openid-connect",
                "protocolMapper": "oidc-group-membership-mapper",
                "config": {"claim.name": "groups", "full.path": "false", "id.token.claim": "true"},
            },
        ),
        "defaultClientScopes": ("basic", "email", "extra", "profile"),
        "optionalClientScopes": ("phone",),
    }


def test_what_a_post_does_not_take_follows_it() -> None:
    found = planned(a_realm("lab"))

    group = found["keycloak.group/lab/staff:create"]
    assert group.args["body"] == {"name": "staff", "attributes": {"floor": ("1", "2")}}
    assert found["keycloak.group/lab/staff:add:realmRoles"].after == {group.id, "keycloak.role/lab/viewer:create"}
    user = found["keycloak.user/lab/ann:create"]
    assert user.args["body"]["username"] == "ann"  # type: ignore[index,call-overload]
    assert "keycloak.group/lab/guests:create" in user.after
    assert "keycloak.user/lab/ann:add:groups:guests" not in found
    assert user.id in found["keycloak.user/lab/ann:add:realmRoles"].after


def test_roles_that_contain_each_other_are_both_made_first() -> None:
    found = planned(a_realm("lab"))

    for name in ("ping", "pong"):
        assert found[f"keycloak.role/lab/{name}:add:composites"].after >= {
            "keycloak.role/lab/ping:create",
            "keycloak.role/lab/pong:create",
        }


def test_a_service_account_is_not_made_but_gets_its_roles_after_its_client() -> None:
    found = planned(a_realm("lab"))

    mine = {step_id: step for step_id, step in found.items() if "service-account-robot" in step_id}
    assert [step.verb for step in mine.values()] == ["add", "add"]
    assert all("keycloak.client/lab/robot:create" in step.after for step in mine.values())


def test_what_comes_with_a_new_realm_is_left_to_the_next_pass() -> None:
    realm = {"realm": "lab", "clientScopes": [{"name": "email"}, {"name": "own"}], "clients": [{"clientId": "account"}]}

    assert set(planned(realm)) == {"keycloak.realm/lab:create", "keycloak.client-scope/lab/own:create"}


def test_what_should_have_come_with_a_realm_and_is_gone_is_made() -> None:
    address = Address("keycloak.realm", ("lab",))
    live = (Observed(address, "id", {}),)

    assert set(planned({"realm": "lab", "clientScopes": [{"name": "email"}]}, live=live)) == {
        "keycloak.client-scope/lab/email:create"
    }


def test_a_masked_secret_is_not_sent_to_a_new_object() -> None:
    found = planned({"realm": "lab", "smtpServer": {"host": "h", "password": "**********"}})

    assert found["keycloak.realm/lab:create"].args["body"] == {
        "realm": "lab",
        "enabled": True,
        "smtpServer": {"host": "h"},
    }


def test_part_of_the_policy_for_one_time_passwords_is_sent_whole_to_a_new_realm() -> None:
    body = planned({"realm": "lab", "otpPolicyDigits": 8})["keycloak.realm/lab:create"].args["body"]

    assert body["otpPolicyType"] == "totp"  # type: ignore[index,call-overload]
    assert body["otpPolicyDigits"] == 8  # type: ignore[index,call-overload]


def test_options_of_ours_are_never_sent() -> None:
    options = {"x-reconcile": {"ignore": ["/name"]}}
    found = planned({"realm": "lab", **options, "clients": [{"clientId": "app", "name": "a", **options}]})

    assert "x-reconcile" not in str([step.args for step in found.values()])


def test_a_deletion_is_one_step() -> None:
    address = Address("keycloak.user", ("lab", "ann"))

    (step,) = steps([Change(address, Action.DELETE, reason="no longer declared", observed=Observed(address, "1", {}))])

    assert (step.id, step.verb, step.why) == ("keycloak.user/lab/ann:delete", "delete", "no longer declared")


# ------------------------------------------------------------------ many at once


def test_many_new_users_are_imported_with_all_that_they_have() -> None:
    people = [{"username": f"user{number}", "realmRoles": ["viewer"], "groups": ["staff"]} for number in range(101)]
    realm = {"realm": "lab", "roles": {"realm": [{"name": "viewer"}]}, "groups": [{"name": "staff"}], "users": people}

    found = [step for step in planned(realm).values() if step.verb == "import"]

    assert [len(step.covers) for step in found] == [100, 1]
    (body,) = found[1].args["bodies"]
    assert body["realmRoles"] == ("default-roles-lab", "viewer")
    assert body["groups"] == ("/staff",)
    assert not [step for step in planned(realm).values() if step.address.kind == "keycloak.user" and step not in found]
    assert found[0].after >= {"keycloak.role/lab/viewer:create", "keycloak.group/lab/staff:create"}


def test_what_names_an_imported_user_comes_after_the_import() -> None:
    people = [{"username": f"user{number}"} for number in range(30)]
    company = {"alias": "acme", "members": [{"username": "user7"}]}

    found = planned({"realm": "lab", "users": people, "organizations": [company]})

    (batch,) = [step for step in found.values() if step.verb == "import"]
    (member,) = [step for step in found.values() if step.verb == "add"]
    made = found["keycloak.organization/lab/acme:create"]
    assert batch.id in made.after
    assert member.after >= {made.id}


# ------------------------------------------------------------------ together with a new realm

OWN_FLOWS = (
    "browser",
    "clients",
    "direct grant",
    "docker auth",
    "first broker login",
    "registration",
    "reset credentials",
)
KEYS = "org.keycloak.keys.KeyProvider"


def a_flow(alias: str, *executions: Any) -> dict[str, Any]:
    return {"alias": alias, "topLevel": True, "builtIn": True, "authenticationExecutions": list(executions)}


def body_of(realm: Any, live: tuple[Observed, ...] = ()) -> Any:
    return planned(realm, live=live)["keycloak.realm/lab:create"].args["body"]


def test_a_new_realm_takes_keycloaks_own_flows_with_their_settings() -> None:
    settings = {"alias": "once", "config": {"max": "3", "secret": "**********"}}
    forms = {"flowAlias": "forms", "requirement": "ALTERNATIVE", "priority": 20}
    once = {"authenticator": "cookie", "authenticatorConfig": "once", "priority": 10}
    flows = [a_flow(name) for name in OWN_FLOWS if name != "browser"]
    flows += [a_flow("browser", once, forms), {**a_flow("forms"), "topLevel": False}, {"alias": "mine"}]
    realm = {"realm": "lab", "authenticationFlows": flows, "authenticatorConfig": [settings]}

    found = planned(realm)

    body = found["keycloak.realm/lab:create"].args["body"]
    sent = {flow["alias"]: flow for flow in body["authenticationFlows"]}
    assert sent.keys() == {*OWN_FLOWS, "forms"}
    assert (sent["forms"]["topLevel"], sent["browser"]["topLevel"]) == (False, True)
    assert sent["browser"]["authenticationExecutions"] == (
        {
            "authenticator": "cookie",
            "authenticatorConfig": "once",
            "authenticatorFlow": False,
            "priority": 10,
            "requirement": "DISABLED",
        },
        {"flowAlias": "forms", "requirement": "ALTERNATIVE", "priority": 20, "authenticatorFlow": True},
    )
    assert body["authenticatorConfig"] == ({"alias": "once", "config": {"max": "3"}},)
    assert [step for step in found if "keycloak.flow" in step] == ["keycloak.flow/lab/mine:create"]


def test_flows_of_which_one_is_missing_are_left_to_the_server() -> None:
    flows = [a_flow(name) for name in OWN_FLOWS[1:]]
    unknown = a_flow("browser", {"flowAlias": "of nobody", "requirement": "REQUIRED"})

    assert "authenticationFlows" not in body_of({"realm": "lab", "authenticationFlows": flows})
    assert "authenticationFlows" not in body_of({"realm": "lab", "authenticationFlows": [*flows, unknown]})


def test_a_new_realm_takes_its_keys_all_or_none() -> None:
    bodies = [
        {"name": f"{sort}-generated", "providerId": f"{sort}-generated", "config": {"secret": ["s3cret"], "kid": ["k"]}}
        for sort in ("aes", "hmac", "rsa")
    ]

    all_of_them = body_of({"realm": "lab", "components": {KEYS: bodies}})
    some = body_of({"realm": "lab", "components": {KEYS: bodies[:2]}})

    assert [each["name"] for each in all_of_them["components"][KEYS]] == [each["name"] for each in bodies]
    assert all_of_them["components"][KEYS][0]["config"] == {"secret": (Secret("s3cret"),), "kid": ("k",)}
    assert "components" not in some


def test_a_new_realm_takes_the_client_that_nobody_can_change() -> None:
    clients = [{"clientId": "realm-management", "defaultClientScopes": ["email"]}, {"clientId": "account"}]

    found = planned({"realm": "lab", "clients": clients})

    (sent,) = found["keycloak.realm/lab:create"].args["body"]["clients"]
    assert (sent["clientId"], sent["defaultClientScopes"]) == ("realm-management", ("email",))
    assert list(found) == ["keycloak.realm/lab:create"]


def test_the_role_of_authorization_services_is_made_for_a_client_that_has_none() -> None:
    roles = {"client": {"app": [{"name": "uma_protection"}]}}
    role = "keycloak.client-role/lab/app/uma_protection:create"

    assert role in planned({"realm": "lab", "clients": [{"clientId": "app"}], "roles": roles})
    assert role not in planned(
        {"realm": "lab", "clients": [{"clientId": "app", "authorizationServicesEnabled": True}], "roles": roles}
    )
