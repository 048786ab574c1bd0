"""Checks that find the cause of trouble: a row says what is checked, a finding's words, and what mends it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Generic, TypeVar

from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Origin
from reconciler.record import Struct, field

W_contra = TypeVar("W_contra", contravariant=True)


class Diagnosis(Struct, frozen=True):
    """One cause of trouble: what is wrong, where, and the one command or line that mends it.

    ``where`` is a container, a server or an object, in words. ``field`` is the field of the resource at ``address``
    that is to blame; where that differs from the files, an apply mends it. A symptom may have another cause, and
    ``after`` names the resource of whose trouble it is most likely a consequence.
    """

    code: str
    message: str
    where: str
    remedy: str
    address: Address | None = None
    field: str = ""
    origin: Origin | None = None
    is_symptom: bool = False
    after: Address | None = None


class Suspect(Struct, frozen=True):
    """The place of one finding of a row, and the facts that its words name."""

    where: str
    facts: Mapping[str, object] = field(default_factory=dict)
    address: Address | None = None
    field: str = ""
    origin: Origin | None = None


class Check(Struct, frozen=True):
    """A check that can be carried out. It is left out where one of the codes in ``needs`` was found.

    ``find`` only reads. Raises ReconcileError where it can't find out.
    """

    code: str
    title: str
    find: Callable[[], Iterable[Diagnosis]]
    needs: tuple[str, ...] = ()


class Row(Struct, Generic[W_contra], frozen=True):
    """A line of a table of checks. ``message`` and ``remedy`` have the facts of a suspect in braces."""

    code: str
    title: str
    message: str
    remedy: str
    find: Callable[[W_contra], Iterable[Suspect]]
    needs: tuple[str, ...] = ()
    is_symptom: bool = False

    def check(self, world: W_contra) -> Check:
        return Check(self.code, self.title, lambda: map(self.diagnosis, self.find(world)), self.needs)

    def diagnosis(self, suspect: Suspect) -> Diagnosis:
        """The finding about a suspect."""
        message, remedy = (text.format_map(suspect.facts) for text in (self.message, self.remedy))
        place = (suspect.address, suspect.field, suspect.origin)
        return Diagnosis(self.code, message, suspect.where, remedy, *place, is_symptom=self.is_symptom)


class Verdict(Enum):
    """The outcome of a check."""

    OK = "ok"
    FOUND = "found"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"


class Checked(Struct, frozen=True):
    """A check's outcome; ``note`` says why it is not known."""

    code: str
    title: str
    verdict: Verdict
    note: str = ""
