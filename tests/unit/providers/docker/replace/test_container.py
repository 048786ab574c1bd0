"""The steps of one container: the least disruptive calls, in an order in which each makes the next possible."""

from __future__ import annotations

import pytest

from reconciler.core.plan.plan import make
from reconciler.providers.docker.container.rollout import STEADY_S
from reconciler.providers.docker.replace.steps import BUILD_TIMEOUT_S, PULL_TIMEOUT_S
from reconciler.providers.docker.table.names import STARTED
from tests.kit.docker.memory import Line, MemoryEngine, a_provider, a_stack, apply

WEB = """
services:
  web:
    image: app:1
    environment: {V: "1"}
    mem_limit: 64m
    restart: always
    stop_grace_period: 7s
    healthcheck: {test: "true", interval: 1s, timeout: 1s, retries: 1}
    networks: [back, front]
    volumes: [/unnamed]
networks: {back: {}, front: {}}
"""
OTHER = WEB.replace('V: "1"', 'V: "2"')


@pytest.fixture
def world(folder):
    """The steps from one file to another, after what somebody did by hand."""
    engine = MemoryEngine()
    for reference in ("app:1", "app:2"):
        engine.image(reference)

    def steps(before, after, by_hand=()):
        apply(a_stack(before, folder), engine)
        for path, body, params in by_hand:
            Line(engine).post(path, body, **params)
        provider = a_provider(engine)
        desired = list(provider.expand(a_stack(after, folder)))
        found = make({"docker": provider}, desired, provider.observe(desired), prunes=lambda _: True)
        return [step for step in found.steps if step.address.kind == "docker.container"]

    steps.engine = engine
    return steps


def by_hand(call, **params):
    return (f"/containers/p-web-1/{call}", params.pop("body", {}), params)


def verbs(steps):
    return [step.verb for step in steps]


def only(steps, verb):
    (found,) = [step for step in steps if step.verb == verb]
    return found


def test_no_difference_is_no_step(world):
    assert world(WEB, WEB) == []


def test_nothing_is_stopped_before_the_successor_exists_and_nothing_removed_before_it_is_ready(world):
    steps = world(WEB, OTHER)

    assert verbs(steps) == [
        "container.create",
        "network.connect",
        "container.update",
        "container.stop",
        "container.rename",
        "container.rename",
        "container.start",
        "container.wait",
        "container.remove",
    ]
    assert [step.after for step in steps[1:]] == [frozenset({step.id}) for step in steps[:-1]]


def test_the_names_tell_how_far_a_replacement_has_come(world):
    steps = world(WEB, OTHER)
    live = next(iter(world.engine.containers))

    assert [dict(step.args) for step in steps if step.verb == "container.rename"] == [
        {"container": live, "name": "p-web-1.prev", "is_to_go": True},
        {"container": "p-web-1.next", "name": "p-web-1"},
    ]
    assert only(steps, "container.create").args["name"] == "p-web-1.next"
    assert only(steps, "container.remove").args["container"] == live


def test_a_predecessor_is_kept_down_and_given_the_time_it_was_promised(world):
    steps = world(WEB, OTHER)

    assert only(steps, "container.update").args["body"] == {"RestartPolicy": {"Name": "no"}}
    assert only(steps, "container.stop").args["grace_s"] == 7
    assert only(steps, "container.stop").timeout_s > 7


def test_a_successor_is_waited_for_until_the_engine_must_have_judged_it(world):
    steps = world(WEB, OTHER)

    wait = only(steps, "container.wait")
    assert (wait.args["until"], wait.hold_s, wait.timeout_s) == ("ready", STEADY_S, 60.0 + 2 * 2.0)


def test_until_it_is_ready_every_step_of_a_successor_has_the_same_way_back(world):
    steps = world(WEB, OTHER)

    back, *others = [step.on_failure for step in steps if step.on_failure]
    assert verbs([step for step in steps if step.on_failure]) == verbs(steps)[2:-1]
    assert others == [back] * len(others)
    assert verbs(back) == ["container.give-way", "container.update", "container.rename", "container.start"]
    assert back[0].args["containers"] == ("p-web-1.next", "p-web-1")
    assert back[1].args["body"] == {"RestartPolicy": {"Name": "always", "MaximumRetryCount": 0}}
    assert {step.args["container"] for step in back[1:]} == {back[0].args["keeps"]}


def test_a_volume_without_a_name_goes_along(world):
    steps = world(WEB, OTHER)

    (volume,) = world.engine.volumes
    mounts = only(steps, "container.create").args["body"]["HostConfig"]["Mounts"]
    assert mounts == [{"Type": "volume", "Target": "/unnamed", "Source": volume}]


def test_a_volume_without_a_name_that_gets_one_stays_behind(world):
    named = OTHER.replace("[/unnamed]", "[data:/unnamed]") + "volumes: {data: {}}\n"

    steps = world(WEB, named)

    mounts = only(steps, "container.create").args["body"]["HostConfig"]["Mounts"]
    assert mounts == [{"Type": "volume", "Target": "/unnamed", "Source": "p_data"}]


def test_a_container_joins_its_first_network_when_it_is_made_and_the_others_before_it_starts(world):
    steps = world("services: {}\n", WEB)

    body = only(steps, "container.create").args["body"]
    assert list(body["NetworkingConfig"]["EndpointsConfig"]) == ["p_back"]
    assert verbs(steps) == ["container.create", "network.connect", "container.start", "container.wait"]
    assert only(steps, "network.connect").args["network"] == "p_front"


def test_memory_changes_together_with_its_swap(world):
    steps = world(WEB, WEB.replace("64m", "96m"))

    assert verbs(steps) == ["container.update"]
    assert steps[0].args["body"] == {"Memory": 96 << 20, "MemorySwap": 192 << 20}


def test_swap_that_is_declared_is_sent_as_declared(world):
    text = WEB.replace("mem_limit: 64m", "mem_limit: 64m\n    memswap_limit: 80m")

    steps = world(WEB, text)

    assert steps[0].args["body"] == {"Memory": 64 << 20, "MemorySwap": 80 << 20}


def test_all_repairs_in_place_go_one_after_the_other(world):
    hand = [
        by_hand("stop"),
        by_hand("update", body={"RestartPolicy": {"Name": "no"}, "PidsLimit": 5}),
        ("/networks/p_front/disconnect", {"Container": "p-web-1"}, {}),
        ("/networks/bridge/connect", {"Container": "p-web-1"}, {}),
        by_hand("rename", name="somebody"),
    ]

    steps = world(WEB, WEB.replace("restart: always", "restart: always\n    pids_limit: 9"), hand)

    assert [step.id.partition(":")[2] for step in steps] == [
        "container.rename",
        "container.update",
        "disconnect:bridge",
        "connect:front",
        "container.start",
        "container.wait",
    ]


def test_what_was_paused_is_not_judged_by_the_health_checks_it_missed(world):
    steps = world(WEB, WEB, [by_hand("pause")])

    assert verbs(steps) == ["container.unpause", "container.wait"]
    assert steps[1].args["may_recover"] is True


def test_a_job_makes_room_before_it_is_made_again(world):
    job = "services:\n  web: {image: 'app:1', command: [exit, '0'], x-reconcile: {job: true}}\n"

    steps = world(job, job.replace("app:1", "app:2"))

    assert verbs(steps) == [
        "container.stop",
        "container.remove",
        "container.create",
        "container.start",
        "container.wait",
    ]
    assert only(steps, "container.wait").args["until"] == "finished"


@pytest.mark.parametrize("verb", ["container.start", "container.unpause"])
def test_who_needs_it_only_started_may_go_on_then(world, verb):
    hand = {"container.start": "stop", "container.unpause": "pause"}[verb]

    assert only(world(WEB, WEB, [by_hand(hand)]), verb).milestone == STARTED


NEEDS = """
services:
  db: {{image: "app:1", healthcheck: {{test: "true"}}}}
  web: {{image: "{image}", depends_on: {{db: {{condition: {condition}}}}}}}
"""


@pytest.mark.parametrize(
    ("condition", "starting", "image", "waits"),
    [
        ("service_healthy", True, "app:2", ["docker.container/db:container.wait"]),
        ("service_healthy", False, "app:2", []),
        ("service_started", True, "app:2", []),
        ("service_healthy", True, "app:1", []),
    ],
    ids=["starting", "ready", "only started", "nobody acts"],
)
def test_a_kept_container_is_waited_for_where_somebody_who_acts_needs_it(world, condition, starting, image, waits):
    before = NEEDS.format(image="app:1", condition=condition)
    hand = [(f"/containers/p-db-1/{call}", {}, {}) for call in ("stop", "start")] if starting else []

    steps = world(before, NEEDS.format(image=image, condition=condition), hand)

    assert [step.id for step in steps if step.address.name == "db"] == waits


def test_pulls_and_builds_are_given_time(world, folder):
    (folder / "Dockerfile").write_text("FROM scratch\n")
    provider = a_provider(world.engine)
    text = "services:\n  pulled: {image: 'new:1'}\n  built: {build: .}\n"

    steps = make({"docker": provider}, provider.expand(a_stack(text, folder)), []).steps

    times = {step.verb: step.timeout_s for step in steps}
    assert (times["image.pull"], times["image.build"]) == (PULL_TIMEOUT_S, BUILD_TIMEOUT_S)


def test_who_uses_a_network_leaves_before_it_goes(world, folder):
    apply(a_stack(WEB, folder), world.engine)
    provider = a_provider(world.engine)

    plan = make({"docker": provider}, [], provider.observe([]), prunes=lambda live: live.address.kind != "docker.image")

    order = [step.id for step in plan.steps]
    assert max(map(order.index, [i for i in order if "container" in i.split("/")[0]])) < min(
        map(order.index, [i for i in order if "network" in i.split("/")[0]])
    )
