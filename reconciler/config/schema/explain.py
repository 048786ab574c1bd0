"""The errors of a JSON Schema validator in words: key or value, expectation, nearest right name.

Knows no library: it is handed errors with the attributes of jsonschema's ValidationError.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from reconciler.config.schema.wording import MESSAGES, expectation, in_its_words, instead, list_of, missing_name
from reconciler.config.yaml.suggest import nearest
from reconciler.config.yaml.tree import TreePath, dotted
from reconciler.record import Struct

_MOST_WORDS: Final = 8
_MOST_HINTS: Final = 100  # in one mapping; where more is wrong, it is something else that is wrong


class Fault(Struct, frozen=True):
    """A mistake in the value at a path, or in its key. ``kind`` is the schema's keyword that it violates.

    ``name`` is the key that is missing, or the one that was probably meant. ``count`` is greater than 1 where it stands
    for further mistakes that are not explained.
    """

    path: TreePath
    message: str
    at_key: bool = False
    kind: str = ""
    name: str = ""
    count: int = 1


def explained(
    errors: Iterable[Any], schema: Mapping[str, Any], original: Callable[[TreePath], TreePath]
) -> Iterator[Fault]:
    """Every error in words, without those that follow from another; ``original`` gives the paths that users know."""
    found = [fault for error in errors for fault in _explain(error, original(tuple(error.absolute_path)), schema)]
    meant = {(*fault.path[:-1], fault.name) for fault in found if fault.kind == "unknown"}
    seen: set[tuple[TreePath, str]] = set()
    for fault in found:
        is_again = fault.kind == "type" and (fault.path, "type") in seen
        is_meant = fault.kind == "required" and (*fault.path, fault.name) in meant
        if not is_again and not is_meant:
            yield fault
        seen.add((fault.path, fault.kind))


def _explain(error: Any, path: TreePath, schema: Mapping[str, Any]) -> Iterator[Fault]:
    if "propertyNames" in error.relative_schema_path:
        yield _bad_name(error, path)
    elif error.validator in ("anyOf", "oneOf"):
        yield from _best_branch(error, path, schema)
    elif error.validator == "additionalProperties":
        yield from _unknown_keys(error, path, schema)
    else:
        say = MESSAGES.get(error.validator, in_its_words)
        where = dotted(path) or "the file"
        name = missing_name(error) if error.validator == "required" else ""
        yield Fault(path, f"{where} {say(error)}", kind=str(error.validator), name=name)


def _best_branch(error: Any, path: TreePath, schema: Mapping[str, Any]) -> Iterator[Fault]:
    """The complaints of the alternative that fits best; never that none of them does."""
    branches: dict[Any, list[Any]] = {}
    for child in error.context:
        branches.setdefault(child.relative_schema_path[0], []).append(child)
    fitting = [branch for branch in branches.values() if not any(map(_is_wrong_type, branch))]
    if not fitting:
        wanted = [name for branch in branches.values() for child in branch for name in _wanted_types(child)]
        where = dotted(path) or "the file"
        yield Fault(path, f"{where} {instead(wanted, error)}", kind="type")
        return
    best = min(fitting, key=lambda branch: (len(branch), -max(len(child.path) for child in branch)))
    for child in best:
        yield from _explain(child, (*path, *child.relative_path), schema)


def _is_wrong_type(child: Any) -> bool:
    return child.validator == "type" and not child.relative_path


def _wanted_types(child: Any) -> list[str]:
    if not _is_wrong_type(child):
        return []
    wanted = child.validator_value
    return [wanted] if isinstance(wanted, str) else list(wanted)


def _unknown_keys(error: Any, path: TreePath, schema: Mapping[str, Any]) -> Iterator[Fault]:
    known = error.schema.get("properties", {})
    patterns = error.schema.get("patternProperties", {})
    where = f" in {dotted(path)}" if path else ""
    unknown = [key for key in error.instance if key not in known and not any(re.search(each, key) for each in patterns)]
    for number, key in enumerate(unknown):
        is_hinted = number < _MOST_HINTS
        near = (_synonym(key, known) or nearest(key, list(known)) or "") if is_hinted else ""
        hint = _hint(key, near, list(known), schema, error.instance[key]) if is_hinted else ""
        hint = hint or expectation(error)
        yield Fault((*path, key), f"unknown key `{key}`{where}{hint}", at_key=True, kind="unknown", name=near)


def _synonym(key: str, known: Iterable[str]) -> str:
    names = _SYNONYMS.get(key.lower(), "").split()
    return next((name for name in names if name.partition(".")[0] in known), "")


def _hint(key: str, near: str, known: list[str], schema: Mapping[str, Any], value: Any) -> str:
    """Suggests a key that may stand here, or the place for this one."""
    if near:
        return f"; write `{near}`" if near == _synonym(key, known) else f"; did you mean `{near}`?"
    homes = ["services"] if "services" in known and _is_service(value) else _homes(schema, key)
    if homes:
        return f"; it belongs {' or '.join(f'under `{home}`' if home else 'at the top level' for home in homes[:2])}"
    if known and len(known) <= _MOST_WORDS:
        return f"; expected {list_of(known)}"
    return ""


def _is_service(value: Any) -> bool:
    return isinstance(value, dict) and ("image" in value or "build" in value)


# Names of one level each; where there are several, the first that may stand there.
_SYNONYMS: Final[Mapping[str, str]] = {
    "memory": "mem_limit",
    "mem": "mem_limit memory",
    "memory_limit": "mem_limit",
    "cpu": "cpus",
    "cpu_limit": "cpus",
    "cmd": "command test",
    "args": "command",
    "command": "test",
    "env": "environment",
    "envs": "environment",
    "env_vars": "environment",
    "envfile": "env_file",
    "restart_policy": "restart",
    "dockerfile": "build.dockerfile",
    "context": "build.context",
    "workdir": "working_dir",
    "name": "container_name",
    "grace_period": "stop_grace_period",
    "stop_timeout": "stop_grace_period",
    "health_check": "healthcheck",
    "hosts": "extra_hosts",
    "capabilities": "cap_add",
    "log_driver": "logging.driver",
    "limits": "deploy.resources.limits",
    "resources": "deploy.resources",
    "replica_count": "deploy.replicas",
    "path": "context file",
    "destination": "target",
    "dest": "target",
    "dst": "target",
    "src": "source",
    "ip": "ipv4_address",
    "ip_address": "ipv4_address",
    "options": "driver_opts",
    "redirect_uris": "redirectUris",
    "mappers": "protocolMappers",
    "scopes": "defaultClientScopes",
    "first_name": "firstName",
    "last_name": "lastName",
    "client_id": "clientId",
}


def _homes(schema: Mapping[str, Any], key: str) -> list[str]:
    """Lists the places for the key in the schema; the shortest path first."""
    found = {".".join(home) for known, home in _keys(schema, schema, (), frozenset()) if known == key}
    return sorted(found, key=lambda home: (len(home), home))


def _keys(
    node: Any, root: Mapping[str, Any], home: tuple[str, ...], seen: frozenset[str]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    if not isinstance(node, dict):
        return
    target = node.get("$ref", "")
    named = root.get("$defs", {}).get(target.removeprefix("#/$defs/"))
    # A definition may contain itself, such as a group its subgroups: each is followed once on a path.
    if named and target not in seen:
        yield from _keys(named, root, home, seen | {target})
    for key, child in node.get("properties", {}).items():
        yield key, home
        yield from _keys(child, root, (*home, key), seen)
    if isinstance(node.get("additionalProperties"), dict):
        yield from _keys(node["additionalProperties"], root, (*home, "NAME"), seen)
    yield from _keys(node.get("items"), root, home, seen)
    for branch in (*node.get("anyOf", ()), *node.get("oneOf", ())):
        yield from _keys(branch, root, home, seen)


def _bad_name(error: Any, path: TreePath) -> Fault:
    name = str(error.instance)
    where = f" in {dotted(path)}" if path else ""
    return Fault(
        (*path, name), f"`{name}`{where} is no possible name{expectation(error)}", at_key=True, kind="propertyNames"
    )
