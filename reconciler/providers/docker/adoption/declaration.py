"""Fields of a container, network or volume in the words of a stack file: for putting a live change into the file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from reconciler.core.difference.change import Change
from reconciler.core.provider import Declaration
from reconciler.core.resource.document import Document
from reconciler.core.resource.values import ABSENT, Value
from reconciler.providers.docker.adoption.service import DEFAULT
from reconciler.providers.docker.container import endpoints
from reconciler.providers.docker.kinds import container, network, volume
from reconciler.providers.docker.kinds.container import PROPERTIES
from reconciler.providers.docker.table import forms
from reconciler.providers.docker.table.property import Json, dig, first
from reconciler.vocabulary import compose

_UNSAID: Final = frozenset({"state", "links", "network_mode", "volumes_from", "image"})
"""Rows whose live value names other containers, or is no part of a file as it is."""

_IN_OTHER_WORDS: Final[Mapping[str, Callable[[Any], Json]]] = {"deploy.restart_policy": forms.said_restart_policy}
"""Attributes that say the value of a row in another form than the row does."""

_OF_OTHERS: Final[Mapping[str, Sequence[str]]] = {
    network.NAME: ("driver", "driver_opts", "internal", "attachable", "enable_ipv6", "enable_ipv4", "ipam_driver"),
    volume.NAME: ("driver", "driver_opts"),
}


def declarations(
    document: Document, change: Change, fields: Mapping[str, tuple[Value, Value]]
) -> Mapping[str, Sequence[Declaration]]:
    """The declarations of fields, name → (expected, live), of a resource that is declared and differs."""
    if change.address.kind == container.NAME:
        service = document.section("services").get(_service(change), {})
        made = {name: tuple(_of_row(document, service, change, name, sides)) for name, sides in fields.items()}
        return {name: found for name, found in made.items() if found}
    said = _OF_OTHERS.get(change.address.kind, ())
    return {
        name: (Declaration(tuple(network.PATHS.get(name, name).split(".")), *map(_or_absent, sides)),)
        for name, sides in fields.items()
        if name in said
    }


def _service(change: Change) -> str:
    """The service of a container, which may be one of several."""
    return change.address.path[0]


def _or_absent(value: Value) -> Value:
    return ABSENT if value in ({}, "", None, ()) else value


def _of_row(
    document: Document, service: Json, change: Change, name: str, both: tuple[Any, Any]
) -> Iterator[Declaration]:
    wanted, live = both
    if name == "image" and "build" not in service:
        yield Declaration(("image",), wanted.get("ref"), live.get("ref"))
    # Another container has another name on another machine, so a file can't say such a value.
    if name not in PROPERTIES or name in _UNSAID or any(map(_is_of_another, (wanted, live))):
        return
    if name == "expose":  # published ports are exposed as well, without a word
        declared, observed = change.desired, change.observed
        wanted = _without_ports(wanted, declared.spec if declared else {})
        live = _without_ports(live, observed.spec if observed else {})
    sides = _in_file_words(document, name, wanted, change), _in_file_words(document, name, live, change)
    found = first(service, *PROPERTIES[name].paths)
    if found and found[0] in _IN_OTHER_WORDS:
        said = _IN_OTHER_WORDS[found[0]]
        yield Declaration(tuple(found[0].split(".")), said(wanted), said(live))
        return
    attribute = found[0] if found else next(iter({path: 0 for side in sides for path in _attributes(name, side)}), name)
    yield Declaration(tuple(attribute.split(".")), *(_said(name, attribute, side) for side in sides))


def _without_ports(exposed: Any, spec: Any) -> Value:
    published = spec.get("ports") or ()
    return exposed if exposed is ABSENT else tuple(port for port in exposed if port not in published)


def _is_of_another(value: Value) -> bool:
    """Returns whether it is the namespace of another container, of which only the engine's name is known."""
    return isinstance(value, str) and value.startswith(compose.CONTAINER)


def _said(name: str, attribute: str, side: Json) -> Value:
    """The value of an attribute in the part of a service that declares a row's value."""
    for path in (attribute, name, *PROPERTIES[name].paths):
        value: Value = dig(side, path)
        if value is not None:
            return value
    return ABSENT


def _attributes(name: str, side: Json) -> Iterator[str]:
    yield from (path for path in (name, *PROPERTIES[name].paths) if dig(side, path) is not None)


def _in_file_words(document: Document, name: str, value: Any, change: Change) -> Json:
    """The part of a service that declares a value."""
    if value is ABSENT:
        return {}
    if name == "networks":
        return {"networks": _joined(document, value, change)}
    if name == "volumes":
        value = {target: _named(document, mount) for target, mount in value.items()}
    return PROPERTIES[name].declaration(value)


def _joined(document: Document, value: Json, change: Change) -> Value:
    """The networks by the file's names, and nothing where it is the one that goes without saying."""
    keys = _keys(document, "networks")
    implied = {
        change.address.name,
        _service(change),
        str(dig(change.desired and change.desired.spec, "container_name")),
    }
    # Names that each container has by itself are not said in a file.
    joined = {keys.get(name, name): endpoints.said(each, implied) for name, each in value.items()}
    return ABSENT if joined == {DEFAULT: {}} else joined


def _named(document: Document, mount: Json) -> Json:
    keys = _keys(document, "volumes")
    base = document.directory.rstrip("/") + "/"
    source = str(mount.get("source") or "")
    if mount["type"] == "volume":
        return {**mount, "source": keys.get(source, source)}
    return {**mount, "source": f"./{source.removeprefix(base)}"} if source.startswith(base) else mount


def _keys(document: Document, section: str) -> Mapping[str, str]:
    """The engine's name → the file's."""
    return {str(each["name"]): key for key, each in document.section(section).items()}
