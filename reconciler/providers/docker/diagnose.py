"""Checks of an engine and of a project's containers: the rows that `doctor` carries out. They only read.

Whether a name can be resolved is asked inside the containers, with a program that most images have.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from reconciler.core.diagnosis import Check, Row, Suspect
from reconciler.core.message.errors import ProviderError, ReconcileError
from reconciler.core.resource.document import Document
from reconciler.core.resource.values import Value
from reconciler.providers.docker.container import one_shot
from reconciler.providers.docker.engine import checks as checks_of_engine
from reconciler.providers.docker.engine import listeners, ownership
from reconciler.providers.docker.engine.client import Engine
from reconciler.providers.docker.expand import container_address
from reconciler.providers.docker.observe import last_probe, name_of
from reconciler.providers.docker.table import labels
from reconciler.providers.docker.table.property import Json, dig

LEAST_FREE_BYTES: Final = 1 << 30
_LAST_LINES: Final = 3
_CRASHES: Final = 3
_FRESH_S: Final = 60.0
_EXEC_S: Final = 5.0
_NOT_FOUND: Final = 2
"""The exit code of getent for a name that nobody knows."""


def _program_at(port: int) -> str:
    """The program of this machine that listens at a port; "" if there is none, or it can't be seen."""
    return next(map(str, listeners.Sockets().at(port)), "")


class Unseen(ReconcileError):
    """A fact of the engine's machine that can't be told from here."""


@dataclass
class Site:
    """An engine with a project's containers, read as far as a check asks. ``program_at`` knows this machine's ports.

    From inside one of its containers neither those nor the disk of the engine's machine are seen.
    """

    engine: Engine
    project: str
    document: Document
    program_at: Callable[[int], str] = _program_at
    free_bytes: Callable[[str], int] = lambda folder: shutil.disk_usage(folder).free
    now: Callable[[], float] = time.time
    is_inside: bool = False
    _resolved: dict[tuple[str, str], str] = field(default_factory=dict)

    @cached_property
    def services(self) -> Mapping[str, Json]:
        return self.document.section("services")

    @cached_property
    def containers(self) -> Mapping[str, Sequence[Json]]:
        """Service → its containers, as the engine shows each."""
        with self.engine.understood():
            found: dict[str, list[Json]] = {name: [] for name in self.services}
            listed = ownership.listed(self.engine, self.project)
            for service, numbers in ownership.standing(listed, self.project).items():
                asked = (self.engine.get(f"/containers/{each.id}/json") for each in numbers.values())
                found.setdefault(service, []).extend(filter(None, asked))
            return found

    def running(self) -> Iterator[tuple[str, Json]]:
        for name, group in self.containers.items():
            yield from ((name, each) for each in group if dig(each, "State.Status") == "running")

    def last_lines(self, container: Json) -> str:
        """The last lines of a container's output, as one."""
        try:
            with self.engine.understood(), closing(self.engine.logs(container["Id"], tail=_LAST_LINES)) as pieces:
                text = b"".join(pieces).decode(errors="replace")
        except ProviderError:
            return "its output can't be read"
        return " | ".join(line.strip() for line in text.splitlines() if line.strip()) or "it wrote nothing"

    def suspect(self, service: str, container: Json | None = None, at: str = "", /, **facts: object) -> Suspect:
        """A service or its container, as a finding names it; ``at`` is the attribute to blame."""
        number = (dig(container, "Config.Labels") or {}).get(labels.NUMBER, "1") if container else "1"
        path = ("stack", "services", service, *((at,) if at else ()))
        where = f"container {name_of(container)}" if container else f"service {service}"
        facts = {"service": service, "container": name_of(container) if container else service, **facts}
        return Suspect(where, facts, container_address(service, number), at, self.document.locate(path))


# ------------------------------------------------------------------ the engine


def _full_disk(site: Site) -> Iterator[Suspect]:
    folder = str(site.engine.own.get("DockerRootDir") or "")
    if not folder:
        return
    # The disk can be seen only where the engine runs on this machine.
    if site.engine.location.socket is None or site.is_inside:
        raise Unseen(f"{folder} is on another machine, or outside of this container")
    try:
        free = site.free_bytes(folder)
    except OSError as error:
        raise Unseen(f"{folder}: {error.strerror}") from error
    if free < LEAST_FREE_BYTES:
        yield Suspect(f"the disk of {folder}", {"free": f"{free >> 20} MiB", "folder": folder})


# ------------------------------------------------------------------ ports


def _taken_ports(site: Site) -> Iterator[Suspect]:
    """Lists published ports that a service lacks and somebody else holds."""
    for service, port, index in _published(site):
        if any(_holds(each, port) for each in site.containers.get(service, ())):
            continue
        holder, remedy = _holder(site, port)
        if holder:
            made = site.suspect(service, None, "ports", port=port, holder=holder, remedy=remedy)
            yield Suspect(
                made.where,
                made.facts,
                made.address,
                "ports",
                site.document.locate(("stack", "services", service, "ports", index)),
            )


def _published(site: Site) -> Iterator[tuple[str, int, int]]:
    """Service, host port and index of each declared port."""
    for service, each in site.services.items():
        for index, declared in enumerate(each.get("ports") or ()):
            first, _, last = str(declared.get("published") or "").partition("-")
            if first.isdecimal() and (last or first).isdecimal():
                yield from ((service, port, index) for port in range(int(first), int(last or first) + 1))


def _holds(container: Json, port: int) -> bool:
    bound = (dig(container, "NetworkSettings.Ports") or {}).values()
    return any(str(each.get("HostPort")) == str(port) for bindings in bound for each in bindings or ())


def _holder(site: Site, port: int) -> tuple[str, str]:
    """The holder of a host port and what frees the port; nothing if it is free."""
    with site.engine.understood():
        found = site.engine.get("/containers/json", filters={"publish": [str(port)]})
    # A container of the same project is no stranger: the next apply deals with it.
    others = [item for item in found if (item.get("Labels") or {}).get(labels.PROJECT) != site.project]
    if others:
        name = str(others[0]["Names"][0]).lstrip("/")
        project = (others[0].get("Labels") or {}).get(labels.PROJECT)
        return f"container {name}{f' of project {project}' if project else ''}", f"docker stop {name}"
    # The programs of another machine can't be seen from here.
    if found or site.engine.location.is_elsewhere or site.is_inside:
        return "", ""
    program = site.program_at(port)
    pid = re.search(r"\d+(?=\)$)", program)
    return program, f"kill {pid[0]}" if pid else f"sudo ss -ltnp 'sport = :{port}'"


# ------------------------------------------------------------------ containers


def _missing(site: Site) -> Iterator[Suspect]:
    for service, group in site.containers.items():
        if not group and _wanted(site.services.get(service)):
            yield site.suspect(service)


def _wanted(service: Json | None) -> bool:
    scale = dig(service, "deploy.replicas") if service else 0
    return service is not None and scale != 0 and service.get("scale") != 0


def _in_state(*states: str) -> Callable[[Site], Iterator[tuple[str, Json]]]:
    def found(site: Site) -> Iterator[tuple[str, Json]]:
        for service, group in site.containers.items():
            yield from (
                (service, each) for each in group if dig(each, "State.Status") in states and service in site.services
            )

    return found


def _stopped(site: Site) -> Iterator[Suspect]:
    for service, each in _in_state("exited", "dead", "created")(site):
        code = dig(each, "State.ExitCode")
        # Too little memory is another check's finding.
        if dig(each, "State.OOMKilled") or _is_done(site, service, each):
            continue
        said = f"; it failed to start: {dig(each, 'State.Error')}" if dig(each, "State.Error") else ""
        words = f"{dig(each, 'State.Status')} (exit code {code}){said}"
        yield site.suspect(service, each, "", state=words, lines=site.last_lines(each))


def _is_done(site: Site, service: str, container: Json) -> bool:
    """Returns whether a job has ended as it should."""
    declared = site.services[service]
    awaited = any(
        (edge or {}).get("condition") == "service_completed_successfully"
        for other in site.services.values()
        for name, edge in (other.get("depends_on") or {}).items()
        if name == service
    )
    is_job = awaited or bool(
        one_shot.declared(declared, restart=declared.get("restart") or "no", awaited_healthy=False)
    )
    return is_job and dig(container, "State.ExitCode") == 0


def _out_of_memory(site: Site) -> Iterator[Suspect]:
    for service, group in site.containers.items():
        for each in group:
            if dig(each, "State.OOMKilled") and dig(each, "State.Status") != "running" and service in site.services:
                limit = int(dig(each, "HostConfig.Memory") or 0) >> 20
                yield site.suspect(service, each, "deploy", limit=f"{limit} MiB")


def _crashing(site: Site) -> Iterator[Suspect]:
    for service, each in _in_state("restarting", "running")(site):
        count = int(each.get("RestartCount") or 0)
        is_fresh = site.now() - checks_of_engine.moment(dig(each, "State.StartedAt")) < _FRESH_S
        if dig(each, "State.Status") == "restarting" or (count >= _CRASHES and is_fresh):
            code = dig(each, "State.ExitCode")
            yield site.suspect(service, each, "", count=count, code=code, lines=site.last_lines(each))


def _unhealthy(site: Site) -> Iterator[Suspect]:
    for service, each in _in_state("running")(site):
        if dig(each, "State.Health.Status") == "unhealthy":
            yield site.suspect(service, each, "healthcheck", probe=last_probe(each), lines=site.last_lines(each))


def _starting(site: Site) -> Iterator[Suspect]:
    for service, each in _in_state("running")(site):
        if dig(each, "State.Health.Status") == "starting":
            yield site.suspect(
                service, each, "", probe=last_probe(each) if dig(each, "State.Health.Log") else "not probed yet"
            )


def _paused(site: Site) -> Iterator[Suspect]:
    for service, each in _in_state("paused")(site):
        yield site.suspect(service, each)


# ------------------------------------------------------------------ names


def _mentions(site: Site) -> Iterator[tuple[str, Json, str]]:
    """Running containers, and the services that their environment or command names as hosts."""
    for service, each in site.running():
        said = "\n".join((*(dig(each, "Config.Env") or ()), *(dig(each, "Config.Cmd") or ())))
        for other in site.services:
            if other != service and re.search(_HOST.format(re.escape(other)), said, re.MULTILINE):
                yield service, each, other


_HOST: Final = r"(?:^[A-Z_]*(?:HOST|ADDR|ADDRESS|SERVER)[A-Z_]*=|//|@){0}(?=[:/,?]|$)"


def _apart(site: Site) -> Iterator[Suspect]:
    """Lists containers that name a service whose containers they share no network with."""
    for service, each, other in _mentions(site):
        # One container of a service is enough: the engine's DNS answers with each that shares a network.
        networks = _endpoints(each)
        targets = [target for name, target in site.running() if name == other]
        if networks is None or not targets or _leads_elsewhere(each, other):
            continue
        if not any(_answers(target, other, networks) for target in targets):
            shared = {name for target in targets for name in _endpoints(target) or ()} & networks.keys()
            why = f"`{other}` is no name of it in network {min(shared)}" if shared else "they share no network"
            lost = targets[0] if not _endpoints(targets[0]) else each
            to_blame = other if lost is targets[0] else service
            made = site.suspect(to_blame, lost, "networks", other=other, why=why, asking=service)
            yield Suspect(f"container {name_of(each)}", made.facts, made.address, "networks", made.origin)


def _leads_elsewhere(container: Json, name: str) -> bool:
    """Returns whether extra_hosts or a link gives the name a meaning of its own."""
    hosts = (*(dig(container, "HostConfig.ExtraHosts") or ()), *(dig(container, "HostConfig.Links") or ()))
    return any(re.split(r"[:=]", text)[0].rpartition("/")[2] == name or text.endswith(f"/{name}") for text in hosts)


def _endpoints(container: Json) -> Mapping[str, Json] | None:
    """The networks of a container; None where it has another's or the machine's."""
    mode = str(dig(container, "HostConfig.NetworkMode") or "")
    if mode in ("host", "none") or mode.startswith("container:"):
        return None
    return dict(dig(container, "NetworkSettings.Networks") or {})


def _answers(container: Json, name: str, networks: Mapping[str, Json]) -> bool:
    """Returns whether a container answers to a name in one of these networks."""
    # A container in the network of the host or of another one is reached in ways that names do not tell.
    found = _endpoints(container)
    if found is None:
        return True
    return any(
        network in networks
        and name in (*(endpoint.get("Aliases") or ()), *(endpoint.get("DNSNames") or ()), name_of(container))
        for network, endpoint in found.items()
    )


def _unresolved(site: Site) -> Iterator[Suspect]:
    """Asks inside the containers."""
    for service, each, other in _mentions(site):
        targets = [target for name, target in site.running() if name == other]
        networks = _endpoints(each)
        if not targets or networks is None or not any(_answers(target, other, networks) for target in targets):
            continue
        code, output = _asked_inside(site, each, other)
        if code == _NOT_FOUND:
            yield site.suspect(service, each, "dns", other=other, found="nothing", expected=_addresses(targets))
            continue
        found = {line.split()[0] for line in output.splitlines() if line.split()} if code == 0 else set()
        # Some of the addresses are enough, as each network of a container has another one.
        if found and not found & set(_addresses(targets).split(", ")) and _addresses(targets):
            at = "extra_hosts" if _leads_elsewhere(each, other) else "dns"
            yield site.suspect(
                service, each, at, other=other, found=", ".join(sorted(found)), expected=_addresses(targets)
            )


def _addresses(containers: Sequence[Json]) -> str:
    endpoints = [endpoint for each in containers for endpoint in (_endpoints(each) or {}).values()]
    return ", ".join(sorted({each["IPAddress"] for each in endpoints if each.get("IPAddress")}))


def _asked_inside(site: Site, container: Json, name: str) -> tuple[int, str]:
    """The exit code and output of getent; -1 where the container can't be asked."""
    body: Mapping[str, Value] = {"Cmd": ["getent", "ahostsv4", name], "AttachStdout": True, "AttachStderr": False}
    try:
        with site.engine.understood():
            return site.engine.execute(container["Id"], body, timeout_s=_EXEC_S)
    except ProviderError:
        return -1, ""


# ------------------------------------------------------------------ the table

_ENGINE: Final = checks_of_engine.CODES

ROWS: Final[tuple[Row[Site], ...]] = (
    *checks_of_engine.ROWS,
    Row(
        "disk-full",
        "the engine's disk has room",
        "only {free} are free; databases and logs stop when nothing is left",
        "docker system df   # then `docker image prune`, or a larger disk",
        _full_disk,
        _ENGINE,
    ),
    Row(
        "port-taken",
        "published ports are free or our own",
        "host port {port} is in use by {holder}",
        "{remedy}   # or publish another port",
        _taken_ports,
        _ENGINE,
    ),
    Row("service-missing", "each service has a container", "it has no container", "reconcile apply", _missing, _ENGINE),
    Row(
        "service-stopped",
        "each service runs, or has ended as it should",
        "it is {state}; its last lines: {lines}",
        "reconcile apply",
        _stopped,
        _ENGINE,
    ),
    Row(
        "service-out-of-memory",
        "no service was ended for lack of memory",
        "the kernel ended it for lack of memory; its limit is {limit}",
        "raise `deploy.resources.limits.memory` of {service}, then `reconcile apply`",
        _out_of_memory,
        _ENGINE,
    ),
    Row(
        "service-crashing",
        "no service starts again and again",
        "it ends again and again (restarted {count} times, last exit code {code}); its last lines: {lines}",
        "reconcile logs --tail 50 {service}",
        _crashing,
        _ENGINE,
        is_symptom=True,
    ),
    Row(
        "service-unhealthy",
        "health checks succeed",
        "its health check fails: {probe}; its last lines: {lines}",
        "reconcile logs --tail 50 {service}",
        _unhealthy,
        _ENGINE,
        is_symptom=True,
    ),
    Row("service-paused", "no service is paused", "it is paused", "docker unpause {container}", _paused, _ENGINE),
    Row(
        "service-starting",
        "each service has started",
        "it is still starting ({probe})",
        "reconcile status --watch",
        _starting,
        _ENGINE,
        is_symptom=True,
    ),
    Row(
        "name-unknown",
        "services that name each other share a network",
        "{asking} can't find `{other}`: {why}",
        "give both services a network in common under `networks`, then `reconcile apply`",
        _apart,
        _ENGINE,
    ),
    Row(
        "name-wrong",
        "names lead to the right containers, asked inside each",
        "in it the name `{other}` leads to {found} instead of {expected}",
        "correct `dns` and `extra_hosts` of {service}, then `reconcile apply`",
        _unresolved,
        _ENGINE,
    ),
)


def checks(engine: Engine, document: Document, *, is_inside: bool = False) -> Sequence[Check]:
    """The checks of an engine; each asks for what it needs, and the list of containers is read once.

    ``is_inside`` says that this process runs in a container of the engine.
    """
    site = Site(engine, document.project, document, is_inside=is_inside)
    return [row.check(site) for row in ROWS]
