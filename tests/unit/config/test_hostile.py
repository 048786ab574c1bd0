"""A file made to take time or memory is refused with a clear message, within a second and 200 MiB."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.config.hostile import FILES

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def cost():
    command = [sys.executable, "-m", "tests.unit.config.hostile"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", FILES)
def test_a_hostile_file_is_refused_in_a_second(name, cost):
    seconds, said = cost["found"][name]

    assert FILES[name][1] in said
    assert seconds < 1


def test_all_of_them_take_little_memory(cost):
    assert cost["mebibytes"] < 200
