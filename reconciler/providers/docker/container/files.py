"""Configs and secrets, and files mounted from the host: what is in them, and what is done when that changes.

A file of the host is mounted, where the engine sees it. What is no file, what is to have an owner or mode of its own,
and what a running process is to see at once (a mounted file that is put in the place of another stays the old one
inside) is copied into the container before it starts.

The engine does not tell what is in a file, so a label of the container says what was in it when the container was
made. It is public: of what may be secret it holds a digest that is slow to guess at. A label can't be changed, so what
a container was told of later is in the label of a volume, its mark, which counts before its own.
"""

from __future__ import annotations

import hashlib
import io
import json
import posixpath
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from reconciler.core.difference.cause import Cause
from reconciler.core.difference.kind import Effect, Field
from reconciler.core.message.errors import Rejected
from reconciler.core.resource.address import Address
from reconciler.core.resource.options import ServiceOptions
from reconciler.core.resource.values import ABSENT, Secret, Value
from reconciler.providers.docker.table import labels
from reconciler.providers.docker.table.property import Json, dig
from reconciler.vocabulary.compose import FOLDERS, USUAL_MODE

_DIGITS: Final = 16
_OWNED: Final = ("uid", "gid", "mode")


def _costs(cost: Effect) -> Field:
    """The effect of a changed file. The first sight of a mounted file is only noted."""
    return Field(
        lambda before, after: Effect.LIVE if before is ABSENT and not _says_copied(after) else cost,
        given_by="mounted",
        otherwise=Cause.DECLARED,
    )


FIELDS: Final[Mapping[str, Field]] = {
    "files": _costs(Effect.REPLACE),
    "files_restart": _costs(Effect.RESTART),
    "files_signal": _costs(Effect.LIVE),
}
_OF_REACTION: Final = {"replace": "files", "restart": "files_restart", "signal": "files_signal"}
"""The field in which a file is compared; what asks for no reaction is in none."""


# ------------------------------------------------------------------ what is declared


def mounted(service: Json, sections: Mapping[str, Json], *, is_elsewhere: bool = False) -> Iterator[Json]:
    """The files of a service: where each is in the container, what is in it, and what a change of that asks for.

    ``sections`` are the stack's configs and secrets. Besides these there is what is bound and named in ``reload``. An
    engine that ``is_elsewhere`` does not see these files: they are copied, and what is bound can't be looked into.
    """
    usual, named = _reactions(service)
    for section, folder in FOLDERS.items():
        for mount in service.get(section) or ():
            target = _target(folder, mount)
            reaction = named.get(target, usual)
            yield {
                "target": target,
                "secret": section == "secrets",
                **source(sections[section][mount["source"]]),
                **reaction,
                **_copied(mount, sections[section][mount["source"]], reaction, is_elsewhere=is_elsewhere),
            }
    for mount in service.get("volumes") or ():
        target = posixpath.normpath(mount["target"])
        # Content is compared only where `reload` names the file: binds may be of any size.
        if mount["type"] == "bind" and target in named and not is_elsewhere:
            yield {"target": target, "secret": True, "file": mount["source"], "bound": True, **named[target]}


def _target(folder: str, mount: Json) -> str:
    return posixpath.normpath(posixpath.join(folder, mount.get("target") or mount["source"]))


def _reactions(service: Json) -> tuple[Json, Mapping[str, Json]]:
    """The reactions to a change: a default for all files, and those of single files."""
    declared = ServiceOptions.of(service).reload
    if isinstance(declared, str) or "signal" in declared:
        return _reaction(declared), {}
    return _reaction("replace"), {posixpath.normpath(path): _reaction(each) for path, each in declared.items()}


def _reaction(declared: Any) -> Json:
    if isinstance(declared, str):
        return {"reaction": declared}
    return {"reaction": "signal", "signal": str(declared["signal"])}


def source(file: Json) -> Json:
    return {"file": file["file"]} if "file" in file else {"content": file["content"]}


def _copied(mount: Json, file: Json, reaction: Json, *, is_elsewhere: bool) -> Json:
    """Owner and mode of what is copied; nothing where the file itself is mounted."""
    can_be_mounted = "file" in file and not is_elsewhere
    if can_be_mounted and reaction["reaction"] != "signal" and not any(mount.get(key) for key in _OWNED):
        return {}
    mode = int(str(mount.get("mode") or USUAL_MODE), 8)
    return {"copied": {"mode": mode, **{key: int(mount.get(key) or 0) for key in ("uid", "gid")}}}


def place(service: Json, target: str = "") -> tuple[str | int, ...]:
    """The path in the stack of what is mounted at a target: the config or secret itself; () where there is none."""
    for section, folder in FOLDERS.items():
        for mount in service.get(section) or ():
            if _target(folder, mount) == target:
                return section, str(mount["source"])
    return ()


def as_binds(files: Iterable[Json]) -> list[Json]:
    """Mounted files as binds of a service; a missing one is an error, and not made as a folder."""
    bind = {"create_host_path": False}
    return [
        {"type": "bind", "source": each["file"], "target": each["target"], "read_only": True, "bind": bind}
        for each in files
        if not each.get("copied") and not each.get("bound")
    ]


def copied(files: Iterable[Any]) -> list[Json]:
    """The files that are copied into the container."""
    return [each for each in files if each.get("copied")]


# ------------------------------------------------------------------ what is in them


def digests(files: Iterable[Any]) -> dict[str, Value]:
    """Target → digest of what is in the file now; nothing of a file that can't be read."""
    found = ((each, content_of(each)) for each in files)
    return {each["target"]: _digest(each, data) for each, data in found if data is not None}


def content_of(each: Json) -> bytes | None:
    """The bytes of a config or secret; None where they can't be read."""
    if "content" in each:
        content = each["content"]
        return (content.reveal() if isinstance(content, Secret) else str(content)).encode()
    path = Path(each["file"])
    try:
        return _of_folder(path) if path.is_dir() else path.read_bytes() if path.is_file() else None  # no pipe
    except OSError:
        return None


def _of_folder(folder: Path) -> bytes:
    """Something that is another one when any file in the folder is."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder)).encode()
        # The name counts by its digest, so that a name can't run into the content of the next file.
        digest.update(hashlib.sha256(name).digest())
        digest.update(hashlib.sha256(path.read_bytes() if path.is_file() else b"").digest())
    return digest.digest()


def _digest(each: Json, content: bytes) -> str:
    is_secret = each["secret"] or isinstance(each.get("content"), Secret)
    found, owned = digest(content, salt=f"{labels.FILES}:{each['target']}", is_secret=is_secret), each.get("copied")
    return f"{found} {owned['mode']:04o} {owned['uid']}:{owned['gid']}" if owned else found


def digest(content: bytes, *, salt: str, is_secret: bool) -> str:
    """The digest for a label, which is public: that of a secret is slow to guess."""
    if is_secret:
        return hashlib.scrypt(content, salt=salt.encode(), n=2**13, r=8, p=1, dklen=_DIGITS // 2).hex()
    return hashlib.sha256(content).hexdigest()[:_DIGITS]


def _says_copied(digest: Value) -> bool:
    return " " in str(digest)


def archive(files: Iterable[Any]) -> bytes:
    """A tar of the files to copy, to be unpacked at the root. Raises Rejected for unreadable files."""
    import tarfile

    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for each in files:
            content = None if "file" in each and Path(each["file"]).is_dir() else content_of(each)
            if content is None:
                raise Rejected(f"{each['file']} can't be copied to {each['target']}: it is no file that can be read")
            info = tarfile.TarInfo(each["target"].lstrip("/"))
            info.size, info.mtime = len(content), time.time()
            info.mode, info.uid, info.gid = (each["copied"][key] for key in ("mode", "uid", "gid"))
            tar.addfile(info, io.BytesIO(content))
    return stream.getvalue()


# ------------------------------------------------------------------ what a container has


def label(files: Iterable[Any]) -> dict[str, str]:
    """The label that says what is in the files; none where there are no files."""
    found = digests(files)
    return {labels.FILES: json.dumps(found, sort_keys=True)} if found else {}


def mark_of(project: str, address: Address) -> str:
    """The name of a container's mark; its end keeps apart what reads the same, such as `web-2` and the second `web`."""
    end = hashlib.sha256(f"{project}\n{address}".encode()).hexdigest()[:8]
    return "-".join(("reconcile-files", project, *address.path, end))


def mark(name: str, owner: Mapping[str, str], files: Iterable[Any]) -> Json:
    """The body that makes a mark; ``owner`` are the labels that say of what it is."""
    return {"Name": name, "Labels": {**owner, **label(files)}}


def read(inspect: Json, mark: Mapping[str, str] | None) -> dict[str, Value]:
    """Reads the last digests that the container was given, by its mark or else its own label."""
    text = (mark or {}).get(labels.FILES) or (dig(inspect, "Config.Labels") or {}).get(labels.FILES)
    found: dict[str, Value] = json.loads(text) if text else {}
    return found


def grouped(found: Mapping[str, Value], files: Iterable[Any]) -> dict[str, dict[str, Value]]:
    """Digests in the fields in which they are compared; of what is no longer declared in the first."""
    reactions = {each["target"]: each["reaction"] for each in files}
    groups: dict[str, dict[str, Value]] = {name: {} for name in FIELDS}
    for target, digest in found.items():
        # A reaction without a field of its own is none: such a file is not compared.
        field = _OF_REACTION.get(reactions.get(target, "replace"))
        if field:
            groups[field][target] = digest
    return groups


def expect(files: Iterable[Any], now: Any, observed: Any, *, ours: bool) -> dict[str, dict[str, Value]]:
    """The expected fields: the present content of each known file.

    Which files are mounted is the mounts' affair, but only this tells which were copied. What somebody else made has
    no label, and is left alone, until ``reload`` names the file.
    """
    declared = {each["target"]: each for each in files}
    known = {target: digest for group in observed.values() for target, digest in group.items()}
    # A file that is no longer declared counts as it is; the mounts say that it has to go.
    expected = {
        target: digest for target, digest in known.items() if target not in declared and not _says_copied(digest)
    }
    for target, each in declared.items():
        if target in known or each.get("bound") or (ours and each.get("copied")):
            digest = now.get(target, known.get(target))
            expected |= {} if digest is None else {target: digest}
    return grouped(expected, declared.values())
