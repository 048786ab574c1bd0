from __future__ import annotations

import json

import pytest

from reconciler.core.message.secrecy import looks_secret
from reconciler.core.resource.address import Address
from reconciler.core.resource.values import (
    ABSENT,
    UNKNOWN,
    Ref,
    Secret,
    has_secret,
    plain,
    refs,
    seal,
    substitute,
    veil,
)

REF = Ref(Address("keycloak.client", ("r", "c")), "secret")


@pytest.mark.parametrize("render", [str, repr, "{}".format, "{!r}".format, "{0!s:>20}".format])
def test_a_secret_does_not_print(render):
    assert "hush" not in render(Secret("hush"))


def test_a_secret_is_no_json():
    with pytest.raises(TypeError):
        json.dumps(Secret("hush"))


def test_secrets_compare_by_value():
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")


def test_what_is_derived_from_a_secret_is_secret():
    assert Secret("hush").derive("K={}".format) == Secret("K=hush")


def test_references_are_found_and_substituted_wherever_they_are():
    value = {"a": [REF, "x"], "b": {"c": REF}}

    assert list(refs(value)) == [REF, REF]
    assert substitute(value, lambda ref: ref.output) == {"a": ("secret", "x"), "b": {"c": "secret"}}


def test_a_value_is_veiled_where_the_other_one_is_secret():
    veiled = veil(["redis", "--pw", "old"], ["redis", "--pw", Secret("new")])

    assert veiled == ("redis", "--pw", Secret("old"))


def test_of_lists_of_other_length_all_is_veiled_that_does_not_stand_in_the_open():
    veiled = veil(["redis", "--save", "--pw", "old"], ["redis", "--pw", Secret("new")])

    assert veiled == ("redis", Secret("--save"), "--pw", Secret("old"))


def test_what_is_absent_stays_absent_when_sealed():
    assert seal(ABSENT) is ABSENT
    assert has_secret(seal({"a": ["x"]}))


SECRET = """DB_PASSWORD db_passwd clientSecret CLIENT_SECRET API_TOKEN API_KEY SECRET_KEY AWS_SECRET_ACCESS_KEY
    PRIVATE SSH_KEY CREDENTIALS"""
OTHERS = """HOST PATH KC_DB MONKEY AUTHOR AWS_ACCESS_KEY_ID KEY_ID POSTGRES_PASSWORD_FILE TOKEN_DIR KEYCLOAK_PORT
    MLFLOW_S3_ENDPOINT_URL"""


@pytest.mark.parametrize("name", SECRET.split())
def test_names_of_secrets_are_known(name):
    assert looks_secret(name)


@pytest.mark.parametrize("name", OTHERS.split())
def test_other_names_are_not_taken_for_secrets(name):
    assert not looks_secret(name)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("a", "a"),
        (1, 1),
        (1.5, 1.5),
        (True, True),
        (Secret("x"), ["hidden", "x"]),
        (ABSENT, None),
        (UNKNOWN, {"unknown": True}),
        (Ref(Address("a.b", ("c",)), "id"), {"unknown": True}),
        ({"a": (1, Secret("y"))}, {"a": [1, ["hidden", "y"]]}),
        ([{"a": UNKNOWN}, "b"], [{"a": {"unknown": True}}, "b"]),
    ],
)
def test_a_value_is_made_plain_for_json(value, expected):
    assert plain(value, lambda secret: ["hidden", secret.reveal()]) == expected


def test_what_is_no_value_has_a_name():
    assert (str(UNKNOWN), str(ABSENT)) == ("(known after apply)", "(absent)")
