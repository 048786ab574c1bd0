"""Credentials for registries: those of DOCKER_AUTH_CONFIG come before those that the Docker CLI keeps."""

from __future__ import annotations

import base64
import json

import pytest

from reconciler.core.message.errors import Denied, Rejected
from reconciler.providers.docker.engine.credentials import all_credentials, logged_in, login_header

HUB = "https://index.docker.io/v1/"


def basic(text):
    return {"auth": base64.b64encode(text.encode()).decode()}


def variable(**auths):
    return {"DOCKER_AUTH_CONFIG": json.dumps({"auths": {key: basic(text) for key, text in auths.items()}})}


@pytest.fixture
def stored(tmp_path, monkeypatch):
    """The config file with credentials of two registries."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    auths = {"one.example": basic("file:1"), HUB: basic("file:hub")}
    (tmp_path / "config.json").write_text(json.dumps({"auths": auths}), encoding="utf-8")


def login_of(image, environment):
    with logged_in(image, environment) as login:
        return login.get("username"), login.get("password")


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    ("image", "auths", "found"),
    [
        ("one.example/app", {}, ("file", "1")),
        ("one.example/app", {"one.example": "own:2"}, ("own", "2")),
        ("one.example/app", {"two.example": "own:2"}, ("file", "1")),
        ("two.example/app", {"two.example": "own:a:b"}, ("own", "a:b")),
        ("three.example/app", {"two.example": "own:2"}, (None, None)),
        ("app", {}, ("file", "hub")),
        ("library/app", {HUB: "own:2"}, ("own", "2")),
        ("app", {"docker.io": "own:2"}, ("file", "hub")),
    ],
)
def test_the_variable_comes_first(image, auths, found):
    assert login_of(image, variable(**auths)) == found


@pytest.mark.usefixtures("stored")
def test_a_builder_gets_those_of_both():
    accounts = all_credentials(variable(**{"one.example": "own:2", "two.example": "own:3"}))

    found = {registry: login["username"] for registry, login in accounts.get_all_credentials().items()}
    assert found == {"one.example": "own", "two.example": "own", HUB: "file"}


@pytest.mark.usefixtures("stored")
def test_a_service_of_a_cluster_gets_them():
    header = login_header("two.example/app@sha256:1", variable(**{"two.example": "own:2"}))

    login = json.loads(base64.urlsafe_b64decode(header["X-Registry-Auth"]))
    assert (login["username"], login["password"]) == ("own", "2")


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    "text",
    ["hush", "[]", "{}", '{"auths": []}', '{"auths": {"r": {}}}', '{"auths": {"r": {"auth": "hush"}}}', "[" * 100_000],
)
def test_a_variable_that_can_not_be_read_is_an_error_that_does_not_show_it(text):
    with pytest.raises(Denied, match="DOCKER_AUTH_CONFIG can't be read") as raised:
        login_of("one.example/app", {"DOCKER_AUTH_CONFIG": text})

    assert "hush" not in str(raised.value)


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    ("registry", "remedy"),
    [
        ("two.example", "the credentials of DOCKER_AUTH_CONFIG; correct DOCKER_AUTH_CONFIG"),
        ("one.example", "the credentials of the Docker config file; log in with `docker login one.example`"),
    ],
)
def test_credentials_that_are_not_accepted_are_corrected_where_they_are(registry, remedy):
    environment = variable(**{"two.example": "own:2"})

    with pytest.raises(Denied, match=remedy), logged_in(f"{registry}/app", environment):
        raise Rejected("unauthorized: wrong password")
