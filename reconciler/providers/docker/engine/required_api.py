"""Features that only newer engines have: the first version of each, and the message for older ones.

Source: the version history of the Engine API, 1.42-1.51. An older engine takes such an attribute without a word and
leaves it out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final

from reconciler.core.resource.document import Document
from reconciler.core.resource.values import Value
from reconciler.providers.docker.table import cdi
from reconciler.record import Struct


class Since(Struct, frozen=True):
    """The first version of the API that has an attribute, and the engine's that brought it."""

    api: tuple[int, int]
    engine: str
    applies: Callable[[Any], bool] = bool


_TABLE: Final[Mapping[str, Since]] = {
    "services.*.annotations": Since((1, 43), "24.0"),
    "services.*.devices.*": Since((1, 44), "25.0", cdi.is_asked),
    "services.*.healthcheck.start_interval": Since((1, 44), "25.0"),
    "services.*.networks.*.gw_priority": Since((1, 48), "28.0"),
    "services.*.networks.*.interface_name": Since((1, 49), "28.1"),
    "services.*.volumes.*.bind.recursive": Since((1, 44), "25.0", lambda value: value in ("writable", "readonly")),
    "services.*.volumes.*.type": Since((1, 48), "28.0", lambda value: value == "image"),
    "services.*.volumes.*.volume.subpath": Since((1, 45), "26.0"),
    "networks.*.enable_ipv4": Since((1, 47), "27.2", lambda value: value is False),
}
_OF_STACKS: Final = {tuple(path.split(".")): row for path, row in _TABLE.items()}
_OF_HOOKS: Final = {
    (*path[:2], "pre_start", "*", *path[2:]): row
    for path, row in _OF_STACKS.items()
    if path[0] == "services" and path[2] != "healthcheck"
}
SINCE: Final[Mapping[tuple[str, ...], Since]] = {**_OF_STACKS, **_OF_HOOKS}

MAC_OF_EACH_NETWORK: Final = Since((1, 44), "25.0")
"""Before, a container had one MAC address, in the first of its networks."""


def needed(document: Document, *path: str, table: Mapping[tuple[str, ...], Since] = SINCE) -> list[Value]:
    """The requirements on the engine of the item at this path of the stack, for :func:`lacks`."""
    rows = [
        (found, row)
        for pattern, row in table.items()
        for found, value in _matches(_at(document.stack, path), pattern[len(path) :], path)
        if pattern[0] == path[0] and row.applies(value)
    ]
    # A hook inherits attributes of its service, and they are reported once, with the service.
    own = {found[2:] for found, _ in rows}
    return [_need(document, found, row) for found, row in rows if not _is_handed_on(found, own)]


def _is_handed_on(path: tuple[str | int, ...], own: Collection[tuple[str | int, ...]]) -> bool:
    """Returns whether a container run before a service only has the service's value, which is reported already."""
    return "pre_start" in path and path[4:] in own


def needed_for_macs(document: Document, path: tuple[str | int, ...], networks: Mapping[str, Any]) -> list[Value]:
    """The same for MAC addresses, of the networks of what is at this path in the order in which they are joined."""
    later = [key for key, endpoint in list(networks.items())[1:] if endpoint.get("mac_address")]
    return [_need(document, (*path, "networks", key, "mac_address"), MAC_OF_EACH_NETWORK) for key in later]


def _need(document: Document, path: tuple[str | int, ...], row: Since) -> Value:
    place = document.locate(("stack", *path))
    return {"api": row.api, "engine": row.engine, "path": ".".join(map(str, path)), "at": str(place)}


def lacks(needs: Any, api: tuple[int, int]) -> Iterator[tuple[str, str]]:
    """Explains why an engine of this version can't hold the requirements, each with its place in the file."""
    for need in needs:
        if api < tuple(need["api"]):
            wanted, spoken = (".".join(map(str, version)) for version in (need["api"], api))
            too_old = f"and this engine speaks {spoken}; take it out or update the engine"
            yield need["at"], f"{need['path']} needs Docker {need['engine']} or newer (API {wanted}), {too_old}"


def _at(tree: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        tree = tree[key]
    return tree


def _matches(
    tree: Any, pattern: tuple[str, ...], path: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Path and value of all that a pattern leads to; "*" is any key or item."""
    if not pattern:
        yield path, tree
        return
    key, rest = pattern[0], pattern[1:]
    items = tree.items() if isinstance(tree, Mapping) else enumerate(tree) if isinstance(tree, list | tuple) else ()
    for name, value in items:
        if key in ("*", name):
            yield from _matches(value, rest, (*path, name))
