"""A source of files as the daemon sees it: revisions, the last good one of which is in force."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from reconciler.core.provider import Hint
from reconciler.run.sources.forge import Verdict
from reconciler.settings import Settings


class Source(Protocol):
    """Revisions of the files. Its methods are called by the daemon's loop, but for ``hints``."""

    @property
    def revision(self) -> str:
        """The revision in force."""
        ...

    @property
    def trouble(self) -> str:
        """The reason why a newer revision is not in force, "" if there is none."""
        ...

    def hints(self) -> Iterator[Hint]:
        """A hint for each new revision, and for each new trouble. Blocks."""
        ...

    def ask(self) -> None:
        """Look for a new revision at once."""
        ...

    def take(self) -> Settings | None:
        """Bring a new revision into force: its settings, or None where there is none, or its files are wrong."""
        ...

    def judge(self, verdict: Verdict, note: str) -> None:
        """Report what became of the revision in force."""
        ...
