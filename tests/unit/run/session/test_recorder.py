"""The recorder: what a run leaves in the history, whatever becomes of the run."""

from __future__ import annotations

from threading import Event as Flag

import pytest

from reconciler.core.difference.cause import Cause
from reconciler.core.execution.report import Event, What
from reconciler.core.history.author import Author
from reconciler.core.history.records import ChangeRecord, Run
from reconciler.core.message.errors import Refused, Rejected, Unreachable
from reconciler.core.plan.plan import Step
from reconciler.core.plan.policy import Policy
from reconciler.core.resource.values import Secret
from reconciler.history.memory import AppliedMemory
from reconciler.history.store import History
from reconciler.providers.memory import MemoryProvider
from reconciler.record import replace
from reconciler.render.answers.history import change_lines, outcome
from reconciler.render.output.known import KnownSecrets
from reconciler.run.reconciliation.once import Look, Reconciler
from reconciler.run.session.recorder import Recorder
from tests.kit.build import a_document, address, live, resource
from tests.kit.clock import TurnedClock

WEB = address("memory.box/web")


class World:
    """One project in memory, with its history in a file."""

    def __init__(self, folder, *resources):
        self.provider = MemoryProvider(resources)
        self.file = folder / "history.db"
        self.history = History(self.file, self.warned)
        self.memory = AppliedMemory(self.history, {"memory": ""})
        self.known, self.clock, self.warnings = KnownSecrets(), TurnedClock(), []

    def warned(self, message):
        self.warnings.append(message)

    @property
    def reconciler(self):
        providers = {"memory": self.provider}
        policy = Policy(deletes=True, prune={"memory.box": "owned"})
        made = Reconciler(a_document(), providers, self.clock, policy, known=self.known)
        return replace(made, memory=self.memory)

    def recorder(self):
        run = Run(0, "apply", 1000.0, "ann", "box")
        return Recorder(
            self.history, self.memory, {"memory": self.provider}, self.known, run, self.clock, wall=lambda: 1000.0
        )

    def apply(self, code=0):
        recorder = self.recorder()
        recorder.code = code
        try:
            events = [*recorder.follow(self.reconciler.converge(lambda _look: None), self.reconciler)]
        finally:
            recorder.end()
        return events

    def changes(self):
        """The last run's changes."""
        return self.history.runs()[0][1]


@pytest.fixture
def world(tmp_path):
    return World(tmp_path, resource("memory.box/web", size=1, key=Secret("hush-hush")))


def summary(changes):
    return [(change.address, change.action, change.cause, change.result) for change in changes]


def test_a_run_is_recorded_with_its_changes_and_handed_on_as_it_was(world):
    events = world.apply()

    [(run, changes)] = world.history.runs()
    assert (run.command, run.user, run.host, run.exit) == ("apply", "ann", "box", 0)
    assert run.seconds is not None
    assert summary(changes) == [("memory.box/web", "create", "unknown", "done")]
    assert [type(event) for event in events] == [Look, Event, Event, Look]


def test_a_run_that_finds_nothing_to_do_leaves_no_row(world):
    world.apply()
    world.apply()

    assert len(world.history.runs()) == 1


def test_the_next_runs_know_the_cause(world):
    world.apply()
    world.provider.live[WEB] = live("memory.box/web", size=9, key="hush-hush", leftover="")
    world.apply()
    drift = world.changes()
    world.provider.resources = [resource("memory.box/web", size=2, key=Secret("hush-hush"))]
    world.apply()

    assert summary(drift) == [("memory.box/web", "update", "drift", "done")]
    assert summary(world.changes()) == [("memory.box/web", "update", "declared", "done")]
    [field] = world.changes()[0].fields
    assert (field.path, field.before, field.after, field.cause, field.source) == (
        "size",
        1,
        2,
        "declared",
        "stack.yaml:1:1",
    )


def test_the_first_run_remembers_though_it_finds_nothing_to_do(world):
    world.provider.live[WEB] = live("memory.box/web", size=1, key="hush-hush", leftover="")
    world.apply()
    world.history.close()

    world.provider.live[WEB] = live("memory.box/web", size=9, key="hush-hush", leftover="")

    again = AppliedMemory(History(world.file, world.warned), {"memory": ""})
    [change] = replace(world.reconciler, memory=again).look().plan.changes
    assert change.cause is Cause.DRIFT


def test_a_live_value_that_the_file_takes_over_is_drift_when_it_is_changed_later(world):
    world.apply()
    world.provider.live[WEB] = live("memory.box/web", size=2, key="hush-hush", leftover="")
    world.provider.resources = [resource("memory.box/web", size=2, key=Secret("hush-hush"))]
    world.apply()  # nothing to do

    world.provider.live[WEB] = live("memory.box/web", size=7, key="hush-hush", leftover="")

    assert [change.cause for change in world.reconciler.look().plan.changes] == [Cause.DRIFT]


def test_a_look_alone_remembers_nothing(world):
    world.reconciler.look()

    assert not world.memory.known()


def test_what_was_deleted_or_taken_out_is_forgotten(world):
    world.apply()
    world.provider.resources = []
    world.apply()

    assert summary(world.changes()) == [("memory.box/web", "delete", "declared", "done")]
    assert not world.memory.known()


def test_no_secret_value_reaches_the_file(world, tmp_path):
    world.known.learn("files", lambda: [Secret("hush-hush")])
    world.provider.before_call = lambda _step: (_ for _ in ()).throw(Rejected("bad value hush-hush of key"))
    world.apply(code=1)
    world.history.close()

    assert world.changes()[0].note == "bad value (secret) of key"
    assert b"hush" not in b"".join(path.read_bytes() for path in tmp_path.iterdir())


def test_a_long_value_is_recorded_as_a_digest(world):
    world.provider.resources = [resource("memory.box/web", settings={"file": "x" * 5000})]
    world.apply()

    [settings] = [field for field in world.changes()[0].fields if field.path == "settings"]
    assert settings.after.keys() == {"long", "digest"}


@pytest.mark.parametrize(("error", "result"), [(Rejected("no"), "failed"), (Unreachable("away"), "failed")])
def test_a_failed_change_is_recorded_with_what_was_said(world, error, result):
    def refuse(_step):
        raise error

    world.provider.before_call = refuse
    world.apply(code=1)

    [(run, [change])] = world.history.runs()
    assert (run.exit, change.result, change.note) == (1, result, str(error.args[0]))
    assert not world.memory.known()


def test_what_a_failed_run_has_written_is_its_own_and_no_drift(tmp_path):
    before = (resource("memory.box/web", size=1), resource("memory.box/z", size=1))
    world = World(tmp_path, *before)
    world.apply()
    world.provider.resources = [resource("memory.box/web", size=2), resource("memory.box/z", size=2)]

    def refuse(step):
        if step.address.name == "z":
            raise Rejected("no")

    world.provider.before_call = refuse
    world.apply(code=3)
    world.provider.resources = list(before)

    [change] = [each for each in world.reconciler.look().plan.changes if each.acts]
    assert (change.address, change.cause) == (WEB, Cause.DECLARED)


def test_what_waits_for_a_failed_change_is_skipped(tmp_path):
    world = World(tmp_path, resource("memory.box/a"), resource("memory.box/b", after=["memory.box/a"]))

    def refuse(step):
        if step.address.name == "a":
            raise Rejected("no")

    world.provider.before_call = refuse
    world.apply(code=1)

    assert [(change.result, change.note) for change in world.changes()] == [
        ("failed", "no"),
        ("skipped", "memory.box/a"),
    ]


def test_what_was_never_begun_is_not_started_and_has_no_time_and_what_was_cut_off_is_interrupted(tmp_path):
    world = World(tmp_path, resource("memory.box/a", image="b"), resource("memory.box/b", after=["memory.box/a"]))
    world.provider.live[address("memory.box/a")] = live("memory.box/a", image="a", leftover="")
    stop = Flag()
    world.provider.after_call = lambda _step: stop.set()
    recorder = world.recorder()

    list(recorder.follow(world.reconciler.converge(lambda _look: None, stop=stop), world.reconciler))
    recorder.end()

    changes = {each.address: each for each in world.changes()}
    assert {name: each.result for name, each in changes.items()} == {
        "memory.box/a": "interrupted",  # the second of its three steps was not started
        "memory.box/b": "not started",
    }
    assert outcome(changes["memory.box/b"]) == "create not started"


@pytest.mark.parametrize("result", ["failed", "begun"])
def test_each_line_of_what_was_said_is_a_line_of_the_history(result):
    change = ChangeRecord("memory.box/a", "create", result=result, note="it ends:\n  a\n  b")

    lines = list(change_lines(change))

    assert lines[1:] == ["      it ends:", "        a", "        b"]


def test_a_run_that_is_killed_is_there_with_what_it_was_about(world):
    events = world.recorder().follow(world.reconciler.converge(lambda _look: None), world.reconciler)
    while not isinstance(next(events), Event):
        pass

    [(run, [change])] = world.history.runs()

    assert (run.exit, change.result) == (None, "begun")
    events.close()


def test_an_error_of_the_run_is_handed_on_and_what_was_done_is_recorded(world):
    def forbid(_look):
        if world.provider.calls:
            raise Refused(())

    def undo(_step):
        world.provider.live[WEB] = live("memory.box/web", size=5)

    world.provider.after_call = undo
    recorder = world.recorder()

    with pytest.raises(Refused):
        list(recorder.follow(world.reconciler.converge(forbid), world.reconciler))
    recorder.end()

    assert summary(world.changes()) == [("memory.box/web", "create", "unknown", "done")]


def test_with_a_target_the_others_are_not_forgotten(tmp_path):
    world = World(tmp_path, resource("memory.box/web", size=1), resource("memory.box/other"))
    world.apply()
    recorder, targeted = world.recorder(), replace(world.reconciler, only=frozenset({WEB}))

    list(recorder.follow(targeted.converge(lambda _look: None), targeted))
    recorder.end()

    assert len(world.memory.known()) == 2


class Watched(MemoryProvider):
    """A provider that knows who did it."""

    def authors(self, ids, *, since):
        self.asked = dict(ids)
        return {WEB: (Author(since, "update", "mallory", "console", "10.0.0.9"),)}


def test_the_authors_of_drift_are_asked_for_and_recorded(world):
    world.provider = Watched(world.provider.resources)
    world.apply()
    assert not hasattr(world.provider, "asked")
    world.provider.live[WEB] = live("memory.box/web", size=9, key="hush-hush", leftover="")

    world.apply()

    assert [*world.provider.asked] == [WEB]
    assert [author.user for author in world.changes()[0].authors] == ["mallory"]


def test_the_authors_of_one_that_was_made_anew_by_hand_are_asked_for_by_both_its_ids(world):
    world.provider = Watched(world.provider.resources)
    world.apply()
    before = world.provider.live[WEB].id
    made = live("memory.box/web", size=9, key="hush-hush", leftover="")
    world.provider.live[WEB] = replace(made, id="made by hand")

    world.apply()

    assert world.provider.asked == {WEB: tuple(filter(None, ("made by hand", before)))}


def test_a_server_that_does_not_tell_who_did_it_holds_nothing_up(world):
    world.provider = Watched(world.provider.resources)
    world.apply()
    world.provider.live[WEB] = live("memory.box/web", size=9, key="hush-hush", leftover="")
    world.provider.authors = lambda _ids, since: (_ for _ in ()).throw(Unreachable(f"away since {since}"))

    world.apply()

    assert summary(world.changes()) == [("memory.box/web", "update", "drift", "done")]


def seconds_without_service(world, *steps):
    """The outage of a change of these steps, each of which takes a second."""
    look = world.reconciler.look()
    made = tuple(replace(step, address=WEB) for step in steps)
    look = replace(look, plan=replace(look.plan, steps=made))

    def events():
        yield look
        for step in made:
            yield Event(step, What.STARTED)
            world.clock.sleep(1.0)
            yield Event(step, What.DONE, seconds=1.0, watched_s=step.hold_s)

    recorder = world.recorder()
    list(recorder.follow(events()))
    recorder.end()
    return world.changes()[0].outage


def step(name, serves=None, hold_s=0.0):
    return Step(name, WEB, name, serves=serves, hold_s=hold_s)


@pytest.mark.parametrize(
    ("steps", "outage"),
    [
        ([step("create"), step("stop", False), step("start"), step("wait", True)], 3.0),
        ([step("stop", False), step("start"), step("wait", True, hold_s=0.5)], 2.5),
        ([step("create"), step("start"), step("wait", True), step("stop", False), step("remove")], None),
        ([step("update")], None),
    ],
)
def test_the_outage_is_from_the_stop_to_the_moment_when_it_serves_again(world, steps, outage):
    assert seconds_without_service(world, *steps) == outage


def test_a_history_that_can_not_be_written_changes_nothing_of_the_run(world, tmp_path):
    (tmp_path / "history.db").mkdir()

    assert world.apply()[-1].plan.in_sync
    assert len(world.warnings) == 1
