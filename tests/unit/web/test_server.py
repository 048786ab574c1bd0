"""The daemon as a process, with an engine in memory: it listens, shows what it does, pauses, and ends at once."""

from __future__ import annotations

import signal
import time

import httpx2
import pytest

from tests.kit.cli import reconcile
from tests.kit.daemon import daemon
from tests.kit.docker.memory import Line, MemoryEngine, served
from tests.kit.web import form_token

TOKEN = "a-token-of-an-operator"
WEB = "name: p\nservices:\n  web: {image: 'app:1', mem_limit: 64m}\n"


@pytest.fixture
def project(tmp_path):
    engine = MemoryEngine()
    engine.image("app:1")
    (tmp_path / "stack.yaml").write_text(WEB, encoding="utf-8")
    (tmp_path / "token").write_text(f"{TOKEN}\n", encoding="utf-8")
    with served(engine) as url:
        yield tmp_path, engine, {"DOCKER_HOST": url, "XDG_STATE_HOME": str(tmp_path / "state")}


def until(holds, *, patience_s=60.0):
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        if found := holds():
            return found
        time.sleep(0.1)
    raise AssertionError("not in time")


def status(client):
    """The state as the API has it; an empty one before the first look, which a daemon is ready without."""
    answer = client.get("/api/v1/status")
    return answer.json() if answer.status_code == 200 else {"look": 0, "resources": []}


def test_a_daemon_serves_repairs_pauses_and_ends_in_spite_of_an_open_stream(project):
    folder, engine, env = project
    options = ("--listen", "127.0.0.1:0", "--token-file", "token", "--interval", "1")
    with daemon(folder, *options, env=env) as running:
        port = next(line["port"] for line in running.lines if line["event"] == "listens")
        client = httpx2.Client(
            base_url=f"http://127.0.0.1:{port}", headers={"authorization": f"Bearer {TOKEN}"}, timeout=60
        )
        until(lambda: client.get("/readyz").status_code == 200)
        until(lambda: {each["state"] for each in status(client)["resources"]} == {"in sync"})

        paused = client.post("/api/v1/pause", json={"address": "docker.container/web", "reason": "by hand"})
        Line(engine).post("/containers/p-web-1/stop")
        client.post("/api/v1/sync")
        running.until("difference", address="docker.container/web")
        seen = status(client)["look"]
        until(lambda: status(client)["look"] >= seen + 2)
        states = [each["State"]["Status"] for each in engine.containers.values()]
        client.post("/api/v1/resume", json={"address": "docker.container/web"})
        running.until("repaired", address="docker.container/web", action="start")

        form = {"csrf": form_token(client.get("/confirm/doctor").text)}
        asked = client.post("/act/doctor", data=form)
        until(lambda: "begun by token" in client.get("/doctor").text)
        examined = client.get("/doctor").text

        with client.stream("GET", "/api/v1/events") as stream:
            assert "retry" in next(stream.iter_text())
            began = time.monotonic()
            running.process.send_signal(signal.SIGTERM)
            code = running.process.wait(20)
            seconds = time.monotonic() - began

    assert paused.status_code == 200
    assert asked.status_code == 303
    assert "The examination failed" not in examined
    assert "checks</summary>" in examined
    assert states == ["exited"]
    assert (code, seconds < 8) == (0, True)


@pytest.mark.parametrize("options", [("--listen", "0.0.0.0:0"), ("--public-url", "https://ops.example")])
def test_nobody_elsewhere_gets_in_without_a_token(project, options):
    folder, _, env = project

    ran = reconcile("daemon", *options, cwd=folder, env=env)

    assert ran.code == 64
    assert "give --token-file" in ran.err


@pytest.mark.parametrize("content", ["", "\n\n", "short\n", f"{TOKEN}\nshort\n"])
def test_a_token_that_could_be_guessed_is_refused(project, content):
    folder, _, env = project
    (folder / "token").write_text(content, encoding="utf-8")

    ran = reconcile("daemon", "--token-file", "token", cwd=folder, env=env)

    assert ran.code == 64
    assert "at least 16 characters" in ran.err


@pytest.mark.parametrize("place", ["7420", "127.0.0.1", ":7420", "127.0.0.1:x", "127.0.0.1:70000", "on"])
def test_a_place_to_listen_at_is_a_host_and_a_port(project, place):
    folder, _, env = project

    assert reconcile("daemon", "--listen", place, cwd=folder, env=env).code == 64
