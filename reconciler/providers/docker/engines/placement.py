"""The engine of each service, by the references of the files. Pure.

A reference is an address as DOCKER_HOST has it, or the name of a Docker context.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from reconciler.core.resource.address import Address
from reconciler.core.resource.document import Document
from reconciler.core.resource.options import OPTIONS, ServiceOptions
from reconciler.pattern import lazy_pattern
from reconciler.providers.docker.expand import container_address, replicas
from reconciler.providers.docker.kinds import container
from reconciler.providers.docker.table.names import STARTED
from reconciler.providers.docker.table.property import Json
from reconciler.record import Struct, replace

USUAL: Final = "docker"
"""The name of the provider for services that name no engine of their own."""

_UNFIT: Final = lazy_pattern(r"[^A-Za-z0-9_-]+")


class Placement(Struct, frozen=True):
    """The references of all engines by the names of their providers, the usual one first, and service → name."""

    engines: Mapping[str, str]
    services: Mapping[str, str]

    @property
    def is_several(self) -> bool:
        return len(self.engines) > 1

    def address(self, service: str, number: int = 1) -> Address:
        """The address of a service's container, wherever it runs."""
        inner = container_address(service, number)
        return Address(on(self.services.get(service, USUAL), inner.kind), inner.path)


def on(name: str, kind: str) -> str:
    """The kind of a Docker resource on the engine of this name."""
    return f"{name}.{kind.partition('.')[2]}"


def placement(document: Document) -> Placement:
    """The placement that a document declares."""
    declared = document.engines
    usual = declared[""]
    own = {service: declared.get(service, usual) for service in document.section("services")}
    engines = {USUAL: usual}
    for reference in dict.fromkeys(own.values()):
        if reference != usual:
            engines[_name(reference, engines)] = reference
    names = {reference: name for name, reference in engines.items()}
    return Placement(engines, {service: names[reference] for service, reference in own.items()})


def _name(reference: str, taken: Mapping[str, str]) -> str:
    """A name by which a person knows the engine, without what can't be in an address."""
    told = _UNFIT.sub("-", reference.rpartition("://")[2].rpartition("@")[2]).strip("-")
    names = (f"{USUAL}@{told}{'' if number == 1 else f'-{number}'}" for number in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)


def environment_of(environment: Mapping[str, str], reference: str) -> Mapping[str, str]:
    """The environment in which the Docker CLI would speak to an engine; "" is the engine that it speaks to anyway."""
    if not reference:
        return environment
    rest = {key: value for key, value in environment.items() if key not in ("DOCKER_HOST", "DOCKER_CONTEXT")}
    return {**rest, "DOCKER_HOST" if "://" in reference else "DOCKER_CONTEXT": reference}


# ------------------------------------------------------------------ the part of one engine


def part_of(document: Document, where: Placement, name: str) -> Document:
    """The document as far as one engine carries it out. Needs across engines are not in it."""
    if document.stack is None:
        return document
    services = {
        service: _alone(each, where, name)
        for service, each in document.section("services").items()
        if where.services[service] == name
    }
    return replace(document, stack={**document.stack, "services": services})


def _alone(service: Json, where: Placement, name: str) -> Json:
    """A service without its needs of other engines and of addresses, which are those of all engines."""
    needs = service.get("depends_on") or {}
    options = {key: value for key, value in (service.get(OPTIONS) or {}).items() if key != "depends_on"}
    own = {other: need for other, need in needs.items() if where.services.get(other, name) == name}
    return {**service, **({"depends_on": own} if needs else {}), **({OPTIONS: options} if OPTIONS in service else {})}


def awaited(document: Document, where: Placement, name: str) -> frozenset[tuple[str, str | None]]:
    """The services of an engine for which those of others wait, each with the condition."""
    return frozenset(
        (other, need.get("condition"))
        for service, each in document.section("services").items()
        for other, need in (each.get("depends_on") or {}).items()
        if where.services[service] != name and where.services.get(other) == name
    )


def needs_across(document: Document, where: Placement, service: str) -> Iterator[tuple[Address, str]]:
    """The containers of other engines that must be there before a service, and the addresses that it names itself."""
    services = document.section("services")
    for other, need in (services[service].get("depends_on") or {}).items():
        if where.services.get(other, where.services[service]) != where.services[service]:
            milestone = STARTED if need.get("condition") == "service_started" else ""
            for number in range(1, replicas(services[other]) + 1):
                yield where.address(other, number), milestone
    for needed in ServiceOptions.of(services[service]).needs:
        is_service = needed.kind == container.NAME and needed.path[0] in services
        yield (Address(on(where.services[needed.path[0]], needed.kind), needed.path) if is_service else needed), ""
