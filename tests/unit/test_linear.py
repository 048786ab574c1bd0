"""Four times the resources cost four times the work: no function compares each of them with every other one.

Counted in instructions of the interpreter, function by function, so that a load on the machine changes nothing.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

import reconciler
from reconciler.config import Sources, load
from reconciler.core.plan.policy import Policy
from reconciler.render.plan.jsonplan import checksum
from reconciler.render.plan.text import plan_text
from tests.kit.docker.memory import PROJECT, MemoryEngine, a_reconciler, apply
from tests.kit.instructions import instructions
from tests.kit.keycloak.scenarios import applied, lab
from tests.kit.keycloak.server import Driver
from tests.kit.keycloak.simulator.line import SimulatedClient
from tests.kit.keycloak.simulator.server import SimulatedKeycloak

PACKAGE = str(Path(reconciler.__file__).parent)
FEW, MANY = 5, 20
MOST = 6
"""Times as many instructions for four times the resources; a function that compares pairs has 16."""
BUDGETS = {"load": 80_000, "look": 80_000, "changes": 125_000}
"""Instructions for each service: to load it, to find it as declared, and to plan and show its change."""
LEAST = 2500
"""A function with fewer instructions is no cost, whatever they grow with."""

LISTS = 3
"""Times that a look lists the containers: those of the project, all that a change might hurt, and those that run."""


def a_stack(size, *, edit="", port=10000):
    """Services with one of everything that a service can have of its own, each after the one before it."""
    services = {
        f"s{number}": {
            "image": f"app:{number}",
            "command": "serve",
            "environment": {"NUMBER": str(number), "EDIT": edit},
            "ports": [f"{port + number}:80"],
            "volumes": [f"v{number}:/data"],
            "networks": {"all": {}, f"n{number}": {"aliases": [f"a{number}"]}},
            "labels": [f"number={number}"],
            "configs": [f"c{number}"],
            "secrets": [f"x{number}"],
            "healthcheck": {"test": "true"},
            **({"depends_on": [f"s{number - 1}"]} if number else {}),
            **({"volumes_from": [f"s{number - 1}"]} if number % 5 == 1 else {}),
        }
        for number in range(size)
    }
    return {
        "services": services,
        "networks": {"all": {}, **{f"n{number}": {} for number in range(size)}},
        "volumes": {f"v{number}": {} for number in range(size)},
        "configs": {f"c{number}": {"content": f"{number}{edit}"} for number in range(size)},
        "secrets": {f"x{number}": {"environment": f"S{number}"} for number in range(size)},
    }


def loaded(folder, model, size):
    file = folder / "stack.yaml"
    file.write_text(json.dumps(model), encoding="utf-8")
    environment = {f"S{number}": f"a secret {number}" for number in range(size)}
    return load(Sources(folder, (file,), environment=environment, project=PROJECT)).document


def grown(few, many):
    """The functions whose cost grows by more than the resources, each with both counts."""
    return {
        f"{code.co_filename}:{code.co_firstlineno} {code.co_qualname}": (few[code], count)
        for code, count in many.items()
        if count > max(LEAST, MOST * few[code])
    }


def a_look(folder, size, *, live=True, engine=None, **changes):
    """The work of a look at so many services, with the plan as it is printed."""
    engine = engine or MemoryEngine()
    for number in range(size):
        engine.image(f"app:{number}")
    if live:
        apply(loaded(folder, a_stack(size), size), engine)
    model = {"services": {}} if changes.get("gone") else a_stack(size, **changes)
    made = a_reconciler(loaded(folder, model, size), engine)

    def look():
        plan = made.look().plan
        return plan_text(plan, made.kinds, ["stack.yaml"]), checksum(plan, PROJECT, made.kinds)

    return look


def test_a_stack_is_loaded_in_linear_time(tmp_path):
    few, many = (
        instructions(lambda size=size: loaded(tmp_path, a_stack(size), size), below=PACKAGE) for size in (FEW, MANY)
    )

    assert grown(few, many) == {}
    assert many.total() <= BUDGETS["load"] * MANY


LOOKS = pytest.mark.parametrize(
    "look",
    [
        pytest.param({}, id="nothing to do"),
        pytest.param({"live": False}, id="nothing there yet"),
        pytest.param({"edit": "other"}, id="all replaced"),
        pytest.param({"port": 10001}, id="each takes the port of the next"),
        pytest.param({"gone": True}, id="all removed"),
    ],
)


@LOOKS
def test_a_look_at_containers_takes_linear_time(tmp_path, look):
    few, many = (instructions(a_look(tmp_path, size, **look), below=PACKAGE) for size in (FEW, MANY))

    assert grown(few, many) == {}
    assert many.total() <= BUDGETS["changes" if look else "look"] * MANY


@LOOKS
def test_a_look_asks_the_engine_no_question_again_for_each_container(tmp_path, look):
    engine = MemoryEngine()
    work = a_look(tmp_path, MANY, engine=engine, **look)
    engine.calls.clear()

    work()

    assert [asked for asked, times in Counter(engine.calls).items() if times > LISTS] == []


def a_company(size, *, edit=""):
    """A realm with so many of each of the usual types."""
    numbers = range(size)
    return lab(
        roles={"realm": [{"name": f"r{number}", "description": edit} for number in numbers]},
        groups=[{"name": f"g{number}", "attributes": {"edit": [edit or "none"]}} for number in numbers],
        clients=[{"clientId": f"c{number}", "description": edit} for number in numbers],
        clientScopes=[{"name": f"s{number}", "protocol": "openid-connect", "description": edit} for number in numbers],
        users=[
            {
                "username": f"user{number}",
                "firstName": f"First{edit}",
                "groups": [f"/g{number}"],
                "realmRoles": [f"r{number}"],
            }
            for number in numbers
        ],
    )


@pytest.mark.parametrize(
    ("is_live", "edit", "gone"),
    [
        pytest.param(True, "", False, id="nothing to do"),
        pytest.param(False, "", False, id="nothing there yet"),
        pytest.param(True, "other", False, id="all changed"),
        pytest.param(True, "", True, id="all removed"),
    ],
)
def test_a_look_at_a_realm_takes_linear_time(is_live, edit, gone):
    counted = []
    for size in (FEW, MANY):
        server = SimulatedKeycloak()
        if is_live:
            applied(server, a_company(size), Policy())
        driver = Driver(SimulatedClient(server))
        realm = a_company(0 if gone else size, edit=edit)
        counted.append(instructions(lambda driver=driver, realm=realm: driver.pruning(realm), below=PACKAGE))

    assert grown(*counted) == {}
