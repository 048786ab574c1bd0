"""Relative paths of a document made absolute: they are seen from the directory of the files that say them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from reconciler.config.compose.model.mounts import clean
from reconciler.config.yaml.tree import Items, Map, Tree, each, like, with_places
from reconciler.pattern import lazy_pattern
from reconciler.record import Struct
from reconciler.vocabulary.compose import SERVICE

_REMOTE: Final = ("https://", "http://", "git://", "ssh://", "github.com/", "git@")
_WINDOWS: Final = lazy_pattern(r"[A-Za-z]:[\\/]|\\\\")


class Base(Struct, frozen=True):
    """The base of relative paths. ``home`` replaces ``~``, if known; ``root`` is the project's directory."""

    directory: Path
    root: Path
    home: str | None = None

    def absolute(self, path: str) -> str:
        """The path from the directory on; Compose's cleaning of joined paths included."""
        if path.startswith("~") and self.home:
            return like(path, clean("/".join((self.home, path[1:]))))
        if path.startswith("/") or _WINDOWS.match(path):
            return path
        return like(path, clean("/".join((str(self.directory), path))))


def is_remote(place: str) -> bool:
    """Returns whether this is no path, but the address of a repository or the like."""
    return "://" in place or place.startswith(_REMOTE)


def absolute_paths(document: Map, base: Base) -> Map:
    """The document, in long form, with absolute paths; what has no long form stays as it is."""
    done = _changed(document, _DOCUMENT, base)
    assert isinstance(done, Map)
    return done


Change = Callable[[Tree, Base], Tree]
Changes = Mapping[str, "Changes | Change"]


def _changed(value: Tree, changes: Changes | Change, base: Base) -> Tree:
    if callable(changes):
        return changes(value, base)
    if isinstance(value, Items):
        return each(value, lambda item: _changed(item, changes["*"], base)) if "*" in changes else value
    if not isinstance(value, Map):
        return value
    keys = value if "*" in changes else [key for key in changes if key in value]
    done = {key: _changed(value[key], changes.get(key) or changes["*"], base) for key in keys}
    return with_places({**value, **done}, value)


def _path(value: Tree, base: Base) -> Tree:
    return base.absolute(value) if isinstance(value, str) and value else value


def _path_or_nothing(value: Tree, base: Base) -> Tree:
    """As ``_path``, but the empty path is the directory itself."""
    return base.absolute(value) if isinstance(value, str) else value


def _context(value: Tree, base: Base) -> Tree:
    is_path = isinstance(value, str) and value and not is_remote(value) and not value.startswith(SERVICE)
    return base.absolute(value) if is_path else value


def _followed(value: Tree, base: Base) -> Tree:
    """The path without symbolic links, as far as there is something."""
    return str(Path(base.absolute(value)).resolve()) if isinstance(value, str) else value


def _mount(item: Tree, base: Base) -> Tree:
    if not isinstance(item, Map) or item.get("type") != "bind":
        return item
    return _changed(item, {"source": _path}, base)


def _device(value: Tree, base: Base) -> Tree:
    """As ``_path_or_nothing``; an included one from the project's directory on, as another driver takes it as it is."""
    path = _path_or_nothing(value, base)
    is_included = path != value and not value.startswith("~") and base.directory != base.root
    return like(value, os.path.relpath(path, base.root)) if is_included else path


def _volume(volume: Tree, base: Base) -> Tree:
    """A volume of the local driver that is a bind in truth."""
    options = volume.get("driver_opts") if isinstance(volume, Map) else None
    if not isinstance(options, Map) or volume.get("driver") != "local" or options.get("o") != "bind":
        return volume
    return _changed(volume, {"driver_opts": {"device": _device}}, base)


_FILE: Final[Changes] = {"*": {"file": _path_or_nothing}}
_CONTAINER: Final[Changes] = {"env_file": {"*": {"path": _path}}, "label_file": {"*": _path}, "volumes": {"*": _mount}}
_DOCUMENT: Final[Changes] = {
    "services": {
        "*": {
            **_CONTAINER,
            "build": {"additional_contexts": {"*": _context}, "context": _context, "ssh": {"*": _path}},
            "develop": {"watch": {"*": {"path": _followed}}},
            "extends": {"file": _path},
            "pre_start": {"*": _CONTAINER},
        }
    },
    "configs": _FILE,
    "secrets": _FILE,
    "volumes": {"*": _volume},
}
