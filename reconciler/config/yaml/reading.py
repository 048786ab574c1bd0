"""A reading: the files of one load, each opened and parsed once, whoever asks for them and however often.

The command line looks into ``.env`` before anything is loaded, missing secrets are looked for in files that are loaded
afterwards, and services share env files. So a file that is edited meanwhile has one content for the whole load, too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

_Made = TypeVar("_Made")
_Kept: TypeAlias = defaultdict[Path, dict[Hashable, Any]]
_kept: Final[ContextVar[_Kept | None]] = ContextVar("kept", default=None)


@contextmanager
def reading() -> Iterator[None]:
    """Keeps the results of :func:`once` within the block, until :func:`forget`."""
    token = _kept.set(defaultdict(dict))
    try:
        yield
    finally:
        _kept.reset(token)


def once(path: Path, form: Hashable, make: Callable[[], _Made]) -> _Made:
    """The result of ``make``, or the one that an earlier call of this reading gave for the same form of the file.

    Results are shared: nobody may change them. Errors are not kept.
    """
    kept = _kept.get()
    if kept is None:
        return make()
    forms = kept[path.absolute()]
    if form not in forms:
        forms[form] = make()
    found: _Made = forms[form]
    return found


def forget(path: Path | None = None) -> None:
    """Has a file, or all of them, read again when somebody asks next."""
    kept = _kept.get()
    if kept is not None and path is not None:
        kept.pop(path.absolute(), None)
    elif kept is not None:
        kept.clear()
