"""The author of a change behind our back, as far as a server records it."""

from __future__ import annotations

from typing import Any

from reconciler.record import Struct


class Author(Struct, frozen=True):
    """One act on a live resource: when (seconds since 1970), what, and who did it with which client from where.

    A part that the server does not record is empty.
    """

    at: float
    act: str
    user: str = ""
    client: str = ""
    address: str = ""

    def as_json(self) -> dict[str, Any]:
        return {"at": self.at, "act": self.act, "user": self.user, "client": self.client, "address": self.address}
