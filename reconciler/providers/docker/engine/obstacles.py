"""The remarks on steps that their engine can foresee to fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from reconciler.core.message.problem import Problem, Severity
from reconciler.core.plan.plan import Step
from reconciler.core.resource.resource import Origin
from reconciler.providers.docker.engine.client import Engine

Foreseen: TypeAlias = Callable[[Engine, Mapping[str, Any]], Iterator[tuple[str, str]]]
"""Engine and arguments of a step → places in the files, each with the reason why the step would fail there."""


def obstacles(engine: Engine, steps: Sequence[Step], lacks: Mapping[str, Foreseen]) -> Sequence[Problem]:
    """A warning for each reason, once; ``lacks`` has what to look for by the verb of a step. Raises ProviderError."""
    found = (
        Problem(said, Origin.parse(at), Severity.WARNING, address=step.address)
        for step in steps
        if step.verb in lacks
        for at, said in lacks[step.verb](engine, step.args)
    )
    with engine.understood():
        return tuple(dict.fromkeys(found))
