"""The revisions of a repository as a daemon takes them: each is checked first, and the last good one stays in force."""

from __future__ import annotations

import random
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

from reconciler.atomicfile import file_text, replace_file
from reconciler.core.message.errors import ConfigError, Misconfigured, ReconcileError
from reconciler.core.provider import Hint
from reconciler.run.sources.forge import Judgement, Verdict
from reconciler.run.sources.git import Git, Remote
from reconciler.settings import Settings

JITTER: Final = 0.1
_REVISION: Final = "revision"


def _unreported(_judgement: Judgement) -> None:
    pass


class Revisions:
    """The files of a repository in a folder of its own, which stays the same for all revisions.

    ``settings_in`` gives the settings for a folder with a revision, and raises ConfigError where its files are wrong.
    ``report`` gets what became of each revision; ``revision`` is "" before the first.
    """

    def __init__(
        self,
        remote: Remote,
        folder: Path,
        settings_in: Callable[[Path], Settings],
        environment: Mapping[str, str],
        *,
        path: str = "",
        every_s: float = 60.0,
        report: Callable[[Judgement], None] = _unreported,
    ) -> None:
        own = folder / sha256(f"{remote.url} {remote.ref}".encode()).hexdigest()[:12]
        self._git, self._settings_in, self._report = Git(remote, own, environment), settings_in, report
        self._tree, self._next = own / "tree" / remote.name, own / "next" / remote.name
        self._kept, self._path, self._every_s = own / _REVISION, _inside(path), every_s
        self._remote_id = self._fetched = self._refused = ""
        self._fetch_trouble = self._file_trouble = ""
        self._file_error: ReconcileError | None = None
        self._judged: dict[str, Verdict] = {}
        self._asked = threading.Event()
        self._revision = ""

    @property
    def revision(self) -> str:
        return self._revision

    @property
    def trouble(self) -> str:
        """The reason why the last revision is not in force, "" if it is."""
        return self._fetch_trouble or self._file_trouble

    def begin(self) -> Settings:
        """The settings of the newest good revision, or of the last one in force. Raises ReconcileError without any."""
        self._git.begin()
        with suppress(OSError):
            self._revision = self._kept.read_text(encoding="ascii").strip()
        self._look()
        # The newest revision if its files are right, else the one that was in force before the restart.
        if found := self.take():
            return found
        if not self.revision:
            raise self._file_error or Misconfigured(self.trouble or "the repository has no revision")
        self._git.check_out(self.revision, self._tree)
        return self._settings_in(self._tree / self._path)

    def hints(self) -> Iterator[Hint]:
        """A hint for each new revision, and for each new trouble with the repository. Blocks."""
        while True:
            self._asked.wait(self._every_s * random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311 (no secret)
            self._asked.clear()
            before = self._fetched, self._fetch_trouble
            self._look()
            if (self._fetched, self._fetch_trouble) != before:
                yield Hint(f"git: {self._fetch_trouble or f'revision {self._fetched[:12]}'}")

    def close(self) -> None:
        """Give up what is being fetched."""
        self._git.close()

    def ask(self) -> None:
        """Look into the repository at once."""
        self._asked.set()

    def take(self) -> Settings | None:
        """Bring a new revision into force: its settings, or None where there is no new one or its files are wrong."""
        commit = self._fetched
        if commit in ("", self.revision, self._refused):
            return None
        try:
            shutil.rmtree(self._next.parent, ignore_errors=True)
            # Tried beside the tree that is in force, so that wrong files never take its place.
            self._git.check_out(commit, self._next)
            self._settings_in(self._next / self._path)
            self._git.check_out(commit, self._tree)
            settings = self._settings_in(self._tree / self._path)
        except (ReconcileError, OSError) as error:
            first = str(error.problems[0]) if isinstance(error, ConfigError) else str(error)
            reason = first.replace(f"{self._next}/", "")
            self._file_error = error if isinstance(error, ReconcileError) else None
            # Remembered, so that the same wrong revision is not checked out at each look.
            self._refused, self._file_trouble = commit, f"revision {commit[:12]} is wrong: {reason}"
            self.judge(Verdict.FAILURE, reason, commit)
            return None
        finally:
            shutil.rmtree(self._next.parent, ignore_errors=True)
        # After the files: a crash in between takes the revision once more, which does no harm.
        replace_file(self._kept, file_text(self._kept), commit)
        self._revision, self._refused, self._file_trouble = commit, "", ""
        self.judge(Verdict.PENDING, "taken")
        return settings

    def judge(self, verdict: Verdict, note: str, commit: str = "") -> None:
        """Report what became of a revision, once for each verdict."""
        commit = commit or self.revision
        if commit and self._judged.get(commit) is not verdict:
            self._judged = {commit: verdict}
            self._report(Judgement(commit, verdict, note))

    def _look(self) -> None:
        """Fetch the ref if it has moved. What fails is kept as the trouble, and tried again."""
        try:
            remote_id = self._git.remote_id()
            # Asking for the id of the ref is one small request; fetching is done only if it has moved.
            if remote_id != self._remote_id or not self._fetched:
                commit = self._git.fetch()
                self._git.require_signature(commit)
                self._remote_id, self._fetched = remote_id, commit
            self._fetch_trouble = ""
        except ReconcileError as error:
            self._fetch_trouble = str(error)


def _inside(path: str) -> Path:
    """A path inside of the repository. Raises Misconfigured for another one."""
    found = Path(path)
    if found.is_absolute() or ".." in found.parts:
        raise Misconfigured(f"`{path}` leads out of the repository")
    return found
