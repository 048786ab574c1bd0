"""The access of one user or of the members of a group, before and after the plan, in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from reconciler.core.plan.access import Access, Grants
from reconciler.record import Struct
from reconciler.render.answers.access import claims


class AccessRow(Struct, frozen=True):
    """Clients that are told the same of a user: what stays, what the plan takes, and what it gives."""

    clients: tuple[str, ...]
    kept: tuple[str, ...]
    lost: tuple[str, ...]
    gained: tuple[str, ...]

    @property
    def changes(self) -> bool:
        return bool(self.lost or self.gained)


def access_rows(user: str, before: Grants, after: Grants) -> list[AccessRow]:
    """The rows of a user; changes come first."""
    old, new = (_claims(user, grants) for grants in (before, after))
    alike: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for client in sorted({**old, **new}):
        alike.setdefault((old.get(client, ()), new.get(client, ())), []).append(client)
    rows = [AccessRow(tuple(clients), *_compared(*both)) for both, clients in alike.items()]
    return sorted(rows, key=lambda row: not row.changes)


def logins(before: Grants, after: Grants) -> AccessRow:
    """The clients that whoever is not switched off can log in to."""
    return AccessRow((), *_compared(sorted(before.open_clients()), sorted(after.open_clients())))


def _claims(user: str, grants: Grants) -> Mapping[str, tuple[str, ...]]:
    """The claims that each client gets about a user, by its name; none about who is not there."""
    entries: Iterable[Access] = grants.entries(user) if user in grants.users else ()
    return {client: tuple(claims(entry)) for entry in entries for client in entry.clients}


def _compared(old: Iterable[str], new: Iterable[str]) -> Iterator[tuple[str, ...]]:
    old, new = tuple(old), tuple(new)
    yield tuple(each for each in old if each in new)
    yield tuple(each for each in old if each not in new)
    yield tuple(each for each in new if each not in old)
