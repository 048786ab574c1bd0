"""Ways to read the providers, and the simplest one: one after the other. The daemon's is in deadlines.py."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, Protocol, TypeVar

from reconciler.core.message.errors import ReconcileError, unforeseen

T = TypeVar("T")


class Reads(Protocol):
    """A way to call providers that read."""

    def all(self, calls: Mapping[str, Callable[[], T]]) -> Iterable[tuple[str, T | ReconcileError]]:
        """The provider's name with the result of each call or its error, in the order of the calls."""
        ...

    def one(self, name: str, call: Callable[[], T], *, question: object = None) -> T:
        """Returns the result of a call to this provider; raises its error.

        Equal questions have equal answers: one that came too late is the answer to the next equal question.
        """
        ...


def outcome(name: str, call: Callable[[], T]) -> T | ReconcileError:
    """The result of a call, or its error as one of ours."""
    try:
        return call()
    except ReconcileError as error:
        return error
    except Exception as error:  # noqa: BLE001 (whatever it is, it concerns this provider alone)
        return unforeseen(error, doing=f"read {name}")


class InTurn:
    """One after the other, for as long as it takes."""

    def all(self, calls: Mapping[str, Callable[[], T]]) -> Iterable[tuple[str, T | ReconcileError]]:
        return ((name, outcome(name, call)) for name, call in calls.items())

    def one(self, _name: str, call: Callable[[], T], *, question: object = None) -> T:  # noqa: ARG002 (never late)
        return call()


IN_TURN: Final = InTurn()
