"""Each check of a Keycloak and of a failed login finds its fault, and nothing else does where nothing is wrong."""

from __future__ import annotations

from ssl import SSLError

import pytest

from reconciler.core.login import Evidence, Login, Stage, Trouble, Walk
from reconciler.core.message.errors import Denied, Misconfigured, NoLogin, ProviderError
from reconciler.core.provider import Pending
from reconciler.core.resource.address import Address
from reconciler.core.resource.values import ABSENT, Secret
from reconciler.providers.keycloak.diagnose import LOGIN_ROWS, SERVER_ROWS, login_checks, server_checks
from reconciler.record import replace
from tests.kit.build import a_document
from tests.kit.keycloak.scripted import ScriptedConnection

MAPPER = {
    "name": "groups",
    "protocolMapper": "oidc-group-membership-mapper",
    "config": {"claim.name": "groups", "id.token.claim": "true", "full.path": "false"},
}
CLIENT = {
    "id": "c1",
    "clientId": "app",
    "enabled": True,
    "protocol": "openid-connect",
    "standardFlowEnabled": True,
    "redirectUris": ["http://localhost:5000/callback"],
    "secret": "s3cret",
    "clientAuthenticatorType": "client-secret",
    "defaultClientScopes": ["profile", "email"],
    "optionalClientScopes": ["phone"],
    "protocolMappers": [MAPPER],
}
USER = {"id": "u1", "username": "canary", "enabled": True, "email": "c@x", "firstName": "C", "lastName": "Y"}
REQUEST = {
    "client_id": "app",
    "response_type": "code",
    "redirect_uri": "http://localhost:5000/callback",
    "scope": "openid profile email",
}
TOKEN = "GET shop/clients/c1/evaluate-scopes/generate-example-id-token?userId=u1&scope=openid+profile+email"
BRUTE = "GET shop/attack-detection/brute-force/users/u1"
CREDENTIALS = "GET shop/users/u1/credentials"
OPEN = "OPEN realms/shop/.well-known/openid-configuration"
USERS = "GET shop/users?username=canary&exact=true"
CLIENTS = "GET shop/clients?clientId=app"
RIGHT = {
    "GET shop": {"realm": "shop", "enabled": True, "sslRequired": "external"},
    CLIENTS: [CLIENT],
    USERS: [USER],
    "GET shop/client-scopes": [{"name": "profile"}, {"name": "email"}],
    "GET shop/users/u1/groups": [{"path": "/members"}],
    TOKEN: {"groups": ["members"]},
    BRUTE: {"disabled": False},
    CREDENTIALS: [{"type": "password"}],
    OPEN: (
        200,
        {
            "token_endpoint": "http://sso:8080/realms/shop/protocol/openid-connect/token",
            "authorization_endpoint": "http://localhost:18080/realms/shop/protocol/openid-connect/auth",
        },
    ),
}
STACK = {
    "services": {
        "sso": {
            "ports": [{"target": 8080, "published": "18080"}],
            "environment": {"KC_HOSTNAME": "http://localhost:18080"},
        },
        "app": {
            "environment": {
                "OIDC_DISCOVERY_URL": "http://sso:8080/realms/shop/.well-known/openid-configuration",
                "OIDC_CLIENT_ID": "app",
                "OIDC_CLIENT_SECRET": Secret("s3cret"),
                "SECRET_KEY": Secret("other"),
                "OIDC_SCOPE": "openid profile email",
                "OIDC_GROUP_NAME": "members",
            }
        },
    }
}
PROVIDER = "http://localhost:18080/realms/shop/protocol/openid-connect/auth"
WALK = Walk(
    Login("http://localhost:5000/login", "canary", Secret("p")),
    Stage.RETURN,
    Trouble.STATUS,
    "http://localhost:5000/callback",
    500,
    "Internal Server Error",
    PROVIDER,
    REQUEST,
)
AT_PROVIDER = replace(WALK, stage=Stage.AUTHORIZE, url=PROVIDER, status=400, message="We are sorry")
REJECTED = replace(WALK, stage=Stage.PASSWORD, trouble=Trouble.REJECTED, message="Invalid username or password.")
STOPPED = replace(REJECTED, trouble=Trouble.ACTION)
REFUSED = replace(WALK, trouble=Trouble.REFUSED, message="User is not allowed to login.")
NO_GROUPS = replace(REFUSED, message="Group detection error: Failed to get user groups")


def a_stack(**environment):
    app = {**STACK["services"]["app"], "environment": {**STACK["services"]["app"]["environment"], **environment}}
    return {"services": {**STACK["services"], "app": app}}


def document(stack=STACK):
    realms = [{"realm": "shop", "clients": [{"clientId": "app", "redirectUris": ["http://localhost:5000/callback"]}]}]
    return a_document(stack, realms=realms, connection={"url": "http://localhost:18080", "service": "sso"})


def service(name):
    return Address("swarm.service", (name,))


def found(walk, answers=RIGHT, stack=STACK):
    connection = ScriptedConnection(answers)
    checks = login_checks(lambda: connection, document(stack), Evidence(walk), service)
    made = {each.code: each for check in checks for each in check.find()}
    assert connection.writes == []
    return made


def client(**fields):
    return {**RIGHT, CLIENTS: [{**CLIENT, **fields}]}


def user(**fields):
    return {**RIGHT, USERS: [{**USER, **fields}]}


LOST = replace(AT_PROVIDER, trouble=Trouble.SILENT, url="http://sso.invalid:8080/realms/shop/")
LOST_ADDRESS = (200, {**RIGHT[OPEN][1], "authorization_endpoint": "http://sso.invalid:8080/realms/shop/auth"})
LOCAL_TOKENS = (200, {"token_endpoint": "http://localhost:18080/token"})
NO_TOKEN_CLAIM = {**MAPPER, "config": {**MAPPER["config"], "id.token.claim": "false"}}
CASES = {
    "hostname": [
        (LOST, {**RIGHT, OPEN: LOST_ADDRESS}, STACK),
        (
            replace(AT_PROVIDER, stage=Stage.PASSWORD, trouble=Trouble.SILENT),
            {**RIGHT, "GET shop": {"attributes": {"frontendUrl": "http://sso.invalid"}}},
            STACK,
        ),
    ],
    "stale-address": [(LOST, RIGHT, STACK)],
    "keycloak-address": [
        (WALK, RIGHT, a_stack(OIDC_DISCOVERY_URL="http://sso:8080/realms/shp/.well-known/openid-configuration")),
        (WALK, RIGHT, a_stack(OIDC_DISCOVERY_URL="http://sso:80/realms/shop/.well-known/openid-configuration")),
        (WALK, RIGHT, a_stack(OIDC_DISCOVERY_URL="http://localhost:18080/realms/shop/.well-known/openid-configuration")),
        (WALK, RIGHT, a_stack(OIDC_DISCOVERY_URL="http://app:8080/realms/shop/.well-known/openid-configuration")),
    ],
    "backchannel": [(WALK, {**RIGHT, OPEN: LOCAL_TOKENS}, STACK)],
    "https-required": [
        (replace(AT_PROVIDER, message="HTTPS required"), {**RIGHT, "GET shop": {"sslRequired": "all"}}, STACK)
    ],
    "client-missing": [(AT_PROVIDER, {**RIGHT, CLIENTS: []}, STACK)],
    "client-disabled": [(AT_PROVIDER, client(enabled=False), STACK)],
    "client-flow": [
        (AT_PROVIDER, client(standardFlowEnabled=False), STACK),
        (AT_PROVIDER, client(bearerOnly=True), STACK),
        (AT_PROVIDER, client(protocol="saml"), STACK),
    ],
    "redirect-uri": [
        (AT_PROVIDER, client(redirectUris=["http://localhost:5001/callback"]), STACK),
        (AT_PROVIDER, client(redirectUris=["http://localhost:5000/call"]), STACK),
        (AT_PROVIDER, client(redirectUris=[]), STACK),
    ],
    "scope": [
        (replace(WALK, request={**REQUEST, "scope": "openid,profile,email"}), RIGHT, STACK),
        (WALK, client(defaultClientScopes=["profile"]), STACK),
    ],
    "pkce": [(WALK, client(attributes={"pkce.code.challenge.method": "S256"}), STACK)],
    "client-secret": [
        (WALK, client(secret="another"), STACK),
        (WALK, RIGHT, a_stack(OIDC_CLIENT_SECRET=Secret("another"))),
    ],
    "client-authenticator": [(WALK, client(clientAuthenticatorType="client-jwt"), STACK)],
    "user-missing": [(REJECTED, {**RIGHT, USERS: []}, STACK)],
    "user-disabled": [(REJECTED, user(enabled=False), STACK)],
    "user-locked": [(REJECTED, {**RIGHT, BRUTE: {"disabled": True, "numFailures": 30}}, STACK)],
    "user-profile": [
        (replace(REFUSED, message="User profile error: No display name"), user(lastName=""), STACK),
        (replace(STOPPED, message="Update (VERIFY_PROFILE)"), user(email=None), STACK),
    ],
    "user-action": [
        (replace(STOPPED, message="Update password"), user(requiredActions=["UPDATE_PASSWORD"]), STACK),
        (replace(STOPPED, message="Terms (TERMS_AND_CONDITIONS)"), RIGHT, STACK),
    ],
    "user-no-password": [(REJECTED, {**RIGHT, CREDENTIALS: []}, STACK)],
    "user-password": [(REJECTED, RIGHT, STACK)],
    "mapper": [
        (NO_GROUPS, client(protocolMappers=[]), STACK),
        (NO_GROUPS, client(protocolMappers=[NO_TOKEN_CLAIM]), STACK),
    ],
    "mapper-path": [(REFUSED, {**RIGHT, TOKEN: {"groups": ["/members"]}}, STACK)],
    "user-groups": [(NO_GROUPS, {**RIGHT, "GET shop/users/u1/groups": [], TOKEN: {}}, STACK)],
    "user-group": [
        (REFUSED, {**RIGHT, TOKEN: {"groups": ["strangers"]}}, STACK),
        (REFUSED, RIGHT, a_stack(OIDC_GROUP_NAME="others")),
    ],
}  # fmt: skip
FLAT = [(code, *case) for code, cases in CASES.items() for case in cases]


@pytest.mark.parametrize(
    ("code", "walk", "answers", "stack"), FLAT, ids=[f"{code}-{n}" for n, (code, *_) in enumerate(FLAT)]
)
def test_a_fault_is_named_and_no_other(code, walk, answers, stack):
    assert list(found(walk, answers, stack)) == [code]


def test_every_row_of_a_login_has_a_case():
    assert {row.code for row in LOGIN_ROWS} == set(CASES)


@pytest.mark.parametrize(
    "walk", [WALK, AT_PROVIDER, REFUSED, NO_GROUPS, replace(WALK, request={}, provider="", stage=Stage.OPEN)]
)
def test_where_the_realm_is_right_nothing_is_found(walk):
    assert found(walk) == {}


@pytest.mark.parametrize(
    "uris", [["http://localhost:5000/*"], ["*"], ["/callback"], ["http://other/", "http://localhost:5000/callback"]]
)
def test_redirect_addresses_are_allowed_as_the_server_allows_them(uris):
    assert "redirect-uri" not in found(AT_PROVIDER, client(redirectUris=uris, rootUrl="http://localhost:5000"))


def test_a_finding_has_the_object_and_the_field():
    diagnosis = found(AT_PROVIDER, client(redirectUris=["http://other/"]))["redirect-uri"]

    assert (str(diagnosis.address), diagnosis.field) == ("keycloak.client/shop/app", "redirectUris")
    assert diagnosis.where == "client app of realm shop"
    assert "http://localhost:5000/callback" in diagnosis.message
    assert "http://other/" in diagnosis.message


def test_a_scope_is_blamed_on_the_variable_that_asks_for_it():
    walk = replace(WALK, request={**REQUEST, "scope": "openid,email"})
    diagnosis = found(walk, stack=a_stack(OIDC_SCOPE="openid,email"))["scope"]

    assert (str(diagnosis.address), diagnosis.field) == ("swarm.service/app", "environment.OIDC_SCOPE")
    assert "`openid email`" in diagnosis.remedy


def test_no_secret_is_in_a_finding():
    diagnosis = found(WALK, client(secret="liv3secret"))["client-secret"]

    assert not {"s3cret", "liv3secret"} & set(repr(diagnosis).replace("'", " ").split())
    assert "liv3secret" not in repr(diagnosis)


# ------------------------------------------------------------------ the server


def wrapped(error, cause):
    error.__cause__ = cause
    return error


SERVER = {
    "keycloak-url": {"READY": Misconfigured("no URL")},
    "keycloak-tls": {"READY": wrapped(NoLogin("not trusted"), SSLError("certificate verify failed"))},
    "keycloak-unreachable": {"READY": Pending(1.0, "http://localhost:18080/ does not answer: Connection refused")},
    "keycloak-account": {"READY": NoLogin("Keycloak does not accept the account `admin`")},
    "realm-missing": {"GET shop": ABSENT},
    "realm-disabled": {"GET shop": {"enabled": False}},
}


def of_server(answers=None, **rest):
    connection = ScriptedConnection({**RIGHT, **(answers or {})}, **rest)
    return {
        each.code: each for check in server_checks(lambda: connection, document(), service) for each in check.find()
    }


@pytest.mark.parametrize("code", SERVER)
def test_a_fault_of_the_server_is_named(code):
    assert code in of_server(SERVER[code])


def test_a_clock_that_differs_is_named():
    assert list(of_server(offset_s=90.0)) == ["keycloak-clock"]
    assert of_server(offset_s=5.0) == {}


def test_every_row_of_the_server_has_a_case():
    assert {row.code for row in SERVER_ROWS} == {*SERVER, "keycloak-clock"}


def test_a_connection_that_can_not_be_made_is_a_finding():
    def connect():
        raise NoLogin("no Keycloak credentials are configured")

    codes = [each.code for check in server_checks(connect, document(), service)[:4] for each in check.find()]

    assert codes == ["keycloak-account"]


def test_a_refused_account_is_corrected_where_its_password_comes_from():
    declared = replace(document(), corrected=lambda path: f"the place of {'.'.join(map(str, path))}")
    refuse = {"READY": NoLogin("Keycloak does not accept the account `admin`")}

    found = [
        each for check in server_checks(lambda: ScriptedConnection(refuse), declared, service) for each in check.find()
    ]

    assert found[0].code == "keycloak-account"
    assert found[0].remedy == "correct the place of realms.0.x-reconcile.connection.auth.password"


def test_what_an_account_may_not_read_is_no_finding():
    connection = ScriptedConnection({**RIGHT, BRUTE: Denied("no")})
    checks = login_checks(lambda: connection, document(), Evidence(REJECTED), service)
    locked = next(check for check in checks if check.code == "user-locked")

    with pytest.raises(ProviderError):
        list(locked.find())
