"""Each property of each type: changed by hand it is named and repaired by one write; changed in the file it is
one write; then there is nothing to do."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from reconciler.core.resource.values import ABSENT
from reconciler.providers.keycloak.registry import KINDS
from tests.kit.keycloak.server import ByHand, Driver, Server, a_made_realm, dropped, still, without_newer

A_MAPPER = {
    "name": "groups",
    "protocol": "openid-connect",
    "protocolMapper": "oidc-group-membership-mapper",
    "config": {"claim.name": "groups", "full.path": "false"},
}

AN_ADDRESS = {"clientId": "us", "authorizationUrl": "https://a.org/auth", "tokenUrl": "https://a.org/token"}

# Property → the value in the file, and another one.
REALM: dict[str, tuple[Any, Any]] = {
    "displayName": ("Lab", "Laboratory"),
    "displayNameHtml": ("<b>Lab</b>", "<i>Lab</i>"),
    "defaultSignatureAlgorithm": ("RS256", "ES256"),
    "loginTheme": ("keycloak", "keycloak.v2"),
    "accountTheme": ("keycloak.v3", "other"),
    "adminTheme": ("keycloak.v2", "other"),
    "emailTheme": ("keycloak", "other"),
    "defaultLocale": ("de", "en"),
    "bruteForceStrategy": ("MULTIPLE", "LINEAR"),
    "sslRequired": ("none", "external"),
    "passwordPolicy": ("length(8)", "digits(1) and length(9)"),
    "supportedLocales": (["de", "en"], ["de", "en", "fr"]),
    "eventsListeners": (["jboss-logging"], ["email", "jboss-logging"]),
    "enabledEventTypes": (["LOGIN", "LOGOUT"], ["LOGIN"]),
    "otpPolicyType": ("totp", "hotp"),
    "otpPolicyAlgorithm": ("HmacSHA1", "HmacSHA256"),
    "otpPolicyDigits": (8, 6),
    "otpPolicyLookAheadWindow": (2, 1),
    "otpPolicyPeriod": (60, 30),
    "otpPolicyInitialCounter": (0, 3),
    "otpPolicyCodeReusable": (True, False),
    "webAuthnPolicyRpEntityName": ("lab", "keycloak"),
    "webAuthnPolicyRpId": ("example.org", "example.com"),
    "webAuthnPolicySignatureAlgorithms": (["ES256"], ["ES256", "RS256"]),
    "webAuthnPolicyAcceptableAaguids": (["a"], ["b"]),
    "webAuthnPolicyExtraOrigins": (["https://a.org"], ["https://b.org"]),
    "webAuthnPolicyAttestationConveyancePreference": ("none", "direct"),
    "webAuthnPolicyAuthenticatorAttachment": ("platform", "cross-platform"),
    "webAuthnPolicyResidentKey": ("required", "discouraged"),
    "webAuthnPolicyUserVerificationRequirement": ("required", "preferred"),
    "webAuthnPolicyCreateTimeout": (10, 20),
    "webAuthnPolicyAvoidSameAuthenticatorRegister": (True, False),
    "webAuthnPolicyPasswordlessRpEntityName": ("lab", "keycloak"),
    "webAuthnPolicyPasswordlessRpId": ("example.org", "example.com"),
    "webAuthnPolicyPasswordlessSignatureAlgorithms": (["ES256"], ["ES256", "RS256"]),
    "webAuthnPolicyPasswordlessAcceptableAaguids": (["a"], ["b"]),
    "webAuthnPolicyPasswordlessExtraOrigins": (["https://a.org"], ["https://b.org"]),
    "webAuthnPolicyPasswordlessCreateTimeout": (10, 20),
    "webAuthnPolicyPasswordlessAttestationConveyancePreference": ("none", "direct"),
    "webAuthnPolicyPasswordlessAuthenticatorAttachment": ("platform", "cross-platform"),
    "webAuthnPolicyPasswordlessResidentKey": ("required", "discouraged"),
    "webAuthnPolicyPasswordlessUserVerificationRequirement": ("required", "preferred"),
    "webAuthnPolicyPasswordlessAvoidSameAuthenticatorRegister": (True, False),
    "webAuthnPolicyPasswordlessPasskeysEnabled": (True, False),
    "webAuthnPolicyPasswordlessMediation": ("conditional", "optional"),
    **dict.fromkeys(
        [
            "registrationAllowed",
            "registrationEmailAsUsername",
            "rememberMe",
            "verifyEmail",
            "resetPasswordAllowed",
            "editUsernameAllowed",
            "revokeRefreshToken",
            "offlineSessionMaxLifespanEnabled",
            "bruteForceProtected",
            "permanentLockout",
            "userManagedAccessAllowed",
            "organizationsEnabled",
            "adminPermissionsEnabled",
        ],
        (False, True),
    ),
    **dict.fromkeys(
        [
            "enabled",
            "eventsEnabled",
            "adminEventsDetailsEnabled",
            "loginWithEmailAllowed",
            "internationalizationEnabled",
        ],
        (True, False),
    ),
    **{
        name: (value, value + 7)
        for name, value in {
            "refreshTokenMaxReuse": 1,
            "accessTokenLifespan": 600,
            "accessTokenLifespanForImplicitFlow": 600,
            "ssoSessionIdleTimeout": 1700,
            "ssoSessionMaxLifespan": 30000,
            "ssoSessionMaxLifespanRememberMe": 40000,
            "ssoSessionIdleTimeoutRememberMe": 2000,
            "offlineSessionIdleTimeout": 200000,
            "offlineSessionMaxLifespan": 500000,
            "clientSessionIdleTimeout": 500,
            "clientSessionMaxLifespan": 600,
            "clientOfflineSessionIdleTimeout": 700,
            "clientOfflineSessionMaxLifespan": 800,
            "accessCodeLifespan": 70,
            "accessCodeLifespanUserAction": 400,
            "accessCodeLifespanLogin": 1700,
            "actionTokenGeneratedByAdminLifespan": 40000,
            "actionTokenGeneratedByUserLifespan": 400,
            "oauth2DeviceCodeLifespan": 500,
            "oauth2DevicePollingInterval": 6,
            "maxTemporaryLockouts": 1,
            "maxFailureWaitSeconds": 800,
            "minimumQuickLoginWaitSeconds": 50,
            "waitIncrementSeconds": 50,
            "quickLoginCheckMilliSeconds": 900,
            "maxDeltaTimeSeconds": 40000,
            "failureFactor": 20,
            "maxSecondaryAuthFailures": 2,
            "eventsExpiration": 3600,
        }.items()
    },
}
CLIENT: dict[str, tuple[Any, Any]] = {
    "name": ("App", "Application"),
    "description": ("one", "two"),
    "type": ("web", "service"),
    "rootUrl": ("https://app.org", "https://app.com"),
    "baseUrl": ("/home", "/start"),
    "adminUrl": ("https://app.org/admin", "https://app.org/other"),
    "clientAuthenticatorType": ("client-secret", "client-jwt"),
    "secret": ("first", "second"),
    "redirectUris": (["https://app.org/a", "https://app.org/b"], ["https://app.org/c"]),
    "webOrigins": (["https://app.org"], ["+"]),
    **dict.fromkeys(
        [
            "alwaysDisplayInConsole",
            "surrogateAuthRequired",
            "bearerOnly",
            "consentRequired",
            "implicitFlowEnabled",
            "serviceAccountsEnabled",
            "directAccessGrantsEnabled",
            "frontchannelLogout",
        ],
        (False, True),
    ),
    **dict.fromkeys(
        [
            "enabled",
            "standardFlowEnabled",
            "fullScopeAllowed",
        ],
        (True, False),
    ),
    "nodeReRegistrationTimeout": (-1, 60),
}
PROVIDER: dict[str, tuple[Any, Any]] = {
    "displayName": ("Elsewhere", "There"),
    "firstBrokerLoginFlowAlias": ("first broker login", "browser"),
    "postBrokerLoginFlowAlias": ("browser", "direct grant"),
    **dict.fromkeys(
        ["hideOnLogin", "linkOnly", "storeToken", "trustEmail", "addReadTokenRoleOnCreate", "authenticateByDefault"],
        (False, True),
    ),
    "enabled": (True, False),
}
AUTHORIZATION: dict[str, tuple[Any, Any]] = {
    "allowRemoteResourceManagement": (True, False),
    "policyEnforcementMode": ("PERMISSIVE", "ENFORCING"),
    "decisionStrategy": ("AFFIRMATIVE", "UNANIMOUS"),
}
ACTION: dict[str, tuple[Any, Any]] = {
    "name": ("Verify", "Verify the address"),
    "enabled": (True, False),
    "defaultAction": (False, True),
    "priority": (51, 52),
    "config": ({"max_auth_age": "300"}, {"max_auth_age": "301"}),
}
BINDINGS: dict[str, tuple[Any, Any]] = {
    "browserFlow": ("browser", "our login"),
    "registrationFlow": ("registration", "our login"),
    "directGrantFlow": ("direct grant", "our login"),
    "resetCredentialsFlow": ("reset credentials", "our login"),
    "clientAuthenticationFlow": ("clients", "our clients"),
    "dockerAuthenticationFlow": ("docker auth", "our login"),
    "firstBrokerLoginFlow": ("first broker login", "our login"),
}
FLOW_OF_OURS: dict[str, tuple[Any, Any]] = {"description": ("How we log in", "How they log in")}
PROFILE: dict[str, tuple[Any, Any]] = {"unmanagedAttributePolicy": ("ADMIN_EDIT", "ENABLED")}
SCOPE: dict[str, tuple[Any, Any]] = {"description": ("one", "two"), "protocol": ("openid-connect", "saml")}
OPEN: dict[str, tuple[Any, Any]] = {"publicClient": (True, False), "protocol": ("openid-connect", "saml")}
ROBOT: dict[str, tuple[Any, Any]] = {"authorizationServicesEnabled": (False, True)}
ROLE: dict[str, tuple[Any, Any]] = {"description": ("one", "two")}
GROUP: dict[str, tuple[Any, Any]] = {"description": ("one", "two")}
USER: dict[str, tuple[Any, Any]] = {
    "email": ("ann@example.org", "other@example.org"),
    "emailVerified": (True, False),
    "enabled": (True, False),
    "firstName": ("Ann", "Anna"),
    "lastName": ("Lee", "Low"),
    "requiredActions": (["UPDATE_PASSWORD", "VERIFY_EMAIL"], ["UPDATE_PASSWORD"]),
}

# Nothing that anybody could change: what an object is found by, or what no request changes once it is made; and what
# needs a feature that is off by default.
FIXED = {
    "keycloak.realm": {
        "verifiableCredentialsEnabled",  # off by default
        "scimApiEnabled",  # off by default
        "requiredCredentials",  # 26.7 takes it, and shows "password" whatever it was
        "webAuthnPolicyRequireResidentKey",  # the older form of …ResidentKey
        "webAuthnPolicyPasswordlessRequireResidentKey",
        "adminEventsEnabled",  # without it there is nothing to count by
    },
    "keycloak.component": {"name", "providerId", "providerType", "subType"},
    "keycloak.flow": {"providerId", "topLevel", "builtIn"},
    "keycloak.required-action": {"providerId"},
    "keycloak.identity-provider": {"providerId"},
    "keycloak.identity-provider-mapper": {"identityProviderAlias"},
    "keycloak.user": {"credentials"},  # have rules of their own
    "keycloak.password": {"label", "verify", "always"},  # never shown: test_passwords.py
}


@dataclass(frozen=True)
class Subject:
    """An object of a realm: where it stands in the file, and where an administrator finds it."""

    kind: str
    keys: str  # below the realm, as in the address
    section: tuple[Any, ...]
    table: dict[str, tuple[Any, Any]]
    collection: str = ""
    named: str = "name"
    path: str = ""  # where it has no id


SUBJECTS = (
    Subject("keycloak.realm", "", (), REALM),
    Subject("keycloak.flow-bindings", "", (), BINDINGS),
    Subject("keycloak.client", "app", ("clients", 0), CLIENT, "clients", "clientId"),
    Subject("keycloak.client", "open", ("clients", 2), OPEN, "clients", "clientId"),
    Subject("keycloak.client", "robot", ("clients", 3), ROBOT, "clients", "clientId"),
    Subject("keycloak.client-scope", "extra", ("clientScopes", 0), SCOPE, "client-scopes"),
    Subject("keycloak.role", "viewer", ("roles", "realm", 0), ROLE, "roles?briefRepresentation=false"),
    Subject("keycloak.client-role", "app/reader", ("roles", "client", "app", 0), ROLE, "clients/{app}/roles"),
    Subject("keycloak.group", "staff", ("groups", 0), GROUP, "groups?briefRepresentation=false"),
    Subject("keycloak.user", "ann", ("users", 0), USER, "users", "username"),
    Subject("keycloak.user-profile", "", ("userProfile",), PROFILE, path="users/profile"),
    Subject(
        "keycloak.flow", "our login", ("authenticationFlows", 0), FLOW_OF_OURS, "authentication/flows", named="alias"
    ),
    Subject(
        "keycloak.required-action",
        "UPDATE_PASSWORD",
        ("requiredActions", 0),
        ACTION,
        path="authentication/required-actions/UPDATE_PASSWORD",
    ),
    Subject(
        "keycloak.identity-provider",
        "elsewhere",
        ("identityProviders", 0),
        PROVIDER,
        path="identity-provider/instances/elsewhere",
    ),
    Subject(
        "keycloak.authorization",
        "guarded",
        ("clients", 1, "authorizationSettings"),
        AUTHORIZATION,
        path="clients/{guarded}/authz/resource-server",
    ),
)


def base(name: str) -> dict[str, Any]:
    def first(table: dict[str, tuple[Any, Any]]) -> dict[str, Any]:
        return {key: values[0] for key, values in table.items()}

    return {
        "realm": name,
        "adminEventsEnabled": True,
        "adminEventsDetailsEnabled": True,
        **first(REALM),
        **first(BINDINGS),
        "userProfile": first(PROFILE),
        "authenticationFlows": [
            {"alias": "our login", "providerId": "basic-flow", "topLevel": True, **first(FLOW_OF_OURS)},
            {"alias": "our clients", "providerId": "client-flow", "topLevel": True},
        ],
        "requiredActions": [{"alias": "UPDATE_PASSWORD", **first(ACTION)}],
        "identityProviders": [{"alias": "elsewhere", "providerId": "oidc", **first(PROVIDER), "config": AN_ADDRESS}],
        "clients": [
            {"clientId": "app", **first(CLIENT), "protocolMappers": [A_MAPPER]},
            {
                "clientId": "guarded",
                "serviceAccountsEnabled": True,
                "authorizationServicesEnabled": True,
                "authorizationSettings": first(AUTHORIZATION),
            },
            {"clientId": "open", **first(OPEN)},
            {"clientId": "robot", "serviceAccountsEnabled": True, **first(ROBOT)},
        ],
        "clientScopes": [{"name": "extra", **first(SCOPE)}],
        "roles": {"realm": [{"name": "viewer", **first(ROLE)}], "client": {"app": [{"name": "reader", **first(ROLE)}]}},
        "groups": [{"name": "staff", **first(GROUP)}],
        "users": [{"username": "Ann", **first(USER)}],
    }


@pytest.fixture(scope="module")
def lab(server: Server) -> Iterator[tuple[Driver, dict[str, Any], ByHand]]:
    """One realm with an object of each type; each test leaves it as it found it."""
    name = a_made_realm(server)
    admin, own = server.client(), server.client()
    driver = Driver(own)
    file = without_newer(admin, base(name))
    try:
        passes = driver.apply(file)
        assert len(passes) == 2, [each.fields for each in passes[1:]]
        yield driver, file, ByHand(admin, name)
    finally:
        admin.close()
        own.close()
        dropped(server, name)


# One write is not one event: these switch events off, or give the service account a role.
WITHOUT_ONE_EVENT = {"adminEventsDetailsEnabled", "authorizationServicesEnabled"}


def item_path(by_hand: ByHand, subject: Subject) -> str:
    if not subject.collection:
        return subject.path.format(guarded=by_hand.id_of("clients", clientId="guarded"))
    app = by_hand.id_of("clients", clientId="app")
    name = subject.keys.rpartition("/")[2]
    found = by_hand.id_of(subject.collection.format(app=app), **{subject.named: name})
    place = "roles-by-id" if "role" in subject.kind else subject.collection.partition("?")[0]
    return f"{place}/{found}"


def changed(realm: dict[str, Any], subject: Subject, name: str, value: Any) -> dict[str, Any]:
    """The file with another value for one property."""
    other = copy.deepcopy(realm)
    target: Any = other
    for key in subject.section:
        target = target[key]
    target[name] = value
    return other


def as_shown(subject: Subject, name: str, value: Any) -> Any:
    return KINDS[subject.kind].properties[name].normal(value)


CASES = [pytest.param(subject, name, id=f"{subject.kind}-{name}") for subject in SUBJECTS for name in subject.table]


@pytest.mark.sweep(every=5)
@pytest.mark.parametrize(("subject", "name"), CASES)
def test_a_property_is_seen_repaired_and_changed_by_one_write_each(
    lab: tuple[Driver, dict[str, Any], ByHand], subject: Subject, name: str
) -> None:
    driver, file, by_hand = lab
    if subject.kind == "keycloak.realm" and name not in file:
        pytest.skip("this release does not have it")
    here, there = subject.table[name]
    address = "/".join(filter(None, (subject.kind, file["realm"], subject.keys)))
    path = item_path(by_hand, subject)
    events = len(by_hand.events())

    by_hand.change(path, **{name: there})
    seen = driver.look(file)
    repaired = driver.once(file)
    after_repair = driver.look(file)

    assert list(seen.changes) == [address]
    if name != "secret" and not isinstance(here, dict):
        assert seen.fields.get(f"{address} {name}") == (as_shown(subject, name, there), as_shown(subject, name, here))
    is_dropped = name == "bearerOnly" and still(by_hand.client, "drops the secret of a client that only bears tokens")
    along = {"secret"} if is_dropped else set()
    assert {key.removeprefix(f"{address} ").partition(".")[0] for key in seen.fields} == {name} | along
    assert len(repaired.writes) == 1
    if name not in WITHOUT_ONE_EVENT:
        assert len(by_hand.events()) - events == 2
    assert after_repair.plan.in_sync, after_repair.fields

    other = changed(file, subject, name, there)
    wanted = driver.once(other)
    assert len(wanted.writes) == 1, wanted.fields
    assert driver.look(other).plan.in_sync, driver.look(other).fields

    driver.apply(file)


def test_a_value_that_is_unset_in_the_file_is_unset_by_one_write(
    lab: tuple[Driver, dict[str, Any], ByHand],
) -> None:
    driver, file, _ = lab
    for subject in SUBJECTS:
        for name in {"displayName", "description", "lastName", "redirectUris", "supportedLocales"} & set(subject.table):
            empty = [] if isinstance(subject.table[name][0], list) else None
            other = changed(file, subject, name, empty)

            wanted = driver.once(other)

            assert len(wanted.writes) == 1, (subject, name)
            ((_, (_, after)),) = wanted.fields.items()
            assert after in (ABSENT, ())
            assert driver.look(other).plan.in_sync
            driver.apply(file)
