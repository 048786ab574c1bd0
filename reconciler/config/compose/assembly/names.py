"""The project's name: from the command line, the environment, the file, or the directory; in that order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from reconciler.config.variables.interpolate import filled
from reconciler.config.variables.template import Variables
from reconciler.config.yaml.tree import Map, Place, placed
from reconciler.core.message.problem import SCHEMA, Problem, Severity
from reconciler.core.resource.resource import Origin
from reconciler.pattern import lazy_pattern
from reconciler.record import Struct

_UNUSABLE: Final = lazy_pattern(r"[^a-z0-9_-]")
_VARIABLE: Final = "COMPOSE_PROJECT_NAME"
_RULE: Final = "use small letters, digits, - and _, and begin with a letter or digit"


class ProjectName(Struct, frozen=True):
    """The name, or what is wrong with it."""

    text: str
    problems: tuple[Problem, ...] = ()


def normalised(name: str) -> str:
    """The name in the letters that Compose allows for projects."""
    return _UNUSABLE.sub("", name.lower()).lstrip("_-")


def project_name(given: str | None, variables: Variables, directory: Path, trees: Sequence[Map] = ()) -> ProjectName:
    """The name of the project; ``trees`` are the stack's files, if there are some. A later one counts."""
    said = given or variables.get(_VARIABLE)
    if said:
        is_possible = normalised(said) == said
        where = Origin("--project" if given else _VARIABLE)
        return ProjectName(
            said,
            () if is_possible else (Problem(f"`{said}` is not a valid project name; {_RULE}", where, code=SCHEMA),),
        )
    named = next((tree for tree in reversed(trees) if tree.get("name")), Map())
    # A name from the file or the folder is made to fit. One that somebody typed is theirs to correct.
    written = filled(named.get("name"), variables).tree
    name = normalised(written) if isinstance(written, str) else ""
    name = name or normalised(directory.name)
    place = placed(named, "name")
    if name or not trees:
        is_changed = place and isinstance(written, str) and name != written
        return ProjectName(name or "default", (_changed(written, name, place),) if place and is_changed else ())
    message = f"the project has no name; write one under `name`: {_RULE}"
    return ProjectName(
        "", (place.problem(message, code=SCHEMA) if place else Problem(message, Origin(str(directory)), code=SCHEMA),)
    )


def _changed(written: str, name: str, place: Place) -> Problem:
    """Warns of a name in which Compose leaves characters out without a word."""
    message = f"the project is named `{name}`, since `{written}` is not a valid name; {_RULE}"
    return place.problem(message, at_value=True, severity=Severity.WARNING, code=SCHEMA)


def with_name(variables: Variables, name: str) -> Variables:
    """The variables, and the project's name among them."""
    return Variables({**variables.values, _VARIABLE: name}, variables.declared)
