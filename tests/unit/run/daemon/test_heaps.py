"""The heaps that threads have for the answers which they read."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from reconciler.run.daemon.heaps import HEAPS

PROGRAM = """
import sys, threading
from pathlib import Path
from reconciler.run.daemon.heaps import share_heaps

if sys.argv[1] == "shared":
    share_heaps()
together = threading.Barrier(8)

def read():
    together.wait(60)
    kept = [bytes(3_000) for _ in range(100)]
    together.wait(60)

threads = [threading.Thread(target=read) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
lines = [line for line in Path("/proc/self/maps").read_text().splitlines() if "rw-p" in line]
starts = [int(line.partition("-")[0], 16) for line in lines]
print(sum(start % (64 << 20) == 0 for start in starts))
"""


def heaps(mode: str) -> int:
    """The number of heaps besides that of the process itself: each begins at a multiple of 64 MiB."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, mode], capture_output=True, text=True, check=True)
    return int(done.stdout)


RELEASE = """
from pathlib import Path
from reconciler.run.daemon.heaps import give_back_memory, share_heaps

def resident():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) // 1024

share_heaps()
bodies = [bytearray(50_000) for _ in range(2_000)]
kept = [bytearray(1_000) for _ in range(2)]  # at the end of the heap, which can't shrink because of it
circle = [bodies, kept]
circle.append(circle)
most = resident()
del bodies, circle
before = resident()
give_back_memory()
print(most, before, resident())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only the GNU library keeps what is not used")
def test_what_a_burst_took_is_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", RELEASE], capture_output=True, text=True, check=True)
    most, before, after = map(int, done.stdout.split())

    assert before > most - 10
    assert after < most - 80


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only the GNU library gives threads heaps of their own")
def test_threads_share_a_few_heaps() -> None:
    assert heaps("apart") > HEAPS
    assert heaps("shared") < HEAPS
