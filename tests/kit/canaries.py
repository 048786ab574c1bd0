"""Marked secrets, and everything that the program prints and writes, searched for them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from urllib.parse import quote

from tests.kit.cli import Ran

FORMATS = ("text", "json", "markdown", "github", "gitlab", "junit", "sarif")
LOOKS = (
    *(("diff", "--format", form) for form in FORMATS),
    ("-v", "diff"),
    *(("status", "--format", form) for form in ("text", "json")),
    *(("config", "--format", form) for form in ("yaml", "json")),
    ("validate",),
)
"""Each command that looks and changes nothing, in each of its formats."""


def forms_of(canary: str) -> Iterator[str]:
    """The secret as somebody else may repeat it."""
    yield canary
    yield quote(canary, safe="")
    yield json.dumps(canary)[1:-1]
    yield base64.b64encode(canary.encode()).decode().rstrip("=")


class Outputs:
    """All that was printed and written, and which command showed what."""

    def __init__(self, directory: Path, canaries: Iterable[str], run: Callable[..., Ran]) -> None:
        self._directory, self._canaries, self._run = directory, tuple(canaries), run
        self.count, self.leaks = 0, list[str]()

    def run(self, state: str, *arguments: str) -> Ran:
        ran = self._run(*arguments, cwd=self._directory)
        self.check(f"{state}: {' '.join(arguments)}", ran.out + ran.err)
        return ran

    def check(self, name: str, text: str) -> None:
        self.count += 1
        shown = [canary for canary in self._canaries if any(form in text for form in forms_of(canary))]
        self.leaks += [f"{name} shows {canary}" for canary in shown]

    def everything(self, state: str, *more: tuple[str, ...]) -> None:
        """All that shows a state, a plan file among it."""
        plan = self._directory / "plan.json"
        for arguments in (*LOOKS, ("diff", "--out", str(plan)), *more):
            self.run(state, *arguments)
        self.check(f"{state}: plan file", plan.read_text(encoding="utf-8"))
