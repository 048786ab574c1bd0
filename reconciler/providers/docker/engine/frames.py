"""The frames in which the engine sends both outputs of a process over one connection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Final

_FRAME: Final = 8
_ERROR: Final = 2
_PIECE: Final = 1 << 16


def pieces(stream: IO[bytes]) -> Iterator[tuple[bool, bytes]]:
    """Unpacks the frames in which the engine sends both outputs: eight bytes say which, and how much."""
    while len(head := stream.read(_FRAME)) == _FRAME:
        left = int.from_bytes(head[4:], "big")
        while left and (piece := stream.read(min(left, _PIECE))):
            left -= len(piece)
            yield head[0] == _ERROR, piece
