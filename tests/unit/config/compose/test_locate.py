"""A value of a Document is found in its file, whatever became of it on the way."""

from __future__ import annotations

import pytest

from reconciler.config import Sources, load

STACK = """\
x-common: &common
  restart: always
  labels: {team: a}
services:
  web:
    <<: *common
    image: nginx
    environment:
      - A=1
      - B=$A_VALUE
    ports:
      - "8000-8001:80-81"
      - "443:443"
    volumes: ["data:/data"]
    depends_on: [db]
    env_file: web.env
    command: run this
  db:
    image: postgres
    healthcheck: {test: exit 0, interval: 5s}
volumes:
  data:
"""
USERS = """\
realm: r
x-reconcile:
  connection: {url: http://localhost:8080}
clients:
  - clientId: app
    redirectUris:
      - http://a
      - http://b
users:
  - username: alice
    password: pw
    roles: [offline_access, account/view-profile]
  - username: bob
    email: bob@example.com
"""
MORE = """\
- realm: other
- realm: r
  displayName: R
  users:
    - username: bob
      firstName: Bob
    - username: carol
      groups: []
"""


@pytest.fixture(scope="module")
def locate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("located")
    for name, text in {"stack.yaml": STACK, "users.yaml": USERS, "more.yaml": MORE, "web.env": "# c\nC=3\n"}.items():
        (folder / name).write_text(text, encoding="utf-8")
    sources = Sources(
        directory=folder,
        stack_files=(folder / "stack.yaml",),
        users_files=(folder / "users.yaml", folder / "more.yaml"),
        environment={"A_VALUE": "x"},
    )
    return load(sources).document.locate


@pytest.mark.parametrize(
    ("path", "origin"),
    [
        (("services", "web"), "stack.yaml:5:3"),
        (("services", "web", "image"), "stack.yaml:7:5"),
        (("services", "web", "restart"), "stack.yaml:2:3"),
        (("services", "web", "labels", "team"), "stack.yaml:3:12"),
        (("services", "web", "environment"), "stack.yaml:8:5"),
        (("services", "web", "environment", "B"), "stack.yaml:10:9"),
        (("services", "web", "environment", "C"), "web.env:2:1"),
        (("services", "web", "ports", 0, "published"), "stack.yaml:12:9"),
        (("services", "web", "ports", 1, "target"), "stack.yaml:12:9"),
        (("services", "web", "ports", 2), "stack.yaml:13:9"),
        (("services", "web", "volumes", 0, "source"), "stack.yaml:14:15"),
        (("services", "web", "depends_on", "db", "condition"), "stack.yaml:15:18"),
        (("services", "web", "command", 1), "stack.yaml:17:5"),
        (("services", "web", "networks", "default"), "stack.yaml:5:3"),
        (("services", "db", "healthcheck", "interval"), "stack.yaml:20:33"),
        (("volumes", "data", "name"), "stack.yaml:22:3"),
        (("networks", "default"), "stack.yaml"),
        ((), "stack.yaml"),
    ],
)
def test_a_value_of_the_stack_is_found(locate, path, origin):
    assert str(locate(("stack", *path))) == origin


@pytest.mark.parametrize(
    ("path", "origin"),
    [
        ((0,), "users.yaml:1:1"),
        ((0, "clients", 0), "users.yaml:5:5"),
        ((0, "clients", 0, "redirectUris", 1), "users.yaml:8:9"),
        ((0, "clients", 0, "name"), "users.yaml:5:5"),
        ((0, "users", 0, "credentials", 0, "value"), "users.yaml:11:5"),
        ((0, "users", 0, "clientRoles", "account", 0), "users.yaml:12:5"),
        ((0, "users", 1, "email"), "users.yaml:14:5"),
        ((0, "users", 1, "firstName"), "more.yaml:6:7"),
        ((0, "users", 2, "groups"), "more.yaml:8:7"),
        ((0, "displayName"), "more.yaml:3:3"),
        ((1,), "more.yaml:1:3"),
    ],
)
def test_a_value_of_a_realm_is_found_in_the_file_that_says_it(locate, path, origin):
    assert str(locate(("realms", *path))) == origin
