"""Leftovers of a killed replacement: commands choose the container that stands for the service, and start no other."""

from __future__ import annotations

import re
from contextlib import suppress
from functools import cache
from typing import Any

import pytest

from reconciler.core.message.errors import Conflict
from reconciler.core.provider import Command
from reconciler.providers.docker.diagnose import Site
from reconciler.providers.docker.engine import ownership
from reconciler.providers.docker.engine.ownership import standing
from reconciler.providers.docker.table import labels
from reconciler.providers.docker.table.names import NEXT, PREVIOUS, replacement_suffix
from tests.kit.docker.crashes import State, after_the_kill, distinct, recorded
from tests.kit.docker.memory import PROJECT, Line, MemoryEngine, a_provider
from tests.kit.docker.scenarios import BESIDE, EMPTY, PREPARED, SCENARIOS, STEADY, TWO_NETWORKS, Scenario

REPLACEMENTS = {
    "stop-first": Scenario(TWO_NETWORKS, TWO_NETWORKS.replace('V: "1"', 'V: "2"')),
    "start-first": Scenario(BESIDE, BESIDE.replace("app:1", "app:2")),
    "without a health check": Scenario(STEADY, STEADY.replace("app:1", "app:2")),
    "with hooks": Scenario(PREPARED, PREPARED.replace('"1"', '"2"')),
}
CHANGES = {**REPLACEMENTS, "a volume made anew": SCENARIOS["volume"]}


@cache
def killed(change: str) -> list[State]:
    """The states of the engine after a kill at any moment of the change."""
    return distinct(recorded(CHANGES[change]).states)


def ours(engine: MemoryEngine) -> dict[str, dict[str, Any]]:
    """The containers of the project by their names."""
    return {
        each["Name"].lstrip("/"): each
        for each in engine.containers.values()
        if each["Config"]["Labels"].get(labels.PROJECT) == PROJECT
    }


def running(engine: MemoryEngine) -> set[str]:
    return {name for name, each in ours(engine).items() if each["State"]["Running"]}


def holder(engine: MemoryEngine, service: str, number: str) -> str:
    """The name of the container that a command is to choose."""
    usual = f"{PROJECT}-{service}-{number}"
    left = [f"{usual}{suffix}" for suffix in (PREVIOUS, NEXT) if f"{usual}{suffix}" in ours(engine)]
    if usual in ours(engine):
        return usual
    return next((name for name in left if name in running(engine)), left[0])


@pytest.mark.parametrize("change", CHANGES)
def test_a_restart_starts_no_leftover(change: str):
    seen, refusals = set(), []
    for state in killed(change):
        engine = after_the_kill(state.engine)
        provider, before = a_provider(engine), running(engine)
        seen |= set(ours(engine))
        for name in provider.log_names():
            try:
                provider.restart(name, timeout_s=None)
            except Conflict as refused:
                refusals.append(str(refused))

        touched = {name for name, _ in engine.restarted} | (before ^ running(engine))
        assert not [name for name in touched if replacement_suffix(name)], state.moments

    # The kills have left what could be started by mistake.
    if change in REPLACEMENTS:
        assert {replacement_suffix(name) for name in seen} == {"", NEXT, PREVIOUS}
        assert any(re.search(r"an interrupted run left \S+\.next, \S+\.prev, and", text) for text in refusals)
    for refused in refusals:
        assert refused.endswith("; `reconcile apply` finishes that run")


@pytest.mark.parametrize("change", CHANGES)
def test_a_service_without_a_container_of_its_name_is_not_stopped_for_a_restart(change: str):
    """A container that is stopped to be started again would stay down."""
    for state in killed(change):
        engine = after_the_kill(state.engine)
        provider, before = a_provider(engine), running(engine)
        for name in provider.log_names():
            with suppress(Conflict):
                provider.stop(name)

        stopped = before - running(engine)
        assert not [name for name in stopped if replacement_suffix(name)], state.moments


@pytest.mark.parametrize("change", CHANGES)
def test_commands_and_logs_choose_the_container_that_has_the_name_else_one_that_runs(change: str):
    for state in killed(change):
        engine = after_the_kill(state.engine)
        provider, site = a_provider(engine), Site(Line(engine), PROJECT, CHANGES[change].documents[0])
        chosen = standing(ownership.listed(Line(engine), PROJECT), PROJECT)
        wanted = {
            (service, number): holder(engine, service, number) for service, each in chosen.items() for number in each
        }
        found = {
            (service, number): each.item["Names"][0].lstrip("/")
            for service, numbers in chosen.items()
            for number, each in numbers.items()
        }
        diagnosed = {each["Name"].lstrip("/") for group in site.containers.values() for each in group}

        assert found == wanted, state.moments
        assert diagnosed == set(wanted.values()), state.moments
        assert len(provider.log_names()) == len(wanted), state.moments
        for (service, number), name in wanted.items():
            if name in running(engine):
                provider.begin(service, int(number), Command(("warm",)))
                assert engine.executed[-1][0] == name, state.moments


@pytest.mark.parametrize("change", CHANGES)
def test_one_run_of_down_removes_all_leftovers(change: str):
    """Also where a predecessor still runs."""
    scenario = Scenario(CHANGES[change].before, CHANGES[change].after, goes_down=True)
    for state in killed(change):
        engine = after_the_kill(state.engine)

        report, _ = scenario.run(engine)

        assert not report.failed, state.moments
        assert ours(engine) == {}, state.moments
        assert not scenario.left(engine), state.moments


@pytest.mark.parametrize("change", CHANGES)
def test_leftovers_of_a_service_that_the_file_no_longer_has_go_with_it(change: str):
    scenario = Scenario(CHANGES[change].before, EMPTY)
    for state in killed(change):
        engine = after_the_kill(state.engine)

        report, looks = scenario.run(engine)

        assert not report.failed, state.moments
        assert ours(engine) == {}, state.moments
        assert len([look for look in looks if any(step.verb == "container.remove" for step in look.plan.steps)]) <= 1


@pytest.mark.parametrize(
    ("name", "state", "is_startable"),
    [
        ("own.prev", "exited", True),
        ("own.next", "running", True),
        ("own.next", "exited", True),
        # It may only keep volumes for one that is to be made.
        ("own.next", "created", False),
    ],
)
def test_a_single_container_may_have_such_a_name_by_declaration(name: str, state: str, *, is_startable: bool):
    item = {"Id": "1", "Names": [f"/{name}"], "Labels": {labels.SERVICE: "web"}, "State": state}
    found = standing([item], PROJECT)["web"]["1"]

    if is_startable:
        found.require_startable("web")
    else:
        with pytest.raises(Conflict, match="interrupted run left own.next"):
            found.require_startable("web")


def test_a_copy_does_not_stand_for_the_service_beside_the_container_that_has_the_name():
    marks = {labels.SERVICE: "web"}
    copy = {"Id": "1", "Names": ["/copy"], "Labels": marks, "State": "running"}
    own = {"Id": "2", "Names": ["/copy/web", f"/{PROJECT}-web-1"], "Labels": marks, "State": "exited"}

    assert standing([copy, own], PROJECT)["web"]["1"].id == "2"
    assert standing([own, copy], PROJECT)["web"]["1"].id == "2"
    assert standing([{**own, "Names": ["/x"]}, copy], PROJECT)["web"]["1"].id == "1"


def test_a_predecessor_that_was_left_does_not_keep_the_volume_that_is_made_anew():
    again = SCENARIOS["volume"]
    for state in killed("stop-first"):
        engine = after_the_kill(state.engine)

        report, _ = again.run(engine)

        assert not report.failed, (state.moments, [event.note for event in report.failed])
        assert set(ours(engine)) == {f"{PROJECT}-web-1"}, state.moments
        assert not again.left(engine), state.moments
