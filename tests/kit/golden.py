"""Expected texts that stand in files: compared, or with ``--update-golden`` written anew.

Use it with ``-n 0``, and read ``git diff`` afterwards: what is written is what the program does, right or wrong.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_PART = re.compile(r"^--- (.+)\n", re.MULTILINE)


@dataclass(frozen=True)
class Golden:
    """``is_updated`` says that files are to follow what is found."""

    is_updated: bool = False

    def parts(self, file: Path, found: Mapping[str, str]) -> None:
        """Compare parts of a file, each below a line ``--- NAME``; one that is empty may be left out."""
        parts = parts_of(file)
        expected = {name: parts.get(name, "") for name in found}
        if self.is_updated and expected != dict(found):
            kept = {name: text for name, text in (parts | dict(found)).items() if text or name not in found}
            file.write_text("".join(f"--- {name}\n{text}" for name, text in kept.items()), encoding="utf-8")
            return
        for name, text in found.items():
            assert text == expected[name], f"{name} of {file.name}"

    def lines(self, file: Path, title: str, found: list[str], expected: list[str]) -> None:
        """Compare the lines ``--- LINE`` at the end of a case that begins with ``=== TITLE``."""
        if self.is_updated and found != expected:
            head, *cases = file.read_text(encoding="utf-8").split("=== ")
            changed = [_with_lines(case, found) if case.partition("\n")[0] == title else case for case in cases]
            file.write_text("=== ".join([head, *changed]), encoding="utf-8")
            return
        assert found == expected


def parts_of(file: Path) -> dict[str, str]:
    """The parts of a case file, by name."""
    parts = _PART.split(file.read_text(encoding="utf-8"))
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def _with_lines(case: str, found: list[str]) -> str:
    kept = [line for line in case.splitlines() if not line.startswith("--- ")]
    return "".join(f"{line}\n" for line in (*kept, *(f"--- {line}" for line in found)))
