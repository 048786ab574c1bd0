"""The states of files by which a change of them shows, without reading them again."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final, TypeAlias

SETTLED_S: Final = 2.0
"""A file that was changed a moment ago may change once more within one tick of the file system's clock."""

States: TypeAlias = tuple[tuple[int, ...] | None, ...]


def states_of(files: Iterable[Path]) -> States | None:
    """The states of these files, which need not exist; None where one was changed a moment ago."""
    found = tuple(map(_state, files))
    newest = max((max(each[:2]) for each in found if each), default=0)
    return found if newest < time.time_ns() - SETTLED_S * 1e9 else None


def _state(file: Path) -> tuple[int, ...] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino, found.st_dev, found.st_mode
