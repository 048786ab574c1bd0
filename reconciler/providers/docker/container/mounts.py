"""Volumes, binds, images and tmpfs mounts. An image is mounted by its id, so that it is known which one it is."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final

from reconciler.core.resource.units import bytes_of
from reconciler.core.resource.values import ABSENT, Spec, Value
from reconciler.pattern import lazy_pattern
from reconciler.providers.docker.table import forms, labels
from reconciler.providers.docker.table.forms import given
from reconciler.providers.docker.table.property import Json, Property, dig, nest, plain_of

ANONYMOUS: Final = "(anonymous)"
_BIND_OPTIONS: Final = ("NonRecursive", "ReadOnlyNonRecursive", "ReadOnlyForceRecursive")
_RECURSIVE: Final = dict(zip(("disabled", "writable", "readonly"), _BIND_OPTIONS, strict=True)) | {"enabled": ""}
"""How mounts below a bind are bound: the file's word and the engine's."""

_ANONYMOUS_NAME: Final = lazy_pattern(r"[0-9a-f]{64}")


def _declared_volumes(service: Json) -> Value:
    """Sources are real names and absolute paths by now; see ``expand``."""
    return {posixpath.normpath(mount["target"]): _declared_mount(mount) for mount in service.get("volumes") or ()} or (
        ABSENT
    )


def _declared_mount(mount: Json) -> Value:
    kind = mount["type"]
    value: dict[str, Value] = {"type": kind, "read_only": bool(mount.get("read_only"))}
    if kind == "image":  # nothing can be written there
        return value | {
            "read_only": True,
            "source": mount["source"],
            **given(subpath=dig(mount, "image.subpath")),
        }
    if kind == "tmpfs":
        options = mount.get("tmpfs") or {}
        return value | {"size": bytes_of(options.get("size") or 0), "mode": int(options.get("mode") or 0)}
    if kind == "bind":
        value["propagation"] = dig(mount, "bind.propagation") or "rprivate"
        recursive = dig(mount, "bind.recursive") or "enabled"
        return value | {"source": mount.get("source"), **given(recursive=_RECURSIVE[recursive])}
    options = mount.get("volume") or {}
    named = given(subpath=options.get("subpath") or "", labels=forms.text_map(options.get("labels")))
    return value | {"source": mount.get("source") or ANONYMOUS, **named}


def _read_volumes(inspect: Json) -> Value:
    # The options of a mount stand in HostConfig alone, its source and state in Mounts.
    asked = {mount.get("Target"): mount for mount in dig(inspect, "HostConfig.Mounts") or ()}

    def value(mount: Any) -> Value:
        kind, typed = mount["Type"], asked.get(mount["Destination"], {})
        common: dict[str, Value] = {"type": kind, "read_only": not mount.get("RW", True)}
        if kind == "image":
            return common | {"source": mount["Name"], **given(subpath=dig(typed, "ImageOptions.Subpath"))}
        if kind == "tmpfs":
            options = typed.get("TmpfsOptions") or {}
            return common | {"size": options.get("SizeBytes") or 0, "mode": options.get("Mode") or 0}
        if kind == "bind":
            recursive = next((key for key in _BIND_OPTIONS if dig(typed, f"BindOptions.{key}")), "")
            common |= {"propagation": mount.get("Propagation") or "rprivate"} | given(recursive=recursive)
            return common | {"source": mount["Source"]}
        name, options = mount.get("Name") or "", typed.get("VolumeOptions") or {}
        marks = forms.text_map(labels.declared_only(options.get("Labels")))
        named = given(subpath=options.get("Subpath") or "", labels=marks)
        return common | {"source": ANONYMOUS if _ANONYMOUS_NAME.fullmatch(name) else name, **named}

    return {posixpath.normpath(mount["Destination"]): value(mount) for mount in inspect.get("Mounts") or ()}


def image_volumes(image: Json) -> dict[str, Value]:
    """Target → mount of the volumes that an image asks for; they have no name."""
    anonymous: Value = {"type": "volume", "read_only": False, "source": ANONYMOUS}
    return {posixpath.normpath(target): anonymous for target in image.get("Volumes") or ()}


def is_below(target: str, folders: Collection[str]) -> bool:
    """Returns whether a path is one of these folders, or in one, or has one in it."""
    path = PurePosixPath(posixpath.normpath(target))
    return any(path.is_relative_to(folder) or PurePosixPath(folder).is_relative_to(path) for folder in folders)


def written_binds(volumes: Mapping[str, Json]) -> dict[str, str]:
    """Target → folder of the host, of the mounts that a container can write to."""
    return {at: each["source"] for at, each in volumes.items() if each["type"] == "bind" and not each["read_only"]}


def has_something(folder: str) -> bool:
    """Returns whether a folder of this machine is not empty, as far as it can be looked at."""
    try:
        return next(Path(folder).iterdir(), None) is not None
    except (NotADirectoryError, FileNotFoundError):
        return False
    except OSError:
        return True  # what is forbidden to look at may be a database's


def anonymous_volumes(inspect: Json) -> dict[str, str]:
    """Target → name of the volumes that nobody named: a replacement takes them over, or their data would be lost."""
    return {
        posixpath.normpath(mount["Destination"]): mount["Name"]
        for mount in inspect.get("Mounts") or ()
        if mount["Type"] == "volume" and _ANONYMOUS_NAME.fullmatch(mount.get("Name") or "")
    }


def _volumes_body(spec: Spec) -> Json:
    """A bind whose missing source is to be created has to be in the old form; all else is a typed mount."""
    raw: Any = spec.get("mounts") or ()
    binds = [mount for mount in raw if mount["type"] == "bind" and not _is_typed(mount)]
    typed = [_mount_body(mount) for mount in raw if mount not in binds]
    return {"HostConfig": {"Binds": [_bind(mount) for mount in binds], "Mounts": typed}}


def _is_typed(mount: Json) -> bool:
    return dig(mount, "bind.create_host_path") is False or bool(_RECURSIVE[dig(mount, "bind.recursive") or "enabled"])


def _bind(mount: Json) -> str:
    options = ["ro" if mount.get("read_only") else "rw"]
    options += [dig(mount, "bind.propagation")] if dig(mount, "bind.propagation") else []
    options += [dig(mount, "bind.selinux")] if dig(mount, "bind.selinux") else []
    return f"{mount['source']}:{mount['target']}:{','.join(options)}"


def _mount_body(mount: Json) -> Json:
    body: dict[str, Any] = {"Type": mount["type"], "Target": mount["target"]}
    body |= {"Source": mount["source"]} if mount.get("source") else {}
    body |= {"ReadOnly": True} if mount.get("read_only") else {}
    bind, volume = mount.get("bind") or {}, mount.get("volume") or {}
    recursive = _RECURSIVE[bind.get("recursive") or "enabled"]
    is_made = bool(recursive) and bind.get("create_host_path") is not False  # heard since API 1.42
    bind_options = given(
        Propagation=bind.get("propagation"), CreateMountpoint=is_made, **{recursive: True} if recursive else {}
    )
    volume_options = given(
        NoCopy=bool(volume.get("nocopy")),
        Labels=forms.text_map(volume.get("labels")),
        Subpath=volume.get("subpath"),
    )
    image_options = given(Subpath=dig(mount, "image.subpath"))
    body |= given(BindOptions=bind_options, VolumeOptions=volume_options, ImageOptions=image_options)
    if mount["type"] == "tmpfs":
        options = mount.get("tmpfs") or {}
        body["TmpfsOptions"] = {"SizeBytes": bytes_of(options.get("size") or 0), "Mode": int(options.get("mode") or 0)}
    return body


# ------------------------------------------------------------------ as a file has them

_WORD_OF: Final = {option: word for word, option in _RECURSIVE.items() if option}


def _said_volumes(volumes: Any) -> Json:
    """Mounts in their short form, where it has words for all of them; sources are the file's by now."""
    return {"volumes": [_said_mount(target, mount) for target, mount in volumes.items()]} if volumes else {}


def _said_mount(target: str, mount: Json) -> Any:
    kind, source = mount["type"], mount.get("source")
    options = _said_options(mount)
    # A colon in a path would be read as a separator of the short form.
    is_short = kind in ("bind", "volume") and not options and not any(":" in str(part) for part in (source, target))
    if is_short:
        named = "" if source == ANONYMOUS else f"{source}:"
        if named or not mount["read_only"]:
            return f"{named}{target}{':ro' if mount['read_only'] else ''}"
    said: dict[str, Any] = {"type": kind, **given(source="" if source == ANONYMOUS else source), "target": target}
    said |= {"read_only": True} if mount["read_only"] and kind != "image" else {}
    return said | ({kind: options} if options else {})


def _said_options(mount: Json) -> dict[str, Any]:
    """The options of a mount under the name of its type."""
    if mount["type"] == "tmpfs":
        return given(size=forms.said_size(mount["size"]), mode=mount["mode"])
    if mount["type"] == "bind":
        propagation = mount["propagation"]
        return given(
            propagation="" if propagation == "rprivate" else propagation,
            recursive=_WORD_OF.get(str(mount.get("recursive")), ""),
            selinux=mount.get("selinux"),
        )
    return given(subpath=mount.get("subpath"), labels=plain_of(mount.get("labels")), nocopy=mount.get("nocopy"))


VOLUMES = Property(
    "volumes",
    declared=_declared_volumes,
    read=_read_volumes,
    write=_volumes_body,
    silent=image_volumes,
    merge=lambda declared, image, _: {**image_volumes(image), **declared},
    paths=("volumes",),
    said=_said_volumes,
)


def _tmpfs(values: Any) -> dict[str, Value]:
    if isinstance(values, Mapping):
        return {posixpath.normpath(target): _options(options) for target, options in values.items()}
    pairs = (str(value).partition(":") for value in values or ())
    return {posixpath.normpath(target): _options(options) for target, _, options in pairs}


def _options(text: str) -> str:
    return ",".join(sorted(part for part in text.split(",") if part))


def _said_tmpfs(mounts: Any) -> Json:
    said = [f"{target}:{options}" if options else target for target, options in mounts.items()]
    return {"tmpfs": said} if said else {}


TMPFS = Property(
    "tmpfs",
    declared=lambda service: _tmpfs(service.get("tmpfs")) or ABSENT,
    read=lambda inspect: _tmpfs(dig(inspect, "HostConfig.Tmpfs") or {}),
    write=lambda spec: nest("HostConfig.Tmpfs", spec.get("tmpfs") or {}),
    silent=lambda _: {},
    paths=("tmpfs",),
    said=_said_tmpfs,
)
