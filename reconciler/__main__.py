"""The entry point: ``reconcile``, or ``python -m reconciler``."""

from __future__ import annotations

import gc
import os
import sys
from typing import Final

_STREAMS: Final = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))
_OBJECTS_UNTIL_COLLECTION: Final = 50_000
"""Imports make many objects and no garbage: by default the collector runs through them a hundred times."""


def main() -> None:
    """Run the command line and exit with its code."""
    open_streams()
    gc.set_threshold(_OBJECTS_UNTIL_COLLECTION)
    from reconciler.cli.main import run

    code = run(sys.argv[1:])
    gc.freeze()  # so that the interpreter does not look for garbage once more, at its end
    sys.exit(code)


def open_streams() -> None:
    """Opens the null device in place of standard streams that the caller has closed.

    Otherwise the next file or socket would get the stream's number, and what is printed would be written into it.
    """
    for descriptor, (name, mode) in enumerate(_STREAMS):
        if getattr(sys, name) is None:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free, which is this one
            setattr(sys, name, os.fdopen(descriptor, mode, closefd=False))


if __name__ == "__main__":
    main()
