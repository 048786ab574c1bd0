"""Containers of others use all that a project has: whatever is done to the project leaves them as they are."""

from __future__ import annotations

import copy
from contextlib import suppress

import pytest

from reconciler.core.message.errors import Conflict, Refused
from reconciler.providers.docker.perform import STREAMS, VERBS
from reconciler.providers.docker.provider import DockerProvider
from reconciler.providers.docker.table import labels
from reconciler.record import replace
from reconciler.render.plan.text import plan_text
from reconciler.run.reconciliation.once import Look
from reconciler.run.reconciliation.remove import kinds_to_remove, left_in_use, removal
from tests.kit.build import address
from tests.kit.docker.memory import ALLOWED, Line, MemoryEngine, a_reconciler, a_stack, apply

KINDS = DockerProvider.kinds.values()

STACK = """
services:
  web: {image: app:1, networks: [back], ipc: shareable, volumes: ["data:/data"], healthcheck: {test: "true"}}
  old: {image: app:1, networks: [back, gone]}
networks: {back: {}, gone: {}}
volumes: {data: {}}
"""
THEIRS = {
    "in-network": {"NetworkMode": "p_back"},
    "stopped": {"NetworkMode": "p_back"},
    "never-started": {"NetworkMode": "p_back"},
    "in-orphan": {"NetworkMode": "p_gone"},
    "in-namespace": {"NetworkMode": "container:p-web-1"},
    "among-processes": {"PidMode": "container:p-web-1"},
    "shares-memory": {"IpcMode": "container:p-web-1"},
    "linked": {"Links": ["/p-web-1:/linked/web"]},
    "beside-old": {"NetworkMode": "container:p-old-1"},
    "with-volume": {"Mounts": [{"Type": "volume", "Source": "p_data", "Target": "/x"}]},
}
"""Name → its HostConfig."""

EDITS = {
    "network": ("back: {}", "back: {internal: true}"),
    "orphaned network": ("[back, gone]}\nnetworks: {back: {}, gone: {}}", "[back]}\nnetworks: {back: {}}"),
    "orphaned container": ("  old: {image: app:1, networks: [back, gone]}\n", ""),
    "volume": ("data: {}", "data: {driver_opts: {a: b}}"),
    "replaced": ("web: {image: app:1", "web: {image: app:1, environment: {A: b}"),
    "image": ("web: {image: app:1", "web: {image: app:2"),
    "renamed": ("web: {image: app:1", "web: {image: app:1, container_name: other"),
    "reconnected": ("networks: [back], ipc", "networks: {back: {aliases: [x]}}, ipc"),
    "limit": ("web: {image: app:1", "web: {image: app:1, mem_limit: 64m"),
    "everything": (STACK, "services: {}"),
}
HURT = {
    "network": {"in-network", "stopped", "never-started"},
    "orphaned container": {"beside-old"},
    "volume": {"with-volume", "in-namespace", "among-processes", "shares-memory", "linked"},
    "replaced": {"in-namespace", "among-processes", "shares-memory", "linked"},
    "image": {"in-namespace", "among-processes", "shares-memory", "linked"},
    "everything": {"beside-old", "in-namespace", "among-processes", "shares-memory", "linked"},
}
"""Edit → whom it would hurt; it is refused. The others are done, or leave what is in use."""


@pytest.fixture
def engine(tmp_path):
    """An engine on which the stack runs, and beside it those of another project that use it."""
    engine = MemoryEngine()
    for reference in ("app:1", "app:2"):
        engine.image(reference)
    apply(a_stack(STACK, tmp_path), engine)
    line = Line(engine)
    for name, host in THEIRS.items():
        body = {"Image": "app:1", "Labels": {labels.PROJECT: "theirs"}, "HostConfig": host}
        line.post("/containers/create", body, name=name)
        if name != "never-started":
            line.post(f"/containers/{name}/start")
    line.post("/containers/stopped/stop")
    return engine


def theirs(engine):
    mine = copy.deepcopy({each["Name"][1:]: each for each in engine.containers.values()})
    return {name: each for name, each in mine.items() if name in THEIRS}


def edited(edit, directory):
    before, after = EDITS[edit]
    assert before in STACK
    return a_stack(STACK.replace(before, after), directory)


def tried(document, engine, policy):
    """Apply, and who is named by what is refused."""
    try:
        report = apply(document, engine, policy)
    except Refused as refused:
        return str(refused)
    assert not report.failed, [event.note for event in report.failed]
    return ""


EVERY = frozenset({address("docker.volume/data")})
UNASKED = replace(ALLOWED, may_lose=EVERY)


@pytest.mark.parametrize("edit", EDITS)
def test_no_edit_of_the_stack_touches_what_is_not_the_projects(engine, tmp_path, edit):
    before, networks = theirs(engine), {*engine.networks}

    refused = tried(edited(edit, tmp_path), engine, UNASKED)

    assert theirs(engine) == before
    assert {name for name in THEIRS if f"container {name} of project theirs" in refused} == HURT.get(edit, set())
    assert {*engine.networks} == networks or edit == "limit"


@pytest.mark.parametrize("edit", sorted(HURT))
def test_a_refused_plan_names_them_in_every_look_and_does_nothing(engine, tmp_path, edit):
    made, writes = a_reconciler(edited(edit, tmp_path), engine, UNASKED), len(engine.writes)

    text = plan_text(made.look().plan, made.providers["docker"].kinds, ["stack.yaml"])

    tried(edited(edit, tmp_path), engine, UNASKED)
    assert all(f"container {name} of project theirs" in text for name in HURT[edit])
    assert "refused: " in text
    assert len(engine.writes) == writes


@pytest.mark.parametrize(
    ("edit", "what"),
    [
        ("network", "docker.network/back"),
        ("orphaned container", "docker.container/old"),
        ("replaced", "docker.container/web"),
    ],
)
def test_what_is_named_on_the_command_line_may_be_done(engine, tmp_path, edit, what):
    document = edited(edit, tmp_path)
    assert f"allow it with `--allow-disrupt {what}`" in tried(document, engine, UNASKED)

    assert tried(document, engine, replace(UNASKED, may_disrupt=frozenset({address(what)}))) == ""


def test_no_flag_allows_what_the_engine_will_not_do(engine, tmp_path):
    allowed = frozenset(map(address, ("docker.volume/data", "docker.container/web")))

    refused = tried(edited("volume", tmp_path), engine, replace(UNASKED, may_disrupt=allowed))

    assert refused.endswith(
        "in use by container with-volume of project theirs, which holds it; remove what uses it first"
    )


def test_a_network_that_is_no_longer_declared_is_left_while_others_are_in_it(engine, tmp_path):
    document = edited("orphaned network", tmp_path)

    tried(document, engine, UNASKED)

    plan = a_reconciler(document, engine, UNASKED).look().plan
    said = "is not declared, and left alone: in use by container in-orphan of project theirs, which would be"
    assert plan.in_sync
    assert [said in remark.message for remark in plan.remarks()] == [True]
    assert "p_gone" in [each["Name"] for each in engine.networks.values()]


@pytest.mark.parametrize("volumes", [False, True])
def test_a_project_that_is_taken_down_leaves_the_networks_and_volumes_that_others_use(engine, tmp_path, volumes):
    for name in ("in-namespace", "linked", "among-processes", "shares-memory", "beside-old"):
        Line(engine).delete(f"/containers/{name}", force=1)
    before = theirs(engine)

    events = list(
        removal(
            a_reconciler(a_stack(STACK, tmp_path), engine),
            kinds_to_remove(KINDS, volumes=volumes),
        )
    )

    assert theirs(engine) == before
    assert not [event for event in events if not isinstance(event, Look) and event.error]
    lines = list(left_in_use(events[0].plan))
    assert [line.split(" ")[0] for line in lines][:2] == ["docker.network/back", "docker.network/gone"]
    assert "container stopped of project theirs" in lines[0]
    assert ("docker.volume/data is left" in lines[-1]) is volumes
    assert not [name for name in engine.names if name.startswith("p-")]


def test_a_project_is_not_taken_down_where_others_live_in_its_containers(engine, tmp_path):
    writes = len(engine.writes)

    with pytest.raises(Refused, match="--allow-disrupt docker.container/web"):
        list(
            removal(
                a_reconciler(a_stack(STACK, tmp_path), engine),
                kinds_to_remove(KINDS, volumes=True),
            )
        )

    assert len(engine.writes) == writes


def test_who_joined_a_network_after_the_plan_was_made_stays_in_it(engine, tmp_path):
    for name in ("in-network", "stopped", "never-started"):
        Line(engine).delete(f"/containers/{name}", force=1)
    made, line = a_reconciler(edited("network", tmp_path), engine, UNASKED), Line(engine)
    (step,) = (step for step in made.look().plan.steps if step.verb == "network.remove")
    line.post("/containers/create", {"Image": "app:1", "HostConfig": {"NetworkMode": "p_back"}}, name="late")
    line.post("/containers/late/start")
    writes = len(engine.writes)

    with pytest.raises(Conflict, match="container late, which is not the project's, joined it meanwhile"):
        made.perform(step)

    assert len(engine.writes) == writes


def test_a_look_that_finds_nothing_to_do_asks_nothing_more(engine, tmp_path):
    engine.calls.clear()

    a_reconciler(a_stack(STACK, tmp_path), engine).look()

    assert engine.calls.count("GET /containers/json") == 1


NAMES_OF_OURS = {
    "container.give-way": {"containers": ("in-network",), "keeps": "x", "owner": {labels.PROJECT: "p"}},
    "network.remove": {"network": "p_back", "disconnects": (), "owner": {labels.PROJECT: "p"}},
    "container.create": {
        "name": "in-network",
        "body": {"Image": "app:1", "Labels": {labels.PROJECT: "p"}, "HostConfig": {}},
    },
    "container.mark": {"name": "p_data", "owner": {labels.MARK: "x"}, "files": ()},
    "volume.remove": {"volume": "p_data"},
}
OF_ITS_OWN = {
    "network.create", "network.connect", "network.disconnect", "volume.create", "image.tag", "container.copy",
    "container.start", "container.exec", "container.signal", "container.unpause", "container.rename",
    "container.update", "container.stop", "container.remove", "container.wait", "image.pull", "image.build",
    "image.missing",
    "engine.require",
    "container.require",
    "external.missing",
}  # fmt: skip
"""Verbs that are given one container or name of the project's, by its id or as they made it themselves."""


def test_each_verb_is_sorted_by_whether_it_could_reach_what_is_not_ours():
    assert {*NAMES_OF_OURS} | OF_ITS_OWN == {*VERBS, *STREAMS}


@pytest.mark.parametrize("verb", NAMES_OF_OURS)
def test_no_verb_takes_for_the_projects_what_only_has_its_name(engine, verb):
    before, volumes = theirs(engine), copy.deepcopy(engine.volumes)

    with suppress(Conflict):
        VERBS[verb](Line(engine), NAMES_OF_OURS[verb])

    assert theirs(engine) == before
    assert engine.volumes == volumes
