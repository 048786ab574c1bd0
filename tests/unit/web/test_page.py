"""The page: what each view shows, in which order, and what an operator does with it."""

from __future__ import annotations

import html
import re
import time

import pytest

from reconciler.core.history.author import Author
from reconciler.core.history.facts import Ailment, Trouble
from reconciler.core.history.records import ChangeRecord, FieldRecord, Run
from reconciler.core.resource.address import Address
from reconciler.core.resource.values import Secret
from tests.kit.web import BOX, HTML, OPERATOR, READER, TOKENS, Stage, box, form_token, living, shown, words

RESOURCE = "/resource?address=memory.box/a"


@pytest.fixture
def stage(tmp_path):
    wanted = [box("a", size=2), box("b", "a", size=1), box("c", "b", size=1)]
    made = Stage(tmp_path, wanted, [living("a", size=1), living("b", size=1)])
    made.look()
    return made


def test_the_verdict_comes_first_and_names_the_worst(stage):
    text = words(shown(stage, "/"))

    assert text.index("missing") < text.index("Not in sync") < text.index("Resources")
    assert "1 of 3: memory.box/c" in text
    assert re.search(r"<title>\(2\) missing", shown(stage, "/"))


VERDICTS = [
    ([], [], "in sync"),
    ([Trouble(Ailment.UNREAD, "memory", "is away")], [], "unknown"),
    ([Trouble(Ailment.CRASH_LOOP, "memory.box/a", "ended 5 times")], [], "stuck"),
    ([Trouble(Ailment.FIGHT, "memory.box/a", "size differed")], [], "stuck"),
    ([], [BOX], "running"),
]


@pytest.mark.parametrize(("troubles", "under_repair", "verdict"), VERDICTS)
def test_each_state_has_a_verdict(tmp_path, troubles, under_repair, verdict):
    stage = Stage(tmp_path, [box("a", size=1)], [living("a", size=1)])
    stage.look(*troubles, under_repair=under_repair)

    assert f'class="verdict {verdict.replace(" ", "-")}"' in shown(stage, "/")


def test_what_can_not_be_read_is_never_in_sync(tmp_path):
    stage = Stage(tmp_path, [box("a", size=1)], [living("a", size=1)])
    stage.look(Trouble(Ailment.UNREAD, "memory", "is away"))

    page = shown(stage, "/")

    assert 'class="sign in-sync"' not in page
    assert "memory: can&#39;t be read. is away" in page


def test_what_needs_a_person_is_listed_with_its_reason(stage):
    stage.look(Trouble(Ailment.REFUSED, "memory.box/a", "its data would be lost"))

    text = words(shown(stage, "/"))

    assert "Needs a person refused memory.box/a : its data would be lost" in text


def test_a_resource_hangs_below_what_it_needs(stage):
    levels = re.findall(r'class="level-(\d)"><span class="spoken">Level \d: </span><a[^>]*>([^<]*)', shown(stage, "/"))

    assert levels == [("0", "memory.box/a"), ("1", "memory.box/b"), ("2", "memory.box/c")]


def test_a_search_looks_at_names_states_and_notes(stage):
    found = {query: shown(stage, f"/?{query}").count('<th scope="row" class="level') for query in
             ("q=BOX/a", "q=size", "state=missing", "kind=memory.box", "q=nothing", "half=other")}  # fmt: skip

    assert found == {
        "q=BOX/a": 1, "q=size": 1, "state=missing": 1, "kind=memory.box": 3, "q=nothing": 0, "half=other": 0
    }  # fmt: skip


def test_a_resource_shows_its_difference_with_the_line_and_the_cost(stage):
    text = words(shown(stage, RESOURCE))

    assert "size was 1 becomes 2 stack.yaml:7:3 in place" in text
    assert "Needed by memory.box/b" in text
    assert "first line second line" in text


def test_the_live_fields_are_for_operators_and_without_secrets(tmp_path):
    live = living("a", size=1, settings={"DB_PASSWORD": "correct-horse", "MODE": "fast"}, key=Secret("battery-staple"))
    stage = Stage(tmp_path, [box("a", size=1)], [live], tokens=TOKENS)
    stage.look()

    operator, reader = (shown(stage, RESOURCE, token) for token in (OPERATOR, READER))

    assert "settings.MODE" in operator
    assert "settings.MODE" not in reader
    assert not any(secret in page for page in (operator, reader) for secret in ("correct-horse", "battery-staple"))


def test_the_plan_is_one_page_with_its_checksum(stage):
    text = words(shown(stage, "/plan"))

    assert "Plan: 1 to create, 1 to update; 1 unchanged; no outage." in text
    assert re.search(r"Checksum [0-9a-f]{32}", text)


def test_what_can_not_be_read_is_unknown_in_the_plan_and_no_work_that_waits(stage):
    stage.provider.is_up = False
    stage.look()

    page = shown(stage, "/plan")

    assert page.count('<section class="action unknown"') == 3
    assert "deferred" not in page
    assert "<title>Plan: 0 to do" in page
    assert words(page).count("? memory.box/") == 3
    overview = shown(stage, "/")
    assert 'class="verdict unknown"' in overview
    assert re.search("3 . memory", words(overview))
    assert "/?half=memory&amp;state=unknown" in overview
    assert "Needs a person" not in words(overview)


def test_a_log_is_searched_on_the_server(stage):
    stage.provider.lines = [f"line {number}" for number in range(300)]

    text = words(shown(stage, f"/logs?address={BOX}&q=LINE+1&tail=200"))

    assert "100 of 200 lines have “LINE 1”" in text
    assert "line 299" not in text


@pytest.mark.parametrize(
    ("line", "shown_as"),
    [
        ("2026-11-30 14:15:00,123 INFO started", ""),
        ("[2026-11-30 14:15:00 +0000] [1] [INFO] booting", ""),
        ("1:M 30 Nov 2026 14:15:00.123 * ready", ""),
        ('127.0.0.1 - - [30/Nov/2026:14:15:00 +0000] "GET /"', ""),
        ("started", "2026-11-30T14:15:00.5Z "),
        ("the import took 00:00:12", "2026-11-30T14:15:00.5Z "),
    ],
)
def test_a_line_of_a_log_has_one_time(line, shown_as, stage):
    stage.provider.lines = [f"2026-11-30T14:15:00.5Z {line}"]

    page = html.unescape(shown(stage, f"/logs?address={BOX}&tail=20"))

    assert f">{shown_as}{line}" in page or f"\n{shown_as}{line}" in page


def test_a_long_log_says_what_it_leaves_out(stage):
    stage.provider.lines = ["x" * 20_000, *(f"line {number}" for number in range(2_500))]

    page = shown(stage, f"/logs?address={BOX}&tail=20000")

    assert "The first 501 of them are left out." in words(page)
    assert page.count("\nline ") <= 2_000


def a_run(stage, number=1, user="alice", **fields):
    change = ChangeRecord(
        "memory.box/a", "update", "drift", "size differs", "none", "stack.yaml:7:3",
        (FieldRecord("size", 1, {"sensitive": True, "digest": "9f"}, "drift", "stack.yaml:7:3"),),
        (Author(1_790_000_000.0, "update", "mallory"),), result="done", seconds=2.0, **fields,
    )  # fmt: skip
    run = stage.history.begin(Run(0, "daemon", 1_790_000_000.0 + number, user, "host", "resync"))
    stage.history.add(run, [change])
    stage.history.end(run, code=0, seconds=3.0, now=1_790_000_010.0)
    return run


def test_the_history_is_a_timeline_and_a_table_filtered_by_person(stage):
    a_run(stage, 1), a_run(stage, 2, user="bob")

    everything, of_bob, of_author = (shown(stage, f"/history{query}") for query in ("", "?who=BOB", "?who=mallory"))

    assert everything.count("<rect") == 2
    assert [page.count('<th scope="row"><a href="/runs/') for page in (everything, of_bob, of_author)] == [2, 1, 2]


def test_a_run_shows_each_field_and_who_had_changed_it(stage):
    number = a_run(stage)

    text = words(shown(stage, f"/runs/{number}"))

    assert "size was 1 becomes (secret) stack.yaml:7:3 drift" in text
    assert "by mallory" in text
    assert stage.client().get(f"/runs/{number + 1}").status_code == 404


def test_the_graph_has_each_resource_once_with_its_state_and_as_a_list(stage):
    page = shown(stage, "/graph")

    assert re.findall(r'<g class="node ([a-z-]+)"', page) == ["drifted", "in-sync", "missing"]
    assert len(re.findall(r'<path d="M', page)) == 2
    assert "memory.box/c: missing needs memory.box/b" in words(page)


def test_the_graph_around_a_resource_goes_as_deep_as_asked(stage):
    nodes = {depth: shown(stage, f"/graph?focus={BOX}&depth={depth}").count("<rect") for depth in (1, 2)}

    assert nodes == {1: 2, 2: 3}


def test_a_time_is_in_the_zone_of_the_reader(stage):
    client = stage.client()
    client.cookies.set("tz", "Asia/Tokyo")

    page = client.get("/", headers=HTML).text

    assert "2026-09-21 23:13:20 JST" in page
    assert "2026-09-21 14:13:20 UTC" in shown(stage, "/")
    client.cookies.set("tz", "../../etc/passwd")
    assert "UTC" in client.get("/", headers=HTML).text


def test_an_old_look_is_called_old(stage):
    stage.time += 300

    assert "The last look is 5 min old." in shown(stage, "/")


def test_a_daemon_that_stands_by_names_the_one_that_acts(stage):
    stage.board.leads, stage.board.leader = False, "host-b"

    assert "This daemon stands by. The one that acts is host-b." in shown(stage, "/plan")


def test_a_daemon_that_can_not_have_the_lease_names_no_other(stage):
    stage.board.leads, stage.board.leader = False, ""

    assert "This daemon has no lease, so it changes nothing." in shown(stage, "/plan")


# ------------------------------------------------------------------ acts


def confirmed(stage, action, address="", client=None, **fields):
    client = client or stage.client()
    page = client.get(f"/confirm/{action}", params={"address": address}, headers=HTML)
    assert page.status_code == 200, page.text
    form = {"csrf": form_token(page.text), "address": address, **fields}
    return client.post(f"/act/{action}", data=form, headers=HTML)


def test_an_act_is_asked_for_once_more_and_recorded(stage):
    answer = confirmed(stage, "sync")

    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert [str(hint) for hint in stage.asked] == ["sync by local user"]


def test_a_pause_from_the_page_shows_on_it(stage):
    answer = confirmed(stage, "pause", "memory.box/a", reason="upgrade of <b>redis</b>", seconds="7200")

    page = stage.client().get(answer.headers["location"], headers=HTML).text
    assert "upgrade of &lt;b&gt;redis&lt;/b&gt;" in page
    assert 'class="verdict paused"' in page
    assert stage.commands() == [("pause memory.box/a", "local user", 0)]


def test_everything_can_be_paused_and_resumed(stage):
    confirmed(stage, "pause", "*", reason="move", seconds="60")
    paused = shown(stage, "/")
    confirmed(stage, "resume", "*")

    assert "Resume everything" in paused
    assert [command for command, _, _ in stage.commands()] == ["pause everything", "resume everything"]


def test_a_restart_happens_under_the_lock_of_the_daemon(stage):
    held = []
    stage.board.shared = lambda: Held(held)

    confirmed(stage, "restart", "memory.box/a")

    assert stage.provider.restarted == ["a"]
    assert held == ["taken", "given back"]
    assert stage.commands() == [("restart memory.box/a", "local user", 0)]


def test_a_restart_takes_along_what_restarts_with_it_and_says_so_before(tmp_path):
    web = {"depends_on": {"a": {"restart": True}}}
    services = {"web": web, "side": {"depends_on": {"web": {"restart": True}}}, "other": {"depends_on": {"a": None}}}
    stage = Stage(tmp_path, [box("a")], [living("a")], stack={"services": {"a": {}, **services}})
    stage.look()

    asked = words(shown(stage, "/confirm/restart?address=memory.box/a"))
    confirmed(stage, "restart", "memory.box/a")

    assert "These restart with it, as they need it or are attached to it: web side" in asked
    assert stage.provider.restarted == ["a", "web", "side"]
    assert "and with it web, side" in stage.history.runs()[0][0].trigger


class Held:
    def __init__(self, told):
        self.told = told

    def __enter__(self):
        self.told.append("taken")

    def __exit__(self, *_args):
        self.told.append("given back")


@pytest.mark.parametrize(
    "path", ["/confirm/drop", "/confirm/pause?address=memory.box/none", "/confirm/pause?address=x", RESOURCE[:-1] + "z"]
)
def test_what_is_not_there_is_not_found(stage, path):
    assert stage.client().get(path, headers=HTML).status_code == 404


def test_a_reader_sees_no_button(tmp_path):
    stage = Stage(tmp_path, [box("a", size=2)], [living("a", size=1)], tokens=TOKENS)
    stage.look()

    assert "/confirm/" not in shown(stage, "/", READER) + shown(stage, RESOURCE, READER)
    assert "/confirm/" in shown(stage, "/", OPERATOR)


# ------------------------------------------------------------------ many


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    names = [f"service-{number:04}" for number in range(2_000)]
    wanted = [box(name, names[at // 8] if at else "", size=1) for at, name in enumerate(names)]
    live = [living(name, size=1 if at % 50 else 2) for at, name in enumerate(names)]
    stage = Stage(tmp_path_factory.mktemp("many"), wanted, live)
    stage.look()
    return stage


def test_the_first_view_of_2000_resources_is_small_and_quick(many):
    client = many.client()
    client.get("/", headers=HTML)  # the view of a look is made once

    began = time.process_time()
    page = client.get("/", headers=HTML)
    seconds = time.process_time() - began
    parts = re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text)
    size = len(page.content) + sum(len(client.get(part).content) for part in parts)

    assert size <= 100_000
    assert seconds <= 0.2


def test_a_search_among_2000_resources_is_quick(many):
    client = many.client()
    client.get("/", headers=HTML)

    began = time.process_time()
    page = client.get("/?q=service-1999", headers=HTML)

    assert time.process_time() - began <= 0.2
    assert "1 of 2000 match" in page.text


def test_each_resource_is_on_exactly_one_page(many):
    client, found = many.client(), []
    for page in range(1, 41):
        text = client.get(f"/?q=service&page={page}", headers=HTML).text
        found += re.findall(r'class="level-\d"><span[^>]*>[^<]*</span><a[^>]*>([^<]*)', text)

    assert len(found) == len(set(found)) == 2_000


def test_the_graph_of_2000_resources_shows_what_is_wrong(many):
    page = many.client().get("/graph", headers=HTML).text

    assert page.count('<g class="node drifted"') == 40
    assert page.count("<rect") <= 150


def test_many_of_a_kind_that_are_well_are_one_row(tmp_path):
    names = [f"n{number:02}" for number in range(30)]
    stage = Stage(
        tmp_path, [box(name, size=1) for name in names], [living(name, size=1 + (name == "n20")) for name in names]
    )
    stage.look()

    rows = re.findall(r'class="level-\d"><span[^>]*>[^<]*</span><a[^>]*>([^<]*)', shown(stage, "/"))

    assert rows == ["20 \u00d7 memory.box", "memory.box/n20", *(f"memory.box/{name}" for name in names[21:])]


def test_an_address_with_slashes_leads_to_its_resource(tmp_path):
    name = "a/b c&d=é"
    stage = Stage(tmp_path, [box(name, size=2)], [living(name, size=1)])
    stage.look()

    link = re.search(r'href="(/resource[^"]*)"', shown(stage, "/"))[1].replace("&amp;", "&")

    assert str(Address("memory.box", (name,))) in shown(stage, link)


# ------------------------------------------------------------------ the approval of a plan


HELD = Trouble(Ailment.HELD_BACK, "memory.box/a", "the policy is to observe")
HELD_BACK_LINE = "memory.box/a update, in place: the policy is to observe"
MARK = re.compile(r"/confirm/approve\?checksum=([0-9a-f]+)")


def held_back(tmp_path, **more):
    stage = Stage(tmp_path, [box("a", size=2), box("b", size=2)], [living("a", size=1), living("b", size=1)], **more)
    stage.look(HELD)
    return stage


def test_a_plan_that_the_policy_holds_back_is_approved_once_it_was_shown(tmp_path):
    stage = held_back(tmp_path)
    plan = shown(stage, "/plan")
    mark = MARK.search(plan)[1]
    client = stage.client()
    page = client.get("/confirm/approve", params={"checksum": mark}, headers=HTML).text
    form = {"csrf": form_token(page), "checksum": mark}

    answer = client.post("/act/approve", data=form, headers=HTML)

    assert HELD_BACK_LINE in words(plan)
    assert HELD_BACK_LINE in words(page)
    assert "memory.box/b" not in words(page)
    assert (answer.status_code, answer.headers["location"]) == (303, "/plan")
    assert list(map(str, stage.board.approvals)) == ["memory.box/a"]
    assert [str(hint) for hint in stage.asked] == ["approval by local user"]
    assert stage.commands() == [(f"approve {mark}", "local user", 0)]
    ((run, _),) = stage.history.runs()
    assert run.trigger == "page: memory.box/a"


@pytest.mark.parametrize("mark", ["", "0" * 32, "x"])
def test_another_plan_than_the_one_that_was_shown_is_not_approved(tmp_path, mark):
    stage = held_back(tmp_path)
    client = stage.client()
    form = {"csrf": form_token(client.get("/confirm/approve", headers=HTML).text), "checksum": mark}

    answer = client.post("/act/approve", data=form, headers=HTML)

    assert (answer.status_code, "The plan is another one by now" in answer.text) == (409, True)
    assert (stage.board.approvals, stage.asked, stage.commands()) == ({}, [], [])


def test_a_plan_that_changed_meanwhile_is_not_approved(tmp_path):
    stage = held_back(tmp_path)
    mark = MARK.search(shown(stage, "/plan"))[1]
    stage.provider.live[BOX] = living("a", size=3)
    stage.look(HELD)
    client = stage.client()
    form = {"csrf": form_token(client.get("/confirm/approve", headers=HTML).text), "checksum": mark}

    assert client.post("/act/approve", data=form, headers=HTML).status_code == 409
    assert stage.board.approvals == {}


def test_only_an_operator_is_offered_an_approval(tmp_path):
    stage = held_back(tmp_path, tokens=TOKENS)

    page = shown(stage, "/plan", READER)

    assert "The policy holds back" in page
    assert not MARK.search(page)
    assert MARK.search(shown(stage, "/plan", OPERATOR))
    mark = {"checksum": MARK.search(shown(stage, "/plan", OPERATOR))[1]}
    assert stage.client(READER).post("/api/v1/approve", json=mark).status_code == 403
    assert stage.client(OPERATOR).post("/act/approve", data=mark).status_code == 403
    assert stage.board.approvals == {}


def test_programs_approve_by_the_checksum_too(tmp_path):
    stage = held_back(tmp_path, tokens=TOKENS)
    mark = MARK.search(shown(stage, "/plan", OPERATOR))[1]
    client = stage.client(OPERATOR)

    wrong = client.post("/api/v1/approve", json={"checksum": mark[:-1]})
    answer = client.post("/api/v1/approve", json={"checksum": mark})

    assert wrong.status_code == 409
    assert (answer.status_code, answer.json()) == (202, {"checksum": mark, "approved": ["memory.box/a"]})


@pytest.mark.parametrize("state", ["stands by", "observes", "holds nothing"])
def test_nothing_is_approved_where_nothing_would_come_of_it(tmp_path, state):
    stage = held_back(tmp_path, tokens=TOKENS)
    mark = MARK.search(shown(stage, "/plan", OPERATOR))[1]
    if state == "holds nothing":
        stage.look()
    stage.board.leads, stage.board.heals = state != "stands by", state != "observes"

    answer = stage.client(OPERATOR).post("/api/v1/approve", json={"checksum": mark})

    assert answer.status_code == 409
    assert stage.board.approvals == {}
