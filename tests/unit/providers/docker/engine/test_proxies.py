"""Proxies of the Docker CLI's config file, which it puts into every container."""

from __future__ import annotations

import json

import pytest

from reconciler.core.resource.values import Secret
from reconciler.providers.docker.engine import proxies
from reconciler.providers.docker.provider import DockerProvider
from tests.kit.docker.memory import MemoryEngine, a_reconciler, a_stack

HERE = "unix:///var/run/docker.sock"
DEFAULT = {"httpProxy": "http://p:3128", "noProxy": "localhost"}


@pytest.mark.parametrize(
    ("config", "found"),
    [
        ({}, {}),
        ({"proxies": {}}, {}),
        ({"proxies": None}, {}),
        (
            {"proxies": {"default": DEFAULT}},
            {"HTTP_PROXY": "http://p:3128", "http_proxy": "http://p:3128"}
            | {"NO_PROXY": "localhost", "no_proxy": "localhost"},
        ),
        (
            {"proxies": {"default": DEFAULT, HERE: {"allProxy": "socks5://q"}}},
            {"ALL_PROXY": "socks5://q", "all_proxy": "socks5://q"},
        ),
        ({"proxies": {"tcp://elsewhere:2375": DEFAULT}}, {}),
    ],
)
def test_the_variables_are_those_of_the_engine_s_host(config, found):
    assert proxies.variables(config, HERE) == found


def test_an_address_with_a_password_is_a_secret():
    found = proxies.variables({"proxies": {"default": {"httpProxy": "http://u:hush@p:3128"}}}, HERE)

    assert found["HTTP_PROXY"] == Secret("http://u:hush@p:3128")
    assert "hush" not in str(found)


def test_what_the_service_says_counts_more(folder):
    (folder / "config.json").write_text(json.dumps({"proxies": {"default": DEFAULT}}), encoding="utf-8")
    provider = DockerProvider("p", {"DOCKER_CONFIG": str(folder)})
    document = a_stack('services: {web: {image: "app:1", environment: {NO_PROXY: db}}}', folder)

    found = {each.address.name: each.spec for each in provider.expand(document)}

    assert found["web"]["environment"] == {
        "HTTP_PROXY": "http://p:3128",
        "http_proxy": "http://p:3128",
        "NO_PROXY": "db",
        "no_proxy": "localhost",
    }


def test_the_classic_builder_gets_them_as_arguments_unless_they_are_declared(folder):
    (folder / "config.json").write_text(json.dumps({"proxies": {"default": DEFAULT}}), encoding="utf-8")
    engine, asked = MemoryEngine(), []
    make = engine.build

    def build(**options):
        asked.append(options["buildargs"])
        return make(**options)

    engine.build = build
    stack = "services: {web: {image: web, build: {context: ., args: {NO_PROXY: db, A: b}}}}"
    reconciler = a_reconciler(a_stack(stack, folder), engine)
    reconciler.providers["docker"].engine.environment.update(DOCKER_CONFIG=str(folder), DOCKER_BUILDKIT="0")

    for _ in reconciler.converge(lambda _look: None):
        pass

    wanted = {"HTTP_PROXY": "http://p:3128", "http_proxy": "http://p:3128", "NO_PROXY": "db", "A": "b"}
    wanted["no_proxy"] = "localhost"
    assert asked[0] == wanted
