"""The holder of a host port that a container can't have, and the place of its `ports` in the files.

The engine's list names other containers, and /proc other programs of this machine, before anything is stopped. A failed
start names those that could not be seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Final

from reconciler.core.message.errors import ProviderError
from reconciler.pattern import lazy_pattern
from reconciler.providers.docker.engine import ownership
from reconciler.providers.docker.engine.client import Engine
from reconciler.providers.docker.engine.listeners import Listener, Sockets
from reconciler.providers.docker.table import labels
from reconciler.providers.docker.table.property import Json

# 20.10 and later: "Bind for 0.0.0.0:80 failed: port is already allocated" of another container, "listen tcp4
# 0.0.0.0:80: bind: address already in use" or "failed to bind host port 0.0.0.0:80/tcp" of another program.
_TAKEN: Final = lazy_pattern(r"(?:Bind for|listen \w+|bind host port(?: for)?) (?:\S*?):(\d+)\b.*already", re.DOTALL)

_PROTOCOLS: Final = ("tcp", "udp")


def port(engine: Engine, words: str, declared: str) -> str:
    """Explains a start that failed for a host port, with the line that ``declared`` it; "" for other failures."""
    taken = _TAKEN.search(words)
    if not taken:
        return ""
    number = taken[1]
    at = f"{declared}: " if declared else ""
    return f"{at}host port {number} is in use by {_holder(engine, number)} ({words})"


def _holder(engine: Engine, number: str) -> str:
    """The container or program that has a host port, and what to do about it."""
    try:
        found = engine.get("/containers/json", filters={"publish": [number]})
    # The answer is only about a better message; the failure that led here is reported anyway.
    except ProviderError:
        found = []
    if found:
        return _called(found[0])
    programs = [each for protocol in _PROTOCOLS for each in engine.programs_at(int(number), protocol)]
    return _named(programs[0] if programs else None, number)


def _named(program: Listener | None, number: str) -> str:
    if program and program.process:
        return f"{program}; stop it, or publish another port"
    return f"a program outside Docker; `ss -ltnp 'sport = :{number}'` shows which; stop it, or publish another port"


def _called(item: Json) -> str:
    called = ownership.called("container", str(item["Names"][0]).lstrip("/"), item.get("Labels"))
    return f"{called}; stop it, or publish another port"


class Holders:
    """The containers and programs that hold host ports, read when they are first asked for: once for a whole plan."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._sockets = engine, Sockets()

    @cached_property
    def running(self) -> Mapping[str, Json]:
        """Id → item of the list of containers that run."""
        return {item["Id"]: item for item in self._engine.get("/containers/json")}

    @cached_property
    def published(self) -> Mapping[tuple[str, str], Sequence[tuple[Json, Json]]]:
        """Port and protocol → the containers that have published it, each with what it holds."""
        found: dict[tuple[str, str], list[tuple[Json, Json]]] = {}
        for item in self.running.values():
            for held in item.get("Ports") or ():
                found.setdefault((str(held.get("PublicPort")), str(held.get("Type"))), []).append((item, held))
        return found

    def programs(self, port: str, protocol: str) -> Sequence[Listener]:
        return self._engine.programs_at(int(port), protocol, self._sockets)


def lacks(holders: Holders, args: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Finds the wanted ports that others hold; containers of the project make way by themselves.

    ``own`` are the ids of containers in the plan, which may have no label of the project.
    """
    holds = args.get("holds") or {"ports": ()}
    for wanted in holds["ports"]:
        if holder := _container_at(wanted, holders, holds) or _program_at(wanted, holders, holds):
            yield wanted["at"], f"host port {wanted['port']}/{wanted['protocol']} is in use by {holder}"


def _is_ours(item: Json, holds: Json) -> bool:
    is_labelled = (item.get("Labels") or {}).get(labels.PROJECT) == holds["project"]
    return is_labelled or item["Id"] in holds["own"]


def _container_at(wanted: Json, holders: Holders, holds: Json) -> str:
    """The container of somebody else that has published a port."""
    published = holders.published.get((wanted["port"], wanted["protocol"]), ())
    others = (item for item, held in published if not _is_ours(item, holds) and _is_same(wanted, held))
    holder = next(others, None)
    return _called(holder) if holder else ""


def _program_at(wanted: Json, holders: Holders, holds: Json) -> str:
    """The program that holds a port, unless it may end with a container of the project."""
    if (wanted["port"], wanted["protocol"]) in holders.published:
        return ""
    for program in holders.programs(wanted["port"], wanted["protocol"]):
        held = {"PublicPort": program.port, "Type": program.protocol, "IP": program.address}
        if not _is_same(wanted, held) or _may_be_ours(program, holders, holds):
            continue
        inside = holders.running.get(program.container)
        return _called(inside) if inside else _named(program, wanted["port"])
    return ""


def _may_be_ours(program: Listener, holders: Holders, holds: Json) -> bool:
    """Returns whether a program may run in a container of the project that has the network of the machine."""
    if program.process:
        inside = holders.running.get(program.container)
        return bool(inside and _is_ours(inside, holds))
    on_host = (item for item in holders.running.values() if _has_network_of_host(item))
    return any(_is_ours(item, holds) for item in on_host)


def _has_network_of_host(item: Json) -> bool:
    return bool((item.get("HostConfig") or {}).get("NetworkMode") == "host")


def _is_same(wanted: Json, held: Json) -> bool:
    """Returns whether both can't be had at a time; one for any address stands in the way of all others."""
    if (str(held.get("PublicPort")), held.get("Type")) != (wanted["port"], wanted["protocol"]):
        return False
    own, other = str(wanted["address"]), str(held.get("IP") or "")
    return not own or own == other or (other in _ANY and (":" in own) is (":" in other))


_ANY: Final = ("0.0.0.0", "::")  # noqa: S104 (compared, not bound)
