"""The holder of a host port that a container can't have, and the place of its `ports` in the files."""

from __future__ import annotations

import re
from typing import Final

from reconciler.core.message.errors import ProviderError
from reconciler.providers.docker.engine.client import Engine
from reconciler.providers.docker.table import labels

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
    name = str(found[0]["Names"][0]).lstrip("/")
    project = (found[0].get("Labels") or {}).get(labels.PROJECT)
    of = f" of project {project}" if project else ""
    return f"container {name}{of}; stop it, or publish another port"
