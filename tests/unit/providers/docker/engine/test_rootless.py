"""A value that a rootless engine would not keep is an error; one that it changes by itself is no difference."""

from __future__ import annotations

import pytest

from reconciler.core.difference.change import Action
from tests.kit.docker.memory import MemoryEngine, a_reconciler, a_stack, apply

ROOTLESS = {"SecurityOptions": ["name=seccomp,profile=default", "name=rootless"]}
NO_CGROUPS = {**ROOTLESS, "CgroupDriver": "none"}
CGROUPS = {**ROOTLESS, "CgroupDriver": "systemd"}


@pytest.fixture
def engine():
    engine = MemoryEngine()
    engine.image("app:1")
    return engine


def service(tmp_path, **attributes):
    given = "".join(f", {key}: {value}" for key, value in attributes.items())
    return a_stack(f"services: {{web: {{image: app:1{given}}}}}\n", tmp_path)


@pytest.mark.parametrize(
    "limit", [{"mem_limit": "64m"}, {"cpus": 0.5}, {"pids_limit": 20}, {"oom_kill_disable": "true"}]
)
def test_a_limit_that_it_would_only_show_is_an_error_and_nothing_is_made(engine, tmp_path, limit):
    engine.own = NO_CGROUPS

    report = apply(service(tmp_path, **limit), engine)

    (failed,) = report.failed
    assert f"has no cgroups, so it would not keep {next(iter(limit))}" in failed.note
    assert not engine.containers


def test_so_is_one_that_is_to_be_changed_in_place(engine, tmp_path):
    apply(service(tmp_path, mem_limit="64m"), engine)
    engine.own = NO_CGROUPS

    report = apply(service(tmp_path, mem_limit="32m"), engine)

    assert [event.step.verb for event in report.failed] == ["container.update"]
    (container,) = engine.containers.values()
    assert container["HostConfig"]["Memory"] == 64 << 20


@pytest.mark.parametrize("own", [CGROUPS, {"CgroupDriver": "cgroupfs"}, {}])
def test_where_there_are_cgroups_limits_are_kept(engine, tmp_path, own):
    engine.own = own

    assert not apply(service(tmp_path, mem_limit="64m"), engine).failed


def test_without_a_limit_it_is_not_asked_what_it_is(engine, tmp_path):
    apply(service(tmp_path, pids_limit=-1), engine)

    assert "GET /info" not in engine.calls


@pytest.mark.parametrize(("own", "failed"), [(CGROUPS, 1), ({}, 0)])
def test_a_score_that_it_cannot_lower_is_an_error(engine, tmp_path, own, failed):
    engine.own = own

    assert len(apply(service(tmp_path, oom_score_adj=-5), engine).failed) == failed


@pytest.mark.parametrize(
    ("own", "declared", "action"),
    [
        (CGROUPS, {}, Action.KEEP),
        (CGROUPS, {"oom_score_adj": 100}, Action.KEEP),
        (CGROUPS, {"oom_score_adj": 300}, Action.REPLACE),
        ({}, {}, Action.REPLACE),
    ],
)
def test_a_score_that_it_has_raised_is_no_difference(engine, tmp_path, own, declared, action):
    """It has its own score, which systemd sets, and gives no container a lower one (20.10)."""
    document = service(tmp_path, **declared)
    apply(document, engine)
    engine.own = own
    (container,) = engine.containers.values()
    container["HostConfig"]["OomScoreAdj"] = 200

    plan = a_reconciler(document, engine).look().plan

    (change,) = [change for change in plan.changes if change.address.kind == "docker.container"]
    assert change.action is action
