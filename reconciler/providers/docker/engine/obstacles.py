"""The remarks on steps that their engine can foresee to fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from reconciler.core.message.problem import Problem, Severity
from reconciler.core.plan.plan import Step
from reconciler.core.resource.resource import Origin
from reconciler.providers.docker.engine import required_api
from reconciler.providers.docker.engine.client import Engine
from reconciler.providers.docker.engine.occupied_ports import Holders


class Reading:
    """The answers of an engine that the steps of a plan have in common: each question is asked once."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.holders = engine, Holders(engine)
        self._answers: dict[str, Any] = {}

    def inspected(self, reference: str) -> Any:
        """A container by any reference to it, None where there is none."""
        if reference not in self._answers:
            self._answers[reference] = self.engine.inspected(reference)
        return self._answers[reference]


Foreseen: TypeAlias = Callable[[Reading, Mapping[str, Any]], Iterator[tuple[str, str]]]
"""Answers and arguments of a step → places in the files, each with the reason why the step would fail there."""


def too_new(reading: Reading, args: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Lists what is declared and needs a newer engine."""
    return required_api.lacks(args["needs"], reading.engine.api_version)


def absent(args: Mapping[str, Any]) -> str:
    """The reason why a step that uses something external can't be taken."""
    return f"`{args['name']}` is declared as external but does not exist; create it, or drop `external`"


def obstacles(engine: Engine, steps: Sequence[Step], lacks: Mapping[str, Foreseen]) -> Sequence[Problem]:
    """A warning for each reason, once; ``lacks`` has what to look for by the verb of a step. Raises ProviderError."""
    reading = Reading(engine)
    found = (
        Problem(said, Origin.parse(at), Severity.WARNING, address=step.address)
        for step in steps
        if step.verb in lacks
        for at, said in lacks[step.verb](reading, step.args)
    )
    with engine.understood():
        return tuple(dict.fromkeys(found))
