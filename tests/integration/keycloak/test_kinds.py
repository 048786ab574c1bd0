"""An object of each type that is no client, role, group or user: made in one go, and what is done to it by hand is
named exactly, repaired, and gone."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from reconciler.core.resource.values import ABSENT
from tests.kit.keycloak.realms import PROFILE_ATTRIBUTES, a_whole_realm
from tests.kit.keycloak.server import ByHand, Driver, Server, a_made_realm, dropped, still, without_newer


@dataclass(frozen=True)
class Lab:
    driver: Driver
    file: dict[str, Any]
    hand: ByHand


@pytest.fixture(scope="module")
def lab(server: Server) -> Iterator[Lab]:
    name = a_made_realm(server)
    admin, own = server.client(), server.client()
    driver, file = Driver(own), without_newer(admin, a_whole_realm(name))
    try:
        driver.apply(copy.deepcopy(file))
        yield Lab(driver, file, ByHand(admin, name))
    finally:
        admin.close()
        own.close()
        dropped(server, name)


def test_all_of_it_is_made_from_nothing_and_then_nothing_differs(driver: Driver, fresh: str, server: Server) -> None:
    hand = ByHand(server.client(), fresh)
    file = without_newer(hand.client, a_whole_realm(fresh))
    *_, last = driver.apply(copy.deepcopy(file))
    events = hand.events()

    again = driver.once(file)

    assert last.plan.in_sync
    assert again.writes == ()
    assert hand.events() == events
    hand.client.close()


def flow(hand: ByHand, alias: str, execution: int, **changed: Any) -> None:
    path = f"authentication/flows/{alias}/executions"
    found = hand.get(path)[execution]
    hand.put(path, {"id": found["id"], "requirement": found["requirement"], "priority": found["priority"], **changed})


def settings_of_the_condition(hand: ByHand) -> str:
    (found,) = [
        each for each in hand.get("authentication/flows/our forms/executions") if "authenticationConfig" in each
    ]
    return f"authentication/config/{found['authenticationConfig']}"


def component(name: str) -> Callable[[ByHand], str]:
    return lambda hand: f"components/{hand.id_of('components', name=name)}"


def client(hand: ByHand) -> str:
    return f"clients/{hand.id_of('clients', clientId='app')}"


def scope(hand: ByHand) -> str:
    return f"client-scopes/{hand.id_of('client-scopes', name='extra')}"


def authorization(hand: ByHand) -> str:
    return f"{client(hand)}/authz/resource-server"


def organization(hand: ByHand) -> str:
    return f"organizations/{hand.id_of('organizations', alias='acme')}"


def group_of_the_organization(hand: ByHand, path: str) -> str:
    groups = f"{organization(hand)}/groups"
    return f"{groups}/{hand.get(f'{groups}/group-by-path{path}')['id']}"


def other_groups(hand: ByHand) -> None:
    hand.change(group_of_the_organization(hand, "/smiths"), description=None, attributes={"shift": ["early"]})
    hand.delete(group_of_the_organization(hand, "/smiths/r%26d"))
    more = hand.post(f"{organization(hand)}/groups", {"name": "more"})
    hand.post(f"{organization(hand)}/groups/{more}/children", {"name": "below"})


def other_roles_of_a_group(hand: ByHand) -> None:
    mappings = f"{group_of_the_organization(hand, '/smiths')}/role-mappings"
    hand.delete(f"{mappings}/realm", [hand.one("roles", name="viewer")])
    writer = hand.one(f"{client(hand)}/roles", name="writer")
    hand.client.post(hand.path(f"{mappings}/{client(hand)}"), [writer])


def member_in_another_group(hand: ByHand) -> None:
    ann = hand.id_of("users", username="ann")
    hand.delete(f"{group_of_the_organization(hand, '/smiths/r%26d')}/members/{ann}")
    hand.put(f"{group_of_the_organization(hand, '/smiths')}/members/{ann}")


def profile(hand: ByHand, **changed: Any) -> None:
    hand.change("users/profile", **changed)


def with_text(hand: ByHand) -> None:
    hand.client.post(hand.path("localization/de"), {"hello": "Servus", "more": "Mehr"})


def other_identity(hand: ByHand) -> None:
    path = f"users/{hand.id_of('users', username='ann')}/federated-identity/elsewhere"
    hand.delete(path)
    hand.client.post(hand.path(path), {"userId": "18", "userName": "ann18"})


def other_resource(hand: ByHand) -> None:
    path = f"{authorization(hand)}/resource"
    (found,) = hand.get(f"{path}?name=files")
    hand.change(f"{path}/{found['_id']}", uris=["/other"])


def other_policy(hand: ByHand) -> None:
    path = f"{authorization(hand)}/policy"
    (found,) = hand.get(f"{path}?name=viewers")
    typed = f"{path}/role/{found['id']}"
    hand.change(typed, logic="NEGATIVE")


def admin_policies(hand: ByHand) -> str:
    return f"clients/{hand.id_of('clients', clientId='admin-permissions')}/authz/resource-server/policy"


def admin_policy(hand: ByHand, name: str) -> str:
    return f"{admin_policies(hand)}/{hand.id_of(f'{admin_policies(hand)}?max=-1', name=name)}"


def another_permission(hand: ByHand) -> None:
    """As the admin console does."""
    typed = admin_policy(hand, "help-ann").replace("/policy/", "/permission/scope/")
    said = {"logic": "NEGATIVE", "policies": ["daytime"]}
    hand.put(typed, {"name": "help-ann", "resourceType": "Users", "resources": [], "scopes": ["view"], **said})


def without_a_policy(hand: ByHand) -> None:
    """A permission without another policy goes with it."""
    hand.delete(admin_policy(hand, "helpers"))


def other_address(hand: ByHand) -> None:
    path = "identity-provider/instances/elsewhere"
    hand.change(path, config={**hand.get(path)["config"], "tokenUrl": "https://other.example.org/token"})


def workflow(hand: ByHand, **changed: Any) -> None:
    hand.change(f"workflows/{hand.id_of('workflows', name='leave')}", **changed)


def default_roles(hand: ByHand) -> str:
    return f"roles-by-id/{hand.get()['defaultRole']['id']}/composites"


def mapper_of_provider(hand: ByHand) -> str:
    path = "identity-provider/instances/elsewhere/mappers"
    return f"{path}/{hand.id_of(path, name='viewers')}"


def without(collection: str, path: str, **keys: str) -> Callable[[ByHand], None]:
    return lambda hand: hand.delete(path.format(hand.id_of(collection, **keys)))


KEY = {"priority": ["7"], "algorithm": ["HS256"]}

# What somebody does, and what is then found to differ: address below the realm, path → before, after.
CASES: dict[str, tuple[Callable[[ByHand], Any], dict[str, tuple[Any, Any]]]] = {
    "profile of users": (
        lambda hand: profile(hand, unmanagedAttributePolicy="ENABLED"),
        {"user-profile unmanagedAttributePolicy": ("ENABLED", "ADMIN_EDIT")},
    ),
    "attribute of the profile": (
        lambda hand: profile(
            hand,
            attributes=[*PROFILE_ATTRIBUTES[:2], {**PROFILE_ATTRIBUTES[2], "displayName": "Storey"}, {"name": "x"}],
        ),
        {
            "user-profile attributes.floor.displayName": ("Storey", "Floor"),
            "user-profile attributes.x": ({"multivalued": False}, ABSENT),
        },
    ),
    "group of the profile": (
        lambda hand: profile(hand, groups=[{"name": "place", "displayHeader": "There"}]),
        {"user-profile groups.place.displayHeader": ("There", "Where")},
    ),
    "texts": (
        with_text,
        {"localization/de texts.hello": ("Servus", "Hallo"), "localization/de texts.more": ("Mehr", ABSENT)},
    ),
    "requirement of an execution": (
        lambda hand: flow(hand, "our login", 0, requirement="REQUIRED"),
        {"flow/our login authenticationExecutions.auth-cookie.requirement": ("REQUIRED", "ALTERNATIVE")},
    ),
    "order of executions": (
        lambda hand: flow(hand, "our login", 0, priority=40),
        {"flow/our login authenticationExecutions.auth-cookie.priority": (40, 10)},
    ),
    "settings of an execution": (
        lambda hand: hand.change(settings_of_the_condition(hand), config={"condUserRole": "other"}),
        {
            "flow/our forms authenticationExecutions.conditional-user-role.authenticatorConfig.config.condUserRole": (
                "other",
                "viewer",
            )
        },
    ),
    "description of a flow": (
        lambda hand: hand.change(
            f"authentication/flows/{hand.id_of('authentication/flows', alias='our login')}", description="No"
        ),
        {"flow/our login description": ("No", "How we log in")},
    ),
    "binding of a flow": (
        lambda hand: hand.change("", browserFlow="browser"),
        {"flow-bindings browserFlow": ("browser", "our login")},
    ),
    "required action": (
        lambda hand: hand.change("authentication/required-actions/VERIFY_EMAIL", enabled=False, priority=9),
        {"required-action/VERIFY_EMAIL enabled": (False, True), "required-action/VERIFY_EMAIL priority": (9, 51)},
    ),
    "key provider": (
        lambda hand: hand.change(component("more")(hand), config={"priority": ["8"], "algorithm": ["HS256"]}),
        {"component/more config.priority": (("8",), ("7",))},
    ),
    "setting of a component that must not be": (
        lambda hand: hand.change(component("more")(hand), config={**KEY, "active": ["false"]}),
        {"component/more config.active": (("false",), ABSENT)},
    ),
    "policy for registrations": (
        lambda hand: hand.change(component("Max Clients Limit")(hand), config={"max-clients": ["21"]}),
        {"component/Max Clients Limit (anonymous) config.max-clients": (("21",), ("20",))},
    ),
    "identity provider": (
        lambda hand: hand.change("identity-provider/instances/elsewhere", trustEmail=False, displayName="Here"),
        {
            "identity-provider/elsewhere trustEmail": (False, True),
            "identity-provider/elsewhere displayName": ("Here", "Elsewhere"),
        },
    ),
    "settings of an identity provider": (
        other_address,
        {
            "identity-provider/elsewhere config.tokenUrl": (
                "https://other.example.org/token",
                "https://elsewhere.example.org/token",
            )
        },
    ),
    "sort of a mapper of an identity provider": (
        lambda hand: hand.change(mapper_of_provider(hand), identityProviderMapper="oidc-role-idp-mapper"),
        {
            "identity-provider-mapper/elsewhere/viewers identityProviderMapper": (
                "oidc-role-idp-mapper",
                "hardcoded-role-idp-mapper",
            )
        },
    ),
    "mapper of an identity provider": (
        lambda hand: hand.change(mapper_of_provider(hand), config={"role": "viewer", "syncMode": "FORCE", "x": "y"}),
        {
            "identity-provider-mapper/elsewhere/viewers config.syncMode": ("FORCE", "INHERIT"),
            "identity-provider-mapper/elsewhere/viewers config.x": ("y", ABSENT),
        },
    ),
    "client profile": (
        lambda hand: hand.put("client-policies/profiles", {"profiles": [{"name": "strict", "executors": []}]}),
        {
            "client-profiles profiles.strict.executors": (
                (),
                ({"executor": "pkce-enforcer", "configuration": {"auto-configure": True}},),
            )
        },
    ),
    "client policy": (
        lambda hand: hand.put("client-policies/policies", {"policies": []}),
        {
            "client-policies policies.all": (
                ABSENT,
                {
                    "enabled": True,
                    "conditions": ({"condition": "client-roles", "configuration": {"roles": ("reader",)}},),
                    "profiles": ("strict",),
                },
            )
        },
    ),
    "default client scope": (
        without("client-scopes", "default-default-client-scopes/{}", name="extra"),
        {
            "default-client-scopes defaultDefaultClientScopes": (
                ("basic", "email", "profile"),
                ("basic", "email", "extra", "profile"),
            )
        },
    ),
    "optional client scope": (
        lambda hand: hand.put(
            f"default-optional-client-scopes/{hand.id_of('client-scopes', name='address')}",
        ),
        {"default-client-scopes defaultOptionalClientScopes": (("address", "phone"), ("phone",))},
    ),
    "default group": (
        lambda hand: hand.delete(f"default-groups/{hand.get('group-by-path/staff/night')['id']}"),
        {"default-groups defaultGroups": ((), ("/staff/night",))},
    ),
    "scope mapping": (
        lambda hand: hand.delete(f"{client(hand)}/scope-mappings/realm", [hand.one("roles", name="viewer")]),
        {"scope-mappings/app scopeMappings": ((), ("viewer",))},
    ),
    "scope mapping of a client's role": (
        lambda hand: hand.delete(
            f"{client(hand)}/scope-mappings/clients/{client(hand).partition('/')[2]}",
            [hand.one(f"{client(hand)}/roles", name="reader")],
        ),
        {"scope-mappings/app clientScopeMappings.app": (ABSENT, ("reader",))},
    ),
    "scope mapping of a client scope": (
        lambda hand: hand.delete(f"{scope(hand)}/scope-mappings/realm", [hand.one("roles", name="viewer")]),
        {"client-scope-mappings/extra scopeMappings": ((), ("viewer",))},
    ),
    "scope mapping of a client's role to a client scope": (
        lambda hand: hand.delete(
            f"{scope(hand)}/scope-mappings/clients/{client(hand).partition('/')[2]}",
            [hand.one(f"{client(hand)}/roles", name="reader")],
        ),
        {"client-scope-mappings/extra clientScopeMappings.app": (ABSENT, ("reader",))},
    ),
    "composite of a client's role": (
        lambda hand: hand.delete(f"{client(hand)}/roles/writer/composites", [hand.one("roles", name="viewer")]),
        {"client-role/app/writer composites.realm": (ABSENT, ("viewer",))},
    ),
    "flow of a client": (
        lambda hand: hand.change(client(hand), authenticationFlowBindingOverrides={"browser": ""}),
        {"client/app authenticationFlowBindingOverrides.browser": (ABSENT, "our login")},
    ),
    "authorization settings": (
        lambda hand: hand.change(authorization(hand), policyEnforcementMode="ENFORCING"),
        {"authorization/app policyEnforcementMode": ("ENFORCING", "PERMISSIVE")},
    ),
    "protected resource": (other_resource, {"authorization/app resources.files.uris": (("/other",), ("/files",))}),
    "one scope of authorization too many": (
        lambda hand: hand.post(f"{authorization(hand)}/scope", {"name": "burn"}),
        {"authorization/app scopes.burn": ({}, ABSENT)},
    ),
    "policy of authorization": (
        other_policy,
        {"authorization/app policies.viewers.logic": ("NEGATIVE", "POSITIVE")},
    ),
    "permission for administrators": (
        another_permission,
        {
            "admin-permissions policies.help-ann.logic": ("NEGATIVE", "POSITIVE"),
            "admin-permissions policies.help-ann.config.applyPolicies": (("daytime",), ("helpers",)),
            "admin-permissions policies.help-ann.config.resources": (("Users",), ("ann",)),
            "admin-permissions policies.help-ann.config.scopes": (("view",), ("reset-password", "view")),
        },
    ),
    "policy for administrators": (
        lambda hand: hand.put(
            admin_policy(hand, "daytime"), {"name": "daytime", "type": "time", "config": {"hour": "21", "hourEnd": "6"}}
        ),
        {
            "admin-permissions policies.daytime.logic": ("POSITIVE", "NEGATIVE"),
            "admin-permissions policies.daytime.config.hour": ("21", "20"),
        },
    ),
    "role of a policy for administrators": (
        lambda hand: hand.put(
            admin_policy(hand, "helpers"),
            {"name": "helpers", "type": "role", "config": {"roles": '[{"id": "app/reader", "required": true}]'}},
        ),
        {
            "admin-permissions policies.helpers.config.roles": (
                ({"id": "app/reader", "required": True},),
                ({"id": "viewer", "required": False},),
            ),
            "admin-permissions policies.helpers.config.fetchRoles": (ABSENT, "true"),
        },
    ),
    "one policy for administrators too many": (
        lambda hand: hand.client.post(
            hand.path(admin_policies(hand)),
            {"name": "more", "type": "regex", "config": {"pattern": "a", "targetClaim": "b"}},
        ),
        {
            "admin-permissions policies.more": (
                {
                    "type": "regex",
                    "logic": "POSITIVE",
                    "decisionStrategy": "UNANIMOUS",
                    "config": {"pattern": "a", "targetClaim": "b"},
                },
                ABSENT,
            )
        },
    ),
    "attribute of a user": (
        lambda hand: hand.change(f"users/{hand.id_of('users', username='ann')}", attributes={"floor": ["2"]}),
        {"user/ann attributes.floor": (("2",), ("1",))},
    ),
    "identity of a user elsewhere": (
        other_identity,
        {
            "user/ann federatedIdentities.elsewhere.userId": ("18", "17"),
            "user/ann federatedIdentities.elsewhere.userName": ("ann18", "ann17"),
        },
    ),
    "organization": (
        lambda hand: hand.change(organization(hand), description="No", attributes={"trade": ["hammers"]}),
        {
            "organization/acme description": ("No", "A company"),
            "organization/acme attributes.trade": (("hammers",), ("anvils",)),
        },
    ),
    "name and place of an organization": (
        lambda hand: hand.change(
            organization(hand), name="Other", redirectUrl="https://other.example.org", enabled=False
        ),
        {
            "organization/acme name": ("Other", "Acme"),
            "organization/acme redirectUrl": ("https://other.example.org", "https://acme.example.org"),
            "organization/acme enabled": (False, True),
        },
    ),
    "domain of an organization": (
        lambda hand: hand.change(organization(hand), domains=[{"name": "other.example.org"}]),
        {
            "organization/acme domains.acme.example.org": (ABSENT, {"verified": True}),
            "organization/acme domains.other.example.org": ({"verified": False}, ABSENT),
        },
    ),
    "member of an organization": (
        lambda hand: hand.delete(f"{organization(hand)}/members/{hand.id_of('users', username='ann')}"),
        {
            "organization/acme members": ((), ("ann",)),
            "organization-groups/acme members.ann": (ABSENT, ("/smiths/r&d",)),
        },
    ),
    "groups of an organization": (
        other_groups,
        {
            "organization-groups/acme groups.smiths.description": (ABSENT, "They make them"),
            "organization-groups/acme groups.smiths.attributes.shift": (("early",), ("late",)),
            "organization-groups/acme groups.smiths.subGroups.r&d": (
                ABSENT,
                {"attributes": {"floor": ("2",)}, "realmRoles": ("viewer",)},
            ),
            "organization-groups/acme groups.more": (
                {
                    "attributes": {},
                    "realmRoles": (),
                    "clientRoles": {},
                    "subGroups": {"below": {"attributes": {}, "realmRoles": (), "clientRoles": {}, "subGroups": {}}},
                },
                ABSENT,
            ),
            "organization-groups/acme members.ann": (ABSENT, ("/smiths/r&d",)),
        },
    ),
    "roles of a group of an organization": (
        other_roles_of_a_group,
        {
            "organization-groups/acme groups.smiths.realmRoles": ((), ("viewer",)),
            "organization-groups/acme groups.smiths.clientRoles.app": (("reader", "writer"), ("reader",)),
        },
    ),
    "member in another group of an organization": (
        member_in_another_group,
        {"organization-groups/acme members.ann": (("/smiths",), ("/smiths/r&d",))},
    ),
    "default role of the realm": (
        lambda hand: hand.delete(default_roles(hand), [hand.one("roles", name="viewer")]),
        {
            "default-roles realmRoles": (
                ("offline_access", "uma_authorization"),
                ("offline_access", "uma_authorization", "viewer"),
            )
        },
    ),
    "default role of a client": (
        lambda hand: hand.client.post(
            hand.path(default_roles(hand)), [hand.one(f"{client(hand)}/roles", name="writer")]
        ),
        {"default-roles clientRoles.app": (("reader", "writer"), ("reader",))},
    ),
    "event and condition of a workflow": (
        lambda hand: workflow(hand, on="user-created", enabled=False, **{"if": None}),
        {
            "workflow/leave on": ("user-created", "user-authenticated"),
            "workflow/leave if": (ABSENT, "has-role(viewer)"),
            "workflow/leave enabled": (False, True),
        },
    ),
    "settings of a workflow": (
        lambda hand: workflow(hand, schedule={"after": "5d"}, concurrency={"cancel-in-progress": "true"}),
        {
            "workflow/leave schedule.batch-size": (ABSENT, "50"),
            "workflow/leave concurrency.restart-in-progress": (ABSENT, "true"),
            "workflow/leave concurrency.cancel-in-progress": ("true", ABSENT),
        },
    ),
    "steps of a workflow": (
        lambda hand: workflow(
            hand,
            steps=[
                {"uses": "set-user-attribute", "after": "1d", "with": {"a": "c", "floor": ["1", "2"], "x": "y"}},
                {"uses": "notify-user", "after": "2d", "with": {"message": "Bye"}},
                {"uses": "disable-user", "after": "5d"},
                {"uses": "delete-user", "after": "9d"},
            ],
        ),
        {
            "workflow/leave steps.1.with.a": (("c",), ("b",)),
            "workflow/leave steps.1.with.x": (("y",), ABSENT),
            "workflow/leave steps.2.after": ("2d", "86400"),
            "workflow/leave steps.4": ({"uses": "delete-user", "after": "9d"}, ABSENT),
        },
    ),
    "identity provider of an organization": (
        lambda hand: hand.delete(f"{organization(hand)}/identity-providers/elsewhere"),
        {"organization/acme identityProviders": ((), ("elsewhere",))},
    ),
}


# Where Keycloak writes no admin event (26.7).
WITHOUT_EVENTS = (
    "localization",
    "client-profiles",
    "client-policies",
    "organization/acme identityProviders",
    "workflow",
)


def tried() -> Iterator[tuple[str, str]]:
    """The kinds and properties of all cases."""
    for _, differences in CASES.values():
        for key in differences:
            address, _, path = key.rpartition(" ")
            yield address.partition("/")[0], path.partition(".")[0]


def of_release(groups: Any, differences: Mapping[str, Any]) -> Mapping[str, Any]:
    """The differences without what the file of an older release has not of groups of organizations."""
    if "realmRoles" in str(groups):
        return differences
    own = {key: values for key, values in differences.items() if key.startswith("organization-groups")}
    others = {key: values for key, values in differences.items() if key not in own}
    kept = {key: tuple(map(without_roles, values)) for key, values in own.items() if "Roles" not in key}
    return others | (kept if groups else {})


def without_roles(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {key: without_roles(part) for key, part in value.items() if key not in ("realmRoles", "clientRoles")}


@pytest.mark.sweep(every=2)
@pytest.mark.parametrize("case", CASES)
def test_what_is_done_by_hand_is_named_and_repaired(lab: Lab, case: str) -> None:
    act, differences = CASES[case]
    if "workflow" in case and "workflows" not in lab.file:
        pytest.skip("this server has none")
    differences = of_release(lab.file["organizations"][0].get("groups"), differences)
    if not differences:
        pytest.skip("organizations of this release have no groups, or groups no roles")
    act(lab.hand)
    events = len(lab.hand.events())

    seen, after = lab.driver.apply(lab.file)

    def shown(key: str) -> str:
        address, _, path = key.rpartition(" ")
        kind, slash, name = address.partition("/")
        return f"keycloak.{kind}/{lab.file['realm']}{slash}{name} {path}"

    assert seen.fields == {shown(key): values for key, values in differences.items()}
    assert seen.writes
    if not any(key.startswith(WITHOUT_EVENTS) for key in differences):
        assert len(lab.hand.events()) - events == len(seen.writes)
    assert after.writes == ()


def test_the_mode_of_a_client_policy_is_kept(driver: Driver, realm: str, by_hand: ByHand) -> None:
    if still(driver.client, "knows no modes of client policies"):
        pytest.skip("this release knows none")
    policy = {"name": "p", "enabled": True, "mode": "STRICT", "conditions": [], "profiles": []}
    file = {"realm": realm, "clientPolicies": {"policies": [policy]}}
    driver.apply(file)
    by_hand.put("client-policies/policies", {"policies": [{**policy, "mode": "DEFAULT"}]})

    (repair, last) = driver.apply(file)

    assert list(repair.fields) == [f"keycloak.client-policies/{realm} policies.p.mode"]
    assert last.writes == ()
    assert by_hand.get("client-policies/policies")["policies"] == [policy]
