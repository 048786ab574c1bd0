#!/usr/bin/env python3
"""Moves the fragments of changelog.d into the entry of CHANGELOG.md that is not released yet.

    scripts/changelog.py             into the entry of this version
    scripts/changelog.py --release   the same, with the date of today in place of `unreleased`

Towncrier puts the fragments in order. By itself it would write a second entry of the same version beside the first.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from release import fragments, version

ROOT = Path(__file__).resolve().parents[1]
UNRELEASED = "unreleased"


def sections(text: str) -> Mapping[str, str]:
    """The parts of an entry by their headings."""
    found = re.split(r"^### (.+)$", text, flags=re.MULTILINE)
    return {heading: body.strip() for heading, body in zip(found[1::2], found[2::2], strict=True)}


def joined(new: str, old: str) -> str:
    """Two lists as one, the new one first: the old one may be ordered under titles that no new item belongs to."""
    return ("\n" if old.startswith("- ") else "\n\n").join(filter(None, (new, old)))


def folded(changelog: str, draft: str, number: str, date: str) -> str:
    """The changelog with the sections of a draft in the entry of a version. Raises ValueError if there is none."""
    heading = f"## {number} ({UNRELEASED})"
    before, found, rest = changelog.partition(heading)
    if not found:
        raise ValueError(f"CHANGELOG.md has no heading `{heading}`; write one above the newest entry")
    entry, mark, older = rest.partition("\n## ")
    old, new = sections(entry), sections(draft)
    names = dict.fromkeys((*old, *new))
    text = "\n\n".join(f"### {name}\n\n{joined(new.get(name, ''), old.get(name, ''))}" for name in names)
    return f"{before}## {number} ({date})\n\n{text}\n{mark}{older}"


def main(arguments: list[str]) -> int:
    number, file = version(), ROOT / "CHANGELOG.md"
    date = f"{datetime.now(UTC):%Y-%m-%d}" if "--release" in arguments else UNRELEASED
    command = [sys.executable, "-m", "towncrier", "build", "--draft", "--version", number]
    draft = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    done = folded(file.read_text(encoding="utf-8"), draft, number, date)
    file.write_text(done, encoding="utf-8")
    for each in fragments():
        each.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
