"""The stages of every layer of a stack. A stage notes what is wrong and removes it; the next one can go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeAlias

from reconciler.config.compose.assembly.layers import Layer
from reconciler.config.compose.assembly.level import Doubt, Findings, Level
from reconciler.config.compose.model.longform import long_form, refuse_port_bombs
from reconciler.config.compose.model.merge import laid_over, without
from reconciler.config.compose.model.shapes import Malformed
from reconciler.config.compose.model.unique import unique
from reconciler.config.schema.explain import Fault
from reconciler.config.schema.validator import load_schema
from reconciler.config.variables.casts import STACK_CASTS
from reconciler.config.variables.interpolate import filled
from reconciler.config.yaml.suggest import suggestion
from reconciler.config.yaml.tree import Items, Map, Tree, TreePath, deepest, pruned, with_places
from reconciler.core.message.errors import ConfigError
from reconciler.core.message.problem import SCHEMA, Problem, Severity
from reconciler.core.resource.options import OPTIONS
from reconciler.record import replace

_ALIKE: Final = 0.8
_MOST_HINTS: Final = 100
SECTIONS: Final = ("services", "networks", "volumes", "secrets", "configs", "models")

Check: TypeAlias = Callable[[Map, Findings], Map]
"""Returns the part of a document that fits the schema, and notes the rest."""


def with_layer(document: Map, tree: Map, layer: Layer, found: Findings, *, check: Check) -> Map:
    """The document with one more layer over it, whose ``tree`` is complete; checked, and in long form."""
    merged = unique(laid_over(without(document, layer.cleared), tree, found.problems))
    # Short and long forms of the same port or mount are the same only in long form, so there are twins once more.
    return unique(in_long_form(check(merged, found), found))


def variables_filled(layer: Layer, level: Level, found: Findings) -> Map:
    """The layer with its variables filled in."""
    done = filled(layer.tree, level.variables, casts=STACK_CASTS, strict=level.strict)
    known = tuple(level.variables.values)
    for number, misfit in enumerate(done.misfits):
        place, _ = deepest(layer.tree, misfit.path)
        # An undefined variable may stand in a service that is not active, so it is a doubt and no problem yet.
        if place and misfit.undefined:
            # A suggestion compares with every variable; in a file full of misspellings that takes minutes.
            hint = suggestion(misfit.undefined, known, alike=_ALIKE) if number < _MOST_HINTS else ""
            problem = replace(misfit, message=misfit.message + hint).problem(place)
            found.doubts.append(Doubt(misfit.path, problem, undefined=True))
        elif place:
            found.problems.append(misfit.problem(place))
    wrong = [each.path for each in done.misfits if each.severity is Severity.ERROR and not is_note(each.path)]
    found.gone.extend(wrong)
    return taken_out(done.tree, wrong)


def is_note(path: TreePath) -> bool:
    """Returns whether this stands under an ``x-`` key at the top that means nothing to us."""
    section = str(path[0])
    return section.startswith("x-") and section != OPTIONS


def fitting(document: Map, found: Findings) -> Map:
    """Keeps the part of the document that is known and of the right form."""
    faults = load_schema("stack").faults(document)
    found.problems.extend(problem for fault in faults for problem in _said(document, fault))
    return _without(document, faults, found)


def fitting_in_part(document: Map, found: Findings) -> Map:
    """The same for a document of which not all is used, and which may be completed elsewhere: doubts, no problems."""
    faults = [fault for fault in load_schema("stack").faults(document) if fault.kind != "required"]
    found.doubts.extend(Doubt(fault.path, problem) for fault in faults for problem in _said(document, fault))
    return _without(document, faults, found)


def _without(document: Map, faults: Sequence[Fault], found: Findings) -> Map:
    """The document without what is wrong; what was meant is gone too."""
    gone = [fault.path for fault in faults]
    found.gone.extend(gone)
    found.gone.extend((*fault.path[:-1], fault.name) for fault in faults if fault.kind == "unknown" and fault.name)
    return taken_out(document, gone)


def _said(document: Map, fault: Fault) -> list[Problem]:
    place, depth = deepest(document, fault.path)
    first = next(iter(document.places.values()), None)
    if place:
        problem = place.problem(fault.message, at_value=not fault.at_key and depth == len(fault.path), code=SCHEMA)
    elif first:
        problem = first.file.problem(fault.message, 1, 1, code=SCHEMA)
    else:
        return []
    return [replace(problem, count=fault.count)]


def taken_out(document: Map, paths: Sequence[TreePath]) -> Map:
    """The document without these values; a whole service is left empty, so that others can still name it."""
    kept = [path for path in paths if path and not (len(path) == 2 and path[0] in SECTIONS)]
    document = pruned(document, kept)
    emptied = [path for path in paths if len(path) == 2 and path[0] in SECTIONS]
    for section, name in emptied:
        values = document.get(str(section))
        if isinstance(values, Map):
            new = with_places({**values, str(name): Map()}, values)
            document = with_places({**document, str(section): new}, document)
    return document


def in_long_form(document: Map, found: Findings) -> Map:
    """The document in long form; what can't be read is left out. Raises ConfigError for what is too much."""
    try:
        refuse_port_bombs(document)
    except Malformed as error:
        faults = (fault for fault in error.faults if isinstance(fault, Problem))
        raise ConfigError([*found.problems, *faults]) from error
    # Most files are in order, so the faulty parts are sought only after a first try.
    try:
        return long_form(document)
    except Malformed as error:
        found.problems.extend(fault for fault in error.faults if isinstance(fault, Problem))
    return long_form(_readable(document, found))


def _readable(document: Map, found: Findings) -> Map:
    """The document without what has no long form."""
    bad: list[TreePath] = []
    for section in SECTIONS:
        for name, value in (document.get(section) or {}).items():
            parts = [(key, *rest) for key in value or () for rest in _unreadable(section, key, value[key])]
            # Each part is right by itself and the whole is not: then the whole is taken out.
            as_a_whole = [] if parts or _has_long_form(section, value) else [()]
            bad.extend((section, name, *path) for path in (*parts, *as_a_whole))
    found.gone.extend(bad)
    return taken_out(document, bad)


def _unreadable(section: str, key: str, value: Tree) -> Iterator[tuple[int, ...]]:
    """Lists the items of the value that have no long form; () for the value itself."""
    if not isinstance(value, Items):
        yield from () if _has_long_form(section, Map({key: value})) else [()]
        return
    yield from ((index,) for index, item in enumerate(value) if not _has_long_form(section, Map({key: Items([item])})))


def _has_long_form(section: str, value: Tree) -> bool:
    try:
        long_form(Map({section: Map({"": value})}))
    except Malformed:
        return False
    return True
