"""An engine that does not see the files of this machine: what of a stack is wrong or doubtful there. Pure.

Contexts of builds are sent to any engine, env and label files are read here, and files of configs and secrets are
copied. What is bound is the engine's.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from reconciler.core.message.problem import Problem, Severity
from reconciler.core.resource.document import Document
from reconciler.providers.docker.table.property import Json


def problems(document: Document) -> Iterator[Problem]:
    """Files that would have to be copied into a container whose files can't be written."""
    for name, service in _services(document):
        for section in ("configs", "secrets"):
            for index, _ in enumerate(service.get(section) or () if service.get("read_only") else ()):
                place = document.locate(("stack", "services", name, section, index))
                message = f"services.{name}.{section}[{index}] is copied, as the engine is on another machine"
                yield Problem(f"{message}, but `read_only` forbids that; take `read_only` out, or use a volume", place)


def warnings(document: Document) -> Iterator[Problem]:
    """Binds of what is in the project's directory: a person means the files that are here."""
    directory = PurePosixPath(document.directory)
    for name, service in _services(document):
        for index, mount in enumerate(service.get("volumes") or ()):
            if mount["type"] == "bind" and PurePosixPath(mount["source"]).is_relative_to(directory):
                place = document.locate(("stack", "services", name, "volumes", index))
                message = (
                    f"services.{name}.volumes[{index}]: {mount['source']} is a path of the engine's machine, "
                    "which is another one; what is here is not sent there: use a config, or a volume"
                )
                yield Problem(message, place, Severity.WARNING)


def _services(document: Document) -> Iterator[tuple[str, Json]]:
    found: Any = (document.stack or {}).get("services") or {}
    yield from found.items()
