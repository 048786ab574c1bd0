"""Names of secrets, and lines that must not tell them."""

from __future__ import annotations

import pytest

from reconciler.config.secretnames import is_secret_name, masked, without_values

SECRET = "DB_PASSWORD db_passwd CLIENT_SECRET API_TOKEN SECRET_KEY AWS_SECRET_ACCESS_KEY PRIVATE SSH_KEY CREDENTIALS"
OTHERS = "HOST AWS_ACCESS_KEY_ID KEY_ID POSTGRES_PASSWORD_FILE TOKEN_DIR KEYCLOAK_PORT"


@pytest.mark.parametrize("name", SECRET.split())
def test_names_of_secrets_are_told(name):
    assert is_secret_name(name)


@pytest.mark.parametrize("name", OTHERS.split())
def test_names_of_other_things_are_not(name):
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("  DB_PASSWORD: hunter2", "  DB_PASSWORD: ********"),
        ("  password: 'hun ter2' # c", "  password: '********"),
        ("  - API_TOKEN=hunter2", "  - API_TOKEN=********"),
        ("{username: a, password: hunter2, email: x}", "{username: a, password: ********"),
        ('"secret": "hunter2",', '"secret": "********'),
        ("      value: hunter2", "      value: ********"),
        ("  SECRET_KEY: ${SECRET_KEY:?run it}", None),
        ("  URL: postgres://u:${DB_PASSWORD}@db", None),
        ("  X: ${DB_PASSWORD:-hunter2}/x", "  X: ${DB_PASSWORD:-********}/x"),
        ("  secrets: [DB_PASSWORD, API_TOKEN]", None),
        ("  command: [redis-server, --requirepass, x]", None),
        ("  image: nginx", None),
    ],
)
def test_a_line_is_shown_without_secrets(line, shown):
    assert masked(line) == (line if shown is None else shown)


@pytest.mark.parametrize(
    ("line", "shown"),
    [("A=hunter2", "A=********"), ("export A: 'hunter2", "export A: ********"), ("hunter2'", ""), ("# c", "")],
)
def test_of_a_private_file_only_names_are_shown(line, shown):
    assert without_values(line) == shown
