"""The holder of a host port that a container can't have, and the place of its `ports` in the files.

The engine's list names other containers, and /proc other programs of this machine, before anything is stopped. A failed
start names those that could not be seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from reconciler.core.message.errors import ProviderError
from reconciler.providers.docker.engine.client import Engine
from reconciler.providers.docker.engine.listeners import Listener
from reconciler.providers.docker.table import labels
from reconciler.providers.docker.table.property import Json

# 20.10 and later: "Bind for 0.0.0.0:80 failed: port is already allocated" of another container, "listen tcp4
# 0.0.0.0:80: bind: address already in use" or "failed to bind host port 0.0.0.0:80/tcp" of another program.
_TAKEN: Final = re.compile(r"(?:Bind for|listen \w+|bind host port(?: for)?) (?:\S*?):(\d+)\b.*already", re.DOTALL)

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
    name, project = str(item["Names"][0]).lstrip("/"), (item.get("Labels") or {}).get(labels.PROJECT)
    return f"container {name}{f' of project {project}' if project else ''}; stop it, or publish another port"


def lacks(engine: Engine, args: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Finds the wanted ports that others hold; containers of the project make way by themselves.

    ``own`` are the ids of containers in the plan, which may have no label of the project.
    """
    holds = args.get("holds")
    if not holds:
        return
    running = engine.get("/containers/json")
    for wanted in holds["ports"]:
        if holder := _container_at(wanted, running, holds) or _program_at(engine, wanted, running, holds):
            yield wanted["at"], f"host port {wanted['port']}/{wanted['protocol']} is in use by {holder}"


def _is_ours(item: Json, holds: Json) -> bool:
    is_labelled = (item.get("Labels") or {}).get(labels.PROJECT) == holds["project"]
    return is_labelled or item["Id"] in holds["own"]


def _container_at(wanted: Json, running: Sequence[Json], holds: Json) -> str:
    """The container of somebody else that has published a port."""
    others = (item for item in running if not _is_ours(item, holds))
    holder = next((item for item in others if any(_is_same(wanted, held) for held in item.get("Ports") or ())), None)
    return _called(holder) if holder else ""


def _program_at(engine: Engine, wanted: Json, running: Sequence[Json], holds: Json) -> str:
    """The program that holds a port, unless it may end with a container of the project."""
    published = {
        (str(held.get("PublicPort")), held.get("Type")) for item in running for held in item.get("Ports") or ()
    }
    if (wanted["port"], wanted["protocol"]) in published:
        return ""
    by_id = {item["Id"]: item for item in running}
    for program in engine.programs_at(int(wanted["port"]), wanted["protocol"]):
        held = {"PublicPort": program.port, "Type": program.protocol, "IP": program.address}
        if not _is_same(wanted, held) or _may_be_ours(program, running, holds):
            continue
        inside = by_id.get(program.container)
        return _called(inside) if inside else _named(program, wanted["port"])
    return ""


def _may_be_ours(program: Listener, running: Sequence[Json], holds: Json) -> bool:
    """Returns whether a program may run in a container of the project that has the network of the machine."""
    ours = [item for item in running if _is_ours(item, holds)]
    if program.process:
        return program.container in {item["Id"] for item in ours}
    return any((item.get("HostConfig") or {}).get("NetworkMode") == "host" for item in ours)


def _is_same(wanted: Json, held: Json) -> bool:
    """Returns whether both can't be had at a time; one for any address stands in the way of all others."""
    if (str(held.get("PublicPort")), held.get("Type")) != (wanted["port"], wanted["protocol"]):
        return False
    own, other = str(wanted["address"]), str(held.get("IP") or "")
    return not own or own == other or (other in _ANY and (":" in own) is (":" in other))


_ANY: Final = ("0.0.0.0", "::")  # noqa: S104 (compared, not bound)
