"""Each verb does its call, and done again it does the rest or nothing; gates wait, and say why they give up."""

from __future__ import annotations

import pytest

from reconciler.core.message.errors import Conflict, Denied, GateFailed, Rejected, Unreachable
from reconciler.core.plan.plan import Step
from reconciler.core.provider import Done, Exit, Pending
from reconciler.core.resource.resource import Observed
from reconciler.providers.docker.perform import RESTARTS
from reconciler.providers.docker.table import labels
from tests.kit.build import address
from tests.kit.docker.memory import Line, MemoryEngine, Refusal, a_provider

OURS = {labels.PROJECT: "p", labels.SERVICE: "web"}
NETWORK = {"Name": "p_back", "Labels": {labels.PROJECT: "p"}}
BODY = {"Image": "app:1", "Labels": OURS, "HostConfig": {"NetworkMode": "p_back"}}
LEAVE = {"network": "p_back", "disconnects": (), "owner": {labels.PROJECT: "p"}}
BACK = {"network": "p_back", "name": "p_back", "container": "web", "body": {"Aliases": ["w"]}}


@pytest.fixture
def engine():
    """An engine with a network, a container in it that runs, and one that does not."""
    engine = MemoryEngine(registry={"new:1": {}})
    engine.image("app:1")
    line = Line(engine)
    line.post("/networks/create", NETWORK)
    for name in ("web", "idle"):
        line.post("/containers/create", BODY, name=name)
    line.post("/containers/web/start")
    engine.calls.clear()
    return engine


def perform(engine, verb, **args):
    return a_provider(engine).perform(Step(verb, address("docker.container/web"), verb, args))


def to_its_end(engine, verb, **args):
    """As the executor does it: called again as long as it goes on."""
    provider = a_provider(engine)
    step = Step(verb, address("docker.container/web"), verb, args)
    while isinstance(verdict := provider.perform(step), Pending):
        assert verdict.retry_in == 0.0
    return verdict


def container(engine, name):
    return next((each for each in engine.containers.values() if each["Name"] == f"/{name}"), None)


def is_running(engine, name):
    return container(engine, name)["State"]["Status"] == "running"


AGAIN = [
    ("network.create", {"body": {"Name": "p_new", "Labels": {labels.PROJECT: "p"}}}),
    ("network.remove", LEAVE),
    ("network.connect", BACK | {"network": "bridge"}),
    ("network.disconnect", BACK),
    ("volume.create", {"body": {"Name": "v", "Driver": "local", "DriverOpts": {}, "Labels": {}}}),
    ("volume.remove", {"volume": "v"}),
    ("image.pull", {"reference": "new:1", "platform": "", "is_dated": True}),
    ("container.create", {"name": "new", "body": BODY}),
    ("container.start", {"container": "idle"}),
    ("container.unpause", {"container": "web"}),
    ("container.rename", {"container": "idle", "name": "other"}),
    ("container.update", {"container": "web", "body": {"Memory": 5, "MemorySwap": 10}}),
    ("container.stop", {"container": "web", "grace_s": 3}),
    ("container.remove", {"container": "web"}),
    ("container.give-way", {"containers": ("web.next", "idle"), "keeps": "nobody", "owner": OURS}),
]


def state(engine):
    networks = sorted(network["Name"] for network in engine.networks.values())
    points = [(each["Name"], sorted(each["NetworkSettings"]["Networks"])) for each in engine.containers.values()]
    states = [(each["Name"], each["State"]["Status"], each["HostConfig"]) for each in engine.containers.values()]
    return networks, sorted(engine.volumes), sorted(engine.images), points, states


@pytest.mark.parametrize(("verb", "args"), AGAIN, ids=[verb for verb, _ in AGAIN])
def test_done_again_it_does_nothing_more(engine, verb, args):
    first = perform(engine, verb, **args)
    after_first = state(engine)

    second = perform(engine, verb, **args)

    assert first == second == Done()
    assert state(engine) == after_first


@pytest.mark.parametrize(
    ("verb", "args", "calls"),
    [
        ("container.start", {"container": "idle"}, ["POST /containers/idle/start"]),
        ("container.stop", {"container": "gone", "grace_s": 3}, []),
        ("container.remove", {"container": "gone"}, ["DELETE /containers/gone"]),
        ("container.unpause", {"container": "web"}, []),
        ("container.rename", {"container": "gone", "name": "web"}, ["POST /containers/gone/rename"]),
        ("container.create", {"name": "web", "body": BODY}, []),
        ("network.create", {"body": NETWORK}, []),
        ("network.connect", BACK, ["POST /networks/p_back/connect"]),
        ("network.disconnect", BACK | {"name": "elsewhere"}, []),
        ("volume.remove", {"volume": "gone"}, ["DELETE /volumes/gone"]),
        ("container.give-way", {"containers": ("gone", "also"), "keeps": "x", "owner": OURS}, []),
    ],
)
def test_what_is_done_already_is_not_asked_for(engine, verb, args, calls):
    assert perform(engine, verb, **args) == Done()
    assert engine.writes == calls


def test_a_network_is_left_by_all_before_it_goes(engine):
    perform(engine, "network.remove", **LEAVE)

    assert "p_back" not in [network["Name"] for network in engine.networks.values()]
    assert is_running(engine, "web")


def test_a_container_leaves_a_network_that_was_made_anew_by_its_name(engine):
    stale = container(engine, "web")["NetworkSettings"]["Networks"]["p_back"]["NetworkID"]
    line = Line(engine)
    line.post("/containers/web/stop")
    line.delete("/networks/p_back")
    line.post("/networks/create", NETWORK)

    perform(engine, "network.disconnect", **BACK | {"network": stale})

    assert container(engine, "web")["NetworkSettings"]["Networks"] == {}


def test_the_predecessor_is_kept_though_it_has_the_name_of_the_successor(engine):
    predecessor = container(engine, "web")["Id"]

    perform(engine, "container.give-way", containers=("idle", "web"), keeps=predecessor, owner=OURS)

    assert engine.names == ["web"]


@pytest.mark.parametrize(
    ("verb", "args", "error", "said"),
    [
        ("container.create", {"name": "theirs", "body": BODY}, Conflict, "taken meanwhile"),
        ("container.start", {"container": "gone"}, Conflict, "No such container"),
        ("container.wait", {"container": "gone", "until": "ready"}, Conflict, "is gone"),
        ("container.rename", {"container": "gone", "name": "also"}, Conflict, "is gone"),
        ("container.rename", {"container": "idle", "name": "web"}, Conflict, "already in use"),
        ("volume.remove", {"volume": "used"}, Conflict, "in use"),
        ("image.pull", {"reference": "none:1", "platform": ""}, Rejected, "none:1 can't be pulled: manifest"),
        ("image.missing", {"reference": "none:1"}, Rejected, "forbids to get it"),
        ("external.missing", {"name": "theirs", "at": ""}, Rejected, "drop `external`"),
    ],
)
def test_what_can_not_be_done_is_said(engine, verb, args, error, said):
    line = Line(engine)
    line.post("/containers/create", {"Image": "app:1"}, name="theirs")
    used = {"Mounts": [{"Type": "volume", "Source": "used", "Target": "/x"}]}
    line.post("/containers/create", {**BODY, "HostConfig": used}, name="user")

    with pytest.raises(error, match=said):
        perform(engine, verb, **args)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, Rejected),
        (401, Denied),
        (403, Denied),
        (404, Conflict),
        (409, Conflict),
        (500, Rejected),
        (503, Unreachable),
    ],
)
def test_what_the_engine_answers_is_an_error_of_ours_with_its_words(engine, status, error):
    def refuse(_number, _call):
        raise Refusal(status, "the words of the engine")

    engine.before = refuse

    with pytest.raises(error, match="the words of the engine"):
        perform(engine, "container.start", container="idle")


@pytest.mark.parametrize("command", [["serve"], ["exit", "0"]])
def test_a_start_whose_answer_was_lost_is_not_sent_again(engine, command):
    Line(engine).post("/containers/create", {**BODY, "Cmd": command}, name="new")

    def lose(_number, _call):
        raise Unreachable("the answer is lost")

    engine.after = lose

    assert perform(engine, "container.start", container="new", is_new=True) == Done()
    assert [call for call in engine.writes if call.endswith("/start")] == ["POST /containers/new/start"]


def test_a_start_that_never_came_to_the_engine_is_to_be_tried_again(engine):
    def lose(_number, _call):
        raise Unreachable("the engine is away")

    engine.before = lose

    with pytest.raises(Unreachable, match="is away"):
        perform(engine, "container.start", container="idle", is_new=True)


@pytest.mark.parametrize(
    ("verb", "args"),
    [
        ("container.rename", {"container": "idle", "name": "other"}),
        ("network.connect", BACK | {"network": "bridge", "container": "idle"}),
        ("container.start", {"container": "idle", "is_new": True}),
    ],
)
def test_nothing_is_read_while_nobody_serves(engine, verb, args):
    engine.calls.clear()

    perform(engine, verb, **args)

    assert len(engine.calls) == 1


# ------------------------------------------------------------------ gates


def wait(engine, until="ready", **args):
    return perform(
        engine,
        "container.wait",
        container="web",
        until=until,
        **{"strict": False, "monitored": False, "may_recover": False, **args},
    )


def let(engine, *, restarts=0, check=None, command=("serve",), up_s=10.0, **shown):
    """The state of the container that is waited for."""
    found = container(engine, "web")
    found["State"].update(shown)
    found["RestartCount"] = restarts
    found["Config"].update(Cmd=list(command), Healthcheck={"Test": ["CMD", "x"]} if check else None)
    found["since"] = engine.clock.now() - up_s


@pytest.mark.parametrize(
    ("shown", "args", "verdict"),
    [
        ({"check": True}, {}, Done("healthy")),
        ({"check": True}, {"strict": True}, Done("healthy")),
        ({"Status": "exited", "Running": False}, {"until": "finished"}, Done("finished")),
    ],
)
def test_what_passes_a_gate(engine, shown, args, verdict):
    let(engine, **shown)

    assert wait(engine, **args) == verdict


@pytest.mark.parametrize(
    ("shown", "args", "note"),
    [
        ({"check": True, "up_s": 0.0}, {}, "health: starting, not probed yet"),
        ({"Status": "restarting", "restarts": 1, "ExitCode": 3}, {}, "restarting, last exit code 3"),
        ({"check": True, "command": ["sick"]}, {"may_recover": True}, "still unhealthy, last probe: no such page"),
        ({}, {"until": "finished"}, "the job is running"),
        ({"Status": "created", "Running": False}, {"until": "finished"}, "the job is created"),
    ],
)
def test_what_a_gate_waits_for_and_shows_if_it_was_in_vain(engine, shown, args, note):
    let(engine, **shown)

    verdict = wait(engine, **args)

    assert (verdict.retry_in, verdict.note) == (0.25, note)
    assert verdict.otherwise() == "; its last lines:\n    last words of web"


@pytest.mark.parametrize(("check", "args"), [(False, {}), (True, {"monitored": True})])
def test_what_is_to_be_watched_has_a_mark_that_changes_with_every_start(engine, check, args):
    let(engine, check=check, up_s=9.0)
    first = wait(engine, **args).mark
    let(engine, check=check, up_s=2.0)
    second = wait(engine, **args).mark

    assert first
    assert second not in ("", first)


@pytest.mark.parametrize(
    ("shown", "args", "said"),
    [
        ({"Status": "exited", "Running": False, "ExitCode": 3}, {}, "it ended with exit code 3; its last lines:"),
        ({"Status": "dead", "Running": False}, {}, "it ended with exit code 0"),
        ({"restarts": RESTARTS, "ExitCode": 3}, {}, "it crashes again and again, last exit code 3"),
        ({"Status": "restarting", "restarts": RESTARTS}, {}, "it crashes again and again"),
        ({"check": True, "command": ["sick"]}, {}, "it is unhealthy: no such page"),
        ({}, {"strict": True}, "it has no health check; declare one"),
        (
            {"Status": "exited", "Running": False, "ExitCode": 4},
            {"until": "finished"},
            "the job failed with exit code 4; its last lines:\n    last words of web",
        ),
    ],
)
def test_what_a_gate_gives_up_and_why(engine, shown, args, said):
    let(engine, **shown)

    with pytest.raises(GateFailed, match=said):
        wait(engine, **args)


# ------------------------------------------------------------------ building, logs


def test_an_image_is_built_with_the_hash_of_its_inputs_and_all_its_names(engine, tmp_path):
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    build = {"context": str(tmp_path), "tags": ["other:2"]}

    perform(engine, "image.build", reference="built:1", build=build, needs=())

    assert len(engine.images["built:1"]["Config"]["Labels"][labels.INPUTS]) == 64
    assert engine.images["other:2"] is engine.images["built:1"]


def test_a_pull_that_takes_long_says_how_far_it_is(engine):
    engine.pull_lines = ["a Downloading", "b Downloading"]
    provider = a_provider(engine)
    provider.tells_every_s = 0.0
    args = {"reference": "new:1", "platform": "", "is_dated": False}
    step = Step("pull", address("docker.image/new:1"), "image.pull", args)

    verdicts = [provider.perform(step) for _ in range(3)]

    assert verdicts == [Pending(0.0, "a Downloading"), Pending(0.0, "b Downloading"), Done()]
    assert engine.writes == ["PULL new:1"]


def test_each_step_of_a_build_is_said_when_it_begins(engine, tmp_path):
    """Its command may be silent for minutes, so it is not the next line that says so."""
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    lines = ["Step 1/3 : FROM scratch", " ---> 1f", "Step 2/3 : RUN slow", " ---> 2f", "Step 3/3 : RUN slower"]
    engine.build = lambda **_options: ({"stream": f"{line}\n"} for line in lines)
    args = {"reference": "built:1", "build": {"context": str(tmp_path)}, "needs": ()}
    step = Step("build", address("docker.image/built:1"), "image.build", args)
    provider = a_provider(engine)
    provider.tells_every_s = 60.0

    notes = [provider.perform(step).note for _ in range(3)]

    assert notes == ["FROM scratch", "RUN slow", "RUN slower"]


def test_a_build_that_fails_shows_its_last_lines(engine, tmp_path):
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")

    def failing(**_options):
        yield {"stream": "Step 1/2\n"}
        yield {"stream": "cannot find it\n"}
        yield {"error": "exit code 1"}

    engine.build = failing

    with pytest.raises(
        Rejected, match="the build failed: exit code 1; its last lines:\n    Step 1/2\n    cannot find it"
    ):
        to_its_end(engine, "image.build", reference="built:1", build={"context": str(tmp_path)}, needs=())


def test_logs_come_line_by_line_however_they_are_cut(engine):
    engine.logs = lambda *_args, **_rest: iter([b"one\ntw", b"o\r\n\xff thr", b"ee"])

    lines = list(a_provider(engine).logs("web", tail=None, follow=False, timestamps=False))

    assert lines == ["one", "two", "\ufffd three"]


def test_logs_of_what_is_not_there_are_an_error(engine):
    with pytest.raises(Conflict, match="service nobody has no container"):
        list(a_provider(engine).logs("nobody", tail=5, follow=False, timestamps=False))


def test_hints_name_what_happened_to_what_and_leave_out_what_is_not_ours(engine):
    asked = []
    mine = {labels.PROJECT: "p", labels.SERVICE: "web", "name": "p-web-1", "exitCode": "3"}
    happened = [
        ("container", "die", "c" * 64, mine),
        ("container", "die", "d" * 64, {**mine, labels.ONEOFF: "True"}),
        ("network", "disconnect", "e" * 64, {"name": "p_default", "container": "f" * 64}),
        ("network", "disconnect", "e" * 64, {"name": "other_default", "container": "f" * 64}),
        ("network", "connect", "e" * 64, {"name": "other_default", "container": "a" * 64}),
        ("volume", "destroy", "other_data", {"driver": "local"}),
    ]

    def events(*, decode, filters, since, until):
        assert (since, until) == (None, None)  # as they come, for ever
        asked.append((decode, filters))
        for sort, action, actor, attributes in happened:
            if sort in filters["type"]:
                yield {"Type": sort, "Action": action, "Actor": {"ID": actor, "Attributes": attributes}}

    engine.events = events
    provider = a_provider(engine)
    provider._known = frozenset({"p_default", "a" * 64})

    hints = [hint for source in provider.hint_sources().values() for hint in source()]

    assert list(map(str, hints)) == [
        "container p-web-1: die",
        "network p_default: disconnect",
        "network other_default: connect",
    ]
    assert hints[0].address == address("docker.container/web")
    assert asked[0][1]["label"] == [f"{labels.PROJECT}=p"]
    assert not {"exec_create", "exec_start", "exec_die"} & set(asked[0][1]["event"])


def test_the_last_exit_of_a_program_is_known_also_while_it_runs_again(engine):
    died = {labels.PROJECT: "p", labels.SERVICE: "web", "name": "p-web-1", "exitCode": "3"}
    identity = container(engine, "web")["Id"]
    engine.events = lambda **_: iter(
        [{"Type": "container", "Action": "die", "Actor": {"ID": identity, "Attributes": died}}]
    )
    provider = a_provider(engine)
    live = Observed(address("docker.container/web"), identity, {})

    before = provider.last_exit(live)
    for source in provider.hint_sources().values():
        list(source())

    assert before == Exit(None, ("last words of web",))
    assert provider.last_exit(live) == Exit(3, ("last words of web",))


@pytest.mark.parametrize("verb", ["container.create", "container.update"])
def test_a_limit_that_the_kernel_lacks_is_an_error_and_leaves_nothing(engine, verb):
    said = "Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded."
    engine.warnings = ["Published ports are discarded when using host network mode", said]

    with pytest.raises(Rejected) as refused:
        perform(engine, verb, name="new", container="web", body=BODY)

    assert str(refused.value) == said
    assert container(engine, "new") is None
