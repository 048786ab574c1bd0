"""Text into a Document: positions, schemas, interpolation, canonical forms, cross-checks."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reconciler.config.loader import (
        Loaded,
        Sources,
        declared_secrets,
        load,
        load_stack,
        missing_secrets,
        printable,
        secret_sources,
        secret_values,
        variables_of,
    )

__all__ = [
    "Loaded",
    "Sources",
    "declared_secrets",
    "load",
    "load_stack",
    "missing_secrets",
    "printable",
    "secret_sources",
    "secret_values",
    "variables_of",
]


def __getattr__(name: str) -> Any:
    """Import on first use: whoever wants no more than a schema does not pay for all."""
    if name not in __all__:
        raise AttributeError(name)
    return getattr(import_module("reconciler.config.loader"), name)
