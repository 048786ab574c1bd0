"""The way to the engine: which version is spoken, what is not there, and what is said when nobody answers."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import closing, contextmanager, nullcontext, suppress
from pathlib import Path

import pytest

from reconciler.core.message.errors import Conflict, Rejected, Unreachable
from reconciler.core.resource.values import Secret
from reconciler.providers.answers import Limits
from reconciler.providers.docker.engine.client import BETWEEN_TWO_LOOKS_S, DETACHED_AFTER_S, Engine
from reconciler.providers.docker.engine.failures import unreachable
from reconciler.providers.docker.engine.location import Location, Tls
from reconciler.providers.docker.engine.versions import TESTED_API
from tests.kit.docker.memory import Line, MemoryEngine, served
from tests.kit.faulty import FAULTS, Given, faulty
from tests.kit.keycloak.scripted import serving


@pytest.fixture
def memory():
    engine = MemoryEngine()
    engine.image("app:1")
    return engine


@pytest.fixture
def line(memory):
    with served(memory) as url:
        engine = Engine({"DOCKER_HOST": url})
        yield engine
        engine.close()


@pytest.mark.parametrize(("offered", "spoken"), [("1.41", (1, 41)), ("1.47", (1, 47)), ("1.99", TESTED_API)])
def test_the_version_of_the_engine_is_spoken_but_none_newer_than_was_tried(memory, line, offered, spoken):
    memory.version = lambda **_: {"ApiVersion": offered}

    assert line.api_version == spoken


def test_what_is_not_there_is_none_to_read_nothing_to_delete_and_an_error_to_change(line):
    assert line.get("/containers/gone/json") is None
    line.delete("/containers/gone", force=1)
    with pytest.raises(Conflict, match="No such container: gone"):
        line.post("/containers/gone/start")


def test_filters_are_sent_as_the_engine_reads_them(memory, line):
    for team in ("a", "b"):
        line.post("/volumes/create", {"Name": team, "Labels": {"team": team}})

    found = line.get("/volumes", filters={"label": ["team=b"]})

    assert [volume["Name"] for volume in found["Volumes"]] == ["b"]
    assert set(memory.volumes) == {"a", "b"}


def test_secrets_are_revealed_where_they_leave_the_program(memory, line):
    line.post("/containers/create", {"Image": "app:1", "Env": [Secret("A=hush")]}, name="web")

    (container,) = memory.containers.values()
    assert "A=hush" in container["Config"]["Env"]


def test_a_socket_that_is_not_there_is_said_at_once(tmp_path):
    engine = Engine({"DOCKER_HOST": f"unix://{tmp_path}/none.sock"})

    with pytest.raises(Unreachable, match="no Docker engine at .*/none.sock; start it, or set DOCKER_HOST"):
        engine.get("/networks")


def test_a_port_on_which_nobody_answers_is_said_with_the_words_of_the_system():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        engine = Engine({"DOCKER_HOST": f"tcp://127.0.0.1:{taken.getsockname()[1]}"})

        with pytest.raises(Unreachable, match="does not answer .*Connection refused"):
            engine.get("/networks")


def test_a_pull_or_build_that_fails_says_so_though_it_was_answered(memory):
    memory.build = lambda **_: iter([{"stream": "Step 1\n"}, {"error": "no such file"}])

    with pytest.raises(Rejected, match="manifest for none:latest not found"):
        list(Line(memory).pull("none"))
    with pytest.raises(Rejected, match="no such file"):
        list(Line(memory).build(None, tag="x"))


@pytest.mark.parametrize(
    ("reference", "asked"),
    [
        ("app", "PULL app:latest"),
        ("app:1", "PULL app:1"),
        ("localhost:5000/app", "PULL localhost:5000/app:latest"),
        ("localhost:5000/a/b:2", "PULL localhost:5000/a/b:2"),
    ],
)
def test_an_image_without_a_tag_is_its_latest(memory, reference, asked):
    memory.registry[asked.removeprefix("PULL ")] = {}

    list(Line(memory).pull(reference))

    assert memory.calls == [asked]


def test_an_engine_that_is_too_old_is_told_of_by_its_version(memory, line):
    memory.version = lambda **_: {"ApiVersion": "1.40", "MinAPIVersion": "1.12"}

    with pytest.raises(Unreachable, match=r"speaks API 1\.40, .*; update it to Docker 20\.10 or newer"):
        line.get("/networks")


def test_a_version_of_the_environment_is_spoken(memory):
    memory.version = lambda **_: {"ApiVersion": "1.47", "MinAPIVersion": "1.24"}
    with served(memory) as url:
        engine = Engine({"DOCKER_HOST": url, "DOCKER_API_VERSION": "1.44"})
        assert engine.api_version == (1, 44)
        engine.close()


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (400, b"Client sent an HTTP request to an HTTPS server.\n", "set DOCKER_TLS_VERIFY and DOCKER_CERT_PATH"),
        (404, b"<html>\nnginx", "no Docker engine that we can speak with: <html>"),
        (200, b"[]", "no Docker engine that we can speak with"),
    ],
)
def test_what_answers_and_is_no_engine_is_told_with_what_it_says(status, body, said):
    with serving({"GET /version": [(status, body)]}) as script:
        engine = Engine({"DOCKER_HOST": script.url.replace("http", "tcp")})

        with pytest.raises(Unreachable, match=said):
            engine.get("/networks")
        engine.close()


def test_who_may_not_use_the_socket_is_told_whom_it_belongs_to():
    told = unreachable(Location("unix:///a.sock"), PermissionError(13, "Permission denied"))

    assert told == "you may not use the Docker engine (Permission denied); join the group that owns /a.sock"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required", "does not take our certificate"),
        ("[SSL: SSLV3_ALERT_CERTIFICATE_EXPIRED] ssl/tls alert certificate expired", "does not take our certificate"),
        ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: IP address mismatch", "the name must fit"),
        ("timed out", "start it, or set DOCKER_HOST"),
    ],
)
def test_what_tls_says_is_told_with_what_to_do(tmp_path, words, said):
    location = Location("tcp://there:2376", Tls(tmp_path, verify=True), "DOCKER_HOST")

    told = unreachable(location, OSError(1, words))

    assert words in told
    assert said in told
    assert "tcp://there:2376 (DOCKER_HOST)" in told


@contextmanager
def answering(*answers):
    """An engine that answers the requests after the first one, which is for its version, with bodies."""
    left = list(answers)

    def upstream(_method, path, _body, _headers):
        return Given(200, b'{"ApiVersion": "1.41"}' if path.startswith("/version") else left.pop(0))

    with faulty(upstream) as proxy:
        environment = {"DOCKER_HOST": proxy.url.replace("http", "tcp")}
        engine = Engine(environment, limits=Limits(seconds=30.0), pause=lambda _seconds: None)
        yield engine, proxy
        engine.close()


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("/networks", b"{}", "the Docker engine answers GET /networks with an object instead of a list"),
        ("/networks", b"[1]", "with a list of something else than objects"),
        ("/volumes", b"null", "GET /volumes with null instead of an object"),
        ("/info", b'"text"', "GET /info with a text instead of an object"),
    ],
)
def test_an_answer_of_another_shape_is_rejected_and_not_read_as_nothing(path, body, said):
    with answering(body) as (engine, _), pytest.raises(Rejected, match=said):
        engine.get(path)


@pytest.mark.parametrize("fault", ["cut", "reset after", "hung up", "no JSON", "status 503", "empty", "too deep"])
def test_a_read_is_tried_again_and_a_write_is_not(fault):
    with answering(b"{}", b"{}", b"{}") as (engine, proxy):
        assert engine.api_version == (1, 41)
        proxy.spoil(FAULTS[fault], 0)
        assert engine.get("/info") == {}
        assert len(proxy.asked) == 2

        proxy.spoil(FAULTS[fault], 0)
        with suppress(Unreachable):
            engine.post("/containers/web/start")
        assert len(proxy.asked) == 1


def test_a_404_that_is_not_the_engines_is_not_read_as_not_there():
    with answering(b"{}") as (engine, proxy):
        assert engine.api_version == (1, 41)
        proxy.spoil(FAULTS["status 404 of a proxy"], 0)
        assert engine.get("/containers/web/json") == {}  # which was asked for again

        proxy.spoil(FAULTS["status 404"], 0)
        assert engine.get("/containers/web/json") is None


@pytest.mark.parametrize(
    ("found", "error"),
    [
        ({"Running": False, "ExitCode": 0}, None),
        ({"Running": False, "ExitCode": None}, Unreachable),
        ({"Running": True, "ExitCode": None}, Rejected),
    ],
)
def test_a_command_whose_answer_is_lost_is_not_run_twice(found, error):
    with answering(b'{"Id": "e"}', b"{}", json.dumps(found).encode()) as (engine, proxy):
        assert engine.api_version == (1, 41)
        proxy.spoil(FAULTS["hung up"], 1)
        with pytest.raises(error) if error else nullcontext():
            assert engine.execute("web", {"Cmd": ["warm"]}, timeout_s=5.0) == (0, "")

        assert [request.rpartition("/")[2] for request in proxy.asked] == ["exec", "start", "json"]


@pytest.mark.parametrize(("tty", "found"), [(True, None), (False, 3)])
def test_a_command_that_runs_on_after_its_outputs_ended_is_awaited_unless_its_terminal_was_left(tty, found):
    """The engine's detach keys end the connection of a terminal, and a newer engine leaves the command running."""
    still = [json.dumps({"Running": True}).encode()] * (1 + round(DETACHED_AFTER_S / BETWEEN_TWO_LOOKS_S))
    ended = [json.dumps({"Running": False, "ExitCode": 3}).encode()]
    with answering(b'{"Id": "e"}', b"{}", *still, *ended) as (engine, _):
        running = engine.attached("web", {"Cmd": ["sleep", "9"], "Tty": tty})

        assert running.exit_code() == found
        running.close()


def descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


def test_threads_that_come_and_go_leave_no_connection_behind(memory):
    def in_a_thread(ask):
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()

    def change():
        made = engine.post("/volumes/create", {"Name": "data"})
        assert made["Name"] == "data"

    with served(memory) as url, closing(Engine({"DOCKER_HOST": url})) as engine:
        in_a_thread(change)
        before = descriptors()
        for _ in range(20):
            in_a_thread(change)
        after = descriptors()

    assert after <= before + 2


def test_threads_at_work_at_the_same_time_have_a_client_each(memory):
    together, found = threading.Barrier(4), []

    def at_once():
        found.append(engine._api())
        together.wait(60)

    with served(memory) as url, closing(Engine({"DOCKER_HOST": url})) as engine:
        threads = [threading.Thread(target=at_once) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert len({id(each) for each in found}) == 4
