"""Everything that can go wrong in a way that we foresee.

ReconcileError
├─ ConfigError(problems)            the files are wrong; all problems at once
├─ UnknownAddress                   a name on the command line is of nothing that there is
├─ Refused(refusals)                a policy stopped the plan; names the flag that allows it
├─ Cancelled                        the person who was asked does not agree
├─ StalePlan                        what was approved is no longer what would be done
├─ Locked(owner)                    another run is at work
│  └─ LockLost                      and took the lock while this one was at work
├─ Unwritable(path)                 this machine does not let us write a file
└─ ProviderError(address, step)     always what, on which resource, doing what
   ├─ Unreachable, Throttled        temporary: retried, then reported
   ├─ Misconfigured                 nobody could be asked: the address is missing, or is none
   ├─ Conflict                      the world moved: the next pass looks again
   │  └─ NotThere                   what a command names does not exist
   └─ Denied, Rejected              permanent: credentials or spec; shows the server's words
      ├─ GateFailed                 a resource did not become what the plan waits for
      ├─ Unobtainable               the server can't fetch something from where the files say it is
      └─ WrittenInVain              the server takes a write and keeps what it had
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from reconciler.core.message.problem import Problem
from reconciler.core.resource.address import Address
from reconciler.record import Struct


class ReconcileError(Exception):
    """The root: whatever is raised on purpose is one of these."""


class ConfigError(ReconcileError):
    """The files are wrong."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


class UnknownAddress(ReconcileError):
    """A name on the command line, of a resource or service, that there is not; the message has the nearest one."""


class Refusal(Struct, frozen=True):
    """The reason for which a rule stops a plan, and what to do; ``option`` are the words of `apply` that allow it."""

    address: Address | None
    message: str
    remedy: str
    option: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.message}; {self.remedy}"


class Refused(ReconcileError):
    """A safety rule or policy stopped the plan of a pass; nothing of that plan was done."""

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        super().__init__("\n".join(map(str, refusals)))
        self.refusals = tuple(refusals)


class Cancelled(ReconcileError):
    """The person who was asked about the plan does not agree."""


class StalePlan(ReconcileError):
    """The saved plan is not what would be done now; nothing was done."""


class Locked(ReconcileError):
    """Another run holds the lock; ``owner`` is a description of it."""

    def __init__(self, message: str, owner: str) -> None:
        super().__init__(message)
        self.owner = owner


class LockLost(Locked):
    """The lock was lost while this run was at work; it does nothing more, and takes nothing back."""


class Unwritable(ReconcileError):
    """A file or folder of this machine can't be written; it is not the content of a file that is wrong."""


@contextmanager
def writing(what: str, path: object) -> Iterator[None]:
    """Raises Unwritable, with the path and the remedy, where the machine refuses to write ``what``."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        is_taken = error.errno in (errno.EISDIR, errno.EINVAL)
        remedy = "remove that" if is_taken else "check who may write there and whether the disk has room"
        remedy += ", or name another path"
        raise Unwritable(f"{path}: {what} can't be written: {reason}; {remedy}") from error


class ProviderError(ReconcileError):
    """The failure of an API's call, with the resource and the step."""

    def __init__(self, message: str, *, address: Address | None = None, doing: str = "") -> None:
        super().__init__(message)
        self.address = address
        self.doing = doing

    def __str__(self) -> str:
        where = " ".join(part for part in (self.doing, str(self.address or "")) if part)
        return f"{where}: {self.args[0]}" if where else str(self.args[0])


class Unreachable(ProviderError):
    """Nobody answers, or not in time."""


class Misconfigured(ProviderError):
    """The files, the environment or the command line do not say where the other side is."""


class Throttled(ProviderError):
    """The server asks to come back later; ``retry_in`` is in seconds."""

    def __init__(self, message: str, *, retry_in: float, address: Address | None = None, doing: str = "") -> None:
        super().__init__(message, address=address, doing=doing)
        self.retry_in = retry_in


class Conflict(ProviderError):
    """The world is no longer as it was when the plan was made."""


class NotThere(Conflict):
    """A command names what does not exist, or can't be used as it is."""


class Denied(ProviderError):
    """The credentials are wrong or lack a right."""


class NoLogin(Denied):
    """The other side does not know who we are; it is too early to speak of rights."""


class Rejected(ProviderError):
    """The server does not accept the request, and will not the next time."""


class GateFailed(Rejected):
    """A resource did not become ready; the message has its last words."""


class Unobtainable(Rejected):
    """The server can't reach the place from which it is to fetch something, such as the registry of an image."""


def unforeseen(error: Exception, *, address: Address | None = None, doing: str = "") -> ProviderError:
    """An exception that no client has translated, as a ProviderError; the exception itself is its cause."""
    made = ProviderError(f"unexpected {type(error).__name__}: {error}", address=address, doing=doing)
    made.__cause__ = error
    return made


class WrittenInVain(Rejected):
    """A write succeeded, and the look after it shows the very same difference."""
