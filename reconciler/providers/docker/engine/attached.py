"""A command under way in a container, with its input and outputs: the connection that the engine has handed over."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import IO, Any, Final

from reconciler.core.message.errors import ProviderError, Unreachable
from reconciler.providers.answers import why
from reconciler.providers.docker.engine.frames import pieces

_PIECE: Final = 1 << 16
_FOREVER_S: Final = 1e6
"""A command may be silent for as long as it likes. Without any limit a read of TLS would hold up each write."""


class Attached:
    """The other end of a command; ``answer`` is the response of the request that began it."""

    def __init__(
        self,
        answer: Any,
        *,
        tty: bool,
        resize: Callable[[int, int], None],
        exit_code: Callable[[], int | None],
    ) -> None:
        self._answer, self._tty, self._resize, self._exit_code = answer, tty, resize, exit_code
        # The reader may hold the first output already, with the head of the answer; the socket alone would lose it.
        self._reader: IO[bytes] = answer.raw._fp.fp  # noqa: SLF001
        self._socket: socket.socket = self._reader.raw._sock  # noqa: SLF001
        self._socket.settimeout(_FOREVER_S)

    def output(self) -> Iterator[tuple[bool, bytes]]:
        """Yields each piece of output, and whether it is of the error output. Raises Unreachable."""
        try:
            yield from pieces(self._reader) if not self._tty else ((False, each) for each in _until_end(self._reader))
        except OSError as error:
            raise Unreachable(f"the connection to the command broke off: {why(error)}; it may still run") from error

    def send(self, data: bytes) -> bool:
        """Hands input to the command; returns False once it takes no more."""
        try:
            self._socket.sendall(data)
        except OSError:
            return False
        return True

    def end_input(self) -> None:
        """The command sees the end of its input."""
        if not isinstance(self._socket, ssl.SSLSocket):  # which has no end of one direction alone
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_WR)

    def resize(self, columns: int, rows: int) -> None:
        """Gives the terminal of the command another size; a command that has just ended needs none."""
        with suppress(ProviderError):
            self._resize(columns, rows)

    def exit_code(self) -> int | None:
        """The exit code of the command, once it has ended; None if it goes on without its terminal.

        Raises ProviderError.
        """
        return self._exit_code()

    def close(self) -> None:
        """Hangs up."""
        self._answer.close()


def _until_end(stream: IO[bytes]) -> Iterator[bytes]:
    while piece := stream.read1(_PIECE):  # type: ignore[attr-defined]  # the reader of a socket has it
        yield piece
