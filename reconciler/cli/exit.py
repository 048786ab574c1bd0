"""The exit codes, which are an interface: each means one thing, and no other failure may produce it."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """The exit code for the calling shell."""

    DONE = 0
    ERROR = 1
    DIFFERENT = 2
    PARTIAL = 3
    REFUSED = 4
    STALE = 5
    LOCKED = 6
    ROLLED_BACK = 7
    USAGE = 64
    INVALID = 65
    UNREACHABLE = 69
    INTERRUPTED = 130
    BROKEN_PIPE = 141
    TERMINATED = 143
