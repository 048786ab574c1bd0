"""The commands `why` and `history`, and the causes in `diff`, as a user sees them, on an engine in memory."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from reconciler.run.clock import RealClock
from tests.kit.cli import Ran, called
from tests.kit.docker.memory import PROJECT, MemoryEngine, served

ROOT = Path(__file__).parents[3]
STACK = """\
services:
  web:
    image: app:1
    environment:
      A: one
      KEY_PASSWORD: hush-hush
    mem_limit: 64M
    ports: ["8000:80"]
    deploy: {update_config: {monitor: 100ms}}
  db:
    image: app:1
    deploy: {update_config: {monitor: 100ms}}
    stop_grace_period: 3s
"""


@dataclass
class Desk:
    """A project's folder, its engine, and the command line."""

    folder: Path
    engine: MemoryEngine
    command: Callable[..., Ran]

    def edit(self, before: str, after: str) -> None:
        file = self.folder / "stack.yaml"
        text = file.read_text(encoding="utf-8")
        assert before in text
        file.write_text(text.replace(before, after), encoding="utf-8")

    def by_hand(self, service: str, **host: Any) -> None:
        self.container(service)["HostConfig"].update(host)

    def container(self, service: str) -> Any:
        return next(each for each in self.engine.containers.values() if each["Name"] == f"/{PROJECT}-{service}-1")

    def run(self, *arguments: str, code: int = 0) -> str:
        ran = self.command(*arguments)
        assert ran.code == code, ran.err
        return ran.out

    @property
    def history(self) -> Path:
        return self.folder / "state" / PROJECT / "history.db"


@pytest.fixture
def desk(tmp_path, monkeypatch, capsys):
    engine = MemoryEngine(clock=RealClock())
    for reference in ("app:1", "app:2"):
        engine.image(reference)
    (tmp_path / "stack.yaml").write_text(STACK, encoding="utf-8")
    with served(engine) as url:
        usual = {
            "DOCKER_HOST": url,
            "COMPOSE_PROJECT_NAME": PROJECT,
            "RECONCILE_STATE_DIRECTORY": str(tmp_path / "state"),
        }

        def command(*arguments: str, **env: str) -> Ran:
            return called(monkeypatch, capsys, *arguments, cwd=tmp_path, env={**usual, **env})

        made = Desk(tmp_path, engine, command)
        made.run("apply")
        yield made


def as_printed(text: str) -> str:
    """The text with what differs from run to run written alike."""
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME", text)
    text = re.sub(r"\d+\.\d s\b", "N s", text)
    text = re.sub(r"by \S+@\S+?(?=[,\n])", "by WHO", text)
    return re.sub(r"(?m)[ ]+$", "", text)


def checked(text: str, name: str) -> Any:
    document = json.loads(text)
    schema = json.loads((ROOT / f"schemas/{name}.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(document, schema)
    return document


def test_the_plan_sets_drift_apart_from_what_is_asked_for(desk):
    desk.by_hand("db", Memory=100 << 20, MemorySwap=-1)
    desk.by_hand("web", Memory=100 << 20, MemorySwap=200 << 20)
    desk.edit("A: one", "A: two")

    assert (
        desk.run("diff", code=2)
        == """\
Changed outside of the files:
± docker.container/db                          replace, the old one serves until the new one is ready
      mem_limit  100 MiB → unlimited  (forces the replacement)

Asked for by the files, an image or another resource:
± docker.container/web                         replace, with downtime until the new one is ready
      environment.A  one → two  (forces the replacement)
      mem_limit      100 MiB → 64 MiB  (changed outside of the files)
      memswap_limit  200 MiB → 128 MiB  (changed outside of the files)

Symbols: ± replace
Plan: 2 to replace; 2 unchanged; longest outage: docker.container/web, until the new one is ready.
"""
    )


def test_what_the_files_ask_for_is_marked_below_the_title_of_drift(desk):
    desk.container("web")["Config"]["Env"] = ["A=other", "KEY_PASSWORD=hush-hush", "PATH=/bin"]
    desk.edit("64M", "96M")

    assert (
        desk.run("diff", code=2)
        == """\
Changed outside of the files:
± docker.container/web                         replace, with downtime until the new one is ready
      environment.A  other → one  (forces the replacement)
      mem_limit      64 MiB → 96 MiB  (asked for by the files)
      memswap_limit  128 MiB → 192 MiB  (follows from other fields)

Symbols: ± replace
Plan: 1 to replace; 3 unchanged; longest outage: docker.container/web, until the new one is ready.
"""
    )


def test_with_v_each_field_has_its_cause_and_its_line(desk):
    desk.by_hand("web", Memory=100 << 20, MemorySwap=200 << 20)
    desk.edit("A: one", "A: two")

    assert (
        desk.run("-v", "diff", code=2)
        == """\
± docker.container/web                         replace, with downtime until the new one is ready
      environment.A  one → two  (forces the replacement)  [declared, stack.yaml:5:7]
      mem_limit      100 MiB → 64 MiB  [drift, stack.yaml:7:5]
      memswap_limit  200 MiB → 128 MiB  [drift, stack.yaml:2:3]

Symbols: ± replace
Plan: 1 to replace; 3 unchanged; longest outage: docker.container/web, until the new one is ready.
"""
    )


def test_the_json_has_cause_and_line_of_each_field(desk):
    desk.by_hand("web", Memory=100 << 20, MemorySwap=200 << 20)
    desk.edit("app:1\n    environment", "app:2\n    environment")

    [action] = checked(desk.run("diff", "--format", "json", code=2), "plan")["actions"]

    assert action["cause"] == "declared"
    assert {change["path"]: (change["cause"], change["source"]["line"]) for change in action["changes"]} == {
        "image.ref": ("declared", 3),
        "image.id": ("declared", 3),
        "mem_limit": ("drift", 7),
        "memswap_limit": ("drift", 2),
    }


def test_another_image_of_the_same_name_is_no_drift_and_not_declared(desk):
    desk.engine.image("app:1", Env=["NEW=1"])

    causes = {
        change["path"]: change["cause"]
        for action in checked(desk.run("diff", "--format", "json", code=2), "plan")["actions"]
        for change in action["changes"]
    }

    assert causes == {"image.id": "image"}


def test_why_tells_the_lines_the_causes_and_the_cost(desk):
    desk.by_hand("web", Memory=100 << 20, MemorySwap=200 << 20)
    desk.edit("A: one", "A: two")

    text = as_printed(desk.run("why", "docker.container/web"))

    assert (
        text
        == """\
docker.container/web: replace, with downtime until the new one is ready
  environment.A  one → two
      The files ask for something new (stack.yaml:5:7). It can't be changed in place, so a new one is needed.
  mem_limit  100 MiB → 64 MiB
      It was changed outside of the files (stack.yaml:7:5). It is changed in place.
  memswap_limit  200 MiB → 128 MiB
      It was changed outside of the files (stack.yaml:2:3). It is changed in place.
  The old one is stopped first, because only one container can have port 8000/tcp.

Done to it before:
  TIME  run 1, apply by WHO
    + docker.container/web                         created (N s)
"""
    )


@pytest.mark.parametrize(
    ("state", "is_stopped"),
    [("running", True), ("restarting", True), ("paused", True), ("exited", False), ("created", False), ("dead", False)],
)
def test_why_says_that_the_old_one_is_stopped_only_where_it_is_up(desk, state, is_stopped):
    desk.edit("A: one", "A: two")
    desk.container("web")["State"] |= {"Status": state, "Running": state in ("running", "restarting", "paused")}

    text = desk.run("why", "docker.container/web")
    answer = checked(desk.run("why", "docker.container/web", "--format", "json"), "why")

    assert text.startswith("docker.container/web: replace")
    assert ("The old one is stopped first" in text) is is_stopped
    assert (answer["stop_first_because"] is not None) is is_stopped


def test_why_of_a_finished_job_stops_nothing(desk):
    desk.edit(
        "  db:\n",
        "    depends_on: {job: {condition: service_completed_successfully}}\n"
        "  job: {image: job:1, command: [exit, '0']}\n  db:\n",
    )
    desk.engine.image("job:1")
    desk.run("apply")
    desk.edit("'0'", "'0', again")

    text = desk.run("why", "docker.container/job")

    assert text.startswith("docker.container/job: replace")
    assert "is stopped first" not in text


def test_why_tells_afterwards_what_was_done_by_which_run_and_for_which_field(desk):
    desk.edit("A: one", "A: two")
    desk.run("apply")

    text = as_printed(desk.run("why", "docker.container/web"))

    assert (
        text
        == """\
docker.container/web: in sync, running; nothing is planned

Done to it before:
  TIME  run 2, apply by WHO
    ± docker.container/web                         replaced, asked for by the files, N s without service (N s)
        environment.A  one → two  (forces the replacement)  [declared, stack.yaml:5:7]
        the old one was stopped first, because only one container can have port 8000/tcp
  TIME  run 1, apply by WHO
    + docker.container/web                         created (N s)
"""
    )


def test_a_line_that_was_taken_out_is_called_that_before_and_afterwards(desk):
    desk.edit("    mem_limit: 64M\n", "")
    desk.edit("      A: one\n", "")

    before = desk.run("why", "docker.container/web")
    full = desk.run("diff", "--full", code=2)
    desk.run("apply")
    afterwards = desk.run("why", "docker.container/web")
    (change, _) = checked(desk.run("why", "docker.container/web", "--format", "json"), "why")["runs"]

    assert before.count("It was removed from the files, so its default counts again") == 2
    assert "asks for" not in before
    assert full.count("[removed from the files, ") == 2
    assert "environment.A  one → (absent)  (forces the replacement)  [removed from the files, " in afterwards
    assert {each["path"]: (each["reaction"], each["removed"]) for each in change["changes"][0]["fields"]} == {
        "environment.A": ("replace", True),
        "mem_limit": ("replace", True),
        "memswap_limit": ("replace", False),
    }


def test_why_as_json_has_the_same(desk):
    desk.edit("A: one", "A: two")

    answer = checked(desk.run("why", "docker.container/web", "--format", "json"), "why")
    desk.run("apply")
    afterwards = checked(desk.run("why", "docker.container/web", "--format", "json"), "why")

    assert answer["state"] == "drifted"
    assert answer["action"]["changes"][0]["source"] == {"file": "stack.yaml", "line": 5, "column": 7}
    assert answer["stop_first_because"] == "only one container can have port 8000/tcp"
    assert [run["id"] for run in answer["runs"]] == [1]
    assert (afterwards["action"], afterwards["stop_first_because"]) == (None, None)
    assert afterwards["runs"][0]["changes"][0]["cause"] == "declared"


def test_why_names_what_comes_first(desk):
    desk.edit("  db:", "    networks: [back]\n  db:")
    desk.edit("    stop_grace_period: 3s\n", "    stop_grace_period: 3s\nnetworks: {back: {}}\n")

    assert "  It comes after docker.network/back" in desk.run("why", "docker.container/web")
    assert "  It is new in the files (stack.yaml:15:12)." in desk.run("why", "docker.network/back")


def test_what_is_gone_was_removed_by_somebody_or_taken_out(desk):
    desk.engine.containers.pop(desk.container("db")["Id"])
    removed = desk.run("why", "docker.container/db")
    desk.run("apply")
    desk.edit(STACK[STACK.index("  db:") :], "")

    taken_out = desk.run("why", "docker.container/db")

    assert "It was there, and somebody removed it; it is declared (stack.yaml:11:5)." in removed
    assert "It was taken out of the files." in taken_out


def test_the_history_has_the_newest_run_first(desk):
    desk.by_hand("db", Memory=100 << 20, MemorySwap=-1)
    desk.run("apply")
    desk.edit("KEY_PASSWORD: hush-hush", "KEY_PASSWORD: other-secret")
    desk.run("apply")

    assert (
        as_printed(desk.run("history", "--limit", "2"))
        == """\
TIME  apply by WHO, N s, exit code 0
  ± docker.container/web                         replaced, asked for by the files, N s without service (N s)
      environment.KEY_PASSWORD  (secret) → (secret)  (forces the replacement)  [declared, stack.yaml:6:7]
      the old one was stopped first, because only one container can have port 8000/tcp

TIME  apply by WHO, N s, exit code 0
  ± docker.container/db                          replaced, changed outside of the files (N s)
      mem_limit  100 MiB → unlimited  (forces the replacement)  [drift, stack.yaml:10:3]
"""
    )


def test_the_history_of_one_resource_and_as_json(desk):
    desk.edit("A: one", "A: two")
    desk.run("apply")

    everything = checked(desk.run("history", "--format", "json"), "history")
    of_web = checked(desk.run("history", "docker.container/web", "--format", "json"), "history")
    of_none = checked(desk.run("history", "--since", "2999-01-01", "--format", "json"), "history")

    assert [len(run["changes"]) for run in everything["runs"]] == [1, 3]
    assert [[change["action"] for change in run["changes"]] for run in of_web["runs"]] == [["replace"], ["create"]]
    assert of_none["runs"] == []
    assert desk.run("history", "--since", "2h") == desk.run("history")


def test_down_is_in_the_history_and_what_it_removed_is_no_drift(desk):
    desk.run("down")
    desk.run("apply")

    runs = checked(desk.run("history", "--format", "json"), "history")["runs"]

    assert [run["command"] for run in runs] == ["apply", "down", "apply"]
    assert {change["action"] for change in runs[1]["changes"]} == {"delete"}
    assert {change["cause"] for change in runs[0]["changes"]} == {"declared"}


@pytest.mark.parametrize("name", ["new", "docker.container/new"])
def test_the_history_of_what_is_declared_and_no_run_changed_is_empty(desk, name):
    desk.edit("  db:\n", "  new: {image: app:1}\n  db:\n")

    text = desk.run("history", name)
    answer = checked(desk.run("history", name, "--format", "json"), "history")

    assert (text, answer["runs"]) == ("No run that changed docker.container/new is recorded.\n", [])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("why", "docker.container/wbe"),
            "there is no docker.container/wbe\n     = help: did you mean `docker",
        ),
        (
            ("history", "docker.container/wbe"),
            "no run changed docker.container/wbe\n     = help: did you mean `docker.container/web`?",
        ),
        (("why", "wbe"), "nothing is named `wbe`\n     = help: did you mean `web`?"),
        (("why", "web/x"), "`web/x` is not a valid address"),
        (
            ("history", "--since", "soon"),
            "`soon` is neither a span nor a date\n     = help: write one like 30m, 2h, 3d",
        ),
    ],
)
def test_a_wrong_name_is_told_with_the_nearest(desk, arguments, message):
    ran = desk.command(*arguments)

    assert ran.code == 64
    assert message in ran.err


def test_no_secret_is_in_the_history(desk):
    desk.edit("KEY_PASSWORD: hush-hush", "KEY_PASSWORD: other-secret")
    desk.run("apply")

    held = b"".join(path.read_bytes() for path in desk.history.parent.iterdir())
    assert b"hush" not in held
    assert b"other-secret" not in held
    assert b"KEY_PASSWORD" in held


def test_a_history_that_is_damaged_fails_no_apply(desk):
    desk.history.write_bytes(b"no database" * 1000)
    desk.edit("A: one", "A: two")

    looked, ran = desk.command("diff"), desk.command("apply")

    assert (looked.code, ran.code) == (2, 0)
    assert "warning: the history " in looked.err
    assert ran.err.count("warning: the history ") == 1
    assert desk.command("apply").err == ""


def test_a_history_in_a_place_that_can_not_be_written_fails_no_apply(desk):
    desk.edit("A: one", "A: two")

    ran = desk.command("apply", RECONCILE_STATE_DIRECTORY="/proc/nowhere")

    assert ran.code == 0
    assert ran.err.count("warning: the history ") == 1


def test_a_plan_that_was_saved_where_causes_are_known_is_applied_where_they_are_not(desk):
    desk.edit("A: one", "A: two")
    desk.run("diff", "--out", "plan.json", code=2)

    ran = desk.command("apply", "plan.json", RECONCILE_STATE_DIRECTORY=str(desk.folder / "elsewhere"))

    assert ran.code == 0


def test_the_same_project_on_another_engine_has_causes_of_its_own(desk):
    other = MemoryEngine(clock=RealClock())
    other.image("app:1")
    with served(other) as url:
        assert desk.command("apply", DOCKER_HOST=url).code == 0
        for each in other.containers.values():
            each["HostConfig"].update(Memory=100 << 20, MemorySwap=200 << 20)
        desk.command("apply", DOCKER_HOST=url)

    changes = checked(desk.run("history", "--format", "json"), "history")["runs"][0]["changes"]
    assert {change["cause"] for change in changes} == {"drift"}
    assert desk.run("diff").startswith("No changes.")


def test_a_quiet_diff_opens_no_history(desk):
    desk.history.write_bytes(b"no database")

    ran = desk.command("diff")

    assert (ran.code, ran.err) == (0, "")


def test_runs_of_an_older_format_are_kept_and_its_digests_forgotten(desk):
    with sqlite3.connect(desk.history) as database:
        database.execute("PRAGMA user_version = 1")
    database.close()
    desk.by_hand("db", Memory=100 << 20, MemorySwap=-1)

    [action] = checked(desk.run("diff", "--format", "json", code=2), "plan")["actions"]

    assert action["cause"] == "unknown"
    assert len(checked(desk.run("history", "--format", "json"), "history")["runs"]) == 1


def test_what_a_killed_run_left_is_not_blamed_on_others(desk):
    own = desk.container("db")
    body = {"Image": "app:1", "Labels": own["Config"]["Labels"]}
    desk.engine.create_container(body=body, params={"name": f"{PROJECT}-db-1.prev"})

    plan = json.loads(desk.run("diff", "--format", "json", code=2))
    asked = desk.run("why", "db")

    (action,) = [each for each in plan["actions"] if each["address"] == "docker.container/db"]
    assert action["cause"] == "interrupted"
    assert [field["cause"] for field in action["changes"]] == ["interrupted"]
    assert "It was left by an interrupted run" in asked
    assert "outside of the files" not in asked
    checked(desk.run("diff", "--format", "json", code=2), "plan")
