"""The policy ``x-reconcile.policy.paths: project``: no path in the files may lead out of the project's directory."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from reconciler.config.compose.assembly.layers import Layer
from reconciler.config.compose.model.seccomp import profile_path
from reconciler.config.variables.template import Variables, interpolate
from reconciler.config.yaml.patterns import matches
from reconciler.config.yaml.textfile import shown_name
from reconciler.config.yaml.tree import Map, Tree, TreePath, deepest, like, reached
from reconciler.core.message.problem import CHECK, Problem
from reconciler.core.resource.options import OPTIONS

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
    "volumes.*.driver_opts.device",
)


_PROFILES: Final = ("services.*.security_opt.*", "services.*.pre_start.*.security_opt.*")


def is_confined(layers: Sequence[Layer], variables: Variables) -> bool:
    """Returns whether any of the files sets the policy; a later one can't lift it."""
    return any(_rule(layer.tree, variables) == "project" for layer in layers)


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
    for pattern in _PATTERNS:
        for path, value, _ in matches(document, tuple(pattern.split("."))):
            yield path, value
    for pattern in _PROFILES:
        for path, option, _ in matches(document, tuple(pattern.split("."))):
            yield path, like(option, profile_path(option, root) or "")
    # A Dockerfile is named relative to its context, which may itself lead outside.
    for path, build, _ in matches(document, ("services", "*", "build")):
        context, dockerfile = (reached(build, (key,)) for key in ("context", "dockerfile"))
        if isinstance(context, str) and isinstance(dockerfile, str):
            yield (*path, "dockerfile"), like(dockerfile, str(Path(context) / dockerfile))
