"""Kept as declared: when the daemon looks, what it does and leaves, and that nothing ends it but being told to."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from datetime import UTC, datetime
from itertools import pairwise, takewhile

import pytest

from reconciler.core.execution.pace import LONGEST_S
from reconciler.core.history.facts import Ailment
from reconciler.core.message.errors import ConfigError
from reconciler.core.provider import Hint
from reconciler.core.resource.address import Address
from reconciler.providers.docker.table import labels
from reconciler.record import replace
from reconciler.render.output.writer import Writer
from reconciler.run.daemon.daemon import Daemon, Rhythm
from reconciler.run.daemon.pauses import EVERYTHING, Pause, pauses_of
from reconciler.run.lock.lock import Owner
from reconciler.run.session.session import history_of, opened
from reconciler.settings import Settings
from tests.kit.docker.memory import Line, MemoryEngine, Refusal, a_provider, served

WEB = "services:\n  web: {image: 'app:1', environment: {V: '1'}}\n"
NEVER = 10_000.0


class Log:
    """The log, with its times."""

    def __init__(self, clock):
        self.clock, self.told = clock, []

    def __getattr__(self, level):
        return lambda phrase, **fields: self.told.append((self.clock.now(), level, phrase, fields))

    def bind(self, **_fields):
        return self

    def of(self, phrase):
        return [fields for _, _, told, fields in self.told if told == phrase]

    def times(self, *phrases):
        return [round(at) for at, _, told, _ in self.told if told in phrases]


class ScriptedHints:
    """Hints and events of the world, each with its second. At the end the daemon stops."""

    def __init__(self, clock, stop, script):
        self.clock, self.stop, self.script, self.followed, self.is_closed = clock, stop, list(script), [], False
        self.given = []

    def follow(self, name, _source):
        self.followed.append(name)

    def give(self, hint):
        self.given.append(hint)

    def wait(self, at_most_s):
        if self.given:
            given, self.given = self.given, []
            return given
        if not self.script:
            self.stop.set()
            return []
        after_s, hints, happens = self.script[0]
        if after_s > at_most_s:
            self.script[0] = (after_s - at_most_s, hints, happens)
            self.clock.sleep(at_most_s)
            return []
        self.script.pop(0)
        self.clock.sleep(after_s)
        happens()
        return hints

    def close(self):
        self.is_closed = True


def after(seconds, *hints, happens=lambda: None):
    return (float(seconds), [a_hint(each) for each in hints], happens)


def a_hint(text):
    """A hint about a service, if the text begins as the engine's events do."""
    service = re.match(r"container (\w+):", text)
    return Hint(text, Address("docker.container", (service[1],)) if service else None)


class World:
    """A project, an engine, and a daemon that looks after them."""

    def __init__(self, directory, engine, url):
        self.file, self.engine = directory / "stack.yaml", engine
        environment = {"DOCKER_HOST": url}
        self.settings = Settings(directory, (self.file,), environment=environment, project="p")
        self.log, self.stop, self.writer, self.wall = Log(engine.clock), threading.Event(), Writer(), time.time
        self.source = self.elect = self.apart = None
        self.refuses_risks = True
        self.write(WEB)

    def write(self, text):
        self.file.write_text(text, encoding="utf-8")

    def run(self, *script, **rhythm):
        daemon = Daemon(
            self.settings,
            self.engine.clock,
            self.log,
            rhythm=Rhythm(**rhythm),
            stop=self.stop,
            known=self.writer.known,
            begin=lambda repair: repair(),
            elect=self.elect,
            wall=self.wall,
            source=self.source,
            apart=self.apart,
            refuses_risks=self.refuses_risks,
        )
        self.daemon = daemon
        daemon.hints = ScriptedHints(self.engine.clock, self.stop, script)
        daemon.run()
        return daemon

    def settle(self):
        """Have everything as declared before the test begins."""
        self.run()
        self.stop.clear()
        self.log.told.clear()
        self.engine.calls.clear()

    def by_hand(self, call):
        Line(self.engine).post(f"/containers/p-web-1/{call}")

    @property
    def is_running(self):
        return [each["State"]["Status"] for each in self.engine.containers.values()] == ["running"]


@pytest.fixture
def world(tmp_path):
    engine = MemoryEngine()
    engine.image("app:1")
    with served(engine) as url:
        yield World(tmp_path, engine, url)


class SlowlyReleased:
    """A leadership whose lease takes its time to go, as on a busy engine."""

    is_held, leader, why = True, "", ""
    ended = ()

    def __init__(self, *_of, release_s):
        pass

    def begin(self):
        pass

    def wait(self, _at_most_s):
        pass

    def end(self):
        time.sleep(0.5)
        type(self).ended = ("given back",)


def test_the_process_ends_after_the_lease_was_given_back(world):
    world.elect = SlowlyReleased

    world.run()

    assert SlowlyReleased.ended


class WithoutLease(SlowlyReleased):
    """A leadership that nobody can have, as the engine is away."""

    is_held, why = False, "the engine does not answer"

    def end(self):
        pass


def test_it_stands_by_for_nobody_where_no_daemon_can_have_the_lease(world):
    world.elect = WithoutLease

    world.run(after(100))

    assert [fields["reason"] for fields in world.log.of("has no lease")] == ["the engine does not answer"]
    assert world.log.of("stands by") == []
    assert not world.is_running


class Undecided(WithoutLease):
    """A leadership whose election takes its time."""

    why = ""


def test_as_long_as_an_election_is_not_decided_nothing_is_said_of_it(world):
    world.elect = Undecided

    world.run(after(100))

    assert world.log.of("has no lease") == []
    assert world.log.of("stands by") == []


def test_it_looks_at_once_and_repairs_what_differs(world):
    world.run()

    assert world.is_running
    assert [fields["address"] for fields in world.log.of("difference")] == [
        "docker.network/default",
        "docker.container/web",
    ]
    assert [fields["failed"] for fields in world.log.of("pass done")] == [0]


def test_what_is_as_declared_is_not_touched_not_even_by_a_lock(world):
    world.settle()

    world.run(after(100))

    assert world.engine.writes == []
    assert world.log.of("difference") == []


def test_it_follows_the_files_and_the_engine_and_lets_go_at_the_end(world):
    daemon = world.run()

    assert daemon.hints.followed == [
        "files",
        "docker container events",
        "docker events of what containers use",
    ]
    assert daemon.hints.is_closed
    assert world.log.told[-1][2] == "daemon ends"


def test_what_somebody_changes_is_found_at_the_next_interval_at_the_latest(world):
    world.settle()

    world.run(after(1, happens=lambda: world.by_hand("stop")), after(100), interval_s=30)

    assert world.is_running
    assert world.log.times("difference") == [30]
    assert world.log.of("difference")[0]["events"] == []


def test_a_hint_makes_it_look_at_once(world):
    world.settle()

    world.run(after(3, "container web: die", happens=lambda: world.by_hand("stop")), interval_s=30)

    assert world.is_running
    assert world.log.times("difference") == [3]
    (difference,) = world.log.of("difference")
    assert difference["pass"] == world.log.of("repaired")[0]["pass"] == world.log.of("pass done")[0]["pass"]
    assert {key: difference[key] for key in ("field", "old", "new", "at", "events")} == {
        "field": "state",
        "old": "exited (143)",
        "new": "running",
        "at": "stack.yaml:2",
        "events": ["container web: die"],
    }


def test_where_it_only_observes_it_tells_and_does_nothing(world):
    world.settle()

    world.run(after(1, "hint", happens=lambda: world.by_hand("stop")), after(60), heals=False)

    assert world.engine.writes == ["POST /containers/p-web-1/stop"]
    assert [(each["field"], each["left"]) for each in world.log.of("difference")] == [("state", "observe")]
    assert world.log.of("pass done") == []


def test_a_stop_that_is_there_already_ends_it_before_it_looks(world):
    world.stop.set()

    world.run()

    assert world.engine.calls == []


def test_a_stop_ends_it_after_the_current_step(world):
    world.engine.after = lambda number, _call: world.stop.set() if number == 2 else None

    world.run()

    assert world.log.told[-1][2] == "daemon ends"
    assert not world.is_running


# ------------------------------------------------------------------ failures


def refuse(_number, call):
    if call == "POST /containers/create":
        raise Refusal(500, "no space left on device")


def test_after_failures_it_looks_ever_more_rarely(world):
    world.engine.before = refuse

    world.run(after(1000))

    times = world.log.times("repair failed")
    gaps = [later - before for before, later in pairwise(times)]
    assert gaps == [2, 4, 8, 16, 32, 64, 128, 256, LONGEST_S]
    first = world.log.of("repair failed")[0]
    assert "the engine says: no space left on device (500) to POST /" in first["error"]
    assert (first["address"], first["failures"], first["retry_in_s"]) == ("docker.container/web", 1, 2.0)
    assert len(world.log.of("difference")) == 2


def test_a_container_that_crashes_all_the_time_does_not_drive_the_repairs(world):
    world.engine.before = refuse

    world.run(*(after(0.5, "container web: die") for _ in range(20)))

    assert world.log.times("pass done") == [0, 2, 6]


def test_another_revision_of_the_files_cuts_the_wait_after_failures_short(world):
    world.engine.before = refuse

    def repaired():
        world.write(WEB.replace("'1'}", "'2'}"))
        world.engine.before = lambda _number, _call: None

    world.run(after(20), after(1, "file stack.yaml changed", happens=repaired))

    assert world.log.times("pass done") == [0, 2, 6, 14, 21]
    assert world.is_running


def test_after_a_success_failures_are_forgotten(world):
    world.engine.before = refuse

    def repaired():
        world.engine.before = lambda _number, _call: None

    def broken():
        world.by_hand("stop")

    world.run(after(7, happens=repaired), after(20), after(1, "hint", happens=broken), interval_s=30)

    assert world.log.times("pass done") == [0, 2, 6, 14, 28]


def test_a_failing_service_delays_no_other_one(world):
    other = "  other: {image: 'app:1', command: [serve]}\n"
    world.write(WEB.replace("environment", "command: [nothing], environment") + other)
    started = lambda: [fields["address"] for fields in world.log.of("repaired")].count("docker.container/other")  # noqa: E731

    def broken():
        assert started() == 1
        Line(world.engine).post("/containers/p-other-1/stop")

    world.run(after(100), after(1, "container other: die", happens=broken))

    assert world.log.of("repair failed")[-1]["retry_in_s"] >= 64
    assert started() == 2
    assert [at for at in world.log.times("repaired") if at > 100] == [101]


def test_a_resource_that_waits_for_a_failed_one_is_repaired_as_soon_as_that_is_well(world):
    needs = "  late: {image: 'app:1', depends_on: {web: {condition: service_started}}}\n"
    world.write(WEB + needs)
    world.engine.before = lambda _number, call: refuse(0, call) if "create" in call else None

    def repaired():
        world.engine.before = lambda _number, _call: None

    world.run(after(200), after(1, happens=repaired), after(100))

    assert world.engine.names == ["p-late-1", "p-web-1"]
    at = [told for told, _, phrase, _ in world.log.told if phrase == "repaired"]
    assert at[-1] - at[-2] < 3


def test_a_field_that_is_changed_again_and_again_is_slowed_down_and_reported(world):
    world.settle()
    fight = [after(1, "container web: die", happens=lambda: world.by_hand("stop")) for _ in range(40)]

    world.run(*fight, after(2000), interval_s=30)

    assert len(world.log.of("repaired")) < 12
    reports = [fields for _, _, phrase, fields in world.log.told if phrase == Ailment.CRASH_LOOP.value]
    assert [fields["times"] for fields in reports][:2] == [4, 8]
    assert reports[0]["subject"] == "docker.container/web"
    assert reports[0]["exit_code"] == 143
    assert world.is_running
    assert [fields["trouble"] for fields in world.log.of("over")] == [Ailment.CRASH_LOOP.value]
    assert len(world.daemon.paces) == 0


def test_what_is_ill_and_what_nobody_declares_is_reported_once_and_once_more_when_it_is_over(world):
    world.settle()
    marks = {labels.PROJECT: "p", labels.SERVICE: "old"}
    Line(world.engine).post("/containers/create", {"Image": "app:1", "Labels": marks}, name="p-old-1")
    gone = lambda: Line(world.engine).delete("/containers/p-old-1")  # noqa: E731

    world.run(after(31), after(31, happens=gone), after(31))

    assert [fields["subject"] for fields in world.log.of(Ailment.UNDECLARED.value)] == ["docker.container/old"]
    assert [fields["subject"] for fields in world.log.of("over")] == ["docker.container/old"]


def test_what_is_known_of_a_provider_that_can_not_be_read_is_not_over(world):
    world.settle()
    marks = {labels.PROJECT: "p", labels.SERVICE: "old"}
    Line(world.engine).post("/containers/create", {"Image": "app:1", "Labels": marks}, name="p-old-1")
    answered = world.engine.list_networks

    def away():
        world.engine.list_networks = lambda **_rest: "no list at all"

    def back():
        world.engine.list_networks = answered

    world.run(after(31), after(31, happens=away), after(61, happens=back), after(61))

    assert len(world.log.of(Ailment.UNDECLARED.value)) == 1
    assert [fields["trouble"] for fields in world.log.of("over")] == [Ailment.UNREAD.value]


def test_an_engine_that_is_away_is_told_and_waited_for(world):
    answered = world.engine.list_networks

    def away(**_rest):
        raise Refusal(503, "the engine is starting")

    def back():
        world.engine.list_networks = answered

    world.engine.list_networks = away
    world.run(after(5, happens=back), after(5))

    said = "the engine says: the engine is starting (503) to GET /networks"
    assert [(fields["subject"], fields["note"]) for fields in world.log.of("can't be read")] == [("docker", said)]
    assert world.is_running


def test_an_answer_that_is_none_is_told_and_does_not_end_it(world):
    answered = world.engine.list_networks

    def back():
        world.engine.list_networks = answered

    world.engine.list_networks = lambda **_rest: "no list at all"
    world.run(after(1, happens=back), after(5))

    said = "the Docker engine answers GET /networks with a text instead of a list"
    assert [fields["note"] for fields in world.log.of("can't be read")] == [said]
    assert world.is_running


def test_a_mistake_of_ours_is_logged_in_full_and_does_not_end_it(world):
    class Mistaken(Log):
        mistakes = 1

        def __getattr__(self, level):
            def tell(phrase, **fields):
                if phrase == "difference" and self.mistakes:
                    self.mistakes -= 1
                    raise KeyError("address")
                self.told.append((self.clock.now(), level, phrase, fields))

            return tell

    world.log = Mistaken(world.engine.clock)
    world.run(after(5))

    assert [level for _, level, phrase, _ in world.log.told if "unknown reason" in phrase] == ["exception"]
    assert world.is_running


def test_what_is_refused_is_told_with_what_would_allow_it(world):
    Line(world.engine).post("/containers/create", {"Image": "app:1"}, name="p-web-1")

    world.run(after(31))

    (refused,) = world.log.of("refused")
    assert refused["subject"] == "docker.container/web"
    assert "--adopt docker.container/web" in refused["note"]
    assert "DELETE" not in "".join(world.engine.writes[2:]).replace("DELETE /volumes", "")


RISKY = "services:\n  web: {image: 'app:1', pid: host%s}\n  db: {image: 'app:1'}\n"
WAIVED = ", x-reconcile: {waivers: {host-pid: {reason: an agent, until: %s}}}"


def made(world):
    return sorted(each["Name"].strip("/") for each in world.engine.containers.values())


@pytest.mark.parametrize("waiver", ["", WAIVED % "2020-01-01"], ids=["without a waiver", "its waiver has ended"])
def test_a_risky_service_is_not_made_and_the_others_are(world, waiver):
    world.write(RISKY % waiver)

    world.run(after(31))

    (refused,) = world.log.of("refused")
    assert made(world) == ["p-db-1"]
    assert refused["subject"] == "docker.container/web"
    assert "stack.yaml:2:" in refused["note"]
    assert "x-reconcile.waivers.host-pid" in refused["note"]


def test_a_risky_service_with_a_waiver_is_made(world):
    world.write(RISKY % (WAIVED % "2999-12-31"))

    world.run(after(31))

    assert made(world) == ["p-db-1", "p-web-1"]
    assert world.log.of("refused") == []


def test_a_daemon_that_only_warns_of_risks_makes_the_service(world):
    world.write(RISKY % "")
    world.refuses_risks = False

    world.run(after(31))

    assert made(world) == ["p-db-1", "p-web-1"]


def test_a_risky_service_that_a_person_applied_is_started_again(world):
    world.write(RISKY % "")
    world.refuses_risks = False
    world.settle()
    world.refuses_risks = True

    world.run(after(1, "container web: die", happens=lambda: world.by_hand("stop")), after(31))

    assert [each["State"]["Status"] for each in world.engine.containers.values()] == ["running"] * 2
    assert world.log.of("refused") == []


def test_while_another_run_is_at_work_it_waits(world):
    store, name = a_provider(world.engine), "reconcile-lock-p-0123456789ab"
    store.put_lease(name, Owner("elsewhere", 1, "1", "apply").mark())

    world.run(after(31, happens=lambda: store.drop_lease(name)), after(31))

    assert world.log.of("another run is at work")[0]["owner"] == "`reconcile apply` on elsewhere, process 1"
    assert world.is_running


def test_a_repair_whose_lock_was_taken_changes_nothing_more(world):
    taken = []

    def take(_number, call):
        if call == "POST /containers/create" and not taken:
            taken.extend(name for name in world.engine.volumes if "-lock-" in name)
            for name in taken:
                del world.engine.volumes[name]
            world.engine.containers.clear()
            taken.append(len(world.engine.writes))

    world.engine.after = take
    world.run(after(31))

    (lost,) = world.log.of("the lock was lost")
    assert "nothing is taken back" in lost["reason"]
    assert world.log.of("failed") == []
    # Nothing hints at the loss before the container that the other run removed can't be started.
    start, *later = world.engine.writes[taken[-1] :]
    assert start == "POST /containers/p-web-1/start"
    # It may have got the lock again by now, and repairs then.
    until_it_has_the_lock_again = takewhile(lambda each: each != "POST /volumes/create", later)
    assert [each for each in until_it_has_the_lock_again if "-lock-" not in each] == []


# ------------------------------------------------------------------ files


def test_a_file_that_is_wrong_from_the_beginning_is_an_error(world):
    world.write("services: []\n")

    with pytest.raises(ConfigError):
        world.run()


SECRET = "x-reconcile: {secrets: [KEY]}\nservices:\n  web: {image: 'app:1', environment: {V: '1', K: '${KEY}'}}\n"


def test_where_the_env_file_is_deleted_no_new_secret_is_rolled_out_and_that_is_reported_once(world):
    env = world.file.with_name(".env")
    world.write(SECRET)
    world.settle()
    kept = env.read_text(encoding="utf-8")
    back = lambda: env.write_text(kept, encoding="utf-8")  # noqa: E731
    away = after(5, "file changed: .env", happens=env.unlink)

    world.run(away, after(31), after(31, happens=lambda: world.by_hand("stop")), after(31), after(1, happens=back))

    phrase = "file is wrong, the last right one stays in force"
    assert [fields["note"].count("reconcile secrets recover") for fields in world.log.of(phrase)] == [1]
    assert env.read_text(encoding="utf-8") == kept
    assert world.is_running
    assert not [call for call in world.engine.writes if "create" in call and "containers" in call]


def test_new_files_wait_for_an_engine_that_can_not_be_asked_and_are_not_called_wrong(world):
    world.settle()
    answered = world.engine.list_networks
    changed = "x-reconcile: {secrets: [KEY]}\n" + WEB.replace("'1'}", "'2', K: '${KEY}'}")

    def edited():
        world.engine.list_networks = lambda **_rest: "no list at all"
        world.write(changed)

    def back():
        world.engine.list_networks = answered

    world.run(after(5, "file stack.yaml changed", happens=edited), after(31), after(1, happens=back), after(31))

    (waits,) = world.log.of("new files wait until a server can be asked, the last right ones stay in force")
    assert waits["subject"].endswith(".env")
    assert "a declared secret has no value, and the server that may have been given one can't be asked" in waits["note"]
    assert world.log.of("file is wrong, the last right one stays in force") == []
    (container,) = world.engine.containers.values()
    assert "V=2" in container["Config"]["Env"]
    assert world.log.times("files reloaded") != []


def test_a_secret_that_had_a_value_is_not_generated_though_nothing_lives_that_was_given_it(world):
    env = world.file.with_name(".env")
    world.write(SECRET)
    world.settle()
    kept = env.read_text(encoding="utf-8")
    (before,) = (each["Config"]["Env"] for each in world.engine.containers.values())

    def all_gone():
        env.write_text("", encoding="utf-8")
        Line(world.engine).delete("/containers/p-web-1", force=1)

    world.run(after(5, "file changed: .env", happens=all_gone), after(31), after(31))

    lost, lives_again = (each["note"] for each in world.log.of("file is wrong, the last right one stays in force"))
    assert "has no value any more; put it back" in lost
    assert "get it back with `reconcile secrets recover`" in lives_again
    assert env.read_text(encoding="utf-8") == ""
    assert [each["Config"]["Env"] for each in world.engine.containers.values()] == [before]
    assert kept.strip().rpartition("=")[2] in str(before)


def test_a_changed_file_comes_into_force(world):
    world.settle()

    world.run(after(1, "file stack.yaml changed", happens=lambda: world.write(WEB.replace("'1'}", "'2'}"))))

    (container,) = world.engine.containers.values()
    assert "V=2" in container["Config"]["Env"]
    assert world.log.times("files reloaded") == [1]


def test_a_file_that_becomes_wrong_is_told_and_the_last_right_one_stays_in_force(world):
    world.settle()

    def broken():
        world.write("services:\n  web: {image: 'app:1', prots: []}\n")
        world.by_hand("stop")

    world.run(after(1, "file stack.yaml changed", happens=broken))

    told, *_ = world.log.of("file is wrong, the last right one stays in force")
    assert "did you mean `ports`" in told["note"]
    assert world.is_running


def test_a_file_that_says_the_same_in_other_words_is_not_reloaded(world):
    world.settle()

    world.run(after(1, "file stack.yaml changed", happens=lambda: world.write(f"# a remark\n{WEB}")))

    assert world.log.of("files reloaded") == []


def test_what_the_environment_says_of_the_connection_outlives_a_changed_file(world):
    users = world.file.with_name("users.yaml")
    users.write_text("realm: shop\nx-reconcile: {connection: {url: 'http://file:8080'}}\n", encoding="utf-8")
    environment = {**world.settings.environment, "RECONCILE_KEYCLOAK_URL": "http://environment:8080"}
    settings = replace(world.settings, users_files=(users,), environment=environment)
    daemon = Daemon(settings, world.engine.clock, world.log, rhythm=Rhythm(), stop=world.stop, known=world.writer.known)

    with opened(settings, world.engine.clock) as session:
        world.write(WEB.replace("'1'", "'2'"))
        daemon._connected(session)
        daemon._reload()

    assert daemon._session.document.connection["url"] == "http://environment:8080"


@pytest.mark.parametrize(
    ("text", "servers"),
    [
        ("x-reconcile: {engine: 'unix:///other.sock'}\n" + WEB, {"docker": "unix:///other.sock"}),
        (
            WEB + "  two: {image: 'app:1', x-reconcile: {engine: 'unix:///other.sock'}}\n",
            {"docker": "unix:///var/run/docker.sock", "docker@other-sock": "unix:///other.sock"},
        ),
    ],
)
def test_another_engine_in_a_changed_file_is_connected_to(text, servers, world):
    daemon = Daemon(
        world.settings, world.engine.clock, world.log, rhythm=Rhythm(), stop=world.stop, known=world.writer.known
    )
    bare = replace(world.settings, environment={"HOME": str(world.file.parent)})
    daemon._settings = bare

    with opened(bare, world.engine.clock) as session:
        daemon._connected(session)
        world.write(text)
        daemon._reload()
        found = daemon._session.providers

    assert {name: provider.server for name, provider in found.items()} == servers


@pytest.mark.parametrize(
    ("prune", "left"),
    [
        ("", ["p-old-1", "p-web-1"]),
        ("x-reconcile: {prune: {containers: owned}}\n", ["p-web-1"]),
        ("x-reconcile: {prune: {containers: 'off'}}\n", ["p-old-1", "p-web-1"]),
    ],
)
def test_it_deletes_only_what_the_file_says(world, prune, left):
    marks = {labels.PROJECT: "p", labels.SERVICE: "old"}
    Line(world.engine).post("/containers/create", {"Image": "app:1", "Labels": marks}, name="p-old-1")
    world.write(WEB + prune)

    world.run()

    assert world.engine.names == left


def test_what_the_files_hold_of_secrets_is_known_to_the_log(world):
    world.write(WEB.replace("V: '1'", "DB_PASSWORD: hush-hush"))
    world.run()
    world.stop.clear()

    world.run(
        after(1, "file", happens=lambda: world.write(WEB.replace("V: '1'", "DB_PASSWORD: another-one"))), after(31)
    )

    assert world.writer.text("hush-hush and another-one") == "(secret) and (secret)"


SECRET = "x-reconcile: {secrets: [DB_PASSWORD]}\n" + WEB.replace("V: '1'", "DB_PASSWORD: '${DB_PASSWORD}'")


@pytest.mark.parametrize(("heals", "is_kept"), [(True, True), (False, False)])
def test_missing_secrets_are_kept_only_where_they_are_used(world, heals, is_kept):
    world.write(SECRET)

    world.run(heals=heals)

    assert (world.file.with_name(".env").exists(), world.engine.writes != []) == (is_kept, is_kept)


def test_secrets_that_are_not_kept_are_made_up_once(world):
    world.write(SECRET)

    world.run(after(100), heals=False)

    assert world.log.of("files reloaded") == []


def test_a_file_that_only_moves_lines_is_told_of_in_its_new_lines(world):
    world.settle()
    moved = f"# one more line\n{WEB}"
    daemon = Daemon(
        world.settings, world.engine.clock, world.log, rhythm=Rhythm(), stop=world.stop, known=world.writer.known
    )

    with opened(world.settings, world.engine.clock) as session:
        world.write(moved)
        daemon._connected(session)
        daemon._reload()

    path = ("stack", "services", "web")
    reloaded = daemon._session
    assert (session.document.locate(path).line, reloaded.document.locate(path).line) == (2, 3)
    assert reloaded.providers is session.providers


class Memory:
    """The history of a world's project, with a wall clock that goes with the other one."""

    def __init__(self, world):
        self.world = world
        world.settings = replace(world.settings, state_directory=world.file.parent / "state")

    def settle(self):
        self.world.settle()

    def runs(self):
        """The runs since the first one, which made everything; the latest comes first."""
        history = history_of(self.world.settings, "p")
        try:
            return history.runs()[:-1]
        finally:
            history.close()


@pytest.fixture
def memory(world):
    found = Memory(world)
    found.settle()
    return found


def test_a_repair_is_in_the_history_with_its_values_cause_line_trigger_and_outage(world, memory):
    def no_start(_number, call):
        if call.endswith("/start"):
            raise Refusal(500, "no space left on device")

    def broken():
        world.by_hand("stop")
        world.engine.before = no_start

    def well():
        world.engine.before = lambda _number, _call: None

    world.run(after(3, "container web: die", happens=broken), after(1, happens=well), after(20), interval_s=30)

    (later, (again,)), (first, (failed,)) = memory.runs()
    assert (first.command, first.trigger, first.exit) == ("daemon", "container web: die", 3)
    assert (later.command, later.exit) == ("daemon", 0)
    assert (failed.address, failed.result, failed.outage) == ("docker.container/web", "failed", None)
    assert "no space left" in failed.note
    assert (again.result, again.action, again.cause, again.source) == ("done", "start", "drift", "stack.yaml:2:3")
    assert [(each.path, each.before, each.after) for each in again.fields] == [("state", "exited (143)", "running")]
    assert again.outage == pytest.approx(2.0, abs=0.5)
    assert world.log.of("repaired")[0]["outage_s"] == again.outage


def test_what_is_new_was_not_out_of_service(world, memory):
    world.write(f"{WEB}  other: {{image: 'app:1'}}\n")

    world.run(after(1, "file stack.yaml changed"))

    ((_, changes),) = memory.runs()
    assert [(each.address, each.result, each.outage) for each in changes] == [("docker.container/other", "done", None)]


def test_what_is_only_observed_is_in_the_history_once(world, memory):
    world.run(after(1, "hint", happens=lambda: world.by_hand("stop")), after(60), heals=False)

    ((run, changes),) = memory.runs()
    assert run.exit == 2
    assert [(each.address, each.result, each.note) for each in changes] == [
        ("docker.container/web", "skipped", "observe")
    ]


@pytest.mark.parametrize("subject", ["docker.container/web", EVERYTHING])
def test_a_paused_resource_is_left_and_log_and_history_name_the_owner_and_the_reason(world, memory, subject):
    with opened(world.settings, world.engine.clock) as session:
        pauses_of(session).add(Pause(subject, "ann", "upgrade by hand", 0.0, 1e11))

    world.run(after(1, "hint", happens=lambda: world.by_hand("stop")), after(60))

    assert world.engine.writes == ["POST /containers/p-web-1/stop"]
    assert [each["left"] for each in world.log.of("difference")] == ["paused by ann: upgrade by hand"]
    ((_, (change,)),) = memory.runs()
    assert (change.result, change.note) == ("skipped", "paused by ann: upgrade by hand")


@pytest.mark.usefixtures("memory")
def test_a_pause_that_expires_is_in_the_log_and_what_differs_is_repaired_at_once(world):
    world.wall = lambda: 1e9 + world.engine.clock.now()
    began = world.wall()
    with opened(world.settings, world.engine.clock) as session:
        pauses_of(session).add(Pause("docker.container/web", "ann", "upgrade", began, began + 100))

    world.run(after(1, "hint", happens=lambda: world.by_hand("stop")), after(150), interval_s=NEVER)

    found = {"subject": "docker.container/web", "owner": "ann", "reason": "upgrade"}
    assert world.log.of("pause") == [{**found, "ends_in_s": 100}]
    assert world.log.of("pause expired") == [found]
    expired, started = world.log.times("pause expired"), world.log.times("repaired")
    assert started[0] - expired[0] < 10


@pytest.mark.parametrize("days", [1, -1])
def test_a_clock_that_jumps_delays_no_repair(world, days):
    world.settle()
    began = time.time()

    def jump():
        world.wall = lambda: began + days * 86_400
        world.daemon._wall = world.wall

    world.run(
        after(1, "container web: die", happens=lambda: world.by_hand("stop")),
        after(1, "file", happens=jump),
        after(1, "container web: die", happens=lambda: world.by_hand("stop")),
        after(1, "end"),
    )

    assert world.is_running
    assert len(world.log.of("repaired")) == 2
    assert world.log.of("look failed for an unknown reason") == []


@pytest.mark.usefixtures("memory")
def test_a_pause_that_a_person_ends_is_in_the_log(world):
    with opened(world.settings, world.engine.clock) as session:
        pauses = pauses_of(session)
        pauses.add(Pause(EVERYTHING, "ann", "upgrade", 0.0, 1e11))

    world.run(after(1, "hint", happens=lambda: pauses.end(EVERYTHING, 1.0)), after(60))

    assert [each["subject"] for each in world.log.of("pause ended")] == ["*"]
    assert world.log.of("pause expired") == []


def test_a_quiet_daemon_leaves_nothing_in_the_history(world, memory):
    world.run(after(100))

    assert memory.runs() == []


def test_the_daemon_tells_a_hand_and_a_file_apart_by_what_it_saw_itself(world, memory):
    def by_hand():
        next(iter(world.engine.containers.values()))["HostConfig"]["Memory"] = 1 << 25

    def by_file():
        world.write(WEB.replace("'1'", "'2'"))

    world.run(after(1, "hint", happens=by_hand), after(20, "file stack.yaml changed", happens=by_file), after(20))

    causes = {each["field"]: each["cause"] for each in world.log.of("difference")}
    assert causes == {"mem_limit": "drift", "environment.V": "declared"}
    assert [[each.cause for each in changes] for _, changes in memory.runs()] == [["declared"], ["drift"]]


def test_a_history_that_can_not_be_written_does_not_keep_it_from_repairing(world):
    blocked = world.file.parent / "state"
    blocked.write_text("a file, where a folder should be", encoding="utf-8")
    world.settings = replace(world.settings, state_directory=blocked)

    world.run(after(1, "hint"))

    assert world.is_running
    assert len(world.log.of("history is not kept")) == 1


# ------------------------------------------------------------------ policy


HELD_BACK = {
    "observe": ("policy: observe", "the policy is to observe"),
    "observe of a resource": ("policies: {docker.container/web: observe}", "the policy is to observe"),
    "closed": (
        "windows: [{schedule: '0 0 29 2 *', duration: 1m}]",
        "repairs wait for the window `0 0 29 2 *` (UTC) for 1m",
    ),
    "denied": (
        "windows: [{schedule: '* * * * *', duration: 2m, kind: deny}]",
        "repairs are denied by the window `* * * * *` (UTC) for 2m",
    ),
    "stopped": ("keep_stopped: [docker.container/web]", "stopped by hand, and declared to stay so"),
}


@pytest.mark.parametrize(("settings", "reason"), HELD_BACK.values(), ids=HELD_BACK)
def test_drift_that_the_policy_holds_back_is_reported_and_not_repaired(world, settings, reason):
    world.write(WEB.replace("{image", "{restart: always, image"))
    world.settle()
    world.write(world.file.read_text(encoding="utf-8") + f"x-reconcile: {{daemon: {{{settings}}}}}\n")

    daemon = world.run(after(1, "container web: die", happens=lambda: world.by_hand("stop")), after(100))

    assert world.engine.writes == ["POST /containers/p-web-1/stop"]
    assert [(each["field"], each["left"]) for each in world.log.of("difference")] == [("state", reason)]
    assert [(each.ailment, each.note) for each in daemon.state.troubles] == [(Ailment.HELD_BACK, reason)]
    assert [each["note"] for each in world.log.of(Ailment.HELD_BACK.value)] == [reason]


def test_what_is_not_held_back_is_repaired_beside_what_is(world):
    other = "  other: {image: 'app:1', command: [serve]}\n"
    world.write(WEB + other)
    world.settle()
    world.write(WEB + other + "x-reconcile: {daemon: {policies: {docker.container/web: observe}}}\n")

    def stopped():
        for name in ("web", "other"):
            Line(world.engine).post(f"/containers/p-{name}-1/stop")

    world.run(after(1, "container web: die", happens=stopped), after(100))

    assert [fields["address"] for fields in world.log.of("repaired")] == ["docker.container/other"]


def test_a_window_that_opens_has_repaired_what_waits_for_it_at_once(world):
    world.settle()
    world.write(WEB + "x-reconcile: {daemon: {windows: [{schedule: '30 * * * *', duration: 5m}]}}\n")
    world.wall = lambda: 29 * 60.0 + world.engine.clock.now()  # 00:29 on the first of January 1970

    begin = world.engine.clock.now()
    world.run(after(1, "container web: die", happens=lambda: world.by_hand("stop")), after(300), interval_s=200)

    assert world.is_running
    assert next(at - begin for at, _, phrase, _ in world.log.told if phrase == "repaired") < 62


# ------------------------------------------------------------------ revisions of a repository


class Revisions:
    """A source whose revisions are settings, taken when they are put there."""

    def __init__(self, world):
        self.world, self.revision, self.trouble, self.fetched = world, "one", "", []
        self.asked, self.judged = 0, []

    def hints(self):
        return iter(())

    def ask(self):
        self.asked += 1

    def take(self):
        if not self.fetched:
            return None
        self.revision, text = self.fetched.pop(0)
        self.world.write(text)
        return self.world.settings

    def judge(self, verdict, note):
        self.judged.append((self.revision, verdict.value, note))


def test_a_new_revision_is_in_force_at_once_and_log_history_and_forge_know_it(world, tmp_path):
    world.settings = replace(world.settings, state_directory=tmp_path / "state")
    world.source = Revisions(world)

    def pushed():
        world.source.fetched = [("two", WEB.replace("'1'}", "'2'}"))]

    daemon = world.run(after(1, "git: revision two", happens=pushed), after(100))

    (name,) = world.engine.containers
    assert "V=2" in world.engine.containers[name]["Config"]["Env"]
    assert [each["revision"] for each in world.log.of("revision taken")] == ["two"]
    assert daemon._board.revision == "two"
    runs = history_of(world.settings, "p").runs(limit=10)
    assert [each.revision for each, _ in runs] == ["two", "one"]
    assert ("two", "success", "all is as declared") in world.source.judged


def test_a_revision_that_can_not_be_used_is_a_trouble_while_drift_is_repaired(world):
    world.settle()
    world.source = Revisions(world)

    def wrong():
        world.source.trouble = "revision two is wrong: stack.yaml:1:1: no such key"
        world.by_hand("stop")

    daemon = world.run(after(1, "container web: die", happens=wrong), after(100))

    assert world.is_running
    assert [(each.ailment, each.note) for each in daemon.state.troubles] == [
        (Ailment.WRONG_REVISION, "revision two is wrong: stack.yaml:1:1: no such key")
    ]
    assert [each["note"] for each in world.log.of(Ailment.WRONG_REVISION.value)] == [world.source.trouble]


def test_a_revision_whose_repairs_fail_is_reported_as_failed(world):
    world.source = Revisions(world)
    world.engine.before = refuse

    world.run(after(10))

    assert world.source.judged[-1] == ("one", "failure", "docker.container/web fails")


def test_an_order_to_look_has_the_repository_looked_into(world):
    world.settle()
    world.source = Revisions(world)

    world.run((1.0, [Hint("webhook of github: push", is_order=True)], lambda: None), after(1, "container web: start"))

    assert world.source.asked == 1


# ------------------------------------------------------------------ systemd


def test_systemd_hears_of_the_first_look_of_each_round_and_of_the_end(world, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(str(tmp_path / "notify"))
        line.setblocking(False)
        own = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "30000000"}
        world.settings = replace(world.settings, environment={**world.settings.environment, **own})

        world.run(after(35), interval_s=600)

        told = []
        with contextlib.suppress(BlockingIOError):
            while True:
                told.append(line.recv(1000).decode().partition("\n")[0])
    assert world.is_running
    assert told[0] == "WATCHDOG=1"
    assert told[1] == "READY=1"
    assert told[-1] == "STOPPING=1"
    assert told[2:-1].count("WATCHDOG=1") == len(told[2:-1]) >= 35 // 10


# ------------------------------------------------------------------ the daemon's own container


TWO = "services:\n  web: {image: 'app:1', environment: {V: '1'}}\n  db: {image: 'app:1', environment: {V: '1'}}\n"
APART = "/p-web-1.apart"


@pytest.fixture
def inside(world):
    """A daemon that runs in the container of `web`."""
    world.write(TWO)
    world.settle()
    world.home = next(each for each in world.engine.containers.values() if each["Name"] == "/p-web-1")
    environment = {**world.settings.environment, "RECONCILE_CONTAINER": world.home["Id"]}
    world.settings = replace(world.settings, environment=environment)
    world.apart = lambda _settings, address: ["apply", "--target", str(address)]
    return world


def found(world, name):
    return next((each for each in world.engine.containers.values() if each["Name"] == name), None)


def test_the_daemon_leaves_its_own_replacement_to_a_container_apart(inside):
    inside.write(TWO.replace("V: '1'", "V: '2'"))
    inside.run()

    made = found(inside, APART)
    assert found(inside, "/p-web-1")["Id"] == inside.home["Id"]
    assert (made["Config"]["Cmd"], made["State"]["Running"]) == (["apply", "--target", "docker.container/web"], True)
    assert made["Config"]["Env"] == inside.home["Config"]["Env"]
    assert labels.is_one_off(made["Config"]["Labels"])
    assert inside.log.of("is replaced")[0]["address"] == "docker.container/web"


def test_the_daemons_own_container_is_the_last_one(inside):
    inside.write(TWO.replace("V: '1'", "V: '2'"))
    inside.run(after(1, "again"))

    db, apart = found(inside, "/p-db-1"), found(inside, APART)
    assert "V=2" in db["Config"]["Env"]
    assert db["Created"] < apart["Created"]


def test_a_live_change_of_its_own_container_needs_nobody_else(inside):
    inside.write(TWO.replace("web: {", "web: {mem_limit: 64m, "))
    inside.run()

    assert found(inside, APART) is None
    assert found(inside, "/p-web-1")["HostConfig"]["Memory"] == 64 << 20


def test_one_replacement_is_under_way_at_a_time(inside):
    inside.write(TWO.replace("V: '1'", "V: '2'"))
    inside.run(*(after(20, "again") for _ in range(5)))

    first = found(inside, APART)["Id"]
    assert len(inside.log.of("is replaced")) > 1
    assert [each["Id"] for each in inside.engine.containers.values() if each["Name"] == APART] == [first]
    assert not [call for call in inside.engine.writes if call.startswith("DELETE") and first in call]


def test_a_replacement_that_failed_is_reported_and_not_begun_again_soon(inside):
    inside.write(TWO.replace("V: '1'", "V: '2'"))
    inside.run()
    inside.stop.clear()
    ended = found(inside, APART)
    now = datetime.now(UTC).isoformat()
    ended["State"] |= {"Running": False, "Status": "exited", "ExitCode": 3, "FinishedAt": now}
    before = len(inside.engine.writes)

    inside.run(after(1, "again"), after(30, "again"))

    failed = inside.log.of("repair failed")
    assert "a replacement by another container failed, and is tried again at" in failed[0]["error"]
    assert not [call for call in inside.engine.writes[before:] if "apart" in call]

    inside.stop.clear()
    inside.write(TWO.replace("V: '1'", "V: '3'"))
    inside.run(after(1, "again"))
    assert found(inside, APART)["State"]["Running"]
    assert found(inside, APART)["Id"] != ended["Id"]


def test_what_is_left_of_a_finished_replacement_is_cleared_away(inside):
    inside.write(TWO.replace("V: '1'", "V: '2'"))
    inside.run()
    inside.stop.clear()
    found(inside, APART)["State"] |= {"Running": False, "Status": "exited", "ExitCode": 0}
    inside.write(TWO)

    inside.run(after(1, "again"))

    assert found(inside, APART) is None


def test_a_daemon_elsewhere_replaces_what_it_manages(inside):
    inside.settings = replace(
        inside.settings, environment={**inside.settings.environment, "RECONCILE_CONTAINER": "0" * 64}
    )
    inside.write(TWO.replace("V: '1'", "V: '2'"))
    inside.run()

    assert found(inside, APART) is None
    assert "V=2" in found(inside, "/p-web-1")["Config"]["Env"]


# ------------------------------------------------------------------ approved changes

OBSERVED = "x-reconcile: {daemon: {policy: observe}}\n"


def test_what_a_person_approves_is_repaired_once_though_the_policy_is_to_observe(world):
    world.settle()
    world.write(WEB + OBSERVED)

    def approve():
        scene = world.daemon._board.scene
        held = [change for change in scene.look.plan.changes if change.acts]
        assert [each.ailment for each in scene.state.troubles] == [Ailment.HELD_BACK]
        world.daemon._board.approve(held, "olga")

    world.run(
        after(1, "container web: stop", happens=lambda: world.by_hand("stop")),
        after(60, "approval by olga", happens=approve),
        after(60, "container web: stop", happens=lambda: world.by_hand("stop")),
        after(60, "again"),
    )

    assert [each["action"] for each in world.log.of("repaired")] == ["start"]
    assert len([call for call in world.engine.writes if call.endswith("/start")]) == 1
    assert not world.is_running


def test_an_approval_is_of_one_change_and_for_an_hour(world):
    world.settle()
    world.write(WEB.replace("V: '1'", "V: '2'") + OBSERVED)

    def approve_and_change():
        board = world.daemon._board
        board.approve([change for change in board.scene.look.plan.changes if change.acts], "olga")
        world.write(WEB.replace("V: '1'", "V: '3'") + OBSERVED)

    world.run(after(1, "again"), after(1, "files", happens=approve_and_change), after(60, "again"))
    assert world.log.of("repaired") == []

    board = world.daemon._board
    change = board.scene.look.plan.changes[0]
    board.approve([change], "olga")
    assert board.is_approved(change)
    board.wall = lambda: time.time() + 3_601
    assert not board.is_approved(change)
