"""The process behind a lock: how a mark names it, and whether it is known to have ended. For ``lock.py`` alone."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from reconciler.record import Struct

PREFIX: Final = "reconcile.lock."
FORMAT: Final = "2"
"""The format of our marks. Marks of the first format have no ``format`` label."""

_LONGEST: Final = 255
_LARGEST_PID: Final = 2**31 - 1
_NAMESPACES: Final = ("pid", "time")
"""Process numbers count in a PID namespace, start times in a time namespace."""


class MalformedMark(ValueError):
    """A mark that no run can have left."""


class Owner(Struct, frozen=True):
    """A run: where it runs, as which process, and which command it is.

    ``domain`` is where its process number and start time mean something; "" where that is unknown.
    """

    host: str
    pid: int
    began: str
    what: str
    domain: str = ""

    @classmethod
    def me(cls, what: str) -> Owner:
        """The running process."""
        return cls(_printable(os.uname().nodename), os.getpid(), _began("self"), what, _domain())

    @classmethod
    def of(cls, mark: Mapping[str, str]) -> Owner:
        """The owner that a mark names. Raises MalformedMark."""
        read = {key: mark.get(PREFIX + key) or "" for key in ("host", "pid", "began", "what", "domain")}
        for key in ("host", "pid", "began", "what"):
            if not _is_readable(read[key]):
                raise MalformedMark(f"its label {PREFIX}{key} is {'unreadable' if read[key] else 'missing'}")
        if not read["pid"].isascii() or not read["pid"].isdigit() or not 1 <= int(read["pid"]) <= _LARGEST_PID:
            raise MalformedMark(f"its label {PREFIX}pid is no process number")
        return cls(read["host"], int(read["pid"]), read["began"], read["what"], read["domain"])

    def mark(self) -> dict[str, str]:
        """The labels that name this owner."""
        values = {"host": self.host, "pid": str(self.pid), "began": self.began, "what": self.what}
        return {PREFIX + key: value for key, value in (values | {"domain": self.domain, "format": FORMAT}).items()}

    def is_dead(self) -> bool:
        """Returns whether the process is known to have ended, if its number means the same here as to its owner.

        Host names are compared as well: some sandboxes show the same kernel and namespaces for different machines.
        """
        here = _domain()
        same = bool(here) and (self.domain, self.host) == (here, _printable(os.uname().nodename))
        return same and not _is_running(self.pid, self.began)

    def __str__(self) -> str:
        return f"`reconcile {self.what}` on {self.host}, process {self.pid}"


def _is_readable(text: str) -> bool:
    """Returns whether a label may be shown to a person as it is."""
    return 0 < len(text) <= _LONGEST and text.isprintable()


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text[:_LONGEST]) or "?"


def _domain() -> str:
    """The boot of the kernel and the namespaces that processes are counted in; "" where one of them can't be read."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
    # A number of a process means something only in the same boot and namespace.
    spaces = [_namespace(name) for name in _NAMESPACES]
    return " ".join([boot, *spaces]) if boot and spaces[0] else ""


def _namespace(name: str) -> str:
    try:
        return str(Path(f"/proc/self/ns/{name}").readlink())
    except OSError:  # kernels before 5.6 have no time namespaces
        return ""


def _is_running(pid: int, began: str) -> bool:
    """Returns whether the process may still run. ``kill`` sees processes that a /proc with ``hidepid`` hides."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # Not allowed to signal it, so there is such a process.
    except OSError:
        return True
    # Numbers of processes are used again, so the time of its start decides.
    found = _began(str(pid)) if _sees_own_processes() else ""
    return not found or found == began


def _sees_own_processes() -> bool:
    """Returns whether /proc shows our PID namespace; after ``unshare --pid`` it may show the one above."""
    with suppress(OSError):
        return str(Path("/proc/self").readlink()) == str(os.getpid())
    return False


def _began(process: str) -> str:
    """The start time of a process, in the kernel's own count; "" if it can't be read."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
        # The name of the program stands in parentheses, and may have blanks and parentheses itself.
        return stat.rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
