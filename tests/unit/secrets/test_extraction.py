"""Secrets out of a file: variables in their places, by names that nothing else has."""

from __future__ import annotations

from functools import partial

import pytest

from reconciler.config.realm.minimal import is_secret
from reconciler.config.variables.template import COMPOSE, KEYCLOAK, Variables, escaped, interpolate
from reconciler.secrets.extraction import extracted

STACK = {"known": {}, "escape": escaped}
REALM = {"known": {}, "escape": partial(escaped, dialect=KEYCLOAK), "is_secret": is_secret}


def of_service(**attributes):
    return {"services": {"web": attributes}}


def test_a_value_with_the_name_of_a_secret_is_a_variable_of_that_name():
    done = extracted(of_service(environment={"DB_PASSWORD": "x$y", "MODE": "a$b"}), **STACK)

    assert done.file == of_service(environment={"DB_PASSWORD": "${DB_PASSWORD}", "MODE": "a$$b"})
    assert done.variables == {"DB_PASSWORD": "x$y"}


def test_a_secret_within_a_text_leaves_the_rest():
    done = extracted(of_service(environment={"URL": "amqp://u:p$w0rd@mq/$v"}), **STACK)

    assert done.file == of_service(environment={"URL": "amqp://u:${URL_PASSWORD}@mq/$$v"})
    assert done.variables == {"URL_PASSWORD": "p$w0rd"}


def test_an_argument_is_a_secret_by_the_option_before_it():
    done = extracted(of_service(command=["redis-server", "--requirepass", "hunter-2-hunter"]), **STACK)

    assert done.file == of_service(command=["redis-server", "--requirepass", "${WEB_COMMAND_PASSWORD}"])
    assert done.variables == {"WEB_COMMAND_PASSWORD": "hunter-2-hunter"}


def test_the_same_secret_in_two_places_is_one_variable():
    tree = {"services": {"app": {"command": "run correct-horse-9"}, "db": {"environment": {"PW": "correct-horse-9"}}}}

    done = extracted(tree, **STACK)

    assert done.file["services"]["app"]["command"] == "run ${PW}"
    assert done.variables == {"PW": "correct-horse-9"}


def test_a_secret_is_not_looked_for_in_names():
    tree = {"services": {"db": {"image": "postgres-14:1", "environment": {"DB_PASSWORD": "postgres-14"}}}}

    assert extracted(tree, **STACK).file["services"]["db"]["image"] == "postgres-14:1"


def test_a_name_with_another_value_is_not_used():
    tree = {"services": {name: {"environment": {"KEY": name}} for name in ("one", "two")}}

    done = extracted(tree, known={"KEY": "older", "ONE_KEY": "older"}, escape=escaped)

    assert done.variables == {"SERVICES_ONE_ENVIRONMENT_KEY": "one", "TWO_KEY": "two"}


@pytest.mark.parametrize("value", ["", "true", "/run/secrets/db", "**********", "${vault.db}"])
def test_what_is_no_secret_whatever_its_name_stays(value):
    tree = {"clients": [{"clientId": "app", "secret": value}]}

    assert extracted(tree, **REALM).file == tree


def test_secrets_of_a_realm_have_the_names_of_their_owners():
    tree = {
        "clients": [{"clientId": "my-app", "secret": "1", "attributes": {"access.token.lifespan": "60"}}],
        "identityProviders": [{"alias": "hub", "config": {"clientSecret": "2", "tokenUrl": "https://a.test"}}],
        "users": [{"username": "ann", "attributes": {"apiKey": ["3"], "shoe": ["39"]}}],
    }

    assert extracted(tree, **REALM).variables == {"MY_APP_SECRET": "1", "HUB_CLIENT_SECRET": "2", "ANN_API_KEY": "3"}


@pytest.mark.parametrize(
    "text", ["${ABC}", "$${ABC}", "$$", "a$b", "${role_admin}", "${ALIAS}", "$(env:X)", "$$$", "${A:-b}"]
)
@pytest.mark.parametrize("dialect", [COMPOSE, KEYCLOAK])
def test_an_escaped_text_means_itself(text, dialect):
    assert interpolate(escaped(text, dialect), Variables({"ABC": "wrong", "X": "wrong"}), dialect) == (text, ())


# ------------------------------------------------------------------ secrets that show in a later place only

LONG = "plainlongSECRETvalue77"
SHOWN = {"environment": {"U": f"http://u:{LONG}@h/"}}


@pytest.mark.parametrize(
    "hidden",
    [
        {"environment": {"D": LONG}},
        {"environment": {"D": f"a {LONG} b"}},
        {"command": ["run", LONG]},
        {"entrypoint": f"run {LONG}"},
        {"labels": {"l": LONG}},
        {"healthcheck": {"test": ["CMD", "probe", LONG]}},
        {"logging": {"options": {"tag": LONG}}},
    ],
    ids=str,
)
@pytest.mark.parametrize("is_before", [True, False])
def test_a_secret_is_taken_out_wherever_the_place_stands_that_shows_it(hidden, is_before):
    parts = [hidden, SHOWN] if is_before else [SHOWN, hidden]

    done = extracted({"services": dict(zip(("a", "b"), parts, strict=True))}, **STACK)

    assert LONG not in str(done.file)
    assert done.variables == {"U_PASSWORD": LONG}


def test_a_secret_that_a_url_shows_encoded_is_taken_out_as_it_is():
    done = extracted(of_service(environment={"D": "p@ss/word-4711", "U": "http://u:p%40ss%2Fword-4711@h/"}), **STACK)

    assert done.file == of_service(environment={"D": "${D}", "U": "http://u:${U_PASSWORD}@h/"})
    assert done.variables == {"D": "p@ss/word-4711", "U_PASSWORD": "p%40ss%2Fword-4711"}


def test_secrets_of_another_part_of_the_file_are_taken_out():
    done = extracted(of_service(labels={"l": LONG}), **STACK, found={"OTHER": LONG})

    assert done.file == of_service(labels={"l": "${OTHER}"})


def test_the_same_holds_within_one_service():
    done = extracted(of_service(environment={"D": LONG, **SHOWN["environment"]}, labels={"l": LONG}), **STACK)

    wanted = of_service(
        environment={"D": "${U_PASSWORD}", "U": "http://u:${U_PASSWORD}@h/"}, labels={"l": "${U_PASSWORD}"}
    )
    assert done.file == wanted
