"""No false drift: whatever a valid service says, what was made of it is as it says."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, given, note, reject, settings

from reconciler.core.change import Action
from reconciler.core.errors import Rejected
from tests.kit.engine import a_project
from tests.kit.services import SERVICES

EXAMPLES = int(os.environ.get("RECONCILE_TEST_EXAMPLES", "40"))


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=EXAMPLES <= 40)
@given(SERVICES)
def test_what_was_made_of_a_service_is_no_difference(engine, tmp_path, service):
    """Made but not started, so that what the service would do does not matter."""
    with a_project(tmp_path, engine) as project:
        project.write(volumes={"data": {}}, networks={"back": {}})
        project.service("web", **service)
        note(service)
        with project.session() as session:
            reconciler = session.reconciler()
            try:
                for step in reconciler.look().plan.steps:
                    if not step.verb.startswith(("container.start", "container.wait")):
                        reconciler.perform(step)
            except Rejected:
                reject()  # attributes that the engine does not take together
            changes = [change for change in reconciler.look().plan.changes if change.action is not Action.KEEP]

        assert [(str(change.address), change.action) for change in changes] == [("docker.container/web", Action.START)]
        assert [field.path for field in changes[0].fields] == [("state",)]
