"""The short form of ``ports``: ``[[IP:]HOST:]CONTAINER[/PROTOCOL]``, each side a number or a range."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Final

from reconciler.pattern import lazy_pattern
from reconciler.record import Struct

PROTOCOLS: Final = ("tcp", "udp", "sctp")
_GREATEST: Final = 65535
_RANGE: Final = lazy_pattern(r"([0-9]{1,9})(?:-([0-9]{1,9}))?")


class BadPort(ValueError):
    """The text is no port mapping; the message says why."""


class PortMapping(Struct, frozen=True):
    """One container port; ``published`` is a number, a range to choose from, or "" for any."""

    target: int
    published: str
    protocol: str
    host_ip: str


def port_mappings(text: str) -> Iterator[PortMapping]:
    """Expands a short form; a range of container ports is one mapping each. Raises BadPort."""
    host, container = _parts(text)
    container, _, protocol = container.partition("/")
    protocol = protocol.lower() or "tcp"
    if not container:
        raise BadPort(f"`{text}` names no container port; expected HOST:CONTAINER, for example 8080:80")
    if protocol not in PROTOCOLS:
        raise BadPort(f"`{protocol}` is no protocol; expected one of {', '.join(PROTOCOLS)}")
    address, published = host
    first, last = _range(container, "container")
    # Without a host port the engine chooses one for each.
    if not published:
        yield from (PortMapping(port, "", protocol, address) for port in range(first, last + 1))
        return
    low, high = _range(published, "host")
    # A range on the host for one port is a choice for the engine, not several ports.
    if first == last:
        yield PortMapping(first, str(low) if low == high else f"{low}-{high}", protocol, address)
        return
    if last - first != high - low:
        raise BadPort(f"`{text}`: the ranges {published} and {container} are not of one length")
    for offset in range(last - first + 1):
        yield PortMapping(first + offset, str(low + offset), protocol, address)


def _parts(text: str) -> tuple[tuple[str, str], str]:
    rest, _, container = text.rpartition(":")
    address, _, published = rest.rpartition(":")
    return (_address(address), published), container


def _address(text: str) -> str:
    if not text:
        return ""
    # An IPv6 address is in brackets, as it has colons itself.
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        ipaddress.ip_address("%" if "%" in bare else bare)  # no zone: Go's net.ParseIP knows none
    except ValueError:
        raise BadPort(f"`{text}` is no IP address; a host port is bound to an address such as 127.0.0.1") from None
    return bare


def _range(text: str, side: str) -> tuple[int, int]:
    match = _RANGE.fullmatch(text)
    if not match:
        raise BadPort(f"`{text}` is no {side} port; expected a number or a range such as 8000-8010")
    low = int(match[1])
    high = int(match[2] or low)
    if high > _GREATEST:
        raise BadPort(f"{high} is no {side} port; the greatest is {_GREATEST}")
    if low > high:
        raise BadPort(f"the range {text} runs backwards")
    return low, high
