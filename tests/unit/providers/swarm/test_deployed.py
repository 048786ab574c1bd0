"""A stack that `docker stack deploy` made is ours to look after without an update."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reconciler.core.difference.change import Action
from reconciler.providers.swarm.kinds import service
from tests.kit.swarm import memory
from tests.kit.swarm.memory import MemorySwarm, a_stack, differences

CASES = Path(__file__).parents[3] / "cases" / "swarm"
STACK = (CASES / "stack.yaml").read_text(encoding="utf-8")


@pytest.fixture(params=["28.5", "20.10"])
def swarm(request, monkeypatch):
    """A Swarm with what the Docker CLI made of the stack on a real engine, as that shows it."""
    monkeypatch.setattr(memory, "PROJECT", "demo")
    swarm = MemorySwarm()
    for section in swarm.objects:
        found = json.loads((CASES / f"{section}-{request.param}.json").read_text(encoding="utf-8"))
        swarm.objects[section] = {str(each.get("ID") or each.get("Id")): each for each in found}
    return swarm


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "conf.txt").write_text("hello\n", encoding="utf-8")
    (tmp_path / "key.txt").write_text("s3cret\n", encoding="utf-8")
    return tmp_path


def test_nothing_is_left_to_do(swarm, folder):
    assert differences(a_stack(STACK, folder), swarm) == {}


def test_a_restart_policy_that_the_cli_loses_is_seen(swarm, folder):
    lost = STACK.replace('plain: {image: "localhost/probe:1",', 'plain: {image: "localhost/probe:1", restart: "no",')

    change = differences(a_stack(lost, folder), swarm)["swarm.service/plain"]

    assert change.action is Action.REPLACE
    assert [".".join(each.path) for each in change.fields] == ["restart_policy.condition"]


def test_a_changed_config_is_seen_by_its_bytes(swarm, folder):
    (folder / "conf.txt").write_text("other\n", encoding="utf-8")

    found = differences(a_stack(STACK, folder), swarm)

    assert set(found) == {"swarm.config/conf", "swarm.service/web"}


def test_each_place_of_a_deployed_service_is_read(swarm):
    """A field that no row reads would drift unseen."""
    known = {row.at for row in service.ROWS.values()}
    unread = {
        path
        for each in swarm.objects["services"].values()
        for path in leaves(each["Spec"])
        if not any(path == at or path.startswith(f"{at}.") for at in known)
    }

    assert unread == {
        "Name",
        "TaskTemplate.ForceUpdate",
        "TaskTemplate.Runtime",
        "TaskTemplate.ContainerSpec.Isolation",
    }


def leaves(tree, path=""):
    if isinstance(tree, dict) and tree:
        for key, part in tree.items():
            yield from leaves(part, f"{path}.{key}" if path else key)
    elif tree != {}:
        yield path
