"""Defaults of a file, filled in before others are merged over it, so that lists merge as in Compose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reconciler.config.compose.model.shapes import Shape
from reconciler.config.yaml.tree import Map, Tree, each, like, with_places


def with_defaults(document: Map) -> Map:
    """The document, in long form, with these defaults."""
    return _changed(document, {"services": _services})


def _changed(value: Map, changes: Mapping[str, Shape]) -> Map:
    """The mapping with these keys changed, where it has them."""
    done = {key: change(value[key]) for key, change in changes.items() if value.get(key) is not None}
    return with_places({**value, **done}, value) if done else value


def _services(services: Map) -> Map:
    return with_places({name: _changed(service, _SERVICE) for name, service in services.items()}, services)


def _build(build: Map) -> Map:
    """A build without a context has that of the files that say it, not of those that include them."""
    return build if "context" in build else with_places({**build, "context": "."}, build)


def _port(item: Map) -> Map:
    return with_places({"protocol": "tcp", "mode": "ingress", **item}, item)


def _secret(item: Map) -> Map:
    source = item.get("source") or ""
    return with_places({"target": like(source, "/run/secrets/" + str(source)), **item}, item)


def _device(item: Map) -> Map:
    return item if "count" in item or "device_ids" in item else with_places({**item, "count": "all"}, item)


def _bind(bind: Map) -> Map:
    return with_places({"create_host_path": True, **bind}, bind)


def _mount(item: Map) -> Map:
    return _changed(item, {"bind": _bind})


def _deploy(deploy: Map) -> Map:
    return _changed(deploy, {"resources": _resources})


def _resources(resources: Map) -> Map:
    return _changed(resources, {"reservations": _reservations})


def _reservations(reservations: Map) -> Map:
    return _changed(reservations, {"devices": _devices})


def _devices(devices: Tree) -> Tree:
    return each(devices, _device)


_SERVICE: Final[Mapping[str, Shape]] = {
    "build": _build,
    "deploy": _deploy,
    "gpus": _devices,
    "ports": lambda ports: each(ports, _port),
    "secrets": lambda secrets: each(secrets, _secret),
    "volumes": lambda volumes: each(volumes, _mount),
}
