"""Realms nobody would think of: made, then nothing differs; turned into another one, then nothing differs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.kit.keycloak import Driver, Server, a_made_realm, dropped

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
    """For each of the names an object, so that all that is named is there."""
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
REALMS = st.fixed_dictionaries(
    {
        "enabled": st.booleans(),
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
                    serviceAccountsEnabled=st.just(True),
                    attributes=FREE,
                    protocolMappers=MAPPERS,
                ),
                scopes() | st.just({}),
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
        "smtpServer": st.fixed_dictionaries({"host": st.just("h"), "from": st.just("a@b.org")}) | st.just({}),
    },
)


def with_addresses_apart(realm: dict[str, Any]) -> dict[str, Any]:
    """No two users may have one address."""
    for user in realm["users"]:
        if user.get("email"):
            user["email"] = f"{user['username']}.{user['email']}"
    return realm


@pytest.fixture(scope="module")
def made(server: Server) -> Iterator[tuple[Driver, str]]:
    name, client = a_made_realm(server), server.client()
    yield Driver(client), name
    client.close()
    dropped(server, name)


@settings(
    max_examples=int(os.environ.get("RECONCILE_TEST_EXAMPLES", "6")),
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(realm=REALMS.map(with_addresses_apart))
def test_whatever_is_applied_does_not_differ_afterwards(made: tuple[Driver, str], realm: dict[str, Any]) -> None:
    driver, name = made

    passes = driver.apply({"realm": name, **realm})

    assert driver.look({"realm": name, **realm}).plan.in_sync
    assert len(passes) <= 3
