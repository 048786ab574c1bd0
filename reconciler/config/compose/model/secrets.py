"""The last step: a tree with places into the frozen values of a Document, secrets sealed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from reconciler.config.compose.model.attributes import forms
from reconciler.config.variables.template import Variables
from reconciler.config.yaml.tree import Place, Tainted, Tree, TreePath, dotted, placed
from reconciler.core.message.problem import CHECK, Problem, Severity
from reconciler.core.message.secrecy import holds_secret_words, looks_secret, sealed_arguments
from reconciler.core.resource.options import OPTIONS
from reconciler.core.resource.values import Secret, Value

_HOOKS: Final = tuple(("services", "*", hooks, "*") for hooks in ("post_start", "pre_start", "pre_stop"))
_BEFORE_START: Final = ("services", "*", "pre_start", "*")


def _of_services(*wanted: str) -> Iterator[tuple[str, ...]]:
    """The patterns of the attributes of a service that have one of these forms in the schema.

    A container that runs before a service has the same attributes.
    """
    for name, form in forms("service").items():
        if form in wanted:
            yield from (("services", "*", name), (*_BEFORE_START, name))


_NAMED: Final = frozenset(
    {
        *((*hook, key) for hook in _HOOKS for key in ("environment", "labels")),
        *_of_services("mapping"),
        ("networks", "*", "driver_opts"),
        ("networks", "*", "labels"),
        ("services", "*", "build", "args"),
        ("services", "*", "build", "labels"),
        ("services", "*", "logging", "options"),
        (*_BEFORE_START, "logging", "options"),
        ("services", "*", "provider", "options"),
        ("volumes", "*", "driver_opts"),
        ("volumes", "*", "labels"),
        (OPTIONS, "*"),
    }
) - {("services", "*", "sysctls"), (*_BEFORE_START, "sysctls")}
"""Places at which a name that looks like a secret's makes its value one, even if it is written in plain text."""

_MAY_BE_SECRET: Final = frozenset(
    {
        *((*hook, key) for hook in _HOOKS for key in ("command", "entrypoint")),
        *_of_services("command", "hosts", "mapping"),
        *_NAMED,
        ("configs", "*", "content"),
        ("services", "*", "healthcheck", "test"),
        ("x-",),
        (OPTIONS,),
    }
)
"""Places at which a secret stays one. Anywhere else (images, ports, names …) it is shown, as plain text is."""


def sealed_stack(model: Tree) -> Mapping[str, Value]:
    """The canonical model as values: lists as tuples, secrets as Secret."""
    value = _sealed(model, ())
    assert isinstance(value, Mapping)
    return value


def with_contents(stack: Mapping[str, Value], variables: Variables) -> Mapping[str, Value]:
    """The stack with the content of configs and secrets that come from a variable."""
    filled = {section: _from_variables(stack.get(section), section, variables) for section in ("configs", "secrets")}
    return {**stack, **{section: values for section, values in filled.items() if values}}


def _from_variables(files: Any, section: str, variables: Variables) -> Mapping[str, Value]:
    def content(name: str) -> Mapping[str, Value]:
        text = variables.get(name) or ""
        # A config from a secret variable is one, too; only the section says that it need not be.
        is_secret = section == "secrets" or variables.is_secret(name) or holds_secret_words(text)
        return {"content": Secret(text) if is_secret else text}

    return {
        key: {**file, **(content(file["environment"]) if "environment" in file else {})}
        for key, file in (files or {}).items()
    }


def _sealed(tree: Tree, path: tuple[str, ...], *, may_be_secret: bool = False) -> Value:
    inside = may_be_secret or path in _MAY_BE_SECRET
    match tree:
        case Tainted():
            return Secret(str(tree)) if inside else str(tree)
        # A text without a tainted variable may still have a password in it, such as a URL with credentials.
        case str() if inside and holds_secret_words(tree):
            return Secret(tree)
        case dict():
            named = path in _NAMED
            return {
                key: Secret(str(value))
                if named and isinstance(value, str) and value and looks_secret(key)
                else _sealed(value, _below(path, key), may_be_secret=inside)
                for key, value in tree.items()
            }
        case list():
            # An argument may be secret because of the one before it: `--password` and its value.
            items = tuple(_sealed(item, _below(path, "*"), may_be_secret=inside) for item in tree)
            return sealed_arguments(items) if inside else items
        case _:
            plain: Value = tree
            return plain


def _below(path: tuple[str, ...], key: str) -> tuple[str, ...]:
    """The pattern of a value's path; names of services and the like are "*", and x- keys lead to the open."""
    if key.startswith("x-"):
        return (key,) if key == OPTIONS and not path else ("x-",)
    return (*path, "*") if len(path) == 1 else (*path, key)


def exposed(model: Tree) -> Iterator[Problem]:
    """Warnings about secrets that flow where they have to be seen."""
    yield from _exposed(model, (), (), None)


def _exposed(tree: Tree, pattern: tuple[str, ...], path: TreePath, place: Place | None) -> Iterator[Problem]:
    if pattern in _MAY_BE_SECRET:
        return
    if isinstance(tree, Tainted) and place:
        message = f"{dotted(path)} has a secret in it, and is shown in plain text; use it in `environment` instead"
        yield place.problem(message, severity=Severity.WARNING, code=CHECK)
    keys = tree if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    for key in keys:
        below = _below(pattern, key if isinstance(key, str) else "*")
        yield from _exposed(tree[key], below, (*path, key), placed(tree, key) or place)
