"""Each property of a container on the real engine: declared, declared otherwise, and changed by hand.

The rows are in ``tests/kit/docker/fields.py``. Several services go through the stages at once, each with one property.
"""

from __future__ import annotations

import os

import pytest

from reconciler.core.difference.change import Action
from reconciler.core.message.errors import Refused, Rejected
from reconciler.providers.docker.kinds import container, image, volume
from tests.kit.docker.engine import READY
from tests.kit.docker.fields import FOLLOW, MAC, ROWS, by_hand, declare, filled, inspected
from tests.kit.docker.hands import NETWORK_ROWS

BATCH = 6
EVERY = 1 if os.environ.get("RECONCILE_TEST_FIELDS") == "all" else 5
"""Each takes about three seconds, so that all of them are for the night."""

ELSEWHERE = {(image.NAME, name) for name in ("inputs", "digest", "tags")}
ELSEWHERE |= {(container.NAME, name) for name in ("files_signal", "depends_on", "volumes_from", "pre_start", "links")}
ELSEWHERE |= {(volume.NAME, name) for name in ("name", "driver", "driver_opts")}
"""Shown in tests of their own: below, in ``test_attached.py``, ``test_files.py``, ``test_pull.py`` and
``test_engine_commands.py``."""

STARTING = [row for row in ROWS if row.starts][::EVERY]


class Stage:
    """One look at the project, told apart by service, and what of it was not as promised."""

    def __init__(self, project, name, problems):
        self.name, self.problems = name, problems
        self.changes = project.differences()

    def expect(self, row, action, *fields):
        """The action of this row's service and the fields in which it differs; KEEP is no difference."""
        change = self.changes.pop(f"docker.container/{row.service}", None)
        found = (change.action, {field.path[0] for field in change.fields}) if change else (Action.KEEP, set())
        optional = FOLLOW.get(row.field, set()) if fields else set()
        if found[0] is not action or found[1] - optional != set(fields) - optional:
            self.problems.append(f"{row.service}: {self.name}: {found[0].value} of {sorted(found[1])}")

    def end(self):
        self.problems += [f"{self.name}: besides, {address} differs" for address in self.changes]


def settle(project, problems, stage):
    report = project.apply()
    problems += [f"{stage}: {event.step.address} failed: {event.note}" for event in report.failed]
    problems += [f"{stage}: {address} differs afterwards: {c.fields}" for address, c in project.differences().items()]


def identities(project):
    return {name: (each["Id"], each["State"]["StartedAt"]) for name, each in inspected(project).items()}


def touched(before, after, rows, problems, stage):
    """A container that changed in place is the same one, still running since then."""
    for row in rows:
        is_same = before[row.service] == after[row.service]
        if is_same is not (row.by is Action.UPDATE):
            problems.append(f"{row.service}: {stage}: {'not touched' if is_same else 'restarted or replaced'}")
    if before["other"] != after["other"]:
        problems.append(f"{stage}: other was touched")


def held(project, rows, problems):
    """The rows that this machine can hold; of the others it says why it can't, as they say themselves."""
    known = [row for row in rows if row.api <= project.engine.api_version]
    declare(project, known, lambda row: row.value)
    failed = {event.step.address.name: event.note for event in project.apply().failed}
    problems += [f"{row.service}: {failed[row.service]}" for row in known if row.service in failed and not row.lacks]
    return [row for row in known if row.service not in failed]


@pytest.mark.sweep(every=2)
@pytest.mark.parametrize("first", range(0, len(STARTING), BATCH))
def test_each_field_is_seen_and_repaired_by_the_promised_means(project, first):
    problems = []
    rows = held(project, STARTING[first : first + BATCH], problems)
    declare(project, rows, lambda row: row.value)
    settle(project, problems, "created")

    declare(project, rows, lambda row: row.value if row.again is None else row.again)
    again = Stage(project, "reordered", problems)
    for row in rows:
        again.expect(row, Action.KEEP)
    again.end()

    before = identities(project) if not problems else {}
    declare(project, rows, lambda row: row.other)
    edited = Stage(project, "changed in the file", problems)
    for row in rows:
        edited.expect(row, row.by, row.field)
    edited.end()
    settle(project, problems, "changed in the file")
    assert problems == []
    after = identities(project)
    touched(before, after, rows, problems, "changed in the file")

    for row in rows:
        by_hand(project, row)
    changed = Stage(project, "changed by hand", problems)
    for row in rows:
        changed.expect(row, row.by, row.field)
    changed.end()
    before = after
    settle(project, problems, "changed by hand")
    assert problems == []
    touched(before, identities(project), rows, problems, "changed by hand")

    declare(project, rows, lambda _row: None)
    removed = Stage(project, "taken out of the file", problems)
    for row in rows:
        removed.expect(row, row.removal, *([] if row.removal is Action.KEEP else [row.field]))
    removed.end()
    settle(project, problems, "taken out of the file")
    assert problems == []


def made(project):
    """Make what is planned, and start nothing. False: the engine does not take it."""
    with project.session() as session:
        reconciler = session.reconciler()
        try:
            for step in reconciler.look().plan.steps:
                if not step.verb.startswith(("container.start", "container.wait")):
                    reconciler.perform(step)
        except Rejected:
            return False
    return True


@pytest.mark.parametrize("row", [row for row in ROWS if not row.starts], ids=lambda row: row.service)
def test_what_can_only_be_made_here_is_seen_as_well(project, row):
    def seen():
        return {path.partition(".")[0] for path in project.fields(f"docker.container/{row.service}")} - {"state"}

    declare(project, [row], lambda row: row.value)
    if not made(project):
        assert row.lacks
        pytest.skip(row.lacks)
    assert seen() == set()
    declare(project, [row], lambda row: row.other)
    assert seen() == {row.field}
    by_hand(project, row)
    assert seen() == {row.field}
    declare(project, [row], lambda _row: None)
    assert seen() == {row.field}


def test_a_mac_address_is_given_when_it_is_declared(project):
    declare(project, [MAC], lambda row: row.value)
    project.settle()
    declare(project, [MAC], lambda row: row.again)
    assert project.differences() == {}

    declare(project, [MAC], lambda row: row.other)
    assert project.differences()[f"docker.container/{MAC.service}"].action is Action.REPLACE
    project.settle()

    declare(project, [MAC], lambda _row: None)
    assert project.differences() == {}


def test_what_the_engine_is_too_old_for_is_told_with_its_place(project):
    if project.engine.api_version >= (1, 43):
        pytest.skip("this engine knows annotations")
    project.service("web", **READY, annotations={"a": "b"})

    with pytest.raises(Refused, match=r"services.web.annotations needs Docker 24.0 or newer \(API 1.43\)"):
        project.apply()

    assert project.engine.get(f"/containers/{project.container()}/json") is None


# ------------------------------------------------------------------ networks


def network_made_by_hand(project, changes):
    """Removed and made anew, with the container connected to it again."""
    inspect = inspected(project)["web"]
    (name, endpoint), *_ = [
        each for each in inspect["NetworkSettings"]["Networks"].items() if not each[0].endswith("_default")
    ]
    shown = project.engine.get(f"/networks/{name}")
    project.engine.post(f"/networks/{name}/disconnect", {"Container": inspect["Id"], "Force": True})
    project.engine.delete(f"/networks/{name}")
    kept = {"Name": name, "Driver": shown["Driver"], "Options": shown["Options"], "Labels": shown["Labels"]}
    project.engine.post("/networks/create", {**kept, **changes})
    aliases = [alias for alias in endpoint["Aliases"] if alias != inspect["Id"][:12]]
    body = {"Container": inspect["Id"], "EndpointConfig": {"Aliases": aliases}}
    project.engine.post(f"/networks/{name}/connect", body)


@pytest.mark.sweep(every=3)
@pytest.mark.parametrize("row", NETWORK_ROWS, ids=lambda row: row.field)
def test_each_field_of_a_network_is_seen_and_repaired_with_its_container_reconnected(project, row):
    if row.api > project.engine.api_version:
        pytest.skip("this engine is too old for it")
    own = "docker.network/own"

    def write(network):
        project.write(networks={"default": {}, "own": filled(project, network)})

    def seen():
        differences = project.differences()
        return {field.path[0] for field in differences[own].fields} if own in differences else set()

    project.service("other", **READY)
    project.service("web", **READY, networks=["default", "own"])
    write(row.value)
    project.settle()
    before = identities(project)

    write(row.other)
    assert row.field in seen()
    if not row.is_anywhere:
        return
    project.settle()
    if row.hand:
        network_made_by_hand(project, filled(project, dict(row.hand)))
        assert row.field in seen()
        project.settle()
    write({})
    assert (row.field in seen()) is row.removed
    project.settle()

    assert identities(project) == before


def test_a_driver_of_volumes_that_is_another_is_seen_and_refused(project):
    project.service("web", **READY, volumes=["data:/data"])
    project.write(volumes={"data": {}})
    project.settle()

    project.write(volumes={"data": {"driver": "other"}})

    assert set(project.fields("docker.volume/data")) == {"driver"}
    with pytest.raises(Refused, match="--allow-delete docker.volume/data"):
        project.apply()
    project.write(volumes={"data": {"name": f"{project.name}-else"}})
    assert set(project.fields("docker.volume/data")) == {"name"}
