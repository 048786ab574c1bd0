"""A lock that is lost in the middle of a step: no changing request follows, and nothing is presented as drift."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reconciler.cli.exit import Exit
from reconciler.cli.exitcodes import of_error
from reconciler.core.execution.report import Event, Report, What
from reconciler.core.message.codes import code_of
from reconciler.core.message.errors import LockLost, Unreachable
from reconciler.core.resource.values import Secret
from reconciler.permission import permitted_by, require_permission
from reconciler.providers.docker.engine.client import Engine
from reconciler.providers.keycloak.server.client import AdminClient, Settings
from reconciler.record import replace
from reconciler.run.lock.lock import BEAT_S, CONFIRMED_S, Lease, Lock
from reconciler.run.lock.owner import Owner
from tests.kit.clock import TurnedClock
from tests.kit.docker.memory import MemoryEngine, a_reconciler, a_stack, apply
from tests.kit.leases import MemoryLeases

THEIRS = "reconcile-lock-p-0123456789ab"
ELSEWHERE = Owner("elsewhere", 1, "1", "apply", "another-boot pid:[1] time:[1]")
BEFORE = "services:\n  web: {image: 'app:1', ports: ['8080:80'], labels: {release: '1'}}\n"
AFTER = BEFORE.replace("release: '1'", "release: '2'")
SICK = AFTER.replace(
    "'app:1',", "'app:1', command: sick, healthcheck: {test: [CMD, 'true'], interval: 1s, retries: 1},"
)
NOWHERE = "127.0.0.1:9"


class Scene:
    """A project with one service that a run replaces under a lock of its own."""

    def __init__(self, folder, text):
        self.engine, self.store, self.folder = MemoryEngine(), MemoryLeases(), folder
        self.engine.image("app:1")
        apply(a_stack(BEFORE, folder), self.engine)
        self.first, self.text = len(self.engine.writes), text
        self.looks, self.report = [], Report()

    @property
    def changes(self):
        """The changing requests of the replacement."""
        return self.engine.writes[self.first :]

    def run(self):
        clock = self.engine.clock
        lock = Lock(clock, uptime=clock.now)
        reconciler = replace(
            a_reconciler(a_stack(self.text, self.folder), self.engine),
            before_change=lock.require_held,
            after_failure=lock.require_held_after_failure,
        )
        with lock.held(self.store, "p", "apply"):
            for each in reconciler.converge(self.looks.append):
                if isinstance(each, Event):
                    self.report += [each]

    def taken_after(self, number, stopped_s=3.0):
        """The process stops after a request, and another run takes the lock meanwhile."""

        def stop(at, _call):
            if at == self.first + number:
                self.store.marks.clear()
                self.store.put_lease(THEIRS, ELSEWHERE.mark())
                self.engine.clock.time += stopped_s

        self.engine.after = stop
        return self


def undisturbed(folder, text):
    scene = Scene(folder, text)
    scene.run()
    return scene


@pytest.mark.parametrize("text", [AFTER, SICK], ids=["replacement", "rollback"])
def test_a_run_whose_lock_was_taken_while_it_was_stopped_changes_nothing_more(tmp_path, text):
    whole = undisturbed(tmp_path, text).changes
    assert len(whole) > 4

    for number in range(1, len(whole)):
        scene = Scene(tmp_path, text).taken_after(number)
        with pytest.raises(LockLost, match="elsewhere, process 1.* has it now"):
            scene.run()

        assert scene.changes == whole[:number]
        assert scene.report.of(What.INTERRUPTED) or scene.report.of(What.NOT_STARTED)
        assert not scene.report.of(What.ROLLED_BACK)
        assert len(scene.looks) == 1
        assert [*scene.store.marks] == [THEIRS]


def test_a_failure_after_the_lock_was_broken_at_once_is_that_of_the_lock(tmp_path):
    scene = Scene(tmp_path, AFTER)

    def broken(number, _call):
        if number == scene.first + 2:
            scene.store.marks.clear()
            scene.store.put_lease(THEIRS, ELSEWHERE.mark())
            scene.engine.containers.clear()

    scene.engine.after = broken
    with pytest.raises(LockLost):
        scene.run()

    assert scene.report.failed == ()
    assert len(scene.looks) == 1


def test_a_run_that_is_not_disturbed_asks_for_no_look():
    store, clock, asked = MemoryLeases(), TurnedClock(), []
    lease = Lease(store, "p", Owner.me("apply"), clock.now)
    lease.claim()
    store.fails = lambda verb, _name: asked.append(verb)

    for _ in range(int(CONFIRMED_S / BEAT_S)):
        clock.sleep(BEAT_S)
        lease.beat()
        lease.require_held()
    assert asked == []

    clock.sleep(BEAT_S)
    lease.beat()
    lease.require_held()
    lease.require_held()
    assert asked == ["list"]


def test_a_stop_is_noticed_also_where_the_process_has_been_noted_alive_again():
    store, clock = MemoryLeases(), TurnedClock()
    lease = Lease(store, "p", Owner.me("apply"), clock.now)
    lease.claim()
    clock.sleep(2.0)
    lease.beat()
    store.marks.clear()

    with pytest.raises(LockLost, match="another run may be at work"):
        lease.require_held()


def test_a_lost_lock_has_a_code_of_its_own_and_no_place_in_a_file():
    error = LockLost("lost", "somebody")

    assert code_of(error).name == "RC0302"
    assert (of_error(error), of_error(error, begun=True)) == (Exit.LOCKED, Exit.PARTIAL)


# ------------------------------------------------------------------ the clients


def lost():
    raise LockLost("lost", "somebody")


ENGINE: dict[str, Callable[[Engine], object]] = {
    "post": lambda engine: engine.post("/containers/x/stop"),
    "delete": lambda engine: engine.delete("/containers/x"),
    "unpack": lambda engine: engine.unpack("x", b""),
    "tag": lambda engine: engine.tag("app:1", "app:2"),
    "pull": lambda engine: [*engine.pull("app:1")],
    "build": lambda engine: [*engine.build(None, tag="app:1")],
    "execute": lambda engine: engine.execute("x", {}, timeout_s=1.0),
}
KEYCLOAK: dict[str, Callable[[AdminClient], object]] = {
    "post": lambda client: client.post("admin/realms", {}),
    "create": lambda client: client.create("admin/realms", {}),
    "put": lambda client: client.put("admin/realms/a", {}),
    "put_text": lambda client: client.put_text("admin/realms/a/localization/en/x", "y"),
    "delete": lambda client: client.delete("admin/realms/a"),
}


@pytest.mark.parametrize("change", ENGINE.values(), ids=ENGINE)
def test_no_change_is_sent_to_an_engine_without_permission(change):
    engine = Engine({"DOCKER_HOST": f"tcp://{NOWHERE}"})

    with permitted_by(lost), pytest.raises(LockLost):
        change(engine)
    with permitted_by(lost), pytest.raises(Unreachable):  # a read needs none
        engine.get("/info")


@pytest.mark.parametrize("change", KEYCLOAK.values(), ids=KEYCLOAK)
def test_no_change_is_sent_to_keycloak_without_permission(change):
    client = AdminClient(Settings(f"http://{NOWHERE}/", username="admin", password=Secret("x")))

    with permitted_by(lost), pytest.raises(LockLost):
        change(client)
    with permitted_by(lost), pytest.raises(Unreachable):
        client.get("admin/realms")


def test_the_requests_of_a_check_need_no_permission():
    checked = []

    def check():
        checked.append("checked")
        require_permission()

    with permitted_by(check):
        require_permission()
    require_permission()

    assert checked == ["checked"]
