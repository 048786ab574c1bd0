"""The history's file: what is written is read again, it stays small, and no trouble with it reaches the caller."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from reconciler.core.difference.cause import Applied
from reconciler.core.history.author import Author
from reconciler.core.history.records import ChangeRecord, FieldRecord, Run
from reconciler.history import store
from reconciler.history.store import History, Limits
from reconciler.record import replace
from tests.kit.build import address

FIELD = FieldRecord("mem_limit", 1, {"sensitive": True, "digest": "ab"}, "drift", "stack.yaml:3:5")
CHANGE = ChangeRecord("docker.container/web", "update", "drift", "mem_limit differs", fields=(FIELD,))


class Kept:
    """A history in a file, with its warnings."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "state" / "p" / store.FILE
        self.warnings: list[str] = []
        self.again()

    def again(self, **limits: float) -> History:
        self.history = History(self.file, self.warnings.append, limits=Limits(**limits))  # type: ignore[arg-type]
        return self.history


@pytest.fixture
def kept(tmp_path):
    return Kept(tmp_path)


def a_run(history: History, *changes: ChangeRecord, began: float = 1000.0) -> int:
    number = history.begin(Run(0, "apply", began, "ann", "box", "by hand", "abc"))
    numbers = history.add(number, changes)
    history.settle(dict.fromkeys(numbers, ChangeRecord("", "", result="done", seconds=1.5, outage=0.5, note="n")))
    history.end(number, code=3, seconds=2.5, now=began)
    return number


def test_a_run_is_read_as_it_was_written(kept):
    author = Author(5.0, "update", "root", "admin-cli", "10.0.0.1")
    number = a_run(kept.history, ChangeRecord("docker.network/a", "create", authors=(author,)), CHANGE)

    [(run, changes)] = kept.again().runs()

    assert run == Run(number, "apply", 1000.0, "ann", "box", "by hand", "abc", 3, 2.5)
    assert [(change.address, change.result, change.seconds, change.outage) for change in changes] == [
        ("docker.network/a", "done", 1.5, 0.5),
        ("docker.container/web", "done", 1.5, 0.5),
    ]
    assert changes[0].authors == (author,)
    assert changes[1].fields == (FIELD,)


def test_a_run_that_was_killed_is_there_without_an_end(kept):
    number = kept.history.begin(Run(0, "daemon", 1000.0))
    kept.history.add(number, [CHANGE])

    [(run, [change])] = kept.again().runs()

    assert (run.exit, run.seconds, change.result) == (None, None, "begun")


def test_runs_are_chosen_by_address_time_and_number(kept):
    other = ChangeRecord("docker.container/db", "start")
    numbers = [a_run(kept.history, CHANGE if n % 2 else other, began=1000.0 + n) for n in range(6)]

    runs = kept.history.runs

    assert [run.id for run, _ in runs()] == numbers[::-1]
    assert [run.id for run, _ in runs(limit=2)] == numbers[:-3:-1]
    assert [run.id for run, _ in runs(since=1004.0)] == numbers[:-3:-1]
    assert [run.id for run, _ in runs(address=CHANGE.address)] == numbers[5::-2]
    assert [change.address for change in runs(address=CHANGE.address)[0][1]] == [CHANGE.address]
    assert kept.history.addresses() == ["docker.container/db", "docker.container/web"]


def test_old_runs_and_too_many_are_dropped_with_their_changes(kept):
    kept.again(runs=4, changes=6, age_s=5000.0)
    for n in range(10):
        a_run(kept.history, CHANGE, CHANGE, began=1000.0 + n)
    assert len(kept.history.runs()) == 3

    a_run(kept.history, CHANGE, began=7000.0)

    assert [(run.began, len(changes)) for run, changes in kept.history.runs()] == [(7000.0, 1)]


def test_a_large_run_stays_whole_though_it_is_more_than_is_kept(kept):
    a_run(kept.again(changes=3), *[CHANGE] * 5)

    assert [len(changes) for _, changes in kept.history.runs()] == [5]


def test_the_file_and_its_folder_are_for_their_owner_alone(kept):
    a_run(kept.history, CHANGE)
    kept.history.runs()

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in [kept.file.parent, *kept.file.parent.iterdir()]}
    assert modes.pop("p") == 0o700
    assert set(modes.values()) == {0o600}


def test_last_applied_digests_are_kept_server_by_server(kept):
    web, db = address("docker.container/web"), address("docker.container/db")
    applied = Applied({"a": {"b": "x"}}, {"a": {"b": "y"}}, {"a": "z"}, "id")
    kept.history.keep_applied("one", {web: applied, db: Applied()})
    kept.history.keep_applied("two", {db: Applied()})

    history = kept.again()
    assert history.applied("one", [web, address("docker.container/no")]) == {web: applied}
    assert history.applied("two", [web]) == {}
    assert set(history.known("one")) == {web, db}
    history.keep_applied("one", {}, gone=[web])
    assert set(history.known("one")) == {db}
    assert set(history.known("two")) == {db}


def test_many_addresses_are_asked_for_in_portions(kept):
    many = {address(f"docker.container/c{n}"): Applied({"n": str(n)}) for n in range(1203)}
    kept.history.keep_applied("", many)

    assert kept.history.applied("", many.keys()) == many


def test_what_did_not_change_is_not_written_again(kept):
    kept.history.keep_applied("", {address("docker.container/web"): Applied({"a": "b"})})
    kept.history.close()
    watcher = sqlite3.connect(kept.file)
    before = watcher.execute("PRAGMA data_version").fetchone()

    kept.again().keep_applied("", {address("docker.container/web"): Applied({"a": "b"})})

    assert watcher.execute("PRAGMA data_version").fetchone() == before


def test_a_digest_is_short_and_depends_on_the_key_of_the_file(kept, tmp_path):
    kept.history.begin(Run(0, "apply", 0.0))
    first = [kept.history.digest(str(n)) for n in range(20)]

    assert {len(each) for each in first} == {4}
    assert [kept.again().digest(str(n)) for n in range(20)] == first
    assert [Kept(tmp_path / "other").history.digest(str(n)) for n in range(20)] != first


def test_reading_makes_no_file(kept):
    assert kept.history.runs() == ()
    assert kept.history.applied("", [address("docker.container/web")]) == {}
    assert len(kept.history.digest("x")) == 4
    assert not kept.file.parent.exists()
    assert kept.warnings == []


def test_without_a_file_nothing_is_kept():
    history = History(None)
    assert a_run(history, CHANGE) == 0
    history.keep_applied("", {address("docker.container/web"): Applied()})
    assert history.runs() == ()
    assert history.known("") == ()


# ------------------------------------------------------------------ trouble


def everything(history: History) -> None:
    """Every method, as a run calls them."""
    a_run(history, CHANGE)
    history.keep_applied("", {address("docker.container/web"): Applied()}, gone=[address("docker.container/db")])
    history.applied("", [address("docker.container/web")])
    history.known("")
    history.runs()
    history.addresses()
    history.digest("x")
    history.close()


def test_a_damaged_file_is_set_aside_and_another_one_begins(kept):
    a_run(kept.history, CHANGE)
    kept.history.close()
    kept.file.write_bytes(b"not a database" * 1000)

    everything(kept.again())
    everything(kept.again())

    assert len(kept.warnings) == 1
    assert "is not a database" in kept.warnings[0]
    assert kept.file.with_name(f"{store.FILE}.damaged").exists()
    assert len(kept.again().runs()) == 2


def test_a_file_with_damaged_pages_costs_a_warning(kept):
    for _ in range(50):
        a_run(kept.history, *[CHANGE] * 20)
    kept.history.close()
    content = bytearray(kept.file.read_bytes())
    content[4096 * 2 :] = os.urandom(len(content) - 4096 * 2)
    kept.file.write_bytes(content)

    everything(kept.again())
    everything(kept.again())

    assert len(kept.warnings) == 1
    assert kept.file.with_name(f"{store.FILE}.damaged").exists()
    assert len(kept.again().runs()) >= 1


def test_who_read_a_damaged_file_writes_into_another_one(kept):
    kept.file.parent.mkdir(parents=True)
    kept.file.write_bytes(b"not a database" * 1000)

    assert kept.history.runs() == ()
    assert kept.history.known("") == ()
    a_run(kept.history, CHANGE)

    assert len(kept.history.runs()) == 1
    assert len(kept.warnings) == 1


def test_reading_leaves_a_damaged_file_where_it_is(kept):
    kept.file.parent.mkdir(parents=True)
    kept.file.write_bytes(b"not a database" * 1000)

    assert kept.history.runs() == ()

    assert kept.file.exists()
    assert len(kept.warnings) == 1


def test_the_file_of_an_older_version_keeps_what_it_has(kept):
    """Format 2 did not say why the old one was stopped first."""
    a_run(kept.history, CHANGE)
    web = address("docker.container/web")
    kept.history.keep_applied("one", {web: Applied()})
    kept.history.close()
    with sqlite3.connect(kept.file) as database:
        database.execute("ALTER TABLE changes DROP COLUMN stopped_first")
        database.execute("PRAGMA user_version = 2")
    database.close()

    again = kept.again()
    a_run(again, replace(CHANGE, stopped_first="it has a fixed address"))

    assert [change.stopped_first for _, changes in again.runs() for change in changes] == [
        "it has a fixed address",
        "",
    ]
    assert again.applied("one", [web]) == {web: Applied()}
    assert not kept.warnings


def test_the_file_of_a_newer_version_is_left_alone(kept):
    a_run(kept.history, CHANGE)
    kept.history.close()
    with sqlite3.connect(kept.file) as database:
        database.execute(f"PRAGMA user_version = {store.VERSION + 1}")
    database.close()

    everything(kept.again())

    assert len(kept.warnings) == 1
    assert "a newer version" in kept.warnings[0]
    assert not list(kept.file.parent.glob("*.damaged"))


@pytest.mark.parametrize("place", ["/dev/full/history.db", "/proc/history/history.db", "/dev/null/x/history.db"])
def test_a_place_that_can_not_be_written_costs_one_warning(place):
    warnings: list[str] = []

    everything(History(Path(place), warnings.append))

    assert len(warnings) == 1


def test_a_folder_in_the_place_of_the_file_costs_one_warning(kept):
    kept.file.mkdir(parents=True)

    everything(kept.history)

    assert len(kept.warnings) == 1
    assert kept.file.is_dir()


def test_a_full_disk_costs_a_warning_and_what_was_there_stays(kept):
    a_run(kept.history, CHANGE)
    connection = kept.history._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")

    a_run(kept.history, *[CHANGE] * 500)

    assert len(kept.warnings) == 1
    assert "full" in kept.warnings[0]
    assert [len(changes) for _, changes in kept.again().runs()] == [0, 1]


def test_once_there_is_room_again_the_history_is_kept_again(kept):
    history = kept.again(again_s=0.0)
    a_run(history, CHANGE)
    connection = history._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    a_run(history, *[CHANGE] * 500)

    history.make()
    a_run(history, CHANGE)

    assert "full" in kept.warnings[0]
    assert history.trouble == ""
    assert len(kept.warnings) == 1
    assert [len(changes) for _, changes in history.runs()] == [1, 500, 1]


def test_a_history_that_could_not_be_written_is_read_meanwhile_and_tried_again_later(kept):
    a_run(kept.history, CHANGE)
    other = sqlite3.connect(kept.file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    history = kept.again(busy_s=0.1)

    a_run(history, CHANGE)
    began = time.monotonic()
    a_run(history, CHANGE)
    seconds = time.monotonic() - began
    other.close()

    assert "locked" in history.trouble
    assert seconds < 0.1
    assert len(history.runs()) == 1


def test_who_waits_too_long_for_another_process_goes_on_without_a_history(kept):
    a_run(kept.history, CHANGE)
    other = sqlite3.connect(kept.file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    everything(kept.again(busy_s=0.1))

    other.close()
    assert len(kept.warnings) == 1
    assert "locked" in kept.warnings[0]
    assert len(kept.again().runs()) == 1


WRITER = """
import sys
from pathlib import Path
from reconciler.core.history.records import ChangeRecord, Run
from reconciler.history.store import History

history = History(Path(sys.argv[1]), lambda message: sys.exit(message))
for n in range(30):
    number = history.begin(Run(0, "apply", 1000.0 + n, sys.argv[2]))
    numbers = history.add(number, [ChangeRecord("docker.container/web", "update")] * 3)
    history.settle(dict.fromkeys(numbers, ChangeRecord("", "", result="done")))
    history.end(number, code=0, seconds=1.0, now=1000.0)
history.close()
"""


def test_several_processes_write_at_once_from_the_first_moment(kept):
    command = [sys.executable, "-c", WRITER, str(kept.file)]
    running = [subprocess.Popen([*command, str(n)], stderr=subprocess.PIPE, text=True) for n in range(4)]

    ended = [(each.communicate(timeout=120)[1], each.returncode) for each in running]

    assert ended == [("", 0)] * 4
    runs = kept.history.runs(limit=1000)
    assert len(runs) == 4 * 30
    assert all([change.result for change in changes] == ["done"] * 3 for _, changes in runs)


def test_several_threads_use_one_history(kept):
    threads = [threading.Thread(target=lambda: [a_run(kept.history, CHANGE) for _ in range(20)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(kept.history.runs(limit=1000)) == 80
    assert kept.warnings == []
