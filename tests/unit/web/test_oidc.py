"""The tokens of an issuer: what is not signed by it for this very login, client and time counts for nothing."""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64encode
from hashlib import sha256

import pytest
from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS
from jwcrypto.jwt import JWT

from reconciler.core.resource.values import Secret
from reconciler.web.access import Role
from reconciler.web.oidc import PENDING_S, Issuer, LoginFailed
from tests.kit.clock import TurnedClock
from tests.kit.issuer import issuing, query_of

PUBLIC = "https://ops.example"
OTHER = JWK.generate(kty="RSA", size=2048, kid="two", use="sig", alg="RS256")


@pytest.fixture
def issued():
    with issuing() as made:
        yield made


@pytest.fixture
def clock():
    return TurnedClock()


@pytest.fixture
def issuer(issued, clock):
    return Issuer(issued.url, "reconcile", PUBLIC, Secret("the secret of the client"), now=clock.now)


def logged_in(issuer, issued):
    browser, address = issuer.begin("/plan")
    asked = query_of(address)
    issued.nonce = issued.nonce or asked["nonce"]
    return issuer.finish(browser, {"state": asked["state"], "code": "c"})


def test_a_login_proves_who_asked_and_leads_back(issuer, issued):
    browser, address = issuer.begin("/plan?q=x")
    asked = query_of(address)
    issued.nonce = asked["nonce"]

    person, where = issuer.finish(browser, {"state": asked["state"], "code": "c"})

    form = issued.forms[0]
    challenge = urlsafe_b64encode(sha256(form["code_verifier"].encode()).digest()).rstrip(b"=").decode()
    assert (person.name, person.role, where) == ("olga", Role.OPERATOR, "/plan?q=x")
    assert asked["code_challenge"] == challenge
    assert asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"] == form["redirect_uri"] == f"{PUBLIC}/login/callback"
    assert form["client_secret"] == "the secret of the client"
    assert "the secret of the client" not in repr((issuer, person))


ROLES = [
    ({}, Role.ANYONE),
    (None, Role.ANYONE),
    ({"reconcile": {"roles": []}}, Role.ANYONE),
    ({"reconcile": {"roles": "operator"}}, Role.ANYONE),
    ({"reconcile": ["operator"]}, Role.ANYONE),
    ({"other": {"roles": ["operator"]}}, Role.ANYONE),
    ({"reconcile": {"roles": ["Operator", "admin"]}}, Role.ANYONE),
    ({"reconcile": {"roles": ["reader"]}}, Role.READER),
    ({"reconcile": {"roles": ["reader", "operator"]}}, Role.OPERATOR),
    ("operator", Role.ANYONE),
]


@pytest.mark.parametrize(("access", "role"), ROLES)
def test_a_role_is_one_of_the_client_and_nobody_has_one_by_default(issuer, issued, access, role):
    issued.claims["access_token"] = {"resource_access": access}

    assert logged_in(issuer, issued)[0].role is role


PAST = time.time() - 3_600
WRONG = [
    ("id_token", {"iss": "https://elsewhere.example"}),
    ("id_token", {"iss": None}),
    ("id_token", {"aud": "mlflow"}),
    ("id_token", {"aud": None}),
    ("id_token", {"aud": ["reconcile", "mlflow"], "azp": "mlflow"}),
    ("id_token", {"azp": "mlflow"}),
    ("id_token", {"exp": PAST}),
    ("id_token", {"exp": None}),
    ("id_token", {"iat": None}),
    ("id_token", {"sub": None}),
    ("id_token", {"nonce": "of another login"}),
    ("id_token", {"nonce": None}),
    ("access_token", {"iss": "https://elsewhere.example"}),
    ("access_token", {"exp": PAST}),
    ("access_token", {"azp": "mlflow"}),
    ("access_token", {"azp": None}),
    ("access_token", {"sub": "8"}),
]


@pytest.mark.parametrize(("name", "claims"), WRONG)
def test_a_token_with_a_wrong_claim_is_refused(issuer, issued, name, claims):
    issued.claims[name] = claims

    with pytest.raises(LoginFailed):
        logged_in(issuer, issued)


def test_a_token_of_a_little_ago_is_taken(issuer, issued):
    issued.claims["id_token"] = {"exp": time.time() - 30}  # clocks differ

    assert logged_in(issuer, issued)[0].name == "olga"


def part(value):
    return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def forged(issued, how):
    """A token with all the right claims, and no right signature."""
    proper = issued.token("id_token")
    head, body, signature = proper.split(".")
    shared = JWK(kty="oct", k=issued.key.export_public(as_dict=True)["n"])
    match how:
        case "no signature":
            return f"{head}.{body}."
        case "alg none":
            return f"{part({'alg': 'none'})}.{body}."
        case "another body":
            return f"{head}.{part({'sub': '7'})}.{signature}"
        case "another key":
            other = JWT(header={"alg": "RS256", "kid": "one"}, claims=JWT(jwt=proper, key=issued.key).claims)
            other.make_signed_token(OTHER)
            return other.serialize()
        case "the public key as a shared one":
            made = JWS(JWT(jwt=proper, key=issued.key).claims)
            made.add_signature(shared, None, {"alg": "HS256", "kid": "one"})
            return made.serialize(compact=True)
        case "encrypted for the public key":
            made = JWT(header={"alg": "RSA-OAEP", "enc": "A128GCM"}, claims=JWT(jwt=proper, key=issued.key).claims)
            public = issued.key.export_public(as_dict=True)
            made.make_encrypted_token(JWK(**{name: public[name] for name in ("kty", "n", "e")}))
            return made.serialize()
    return how


@pytest.mark.parametrize(
    "how",
    [
        *("no signature", "alg none", "another body", "another key", "the public key as a shared one"),
        *("encrypted for the public key", "", "a.b.c", "{}", "x" * 100),
    ],
)
def test_a_token_that_the_issuer_has_not_signed_is_refused(issuer, issued, how):
    browser, address = issuer.begin("/")
    issued.nonce = query_of(address)["nonce"]
    issued.tokens["id_token"] = forged(issued, how)

    with pytest.raises(LoginFailed, match="The token of Keycloak is not valid"):
        issuer.finish(browser, {"state": query_of(address)["state"], "code": "c"})


def test_a_key_that_also_encrypts_under_the_same_name_verifies_signatures(issuer, issued):
    public = issued.key.export_public(as_dict=True)
    issued.keys = [{**public, "use": "enc", "alg": "RSA-OAEP"}, public]

    assert logged_in(issuer, issued)[0].name == "olga"


def test_a_key_that_is_new_since_the_login_began_counts(issuer, issued):
    browser, address = issuer.begin("/")
    asked = query_of(address)
    issued.nonce = asked["nonce"]
    issued.key, issued.header = OTHER, {"kid": "two"}

    assert issuer.finish(browser, {"state": asked["state"], "code": "c"})[0].name == "olga"


@pytest.mark.parametrize(("status", "is_away"), [(500, True), (503, True), (400, False), (401, False), (302, False)])
def test_a_refusal_is_told_from_an_issuer_that_fails(issuer, issued, status, is_away):
    issuer.begin("/")
    issued.status = status

    with pytest.raises(LoginFailed) as caught:
        logged_in(issuer, issued)

    assert caught.value.is_away is is_away


def test_an_issuer_of_another_name_is_not_asked(issued, clock):
    issuer = Issuer(f"{issued.url}/", "reconcile", PUBLIC, now=clock.now, inner_url=issued.url)

    with pytest.raises(LoginFailed, match="another name"):
        issuer.begin("/")


def test_the_inner_address_is_asked_for_the_same_issuer(issued, clock):
    inner, issued.url = issued.url, issued.url.replace("127.0.0.1", "localhost")
    issuer = Issuer(issued.url, "reconcile", PUBLIC, now=clock.now, inner_url=inner)

    assert issuer.begin("/")[1].startswith(f"{issued.url}/authorization_endpoint?")


def test_no_request_goes_to_the_address_of_browsers_where_there_is_an_inner_one(issued, clock):
    inner, issued.url = issued.url, "http://localhost:1/realm"
    issuer = Issuer(issued.url, "reconcile", PUBLIC, now=clock.now, inner_url=inner)
    browser, address = issuer.begin("/")
    issued.nonce = query_of(address)["nonce"]

    person, _ = issuer.finish(browser, {"state": query_of(address)["state"], "code": "c"})
    issuer.end(person.refresh_token)

    assert [form.get("grant_type", "end") for form in issued.forms] == ["authorization_code", "end"]
    assert issuer.end_url().startswith("http://localhost:1/realm/end_session_endpoint?")


def test_a_login_that_takes_too_long_is_over(issuer, clock):
    browser, address = issuer.begin("/")

    clock.sleep(PENDING_S + 1)

    with pytest.raises(LoginFailed, match="too long ago"):
        issuer.finish(browser, {"state": query_of(address)["state"], "code": "c"})


def test_the_words_of_the_issuer_go_to_the_log_only(issuer):
    browser, address = issuer.begin("/")
    answer = {"state": query_of(address)["state"], "error": "<b>x</b>", "error_description": "call 0800"}

    with pytest.raises(LoginFailed) as caught:
        issuer.finish(browser, answer)

    assert (caught.value.message, caught.value.detail) == ("Keycloak has refused the login.", "<b>x</b>")


# ------------------------------------------------------------------ a logout at the issuer

LOGOUT = {"http://schemas.openid.net/event/backchannel-logout": {}}


def logout_token(issued, **claims):
    usual = {"aud": "reconcile", "sid": "s1", "jti": "one", "events": LOGOUT, "azp": None}
    issued.claims["logout_token"] = {**usual, **claims}
    return issued.token("logout_token")


def test_a_logout_at_the_issuer_names_the_person_and_the_session(issuer, issued):
    assert issuer.logged_out(logout_token(issued)) == ("7", "s1")
    assert issuer.logged_out(logout_token(issued, jti="two", sid=None)) == ("7", "")
    assert issuer.logged_out(logout_token(issued, jti="three", sub=None)) == ("", "s1")


NO_LOGOUT = {
    "of another issuer": {"iss": "https://evil.example"},
    "for another client": {"aud": "other"},
    "for nobody": {"aud": None},
    "too old": {"exp": time.time() - 3_600},
    "without an end": {"exp": None},
    "without a time": {"iat": None},
    "without a number": {"jti": None},
    "of nobody": {"sub": None, "sid": None},
    "of another event": {"events": {"http://schemas.openid.net/event/other": {}}},
    "without an event": {"events": None},
    "whose event is no object": {"events": "http://schemas.openid.net/event/backchannel-logout"},
    "of a login": {"nonce": "n"},
}


@pytest.mark.parametrize("claims", NO_LOGOUT.values(), ids=NO_LOGOUT)
def test_a_token_that_is_none_of_a_logout_ends_nothing(issuer, issued, claims):
    token = logout_token(issued, **claims)

    with pytest.raises(LoginFailed):
        issuer.logged_out(token)


def test_a_token_of_somebody_else_and_one_that_came_before_end_nothing(issuer, issued):
    token = logout_token(issued)
    issuer.logged_out(token)
    issued.key, keys = OTHER, [issued.key.export_public(as_dict=True)]
    issued.keys = keys
    forged = logout_token(issued, jti="two")

    for each in (token, forged, "", "x.y.z", f"{token[:-4]}AAAA"):
        with pytest.raises(LoginFailed):
            issuer.logged_out(each)


def test_forged_tokens_have_the_keys_read_no_more_often_than_every_ten_seconds(issuer, issued, clock):
    issuer.logged_out(logout_token(issued))
    issued.keys, issued.key = [], OTHER
    for number in range(20):
        with pytest.raises(LoginFailed):
            issuer.logged_out(logout_token(issued, jti=str(number)))
    issued.keys, issued.header = [OTHER.export_public(as_dict=True)], {"kid": "two"}
    clock.sleep(11)

    assert issuer.logged_out(logout_token(issued, jti="new")) == ("7", "s1")
