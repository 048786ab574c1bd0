"""The daemon's word to systemd: that it is ready, that its loop comes round, and that it ends.

Source: sd_notify(3). A datagram goes to the socket that NOTIFY_SOCKET names; without one nothing is sent.
"""

from __future__ import annotations

import math
import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

_MICROSECOND: Final = 1e-6
_PER_DEADLINE: Final = 3.0
"""So many signs of life within the deadline of the watchdog: one may be late."""


class Supervisor:
    """The systemd of the environment. Its watchdog sees the loop itself, not a thread beside it."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        address = environment.get("NOTIFY_SOCKET") or ""
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        own = environment.get("WATCHDOG_PID") in (None, "", str(os.getpid()))
        deadline = environment.get("WATCHDOG_USEC") or ""
        is_watched = bool(self._address) and own and deadline.isascii() and deadline.isdecimal()
        self.beat_s = int(deadline) * _MICROSECOND / _PER_DEADLINE if is_watched else math.inf

    def ready(self) -> None:
        self._send("READY=1\nSTATUS=the first look is finished")

    def alive(self) -> None:
        """The loop comes round."""
        if self.beat_s < math.inf:
            self._send("WATCHDOG=1")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def _send(self, text: str) -> None:
        if self._address:
            with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
                line.sendto(text.encode(), self._address)
