"""Causes: what the memory of an earlier apply tells of a difference."""

from __future__ import annotations

import pytest

from reconciler.core.difference.cause import Applied, Cause
from reconciler.core.difference.change import Action
from reconciler.core.difference.kind import Effect, Field, Kind
from reconciler.core.plan.attribution import attributed, remembered
from reconciler.core.plan.plan import make
from reconciler.core.resource.values import Ref, Secret
from reconciler.providers.memory import BOX, MemoryProvider
from reconciler.record import replace
from tests.kit.build import address, live, resource

WEB = address("memory.box/web")


class Memory:
    """The memory of an apply of these resources, which were live as they are given."""

    def __init__(self, *pairs):
        self.known = {}
        for desired, observed in pairs:
            plan = make({"memory": MemoryProvider()}, [desired], [observed])
            [change] = plan.changes
            assert change.action is Action.KEEP
            self.known[desired.address] = remembered(change, desired, MemoryProvider.kinds[desired.address.kind], str)

    def applied(self, addresses):
        return {each: self.known[each] for each in addresses if each in self.known}

    def knows(self, provider):
        return any(each.provider == provider for each in self.known)

    def digest(self, text):
        return text


def causes(memory, desired, observed, *, prunes=True):
    """The plan's changes by address, with their causes."""
    plan = make({"memory": MemoryProvider()}, desired, observed, prunes=lambda _: prunes)
    wanted = {each.address: each for each in desired}
    return {each.address: each for each in attributed(plan, wanted, MemoryProvider.kinds, memory)}


def cause_of(memory, desired, observed):
    change = causes(memory, [desired], [observed])[desired.address]
    return change.cause, {".".join(field.path): field.cause for field in change.fields}


def box(**spec):
    return resource("memory.box/web", **spec)


def there(**spec):
    return live("memory.box/web", **spec)


KNOWN = Memory(
    (box(size=1, settings={"a": 1, "b": 1}, key=Secret("k")), there(size=1, settings={"a": 1, "b": 1}, key="k"))
)


def now(**changed):
    return {"size": 1, "settings": {"a": 1, "b": 1}, "key": "k", **changed}


def declared(**changed):
    return {**now(), "key": Secret("k"), **changed}


@pytest.mark.parametrize(
    ("desired", "observed", "expected"),
    [
        ({}, {"size": 2}, {"size": Cause.DRIFT}),
        ({"size": 3}, {}, {"size": Cause.DECLARED}),
        ({"size": 3}, {"size": 2}, {"size": Cause.DECLARED}),
        ({}, {"settings": {"a": 1, "b": 2}}, {"settings.b": Cause.DRIFT}),
        ({}, {"settings": {"a": 1}}, {"settings.b": Cause.DRIFT}),
        (
            {"settings": {"a": 2, "b": 1}},
            {"settings": {"a": 1, "b": 2}},
            {"settings.a": Cause.DECLARED, "settings.b": Cause.DRIFT},
        ),
        ({"settings": {"a": 1, "b": 1, "c": 1}}, {}, {"settings.c": Cause.DECLARED}),
        ({"settings": {"b": 1}}, {}, {"settings.a": Cause.DECLARED}),
        ({"key": Secret("l")}, {}, {"key": Cause.DECLARED}),
        ({}, {"key": "l"}, {"key": Cause.DRIFT}),
        ({"image": "x"}, {"image": "y"}, {"image": Cause.DECLARED}),
        ({"wire": "x"}, {"wire": "y", "size": 9}, {"size": Cause.DRIFT, "wire": Cause.DECLARED}),
    ],
)
def test_a_field_is_drift_where_the_file_asks_for_what_it_asked_for_before(desired, observed, expected):
    _, found = cause_of(KNOWN, box(**declared(**desired)), there(**now(**observed)))

    assert found == expected


def test_what_was_taken_away_whole_is_drift_though_its_live_parts_are_gone_with_it():
    """A network that was disconnected by hand took along the address that the engine had given."""
    memory = Memory((box(settings={"net": {"name": "x"}}), there(settings={"net": {"name": "x"}})))
    applied = memory.known[WEB]
    given = {"settings": {"net": {**applied.wanted["settings"]["net"], "mac": "given by the engine"}}}
    memory.known[WEB] = replace(applied, wanted={**applied.wanted, **given})

    alike = cause_of(memory, box(settings={"net": {"name": "x"}}), there(settings={}))
    changed = cause_of(memory, box(settings={"net": {"name": "y"}}), there(settings={}))

    assert alike == (Cause.DRIFT, {"settings.net": Cause.DRIFT})
    assert changed == (Cause.DECLARED, {"settings.net": Cause.DECLARED})


def test_what_was_declared_and_taken_away_is_not_taken_for_a_live_part():
    memory = Memory(
        (box(settings={"net": {"name": "x", "ip": "1"}}), there(settings={"net": {"name": "x", "ip": "1"}}))
    )

    found = cause_of(memory, box(settings={"net": {"name": "x"}}), there(settings={}))

    assert found == (Cause.DECLARED, {"settings.net": Cause.DECLARED})


def test_a_change_has_the_cause_of_its_costliest_fields():
    cause, fields = cause_of(KNOWN, box(**declared(wire="x")), there(**now(wire="y", size=9)))

    assert cause is Cause.DECLARED
    assert fields["size"] is Cause.DRIFT
    assert cause_of(KNOWN, box(**declared()), there(**now(size=9)))[0] is Cause.DRIFT


def test_without_a_memory_causes_are_unknown():
    assert cause_of(Memory(), box(size=2), there(size=1)) == (Cause.UNKNOWN, {"size": Cause.UNKNOWN})


def test_what_was_gone_since_is_drift_and_what_is_new_is_declared():
    new = resource("memory.box/new", size=1)

    found = causes(KNOWN, [box(**declared()), new], [])

    assert (found[WEB].cause, found[new.address].cause) == (Cause.DRIFT, Cause.DECLARED)
    assert {field.cause for field in found[WEB].fields} == {Cause.DRIFT}
    assert causes(Memory(), [new], [])[new.address].cause is Cause.UNKNOWN


def test_an_orphan_is_taken_out_of_the_file_or_was_never_in_it():
    foreign, ours = live("memory.box/foreign", owned=False), live("memory.box/ours")

    found = causes(KNOWN, [], [there(**now()), foreign, ours])

    assert found[WEB].cause is Cause.DECLARED
    assert found[foreign.address].cause is Cause.DRIFT
    assert found[ours.address].cause is Cause.UNKNOWN


def test_another_value_of_a_reference_is_a_dependency_and_another_reference_is_declared():
    client, other = resource("memory.client/app"), resource("memory.client/other")
    there_before = [
        replace(live(f"memory.client/{name}", secret=name), outputs={"secret": Secret(value)})
        for name, value in (("app", "one"), ("other", "two"))
    ]
    there_after = [replace(there_before[0], outputs={"secret": Secret("new")}), there_before[1]]
    desired = box(key=Ref(client.address, "secret"))
    plan = make({"memory": MemoryProvider()}, [client, other, desired], [*there_before, there(key="one")])
    change = next(change for change in plan.changes if change.address == WEB)
    memory = Memory()
    memory.known[WEB] = remembered(change, desired, BOX, str)

    renewed = causes(memory, [client, other, desired], [*there_after, there(key="one")])[WEB]
    redirected = box(key=Ref(other.address, "secret"))
    edited = causes(memory, [client, other, redirected], [*there_before, there(key="one")])[WEB]

    assert renewed.cause is Cause.DEPENDENCY
    assert edited.cause is Cause.DECLARED


def a_kind(**fields):
    return Kind("memory.box", fields, expect=lambda desired, observed: {**desired.spec, **observed.facts})


@pytest.mark.parametrize(
    ("row", "spec", "cause"),
    [
        (Field(Effect.LIVE), {}, Cause.DEFAULT),
        (Field(Effect.LIVE, otherwise=Cause.IMAGE), {}, Cause.IMAGE),
        (Field(Effect.LIVE, given_by="build", otherwise=Cause.IMAGE), {"build": "same"}, Cause.IMAGE),
        (Field(Effect.LIVE, given_by="build", otherwise=Cause.IMAGE), {"build": "edited"}, Cause.DECLARED),
    ],
)
def test_what_no_file_asks_for_has_the_cause_that_its_row_says(row, spec, cause):
    kind = a_kind(inputs=row)
    provider = MemoryProvider()
    provider.kinds = {"memory.box": kind}
    before, after = (replace(live("memory.box/web", inputs="1"), facts={"inputs": found}) for found in ("1", "2"))
    first = resource("memory.box/web", **({"build": "same"} if spec else {}))
    [change] = make({"memory": provider}, [first], [before]).changes
    memory = Memory()
    memory.known[WEB] = remembered(change, first, kind, str)
    desired = resource("memory.box/web", **spec)
    plan = make({"memory": provider}, [desired], [after])

    [found] = attributed(plan, {WEB: desired}, {"memory.box": kind}, memory)

    assert found.cause is cause


def test_drift_beside_what_follows_from_other_fields_is_drift():
    kind = a_kind(inputs=Field(Effect.LIVE), size=Field(Effect.LIVE))
    provider = MemoryProvider()
    provider.kinds = {"memory.box": kind}
    before = replace(live("memory.box/web", inputs="1", size=1), facts={"inputs": "1"})
    after = replace(live("memory.box/web", inputs="1", size=9), facts={"inputs": "2"})
    [change] = make({"memory": provider}, [box(size=1)], [before]).changes
    memory = Memory()
    memory.known[WEB] = remembered(change, box(size=1), kind, str)
    plan = make({"memory": provider}, [box(size=1)], [after])

    [found] = attributed(plan, {WEB: box(size=1)}, {"memory.box": kind}, memory)

    assert {field.path[0]: field.cause for field in found.fields} == {"inputs": Cause.DEFAULT, "size": Cause.DRIFT}
    assert found.cause is Cause.DRIFT


def test_a_value_that_counts_as_equal_though_it_is_shown_otherwise_is_no_drift_later():
    kind = Kind("memory.box", {"size": Field(equal=lambda a, b: a // 10 == b // 10), "note": Field()})
    provider = MemoryProvider()
    provider.kinds = {"memory.box": kind}
    [change] = make({"memory": provider}, [box(size=12, note="a")], [there(size=10, note="a")]).changes
    memory = Memory()
    memory.known[WEB] = remembered(change, box(size=12, note="a"), kind, str)
    assert memory.known[WEB].seen == {"size": "10"}

    desired = box(size=22, note="a")
    [found] = attributed(
        make({"memory": provider}, [desired], [there(size=10, note="b")]), {WEB: desired}, {"memory.box": kind}, memory
    )

    assert [field.cause for field in found.fields] == [Cause.DECLARED, Cause.DRIFT]


def test_no_value_is_remembered():
    remember = Memory((box(key=Secret("hush")), there(key="hush"))).known[WEB]
    hashed = remembered(
        make({"memory": MemoryProvider()}, [box(key=Secret("hush"))], [there(key="hush")]).changes[0],
        box(key=Secret("hush")),
        BOX,
        lambda text: f"#{len(text)}",
    )

    assert "hush" in str(remember)  # this memory has no digests, so that the test below can fail
    assert "hush" not in str(hashed)
    assert isinstance(hashed, Applied)
