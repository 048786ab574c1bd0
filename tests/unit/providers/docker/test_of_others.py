"""Objects that somebody else made under a name that a file declares as its own: they are used, reported and left."""

from __future__ import annotations

import copy

import pytest

from reconciler.core.message.errors import Conflict, Refused
from reconciler.core.plan.policy import Policy
from reconciler.providers.docker.expand import container_address, volume_address
from reconciler.providers.docker.provider import DockerProvider
from reconciler.providers.docker.table import labels
from reconciler.run.reconciliation.remove import kept_data, kinds_to_remove, left_to_others, removal
from tests.kit.docker.memory import Line, MemoryEngine, a_reconciler, a_stack, apply

KINDS = DockerProvider.kinds
THEIRS = ("by-hand", "of-another", "their-net")
STACK = """
services:
  web: {image: "app:1", networks: [net], volumes: ["v1:/1", "v2:/2", "own:/3"]}
networks: {net: {name: their-net}}
volumes: {v1: {name: by-hand}, v2: {name: of-another}, own: {}}
"""
OTHERWISE = STACK.replace("{name: by-hand}", "{name: by-hand, driver_opts: {type: tmpfs}}")

PLAIN = 'services: {web: {image: "app:1"}}'
WEB = frozenset({container_address("web")})
OWNERS = {
    "": {},
    " of project another": {labels.PROJECT: "another", labels.SERVICE: "web", labels.NUMBER: "1"},
}
"""Words for the owner of a container → the labels that say so."""


@pytest.fixture
def engine():
    engine = MemoryEngine()
    for reference in ("app:1", "app:2"):
        engine.image(reference)
    line = Line(engine)
    line.post("/volumes/create", {"Name": "by-hand"})
    of_another = {labels.PROJECT: "another", labels.VOLUME: "v2"}
    line.post("/volumes/create", {"Name": "of-another", "Labels": of_another})
    line.post("/networks/create", {"Name": "their-net"})
    return engine


def names(engine):
    return {*engine.volumes, *(each["Name"] for each in engine.networks.values())}


@pytest.mark.parametrize("volumes", [False, True])
def test_down_leaves_what_others_made_and_says_so(engine, folder, volumes):
    apply(a_stack(STACK, folder), engine)

    look, *_ = removal(a_reconciler(a_stack(STACK, folder), engine), kinds_to_remove(KINDS.values(), volumes=volumes))

    assert names(engine).issuperset(THEIRS)
    assert ("p_own" in names(engine)) is not volumes
    assert list(left_to_others(look.plan)) == [
        f"docker.{key} is left, as it was not made by this project" for key in ("network/net", "volume/v1", "volume/v2")
    ]
    assert [each.name for each in kept_data(look.plan, KINDS)] == ([] if volumes else ["own"])


def test_a_plan_names_what_others_made(engine, folder):
    for _ in range(2):  # before and after it is applied
        plan = a_reconciler(a_stack(STACK, folder), engine).look().plan

        remarks = [f"{each.address} {each.message}" for each in plan.remarks()]
        assert [each.split(" ")[0] for each in remarks] == [
            "docker.network/net",
            "docker.volume/v1",
            "docker.volume/v2",
        ]
        assert all("was not made by this project" in each and "`external: true`" in each for each in remarks)
        apply(a_stack(STACK, folder), engine)


def test_an_external_one_is_used_without_a_remark(engine, folder):
    declared = STACK
    for name in THEIRS:
        declared = declared.replace(f"name: {name}", f"name: {name}, external: true")

    apply(a_stack(declared, folder), engine)

    assert not a_reconciler(a_stack(declared, folder), engine).look().plan.remarks()


def test_a_volume_of_others_is_not_made_anew_with_the_loss_of_data_allowed(engine, folder):
    apply(a_stack(STACK, folder), engine)
    made = dict(engine.volumes)
    policy = Policy.of(KINDS.values(), deletes=True, may_lose=frozenset({volume_address("v1")}))

    with pytest.raises(Refused, match="docker.volume/v1 is already there as volume by-hand, but was not made by this"):
        apply(a_stack(OTHERWISE, folder), engine, policy)

    assert engine.volumes == made


def test_a_volume_of_others_is_not_pruned_once_it_is_no_longer_declared(engine, folder):
    apply(a_stack(STACK, folder), engine)
    lost = frozenset({volume_address("own")})
    prune = dict.fromkeys(KINDS, "owned")
    policy = Policy.of(KINDS.values(), prune=prune, deletes=True, may_lose=lost, most_surplus=1)

    apply(a_stack("services: {}", folder), engine, policy)

    assert names(engine).issuperset(THEIRS)
    assert "p_own" not in names(engine)


def test_a_container_of_others_is_no_left_over_of_a_replacement(engine, folder):
    declared = 'services: {web: {image: "app:1", container_name: web.prev}}'
    apply(a_stack('services: {web: {image: "app:1"}}', folder), engine)
    theirs = Line(engine).post("/containers/create", {"Image": "app:1"}, name="web.prev")["Id"]

    with pytest.raises(Refused, match="can't get its name as long as container web.prev has it"):
        apply(a_stack(declared, folder), engine)

    assert theirs in engine.containers


ALL_ALLOWED = Policy.of(
    KINDS.values(), deletes=True, most_surplus=1000, **dict.fromkeys(("may_adopt", "may_lose", "may_disrupt"), WEB)
)


@pytest.mark.parametrize("by", OWNERS)
@pytest.mark.parametrize("named", ["the name in the file", "p-web-1", "p-web-1 and ours p-web-1.prev"])
def test_ours_stands_for_the_service_where_others_have_its_name(engine, folder, by, named):
    declared = PLAIN.replace("}}", ", container_name: theirs}}") if named == "the name in the file" else PLAIN
    apply(a_stack(PLAIN, folder), engine)
    line, name = Line(engine), "theirs" if declared != PLAIN else "p-web-1"
    if declared == PLAIN:
        line.post("/containers/p-web-1/rename", name="p-web-1.prev" if "ours" in named else "renamed-by-hand")
    body = {"Image": "app:1", "Labels": OWNERS[by], "Cmd": ["other"]}
    line.post("/containers/create", body, name=name)
    before = {each: dict(found) for each, found in engine.containers.items()}

    with pytest.raises(Refused, match=f"can't get its name as long as container {name}{by} has it"):
        apply(a_stack(declared, folder), engine, ALL_ALLOWED)

    assert engine.containers == before


@pytest.mark.parametrize("by", OWNERS)
@pytest.mark.parametrize("networks", ["", ", networks: [new]"])
def test_a_container_of_others_is_removed_only_by_a_plan_that_names_it(engine, folder, by, networks):
    declared = PLAIN.replace("}}", f"{networks}}}}}\nnetworks: {{new: {{}}}}")
    body = {"Image": "app:1", "Labels": OWNERS[by], "Cmd": ["other"]}
    theirs = Line(engine).post("/containers/create", body, name="p-web-1")["Id"]
    document = a_stack(declared, folder)

    shown: list[str] = []

    def show(look):
        shown.extend(str(each.message) for each in look.plan.without_refusals().remarks())

    with pytest.raises(Refused) as refused:
        list(a_reconciler(document, engine).converge(show))
    assert not [each for each in shown if "is removed" in each]
    said = (
        f"is already there as container p-web-1{by}, but was not made by this project; remove or rename it, or have it"
    )
    assert f"{said} removed and made anew with `--adopt docker.container/web`" in str(refused.value)
    assert theirs in engine.containers

    look, *_ = a_reconciler(document, engine, ALL_ALLOWED).converge(lambda _look: None)
    remarks = [str(each.message) for each in look.plan.remarks()]
    assert f"was not made by this project: container p-web-1{by} is removed" in remarks
    assert theirs not in engine.containers


@pytest.fixture
def like_an_id(engine):
    """A name that is the beginning of the id of a stranger's container, and that container."""
    theirs = Line(engine).post("/containers/create", {"Image": "app:1"}, name="theirs")["Id"]
    Line(engine).post("/containers/theirs/start")
    return theirs[:3], theirs


def test_a_name_that_begins_the_id_of_a_container_of_others_means_none_of_theirs(engine, folder, like_an_id):
    name, theirs = like_an_id
    before = copy.deepcopy(engine.containers[theirs])
    named = PLAIN.replace("}}", f", container_name: '{name}'}}}}")
    beside = named.replace("}}", "}, side: {image: 'app:1', volumes_from: [web], network_mode: 'service:web'}}")

    for text in (named, named.replace("app:1", "app:2"), beside, PLAIN, named):
        apply(a_stack(text, folder), engine)
        assert a_reconciler(a_stack(text, folder), engine).look().plan.in_sync
    ours = next(each["Id"] for each in engine.containers.values() if each["Name"] == f"/{name}")
    Line(engine).delete(f"/containers/{ours}", force=1)
    apply(a_stack(named, folder), engine)
    for _ in removal(a_reconciler(a_stack(named, folder), engine), kinds_to_remove(KINDS.values(), volumes=True)):
        pass

    assert engine.containers == {theirs: before}


def test_no_request_by_such_a_name_reaches_the_container_of_others(engine, like_an_id):
    name, theirs = like_an_id
    line, before = Line(engine), copy.deepcopy(engine.containers)

    line.delete(f"/containers/{name}", force=1)
    for verb in ("start", "stop", "kill", "unpause", "update", "exec"):
        with pytest.raises(Conflict, match=f"No such container: {name}"):
            line.post(f"/containers/{name}/{verb}")

    assert line.get(f"/containers/{name}/json") is None
    assert line.inspected(name)["Id"] == theirs
    assert engine.containers == before
