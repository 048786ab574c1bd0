"""Lists in which a later item takes the place of an earlier one that means the same thing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from reconciler.config.compose.model.attributes import by_form
from reconciler.config.compose.model.mounts import BadMount, written_target
from reconciler.config.yaml.tree import Items, Map, Tree, entries, from_items, with_places

Key = Callable[[Tree], object]


def unique(document: Map) -> Map:
    """The document without items that a later one replaces. Values of a wrong type are left for the schema."""
    done = _unique(document, _KEYS)
    assert isinstance(done, Map)
    return done


def _unique(value: Tree, keys: Tree) -> Tree:
    if callable(keys):
        return _without_replaced(value, keys) if isinstance(value, Items) else value
    if keys is None or not isinstance(value, Map):
        return value
    return with_places({key: _unique(part, keys.get(key, keys.get("*"))) for key, part in value.items()}, value)


def _without_replaced(items: Items, key: Key) -> Items:
    kept = {_key(key, item, index): (item, place) for index, (item, place) in enumerate(entries(items))}
    return from_items(kept.values()) if len(kept) < len(items) else items


def _key(key: Key, item: Tree, index: int) -> object:
    try:
        found = key(item)
        hash(found)
    except (AttributeError, KeyError, TypeError, BadMount):
        return (index,)
    return found


def _name(item: Tree) -> object:
    return item.partition("=")[0]


def _whole(item: Tree) -> object:
    return str(item) if isinstance(item, str | int) else (item,)


def _target(item: Tree) -> object:
    return item["target"] if isinstance(item, Map) else written_target(item)


def _device(item: Tree) -> object:
    return item["target"] if isinstance(item, Map) else (*item.split(":"), None)[1] or item


def _env_file(item: Tree) -> object:
    return item["path"] if isinstance(item, Map) else item


def _port(item: Tree) -> object:
    if not isinstance(item, Map):
        return str(item)
    host_ip, protocol = item.get("host_ip", "0.0.0.0"), item.get("protocol", "tcp")  # noqa: S104
    return (host_ip, item.get("published"), item["target"], protocol)


def _file_mount(folder: str) -> Key:
    """The key of secrets and configs: the path of the mount."""

    def key(item: Tree) -> object:
        given = item if isinstance(item, Map) else {"source": item}
        return given.get("target", f"{folder}/{given.get('source')!s}")

    return key


_NAMES: Final = {"labels": _name}
_BY_FORM: Final[Mapping[str, Key]] = {"env_files": _env_file, "mapping": _name, "text_or_texts": _name}
_SERVICE: Final[Mapping[str, Tree]] = {
    **by_form("service", _BY_FORM),
    "build": {"additional_contexts": _name, "args": _name, "labels": _name, "tags": _name},
    "cap_add": _name,
    "cap_drop": _name,
    "configs": _file_mount(""),
    "deploy": _NAMES,
    "devices": _device,
    "dns_opt": _name,
    "expose": _whole,
    "links": _name,
    "networks": {"*": {"aliases": _name, "link_local_ips": _name}},
    "ports": _port,
    "profiles": _name,
    "secrets": _file_mount("/run/secrets"),
    "volumes": _target,
}
_KEYS: Final[Mapping[str, Tree]] = {"services": {"*": _SERVICE}, "networks": {"*": _NAMES}}
