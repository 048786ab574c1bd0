"""One container as a service: all that neither its image nor the engine would give it by itself. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from reconciler.core.resource.options import OPTIONS
from reconciler.core.resource.values import ABSENT, Value
from reconciler.providers.docker.container import endpoints, one_shot, outside
from reconciler.providers.docker.container.volumes_from import VOLUMES_FROM
from reconciler.providers.docker.kinds.container import FINISHED, PROPERTIES, RUNNING
from reconciler.providers.docker.table import forms, labels
from reconciler.providers.docker.table.property import Json, dig, merged, plain_of
from reconciler.record import Struct, field

SECRETS: Final = "/run/secrets/"
"""The folder in which Compose mounts the files of secrets."""

DEFAULT: Final = "default"
"""The network that a service is in where the file names none."""

_APART: Final = frozenset(
    {
        *("state", "container_name", "image", "entrypoint", "command", "memswap_limit", "expose"),
        *("volumes", "volumes_from", "networks", "network_mode", "links", *outside.NAMESPACES),
    }
)
"""The properties that depend on others, or on other containers; they are not read off their row alone."""


class Names(Struct, frozen=True):
    """The file's names for what containers refer to.

    ``services`` has container id → service, ``containers`` id → name of all that there are, ``networks`` and
    ``volumes`` the engine's name → the key of the section. ``directory`` is that of the file. The ``separator`` is that
    of names which Compose makes.
    """

    project: str
    directory: str
    services: Mapping[str, str]
    containers: Mapping[str, str] = field(default_factory=dict)
    networks: Mapping[str, str] = field(default_factory=dict)
    volumes: Mapping[str, str] = field(default_factory=dict)
    separator: str = "-"

    def usual(self, service: str, number: str = "1") -> str:
        """The name that Compose gives to a container."""
        return self.separator.join((self.project, service, number))

    def container(self, reference: str) -> str:
        """``service:NAME`` for a container of the project, ``container:NAME`` for another one.

        The engine has the name or the id that it was given.
        """
        by_name = {name: each for each, name in self.containers.items()}
        # The engine keeps whichever of the two somebody wrote.
        is_id = bool(endpoints.ID.fullmatch(reference))
        by_id = next((each for each in self.containers if is_id and each.startswith(reference)), "")
        found = by_name.get(reference, by_id)
        if found in self.services:
            return f"service:{self.services[found]}"
        return f"container:{self.containers.get(found, reference)}"

    def path(self, source: str) -> str:
        """A path of the machine, relative where it is in the directory of the file."""
        base = self.directory.rstrip("/") + "/"
        return f"./{source.removeprefix(base)}" if source.startswith(base) else source


class Live(Struct, frozen=True):
    """A container to be written: what inspect shows, the Config of its image, and what the engine says of itself.

    ``reference`` is the name of its image. ``lent`` are the mounts that come from other containers.
    """

    inspect: Json
    image: Json
    reference: str
    info: Json
    lent: Mapping[str, Value] = field(default_factory=dict)

    @property
    def labels(self) -> Mapping[str, str]:
        found: Mapping[str, str] = dig(self.inspect, "Config.Labels") or {}
        return found

    @property
    def name(self) -> str:
        return str(self.inspect["Name"]).lstrip("/")

    @property
    def is_mounted_by_hand(self) -> Mapping[str, str]:
        """Target → options of the mounts in the short form of the engine."""
        binds = (str(bind).split(":") for bind in dig(self.inspect, "HostConfig.Binds") or ())
        return {posixpath.normpath(parts[1]): parts[2] for parts in binds if len(parts) > 2}


class Written(Struct, frozen=True):
    """A service, the files that it mounts as secrets (name → path), and what the file can't say of it."""

    service: dict[str, Any]
    secrets: Mapping[str, str] = field(default_factory=dict)
    remarks: Sequence[str] = ()


def written(live: Live, service: str, names: Names) -> Written:
    """The service of a container."""
    spec = {name: each.read(live.inspect) for name, each in PROPERTIES.items()}
    secrets, volumes = _mounts(live, spec["volumes"], names)
    attached = merged(_volumes_from(spec, names), _connection(live, spec, service, names), _namespaces(spec, names))
    parts = merged(
        {"image": live.reference},
        _container_name(live, service, names),
        _process(spec, live.image),
        *(_declaration(name, spec[name], live) for name in PROPERTIES if name not in _APART),
        _expose(spec, live.image),
        _swap(spec),
        PROPERTIES["volumes"].declaration(volumes),
        {"secrets": list(secrets)} if secrets else {},
        attached,
        _depends_on(live, names, implied=set(_implied(attached))),
    )
    own = _without_lent_name(parts, spec)
    return Written({**own, **_job(own, spec)}, secrets, tuple(_remarks(live, spec, service)))


# ------------------------------------------------------------------ rows


def _declaration(name: str, value: Value, live: Live) -> Json:
    """The part of a row, or nothing where its value is what image or engine give."""
    row = PROPERTIES[name]
    given = row.silent(live.image)
    if given is ABSENT:
        usual = (*row.usual(live.info), "", (), None)
        return {} if value in usual or value == {} else row.declaration(value)
    beyond = _beyond(value, given)
    return {} if value == given or beyond == {} else row.declaration(beyond)


def _beyond(value: Any, given: Any) -> Any:
    """Leaves out of a mapping what the image gives as well; anything else is the value as a whole."""
    if not (isinstance(value, Mapping) and isinstance(given, Mapping)):
        return value
    return {key: part for key, part in value.items() if key not in given or given[key] != part}


def _container_name(live: Live, service: str, names: Names) -> Json:
    number = live.labels.get(labels.NUMBER) or "1"
    return {} if live.name == names.usual(service, number) else {"container_name": live.name}


def _process(spec: Mapping[str, Any], image: Json) -> Json:
    """Entrypoint and command, which the engine merges with the image's as a pair."""
    entrypoint, command = spec["entrypoint"], spec["command"]
    of_image = forms.texts(image.get("Entrypoint")), forms.texts(image.get("Cmd"))
    if (entrypoint, command) == of_image:
        return {}
    # An entrypoint of one's own drops the command of the image, so that no command may need one as well.
    is_own = entrypoint != of_image[0] or (not command and bool(of_image[1]))
    said = {"entrypoint": plain_of(entrypoint)} if is_own else {}
    needs_command = bool(command) and (bool(said.get("entrypoint")) or command != of_image[1])
    return {**said, **({"command": plain_of(command)} if needs_command else {})}


def _expose(spec: Mapping[str, Any], image: Json) -> Json:
    given = {*PROPERTIES["expose"].silent(image), *spec["ports"]}  # type: ignore[misc]
    left = [port.removesuffix("/tcp") for port in spec["expose"] if port not in given]
    return {"expose": left} if left else {}


def _swap(spec: Mapping[str, Any]) -> Json:
    """The limit of memory and swap; twice the memory is the engine's own, and -1 where the kernel counts no swap."""
    memory, swap = spec["mem_limit"], spec["memswap_limit"]
    is_usual = swap == 0 or (swap == 2 * memory if memory else swap == -1)
    return {} if is_usual else PROPERTIES["memswap_limit"].declaration(swap)


def _without_lent_name(parts: Json, spec: Mapping[str, Any]) -> Json:
    """Without the hostname that a container has from the machine, or from whom it shares its network with."""
    is_lent = str(spec["network_mode"]).partition(":")[0] in ("host", "container")
    return {key: value for key, value in parts.items() if not (is_lent and key == "hostname")}


# ------------------------------------------------------------------ mounts


def _mounts(live: Live, volumes: Any, names: Names) -> tuple[dict[str, str], dict[str, Any]]:
    """The files of secrets, name → path, and the other mounts with the file's names as sources.

    They are in the order of their targets: inspect has them in another one each time.
    """
    # Mounts that the image asks for, or that another container lends, come again by themselves.
    given: Any = PROPERTIES["volumes"].silent(live.image)
    own = {
        target: mount
        for target, mount in sorted(volumes.items())
        if given.get(target) != mount and live.lent.get(target) != mount
    }
    secrets = {target: mount for target, mount in own.items() if _is_secret(target, mount)}
    named = {posixpath.basename(target): names.path(mount["source"]) for target, mount in secrets.items()}
    rest = {target: _named(target, mount, live, names) for target, mount in own.items() if target not in secrets}
    return named, rest


def _is_secret(target: str, mount: Json) -> bool:
    return mount["type"] == "bind" and mount["read_only"] and posixpath.dirname(target) + "/" == SECRETS


def _named(target: str, mount: Json, live: Live, names: Names) -> Json:
    """A mount with the file's name of its source, and the options that only its request shows."""
    # The engine keeps these options only in the text of the request.
    asked = live.is_mounted_by_hand.get(target, "").split(",")
    if mount["type"] == "bind":
        shared = [each for each in asked if each in ("z", "Z")]  # what SELinux is told
        return {**mount, "source": names.path(mount["source"]), **({"selinux": shared[0]} if shared else {})}
    if mount["type"] == "volume":
        is_left_empty = "nocopy" in asked or _is_nocopy(live, target)
        source = names.volumes.get(mount["source"], mount["source"])
        return {**mount, "source": source, **({"nocopy": True} if is_left_empty else {})}
    return mount


def _is_nocopy(live: Live, target: str) -> bool:
    mounts = dig(live.inspect, "HostConfig.Mounts") or ()
    return any(each.get("Target") == target and dig(each, "VolumeOptions.NoCopy") for each in mounts)


def _volumes_from(spec: Mapping[str, Any], names: Names) -> Json:
    def said(source: str) -> str:
        reference, _, mode = source.partition(":")
        return names.container(reference).removeprefix("service:") + (":ro" if mode == "ro" else "")

    return (
        {VOLUMES_FROM.name: [said(str(source)) for source in spec[VOLUMES_FROM.name]]} if spec["volumes_from"] else {}
    )


# ------------------------------------------------------------------ networks and namespaces


def _connection(live: Live, spec: Mapping[str, Any], service: str, names: Names) -> Json:
    """The network mode, or the networks with what is special of each connection, and the links."""
    # In another's network there are no networks of its own, and links work on the default bridge alone.
    mode = str(spec["network_mode"])
    if not endpoints.is_network(mode):
        linked = _links(spec["links"], names) if mode == "bridge" else {}
        return {"network_mode": _namespace(mode, names), **linked}
    joined = {
        names.networks.get(name, name): _endpoint(live, endpoint, service)
        for name, endpoint in spec["networks"].items()
    }
    linked = _links(sorted({link for each in spec["networks"].values() for link in each.get("links") or ()}), names)
    # Compose joins the default network by itself, so it is left out while nothing about it is special.
    if joined == {DEFAULT: {}} or not joined:
        return linked
    return {"networks": joined if any(joined.values()) else list(joined), **linked}


def _endpoint(live: Live, endpoint: Json, service: str) -> dict[str, Any]:
    said = endpoints.said(endpoint, {service, live.name, dig(live.inspect, "Config.Hostname")})
    # Before API 1.44 a MAC address that was asked for is the container's; one that the engine made up is not there.
    asked = dig(live.inspect, "Config.MacAddress")
    is_first = endpoint["name"] == dig(live.inspect, "HostConfig.NetworkMode")
    return {**said, **({"mac_address": asked} if asked and is_first else {})}


def _links(links: Sequence[str], names: Names) -> Json:
    """Links to services where they have all the names that Compose gives, else to containers by name."""
    by_container: dict[str, set[str]] = {}
    for link in links:
        container, _, alias = link.partition(":")
        by_container.setdefault(container, set()).add(alias)
    plain: list[str] = []
    exact: list[str] = []
    for container, aliases in by_container.items():
        service = next((each for each in names.services.values() if container == names.usual(each)), "")
        # Compose gives a link to a service these names by itself; with fewer of them it was a link to a container.
        usual = {f"{service}{names.separator}1", names.usual(service)}
        if service and usual < aliases:
            plain += [service if alias == service else f"{service}:{alias}" for alias in sorted(aliases - usual)]
        else:
            exact += [container if alias == container else f"{container}:{alias}" for alias in sorted(aliases)]
    return {**({"links": plain} if plain else {}), **({"external_links": exact} if exact else {})}


def _namespace(mode: str, names: Names) -> str:
    kind, _, target = mode.partition(":")
    return names.container(target) if kind == "container" else mode


def _namespaces(spec: Mapping[str, Any], names: Names) -> Json:
    found = {key: _namespace(str(spec[key]), names) for key in outside.NAMESPACES if key != "network_mode"}
    return {key: value for key, value in found.items() if value not in ("", "private")}


# ------------------------------------------------------------------ order and state


def _depends_on(live: Live, names: Names, *, implied: Collection[str]) -> Json:
    """The services that come first, but for what already follows from an attachment to their containers."""
    needs = {name: need for name, need in _needs(live, names) if not (name in implied and need == _IMPLIED)}
    if all(need == {"condition": "service_started"} for need in needs.values()):
        return {"depends_on": list(needs)} if needs else {}
    return {"depends_on": needs}


_IMPLIED: Final = {"condition": "service_started", "restart": True}
"""The dependency that Compose adds for a link, a shared namespace and shared volumes."""


def _implied(attached: Json) -> Iterator[str]:
    yield from (str(link).partition(":")[0] for key in ("links", "volumes_from") for link in attached.get(key) or ())
    for key in outside.NAMESPACES:
        kind, _, target = str(attached.get(key) or "").partition(":")
        if kind == "service":
            yield target


def _needs(live: Live, names: Names) -> Iterator[tuple[str, dict[str, Any]]]:
    for entry in filter(None, live.labels.get(labels.DEPENDS_ON, "").split(",")):
        service, condition, restart = (*entry.split(":"), "", "")[:3]
        if service in names.services.values():
            again = {"restart": True} if restart == "true" else {}
            yield service, {"condition": condition or "service_started", **again}


def _job(service: Json, spec: Mapping[str, Any]) -> Json:
    """The setting that makes a container which has done its work a job, where no other setting does."""
    may_end = one_shot.declared(service, restart=spec["restart"], awaited_healthy=False)
    if spec["state"] != FINISHED or one_shot.may_end(may_end, spec["expose"]):
        return {}
    return {OPTIONS: {"job": True}}


def _remarks(live: Live, spec: Mapping[str, Any], service: str) -> Iterator[str]:
    if spec["state"] not in (RUNNING, FINISHED, "restarting"):
        yield f"{live.name} is {spec['state']}; a file can only say that it runs, so apply would start it"
    mode = str(spec["network_mode"])
    if endpoints.is_network(mode) and "bridge" in spec["networks"]:
        yield f"{live.name} is in the engine's own network `bridge` besides others, which a file can't say"
    for name, endpoint in spec["networks"].items() if endpoints.is_network(mode) else ():
        # Compose gives each container its service's name as an alias; one without it was connected by hand.
        if service not in (*endpoint["aliases"], live.name, dig(live.inspect, "Config.Hostname")):
            yield f"{live.name} is not known as `{service}` in the network {name}; apply would connect it anew"
