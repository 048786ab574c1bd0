"""The JSON Schemas: a quick yes or no from one library, and where it is no, an explanation from the other.

The only home of jsonschema and jsonschema_rs. The quick one (Rust) decides; the other is some hundred times slower
and imported only to explain, and sees no more of a long list than the items that are wrong.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, Final

from reconciler.config.schema.explain import Fault, explained
from reconciler.config.yaml.tree import Tree, TreePath, bare, dotted, reached, tainted
from reconciler.core.message.problem import MOST_LISTED, SCHEMA, Problem, more_mistakes
from reconciler.core.resource.resource import Origin
from reconciler.record import Struct

_LONG: Final = 50
_MOST_COUNTED: Final = 100_000
_OF_NAMES: Final = "propertyNames"
_ABOUT_PARTS: Final = frozenset({"additionalProperties", "anyOf", "oneOf", "required", _OF_NAMES})
_HERE: Final = Path(__file__).resolve().parents[1]


def schema_text(name: str) -> str:
    """The text of ``NAME.schema.json``: beside the package in a checkout, inside it where it is installed."""
    places = (_HERE.parent / "schemas", _HERE.parent.parent / "schemas")
    found = next((place for place in places if (place / f"{name}.schema.json").is_file()), places[0])
    return (found / f"{name}.schema.json").read_text(encoding="utf-8")


class _Refusal(Struct, frozen=True):
    """A no of the gate: where, for which keyword of the schema, in which words."""

    path: TreePath
    keyword: str
    message: str

    def is_among(self, found: Iterable[Fault]) -> bool:
        """Returns whether it is explained: at its place or, if its keyword is about the inside, in there."""
        if self.keyword in _ABOUT_PARTS:
            return any(fault.path[: len(self.path)] == self.path for fault in found)
        return any(fault.path == self.path for fault in found)


def _keyword(schema_path: Sequence[str | int]) -> str:
    return _OF_NAMES if _OF_NAMES in schema_path[-2:] else str(schema_path[-1])


def _unexplained(refusal: _Refusal, tree: Tree) -> Fault:
    """The gate's own words, where the two libraries disagree; not if they might tell a secret."""
    where = dotted(refusal.path) or "the file"
    is_secret = tainted(reached(tree, refusal.path))
    return Fault(refusal.path, f"{where} is not possible" if is_secret else f"{where}: {refusal.message}")


class Schema(Struct, frozen=True):
    """One schema, ready to be asked."""

    document: Mapping[str, Any]
    _gate: Any

    @property
    def unsupported(self) -> Mapping[tuple[str, ...], str]:
        """Paths that the schema names as understood but not carried out, with the reason."""
        found = self.document.get("x-unsupported", {})
        return {tuple(path.split(".")): reason for path, reason in found.items() if not path.startswith("$")}

    def faults(self, tree: Tree, *, is_plain: bool = False, explainer: Any = None) -> tuple[Fault, ...]:
        """Lists violations of the schema; empty if all fits.

        ``is_plain`` saves making a bare copy of the tree; ``explainer`` is a validator of jsonschema's to use.
        """
        plain = tree if is_plain else bare(tree)
        if self._gate.is_valid(plain):
            return ()
        refused, others = self._refused(plain)
        # jsonschema explains, and is a hundred times slower than the gate: it gets what the gate has refused, no
        # more.
        part, original = _only_faulty(tree, [each.path for each in refused])
        errors = (explainer or self._explainer()).iter_errors(part)
        found = list(explained(errors, self.document, original))
        # The two libraries differ in a few formats. A refusal that only one of them knows must not get lost.
        missed = {each.path: each for each in refused if not each.is_among(found)}
        return (*found, *(_unexplained(each, tree) for each in missed.values()), *_not_explained(others, found))

    def refused(self, plain: Any) -> Iterator[TreePath]:
        """The path of everything that does not fit, in a tree of plain values."""
        if not self._gate.is_valid(plain):
            yield from (tuple(error.instance_path) for error in self._gate.iter_errors(plain))

    def _refused(self, plain: Any) -> tuple[list[_Refusal], list[TreePath]]:
        """The places of the gate's first refusals, with its own words for them, and the places of all others."""
        errors = self._gate.iter_errors(plain)
        listed = [
            _Refusal(tuple(each.instance_path), _keyword(each.schema_path), each.message)
            for each in islice(errors, MOST_LISTED)
        ]
        seen = {each.path for each in listed}
        # The rest of the same iterator: after the ones that are listed, the others are only counted.
        paths = dict.fromkeys(tuple(each.instance_path) for each in islice(errors, _MOST_COUNTED))
        return listed, [path for path in paths if path not in seen]

    def _explainer(self) -> Any:
        import jsonschema

        return jsonschema.Draft202012Validator(dict(self.document))


def _not_explained(places: Iterable[TreePath], found: Iterable[Fault]) -> Iterator[Fault]:
    """One fault for all places at which, or inside of which, nothing was found: it has their number."""
    explained_at = {fault.path[:length] for fault in found for length in range(len(fault.path) + 1)}
    if others := [path for path in places if path not in explained_at]:
        yield Fault(others[0], more_mistakes(len(others)), count=len(others))


def plan_problems(saved: Any, file: str) -> list[Problem]:
    """Lists the mistakes in a saved plan; empty if it is valid."""
    faults = load_schema("plan").faults(saved, is_plain=True)
    return [Problem(fault.message, Origin(file), code=SCHEMA) for fault in faults]


@cache
def schema_document(name: str) -> Mapping[str, Any]:
    """The schema of that name as it is written, for readers of its definitions."""
    document: Mapping[str, Any] = json.loads(schema_text(name))
    return document


@cache
def load_schema(name: str) -> Schema:
    """The schema of that name: ``stack``, ``users`` or ``plan``."""
    return compiled(schema_document(name))


def compiled(document: Mapping[str, Any]) -> Schema:
    import jsonschema_rs

    return Schema(document, jsonschema_rs.validator_for(dict(document)))


def _only_faulty(tree: Any, paths: Sequence[TreePath]) -> tuple[Any, Callable[[TreePath], TreePath]]:
    """The tree with long lists cut down to the items on these paths, and how to find a path in the original."""
    indexes: dict[TreePath, list[int]] = {}
    part = _cut(tree, (), (), paths, indexes)

    def original(path: TreePath) -> TreePath:
        return tuple(_original_keys(path, indexes))

    return part, original


def _cut(
    tree: Any, path: TreePath, new_path: TreePath, faulty: Sequence[TreePath], indexes: dict[TreePath, list[int]]
) -> Any:
    if isinstance(tree, dict):
        return {key: _cut(value, (*path, key), (*new_path, key), faulty, indexes) for key, value in tree.items()}
    if not isinstance(tree, list | tuple):
        return tree
    kept = list(range(len(tree)))
    if len(tree) > _LONG:
        depth = len(path)
        kept = sorted({int(each[depth]) for each in faulty if len(each) > depth and each[:depth] == path})
        indexes[new_path] = kept
    return [_cut(tree[old], (*path, old), (*new_path, new), faulty, indexes) for new, old in enumerate(kept)]


def _original_keys(path: TreePath, indexes: Mapping[TreePath, list[int]]) -> Iterator[str | int]:
    for depth, key in enumerate(path):
        kept = indexes.get(path[:depth])
        yield kept[int(key)] if kept is not None else key
