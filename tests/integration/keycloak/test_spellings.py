"""Properties of all types in odd spellings: applied as declared, or refused with a reason.

Of the cases one in RECONCILE_TEST_CASES_EVERY is tried, as in test_combinations.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from reconciler.record import replace
from tests.integration.keycloak.test_combinations import EVERY
from tests.integration.keycloak.test_fields import AN_ADDRESS, BINDINGS, CLIENT, PROVIDER, REALM
from tests.kit.discovery import Laboratory, Section
from tests.kit.keycloak.realms import AUDIENCE_MAPPER, PROFILE_ATTRIBUTES
from tests.kit.keycloak.server import Server, a_made_realm, dropped, without_newer
from tests.kit.spellings import spellings

KEYS = "org.keycloak.keys.KeyProvider"
LDAP = "org.keycloak.storage.UserStorageProvider"
MAPPER = {**AUDIENCE_MAPPER, "config": {"included.client.audience": "account", "access.token.claim": "true"}}
BASE: Mapping[str, Any] = {
    "organizationsEnabled": True,
    "internationalizationEnabled": True,
    "supportedLocales": ["de", "en"],
    "userProfile": {"unmanagedAttributePolicy": "ENABLED"},
    "groups": [{"name": "staff", "subGroups": [{"name": "night"}]}],
    "roles": {"realm": [{"name": "viewer"}], "client": {"account": [{"name": "reader"}]}},
    "users": [{"username": "ann", "enabled": True}],
    "clients": [{"clientId": "app", "fullScopeAllowed": False}],
    "identityProviders": [{"alias": "elsewhere", "providerId": "oidc", "config": AN_ADDRESS}],
}
"""Objects that those of the cases name."""


@dataclass(frozen=True)
class Subject:
    """A type of object: its section and key, what each object has, and the properties to spell oddly.

    ``{name}`` in a value stands for the name of the object.
    """

    section: Section
    key: str
    properties: Mapping[str, Any]
    plain: Mapping[str, Any] = field(default_factory=dict)

    def cases(self, prefix: str) -> Iterator[Mapping[str, Any]]:
        """The objects, with names that begin in a way of their own."""
        number = 0
        for name, value in self.properties.items():
            for other in spellings(value):
                number += 1
                own = f"{prefix.replace(' ', '')}{number}"
                yield filled({self.key: own, **self.plain, name: other}, own)


def filled(value: Any, name: str) -> Any:
    match value:
        case str():
            return value.replace("{name}", name).replace("{NAME}", name.upper()).replace("{Name}", name.title())
        case list():
            return [filled(part, name) for part in value]
        case dict():
            return {filled(key, name): filled(part, name) for key, part in value.items()}
        case _:
            return value


def first(table: Mapping[str, tuple[Any, Any]]) -> dict[str, Any]:
    return {name: values[0] for name, values in table.items()}


SERVICES: Mapping[str, Any] = {
    "allowRemoteResourceManagement": True,
    "policyEnforcementMode": "PERMISSIVE",
    "decisionStrategy": "AFFIRMATIVE",
    "scopes": [{"name": "view", "displayName": "View", "iconUri": "https://a.org"}, {"name": "edit"}],
    "resources": [
        {
            "name": "page",
            "type": "urn:page",
            "displayName": "Page",
            "uris": ["/a", "/b"],
            "ownerManagedAccess": True,
            "scopes": [{"name": "view"}],
            "attributes": {"k": ["1"]},
            "icon_uri": "https://a.org/i",
        }
    ],
    "policies": [
        {
            "name": "viewers",
            "type": "role",
            "logic": "POSITIVE",
            "decisionStrategy": "UNANIMOUS",
            "description": "one",
            "config": {"roles": '[{"id":"viewer","required":false}]'},
        },
        {"name": "staff", "type": "group", "config": {"groups": '[{"path":"/staff","extendChildren":false}]'}},
        {"name": "ann", "type": "user", "config": {"users": '["ann"]'}},
        {"name": "app", "type": "client", "config": {"clients": '["app"]'}},
        {"name": "scoped", "type": "client-scope", "config": {"clientScopes": '[{"id":"email"}]'}},
        {"name": "office", "type": "time", "config": {"hour": "8", "hourEnd": "17"}},
        {"name": "both", "type": "aggregate", "config": {"applyPolicies": '["viewers","office"]'}},
        {
            "name": "see",
            "type": "scope",
            "config": {"resources": '["page"]', "scopes": '["view"]', "applyPolicies": '["viewers"]'},
        },
        {
            "name": "all",
            "type": "resource",
            "decisionStrategy": "AFFIRMATIVE",
            "config": {"resources": '["page"]', "applyPolicies": '["both"]'},
        },
    ],
}
GUARDED = {"publicClient": False, "serviceAccountsEnabled": True, "authorizationServicesEnabled": True}
ROLE = {"description": "one", "attributes": {"level": ["1", "b"]}}
COMPOSITES = {"composites": {"realm": ["viewer"], "client": {"account": ["reader"]}}}
SUBJECTS = {
    "client": Subject(
        "clients",
        "clientId",
        {
            **first(CLIENT),
            "publicClient": False,
            "protocol": "openid-connect",
            "attributes": {"pkce.code.challenge.method": "S256", "note": "a"},
            "protocolMappers": [MAPPER],
            "defaultClientScopes": ["basic", "email"],
            "optionalClientScopes": ["phone"],
            "authenticationFlowBindingOverrides": {"browser": "browser"},
        },
    ),
    "authorization": Subject("clients", "clientId", {"authorizationSettings": SERVICES}, GUARDED),
    "client scope": Subject(
        "clientScopes",
        "name",
        {
            "description": "one",
            "protocol": "openid-connect",
            "attributes": {"include.in.token.scope": "false"},
            "protocolMappers": [MAPPER],
        },
    ),
    "role": Subject(("roles", "realm"), "name", {**ROLE, **COMPOSITES}),
    "client role": Subject(("roles", "client", "account"), "name", {**ROLE, **COMPOSITES}),
    "group": Subject(
        "groups",
        "name",
        {**ROLE, "realmRoles": ["viewer"], "clientRoles": {"account": ["reader"]}, "subGroups": [{"name": "night"}]},
    ),
    "user": Subject(
        "users",
        "username",
        {
            "email": "{name}@example.org",
            "emailVerified": True,
            "enabled": True,
            "firstName": "Ann",
            "lastName": "Lee",
            "requiredActions": ["UPDATE_PASSWORD", "VERIFY_EMAIL"],
            "attributes": {"note": ["a", "b"], "locale": ["de"]},
            "groups": ["/staff"],
            "realmRoles": ["viewer"],
            "clientRoles": {"account": ["reader"]},
            "federatedIdentities": [{"identityProvider": "elsewhere", "userId": "{name}", "userName": "ann"}],
        },
    ),
    "identity provider": Subject(
        "identityProviders",
        "alias",
        {
            **first(PROVIDER),
            "config": {
                **AN_ADDRESS,
                "useJwksUrl": "true",
                "syncMode": "FORCE",
                "defaultScope": "a b",
                "guiOrder": "3",
                "clientAuthMethod": "client_secret_post",
            },
        },
        {"providerId": "oidc", "config": AN_ADDRESS},
    ),
    "identity provider mapper": Subject(
        "identityProviderMappers",
        "name",
        {
            "identityProviderMapper": "hardcoded-role-idp-mapper",
            "config": {"role": "viewer", "syncMode": "INHERIT"},
        },
        {
            "identityProviderAlias": "elsewhere",
            "identityProviderMapper": "hardcoded-role-idp-mapper",
            "config": {"role": "viewer"},
        },
    ),
    "key": Subject(
        ("components", KEYS),
        "name",
        {"config": {"priority": ["7"], "algorithm": ["HS256"], "active": ["true"], "enabled": ["true"]}},
        {"providerId": "hmac-generated"},
    ),
    "user federation": Subject(
        ("components", LDAP),
        "name",
        {
            "config": {
                "vendor": ["other"],
                "connectionUrl": ["ldap://localhost:1"],
                "usersDn": ["ou=people"],
                "editMode": ["READ_ONLY"],
                "enabled": ["false"],
                "priority": ["1"],
                "usernameLDAPAttribute": ["uid"],
                "rdnLDAPAttribute": ["uid"],
                "uuidLDAPAttribute": ["entryUUID"],
                "userObjectClasses": ["inetOrgPerson, organizationalPerson"],
            }
        },
        {"providerId": "ldap"},
    ),
    "flow": Subject(
        "authenticationFlows",
        "alias",
        {
            "description": "one",
            "providerId": "basic-flow",
            "authenticationExecutions": [
                {"authenticator": "auth-cookie", "requirement": "ALTERNATIVE", "priority": 10},
                {"authenticator": "auth-otp-form", "requirement": "DISABLED", "priority": 20},
            ],
        },
        {"topLevel": True},
    ),
    "organization": Subject(
        "organizations",
        "alias",
        {
            "name": "{name}",
            "description": "one",
            "redirectUrl": "https://a.org",
            "enabled": True,
            "domains": [{"name": "{name}.org", "verified": True}],
            "attributes": {"trade": ["a", "b"]},
            "members": [{"username": "ann"}],
        },
        {"name": "{name}", "domains": [{"name": "{name}.org"}]},
    ),
    "workflow": Subject(
        "workflows",
        "name",
        {
            "enabled": True,
            "on": "user-authenticated",
            "if": "has-role(viewer)",
            "schedule": {"after": "5d", "batch-size": 50},
            "concurrency": {"restart-in-progress": True},
            "steps": [
                {"uses": "notify-user", "after": "30d", "with": {"message": "Bye"}},
                {"uses": "disable-user", "after": "40d"},
            ],
        },
        {"on": "user-authenticated", "steps": [{"uses": "disable-user", "after": "40d"}]},
    ),
}
SETTINGS: Mapping[str, Any] = {
    **first(REALM),
    **first(BINDINGS),
    "attributes": {"frontendUrl": "https://id.example.org", "note": "kept"},
    "browserSecurityHeaders": {"xFrameOptions": "DENY"},
    "smtpServer": {"host": "mail", "from": "a@example.org", "auth": "true", "user": "me", "port": "25"},
    "defaultGroups": ["/staff", "/staff/night"],
    "defaultRoles": {"realmRoles": ["viewer"], "clientRoles": {"account": ["reader"]}},
    "defaultDefaultClientScopes": ["basic", "email"],
    "defaultOptionalClientScopes": ["phone"],
    "scopeMappings": [{"client": "app", "roles": ["viewer"]}],
    "clientScopeMappings": {"account": [{"client": "app", "roles": ["reader"]}]},
    "localizationTexts": {"de": {"hello": "Hallo", "bye": "Ade"}},
    "userProfile": {
        "attributes": PROFILE_ATTRIBUTES,
        "groups": [{"name": "place", "displayHeader": "Where"}],
        "unmanagedAttributePolicy": "ENABLED",
    },
    "requiredActions": [
        {
            "alias": "UPDATE_PASSWORD",
            "name": "Change it",
            "enabled": True,
            "defaultAction": False,
            "priority": 51,
            "config": {"max_auth_age": "300"},
        }
    ],
    "clientProfiles": {
        "profiles": [
            {
                "name": "strict",
                "description": "one",
                "executors": [{"executor": "pkce-enforcer", "configuration": {"auto-configure": True}}],
            }
        ]
    },
    "clientPolicies": {
        "policies": [
            {
                "name": "all",
                "enabled": False,
                "conditions": [{"condition": "client-roles", "configuration": {"roles": ["reader"]}}],
                "profiles": [],
            }
        ]
    },
}


AT_A_TIME = 100
"""So many objects are exported and validated in little time."""


@pytest.fixture(scope="module")
def name(server: Server) -> Iterator[str]:
    """One realm for the cases of all types: their objects have names of their own."""
    made = a_made_realm(server)
    yield made
    dropped(server, made)


@pytest.fixture
def laboratory(server: Server, name: str, tmp_path: Path) -> Laboratory:
    client = server.client()
    return Laboratory(client, tmp_path, name, without_newer(client, BASE))


@pytest.mark.sweep(every=3)
@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_property_in_an_odd_spelling_ends_well(laboratory: Laboratory, server: Server, subject: str) -> None:
    own = SUBJECTS[subject]
    if own.section == "workflows" and "workflows" not in without_newer(laboratory.client, {"workflows": ()}):
        pytest.skip("this release does not have them")
    cases = [*own.cases(subject)][::EVERY]

    tried = laboratory.objects(own.section, cases[:AT_A_TIME], own.key)
    for start in range(AT_A_TIME, len(cases), AT_A_TIME):
        other = a_made_realm(server)
        tried += replace(laboratory, realm=other).objects(own.section, cases[start : start + AT_A_TIME], own.key)
        dropped(server, other)

    assert not tried.wrong, str(tried)
    assert tried.count == len(cases)


def test_authorization_services_that_are_there_get_odd_spellings_and_end_well(
    laboratory: Laboratory, server: Server
) -> None:
    own = SUBJECTS["authorization"]
    cases = [*own.cases("guarded")][:: 4 * EVERY]

    for start in range(0, len(cases), AT_A_TIME):
        some, other = cases[start : start + AT_A_TIME], a_made_realm(server)
        there = replace(laboratory, realm=other)
        made = there.objects(own.section, [{**case, "authorizationSettings": SERVICES} for case in some], own.key)
        tried = there.objects(own.section, some, own.key)
        dropped(server, other)

        assert not made.wrong, str(made)
        assert not tried.wrong, str(tried)


PROFILE = {"name": "floor", "permissions": {"view": ["admin"]}}
MAIL = {"host": "mail", "from": "a@example.org", "user": "me"}
POLICY = {"name": "all", "conditions": [{"condition": "any-client", "configuration": {}}], "profiles": []}
FOUND: Mapping[str, list[Any]] = {
    "webAuthnPolicyRpEntityName": ["lab", "", None],
    "webAuthnPolicyPasswordlessRpEntityName": ["lab", None, ""],
    "webAuthnPolicySignatureAlgorithms": [["RS256"], [], None],
    "webAuthnPolicyPasswordlessSignatureAlgorithms": [["RS256"], None, [""]],
    "webAuthnPolicyPasswordlessResidentKey": ["discouraged", "", None],
    "webAuthnPolicyPasswordlessUserVerificationRequirement": ["preferred", None, ""],
    "webAuthnPolicyPasswordlessMediation": ["conditional", " ", None],
    "bruteForceStrategy": [" LINEAR ", "MULTIPLE\n", None],
    "sslRequired": [" External ", "", None],
    "clientPolicies": [{"policies": [{**POLICY, "enabled": switch}]} for switch in ("false", "TRUE", None)],
    "smtpServer": [{**MAIL, "auth": auth} for auth in ("TRUE", " true ", None)],
    "userProfile": [
        {"attributes": [*PROFILE_ATTRIBUTES, {**PROFILE, **own}], "unmanagedAttributePolicy": policy}
        for own, policy in (
            ({"permissions": {}}, " ENABLED "),
            ({"permissions": {"view": ["admin", "admin"]}, "selector": {"scopes": ["email", "email"]}}, "ADMIN_EDIT\n"),
            ({"permissions": {"view": None, "edit": ["admin"]}, "required": {"roles": ["admin", "admin"]}}, None),
        )
    ],
}
"""Settings with values that Keycloak shows in another form, one after the other; whole runs have found them."""


def test_what_whole_runs_have_found_in_the_settings_of_a_realm_ends_well(
    laboratory: Laboratory, server: Server
) -> None:
    """A case in a realm of its own: among many odd objects Keycloak fails at any change of a realm (500, 26.7)."""
    other = a_made_realm(server)

    tried = replace(laboratory, realm=other).settings(without_newer(laboratory.client, FOUND))

    dropped(server, other)
    assert not tried.wrong, str(tried)
    assert not tried.refused_by_server


def test_settings_of_a_realm_in_odd_spellings_end_well(laboratory: Laboratory) -> None:
    settings = without_newer(laboratory.client, SETTINGS)
    values = {name: [*spellings(value)][index % EVERY :: EVERY] for index, (name, value) in enumerate(settings.items())}

    tried = laboratory.settings(values)

    assert not tried.wrong, str(tried)
    assert tried.count == sum(map(len, values.values()))
