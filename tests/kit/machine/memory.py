"""The memory that a process took, for scripts that a test runs as processes of their own."""

from __future__ import annotations

import resource
from pathlib import Path

_STATUS = Path("/proc/self/status")


def peak_mebibytes() -> int:
    """The largest resident size of this process since it was started.

    ``getrusage`` counts what the process that started it had in memory then, which is a lot in a long run of tests.
    """
    if _STATUS.exists():
        lines = _STATUS.read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) // 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
