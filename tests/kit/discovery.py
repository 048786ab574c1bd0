"""Discovery: many objects, each a case of its own, are declared, applied as the program does it, and looked at again.

A case ends well where the second look finds nothing to do, or where the file or the server refuses it with a reason.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, product
from pathlib import Path
from typing import Any, Final

from reconciler.config import Sources, load
from reconciler.core.change import Action
from reconciler.core.document import Document
from reconciler.core.errors import ConfigError
from reconciler.core.report import Event, What
from reconciler.providers.keycloak.provider import KeycloakProvider
from reconciler.providers.keycloak.table.connection import Client
from reconciler.run.clock import RealClock
from reconciler.run.once import Look, Reconciler
from tests.kit.keycloak.server import with_quick_keys

Body = Mapping[str, Any]
NO_REASONS: Final = ("consult the server log", "no reason given", "Internal Server Error")
MOST_RUNS: Final = 3


def alone_and_in_pairs(switches: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    """Each value of each switch by itself, and with each value of every other one."""
    for count in (1, 2):
        for names in combinations(switches, count):
            for values in product(*(switches[name] for name in names)):
                yield dict(zip(names, values, strict=True))


@dataclass
class Tried:
    """What became of the cases; ``wrong`` are those that end in no good way, with what is the matter."""

    count: int = 0
    refused_by_file: dict[str, str] = field(default_factory=dict)
    refused_by_server: dict[str, str] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)


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

    def objects(self, section: str, cases: Iterable[Body], key: str) -> Tried:
        """Try cases that are objects of one section, all at the same time; each is named by ``key``."""
        tried, good = Tried(), list[Body]()
        for case in cases:
            tried.count += 1
            try:
                self.document({section: [case]})
                good.append(case)
            except ConfigError as error:
                tried.refused_by_file[_said(case)] = str(error)
        self._apply({section: good}, {str(case[key]).lower(): _said(case) for case in good}, tried)
        return tried

    def whole(self, cases: Iterable[Body]) -> Tried:
        """Try cases that are settings of the realm itself, one after the other."""
        tried = Tried()
        for case in cases:
            tried.count += 1
            try:
                self._apply(case, {}, tried, said=_said(case))
            except ConfigError as error:
                tried.refused_by_file[_said(case)] = str(error)
        return tried

    def _apply(self, file: Body, names: Mapping[str, str], tried: Tried, *, said: str = "") -> None:
        provider = KeycloakProvider({}, client=self.client)
        reconciler = Reconciler(self.document(with_quick_keys(file)), {"keycloak": provider}, RealClock())
        failures: dict[str, str] = {}
        for _ in range(MOST_RUNS):
            found = _failures(reconciler)
            if not found or found == failures:
                break
            failures = found
        for change in reconciler.look().plan.changes:
            if change.action is Action.KEEP:
                continue
            address = str(change.address)
            case = names.get(change.address.name.lower(), said or address)
            why = failures.get(address, f"{change.action.value}: {change.reason}")
            is_reason = address in failures and not any(words in why for words in (*NO_REASONS, " keeps ", "accepted"))
            (tried.refused_by_server if is_reason else tried.wrong)[case] = why


def _failures(reconciler: Reconciler) -> dict[str, str]:
    events = [event for event in reconciler.converge(_agree) if isinstance(event, Event)]
    return {str(event.step.address): event.note for event in events if event.what is What.FAILED}


def _agree(_look: Look) -> None:
    pass


def _said(case: Body) -> str:
    return json.dumps({key: value for key, value in case.items() if value not in ("", None)}, ensure_ascii=False)
