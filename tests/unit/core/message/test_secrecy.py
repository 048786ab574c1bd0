"""The one rule of what is a secret: names in every spelling, values by their form, arguments by their place."""

from __future__ import annotations

import pytest

from reconciler.core.message.secrecy import (
    concealed,
    holds_secret,
    holds_secret_words,
    is_switch,
    looks_secret,
    names_secret,
    replaced,
    sealed_arguments,
    secrets_in,
)
from reconciler.core.resource.values import ABSENT, UNKNOWN, Secret
from reconciler.providers.keycloak.kinds import component, identity_provider
from reconciler.providers.keycloak.registry import KINDS
from reconciler.vocabulary.keycloak import CLIENT_SECRETS

SPELLINGS = """db_password DB-PASSWORD dbPassword DbPwd DBPASS requirepass masterauth GPG_PASSPHRASE SMTP_AUTH smtp.auth
    REGISTRY_AUTH APIKEY api-key apiKey KEY tls.key SESSION_SALT JWT bearerToken x-api-key Authorization privateKey"""
NO_SECRETS = (
    "PWD OLDPWD monkey keyboard bypass author "
    "AWS_ACCESS_KEY_ID PASSWORD_FILE tokenPath secretDir HOST neighbour passenger"
)


@pytest.mark.parametrize("name", SPELLINGS.split())
def test_a_name_is_known_in_any_spelling(name: str) -> None:
    assert looks_secret(name)


@pytest.mark.parametrize("name", NO_SECRETS.split())
def test_other_names_are_no_secrets(name: str) -> None:
    assert not looks_secret(name)


@pytest.mark.parametrize(
    "key",
    sorted(
        {path[-1] for kind in KINDS.values() for path in kind.reading.secrets}
        | {*CLIENT_SECRETS, *component._SECRETS, *identity_provider._SECRETS}
        | {"codeSecret", "registrationAccessToken", "secretData", "password"}
    ),
)
def test_the_rule_knows_every_secret_of_the_keycloak_tables(key: str) -> None:
    assert names_secret(key)


@pytest.mark.parametrize(
    "key", ["accessTokenLifespan", "passwordPolicy", "client.secret.creation.time", "publicKey", "access.token.claim"]
)
def test_keycloak_s_settings_about_secrets_are_no_secrets(key: str) -> None:
    assert not names_secret(key)


URLS = {
    "postgres://u:hush@db/x": "postgres://u:(secret)@db/x",
    "redis://:hush@cache:6379/0": "redis://:(secret)@cache:6379/0",
    "https://hush@example.org/1": "https://(secret)@example.org/1",
    "postgres://u:p@s/s:w@db/x": "postgres://u:(secret)@db/x",
    "u:hush@tcp(db:3306)/x": "u:(secret)@tcp(db:3306)/x",
    "host=db user=u password=hush": "host=db user=u password=(secret)",
    "jdbc:x://db/x?user=u&password=hush&ssl=true": "jdbc:x://db/x?user=u&password=(secret)&ssl=true",
    "Server=db;User Id=sa;Password=hush;": "Server=db;User Id=sa;Password=(secret);",
}


@pytest.mark.parametrize(("value", "shown"), URLS.items())
def test_a_value_is_secret_by_its_form(value: str, shown: str) -> None:
    assert holds_secret(value)
    assert replaced(value, secrets_in(value)) == shown


@pytest.mark.parametrize(
    "value",
    [
        "http://h:8080/a?x=a@b",
        "https://host/path@x",
        "ssh://git@host/x",
        "git@github.com:a/b",
        "ann@example.org",
        "repo/image@sha256:" + 64 * "0",
        "postgres://u:$PW@db/x",
        "password_file=/run/secrets/x",
    ],
)
def test_a_value_without_a_secret_is_shown(value: str) -> None:
    assert not holds_secret(value)


ARGUMENTS = [
    "redis-server --requirepass HUSH --save 60",
    "redis-server --requirepass=HUSH",
    "mysqladmin ping -pHUSH",
    "mysqladmin ping -phush",
    "server -pHush4711",
    "redis-cli -a HUSH ping",
    "curl -u ann:HUSH http://h",
    "mongosh -u ann -p HUSH",
    "sqlcmd -U sa -P HUSH",
    "ldapsearch -D x -w HUSH",
    "mc alias set s3 http://h ann HUSH",
    "psql postgres://u:HUSH@h/db",
    "env PGPASSWORD=HUSH psql",
    "java -Dkc.db-password=HUSH",
    "app --api-key HUSH",
    "app --token='HUSH'",
]


@pytest.mark.parametrize("line", ARGUMENTS)
def test_an_argument_is_secret_by_its_place(line: str) -> None:
    sealed = sealed_arguments(line.split())

    assert holds_secret_words(line)
    assert sum(isinstance(each, Secret) for each in sealed) == 1
    assert not any("hush" in str(each).lower() for each in sealed)


@pytest.mark.parametrize(
    "line",
    ["nginx -g daemon", "app -p8080", "app -p 80:80", "app --key /etc/tls.key", "app --password-file x", "sh -c true",
     "app --password=$PW", "app -production", "git clone ssh://git@h/x", "app --auth true"],
)  # fmt: skip
def test_other_arguments_are_shown(line: str) -> None:
    assert sealed_arguments(line.split()) == tuple(line.split())


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (("environment", "DB_PWD"), "x", Secret("x")),
        (("environment", "URL"), "postgres://u:p@h/d", Secret("postgres://u:p@h/d")),
        (("environment", "A"), "has known in it", Secret("has known in it")),
        (("labels", "neighbour"), "shown", "shown"),
        (("labels", "app.password"), "x", Secret("x")),
        (("command",), ("a", "--password", "x"), ("a", "--password", Secret("x"))),
        (("config", "bindCredential"), ("x",), (Secret("x"),)),
        (("attributes", "access.token.lifespan"), "60", "60"),
        (("environment",), {"KEY": "x", "B": "y"}, {"KEY": Secret("x"), "B": "y"}),
        (("command",), ABSENT, ABSENT),
        (("memory",), 5, 5),
    ],
)
def test_a_live_value_is_concealed_by_name_form_or_because_it_is_known(path, value, expected):
    assert concealed(path, value, lambda text: "known" in text) == expected


@pytest.mark.parametrize("value", ["true", "FALSE", "null", "None", "yes", "no", "on", "Off", "*"])
def test_a_switch_is_no_secret_whatever_its_name(value):
    assert is_switch(value)
    assert not is_switch(f"{value}x")
    assert concealed(("environment", "PASSWORD"), value) == value


@pytest.mark.parametrize("folder", ["/run/", "/etc/", "/var/", "/opt/", "/certs/", "./", "~/"])
def test_the_path_of_a_file_that_holds_a_secret_is_none(folder):
    assert is_switch(f"{folder}key")
    assert not is_switch(f"x{folder}key")


def test_arguments_are_sealed_one_by_one_and_keep_their_places():
    arguments = ("run", "--password", "hunter2", "--port", "80", "", UNKNOWN, Secret("a"))

    assert sealed_arguments(arguments) == ("run", "--password", Secret("hunter2"), *arguments[3:])
    assert sealed_arguments(("--password=hunter2", "x")) == (Secret("--password=hunter2"), "x")
    assert sealed_arguments(["a", "b"]) == ("a", "b")


def test_what_is_inside_a_named_list_or_mapping_is_concealed_and_nothing_beside_it():
    assert concealed(("a",), {"password": ["x", ""], "user": ["y"]}) == {"password": (Secret("x"), ""), "user": ("y",)}
    assert concealed((), ("--password", "hunter2")) == ("--password", Secret("hunter2"))
    assert concealed((), "hunter2") == "hunter2"
    assert concealed((), {"a": {"b": "known"}}, lambda text: text == "known") == {"a": {"b": Secret("known")}}
    assert concealed(("password",), 7) == 7
