"""The places of fields in the files: a difference leads to the line of the field, not to that of its service."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from reconciler.config import Sources, load
from reconciler.config.yaml.parse import yaml_text
from reconciler.providers.docker.expand import expand as expand_stack
from reconciler.providers.docker.table.property import numbered
from reconciler.providers.keycloak.expand import expand as expand_realms
from tests.kit.build import address
from tests.kit.docker.fields import ROWS, filled

ROOT = Path(__file__).parents[3]
EXPORT = ROOT / "tests/cases/keycloak/export-26.7.3.json"

ELSEWHERE = {
    "providerType": "the key of the section",
    "texts": "the section itself",
    "clientScopeMappings": "a section of the realm",
    **dict.fromkeys(("attributes", "groups", "unmanagedAttributePolicy"), "of a user profile, which is one text"),
}
"""Properties that no key of an object in the file has, and what has them."""

STACK = """\
name: p
services:
  web:
    image: nginx
    environment:
      A: one
      B: two
    deploy:
      resources:
        limits:
          memory: 64M
    ports:
      - "8000:80"
      - "9000:90/udp"
    volumes:
      - data:/data
      - ./here:/there
    configs:
      - settings
    networks:
      back:
        aliases: [w]
    extra_hosts:
      - "a:10.0.0.1"
    depends_on:
      db: {condition: service_started, restart: true}
  db:
    build: .
configs:
  settings:
    content: "x"
networks:
  back:
    internal: true
    labels: {a: b}
    ipam:
      config:
        - subnet: 10.9.0.0/24
volumes:
  data:
    driver_opts:
      type: none
"""
USERS = """\
realm: shop
displayName: Shop
attributes:
  frontendUrl: https://shop
clients:
  - clientId: portal
    redirectUris: [a]
    attributes:
      post.logout.redirect.uris: "+"
    protocolMappers:
      - name: one
        protocol: openid-connect
        protocolMapper: oidc-usermodel-attribute-mapper
        config: {claim.name: a}
      - name: two
        protocol: openid-connect
        protocolMapper: oidc-usermodel-attribute-mapper
        config:
          claim.name: b
users:
  - username: Alice
    enabled: true
    roles: [staff]
    attributes:
      phone: ["1"]
    password: p
groups:
  - name: top
    subGroups:
      - name: below
        attributes: {x: [y]}
roles:
  realm:
    - name: staff
      description: all
"""


def loaded(folder, *, stack="", users=""):
    """The resources of files with these texts, by address."""
    files = {"stack_files": (folder / "stack.yaml", stack), "users_files": (folder / "users.yaml", users)}
    for file, text in files.values():
        file.write_text(text, encoding="utf-8")
    (folder / "Dockerfile").touch()
    named = {key: (file,) for key, (file, text) in files.items() if text}
    document = load(Sources(directory=folder, env_files=(), **named)).document
    return {each.address: each for each in (*expand_stack(document), *expand_realms(document))}


def line(text, place):
    return text.splitlines()[place.line - 1][place.column - 1 :]


@pytest.mark.parametrize(
    ("where", "path", "begins"),
    [
        ("docker.container/web", ("environment", "B"), "B: two"),
        ("docker.container/web", ("environment",), "environment:"),
        ("docker.container/web", ("environment", "GONE"), "environment:"),
        ("docker.container/web", ("mem_limit",), "memory: 64M"),
        ("docker.container/web", ("ports", "90/udp"), '"9000:90/udp"'),
        ("docker.container/web", ("volumes", "/there"), "./here:/there"),
        ("docker.container/web", ("volumes", "/data", "source"), "data:/data"),
        ("docker.container/web", ("files", "/settings"), "settings:"),
        ("docker.container/web", ("networks", "back", "aliases"), "aliases: [w]"),
        ("docker.container/web", ("extra_hosts",), "extra_hosts:"),
        ("docker.container/web", ("depends_on", "db"), "db: {condition"),
        ("docker.container/web", ("image", "id"), "image: nginx"),
        ("docker.container/web", ("cap_add",), "web:"),
        ("docker.container/db", ("image", "id"), "build: ."),
        ("docker.network/back", ("internal",), "internal: true"),
        ("docker.network/back", ("labels", "a"), "a: b"),
        ("docker.network/back", ("ipam", "10.9.0.0/24"), "subnet: 10.9.0.0/24"),
        ("docker.network/back", ("driver",), "back:"),
        ("docker.volume/data", ("driver_opts", "type"), "type: none"),
        ("docker.image/nginx", ("digest",), "image: nginx"),
        ("docker.image/p-db", ("inputs",), "build: ."),
    ],
)
def test_a_field_of_a_stack_has_its_own_line(tmp_path, where, path, begins):
    place = loaded(tmp_path, stack=STACK)[address(where)].place(path)

    assert line(STACK, place).startswith(begins)


@pytest.mark.parametrize(
    ("where", "path", "begins"),
    [
        ("keycloak.realm/shop", ("displayName",), "displayName: Shop"),
        ("keycloak.realm/shop", ("attributes", "frontendUrl"), "frontendUrl:"),
        ("keycloak.realm/shop", ("sslRequired",), "realm: shop"),
        ("keycloak.client/shop/portal", ("redirectUris",), "redirectUris: [a]"),
        ("keycloak.client/shop/portal", ("attributes", "post.logout.redirect.uris"), "post.logout"),
        ("keycloak.client/shop/portal", ("protocolMappers", "two", "config", "claim.name"), "claim.name: b"),
        ("keycloak.client/shop/portal", ("protocolMappers", "one", "protocol"), "protocol: openid-connect"),
        ("keycloak.user/shop/alice", ("enabled",), "enabled: true"),
        ("keycloak.user/shop/alice", ("realmRoles",), "roles: [staff]"),
        ("keycloak.user/shop/alice", ("attributes", "phone"), "phone:"),
        ("keycloak.group/shop/top/below", ("attributes", "x"), "x: [y]"),
        ("keycloak.role/shop/staff", ("description",), "description: all"),
    ],
)
def test_a_field_of_a_realm_has_its_own_line(tmp_path, where, path, begins):
    place = loaded(tmp_path, users=USERS)[address(where)].place(path)

    assert line(USERS, place).startswith(begins)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.service)
def test_every_attribute_of_a_service_has_its_own_line(tmp_path, row):
    project = SimpleNamespace(name="p", subnet="10.9.0.0/24")
    value = row.value or row.other  # what is off is not kept
    service = {"image": "nginx", **row.beside, row.attribute: filled(project, value)}
    networks = {"default": {}, "own": {"ipam": {"config": [{"subnet": project.subnet}]}}}
    stack = {"name": "p", "services": {"web": service}, "networks": networks, "volumes": {"data": {}}}
    text = yaml_text(stack)

    source = loaded(tmp_path, stack=text)[address("docker.container/web")].source(row.field)

    assert line(text, source.origin).partition(":")[0] == source.path.rpartition(".")[2]


def test_every_property_of_every_object_of_a_realm_has_its_own_line():
    text = EXPORT.read_text(encoding="utf-8")
    document = load(Sources(directory=EXPORT.parent, users_files=(EXPORT,), env_files=())).document
    astray, found = [], 0
    for each in expand_realms(document):
        for name in each.spec:
            source = each.source(name)
            if source is None or name in ELSEWHERE:
                continue
            found += 1
            if not line(text, source.origin).lstrip('"').startswith(name):
                astray.append((str(each.address), name, str(source.origin)))

    assert found > 600
    assert astray == []


@pytest.mark.parametrize(
    ("value", "path", "expected"),
    [
        ([{"target": "/a"}, {"target": "/b"}], ["/b", "source"], [1, "source"]),
        ({"a": [{"name": "x"}]}, ["a", "x"], ["a", 0]),
        ([{"target": 80, "protocol": "tcp"}, {"target": 80, "protocol": "udp"}], ["80/udp"], [1]),
        (["a=1", "b=2"], ["b"], [1]),
        (["a"], ["gone", "b"], ["gone", "b"]),
        (None, ["a"], ["a"]),
    ],
)
def test_an_item_is_found_by_the_name_that_the_table_gives_it(value, path, expected):
    assert list(numbered(value, path)) == expected
