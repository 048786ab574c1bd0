"""The differences inside two long values that are known to differ; the only place that imports deepdiff."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reconciler.core.values import Value
from reconciler.render.values import shown


def explained(before: Value, after: Value) -> list[str]:
    """The single differences of two nested values: ``[3] a → b``, ``+ c``, ``- d``. Secrets stay hidden."""
    from deepdiff import DeepDiff

    found = DeepDiff(before, after, view="tree", zip_ordered_iterables=False)
    return [text for kind, levels in found.items() for level in levels for text in _difference(kind, level)]


def _difference(kind: str, level: Any) -> Iterator[str]:
    path = level.path(output_format="list")
    place = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path if key != "_text")
    match kind:
        case "iterable_item_added" | "dictionary_item_added":
            yield f"+ {shown(level.t2)}"
        case "iterable_item_removed" | "dictionary_item_removed":
            yield f"- {shown(level.t1)}"
        case _ if path and path[-1] == "_text":
            yield f"{place} (secret) → (another secret)"
        case _:
            yield f"{place} {shown(level.t1)} → {shown(level.t2)}"
