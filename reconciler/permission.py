"""The permission to change something, which a client asks for before each request that does.

A step may consist of many requests, and the lock that permits them may be lost between two of them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_LOCAL = threading.local()


@contextmanager
def permitted_by(check: Callable[[], None]) -> Iterator[None]:
    """Meanwhile ``check`` is called before each changing request of this thread; it raises what forbids the request."""
    before = getattr(_LOCAL, "check", None)
    _LOCAL.check = check
    try:
        yield
    finally:
        _LOCAL.check = before


def require_permission() -> None:
    """Raises what forbids a change, if a check was asked for; its own requests are not checked."""
    check: Callable[[], None] | None = getattr(_LOCAL, "check", None)
    if check is None:
        return
    # A check may renew a mark, which is a changing request too.
    _LOCAL.check = None
    try:
        check()
    finally:
        _LOCAL.check = check
