"""Secrets into ``.env``: readable by its owner alone, never half written, never over a value that is there."""

from __future__ import annotations

import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from reconciler.core.errors import ConfigError
from reconciler.core.problem import Problem
from reconciler.core.resource import Origin
from reconciler.secrets.dotenvtext import filled_in, without

_PRIVATE: Final = 0o600
_TRIES: Final = 5


def write_secrets(path: Path, values: Mapping[str, str], *, over_example: bool = False) -> Mapping[str, str]:
    """Write the values that the file does not have yet, and return those that were written.

    A file that is not there begins as a copy of its ``.example``. A value that is in there counts as one of the file,
    unless these are to be written ``over_example``. Raises ConfigError where it can't be written.
    """
    try:
        with _alone(path):
            return _written(path, values, over_example=over_example)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError([Problem(f"secrets can't be written: {reason}", Origin(str(path)))]) from error


def _written(path: Path, values: Mapping[str, str], *, over_example: bool) -> Mapping[str, str]:
    for _ in range(_TRIES):
        before = _read(path)
        text = before
        if text is None:
            text = without(_beginning(path), values) if over_example else _beginning(path)
        filled = filled_in(text, values)
        if filled.text != before and (filled.text or before is not None) and not _replaced(path, before, filled.text):
            continue  # somebody edits it right now: look again
        if path.exists():
            path.chmod(_PRIVATE)
        return {name: values[name] for name in filled.names}
    raise OSError(f"{path} is being changed by another program")


def _read(path: Path) -> str | None:
    """The file's text with its line endings; None where there is no file."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise OSError(f"{path} is no regular file")
        return path.read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return None


def _beginning(path: Path) -> str:
    return _read(path.with_name(f"{path.name}.example")) or ""


def _replaced(path: Path, before: str | None, text: str) -> bool:
    """Put the text in the file's place at once; False where the file is no longer what was read."""
    target = path.resolve()
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)  # made with mode 0600
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            _keep_owner(target, file.fileno())
            file.write(text.encode("utf-8", "surrogateescape"))
            file.flush()
            os.fsync(file.fileno())
        if _read(path) != before:
            return False
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    _sync(target.parent)
    return True


def _keep_owner(target: Path, descriptor: int) -> None:
    """Root must not take the file away from whom it belongs to."""
    with suppress(FileNotFoundError, PermissionError):
        owner = target.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep other writers of ours out; the lock is on the directory, so that it leaves no file behind."""
    descriptor = os.open(path.resolve().parent, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
