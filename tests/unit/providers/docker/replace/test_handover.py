"""The container that gives up a port, an address, a name or a volume comes before the one that takes it."""

from __future__ import annotations

import pytest

from reconciler.core.execution.report import Event
from reconciler.core.message.errors import Refused
from reconciler.record import replace
from tests.kit.build import address
from tests.kit.docker.memory import ALLOWED, MemoryEngine, Refusal, a_reconciler, a_stack, apply

ONE_NETWORK = """
services:
  a: {{image: "app:1", networks: {{n: {a}}}}}
  b: {{image: "app:1", networks: {{n: {b}}}}}
networks: {{n: {{ipam: {{config: [{{subnet: 10.0.0.0/24}}]}}}}}}
"""
NAMED = "services:\n  a: {{image: 'app:1', container_name: {a}}}\n  b: {{image: 'app:1', container_name: {b}}}\n"
PUBLISHED = "services:\n  a: {{image: 'app:1', ports: {a}}}\n  b: {{image: 'app:1', ports: {b}}}\n"
STORED = "services:\n  web: {{image: 'app:1', volumes: ['data:/data']}}\nvolumes: {{data: {data}}}\n"


@pytest.fixture
def engine():
    engine = MemoryEngine()
    engine.image("app:1")
    return engine


def comes_after(plan, later, earlier):
    """Returns whether the plan has the one step wait for the other, over however many."""
    steps = {step.id: step for step in plan.steps}
    frontier, seen = {later}, set()
    while frontier:
        seen |= frontier
        frontier = {before for step_id in frontier for before in steps[step_id].after | steps[step_id].behind} - seen
    return earlier in seen


HANDOVERS = {
    "a port of a renamed service": (
        "services:\n  old: {image: 'app:1', ports: ['8080:80']}\n",
        "services:\n  new: {image: 'app:1', ports: ['8080:80']}\n",
        "docker.container/new:container.start",
        "docker.container/old:container.stop",
    ),
    "a port of a service that stays": (
        PUBLISHED.format(a="[]", b="['8080:80']"),
        PUBLISHED.format(a="['8080:80']", b="[]"),
        "docker.container/a:container.start",
        "docker.container/b:stop:predecessor",
    ),
    "an address": (
        ONE_NETWORK.format(a="{}", b="{ipv4_address: 10.0.0.5}"),
        ONE_NETWORK.format(a="{ipv4_address: 10.0.0.5}", b="{}"),
        "docker.container/a:connect:n",
        "docker.container/b:disconnect:n",
    ),
}


@pytest.mark.parametrize("handover", HANDOVERS.values(), ids=HANDOVERS)
def test_what_is_taken_is_given_up_first(engine, folder, handover):
    before, after, takes, gives_up = handover
    apply(a_stack(before, folder), engine)

    plan = a_reconciler(a_stack(after, folder), engine).look().plan

    assert comes_after(plan, takes, gives_up)


def test_who_has_a_fixed_address_starts_before_who_may_get_any(engine, folder):
    document = a_stack(ONE_NETWORK.format(a="{}", b="{ipv4_address: 10.0.0.2}"), folder)

    plan = a_reconciler(document, engine).look().plan

    assert comes_after(plan, "docker.container/a:container.start", "docker.container/b:container.start")


def test_if_it_is_not_given_up_the_one_who_was_to_take_it_goes_back_to_what_it_was(engine, folder):
    stop_first = "], deploy: {update_config: {order: stop-first}}}"
    apply(a_stack(PUBLISHED.format(a="[]", b="['8080:80']").replace("]}", stop_first), folder), engine)
    before = {each["Name"]: each["Id"] for each in engine.containers.values()}

    def refuse(_count, call):
        if call == f"POST /containers/{before['/p-b-1']}/stop":
            raise Refusal(500, "it can't be stopped")

    engine.before = refuse
    apply(a_stack(PUBLISHED.format(a="['8080:80']", b="[]").replace("]}", stop_first), folder), engine)

    assert {each["Name"]: each["Id"] for each in engine.containers.values()} == before
    assert all(each["State"]["Running"] for each in engine.containers.values())


def test_an_address_is_taken_before_the_engine_may_give_it_to_another(engine, folder):
    before, after, taken, _ = HANDOVERS["an address"]
    apply(a_stack(before, folder), engine)

    plan = a_reconciler(a_stack(after, folder), engine).look().plan

    assert comes_after(plan, "docker.container/b:connect:n", taken)


def test_two_containers_can_swap_their_names(engine, folder):
    apply(a_stack(NAMED.format(a="one", b="two"), folder), engine)
    document = a_stack(NAMED.format(a="two", b="one"), folder)

    apply(document, engine)

    assert a_reconciler(document, engine).look().plan.in_sync


def test_a_volume_that_may_be_lost_is_made_anew(engine, folder):
    apply(a_stack(STORED.format(data="{}"), folder), engine)
    document = a_stack(STORED.format(data="{driver_opts: {type: tmpfs}}"), folder)
    allowed = replace(ALLOWED, may_lose=frozenset({address("docker.volume/data")}))

    happened = list(a_reconciler(document, engine, allowed).converge(lambda _look: None))

    assert not [event for event in happened if isinstance(event, Event) and event.error]
    assert engine.volumes["p_data"]["Options"] == {"type": "tmpfs"}
    assert engine.names == ["p-web-1"]


def test_who_has_a_volume_that_waits_for_another_one_of_its_containers_is_replaced_once(engine, folder):
    engine.registry["new:1"] = {}
    both = STORED.replace("volumes: {{", "  more: {{image: 'IMAGE', volumes: ['data:/data']}}\nvolumes: {{")
    apply(a_stack(both.format(data="{}").replace("IMAGE", "app:1"), folder), engine)
    document = a_stack(both.format(data="{driver_opts: {type: tmpfs}}").replace("IMAGE", "new:1"), folder)
    engine.calls.clear()

    apply(document, engine, replace(ALLOWED, may_lose=frozenset({address("docker.volume/data")})))

    assert engine.volumes["p_data"]["Options"] == {"type": "tmpfs"}
    assert engine.calls.count("POST /containers/create") == 2


def test_a_volume_waits_for_the_image_of_its_container_and_needs_leave_before_anything_is_done(engine, folder):
    engine.registry["new:1"] = {}
    apply(a_stack(STORED.format(data="{}"), folder), engine)
    document = a_stack(STORED.format(data="{driver_opts: {type: tmpfs}}").replace("app:1", "new:1"), folder)
    engine.calls.clear()

    with pytest.raises(Refused):
        apply(document, engine)
    refused, allowed = engine.writes, replace(ALLOWED, may_lose=frozenset({address("docker.volume/data")}))
    report = apply(document, engine, allowed)

    assert (refused, report.failed) == ([], ())
    assert engine.volumes["p_data"]["Options"] == {"type": "tmpfs"}
    assert a_reconciler(document, engine).look().plan.in_sync


def test_a_name_that_becomes_free_can_be_taken(engine, folder):
    apply(a_stack(NAMED.format(a="one", b="two"), folder), engine)
    document = a_stack(NAMED.format(a="two", b="three"), folder)

    apply(document, engine)

    assert engine.names == ["three", "two"]
    assert a_reconciler(document, engine).look().plan.in_sync


AGAINST = """
services:
  a: {{image: "app:1", ports: {a}, command: {command}}}
  b: {{image: "app:1", ports: {b}, restart: always, depends_on: [a]}}
"""


def test_who_gave_way_to_what_it_needs_serves_again_where_that_fails(engine, folder):
    apply(a_stack(AGAINST.format(a="[]", b="['8080:80']", command="[serve]"), folder), engine)
    before = serving(engine)

    report = apply(a_stack(AGAINST.format(a="['8080:80']", b="[]", command="[exit, '3']"), folder), engine)

    assert report.rolled_back
    assert serving(engine) == before


def serving(engine):
    """Name → id and restart policy of what runs."""
    running = [each for each in engine.containers.values() if each["State"]["Running"]]
    return {each["Name"]: (each["Id"], each["HostConfig"]["RestartPolicy"]["Name"] or "no") for each in running}
