"""``pre_start``: what is run to its end before a container is first started, and when it is run again."""

from __future__ import annotations

import json

import pytest

from reconciler.core.difference.change import Action
from reconciler.providers.docker.table import labels
from tests.kit.docker.memory import Line, MemoryEngine, a_reconciler, a_stack, apply

HOOK = """
services:
  web:
    image: app:1
    mem_limit: 64m
    environment: {V: "1"}
    healthcheck: {test: "true"}
    networks: {default: {aliases: [w]}, back: {}}
    volumes: [data:/data, /unnamed]
    pre_start:
      - {command: [exit, "0", first], environment: {MORE: "2"}}
      - {image: "tool:1", command: [exit, "0", second]}
networks: {back: {}}
volumes: {data: {}}
"""
MANY = """
services:
  web:
    image: app:1
    scale: 3
    healthcheck: {test: "true"}
    deploy: {update_config: {parallelism: 0, order: stop-first}}
    pre_start:
      - {command: [exit, "0"]}
      - {command: [exit, "0", each], per_replica: true}
"""


@pytest.fixture
def engine():
    engine = MemoryEngine()
    for reference in ("app:1", "app:2", "tool:1"):
        engine.image(reference)
    return engine


@pytest.fixture
def settled(engine, folder):
    def settle(text):
        report = apply(a_stack(text, folder), engine)
        assert [event.note for event in report.failed] == []
        assert a_reconciler(a_stack(text, folder), engine).look().plan.in_sync

    return settle


def run_first(engine):
    """The containers that run before another one, oldest first."""
    return [body for body in engine.bodies if labels.is_of_a_hook((body or {}).get("Labels"))]


def change_of(engine, text, folder):
    (change,) = [c for c in a_reconciler(a_stack(text, folder), engine).look().plan.changes if c.address.name == "web"]
    return change


def test_each_is_made_run_and_gone_before_the_next_one_and_before_the_start(engine, settled):
    settled(HOOK)

    calls = [call for call in engine.writes if "/containers/" in call and "connect" not in call]
    ids = {call.split("/")[2] for call in calls if call.endswith("/start")}
    assert ids == {"p-web-1", "p-web-1.init"}
    one = ["POST /containers/create", "POST /containers/p-web-1.init/start", "DELETE /containers/p-web-1.init"]
    assert calls == ["POST /containers/create", *one, *one, "POST /containers/p-web-1/start"]
    assert engine.names == ["p-web-1"]


def test_it_is_the_services_container_with_what_the_hook_says_laid_over_it(engine, settled):
    settled(HOOK)

    first, second = run_first(engine)
    assert (first["Cmd"], first["Image"], first["Env"]) == (["exit", "0", "first"], "app:1", ["V=1", "MORE=2"])
    assert (second["Cmd"], second["Image"], second["Env"]) == (["exit", "0", "second"], "tool:1", ["V=1"])
    assert {body["HostConfig"]["Memory"] for body in (first, second)} == {64 << 20}
    assert [body["HostConfig"]["VolumesFrom"] for body in (first, second)] == [["p-web-1"], ["p-web-1"]]


def test_it_joins_the_networks_without_the_names_by_which_the_service_is_found(engine, settled):
    settled(HOOK)

    endpoints = [body["NetworkingConfig"]["EndpointsConfig"]["p_back"] for body in run_first(engine)]
    assert [endpoint["Aliases"] for endpoint in endpoints] == [[], []]
    assert sum(call == "POST /networks/p_default/connect" for call in engine.writes) == 3


def test_what_compose_knows_it_by(engine, settled):
    settled(HOOK)

    marks = run_first(engine)[0]["Labels"]
    assert marks == {
        "com.docker.compose.project": "p",
        "com.docker.compose.service": "web",
        "com.docker.compose.container-number": "1",
        "com.docker.compose.oneoff": "True",
        "com.docker.compose.hook": "pre_start",
    }


def test_one_that_was_stopped_is_started_without_them(engine, settled):
    settled(HOOK)
    Line(engine).post("/containers/p-web-1/stop")

    settled(HOOK)

    assert len(run_first(engine)) == 2


@pytest.mark.parametrize(
    ("said", "action"),
    [
        (("first]", "other]"), Action.REPLACE),
        (('MORE: "2"', 'MORE: "3"'), Action.REPLACE),
        (('V: "1"', 'V: "2"'), Action.REPLACE),
        (("64m", "96m"), Action.UPDATE),
        (("aliases: [w]", "aliases: [x]"), Action.UPDATE),
    ],
)
def test_they_are_run_again_when_they_change_or_the_container_is_made_anew(engine, settled, folder, said, action):
    settled(HOOK)
    changed = HOOK.replace(*said)

    change = change_of(engine, changed, folder)
    settled(changed)

    assert change.action is action
    assert len(run_first(engine)) == (4 if action is Action.REPLACE else 2)


def test_those_that_are_taken_out_ask_for_nothing(engine, settled, folder):
    settled(HOOK)

    assert change_of(
        engine, HOOK.partition("    pre_start")[0] + "networks: {back: {}}\nvolumes: {data: {}}", folder
    ).action is (Action.KEEP)


def test_one_that_compose_made_is_left_alone(engine, settled, folder):
    settled(HOOK)
    (container,) = engine.containers.values()
    del container["Config"]["Labels"][labels.BEFORE_START]
    container["Config"]["Labels"]["com.docker.compose.config-hash"] = "1234"

    assert change_of(engine, HOOK, folder).action is Action.KEEP


def test_where_one_fails_the_service_is_not_started_until_it_does_not(engine, folder, settled):
    report = apply(a_stack(HOOK.replace('"0", first', '"3"'), folder), engine)

    (failed,) = report.failed
    assert failed.note == "pre_start[0] failed with exit code 3; its last lines:\n    last words of p-web-1.init"
    assert not report.rolled_back
    assert engine.names == ["p-web-1"]
    assert next(iter(engine.containers.values()))["State"]["Status"] == "created"
    settled(HOOK)


@pytest.mark.parametrize("order", ["start-first", "stop-first"])
def test_where_one_fails_the_predecessor_serves_again(engine, folder, settled, order):
    text = HOOK.replace("data:/data, /unnamed", "data:/data:ro")
    text = text.replace("    pre_start", f"    deploy: {{update_config: {{order: {order}}}}}\n    pre_start")
    settled(text)
    (before,) = engine.containers

    report = apply(a_stack(text.replace('"0", second', '"4"'), folder), engine)

    assert report.rolled_back
    assert list(engine.containers) == [before]
    assert engine.containers[before]["State"]["Running"]


def test_they_are_run_once_for_all_containers_or_for_each(engine, settled):
    settled(MANY)

    beside = [(len(body["Cmd"]), *body["HostConfig"]["VolumesFrom"]) for body in run_first(engine)]
    assert sorted(beside) == [(2, "p-web-1"), (3, "p-web-1"), (3, "p-web-2"), (3, "p-web-3")]
    assert beside[0] == (2, "p-web-1")
    starts = [call for call in engine.writes if call.endswith("/start")]
    assert starts[0] == "POST /containers/p-web-1.init/start"


def test_where_the_one_for_all_fails_no_container_is_touched(engine, folder, settled):
    settled(MANY)
    running = {each["Id"] for each in engine.containers.values()}

    apply(a_stack(MANY.replace('{command: [exit, "0"]}', '{command: [exit, "5"]}'), folder), engine)

    assert {each["Id"] for each in engine.containers.values() if each["State"]["Running"]} == running


def test_another_container_more_is_no_reason_to_run_what_is_run_once(engine, settled):
    settled(MANY)
    engine.bodies.clear()

    settled(MANY.replace("scale: 3", "scale: 4"))

    assert [body["HostConfig"]["VolumesFrom"] for body in run_first(engine)] == [["p-web-4"]]


@pytest.mark.parametrize("is_there", [True, False], ids=["beside its service", "alone"])
def test_what_is_left_of_one_is_taken_away(engine, settled, is_there):
    if is_there:
        settled(HOOK)
    marks = {labels.PROJECT: "p", labels.SERVICE: "web", labels.HOOK: "pre_start"}
    Line(engine).post("/containers/create", {"Image": "app:1", "Labels": marks}, name="p-web-pre_start-0")

    settled(HOOK)

    assert engine.names == ["p-web-1"]


def test_the_label_does_not_tell_a_secret(engine, settled):
    text = HOOK.replace('MORE: "2"', "MORE: $DB_PASSWORD")

    def label(value):
        engine.containers.clear()
        settled("x-reconcile: {secrets: [DB_PASSWORD]}\n" + text.replace("$DB_PASSWORD", value))
        return next(iter(engine.containers.values()))["Config"]["Labels"][labels.BEFORE_START]

    assert label("one") != label("two")
    assert "one" not in json.dumps(label("one"))


def test_images_networks_and_volumes_that_only_a_hook_has_are_made(engine, folder):
    engine.registry["far:1"] = {}
    text = """
services:
  web:
    image: app:1
    healthcheck: {test: "true"}
    pre_start:
      - {image: "far:1", command: [exit, "0"], networks: [own], volumes: ["more:/more"]}
networks: {own: {}}
volumes: {more: {}}
"""
    report = apply(a_stack(text, folder), engine)

    assert not report.failed
    assert {"p_own", "p_default"} <= {each["Name"] for each in engine.networks.values()}
    assert "p_more" in engine.volumes
    (body,) = run_first(engine)
    assert body["HostConfig"]["Mounts"] == [{"Type": "volume", "Target": "/more", "Source": "p_more"}]
