"""Every kind that a file can take away, with others depending on it: the others let go first, in any order that a run
may take. What is fixed once made is refused or made anew, and never written in vain."""

from __future__ import annotations

import copy
import os
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

import pytest

from reconciler.core.plan.plan import Plan, Step
from reconciler.core.plan.policy import Policy, refusals
from reconciler.core.resource.address import Address
from reconciler.core.resource.values import ABSENT
from reconciler.providers.keycloak.registry import KINDS
from tests.kit.keycloak.server import MOST_PASSES, ByHand, Driver, without_newer

ORDERS = int(os.environ.get("RECONCILE_TEST_ORDERS", "1"))
IDP = {
    "alias": "corp",
    "providerId": "oidc",
    "config": {"clientId": "kc", "authorizationUrl": "https://i.example.org/a", "tokenUrl": "https://i.example.org/t"},
}
LDAP = "org.keycloak.storage.UserStorageProvider"
Section = Mapping[str, Any]


def user(**more: Any) -> list[dict[str, Any]]:
    return [{"username": "ann", "email": "a@example.org", "firstName": "A", "lastName": "N", **more}]


def composed(name: str, **composites: Any) -> dict[str, Any]:
    return {"name": name, "composites": composites}


def services(*policies: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "clientId": "rs",
        "publicClient": False,
        "serviceAccountsEnabled": True,
        "authorizationServicesEnabled": True,
        "authorizationSettings": {"policies": list(policies), **more},
    }


@dataclass(frozen=True)
class Deletion:
    """A realm's sections before and after; ``gone`` are the kinds of which something is deleted."""

    before: Section
    after: Section
    gone: tuple[str, ...]


BY_ROLE = {"name": "p", "type": "role", "config": {"roles": '[{"id":"old","required":false}]'}}
BY_GROUP = {"name": "p", "type": "group", "config": {"groups": '[{"path":"/old","extendChildren":false}]'}}
BY_CLIENT = {"name": "p", "type": "client", "config": {"clients": '["old"]'}}
NOBODY = {"name": "p", "type": "client", "config": {"clients": '["rs"]'}}
FIRM = {"name": "O", "alias": "o", "domains": [{"name": "o.org"}]}
LANGUAGES = {"internationalizationEnabled": True, "supportedLocales": ["de", "en"]}
A_ROLE = {"realm": [{"name": "old"}]}
DELETIONS = {
    "role of users, groups and composites": Deletion(
        {
            "roles": {"realm": [{"name": "old"}, {"name": "all", "composites": {"realm": ["old"]}}]},
            "groups": [{"name": "G", "realmRoles": ["old"]}],
            "users": user(realmRoles=["old"]),
        },
        {
            "roles": {"realm": [{"name": "new"}, {"name": "all", "composites": {"realm": ["new"]}}]},
            "groups": [{"name": "G", "realmRoles": ["new"]}],
            "users": user(realmRoles=["new"]),
        },
        ("keycloak.role",),
    ),
    "roles that contain each other": Deletion(
        {"roles": {"realm": [composed("a", realm=["b"]), composed("b", realm=["a"])]}},
        {"roles": {"realm": []}},
        ("keycloak.role",),
    ),
    "role of scope mappings and policies": Deletion(
        {
            "roles": A_ROLE,
            "clients": [services(BY_ROLE), {"clientId": "app", "fullScopeAllowed": False}],
            "scopeMappings": [{"client": "app", "roles": ["old"]}],
        },
        {
            "roles": {"realm": []},
            "clients": [services(NOBODY), {"clientId": "app", "fullScopeAllowed": False}],
            "scopeMappings": [{"client": "app", "roles": []}],
        },
        ("keycloak.role",),
    ),
    "group that is moved with its members": Deletion(
        {"groups": [{"name": "A", "subGroups": [{"name": "team"}]}, {"name": "B"}], "users": user(groups=["/A/team"])},
        {"groups": [{"name": "A"}, {"name": "B", "subGroups": [{"name": "team"}]}], "users": user(groups=["/B/team"])},
        ("keycloak.group",),
    ),
    "group that gets another name": Deletion(
        {"groups": [{"name": "old"}], "users": user(groups=["/old"]), "defaultGroups": ["/old"]},
        {"groups": [{"name": "new"}], "users": user(groups=["/new"]), "defaultGroups": ["/new"]},
        ("keycloak.group",),
    ),
    "group of a policy": Deletion(
        {"groups": [{"name": "old"}], "clients": [services(BY_GROUP)]},
        {"groups": [], "clients": [services(NOBODY)]},
        ("keycloak.group",),
    ),
    "client with its roles": Deletion(
        {
            "clients": [{"clientId": "old"}, {"clientId": "app"}],
            "roles": {"realm": [composed("all", client={"old": ["x"]})], "client": {"old": [{"name": "x"}]}},
            "groups": [{"name": "G", "clientRoles": {"old": ["x"]}}],
            "users": user(clientRoles={"old": ["x"]}),
        },
        {
            "clients": [{"clientId": "app"}],
            "roles": {"realm": [{"name": "all", "composites": {"client": {}}}]},
            "groups": [{"name": "G", "clientRoles": {}}],
            "users": user(clientRoles={}),
        },
        ("keycloak.client",),
    ),
    "client of a policy": Deletion(
        {"clients": [services(BY_CLIENT), {"clientId": "old", "serviceAccountsEnabled": True}]},
        {"clients": [services(NOBODY)]},
        ("keycloak.client",),
    ),
    "client scope of clients and of the realm": Deletion(
        {
            "clientScopes": [{"name": "old", "protocol": "openid-connect"}],
            "clients": [{"clientId": "app", "defaultClientScopes": ["old", "basic"], "optionalClientScopes": []}],
            "defaultOptionalClientScopes": ["old"],
        },
        {
            "clientScopes": [],
            "clients": [{"clientId": "app", "defaultClientScopes": ["basic"], "optionalClientScopes": []}],
            "defaultOptionalClientScopes": [],
        },
        ("keycloak.client-scope",),
    ),
    "identity provider with mappers, links and an organization": Deletion(
        {
            "identityProviders": [IDP],
            "identityProviderMappers": [
                {
                    "name": "all",
                    "identityProviderAlias": "corp",
                    "identityProviderMapper": "hardcoded-attribute-idp-mapper",
                    "config": {"attribute": "a", "attribute.value": "b", "syncMode": "INHERIT"},
                }
            ],
            "organizationsEnabled": True,
            "organizations": [{**FIRM, "identityProviders": [{"alias": "corp"}]}],
            "users": user(federatedIdentities=[{"identityProvider": "corp", "userId": "1", "userName": "ann"}]),
        },
        {
            "identityProviders": [],
            "organizationsEnabled": True,
            "organizations": [{**FIRM, "identityProviders": []}],
            "users": user(federatedIdentities=[]),
        },
        ("keycloak.identity-provider",),
    ),
    "organization with members": Deletion(
        {
            "organizationsEnabled": True,
            "organizations": [{**FIRM, "members": [{"username": "ann"}]}],
            "users": user(),
        },
        {"organizationsEnabled": True, "organizations": [], "users": user()},
        ("keycloak.organization",),
    ),
    "user in an organization and a policy": Deletion(
        {
            "organizationsEnabled": True,
            "organizations": [{**FIRM, "members": [{"username": "ann"}]}],
            "users": user(),
            "clients": [services({"name": "p", "type": "user", "config": {"users": '["ann"]'}})],
        },
        {
            "organizationsEnabled": True,
            "organizations": [{**FIRM, "members": []}],
            "users": [],
            "clients": [services(NOBODY)],
        },
        ("keycloak.user",),
    ),
    "federation with its mappers": Deletion(
        {
            "components": {
                LDAP: [
                    {
                        "name": "ldap",
                        "providerId": "ldap",
                        "config": {
                            "vendor": ["other"],
                            "connectionUrl": ["ldap://nowhere.example.org"],
                            "usersDn": ["ou=p"],
                            "editMode": ["READ_ONLY"],
                            "usernameLDAPAttribute": ["uid"],
                            "rdnLDAPAttribute": ["uid"],
                            "uuidLDAPAttribute": ["entryUUID"],
                            "userObjectClasses": ["person"],
                            "authType": ["none"],
                        },
                    }
                ]
            }
        },
        {"components": {}},
        ("keycloak.component",),
    ),
    "roles of clients": Deletion(
        {
            "clients": [{"clientId": "app", "fullScopeAllowed": False}],
            "roles": {"realm": [composed("all", client={"app": ["x"]})], "client": {"app": [{"name": "x"}]}},
            "clientScopeMappings": {"app": [{"client": "app", "roles": ["x"]}]},
            "users": user(clientRoles={"app": ["x"]}),
        },
        {
            "clients": [{"clientId": "app", "fullScopeAllowed": False}],
            "roles": {"realm": [composed("all", client={})], "client": {"app": []}},
            "clientScopeMappings": {"app": [{"client": "app", "roles": []}]},
            "users": user(clientRoles={}),
        },
        ("keycloak.client-role",),
    ),
    "mapper of an identity provider": Deletion(
        {
            "identityProviders": [IDP],
            "identityProviderMappers": [
                {
                    "name": "all",
                    "identityProviderAlias": "corp",
                    "identityProviderMapper": "hardcoded-attribute-idp-mapper",
                    "config": {"attribute": "a", "attribute.value": "b", "syncMode": "INHERIT"},
                }
            ],
        },
        {"identityProviders": [IDP], "identityProviderMappers": []},
        ("keycloak.identity-provider-mapper",),
    ),
    "texts of a language": Deletion(
        {**LANGUAGES, "localizationTexts": {"de": {"a": "A", "b": "B"}, "en": {"a": "A"}}},
        {**LANGUAGES, "localizationTexts": {"en": {"a": "A"}}},
        ("keycloak.localization",),
    ),
    "workflow": Deletion(
        {
            "workflows": [
                {"name": "old", "on": "user-authenticated", "steps": [{"uses": "disable-user", "after": "40d"}]},
                {"name": "kept", "on": "user-authenticated", "steps": [{"uses": "disable-user", "after": "50d"}]},
            ]
        },
        {
            "workflows": [
                {"name": "kept", "on": "user-authenticated", "steps": [{"uses": "disable-user", "after": "50d"}]},
            ]
        },
        ("keycloak.workflow",),
    ),
    "flow of a client and an identity provider": Deletion(
        {
            "authenticationFlows": [{"alias": "old", "topLevel": True}, {"alias": "new", "topLevel": True}],
            "clients": [{"clientId": "app", "authenticationFlowBindingOverrides": {"browser": "old"}}],
            "identityProviders": [{**IDP, "postBrokerLoginFlowAlias": "old"}],
        },
        {
            "authenticationFlows": [{"alias": "new", "topLevel": True}],
            "clients": [{"clientId": "app", "authenticationFlowBindingOverrides": {"browser": "new"}}],
            "identityProviders": [{**IDP, "postBrokerLoginFlowAlias": "new"}],
        },
        ("keycloak.flow",),
    ),
}  # fmt: skip
SECTIONS = sorted({kind.pruning.section for kind in KINDS.values() if kind.pruning.section})


def realm_of(name: str, sections: Section, prune: str) -> dict[str, Any]:
    own = dict.fromkeys(SECTIONS, prune)
    return {"realm": name, "enabled": True, "x-reconcile": {"prune": own}, **copy.deepcopy(dict(sections))}


def shuffled(steps: Sequence[Step], seed: int) -> Iterator[Step]:
    """The steps in one of the orders that a run may take."""
    chance, by_id = random.Random(seed), {step.id: step for step in steps}
    graph = TopologicalSorter({step.id: step.after | step.behind for step in steps})
    graph.prepare()
    ready: list[str] = []
    while graph.is_active():
        ready += sorted(graph.get_ready())
        step_id = ready.pop(chance.randrange(len(ready)))
        yield by_id[step_id]
        graph.done(step_id)


def done_at_random(driver: Driver, file: Mapping[str, Any], seed: int) -> Iterator[Plan]:
    for _ in range(MOST_PASSES):
        plan = driver.pruning(copy.deepcopy(file))
        yield plan
        if not plan.steps:
            return
        driver.perform(list(shuffled(plan.steps, seed)))
    raise AssertionError(f"still different: {[str(change.address) for change in plan.changes if change.acts]}")


@pytest.mark.sweep(every=2)
@pytest.mark.parametrize("seed", range(ORDERS))
@pytest.mark.parametrize("case", DELETIONS)
def test_others_let_go_before_something_is_deleted(driver: Driver, fresh: str, case: str, seed: int) -> None:
    deletion = DELETIONS[case]
    if "workflows" in deletion.before and "workflows" not in without_newer(driver.client, deletion.before):
        pytest.skip("this release does not have them")
    driver.apply(realm_of(fresh, deletion.before, "off"))

    first, *_, last = done_at_random(driver, realm_of(fresh, deletion.after, "exact"), seed)

    assert {change.address.kind for change in first.changes if change.action.value == "delete"} >= set(deletion.gone)
    assert [change.obstacle for change in first.changes if change.obstacle] == []
    assert last.in_sync


# ------------------------------------------------------------------ fixed once made

ACTION = "authentication/required-actions/UPDATE_PASSWORD"
KEY = "org.keycloak.keys.KeyProvider"
FIXED: dict[tuple[str, str], tuple[Section, Section, str]] = {
    ("keycloak.identity-provider", "providerId"): (
        {"identityProviders": [IDP]},
        {"identityProviders": [{**IDP, "providerId": "keycloak-oidc"}]},
        "identity-provider/instances/corp",
    ),
    ("keycloak.required-action", "providerId"): (
        {"requiredActions": [{"alias": "UPDATE_PASSWORD", "providerId": "UPDATE_PASSWORD"}]},
        {"requiredActions": [{"alias": "UPDATE_PASSWORD", "providerId": "VERIFY_EMAIL"}]},
        ACTION,
    ),
}


@pytest.mark.parametrize("row", FIXED, ids="-".join)
def test_what_the_server_fixes_is_refused_and_it_does_fix_it(driver: Driver, fresh: str, row: tuple[str, str]) -> None:
    before, after, path = FIXED[row]
    driver.apply({"realm": fresh, **before})
    hand = ByHand(driver.client, fresh)
    (other,) = next(iter(after.values()))

    plan = driver.plan({"realm": fresh, **after})
    found = refusals(plan, Policy(deletes=True))
    hand.change(path, **{row[1]: other[row[1]]})

    assert [row[1] in refusal.message for refusal in found] == [True]
    assert found[0].message.startswith("users.yaml:1:1: ")
    assert driver.plan({"realm": fresh, **before}).in_sync


KEYS, REGISTRATION = KEY, "org.keycloak.services.clientregistration.policy.ClientRegistrationPolicy"


def flow_of(sort: str) -> Section:
    return {"authenticationFlows": [{"alias": "ours", "providerId": sort, "topLevel": True}]}


def component(section: str, sort: str, **more: Any) -> Section:
    return {"components": {section: [{"name": "c", "providerId": sort, **more}]}}


def mapping(sort: str, **config: str) -> Section:
    body = {"name": "m", "identityProviderAlias": "corp", "identityProviderMapper": sort}
    return {
        "identityProviders": [IDP],
        "identityProviderMappers": [{**body, "config": {"syncMode": "INHERIT", **config}}],
    }


TYPES: Mapping[str, tuple[Section, Section]] = {
    "flow": (flow_of("basic-flow"), flow_of("client-flow")),
    "key": (component(KEYS, "hmac-generated"), component(KEYS, "aes-generated")),
    "policy for clients": (
        component(REGISTRATION, "max-clients", subType="anonymous", config={"max-clients": ["3"]}),
        component(REGISTRATION, "scope", subType="anonymous", config={}),
    ),
    "kind of policy for clients": (
        component(REGISTRATION, "scope", subType="anonymous", config={}),
        component(REGISTRATION, "scope", subType="authenticated", config={}),
    ),
    "mapper of an identity provider": (
        mapping("hardcoded-attribute-idp-mapper", attribute="a", **{"attribute.value": "b"}),
        mapping("oidc-user-attribute-idp-mapper", claim="a", **{"user.attribute": "b"}),
    ),
}


@pytest.mark.sweep(every=5)
@pytest.mark.parametrize("case", TYPES)
def test_a_type_that_the_server_does_change_is_changed(driver: Driver, fresh: str, case: str) -> None:
    before, after = TYPES[case]
    driver.apply({"realm": fresh, **copy.deepcopy(dict(before))})

    driver.apply({"realm": fresh, **copy.deepcopy(dict(after))})

    assert driver.look({"realm": fresh, **copy.deepcopy(dict(after))}).plan.in_sync


def mapper(protocol: str) -> dict[str, Any]:
    sort, key = {"openid-connect": ("oidc-usermodel-attribute-mapper", "claim.name")}.get(
        protocol, ("saml-user-attribute-mapper", "attribute.name")
    )
    config = {"user.attribute": "x", key: "x"}
    return {"name": "m", "protocol": protocol, "protocolMapper": sort, "config": config}


def client(protocol: str) -> dict[str, Any]:
    return {"clientId": "app", "protocol": protocol, "protocolMappers": [mapper(protocol)]}


def test_a_mapper_of_another_protocol_is_another_mapper(driver: Driver, fresh: str) -> None:
    driver.apply({"realm": fresh, "clients": [client("openid-connect")]})

    *_, last = driver.apply({"realm": fresh, "clients": [client("saml")]})

    assert last.plan.in_sync


def test_a_mapper_beside_one_of_the_same_name_is_seen_and_removed(driver: Driver, fresh: str) -> None:
    file = {"realm": fresh, "clients": [client("openid-connect")]}
    driver.apply(file)
    hand = ByHand(driver.client, fresh)
    hand.post(f"clients/{hand.id_of('clients', clientId='app')}/protocol-mappers/models", mapper("saml"))

    seen = driver.once(file)

    ((path, (_, after)),) = seen.fields.items()
    assert path.endswith(" protocolMappers.m (saml)")
    assert after is ABSENT
    assert driver.look(file).plan.in_sync


OFFICE = {"name": "p", "type": "time", "logic": "NEGATIVE", "config": {"hour": "8", "hourEnd": "17"}}
PERMISSION = {"name": "read", "type": "scope", "config": {"scopes": '["view"]', "applyPolicies": '["p"]'}}


def test_a_policy_of_another_type_is_another_policy_with_what_applies_it(driver: Driver, fresh: str) -> None:
    scopes = [{"name": "view"}]
    driver.apply({"realm": fresh, "clients": [services(OFFICE, PERMISSION, scopes=scopes)]})
    file = {"realm": fresh, "clients": [services({**NOBODY, "logic": "POSITIVE"}, PERMISSION, scopes=scopes)]}

    changed = driver.once(copy.deepcopy(file))

    assert driver.look(file).plan.in_sync
    assert list(changed.changes) == [str(Address("keycloak.authorization", (fresh, "rs")))]
    hand = ByHand(driver.client, fresh)
    settings = hand.get(f"clients/{hand.id_of('clients', clientId='rs')}/authz/resource-server/settings")
    policies = {each["name"]: each for each in settings["policies"]}
    assert (policies["p"]["type"], policies["p"]["logic"]) == ("client", "POSITIVE")
    assert "hour" not in policies["p"]["config"]
    assert policies["read"]["config"]["applyPolicies"] == '["p"]'
