"""Pauses: set and ended on the command line, seen by diff, status and apply, and by any other process at once."""

from __future__ import annotations

import json
import threading
import time

import pytest

from reconciler.core.resource.address import Address
from reconciler.run.daemon.pauses import EVERYTHING, MOST, Pause, Pauses
from tests.kit.docker.memory import PROJECT, Line

WEB = Address.parse("docker.container/web")


def memory_of(engine):
    return {each["Name"][1:]: each["HostConfig"]["Memory"] for each in engine.containers.values()}[f"{PROJECT}-web-1"]


def by_hand(engine):
    Line(engine).post(f"/containers/{PROJECT}-web-1/update", {"Memory": 100 << 20, "MemorySwap": 200 << 20})


def test_apply_leaves_what_is_paused_and_says_so(reconcile, engine):
    by_hand(engine)

    paused = reconcile("pause", "web", "--reason", "I debug it", "--owner", "alice", "--for", "2h")
    ran, shown = reconcile("apply", "--yes"), reconcile("diff")

    assert (paused.code, "docker.container/web is paused by alice until " in paused.err) == (0, True)
    assert (ran.code, memory_of(engine)) == (0, 100 << 20)
    for text in (ran.out, shown.out):
        assert "‖ docker.container/web" in text
        assert "left alone: paused by alice until " in text
        assert ": I debug it" in text
    assert shown.code == 2


def test_apply_acts_on_it_again_where_that_is_asked_for_or_the_pause_has_ended(reconcile, engine):
    by_hand(engine)
    reconcile("pause", "docker.container/web")

    assert reconcile("apply", "--yes", "--include-paused").code == 0
    assert memory_of(engine) == 64 << 20
    by_hand(engine)
    assert reconcile("resume", "web").code == 0
    assert reconcile("apply", "--yes").code == 0
    assert memory_of(engine) == 64 << 20


def test_a_pause_of_the_project_leaves_all_of_it(reconcile, engine):
    by_hand(engine)
    reconcile("pause", PROJECT)

    assert "1 left alone" in reconcile("apply", "--yes").out
    assert memory_of(engine) == 100 << 20
    assert reconcile("resume", PROJECT).code == 0


def test_status_and_json_show_the_pause(reconcile, engine):
    by_hand(engine)
    reconcile("pause", "web", "--reason", "I debug it")

    status = json.loads(reconcile("status", "--format", "json").out)["resources"]
    plan = json.loads(reconcile("diff", "--format", "json").out)

    (found,) = [each for each in status if each["address"] == "docker.container/web"]
    assert (found["state"], found["note"].endswith("I debug it")) == ("paused", True)
    assert (plan["summary"]["left_alone"], plan["summary"]["update"]) == (1, 0)
    assert plan["actions"][0]["left_alone"].endswith("I debug it")


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["pause", "wbe"], 64, "nothing is named `wbe`\n     = help: did you mean `web`?"),
        (["pause", "docker.container/x"], 64, "there is no docker.container/x\n     = help: "),
        (["resume", "web"], 64, "docker.container/web is not paused"),
        (["pause", "web", "--for", "0"], 64, "lasts at most 30d"),
        (["pause", "web", "--for", "31d"], 64, "lasts at most 30d"),
        (
            ["pause", "web", "--for", "soon"],
            64,
            "`soon` is not a valid time\n     = help: write one like 30, 90s or 1h30m",
        ),
    ],
)
def test_a_wrong_pause_says_what_is_wrong(reconcile, arguments, code, says):
    ran = reconcile(*arguments)

    assert (ran.code, says in ran.err) == (code, True), ran.err


def test_an_excluded_resource_is_not_compared(reconcile, engine):
    by_hand(engine)

    assert reconcile("diff", "--exclude", "web").code == 0
    assert reconcile("diff", "--exclude", "nope").code == 64
    assert reconcile("diff").code == 2


def a_pause(subject, until=1e12):
    return Pause(subject, "alice", "", time.time(), until)


def test_what_one_process_writes_another_reads_at_once(tmp_path):
    ours, theirs = Pauses(tmp_path / "p/pauses.json"), Pauses(tmp_path / "p/pauses.json")

    assert not ours.active(0)
    theirs.add(a_pause("docker.container/web"))
    assert set(ours.active(0)) == {"docker.container/web"}
    ours.add(a_pause(EVERYTHING))
    assert theirs.end("docker.container/web", 0)
    assert set(ours.active(0)) == {EVERYTHING}


def test_an_expired_pause_counts_for_nothing(tmp_path):
    pauses = Pauses(tmp_path / "pauses.json")
    pauses.add(Pause("docker.container/web", "alice", "", 1.0, 5.0))

    assert pauses.active(4.9)
    assert not pauses.active(5.0)
    assert not pauses.end("docker.container/web", 6.0)


def test_none_of_many_writers_loses_the_pause_of_another(tmp_path):
    file = tmp_path / "pauses.json"
    writers = [
        threading.Thread(target=lambda number=number: Pauses(file).add(a_pause(f"docker.container/s{number}")))
        for number in range(20)
    ]
    for each in writers:
        each.start()
    for each in writers:
        each.join()

    assert len(Pauses(file).active(0)) == 20


@pytest.mark.parametrize("text", ["", "[{", "{}", '[{"subject": "a"}]', '[{"subject": 1}]', "[" * 100_000])
def test_a_file_that_can_not_be_read_pauses_everything_until_it_is_resumed(tmp_path, text):
    file = tmp_path / "pauses.json"
    file.write_text(text, encoding="utf-8")

    said = Pauses(file).reasons(time.time())(WEB)

    assert f"{file} can't be read" in said
    assert Pauses(file).end(EVERYTHING, time.time())
    assert json.loads(file.read_text(encoding="utf-8")) == []


def test_a_field_of_another_version_is_passed_over(tmp_path):
    file = tmp_path / "pauses.json"
    Pauses(file).add(a_pause("docker.container/web"))
    (kept,) = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps([{**kept, "ticket": "OPS-1"}]), encoding="utf-8")

    assert set(Pauses(file).active(0)) == {"docker.container/web"}


def test_no_pause_is_dropped_for_another(tmp_path):
    file = tmp_path / "pauses.json"
    many = [{"subject": f"a.b/{n}", "owner": "", "reason": "", "began": 0.0, "until": 1e12} for n in range(MOST)]
    file.write_text(json.dumps(many), encoding="utf-8")

    with pytest.raises(OSError, match="there are 1,000 pauses already"):
        Pauses(file).add(a_pause("a.b/new"))

    assert len(Pauses(file).active(0)) == MOST
