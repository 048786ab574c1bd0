"""`volumes_from`: what other containers have, at the same places."""

from __future__ import annotations

import subprocess

import pytest

from tests.kit.docker.compose import compose_cli
from tests.kit.docker.engine import READY

ALL = {"/data", "/unnamed", "/here"}


@pytest.fixture
def lender(project, tmp_path):
    here = {"type": "bind", "source": str(tmp_path), "target": "/here"}
    project.service("db", **READY, volumes=["data:/data", "/unnamed", here])
    project.write(volumes={"data": {}})
    return project


def mounted(project, service="web"):
    """Target → what is mounted there, and whether it can be written to."""
    mounts = project.inspect(service)["Mounts"]
    return {mount["Destination"]: (mount.get("Name") or mount["Source"], mount["RW"]) for mount in mounts}


def test_all_that_a_service_has_is_there_as_well(lender):
    lender.service("web", **READY, volumes_from=["db"])
    lender.settle()

    assert mounted(lender) == mounted(lender, "db")
    assert mounted(lender).keys() == ALL


def test_it_may_be_read_only_and_what_is_declared_wins(lender):
    lender.service("web", **READY, volumes_from=["db:ro"], volumes=["data:/data"])
    lender.settle()

    assert {target: writable for target, (_, writable) in mounted(lender).items()} == {
        "/data": True,
        "/unnamed": False,
        "/here": False,
    }


def test_of_two_that_lend_the_same_the_last_one_counts(lender):
    lender.service("other", **READY, volumes=["more:/data"])
    lender.write(volumes={"data": {}, "more": {}})
    lender.service("web", **READY, volumes_from=["other", "db:ro"])
    lender.settle()

    assert mounted(lender)["/data"] == (f"{lender.name}_data", False)


def test_a_container_of_somebody_else_can_lend(lender):
    lender.settle()
    lender.service("web", **READY, volumes_from=[f"container:{lender.container('db')}:ro"])
    lender.settle()

    assert mounted(lender).keys() == ALL


def test_what_is_no_longer_lent_is_seen(lender):
    lender.service("web", **READY, volumes_from=["db"])
    lender.settle()

    lender.service("web", **READY)
    assert {field.partition(".")[0] for field in lender.fields()} == {"volumes"}
    lender.settle()

    assert mounted(lender) == {}


def chained(project):
    """A service that has the volumes of one which has them itself from another."""
    project.service("web", **READY, volumes_from=["db"])
    project.service("last", **READY, volumes_from=["web"])


CHAIN = {f"docker.container/{name}" for name in ("db", "web", "last")}


def test_what_the_lender_gets_besides_is_lent_on_and_the_plan_shows_all_who_get_it(lender, tmp_path):
    chained(lender)
    lender.settle()

    more = {"type": "bind", "source": str(tmp_path), "target": "/more"}
    lender.service("db", **READY, volumes=["data:/data", "/unnamed", "/other", more])
    plan = lender.plan()
    lender.settle()

    assert {str(change.address) for change in plan.changes if change.acts} == CHAIN
    assert mounted(lender) == mounted(lender, "last") == mounted(lender, "db")
    assert mounted(lender).keys() == {"/data", "/unnamed", "/other", "/more"}


def test_a_volume_without_a_name_is_the_very_one_of_the_lender(lender):
    chained(lender)
    lender.settle()

    lender.engine.delete(f"/containers/{lender.container('db')}", force=1)
    plan = lender.plan()
    lender.settle()

    assert {str(change.address) for change in plan.changes if change.acts} == CHAIN
    assert mounted(lender) == mounted(lender, "last") == mounted(lender, "db")


@pytest.mark.skipif(compose_cli() is None, reason="no Compose CLI")
def test_what_compose_lent_is_taken_over_as_it_is(lender):
    lender.service("web", **READY, volumes_from=["db"])
    up = [compose_cli(), "-p", lender.name, "-f", str(lender.directory / "stack.yaml"), "up", "-d"]
    subprocess.run(up, check=True, capture_output=True)

    assert lender.fields() == {}
