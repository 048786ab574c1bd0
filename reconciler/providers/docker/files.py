"""Configs and secrets: files of the host, mounted into a container.

The engine does not tell what is in a mounted file, so a label of the container says what was in it when the container
was made. It is public: of a secret it holds a digest that is slow to guess at.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from reconciler.core.kind import Effect, Field
from reconciler.core.values import Value
from reconciler.providers.docker import labels
from reconciler.providers.docker.property import Json, dig

FIELD: Final = Field(Effect.REPLACE)
_FOLDERS: Final = {"configs": "/", "secrets": "/run/secrets"}
_DIGITS: Final = 16


def mounted(service: Json, sections: Mapping[str, Json]) -> Iterator[Json]:
    """The file mounts of a service: where each is in the container, where on the host, and whether it is secret.

    ``sections`` are the stack's configs and secrets.
    """
    for section, folder in _FOLDERS.items():
        for mount in service.get(section) or ():
            target = posixpath.join(folder, mount.get("target") or mount["source"])
            yield {
                "target": posixpath.normpath(target),
                "file": sections[section][mount["source"]]["file"],
                "secret": section == "secrets",
            }


def as_binds(files: Iterable[Json]) -> list[Json]:
    """The same as mounts of a service; a file that is missing is an error, and not made as a folder."""
    bind = {"create_host_path": False}
    return [
        {"type": "bind", "source": each["file"], "target": each["target"], "read_only": True, "bind": bind}
        for each in files
    ]


def digests(files: Iterable[Any]) -> dict[str, Value]:
    """Target → digest of what is in the file now; nothing of a file that can't be read."""
    found = ((each, _content(each["file"])) for each in files)
    return {each["target"]: _digest(each, content) for each, content in found if content is not None}


def _content(file: str) -> bytes | None:
    try:
        return Path(file).read_bytes()
    except OSError:
        return None


def _digest(each: Json, content: bytes) -> str:
    if each["secret"]:
        salt = f"{labels.FILES}:{each['target']}".encode()
        return hashlib.scrypt(content, salt=salt, n=2**13, r=8, p=1, dklen=_DIGITS // 2).hex()
    return hashlib.sha256(content).hexdigest()[:_DIGITS]


def label(files: Iterable[Any]) -> dict[str, str]:
    """The label that says what is in the files; none where there are no files."""
    found = digests(files)
    return {labels.FILES: json.dumps(found, sort_keys=True)} if found else {}


def read(inspect: Json) -> dict[str, Value]:
    """What the label of a container says."""
    text = (dig(inspect, "Config.Labels") or {}).get(labels.FILES)
    found: dict[str, Value] = json.loads(text) if text else {}
    return found


def expect(now: Any, observed: Any) -> dict[str, Value]:
    """What the label must say: for each file that it speaks of, what is in it now.

    Which files are mounted is the mounts' affair; and what somebody else made has no label, and is left alone.
    """
    return {target: now.get(target, digest) for target, digest in observed.items()}
