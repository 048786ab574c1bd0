"""The proofs of webhooks: signatures and tokens of the forges, replays, and bursts."""

from __future__ import annotations

import hmac
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from reconciler.record import Struct

BETWEEN_S: Final = 5.0
"""However many webhooks come, they cause one look in so many seconds."""

MOST_REMEMBERED: Final = 10_000


class Forge(Struct, frozen=True):
    """A kind of forge: the header with its proof, what stands before it, and whether it is a digest of the body."""

    name: str
    header: str
    event: str
    prefix: str = ""
    is_digest: bool = True


FORGES: Final = (
    Forge("forgejo", "x-forgejo-signature", "x-forgejo-event"),  # it sends the headers of the next two as well
    Forge("gitea", "x-gitea-signature", "x-gitea-event"),
    Forge("github", "x-hub-signature-256", "x-github-event", prefix="sha256="),
    Forge("gitlab", "x-gitlab-token", "x-gitlab-event", is_digest=False),
)


def _later(call: Callable[[], None], seconds: float) -> None:
    timer = threading.Timer(seconds, call)
    timer.daemon = True
    timer.start()


@dataclass(slots=True)
class Webhooks:
    """The secrets of webhooks, and what came last. Several secrets at once allow for a rotation."""

    secrets: Sequence[str] = field(default=(), repr=False)
    now: Callable[[], float] = time.monotonic
    later: Callable[[Callable[[], None], float], None] = _later
    _seen: OrderedDict[bytes, None] = field(default_factory=OrderedDict)
    _looked: float = -BETWEEN_S
    _is_waiting: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def forge(self, headers: Mapping[str, str], body: bytes) -> Forge | None:
        """The forge that has signed this, None where nobody has."""
        forge = next((each for each in FORGES if each.header in headers), None)
        if forge is None:
            return None
        given = headers[forge.header].removeprefix(forge.prefix).encode()
        proofs = [_proof(forge, secret, body) for secret in self.secrets]
        matches = [hmac.compare_digest(proof, given) for proof in proofs]  # all are compared, whichever fits
        return forge if any(matches) and headers[forge.header].startswith(forge.prefix) else None

    def is_new(self, forge: Forge, headers: Mapping[str, str], body: bytes) -> bool:
        """Returns whether this is not a replay. An id in a header is not signed, so it counts only without a digest."""
        identity = "" if forge.is_digest else headers.get("x-gitlab-event-uuid", "")
        digest = sha256(identity.encode() + b" " + body).digest()
        with self._lock:
            if digest in self._seen:
                return False
            # Kept for this process: after a restart a replay causes one more look, which changes nothing.
            self._seen[digest] = None
            if len(self._seen) > MOST_REMEMBERED:
                self._seen.popitem(last=False)
            return True

    def look(self, ask: Callable[[], None]) -> None:
        """Cause a look now, or once the time between two is over; never more than one is waiting."""
        with self._lock:
            wait_s = self._looked + BETWEEN_S - self.now()
            if wait_s <= 0:
                self._looked = self.now()
            elif self._is_waiting:
                return
            else:
                self._is_waiting = True
        if wait_s <= 0:
            ask()
        else:
            self.later(lambda: self._waited(ask), wait_s)

    def _waited(self, ask: Callable[[], None]) -> None:
        with self._lock:
            self._looked, self._is_waiting = self.now(), False
        ask()


def _proof(forge: Forge, secret: str, body: bytes) -> bytes:
    return hmac.new(secret.encode(), body, sha256).hexdigest().encode() if forge.is_digest else secret.encode()
