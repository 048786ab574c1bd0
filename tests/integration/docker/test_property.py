"""No false drift: whatever a valid stack says, what was made of it is as it says.

RECONCILE_TEST_EXAMPLES random services are made; where that is set and not small they differ each time.
RECONCILE_TEST_RESTART_ENGINE, if set, is the command that restarts the engine, and disturbs whatever else runs there.
"""

from __future__ import annotations

import os
import subprocess
import time

import pytest
from hypothesis import HealthCheck, given, note, seed, settings
from hypothesis import strategies as st

from reconciler.core.difference.change import Action
from reconciler.core.difference.kind import Effect
from reconciler.core.message.errors import ProviderError
from tests.kit.docker.engine import PROBE, a_project
from tests.kit.docker.fields import filled
from tests.kit.docker.services import NETWORKS, SERVICES, VOLUMES

RESTART = os.environ.get("RECONCILE_TEST_RESTART_ENGINE")
EXAMPLES = int(os.environ.get("RECONCILE_TEST_EXAMPLES", "200"))
AT_ONCE = 5
"""So many services are made in one project, and so many parts may run beside each other."""

QUIET = {"deadline": None, "suppress_health_check": list(HealthCheck), "derandomize": EXAMPLES <= 200, "database": None}
STACKS = st.tuples(st.lists(SERVICES, min_size=AT_ONCE, max_size=AT_ONCE), NETWORKS, VOLUMES)


def declare(project, stack):
    services, network, volume = stack
    networks = {"default": {}, "back": filled(project, network)}
    named = {f"s{number}": {"image": PROBE, **service} for number, service in enumerate(services)}
    project.write(volumes={"data": volume}, networks=networks, services=named)
    note(stack)


def made(session):
    """Make everything, start nothing; what the engine does not take together is left out."""
    reconciler, refused = session.reconciler(), set()
    for step in reconciler.look().plan.steps:
        if step.address not in refused and not step.verb.startswith(("container.start", "container.wait")):
            try:
                reconciler.perform(step)
            except ProviderError:
                assert step.address.kind == "docker.container"
                refused.add(step.address)
    return refused


def differences(session, refused):
    """Address → fields, besides the state, and besides what is only told."""
    changes = [change for change in session.reconciler().look().plan.changes if change.address not in refused]
    found = {
        c.address: [f for f in c.fields if f.effect is not Effect.NOTE] for c in changes if c.action is not Action.KEEP
    }
    return {str(address): [f for f in fields if f.path != ("state",)] for address, fields in found.items()}


def assert_as_declared(session, refused):
    assert not {address: fields for address, fields in differences(session, refused).items() if fields}


@pytest.mark.sweep(every=2)
@pytest.mark.parametrize("part", range(AT_ONCE))
def test_what_was_made_of_a_stack_is_no_difference(engine, tmp_path, part):
    """Made but not started, so that what a service would do does not matter."""

    @seed(part if EXAMPLES <= 200 else time.time_ns())
    @settings(max_examples=max(1, EXAMPLES // AT_ONCE**2), **QUIET)
    @given(STACKS)
    def check(stack):
        with a_project(tmp_path, engine) as project:
            declare(project, stack)
            with project.session() as session:
                refused = made(session)
                assert_as_declared(session, refused)

    check()


@settings(max_examples=max(2, EXAMPLES // AT_ONCE // 10), **QUIET)
@given(STACKS)
def test_what_was_started_is_no_difference(engine, tmp_path, stack):
    """A service may end by itself: its settings alone are compared."""
    with a_project(tmp_path, engine) as project:
        declare(project, stack)
        with project.session() as session:
            refused = made(session)
            mine = {"label": [f"com.docker.compose.project={project.name}"]}
            for item in engine.get("/containers/json", all=1, filters=mine):
                start(engine, item["Id"])
            assert_as_declared(session, refused)
        if RESTART:
            subprocess.run(RESTART, shell=True, check=True)
            with project.session() as session:
                assert_as_declared(session, refused)


def start(engine, container_id):
    try:
        engine.post(f"/containers/{container_id}/start")
    except ProviderError:
        return  # not everything that can be made can be started
