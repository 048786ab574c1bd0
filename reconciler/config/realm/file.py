"""One users.yaml: its text, its documents as they are written, and the fragments of realms in them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from reconciler.config.yaml.parse import keys_twice, parse_plain
from reconciler.config.yaml.places import Outline
from reconciler.config.yaml.scalars import spelled
from reconciler.config.yaml.textfile import USERS_LIMIT, TextFile, read_text
from reconciler.config.yaml.tree import Place, Tree, TreePath
from reconciler.core.message.problem import OTHER, Problem, Severity
from reconciler.core.resource.options import OPTIONS
from reconciler.record import Struct, replace

_STEPS_TO_ITEMS: Final = 2  # from a realm: the section, the item


class Fragment(Struct, frozen=True):
    """A realm, or a part of one; ``path`` leads to it in its file, the number of the document first."""

    path: TreePath
    realm: Mapping[str, Tree]


class UsersFile(Struct, frozen=True, dict=True):
    """A file and its documents, in plain dicts and lists: there may be many thousand users."""

    file: TextFile
    documents: tuple[Tree, ...]
    problems: tuple[Problem, ...] = ()
    """Odd and wrong things that do not keep the rest from being checked."""
    is_complete: bool = True
    """False where users are missing that a file declares."""

    def fragments(self) -> Iterator[Fragment]:
        """The realms, in whichever of the forms they are written: one, a list, under `realms`, several documents."""
        for number, document in enumerate(self.documents):
            yield from _fragments(document, (number,))

    def settings(self) -> Iterator[tuple[TreePath, Mapping[str, Tree]]]:
        """The value of `x-reconcile` at the top of each document."""
        for number, document in enumerate(self.documents):
            found = document.get(OPTIONS) if isinstance(document, dict) else None
            if isinstance(found, dict):
                yield (number, OPTIONS), found

    def with_documents(self, documents: tuple[Tree, ...]) -> UsersFile:
        return replace(self, documents=documents)

    @cached_property
    def outline(self) -> Outline:
        return _outline(self)

    def place(self, path: TreePath) -> Place:
        return self.outline.find(path)

    def problem(
        self,
        path: TreePath,
        message: str,
        *,
        at_value: bool = False,
        severity: Severity = Severity.ERROR,
        code: str = OTHER,
    ) -> Problem:
        return self.place(path).problem(message, at_value=at_value, severity=severity, code=code)


def read_users(path: Path, directory: Path) -> UsersFile:
    """Parse the file. Raises ConfigError."""
    file = read_text(path, directory=directory, limit=USERS_LIMIT)
    found = _as_json(file) if file.text.lstrip()[:1] in ("{", "[") else None
    return found or UsersFile(file, parse_plain(file))


def _as_json(file: TextFile) -> UsersFile | None:
    """The text as JSON, which is read ten times as fast; None where it is none, or where an error has to be told.

    Of a key that an object has twice the last one counts, as in Keycloak, of whose exports some were edited by hand.
    """
    objects = _Objects()
    try:
        document = json.loads(
            file.text, object_pairs_hook=objects.made, parse_constant=_refused, parse_float=spelled, parse_int=spelled
        )
    except (ValueError, RecursionError):
        return None
    return UsersFile(file, (document,), keys_twice(file) if objects.some_twice else ())


class _Objects(Struct):
    """Makes the objects of a file, and notes whether one of them has a key twice."""

    some_twice: bool = False

    def made(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        self.some_twice |= len(found) < len(pairs)
        return found


def _refused(constant: str) -> Any:
    """NaN and infinities, which are told of where YAML is read."""
    raise ValueError(constant)


def _fragments(document: Tree, path: TreePath) -> Iterator[Fragment]:
    if isinstance(document, list):
        for index, realm in enumerate(document):
            yield from _fragments(realm, (*path, index))
    elif isinstance(document, dict) and "realms" in document:
        yield from _fragments(document["realms"], (*path, "realms"))
    elif isinstance(document, dict) and document.keys() - {OPTIONS}:
        yield Fragment(path, document)


def _outline(users: UsersFile) -> Outline:
    steps = max((len(fragment.path) for fragment in users.fragments()), default=1)
    return Outline(users.file, steps + _STEPS_TO_ITEMS)
