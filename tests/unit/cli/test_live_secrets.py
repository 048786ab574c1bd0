"""The output of a container has no secret that it was given, whatever the files say by now."""

from __future__ import annotations

from functools import partial

import pytest

from reconciler.core.message.secrecy import HIDDEN
from reconciler.run.clock import RealClock
from tests.kit.cli import called
from tests.kit.docker.memory import PROJECT, MemoryEngine, served

OLD, NEW = "old-canary-4711", "new-canary-4711"
VARIABLE = "${DB_PASSWORD}"
DECLARED = {
    "by its name": f"DB_PASSWORD: '{VARIABLE}'",
    "by its variable": f"T: '{VARIABLE}'",
    "within a text": f"T: 'a {VARIABLE} b'",
    "in a URL": f"U: 'amqp://u:{VARIABLE}@mq/'",
}
BY_ITSELF = ["by its name", "in a URL"]
"""Declarations without which the live value still shows that it is a secret."""


class Telling(MemoryEngine):
    """An engine whose containers write all that they were given, and fail with it."""

    def logs(self, container, **_rest):
        yield f"it has {self._told(container)}\n".encode()

    def inspect(self, name, **rest):
        shown = super().inspect(name, **rest)
        shown["State"]["Error"] = f"no {self._told(name)}" if shown["State"]["Status"] == "exited" else ""
        for run in (shown["State"].get("Health") or {}).get("Log", ()):
            run["Output"] = f"bad {self._told(name)}\n"
        return shown

    def _told(self, container):
        entries = self._container(container)["Config"].get("Env") or ()
        # Without the names, which would show by themselves what is secret; and without the rest of a URL.
        return " ".join(entry.partition("=")[2].removeprefix("amqp://u:").removesuffix("@mq/") for entry in entries)


@pytest.fixture
def engine():
    made = Telling(clock=RealClock())
    made.image("app:1")
    return made


@pytest.fixture
def reconcile(monkeypatch, capsys, tmp_path, engine):
    with served(engine) as url:
        env = {"DOCKER_HOST": url, "COMPOSE_PROJECT_NAME": PROJECT}
        yield partial(called, monkeypatch, capsys, "--state-directory", tmp_path / "state", cwd=tmp_path, env=env)


@pytest.fixture
def project(reconcile, tmp_path):
    """Gives a function that applies a declaration, and then has other files."""

    def write(entry, password, attributes):
        text = f"x-reconcile: {{secrets: [DB_PASSWORD]}}\nservices:\n  db: {{image: 'app:1', {attributes}"
        text += f"environment: {{A: '1', {entry}}}}}\n  web: {{image: 'app:1', environment: {{B: '{VARIABLE}'}}}}\n"
        (tmp_path / "stack.yaml").write_text(text, encoding="utf-8")
        (tmp_path / ".env").write_text(f"DB_PASSWORD={password}\n", encoding="utf-8")

    def made(entry, after=None, attributes=""):
        write(entry, OLD, attributes)
        ran = reconcile("apply", "--yes")
        assert OLD not in ran.out + ran.err
        write(entry if after is None else after, NEW, attributes)
        return ran

    return made


def require_hidden(ran, said):
    text = ran.out + ran.err
    assert said in text
    assert HIDDEN in text
    assert OLD not in text


@pytest.mark.parametrize("options", [(), ("-t",), ("-f",), ("--tail", "1")])
@pytest.mark.parametrize("entry", DECLARED.values(), ids=DECLARED)
def test_logs_hide_the_value_that_the_container_has(project, reconcile, entry, options):
    project(entry)

    require_hidden(reconcile("logs", *options, "db"), "it has")


@pytest.mark.parametrize("entry", [DECLARED[each] for each in BY_ITSELF], ids=BY_ITSELF)
def test_logs_hide_a_value_whose_line_is_gone(project, reconcile, entry):
    project(entry, after="B: '2'")

    require_hidden(reconcile("logs", "db"), "it has")


@pytest.mark.parametrize("entry", DECLARED.values(), ids=DECLARED)
def test_doctor_hides_it_in_the_last_lines_of_a_container_that_ended(project, reconcile, engine, entry):
    project(entry)
    container = next(each for each in engine.containers.values() if "db" in each["Name"])
    container["State"].update(Status="exited", Running=False, ExitCode=3)

    require_hidden(reconcile("doctor"), "it has")


@pytest.mark.parametrize("entry", DECLARED.values(), ids=DECLARED)
def test_doctor_hides_it_in_what_a_health_check_wrote(project, reconcile, engine, entry):
    project(entry, attributes="healthcheck: {test: 'true'}, ")
    container = next(each for each in engine.containers.values() if "db" in each["Name"])
    container["Config"]["Cmd"] = ["sick"]

    require_hidden(reconcile("doctor"), "bad")


@pytest.mark.parametrize("entry", DECLARED.values(), ids=DECLARED)
def test_a_failed_gate_hides_it_in_the_last_lines(project, reconcile, entry, tmp_path):
    project(entry)
    file = tmp_path / "stack.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("db: {", "db: {command: [exit, '3'], "), encoding="utf-8")

    ran = reconcile("apply", "--yes")

    assert "it has" in ran.out + ran.err
    assert OLD not in ran.out + ran.err
    assert NEW not in ran.out + ran.err


def test_what_is_no_secret_is_shown(project, reconcile):
    project(DECLARED["by its variable"])

    assert f"it has 1 {HIDDEN}" in reconcile("logs", "db").out
