"""The part of a step that is done, where its server counts: bytes of an image, steps of a build."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Amount:
    """So much of so much, in a unit; ``bytes`` and ``objects`` come at a steady rate."""

    done: float
    total: float
    unit: str
