"""An engine that does not see the files of this machine, or this process not those of the engine: what of a stack is
wrong or doubtful there.

Contexts of builds are sent to any engine, env and label files are read here, and files of configs and secrets are
copied. What is bound is the engine's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

from reconciler.core.message.problem import UNREADABLE, Problem, Severity
from reconciler.core.resource.document import Document
from reconciler.core.resource.resource import Origin
from reconciler.core.resource.values import Value, revealed


def problems(document: Document) -> Iterator[Problem]:
    """Files that would have to be copied into a container whose files can't be written."""
    for name, service in document.section("services").items():
        for section in ("configs", "secrets"):
            for index, _ in enumerate(service.get(section) or () if service.get("read_only") else ()):
                place = document.locate(("stack", "services", name, section, index))
                message = f"services.{name}.{section}[{index}] is copied, as the engine is on another machine"
                yield Problem(f"{message}, but `read_only` forbids that; take `read_only` out, or use a volume", place)


def warnings(document: Document) -> Iterator[Problem]:
    """Binds of what is in the project's directory: a person means the files that are here."""
    directory = PurePosixPath(document.directory)
    for at, source, place in _binds(document):
        if PurePosixPath(_text(source)).is_relative_to(directory):
            message = (
                f"{at}: {source} is a path of the engine's machine, "
                "which is another one; what is here is not sent there: use a config, or a volume"
            )
            yield Problem(message, place, Severity.WARNING)


def dangling_links(document: Document) -> Iterator[Problem]:
    """Binds whose source is a link that leads nowhere on this machine: an engine can neither mount nor create that."""
    for at, source, place in _binds(document):
        if target := _missing_target(Path(_text(source))):
            named = target if source is _text(source) else "(secret)"
            message = (
                f"{at}: {source} is a symbolic link to `{named}`, which does not exist; create that, or remove the link"
            )
            yield Problem(message, place, Severity.WARNING, code=UNREADABLE)


def _missing_target(link: Path) -> str:
    """The target of a link that leads nowhere; "" for any other path, also for one that can't be looked at."""
    with suppress(OSError):
        target = str(link.readlink())  # which raises OSError for what is no link
        try:
            link.stat()
        except FileNotFoundError:
            return target
    return ""


def _binds(document: Document) -> Iterator[tuple[str, Value, Origin]]:
    """The name of each bind of a service, its source, and its place in the files."""
    for name, service in document.section("services").items():
        for index, mount in enumerate(service.get("volumes") or ()):
            if mount["type"] == "bind":
                place = document.locate(("stack", "services", name, "volumes", index))
                yield f"services.{name}.volumes[{index}]", mount["source"], place


def _text(source: Value) -> str:
    return str(revealed(source))
