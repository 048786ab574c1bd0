"""Who gets into what, as a table and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from reconciler.core.access import Access

_HEAD: Final = ("USER", "CLIENT", "ROLES", "GROUPS")
_WIDEST: Final = 60


def access_text(found: Sequence[Access]) -> Iterator[str]:
    """The lines of a table, its head first."""
    rows = [_HEAD, *((each.user, each.client, _roles(each.roles), ", ".join(each.groups)) for each in found)]
    widths = [min(max(map(len, column)), _WIDEST) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _roles(roles: Mapping[str, Sequence[str]]) -> str:
    return ", ".join(name if "" in through else f"{name} ({' and '.join(through)})" for name, through in roles.items())


def access_document(found: Sequence[Access], open_clients: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """The same facts as JSON; ``open_clients`` are those that anybody can log in to, by realm."""
    return {
        "schema": "reconcile.access/v1",
        "open": {realm: list(clients) for realm, clients in open_clients.items()},
        "access": [
            {
                "realm": each.realm,
                "user": each.user,
                "client": each.client,
                "roles": [{"name": name, "through": [way for way in ways if way]} for name, ways in each.roles.items()],
                "groups": list(each.groups),
            }
            for each in found
        ],
    }
