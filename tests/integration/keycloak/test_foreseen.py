"""A plan says what a step will be refused for, in the same words, and nothing of steps that succeed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from reconciler.core.message.errors import Conflict, Rejected
from tests.integration.keycloak.test_fields import AN_ADDRESS
from tests.kit.keycloak.realms import a_realm, a_whole_realm
from tests.kit.keycloak.server import Driver, without_newer

ANY = {"userProfile": {"unmanagedAttributePolicy": "ENABLED"}}
LINK = {"identityProvider": "corp", "userId": "1", "userName": "ann"}
ACME = {"name": "acme", "domains": [{"name": "acme.org"}]}
PAPERS = {"name": "papers", "protocol": "saml"}
CORP = {"alias": "corp", "providerId": "oidc", "config": AN_ADDRESS}


def ann(**more: Any) -> dict[str, Any]:
    return {"users": [{"username": "ann", "enabled": True, **more}]}


def guarded(**settings: Any) -> dict[str, Any]:
    services = {"serviceAccountsEnabled": True, "authorizationServicesEnabled": True}
    return {"clients": [{"clientId": "rs", **services, "authorizationSettings": settings}]}


REFUSED: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "language of a user": ({**ANY, **ann(attributes={"locale": ["de"]})}, "the realm has no languages"),
    "attribute without a place": (
        ann(attributes={"floor": ["1"]}),
        "the realm's user profile has no attribute `floor`",
    ),
    "attribute of the server": ({**ANY, **ann(attributes={"LDAP_ID": ["abc"]})}, "`LDAP_ID` can't be set"),
    "required action": (ann(requiredActions=["update_password"]), "did you mean `UPDATE_PASSWORD`?"),
    "identity elsewhere": (ann(federatedIdentities=[LINK]), "the realm has no identity provider `corp`"),
    "role of a user": (ann(realmRoles=["vip"]), "vip is not there"),
    "role of a group": ({"groups": [{"name": "staff", "realmRoles": ["vip"]}]}, "vip is not there"),
    "scope of a client": ({"clients": [{"clientId": "a", "defaultClientScopes": ["vip"]}]}, "vip is not there"),
    "role of a policy": (
        guarded(policies=[{"name": "p", "type": "role", "config": {"roles": '[{"id":"vip"}]'}}]),
        "vip",
    ),
    "scope of a permission": (
        guarded(policies=[{"name": "p", "type": "scope", "config": {"scopes": '["view"]'}}]),
        "policy `p` names the scope `view`, which client rs does not have",
    ),
    "resource of a permission": (
        guarded(policies=[{"name": "p", "type": "resource", "config": {"resources": '["page"]'}}]),
        "policy `p` names the resource `page`",
    ),
    "policy without a type": (guarded(policies=[{"name": "p"}]), "policy `p` needs a `type`"),
    "type of a policy": (guarded(policies=[{"name": "p", "type": "js"}]), "`p` is of the type `js`"),
    "length of a user name": ({"users": [{"username": "ab"}]}, "the username `ab` must have at least 3 characters"),
    "letters of a first name": (ann(firstName="<b>"), "the firstName `<b>` can't have `<` in it"),
    "protocol of a client": (
        {"clients": [{"clientId": "a", "protocol": "of-nobody"}]},
        "this server has no protocol `of-nobody`",
    ),
    "policy of passwords": ({"passwordPolicy": "ofNobody(3)"}, "this server has no password policy `ofNobody`"),
    "type of an identity provider": (
        {"identityProviders": [{**CORP, "providerId": "of-nobody"}]},
        "this server has no type of identity provider `of-nobody`",
    ),
    "name that is the address": (
        {"registrationEmailAsUsername": True, **ann(email="a@example.org")},
        "Keycloak would name user `ann` by the address `a@example.org`",
    ),
    "scope of another protocol": (
        {"clientScopes": [PAPERS], "clients": [{"clientId": "a", "defaultClientScopes": ["papers"]}]},
        "can't have scopes of another one, so Keycloak would drop `papers` (saml)",
    ),
    "scope of a client of another protocol": (
        {"clients": [{"clientId": "a", "protocol": "saml", "optionalClientScopes": ["email", "role_list"]}]},
        "Keycloak would drop `email` (openid-connect) without a word",
    ),
    "required action of nobody": (
        {"requiredActions": [{"alias": "MY_TOTP", "name": "TOTP", "providerId": "CONFIGURE_OTP"}]},
        "this server has no required action `CONFIGURE_OTP`",
    ),
    "organization of a realm without": (
        {"organizations": [{**ACME, "alias": "acme"}]},
        "the realm has no organizations; set `organizationsEnabled: true` in it",
    ),
    "name of an identity provider": (
        {"identityProviders": [{**CORP, "alias": "corp/eu:1"}]},
        "the name `corp/eu:1` can't have `/`, `:` in it",
    ),
    "name of a flow": (
        {"authenticationFlows": [{"alias": "my/flow", "topLevel": True}]},
        "the name `my/flow` can't have `/` in it",
    ),
    "name of an organization": (
        {"organizationsEnabled": True, "organizations": [{**ACME, "alias": "a c"}]},
        "the name `a c` can't have a blank in it",
    ),
    "name of a client scope": ({"clientScopes": [{"name": 'a "b'}]}, 'the name `a "b` can\'t have a blank, `"` in it'),
    "length of a name": (
        {"roles": {"realm": [{"name": "r" * 256}]}},
        "the name has 256 characters, and Keycloak takes 255 at most",
    ),
    "flow of the realm": ({"browserFlow": "ours"}, "browserFlow names `ours`"),
    "flow of a provider": (
        {"identityProviders": [{**CORP, "postBrokerLoginFlowAlias": "ours"}]},
        "postBrokerLoginFlowAlias names `ours`",
    ),
}


@pytest.mark.sweep(every=3)
@pytest.mark.parametrize("case", REFUSED)
def test_a_plan_says_what_a_step_is_refused_for(driver: Driver, realm: str, case: str) -> None:
    file, words = REFUSED[case]

    plan = driver.plan({"realm": realm, **file})
    (foreseen,) = driver.provider.obstacles(plan.steps)
    with pytest.raises((Conflict, Rejected)) as refused:
        driver.perform(plan.steps)

    assert words in foreseen.message
    assert foreseen.message in str(refused.value.args[0])


OURS = {"alias": "ours", "providerId": "basic-flow", "topLevel": True}
AT = "a@example.org"
MAIL = {"email": AT, "enabled": True}
ACTION = {"alias": "webauthn-register", "name": "Key", "providerId": "webauthn-register", "enabled": True}
EDITABLE = {"permissions": {"view": ["admin"], "edit": ["admin"]}}
TAKEN: Mapping[str, Mapping[str, Any]] = {
    "language": {**ANY, **ann(attributes={"locale": ["de"]}), "internationalizationEnabled": True},
    "attribute": {
        "userProfile": {"attributes": [{"name": "username"}, {"name": "email"}, {"name": "floor", **EDITABLE}]},
        **ann(attributes={"floor": ["1"]}),
    },
    "required action": {"requiredActions": [ACTION], **ann(requiredActions=["webauthn-register"])},
    "name in another profile": {
        "userProfile": {"attributes": [{"name": "username", "validations": {"length": {"min": 1}}}, {"name": "email"}]},
        "users": [{"username": "ab", "enabled": True}],
    },
    "identity elsewhere": {"identityProviders": [CORP], **ann(federatedIdentities=[LINK])},
    "role": {"roles": {"realm": [{"name": "vip"}]}, "groups": [{"name": "g", "realmRoles": ["vip"]}]},
    "parts of authorization services": guarded(
        scopes=[{"name": "view"}],
        resources=[{"name": "page", "scopes": [{"name": "view"}]}],
        policies=[
            {"name": "p", "type": "user", "config": {"users": '["service-account-rs"]'}},
            {
                "name": "q",
                "type": "scope",
                "config": {"scopes": '["view"]', "resources": '["page"]', "applyPolicies": '["p"]'},
            },
        ],
    ),
    "role of a new client": {
        "clients": [{"clientId": "a", "serviceAccountsEnabled": True, "authorizationServicesEnabled": True}],
        **ann(clientRoles={"a": ["uma_protection"]}),
    },
    "name of a user that the address is": {"registrationEmailAsUsername": True, "users": [{**MAIL, "username": AT}]},
    "scope of the client's protocol": {
        "clientScopes": [PAPERS],
        "clients": [{"clientId": "a", "protocol": "saml", "defaultClientScopes": ["papers", "role_list"]}],
    },
    "organization": {
        "organizationsEnabled": True,
        "organizations": [ACME],
    },
    "flow": {
        "authenticationFlows": [OURS],
        "browserFlow": "ours",
        "identityProviders": [{**CORP, "firstBrokerLoginFlowAlias": "ours"}],
    },
}


@pytest.mark.sweep(every=3)
@pytest.mark.parametrize("is_new", [True, False])
@pytest.mark.parametrize("case", TAKEN)
def test_what_the_same_plan_makes_counts_as_there(driver: Driver, fresh: str, case: str, is_new: bool) -> None:
    file = {"realm": fresh, "enabled": True, **TAKEN[case]}
    if not is_new:
        driver.apply({"realm": fresh, "enabled": True})

    plan = driver.plan(file)

    assert [each.message for each in driver.provider.obstacles(plan.steps)] == []
    driver.apply(file)


@pytest.mark.parametrize("made", [a_realm, a_whole_realm])
def test_nothing_is_foreseen_for_a_realm_that_is_sound(driver: Driver, fresh: str, made: Any) -> None:
    plan = driver.plan(without_newer(driver.client.inner, made(fresh)))

    assert [each.message for each in driver.provider.obstacles(plan.steps)] == []
