"""Headers of the Docker CLI's configuration, which go with every request to the engine."""

from __future__ import annotations

import io
import json
from contextlib import suppress

import pytest

from reconciler.core.message.errors import ProviderError, Unreachable
from reconciler.core.resource.values import Secret
from reconciler.providers.docker.engine.client import Engine
from reconciler.providers.docker.engine.headers import custom_headers, secret_headers
from reconciler.providers.docker.provider import DockerProvider
from reconciler.providers.swarm.provider import SwarmProvider
from tests.kit.keycloak.scripted import serving

VARIABLE = "DOCKER_CUSTOM_HEADERS"


@pytest.fixture
def configured(tmp_path):
    """The environment of a client with this config file."""

    def configured(headers, **variables):
        (tmp_path / "config.json").write_text(json.dumps({"HttpHeaders": headers}), encoding="utf-8")
        return {"DOCKER_CONFIG": str(tmp_path), "HOME": str(tmp_path), **variables}

    return configured


def test_the_variable_replaces_the_headers_of_the_file(configured):
    assert custom_headers(configured({"X-Team": "a", "x-other": "b"})) == {"X-Team": "a", "X-Other": "b"}
    assert custom_headers(configured({"X-Team": "a"}, **{VARIABLE: "x-mine=c"})) == {"X-Mine": "c"}
    assert custom_headers(configured({"X-Team": "a"}, **{VARIABLE: ""})) == {"X-Team": "a"}
    assert custom_headers(configured(None)) == {}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("one=1", {"One": "1"}),
        ("one=1,two=2", {"One": "1", "Two": "2"}),
        ('one=1,"two=a,b"', {"One": "1", "Two": "a,b"}),
        ('" one = spaced  "', {"One": "spaced"}),
        ("four=,five=a=b,five=c", {"Five": "c"}),
        ("user-agent=x,HOST=y,content-length=7,one=1", {"One": "1"}),
        ("umlaut=ü", {"Umlaut": "ü".encode().decode("latin-1")}),
    ],
)
def test_the_variable_is_read_as_the_cli_reads_it(configured, text, found):
    assert custom_headers(configured({}, **{VARIABLE: text})) == found


@pytest.mark.parametrize("text", ["hush", "=hush", "a b=hush", "a=hush\nb", '"a=hush', "a=1,,b=hush"])
def test_what_can_not_be_sent_is_an_error_that_does_not_show_it(configured, text):
    with pytest.raises(Unreachable, match=VARIABLE) as raised:
        custom_headers(configured({}, **{VARIABLE: text}))

    assert "hush" not in str(raised.value)


@pytest.mark.parametrize("headers", [[], "a", {"A": 1}, {"A": None}, {"a b": "c"}, {"A": "b\rC: d"}])
def test_headers_of_the_file_that_can_not_be_sent_are_an_error(configured, headers):
    with pytest.raises(Unreachable, match="HttpHeaders"):
        custom_headers(configured(headers))


def test_the_value_of_a_secret_header_is_known_as_a_secret(configured):
    environment = configured({"X-Auth-Token": "hush4711", "Authorization": "Bearer hush0815", "X-Team": "platform"})

    wanted = {Secret("hush4711"), Secret("Bearer hush0815"), Secret("hush0815")}
    for provider in (DockerProvider("p", environment), SwarmProvider("p", environment)):
        assert set(provider.credentials()) == wanted
    assert set(secret_headers(environment)) == wanted
    assert DockerProvider("p", configured([])).credentials() == ()


CALLS = {
    "read": lambda engine: engine.get("/info"),
    "write": lambda engine: engine.post("/containers/web/start"),
    "delete": lambda engine: engine.delete("/containers/web"),
    "pull": lambda engine: list(engine.pull("localhost:1/app")),
    "push": lambda engine: list(engine.push("localhost:1/app")),
    "logs": lambda engine: list(engine.logs("a")),
    "build": lambda engine: list(engine.build(io.BytesIO(b"x"), tag="x")),
    "digest": lambda engine: engine.digest_in_registry("localhost:1/app"),
    "exec": lambda engine: engine.execute("a", {}, timeout_s=1.0),
    "unpack": lambda engine: engine.unpack("a", b""),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("own", [{}, {VARIABLE: "x-mine=c"}], ids=["file", "variable"])
def test_they_go_with_each_sort_of_request(configured, monkeypatch, call, own):
    environment = configured({"X-Team": "a", "Content-Type": "no"}, **own)
    monkeypatch.setenv("DOCKER_CONFIG", environment["DOCKER_CONFIG"])  # which the library reads by itself
    with serving({"GET /version": [(200, b'{"ApiVersion": "1.41"}')]}) as script:
        engine = Engine({**environment, "DOCKER_HOST": script.url.replace("http:", "tcp:")})
        with suppress(ProviderError):
            CALLS[call](engine)
        engine.close()

    assert len(script.asked) >= 2
    wanted, absent = ("X-Mine", "X-Team") if own else ("X-Team", "X-Mine")
    assert all(headers.get(wanted) == ("c" if own else "a") for headers in script.headers)
    assert not any(absent in headers for headers in script.headers)
    bodies = [headers for headers in script.headers if int(headers.get("Content-Length") or 0)]
    assert "no" not in {headers.get("Content-Type") for headers in bodies}
