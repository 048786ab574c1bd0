"""Hooks run inside the container: after its start, and before its stop."""

from __future__ import annotations

from reconciler.run.reconciliation.remove import kinds_to_remove, removal
from tests.kit.docker.engine import READY


def logged(project, service="web"):
    """The output of the main process, in which hooks leave their marks."""
    pieces = project.engine.logs(project.container(service))
    return b"".join(pieces).decode().split("\n")[:-1]


def says(words, **more):
    return {"command": ["sh", "-c", f"echo {words} >/proc/1/fd/1"], **more}


def test_what_a_hook_is_given(project):
    hook = says("$(id -u) $(pwd) $$GREETING", user="7:7", working_dir="/tmp", environment={"GREETING": "hello"})
    project.service("web", **READY, init=False, post_start=[hook, says("second")], user="7:7")

    project.settle()

    assert logged(project) == ["7 /tmp hello", "second"]


def test_a_hook_that_fails_is_a_failure_until_it_does_not(project):
    project.service("web", **READY, post_start=[{"command": ["sh", "-c", "echo no database; exit 3"]}])

    first, second = project.apply(), project.apply()

    for report in (first, second):
        (failed,) = report.failed
        assert "post_start[0] failed with exit code 3; its last lines:\n    no database" in failed.note
    assert project.inspect()["State"]["Running"] is False

    project.service("web", **READY, post_start=[{"command": ["true"]}])
    project.settle()
    assert project.inspect()["State"]["Running"]


def test_the_old_one_is_told_before_it_is_stopped(project, tmp_path):
    settings = {**READY, "volumes": [{"type": "bind", "source": str(tmp_path), "target": "/out"}]}
    project.service("web", **settings)
    project.settle()
    before = project.identity()[0]
    tells = {"command": ["sh", "-c", "hostname >/out/told"]}
    project.service("web", **settings, pre_stop=[tells], environment={"V": "2"})

    project.settle()

    assert (tmp_path / "told").read_text().strip() == before[:12]


def test_a_hook_that_refuses_the_stop_leaves_the_old_one_serving(project):
    settings = {**READY, "deploy": {"update_config": {"order": "stop-first"}}}
    project.service("web", **settings)
    project.settle()
    before = project.identity()
    project.service("web", **settings, pre_stop=[{"command": ["sh", "-c", "exit 4"]}], environment={"V": "2"})

    report = project.apply()

    assert "pre_stop[0] failed with exit code 4" in report.failed[0].note
    assert project.identity() == before


def test_who_takes_all_away_runs_the_hooks_too(project, tmp_path):
    out = {"type": "bind", "source": str(tmp_path), "target": "/out"}
    project.service("web", **READY, volumes=[out], pre_stop=[{"command": ["touch", "/out/told"]}])
    project.settle()

    with project.session() as session:
        list(removal(session.reconciler(), kinds_to_remove(session.kinds.values(), volumes=False)))

    assert (tmp_path / "told").exists()
