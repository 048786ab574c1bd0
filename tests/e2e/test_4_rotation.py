"""Every secret of the stack is rotated while somebody logs in again and again: who is refused, and what opens what."""

from __future__ import annotations

import base64
import threading
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass

import pytest

from tests.kit import sso
from tests.kit.cli import Ran
from tests.kit.machine import browser, s3
from tests.kit.sso import Outcome

BETWEEN_LOGINS_S = 0.5
NOBODY = ("URLError", "ConnectionResetError", "ConnectionRefusedError", "RemoteDisconnected", "TimeoutError")
NAMES = (
    *("POSTGRES_PASSWORD", "MLFLOW_DB_PASSWORD", "KEYCLOAK_DB_PASSWORD", "KEYCLOAK_ADMIN_PASSWORD", "REDIS_PASSWORD"),
    *("MINIO_ROOT_PASSWORD", "OIDC_CLIENT_SECRET", "SECRET_KEY", "MLFLOW_ADMIN_PASSWORD"),
)


@dataclass
class Rotated:
    """One rotation of all secrets, and the logins that were tried meanwhile: "" for each that worked, else the end."""

    before: dict[str, str]
    ran: Ran
    logins: list[str]


def tried(url):
    """Log in once; the words tell whether nobody answered or somebody refused."""
    try:
        login = sso.login(url, "mlflow_user", "password123")
    except (OSError, urllib.error.URLError, sso.BrokenFlow) as error:
        return f"{type(error).__name__}: {error}"
    return "" if login.outcome is Outcome.SIGNED_IN else f"{login.outcome}: {login.message}"


@pytest.fixture(scope="module")
def rotated(seed):
    before, logins, over = dict(seed.settings), list[str](), threading.Event()

    def log_in() -> None:
        while not over.wait(BETWEEN_LOGINS_S):
            logins.append(tried(seed.url("MLFLOW_PORT")))

    thread = threading.Thread(target=log_in)
    thread.start()
    try:
        ran = seed.run("secrets", "rotate", "--all", "--yes")
    finally:
        over.set()
        thread.join()
    return Rotated(before, ran, logins)


def test_all_secrets_are_rotated_and_none_is_printed(seed, rotated):
    assert rotated.ran.code == 0, rotated.ran.out + rotated.ran.err
    before, after = rotated.before, seed.settings

    assert not [name for name in NAMES if before[name] == after[name]]
    assert {name: value for name, value in before.items() if name not in NAMES}.items() <= after.items()
    printed = rotated.ran.out + rotated.ran.err
    assert not [name for name in NAMES if before[name] in printed or after[name] in printed]
    assert not (seed.directory / ".env.rotation").exists()
    assert (seed.directory / ".env").stat().st_mode & 0o777 == 0o600
    assert seed.run("diff").code == 0


def psql(seed, account, password):
    words = [
        "psql",
        "--no-password",
        "--host=postgres",
        f"--username={account}",
        "--dbname=postgres",
        "--command=SELECT",
    ]
    return command(seed, "postgres", words, f"PGPASSWORD={password}")


def redis(seed, password):
    return command(seed, "redis", ["sh", "-c", "redis-cli ping | grep -qx PONG"], f"REDISCLI_AUTH={password}")


def command(seed, service, words, variable):
    body = {"Cmd": words, "Env": [variable], "AttachStdout": True, "AttachStderr": True}
    code, _ = seed.engine.execute(seed.container(service), body, timeout_s=30)
    return code == 0


def bucket(seed, password):
    try:
        s3.S3(seed.url("S3_PORT"), seed.settings.get("MINIO_ROOT_USER", "minio"), password).objects("mlflow")
    except urllib.error.HTTPError:
        return False
    return True


def accepted(seed, realm, path, form, headers=None):
    url = f"{seed.url('KEYCLOAK_PORT')}/realms/{realm}/protocol/openid-connect/{path}"
    request = urllib.request.Request(url, urllib.parse.urlencode(form).encode(), headers or {})
    try:
        with urllib.request.urlopen(request, timeout=30):
            return True
    except urllib.error.HTTPError as error:
        if error.code not in (400, 401):
            raise
        return False


def person(seed, realm, name, password):
    form = {"grant_type": "password", "client_id": "admin-cli", "username": name, "password": password}
    return accepted(seed, realm, "token", form)


def client(seed, secret):
    basic = base64.b64encode(f"mlflow:{secret}".encode()).decode()
    return accepted(seed, "mlflow", "token/introspect", {"token": "none"}, {"Authorization": f"Basic {basic}"})


OPENS = {
    "POSTGRES_PASSWORD": lambda seed, value: psql(seed, "postgres", value),
    "MLFLOW_DB_PASSWORD": lambda seed, value: psql(seed, "mlflow", value),
    "KEYCLOAK_DB_PASSWORD": lambda seed, value: psql(seed, "keycloak", value),
    "KEYCLOAK_ADMIN_PASSWORD": lambda seed, value: person(seed, "master", "admin", value),
    "REDIS_PASSWORD": redis,
    "MINIO_ROOT_PASSWORD": bucket,
    "OIDC_CLIENT_SECRET": client,
    "MLFLOW_ADMIN_PASSWORD": lambda seed, value: person(seed, "mlflow", "mlflow_admin", value),
}


@pytest.mark.parametrize("name", OPENS)
def test_the_new_value_opens_and_the_old_one_does_not(seed, rotated, name):
    assert OPENS[name](seed, seed.settings[name])
    assert not OPENS[name](seed, rotated.before[name])


def test_no_login_was_refused_for_a_wrong_secret(rotated):
    """A service that restarts answers nothing or half an answer; no answer complains of a secret."""
    failed = [words for words in rotated.logins if words]

    assert "" in rotated.logins
    answered = [words for words in failed if not words.startswith(NOBODY)]
    assert not answered, answered[:5]


def test_people_log_in_afterwards_with_a_browser_too(seed, rotated, tmp_path):
    assert rotated.ran.code == 0
    url = seed.url("MLFLOW_PORT")

    assert tried(url) == ""
    admin = sso.login(url, "mlflow_admin", seed.settings["MLFLOW_ADMIN_PASSWORD"])
    assert sso.whoami(admin.session).is_admin
    assert browser.sign_in(url, "mlflow_user", "password123", screenshot=tmp_path / "mlflow.png").titles[-1] == "MLflow"
