"""The holder of a host port that a container can't have, and the place of its `ports` in the files.

The engine's list tells it of other containers before anything is stopped, a failed start of any other program.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from reconciler.core.message.errors import ProviderError
from reconciler.providers.docker.engine.client import Engine
from reconciler.providers.docker.table import labels
from reconciler.providers.docker.table.property import Json

# 20.10 and later: "Bind for 0.0.0.0:80 failed: port is already allocated" of another container, "listen tcp4
# 0.0.0.0:80: bind: address already in use" or "failed to bind host port 0.0.0.0:80/tcp" of another program.
_TAKEN: Final = re.compile(r"(?:Bind for|listen \w+|bind host port(?: for)?) (?:\S*?):(\d+)\b.*already", re.DOTALL)


def port(engine: Engine, words: str, declared: str) -> str:
    """Explains a start that failed for a host port, with the line that ``declared`` it; "" for other failures."""
    taken = _TAKEN.search(words)
    if not taken:
        return ""
    number = taken[1]
    at = f"{declared}: " if declared else ""
    return f"{at}host port {number} is in use by {_holder(engine, number)} ({words})"


def _holder(engine: Engine, number: str) -> str:
    """The container that has a host port, or how to find the program."""
    try:
        found = engine.get("/containers/json", filters={"publish": [number]})
    except ProviderError:
        found = []
    if not found:
        return f"a program outside Docker; `ss -ltnp 'sport = :{number}'` shows which; stop it, or publish another port"
    return _called(found[0])


def _called(item: Json) -> str:
    name, project = str(item["Names"][0]).lstrip("/"), (item.get("Labels") or {}).get(labels.PROJECT)
    return f"container {name}{f' of project {project}' if project else ''}; stop it, or publish another port"


def lacks(engine: Engine, args: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Finds the wanted ports that containers outside the project hold; those of the project make way by themselves.

    ``own`` are the ids of containers in the plan, which may have no label of the project.
    """
    holds = args.get("holds")
    if not holds:
        return
    running = [item for item in engine.get("/containers/json") if item["Id"] not in holds["own"]]
    others = [item for item in running if (item.get("Labels") or {}).get(labels.PROJECT) != holds["project"]]
    for wanted in holds["ports"]:
        holder = next(
            (item for item in others if any(_is_same(wanted, held) for held in item.get("Ports") or ())), None
        )
        if holder:
            yield wanted["at"], f"host port {wanted['port']}/{wanted['protocol']} is in use by {_called(holder)}"


def _is_same(wanted: Json, held: Json) -> bool:
    """Returns whether both can't be had at a time; one for any address stands in the way of all others."""
    if (str(held.get("PublicPort")), held.get("Type")) != (wanted["port"], wanted["protocol"]):
        return False
    own, other = str(wanted["address"]), str(held.get("IP") or "")
    return not own or own == other or (other in _ANY and (":" in own) is (":" in other))


_ANY: Final = ("0.0.0.0", "::")  # noqa: S104 (compared, not bound)
