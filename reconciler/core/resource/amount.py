"""The part of a step that is done, where its server counts: bytes of an image, steps of a build."""

from __future__ import annotations

from reconciler.record import Struct


class Amount(Struct, frozen=True):
    """So much of so much, in a unit; ``bytes`` and ``objects`` come at a steady rate."""

    done: float
    total: float
    unit: str
