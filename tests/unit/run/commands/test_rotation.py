"""Rotation of secrets on an engine in memory, with a database that has a password: carried out, cut off, taken back."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import time
import warnings
from dataclasses import dataclass, field
from functools import partial

import pytest

from reconciler.cli.main import run as main
from tests.kit.cli import called
from tests.kit.clock import TurnedClock
from tests.kit.daemon import daemon
from tests.kit.docker.memory import MemoryEngine, served

STACK = """name: p
x-reconcile:
  secrets:
    DB_PASSWORD:
      rotate: {service: db, exec: [change, main], check: [check, main]}
    REPORTS_PASSWORD:
      rotate: {service: db, exec: [change, reports], check: {service: db, exec: [check, reports]}}
    WEB_KEY:
services:
  db:
    image: app:1
    environment: {P: '${DB_PASSWORD}', R: '${REPORTS_PASSWORD}'}
    volumes: ['data:/data']
  web:
    image: app:1
    environment: {DSN: 'postgres://u:${DB_PASSWORD}@db/x', KEY: '${WEB_KEY}'}
    depends_on: [db]
  reports: {image: 'app:1', environment: {DSN: 'postgres://r:${REPORTS_PASSWORD}@db/x'}}
volumes: {data: {}}
"""
EVERY = 1 if os.environ.get("RECONCILE_TEST_SWEEPS") == "all" else 9
"""Of so many places to be killed at, one is tried."""

NAMES = ("DB_PASSWORD", "REPORTS_PASSWORD", "WEB_KEY")


class Ticking(TurnedClock):
    """The engine's clock: each look at it takes a second, so that a health check has come out well by the next one."""

    def now(self):
        self.sleep(1.0)
        return super().now()


@dataclass
class Database(MemoryEngine):
    """An engine in which `change` sets a password of the database, and `check` tries one."""

    passwords: dict[str, str] = field(default_factory=dict)
    codes: list[int] = field(default_factory=list)
    seen: list[tuple[str, ...]] = field(default_factory=list)
    refuses: frozenset[str] = frozenset()

    def make_exec(self, name, *, body, **rest):
        made = super().make_exec(name, body=body, **rest)
        given = dict(entry.split("=", 1) for entry in body["Env"])
        program, account = body["Cmd"]
        if program == "change" and account not in self.refuses:
            self.passwords[account] = given["NEW"]
            running = sorted(each["Name"] for each in self.containers.values() if each["State"]["Running"])
            self.seen.append((account, *running))
        is_done = account not in self.refuses if program == "change" else self.passwords[account] == given["SECRET"]
        self.codes.append(0 if is_done else 3)
        return made

    def get_exec(self, number, **_):
        return {"ExitCode": self.codes[int(number)]}


class World:
    """The project, up and with secrets, and the program that is run in it."""

    def __init__(self, directory, engine, url, run):
        self.directory, self.engine, self.url, self.run = directory, engine, url, run

    @property
    def env(self):
        lines = (self.directory / ".env").read_text(encoding="utf-8").splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    @property
    def kept(self):
        return self.directory / ".env.rotation"

    def environment(self, service):
        (found,) = [each for each in self.engine.containers.values() if each["Name"] == f"/p-{service}-1"]
        assert found["State"]["Running"]
        return dict(entry.split("=", 1) for entry in found["Config"]["Env"])

    def assert_has_everywhere(self, values):
        """The database, the containers and the file have these very values, and nothing is left of the rotation."""
        assert {name: self.env[name] for name in NAMES} == values
        main_password, reports, key = (values[name] for name in NAMES)
        assert self.engine.passwords == {"main": main_password, "reports": reports}
        assert (self.environment("db")["P"], self.environment("db")["R"]) == (main_password, reports)
        web = self.environment("web")
        assert (web["DSN"], web["KEY"]) == (f"postgres://u:{main_password}@db/x", key)
        assert self.environment("reports")["DSN"] == f"postgres://r:{reports}@db/x"
        assert not self.kept.exists()

    def write(self, text):
        (self.directory / "stack.yaml").write_text(text, encoding="utf-8")


@pytest.fixture
def world(tmp_path, monkeypatch, capsys):
    engine = Database(clock=Ticking())
    engine.image("app:1", Healthcheck={"Test": ["CMD", "well"]})
    with served(engine) as url:
        state = str(tmp_path / "state")
        environment = {"DOCKER_HOST": url, "XDG_STATE_HOME": state}
        made = World(tmp_path, engine, url, partial(called, monkeypatch, capsys, cwd=tmp_path, env=environment))
        made.write(STACK)
        assert made.run("apply", "--yes").code == 0
        engine.passwords = {"main": made.env["DB_PASSWORD"], "reports": made.env["REPORTS_PASSWORD"]}
        yield made


def values_of(world):
    return {name: world.env[name] for name in NAMES}


def test_all_secrets_get_new_values_everywhere(world):
    before = values_of(world)

    ran = world.run("secrets", "rotate", "--all", "--yes")

    assert ran.code == 0, ran.err
    after = values_of(world)
    assert not {*before.values()} & {*after.values()}
    world.assert_has_everywhere(after)
    assert stat.S_IMODE((world.directory / ".env").stat().st_mode) == 0o600
    assert world.run("diff").code == 0
    assert not [value for value in (*before.values(), *after.values()) if value in ran.out + ran.err]
    assert "rotated, and tried: DB_PASSWORD, REPORTS_PASSWORD" in ran.err
    assert "rotated: WEB_KEY" in ran.err


def test_who_uses_a_password_is_stopped_before_it_changes_and_nobody_else(world):
    assert world.run("secrets", "rotate", "DB_PASSWORD", "--yes").code == 0
    assert world.engine.seen == [("main", "/p-db-1", "/p-reports-1")]


def test_a_secret_of_one_service_stops_nothing_and_leaves_the_others_alone(world):
    before = values_of(world)
    ids = {each["Name"]: each["Id"] for each in world.engine.containers.values()}

    ran = world.run("secrets", "rotate", "WEB_KEY", "--yes")

    assert ran.code == 0, ran.err
    world.assert_has_everywhere({**before, "WEB_KEY": world.env["WEB_KEY"]})
    now = {each["Name"]: each["Id"] for each in world.engine.containers.values()}
    assert {name for name in ids if ids[name] != now[name]} == {"/p-web-1"}
    assert not world.engine.executed


def test_a_rotation_whose_plan_is_known_to_fail_changes_nothing(world):
    writes, before = list(world.engine.writes), values_of(world)
    joined = STACK.replace("    depends_on: [db]\n", "    depends_on: [db]\n    networks: [default, theirs]\n")
    world.write(f"{joined}networks: {{theirs: {{external: true}}}}\n")

    ran = world.run("secrets", "rotate", "--all", "--yes")

    assert (ran.code, "is declared as external but does not exist" in ran.err) == (4, True)
    assert (world.engine.writes, values_of(world)) == (writes, before)
    assert not world.kept.exists()


def test_a_dry_run_shows_the_plan_and_touches_nothing(world):
    writes, before = list(world.engine.writes), values_of(world)

    ran = world.run("secrets", "rotate", "--all", "--dry-run")

    assert ran.code == 0
    assert "DB_PASSWORD  changed in db by its command; goes to docker.container/db, docker.container/web" in ran.out
    assert "stopped while the values change: web, reports" in ran.out or "reports, web" in ran.out
    assert re.search(r"longest outage: docker.container/(web|reports), stopped before the first change", ran.out)
    assert (world.engine.writes, values_of(world)) == (writes, before)
    assert not world.kept.exists()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["DB_PASSWORD"], 4, "there is nobody to ask"),
        (["--yes"], 64, "no secret is named"),
        (["--yes", "--all", "WEB_KEY"], 64, "name secrets, or say --all"),
        (["--yes", "DB_PASWORD"], 64, "did you mean `DB_PASSWORD`"),
    ],
)
def test_a_rotation_that_is_not_wanted_is_refused(world, arguments, code, words):
    writes = list(world.engine.writes)

    ran = world.run("secrets", "rotate", *arguments)

    assert (ran.code, words in ran.err) == (code, True), ran.err
    assert world.engine.writes == writes


def test_a_value_of_the_environment_is_not_rotated(world, monkeypatch):
    monkeypatch.setenv("WEB_KEY", "outside")

    ran = world.run("secrets", "rotate", "WEB_KEY", "--yes")

    assert ran.code == 1
    assert "unset it there" in ran.err


def test_a_secret_in_data_without_a_declared_way_is_refused(world):
    world.write(STACK.replace("rotate: {service: db, exec: [change, main], check: [check, main]}", "", 1))

    ran = world.run("secrets", "rotate", "--all", "--yes")

    assert ran.code == 4
    assert "whose data in docker.volume/data may have been made with it" in ran.err
    assert "x-reconcile.secrets.DB_PASSWORD.rotate" in ran.err


def test_a_line_that_is_made_of_other_variables_is_refused(world):
    env = world.directory / ".env"
    text = env.read_text(encoding="utf-8").replace("WEB_KEY=", "A=1\nWEB_KEY=${A}")
    env.write_text(text + "WEB_KEY='${A}'\n# the end", encoding="utf-8")

    ran = world.run("secrets", "rotate", "WEB_KEY", "--yes")

    assert ran.code == 0, ran.err  # the last line counts, and is a plain one
    assert "# the end" in env.read_text(encoding="utf-8")


def test_a_present_value_that_opens_nothing_is_an_error_and_nothing_is_done(world):
    before = values_of(world)
    world.engine.passwords["main"] = "changed by hand"

    ran = world.run("secrets", "rotate", "--all", "--yes")

    assert ran.code == 1
    assert "DB_PASSWORD: its present value does not open db" in ran.err
    assert values_of(world) == before
    assert not world.kept.exists()
    assert not world.engine.seen


def test_a_service_that_refuses_its_value_leaves_everything_as_it_was(world):
    before = values_of(world)
    world.engine.refuses = frozenset({"reports"})

    ran = world.run("secrets", "rotate", "--all", "--yes")

    assert ran.code == 1, ran.err
    assert "REPORTS_PASSWORD: the command in db ended with 3, and everything is as it was before" in ran.err
    world.assert_has_everywhere(before)
    assert world.run("diff").code == 0


# ------------------------------------------------------------------ killed


def killed(world, number, *, before):
    """Run it in a process of its own that is killed right before or after a write; returns whether it came so far."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of forks beside threads: those of the engine are not used by the child
        child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(1, 2)
        os._exit(main(["secrets", "rotate", "--all", "--yes"]))
    first, hit = len(world.engine.writes), []

    def kill(at, _call):
        if at - first == number:
            hit.append(at)
            os.kill(child, signal.SIGKILL)

    setattr(world.engine, "before" if before else "after", kill)
    os.waitpid(child, 0)
    world.engine.before = world.engine.after = lambda _at, _call: None
    return bool(hit)


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_killed_at_any_write_it_is_finished_by_the_next_run(world, before):
    number, finished = 0, 0
    while killed(world, number := number + EVERY, before=before):
        values = values_of(world)
        was_kept = world.kept.exists()
        assert not was_kept or stat.S_IMODE(world.kept.stat().st_mode) == 0o600

        ran = world.run("secrets", "rotate", *([] if was_kept else ["--all", "--yes"]))

        assert ran.code == 0, (number, ran.err)
        world.assert_has_everywhere(values_of(world))
        assert world.run("diff").code == 0
        finished += was_kept
        assert was_kept or values_of(world) != values
    assert number > 20
    assert finished > 1


def test_an_apply_finishes_a_rotation_that_was_cut_off_and_a_diff_reports_it(world):
    assert killed(world, 6, before=False)
    assert "was cut off" in world.run("diff").err

    ran = world.run("apply", "--yes")

    assert ran.code == 0, ran.err
    world.assert_has_everywhere(values_of(world))
    assert "was cut off" not in world.run("diff").err


def test_a_daemon_finishes_a_rotation_that_was_cut_off(world):
    assert killed(world, 6, before=False)
    environment = {"DOCKER_HOST": world.url, "XDG_STATE_HOME": str(world.directory / "state")}

    with daemon(world.directory, "--interval", "1", "--listen", "off", env=environment) as running:
        running.until("rotation goes on")
        deadline = time.monotonic() + 60
        while world.kept.exists():
            assert time.monotonic() < deadline
            time.sleep(0.1)

    world.assert_has_everywhere(values_of(world))
    assert world.run("diff").code == 0


def test_the_values_of_a_rotation_are_kept_out_of_git(world):
    (world.directory / ".gitignore").write_text(".env\n", encoding="utf-8")
    assert world.run("secrets", "rotate", "WEB_KEY", "--yes").code == 0
    assert (world.directory / ".gitignore").read_text(encoding="utf-8") == ".env\n.env.rotation\n"

    (world.directory / ".gitignore").write_text("/.env.*\n", encoding="utf-8")
    assert world.run("secrets", "rotate", "WEB_KEY", "--yes").code == 0
    assert (world.directory / ".gitignore").read_text(encoding="utf-8") == "/.env.*\n"


def test_other_secrets_wait_for_a_rotation_that_was_cut_off(world):
    assert killed(world, 6, before=False)
    assert world.kept.exists()
    world.write(STACK.replace("    WEB_KEY:\n", "    WEB_KEY:\n    LATER:\n"))

    ran = world.run("secrets", "rotate", "LATER", "--yes")

    assert ran.code == 1
    assert "finish it with `reconcile secrets rotate`" in ran.err


def test_a_file_that_is_no_rotation_is_left_alone(world):
    world.kept.write_text("{}", encoding="utf-8")

    ran = world.run("secrets", "rotate", "--all", "--yes")

    assert ran.code == 65
    assert "is not a rotation" in ran.err
    assert world.kept.read_text(encoding="utf-8") == "{}"


# ------------------------------------------------------------------ changed by hand


def edited(world, name):
    env = world.directory / ".env"
    env.write_text(env.read_text(encoding="utf-8").replace(world.env[name], f"by-hand-{name}"), encoding="utf-8")


def remarks(world):
    found = json.loads(world.run("diff", "--format", "json").out)["diagnostics"]
    return [(each["address"], each["source"]["line"], each["message"]) for each in found]


def test_a_value_that_was_changed_by_hand_is_a_warning_with_what_to_do(world):
    edited(world, "DB_PASSWORD")

    text = world.run("diff")

    assert text.code == 2
    assert "! docker.container/db has another DB_PASSWORD than the files" in text.out
    (db, db_line, message), (web, web_line, _) = remarks(world)
    assert (db, web) == ("docker.container/db", "docker.container/web")
    assert (db_line, web_line) == (line_of("{P: "), line_of("{DSN: 'postgres://u"))
    assert "put the old value back, and run `reconcile secrets rotate DB_PASSWORD`" in message
    assert "by-hand" not in text.out + text.err


def test_without_a_declared_way_the_data_may_keep_the_old_value(world):
    world.write(STACK.replace("rotate: {service: db, exec: [change, main], check: [check, main]}", "", 1))
    edited(world, "DB_PASSWORD")

    ((address, _, message),) = remarks(world)

    assert address == "docker.container/db"
    assert "its data in docker.volume/data may have been made with the old one" in message
    assert "x-reconcile.secrets.DB_PASSWORD.rotate" in message


def test_what_each_start_takes_anew_is_no_warning(world):
    world.write(STACK.replace("{service: db, exec: [change, main], check: [check, main]}", "{}", 1))
    edited(world, "DB_PASSWORD")
    edited(world, "WEB_KEY")

    assert world.run("diff").code == 2
    assert remarks(world) == []


def test_a_rotation_itself_shows_no_such_warning(world):
    ran = world.run("secrets", "rotate", "--all", "--dry-run")

    assert "has another" not in ran.out


def line_of(part):
    return next(number for number, line in enumerate(STACK.splitlines(), start=1) if part in line)


def test_a_secret_that_is_not_declared_is_an_unknown_name_like_any_other(world):
    ran = world.run("secrets", "rotate", "DB_PASWORD", "--yes")

    assert (ran.code, "error[RC0103]" in ran.err, "did you mean `DB_PASSWORD`?" in ran.err) == (64, True, True)
