"""Whole passes over a Swarm: the order of what is done, what a killed run leaves, and what a failed update comes to."""

from __future__ import annotations

import json

import pytest

from reconciler.core.difference.change import Action
from reconciler.core.execution.report import What
from reconciler.core.message.errors import Conflict, Refused, Unreachable
from reconciler.run.reconciliation.remove import kinds_to_remove, removal
from tests.kit.swarm.memory import (
    PROJECT,
    MemorySwarm,
    a_node,
    a_provider,
    a_reconciler,
    a_stack,
    apply,
    differences,
    settled,
)

MOST_REQUESTS = 6
"""For a look at which nothing differs, whatever the number of services."""

WEB = """\
services:
  web:
    image: app:1
    configs: [settings]
    secrets: [key]
    networks: [back]
networks: {back: {attachable: true}}
configs: {settings: {content: "one"}}
secrets: {key: {environment: KEY}}
"""


@pytest.fixture
def swarm(tmp_path):
    swarm = MemorySwarm()
    settled(a_stack(WEB, tmp_path, KEY="old"), swarm)
    swarm.calls.clear()
    return swarm


def test_a_stack_is_made_in_order(tmp_path):
    swarm = MemorySwarm()

    settled(a_stack(WEB, tmp_path, KEY="old"), swarm)

    assert sorted(swarm.calls[:3]) == ["POST /configs/create", "POST /networks/create", "POST /secrets/create"]
    assert swarm.calls[3:] == ["POST /services/create"]
    assert swarm.names("configs") == ["shop_settings"]
    assert swarm.names("services") == ["shop_web"]


def test_a_second_run_sends_nothing(swarm, tmp_path):
    settled(a_stack(WEB, tmp_path, KEY="old"), swarm)

    assert swarm.calls == []


@pytest.mark.parametrize(
    ("text", "key", "section", "name"),
    [
        (WEB.replace('"one"', '"two"'), "old", "configs", "shop_settings"),
        (WEB, "new", "secrets", "shop_key"),
        (WEB.replace("{environment: KEY}", "{environment: KEY, name: other}"), "old", "secrets", "other"),
    ],
)
def test_a_changed_file_is_a_new_object_and_the_old_one_goes_last(text, key, section, name, tmp_path):
    swarm = MemorySwarm()
    settled(a_stack(WEB, tmp_path, KEY="old"), swarm)
    swarm.calls.clear()
    document = a_stack(text, tmp_path, KEY=key)

    assert set(differences(document, swarm)) == {
        f"swarm.{section.removesuffix('s')}/{'settings' if section == 'configs' else 'key'}",
        "swarm.service/web",
    }
    settled(document, swarm)

    made, moved, removed = swarm.calls
    assert (made, moved) == (f"POST /{section}/create", "POST /services/shop_web/update")
    assert removed.startswith(f"DELETE /{section}/")
    (left,) = swarm.names(section)
    assert left.startswith(f"{name}_")


def test_a_content_that_comes_back_is_a_new_object_again(swarm, tmp_path):
    settled(a_stack(WEB.replace('"one"', '"two"'), tmp_path, KEY="old"), swarm)
    settled(a_stack(WEB, tmp_path, KEY="old"), swarm)

    assert len(swarm.names("configs")) == 1


def test_a_secret_is_not_in_its_label(swarm):
    (secret,) = swarm.objects["secrets"].values()

    assert "old" not in str(secret["Spec"]["Labels"])
    assert secret["Spec"]["Labels"]["reconcile.digest"]


def test_an_old_config_stays_where_the_move_away_from_it_failed(swarm, tmp_path):
    swarm.works = lambda spec: spec["TaskTemplate"]["ContainerSpec"]["Configs"][0]["ConfigName"] == "shop_settings"

    report = apply(a_stack(WEB.replace('"one"', '"two"'), tmp_path, KEY="old"), swarm)

    assert report.rolled_back
    assert "shop_settings" in swarm.names("configs")
    assert swarm.service("web")["Spec"]["TaskTemplate"]["ContainerSpec"]["Configs"][0]["ConfigName"] == "shop_settings"


@pytest.mark.parametrize("action", ["", "rollback"])
def test_a_failed_update_is_taken_back_with_the_error_and_the_last_lines(action, swarm, tmp_path):
    rollout = f"    deploy: {{update_config: {{failure_action: {action}}}}}\n" if action else ""
    text = WEB.replace("image: app:1\n", f"image: app:1\n{rollout}")
    settled(a_stack(text, tmp_path, KEY="old"), swarm)
    swarm.works = lambda spec: spec["TaskTemplate"]["ContainerSpec"]["Image"] == "app:1"

    report = apply(a_stack(text.replace("app:1", "app:2"), tmp_path, KEY="old"), swarm)

    assert report.rolled_back
    assert swarm.service("web")["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"] == "app:1"


def test_a_failed_update_stays_where_the_file_says_pause(swarm, tmp_path):
    text = WEB.replace("app:1", "app:1\n    deploy: {update_config: {failure_action: pause}}")
    settled(a_stack(text, tmp_path, KEY="old"), swarm)
    swarm.works = lambda spec: spec["TaskTemplate"]["ContainerSpec"]["Image"] == "app:1"
    document = a_stack(text.replace("app:1", "app:2"), tmp_path, KEY="old")

    report = apply(document, swarm)

    assert report.failed
    assert not report.rolled_back
    (failed,) = report.failed
    assert "task: non-zero exit (3)" in failed.note
    assert "oh no" in failed.note
    (status,) = [each for each in a_reconciler(document, swarm).status() if each.address.kind == "swarm.service"]
    assert "paused" in status.note


def test_tasks_without_a_node_are_explained_and_the_update_is_taken_back(swarm, tmp_path):
    wanted = WEB.replace("app:1", "app:1\n    deploy: {placement: {constraints: [node.labels.disk == ssd]}}")
    swarm.fits = lambda spec: not spec["TaskTemplate"].get("Placement")

    report = apply(a_stack(wanted, tmp_path, KEY="old"), swarm)

    (failed,) = report.failed
    assert "no suitable node" in failed.note
    assert "node one: is not node.labels.disk == ssd" in failed.note
    assert report.rolled_back
    assert "Placement" not in swarm.service("web")["Spec"]["TaskTemplate"]


def test_tasks_that_end_again_and_again_are_given_up(tmp_path):
    swarm = MemorySwarm()
    swarm.ends = lambda _spec: True

    report = apply(a_stack("services:\n  web: {image: app:1}\n", tmp_path), swarm)

    (failed,) = report.failed
    assert "its tasks end again and again; its last task complete" in failed.note
    assert "oh no" in failed.note


def test_the_state_of_a_service_names_the_nodes_that_take_no_tasks(swarm, tmp_path):
    swarm.fits = lambda _spec: False
    swarm.node = a_node("n1", "one", availability="drain")

    (status,) = [
        each
        for each in a_reconciler(a_stack(WEB, tmp_path, KEY="old"), swarm).status()
        if each.address.kind == "swarm.service"
    ]

    assert "0 of 1 tasks running" in status.note
    assert "node one is drained" in status.note


def test_a_restart_replaces_all_tasks_and_changes_nothing(swarm, tmp_path):
    a_provider(swarm).restart("web", timeout_s=None)

    assert swarm.service("web")["Spec"]["TaskTemplate"]["ForceUpdate"] == 1
    assert differences(a_stack(WEB, tmp_path, KEY="old"), swarm) == {}
    with pytest.raises(Conflict):
        a_provider(swarm).restart("other", timeout_s=None)


def test_a_profile_of_seccomp_is_compared_by_its_meaning(tmp_path):
    swarm, profile = MemorySwarm(), tmp_path / "profile.json"
    text = "services:\n  web: {image: app:1, security_opt: ['seccomp:profile.json']}\n"
    profile.write_text('{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": []}', encoding="utf-8")
    settled(a_stack(text, tmp_path), swarm)
    assert swarm.service("web")["Spec"]["TaskTemplate"]["ContainerSpec"]["Privileges"]["Seccomp"]["Mode"] == "custom"

    profile.write_text('{"syscalls": [],\n "defaultAction": "SCMP_ACT_ALLOW"}', encoding="utf-8")
    assert differences(a_stack(text, tmp_path), swarm) == {}

    profile.write_text('{"defaultAction": "SCMP_ACT_ERRNO"}', encoding="utf-8")
    (change,) = differences(a_stack(text, tmp_path), swarm).values()
    assert "SCMP" not in str(change.fields)
    settled(a_stack(text, tmp_path), swarm)


def test_what_a_manager_is_too_old_for_is_known_before_and_changes_nothing(tmp_path):
    swarm = MemorySwarm(api=(1, 41))
    settled(a_stack("services:\n  web: {image: app:1}\n", tmp_path), swarm)
    swarm.calls.clear()
    text = "services:\n  web: {image: app:1, security_opt: [no-new-privileges], deploy: {mode: global}}\n"
    document = a_stack(text, tmp_path)

    (obstacle,) = a_reconciler(document, swarm).look().plan.obstacles
    with pytest.raises(Refused, match="services.web.security_opt needs Docker 25.0 or newer"):
        apply(document, swarm)

    assert "services.web.security_opt needs Docker 25.0 or newer" in str(obstacle)
    assert swarm.calls == []


def test_a_network_is_made_anew_between_two_lives_of_its_services(swarm, tmp_path):
    document = a_stack(WEB.replace("attachable: true", "internal: true"), tmp_path, KEY="old")

    settled(document, swarm)

    kinds = [call.rpartition("/")[0] if call.startswith("DELETE") else call for call in swarm.calls]
    assert kinds == ["DELETE /services", "DELETE /networks", "POST /networks/create", "POST /services/create"]


def test_another_mode_is_another_service(swarm, tmp_path):
    settled(a_stack(WEB.replace("app:1", "app:1\n    deploy: {mode: global}"), tmp_path, KEY="old"), swarm)

    assert swarm.calls[1:] == ["POST /services/create"]
    assert swarm.calls[0].startswith("DELETE /services/")


def test_what_somebody_else_made_under_the_name_of_a_rotated_one_is_left(swarm, tmp_path):
    settled(a_stack(WEB.replace("one", "two"), tmp_path, KEY="old"), swarm)
    swarm.post("/configs/create", {"Name": "shop_settings", "Labels": {}, "Data": "eA=="})

    settled(a_stack(WEB.replace("one", "two"), tmp_path, KEY="old"), swarm)
    assert "shop_settings" in swarm.names("configs")
    list(
        removal(
            a_reconciler(a_stack(WEB, tmp_path, KEY="old"), swarm),
            kinds_to_remove(a_provider(swarm).kinds.values(), volumes=True),
        )
    )

    assert swarm.names("configs") == ["shop_settings"]


@pytest.mark.parametrize("section", ["networks", "configs", "secrets", "services"])
def test_down_leaves_what_somebody_else_made(tmp_path, section):
    swarm = MemorySwarm()
    settled(a_stack(WEB, tmp_path, KEY="old"), swarm)
    for each in swarm.objects[section].values():
        each.get("Spec", each)["Labels"] = {}
    theirs = set(swarm.names(section))

    list(
        removal(
            a_reconciler(a_stack(WEB, tmp_path, KEY="old"), swarm),
            kinds_to_remove(a_provider(swarm).kinds.values(), volumes=True),
        )
    )

    assert theirs == set(swarm.names(section))


def test_services_come_in_the_order_of_their_needs(tmp_path):
    swarm = MemorySwarm()
    text = """\
services:
  web: {image: app:1, depends_on: {migration: {condition: service_completed_successfully}}}
  migration: {image: job:1, depends_on: {db: {condition: service_healthy}}}
  db: {image: db:1}
"""

    settled(a_stack(text, tmp_path), swarm)

    made = [each["Spec"]["Name"] for each in swarm.objects["services"].values()]
    assert made == ["shop_db", "shop_migration", "shop_web"]
    assert swarm.service("migration")["Spec"]["Mode"] == {"ReplicatedJob": {}}
    assert swarm.service("migration")["Spec"]["TaskTemplate"]["RestartPolicy"]["Condition"] == "none"


def test_a_scale_by_hand_stays_where_the_file_has_no_number(swarm, tmp_path):
    swarm.service("web")["Spec"]["Mode"]["Replicated"]["Replicas"] = 4

    assert differences(a_stack(WEB, tmp_path, KEY="old"), swarm) == {}


def test_what_is_no_longer_declared_goes_with_the_last_user_first(swarm, tmp_path):
    document = a_stack("services:\n  other: {image: app:1}\n", tmp_path)

    found = differences(document, swarm)
    assert {str(address) for address, change in found.items() if change.action is Action.DELETE} == {
        "swarm.service/web",
        "swarm.network/back",
        "swarm.config/settings",
        "swarm.secret/key",
    }
    settled(document, swarm)
    assert swarm.names("services") == ["shop_other"]
    assert swarm.names("secrets") == swarm.names("configs") == []


def test_what_only_an_inactive_service_needs_is_left_alone(swarm, tmp_path):
    inactive = WEB.replace("image: app:1", "image: app:1\n    profiles: [later]")
    document = a_stack(inactive.replace("services:", "services:\n  other: {image: app:1}"), tmp_path, KEY="old")

    assert set(differences(document, swarm)) == {"swarm.service/other", "swarm.network/default"}


def test_what_somebody_else_made_is_not_taken_over(tmp_path):
    swarm = MemorySwarm()
    swarm.post("/configs/create", {"Name": "shop_settings", "Labels": {}, "Data": "eA=="})

    look = a_reconciler(a_stack(WEB, tmp_path, KEY="old"), swarm).look()

    assert [str(refusal.address) for refusal in look.plan.refusals] == ["swarm.config/settings"]


def test_a_look_at_many_services_is_a_few_requests(tmp_path):
    swarm = MemorySwarm()
    text = "services:\n{}configs: {{settings: {{content: one}}}}\n"
    services = [f"  s{number}: {{image: app:1, configs: [settings]}}\n" for number in range(200)]
    settled(a_stack(text.format(services[0]), tmp_path), swarm)
    (first,) = map(json.dumps, swarm.objects["services"].values())
    for number in range(1, len(services)):
        made = first.replace('"s0"', f'"s{number}"').replace(f"{PROJECT}_s0", f"{PROJECT}_s{number}")
        swarm.objects["services"][f"s{number}"] = {**json.loads(made), "ID": f"s{number}"}
    document = a_stack(text.format("".join(services)), tmp_path)
    swarm.asked.clear()

    assert differences(document, swarm) == {}
    assert len(swarm.asked) <= MOST_REQUESTS


def test_down_leaves_nothing(swarm, tmp_path):
    reconciler = a_reconciler(a_stack(WEB, tmp_path, KEY="old"), swarm)

    list(removal(reconciler, kinds_to_remove(a_provider(swarm).kinds.values(), volumes=False)))

    assert all(not objects for objects in swarm.objects.values())


def test_the_newest_image_is_had_where_the_file_asks_for_it(tmp_path):
    swarm = MemorySwarm()
    swarm.registry["app:1"] = "sha256:aa"
    document = a_stack("services:\n  web: {image: app:1, pull_policy: always}\n", tmp_path)
    settled(document, swarm)
    assert swarm.service("web")["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"] == "app:1@sha256:aa"

    swarm.registry["app:1"] = "sha256:bb"

    assert set(differences(document, swarm)) == {"swarm.service/web"}
    settled(document, swarm)
    assert swarm.service("web")["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"] == "app:1@sha256:bb"


def test_a_registry_that_is_away_moves_no_image(swarm, tmp_path):
    swarm.registry["app:1"] = "sha256:aa"
    settled(a_stack(WEB.replace("app:1", "app:1\n    user: a"), tmp_path, KEY="old"), swarm)
    swarm.registry.clear()

    settled(a_stack(WEB.replace("app:1", "app:1\n    user: b"), tmp_path, KEY="old"), swarm)

    assert swarm.service("web")["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"] == "app:1"


# ------------------------------------------------------------------ somebody else, and a kill

CHANGED = WEB.replace('"one"', '"two"').replace("app:1", "app:2").replace("attachable: true", "internal: true")


def test_a_change_by_somebody_else_in_between_is_looked_at_again(swarm, tmp_path):
    hands = iter([lambda: swarm.service("web")["Spec"]["TaskTemplate"]["ContainerSpec"].update(User="theirs")])

    def meddle(call):
        if call.endswith("/update") and (hand := next(hands, None)):
            hand()
            swarm.service("web")["Version"]["Index"] += 1

    swarm.before_call = meddle
    document = a_stack(WEB.replace("app:1", "app:2"), tmp_path, KEY="old")

    report = apply(document, swarm)

    assert [type(event.error) for event in report.of(What.FAILED)] == [Conflict]
    assert differences(document, swarm) == {}


class Killed(BaseException):
    """The end of the program at this point."""


@pytest.mark.parametrize("is_before", [True, False], ids=["before the call", "after it"])
def test_a_run_killed_at_any_call_is_finished_by_the_next(is_before, swarm, tmp_path):
    before, document = swarm.copied(), a_stack(CHANGED, tmp_path, KEY="new")
    settled(document, swarm)
    number_of_calls = len(swarm.calls)
    assert number_of_calls == 8

    for number in range(number_of_calls):
        killed = before.copied()
        limit = number if is_before else number + 1

        def kill(_call, killed=killed, limit=limit):
            if len(killed.calls) == limit:
                raise Killed

        setattr(killed, "before_call" if is_before else "after_call", kill)
        with pytest.raises(Killed):
            apply(document, killed)
        killed.before_call = killed.after_call = lambda _call: None

        settled(document, killed)
        assert len(killed.names("configs")) == len(killed.names("secrets")) == 1


def test_an_answer_that_is_lost_is_no_second_write(swarm, tmp_path):
    lost = iter([Unreachable("no answer")])

    def lose(call):
        if call.endswith("/update") and (error := next(lost, None)):
            raise error

    swarm.after_call = lose
    before = swarm.service("web")["Spec"]

    settled(a_stack(WEB.replace("app:1", "app:2"), tmp_path, KEY="old"), swarm)

    assert swarm.calls == ["POST /services/shop_web/update"]
    assert swarm.service("web")["PreviousSpec"] == before


def test_a_lease_is_a_config_that_no_plan_shows(swarm, tmp_path):
    provider = a_provider(swarm)
    long = f"reconcile-lock-{'x' * 80}"

    for name in ("reconcile-lock-shop-1", long):
        provider.put_lease(name, {"reconcile.owner": name})

    assert {name: mark["reconcile.owner"] for name, mark in provider.leases().items()} == {
        "reconcile-lock-shop-1": "reconcile-lock-shop-1",
        long: long,
    }
    assert not provider.holds_data(long)
    assert max(map(len, swarm.names("configs"))) <= 64
    assert differences(a_stack(WEB, tmp_path, KEY="old"), swarm) == {}
    for name in provider.leases():
        provider.drop_lease(name)
    assert provider.leases() == {}
