"""The daemon as a container of the stack that it looks after: behind the proxy, and through its own replacement.

`make nightly-daemon` makes the image before.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time

import pytest

from tests.kit.cli import reconcile
from tests.kit.docker.engine import READY, a_project, the_engine
from tests.kit.machine.engine_proxy import LISTED, PLACE, SETTINGS, image

DAEMON = "localhost/reconcile:1"
PATIENCE_S = 180.0
PYTHON = "import urllib.request as u; u.urlopen('http://127.0.0.1:7420/readyz', timeout=4)"


@pytest.fixture
def project(tmp_path):
    """A stack with its daemon, which settles before the test begins, and its log if it fails."""
    engine = the_engine()
    folder = tmp_path / "stack"
    folder.mkdir()
    tmp_path.chmod(0o755)
    shutil.copy(SETTINGS / "haproxy.cfg", folder)
    (folder / "endpoints.lst").write_text(LISTED.read_text(encoding="utf-8"), encoding="utf-8")
    with a_project(folder, engine) as made:
        declare(made)
        ran = reconcile("apply", cwd=folder)
        assert ran.code == 0, ran.out + ran.err
        try:
            yield made
        finally:
            for name in ("daemon", "proxy"):
                done = subprocess.run(
                    ["docker", "logs", made.container(name)], capture_output=True, text=True, check=False
                )
                print(name, done.stdout[-20_000:], done.stderr[-20_000:])  # noqa: T201
    engine.close()


def declare(project, **changes):
    confined = {"cap_drop": ["ALL"], "read_only": True, "security_opt": ["no-new-privileges:true"]}
    files = {name: {"file": f"./{name}"} for name in ("haproxy.cfg", "endpoints.lst")}
    project.write(services={}, networks={"engine": {"internal": True}}, volumes={"state": {}}, configs=files)
    project.service("web", **READY, mem_limit="64m", restart="unless-stopped")
    project.service(
        "proxy",
        **confined,
        image=image(),
        command=None,
        user="0:0",
        init=False,
        networks=["engine"],
        volumes=["/var/run/docker.sock:/var/run/docker.sock"],
        configs=[{"source": name, "target": f"{PLACE}/{name}"} for name in files],
    )
    usual = {
        "command": ["daemon", "--interval", "5", "--listen", "127.0.0.1:7420"],
        "environment": {"DOCKER_HOST": "tcp://proxy:2375", "V": "1"},
    }
    project.service(
        "daemon",
        **confined,
        image=DAEMON,
        working_dir=str(project.directory),
        volumes=[f"{project.directory}:{project.directory}:ro", "state:/var/lib/reconcile"],
        tmpfs=["/tmp"],
        networks=["engine"],
        depends_on=["proxy"],
        restart="unless-stopped",
        healthcheck={"test": ["CMD", "python", "-c", PYTHON], "interval": "1s", "start_period": "60s", "timeout": "5s"},
        **{**usual, **changes},
    )


def until(condition, what):
    deadline = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {PATIENCE_S:g} s: {what}"
        time.sleep(0.2)
    return found


def is_settled(project, key="V", value=""):
    """Returns whether the daemon runs with a variable, and nothing of a replacement is left."""
    shown = project.inspect("daemon")
    names = {each["Names"][0].lstrip("/") for each in project.engine.get("/containers/json", all=1)}
    left = {name for name in names if name.startswith(project.name) and name.endswith((".apart", ".prev", ".next"))}
    is_up = shown and shown["State"].get("Health", {}).get("Status") == "healthy"
    return bool(is_up and not left and f"{key}={value}" in shown["Config"]["Env"])


def repairs(project):
    project.hand("update", {"Memory": 32 << 20, "MemorySwap": 64 << 20})
    until(lambda: project.inspect()["HostConfig"]["Memory"] == 64 << 20, "web has its limit again")


def test_a_daemon_in_a_container_repairs_and_has_itself_replaced(project):
    assert project.inspect("daemon")["Config"]["User"] == "65532:65532"
    repairs(project)
    before, web = project.identity("daemon"), project.identity()

    environment = {"DOCKER_HOST": "tcp://proxy:2375", "V": "2"}
    declare(project, environment=environment)
    until(lambda: is_settled(project, value="2"), "the daemon has its new variable")

    assert project.identity("daemon") != before
    assert project.identity() == web
    repairs(project)
    until(lambda: project.differences() == {}, "all is as declared")
    ran = subprocess.run(
        ["docker", "exec", project.container("daemon"), "/opt/reconcile/bin/python", "-m", "reconciler", "history"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "docker.container/daemon" in ran.stdout


def test_a_successor_that_crashes_gives_the_daemon_its_place_back(project):
    declare(project, environment={"DOCKER_HOST": "tcp://proxy:2375", "V": "3"}, command=["daemon", "--no-such-option"])
    log = ["docker", "logs", project.container("daemon")]

    def lines():
        done = subprocess.run(log, capture_output=True, text=True, check=False)
        return [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]

    failed = until(
        lambda: [each for each in lines() if each.get("event") == "repair failed"], "the failure is reported"
    )

    assert "a replacement by another container failed" in failed[0]["error"]
    assert "V=1" in project.inspect("daemon")["Config"]["Env"]
    repairs(project)


def test_the_daemons_own_proxy_is_replaced(project):
    before = project.identity("proxy")
    with (project.directory / "endpoints.lst").open("a", encoding="utf-8") as file:
        file.write("^GET /_ping$\n")

    until(lambda: project.inspect("proxy") and project.identity("proxy") != before, "the proxy is another one")
    until(lambda: project.differences() == {} and is_settled(project, value="1"), "all is as declared")
    repairs(project)
