"""The expansion of the canonical stack to desired resources: networks, volumes, images, containers. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import Any, Final, TypeAlias

from reconciler.core.message.errors import ConfigError
from reconciler.core.resource.address import Address
from reconciler.core.resource.document import Document
from reconciler.core.resource.options import ServiceOptions
from reconciler.core.resource.resource import Origin, Resource, Source, at
from reconciler.core.resource.units import nanoseconds
from reconciler.core.resource.values import ABSENT, Path, Ref, Value
from reconciler.providers.docker.build import buildx
from reconciler.providers.docker.container import (
    endpoints,
    files,
    hooks,
    one_shot,
    outside,
    pre_start,
    restarts,
    rollout,
    volumes_from,
)
from reconciler.providers.docker.engine import remote, required_api
from reconciler.providers.docker.engine.commandline import CommandLine
from reconciler.providers.docker.kinds import container, image, network, volume
from reconciler.providers.docker.table import labels
from reconciler.providers.docker.table.names import STARTED
from reconciler.providers.docker.table.property import Json, first, has_part, numbered
from reconciler.record import Struct
from reconciler.vocabulary.compose import SERVICE

_Path: TypeAlias = tuple[str | int, ...]
_SECOND: Final = 1_000_000_000
_NO_SERVICE: Final[Json] = {"scale": 0}
_BARE: Final = CommandLine()


def network_address(key: str) -> Address:
    return Address(network.NAME, (key,))


def volume_address(key: str) -> Address:
    return Address(volume.NAME, (key,))


def image_address(reference: str) -> Address:
    return Address(image.NAME, (reference,))


def container_address(service: str, number: str | int = 1) -> Address:
    """The first container of a service goes by its name, those beside it by their number as well."""
    return Address(container.NAME, (service,) if str(number) == "1" else (service, str(number)))


def replicas(service: Json) -> int:
    """The number of containers of a service."""
    said = (service.get("scale"), (service.get("deploy") or {}).get("replicas"), 1)
    return next(int(count) for count in said if count is not None)


def attached(document: Document, client: CommandLine) -> Mapping[str, Collection[str]]:
    """Service → the services in whose namespaces it lives, or to which it is linked on the default bridge."""
    stack = Stack(document, client=client)
    return {
        name: frozenset(stack.attached_to(service)) & stack.services.keys() for name, service in stack.services.items()
    }


def expand(
    document: Document,
    *,
    is_elsewhere: bool = False,
    client: CommandLine = _BARE,
    awaited: Collection[tuple[str, str | None]] = (),
) -> Iterator[Resource]:
    """The desired resources of the Docker half; nothing where no stack is managed.

    An engine that ``is_elsewhere`` does not see the files of this machine. ``awaited`` are services for which those of
    other engines wait, each with the condition. Raises ConfigError for what can't be there.
    """
    if document.stack is None:
        return
    if is_elsewhere and (problems := tuple(remote.problems(document))):
        raise ConfigError(problems)
    stack = Stack(document, is_elsewhere, client, frozenset(awaited))
    yield from stack.networks()
    yield from stack.volumes()
    yield from stack.images()
    yield from stack.containers()


class Stack(Struct, frozen=True, dict=True):
    """The canonical Compose model, with the questions that expanding asks of it."""

    document: Document
    is_elsewhere: bool = False
    client: CommandLine = _BARE
    awaited_elsewhere: frozenset[tuple[str, str | None]] = frozenset()

    def section(self, name: str) -> Json:
        return self.document.section(name)

    @cached_property
    def services(self) -> Json:
        declared = self.section("services")
        return (
            {name: self._with_platform(service) for name, service in declared.items()}
            if self.client.platform
            else declared
        )

    def _with_platform(self, service: Json) -> Json:
        """The service with the usual platform, if it names none and its build is for that one too."""
        several = (service.get("build") or {}).get("platforms")
        usual = self.client.platform
        is_possible = not several or usual in several
        return {**service, "platform": usual} if is_possible and not service.get("platform") else service

    def origin(self, *path: str | int) -> Origin:
        return self.document.locate(("stack", *path))

    # -------------------------------------------------------------- networks, volumes, images

    def networks(self) -> Iterator[Resource]:
        return self._shared("networks", network_address, network.declared, self._used("networks"))

    def volumes(self) -> Iterator[Resource]:
        return self._shared("volumes", volume_address, volume.declared, self._used_volumes())

    def _shared(
        self,
        section: str,
        address: Callable[[str], Address],
        declared: Callable[[Json], dict[str, Value]],
        used: set[str],
    ) -> Iterator[Resource]:
        """Only what a service uses is made, as Compose does."""
        for key, item in self.section(section).items():
            # An unused network or volume stays undeclared, so that a live one is no orphan either.
            if key in used:
                external = bool(item.get("external"))
                spec = {"name": item["name"]} if external else declared(item)
                needs = required_api.needed(self.document, section, key)
                spec |= {"external": external} | ({"since": needs} if needs else {})
                yield Resource(address(key), spec, locate=partial(self._source_in, (section, key), item))

    def _used(self, attribute: str) -> set[str]:
        return {key for _, each in self._containers_run() for key in each.get(attribute) or ()}

    def _used_volumes(self) -> set[str]:
        mounts = (mount for _, each in self._containers_run() for mount in each.get("volumes") or ())
        return {mount["source"] for mount in mounts if _is_named(mount)}

    def _containers_run(self) -> Iterator[tuple[_Path, Json]]:
        """The services and what is run before them, with their paths."""
        for name, service in self.services.items():
            yield ("services", name), service
            yield from self._hooks(name)

    def _hooks(self, name: str) -> Iterator[tuple[_Path, Json]]:
        """The hooks that run before a service."""
        for index, hook in enumerate(self.services[name].get(pre_start.NAME) or ()):
            yield ("services", name, pre_start.NAME, index), hook

    def images(self) -> Iterator[Resource]:
        """One for each distinct reference; the service that builds it says how."""
        users: dict[str, list[str]] = {}
        for name, service in self.services.items():
            users.setdefault(self.image_of(name, service), []).append(name)
        # Services that name the same image share one resource; if one of them builds it, that one says how.
        for reference, names in users.items():
            name = next((name for name in names if self.services[name].get("build")), names[0])
            service = self.services[name]
            build = self._build(service)
            spans = [span for each in names if (span := image.refresh_s(self.services[each])) is not None]
            spec = {"ref": reference, **_got(service, min(spans) if spans and not build else None)}
            # Built images are never pulled, so there is no time after which they are asked for again.
            if build:
                is_named = bool(service.get("image"))
                spec |= {"build": build, "services": tuple(names), "is_named": is_named}
                spec |= {"needs": needs} if (needs := buildx.needed(self.document, name)) else {}
            after = {self._image_address(other): "" for other in _contexts(service).values()}
            yield Resource(image_address(reference), spec, after=after, locate=at(self._image_origin(name, service)))
        # Images of hooks and of mounts are pulled only if no service has them already.
        others = {**self._mounted_images(), **self._images_of_hooks()}
        for reference, (spec, origin) in others.items():
            if reference not in users:
                yield Resource(image_address(reference), {"ref": reference, **spec}, locate=at(origin))

    def _build(self, service: Json) -> dict[str, Any]:
        """The build with secrets, and other services' images and builds, in place of their names."""
        if not service.get("build"):
            return {}
        build, others = _for_platform(service["build"], service), _contexts(service)
        declared = self.section("secrets")
        if mounted := build.get("secrets"):
            own = [
                {"id": each.get("target") or each["source"], **files.source(declared[each["source"]])}
                for each in mounted
            ]
            build = {**build, "secrets": own}
        if others:
            images = {key: f"docker-image://{self._image_address(name).name}" for key, name in others.items()}
            contexts = {**build["additional_contexts"], **images}
            # The inputs of a base count as inputs of the image: otherwise a change below would build nothing above.
            bases = {key: self._build(self.services[name]) for key, name in others.items()}
            build = {**build, "additional_contexts": contexts, "bases": bases}
        return build

    def _image_address(self, name: str) -> Address:
        return image_address(self.image_of(name, self.services[name]))

    def _mounted_images(self) -> dict[str, tuple[dict[str, Value], Origin]]:
        """Images that are mounted, with one of the places where they are."""
        return {
            mount["source"]: (_got({}, None), self.origin(*path, "volumes", index))
            for path, each in self._containers_run()
            for index, mount in enumerate(each.get("volumes") or ())
            if mount["type"] == "image"
        }

    def _images_of_hooks(self) -> dict[str, tuple[dict[str, Value], Origin]]:
        """Images of which containers are made that are run first."""
        return {
            self.image_of(name, hook): (_got(hook, image.refresh_s(hook)), self.origin(*path, "image"))
            for name in self.services
            for path, hook in self._hooks(name)
        }

    def image_of(self, name: str, service: Json) -> str:
        return str(service.get("image") or self._named(self.document.project, name))

    def _image_origin(self, name: str, service: Json) -> Origin:
        return self.origin("services", name, "image" if service.get("image") else "build")

    # -------------------------------------------------------------- containers

    def containers(self) -> Iterator[Resource]:
        for name, service in self.services.items():
            for number in range(1, replicas(service) + 1):
                yield self._container(name, service, number)

    def _container(self, name: str, service: Json, number: int) -> Resource:
        mounted = self._mounted(service)
        lent = volumes_from.lent(self.services, service, self._own_mounts, self._services_by_any_container)
        # Files become binds before the rows read the service, so that volumes and files are compared as one list.
        service = {**service, "volumes": [*self._own_mounts(service), *lent]}
        resolved = self._resolved(name, service, number)
        # An absent value is left to the image or the engine, which `expect` knows.
        spec: dict[str, Value] = {
            each.name: value
            for each in container.PROPERTIES.values()
            if (value := each.declared(resolved)) is not ABSENT
        }
        spec |= self._before_start(name, service, number) | self._conduct(name, service, number)
        spec |= self._one_shot(name, service, spec.get("restart", "no"))
        spec |= {"mounted": mounted} if mounted else {}
        return Resource(
            container_address(name, number),
            spec,
            after=dict(self._needs(name, service)),
            locate=partial(self._source, name, service),
        )

    def _conduct(self, name: str, service: Json, number: int) -> dict[str, Value]:
        """The means to make, start, replace and stop the container; they are no properties, and not compared."""
        return {
            "mounts": [self._mount(mount) for mount in service.get("volumes") or ()],
            "owner": labels.of_container(
                self.document.project, name, number, self.document.directory, service.get("depends_on") or {}
            ),
            "mark": files.mark_of(self.document.project, container_address(name, number)),
            "gate": self._gate(name, service),
            "rollout": rollout.declared(service, lends=self._lends(name), several=replicas(service) > 1),
            "since": self._since(name),
            **hooks.declared(service),
            **self._restarts(name, service),
            **self._outside(name, service),
        }

    def _mounted(self, service: Json) -> list[Json]:
        return list(files.mounted(service, self._files(), is_elsewhere=self.is_elsewhere))

    def _own_mounts(self, service: Json) -> Sequence[Json]:
        """The mounts of a service, without those of others."""
        return (*(service.get("volumes") or ()), *files.as_binds(self._mounted(service)))

    def _before_start(self, name: str, service: Json, number: int) -> dict[str, Value]:
        """The hooks before its first start, and the digest by which a change of them is recognised."""
        defined = pre_start.definition(service, leaving_out=container.WITHOUT_ANOTHER)
        run = [
            self._run_first(called, _in_one_way(hook, service), name, number)
            for called, hook in pre_start.of(service, is_first=number == 1)
        ]
        return {"pre_start": defined, "before_start": run} if defined else {}

    def _run_first(self, called: str, hook: Json, name: str, number: int) -> Value:
        mounted = self._mounted(hook)
        # A hook must not be found by the names of its service.
        of_service, said = _aliases(self.services[name]), _aliases(hook)
        networks = {
            key: {**endpoint, "id": "", "aliases": tuple(sorted(said[key] - of_service.get(key, set())))}
            for key, endpoint in self._endpoints(name, hook, number)
        }
        resolved = {**self._resolved(name, hook, number), "networks": networks}
        spec = {each.name: each.declared(resolved) for each in container.PROPERTIES.values()}
        mounts = [*map(self._of_volume, hook.get("volumes") or ()), *files.as_binds(mounted)]
        body = container.body({key: value for key, value in spec.items() if value is not ABSENT} | {"mounts": mounts})
        return {"called": called, "body": body, "networks": networks, "files": mounted}

    def _files(self) -> dict[str, Json]:
        return {key: self.section(key) for key in ("configs", "secrets")}

    def _resolved(self, name: str, service: Json, number: int) -> dict[str, Any]:
        """The service with names in place of keys, and what Compose leaves to the one who runs it."""
        reference = self.image_of(name, service)
        return {
            **service,
            "environment": {**self.client.proxies, **(service.get("environment") or {})},
            "state": container.FINISHED if self._is_job(name, service) else container.RUNNING,
            "container_name": self._container_name(name, number),
            # By id and not by name: a new image under the same name is a difference of the container.
            "image": {"ref": reference, "id": Ref(image_address(reference), "id")},
            "networks": dict(self._endpoints(name, service, number)),
            "volumes_from": list(volumes_from.sources(service, self._container_name)),
            "volumes": [_referring(mount) for mount in service.get("volumes") or ()],
            "links_on_bridge": sorted(self._links(service)) if service.get("network_mode") in outside.BRIDGE else (),
            **{key: self._namespace(service[key]) for key in outside.NAMESPACES if service.get(key)},
        }

    def _container_name(self, name: str, number: int = 1) -> str:
        declared = self.services[name].get("container_name")
        return str(declared or self._named(self.document.project, name, number))

    def _named(self, *parts: object) -> str:
        """The name that Compose makes of these parts."""
        return self.client.separator.join(map(str, parts))

    def _namespace(self, mode: str) -> str:
        kind, _, target = mode.partition(":")
        return f"container:{self._container_name(target)}" if kind == "service" else mode

    def _outside(self, name: str, service: Json) -> dict[str, Value]:
        """The containers outside the project that it names."""
        found = tuple(outside.references(self.document, name, service, self._services_by_container))
        return {"outside": found} if found else {}

    @cached_property
    def _services_by_container(self) -> Mapping[str, str]:
        """The name of each service's first container, with which others are attached to it."""
        return {self._container_name(name): name for name in self.services}

    @cached_property
    def _services_by_any_container(self) -> Mapping[str, str]:
        numbers = {name: range(1, replicas(service) + 1) for name, service in self.services.items()}
        return {self._container_name(name, number): name for name, found in numbers.items() for number in found}

    def _restarts(self, name: str, service: Json) -> dict[str, Value]:
        """The services whose restart restarts it, and those to which it is attached.

        Of several containers of a service the first one tells: one more of them is no reason.
        """
        # A job that has ended is not started again because something that it needed was.
        if self._is_job(name, service):
            return {}
        attached = [other for other in self.attached_to(service) if replicas(self.services.get(other, _NO_SERVICE))]
        others = [other for other in restarts.needed(self.services, name) if replicas(self.services[other])]
        needs: dict[str, Value] = {
            other: Ref(container_address(other), restarts.CREATED) for other in dict.fromkeys((*others, *attached))
        }
        started: dict[str, Value] = {other: Ref(container_address(other), restarts.STARTED) for other in attached}
        return {"restarts_with": needs, "attached_to": started} if needs else {}

    def attached_to(self, service: Json) -> Iterator[str]:
        """The services in whose namespaces it lives, or to which it is linked on the default bridge."""
        yield from self._namespaces_of(service)
        if service.get("network_mode") in outside.BRIDGE:
            yield from (str(link).partition(":")[0] for link in service.get("links") or ())

    def _namespaces_of(self, service: Json) -> Iterator[str]:
        """The services whose namespaces it has, by their name or by that of their container."""
        own = self._services_by_container
        for kind, _, target in (str(service.get(key) or "").partition(":") for key in outside.NAMESPACES):
            # A container of this project may be named by its container name, and is its service all the same.
            if kind == "service":
                yield target
            elif kind == "container" and target in own:
                yield own[target]

    def _lends(self, name: str) -> bool:
        """Returns whether others live in the namespaces of its container."""
        return name in self._lenders

    @cached_property
    def _lenders(self) -> frozenset[str]:
        """The services in whose namespaces others live."""
        return frozenset(name for service in self.services.values() for name in self._namespaces_of(service))

    def _is_job(self, name: str, service: Json) -> bool:
        awaited = (name, "service_completed_successfully") in self._awaited
        return awaited or bool(ServiceOptions.of(service).job)

    def _endpoints(self, name: str, service: Json, number: int) -> Iterable[tuple[str, dict[str, Value]]]:
        links = tuple(sorted(self._links(service)))
        for key, endpoint in with_mac(service, _by_priority(service.get("networks") or {})).items():
            # The engine adds the hostname to the aliases by itself; reading leaves it out, and so does this.
            aliases = {self._container_name(name, number), name, *(endpoint.get("aliases") or ())} - {
                service.get("hostname")
            }
            yield (
                key,
                {
                    "name": self.section("networks")[key]["name"],
                    "id": Ref(network_address(key), "id"),
                    "aliases": tuple(sorted(aliases)),
                    "ipv4_address": endpoint.get("ipv4_address") or "",
                    "ipv6_address": endpoint.get("ipv6_address") or "",
                    **endpoints.declared({**endpoint, "links": links}),
                },
            )

    def _links(self, service: Json) -> Iterator[str]:
        # Compose gives each link three names, whichever of them a program uses.
        """Container and the name that it is to be found by, as Compose names them."""
        for link in service.get("links") or ():
            other, _, alias = str(link).partition(":")
            for number in range(1, replicas(self.services[other]) + 1):
                name = self._container_name(other, number)
                usual = self._named(other, number), self._named(self.document.project, other, number)
                yield from (f"{name}:{each}" for each in {alias or other, *usual})
        for link in service.get("external_links") or ():
            container_name, _, alias = str(link).partition(":")
            yield f"{container_name}:{alias or container_name}"

    def _mount(self, mount: Json) -> Json:
        return self._of_volume(mount) if _is_named(mount) else _referring(mount)

    def _of_volume(self, mount: Json) -> Json:
        """A mount with the real name of its volume, where it has one."""
        return {**mount, "source": self.section("volumes")[mount["source"]]["name"]} if _is_named(mount) else mount

    def _one_shot(self, name: str, service: Json, restart: Value) -> dict[str, Value]:
        if self._is_job(name, service):
            return {}
        return one_shot.declared(service, restart=restart, awaited_healthy=self._is_awaited_healthy(name))

    def _is_awaited_healthy(self, name: str) -> bool:
        return (name, "service_healthy") in self._awaited

    @cached_property
    def _awaited(self) -> frozenset[tuple[str, str | None]]:
        """The services for which others wait, each with the condition."""
        return self.awaited_elsewhere | frozenset(
            (name, need.get("condition"))
            for service in self.services.values()
            for name, need in (service.get("depends_on") or {}).items()
        )

    def _gate(self, name: str, service: Json) -> Value:
        """The condition for which the plan waits once the container is started, and the longest wait."""
        if self._is_job(name, service):
            return {"until": "finished", "timeout_s": 600.0, "strict": False}
        strict = self._is_awaited_healthy(name)
        return {"until": "ready", "timeout_s": _patience(service.get("healthcheck") or {}), "strict": strict}

    def _needs(self, name: str, service: Json) -> Iterator[tuple[Address, str]]:
        for each in (service, *(service.get(pre_start.NAME) or ())):
            yield from self._made_of(name, each)
        for other in self._namespaces_of(service):
            yield container_address(other), STARTED
        for other, need in (service.get("depends_on") or {}).items():
            # `service_started` waits for the start alone; each other condition for the end of the container's gate.
            milestone = STARTED if need.get("condition") == "service_started" else ""
            for number in range(1, replicas(self.services.get(other, _NO_SERVICE)) + 1):
                yield container_address(other, number), milestone
        for needed in ServiceOptions.of(service).needs:
            yield needed, ""

    def _made_of(self, name: str, service: Json) -> Iterator[tuple[Address, str]]:
        """The image of a container."""
        yield image_address(self.image_of(name, service)), ""
        for key in service.get("networks") or ():
            yield network_address(key), ""
        for mount in service.get("volumes") or ():
            if _is_named(mount):
                yield volume_address(mount["source"]), ""
            elif mount["type"] == "image":
                yield image_address(mount["source"]), ""

    def _since(self, name: str) -> Value:
        """The requirements on the engine of all that is declared here."""
        macs = [
            need
            for path, each in ((("services", name), self.services[name]), *self._hooks(name))
            for need in required_api.needed_for_macs(self.document, path, _by_priority(each.get("networks") or {}))
        ]
        return [*required_api.needed(self.document, "services", name), *macs]

    def _source(self, name: str, service: Json, path: Path) -> Source | None:
        """The declaration of a field of a container or a part of it, and under () that of the service."""
        if not path:
            return Source("", lambda: self.origin("services", name))
        field, *rest = path
        if field in files.FIELDS:
            return Source("files", lambda: self.origin(*(files.place(service, *rest) or ("services", name))))
        row = container.PROPERTIES.get(field)
        found = first(service, *(row.paths if row else (field,)))
        if not found:
            return None
        declared, value = found
        place: _Path = ("services", name, *declared.split("."))
        return Source(declared, lambda: self.origin(*place, *numbered(value, rest)), has_part(value, rest))

    def _source_in(self, at: _Path, item: Json, path: Path) -> Source | None:
        """The declaration of a field of a network or volume or a part of it, and under () its own."""
        if not path:
            return Source("", lambda: self.origin(*at))
        field, *rest = path
        found = first(item, network.PATHS.get(field, field))
        if not found:
            return None
        declared, value = found
        place: _Path = (*at, *declared.split("."))
        return Source(field, lambda: self.origin(*place, *numbered(value, rest)), has_part(value, rest))


def _got(service: Json, refresh_s: float | None) -> dict[str, Value]:
    """The way to get the image of a container."""
    usual: dict[str, Value] = {"pull_policy": service.get("pull_policy") or "missing"}
    usual |= {"platform": service.get("platform") or ""}
    return usual | ({} if refresh_s is None else {"refresh_s": refresh_s})


def _in_one_way(hook: Json, service: Json) -> Json:
    """A hook that says otherwise than its service how it is connected has both; what it says itself counts."""
    given_up = "networks" if hook.get("network_mode") != service.get("network_mode") else "network_mode"
    both = hook.get("network_mode") and hook.get("networks")
    return {key: value for key, value in hook.items() if key != given_up} if both else hook


def _contexts(service: Json) -> dict[str, str]:
    """Additional contexts that are images of other services: the context's name → the service's."""
    contexts = ((service.get("build") or {}).get("additional_contexts") or {}).items()
    return {key: where.removeprefix(SERVICE) for key, where in contexts if where.startswith(SERVICE)}


def _for_platform(build: Json, service: Json) -> dict[str, Any]:
    """The build with all platforms that it is for, and the one for which it is built here, as far as they are named."""
    several = tuple(build.get("platforms") or ())
    platform = service.get("platform") or (several[0] if len(several) == 1 else "")
    return {**build, "platforms": several or (platform,), "platform": platform} if several or platform else {**build}


def _aliases(service: Json) -> dict[str, set[str]]:
    """The names declared in each network."""
    networks = service.get("networks") or {}
    return {key: set((endpoint or {}).get("aliases") or ()) for key, endpoint in networks.items()}


def _by_priority(networks: Json) -> dict[str, Any]:
    """The networks in the order in which they are joined, each with what is said of it."""
    said = {key: endpoint or {} for key, endpoint in networks.items()}
    return dict(sorted(said.items(), key=lambda item: (-int(item[1].get("priority") or 0), item[0])))


def with_mac(service: Json, networks: Mapping[str, Any]) -> Mapping[str, Any]:
    """A service's own MAC address is that in the first of its networks, which may say another one."""
    first = next(iter(networks), "")
    own = service.get("mac_address")
    return {**networks, first: {"mac_address": own, **networks[first]}} if first and own else networks


def _is_named(mount: Json) -> bool:
    return bool(mount["type"] == "volume" and mount.get("source"))


def _referring(mount: Json) -> Json:
    """A mount that names its volume or image by reference, so that it is known to differ when that is made anew."""
    if mount["type"] == "image":
        return {**mount, "source": Ref(image_address(mount["source"]), "id")}
    return {**mount, "source": Ref(volume_address(mount["source"]), "name")} if _is_named(mount) else mount


def _patience(check: Mapping[str, Any]) -> float:
    """Seconds until the engine itself must have called a container unhealthy, and some more."""
    span = {key: nanoseconds(check.get(key) or "0s") / _SECOND for key in ("start_period", "interval", "timeout")}
    rounds = int(check.get("retries") or 3) + 1
    return 60.0 + span["start_period"] + rounds * ((span["interval"] or 30.0) + (span["timeout"] or 30.0))
