"""Each source of secrets gives its value, or says why not and what to do; never a value in a message."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from reconciler.config.variables.sources import variables_in
from reconciler.secrets.sources import SOURCES, SourceError, Surroundings
from tests.kit.machine.vault import vault

PROGRAM = f"#!{sys.executable}\nimport sys\n"
SOPS = """
assert sys.argv[1:4] == ["--decrypt", "--output-type", "json"], sys.argv
if "locked" in open(sys.argv[4]).read():
    sys.exit("Failed to get the data key required to decrypt the SOPS file.")
print('{"db": {"password": "s-value", "port": 5432}}')
"""
AGE = """
assert sys.argv[1:3] == ["--decrypt", "--identity"], sys.argv
if open(sys.argv[3]).read() != "AGE-SECRET-KEY-1":
    sys.exit("age: error: no identity matched any of the recipients")
print(open(sys.argv[4]).read().upper(), end="")
"""


@pytest.fixture
def around(tmp_path):
    """A folder with files of all sorts, and stand-ins for sops and age that check how they are called."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in (("sops", SOPS), ("age", AGE)):
        (programs / name).write_text(PROGRAM + text, encoding="utf-8")
        (programs / name).chmod(0o755)
    for name, text in {
        "plain": "f-value\n",
        "windows": "f-value\r\n",
        "lines": "one\ntwo\n\n",
        "other.env": "# more\nTOKEN='e-value'\nEMPTY=\n",
        "open.yaml": "db: ENC[...]",
        "locked.yaml": "locked",
        "secret.age": "a-value\n",
        "key": "AGE-SECRET-KEY-1",
        "wrong-key": "AGE-SECRET-KEY-2",
    }.items():
        (tmp_path / name).write_text(text, encoding="utf-8", newline="")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    environment = {"PATH": f"{programs}:/usr/bin:/bin", "HOME": str(tmp_path)}
    return Surroundings(tmp_path, environment, variables_in)


@pytest.mark.parametrize(
    ("kind", "settings", "value"),
    [
        ("file", "plain", "f-value"),
        ("file", "~/windows", "f-value"),
        ("file", "lines", "one\ntwo\n"),
        ("env_file", {"path": "other.env", "name": "TOKEN"}, "e-value"),
        ("command", ["sh", "-c", "printf '%s\\n' \"$HOME\" | wc -l"], "1"),
        ("sops", {"path": "open.yaml", "key": "db.password"}, "s-value"),
        ("age", {"path": "secret.age", "identity": "~/key"}, "A-VALUE"),
    ],
)
def test_a_source_gives_its_value(around, kind, settings, value):
    assert SOURCES[kind](settings, around) == value


@pytest.mark.parametrize(
    ("kind", "settings", "words"),
    [
        ("file", "gone", "gone can't be read: No such file or directory; check the path"),
        ("file", "binary", "is no text"),
        ("file", "/dev/null/x", "can't be read"),
        ("docker_secret", "never-mounted", "/run/secrets/never-mounted can't be read"),
        ("env_file", {"path": "other.env", "name": "GONE"}, "does not set GONE; add a line"),
        ("env_file", {"path": "gone.env", "name": "TOKEN"}, "gone.env can't be read"),
        ("command", ["no-such-program"], "`no-such-program` can't be run: No such file"),
        ("command", ["sh", "-c", "echo hush-hush; echo no key >&2; exit 3"], "`sh` ended with 3: no key"),
        ("command", ["printf", "\\377"], "prints no text"),
        ("sops", {"path": "locked.yaml", "key": "a"}, "`sops` ended with 1: Failed to get the data key"),
        ("sops", {"path": "open.yaml", "key": "db.user"}, "has no value under `db.user`"),
        ("sops", {"path": "open.yaml", "key": "db.password.x"}, "has no value under"),
        ("sops", {"path": "open.yaml", "key": "db.port"}, "is no text; write it in quotes"),
        ("age", {"path": "secret.age", "identity": "wrong-key"}, "no identity matched"),
    ],
)
def test_a_source_that_gives_nothing_says_why(around, kind, settings, words):
    with pytest.raises(SourceError) as caught:
        SOURCES[kind](settings, around)

    assert words in str(caught.value)
    assert "hush-hush" not in str(caught.value)


def test_a_program_that_is_not_installed_is_named_with_its_package(around):
    bare = Surroundings(around.directory, {**around.environment, "PATH": "/nowhere"}, variables_in)

    with pytest.raises(SourceError, match="install age"):
        SOURCES["age"]({"path": "secret.age", "identity": "key"}, bare)
    with pytest.raises(SourceError, match="install SOPS"):
        SOURCES["sops"]({"path": "open.yaml", "key": "a"}, bare)


# ------------------------------------------------------------------ Vault and OpenBao


@pytest.fixture
def server():
    with vault() as made:
        made.mounts = {"secret": 2, "old": 1}
        made.tokens = {"the-token": "", "narrow": "secret/data/other"}
        made.secrets = {
            "secret/shop/db": {"password": "v-value", "port": 1, "data": "x", "metadata": "y"},
            "secret/shop/gone": None,
            "old/shop/db": {"password": "o-value"},
        }
        yield made


def asked(around, server, settings, **environment):
    given = {**around.environment, "VAULT_ADDR": server.url, "VAULT_TOKEN": "the-token", **environment}
    given = {name: value for name, value in given.items() if value}
    return SOURCES["vault"](settings, Surroundings(around.directory, given, variables_in))


SHOP = {"path": "shop/db", "key": "password"}


def test_both_versions_of_the_engine_are_read(around, server):
    assert asked(around, server, SHOP) == "v-value"
    assert asked(around, server, {**SHOP, "mount": "old", "version": 1}) == "o-value"
    assert server.asked == ["/v1/secret/data/shop/db", "/v1/old/shop/db"]


def test_the_token_and_the_address_are_found_where_they_are(around, server, tmp_path):
    (tmp_path / ".vault-token").write_text("the-token\n", encoding="utf-8")
    (tmp_path / "token").write_text("the-token\n", encoding="utf-8")

    assert asked(around, server, SHOP, VAULT_TOKEN="") == "v-value"
    assert asked(around, server, {**SHOP, "token_file": "token"}, VAULT_TOKEN="wrong") == "v-value"
    assert asked(around, server, SHOP, VAULT_TOKEN="", BAO_TOKEN="the-token", VAULT_ADDR="", BAO_ADDR=server.url)
    assert asked(around, server, {**SHOP, "address": server.url}, VAULT_ADDR="") == "v-value"
    server.namespace = "team"
    assert asked(around, server, {**SHOP, "namespace": "team"}) == "v-value"
    assert asked(around, server, SHOP, VAULT_NAMESPACE="team") == "v-value"


@pytest.mark.parametrize(
    ("settings", "environment", "words"),
    [
        ({**SHOP, "path": "shop/none"}, {}, "answers 404: there is no secret at this path"),
        ({**SHOP, "path": "shop/gone"}, {}, "answers 404"),
        ({**SHOP, "mount": "none"}, {}, "answers 404"),
        ({**SHOP, "key": "user"}, {}, "has no key `user`"),
        ({**SHOP, "key": "port"}, {}, "has no text under `port`"),
        (SHOP, {"VAULT_TOKEN": "wrong"}, "answers 403: the token is not valid"),
        (SHOP, {"VAULT_TOKEN": "narrow"}, "answers 403"),
        (SHOP, {"VAULT_TOKEN": ""}, "there is no token"),
        (SHOP, {"VAULT_ADDR": ""}, "it has no `address`"),
        (SHOP, {"VAULT_ADDR": "http://127.0.0.1:9"}, "does not answer: ConnectionError"),
        (SHOP, {"VAULT_TOKEN": "line\nbreak"}, "does not answer"),
    ],
)
def test_what_keeps_vault_from_answering_is_told(around, server, settings, environment, words):
    with pytest.raises(SourceError) as caught:
        asked(around, server, settings, **environment)

    assert words in str(caught.value)
    assert "v-value" not in str(caught.value)


def test_a_sealed_server_is_one_that_is_told_of_and_no_token_is_sent_on(around, server):
    server.is_sealed = True
    with pytest.raises(SourceError, match="sealed"):
        asked(around, server, SHOP)
    server.is_sealed = False
    with vault() as other:
        server.sends_on_to = other.url
        with pytest.raises(SourceError, match="it sends on to"):
            asked(around, server, SHOP)
        assert not other.asked


def test_every_source_of_the_schema_is_there():
    import json

    schema = json.loads((Path(__file__).parents[3] / "schemas/stack.schema.json").read_text(encoding="utf-8"))

    assert SOURCES.keys() == schema["$defs"]["secret_source"]["properties"].keys()
