"""Variables in a whole document: every text in it is filled in, and made a number where Compose wants one."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any, Final

from reconciler.config.variables.casts import NO_CASTS, Cast, Casts, NotCastable, is_old_boolean
from reconciler.config.variables.template import COMPOSE, Dialect, Variables, interpolate
from reconciler.config.yaml.scalars import Scalar
from reconciler.config.yaml.tree import Items, Map, Place, Tainted, Tree, TreePath, dotted
from reconciler.core.message.problem import SCHEMA, VARIABLE, Problem, Severity
from reconciler.record import Struct, field, replace


class Misfit(Struct, frozen=True):
    """A text that can't be filled in, or does not fit where it stands.

    ``dollar`` counts the dollars of the text before the one that is wrong; None where the whole text is.
    ``undefined`` is the name of an undefined variable, which Compose forgives. ``is_unset`` is true of each missing
    value.
    """

    path: TreePath
    message: str
    severity: Severity = Severity.ERROR
    dollar: int | None = None
    undefined: str = ""
    code: str = VARIABLE
    is_unset: bool = False

    def problem(self, place: Place) -> Problem:
        if self.dollar is None:
            return place.problem(self.message, at_value=True, severity=self.severity, code=self.code)
        position = dollar_position(place, self.dollar)
        found = place.file.problem(self.message, *position, self.severity, code=self.code)
        return replace(found, is_unset=self.is_unset)


class Filled(Struct, frozen=True):
    """A document with its variables filled in, and what is wrong with them.

    ``tainted`` says whether a secret flowed into any text.
    """

    tree: Tree
    misfits: tuple[Misfit, ...] = ()
    tainted: bool = False


def filled(
    tree: Tree, variables: Variables, *, casts: Casts = NO_CASTS, dialect: Dialect = COMPOSE, strict: bool = True
) -> Filled:
    """The document with its variables filled in.

    ``strict`` makes an undefined variable an error; otherwise it is a warning, and the empty text, as in Compose.
    """
    walk = _Walk(variables, dialect, strict)
    done = walk.value(tree, casts, ())
    return Filled(done, tuple(walk.misfits), walk.tainted)


_MOST_FILLED: Final = 20_000_000
_Trail = tuple[Any, ...]
"""A path from its end: the last key, then the trail to what is above. Cheap to make for each of a million values."""


def _path(trail: _Trail) -> TreePath:
    path: list[str | int] = []
    while trail:
        path.append(trail[0])
        trail = trail[1]
    return tuple(reversed(path))


class _Walk(Struct):
    variables: Variables
    dialect: Dialect
    strict: bool
    misfits: list[Misfit] = field(default_factory=list)
    tainted: bool = False
    filled: int = 0
    flooded: bool = False

    def value(self, value: Tree, casts: Casts, trail: _Trail) -> Tree:
        """The value filled in; the very same object where there was nothing to fill in."""
        if isinstance(value, str):
            return self._text(value, casts, trail) if casts or "$" in value else value
        if isinstance(value, dict):
            return self._mapping(value, casts, trail)
        if isinstance(value, list):
            return self._list(value, casts, trail)
        return value

    def _mapping(self, value: dict[str, Tree], casts: Casts, trail: _Trail) -> Tree:
        changed = {}
        for key, old in value.items():
            below = _below(casts, key) if casts else NO_CASTS
            if type(old) is str and not below and "$" not in old:
                continue  # most values of most files
            new = self.value(old, below, (key, trail))
            if new is not old:
                changed[key] = new
        if not changed:
            return value
        merged = {**value, **changed}
        # Places are by key and stay true: filling in changes values, and neither adds nor removes a key.
        return Map(merged, value.places) if isinstance(value, Map) else merged

    def _list(self, value: list[Tree], casts: Casts, trail: _Trail) -> Tree:
        below = _below(casts, "*")
        new = [self.value(old, below, (index, trail)) for index, old in enumerate(value)]
        if all(map(operator.is_, new, value)):
            return value
        return Items(new, value.places) if isinstance(value, Items) else new

    def _text(self, text: str, casts: Casts, trail: _Trail) -> Scalar:
        new, faults = interpolate(text, self.variables, self.dialect)
        self.tainted = self.tainted or isinstance(new, Tainted)
        # A variable of a megabyte, named a thousand times, would fill the memory before any schema sees it.
        self.filled += len(new) if new is not text else 0
        if self.filled > _MOST_FILLED:
            self._report_flood(trail)
            return text
        for fault in faults:
            severity = Severity.WARNING if fault.undefined and not self.strict else Severity.ERROR
            # Counted in dollars, as quoting and folding move every other character between the file and the text.
            dollar = text.count("$", 0, fault.index)
            misfit = Misfit(_path(trail), fault.message, severity, dollar, fault.undefined, is_unset=fault.is_unset)
            self.misfits.append(misfit)
        cast = casts.get("") if casts else None
        return self._cast(new, cast, _path(trail)) if cast and not faults else new  # type: ignore[arg-type]

    def _report_flood(self, trail: _Trail) -> None:
        if not self.flooded:
            said = f"with variables filled in the file has more than {_MOST_FILLED // 1_000_000} million letters"
            self.misfits.append(Misfit(_path(trail), said))
        self.flooded = True

    def _cast(self, text: str, cast: Cast, path: TreePath) -> Scalar:
        try:
            value = cast(text)
        except NotCastable as error:
            # The message must not show a password that stands where a number belongs.
            found = "a secret" if isinstance(text, Tainted) else f"`{text}`"
            self.misfits.append(Misfit(path, f"{dotted(path)} must be {error.wanted}, but is {found}", code=SCHEMA))
            return text
        if isinstance(value, bool) and is_old_boolean(text):
            said = f"{dotted(path)}: write {str(value).lower()}; `{text}` is no boolean in YAML 1.2"
            self.misfits.append(Misfit(path, said, Severity.WARNING, code=SCHEMA))
        return value


def _below(casts: Casts, key: str) -> Casts:
    if not casts:
        return NO_CASTS
    below = casts.get(key) or casts.get("*")
    return below if isinstance(below, Mapping) else NO_CASTS


def dollar_position(place: Place, ordinal: int) -> tuple[int, int]:
    """Line and column of the value's dollar number ``ordinal``, counting from 0, however the text was quoted."""
    line, column = place.value_line, place.value_column
    for number in range(line, len(place.file.lines) + 1):
        text = place.file.lines[number - 1]
        start = column - 1 if number == line else 0
        while (found := text.find("$", start)) >= 0:
            if ordinal == 0:
                return number, found + 1
            ordinal, start = ordinal - 1, found + 1
    return line, column
