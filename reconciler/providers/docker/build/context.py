"""The files that an image is built from: packed for the engine, and hashed to tell whether they changed."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from os.path import normpath
from pathlib import Path
from typing import Any

from reconciler.core.message.errors import Rejected
from reconciler.core.resource.values import Secret, Value, mapped
from reconciler.providers.docker.engine.client import files_of_context
from reconciler.providers.docker.table.property import Json
from reconciler.record import Struct

_BUILD_INPUTS = (
    *("args", "target", "labels", "network", "dockerfile", "dockerfile_inline", "extra_hosts", "shm_size"),
    *("platforms", "ulimits"),
)


class Dockerfile(Struct, frozen=True):
    """Its name in the context, and what is in it where it is not one of the context's own files."""

    name: str
    content: bytes | None = None


def dockerfile_of(build: Any) -> Dockerfile:
    """The Dockerfile of a build: a file of the context, one elsewhere, or text in the stack file.

    Raises Rejected where there is none.
    """
    if build.get("dockerfile_inline"):
        return _foreign(str(build["dockerfile_inline"]).encode())
    context, name = Path(str(build["context"])), str(build.get("dockerfile") or "Dockerfile")
    file = context / name
    if not file.is_file():
        raise Rejected(f"there is no {name} in the build context {context}; check `build.dockerfile`")
    # A Dockerfile outside of the context is sent along under a name of its own.
    if file.resolve().is_relative_to(context.resolve()):
        return Dockerfile(str(Path(normpath(name)) if not Path(name).is_absolute() else file.relative_to(context)))
    return _foreign(file.read_bytes())


def _foreign(content: bytes) -> Dockerfile:
    return Dockerfile(f".dockerfile.{hashlib.sha256(content).hexdigest()[:16]}", content)


def digest_of(build: Any) -> str:
    """A hash of everything that decides what the image holds: the context's files and the build's options.

    A secret counts by its name only, since the hash is public. Raises Rejected where a context can't be read.
    """
    _require_context(build)
    digest = hashlib.sha256(json.dumps(_public(build), sort_keys=True).encode())
    digest.update(dockerfile_of(build).content or b"")
    _count(digest, _files(build))
    return digest.hexdigest()


def changed_at(build: Any) -> datetime:
    """The time of the newest change in the files of a build. Raises Rejected as :func:`digest_of`."""
    _require_context(build)
    context, dockerfile = Path(str(build["context"])), str(build.get("dockerfile") or "Dockerfile")
    folders = (Path(str(where)) for where in (build.get("additional_contexts") or {}).values())
    further = [path for folder in folders if folder.is_dir() for _, path in _in_context(folder, "")]
    # Links count by themselves and not by their targets, which are no part of the context.
    files = [path for _, path in _files(build)] + further
    files += [] if build.get("dockerfile_inline") else [context / dockerfile]
    newest = max((path.lstat().st_mtime for path in files), default=0.0)
    return datetime.fromtimestamp(newest, UTC)


def _count(digest: hashlib._Hash, files: Iterable[tuple[str, Path]]) -> None:
    for name, path in files:
        digest.update(b"\0" + name.encode())
        digest.update(_mode(path).encode())
        digest.update(hashlib.sha256(_content(path)).digest())


def packed(build: Any) -> io.BytesIO:
    """The context as an uncompressed tar; owners and times are fixed, so that the builder's cache is hit."""
    import tarfile

    _require_context(build)
    stream, dockerfile = io.BytesIO(), dockerfile_of(build)
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, path in _files(build):
            info = tar.gettarinfo(path, arcname=name)
            info.uid = info.gid = info.mtime = 0
            info.uname = info.gname = ""
            tar.addfile(info, io.BytesIO(_content(path)) if info.isreg() else None)
        # A Dockerfile from elsewhere, or in the file itself, is no part of the folder.
        if dockerfile.content is not None:
            info = tarfile.TarInfo(dockerfile.name)
            info.size = len(dockerfile.content)
            tar.addfile(info, io.BytesIO(dockerfile.content))
    stream.seek(0)
    return stream


def _public(build: Json) -> Any:
    chosen: dict[str, Value] = {key: build[key] for key in _BUILD_INPUTS if build.get(key)}
    # Only the names: another value of a secret does not build again, as BuildKit has it.
    if named := [each["id"] for each in build.get("secrets") or ()]:
        chosen["secrets"] = named
    if contexts := dict(_further_contexts(build)):
        chosen["additional_contexts"] = contexts
    return mapped(chosen, lambda leaf: "" if isinstance(leaf, Secret) else leaf)


def _further_contexts(build: Json) -> Iterator[tuple[str, str]]:
    """Name → what is in the context: a directory, another image of this stack, or what an address leads to."""
    for name, where in (build.get("additional_contexts") or {}).items():
        if name in (build.get("bases") or {}):
            yield name, digest_of(build["bases"][name])
        elif Path(where).is_absolute():
            _require_directory(where, "additional_contexts")
            digest = hashlib.sha256()
            _count(digest, _in_context(Path(where), ""))
            yield name, digest.hexdigest()
        else:
            yield name, where


def _files(build: Json) -> Iterator[tuple[str, Path]]:
    written = "" if build.get("dockerfile_inline") else str(build.get("dockerfile") or "Dockerfile")
    return _in_context(Path(str(build["context"])), written, dockerfile_of(build).name)


def _in_context(context: Path, written: str, dockerfile: str | None = None) -> Iterator[tuple[str, Path]]:
    """Name in the context → path, in a stable order, without what .dockerignore leaves out, and without sockets."""
    for name in sorted(files_of_context(str(context), _ignored(context, written), dockerfile)):
        if not (context / name).is_socket():
            yield name, context / name


def _require_context(build: Json) -> None:
    _require_directory(str(build["context"]), "context")


def _require_directory(path: str, attribute: str) -> None:
    if not Path(path).is_dir():
        raise Rejected(f"the build context {path} is no directory; check `build.{attribute}`")


def _ignored(context: Path, dockerfile: str) -> list[str]:
    """The patterns of Dockerfile.dockerignore, which goes first, or .dockerignore."""
    for name in (f"{dockerfile}.dockerignore", ".dockerignore"):
        if (context / name).is_file():
            lines = (context / name).read_text(encoding="utf-8").splitlines()
            return [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    return []


def _mode(path: Path) -> str:
    return oct(path.lstat().st_mode)


def _content(path: Path) -> bytes:
    if path.is_symlink():
        return str(path.readlink()).encode()
    return path.read_bytes() if path.is_file() else b""
