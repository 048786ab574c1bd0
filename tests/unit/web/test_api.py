"""The daemon's HTTP for programs: probes, metrics, state, plan, history, events, and the acts of an operator."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping

import anyio
import pytest
from prometheus_client.parser import text_string_to_metric_families

from reconciler.core.difference.change import Action, Change
from reconciler.core.history.facts import Ailment, Difference, Pass, Repair, Trouble
from reconciler.web import events
from reconciler.web.access import Role
from reconciler.web.app import ROUTES
from reconciler.web.desk import MOST_STREAMS, Call
from tests.kit.web import BOX, OPERATOR, READER, TOKENS, Stage, box, living


@pytest.fixture
def stage(tmp_path):
    made = Stage(tmp_path, [box("a", size=2), box("b", "a", size=1)], [living("a", size=1), living("b", size=1)])
    made.look()
    return made


# ------------------------------------------------------------------ probes


@pytest.mark.parametrize("path", ["/livez", "/healthz", "/readyz"])
def test_a_probe_needs_no_login_and_no_name(tmp_path, path):
    stage = Stage(tmp_path, tokens=TOKENS)
    stage.look()

    answer = stage.client(host="http://10.0.0.7:7420", address="10.0.0.1").get(path)

    assert (answer.status_code, answer.text) == (200, "ok\n")


def test_a_daemon_is_ready_after_its_first_look_and_alive_before(tmp_path):
    stage = Stage(tmp_path)
    client = stage.client()

    before = [client.get(path).status_code for path in ("/livez", "/readyz")]
    stage.look()

    assert before == [200, 503]
    assert client.get("/readyz").status_code == 200


def test_a_daemon_that_stands_by_is_ready(tmp_path):
    stage = Stage(tmp_path)
    stage.board.leads = False

    assert stage.client().get("/readyz").status_code == 200


def test_a_wrong_file_makes_it_unready_and_not_dead(stage):
    stage.look(Trouble(Ailment.WRONG_FILE, "stack.yaml:3:1", "no such key"))
    client = stage.client()

    assert client.get("/readyz?verbose").json() == {"loop": True, "look": True, "files": False}
    assert client.get("/livez").status_code == 200


def test_a_loop_that_hangs_is_dead_whatever_it_has_seen(stage):
    beaten_at = stage.board.monotonic()
    stage.board.monotonic = lambda: beaten_at + 1_000

    assert stage.client().get("/livez").status_code == 503


def test_a_log_that_hangs_holds_up_no_probe(stage):
    answered, hangs = threading.Event(), threading.Event()

    def hanging(_name, **_options):
        hangs.set()
        answered.wait(20)
        yield "late"

    stage.provider.logs = hanging
    client = stage.client()
    with client:  # one loop for all requests
        reader = threading.Thread(target=client.get, args=(f"/logs?address={BOX}",))
        reader.start()
        assert hangs.wait(10)

        codes = [client.get(path).status_code for path in ("/livez", "/readyz", "/metrics")]

        answered.set()
        reader.join()
    assert codes == [200, 200, 200]


# ------------------------------------------------------------------ metrics


def families(stage):
    text = stage.client().get("/metrics").text
    return {family.name: family for family in text_string_to_metric_families(text)}


def test_metrics_show_the_last_look(stage):
    stage.look(Trouble(Ailment.UNREAD, "memory", "is away"))

    found = families(stage)

    resources = {tuple(each.labels.values()): each.value for each in found["reconcile_resources"].samples}
    assert resources["memory", "drifted"] == 1
    assert [each.value for each in found["reconcile_provider_up"].samples] == [0]
    assert {each.labels["address"] for each in found["reconcile_resource_info"].samples} == {
        "memory.box/a",
        "memory.box/b",
    }


def test_a_daemon_that_stands_by_says_that_it_does_not_lead(tmp_path):
    stage = Stage(tmp_path)
    stage.board.leads = False

    found = families(stage)

    assert [each.value for each in found["reconcile_leader"].samples] == [0]
    assert "reconcile_resources" not in found


def test_metrics_count_facts(stage):
    change = Change(BOX, Action.UPDATE)
    for fact in (Difference("1", change), Repair("1", change, 2.0), Pass("1", (), 1, 0, 0, 2.0)):
        stage.desk.metrics(fact)

    found = families(stage)

    assert [each.value for each in found["reconcile_repairs"].samples] == [1]
    assert [each.value for each in found["reconcile_passes"].samples] == [1]
    assert found["reconcile_repair_duration_seconds"].type == "histogram"


def test_a_resource_counts_the_time_in_which_it_was_not_as_declared(stage):
    stage.time += 30
    stage.look()

    seconds = {each.labels["address"]: each.value for each in families(stage)["reconcile_drift_seconds"].samples}

    assert seconds == {"memory.box/a": 30, "memory.box/b": 0}


def test_paths_of_strangers_make_no_series(stage):
    client = stage.client()
    for number in range(20):
        client.get(f"/nothing/{number}")

    paths = {each.labels["path"] for each in families(stage)["reconcile_http_requests"].samples}

    assert paths == {"other"}


# ------------------------------------------------------------------ what is read


def test_the_status_says_since_when_and_what_is_wrong(stage):
    stage.time += 10
    stage.look(Trouble(Ailment.FIGHT, str(BOX), "size differed 5 times", details={"times": 5}))

    document = stage.client().get("/api/v1/status").json()

    first = document["resources"][0]
    assert (first["address"], first["state"], first["since"]) == (
        "memory.box/a",
        "drifted",
        "2026-09-21T14:13:20.000+00:00",
    )
    assert document["troubles"][0]["details"] == {"times": 5}
    assert (document["project"], document["leads"], document["look"]) == ("shop", True, 2)


def test_the_plan_is_the_one_of_diff(stage):
    document = stage.client().get("/api/v1/plan").json()

    assert document["schema"] == "reconcile.plan/v1"
    assert [(each["address"], each["action"]) for each in document["actions"]] == [("memory.box/a", "update")]


def test_nothing_is_shown_before_the_first_look(tmp_path):
    stage = Stage(tmp_path)

    answer = stage.client().get("/api/v1/status")

    assert answer.status_code == 503
    assert "first look" in answer.json()["error"]


@pytest.mark.parametrize("limit", ["0", "-1", "x", "501", "٣", "9" * 30])
def test_a_wrong_limit_is_a_wrong_request(stage, limit):
    assert stage.client().get("/api/v1/history", params={"limit": limit}).status_code == 422


def test_the_openapi_document_has_each_route_of_the_api(stage):
    document = stage.client().get("/api/v1/openapi.json").json()

    described = {(path, method.upper()) for path, methods in document["paths"].items() for method in methods}
    assert described == {(each.path, each.method) for each in ROUTES if each.path.startswith("/api/")}
    assert document["openapi"].startswith("3.1")


# ------------------------------------------------------------------ events


def sent(stage, *, last="", until, most=200):
    """The messages of a stream, until a predicate holds of one."""

    class Request:
        headers = {"last-event-id": last} if last else {}

    visitor = stage.desk.gate.visitor({"authorization": f"Bearer {OPERATOR}"}, "", "")

    async def read():
        found = []
        answer = events.stream(Call(stage.desk, Request(), visitor))
        async for message in answer.body_iterator:
            found.append(message)
            if until(message) or len(found) >= most:
                break
        await answer.body_iterator.aclose()
        return found

    return anyio.run(read)


def test_each_fact_is_an_event_with_the_keys_of_the_log(stage):
    stage.board(Repair("p1", Change(BOX, Action.UPDATE), 2.0))

    messages = sent(stage, last="0", until=lambda message: "event: fact" in message)

    fields = json.loads(messages[-1].partition("data: ")[2])
    assert (fields["event"], fields["address"], fields["seconds"]) == ("repaired", "memory.box/a", 2.0)


def test_a_client_gets_what_it_has_missed_and_nothing_twice(stage):
    for number in range(3):
        stage.board(Repair(f"p{number}", Change(BOX, Action.UPDATE), 2.0))
    numbers = [each.number for each in stage.board.facts()]

    messages = sent(stage, last=str(numbers[0]), until=lambda message: f"id: {numbers[-1]}" in message)

    assert [m.split("\n")[1] for m in messages if "event: fact" in m] == [f"id: {number}" for number in numbers[1:]]


def test_a_stream_ends_with_its_session(stage):
    identity = stage.desk.gate.sessions.begin("alice", Role.READER, "login")

    class Request:
        headers: Mapping[str, str] = {}

    visitor = stage.desk.gate.visitor({}, identity, "127.0.0.1")
    stage.desk.gate.sessions.end(identity)

    async def read():
        return [message async for message in events.stream(Call(stage.desk, Request(), visitor)).body_iterator]

    assert anyio.run(read)[-1] == 'event: session\ndata: {"ended": true}\n\n'


def test_there_are_no_more_streams_than_allowed(stage):
    stage.desk.streams = MOST_STREAMS

    assert stage.client().get("/api/v1/events").status_code == 503


# ------------------------------------------------------------------ acts


def test_a_sync_is_asked_for_and_recorded_with_who_asked(stage):
    answer = stage.client().post("/api/v1/sync")

    assert answer.status_code == 202
    assert [str(hint) for hint in stage.asked] == ["sync by local user"]
    assert stage.commands() == [("sync", "local user", 0)]


def test_a_pause_has_an_owner_a_reason_and_an_end(stage):
    client = stage.client()
    client.post("/api/v1/pause", json={"address": "memory.box/a", "reason": "upgrade", "seconds": 60})

    pauses = client.get("/api/v1/status").json()["pauses"]
    stage.time += 61

    assert [(each["address"], each["owner"], each["reason"]) for each in pauses] == [
        ("memory.box/a", "local user", "upgrade")
    ]
    assert client.get("/api/v1/status").json()["pauses"] == []


def test_a_pause_ends_early_by_a_resume(stage):
    client = stage.client()
    client.post("/api/v1/pause", json={"address": "memory.box/a", "reason": "upgrade"})

    answer = client.post("/api/v1/resume", json={"address": "memory.box/a"})

    assert answer.status_code == 202
    assert client.post("/api/v1/resume", json={"address": "memory.box/a"}).status_code == 404
    assert [command for command, _, _ in stage.commands()] == ["pause memory.box/a", "resume memory.box/a"]


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"address": "memory.box/a"}, 422),
        ({"address": "memory.box/a", "reason": "  "}, 422),
        ({"address": "memory.box/none", "reason": "x"}, 404),
        ({"address": "nonsense", "reason": "x"}, 404),
        ({"address": ["memory.box/a"], "reason": "x"}, 422),
        ({"address": "", "reason": "x"}, 422),
        ({"address": 0, "reason": "x"}, 422),
        ({"address": None, "reason": "x"}, 422),
        ({"address": "memory.box/a", "reason": "x", "seconds": "long"}, 422),
        ({"address": "memory.box/a", "reason": "x", "seconds": True}, 422),
        ({"address": "memory.box/a", "reason": "x", "seconds": -1}, 422),
        ({"address": "memory.box/a", "reason": "x", "seconds": 1e12}, 422),
        ([], 422),
    ],
)
def test_a_wrong_pause_is_refused_and_changes_nothing(stage, asked, status):
    assert stage.client().post("/api/v1/pause", json=asked).status_code == status
    assert stage.commands() == []


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[" * 9_000])
def test_a_body_that_is_no_json_is_refused(stage, body):
    answer = stage.client().post("/api/v1/pause", content=body, headers={"content-type": "application/json"})

    assert answer.status_code in (400, 422)


def test_a_form_of_another_page_is_no_json(stage):
    answer = stage.client().post("/api/v1/pause", content="{}", headers={"content-type": "text/plain"})

    assert answer.status_code == 415


def test_a_pause_survives_a_restart_of_the_daemon(stage, tmp_path):
    stage.client().post("/api/v1/pause", json={"address": "memory.box/a", "reason": "upgrade"})

    again = Stage(tmp_path, [box("a", size=2)])

    assert list(again.board.pauses.active(again.time)) == ["memory.box/a"]


def test_a_reader_may_read_and_not_act(tmp_path):
    stage = Stage(tmp_path, [box("a", size=2)], tokens=TOKENS)
    stage.look()
    client = stage.client(READER)

    assert client.get("/api/v1/status").status_code == 200
    assert client.post("/api/v1/sync").status_code == 403
    assert stage.asked == []
    assert [line[1] for line in stage.log.lines] == ["request refused"]
