"""The state of resources, and of the machines that they run on, as text and as JSON."""

from __future__ import annotations

from reconciler.core.execution.report import Standing, State
from reconciler.core.provider import Machine
from reconciler.core.resource.address import Address
from reconciler.render.answers.status import status_json, status_text

ROWS = [Standing(Address("swarm.service", ("web",)), State.DEGRADED, "1 of 2 tasks running", "abc")]
MACHINES = [
    Machine("one", "leader", "ready"),
    Machine("seventeen", "worker", "down (heartbeat failure)", works=False),
]


def test_machines_stand_below_the_resources_in_columns():
    assert status_text(ROWS, MACHINES).splitlines() == [
        "swarm.service/web  degraded    1 of 2 tasks running",
        "",
        "1 degraded",
        "",
        "node one        leader  ready",
        "node seventeen  worker  down (heartbeat failure)",
    ]


def test_without_machines_nothing_is_said_of_them():
    assert "node" not in status_text(ROWS)
    assert "nodes" not in status_json(ROWS)


def test_programs_get_the_same_facts():
    assert status_json(ROWS, MACHINES)["nodes"] == [
        {"name": "one", "role": "leader", "state": "ready", "works": True},
        {"name": "seventeen", "role": "worker", "state": "down (heartbeat failure)", "works": False},
    ]
