"""The memory of a process with many threads that live for a moment, as the daemon's readers do."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress
from typing import Final

M_ARENA_MAX: Final = -8
"""The number of this option in malloc.h of the GNU C library."""

HEAPS: Final = 2


def give_back_memory() -> None:
    """Return unused memory to the machine, which the GNU library keeps otherwise."""
    # Connections that are closed are circles of objects, with all that they have received.
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def share_heaps() -> None:
    """Has all threads of the process share a few heaps; without effect where the C library has no such option.

    By default the GNU library gives a new thread one of up to eight heaps per core, and each of them keeps what the
    largest answer took that was ever read there.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, HEAPS)
