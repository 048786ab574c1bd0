"""Each attribute of the schema is carried out or refused, and none is left without either in silence.

An attribute is carried out where the engine is asked for something else without it, or with another value of it.
``tests/cases/config/carried_out.txt`` has a stack with all of them; one that is not there stands in a row of
``tests/kit/docker/fields.py``.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.config import Sources, load
from reconciler.config.compose.assembly.stages import SECTIONS
from reconciler.config.compose.checks.unsupported import OF_NO_EFFECT, PATTERNS, NotYet
from reconciler.core.message.errors import ConfigError
from reconciler.providers.docker.build import buildx
from reconciler.providers.docker.build.context import dockerfile_of, packed
from reconciler.providers.docker.expand import expand
from reconciler.providers.docker.kinds import container, image, network, volume
from tests.kit.docker.fields import ROWS
from tests.unit.config.compose.test_files import CASES, read_case
from tests.unit.config.compose.test_tables import STACK, properties, resolved

CASE = read_case((CASES / "carried_out.txt").read_text(encoding="utf-8").removeprefix("=== "))


def with_rows(stack: Any) -> Any:
    """The stack with the attributes that only a row has, in a service and in a container before its start."""
    known = {name for service in stack["services"].values() for name in service}
    only = {row.attribute: row.value for row in ROWS if row.attribute not in known}
    services = {
        "of_rows": {"image": "x", **only},
        "before_of_rows": {"image": "x", "pre_start": [{"command": ["a"], **only}]},
    }
    return {**stack, "services": {**stack["services"], **(services if only else {})}}


LOADED = with_rows(yaml.safe_load(CASE.files["stack.yaml"]))
ALWAYS = {path for path, row in PATTERNS.items() if row.applies is NotYet("").applies}
WARNED_OF = {("version",), *OF_NO_EFFECT}
# Where any other value than a changed text or number is needed, or what is there can't be left out.
OTHER = {
    "configs.*.environment": "OTHER",
    "configs.*.file": "a.env",
    "include.*.path": "other.yaml",
    "secrets.*.environment": "OTHER",
    "secrets.*.file": "a.env",
    "services.*.build.context": "part",
    "services.*.build.secrets.*.source": "word",
    "services.*.configs.*.source": "varied",
    "services.*.depends_on.*.condition": "service_started",
    "services.*.deploy.resources.reservations.devices.*.capabilities": ["tpu"],
    "services.*.env_file.*.path": "part/in.env",
    "services.*.extends.file": "other.yaml",
    "services.*.extends.service": "other",
    "services.*.gpus.*.capabilities": ["tpu"],
    "services.*.post_start.*.command": ["other"],
    "services.*.pre_stop.*.command": ["other"],
    "services.*.secrets.*.source": "key",
    "services.*.volumes.*.type": "tmpfs",
}
# These say what is a mistake, and of these some values are carried out by doing nothing; others are refused.
REFUSED = {
    "configs.*.external": True,
    "secrets.*.external": True,
    "services.*.depends_on.*.required": True,
    "services.*.deploy.mode": "replicated-job",
    "services.*.deploy.update_config.max_failure_ratio": 0.5,
    "services.*.env_file.*.required": True,
    "services.*.pre_start.*.env_file.*.required": True,
}


def attributes(path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths of all that the schema knows, without what stands in something that is refused or of no effect."""
    for name in sorted(properties(".".join(path))):
        here = (*path, name)
        if name.startswith("x-"):
            continue
        if name not in SECTIONS or path:  # of a section, what stands in it
            yield here
        if here not in ALWAYS and here not in WARNED_OF and ".".join(here) not in REFUSED:
            yield from _inside(here)


def _inside(path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    node = described(path)
    if node.get("properties"):
        yield from attributes(path)
    elif isinstance(node.get("additionalProperties"), dict) or "items" in node:
        yield from _inside((*path, "*"))


def described(path: tuple[str, ...]) -> dict[str, Any]:
    """The schema of a path."""
    node = resolved(STACK)
    for key in path:
        node = resolved((node.get("additionalProperties") or node["items"]) if key == "*" else node["properties"][key])
    return node


def found(tree: Any, pattern: tuple[str, ...]) -> Iterator[tuple[Any, Any]]:
    """The parent of the value that a pattern leads to, and its key there."""
    if isinstance(tree, dict):
        keys: list[Any] = list(tree) if pattern[0] == "*" else [key for key in tree if key == pattern[0]]
    else:
        keys = list(range(len(tree))) if isinstance(tree, list) and pattern[0] == "*" else []
    for key in keys:
        if len(pattern) == 1:
            yield tree, key
        else:
            yield from found(tree[key], pattern[1:])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("carried_out")
    CASE.write(folder)
    return folder


def asked_for(folder: Path, stack: Any) -> Any:
    """All that the engine is asked for; None where the stack is refused."""
    file = folder / "stack.yaml"
    file.write_text(json.dumps(stack), encoding="utf-8")
    try:
        document = load(Sources(directory=folder, stack_files=(file,))).document
    except ConfigError:
        return None
    return [(each.address, each.after, _requests(each.address.kind, dict(each.spec))) for each in expand(document)]


def _requests(kind: str, spec: dict[str, Any]) -> Any:
    """The content of a spec; of parts that it only passes on, the bodies of the requests."""
    spec.pop("since", None)
    if kind == network.NAME and not spec["external"]:
        return network.body(spec, {})
    if kind == volume.NAME and not spec["external"]:
        return volume.body(spec, {})
    if kind == container.NAME:
        body = container.body(spec)
        spec.pop("mounts")
        return body, spec
    if kind == image.NAME and "build" in spec:
        spec.pop("needs", None)
        build = spec.pop("build")
        platform = build.get("platform", "")
        classic = image.build_options(build, "", dockerfile_of(build).name, platform=platform)
        with_buildx = buildx.loading(build, "", "", platform), buildx.publishing(build, image.names(build), "")
        return classic, with_buildx, image.names(build), _sent(build), spec
    return spec


def _sent(build: Any) -> bytes:
    return packed(build).getvalue()


@cache
def as_declared(folder: Path) -> Any:
    return asked_for(folder, LOADED)


def _requested_with_changes(folder: Path, pattern: tuple[str, ...]) -> Iterator[Any]:
    """The requests to the engine without each of the values, and with another one."""
    for number, _ in enumerate(found(LOADED, pattern)):
        for change in (_take_out, _change):
            stack = copy.deepcopy(LOADED)
            holder, key = list(found(stack, pattern))[number]
            change(holder, key, ".".join(pattern))
            yield asked_for(folder, stack)


def _take_out(holder: Any, key: Any, _pattern: str) -> None:
    del holder[key]


def _change(holder: Any, key: Any, pattern: str) -> None:
    value = holder[key]
    of_service = pattern.replace("pre_start.*.", "")
    if of_service in OTHER:
        holder[key] = OTHER[of_service]
    elif isinstance(value, bool):
        holder[key] = not value
    elif isinstance(value, int | float):
        holder[key] = value + 1
    elif isinstance(value, str):
        holder[key] = f"{value}x"


def is_heard(folder: Path, pattern: tuple[str, ...]) -> bool:
    """Returns whether the value changes the requests to the engine."""
    return any(asked not in (None, as_declared(folder)) for asked in _requested_with_changes(folder, pattern))


@pytest.mark.parametrize("pattern", [each for each in attributes() if ".".join(each) not in REFUSED], ids=".".join)
def test_an_attribute_is_carried_out_or_told_of_and_not_both(pattern, folder):
    assert as_declared(folder) is not None
    assert is_heard(folder, pattern) is (pattern not in ALWAYS and pattern not in WARNED_OF)


@pytest.mark.parametrize("path", REFUSED)
def test_a_value_that_can_not_be_carried_out_is_refused(path, folder):
    stack = copy.deepcopy(LOADED)
    for holder, key in found(stack, tuple(path.split(".")[:-1])):
        holder[key] = {**holder[key], path.rpartition(".")[2]: REFUSED[path]}

    assert asked_for(folder, stack) is None


def test_what_is_refused_is_no_property_of_a_container():
    carried_out = {("services", "*", *path.split(".")) for each in container.PROPERTIES.values() for path in each.paths}

    assert carried_out & ALWAYS == set()
