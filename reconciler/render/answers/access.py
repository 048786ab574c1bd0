"""The access of users, client by client, as a table and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from reconciler.core.message.wording import listed
from reconciler.core.plan.access import Access, Inside
from reconciler.render.output.plain import joined

_HEAD: Final = ("USER", "CLIENTS", "ROLES", "GROUPS")
_WIDEST: Final = 60


def access_text(found: Sequence[Access]) -> str:
    """A table, its head first."""
    rows = [_HEAD, *((each.user, listed(each.clients), _all_roles(each), _all_groups(each)) for each in found)]
    widths = [min(max(map(len, column)), _WIDEST) for column in zip(*rows, strict=True)]
    return joined(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def claims(found: Access) -> Iterator[str]:
    """All that its clients are told of a user: roles with what they come through, and groups."""
    yield from _roles(found.roles)
    yield from (role for each in found.inside for role in _roles_inside(each))
    yield from (f"group {path}" for path in _groups(found))


def _all_roles(found: Access) -> str:
    return ", ".join((*_roles(found.roles), *(role for each in found.inside for role in _roles_inside(each))))


def _roles_inside(inside: Inside) -> Iterator[str]:
    return _roles(inside.roles, f" in organization {inside.organization}")


def _all_groups(found: Access) -> str:
    return ", ".join(_groups(found))


def _groups(found: Access) -> Iterator[str]:
    yield from found.groups
    yield from (f"{path} of organization {each.organization}" for each in found.inside for path in each.groups)


def _roles(roles: Mapping[str, Sequence[str]], where: str = "") -> Iterator[str]:
    for name, through in roles.items():
        yield f"{name}{where}" if "" in through else f"{name}{where} ({' and '.join(through)})"


def access_document(found: Sequence[Access], open_clients: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """The same facts as JSON; ``open_clients`` are those that anybody can log in to, by realm."""
    return {
        "schema": "reconcile.access/v1",
        "open": {realm: list(clients) for realm, clients in open_clients.items()},
        "access": [
            {
                "realm": each.realm,
                "user": each.user,
                "clients": list(each.clients),
                "roles": _listed_roles(each.roles),
                "groups": list(each.groups),
                "organizations": [
                    {"alias": own.organization, "roles": _listed_roles(own.roles), "groups": list(own.groups)}
                    for own in each.inside
                ],
            }
            for each in found
        ],
    }


def _listed_roles(roles: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    return [{"name": name, "through": [way for way in ways if way]} for name, ways in roles.items()]
