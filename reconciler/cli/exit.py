"""The exit codes, which are an interface: each means one thing, and no other failure may produce it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final


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


MEANINGS: Final[Mapping[Exit, str]] = {
    Exit.DONE: "All is in sync, or all is done.",
    Exit.ERROR: "An error that has no code of its own below.",
    Exit.DIFFERENT: "There are differences (diff, status, apply --dry-run), or findings (doctor).",
    Exit.PARTIAL: "Done in part: some resources failed, or a later pass was refused.",
    Exit.REFUSED: "A safety rule, the policy or the person at the terminal said no; nothing was done.",
    Exit.STALE: "The saved plan or checksum is not of what would be done now; nothing was done.",
    Exit.LOCKED: "Another run is at work on the project.",
    Exit.ROLLED_BACK: "A new container did not become ready, or a login broke; the change was taken back.",
    Exit.USAGE: "The command line is wrong, or names something that does not exist.",
    Exit.INVALID: "A file is wrong, or Keycloak has no valid URL.",
    Exit.UNREACHABLE: "The Docker engine or Keycloak does not answer.",
    Exit.INTERRUPTED: "Interrupted by Ctrl-C, after the current step.",
    Exit.BROKEN_PIPE: "The reader of the output has ended.",
    Exit.TERMINATED: "Ended by SIGTERM, after the current step.",
}
"""The meaning of each code, for the docs and the man page."""
