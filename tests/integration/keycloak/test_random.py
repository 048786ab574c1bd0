"""Realms nobody would think of: made, then nothing differs; turned into another one, then nothing differs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from reconciler.core.resource.values import ABSENT
from reconciler.providers.keycloak.registry import KINDS
from tests.kit.keycloak.server import Driver, Server, a_made_realm, document, dropped, without_newer

EXAMPLES = int(os.environ.get("RECONCILE_TEST_EXAMPLES", "6"))
NAMES = ("alpha", "beta", "gamma")
TEXTS = st.sampled_from(["", "x", "two words", "ünï ✓", "a,b=c/d", "${role_x}", "'\"\\"])
SOME = st.lists(st.sampled_from(NAMES), unique=True)
URLS = st.lists(st.sampled_from(["https://a.org/x", "https://b.org/*", "/relative"]), unique=True)
SCOPES = st.permutations(["basic", "email", "phone", "address", "extra"])
ATTRIBUTES = st.dictionaries(st.sampled_from(NAMES), st.lists(TEXTS.filter(bool), min_size=1, max_size=2, unique=True))
FREE = st.dictionaries(st.sampled_from(NAMES), TEXTS | st.booleans() | st.none())


def maybe(**properties: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=properties)


def named(key: str, properties: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[list[dict[str, Any]]]:
    """An object for each of the names, so that no reference is empty."""
    return st.tuples(*(properties.map(lambda body, name=name: {key: name, **body}) for name in NAMES)).map(list)


@st.composite
def scopes(draw: st.DrawFn) -> dict[str, Any]:
    order = draw(SCOPES)
    first, second = sorted((draw(st.integers(0, 5)), draw(st.integers(0, 5))))
    return {"defaultClientScopes": order[:first], "optionalClientScopes": order[first:second]}


MAPPERS = st.lists(
    st.builds(
        lambda name, kind, config: {
            "name": name,
            "protocol": "openid-connect",
            "protocolMapper": kind,
            "config": {"claim.name": "c", **config},
        },
        st.sampled_from(NAMES),
        st.sampled_from(["oidc-group-membership-mapper", "oidc-usermodel-realm-role-mapper", "oidc-audience-mapper"]),
        maybe(**{"id.token.claim": st.booleans(), "access.token.claim": st.booleans(), "full.path": TEXTS}),
    ),
    unique_by=lambda mapper: mapper["name"],
)
ROLES = maybe(
    description=TEXTS | st.none(), attributes=ATTRIBUTES, composites=maybe(realm=SOME, client=maybe(alpha=SOME))
)
AFTER = st.sampled_from(["1d", "12h", 3600])
STEPS = st.lists(
    st.fixed_dictionaries(
        {"uses": st.sampled_from(["set-user-attribute", "disable-user", "notify-user"]), "after": AFTER},
        optional={"with": st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["x", "ünï ✓"]) | SOME.filter(bool))},
    ),
    min_size=1,
    max_size=3,
)
REQUIREMENTS = st.sampled_from(["REQUIRED", "ALTERNATIVE", "DISABLED"])
EXECUTIONS = st.lists(
    st.tuples(st.sampled_from(["auth-cookie", "identity-provider-redirector", "auth-otp-form"]), REQUIREMENTS),
    unique_by=lambda execution: execution[0],
).map(
    lambda found: [
        {"authenticator": name, "requirement": requirement, "priority": 10 * place}
        for place, (name, requirement) in enumerate(found)
    ]
)
ACTIONS = st.tuples(
    *(
        maybe(enabled=st.booleans(), defaultAction=st.booleans(), priority=st.just(priority)).map(
            lambda body, alias=alias: {"alias": alias, **body}
        )
        for alias, priority in (("VERIFY_EMAIL", 51), ("CONFIGURE_TOTP", 11))
    )
).map(list)
PROVIDERS = named(
    "alias",
    st.builds(
        lambda own, config: {
            "providerId": "oidc",
            "config": {"clientId": "us", "authorizationUrl": "https://a.org", "tokenUrl": "https://b.org", **config},
            **own,
        },
        maybe(enabled=st.booleans(), displayName=TEXTS, trustEmail=st.booleans(), storeToken=st.booleans()),
        maybe(clientId=st.sampled_from(["us", "them"]), defaultScope=TEXTS, syncMode=st.just("IMPORT")),
    ),
)
# All is declared of each: the list is one property, and what it leaves out of a group stays as it was.
OF_A_GROUP = {"attributes": ATTRIBUTES, "realmRoles": SOME, "clientRoles": st.fixed_dictionaries({"alpha": SOME})}
OF_ORGANIZATIONS = named(
    "name",
    st.fixed_dictionaries(
        {"description": TEXTS, **OF_A_GROUP, "subGroups": named("name", st.fixed_dictionaries(OF_A_GROUP))}
    ),
)
PLACES = st.lists(st.sampled_from([*(f"/{name}" for name in NAMES), "/alpha/beta", "/beta/alpha"]), unique=True)
MEMBERS = SOME.flatmap(
    lambda names: st.tuples(
        *(maybe(groups=PLACES).map(lambda own, name=name: {"username": name, **own}) for name in names)
    )
).map(list)
ORGANIZATIONS = named(
    "alias",
    st.builds(
        lambda own, people: {**own, **people},
        maybe(description=TEXTS, enabled=st.booleans(), attributes=ATTRIBUTES),
        maybe(members=SOME.map(lambda names: [{"username": name} for name in names]))
        | st.fixed_dictionaries({"groups": OF_ORGANIZATIONS, "members": MEMBERS}),
    ),
).map(lambda found: [{**body, "name": body["alias"], "domains": [{"name": f"{body['alias']}.org"}]} for body in found])
WORKFLOWS = SOME.flatmap(
    lambda names: st.tuples(
        *(
            st.fixed_dictionaries(
                {"name": st.just(name), "steps": STEPS},
                optional={
                    "enabled": st.booleans(),
                    # Nothing that happens here: what is planned for somebody can't be changed.
                    "on": st.sampled_from(["user-authenticated", "user-federated-identity-added(alpha)", None]),
                    "if": st.sampled_from(["has-role(alpha)", "has-user-attribute(a:b) and has-role(beta)", None]),
                    "schedule": st.fixed_dictionaries({"after": AFTER}) | st.none(),
                },
            )
            for name in names
        )
    ).map(list)
)
POLICIES = SOME.map(
    lambda names: {
        "policies": [
            {"name": name, "enabled": False, "conditions": [{"condition": "any-client", "configuration": {}}]}
            for name in names
        ]
    }
)
REALMS = st.fixed_dictionaries(
    {
        "enabled": st.booleans(),
        "organizationsEnabled": st.just(True),
        "clientScopes": st.just([{"name": "extra"}]),
        "clients": named(
            "clientId",
            st.builds(
                lambda *parts: {key: value for part in parts for key, value in part.items()},
                maybe(
                    name=TEXTS,
                    description=TEXTS | st.none(),
                    redirectUris=URLS,
                    webOrigins=URLS,
                    publicClient=st.booleans(),
                    attributes=FREE,
                    protocolMappers=MAPPERS,
                ),
                scopes() | st.just({}),
                # Always declared: the server gives a service account a scope, which stays where nobody declares either.
                st.booleans().map(lambda enabled: {"serviceAccountsEnabled": enabled}),
            ),
        ),
        "roles": st.fixed_dictionaries(
            {"realm": named("name", ROLES), "client": st.fixed_dictionaries({"alpha": named("name", ROLES)})}
        ),
        "groups": named(
            "name",
            st.builds(
                lambda group, below: {**group, "subGroups": below},
                maybe(description=TEXTS, attributes=ATTRIBUTES, realmRoles=SOME, clientRoles=maybe(alpha=SOME)),
                named("name", maybe(realmRoles=SOME)),
            ),
        ),
        "users": named(
            "username",
            maybe(
                firstName=st.sampled_from(["", "x", "two words", "Ünï"]),
                email=st.sampled_from(NAMES).map(lambda name: f"{name}@example.org") | st.none(),
                emailVerified=st.booleans(),
                enabled=st.booleans(),
                groups=SOME.map(lambda names: [f"/{name}/alpha" for name in names]),
                realmRoles=SOME,
                clientRoles=maybe(alpha=SOME),
                requiredActions=st.just(["UPDATE_PASSWORD"]),
            ),
        ),
    },
    optional={
        "displayName": TEXTS | st.none(),
        "attributes": FREE,
        "passwordPolicy": st.sampled_from(["length(8)", "length(9) and digits(1)", "", None]),
        "otpPolicyDigits": st.sampled_from([6, 8]),
        "otpPolicyType": st.sampled_from(["totp", "hotp"]),
        "supportedLocales": st.lists(st.sampled_from(["de", "en"]), unique=True),
        "authenticationFlows": named("alias", EXECUTIONS.map(lambda found: {"authenticationExecutions": found})).map(
            lambda flows: [{"topLevel": True, "providerId": "basic-flow", **flow} for flow in flows]
        ),
        "requiredActions": ACTIONS,
        "identityProviders": PROVIDERS,
        "organizations": ORGANIZATIONS,
        "workflows": WORKFLOWS,
        "defaultRoles": st.fixed_dictionaries({}, optional={"realmRoles": SOME, "clientRoles": maybe(alpha=SOME)}),
        "clientPolicies": POLICIES,
        "localizationTexts": st.fixed_dictionaries({"de": st.dictionaries(st.sampled_from(NAMES), TEXTS.filter(bool))}),
        "userProfile": st.sampled_from(["ENABLED", "ADMIN_EDIT"]).map(lambda one: {"unmanagedAttributePolicy": one}),
        "defaultGroups": SOME.map(lambda names: [f"/{name}" for name in names]),
        "scopeMappings": SOME.map(lambda names: [{"client": "alpha", "roles": names}]),
        "defaultOptionalClientScopes": st.permutations(["phone", "address", "extra"]).flatmap(
            lambda order: st.integers(0, 3).map(lambda first: order[:first])
        ),
        "components": st.integers(1, 9).map(
            lambda priority: {
                "org.keycloak.keys.KeyProvider": [
                    {"name": "more", "providerId": "hmac-generated", "config": {"priority": [str(priority)]}}
                ]
            }
        ),
        "smtpServer": st.fixed_dictionaries({"host": st.just("h"), "from": st.just("a@b.org")}) | st.just({}),
    },
)


def consistent(realm: dict[str, Any]) -> dict[str, Any]:
    """No two users may have one address, nor may a member of an organization lose it; mappers are of what is there."""
    if "identityProviders" in realm:
        realm["identityProviderMappers"] = [
            {
                "name": "viewers",
                "identityProviderAlias": "alpha",
                "identityProviderMapper": "hardcoded-role-idp-mapper",
                "config": {"role": "beta", "syncMode": "INHERIT"},
            }
        ]
    for user in realm["users"]:
        if user.get("email", "") is None:
            del user["email"]
        elif "email" in user:
            user["email"] = f"{user['username']}.{user['email']}"
    return realm


@pytest.fixture(scope="module")
def made(server: Server) -> Iterator[tuple[Driver, str]]:
    name, client = a_made_realm(server), server.client()
    yield Driver(client), name
    client.close()
    dropped(server, name)


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(realm=REALMS.map(consistent))
def test_whatever_is_applied_does_not_differ_afterwards(made: tuple[Driver, str], realm: dict[str, Any]) -> None:
    driver, name = made
    file = without_newer(driver.client, {"realm": name, **realm})

    passes = driver.apply(file)

    assert driver.look(file).plan.in_sync
    assert len(passes) <= 3


@settings(
    max_examples=max(1, EXAMPLES // 3),
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(realms=st.tuples(*3 * [REALMS.map(consistent)]))
def test_the_way_to_a_realm_leaves_no_trace(server: Server, realms: tuple[dict[str, Any], ...]) -> None:
    """A → B → C is what a fresh C is, in all that C declares; where C declares nothing, others' work stays."""
    client = server.client()
    driver, names = Driver(client), (a_made_realm(server), a_made_realm(server))
    realms = tuple(without_newer(client, each) for each in realms)
    last = realms[-1]
    try:
        for each in realms:
            driver.apply({"realm": names[0], **each})
        driver.apply({"realm": names[1], **last})

        by_path, fresh = (shown(driver, {"realm": name, **last}) for name in names)

        assert by_path.keys() == fresh.keys()
        assert {key: (by_path[key], fresh[key]) for key in fresh if by_path[key] != fresh[key]} == {}
    finally:
        client.close()
        for name in names:
            dropped(server, name)


def shown(driver: Driver, realm: Mapping[str, Any]) -> dict[str, Any]:
    """The server's values of all that is declared, in the form in which it is compared; without names of the realm.

    And without what it fills in when a mapper is made, and not when it becomes one of another type.
    """
    name = realm["realm"]
    desired = {resource.address: resource for resource in driver.provider.expand(document(realm))}
    observed = driver.provider.observe(list(desired.values()))
    found = {
        str(each.address).replace(name, "REALM"): {
            key: KINDS[each.address.kind].properties[key].normal(each.spec.get(key, ABSENT))
            for key, value in desired[each.address].spec.items()
            if key in KINDS[each.address.kind].properties and not is_shared(value)
        }
        for each in observed
    }
    made: dict[str, Any] = json.loads(json.dumps(found, default=str, sort_keys=True).replace(name, "REALM"))
    for each in made.values():
        for mapper in each.get("protocolMappers", {}).values():
            for key in FILLED_IN:
                mapper.get("config", {}).pop(key, None)
    return made


FILLED_IN = ("userinfo.token.claim", "introspection.token.claim")


def is_shared(value: Any) -> bool:
    """Maps are managed by declared key: what else is in them is not ours."""
    return isinstance(value, Mapping)
