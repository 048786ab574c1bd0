"""Mounts of a service, and the configs and secrets that are its files."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Collection, Mapping
from typing import Any

from reconciler.core.resource.units import bytes_of
from reconciler.core.resource.values import Value
from reconciler.providers.docker.table import forms
from reconciler.providers.docker.table.forms import given
from reconciler.providers.docker.table.property import Json, dig
from reconciler.vocabulary.compose import USUAL_MODE


def picked(entries: Value, keys: Collection[str]) -> Value:
    """A mapping of mappings with these keys alone: the others are for who sends it, and not compared."""
    if not isinstance(entries, Mapping):
        return entries
    return {
        name: {key: value for key, value in each.items() if key in keys} if isinstance(each, Mapping) else each
        for name, each in entries.items()
    }


# ------------------------------------------------------------------ mounts


def declared(mounts: Any) -> Value:
    """Target → mount. A volume has its real name, driver and labels by now: a node makes it as the mount says."""
    return {posixpath.normpath(mount["target"]): _declared(mount) for mount in mounts}


def _declared(mount: Json) -> Value:
    value: dict[str, Value] = {"type": mount["type"], "read_only": bool(mount.get("read_only"))}
    options = mount.get(mount["type"]) or {}
    match mount["type"]:
        case "bind":
            not_below = dig(options, "recursive") == "disabled"
            propagation = dig(options, "propagation") or "rprivate"
            return value | {
                "source": mount["source"],
                "propagation": propagation,
                **given(non_recursive=not_below),
            }
        case "tmpfs":
            return value | given(size=bytes_of(options.get("size") or 0), mode=int(options.get("mode") or 0))
        case _:
            # Compose declares a volume at the top level; a Swarm has each mount carry what a node makes it of.
            made: Any = mount.get("made") or {}
            return value | {
                "source": mount.get("source") or "",
                **given(
                    nocopy=bool(options.get("nocopy")),
                    subpath=options.get("subpath") or "",
                    labels=forms.text_map({**(made.get("labels") or {}), **(options.get("labels") or {})}),
                    driver=_driver(made.get("driver"), made.get("driver_opts")),
                ),
            }


def _driver(name: Any, options: Any) -> Value:
    """The driver of a volume, nothing for the usual one without options."""
    found = {"name": name or "local", "options": forms.text_map(options)}
    return {} if found == {"name": "local", "options": {}} else found


def read(mounts: Any) -> Value:
    """Target → mount, of a live service."""
    return {posixpath.normpath(mount["Target"]): _read(mount) for mount in mounts or ()}


def _read(mount: Json) -> Value:
    kind = str(mount.get("Type") or "volume")
    value: dict[str, Value] = {"type": kind, "read_only": bool(mount.get("ReadOnly"))}
    match kind:
        case "bind":
            options = mount.get("BindOptions") or {}
            propagation = options.get("Propagation") or "rprivate"
            not_below = bool(options.get("NonRecursive"))
            return value | {
                "source": mount["Source"],
                "propagation": propagation,
                **given(non_recursive=not_below),
            }
        case "tmpfs":
            options = mount.get("TmpfsOptions") or {}
            return value | given(size=options.get("SizeBytes") or 0, mode=options.get("Mode") or 0)
        case _:
            return value | _read_volume(mount)


def _read_volume(mount: Json) -> dict[str, Value]:
    options = mount.get("VolumeOptions") or {}
    driver = options.get("DriverConfig") or {}
    return {
        "source": mount.get("Source") or "",
        **given(
            nocopy=bool(options.get("NoCopy")),
            subpath=options.get("Subpath") or "",
            labels=forms.text_map(options.get("Labels")),
            driver=_driver(driver.get("Name"), driver.get("Options")),
        ),
    }


def entries(mounts: Any) -> list[Json]:
    """The mounts as a ServiceSpec has them."""
    return [_entry(target, mount) for target, mount in mounts.items()]


def _entry(target: str, mount: Json) -> Json:
    body = {
        "Type": mount["type"],
        "Target": target,
        **given(Source=mount.get("source"), ReadOnly=mount["read_only"]),
    }
    match mount["type"]:
        case "bind":
            # The usual values are left out: a manager gives back what was sent, and a spec with more is another spec.
            said = "" if mount["propagation"] == "rprivate" else mount["propagation"]
            return body | given(BindOptions=given(Propagation=said, NonRecursive=mount.get("non_recursive")))
        case "tmpfs":
            return body | given(TmpfsOptions=given(SizeBytes=mount.get("size"), Mode=mount.get("mode")))
        case _:
            driver = mount.get("driver") or {}
            options = given(
                NoCopy=mount.get("nocopy"),
                Labels=mount.get("labels"),
                Subpath=mount.get("subpath"),
                DriverConfig=given(Name=driver.get("name"), Options=driver.get("options")),
            )
            return body | given(VolumeOptions=options)


def said(target: str, mount: Json) -> dict[str, Any]:
    """A mount in the long form of a file. What a volume is made of is not in it: that is said at the top level."""
    kind = str(mount["type"])
    options = {
        "bind": lambda: given(
            propagation="" if mount["propagation"] == "rprivate" else mount["propagation"],
            recursive="disabled" if mount.get("non_recursive") else "",
        ),
        "tmpfs": lambda: given(size=mount.get("size"), mode=mount.get("mode")),
    }.get(kind, lambda: given(nocopy=mount.get("nocopy"), subpath=mount.get("subpath")))()
    source = given(source=mount.get("source"), read_only=mount["read_only"])
    return {"type": kind, **source, "target": target, **({kind: options} if options else {})}


# ------------------------------------------------------------------ configs and secrets


def compared_files(files: Value) -> Value:
    """Mounted files as they are compared: by the id of the config or secret, its owner and its mode."""
    return picked(files, ("id", "uid", "gid", "mode"))


def read_files(noun: str, folder: str) -> Callable[[Any], Value]:
    """Reads the configs or secrets of a live service: path in the container → file."""

    def read(files: Any) -> Value:
        return {
            posixpath.join(folder, each["File"]["Name"]): {
                "id": each[f"{noun}ID"],
                "uid": each["File"].get("UID") or "0",
                "gid": each["File"].get("GID") or "0",
                "mode": mode_of(each["File"].get("Mode")),
            }
            for each in files or ()
            if each.get("File")
        }

    return read


def mode_of(mode: Any) -> str:
    """A file's mode in the form in which a file writes it."""
    return USUAL_MODE if mode is None else f"{int(mode):04o}"


def file_entries(noun: str) -> Callable[[Any], list[Json]]:
    """Writes configs or secrets as a ServiceSpec has them; by then each has its id and its name."""

    def dump(files: Any) -> list[Json]:
        return [
            {
                f"{noun}ID": each["id"],
                f"{noun}Name": each["name"],
                "File": {"Name": each["file"], "UID": each["uid"], "GID": each["gid"], "Mode": int(each["mode"], 8)},
            }
            for each in files.values()
        ]

    return dump
