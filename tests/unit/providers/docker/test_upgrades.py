"""Stacks that earlier versions of the program made are in sync: a new version restarts nothing.

Each file of tests/cases/upgrades is what a real engine showed of a stack that the version of that day had applied. The
volume without a name and the networks are those of the recording.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reconciler.config import Sources, load
from reconciler.core.difference.change import Action
from reconciler.run.reconciliation.once import Look, Reconciler
from tests.kit.docker.memory import ALLOWED, MemoryEngine, a_provider

RECORDED = sorted((Path(__file__).parents[3] / "cases/upgrades").glob("*.json"))


def as_recorded(recording: Any) -> MemoryEngine:
    """An engine that shows what was recorded."""
    engine, container, image = MemoryEngine(), recording["container"], recording["image"]
    for name in ("localhost/probe:1", image["Id"]):
        engine.images[name] = image
    engine.networks |= {each["Id"]: each for each in recording["networks"]}
    unnamed = [
        {"Name": each["Name"], "Driver": "local", "Labels": None, "Options": None} for each in container["Mounts"]
    ]
    for each in (*unnamed, *recording["volumes"]):
        engine.volumes[each["Name"]] = each | {"Labels": each["Labels"] or {}}
        engine.contents[each["Name"]] = 1
    engine.containers[container["Id"]] = container | {"since": 0.0}
    return engine


def look_at(text: str, directory: Path, engine: MemoryEngine) -> Look:
    file = directory / "stack.yaml"
    file.write_text(text, encoding="utf-8")
    document = load(Sources(directory=directory, stack_files=(file,), environment={})).document
    return Reconciler(document, {"docker": a_provider(engine, "relup")}, engine.clock, ALLOWED).look()


@pytest.mark.parametrize("file", RECORDED, ids=lambda file: file.stem)
def test_what_an_earlier_version_made_is_in_sync(file: Path, tmp_path: Path) -> None:
    recording = json.loads(file.read_text(encoding="utf-8"))

    look = look_at(recording["stack"], tmp_path, as_recorded(recording))

    assert [(str(each.address), each.action, each.fields) for each in look.plan.changes if each.acts] == []
    assert look.plan.in_sync


@pytest.mark.parametrize("file", RECORDED, ids=lambda file: file.stem)
def test_what_an_earlier_version_made_is_changed_as_ours_is(file: Path, tmp_path: Path) -> None:
    recording = json.loads(file.read_text(encoding="utf-8"))
    engine = as_recorded(recording)

    look = look_at(recording["stack"].replace('A: "1"', 'A: "2"'), tmp_path, engine)

    (change,) = [each for each in look.plan.changes if each.acts]
    assert (str(change.address), change.action) == ("docker.container/web", Action.REPLACE)
    assert [".".join(map(str, field.path)) for field in change.fields] == ["environment.A"]
