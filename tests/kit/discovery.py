"""Discovery: many objects, each a case of its own, are declared, applied as the program does it, and looked at again.

A case ends well where the second look finds nothing to do, or where the file or the server refuses it with a reason.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, islice, product
from pathlib import Path
from typing import Any, Final, TypeAlias, cast

from reconciler.config import Sources, load
from reconciler.core.difference.change import Action
from reconciler.core.execution.report import Event, What
from reconciler.core.message.errors import ConfigError, Refused
from reconciler.core.message.problem import Problem
from reconciler.core.resource.address import Address
from reconciler.core.resource.document import Document
from reconciler.providers.keycloak.provider import KeycloakProvider
from reconciler.providers.keycloak.table.connection import Client
from reconciler.run.clock import RealClock
from reconciler.run.reconciliation.once import Look, Reconciler
from tests.kit.keycloak.server import with_quick_keys
from tests.kit.pairs import Pairs

Body = Mapping[str, Any]
NO_REASONS: Final = ("consult the server log", "no reason given", "Internal Server Error")
MOST_RUNS: Final = 3


def alone_and_in_pairs(switches: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    """Each value of each switch by itself, and with each value of every other one."""
    for count in (1, 2):
        for names in combinations(switches, count):
            for values in product(*(switches[name] for name in names)):
                yield dict(zip(names, values, strict=True))


Section: TypeAlias = str | tuple[str, ...]
"""Where objects are in a realm's file."""


def _file(section: Section, objects: Sequence[Body]) -> Body:
    file: Any = objects
    for key in reversed((section,) if isinstance(section, str) else section):
        file = {key: file}
    return cast("Body", file)


@dataclass(frozen=True)
class Outcome:
    """The changes that are left after a run, or the reason why they were not made."""

    why: str
    is_refused: bool

    @property
    def is_reason(self) -> bool:
        """Returns whether the text names the fault to a user."""
        return self.is_refused and not any(words in self.why for words in (*NO_REASONS, " keeps ", "accepted"))


@dataclass
class Tried:
    """The results of the cases; ``wrong`` are those that end in no good way, with the fault."""

    count: int = 0
    refused_by_file: dict[str, str] = field(default_factory=dict)
    refused_by_plan: dict[str, str] = field(default_factory=dict)
    refused_by_server: dict[str, str] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)

    def add(self, case: str, outcome: Outcome) -> None:
        """Note what became of a case."""
        (self.refused_by_server if outcome.is_reason else self.wrong)[case] = outcome.why

    def __add__(self, other: Tried) -> Tried:
        return Tried(
            self.count + other.count,
            self.refused_by_file | other.refused_by_file,
            self.refused_by_plan | other.refused_by_plan,
            self.refused_by_server | other.refused_by_server,
            self.wrong | other.wrong,
        )

    def __str__(self) -> str:
        """The cases that end in no good way, a line each."""
        return "\n".join(f"{case} → {why}" for case, why in self.wrong.items())


@dataclass(frozen=True)
class Laboratory:
    """A realm in which cases are tried: ``base`` is what else its file declares."""

    client: Client
    folder: Path
    realm: str
    base: Body = field(default_factory=dict)

    def document(self, file: Body) -> Document:
        """The realm's file, loaded. Raises ConfigError."""
        path = self.folder / "users.json"
        path.write_text(json.dumps({**self.base, "realm": self.realm, **file}), encoding="utf-8")
        return load(Sources(self.folder, users_files=(path,))).document

    def objects(self, section: Section, cases: Iterable[Body], key: str) -> Tried:
        """Try cases that are objects of one section, all at the same time; each is named by ``key``."""
        tried, good = Tried(), list[Body]()
        for case in cases:
            tried.count += 1
            try:
                self.document(_file(section, [case]))
                good.append(case)
            except ConfigError as error:
                tried.refused_by_file[_said(case)] = str(error)
        names = {str(case[key]).lower(): _said(case) for case in good}
        foreseen = {
            each.address.name.lower(): each.message for each in self.foreseen(_file(section, good)) if each.address
        }
        tried.refused_by_plan |= {names.get(name, name): message for name, message in foreseen.items()}
        good = [case for case in good if str(case[key]).lower() not in foreseen]
        for address, outcome in self._outcome(_file(section, good)).items():
            tried.add(names.get(address.name.lower(), str(address)), outcome)
        return tried

    def foreseen(self, file: Body) -> Sequence[Problem]:
        """The reasons of a plan why it will not be carried out."""
        provider = KeycloakProvider({}, client=self.client)
        return Reconciler(self.document(file), {"keycloak": provider}, RealClock()).look().plan.obstacles

    def pairs(self, switches: Mapping[str, Sequence[Any]], most: int | None = None) -> Tried:
        """Try each pair of settings of the realm itself, many of them at a time, in so many cases at most."""
        pairs, judged, tried = Pairs(switches), dict[str, tuple[Mapping[Address, Outcome], str]](), Tried()

        def failing(case: Body) -> bool:
            judged[_said(case)] = self._judged(case)
            return any(judged[_said(case)])

        tried.count = sum(1 for _ in islice(pairs.cases(failing), most))
        for case in map(_said, pairs.failures()):
            found, reason = judged[case]
            if reason:
                tried.refused_by_file[case] = reason
            for outcome in found.values():
                tried.add(case, outcome)
        return tried

    def _judged(self, file: Body) -> tuple[Mapping[Address, Outcome], str]:
        """The changes that are left after a file was applied, or the reason of its refusal."""
        try:
            return self._outcome(file), ""
        except ConfigError as error:
            return {}, str(error)

    def settings(self, values: Mapping[str, Sequence[Any]]) -> Tried:
        """Try values of many settings: the first of each together, then the second of each, and so on.

        Where that does not end well, the half of them is tried, so that one does not hide another.
        """
        tried = Tried()
        for number in range(max(map(len, values.values()), default=0)):
            together = {name: own[number] for name, own in values.items() if number < len(own)}
            tried.count += len(together)
            self._halved(together, tried)
        return tried

    def _halved(self, file: Body, tried: Tried) -> None:
        try:
            outcomes = self._outcome(file)
            if not outcomes:
                return
            error = ""
        except ConfigError as refused:
            outcomes, error = {}, str(refused)
        if len(file) == 1:
            if error:
                tried.refused_by_file[_said(file)] = error
            for outcome in outcomes.values():
                tried.add(_said(file), outcome)
            return
        names = list(file)
        for half in (names[: len(names) // 2], names[len(names) // 2 :]):
            self._halved({name: file[name] for name in half}, tried)

    def _outcome(self, file: Body) -> Mapping[Address, Outcome]:
        """Applies a file, and returns what is left to do then, with the reason. Raises ConfigError."""
        provider = KeycloakProvider({}, client=self.client)
        reconciler = Reconciler(self.document(with_quick_keys(file)), {"keycloak": provider}, RealClock())
        failures: dict[str, str] = {}
        for _ in range(MOST_RUNS):
            found = _failures(reconciler)
            if not found or found == failures:
                break
            failures = found
        left = [change for change in reconciler.look().plan.changes if change.action is not Action.KEEP]
        return {
            change.address: Outcome(
                failures.get(str(change.address), f"{change.action.value}: {change.reason}"),
                is_refused=str(change.address) in failures,
            )
            for change in left
        }


def _failures(reconciler: Reconciler) -> dict[str, str]:
    try:
        events = [event for event in reconciler.converge(_agree) if isinstance(event, Event)]
    except Refused as refused:  # the plan knows what the server would say
        return {str(each.address): each.message for each in refused.refusals}
    return {str(event.step.address): event.note for event in events if event.what is What.FAILED}


def _agree(_look: Look) -> None:
    pass


def _said(case: Body) -> str:
    return json.dumps(case, ensure_ascii=False)
