"""The canonical model: defaults filled in, paths made absolute, names given, every value in the one form of the model.

What comes out is what ``docker compose config --format json`` prints, except that a literal dollar is one dollar.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reconciler.config.model import STACK
from reconciler.config.mounts import clean
from reconciler.config.shapes import record, variables
from reconciler.config.template import Variables
from reconciler.config.tree import Map, Tainted, Tree, each, like, with_places

_REMOTE: Final = ("https://", "http://", "git://", "ssh://", "github.com/", "git@")
_WINDOWS: Final = re.compile(r"[A-Za-z]:[\\/]|\\\\")
_SHARED_SPACES: Final = ("network_mode", "ipc", "pid", "uts", "cgroup")
_SERVICE_PREFIX: Final = "service:"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a model depends on besides its files. ``home`` is what ``~`` stands for, if known."""

    project: str
    directory: Path
    variables: Variables
    home: str | None = None

    def absolute(self, path: str) -> str:
        """The path from the project's directory; Compose's cleaning of joined paths included."""
        if path.startswith("~") and self.home:
            return like(path, _joined(self.home, path[1:]))
        if path.startswith("/") or _WINDOWS.match(path):
            return path
        return like(path, _joined(str(self.directory), path))


def _joined(base: str, path: str) -> str:
    return clean(f"{base}/{path!s}")


def canonical(document: Map, around: Surroundings) -> Map:
    """The model of a document in long form. Raises Malformed with all that can't be brought to its form."""
    services = document.get("services") or Map()
    done = {name: _service(service, around) for name, service in services.items()}
    whole = Map({**document, "name": around.project, "services": with_places(done, services)}, document.places)
    model = record(STACK)(_named(_with_networks(whole), around))
    assert isinstance(model, Map)
    return model


def _service(service: Map, around: Surroundings) -> Map:
    """The service with what Compose fills in."""
    filled: dict[str, Tree] = {**service}
    if "build" in service:
        filled["build"] = _build(service["build"], around)
    if "environment" in service:
        filled["environment"] = looked_up(variables(service["environment"]), around.variables)
    if service.get("pull_policy") == "if_not_present":
        filled["pull_policy"] = "missing"
    if service.get("volumes"):
        filled["volumes"] = each(service["volumes"], lambda item: _mount(item, around))
    if service.get("ports"):
        filled["ports"] = each(service["ports"], _port)
    if "scale" in service and isinstance(service.get("deploy"), Map):
        filled["deploy"] = Map({**service["deploy"], "replicas": service["scale"]}, service["deploy"].places)
    dependencies = {**_implied(service), **(service.get("depends_on") or {})}
    if dependencies:
        filled["depends_on"] = with_places(dependencies, service.get("depends_on"))
    if not service.get("networks") and "network_mode" not in service:
        filled["networks"] = Map({"default": None})
    return with_places(filled, service)


def _build(build: Map, around: Surroundings) -> Map:
    context = build.get("context", ".")
    is_path = context and "://" not in context and not context.startswith((*_REMOTE, _SERVICE_PREFIX))
    filled = {**build, "context": around.absolute(context) if is_path else context}
    if "dockerfile" not in build and "dockerfile_inline" not in build:
        filled["dockerfile"] = "Dockerfile"
    if "args" in build:
        found = looked_up(variables(build["args"]), around.variables)
        filled["args"] = with_places({key: value for key, value in found.items() if value is not None}, found)
    return with_places(filled, build)


def looked_up(values: Map, known: Variables) -> Map:
    """Names without a value get the one that the environment has for them."""

    def value(name: str) -> str | None:
        found = known.get(name)
        return Tainted(found) if found is not None and known.is_secret(name) else found

    return Map({name: value(name) if given is None else given for name, given in values.items()}, values.places)


def _mount(item: Map, around: Surroundings) -> Map:
    filled: dict[str, Tree] = dict(item)
    if "target" in item:
        filled["target"] = like(item["target"], clean(item["target"]) or ".")
    if item.get("type") == "bind" and item.get("source"):
        filled["source"] = around.absolute(item["source"])
    bind = item.get("bind")
    if isinstance(bind, Map) and bind.get("create_host_path") is True:
        filled["bind"] = with_places({key: bind[key] for key in bind if key != "create_host_path"}, bind)
    return with_places(filled, item)


def _port(item: Map) -> Map:
    return Map({"protocol": "tcp", "mode": "ingress", **item}, item.places)


def _implied(service: Map) -> Mapping[str, Map]:
    """Services that this one shares a namespace with must be there first."""
    shared = (str(service[space]) for space in _SHARED_SPACES if isinstance(service.get(space), str))
    return {
        space.removeprefix(_SERVICE_PREFIX): Map({"condition": "service_started", "restart": True, "required": True})
        for space in shared
        if space.startswith(_SERVICE_PREFIX)
    }


def _with_networks(document: Map) -> Map:
    """The implicit default network, where a service uses it."""
    networks = document.get("networks") or Map()
    used = any("default" in (service.get("networks") or {}) for service in document["services"].values())
    if not used or "default" in networks:
        return document
    return Map({**document, "networks": with_places({**networks, "default": None}, networks)}, document.places)


def _named(document: Map, around: Surroundings) -> Map:
    """Networks and volumes with the names that the engine knows them by."""
    filled = dict(document)
    for section in ("networks", "volumes"):
        resources = document.get(section) or Map()
        named = {key: _resource(section, key, value or Map(), around) for key, value in resources.items()}
        filled[section] = with_places(named, resources)
    return with_places(filled, document)


def _resource(section: str, key: str, given: Map, around: Surroundings) -> Map:
    filled: dict[str, Tree] = dict(given)
    if given.get("name") is None:
        filled["name"] = key if given.get("external") else f"{around.project}_{key}"
    options = given.get("driver_opts") or {}
    if section == "volumes" and given.get("driver") == "local" and options.get("o") == "bind" and "device" in options:
        filled["driver_opts"] = with_places({**options, "device": around.absolute(str(options["device"]))}, options)
    return with_places(filled, given)
