"""Plans as text, whole: what the file asks for, what somebody did by hand, and what is told and done about it.

A case is a file of ``tests/cases/docker``; to add one is to write it. Its parts: ``stack``; ``applied``, what was
applied before (else the stack itself); ``before`` and ``by hand``, what is done before and after that: requests to the
engine (``POST``, ``DELETE``), an image (``IMAGE name config``; ``PULL`` and ``PUSH`` for one in a registry), a key of
what inspect shows (``SET container key value``), a file (``FILE``); ``plan``; ``steps``; and ``told`` where it can't
be settled. Ids are written as ``ID``.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from reconciler.core.message.errors import Refused
from reconciler.render.plan.text import plan_text
from tests.kit.docker.memory import Line, MemoryEngine, a_reconciler, a_stack, apply
from tests.kit.golden import parts_of

CASES = Path(__file__).parents[3] / "cases" / "docker"
FILES = sorted(CASES.glob("*.txt"))
NAMES = ["stack.yaml"]


class Case:
    """One file, and the world that it speaks of."""

    def __init__(self, file, directory):
        self.file, self.parts = file, parts_of(file)
        self.directory = directory
        self.engine = MemoryEngine(registry={"new:1": {}})
        for reference in ("app:1", "app:2", "localhost/job:1"):
            self.engine.image(reference)
        self.engine.image("unnamed:1", Volumes={"/data": {}})

    def observed(self):
        """Bring about what is there when the plan is made; returns the document."""
        self.by_hand("before")
        for part in ("applied", "stack"):
            if part in self.parts:
                apply(a_stack(self.parts[part], self.directory), self.engine)
                break
        self.by_hand("by hand")
        self.engine.calls.clear()
        return a_stack(self.parts["stack"], self.directory)

    def by_hand(self, part):
        for line in self.parts.get(part, "").splitlines():
            self.do(*line.split(" ", 2))

    def do(self, verb, what, rest=""):
        match verb:
            case "IMAGE":
                self.engine.image(what, **json.loads(rest))
            case "PULL":
                list(self.engine.pull(*what.split(":")))
            case "UNTAG":
                del self.engine.images[what]
            case "PUSH":
                self.engine.registry[what] = json.loads(rest)
            case "FILE":
                (self.directory / what).parent.mkdir(exist_ok=True)
                (self.directory / what).write_text(rest, encoding="utf-8")
            case "SET":
                key, value = rest.split(" ", 1)
                *path, last = key.split(".")
                found = self.engine.containers[Line(self.engine).get(f"/containers/{what}/json")["Id"]]
                for step in path:
                    found = found[step]
                found[last] = json.loads(value)
            case "POST":
                path, _, name = what.partition("?name=")
                Line(self.engine).post(path, json.loads(rest or "{}"), **({"name": name} if name else {}))
            case "DELETE":
                Line(self.engine).delete(what, force=1)


def told(steps):
    """The steps, those that may be taken back, and the way back."""
    for step in steps:
        yield f"{step.verb} {step.address}: {step.why}{' | back' if step.on_failure else ''}"
    for address, ways in {step.address: step.on_failure for step in steps if step.on_failure}.items():
        yield f"back {address}: {', '.join(back.verb for back in ways)}"


def without_ids(text):
    return re.sub(r"\b[0-9a-f]{12}([0-9a-f]{52})?\b", "ID", text)


@pytest.fixture(params=FILES, ids=lambda file: file.stem, scope="module")
def case(request, tmp_path_factory):
    """A case, and all that its world holds before the plan is made."""
    made = Case(request.param, tmp_path_factory.mktemp("case"))
    made.document = made.observed()
    return made


def test_the_plan_is_as_written(case, golden):
    made = a_reconciler(case.document, case.engine)

    plan = made.look().plan

    text = without_ids(plan_text(plan, made.providers["docker"].kinds, NAMES)) + "\n"
    golden.parts(case.file, {"plan": text, "steps": "".join(f"{line}\n" for line in told(plan.steps))})


def test_what_was_planned_settles_it_or_says_why_not(case, golden):
    try:
        said = [event.note for event in apply(case.document, case.engine).failed]
    except Refused as refused:
        said = str(refused).splitlines()

    golden.parts(case.file, {"told": "".join(f"{line}\n" for line in said)})
    if not said:
        assert a_reconciler(case.document, case.engine).look().plan.in_sync
        assert not [name for name in case.engine.names if name.endswith((".next", ".prev"))]
