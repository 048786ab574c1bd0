"""Long lists, read page by page. Where a path takes no pages the server sends all of it, and this must not be used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from reconciler.core.values import ABSENT
from reconciler.providers.keycloak.rest import Connection, Representation

PAGE: Final = 1000


def pages(connection: Connection, path: str, query: str = "") -> Iterator[Representation]:
    """All of a list, empty where there is none; a page that is not full is the last one."""
    yield from pages_if_any(connection, path, query) or ()


def pages_if_any(connection: Connection, path: str, query: str = "") -> Iterator[Representation] | None:
    """As :func:`pages`, but None where there is no such list."""
    first = connection.get(_page(path, 0, query))
    return None if first is ABSENT else _all(connection, path, query, first)


def _all(connection: Connection, path: str, query: str, page: Any) -> Iterator[Representation]:
    start = 0
    while page is not ABSENT:
        yield from page
        if len(page) < PAGE:
            return
        start += PAGE
        page = connection.get(_page(path, start, query))


def _page(path: str, start: int, query: str) -> str:
    return f"{path}?first={start}&max={PAGE}" + (f"&{query}" if query else "")
