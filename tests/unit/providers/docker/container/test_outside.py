"""Containers and networks outside the project that a stack names."""

from __future__ import annotations

import itertools

import pytest

from reconciler.core.message.errors import Refused
from reconciler.providers.docker.container import outside
from tests.kit.docker.memory import Line, MemoryEngine, a_reconciler, a_stack, apply

EXTERNAL = """
services:
  web: {image: "app:1", networks: [theirs], volumes: ["data:/data"]}
networks: {theirs: {external: true, name: shared}}
volumes: {data: {external: true}}
"""


@pytest.fixture
def engine():
    engine = MemoryEngine()
    engine.image("app:1")
    return engine


def test_what_is_external_and_missing_is_said_before_anything_is_done(engine, folder):
    document = a_stack(EXTERNAL, folder)

    found = a_reconciler(document, engine).look().plan.obstacles

    assert [(problem.origin.line, problem.message) for problem in found] == [
        (4, "`shared` is declared as external but does not exist; create it, or drop `external`"),
        (5, "`data` is declared as external but does not exist; create it, or drop `external`"),
    ]


def test_a_container_that_does_not_run_is_no_reason_to_begin(engine, folder):
    document = a_stack('services: {web: {image: "app:1", network_mode: "container:far"}}', folder)

    with pytest.raises(Refused, match="`network_mode` names the container `far`"):
        apply(document, engine)

    assert not engine.writes


@pytest.mark.parametrize(
    ("found", "is_attached", "says"),
    [
        (None, True, "does not exist; create it first"),
        (None, False, "does not exist; create it first"),
        ({"State": {"Status": "exited"}}, True, "which is exited; start it first"),
        ({"State": {"Status": "restarting"}}, True, "which is restarting; start it first"),
        ({"State": {"Status": "exited"}}, False, ""),
        ({"State": {"Status": "paused"}}, True, ""),
        ({"State": {"Status": "running"}}, True, ""),
    ],
)
def test_which_container_can_be_used(found, is_attached, says):
    wanted = [{"container": "far", "at": "stack.yaml:1:1", "path": "pid", "is_attached": is_attached}]

    said = [message for _, message in outside.lacks(wanted, lambda _name: found)]

    assert [message.endswith(says) for message in said] == ([True] if says else [])


@pytest.mark.parametrize("spellings", list(itertools.product(["name", "id", "short id"], repeat=3)))
def test_one_container_may_be_named_in_several_ways(engine, folder, spellings):
    theirs = Line(engine).post("/containers/create", {"Image": "app:1"}, name="far")["Id"]
    Line(engine).post("/containers/far/start")
    network, pid, link = ({"name": "far", "id": theirs, "short id": theirs[:12]}[each] for each in spellings)
    text = f"""
services:
  web: {{image: "app:1", network_mode: "container:{network}", pid: "container:{pid}", ipc: "container:far"}}
  side: {{image: "app:1", network_mode: bridge, external_links: ["{link}:one", "far:two"]}}
"""

    apply(a_stack(text, folder), engine)

    assert a_reconciler(a_stack(text, folder), engine).look().plan.in_sync
