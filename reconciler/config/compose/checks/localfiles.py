"""The files and folders of this machine that a stack needs, and those of them that can't be used.

Env files, label files and seccomp profiles are read while the stack is loaded, which reports them. All others are used
only when an image is built or a container is made: without this check, an apply would find out in its middle.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from reconciler.config.compose.checks.checks import Stack, impossible
from reconciler.config.compose.model.paths import is_remote
from reconciler.config.yaml.patterns import matches
from reconciler.config.yaml.textfile import FILE, FOLDER, SOCKET, shown_name, sort_of_special, why_unusable
from reconciler.config.yaml.tree import Map, Tainted, Tree, TreePath, dotted, reached
from reconciler.core.message.problem import UNREADABLE, Problem
from reconciler.record import Struct

_CONTEXT: Final = ("build", "context")
_DOCKERFILE: Final = "Dockerfile"
_ROWS: Final[tuple[tuple[tuple[str, ...], frozenset[str]], ...]] = (
    (_CONTEXT, frozenset({FOLDER})),
    (("build", "additional_contexts", "*"), frozenset({FOLDER})),
    (("build", "ssh", "*"), frozenset({FILE, SOCKET})),
)
"""Path below a service → the types of file that it may name. What is no absolute path by now is no path at all."""

_MOUNTED: Final = {
    "secrets": (("secrets", "*", "source"), ("build", "secrets", "*", "source")),
    "configs": (("configs", "*", "source"),),
}
"""Section of the stack → paths below a service that name one of its files."""


class _Needed(Struct, frozen=True):
    """A path that stands at ``path`` in the document, and the types of file that it may name."""

    path: TreePath
    file: Tree
    types: frozenset[str]


def usable_files(stack: Stack) -> Iterator[Problem]:
    """Checks every file that an active service needs, and that is not read before.

    A service with another mistake is left out: a misspelt attribute may be the reason for a wrong path.
    """
    for needed in dict.fromkeys(_needed(stack)):
        why = why_unusable(Path(str(needed.file)), needed.types)
        if why:
            shown = "(secret)" if isinstance(needed.file, Tainted) else f"`{_shown(needed, stack)}`"
            message = f"{dotted(needed.path)} needs {shown}: {why}"
            yield from impossible(stack.place(*needed.path), message, code=UNREADABLE)


def _shown(needed: _Needed, stack: Stack) -> str:
    return shown_name(Path(str(needed.file)), stack.around.directory)


def _needed(stack: Stack) -> Iterator[_Needed]:
    for name, service in stack.each():
        if stack.has_doubts("services", name):
            continue
        for pattern, types in _ROWS:
            for path, value, _ in matches(service, pattern):
                if _is_absolute(value):
                    yield _Needed(("services", name, *path), value, types)
        yield from _dockerfile(name, service)
    for section, patterns in _MOUNTED.items():
        used = {name for _, service in stack.each() for each in patterns for _, name, _ in matches(service, each)}
        for path, value, _ in matches(stack.document, (section, "*", "file")):
            is_reported = stack.has_doubts(section, str(path[1])) or sort_of_special(Path(str(value)))
            if path[1] in used and _is_absolute(value) and not is_reported:
                yield _Needed(path, value, frozenset({FILE, FOLDER}))


def _dockerfile(name: str, service: Map) -> Iterator[_Needed]:
    """The Dockerfile, which is a file of the context where no other place is given."""
    build, context = service.get("build"), reached(service, _CONTEXT)
    if not isinstance(build, Map) or build.get("dockerfile_inline") or not _is_absolute(context):
        return
    file = build.get("dockerfile") or _DOCKERFILE
    if not is_remote(str(file)) and Path(str(context)).is_dir():
        at = "dockerfile" if build.get("dockerfile") else "context"
        yield _Needed(("services", name, "build", at), _joined(context, file), frozenset({FILE}))


def _joined(context: Tree, file: Tree) -> Tree:
    path = str(Path(str(context)) / str(file))
    return Tainted(path) if isinstance(context, Tainted) or isinstance(file, Tainted) else path


def _is_absolute(value: Tree) -> bool:
    return isinstance(value, str) and value.startswith("/")


OF_STARTS: Final = (usable_files,)
