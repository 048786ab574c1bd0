"""A volume that a container had is not exchanged for a new and empty one unless that is allowed by name."""

from __future__ import annotations

import pytest

from reconciler.core.resource.address import Address
from reconciler.record import replace
from tests.kit.docker.memory import ALLOWED, Line, MemoryEngine, a_reconciler, a_stack, apply

APP = "services: {db: {image: 'app:1', volumes: [%s]}}\n"
BEFORE = APP % "'data:/var/data'" + "volumes: {data: {}}\n"


def refused(tmp_path, after, before=BEFORE, policy=ALLOWED, prepared=lambda _engine: None):
    """The reasons why a change of the file is refused, apart from those that have other rules."""
    engine = MemoryEngine()
    engine.image("app:1")
    apply(a_stack(before, tmp_path), engine)
    prepared(engine)
    look = a_reconciler(a_stack(after, tmp_path), engine, policy).look()
    return [each for each in look.plan.refusals if "--allow-empty" in each.option]


@pytest.mark.parametrize(
    ("mounts", "volumes", "words"),
    [
        (
            "'db-data:/var/data'",
            "db-data: {}",
            "volume p_db-data, new and empty, at /var/data in place of volume p_data",
        ),
        ("'db-data:/var/data:ro'", "db-data: {}", "volume p_db-data, new and empty, at /var/data"),
        ("/var/data", "", "a volume without a name, new and empty, at /var/data in place of volume p_data"),
    ],
    ids=["its key was renamed", "and it is read only", "its name was left out"],
)
def test_a_container_that_would_begin_empty_is_refused(tmp_path, mounts, volumes, words):
    (refusal,) = refused(tmp_path, f"{APP % mounts}volumes: {{{volumes}}}\n")

    assert refusal.address == Address("docker.container", ("db",))
    assert refusal.message.startswith(f"docker.container/db would get {words}")
    assert refusal.message.endswith(" and its data")
    assert refusal.remedy == "allow it with `--allow-empty docker.container/db`"


def test_a_volume_without_a_name_is_not_exchanged_for_one_with_a_name(tmp_path):
    after = APP % "'data:/var/data'" + "volumes: {data: {}}\n"

    (refusal,) = refused(tmp_path, after, before=APP % "/var/data")

    assert "volume p_data, new and empty, at /var/data in place of a volume without a name" in refusal.message


@pytest.mark.parametrize(
    "after",
    [
        BEFORE.replace("/var/data", "/var/lib/data"),
        BEFORE.replace("app:1', ", "app:1', hostname: other, "),
        APP % "'/srv:/var/data'" + "volumes: {data: {}}\n",
        APP % "'data:/var/data', 'more:/var/more'" + "volumes: {data: {}, more: {}}\n",
    ],
    ids=["at another path", "replaced for another reason", "a path of the machine", "one more volume"],
)
def test_other_changes_need_no_permission(tmp_path, after):
    assert refused(tmp_path, after) == []


def test_it_is_allowed_by_name_alone(tmp_path):
    after = APP % "'db-data:/var/data'" + "volumes: {db-data: {}}\n"
    allowed = frozenset({Address("docker.container", ("db",))})

    assert refused(tmp_path, after, policy=replace(ALLOWED, deletes=True))
    assert refused(tmp_path, after, policy=replace(ALLOWED, may_begin_empty=allowed)) == []


def test_a_volume_that_is_there_already_may_have_the_data(tmp_path):
    def copied(engine):
        Line(engine).post("/volumes/create", {"Name": "p_db-data"})

    after = APP % "'db-data:/var/data'" + "volumes: {db-data: {external: true, name: p_db-data}}\n"

    assert refused(tmp_path, after, prepared=copied) == []
