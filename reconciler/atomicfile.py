"""Files that are replaced as a whole: a reader sees the old text or the new one, and a kill leaves one of them."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def file_text(path: Path) -> str | None:
    """The file's text with its line endings; None where there is no file. Raises OSError."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, "a directory is in its place", str(path))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "something that is no regular file is in its place", str(path))
        return path.read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return None


def replace_file(path: Path, before: str | None, text: str, *, mode: int | None = None) -> bool:
    """Put the text in the file's place at once; False where the file is no longer what was read. Raises OSError.

    The file keeps its owner and, unless there is one to be set, its mode.
    """
    import tempfile

    target = path.resolve()
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)  # made with mode 0600
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            _keep_owner(target, file.fileno(), mode)
            file.write(text.encode("utf-8", "surrogateescape"))
            file.flush()
            os.fsync(file.fileno())
        if before is None:
            return _put_new(temporary, target)
        if file_text(path) != before:
            return False
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    _sync(target.parent)
    return True


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Keep other writers of ours out; the lock is on the directory, so that it leaves no file behind."""
    descriptor = os.open(path.resolve().parent, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _put_new(temporary: Path, target: Path) -> bool:
    """Give the file its name unless something has it by now; a link fails where a rename would overwrite."""
    try:
        target.hardlink_to(temporary)
    except FileExistsError:
        return False
    except OSError:  # some file systems know no links
        if target.exists():
            return False
        temporary.replace(target)
    _sync(target.parent)
    return True


def _keep_owner(target: Path, descriptor: int, mode: int | None) -> None:
    """Root must not take the file away from whom it belongs to."""
    with suppress(FileNotFoundError, PermissionError):
        there = target.stat()
        os.fchown(descriptor, there.st_uid, there.st_gid)
        mode = stat.S_IMODE(there.st_mode) if mode is None else mode
    os.fchmod(descriptor, _NEW if mode is None else mode)


_NEW = 0o644


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
