"""The paths of this machine as the kernel sees them, for an engine that runs here."""

from __future__ import annotations

import os
import stat
from contextlib import suppress


def real_path(path: str) -> str:
    """The path to which a path leads, over links; of a block device, whatever its name, one below /dev/block."""
    real = os.path.realpath(path)
    with suppress(OSError, ValueError):
        found = os.stat(real)  # noqa: PTH116 (a Path that holds a null character fails)
        if stat.S_ISBLK(found.st_mode):
            return f"/dev/block/{os.major(found.st_rdev)}:{os.minor(found.st_rdev)}"
    return real
