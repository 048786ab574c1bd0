"""Containers in the namespaces of others, and what the file calls containers and networks outside the project."""

from __future__ import annotations

import pytest

from reconciler.core.difference.change import Action
from reconciler.core.difference.kind import Effect
from reconciler.core.message.errors import Refused
from tests.kit.docker.engine import PROBE, READY

MODES = ("network_mode", "pid", "ipc")
SIDE = "docker.container/side"


@pytest.fixture
def stranger(project):
    """A container of nobody's, by its name; taken away afterwards."""
    name = f"{project.name}.x"
    body = {"Image": PROBE, "Cmd": ["sleep", "3600"], "HostConfig": {"Init": True, "IpcMode": "shareable"}}

    def make() -> str:
        found: str = project.engine.post("/containers/create", body, name=name)["Id"]
        project.engine.post(f"/containers/{name}/start")
        return found

    make()
    yield name, make
    project.engine.delete(f"/containers/{name}", force=1)


def lived_in(project, mode="network_mode", lender="service:web", **more):
    project.service("web", **READY, **({"ipc": "shareable"} if mode == "ipc" else {}))
    project.service("side", **READY, **{mode: lender}, **more)
    project.settle()


# ------------------------------------------------------------------ cut off


@pytest.mark.parametrize("mode", ["network_mode", "ipc"])
def test_who_lives_where_nothing_runs_any_more_is_degraded(project, stranger, mode):
    name, _ = stranger
    project.service("side", **READY, **{mode: f"container:{name}"})
    project.settle()

    project.engine.post(f"/containers/{name}/stop", t=0)
    (remark,) = project.plan().remarks()

    wanted = f"is as declared, but attached to the container `{name}`, which does not run; start that one"
    assert remark.message == wanted


# ------------------------------------------------------------------ started since


@pytest.mark.sweep(every=2)
@pytest.mark.parametrize("mode", MODES)
def test_who_lives_in_a_namespace_is_started_again_after_the_one_that_has_it(project, mode):
    lived_in(project, mode)
    made = project.identity("side")[0]

    project.hand("restart", service="web", t=0)
    found = project.differences()
    project.settle()

    assert (found[SIDE].action, found[SIDE].effect) in {
        (Action.UPDATE, Effect.RESTART),
        (Action.START, Effect.START),  # with the other one's processes it has ended itself
    }
    assert project.identity("side")[0] == made
    assert project.inspect("side")["State"]["StartedAt"] > project.inspect("web")["State"]["StartedAt"]


def test_a_start_in_the_plan_takes_along_who_lives_there(project):
    lived_in(project)
    project.hand("stop", service="web", t=0)

    plan = project.plan()

    assert {str(c.address): c.action for c in plan.changes if c.acts} == {
        "docker.container/web": Action.START,
        SIDE: Action.UPDATE,
    }
    order = [step.id for step in plan.steps]
    assert order.index("docker.container/web:container.start") < order.index(f"{SIDE}:container.start")
    project.settle()


def test_it_goes_on_through_a_chain_and_only_there(project):
    lived_in(project)
    project.service("third", **READY, pid="service:side")
    project.service("beside", **READY, depends_on=["web"])
    project.settle()

    project.hand("restart", service="web", t=0)
    found = project.differences()
    project.settle()

    assert set(found) == {SIDE, "docker.container/third"}


def test_an_explicit_dependency_changes_nothing_about_it(project):
    lived_in(project, depends_on={"web": {"condition": "service_started"}})

    project.hand("restart", service="web", t=0)

    assert set(project.differences()) == {SIDE}


def test_a_service_that_is_named_by_its_container_is_the_same(project):
    lived_in(project, lender=f"container:{project.container('web')}")

    project.hand("restart", service="web", t=0)
    found = set(project.differences())
    project.settle()
    project.service("web", **READY, environment={"V": "2"})
    project.settle()

    assert found == {SIDE}


def test_a_pause_is_no_start(project):
    lived_in(project)

    project.hand("pause", service="web")

    assert set(project.differences()) == {"docker.container/web"}


def test_a_link_on_the_default_bridge_is_started_again_and_one_in_a_network_is_not(project):
    project.service("web", **READY, network_mode="bridge")
    project.service("side", **READY, network_mode="bridge", links=["web:vee"])
    project.service("far", **READY)
    project.service("near", **READY, links=["far:vee"])
    project.settle()

    for name in ("web", "far"):
        project.hand("restart", service=name, t=0)
    found = project.differences()
    project.settle()

    assert {name: change.effect for name, change in found.items()} == {SIDE: Effect.RESTART}


def test_a_link_on_the_default_bridge_that_is_edited_is_seen_and_made(project):
    project.service("web", **READY, network_mode="bridge")
    project.service("side", **READY, network_mode="bridge", links=["web:vee"])
    project.settle()

    project.service("side", **READY, network_mode="bridge", links=["web:double"])
    found = project.fields(SIDE)
    project.settle()

    assert set(found) == {"links"}
    names = {link.rpartition("/")[2] for link in project.inspect("side")["HostConfig"]["Links"]}
    assert names & {"vee", "double"} == {"double"}


# ------------------------------------------------------------------ renamed

OTHERS = ("side", "borrower", "near")


def test_a_container_that_is_renamed_is_the_same_for_all_that_are_attached_to_it(project):
    """The engine keeps its id, and a file has its name: another name alone is no reason to touch them."""
    web = {**READY, "network_mode": "bridge", "volumes": ["/data", "kept:/kept"], "ipc": "shareable"}
    project.write(volumes={"kept": {}})
    project.service("web", **web)
    project.service("side", **READY, network_mode="service:web", ipc="service:web")
    project.service("borrower", **READY, volumes_from=["web:ro"])
    project.service("near", **READY, network_mode="bridge", links=["web:vee"])
    project.settle()
    before = {name: project.identity(name) for name in OTHERS}

    project.hand("rename", name=f"{project.name}-other")
    by_hand = project.differences()
    project.settle()
    project.service("web", **web, container_name=f"{project.name}-own")
    in_file = project.differences()
    project.settle()

    for found in (by_hand, in_file):
        assert {name: change.effect for name, change in found.items()} == {"docker.container/web": Effect.LIVE}
    assert {name: project.identity(name) for name in OTHERS} == before


# ------------------------------------------------------------------ outside the project


@pytest.mark.sweep(every=3)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("spelling", ["name", "id", "short id"])
def test_a_container_outside_the_project_is_named_in_any_way(project, stranger, mode, spelling):
    name, _ = stranger
    found = project.engine.get(f"/containers/{name}/json")["Id"]
    text = {"name": name, "id": found, "short id": found[:12]}[spelling]

    project.service("side", **READY, **{mode: f"container:{text}"})

    project.settle()


def test_its_start_is_seen_and_so_is_another_one_by_its_name(project, stranger):
    name, make = stranger
    project.service("side", **READY, network_mode=f"container:{name}")
    project.settle()

    project.engine.post(f"/containers/{name}/restart", t=0)
    started = project.differences()[SIDE]
    project.settle()
    project.engine.delete(f"/containers/{name}", force=1)
    make()
    made = project.differences()[SIDE]
    project.settle()

    assert (started.effect, made.effect) == (Effect.RESTART, Effect.REPLACE)


@pytest.mark.parametrize("attribute", [{"network_mode": "container:{}"}, {"volumes_from": ["container:{}"]}])
def test_one_that_is_gone_is_reported_once_and_nothing_is_stopped_for_it(project, stranger, attribute):
    name, _ = stranger
    key, value = next(iter(attribute.items()))
    project.service(
        "side", **READY, **{key: [v.format(name) for v in value] if key == "volumes_from" else value.format(name)}
    )
    project.settle()
    project.engine.delete(f"/containers/{name}", force=1)
    services = dict(project.model["services"])
    project.service("side", **{**services["side"], "environment": {"V": "2"}})
    before = project.identity("side")

    said = [problem.message for problem in project.plan().obstacles]
    with pytest.raises(Refused) as refused:
        project.apply()

    assert said == [f"`{key}` names the container `{name}`, which does not exist; create it first"]
    assert [said[0] in each.message for each in refused.value.refusals] == [True]
    assert project.identity("side") == before


def test_one_that_is_stopped_is_reported_once(project, stranger):
    name, _ = stranger
    project.service("side", **READY, network_mode=f"container:{name}")
    project.settle()
    project.engine.post(f"/containers/{name}/stop", t=0)
    project.hand("stop", service="side", t=0)

    with pytest.raises(Refused) as refused:
        project.apply()

    assert ["which is exited; start it first" in each.message for each in refused.value.refusals] == [True]


@pytest.fixture
def their_network(project):
    name = f"{project.name}.net"
    made: str = project.engine.post("/networks/create", {"Name": name, "CheckDuplicate": True})["Id"]
    yield name, made
    project.remove()
    project.engine.delete(f"/networks/{made}")


@pytest.mark.sweep(every=2)
@pytest.mark.parametrize("spelling", ["name", "id", "short id"])
def test_a_network_outside_the_project_is_named_in_any_way(project, their_network, spelling):
    name, made = their_network
    text = {"name": name, "id": made, "short id": made[:12]}[spelling]
    project.service("web", **READY, networks={"out": {"aliases": ["w"]}})
    project.service("side", **READY, network_mode=text)
    project.write(networks={"out": {"external": True, "name": text}})

    project.settle()
    project.hand("stop", t=0)
    project.settle()

    assert list(project.inspect("side")["NetworkSettings"]["Networks"]) == [name]
