"""A provider whose resources are in memory: the reference for what a provider is, and the world of many tests.

Its kinds have a field for each effect, an output and a parent. A replacement is several steps, as it is where it
matters; what an interrupted one leaves is recognised and finished by the next pass.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

from reconciler.core.difference.change import Action, Change
from reconciler.core.difference.kind import Effect, Field, Kind, Output
from reconciler.core.message.errors import Unreachable
from reconciler.core.plan.plan import Step
from reconciler.core.provider import Done, Pending, Verdict
from reconciler.core.resource.address import Address
from reconciler.core.resource.document import Document
from reconciler.core.resource.resource import Observed, Resource
from reconciler.core.resource.values import ABSENT, Secret, Spec, Value
from reconciler.record import replace

BOX: Final = Kind(
    "memory.box",
    fields={
        "note": Field(Effect.NOTE),
        "state": Field(Effect.START),
        "size": Field(Effect.LIVE),
        "wire": Field(Effect.RECONNECT),
        "image": Field(Effect.REPLACE),
        "disk": Field(Effect.DATA_LOSS),
        "settings": Field(Effect.LIVE),
        "key": Field(Effect.LIVE),
        "leftover": Field(Effect.LIVE, normalise=lambda value: "" if value is ABSENT else value),
    },
    expect=lambda desired, _observed: {**desired.spec, "leftover": ""},
)
CLIENT: Final = Kind(
    "memory.client",
    fields={"redirect": Field(Effect.LIVE), "secret": Field(Effect.LIVE, secret=True)},
    outputs={"secret": Output(declared_by="secret", stale_on=frozenset({"secret"}))},
)
SCOPE: Final = Kind("memory.scope", fields={"name": Field(Effect.LIVE)}, parent="memory.client")


class MemoryProvider:
    """Resources in a dictionary; ``before_call`` may raise to stand for a fault, ``is_up`` False for being away."""

    name = "memory"
    title = "the memory"
    kinds: Mapping[str, Kind] = {kind.name: kind for kind in (BOX, CLIENT, SCOPE)}

    def __init__(self, resources: Iterable[Resource] = (), *, served_by: Address | None = None) -> None:
        self.resources = list(resources)
        self.served_by = served_by
        self.live: dict[Address, Observed] = {}
        self.calls: list[str] = []
        self.is_up = True
        self.before_call: Callable[[Step], None] = lambda step: None  # noqa: ARG005
        self.after_call: Callable[[Step], None] = lambda step: None  # noqa: ARG005
        self.pending: dict[str, int] = {}
        self._lock = threading.Lock()

    def expand(self, document: Document) -> Iterable[Resource]:  # noqa: ARG002 (this world needs no files)
        return self.resources

    def observe(self, desired: Collection[Resource]) -> Iterable[Observed]:  # noqa: ARG002
        if not self.is_up:
            raise Unreachable("the memory is away")
        return list(self.live.values())

    def steps(self, changes: Sequence[Change]) -> Sequence[Step]:
        return [step for change in changes if change.acts for step in _steps(change)]

    def perform(self, step: Step) -> Verdict:
        self.before_call(step)
        with self._lock:
            self.calls.append(step.id)
            verdict = self._perform(step)
        self.after_call(step)
        return verdict

    def close(self) -> None:
        pass

    def _perform(self, step: Step) -> Verdict:
        if self.pending.get(step.id):
            self.pending[step.id] -= 1
            return Pending(1.0, "not yet")
        match step.verb:
            case "delete" | "drop":
                self.live.pop(step.address, None)
            case "put":
                self._put(step.address, step.args)
            case "mark":
                self.live[step.address] = _with(self.live[step.address], {"leftover": "old"})
            case "swap":
                self._put(step.address, {**step.args, "leftover": "old"})
            case "unmark":
                self.live[step.address] = _with(self.live[step.address], {"leftover": ""})
        return Done()

    def _put(self, address: Address, spec: Spec) -> None:
        made: dict[str, Value] = {"secret": spec.get("secret", Secret("made"))} if address.kind == CLIENT.name else {}
        self.live[address] = Observed(address, str(address), {**spec, **made}, outputs=made)


def _with(observed: Observed, fields: Spec) -> Observed:
    return replace(observed, spec={**observed.spec, **fields})


def _steps(change: Change) -> Iterator[Step]:
    verbs = {Action.DELETE: ("delete",), Action.REPLACE: ("mark", "swap", "unmark")}.get(change.action, ("put",))
    spec = dict(change.desired.spec) if change.desired else {}
    if change.address.kind == BOX.name and change.action is not Action.DELETE:
        spec.setdefault("leftover", "")
    before: frozenset[str] = frozenset()
    for verb in verbs:
        yield Step(f"{change.address}:{verb}", change.address, verb, spec, change.reason, before)
        before = frozenset({f"{change.address}:{verb}"})
