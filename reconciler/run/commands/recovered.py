"""Recovers for `adopt` what the engine does not show of a container that Compose made.

Compose copies a config or secret into the container where it has no file to mount, and runs its hooks itself: neither
is in the container's settings. The Compose files name them, and the container has the content.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, count
from pathlib import Path
from typing import Any, Final

from reconciler.config import load_stack
from reconciler.core.message.errors import ConfigError
from reconciler.core.message.wording import listed
from reconciler.core.provider import Adoption
from reconciler.record import Struct
from reconciler.vocabulary.compose import FOLDERS, USUAL_MODE

"""The sections of files, each with the folder in a container where its files are by default."""

_HOOKS: Final = ("post_start", "pre_stop")
_MOST_FILES: Final = 5

Read = Callable[[str, str], bytes | None]
"""Container and path → the content of the file, None if there is none."""


class Recovered(Struct, frozen=True):
    """The stack with what was recovered, the files to write beside it (path → content), and what is missing still."""

    stack: Mapping[str, Any]
    files: Mapping[str, bytes] = {}
    remarks: tuple[str, ...] = ()


def recovered(adoption: Adoption, read: Read, environment: Mapping[str, str]) -> Recovered:
    """The adopted stack with all that its Compose files know besides. Raises ProviderError."""
    made_of = adoption.made_of
    if not made_of.files:
        return Recovered(adoption.file)
    try:
        model = load_stack(
            made_of.files,
            directory=Path(made_of.directory) if made_of.directory else None,
            environment=environment,
            env_files=[Path(file) for file in made_of.env_files] or None,
            project=str(adoption.file["name"]),
            # All profiles: the containers of an idle service may still be there.
            profiles=("*",),
        )
    except ConfigError:
        lost = "configs and secrets that Compose copies into a container, and hooks, are not in stack.yaml"
        return Recovered(adoption.file, remarks=(f"{listed(made_of.files, _MOST_FILES)} can't be read: {lost}",))
    return _Recovery(adoption, model, read).made()


@dataclass
class _Recovery:
    """The recovery of one project; ``model`` is that of its Compose files."""

    adoption: Adoption
    model: Mapping[str, Any]
    read: Read
    files: dict[str, bytes] = field(default_factory=dict)
    sections: dict[str, dict[str, Any]] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    def made(self) -> Recovered:
        stack = self.adoption.file
        self.sections = {section: dict(stack.get(section) or {}) for section in FOLDERS}
        services = {name: self._service(name, service) for name, service in stack["services"].items()}
        sections = {section: found for section, found in self.sections.items() if found}
        return Recovered({**stack, "services": services, **sections}, self.files, tuple(self.remarks))

    def _service(self, name: str, service: Mapping[str, Any]) -> Mapping[str, Any]:
        declared = (self.model.get("services") or {}).get(name) or {}
        hooks = {key: declared[key] for key in _HOOKS if declared.get(key) and key not in service}
        found = {section: list(self._copied(name, section, declared.get(section) or ())) for section in FOLDERS}
        mounts = {section: [*(service.get(section) or ()), *mounted] for section, mounted in found.items() if mounted}
        return {**service, **hooks, **mounts}

    def _copied(self, service: str, section: str, mounts: Any) -> Iterator[Mapping[str, Any]]:
        """The configs or secrets of a service that its container has, and that are no mounts of it."""
        for mount in mounts:
            source = str(mount["source"])
            target = posixpath.normpath(posixpath.join(FOLDERS[section], mount.get("target") or source))
            # A mounted file is in the adopted stack as a mount.
            if target in self.adoption.mounted.get(service, ()):
                continue
            # The container has the content of its creation; the file beside the stack may be newer.
            content = self.read(self.adoption.containers[service], target)
            if content is None:
                kind = section.removesuffix("s")
                self.remarks.append(f"{service} has no file {target}, where its {kind} `{source}` was; it is left out")
                continue
            owned = {key: str(mount[key]) for key in ("uid", "gid") if mount.get(key)}
            mode = str(mount.get("mode") or USUAL_MODE)
            # With a mode it is copied once more, as Compose did, and not mounted: that would be a difference.
            yield {"source": self._kept(service, section, source, content), "target": target, **owned, "mode": mode}

    def _kept(self, service: str, section: str, source: str, content: bytes) -> str:
        """The name under which a content is declared; another one of the same name gets the service's before it."""
        known = self.sections[section]
        names = chain((source, f"{service}-{source}"), (f"{service}-{source}-{number}" for number in count(2)))
        name = next(each for each in names if each not in known or self.files.get(f"./{section}/{each}") == content)
        path = f"./{section}/{name}"
        known[name], self.files[path] = {"file": path}, content
        return name
