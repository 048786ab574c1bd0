"""The standard library's HTTP as both clients read through it: kept connections, compression, proxies, trust."""

from __future__ import annotations

import gzip
import json
import socket
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reconciler.core.message.errors import Misconfigured, Rejected, Unreachable
from reconciler.providers.answers import Limits
from reconciler.providers.keycloak.server.client import AdminClient, Settings
from reconciler.providers.transport import Transport, has_proxy, port, web
from tests.kit.docker.memory import MemoryEngine, served
from tests.kit.keycloak.scripted import serving

LIMITS = Limits(seconds=60.0, size_bytes=1 << 20)
HEAD = b"HTTP/1.1 200 OK\r\n"


@contextmanager
def answering(*answers: bytes) -> Iterator[tuple[Transport, list[str]]]:
    """A server that gives an answer to each connection in turn and closes it; and the first lines of the requests."""
    asked: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for answer in answers:
                with listener.accept()[0] as opened:
                    asked.append(opened.recv(1 << 16).partition(b"\r\n")[0].decode())
                    opened.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        transport = Transport(port(f"tcp://127.0.0.1:{listener.getsockname()[1]}", connect_s=60.0), "it", LIMITS)
        yield transport, asked
        transport.close()
        thread.join(60)


def whole(body: bytes, *headers: str) -> bytes:
    lines = "".join(f"{line}\r\n" for line in (*headers, f"content-length: {len(body)}"))
    return HEAD + lines.encode() + b"\r\n" + body


def test_one_connection_serves_many_requests() -> None:
    engine = MemoryEngine()
    with served(engine) as url:
        dialled = []
        dial = port(url, connect_s=60.0)

        def counted():
            dialled.append(1)
            return dial()

        transport = Transport(counted, "it", LIMITS)
        assert [transport.send("GET", "version").status_code for _ in range(5)] == [200] * 5
        transport.close()

    assert len(dialled) == 1


def test_a_connection_that_the_server_has_closed_is_replaced_before_a_request_is_sent() -> None:
    with answering(whole(b"1"), whole(b"2")) as (transport, asked):
        assert transport.send("GET", "a").content == b"1"
        (kept,) = transport._idle
        kept.sock.settimeout(60)
        assert kept.sock.recv(1, socket.MSG_PEEK) == b""  # the end has arrived

        assert transport.send("GET", "b").content == b"2"

    assert asked == ["GET /a HTTP/1.1", "GET /b HTTP/1.1"]


@pytest.mark.parametrize(
    ("name", "packed"),
    [
        ("gzip", gzip.compress(b"[1]", mtime=0)),
        ("deflate", zlib.compress(b"[1]")),
        ("GZIP", gzip.compress(b"[1]", mtime=0)),
    ],
)
def test_a_compressed_answer_is_unpacked(name: str, packed: bytes) -> None:
    with answering(whole(packed, f"Content-Encoding: {name}")) as (transport, _):
        assert transport.send("GET", "a").content == b"[1]"


@pytest.mark.parametrize("packed", [gzip.compress(b"[1]" * 100, mtime=0)[:-12], b"[1]"])
def test_a_compressed_answer_that_is_cut_or_none_is_an_error(packed: bytes) -> None:
    with answering(whole(packed, "Content-Encoding: gzip")) as (transport, _), pytest.raises(zlib.error):
        transport.send("GET", "a")


def test_the_limit_of_size_is_that_of_the_unpacked_answer() -> None:
    packed = gzip.compress(b" " * (2 << 20))
    with answering(whole(packed, "Content-Encoding: gzip")) as (transport, _), pytest.raises(Rejected, match="1 MiB"):
        transport.send("GET", "a")


def test_headers_are_found_in_any_case() -> None:
    with answering(whole(b"", "location: /x", "RETRY-AFTER: 3")) as (transport, _):
        headers = transport.send("GET", "a").headers

    assert (headers.get("Location", ""), headers.get("Retry-After", "")) == ("/x", "3")


@pytest.mark.parametrize("path", ["admin/realms", "/admin/realms"])
def test_a_slash_in_front_of_a_path_changes_nothing(path: str) -> None:
    with answering(whole(b"{}")) as (transport, asked):
        transport.send("GET", path)

    assert asked == ["GET /admin/realms HTTP/1.1"]


def test_characters_that_a_url_can_not_have_are_encoded_and_no_others() -> None:
    with answering(whole(b"")) as (transport, asked):
        transport.send("GET", "a b/ü%20/x:1@sha256?filters={}&q=\n")

    assert asked == ["GET /a%20b/%C3%BC%20/x:1@sha256?filters=%7B%7D&q=%0A HTTP/1.1"]


def test_an_answer_that_does_not_come_in_time_is_said_with_the_limit() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        place = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        transport = Transport(port(place, connect_s=60.0), "it", Limits(seconds=0.2))
        with pytest.raises(Unreachable, match=r"it took more than 0\.2 s to answer GET /a$"):
            transport.send("GET", "a?secret=1")


# ------------------------------------------------------------------ proxies and trust


@pytest.mark.parametrize(
    ("url", "environment", "expected"),
    [
        ("http://id.example", {}, False),
        ("http://id.example", {"http_proxy": "http://p:1"}, True),
        ("http://id.example", {"HTTP_PROXY": "http://p:1"}, True),
        ("http://id.example", {"HTTPS_PROXY": "http://p:1"}, False),
        ("https://id.example", {"HTTPS_PROXY": "http://p:1"}, True),
        ("https://id.example", {"ALL_PROXY": "http://p:1"}, True),
        ("https://id.example", {"ALL_PROXY": "http://p:1", "NO_PROXY": "example"}, False),
        ("https://id.example:8443", {"ALL_PROXY": "http://p:1", "no_proxy": "*"}, False),
        ("http://localhost:8080", {"http_proxy": "http://p:1"}, False),
        ("http://[::1]:8080", {"all_proxy": "http://p:1"}, False),
    ],
)
def test_a_proxy_is_that_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, url: str, environment: dict[str, str], expected: bool
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ftp_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert has_proxy(url) is expected


def test_reads_of_keycloak_go_through_the_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    token = json.dumps({"access_token": "t", "refresh_token": "r", "expires_in": 60}).encode()
    place = "http://id.example/realms/master/protocol/openid-connect/token"
    answers = {f"POST {place}": [(200, token)], "GET http://id.example/a": [(200, b"1")]}
    with serving(answers) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        client = AdminClient(Settings.of({"url": "http://id.example", "auth": {"username": "me", "password": "x"}}))
        assert client.get("a") == 1
        client.close()

    assert proxy.asked == [f"POST {place}", "GET http://id.example/a"]


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_certificates_that_can_not_be_read_are_named(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "ca.pem"
    if content:
        file.write_text(content, encoding="utf-8")

    with pytest.raises(Misconfigured, match=f"the certificates in {file} can't be read"):
        web("https://id.example", connect_s=1.0, ca_file=str(file))


# ------------------------------------------------------------------ what it is for

READS = """
import sys
from reconciler.core.provider import Done
from reconciler.providers.docker.engine.client import Engine
from reconciler.providers.keycloak.server.client import AdminClient, Settings
engine = Engine({"DOCKER_HOST": sys.argv[1]})
client = AdminClient(Settings.of({"url": sys.argv[2], "auth": {"username": "me", "password": "x"}}))
print(engine.get("/containers/json"), client.get("a"), client.ready() == Done())
engine.close()
client.close()
print({"docker", "keycloak", "requests", "urllib3", "httpx"} & set(sys.modules))
"""


def test_reads_and_logins_import_no_library() -> None:
    token = json.dumps({"access_token": "t", "refresh_token": "r", "expires_in": 60}).encode()
    answers = {
        "POST /realms/master/protocol/openid-connect/token": [(200, token)],
        "GET /a": [(200, b"1")],
        "GET /realms/master": [(200, b"{}")],
    }
    with served(MemoryEngine()) as url, serving(answers) as keycloak:
        done = subprocess.run(
            [sys.executable, "-c", READS, url, keycloak.url], capture_output=True, text=True, check=True
        )

    assert done.stdout.splitlines() == ["[] 1 True", "set()"]
