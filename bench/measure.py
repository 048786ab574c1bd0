"""Commands measured beside each other: in turns, so that what else the machine does meets all of them alike."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OURS = (sys.executable, "-P", "-m", "reconciler")
PATIENCE_S = 1800.0
_KIB_PER_MIB = 1024


@dataclass(frozen=True)
class Command:
    """A program with its arguments; its exit code must be one of these."""

    words: Sequence[str]
    directory: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    codes: tuple[int, ...] = (0,)


def ours(directory: Path, *arguments: str | Path, codes: tuple[int, ...] = (0,), **environment: str) -> Command:
    """One run of this checkout's program."""
    return Command((*OURS, *map(str, arguments)), directory, {"PYTHONPATH": str(ROOT), **environment}, codes)


@dataclass(frozen=True)
class Cost:
    """The cost of one run: seconds, those of a processor, and the most memory."""

    seconds: float
    cpu_s: float = 0.0
    memory_mib: float = 0.0


def run(command: Command) -> Cost:
    """Runs a command to its end. Raises RuntimeError with its words if it fails."""
    environment = {**os.environ, **command.environment}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    began = time.monotonic()
    with subprocess.Popen(
        command.words, cwd=command.directory, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr
        words = process.stderr.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in command.codes:
        raise RuntimeError(f"{' '.join(command.words)}: {words.decode(errors='replace').strip()[-500:]}")
    return Cost(time.monotonic() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / _KIB_PER_MIB)


Work = Command | Callable[[], object]


def cost_of(work: Work) -> Cost:
    """The cost of a command, or the seconds of a function of this process."""
    if isinstance(work, Command):
        return run(work)
    began = time.monotonic()
    work()
    return Cost(time.monotonic() - began)


def beside(works: Mapping[str, Work], times: int) -> Mapping[str, Cost]:
    """The median cost of each, in so many rounds after one that does not count."""
    found: dict[str, list[Cost]] = {name: [] for name in works}
    for number in range(times + 1):
        for name, work in works.items():
            cost = cost_of(work)
            if number:
                found[name].append(cost)
    return {name: median(costs) for name, costs in found.items()}


def median(costs: Sequence[Cost]) -> Cost:
    return Cost(
        statistics.median(each.seconds for each in costs),
        statistics.median(each.cpu_s for each in costs),
        max(each.memory_mib for each in costs),
    )
