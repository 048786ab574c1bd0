"""`depends_on` with `restart: true`: a container is started again when what it needs was replaced."""

from __future__ import annotations

import pytest

from reconciler.core.difference.change import Action
from reconciler.core.difference.kind import Effect
from tests.kit.docker.engine import READY

NEEDS = {"depends_on": {"db": {"condition": "service_healthy", "restart": True}}}


@pytest.fixture
def pair(project):
    project.service("db", **READY)
    project.service("web", **READY, **NEEDS)
    project.service("side", **READY, depends_on=["db"])
    project.settle()
    return project


def test_who_asks_for_it_is_restarted_after_what_it_needs(pair):
    before = {name: pair.identity(name) for name in ("web", "side")}
    pair.service("db", **READY, environment={"V": "2"})

    found = pair.differences()
    pair.settle()

    assert {name: (change.action, change.effect) for name, change in found.items()} == {
        "docker.container/db": (Action.REPLACE, Effect.HANDOVER),
        "docker.container/web": (Action.UPDATE, Effect.RESTART),
    }
    web, db = pair.inspect("web"), pair.inspect("db")
    assert web["Id"] == before["web"][0]
    assert web["State"]["StartedAt"] > db["Created"]
    assert pair.identity("side") == before["side"]


def test_what_the_engine_or_somebody_starts_again_restarts_nobody(pair):
    before = pair.identity("web")

    pair.hand("restart", service="db", t=0)

    assert pair.differences() == {}
    assert pair.identity("web") == before


def test_a_run_that_came_no_further_than_what_is_needed_is_made_good(pair):
    pair.service("db", **READY, environment={"V": "2"})
    with pair.session() as session:
        look = session.reconciler().look()
        for step in look.plan.steps:
            if step.address.name == "db":
                verdict = session.providers["docker"].perform(step)
                while hasattr(verdict, "retry_in"):
                    verdict = session.providers["docker"].perform(step)

    assert list(pair.fields()) == ["depends_on.db"]
    pair.settle()


def test_who_lives_in_anothers_network_is_made_again_with_it(project):
    project.service("web", **READY)
    project.service("side", **READY, network_mode="service:web")
    project.settle()
    project.service("web", **READY, environment={"V": "2"})

    assert {name: change.action for name, change in project.differences().items()} == {
        "docker.container/web": Action.REPLACE,
        "docker.container/side": Action.REPLACE,
    }
    project.settle()

    web = project.inspect("web")["Id"]
    assert project.inspect("side")["HostConfig"]["NetworkMode"] == f"container:{web}"
