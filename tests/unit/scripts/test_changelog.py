"""The changelog takes the fragments into the entry that is not released, and a tag needs an entry with all of them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "scripts"))

import changelog
import release
from host import Failure

BEFORE = """\
# Changelog

<!-- releases -->

## 0.2.0 (unreleased)

### Added

Docker

- An old one.

### Fixed

- A mended one.

## 0.1.0 (2026-11-24)

The first version.
"""
DRAFT = """\
## 0.2.0 (2026-12-01)

### Added

- A new one,
  on two lines.

### Security

- A closed one.
"""
AFTER = """\
# Changelog

<!-- releases -->

## 0.2.0 (2026-12-02)

### Added

- A new one,
  on two lines.

Docker

- An old one.

### Fixed

- A mended one.

### Security

- A closed one.

## 0.1.0 (2026-11-24)

The first version.
"""


def test_fragments_go_into_the_entry_that_is_not_released():
    assert changelog.folded(BEFORE, DRAFT, "0.2.0", "2026-12-02") == AFTER


def test_without_fragments_only_the_date_changes():
    assert changelog.folded(BEFORE, "", "0.2.0", changelog.UNRELEASED) == BEFORE


def test_a_released_entry_takes_no_fragments():
    with pytest.raises(ValueError, match="no heading `## 0.2.0 .unreleased.`"):
        changelog.folded(AFTER, DRAFT, "0.2.0", "2026-12-02")


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A checkout whose entry is complete and dated."""
    (tmp_path / "changelog.d").mkdir()
    (tmp_path / "changelog.d/README.md").write_text("what stands here")
    (tmp_path / "CHANGELOG.md").write_text(AFTER)
    monkeypatch.setattr(release, "ROOT", tmp_path)
    return tmp_path


@pytest.mark.usefixtures("root")
def test_a_complete_entry_may_be_tagged():
    release.check_texts("0.2.0", "v0.2.0")


@pytest.mark.parametrize(("file", "text"), [("changelog.d/new.added.md", "More."), ("CHANGELOG.md", BEFORE)])
def test_an_entry_without_all_changes_or_a_date_is_not_tagged(root, file, text):
    (root / file).write_text(text)

    release.check_texts("0.2.0", "")
    with pytest.raises(Failure, match="compare the changelog"):
        release.check_texts("0.2.0", "v0.2.0")
