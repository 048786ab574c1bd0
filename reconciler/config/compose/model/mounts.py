"""The short form of ``volumes``: ``[SOURCE:]TARGET[:OPTIONS]``."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any, Final

from reconciler.pattern import lazy_pattern

_PROPAGATIONS: Final = ("rprivate", "private", "rshared", "shared", "rslave", "slave")
_SELINUX: Final = ("z", "Z")
_ACCESS: Final = {"ro": True, "rw": False}
_WINDOWS_DRIVE: Final = lazy_pattern(r"[A-Za-z]:")
_MAX_PARTS: Final = 3
_SHORTEST: Final = 2


class BadMount(ValueError):
    """The text is no mount; the message says why."""


def mount(text: str) -> Mapping[str, Any]:
    """The long form of a short one. Raises BadMount."""
    if 0 < len(text) <= _SHORTEST:
        return {"type": "volume", "target": text}  # Compose looks no further
    parts = _parts(text)
    if not all(parts):
        raise BadMount(f"`{text}` has an empty part between colons; expected SOURCE:TARGET, for example data:/data")
    if len(parts) > _MAX_PARTS:
        raise BadMount(f"`{text}` has too many colons; expected SOURCE:TARGET:OPTIONS, or the long form")
    source = parts[0] if len(parts) > 1 else ""
    target = parts[1] if len(parts) > 1 else parts[0]
    options = parts[2].split(",") if len(parts) == _MAX_PARTS else []
    return _long_form(source, clean(target), options)


def written_target(text: str) -> str:
    """The target of a short form just as it is written."""
    parts = _parts(text)
    return parts[1] if len(parts) > 1 else parts[0]


def clean(target: str) -> str:
    """The path without needless parts, as Go's path.Clean writes it."""
    if not target:
        return ""
    cleaned = posixpath.normpath(target)
    return cleaned[1:] if cleaned.startswith("//") else cleaned


def is_host_path(source: str) -> bool:
    """Returns whether this is a path of the host, and not the name of a volume."""
    return source.startswith((".", "/", "~", "\\\\")) or bool(_WINDOWS_DRIVE.match(source))


def _parts(text: str) -> list[str]:
    """Split at colons, but not at the one of a Windows drive (nor of a volume with a name of one letter)."""
    if len(text) <= _SHORTEST:
        return [text]
    parts: list[str] = [""]
    for character in text:
        drive = len(parts[-1]) == 1 and parts[-1].isalpha()
        if character == ":" and not drive:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def _long_form(source: str, target: str, options: list[str]) -> Mapping[str, Any]:
    is_bind = is_host_path(source)
    bind: dict[str, Any] = {}
    volume: dict[str, Any] = {}
    made: dict[str, Any] = {"type": "bind" if is_bind else "volume"}
    if source:
        made["source"] = source
    made["target"] = target
    for option in options:
        if option in _ACCESS:
            made["read_only"] = _ACCESS[option]
        elif option == "nocopy":
            volume["nocopy"] = True
        elif option in _PROPAGATIONS:
            bind["propagation"] = option
        elif option in _SELINUX:
            bind["selinux"] = option
    # Compose makes the host path of a short form; the long form has to ask for it.
    if is_bind:
        bind["create_host_path"] = True
    if is_bind or bind:
        made["bind"] = bind
    if not is_bind or volume:
        made["volume"] = volume
    return made
