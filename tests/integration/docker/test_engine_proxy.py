"""A daemon behind the proxy of ops/engine-proxy: the printed requests are all that it needs, and no others pass."""

from __future__ import annotations

import http.client
import json
from urllib.parse import urlsplit

import pytest

from tests.kit.cli import reconcile
from tests.kit.daemon import daemon
from tests.kit.docker.engine import PROBE, READY
from tests.kit.machine.engine_proxy import LISTED, proxied

WEB = "docker.container/web"
PATIENCE_S = 240.0
"""A busy engine takes seconds for each answer, and the daemon then asks again and again."""


@pytest.fixture(scope="module")
def proxy(tmp_path_factory):
    with proxied(tmp_path_factory.mktemp("proxy")) as address:
        yield address


def asked(proxy, method, path, body=None):
    """The status and the message of a request that is sent as it is written."""
    place = urlsplit(proxy)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=60)
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        content = json.dumps(body).encode() if body is not None else b""
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Content-Length", str(len(content)))
        connection.endheaders(content)
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
        return answer.status, json.loads(text).get("message") if text.startswith("{") else text
    finally:
        connection.close()


REFUSED = [
    ("GET", "/plugins"),
    ("GET", "/v1.41/plugins"),
    ("POST", "/v1.41/plugins/pull"),
    ("GET", "/containers/x/export"),
    ("GET", "/containers/x/archive?path=/"),
    ("PUT", "/v1.41/containers/x/archive?path=/"),
    ("POST", "/containers/x/attach"),
    ("GET", "/containers/x/attach/ws"),
    ("POST", "/commit?container=x"),
    ("POST", "/containers/prune"),
    ("GET", "/swarm"),
    ("POST", "/swarm/init"),
    ("GET", "/secrets"),
    ("GET", "/images/get?names=x"),
    ("POST", "/images/load"),
    ("POST", "/session"),
    ("HEAD", "/info/more"),
    ("GET", "/images/../plugins/json"),
    ("GET", "/images/x/../../containers/y/archive/json"),
    ("GET", "/images/%2e%2e/plugins/json"),
    ("GET", "/v1.41/images/x%2f..%2f..%2fcontainers%2fy%2fexport/json"),
    ("GET", "//plugins"),
    ("GET", "/v1.41/v1.41/plugins"),
    ("PATCH", "/version"),
    ("POST", "/version"),
    ("GET", "/version;/plugins"),
]


@pytest.mark.parametrize(("method", "path"), REFUSED)
def test_what_is_not_on_the_list_is_refused(proxy, method, path):
    status, message = asked(proxy, method, path)

    assert status == 403
    assert method == "HEAD" or "is none of the requests that the proxy of the engine admits" in message


def test_what_is_on_the_list_reaches_the_engine(proxy):
    assert asked(proxy, "GET", "/version")[0] == 200
    assert asked(proxy, "GET", f"/v1.41/images/{PROBE}/json")[0] == 200
    status, message = asked(proxy, "POST", "/v1.41/containers/create?name=nobody", {"Image": "localhost/none:1"})
    assert (status, "No such image" in message) == (404, True)


def test_a_daemon_does_its_work_with_the_printed_requests(project, proxy):
    project.service("web", **READY, mem_limit="64m", restart="unless-stopped")
    project.service("hooked", **READY, post_start=[{"command": ["true"]}])
    with daemon(project.directory, "--interval", "600", "--listen", "off", env={"DOCKER_HOST": proxy}) as running:
        running.until("pass done", patience_s=PATIENCE_S)
        made = {line["address"] for line in running.of("repaired")}
        assert made >= {WEB, "docker.container/hooked"}  # in whichever order

        project.hand("stop", t=0)
        running.until("repaired", address=WEB, action="start", patience_s=PATIENCE_S)
        project.hand("update", {"Memory": 32 << 20, "MemorySwap": 64 << 20})
        running.until("repaired", address=WEB, action="update", patience_s=PATIENCE_S)
        project.hand("rename", name=f"{project.name}-other")
        running.until("repaired", address=WEB, action="update", patience_s=PATIENCE_S)
        project.engine.post(f"/networks/{project.name}_default/disconnect", {"Container": project.container()})
        running.until("repaired", address=WEB, action="update", patience_s=PATIENCE_S)
        project.service("web", **READY, mem_limit="64m", restart="unless-stopped", environment={"V": "2"})
        running.until("repaired", address=WEB, action="replace", patience_s=PATIENCE_S)
        project.engine.delete(f"/containers/{project.container()}", force=1)
        running.until("repaired", address=WEB, action="create", patience_s=PATIENCE_S)
        running.until("pass done", patience_s=PATIENCE_S)

        assert project.differences() == {}
        assert not [line for line in running.of("repair failed") if "the proxy of the engine" in line["error"]]
    assert reconcile("down", cwd=project.directory, env={"DOCKER_HOST": proxy}).code == 0


def test_a_refused_request_is_named_and_hides_nothing_else(project, tmp_path):
    patterns = "".join(line for line in LISTED.read_text().splitlines(keepends=True) if "exec" not in line)
    project.service("web", **READY)
    project.service("hooked", **READY, post_start=[{"command": ["true"]}])
    with proxied(tmp_path / "proxy", patterns) as address:
        ran = reconcile("apply", cwd=project.directory, env={"DOCKER_HOST": address})

    assert ran.code == 3
    assert "/exec is none of the requests that the proxy of the engine admits" in ran.out + ran.err
    assert project.inspect("web")["State"]["Running"]
