"""Stacks on a real Swarm of one node. They share one engine, which is started for them and is gone afterwards."""

from __future__ import annotations

import json

from reconciler.core.difference.change import Action
from reconciler.core.difference.kind import Effect
from reconciler.core.resource.values import ABSENT
from tests.kit.cli import reconcile
from tests.kit.docker.engine import PROBE
from tests.kit.swarm.engine import QUICK, SLEEPS, WITHOUT_ADDRESS
from tests.kit.swarm.fields import ROWS

MOST_REQUESTS = 6


def test_a_stack_is_made_and_then_left_alone(stack):
    stack.write(
        networks={"back": {"attachable": True}},
        volumes={"data": {"labels": {"a": "b"}}},
        configs={"settings": {"content": "one"}},
        secrets={"key": {"file": "key.txt"}},
        services={
            "web": {
                **SLEEPS,
                "deploy": {**QUICK, "replicas": 2, "labels": {"outer": "x"}},
                "environment": {"A": "1"},
                "labels": {"inner": "y"},
                "networks": ["back"],
                "volumes": ["data:/data"],
                "configs": ["settings"],
                "secrets": ["key"],
                "healthcheck": {
                    "test": "grep -q one /settings && grep -q s3cret /run/secrets/key",
                    "interval": "500ms",
                },
                "depends_on": {"first": {"condition": "service_completed_successfully"}},
            },
            "first": {"image": PROBE, "command": ["true"], "networks": ["back"], "deploy": WITHOUT_ADDRESS},
        },
    )
    (stack.directory / "key.txt").write_text("s3cret", encoding="utf-8")

    stack.settle()

    before = stack.tasks()
    assert len(before) == 2
    assert stack.reconcile("apply").code == 0
    assert stack.differences() == {}
    assert len(stack.asked) <= MOST_REQUESTS
    assert {asked.partition(" ")[0] for asked in stack.asked} == {"GET"}
    assert stack.tasks() == before
    assert stack.reconcile("diff").code == 0
    (web,) = [each for each in json.loads(stack.reconcile("status", "--format", "json").out)["resources"]
              if each["address"] == "swarm.service/web"]  # fmt: skip
    assert web["note"] == "2 of 2 tasks running"


def test_a_deployed_stack_is_taken_over_without_an_update(stack, tmp_path_factory):
    compose = {"services": {"web": {**SLEEPS, "networks": ["back"], "configs": ["settings"], "deploy": QUICK}},
               "networks": {"back": {}}, "configs": {"settings": {"file": "settings.txt"}}}  # fmt: skip
    (stack.directory / "settings.txt").write_text("one", encoding="utf-8")
    deployed = stack.directory / "deployed.yaml"
    deployed.write_text(json.dumps({"version": "3.8", **compose}), encoding="utf-8")
    stack.docker("stack", "deploy", "--compose-file", str(deployed), stack.name)
    stack.write(**compose)

    assert stack.differences() == {}

    adopting = tmp_path_factory.mktemp("adopting")
    ran = reconcile("adopt", stack.name, cwd=adopting, env={"DOCKER_HOST": stack.host})
    assert ran.code == 0, ran.err
    assert "engine: swarm" in (adopting / "stack.yaml").read_text(encoding="utf-8")

    version = stack.live()["Spec"]
    stack.service("other", networks=["back"])
    stack.settle()
    assert stack.live()["Spec"] == version


def test_what_docker_service_update_changed_is_named_and_repaired(stack):
    stack.service(environment={"A": "1"}, deploy={**QUICK, "replicas": 1})
    stack.settle()
    web = f"{stack.name}_web"

    stack.docker("service", "update", "--detach", "--env-add", "A=2", "--limit-memory", "64M", "--replicas", "2",
                 "--label-add", "x=y", "--restart-condition", "none", web)  # fmt: skip

    change = stack.differences()["swarm.service/web"]
    assert {".".join(each.path): (each.before, each.after) for each in change.fields} == {
        "environment.A": ("2", "1"),
        "mem_limit": (64 << 20, ABSENT),
        "replicas": (2, 1),
        "deploy.labels.x": ("y", ABSENT),
        "restart_policy.condition": ("none", "any"),
    }
    stack.settle()
    assert len(stack.tasks()) == 1


def test_a_changed_config_and_secret_move_the_service_and_the_old_ones_go(stack):
    stack.write(configs={"settings": {"content": "one"}}, secrets={"key": {"file": "key.txt"}})
    (stack.directory / "key.txt").write_text("old", encoding="utf-8")
    stack.service(configs=["settings"], secrets=["key"])
    stack.settle()
    assert (stack.mine("configs"), stack.mine("secrets")) == ([f"{stack.name}_settings"], [f"{stack.name}_key"])
    before = stack.tasks()

    (stack.directory / "key.txt").write_text("new", encoding="utf-8")
    stack.write(configs={"settings": {"content": "two"}})
    stack.settle()

    (config,), (secret,) = stack.mine("configs"), stack.mine("secrets")
    assert config.startswith(f"{stack.name}_settings_")
    assert secret.startswith(f"{stack.name}_key_")
    assert len(stack.tasks()) == 1
    assert not stack.tasks() & before


def test_a_failed_update_is_taken_back_by_the_swarm_and_reported(stack):
    stack.service(deploy={**QUICK, "update_config": {"monitor": "2s", "failure_action": "rollback"}})
    stack.settle()
    before = stack.live()["Spec"]["TaskTemplate"]["ContainerSpec"]["Args"]

    stack.service(command=["sh", "-c", "echo out of paper; exit 3"],
                  deploy={**QUICK, "update_config": {"monitor": "2s", "failure_action": "rollback"}})  # fmt: skip
    ran = stack.reconcile("apply")

    assert ran.code == 7
    assert "non-zero exit (3)" in ran.err + ran.out
    assert "out of paper" in ran.err + ran.out
    assert stack.live()["Spec"]["TaskTemplate"]["ContainerSpec"]["Args"] == before


def test_down_leaves_nothing_and_commands_work_before(stack):
    stack.service(command=["sh", "-c", "echo hello there; exec sleep 3600"])
    stack.settle()

    assert "hello there" in stack.reconcile("logs", "web").out
    assert stack.reconcile("exec", "-T", "web", "echo", "inside").out == "inside\n"
    (node,) = json.loads(stack.reconcile("status", "--format", "json").out)["nodes"]
    assert (node["role"], node["state"]) == ("leader", "ready")
    assert stack.reconcile("doctor").code == 0
    assert stack.reconcile("down").code == 0
    assert [stack.mine(section) for section in ("services", "networks", "configs", "secrets")] == [[], [], [], []]


def test_each_field_is_made_seen_and_repaired(stack):
    """Services without tasks: what a manager keeps and shows is all that counts here, and takes no time."""
    rows = [row for row in ROWS if row.api <= stack.engine.api_version and row.field != "replicas"]

    def written(value_of):
        services = {}
        for number, row in enumerate(rows):
            attributes = row.attributes(value_of(row))
            deploy = {**attributes["deploy"], "replicas": 0}
            services[f"s{number}"] = {**attributes, "image": PROBE, "deploy": deploy}
        stack.write(services=services, volumes={"data": {}})

    written(lambda row: row.value)
    stack.settle()

    for number, row in enumerate(rows):
        live = stack.live(f"s{number}")
        for path, value in row.hand.items():
            put(live["Spec"], path, value)
        stack.engine.post(f"/services/{live['ID']}/update", live["Spec"], version=live["Version"]["Index"])
    found = stack.differences()
    unseen = [row.service for number, row in enumerate(rows) if f"swarm.service/s{number}" not in found]
    assert unseen == []
    assert {
        row.service for number, row in enumerate(rows) if not is_about(found[f"swarm.service/s{number}"], row)
    } == set()
    stack.settle()

    written(lambda row: row.other)
    changed = stack.differences()
    assert len(changed) == len(rows)
    assert all(change.action in (Action.UPDATE, Action.REPLACE) for change in changed.values())
    stack.settle()


def put(tree, path, value):
    *above, last = path.split(".")
    for key in above:
        tree = tree.setdefault(key, {})
    tree[last] = value


def is_about(change, row):
    about = "logging" if row.attribute == "logging" else row.field
    names = {".".join(each.path) for each in change.fields if each.effect is not Effect.NOTE}
    return all(name == about or name.startswith(f"{about}.") for name in names)
