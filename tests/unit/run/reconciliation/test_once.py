from __future__ import annotations

import time
from threading import Event
from typing import ClassVar

import pytest

from reconciler.cli.exit import Exit
from reconciler.cli.exitcodes import of_report
from reconciler.core.difference.cause import Applied, Cause, NoMemory
from reconciler.core.difference.change import Action
from reconciler.core.difference.kind import Effect, Field
from reconciler.core.execution.report import Report, What, standing
from reconciler.core.message.errors import (
    Conflict,
    Denied,
    ReconcileError,
    Refused,
    Rejected,
    Unreachable,
    WrittenInVain,
)
from reconciler.core.message.problem import Problem
from reconciler.core.plan.policy import Policy
from reconciler.core.resource.document import Unmade
from reconciler.core.resource.resource import Health, Origin, Status
from reconciler.core.resource.values import Ref
from reconciler.providers.memory import MemoryProvider
from reconciler.record import replace
from reconciler.run.reconciliation.once import Look, NotConverging, Reconciler
from reconciler.run.reconciliation.side_by_side import SideBySide
from tests.kit.build import a_document, address, live, resource
from tests.kit.clock import TurnedClock

CLIENT, BOX = "memory.client/app", "memory.box/web"


def reconciler(*providers, **rest):
    return Reconciler(a_document(), {each.name: each for each in providers}, TurnedClock(), **rest)


def agree(_look):
    pass


def converge(made, approve=agree):
    return list(made.converge(approve))


def looks(events):
    return [event for event in events if isinstance(event, Look)]


def test_a_fresh_world_is_settled_in_as_many_passes_as_references_are_deep():
    memory = MemoryProvider([resource(BOX, key=Ref(address(CLIENT), "secret")), resource(CLIENT, redirect="x")])

    events = converge(reconciler(memory))

    assert [len(look.plan.steps) for look in looks(events)] == [1, 1, 0]
    assert looks(events)[-1].plan.in_sync


def test_a_settled_world_is_not_touched():
    memory = MemoryProvider([resource(BOX, size=1)])
    converge(reconciler(memory))
    memory.calls.clear()

    events = converge(reconciler(memory))

    assert memory.calls == []
    assert len(events) == 1


def test_a_look_that_there_is_already_is_not_made_again():
    memory = MemoryProvider([resource(BOX, size=1)])
    made = reconciler(memory)
    look = made.look()

    first, *_, last = looks(made.converge(agree, first=look))

    assert first is look
    assert last is not look
    assert last.plan.in_sync


def test_a_mistake_in_what_is_new_is_refused_before_anything_is_done_and_is_none_in_what_exists():
    mistake = Unmade(address(BOX), lambda: Origin("users.yaml", 7, 3), "box `web` names `nothing`")
    document = a_document(unmade=(mistake,))
    fresh = MemoryProvider([resource(BOX, size=1), resource(CLIENT)])
    there = MemoryProvider([resource(BOX, size=2), resource(CLIENT)])
    there.live = {address(BOX): live(BOX, size=1)}

    with pytest.raises(Refused, match="users.yaml:7:3: box `web` names `nothing`; correct it there"):
        converge(Reconciler(document, {"memory": fresh}, TurnedClock()))
    events = converge(Reconciler(document, {"memory": there}, TurnedClock()))

    assert fresh.calls == []
    assert looks(events)[-1].plan.in_sync


def test_a_failure_ends_it_after_the_pass():
    memory = MemoryProvider([resource(BOX, size=1), resource("memory.box/other")])

    def fail(step):
        if step.address == address(BOX):
            raise Rejected("boom")

    memory.before_call = fail
    events = converge(reconciler(memory))

    assert [event.what for event in events if not isinstance(event, Look)].count(What.FAILED) == 1
    assert address("memory.box/other") in memory.live
    assert len(looks(events)) == 1


def test_a_conflict_that_a_second_look_finds_again_ends_it():
    memory = MemoryProvider([resource(BOX, size=1), resource("memory.box/other")])

    def fail(step):
        if step.address == address(BOX):
            raise Conflict("memory.box/needed is not there")

    memory.before_call = fail
    events = converge(reconciler(memory))

    assert [event.note for event in failures(events)] == ["memory.box/needed is not there"] * 2
    assert address("memory.box/other") in memory.live
    assert memory.calls.count("memory.box/other:put") == 1


class Bringing(MemoryProvider):
    """A memory that makes its other boxes with the client, so that only a later pass changes them."""

    def steps(self, changes):
        is_new = any(change.action is Action.CREATE and change.address == address(CLIENT) for change in changes)
        found = super().steps(changes)
        return [
            each for each in found if each.address.kind != "memory.box" or each.address == address(BOX) or not is_new
        ]


@pytest.mark.parametrize(("error", "sizes"), [(Rejected("boom"), (2, 3)), (Unreachable("away"), (0, 0))])
def test_what_a_refusal_left_without_steps_is_done_and_told_in_the_same_run(error, sizes):
    one, two, waiting = "memory.box/one", "memory.box/two", "memory.box/waiting"
    memory = Bringing(
        [
            resource(CLIENT),
            resource(BOX, size=1),
            resource(one, size=2),
            resource(two, size=3),
            resource(waiting, after=(BOX,), size=4),
        ]
    )

    def fail(step):
        if step.address == address(BOX):
            raise error
        if step.address == address(CLIENT):
            memory.live |= {address(each): live(each, size=0) for each in (one, two, waiting)}

    memory.before_call = fail
    events = converge(reconciler(memory))

    done = {event.step.address for event in events if not isinstance(event, Look) and event.what is What.DONE}
    assert tuple(memory.live[address(each)].spec["size"] for each in (one, two)) == sizes
    assert memory.live[address(waiting)].spec["size"] == 0
    assert address(one) in done or sizes == (0, 0)
    assert len({event.step.id for event in failures(events)}) == 1


def test_what_a_policy_forbids_is_refused_before_anything_is_done():
    memory = MemoryProvider([resource(BOX, disk="b"), resource("memory.box/new")])
    memory.live[address(BOX)] = live(BOX, disk="a")

    with pytest.raises(Refused):
        converge(reconciler(memory))
    assert memory.calls == []


def test_each_pass_with_steps_is_approved_first():
    memory = MemoryProvider([resource(BOX)])
    seen = []

    converge(reconciler(memory), lambda look: seen.append((len(look.plan.steps), list(memory.calls))))

    assert seen == [(1, [])]


def test_a_world_whose_values_move_for_ever_is_given_up():
    memory = MemoryProvider([resource(BOX, size=1)])
    memory.after_call = lambda step: memory.live.update({step.address: live(BOX, size=-len(memory.calls))})

    with pytest.raises(NotConverging, match="does something else change these resources"):
        converge(reconciler(memory))
    assert len(memory.calls) == 10


def keeping(*resources, **kept):
    """A memory that takes every write to the first one, and keeps these fields of it as they are."""
    memory = MemoryProvider(resources)

    def keep(step):
        if step.address == address(BOX):
            memory.live[step.address] = replace(
                memory.live[step.address], spec={**memory.live[step.address].spec, **kept}
            )

    memory.after_call = keep
    return memory


def failures(events):
    return [event for event in events if not isinstance(event, Look) and event.what is What.FAILED]


def test_what_is_kept_as_it_was_is_written_once_and_reported_with_its_place():
    memory = keeping(resource(BOX, size=2, note="a"), size=1)
    memory.live[address(BOX)] = live(BOX, size=1, leftover="")

    events = converge(reconciler(memory))

    (failure,) = failures(events)
    assert memory.calls == [f"{BOX}:put"]
    assert "The memory keeps `size` as 1, though 2 was written (stack.yaml:1:1)" in failure.note
    assert isinstance(failure.error, WrittenInVain)
    assert looks(events)[-1].plan.in_sync is False


def test_a_write_that_another_one_may_have_undone_gets_a_second_try_and_no_third():
    other = "memory.box/other"
    memory = keeping(resource(BOX, size=2), resource(other, size=1), size=1)
    memory.live[address(BOX)] = live(BOX, size=1, leftover="")

    events = converge(reconciler(memory))

    assert memory.calls.count(f"{BOX}:put") == 2
    assert [event.step.address for event in failures(events)] == [address(BOX)]
    assert address(other) in memory.live


def test_what_was_undone_by_another_write_is_written_again():
    memory = MemoryProvider([resource(BOX, size=2), resource("memory.box/other", size=1)])
    memory.live[address(BOX)] = live(BOX, size=1, leftover="")

    def undo(_step):
        if len(memory.calls) == 2:
            memory.live[address(BOX)] = live(BOX, size=1, leftover="")

    memory.after_call = undo
    events = converge(reconciler(memory))

    assert not failures(events)
    assert looks(events)[-1].plan.in_sync


def test_two_values_that_turn_each_other_round_end_with_the_first_that_is_as_it_was():
    memory = MemoryProvider([resource(BOX, size=2, wire="b")])
    memory.live[address(BOX)] = live(BOX, size=1, wire="b", leftover="")

    def turn(step):
        is_even = len(memory.calls) % 2 == 0
        memory.live[step.address] = live(BOX, size=1 if is_even else 2, wire="b" if is_even else "a", leftover="")

    memory.after_call = turn
    events = converge(reconciler(memory))

    assert len(memory.calls) == 2
    assert "`size` as 1" in failures(events)[0].note


@pytest.mark.parametrize("declares", [True, False])
def test_what_is_not_there_after_its_creation_or_still_there_after_its_deletion_is_done_once(declares):
    memory = MemoryProvider([resource(BOX, size=1)] if declares else [])
    there = {} if declares else {address(BOX): live(BOX, size=1)}
    memory.live.update(there)

    def put_back(step):
        memory.live.pop(step.address, None)
        memory.live.update(there)

    memory.after_call = put_back
    policy = Policy(deletes=True, prune={"memory.box": "owned"})
    events = converge(reconciler(memory, policy=policy))

    assert len(memory.calls) == 1
    assert "The memory accepted" in failures(events)[0].note


def test_what_was_behind_something_deleted_is_deleted_as_well():
    memory = MemoryProvider()
    memory.live[address(BOX)] = live(BOX)
    behind = [replace(live(BOX), id="older")]
    memory.after_call = lambda step: memory.live.update({step.address: behind.pop()} if behind else {})

    events = converge(reconciler(memory, policy=Policy(deletes=True, prune={"memory.box": "owned"})))

    assert not failures(events)
    assert memory.live == {}


def test_what_comes_after_something_kept_is_done_all_the_same():
    second, third = "memory.box/second", "memory.box/third"
    memory = keeping(resource(BOX, size=2), resource(second, [BOX], size=1), resource(third, [second], size=1), size=1)
    memory.live[address(BOX)] = live(BOX, size=1, leftover="")
    memory.live[address(second)] = live(second, size=9, leftover="")
    undone = [live(second, size=8, leftover="")]

    def keep(step, before=memory.after_call):
        before(step)
        if step.address == address(second) and undone:
            memory.live[step.address] = undone.pop()

    memory.after_call = keep
    events = converge(reconciler(memory))

    assert memory.live[address(second)].spec["size"] == 1
    assert address(third) in memory.live
    assert of_report(Report([event for event in events if not isinstance(event, Look)])) is Exit.PARTIAL


def test_a_target_brings_what_it_needs_and_nothing_else():
    memory = MemoryProvider(
        [resource("memory.box/a"), resource("memory.box/b", ["memory.box/a"]), resource("memory.box/c")]
    )
    memory.live[address("memory.box/orphan")] = live("memory.box/orphan")

    converge(
        reconciler(memory, only=frozenset({address("memory.box/b")}), policy=Policy(prune={"memory.box": "owned"}))
    )

    assert memory.calls == ["memory.box/a:put", "memory.box/b:put"]


def test_an_unknown_target_is_an_error():
    with pytest.raises(ReconcileError, match="there is no memory.box/nope"):
        reconciler(MemoryProvider(), only=frozenset({address("memory.box/nope")})).look()


class Doubtful(MemoryProvider):
    """Knows that the other side takes nothing that is new."""

    def obstacles(self, steps):
        return [Problem("is too new", Origin("a.yaml", 1, 1), address=each.address) for each in steps]


def test_what_a_plan_will_fail_for_is_remarked_and_gone_with_the_change():
    memory = Doubtful([resource(BOX, size=1)])
    first = reconciler(memory).look()
    memory.live = {address(BOX): live(BOX, size=1)}

    last = reconciler(memory).look()

    assert [str(remark.address) for remark in first.plan.remarks()] == [BOX]
    assert last.plan.remarks() == ()


def test_a_step_that_is_known_to_fail_stops_all_providers_before_the_first_one():
    doubtful, other = Doubtful([resource(BOX, size=1)]), Tenant([resource("tenant.client/app", redirect="x")])

    with pytest.raises(Refused, match="a.yaml:1:1: memory.box/web is too new; nothing is done while") as refused:
        converge(reconciler(doubtful, other))
    events = converge(reconciler(doubtful, other, excluded=frozenset({address(BOX)})))

    assert [each.option for each in refused.value.refusals] == [("--exclude", BOX)]
    assert (doubtful.calls, other.calls) == ([], ["tenant.client/app:put"])
    assert looks(events)[-1].plan.in_sync


def test_a_field_that_is_fixed_for_good_stops_a_run_before_its_first_step():
    box = MemoryProvider.kinds["memory.box"]
    fixed = replace(box, fields={**box.fields, "size": Field(Effect.FIXED)})
    memory = MemoryProvider([resource(BOX, size=2), resource(CLIENT)])
    memory.kinds = {**memory.kinds, "memory.box": fixed}
    memory.live = {address(BOX): live(BOX, size=1)}

    with pytest.raises(Refused, match="memory.box/web can't get another size: it is set for good"):
        converge(reconciler(memory))

    assert memory.calls == []


class Tenant(MemoryProvider):
    """A provider that lives in a box of the other one."""

    name = "tenant"
    kinds: ClassVar = {"tenant.client": replace(MemoryProvider.kinds["memory.client"], name="tenant.client")}


def landlord_and_tenant(box):
    landlord = MemoryProvider([box])
    tenant = Tenant([resource("tenant.client/app", redirect="x")], served_by=address(BOX))
    tenant.is_up = False
    return landlord, tenant


def test_what_is_served_by_something_planned_is_deferred_and_planned_once_that_is_up():
    landlord, tenant = landlord_and_tenant(resource(BOX))

    def up(_step):
        tenant.is_up = True

    landlord.after_call = up
    events = converge(reconciler(landlord, tenant))

    deferred = [[c.address for c in look.plan.changes if c.action is Action.DEFERRED] for look in looks(events)]
    assert [len(each) for each in deferred] == [1, 0, 0]
    assert address("tenant.client/app") in tenant.live


def test_what_is_served_by_something_that_starts_is_waited_for():
    landlord, tenant = landlord_and_tenant(resource(BOX))
    landlord.live[address(BOX)] = live(BOX, health=Health.SETTLING)
    notes = []

    def tick(note):
        notes.append(note)
        tenant.is_up = len(notes) == 3

    look = reconciler(landlord, tenant, on_wait=tick).look()

    assert len(notes) == 3
    assert [change.action.value for change in look.plan.changes] == ["keep", "create"]


def test_a_stop_ends_the_wait_for_what_starts_and_nothing_is_done_after_it():
    landlord, tenant = landlord_and_tenant(resource(BOX))
    landlord.live[address(BOX)] = live(BOX, health=Health.SETTLING)
    stop, approved = Event(), []

    events = list(reconciler(landlord, tenant, on_wait=lambda _note: stop.set()).converge(approved.append, stop=stop))

    assert [type(event) for event in events] == [Look]
    assert (landlord.calls, tenant.calls, approved) == ([], [], [])


@pytest.mark.parametrize(("health", "waited"), [(Health.FAILED, 0), (Health.OK, 20), (Health.SETTLING, 300)])
def test_what_does_not_come_up_is_unreachable(health, waited):
    landlord, tenant = landlord_and_tenant(resource(BOX))
    landlord.live[address(BOX)] = replace(live(BOX), status=Status(health, "as it is"))
    made = reconciler(landlord, tenant)

    with pytest.raises(Unreachable, match="memory.box/web is as it is"):
        made.look()
    assert made.clock.now() == waited


def unread_states(made):
    return [(str(each.address), each.state.value, each.note) for each in made.status()]


@pytest.mark.parametrize("patience_s", [0.0, 30.0])
@pytest.mark.parametrize("health", Health)
def test_what_can_not_be_read_is_unknown_to_status_with_the_reason_whatever_the_server_is_at(health, patience_s):
    landlord, tenant = landlord_and_tenant(resource(BOX))
    landlord.live[address(BOX)] = live(BOX, health=health)

    found = unread_states(reconciler(landlord, tenant, patience_s=patience_s))

    box = "degraded" if health is Health.FAILED else "in sync"
    assert [state for _, state, _ in found] == [box, "unknown"]
    assert found[1][2] == "can't be read: the memory is away"


@pytest.mark.parametrize("error", [Denied("no right"), Unreachable("away")])
def test_an_error_of_one_provider_hides_nothing_of_the_others_from_status(error):
    landlord, tenant = landlord_and_tenant(resource(BOX))
    landlord.live[address(BOX)] = live(BOX)
    tenant.served_by = None

    def refuse(_desired):
        raise error

    tenant.observe = refuse

    assert [state for _, state, _ in unread_states(reconciler(landlord, tenant))] == ["in sync", "unknown"]


def test_an_apply_does_nothing_where_the_account_does_not_see_a_resource():
    memory = MemoryProvider([resource(BOX), resource(CLIENT, redirect="x")])
    memory.live[address(BOX)] = replace(live(BOX), unread="HTTP 403")
    made = reconciler(memory)

    assert [state for _, state, _ in unread_states(made)] == ["unknown", "missing"]
    with pytest.raises(Denied, match="memory.box/web: can't be read: HTTP 403"):
        converge(made)
    assert address(CLIENT) not in memory.live


def test_where_nothing_can_be_read_status_raises_why():
    memory = MemoryProvider([resource(BOX)])
    memory.is_up = False

    with pytest.raises(Unreachable, match="the memory is away"):
        reconciler(memory).status()


@pytest.mark.parametrize("is_there", [True, False])
def test_what_can_not_be_read_is_no_creation_unless_its_server_does_not_exist(is_there):
    landlord, tenant = landlord_and_tenant(resource(BOX, size=2))
    landlord.live = {address(BOX): live(BOX, size=1)} if is_there else {}

    (change,) = [each for each in reconciler(landlord, tenant).look().plan.changes if each.address.provider == "tenant"]

    assert (change.later, change.unread) == ((None, "the memory is away") if is_there else (Action.CREATE, ""))
    assert standing(change).state.value == ("unknown" if is_there else "blocked")


class Remembering(NoMemory):
    """Has seen everything before."""

    def applied(self, addresses):
        return {each: Applied() for each in addresses}

    def knows(self, _provider):
        return True


def test_what_was_there_before_is_unknown_also_where_its_server_is_gone():
    landlord, tenant = landlord_and_tenant(resource(BOX))

    look = reconciler(landlord, tenant, memory=Remembering()).look()

    found = {each.address.provider: (each.unread, each.cause) for each in look.plan.changes}
    assert found == {"memory": ("", Cause.DRIFT), "tenant": ("the memory is away", Cause.UNKNOWN)}


def test_what_is_served_by_nobody_is_unreachable_at_once():
    memory = MemoryProvider([resource(BOX)])
    memory.is_up = False

    with pytest.raises(Unreachable):
        reconciler(memory).look()


def test_the_files_are_taken_apart_once_however_often_it_is_asked_for():
    memory = MemoryProvider([resource(BOX, size=1)])
    asked = []
    memory.expand = lambda document: asked.append(document) or memory.resources
    made = reconciler(memory)

    converge(made)
    made.look()
    replace(made, document=a_document({})).look()

    assert len(asked) == 2  # another document is another question


class Slow(MemoryProvider):
    """A provider that takes its time for a reading, and as long for each further question."""

    def observe(self, desired):
        time.sleep(0.3)
        return super().observe(desired)

    def access(self, _changes):
        time.sleep(0.3)
        return ()


def test_a_slow_provider_is_planned_for_after_a_few_looks_though_none_waits_for_it():
    late, stop = Event(), Event()
    reads = SideBySide(stop, lambda _name: late.set(), patience_s=0.05)
    made = reconciler(Slow([resource(BOX, size=2)]), reads=reads, defers=True)

    for _ in range(6):
        look = made.look(stop=stop)
        if not look.unread:
            break
        assert late.wait(60)
        late.clear()

    assert [change.action for change in look.plan.changes] == [Action.CREATE]
