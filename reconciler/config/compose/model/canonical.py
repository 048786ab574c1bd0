"""The canonical model: what is implied filled in, names given, every value in the one form of the model.

What comes out is what ``docker compose config --format json`` prints, except that a literal dollar is one dollar.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from reconciler.config.compose.model.longform import long_form
from reconciler.config.compose.model.merge import laid_over
from reconciler.config.compose.model.model import CONTAINER, STACK
from reconciler.config.compose.model.mounts import clean
from reconciler.config.compose.model.shapes import record, variables
from reconciler.config.variables.template import Variables
from reconciler.config.yaml.tree import Items, Map, Tainted, Tree, each, from_pairs, like, placed, with_places
from reconciler.record import Struct
from reconciler.vocabulary import compose

_NAMED_SECTIONS: Final = ("networks", "volumes", "secrets", "configs")


class Surroundings(Struct, frozen=True):
    """The environment of a model: its dependencies besides the files."""

    project: str
    directory: Path
    variables: Variables


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
    changed = {key: change(service[key], around) for key, change in _FILLED.items() if service.get(key)}
    filled = with_places({**service, **changed}, service)
    # The model of Compose has the number of containers in both places.
    if "scale" in service and isinstance(service.get("deploy"), Map):
        filled["deploy"] = with_places({**filled["deploy"], "replicas": service["scale"]}, filled["deploy"])
    dependencies = {**_implied(service), **(service.get("depends_on") or {})}
    if dependencies:
        filled["depends_on"] = with_places(dependencies, service.get("depends_on"))
    if is_in_default_network(service) and not service.get("networks"):
        filled["networks"] = Map({"default": None})
    if service.get("pre_start"):
        # Its limits are merged by the paths of disks, which have other keys in the model.
        as_written = {"blkio_config": service["blkio_config"]} if "blkio_config" in service else {}
        lower = with_places({**filled, **as_written}, filled)
        filled["pre_start"] = each(service["pre_start"], lambda hook: _before_start(hook, lower))
    return filled


def _before_start(hook: Map, service: Map) -> Map:
    """A container that is run first: what the service is as a container, and over it what the hook says itself."""
    handed_on = {key: value for key, value in service.items() if key in CONTAINER and key != "volumes"}
    lower, upper = (Map({"services": Map({"": part})}) for part in (with_places(handed_on, service), hook))
    merged: Map = long_form(laid_over(lower, upper, []))["services"][""]
    changed = {key: change(merged[key]) for key, change in _OF_A_HOOK.items() if merged.get(key)}
    return with_places({**merged, **changed}, merged)


def _optional(env_file: Map) -> Map:
    """Compose says only of an env file that may be missing whether it may."""
    return with_places({key: part for key, part in env_file.items() if key != "required" or part is not True}, env_file)


def _throttles(blkio: Map) -> Map:
    """Limits of disk throughput; Compose prints the keys of its lists with a capital."""

    def capitalised(item: Map) -> Map:
        return from_pairs((key.capitalize(), part, placed(item, key)) for key, part in item.items())

    changed = {key: each(part, capitalised) if isinstance(part, Items) else part for key, part in blkio.items()}
    return with_places(changed, blkio)


def _build(build: Map, around: Surroundings) -> Map:
    filled = dict(build)
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


def _mount(item: Map) -> Map:
    filled = with_places(item, item)
    if "target" in item:
        filled["target"] = like(item["target"], clean(item["target"]) or ".")
    bind = item.get("bind")
    return _with_bind(filled, bind) if isinstance(bind, Map) else filled


def _with_bind(item: Map, bind: Map) -> Map:
    """The mount with these options; that the directory is made goes without saying."""
    said = {key: value for key, value in bind.items() if key != "create_host_path" or value is not True}
    return with_places({**item, "bind": with_places(said, bind)}, item)


def _hook_mount(item: Map) -> Map:
    """A mount of a hook: here Compose takes a long form as it is, and makes no directory that nobody asks for."""
    bind = item.get("bind")
    return item if not isinstance(bind, Map) else _with_bind(item, Map({"create_host_path": False, **bind}))


_OF_A_HOOK: Final[Mapping[str, Callable[[Any], Tree]]] = {
    "blkio_config": _throttles,
    "env_file": lambda files: each(files, _optional),
    "volumes": lambda mounts: each(mounts, _hook_mount),
}
Change = Callable[[Tree, Surroundings], Tree]


_FILLED: Final[Mapping[str, Change]] = {
    "blkio_config": lambda blkio, _around: _throttles(blkio),
    "build": _build,
    "environment": lambda given, around: looked_up(variables(given), around.variables),
    "pull_policy": lambda policy, _around: "missing" if policy == "if_not_present" else policy,
    "volumes": lambda items, _around: each(items, _mount),
}
"""What Compose fills in, attribute by attribute."""


def _implied(service: Map) -> Mapping[str, Map]:
    """Services that this one is linked to, shares a namespace with or mounts the volumes of must be there first."""
    shared = [str(service[space]) for space in compose.NAMESPACES if isinstance(service.get(space), str)]
    spaces = [space.removeprefix(compose.SERVICE) for space in shared if space.startswith(compose.SERVICE)]
    return {
        **{name: _implied_edge(restart=False) for name in mounted_from(service)},
        **{name: _implied_edge(restart=True) for name in (*spaces, *linked(service))},
    }


def _implied_edge(*, restart: bool) -> Map:
    return Map({"condition": "service_started", "restart": restart, "required": True})


def linked(service: Map) -> list[str]:
    """The services that ``links`` names; with two colons Compose takes all of it for the name."""
    links = [str(link) for link in service.get("links") or ()]
    return [link.partition(":")[0] if link.count(":") == 1 else link for link in links]


def mounted_from(service: Map) -> list[str]:
    """The services that ``volumes_from`` names."""
    sources = [str(source) for source in service.get("volumes_from") or ()]
    return [source.partition(":")[0] for source in sources if not source.startswith(compose.CONTAINER)]


def is_in_default_network(service: Map) -> bool:
    """Returns whether the service needs the default network, by naming it or by naming none."""
    if "network_mode" in service or "provider" in service:
        return False
    return not service.get("networks") or "default" in service["networks"]


def _with_networks(document: Map) -> Map:
    """The implicit default network, where a service uses it."""
    networks = document.get("networks") or Map()
    used = any(is_in_default_network(service) for service in document["services"].values())
    if not used or "default" in networks:
        return document
    return Map({**document, "networks": with_places({**networks, "default": None}, networks)}, document.places)


def _named(document: Map, around: Surroundings) -> Map:
    """Networks, volumes and files with the names that the engine knows them by."""
    filled = dict(document)
    for section in _NAMED_SECTIONS:
        resources = document.get(section) or Map()
        named = {key: _resource(key, value or Map(), around) for key, value in resources.items()}
        filled[section] = with_places(named, resources)
    return with_places(filled, document)


def _resource(key: str, given: Map, around: Surroundings) -> Map:
    filled: dict[str, Tree] = dict(given)
    if given.get("name") is None:
        filled["name"] = key if given.get("external") else f"{around.project}_{key}"
    return with_places(filled, given)
