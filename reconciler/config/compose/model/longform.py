"""Short forms to long ones. Doing it again changes nothing, so files can be merged before and after.

Each function takes a value in any form that the schema allows. What can't be read raises Malformed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reconciler.config.compose.model.mounts import BadMount, mount
from reconciler.config.compose.model.ports import BadPort, port_mappings
from reconciler.config.compose.model.shapes import Malformed, Shape, shaped
from reconciler.config.yaml.tree import Items, Map, Place, Tainted, Tree, entries, from_items, from_pairs, like, placed
from reconciler.core.message.problem import Problem
from reconciler.pattern import lazy_pattern

_MAX_DEVICE_PARTS: Final = 3
_EDGE: Final[Mapping[str, Tree]] = {"condition": "service_started", "required": True}
_MOST_PORTS: Final = 20_000
_RANGE: Final = lazy_pattern(r"([0-9]{1,5})-([0-9]{1,5})")


def long_form(document: Map) -> Map:
    """The document with every short form written out. Raises Malformed."""
    return _changed(document, {section: _by_name(change) for section, change in _SECTIONS.items()})


def _changed(value: Map, changes: Mapping[str, Shape]) -> Map:
    """The mapping with these keys changed, where it has them."""
    keys = [key for key in changes if value.get(key) is not None]
    done = shaped((value[key], changes[key], placed(value, key)) for key in keys)
    made = {key: _standing(part, placed(value, key)) for key, part in zip(keys, done, strict=True)}
    return Map({**value, **made}, value.places)


def _standing(value: Tree, place: Place | None) -> Tree:
    """A list that was made of a single value stands, item by item, where that does."""
    is_new = isinstance(value, Items) and not value.places and place is not None
    return from_items((item, place) for item in value) if is_new else value


def _by_name(change: Shape) -> Shape:
    def all_of(value: Tree) -> Tree:
        return _changed(value, dict.fromkeys(value, change)) if isinstance(value, Map) else value

    return all_of


def _each(change: Shape) -> Shape:
    def all_of(value: Tree) -> Tree:
        done = shaped((item, change, place) for item, place in entries(value))
        return Items(done, value.places)

    return all_of


def _service(value: Tree) -> Tree:
    return _changed(value, _SERVICE)


def _list(value: Tree) -> Tree:
    return value if isinstance(value, list) else Items([value])


def _filled(value: Tree) -> Tree:
    """A list of these, but of the empty ones: so an unset variable asks for nothing."""
    return from_items((item, place) for item, place in entries(_list(value)) if item != "")


def _under(key: str) -> Shape:
    """A text stands for a mapping with this one key."""

    def shape(value: Tree) -> Tree:
        return Map({key: value}) if isinstance(value, str) else value

    return shape


build_mapping: Final = _under("context")


def name_mapping(value: Tree) -> Tree:
    """A list of names stands for a mapping of them to nothing."""
    return from_pairs((_name(name), None, place) for name, place in entries(value)) if _is_names(value) else value


def edge_mapping(value: Tree) -> Tree:
    """A list of services stands for a mapping of them to what holds where nothing is said."""
    return from_pairs((_name(name), Map(_EDGE), place) for name, place in entries(value)) if _is_names(value) else value


def _is_names(value: Tree) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _depends_on(value: Tree) -> Tree:
    return _by_name(_edge)(edge_mapping(value))


def _edge(value: Tree) -> Tree:
    return Map({**_EDGE, **value}, value.places) if isinstance(value, Map) else value


def _name(text: str) -> str:
    """The text as a name, which is seen in many places."""
    if isinstance(text, Tainted):
        raise Malformed("a secret can't be a name")
    return str(text)


def _env_files(value: Tree) -> Tree:
    def one(given: Tree) -> Map:
        return Map({"path": given, "required": True}) if isinstance(given, str) else _required(given)

    if not isinstance(value, list):
        return Items([one(value)])
    return Items((one(item) for item in value), value.places if isinstance(value, Items) else ())


def _required(given: Map) -> Map:
    return Map({"required": True, **given}, given.places)


def _ports(value: Tree) -> Tree:
    # All faults of a list are collected, so that one run shows all of them.
    faults: list[str | Problem] = []
    ports: list[tuple[Map, Place | None]] = []
    for item, place in entries(value):
        try:
            ports.extend((port, place) for port in _port(item))
        except BadPort as error:
            faults.extend(Malformed(str(error)).about(item).at(place))
    if faults:
        raise Malformed(*faults)
    return from_items(ports)


def refuse_port_bombs(document: Map) -> None:
    """Raise Malformed for ranges of very many ports: each is one object, and a short file could fill the memory."""
    total = 0
    for service in (document.get("services") or {}).values():
        for item, place in entries(service.get("ports") or ()):
            # Counted by the text alone, before a port of it is made.
            container = str(item).rpartition(":")[2] if isinstance(item, str) else ""
            total += sum(int(high) - int(low) for low, high in _RANGE.findall(container)[:1])
            if total > _MOST_PORTS:
                raise Malformed(*Malformed(f"more than {_MOST_PORTS} ports in one file; use `network_mode`").at(place))


def _port(item: Tree) -> list[Map]:
    if isinstance(item, Map):
        return [item]
    return [
        Map(
            {
                "mode": "ingress",
                **({"host_ip": each.host_ip} if each.host_ip else {}),
                "target": each.target,
                **({"published": each.published} if each.published else {}),
                "protocol": each.protocol,
            }
        )
        for each in port_mappings(str(item))
    ]


def _volume(value: Tree) -> Tree:
    if isinstance(value, Map):
        return value
    try:
        made = mount(value)
    except BadMount as error:
        raise Malformed(str(error)) from error
    return Map({key: Map(part) if isinstance(part, dict) else part for key, part in made.items()})


def _device(value: Tree) -> Tree:
    if isinstance(value, Map):
        return value
    source, *rest = value.split(":")
    if len(rest) >= _MAX_DEVICE_PARTS:
        raise Malformed(f"`{value}` has too many colons; expected SOURCE:TARGET:PERMISSIONS, or the long form")
    # `SOURCE`, `SOURCE:TARGET` or all three; Compose gives all rights where the file gives none.
    target, permissions = (*rest, "", "rwm")[:2] if len(rest) > 1 else ((*rest, "")[0], "rwm")
    return Map({"source": source, "target": target or source, "permissions": permissions})


def _maybe_external(value: Tree) -> Tree:
    """The old form ``external: {name: …}``."""
    external = value.get("external") if isinstance(value, Map) else None
    if not isinstance(external, Map):
        return value
    name = external.get("name")
    if name and value.get("name", name) != name:
        raise Malformed("`name` and `external.name` differ; keep `name` alone")
    return Map({**value, "external": True, **({"name": name} if name else {})}, value.places)


def _named(value: Tree, expected: str, alone: tuple[str, ...] = ()) -> Tree:
    """A list of NAME=VALUE stands for a mapping; only the names in ``alone`` may lack a value."""
    if not isinstance(value, list):
        return value
    pairs = [(*str(item).partition("="), item, place) for item, place in entries(value)]
    for name, equals, _, item, place in pairs:
        if not equals and name not in alone:
            raise Malformed(*Malformed(f"`{item}` has no value; expected {expected}").about(item).at(place))
    return from_pairs(
        (name, like(item, found) if equals else None, place) for name, equals, found, item, place in pairs
    )


def _gpus(value: Tree) -> Tree:
    # The schema lets no other text than `all` through.
    return Items([Map({"count": "all"})]) if isinstance(value, str) else value


def _develop(value: Tree) -> Tree:
    return _changed(value, {"watch": _each(_watch)})


def _watch(value: Tree) -> Tree:
    """Compose still knows ``initial_sync`` by its first name."""
    value = _changed(value, {"ignore": _list, "include": _list})
    return Map({"initial_sync": True, **value}, value.places) if value.get("x-initialSync") is True else value


_BUILD: Final[Mapping[str, Shape]] = {
    "additional_contexts": lambda value: _named(value, "NAME=CONTEXT"),
    "secrets": _each(_under("source")),
    "ssh": lambda value: _named(value, "`default`, or NAME=PATH", alone=("default",)),
}
_SERVICE: Final[Mapping[str, Shape]] = {
    "build": lambda value: _changed(build_mapping(value), _BUILD),
    "configs": _each(_under("source")),
    "depends_on": _depends_on,
    "develop": _develop,
    "devices": _each(_device),
    "dns": _filled,
    "env_file": _env_files,
    "gpus": _gpus,
    "label_file": _list,
    "models": name_mapping,
    "networks": name_mapping,
    "ports": _ports,
    "pre_start": _each(_service),
    "secrets": _each(_under("source")),
    "volumes": _each(_volume),
}
_SECTIONS: Final[Mapping[str, Shape]] = {
    "services": _service,
    "networks": _maybe_external,
    "volumes": _maybe_external,
    "secrets": _maybe_external,
    "configs": _maybe_external,
}
