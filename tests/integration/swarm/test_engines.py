"""One file for two engines: the machine's own, and the one that the Swarm tests have, as a plain engine."""

from __future__ import annotations

import json
import uuid

import pytest

from tests.kit.cli import reconcile
from tests.kit.docker.engine import PROBE, READY, Project, the_engine

SLEEPS = {"image": PROBE, "command": ["sh", "-c", "echo at work; exec sleep 3600"], "init": True, **READY}


@pytest.fixture
def both(engine, tmp_path):
    """The project as each of the engines has it; both are rid of it afterwards."""
    name = f"rt{uuid.uuid4().hex[:8]}"
    own = the_engine()
    both = [Project(name, tmp_path, each) for each in (own, engine)]
    yield both
    for project in both:
        project.remove()
    own.close()


def test_two_engines_have_one_plan_and_one_that_is_away_waits(both, host, tmp_path):
    here, there = both
    socket = tmp_path / "edge.sock"
    socket.symlink_to(host.removeprefix("unix://"))

    def run(*arguments):
        return reconcile(*arguments, cwd=tmp_path)

    def write(**db):
        needs = {"db": {"condition": "service_healthy"}}
        worker = {**SLEEPS, "x-reconcile": {"engine": f"unix://{socket}"}, "depends_on": needs}
        stack = {"name": here.name, "services": {"db": {**SLEEPS, **db}, "worker": worker}}
        (tmp_path / "stack.yaml").write_text(json.dumps(stack), encoding="utf-8")

    write()
    assert run("apply").code == 0
    before = there.inspect("worker")
    assert here.inspect("db")["State"]["Running"]
    assert before["State"]["Running"]
    assert here.inspect("worker") is None

    assert run("diff").code == 0
    assert "worker | at work" in run("logs", "worker").out

    write(environment={"A": "1"})
    socket.unlink()
    ran = run("apply")
    assert ran.code == 69, ran.err
    assert "A=1" in here.inspect("db")["Config"]["Env"]

    socket.symlink_to(host.removeprefix("unix://"))
    assert run("diff").code == 0
    assert there.inspect("worker")["Id"] == before["Id"]
    assert run("down").code == 0
    assert (here.inspect("db"), there.inspect("worker")) == (None, None)
