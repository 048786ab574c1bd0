"""The files that an image is built from: packed for the engine, and hashed to tell whether they changed."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from reconciler.core.errors import Rejected
from reconciler.core.values import Secret, Value, mapped
from reconciler.providers.docker.client import files_of_context
from reconciler.providers.docker.property import Json

_BUILD_INPUTS = ("args", "target", "labels", "network", "dockerfile", "dockerfile_inline", "extra_hosts")


def digest_of(build: Any) -> str:
    """A hash of everything that decides what the image holds: the context's files and the build's options.

    A secret argument counts by its name only, since the hash is public. Raises Rejected where the context
    can't be read.
    """
    digest = hashlib.sha256(json.dumps(_public(build), sort_keys=True).encode())
    for name, path in _files(build):
        digest.update(b"\0" + name.encode())
        digest.update(_mode(path).encode())
        digest.update(hashlib.sha256(_content(path)).digest())
    return digest.hexdigest()


def packed(build: Any) -> io.BytesIO:
    """The context as an uncompressed tar; owners and times are fixed, so that the builder's cache is hit."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, path in _files(build):
            info = tar.gettarinfo(path, arcname=name)
            info.uid = info.gid = info.mtime = 0
            info.uname = info.gname = ""
            tar.addfile(info, io.BytesIO(_content(path)) if info.isreg() else None)
    stream.seek(0)
    return stream


def _public(build: Mapping[str, Value]) -> Any:
    chosen = {key: build[key] for key in _BUILD_INPUTS if build.get(key)}
    return mapped(chosen, lambda leaf: "" if isinstance(leaf, Secret) else leaf)


def _files(build: Json) -> Iterator[tuple[str, Path]]:
    """Name in the context → path, in a stable order, without what .dockerignore leaves out."""
    context = Path(str(build["context"]))
    dockerfile = str(build.get("dockerfile") or "Dockerfile")
    if not context.is_dir():
        raise Rejected(f"the build context {context} is no directory; check `build.context`")
    if not (context / dockerfile).is_file():
        raise Rejected(f"there is no {dockerfile} in the build context {context}; check `build.dockerfile`")
    for name in sorted(files_of_context(str(context), _ignored(context, dockerfile), dockerfile)):
        yield name, context / name


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
