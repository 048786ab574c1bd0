"""A secret stays one: from the variable, through every form, into the Document."""

from __future__ import annotations

import json

import pytest

from reconciler.config import Sources, load, load_stack, printable
from reconciler.core.message.errors import ConfigError
from reconciler.core.resource.values import Secret

MARK = "s3cr3t-mark"
STACK = """\
x-reconcile:
  secrets: [OWN]
x-kept: {note: "${OWN}"}
services:
  web:
    image: nginx
    command: serve --password ${DB_PASSWORD} --port 80
    entrypoint: [sh, -c, "echo ${DB_PASSWORD}"]
    environment:
      URL: postgres://u:${DB_PASSWORD}@db
      PLAIN: text
      OWN_ONE: ${OWN}
      API_TOKEN: literal
      API_TOKEN_FILE: /run/token
      EMPTY_TOKEN: ""
      DB_PASSWORD:
    env_file: web.env
    labels: ["a=${OWN}", "b=c"]
    healthcheck: {test: "check ${OWN}"}
    sysctls: {net.x: "${OWN}"}
    extra_hosts: ["h:${OWN}"]
    logging: {driver: splunk, options: {splunk-token: literal, tag: x}}
    build:
      context: .
      args: {DB_PASSWORD: , WORD: "${OWN}", GIT_TOKEN: literal}
volumes:
  data:
    driver_opts: {o: "username=u,password=${OWN}"}
"""
ENVIRONMENT = {"DB_PASSWORD": MARK, "OWN": MARK}


@pytest.fixture
def sources(tmp_path):
    (tmp_path / "stack.yaml").write_text(
        STACK.replace("volumes:\n  data", "    volumes: [data:/d]\nvolumes:\n  data"), encoding="utf-8"
    )
    (tmp_path / "Dockerfile").touch()
    (tmp_path / "web.env").write_text(
        "FROM_FILE=x${DB_PASSWORD}\nFILE_SECRET=literal\nFILE_PLAIN=y\n", encoding="utf-8"
    )
    return Sources(directory=tmp_path, stack_files=(tmp_path / "stack.yaml",), environment=ENVIRONMENT)


def shown(value):
    """The value with secrets as what they say, for reading."""
    match value:
        case Secret():
            return f"secret {value.reveal()}"
        case dict():
            return {key: shown(part) for key, part in value.items()}
        case tuple():
            return [shown(part) for part in value]
        case _:
            return value


def test_secrets_are_sealed_wherever_they_flow(sources):
    web = shown(load(sources).document.stack["services"]["web"])

    # Of a command in one text nobody can tell which word the secret is in.
    assert web["command"] == [f"secret {word}" for word in ("serve", "--password", MARK, "--port", "80")]
    assert web["entrypoint"] == ["sh", "-c", f"secret echo {MARK}"]
    assert web["environment"] == {
        "URL": f"secret postgres://u:{MARK}@db",
        "PLAIN": "text",
        "OWN_ONE": f"secret {MARK}",
        "API_TOKEN": "secret literal",
        "API_TOKEN_FILE": "/run/token",
        "EMPTY_TOKEN": "",
        "DB_PASSWORD": f"secret {MARK}",
        "FROM_FILE": f"secret x{MARK}",
        "FILE_SECRET": "secret literal",
        "FILE_PLAIN": "y",
    }
    assert web["labels"] == {"a": f"secret {MARK}", "b": "c"}
    assert web["healthcheck"]["test"] == ["CMD-SHELL", f"secret check {MARK}"]
    assert web["sysctls"] == {"net.x": f"secret {MARK}"}
    assert web["extra_hosts"] == [f"secret h={MARK}"]
    assert web["logging"]["options"] == {"splunk-token": "secret literal", "tag": "x"}
    assert web["build"]["args"] == {
        "DB_PASSWORD": f"secret {MARK}",
        "WORD": f"secret {MARK}",
        "GIT_TOKEN": "secret literal",
    }


def test_a_container_that_runs_before_has_its_secrets_sealed_as_the_service_has(tmp_path):
    attributes = """{
      image: nginx, command: "serve ${OWN}", entrypoint: [sh, -c, "echo ${OWN}"], environment: {A: "${OWN}"},
      labels: {a: "${OWN}"}, annotations: {a: "${OWN}"}, sysctls: {net.x: "${OWN}"}, extra_hosts: ["h:${OWN}"],
      logging: {driver: splunk, options: {splunk-token: literal}}, storage_opt: {a: "${OWN}"}}"""
    file = tmp_path / "stack.yaml"
    text = f"services:\n  a: {attributes}\n  b: {{image: nginx, pre_start: [{attributes}]}}\n"
    file.write_text(text, encoding="utf-8")

    services = load(Sources(tmp_path, (file,), environment=ENVIRONMENT)).document.stack["services"]

    (before,) = services["b"]["pre_start"]
    for name in set(before) & set(services["a"]):
        assert shown(before[name]) == shown(services["a"][name]), name
    assert {"annotations", "extra_hosts", "logging", "sysctls", "storage_opt"} <= set(before)


def test_elsewhere_too(sources):
    stack = shown(load(sources).document.stack)

    assert stack["volumes"]["data"]["driver_opts"] == {"o": f"secret username=u,password={MARK}"}
    assert stack["x-kept"] == {"note": f"secret {MARK}"}


def test_no_secret_is_in_what_is_printed_of_a_document(sources):
    loaded = load(sources)

    assert MARK not in repr(loaded.document.stack)
    assert MARK not in json.dumps(printable(sources).model)
    assert MARK in json.dumps(printable(sources, show_secrets=True).model)


def test_a_secret_in_the_open_is_a_plain_text_and_a_warning(tmp_path):
    file = tmp_path / "stack.yaml"
    file.write_text(
        "services:\n  web:\n    image: x:${IMAGE_TOKEN}\n    ports: ['${PORT_SECRET}:80']\n", encoding="utf-8"
    )

    loaded = load(
        Sources(directory=tmp_path, stack_files=(file,), environment={"IMAGE_TOKEN": "t", "PORT_SECRET": "8080"})
    )

    assert loaded.document.stack["services"]["web"]["image"] == "x:t"
    assert [str(warning) for warning in loaded.warnings] == [
        (
            "stack.yaml:3:5: services.web.image has a secret in it, and is shown in plain text; "
            "use it in `environment` instead"
        )
    ]


def test_load_stack_gives_plain_texts(sources):
    model = load_stack(sources.stack_files[0], environment=ENVIRONMENT)

    assert model["services"]["web"]["environment"]["URL"] == f"postgres://u:{MARK}@db"
    assert json.loads(json.dumps(model)) == model


def test_secrets_of_realms_are_sealed(tmp_path):
    file = tmp_path / "users.yaml"
    file.write_text(
        "realm: r\nx-reconcile:\n  connection: {url: http://k, auth: {username: admin, password: literal}}\n"
        "clients:\n  - clientId: c\n    secret: literal\n"
        "    attributes: {saml.signing.private.key: literal, x: '${OWN_SECRET}'}\n"
        "users:\n  - {username: a, password: literal}\n"
        "  - username: b\n    credentials: [{type: password, value: literal}]\n",
        encoding="utf-8",
    )

    document = load(Sources(directory=tmp_path, users_files=(file,), environment={"OWN_SECRET": MARK})).document

    realm = shown(document.realms[0])
    assert shown(document.connection)["auth"] == {"username": "admin", "password": "secret literal"}
    assert realm["clients"][0]["secret"] == "secret literal"
    assert realm["clients"][0]["attributes"] == {"saml.signing.private.key": "secret literal", "x": f"secret {MARK}"}
    assert realm["users"][0]["credentials"][0]["value"] == "secret literal"
    assert realm["users"][1]["credentials"][0]["value"] == "secret literal"


EVERYWHERE = """
restart: $S
pull_policy: $S
network_mode: service:$S
mem_limit: $S
cpus: $S
init: $S
ports: [$S, '$S:80']
volumes: ['$S:/x', {type: $S}]
depends_on: [$S]
networks: [$S]
healthcheck: {interval: $S, test: [$S]}
ulimits: {nofile: $S}
env_file: $S
x-reconcile: {depends_on: [$S], job: $S}
command: '$S ('
user: {a: $S}
hostname: '${NONE:?$S}'
extra_hosts: [$S]
devices: ['$S:$S:$S:$S']
container_name: [$S]
environment: {A: [$S]}
"""


@pytest.mark.parametrize("line", EVERYWHERE.strip().split("\n"))
def test_no_message_tells_a_secret(line, tmp_path):
    file = tmp_path / "stack.yaml"
    body = line.replace("$S", "${OWN_SECRET}")
    file.write_text(f"services:\n  a:\n    image: x\n    {body}\n", encoding="utf-8")

    try:
        problems = load(Sources(directory=tmp_path, stack_files=(file,), environment={"OWN_SECRET": MARK})).warnings
    except ConfigError as error:
        problems = error.problems

    assert problems
    assert not [problem for problem in problems if MARK in problem.message or MARK in problem.text]


def test_config_shows_no_secret_of_hooks_configs_and_providers(tmp_path):
    stack = tmp_path / "stack.yaml"
    stack.write_text(
        "services:\n"
        "  a:\n"
        "    image: x\n"
        "    configs: [c]\n"
        "    pre_start: [{command: 'run $DB_PASSWORD', environment: {A: $DB_PASSWORD, API_TOKEN: geheim}}]\n"
        "    post_start: [{command: [$DB_PASSWORD], environment: ['B=$DB_PASSWORD']}]\n"
        "  p: {provider: {type: t, options: {o: $DB_PASSWORD}}}\n"
        "configs: {c: {content: 'password=$DB_PASSWORD'}}\n",
        encoding="utf-8",
    )

    shown = printable(Sources(directory=tmp_path, stack_files=(stack,), environment={"DB_PASSWORD": "geheim"})).model

    assert "geheim" not in json.dumps(shown)
