"""Several engines from one file: one plan over all, each with its own resources. One that is away delays no other."""

from __future__ import annotations

import json
import re

import pytest

from reconciler.core.difference.change import Action
from reconciler.core.execution.report import Event, Report
from reconciler.core.message.errors import ConfigError, Locked, Rejected, Unreachable
from reconciler.core.plan.policy import Policy
from reconciler.core.provider import Command, LeaseStore
from reconciler.core.resource.address import Address
from reconciler.providers.docker.engines.placement import environment_of, placement
from reconciler.providers.docker.engines.provider import connected
from reconciler.providers.docker.engines.readdress import Renamed
from reconciler.run.lock.lock import Lock
from reconciler.run.reconciliation.once import Reconciler
from reconciler.run.reconciliation.remove import kinds_to_remove, removal
from tests.kit.cli import ROOT
from tests.kit.docker.memory import PROJECT, Line, MemoryEngine, a_stack

EDGE = "ssh://ops@edge.example:22"
NAME = "docker@edge-example-22"
STACK = f"""
services:
  db: {{image: "app:1", healthcheck: {{test: "true"}}, ports: ["8080:80"]}}
  worker:
    image: app:1
    command: run
    ports: ["8080:80"]
    volumes: [data:/data]
    x-reconcile: {{engine: "{EDGE}"}}
    depends_on: {{db: {{condition: service_healthy}}}}
volumes: {{data: {{}}}}
"""


class Away(Line):
    """A connection that leads nowhere while the test says so."""

    is_away = False

    def _api(self):
        if self.is_away:
            raise Unreachable("no route to host")
        return super()._api()


class World:
    """Two engines in memory with one stack on both, and the requests that change something in their order."""

    def __init__(self, directory, text=STACK):
        self.directory = directory
        self.calls = []
        self.engines = [MemoryEngine(), MemoryEngine()]
        for number, engine in enumerate(self.engines):
            engine.image("app:1")
            engine.own = {"ID": f"engine {number}"}
            engine.clock = self.engines[0].clock
            engine.watch = self._watch(number)
        self.write(text)

    def _watch(self, number):
        def watch(moment, call):
            if moment == "asked" and not call.startswith("GET"):
                self.calls.append((number, call))

        return watch

    def write(self, text):
        self.document = a_stack(text, self.directory)
        self.providers = connected(self.document, placement(self.document), {}, lambda *_: None)
        self.lines = [Away(engine) for engine in self.engines]
        for provider, line in zip(self.providers.values(), self.lines, strict=False):
            provider.engine = line
        return self

    @property
    def names(self):
        return [sorted(each["Name"] for each in engine.containers.values()) for engine in self.engines]

    def reconciler(self):
        kinds = [kind for each in self.providers.values() for kind in each.kinds.values()]
        policy = Policy.of(kinds, deletes=True)
        return Reconciler(self.document, self.providers, self.engines[0].clock, policy)

    def look(self):
        return self.reconciler().look()

    def changes(self):
        return {str(each.address): each for each in self.look().plan.changes}

    def differences(self):
        return {name: each.action for name, each in self.changes().items() if each.action is not Action.KEEP}

    def apply(self):
        events = []
        for event in self.reconciler().converge(lambda _look: None):
            events += [event] if isinstance(event, Event) else []
        report = Report(tuple(events))
        assert not report.failed, [(event.step.id, event.note) for event in report.failed]
        return report


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    world.apply()
    return world


def test_each_service_is_made_on_its_engine_in_the_order_of_needs(tmp_path):
    world = World(tmp_path)

    assert set(world.differences()) == {
        "docker.network/default",
        "docker.container/db",
        f"{NAME}.network/default",
        f"{NAME}.volume/data",
        f"{NAME}.container/worker",
    }
    world.apply()

    assert world.names == [[f"/{PROJECT}-db-1"], [f"/{PROJECT}-worker-1"]]
    starts = [(number, call) for number, call in world.calls if call.endswith("/start")]
    assert [number for number, _ in starts] == [0, 1]
    assert not world.engines[0].volumes
    assert [each["Name"] for each in world.engines[1].volumes.values()] == [f"{PROJECT}_data"]


def test_a_second_run_sends_nothing(world):
    world.calls.clear()

    assert world.differences() == {}
    world.apply()
    assert world.calls == []


def test_a_change_by_hand_is_seen_on_its_engine_alone(world):
    (container,) = world.engines[1].containers.values()
    world.lines[1].post(f"/containers/{container['Id']}/update", {"Memory": 64 << 20, "MemorySwap": 128 << 20})

    assert world.differences() == {f"{NAME}.container/worker": Action.REPLACE}
    world.apply()
    assert world.differences() == {}


def test_down_removes_from_all_engines(world):
    kinds = [kind for each in world.providers.values() for kind in each.kinds.values()]

    list(removal(world.reconciler(), kinds_to_remove(kinds, volumes=True)))

    assert world.names == [[], []]
    assert not world.engines[1].volumes


# ------------------------------------------------------------------ away


def test_an_engine_that_is_away_defers_its_own_resources_alone(world):
    world.write(STACK.replace('"app:1", healthcheck', '"app:1", mem_limit: 64m, healthcheck'))
    world.lines[1].is_away = True

    changes = world.changes()
    unread = {name for name, each in changes.items() if each.unread}
    own = ("network/default", "volume/data", "image/app:1", "container/worker")
    assert unread == {f"{NAME}.{each}" for each in own}
    assert "no route to host" in changes[f"{NAME}.container/worker"].unread
    with pytest.raises(Unreachable, match="no route to host"):
        world.apply()

    assert [number for number, _ in world.calls[-1:]] == [0]
    world.lines[1].is_away = False
    assert world.differences() == {}


def test_what_needs_a_service_on_an_engine_that_is_away_waits(tmp_path):
    world = World(tmp_path)
    world.lines[0].is_away = True

    with pytest.raises(Unreachable):
        world.apply()

    assert world.names == [[], []]
    assert [call for _, call in world.calls if "/containers/" in call] == []


def test_nothing_to_reach_is_an_error(world):
    for line in world.lines:
        line.is_away = True

    with pytest.raises(Unreachable):
        world.look()


# ------------------------------------------------------------------ one engine, two names; a service that moves

MOVED = f"""
services:
  db: {{image: "app:1", healthcheck: {{test: "true"}}, ports: ["8080:80"]}}
  worker: {{image: "app:1"}}
  other: {{image: "app:1", x-reconcile: {{engine: "{EDGE}"}}}}
"""


def test_a_service_that_moves_is_made_there_and_removed_here(world):
    world.write(MOVED)

    assert world.differences()["docker.container/worker"] is Action.CREATE
    assert world.differences()[f"{NAME}.container/worker"] is Action.DELETE
    world.apply()
    assert world.names == [[f"/{PROJECT}-db-1", f"/{PROJECT}-worker-1"], [f"/{PROJECT}-other-1"]]


def test_what_moves_to_an_engine_that_is_away_is_not_removed_here(world):
    world.write(MOVED)
    world.apply()
    world.write(STACK)
    world.lines[1].is_away = True

    assert "docker.container/worker" not in world.changes()
    world.lines[1].is_away = False
    assert world.differences()["docker.container/worker"] is Action.DELETE


def test_one_engine_with_two_names_is_refused(world):
    for engine in world.engines:
        engine.own = {"ID": "the same"}
    world.engines[0].containers.update(world.engines[1].containers)

    with pytest.raises(Rejected, match="are one engine"):
        world.look()


# ------------------------------------------------------------------ commands


def test_commands_find_the_engine_of_a_service(world):
    first = next(iter(world.providers.values()))
    asked = []

    def attached(_container, body, **_options):
        asked.append(tuple(body["Cmd"]))

    world.lines[1].attached = attached

    first.begun("worker", None, Command(("ls",)))
    first.restart("worker", timeout_s=0)

    assert asked == [("ls",)]
    assert list(first.log_names()) == ["db", "worker"]
    assert list(first.log_names(["worker"])) == ["worker"]
    assert world.calls[-1][0] == 1
    assert str(first.service_address("worker")) == f"{NAME}.container/worker"


def test_findings_of_doctor_are_those_of_one_engine(world):
    for engine in world.engines:
        for container in engine.containers.values():
            container["State"] |= {"Status": "paused", "Paused": True}
    found = {}
    for provider, line in zip(world.providers.values(), world.lines, strict=True):
        provider._brief = line  # stands in for its own connection
        found |= {each.code: each for check in provider.checks(world.document) for each in check.find()}

    codes = {code: str(each.address) for code, each in found.items() if code.startswith("service-paused")}
    assert codes == {
        "service-paused": "docker.container/db",
        "service-paused@edge-example-22": f"{NAME}.container/worker",
    }


# ------------------------------------------------------------------ the lock


def marks(world):
    found = next(iter(world.providers.values()))
    assert isinstance(found, LeaseStore)
    return found


def a_lock(world):
    clock = world.engines[0].clock
    return Lock(clock, uptime=clock.now)


def on_engines(world):
    return [len(engine.volumes) - number for number, engine in enumerate(world.engines)]


def test_a_lock_is_held_on_all_engines(world):
    with a_lock(world).held(marks(world), PROJECT, "apply"):
        assert on_engines(world) == [1, 1]
        other = World.__new__(World)
        other.__dict__.update(world.__dict__)
        other.write(STACK)
        with pytest.raises(Locked), a_lock(other).held(marks(other), PROJECT, "apply"):
            pass
        other.lines[0].is_away = True
        with pytest.raises(Locked), a_lock(other).held(marks(other), PROJECT, "apply"):
            pass
    assert on_engines(world) == [0, 0]


def test_an_engine_without_our_mark_is_left_alone_until_the_lock_is_given_back(world):
    world.lines[1].is_away = True
    with a_lock(world).held(marks(world), PROJECT, "apply"):
        world.lines[1].is_away = False
        assert on_engines(world) == [1, 0]
        changes = world.changes()
        assert "left alone until the next one" in changes[f"{NAME}.container/worker"].unread
        assert not changes["docker.container/db"].unread
    assert not world.changes()[f"{NAME}.container/worker"].unread


def test_a_younger_mark_goes_to_an_engine_that_is_back_unless_another_run_is_there(world):
    world.lines[1].is_away = True
    with a_lock(world).held(marks(world), PROJECT, "apply") as lease:
        world.lines[1].is_away = False
        Line(world.engines[1]).post("/volumes/create", {"Name": f"reconcile-lock-{PROJECT}-other",
                                                        "Labels": {"reconcile.lock": PROJECT}})  # fmt: skip
        lease.renew()
        assert on_engines(world) == [1, 1]
        assert world.changes()[f"{NAME}.container/worker"].unread
        Line(world.engines[1]).delete(f"/volumes/reconcile-lock-{PROJECT}-other")
        lease.renew()
        assert on_engines(world) == [1, 1]
        assert not world.changes()[f"{NAME}.container/worker"].unread


def test_a_mark_that_somebody_removed_on_one_engine_is_lost(world):
    with a_lock(world).held(marks(world), PROJECT, "apply") as lease:
        Line(world.engines[1]).delete(f"/volumes/{lease.name}")
        lease.renew()
        assert lease.is_lost


# ------------------------------------------------------------------ pure parts


def test_steps_of_two_engines_have_nothing_in_common(tmp_path):
    steps = World(tmp_path).look().plan.steps

    assert len({step.id for step in steps}) == len(steps)
    claims = [claim for step in steps for claim in step.takes]
    assert len(claims) == len(set(claims))


def test_renaming_there_and_back_changes_nothing(world):
    plan = world.write(STACK.replace("command: run", "command: other")).look().plan
    own = [each for each in (*plan.changes, *plan.steps) if each.address.provider == NAME]
    assert own
    back, out = Renamed(NAME, "docker"), Renamed("docker", NAME)

    assert all(out(back(each)) == each for each in own)
    assert all(back(each).address.provider == "docker" for each in own)


@pytest.mark.parametrize("schema", ["plan", "snapshot"])
def test_an_address_on_another_engine_is_one_to_the_schemas(schema):
    found = json.loads((ROOT / f"schemas/{schema}.schema.json").read_text(encoding="utf-8"))["$defs"]["address"]

    for address in (f"{NAME}.container/worker", "docker.container/web/2", "keycloak.client-scope/shop/a"):
        assert re.search(found["pattern"], address)
    assert not re.search(found["pattern"], "worker")


def test_a_document_that_the_files_may_become_has_a_placement_of_its_own(world):
    new = f'  new: {{image: "app:1", x-reconcile: {{engine: "{EDGE}"}}}}'
    more = a_stack(STACK.replace("services:", f"services:\n{new}", 1), world.directory)
    usual, edge = ({str(each.address) for each in provider.expand(more)} for provider in world.providers.values())

    assert f"{NAME}.container/new" in edge
    assert usual == {"docker.network/default", "docker.image/app:1", "docker.container/db"}


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("ssh://ops@edge.example", "docker@edge-example"),
        ("tcp://10.0.0.5:2376", "docker@10-0-0-5-2376"),
        ("unix:///run/edge.sock", "docker@run-edge-sock"),
        ("berlin", "docker@berlin"),
    ],
)
def test_an_engine_has_the_name_that_a_person_knows(reference, name, tmp_path):
    text = f'services: {{web: {{image: "app:1", x-reconcile: {{engine: "{reference}"}}}}}}'

    assert placement(a_stack(text, tmp_path)).address("web") == Address(f"{name}.container", ("web",))


def test_two_references_have_two_names(tmp_path):
    services = ", ".join(
        f'w{number}: {{image: "app:1", x-reconcile: {{engine: "{reference}"}}}}'
        for number, reference in enumerate(["ssh://a@edge", "ssh://b@edge", "edge"])
    )

    found = placement(a_stack(f"services: {{{services}}}", tmp_path))

    assert list(found.engines) == ["docker", "docker@edge", "docker@edge-2", "docker@edge-3"]


def test_the_engine_of_the_file_is_that_of_all_services(tmp_path):
    document = a_stack('x-reconcile: {engine: "ssh://a"}\nservices: {web: {image: "app:1"}}', tmp_path)

    assert not placement(document).is_several
    environment = {"DOCKER_HOST": "tcp://x", "DOCKER_CONTEXT": "y", "HOME": "/root"}
    assert environment_of(environment, "ssh://a") == {"HOME": "/root", "DOCKER_HOST": "ssh://a"}
    assert environment_of(environment, "berlin") == {"HOME": "/root", "DOCKER_CONTEXT": "berlin"}
    assert environment_of(environment, "") == environment


@pytest.mark.parametrize(
    ("attributes", "place"),
    [
        ("network_mode: service:db", "network_mode"),
        ("pid: service:db", "pid"),
        ("links: [db]", "links"),
        ("volumes_from: [db]", "volumes_from"),
        ("depends_on: {db: {condition: service_started, restart: true}}", "depends_on.db.restart"),
    ],
)
def test_what_only_one_engine_can_share_is_an_error_at_its_line(attributes, place, tmp_path):
    web = f"  web:\n    image: app:1\n    {attributes}\n    x-reconcile: {{engine: a}}\n"
    text = f'services:\n  db: {{image: "app:1"}}\n{web}'

    with pytest.raises(ConfigError) as error:
        a_stack(text, tmp_path)

    (problem,) = error.value.problems
    assert f"services.web.{place} needs `db` on the same engine, which is on the usual one" in problem.message
    assert problem.origin.line == 5


@pytest.mark.parametrize("usual", ["", "x-reconcile: {engine: swarm}\n"])
def test_one_service_alone_is_not_for_a_swarm(usual, tmp_path):
    own = "berlin" if usual else "swarm"
    text = f'{usual}services: {{web: {{image: "app:1", x-reconcile: {{engine: {own}}}}}}}'

    with pytest.raises(ConfigError, match="a Swarm runs all services of a stack"):
        a_stack(text, tmp_path)
