"""Checks of a stack as a whole: what they look at, and how they say what is wrong.

The document is in long form, with the active services only. The checks themselves are in ``references.py`` and
``contradictions.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from reconciler.config.compose.model.canonical import Surroundings
from reconciler.config.yaml.tree import Items, Map, Place, Tree, deepest, reached
from reconciler.core.message.problem import CHECK, SCHEMA, Problem, Severity
from reconciler.core.resource.options import OPTIONS
from reconciler.record import Struct


class Stack(Struct, frozen=True):
    """The document in long form and what belongs to it; ``doubtful`` is what was there, but wrong.

    Its paths are without the indexes of lists.
    """

    document: Map
    around: Surroundings
    inactive: frozenset[str] = frozenset()
    doubtful: frozenset[tuple[str, ...]] = frozenset()

    @property
    def services(self) -> Map:
        found = self.document.get("services")
        return found if isinstance(found, Map) else Map()

    def is_doubtful(self, *path: str) -> bool:
        """Returns whether this, or something that contains it, is already reported as wrong."""
        return any(path[:length] in self.doubtful for length in range(1, len(path) + 1))

    def has_doubts(self, *path: str) -> bool:
        """Returns whether something in it is already reported as wrong."""
        return any(each[: len(path)] == path for each in self.doubtful)

    def each(self) -> Iterator[tuple[str, Map]]:
        return ((name, service) for name, service in self.services.items() if isinstance(service, Map))

    def section(self, name: str) -> Mapping[str, Tree]:
        found = self.document.get(name)
        return found if isinstance(found, Map) else {}

    def engine(self, service: Map) -> str:
        """The engine of a service, as the file names it; "" for the usual one."""
        own, usual = (reached(each, (OPTIONS, "engine")) for each in (service, self.document))
        return str(own or usual or "")

    def place(self, *path: str | int) -> Place | None:
        return deepest(self.document, path)[0]


class OfHooks(Stack, frozen=True):
    """The same stack, with what is run before its services in place of them."""

    @property
    def services(self) -> Map:
        found = self.section("services").items()
        hooks = ((name, index, hook) for name, service in found for index, hook in enumerate(_hooks(service)))
        return Map({f"{name}{_BEFORE}{index}]": hook for name, index, hook in hooks})

    def place(self, *path: str | int) -> Place | None:
        section, named, *rest = path
        name, _, index = str(named).rpartition(_BEFORE)
        before = (name, "pre_start", int(index.removesuffix("]"))) if section == "services" else (named,)
        return deepest(self.document, (section, *before, *rest))[0]


_BEFORE: Final = ".pre_start["


def _hooks(service: Tree) -> Iterable[Tree]:
    found = service.get("pre_start") if isinstance(service, Map) else ()
    return found if isinstance(found, Items) else ()


Check = Callable[[Stack], Iterator[Problem]]


def problems(stack: Stack, checks: Iterable[Check]) -> list[Problem]:
    return [problem for check in checks for problem in check(stack)]


def said(
    place: Place | None, message: str, severity: Severity = Severity.ERROR, *, at_value: bool = False
) -> Iterator[Problem]:
    """A problem between two parts of the stack, at one of them."""
    if place:
        yield place.problem(message, at_value=at_value, severity=severity, code=CHECK)


def impossible(place: Place | None, message: str, *, code: str = SCHEMA, at_value: bool = True) -> Iterator[Problem]:
    """A value that is wrong by itself, or lacks a part, whatever else the stack has."""
    if place:
        yield place.problem(message, at_value=at_value, code=code)
