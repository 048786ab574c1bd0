"""Foreign text steers neither a terminal nor a CI system, wherever somebody else writes something."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.kit import canaries
from tests.kit.cli import Ran, called
from tests.kit.docker.memory import MemoryEngine, Refusal, served

STACK = "name: p\nservices:\n  web: {image: 'app:1', environment: {V: '1'}}\n"
HOSTILE = {
    "an escape": "\x1b[2J\x1b]0;owned\x07",
    "a C1 code": "\x9b31m\x85",
    "a text direction": "\u202eabc\u2066def",
    "no width": "a\u200bb\ufeffc\u00ad",
    "a carriage return": "fine\rforged",
    "a command": "x\n::error file=a::forged\n  ::set-output name=a::b",
    "an old command": "x\n##[error]forged ##vso[task.complete]",
    "a table row": "x\n| forged | row |\n```\n",
    "a line of ours": "x\nall is well, forged",
}
FORMATS = [("diff", "--format", form) for form in canaries.FORMATS]
LOOKS = [
    *FORMATS,
    ("-v", "diff"),
    ("status",),
    ("status", "--format", "json"),
    ("config",),
    ("config", "--format", "json"),
]
RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
OURS = re.compile(r"::(?:error|warning|notice) (?:file=\S*,)?(?:line=\d+,)?(?:col=\d+,)?title=[^:\n]*::[^\n]*")


def is_harmless(text: str, *, commands: bool = False) -> bool:
    lines = [line.lstrip() for line in text.splitlines()]
    forged = [line for line in lines if line.startswith("::") and not (commands and OURS.fullmatch(line))]
    of_ours = [line for line in text.splitlines() if line.startswith(("all is well", "| forged", "forged"))]
    return not (RAW.search(text) or forged or "##[" in text or "##vso[" in text or of_ours)


class World:
    """A project on an engine in memory, and the program as it is called there."""

    def __init__(self, directory: Path, engine: MemoryEngine, run: Callable[..., Ran]) -> None:
        self.directory, self.engine, self._run = directory, engine, run
        self.write(STACK)

    def write(self, text: str, name: str = "stack.yaml") -> None:
        (self.directory / name).write_text(text, encoding="utf-8")

    def run(self, *arguments: str) -> Ran:
        return self._run(*arguments, cwd=self.directory)

    def check(self, *runs: tuple[str, ...]) -> None:
        for arguments in runs:
            ran = self.run(*arguments)
            assert is_harmless(ran.out, commands="github" in arguments), (arguments, ran.out)
            assert is_harmless(ran.err), (arguments, ran.err)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[World]:
    engine = MemoryEngine()
    engine.image("app:1")
    with served(engine) as url:
        yield World(tmp_path, engine, partial(called, monkeypatch, capsys, env={"DOCKER_HOST": url}))


@pytest.fixture(params=HOSTILE.values(), ids=HOSTILE)
def hostile(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def running(world: World) -> World:
    assert world.run("apply", "--yes").code == 0
    return world


def container(world: World) -> dict[str, object]:
    return next(iter(world.engine.containers.values()))


def test_keys_and_values_of_a_live_container(running: World, hostile: str) -> None:
    config = container(running)["Config"]
    config["Env"] = [f"{hostile}=x", f"V={hostile}"]
    config["Labels"][hostile] = "x"
    config["Labels"]["note"] = hostile
    config["Cmd"] = ["sh", hostile]

    assert running.run("diff").code == 2
    running.check(*LOOKS)


def test_what_a_health_check_says(running: World, hostile: str) -> None:
    state = container(running)["State"]
    state["Health"] = {"Status": "unhealthy", "Log": [{"ExitCode": 1, "Output": hostile}]}

    assert "unhealthy" in running.run("status").out
    running.check(*LOOKS, ("apply", "--yes"), ("--log-format", "json", "apply", "--yes"))


def test_what_the_engine_says_no_with(world: World, hostile: str) -> None:
    def refuse(_number: int, call: str) -> None:
        if call.startswith("POST /containers"):
            raise Refusal(500, f"no: {hostile}")

    world.engine.before = refuse

    world.check(("apply", "--yes"), ("--log-format", "json", "apply", "--yes"))


def test_what_the_engine_says_to_a_look(world: World, hostile: str) -> None:
    def refuse(_number: int, _call: str) -> None:
        raise Refusal(500, f"no: {hostile}")

    world.engine.before = refuse

    world.check(*FORMATS, ("status",), ("apply", "--yes"))


@pytest.mark.parametrize(
    "text",
    [
        "services:\n  web: {{image: 'app:1', \"{}\": 1}}\n",
        "services:\n  web: {{image: 'app:1', restart: \"{}\"}}\n",
        'services:\n  web: {{image: \'app:1\', labels: {{"{}": a}}, environment: {{A: "{}"}}}}\n',
        "services:\n  \"{}\": {{image: 'app:1'}}\n",
        'services:\n  web: {{image: "${{A:?{}}}"}}\n',
    ],
)
def test_keys_and_values_of_a_file(world: World, hostile: str, text: str) -> None:
    written = "".join(
        f"\\x{ord(each):02x}" if ord(each) < 0x100 and not each.isprintable() else each for each in hostile
    )
    world.write(text.replace("{}", written.replace("\n", "\\n")).replace("{{", "{").replace("}}", "}"))

    world.check(*LOOKS, ("validate",))


def test_raw_characters_of_a_file(world: World, hostile: str) -> None:
    world.write(f"services:\n  web:\n    image: app:1\n    imag: {hostile!r}\n    x y: {hostile}\n")

    world.check(("validate",), ("diff",))


@pytest.mark.parametrize("option", ["-f", "-u", "--env-file", "-p", "--project-directory"])
def test_names_on_the_command_line(world: World, hostile: str, option: str) -> None:
    world.check((option, hostile.replace("\0", ""), "validate"), (hostile,), ("diff", "--target", hostile))


def test_who_holds_the_lock(running: World, hostile: str) -> None:
    for name in ("reconcile-lock-p-0123456789ab", f"reconcile-lock-p-{'f' * 12}"):
        labels = {"reconcile.lock": "p", "reconcile.lock.host": hostile, "reconcile.lock.what": hostile,
                  "reconcile.lock.pid": "1", "reconcile.lock.began": "1", "reconcile.lock.format": "2"}  # fmt: skip
        running.engine.volumes[name] = {"Name": name, "Labels": labels, "Driver": "local", "Options": None}
    container(running)["Config"]["Env"] = []

    running.check(("apply", "--yes"), ("unlock",), ("unlock", "--yes"))
