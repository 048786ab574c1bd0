"""Whatever the program says it did, did not do or took back is compared with what is there afterwards."""

from __future__ import annotations

import copy
import json
import os
import re
import signal
from dataclasses import dataclass, field
from typing import Any

import pytest

from reconciler.core.message.codes import CODES
from reconciler.providers.docker.table import labels
from reconciler.run.clock import RealClock
from reconciler.run.lock.lock import LEAD
from reconciler.run.lock.owner import PREFIX, Owner
from tests.kit.cli import Ran, called
from tests.kit.docker.memory import PROJECT, Line, MemoryEngine, Refusal, a_reconciler, a_stack, served

CHECKED = 'image: "app:1", healthcheck: {test: "true"}'
ONE = f"services: {{web: {{{CHECKED}}}}}"
TWO = f"services: {{a: {{{CHECKED}}}, web: {{{CHECKED}, depends_on: {{a: {{condition: service_healthy}}}}}}}}"
OTHERS = {"Image": "app:1", "Labels": {labels.PROJECT: "theirs"}}


def by_name(engine):
    return {each["Name"][1:]: copy.deepcopy(each) for each in engine.containers.values()}


def what_differs(engine, folder):
    document = a_stack((folder / "stack.yaml").read_text(encoding="utf-8"), folder, TOKEN="t")
    return {str(change.address) for change in a_reconciler(document, engine).look().plan.changes if change.acts}


@dataclass
class World:
    """An engine, a project's folder, and what a command made of them."""

    engine: MemoryEngine
    folder: Any
    run: Any
    before: dict[str, Any] = field(default_factory=dict)
    differed: set[str] = field(default_factory=set)
    written: int = 0
    ran: Ran = field(default_factory=lambda: Ran(0, "", ""))

    def stack(self, text):
        (self.folder / "stack.yaml").write_text(text, encoding="utf-8")

    def set_up(self, text):
        self.stack(text)
        assert self.run("apply", "--yes").code == 0

    def command(self, *arguments):
        """Run it, and hold every sentence to what is there before and afterwards."""
        self.before, self.differed = by_name(self.engine), what_differs(self.engine, self.folder)
        self.written = len(self.engine.writes)
        self.ran = self.run(*arguments)
        self.engine.before = self.engine.after = lambda *_: None
        for says, is_true in SENTENCES.items():
            for found in re.finditer(says, self.ran.err):
                assert is_true(self, *found.groups()), f"{found[0]!r} is not true:\n{self.ran.out}{self.ran.err}"
        assert unheld(self.ran.err) == []
        if self.ran.code == 4:
            assert nothing_done(self)
        return self.ran

    @property
    def writes(self):
        """Without those of the lock, which is given back."""
        return [call for call in self.engine.writes[self.written :] if "/volumes" not in call or "lock" not in call]


def nothing_done(world):
    touched = [call for call in world.writes if call != "POST /volumes/create"]
    return not touched and by_name(world.engine) == world.before and not (world.folder / ".env").exists()


def something_done(world):
    return bool(world.writes)


def done(world, count):
    """Exactly so many where all went well; of one that was only not waited for nobody may claim that it is done."""
    settled = len(world.differed - what_differs(world.engine, world.folder))
    return int(count) == settled if world.ran.code == 0 else int(count) <= settled


def is_there(world, kind, name):
    if kind == "container":
        return f"{PROJECT}-{name}-1" in by_name(world.engine)
    found = world.engine.networks.values() if kind == "network" else world.engine.volumes.values()
    return any(each["Name"] == f"{PROJECT}_{name}" for each in found)


def is_a_mark(world, name):
    return name in {each["Name"] for each in world.engine.volumes.values()} and name.startswith("reconcile-lock-")


def same_one(world, name):
    called = f"{PROJECT}-{name}-1"
    return by_name(world.engine)[called]["Id"] == world.before[called]["Id"]


def serves_again(world, name):
    return same_one(world, name) and by_name(world.engine)[f"{PROJECT}-{name}-1"]["State"]["Running"]


def is_down(world):
    return not [
        each for each in world.engine.containers.values() if each["Config"]["Labels"].get(labels.PROJECT) == PROJECT
    ]


def nothing_there(world):
    return nothing_done(world) and is_down(world)


def not_begun(world, kind, name, verbs):
    where, what = ("containers", f"{PROJECT}-{name}-1") if kind == "container" else (f"{kind}s", f"{PROJECT}_{name}")
    calls = {
        "start": rf"POST /{where}/\S+/start",
        "stop": rf"POST /{where}/\S+/stop",
        "create": f"POST /{where}/create",
        "remove": f"DELETE /{where}",
    }
    begun = "|".join(calls.get(verb, "never") for verb in re.split(r",\s+", verbs))
    return not [call for call in world.writes if re.match(begun, call) and what in call]


SENTENCES = {
    r"Nothing was done\.": nothing_done,
    r"nothing was touched": nothing_done,
    r"What was done before that stays\.": something_done,
    r"(\d+) resources? done": done,
    r"✓ docker\.(\w+)/(\S+) +(?:created|replaced|updated|started)": is_there,
    r"✓ docker\.(\w+)/(\S+) +deleted": lambda *which: not is_there(*which),
    r"docker\.(\w+)/(\S+) is left, as it is in use": is_there,
    r"docker\.(\w+)/(\S+) is left, as it was not made by this project": is_there,
    r"volume (\S+) is left; the next run that changes something removes it": is_a_mark,
    r"docker\.container/(\S+) +rolled back: .* serves again": serves_again,
    r"docker\.container/(\S+) +rolled back: .* in its place again": same_one,
    r"docker\.(\w+)/(\S+) +not started: ([\w -]+(?:,\s+[\w -]+)*)": not_begun,
    r"(\d+) resources? done.*?, (?:\d+) interrupted or not started": done,
    rf"{PROJECT}: down": is_down,
    rf"{PROJECT}: not all is down": lambda world: not is_down(world),
    rf"{PROJECT}: nothing was there to remove": nothing_there,
    r"docker\.(\w+)/(\S+) +(?:skipped|not done)": lambda world, kind, name: not is_there(world, kind, name),
    r"; volume (\S+) is left: `down --volumes` removes it": lambda world, name: is_there(world, "volume", name),
}
"""What is said → whether it is so; groups are handed over."""


CLAIMS = re.compile(
    r"serves? again|in its place again|nothing (?:was|is)|taken back|rolled back|as it was|not begun|not started"
    r"|that stays|(?:is|are) left|not touched|untouched|undone|is down|: down",
    re.IGNORECASE,
)
"""The words of any sentence on what was done, was not done, or is there again."""


def unheld(text):
    """The claims in a text that no sentence above holds to the truth."""
    held = [found.span() for says in SENTENCES for found in re.finditer(says, text)]
    return [
        text[max(0, claim.start() - 60) : claim.end() + 20]
        for claim in CLAIMS.finditer(text)
        if not any(start <= claim.start() and claim.end() <= end for start, end in held)
    ]


@pytest.mark.parametrize("code", CODES.values(), ids=CODES)
def test_the_remedy_of_an_error_claims_nothing_of_the_run(code):
    assert CLAIMS.findall(code.remedy) == []


@pytest.fixture
def world(tmp_path, monkeypatch, capsys):
    engine = MemoryEngine(clock=RealClock())
    for reference in ("app:1", "app:2"):
        engine.image(reference)
    with served(engine) as url:

        def run(*arguments):
            where = {"DOCKER_HOST": url, "COMPOSE_PROJECT_NAME": PROJECT}
            return called(monkeypatch, capsys, *arguments, cwd=tmp_path, env=where)

        yield World(engine, tmp_path, run)


def somebody_elses(engine, name):
    Line(engine).post("/containers/create", OTHERS, name=name)


def test_a_first_run_says_what_it_did(world):
    world.stack(TWO)

    ran = world.command("apply", "--yes")

    assert (ran.code, "3 resources done" in ran.err) == (0, True)


@pytest.mark.parametrize("form", ["text", "json", "markdown", "github"])
def test_what_is_deferred_is_refused_before_anything_is_done_and_shown_by_diff(world, form):
    somebody_elses(world.engine, f"{PROJECT}-web-1")
    world.stack(TWO)

    shown, ran = world.run("diff", "--format", form), world.command("apply", "--yes")

    flag = "--adopt docker.container/web"
    assert (shown.code, ran.code) == (2, 4)
    assert flag in shown.out
    assert flag in ran.err
    assert "Nothing was done." in ran.err
    assert "+ docker.container/a " in ran.out


def test_what_a_later_pass_refuses_does_not_undo_what_was_said(world):
    world.stack(f"services: {{web: {{{CHECKED}}}, b: {{{CHECKED}}}}}\n")
    world.engine.after = lambda _n, call: (
        call == "POST /networks/create" and somebody_elses(world.engine, f"{PROJECT}-web-1")
    )

    ran = world.command("apply", "--yes")

    assert ran.code in (1, 3)
    assert "Nothing was done." not in ran.err


def test_data_is_not_lost_and_secrets_are_not_written_by_what_is_refused(world):
    world.set_up(f"services: {{web: {{{CHECKED}, volumes: ['data:/x']}}}}\nvolumes: {{data: {{}}}}")
    web = f"web: {{{CHECKED}, volumes: ['data:/x'], environment: {{A: $TOKEN}}}}"
    rest = "x-reconcile: {secrets: [TOKEN]}\nvolumes: {data: {driver_opts: {a: b}}}"
    world.stack(f"services: {{{web}}}\n{rest}")

    ran = world.command("apply", "--yes")

    assert (ran.code, "Nothing was done." in ran.err) == (4, True)


def test_secrets_are_written_before_the_first_step(world):
    world.stack(f"x-reconcile: {{secrets: [TOKEN]}}\nservices: {{web: {{{CHECKED}, environment: {{A: $TOKEN}}}}}}")

    assert world.run("apply", "--yes").code == 0

    (token,) = re.findall("TOKEN=(.+)", (world.folder / ".env").read_text(encoding="utf-8"))
    assert f"A={token}" in by_name(world.engine)[f"{PROJECT}-web-1"]["Config"]["Env"]
    assert world.command("apply", "--yes").out.startswith("No changes.")


@pytest.mark.parametrize(("state", "words"), [("running", "serves again"), ("exited", "is in its place again")])
def test_what_is_rolled_back_is_said_to_serve_only_if_it_did(world, state, words):
    world.set_up(ONE)
    if state == "exited":
        world.engine.stop(f"{PROJECT}-web-1")
    world.stack(ONE.replace('"app:1"', '"app:2", command: [exit, "3"]'))

    ran = world.command("apply", "--yes")

    assert (ran.code, words in ran.err) == (7, True)
    assert ran.err.count("docker.container/web") == 2  # failed, rolled back: and nothing twice


def test_a_failure_is_told_once_and_what_it_blocks_is_counted(world):
    world.stack(TWO.replace('a: {image: "app:1"', 'a: {image: "app:1", command: [exit, "3"]'))

    ran = world.command("apply", "--yes")

    assert ran.code == 3
    assert "skipped: docker.container/a failed" in ran.err
    assert "1 resource done, 1 failed, 1 skipped as a result" in ran.err
    assert len([line for line in ran.err.splitlines() if line.startswith("  ✗ docker.container/a ")]) == 1


class Interruption:
    """Ctrl-C, once."""

    def __init__(self):
        self.sent = False

    def __call__(self):
        if not self.sent:
            self.sent = True
            os.kill(os.getpid(), signal.SIGINT)

    def after(self, text):
        """As soon as the engine has done that."""
        return lambda _number, call: text in call and self()


def test_what_was_not_begun_when_it_was_interrupted_is_said_to_be(world):
    world.stack(TWO)
    world.engine.after = Interruption().after("POST /networks/create")

    ran = world.command("apply", "--yes")

    assert (ran.code, "not started: create, start, wait" in ran.err) == (130, True)
    assert "1 resource done, 2 interrupted or not started, in" in ran.err


def test_a_wait_that_was_given_up_is_interrupted(world):
    world.stack(TWO)
    inspect, interrupt = world.engine.inspect, Interruption()

    def looked_at(name, **rest):
        found = inspect(name, **rest)
        if found["State"]["Running"]:
            interrupt()
        return found

    world.engine.inspect = looked_at
    ran = world.command("apply", "--yes")

    assert ran.code == 130
    assert re.search("docker.container/a +interrupted after 0 s of waiting: health: starting", ran.err)
    assert "1 resource done, 2 interrupted or not started, in" in ran.err


def test_a_project_that_is_interrupted_on_its_way_down_is_not_down(world):
    world.set_up(TWO)
    world.engine.after = Interruption().after("/stop")

    ran = world.command("down")

    assert (ran.code, "not all is down" in ran.err) == (130, True)


def test_a_project_goes_down_and_what_others_use_is_left(world):
    world.set_up(ONE)
    Line(world.engine).post("/containers/create", {**OTHERS, "HostConfig": {"NetworkMode": "p_default"}}, name="theirs")

    ran = world.command("down")

    assert ran.code == 0
    assert "docker.network/default is left, as it is in use by container theirs of project theirs" in ran.err


@pytest.mark.parametrize("owner", [{}, OTHERS["Labels"]])
def test_what_others_made_under_a_declared_name_is_left_by_down(world, owner):
    body = {"Image": "app:1", "Labels": owner, "Cmd": ["other"]}
    Line(world.engine).post("/containers/create", body, name=f"{PROJECT}-web-1")
    world.stack(ONE)

    ran = world.command("down")

    assert (ran.code, "docker.container/web is left, as it was not made" in ran.err) == (0, True)
    assert ("if it is as declared, `reconcile apply` takes it over" in ran.err) is (not owner)


def test_a_lock_that_can_not_be_given_back_is_said_to_be_left(world):
    def refuse(_number, call):
        if call.startswith("DELETE /volumes/reconcile-lock-"):
            raise Refusal(500, "injected")

    world.stack(ONE)
    world.engine.before = refuse

    ran = world.command("apply", "--yes")

    assert (ran.code, "is left; the next run that changes something" in ran.err) == (0, True), ran.err


def test_a_project_that_is_down_already_has_nothing_to_remove_and_its_data_is_left(world):
    world.set_up(f"services: {{web: {{{CHECKED}, volumes: ['data:/x']}}}}\nvolumes: {{data: {{}}}}")

    first, second = world.command("down"), world.command("down")

    assert (first.code, second.code) == (0, 0)
    assert f"{PROJECT}: down; volume data is left" in first.err
    assert f"{PROJECT}: nothing was there to remove; volume data is left" in second.err


@pytest.mark.parametrize("options", [["--confirm", "wrong"], ["--volumes", "--confirm", "wrong"], ["--volumes"]])
def test_a_project_of_another_name_stays_up(world, options):
    world.set_up(ONE)

    assert world.command("down", *options).code == 4


def test_a_stale_plan_touches_nothing(world):
    world.stack(ONE)
    world.run("diff", "--out", "plan.json")
    world.stack(TWO)

    ran = world.command("apply", "plan.json", "--yes")

    assert ran.code == 5
    assert nothing_done(world)


def test_many_refusals_of_one_sort_are_folded_but_in_json(world):
    volumes = [f"data{number}" for number in range(9)]
    mounts = ", ".join(f"'{name}:/{name}'" for name in volumes)
    world.set_up(f"services: {{web: {{{CHECKED}, volumes: [{mounts}]}}}}\nvolumes: {{{': {}, '.join(volumes)}: {{}}}}")
    changed = ": {driver_opts: {a: b}}, ".join(volumes)
    world.stack(
        f"services: {{web: {{{CHECKED}, volumes: [{mounts}]}}}}\nvolumes: {{{changed}: {{driver_opts: {{a: b}}}}}}"
    )

    ran, shown = world.command("apply", "--yes"), world.run("diff", "--format", "json")

    assert ran.code == 4
    assert ran.err.count("refused: ") == 4
    assert "refused: 6 more like these" in ran.err
    assert ran.out.count("driver_opts.a") == 9
    assert shown.out.count("--allow-delete docker.volume/data") == 9


@pytest.mark.parametrize("option", ["--allow-delete", "--adopt", "--allow-disrupt"])
def test_what_is_allowed_for_a_resource_that_there_is_not_is_a_warning(world, option):
    world.set_up(ONE)

    ran = world.command("apply", "--yes", option, "docker.container/wbe", option, "docker.container/web")

    assert ran.code == 0
    assert (
        f"warning: {option} docker.container/wbe: there is no such resource; did you mean `docker.container/web`?"
        in ran.err
    )
    assert ran.err.count("warning") == (2 if option == "--adopt" else 1)


def test_an_adoption_that_there_is_no_need_for_is_a_warning(world):
    world.set_up(ONE)

    ran = world.command("apply", "--yes", "--adopt", "docker.container/web")

    assert ran.code == 0
    assert ran.err == "warning: --adopt docker.container/web has no effect: the project has it already\n"


@pytest.mark.parametrize(
    ("service", "more"),
    [
        ("env_file: gone.env", ""),
        ("label_file: gone.labels", ""),
        ('security_opt: ["seccomp=gone.json"]', ""),
        ("pre_start: [{image: 'app:1', command: [x], env_file: gone.env}]", ""),
        ("secrets: [s]", "secrets: {s: {file: gone.txt}}"),
        ("secrets: [s]", "secrets: {s: {environment: GONE}}"),
        ("configs: [s]", "configs: {s: {file: gone.txt}}"),
        ("configs: [s]", "configs: {s: {environment: GONE}}"),
        ("build: ./gone", ""),
        ("build: {context: ., dockerfile: gone}", ""),
        ("volumes: ['./gone.txt:/x']", ""),
        ("extra_hosts: ['a:${GONE}']", ""),
    ],
)
def test_a_file_that_only_a_start_needs_does_not_keep_a_project_up(world, service, more):
    world.set_up(ONE)
    world.stack(f"services: {{web: {{{CHECKED}, {service}}}}}\n{more}")

    assert world.run("logs", "--tail", "1").code == 0
    ran = world.run("down")

    assert ran.code == 0, ran.err
    assert by_name(world.engine) == {}
    assert world.run("unlock").code == 0


def test_an_apply_of_which_every_step_failed_ends_as_one_of_which_some_did(world):
    def refuse(_number, call):
        if "/networks/create" in call:
            raise Refusal(500, "no address is left")

    world.engine.before = refuse
    world.stack("services: {web: {image: 'app:1'}}")

    ran = world.run("apply", "--yes")

    assert (ran.code, "0 resources done, 1 failed, 1 skipped" in ran.err) == (3, True), ran.err


def test_an_apply_that_is_known_to_fail_does_nothing(world):
    world.set_up("services: {}")
    world.stack("services: {web: {image: 'app:1', networks: [theirs]}}\nnetworks: {theirs: {external: true}}")
    writes = list(world.engine.writes)

    shown, ran = world.run("diff"), world.run("apply", "--yes")

    assert (shown.code, ran.code) == (2, 4)
    assert "1 to create, 1 missing" in ran.out
    assert "stack.yaml:2:12: docker.network/theirs `theirs` is declared as external but does not exist" in ran.err
    assert "Nothing was done." in ran.err
    assert [call for call in world.engine.writes[len(writes) :] if "volumes" not in call] == []  # the lock is one


def test_what_is_missing_and_never_made_counts_as_no_creation(world):
    world.stack("services: {web: {image: 'app:1', networks: [theirs]}}\nnetworks: {theirs: {external: true}}")

    shown = json.loads(world.run("diff", "--format", "json").out)

    assert (shown["summary"]["create"], shown["summary"]["missing"]) == (1, 1)


def test_unlock_that_broke_some_locks_and_not_others_is_done_in_part(world):
    world.stack(ONE)
    foreign = Owner("elsewhere", 1, "1", "apply", "another-boot pid:[1] time:[1]").mark()
    for number, mark in enumerate(({**foreign, f"{PREFIX}pid": "abc"}, foreign)):
        body = {"Name": f"reconcile-lock-{PROJECT}-{number:012x}", "Labels": {"reconcile.lock": PROJECT, **mark}}
        Line(world.engine).post("/volumes/create", body)

    ran = world.run("unlock")

    assert (ran.code, "Nothing was done" in ran.err) == (3, False), ran.err
    assert list(world.engine.volumes) == [f"reconcile-lock-{PROJECT}-{1:012x}"]


RISKY = 'services: {web: {image: "app:1", pid: host%s}}'
REFUSING = "\nx-reconcile: {policy: {risks: refuse}}\n"
WAIVER = ", x-reconcile: {waivers: {host-pid: {reason: an agent, until: '2999-12-31'}}}"


def test_a_risky_service_is_a_warning_and_is_made(world):
    world.stack(RISKY % "")

    ran = world.command("apply", "--yes")

    assert ran.code == 0
    assert "warning[RC0108]: stack.yaml:1:34: services.web has `pid: host`" in ran.err
    assert [*by_name(world.engine)] == ["p-web-1"]


def test_where_the_file_says_so_a_risky_service_is_refused_and_shown_as_such(world):
    world.stack(RISKY % "" + REFUSING)

    ran, shown = world.command("apply", "--yes"), world.run("diff", "--format", "json")

    assert ran.code == 4
    assert nothing_done(world)
    (refusal,) = json.loads(shown.out)["refusals"]
    assert refusal["address"] == "docker.container/web"
    assert "services.web has `pid: host`" in refusal["message"]
    assert "x-reconcile.waivers.host-pid" in refusal["remedy"]


def test_a_waiver_allows_a_risky_service_without_a_warning(world):
    world.stack(RISKY % WAIVER + REFUSING)

    ran = world.command("apply", "--yes")

    assert ran.code == 0
    assert "warning" not in ran.err


def test_a_file_without_services_needs_more_than_a_yes(world):
    world.set_up(TWO)
    world.stack("services: {}")

    refused, shown = world.command("apply", "--yes"), world.run("diff")

    assert refused.code == 4
    assert nothing_done(world)
    assert "docker.container/a would be deleted, and the files declare no docker.container at all" in refused.err
    assert "allow it with `--max-delete 2`" in refused.err
    assert "allow it with `--max-delete 2`" in shown.out
    assert world.command("apply", "--yes", "--max-delete", "2").code == 0
    assert not world.engine.containers


def test_a_service_that_is_not_the_last_one_goes_by_a_yes(world):
    world.set_up(TWO)
    world.stack(ONE)

    assert world.command("apply", "--yes").code == 0
    assert [*by_name(world.engine)] == ["p-web-1"]


def test_a_renamed_volume_is_refused_with_the_option_that_allows_it(world):
    text = f"services: {{web: {{{CHECKED}, volumes: ['%s:/data']}}}}\nvolumes: {{%s: {{}}}}"
    world.set_up(text % ("data", "data"))
    world.stack(text % ("files", "files"))

    refused, shown = world.command("apply", "--yes"), world.run("diff")

    assert refused.code == 4
    assert nothing_done(world)
    assert "--allow-empty docker.container/web" in refused.err
    assert "--allow-empty docker.container/web" in shown.out
    assert world.command("apply", "--yes", "--allow-empty", "docker.container/web").code == 0


def test_an_unlock_that_removes_the_mark_of_a_daemon_does_not_say_that_there_was_none(world):
    world.set_up(ONE)
    mark = Owner("elsewhere", 1, "1", "daemon", "another-boot pid:[1] time:[1]").mark()
    name = f"{LEAD.prefix(PROJECT)}{'a' * 12}"
    Line(world.engine).post("/volumes/create", {"Name": name, "Labels": {labels.LOCK: PROJECT, **mark}})

    ran = world.run("unlock", "--yes")

    assert "is broken" in ran.err
    assert "nobody holds the lock" not in ran.err
    assert "nobody holds the lock" in world.run("unlock").err
