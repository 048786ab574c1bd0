"""The entry point: ``reconcile``, or ``python -m reconciler``."""

from __future__ import annotations

import os
import sys
from typing import Final

_STREAMS: Final = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))


def main() -> None:
    """Run the command line and exit with its code."""
    open_streams()
    from reconciler.cli.main import run

    sys.exit(run(sys.argv[1:]))


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
