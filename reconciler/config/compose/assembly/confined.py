"""The policy ``x-reconcile.policy.paths: project``: no path in the files may lead out of the project's directory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from reconciler.config.compose.assembly.layers import Layer
from reconciler.config.compose.model.seccomp import profile_path
from reconciler.config.variables.template import Variables, interpolate
from reconciler.config.yaml.patterns import matches
from reconciler.config.yaml.textfile import shown_name
from reconciler.config.yaml.tree import Map, Tree, TreePath, deepest, like, reached
from reconciler.core.message.problem import CHECK, Problem
from reconciler.core.resource.options import OPTIONS
from reconciler.pattern import lazy_pattern
from reconciler.vocabulary.compose import paths_of_options

_OF_A_CONTAINER: Final = ("env_file.*.path", "label_file.*", "volumes.*.source")
_PATTERNS: Final = (
    *(f"services.*.{pattern}" for pattern in _OF_A_CONTAINER),
    *(f"services.*.pre_start.*.{pattern}" for pattern in _OF_A_CONTAINER),
    "services.*.build.context",
    "services.*.build.additional_contexts.*",
    "services.*.build.ssh.*",
    "services.*.develop.watch.*.path",
    "configs.*.file",
    "secrets.*.file",
)
_PROFILES: Final = ("services.*.security_opt.*", "services.*.pre_start.*.security_opt.*")
_FROM_THE_DIRECTORY: Final = ("x-reconcile.login.ca_file",)
"""Paths that nothing has made absolute: they are seen from the project's directory."""

_CACHES: Final = ("services.*.build.cache_from.*", "services.*.build.cache_to.*")
_OF_A_CACHE: Final = ("src", "dest")
_LOGS: Final = ("services.*.logging.options.*", "services.*.pre_start.*.logging.options.*")
_SOCKET: Final = lazy_pattern(r"^unix\w*://")

CONFINED: Final = (
    *_PATTERNS,
    *_PROFILES,
    *_FROM_THE_DIRECTORY,
    *_CACHES,
    *_LOGS,
    "services.*.build.dockerfile",
    "volumes.*.driver_opts.*",
)
"""All that names a path of this machine, besides the files that are read on the way to one document."""


def is_confined(layers: Sequence[Layer], variables: Variables) -> bool:
    """Returns whether any of the files sets the policy; a later one can't lift it."""
    return any(_rule(layer.tree, variables) == "project" for layer in layers)


def has_rule(layers: Sequence[Layer]) -> bool:
    """Returns whether any of the files has a rule for paths, whatever it says."""
    return any(reached(layer.tree, (OPTIONS, "policy", "paths")) is not None for layer in layers)


def _rule(tree: Map, variables: Variables) -> str | None:
    """Known before anything else is read, so that nothing outside ever is."""
    written = reached(tree, (OPTIONS, "policy", "paths"))
    return interpolate(written, variables)[0] if isinstance(written, str) else None


def outside(path: str, root: Path) -> str | None:
    """Explains why the path is against the policy; None if it stays inside, also through symbolic links."""
    real = os.path.realpath(path)  # a Path.resolve fails for links in a circle
    if Path(real).is_relative_to(os.path.realpath(root)):
        return None
    shown = like(path, shown_name(Path(path), root))
    leads = "is" if real == str(path) else f"leads to {like(path, real)},"
    return f"`{shown}` {leads} outside of the project's directory; `x-reconcile.policy` allows only what is inside"


def problems(document: Map, root: Path) -> Iterator[tuple[TreePath, Problem]]:
    """Every value of a document with absolute paths that is against the policy, with where it is."""
    for path, value in _paths(document, root):
        # What does not begin so is the name of a volume, an address or the like.
        said = outside(value, root) if isinstance(value, str) and value.startswith("/") else None
        place, _ = deepest(document, path)
        if said and place:
            yield path, place.problem(said, at_value=True, code=CHECK)


def _paths(document: Map, root: Path) -> Iterator[tuple[TreePath, Tree]]:
    """Each path that the document names, with the place of the value that it is in."""
    for patterns, read in _READERS:
        for pattern in patterns:
            for path, value, _ in matches(document, tuple(pattern.split("."))):
                yield from ((path, like(value, each)) for each in read(value, root) if isinstance(value, str))
    yield from _of_volumes(document)
    # A Dockerfile is named relative to its context, which may itself lead outside.
    for path, build, _ in matches(document, ("services", "*", "build")):
        context, dockerfile = (reached(build, (key,)) for key in ("context", "dockerfile"))
        if isinstance(context, str) and isinstance(dockerfile, str):
            yield (*path, "dockerfile"), like(dockerfile, str(Path(context) / dockerfile))


def _of_volumes(document: Map) -> Iterator[tuple[TreePath, Tree]]:
    for path, volume, _ in matches(document, ("volumes", "*")):
        options = reached(volume, ("driver_opts",))
        driver = str(reached(volume, ("driver",)) or "local")
        for key, found in paths_of_options(driver, options) if isinstance(options, Map) else ():
            yield (*path, "driver_opts", key), like(options[key], found)


def _of_a_cache(cache: str, root: Path) -> Iterator[str]:
    """The directories that a cache of a build names: ``type=local,src=PATH``."""
    parts = (part.strip().partition("=") for part in cache.split(","))
    yield from (str(root / value) for key, _, value in parts if key.lower() in _OF_A_CACHE)


_READERS: Final[Sequence[tuple[Sequence[str], Callable[[Any, Path], Iterable[str]]]]] = (
    (_PATTERNS, lambda value, _root: (value,)),
    (_FROM_THE_DIRECTORY, lambda value, root: (str(root / value),)),
    (_PROFILES, lambda value, root: (profile_path(value, root) or "",)),
    (_CACHES, _of_a_cache),
    (_LOGS, lambda value, _root: (_SOCKET.sub("", value),)),
)
"""Patterns of values, with the function that gives the paths in one."""
