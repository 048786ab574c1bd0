"""`reconcile restart` with a real engine: the container stays, and its program begins anew."""

from __future__ import annotations

from tests.kit.cli import reconcile
from tests.kit.docker.engine import READY


def test_a_restarted_container_is_the_same_one_and_still_as_declared(project):
    project.service("db", **READY)
    project.service("web", **READY, depends_on={"db": {"condition": "service_started", "restart": True}})
    project.service("side", **READY)
    project.settle()
    before = {name: project.inspect(name) for name in ("db", "web", "side")}

    ran = reconcile("restart", "--timeout", "1", "db", cwd=project.directory)

    after = {name: project.inspect(name) for name in before}
    started = {name for name in after if after[name]["State"]["StartedAt"] > before[name]["State"]["StartedAt"]}
    assert (ran.code, started) == (0, {"db", "web"}), ran.err
    assert all(after[name]["Id"] == before[name]["Id"] for name in after)
    assert project.differences() == {}
