"""Causes that show in a walk or in what services wrote."""

from __future__ import annotations

import pytest

from reconciler.core.login import Evidence, Login, LostCookie, Stage, Trouble, Walk
from reconciler.core.resource.address import Address
from reconciler.login.causes import ROWS, checks
from tests.kit.build import a_document

AT_LOCALHOST = {"redirect_uri": "http://localhost:5000/callback"}


def a_walk(stage=Stage.RETURN, trouble=Trouble.STATUS, **rest):
    return Walk(
        Login("http://localhost:5000/login", "canary"), stage, trouble, "http://localhost:5000/callback", **rest
    )


def service(name):
    return Address("swarm.service", (name,))


def found(walk, **logs):
    evidence = Evidence(walk, {name: [line] for name, line in logs.items()})
    return {each.code: each for check in checks(a_document({}), evidence, service) for each in check.find()}


WALKS = {
    "login-silent": a_walk(Stage.OPEN, Trouble.SILENT),
    "login-tls": a_walk(Stage.OPEN, Trouble.TLS),
    "cookie": a_walk(lost=(LostCookie("session", "app.test", "it is marked Secure"),)),
    "cookie-host": a_walk(trouble=Trouble.REFUSED, request={"redirect_uri": "http://127.0.0.1:5000/callback"}),
    "session": a_walk(trouble=Trouble.FORGOTTEN, request=AT_LOCALHOST),
    "login-action": a_walk(Stage.PASSWORD, Trouble.ACTION, message="Two-factor"),
}
LINES = {
    "client-secret": "authlib.OAuthError: unauthorized_client: Invalid client or Invalid client credentials",
    "redis-password": "redis.exceptions.AuthenticationError: invalid username-password pair or user is disabled.",
    "database-password": 'FATAL:  password authentication failed for user "mlflow"',
    "store-password": "botocore ClientError: An error occurred (SignatureDoesNotMatch)",
    "name-unresolved": 'could not translate host name "postgres" to address: Name or service not known',
    "server-refused": "redis.exceptions.ConnectionError: Error 111 connecting to redis:6379. Connection refused.",
    "token": "authlib.jose.errors.InvalidClaimError: invalid_claim: Invalid claim 'iss'",
}


@pytest.mark.parametrize("code", WALKS)
def test_a_walk_shows_its_cause(code):
    assert list(found(WALKS[code])) == [code]


@pytest.mark.parametrize("code", LINES)
def test_a_line_shows_its_cause_and_its_service(code):
    diagnosis = found(a_walk(), app=LINES[code])[code]

    assert (diagnosis.where, str(diagnosis.address)) == ("service app", "swarm.service/app")
    assert LINES[code] in diagnosis.message


def test_every_row_has_a_case():
    assert {row.code for row in ROWS} == {*WALKS, *LINES}


def test_ordinary_lines_show_nothing():
    assert found(a_walk(), app='INFO: 127.0.0.1:42842 - "GET /callback HTTP/1.1" 302 Found') == {}
