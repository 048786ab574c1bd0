"""The commands against the real engine, by their exit codes and by what they ask of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.kit.cli import command, reconcile, started
from tests.kit.machine.proxy import recorded


@pytest.fixture
def run(project):
    def run(*arguments, **rest):
        return reconcile(*arguments, cwd=project.directory, **rest)

    return run


def test_a_second_apply_sends_nothing_that_changes_anything(project, run, tmp_path):
    project.service("web", volumes=["data:/data"], restart="unless-stopped", mem_limit="64m")
    project.write(volumes={"data": {}})
    with recorded(tmp_path) as (host, recorder):
        env = {"DOCKER_HOST": host}
        assert run("diff", env=env).code == 2
        assert recorder.writes == []
        assert run("apply", env=env).code == 0
        assert recorder.writes
        recorder.requests.clear()

        again = run("apply", env=env)

        assert (again.code, recorder.writes) == (0, [])
        assert "No changes. 4 resources match stack.yaml." in again.out
        assert run("diff", env=env).code == 0
        assert recorder.writes == []
        assert run("status", env=env).code == 0
        assert recorder.writes == []


def test_reading_takes_as_few_requests_as_it_can(project, run, tmp_path):
    """One list and one inspect for each container, networks, volumes, one inspect for each image."""
    for name in ("a", "b", "c"):
        project.service(name)
    project.settle()
    with recorded(tmp_path) as (host, recorder):
        run("diff", env={"DOCKER_HOST": host})

    assert len(recorder.requests) == 1 + 1 + 1 + 1 + 1 + 3  # version, networks, volumes, image, list, inspects


def test_a_dry_run_changes_nothing(project, run):
    project.service("web")

    assert run("apply", "--dry-run").code == 2
    assert project.engine.get(f"/containers/{project.container()}/json") is None


def test_colour_is_for_terminals_and_for_those_who_ask(project, run):
    project.service("web")

    assert "\033[" not in run("diff").out
    assert "\033[32m+ docker.container/web" in run("diff", env={"FORCE_COLOR": "1"}).out


def test_deleting_needs_a_yes_without_a_terminal(project, run):
    project.service("web")
    project.service("gone")
    project.settle()
    services = {"web": project.model["services"]["web"]}
    project.write(services=services)

    refused = run("apply")

    assert refused.code == 4
    assert "refused: docker.container/gone would be deleted\n     = help: allow it with `--yes`" in refused.err
    assert project.inspect("gone")["State"]["Running"]
    assert run("apply", "--yes").code == 0


def test_losing_data_needs_the_volume_by_name(project, run):
    project.service("web", volumes=["data:/data"])
    project.write(volumes={"data": {}})
    project.settle()
    project.write(volumes={"data": {"driver_opts": {"type": "tmpfs", "device": "tmpfs"}}})

    refused = run("apply", "--yes")

    assert refused.code == 4
    assert "allow it with `--allow-delete docker.volume/data`" in refused.err


def test_a_saved_plan_is_applied_as_long_as_it_is_true(project, run):
    project.service("web", environment={"DB_PASSWORD": "hush-hush"})

    assert run("diff", "--out", "plan.json").code == 2
    assert "hush" not in (project.directory / "plan.json").read_text(encoding="utf-8")
    assert run("apply", "plan.json").code == 0
    stale = run("apply", "plan.json")
    assert (stale.code, "plan.json is stale" in stale.err) == (5, True)


def test_a_saved_plan_is_refused_when_a_secret_changed_meanwhile(project, run):
    project.service("web", environment={"DB_PASSWORD": "one"})
    run("diff", "--out", "plan.json")
    project.service("web", environment={"DB_PASSWORD": "two"})

    assert run("apply", "plan.json").code == 5
    assert project.engine.get(f"/containers/{project.container()}/json") is None


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"schema": "reconcile.plan/v1"}', "no json"])
def test_what_is_no_plan_is_65(project, run, text):
    project.service("web")
    (project.directory / "plan.json").write_text(text, encoding="utf-8")

    ran = run("apply", "plan.json")

    assert ran.code == 65
    assert "plan.json" in ran.err
    assert "Traceback" not in ran.err


def test_two_runs_never_act_at_once(project, run):
    project.service("web", healthcheck={"test": "sleep 3; true", "interval": "1s", "timeout": "9s"})
    first = started("apply", cwd=project.directory)
    deadline = time.monotonic() + 30
    while not project.engine.get(f"/containers/{project.container()}/json") and time.monotonic() < deadline:
        time.sleep(0.1)
    project.service("other")

    second = run("apply")

    assert second.code == 6
    assert "another run is at work" in second.err
    assert f"process {first.pid}" in second.err
    assert first.communicate(timeout=60)
    assert first.returncode == 0


def test_a_failed_gate_that_was_rolled_back_is_7(project, run):
    good = {"test": "true", "interval": "1s"}
    project.service("web", healthcheck=good, environment={"V": "1"})
    project.settle()
    project.service("web", healthcheck={"test": "false", "interval": "1s", "retries": 1}, environment={"V": "2"})

    ran = run("apply")

    assert ran.code == 7
    assert "rolled back: what was there before serves again" in ran.err


def test_done_in_part_is_3(project, run):
    project.service("web")
    project.service("bad", image="localhost/no-such-image:1")

    ran = run("apply")

    assert ran.code == 3
    assert "docker.container/web" in ran.err
    assert project.inspect("web")["State"]["Running"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_it_after_the_current_step_and_the_next_run_goes_on(project, run, number, code):
    project.service("web", healthcheck={"test": "sleep 60", "interval": "1s", "timeout": "90s"})
    process = started("apply", cwd=project.directory)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        inspect = project.engine.get(f"/containers/{project.container()}/json")
        if inspect and inspect["State"]["Running"]:
            break
        time.sleep(0.1)
    os.kill(process.pid, number)

    _, err = process.communicate(timeout=30)

    assert process.returncode == code
    assert "interrupted: requests that run are finished" in err
    project.service("web")
    assert run("apply").code == 0


def test_status_and_json(project, run):
    project.service("web")
    project.service("sick", healthcheck={"test": "false", "interval": "1s", "retries": 1})
    project.apply()
    project.hand("pause")

    rows = {row["address"]: row for row in json.loads(run("status", "--format", "json").out)["resources"]}

    assert rows["docker.container/web"]["state"] == "drifted"
    assert rows["docker.container/sick"]["state"] == "degraded"
    assert rows["docker.network/default"]["state"] == "in sync"
    text = run("status").out
    assert "1 drifted, 1 degraded" in text


def test_logs(project, run):
    project.service("a", command=["sh", "-c", "echo one; echo two >&2; sleep 3600"])
    project.service("bee", command=["sh", "-c", "echo three; sleep 3600"])
    project.settle()

    assert sorted(run("logs").out.splitlines()) == ["a   | one", "a   | two", "bee | three"]
    assert run("logs", "--tail", "1", "bee").out == "bee | three\n"
    missing = run("logs", "nope")
    assert (missing.code, "there is no service `nope`" in missing.err) == (64, True)


def test_logs_are_followed_until_one_leaves(project):
    project.service("a", command=["sh", "-c", "n=0; while true; do echo line $$n; n=$$((n+1)); sleep 0.1; done"])
    project.settle()
    process = started("logs", "-f", cwd=project.directory)

    lines = [process.stdout.readline() for _ in range(15)]
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)

    assert all(line.startswith("a | line ") for line in lines)
    assert process.returncode == 130


def test_down_takes_containers_and_networks_and_leaves_the_data(project, run):
    project.service("web", volumes=["data:/data"])
    project.write(volumes={"data": {}})
    project.settle()

    assert run("down").code == 0

    assert project.engine.get(f"/containers/{project.container()}/json") is None
    assert project.engine.get(f"/networks/{project.name}_default") is None
    assert project.engine.get(f"/volumes/{project.name}_data")
    assert run("down").code == 0


def test_down_with_volumes_needs_the_projects_name(project, run):
    project.service("web", volumes=["data:/data"])
    project.write(volumes={"data": {}})
    project.settle()

    refused = run("down", "--volumes")
    wrong = run("down", "--volumes", "--confirm", "other")

    assert (refused.code, wrong.code) == (4, 4)
    assert project.inspect()["State"]["Running"]
    assert run("down", "--volumes", "--confirm", project.name).code == 0
    assert project.engine.get(f"/volumes/{project.name}_data") is None


def test_a_target_brings_only_what_it_needs(project, run):
    project.service("a")
    project.service("b", depends_on=["a"])
    project.service("c")

    assert run("apply", "--target", "docker.container/b").code == 0

    assert project.inspect("a")["State"]["Running"]
    assert project.engine.get(f"/containers/{project.container('c')}/json") is None


def test_progress_as_json_lines(project, run):
    project.service("web")

    ran = run("--log-format", "json", "apply")

    lines = [json.loads(line) for line in ran.out.splitlines()]
    assert {"run_start", "plan", "step_start", "step_done", "summary", "run_done"} <= {line["type"] for line in lines}
    assert ran.err == ""


def test_an_image_is_built_once_for_a_context_that_stays_as_it_is(project, run):
    context = project.directory / "app"
    context.mkdir()
    dockerfile = context / "Dockerfile"
    dockerfile.write_text('FROM localhost/probe:1\nCOPY hello /hello\nCMD ["sleep", "3600"]\n', encoding="utf-8")
    (context / "hello").write_text("one", encoding="utf-8")
    (context / ".dockerignore").write_text("*.log\n", encoding="utf-8")
    reference = f"localhost/{project.name}:1"
    project.write(services={"web": {"build": {"context": "app"}, "image": reference, "init": True}})
    try:
        assert run("apply").code == 0
        (context / "noise.log").write_text("ignored", encoding="utf-8")
        assert run("diff").code == 0

        (context / "hello").write_text("two", encoding="utf-8")
        assert run("diff").code == 2
        before = project.identity()[0]
        assert run("apply").code == 0
        assert project.identity()[0] != before
        assert run("diff").code == 0
    finally:
        project.remove()
        project.engine.delete(f"/images/{reference}", force=1)


def test_a_build_that_fails_shows_its_last_lines(project, run):
    context = project.directory / "app"
    context.mkdir()
    (context / "Dockerfile").write_text("FROM localhost/probe:1\nRUN echo compiling; exit 9\n", encoding="utf-8")
    project.write(services={"web": {"build": {"context": "app"}, "image": f"localhost/{project.name}:1"}})

    ran = run("apply")

    assert ran.code == 3  # the network was made
    assert "the build failed" in ran.err
    assert "compiling" in ran.err


def test_a_network_that_must_be_made_anew_is_left_and_joined_again(project, run):
    project.write(networks={"back": {}})
    project.service("web", networks={"back": {"aliases": ["w"]}})
    project.settle()
    before = project.identity()
    project.write(networks={"back": {"internal": True}})

    assert run("apply").code == 0

    assert project.identity() == before
    assert project.differences() == {}


def test_what_is_external_is_used_and_left_alone(project, run):
    name = f"{project.name}-outside"
    project.write(volumes={"data": {"external": True, "name": name}})
    project.service("web", volumes=["data:/data"])
    missing = run("apply")
    assert (missing.code, "declared as external but does not exist" in missing.err) == (4, True)
    project.engine.post("/volumes/create", {"Name": name})
    try:
        assert run("apply").code == 0
        assert run("down", "--volumes", "--confirm", project.name).code == 0
        assert project.engine.get(f"/volumes/{name}")
        # The same without the word: what somebody else made stays somebody else's.
        project.write(volumes={"data": {"name": name}})
        applied, down = run("apply"), run("down", "--volumes", "--confirm", project.name)
        assert (applied.code, down.code) == (0, 0)
        assert "docker.volume/data was not made by this project" in applied.out + applied.err
        assert "docker.volume/data is left, as it was not made by this project" in down.err
        assert project.engine.get(f"/volumes/{name}")
    finally:
        project.remove()
        project.engine.delete(f"/volumes/{name}")


def test_a_project_of_the_compose_cli_is_taken_over_without_a_restart(project, run):
    compose = Path(command([])[0]).with_name("docker-compose")
    project.service("db", healthcheck={"test": "true", "interval": "1s"}, ports=["127.0.0.1:0:80"])
    project.service("web", depends_on={"db": {"condition": "service_healthy"}}, volumes=["data:/data"])
    project.write(volumes={"data": {}})
    subprocess.run(
        [compose, "-f", "stack.yaml", "up", "-d", "--wait"], cwd=project.directory, check=True, capture_output=True
    )
    before = project.identity("db"), project.identity("web")

    ran = run("apply")

    assert (ran.code, "No changes" in ran.out) == (0, True)
    assert (project.identity("db"), project.identity("web")) == before


def test_the_compose_cli_knows_what_we_made(project):
    compose = Path(command([])[0]).with_name("docker-compose")
    project.service("web")
    project.settle()

    done = subprocess.run(
        [compose, "-f", "stack.yaml", "ps", "-q"], cwd=project.directory, check=True, capture_output=True, text=True
    )

    assert done.stdout.strip() == project.inspect()["Id"]


def open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


def test_logs_that_are_followed_no_longer_hold_no_connection(project):
    project.service("web", command=["sh", "-c", "echo ready; sleep 3600"])
    project.settle()
    before = open_files()

    logs = [project.engine.logs(project.container(), follow=True) for _ in range(3)]
    first = [next(pieces) for pieces in logs]
    during = open_files()
    for pieces in logs:
        pieces.close()

    assert first == [b"ready\n"] * 3
    assert during >= before + 2  # one may go through a connection that was there already
    assert open_files() <= before
