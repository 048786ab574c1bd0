"""The marks of runs on several engines: each mark is left on all engines that are there.

An engine that was away when a run left its mark is left alone for as long as the mark lasts: another run, which does
not see the other engines, may be at work on it. A younger mark that takes the place of an older one goes to such an
engine as well, unless somebody else's is there by then.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TypeVar

from reconciler.core.message.errors import ProviderError, Unreachable
from reconciler.core.provider import LeaseStore

T = TypeVar("T")


class Marks:
    """A lease store over those of several engines. Safe to use from several threads."""

    def __init__(self, stores: Mapping[str, LeaseStore]) -> None:
        self.lease_noun = next(iter(stores.values())).lease_noun
        self._stores = stores
        self._held: dict[str, frozenset[str]] = {}
        self._lock = threading.RLock()

    def is_left_out(self, engine: str) -> bool:
        """Returns whether a run that we hold marks for has none on this engine."""
        with self._lock:
            newest = {_family(name): engines for name, engines in self._held.items()}
            return any(engine not in engines for engines in newest.values())

    # -------------------------------------------------------------- as one store

    def put_lease(self, name: str, mark: Mapping[str, str]) -> None:
        before = self._engines(_family(name))
        answers = self._asked(lambda engine, store: self._left(engine, store, name, mark, before))
        with self._lock:
            self._held[name] = frozenset(engine for engine, is_there in answers.items() if is_there)

    def leases(self) -> Mapping[str, Mapping[str, str]]:
        answers = self._asked(lambda _engine, store: store.leases())
        with self._lock:
            self._forget_all_but(answers)
            lost = {name for name, engines in self._held.items() if any(name not in answers[each] for each in engines)}
        found = {name: mark for marks in answers.values() for name, mark in marks.items()}
        return {name: mark for name, mark in found.items() if name not in lost}

    def drop_lease(self, name: str) -> None:
        with self._lock:
            had = self._held.pop(name, frozenset(self._stores))
        errors = []
        for engine, store in self._stores.items():
            try:
                store.drop_lease(name)
            except ProviderError as error:
                errors += [error] if engine in had else []
        if errors:
            with self._lock:
                self._held[name] = had
            raise errors[0]

    def holds_data(self, name: str) -> bool:
        return any(self._asked(lambda _engine, store: store.holds_data(name)).values())

    # -------------------------------------------------------------- underneath

    def _engines(self, family: str) -> frozenset[str] | None:
        """The engines with the newest of our marks of a family; None without one."""
        with self._lock:
            return next((self._held[name] for name in reversed(self._held) if _family(name) == family), None)

    def _left(
        self, engine: str, store: LeaseStore, name: str, mark: Mapping[str, str], before: frozenset[str] | None
    ) -> bool:
        store.put_lease(name, mark)
        if before is None or engine in before:
            return True
        others = [other for other in store.leases() if _family(other) == _family(name) and other != name]
        if others:
            store.drop_lease(name)
        return not others

    def _asked(self, ask: Callable[[str, LeaseStore], T]) -> dict[str, T]:
        """The answers of the engines that are there. Raises Unreachable where none is."""
        found: dict[str, T] = {}
        away: Unreachable | None = None
        for engine, store in self._stores.items():
            try:
                found[engine] = ask(engine, store)
            except Unreachable as error:
                away = away or error
        if away and not found:
            raise away
        return found

    def _forget_all_but(self, there: Mapping[str, object]) -> None:
        self._held = {name: engines & there.keys() for name, engines in self._held.items()}


def _family(name: str) -> str:
    """The part of a mark's name that its older and younger ones have, too."""
    return name.rpartition("-")[0]
