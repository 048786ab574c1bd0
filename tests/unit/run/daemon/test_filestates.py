"""A file that is as it was need not be read again; one that may change within a tick of its clock is read."""

from __future__ import annotations

import os
import time

import pytest

from reconciler.run.daemon.filestates import SETTLED_S, states_of


@pytest.fixture
def file(tmp_path):
    made = tmp_path / "stack.yaml"
    made.write_text("a", encoding="utf-8")
    return made


def settled(*files):
    """The states, once the files are old enough."""
    time.sleep(SETTLED_S + 0.1)
    found = states_of(files)
    assert found
    return found


def test_a_file_that_changed_a_moment_ago_has_no_state(file):
    assert states_of([file]) is None


def test_a_file_that_stays_has_the_same_state_also_if_it_is_not_there(file, tmp_path):
    missing = tmp_path / "missing"
    before = settled(file, missing)

    assert states_of([file, missing]) == before


def test_each_change_shows(file, tmp_path):
    missing, old = tmp_path / "missing", file.stat()
    before = settled(file, missing)

    file.write_text("b", encoding="utf-8")
    os.utime(file, ns=(old.st_atime_ns, old.st_mtime_ns))  # the same size and time, as some programs keep it
    other = settled(file, missing)
    missing.write_text("a", encoding="utf-8")
    third = settled(file, missing)
    file.unlink()

    assert len({before, other, third, states_of([file, missing])}) == 4
