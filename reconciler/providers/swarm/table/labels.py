"""The owner of a service, network, config or secret, written as ``docker stack deploy`` writes it.

So ``docker stack ls``, ``ps``, ``services`` and ``rm`` work on what we made, and a deployed stack is ours to look after
without an update.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from reconciler.providers.docker.table import labels

NAMESPACE: Final = f"{labels.STACK}namespace"
IMAGE: Final = f"{labels.STACK}image"
"""On a service: its image as the file has it, by which the Docker CLI knows whether that was changed."""

DIGEST: Final = f"{labels.OWN}digest"
"""On a config or secret: a digest of its content, since that of a secret can't be read back."""

LEASE: Final = f"{labels.OWN}lease"
"""On a config that says that a run is at work: the name of its mark."""

LOCK: Final = labels.LOCK


def of_stack(project: str) -> dict[str, str]:
    """The label by which everything of a stack is known."""
    return {NAMESPACE: project}


def is_of_stack(marks: Mapping[str, str] | None, project: str) -> bool:
    """Returns whether something belongs to this stack."""
    return (marks or {}).get(NAMESPACE) == project


def declared_only(marks: Mapping[str, str] | None) -> dict[str, str]:
    """The labels that a file could have asked for."""
    return labels.declared_only(marks)


def undeclared(marks: Any) -> dict[str, str]:
    """The labels that no file asks for; an update keeps them."""
    declared = labels.declared_only(marks)
    return {key: value for key, value in (marks or {}).items() if key not in declared}
