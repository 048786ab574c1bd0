"""The natural keys of Keycloak's types, by which two objects of a realm are the same."""

from __future__ import annotations

from typing import Final

from reconciler.config.yaml.tree import Tree, TreePath, reached
from reconciler.vocabulary.keycloak import COMPONENT_KEYS, INNER_KEYS, ROLE_KEYS, SECTIONS

_KEYS: Final = {**{name: section.keys for name, section in SECTIONS.items()}, **INNER_KEYS}
_UNLESS_SAID: Final = {"protocol": "openid-connect"}


def natural_key(path: tuple[str, ...], item: Tree) -> tuple[str | None, ...] | None:
    """The key of an item of the list at ``path`` (without numbers); None where it has none."""
    fields = _fields(path)
    if path[-1:] == ("users",) and isinstance(item, dict) and item.get("username") is None:
        fields = ("email",)  # which is the name where addresses are names
    if not fields or not isinstance(item, dict) or item.get(fields[0]) is None:
        return None
    values = tuple(item.get(field, _UNLESS_SAID.get(field)) for field in fields)
    if not all(isinstance(value, str | None) for value in values):
        return None
    # Keycloak keeps usernames in lower case, so two that differ by that are one.
    return tuple(str(value).lower() for value in values) if path[-1] == "users" else values


def numbered(realm: Tree, path: TreePath) -> TreePath:
    """The path with the number of an object in a list where it has the object's name."""
    found: list[str | int] = []
    names: tuple[str, ...] = ()
    tree = realm
    for step in path:
        key = step
        if isinstance(tree, list) and isinstance(step, str):
            # An address names objects, and a path in the file has their numbers.
            key = next((number for number, item in enumerate(tree) if step in (natural_key(names, item) or ())), step)
        elif isinstance(step, str):
            names = (*names, step)
        found.append(key)
        tree = reached(tree, (key,))
    return tuple(found)


def has_objects(path: tuple[str, ...]) -> bool:
    """Returns whether the list at this path is one of objects with a natural key."""
    return bool(_fields(path))


def _fields(path: tuple[str, ...]) -> tuple[str, ...]:
    if not path:
        return ()
    if path[0] == "roles":
        return ROLE_KEYS
    if path[0] == "components":
        return COMPONENT_KEYS
    return _KEYS.get(path[-1], ())
