"""A stack on a Swarm of three managers: what a person sees and can do while nodes are drained and die.

`scripts/engines/three_nodes.py` makes the nodes. The tests are in the order of the file: the last one kills the leader.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from reconciler.providers.docker.engine.client import Engine
from tests.kit.cli import command
from tests.kit.swarm.engine import SLEEPS, WITHOUT_ADDRESS, a_stack

PATIENCE_S = 120
ROLLOUT = {**WITHOUT_ADDRESS, "update_config": {"monitor": "500ms", "parallelism": 1}}


def hosts():
    """The DOCKER_HOST of each node."""
    return json.loads(os.environ["RECONCILE_TEST_NODES"])


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """A stack that is asked for at the second manager: the first one is to die."""
    host = hosts()[1]
    engine = Engine({**os.environ, "DOCKER_HOST": host})
    with a_stack(tmp_path_factory.mktemp("stack"), engine, host) as stack:
        write(stack)
        stack.settle()
        yield stack
    engine.close()


def write(stack, text="one", **environment):
    web = {
        **SLEEPS,
        "environment": environment,
        "configs": ["settings"],
        "secrets": ["key"],
        "networks": ["back"],
        "stop_grace_period": "1s",
        "deploy": {**ROLLOUT, "replicas": 4},
    }
    everywhere = {**SLEEPS, "networks": ["back"], "stop_grace_period": "1s", "deploy": {**ROLLOUT, "mode": "global"}}
    (stack.directory / "key.txt").write_text(f"secret {text}", encoding="utf-8")
    stack.write(
        services={"web": web, "everywhere": everywhere},
        networks={"back": {"attachable": True}},
        configs={"settings": {"content": text}},
        secrets={"key": {"file": "key.txt"}},
    )


def eventually(holds):
    give_up_at = time.monotonic() + PATIENCE_S
    while not (found := holds()):
        assert time.monotonic() < give_up_at, holds
        time.sleep(0.5)
    return found


def placed(stack, service="web"):
    """The nodes of the tasks that serve."""
    names = {each["ID"]: each["Description"]["Hostname"] for each in stack.engine.get("/nodes")}
    tasks = stack.engine.get("/tasks", filters={"service": [stack.live(service)["ID"]], "desired-state": ["running"]})
    return [names[each["NodeID"]] for each in tasks if each["Status"]["State"] == "running"]


def nodes(stack):
    """Node → role and state, as `status` has them."""
    found = json.loads(stack.reconcile("status", "--format", "json").out)["nodes"]
    return {each["name"]: f"{each['role']}, {each['state']}" for each in found}


def kill(number):
    """End a node as a power cut does."""
    folder = Path(hosts()[number].removeprefix("unix://")).parent
    os.kill(int((folder / "node.pid").read_text()), signal.SIGKILL)


def test_a_stack_is_spread_over_the_nodes_and_then_left_alone(stack):
    assert sorted(placed(stack, "everywhere")) == ["node1", "node2", "node3"]
    assert len(placed(stack)) == 4
    before = stack.tasks()

    assert stack.differences() == {}
    assert {asked.partition(" ")[0] for asked in stack.asked} == {"GET"}
    assert stack.reconcile("diff").code == 0
    assert stack.tasks() == before
    assert nodes(stack) == {"node1": "leader, ready", "node2": "manager, ready", "node3": "manager, ready"}


def test_a_changed_config_and_secret_roll_over_all_nodes(stack):
    write(stack, "two")
    stack.settle()

    assert len(stack.mine("configs")) == len(stack.mine("secrets")) == 1


def test_a_command_is_run_here_and_one_for_a_task_elsewhere_names_its_node(stack):
    assert stack.reconcile("exec", "-T", "everywhere", "echo", "inside").out == "inside\n"

    tasks = stack.engine.get("/tasks", filters={"service": [stack.live()["ID"]], "desired-state": ["running"]})
    here = stack.engine.own["Swarm"]["NodeID"]
    slot = next(each["Slot"] for each in tasks if each["NodeID"] != here)
    ran = stack.reconcile("exec", "-T", "--index", str(slot), "web", "true")
    assert ran.code != 0
    assert "which is node2" in ran.err
    assert "it runs on node" in ran.err


def test_a_drained_node_loses_its_tasks_and_nothing_differs(stack):
    stack.docker("node", "update", "--availability", "drain", "node3")

    eventually(lambda: "node3" not in placed(stack) and len(placed(stack)) == 4)
    assert stack.reconcile("diff").code == 0
    assert nodes(stack)["node3"] == "manager, drained"
    stack.docker("node", "update", "--availability", "active", "node3")
    eventually(lambda: "node3" in placed(stack, "everywhere"))


def test_a_run_that_was_killed_is_finished_by_the_next_one(stack):
    write(stack, "three", A="1")
    before = stack.live()["Version"]["Index"]
    with subprocess.Popen(command(["apply"]), cwd=stack.directory, env=stack.environment) as process:
        eventually(lambda: stack.live()["Version"]["Index"] != before)
        process.kill()

    eventually(lambda: stack.reconcile("unlock", "--yes").code == 0)
    assert stack.reconcile("apply", "--yes").code == 0
    assert stack.differences() == {}
    assert len(stack.mine("configs")) == len(stack.mine("secrets")) == 1


def test_a_leader_that_dies_is_replaced_and_its_tasks_as_well(stack):
    kill(0)

    eventually(lambda: "node1" not in placed(stack) and len(placed(stack)) == 4)
    assert stack.reconcile("diff").code == 0
    state = eventually(lambda: (found := nodes(stack)) and "leader, ready" in found.values() and found)
    assert state["node1"].startswith("manager, down")
    assert "not reachable as a manager" in state["node1"]

    ran = stack.reconcile("doctor", "--format", "json")
    assert ran.code == 2
    assert {"node-down", "manager-lost"} <= {each["code"] for each in json.loads(ran.out)["findings"]}

    write(stack, "four", A="2")
    assert stack.reconcile("apply", "--yes").code == 0
    assert stack.differences() == {}
