"""The services that a command line names, checked and in order."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from graphlib import TopologicalSorter
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from reconciler.config.yaml.suggest import suggestion
from reconciler.core.message.errors import UnknownAddress
from reconciler.core.provider import LogSource, Restarter
from reconciler.core.resource.document import Document
from reconciler.core.resource.values import Value
from reconciler.run.session.session import Session

Attached: TypeAlias = Mapping[str, Collection[str]]
_NOTHING: Final[Attached] = MappingProxyType({})


def known_services(session: Session, source: LogSource, named: Sequence[str]) -> Sequence[str]:
    """The services named, or all that the files declare. Raises UnknownAddress for one that there is not."""
    declared = list(_services(session.document.stack or {}))
    if not named:
        return declared
    unknown = [name for name in named if name not in declared]
    # The engine is asked only for names that no file has: a removed service may still have containers.
    known = {*declared, *(source.log_names() if unknown else ())}
    for name in unknown:
        if name not in known:
            listed = ", ".join(sorted(known)) or "none"
            raise UnknownAddress(f"there is no service `{name}`; the services are: {listed}{suggestion(name, known)}")
    return named


def restart_order(stack: Mapping[str, Value], chosen: Sequence[str], attached: Attached = _NOTHING) -> Sequence[str]:
    """The services in the order of their dependencies; ``attached`` are further ones, as a Restarter has them."""
    needs = {name: [*_needs(service), *attached.get(name, ())] for name, service in _services(stack).items()}
    order = TopologicalSorter(needs).static_order()
    return [*(name for name in order if name in chosen), *(name for name in chosen if name not in needs)]


def with_dependents(stack: Mapping[str, Value], chosen: Sequence[str], attached: Attached) -> Sequence[str]:
    """The services, and those that restart with one of them: by declaration, or because they are attached to it."""
    services, found = _services(stack), dict.fromkeys(chosen)
    for name in restart_order(stack, list(services), attached):
        rules = _needs(services[name]) if name in services else {}
        if {*(need for need, rule in rules.items() if rule.get("restart")), *attached.get(name, ())} & found.keys():
            found[name] = None
    return list(found)


def restarted_along(document: Document, source: Restarter, service: str) -> Sequence[str]:
    """The names of what restarts after a service because of it, in order: as `reconcile restart` has it."""
    stack, attached = document.stack or {}, source.attached(document)
    others = [name for name in with_dependents(stack, [service], attached) if name != service]
    return source.log_names(restart_order(stack, others, attached)) if others else ()


def _services(stack: Mapping[str, Value]) -> Mapping[str, Any]:
    found = stack.get("services")
    return found if isinstance(found, Mapping) else {}


def _needs(service: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    return {name: rule or {} for name, rule in (service.get("depends_on") or {}).items()}
