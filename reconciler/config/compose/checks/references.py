"""References between the parts of a stack: to services, networks, files and addresses; and cycles among them."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from reconciler.config.compose.checks.checks import Check, Stack, impossible, said
from reconciler.config.compose.model.canonical import is_in_default_network, linked, mounted_from
from reconciler.config.compose.model.mounts import clean
from reconciler.config.schedule import problems_of
from reconciler.config.yaml.suggest import nearest, suggestion
from reconciler.config.yaml.tree import Map, dotted, like, reached
from reconciler.core.message.problem import Problem, Severity
from reconciler.core.resource.address import Address
from reconciler.core.resource.options import OPTIONS
from reconciler.vocabulary.compose import NAMESPACES, SERVICE

_SHOWN: Final = 10
_MOUNTED: Final = (("secrets",), ("configs",), ("build", "secrets"))
_ALIKE: Final = 0.8


def known_networks(stack: Stack) -> Iterator[Problem]:
    implied = any(is_in_default_network(service) for _, service in stack.each())
    declared = {*stack.section("networks"), *(("default",) if implied else ())}
    for name, service in stack.each():
        for network in service.get("networks") or ():
            if network not in declared:
                place = stack.place("services", name, "networks", network)
                yield from said(place, _undeclared("network", network, declared, f"services.{name}.networks"))


def known_volumes(stack: Stack) -> Iterator[Problem]:
    declared = stack.section("volumes")
    for name, service in stack.each():
        for index, item in enumerate(service.get("volumes") or ()):
            source = item.get("source") if item.get("type") == "volume" else None
            if source and source not in declared:
                place = stack.place("services", name, "volumes", index)
                # A name without `./` is a volume to Compose, which is the usual mistake where nothing of that name is
                # near.
                hint = "" if suggestion(source, declared) else f" (or write ./{source} for a directory beside the file)"
                yield from said(place, _undeclared("volume", source, declared, f"services.{name}.volumes") + hint)


def known_files(stack: Stack) -> Iterator[Problem]:
    """Secrets and configs that are mounted, also into a build."""
    for name, service in stack.each():
        for *above, section in _MOUNTED:
            declared = stack.section(section)
            for index, item in enumerate(reached(service, (*above, section)) or ()):
                source = item.get("source")
                if source not in declared:
                    where = dotted(("services", name, *above, section))
                    place = stack.place("services", name, *above, section, index, "source")
                    yield from said(
                        place, _undeclared(section.removesuffix("s"), str(source), declared, where), at_value=True
                    )


def known_models(stack: Stack) -> Iterator[Problem]:
    declared = stack.section("models")
    for name, service in stack.each():
        for model in service.get("models") or ():
            if model not in declared:
                place = stack.place("services", name, "models", model)
                yield from said(place, _undeclared("model", model, declared, f"services.{name}.models"))


def known_links(stack: Stack) -> Iterator[Problem]:
    """Services that are named by ``links`` and ``volumes_from``."""
    for name, service in stack.each():
        for key, others in (("links", linked(service)), ("volumes_from", mounted_from(service))):
            for other in others:
                if other not in stack.services:
                    place = stack.place("services", name, key)
                    yield from said(place, f"services.{name}.{key} names `{other}`{_no_service(other, stack)}")


def known_contexts(stack: Stack) -> Iterator[Problem]:
    """Services whose images a build begins with."""
    for name, service in stack.each():
        for key, context in (reached(service, ("build", "additional_contexts")) or {}).items():
            other = str(context).removeprefix(SERVICE)
            if other == context:
                continue
            place = stack.place("services", name, "build", "additional_contexts", key)
            where = f"services.{name}.build.additional_contexts.{key} names `{other}`"
            if other not in stack.services:
                yield from said(place, f"{where}{_no_service(other, stack)}", at_value=True)
            elif stack.services[other].get("build") is None:
                yield from said(place, f"{where}, which is not built", at_value=True)


def _undeclared(kind: str, name: str, declared: Iterable[str], where: str) -> str:
    hint = suggestion(name, list(declared)) or f"; declare it under `{kind}s` at the top level"
    return f"{where} names `{name}`, but no {kind} is declared by that name{hint}"


def known_dependencies(stack: Stack) -> Iterator[Problem]:
    for name, service in stack.each():
        for other, edge in (service.get("depends_on") or {}).items():
            place = stack.place("services", name, "depends_on", other)
            if other in stack.inactive and edge.get("required", True):
                message = f"services.{name}.depends_on names `{other}`, which is not active: it has other `profiles`"
                yield from said(place, f"{message}; activate one, or write `required: false`")
            elif other not in stack.services and other not in stack.inactive:
                yield from said(place, f"services.{name}.depends_on names `{other}`{_no_service(other, stack)}")


def known_namespaces(stack: Stack) -> Iterator[Problem]:
    for name, service in stack.each():
        for space, other in shared(service):
            if other not in stack.services:
                place = stack.place("services", name, space)
                yield from said(
                    place, f"services.{name}.{space} names `{other}`{_no_service(other, stack)}", at_value=True
                )


def _no_service(name: str, stack: Stack) -> str:
    return f", but there is no such service{suggestion(name, list(stack.services))}"


def no_cycles(stack: Stack) -> Iterator[Problem]:
    edges = {name: list(_before(service)) for name, service in stack.each()}
    for cycle in _cycles(edges):
        shown = " → ".join(cycle if len(cycle) <= _SHOWN else (*cycle[: _SHOWN - 2], "…", cycle[-1]))
        place = stack.place("services", cycle[0], "depends_on", cycle[1])
        yield from said(place, f"services wait for each other in a circle: {shown}; take one of these out")


def no_circle_of_builds(stack: Stack) -> Iterator[Problem]:
    """Images that begin with each other."""
    contexts = {
        name: {str(where).removeprefix(SERVICE): key for key, where in found.items() if where.startswith(SERVICE)}
        for name, service in stack.each()
        if (found := reached(service, ("build", "additional_contexts")))
    }
    for cycle in _cycles({name: list(others) for name, others in contexts.items()}):
        place = stack.place("services", cycle[0], "build", "additional_contexts", contexts[cycle[0]][cycle[1]])
        shown = " → ".join(cycle)
        yield from said(place, f"images are built from each other in a circle: {shown}; take one of these out")


def _before(service: Map) -> Iterator[str]:
    yield from service.get("depends_on") or ()
    yield from (other for _, other in shared(service))
    yield from (*linked(service), *mounted_from(service))


def shared(service: Map) -> Iterator[tuple[str, str]]:
    """The namespaces that the service shares with another one, and that one's name."""
    for space in NAMESPACES:
        value = service.get(space)
        if isinstance(value, str) and value.startswith(SERVICE):
            yield space, like(value, value.removeprefix(SERVICE))


def _cycles(edges: Mapping[str, list[str]]) -> Iterator[tuple[str, ...]]:
    """One cycle through each group of services that wait for each other."""
    done: set[str] = set()
    for start in edges:
        # Without recursion, as a chain of a thousand services is deeper than Python's stack.
        walk: list[tuple[str, Iterator[str]]] = [(start, iter(edges[start]))] if start not in done else []
        while walk:
            above = [name for name, _ in walk]
            following = next((name for name in walk[-1][1] if name in edges and name not in done), None)
            if following is None:
                done.add(walk.pop()[0])
            elif following in above:
                yield (*above[above.index(following) :], following)
                done.update(above)
                break
            else:
                walk.append((following, iter(edges[following])))


def known_addresses(stack: Stack) -> Iterator[Problem]:
    """Checks the containers, networks and volumes of this file that x-reconcile names."""
    for path, address in x_addresses(stack):
        place = stack.place(*path)
        parsed = _parsed(address)
        if parsed is None:
            example = address if address in stack.services else "redis"
            yield from impossible(
                place, f"`{address}` is not a valid address; expected KIND/NAME such as docker.container/{example}"
            )
        elif parsed.provider in ("docker", "swarm") and not _is_declared(parsed, stack):
            hint = suggestion(parsed.name, list(_declared(parsed.kind, stack)))
            yield from said(place, f"`{address}` is not declared{hint}")


def x_addresses(stack: Stack) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """The addresses that x-reconcile names, with the paths where it does."""
    top = stack.document.get(OPTIONS)
    if isinstance(top, Map):
        for index, address in enumerate(top.get("protect") or ()):
            yield (OPTIONS, "protect", index), address
    for name, service in stack.each():
        settings = service.get(OPTIONS)
        if isinstance(settings, Map):
            for index, address in enumerate(settings.get("depends_on") or ()):
                yield ("services", name, OPTIONS, "depends_on", index), address


def _parsed(address: str) -> Address | None:
    try:
        return Address.parse(address)
    except ValueError:
        return None


def _declared(kind: str, stack: Stack) -> Iterator[str]:
    match kind:
        case "docker.container" | "swarm.service":
            yield from stack.services
        case "swarm.network" | "swarm.config" | "swarm.secret":
            yield from stack.section(f"{kind.removeprefix('swarm.')}s")
        case "docker.network" | "docker.volume":
            section = f"{kind.removeprefix('docker.')}s"
            yield from stack.section(section)
            # People know a network by the engine's name as well, so that one is accepted.
            yield from (f"{stack.around.project}_{key}" for key in stack.section(section))


def _is_declared(address: Address, stack: Stack) -> bool:
    return address.kind == "docker.image" or address.path[0] in set(_declared(address.kind, stack))


def known_keycloak(stack: Stack) -> Iterator[Problem]:
    settings = stack.document.get(OPTIONS)
    name = settings.get("keycloak") if isinstance(settings, Map) else None
    if isinstance(name, str) and name not in stack.services:
        place = stack.place(OPTIONS, "keycloak")
        yield from said(place, f"x-reconcile.keycloak names `{name}`{_no_service(name, stack)}", at_value=True)


def known_variables(stack: Stack) -> Iterator[Problem]:
    """Checks that the variable behind a config or secret exists."""
    for section in ("configs", "secrets"):
        mounted = {item.get("source") for _, service in stack.each() for item in _mounted(service, section)}
        for name, file in stack.section(section).items():
            variable = file.get("environment") if isinstance(file, Map) and name in mounted else None
            if variable and stack.around.variables.get(variable) is None:
                message = f"{section}.{name}.environment names `{variable}`, which is not set; set it, or take it out"
                yield from said(stack.place(section, name, "environment"), message, at_value=True)


def _mounted(service: Map, section: str) -> Iterator[Map]:
    """Configs or secrets of a service, and of its build."""
    for *above, mounted in _MOUNTED:
        if mounted == section:
            yield from reached(service, (*above, mounted)) or ()


def known_reloads(stack: Stack) -> Iterator[Problem]:
    """Checks that a reaction to a changed file names a file that is mounted."""
    for name, service in stack.each():
        named = reached(service, (OPTIONS, "reload"))
        targets = set(_mounted_targets(service))
        for path in named if isinstance(named, Map) else ():
            if path.startswith("/") and clean(path) not in targets:
                hint = suggestion(path, targets) or "; expected the path in the container of one"
                message = f"services.{name} has no config, secret or bind mount at `{path}`{hint}"
                yield from said(stack.place("services", name, OPTIONS, "reload", path), message)


def _mounted_targets(service: Map) -> Iterator[str]:
    for section, folder in (("configs", "/"), ("secrets", "/run/secrets")):
        for item in service.get(section) or ():
            yield clean(posixpath.join(folder, item.get("target") or item.get("source") or ""))
    yield from (clean(item.get("target") or "") for item in service.get("volumes") or () if item.get("type") == "bind")


def known_windows(stack: Stack) -> Iterator[Problem]:
    """Checks the schedule, the duration and the time zone of each maintenance window."""
    for index, window in enumerate(reached(stack.document, (OPTIONS, "daemon", "windows")) or ()):
        for key, message in problems_of(window).items():
            yield from impossible(stack.place(OPTIONS, "daemon", "windows", index, key), message)


def known_settings(stack: Stack) -> Iterator[Problem]:
    """A misspelt ``x-reconcile`` would have no effect, like any other ``x-`` key."""
    for path, holder in ((), stack.document), *((("services", name), service) for name, service in stack.each()):
        for key in holder:
            if key.startswith("x-") and key != OPTIONS and nearest(key, [OPTIONS], alike=_ALIKE):
                place = stack.place(*path, key)
                yield from said(place, f"`{key}` has no effect; did you mean `{OPTIONS}`?", Severity.WARNING)


# ------------------------------------------------------------------ engines

_SWARM: Final = "swarm"


def one_swarm_for_all(stack: Stack) -> Iterator[Problem]:
    """Checks that a Swarm runs all services or none."""
    usual = reached(stack.document, (OPTIONS, "engine"))
    for name, service in stack.each():
        own = reached(service, (OPTIONS, "engine"))
        if own and own != usual and _SWARM in (own, usual):
            place = stack.place("services", name, OPTIONS, "engine")
            message = "a Swarm runs all services of a stack; write `engine: swarm` at the top level alone"
            yield from said(place, f"services.{name}: {message}", at_value=True)


def nothing_shared_across(stack: Stack) -> Iterator[Problem]:
    """Checks that services which share more than an order are on one engine."""
    engines = {name: stack.engine(service) for name, service in stack.each()}
    for name, service in stack.each():
        for path, other in _shares(service):
            if other in engines and engines[other] != engines[name]:
                place = stack.place("services", name, *path)
                message = f"needs `{other}` on the same engine, which is on {_words(engines[other])}"
                yield from said(place, f"services.{name}.{'.'.join(path)} {message}; give both one `engine`")


def _shares(service: Map) -> Iterator[tuple[tuple[str, ...], str]]:
    yield from (((space,), other) for space, other in shared(service))
    yield from ((("links",), other) for other in linked(service))
    yield from ((("volumes_from",), other) for other in mounted_from(service))
    for key, context in (reached(service, ("build", "additional_contexts")) or {}).items():
        if str(context).startswith(SERVICE):
            yield ("build", "additional_contexts", key), str(context).removeprefix(SERVICE)
    for other, edge in (service.get("depends_on") or {}).items():
        if edge.get("restart"):
            yield ("depends_on", other, "restart"), other


def _words(engine: str) -> str:
    return f"`{engine}`" if engine else "the usual one"


COMPOSE: Final[tuple[Check, ...]] = (
    known_networks,
    known_volumes,
    known_files,
    known_models,
    known_links,
    known_contexts,
    known_dependencies,
    known_namespaces,
    no_cycles,
)
"""Errors to the Compose CLI as well."""

OURS: Final[tuple[Check, ...]] = (
    known_addresses,
    known_keycloak,
    known_reloads,
    known_windows,
    known_settings,
    no_circle_of_builds,
    one_swarm_for_all,
    nothing_shared_across,
)
"""Errors where the stack is to be carried out."""

OF_STARTS: Final[tuple[Check, ...]] = (known_variables,)
"""Errors where services are to be started."""

OF_HOOKS: Final[tuple[Check, ...]] = (known_networks, known_volumes, known_files)
"""Errors of what is run before a service as well, where Compose does not look."""
