"""The services that a command line names, checked and in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from graphlib import TopologicalSorter
from typing import Any

from reconciler.config.yaml.suggest import suggestion
from reconciler.core.message.errors import UnknownAddress
from reconciler.core.provider import LogSource
from reconciler.core.resource.values import Value
from reconciler.run.session.session import Session


def known_services(session: Session, source: LogSource, named: Sequence[str]) -> Sequence[str]:
    """The services named, or all that the files declare. Raises UnknownAddress for one that there is not."""
    declared = list(_services(session.document.stack or {}))
    if not named:
        return declared
    unknown = [name for name in named if name not in declared]
    known = {*declared, *(source.log_names() if unknown else ())}
    for name in unknown:
        if name not in known:
            listed = ", ".join(sorted(known)) or "none"
            raise UnknownAddress(f"there is no service `{name}`; the services are: {listed}{suggestion(name, known)}")
    return named


def restart_order(stack: Mapping[str, Value], chosen: Sequence[str], *, with_dependents: bool) -> Sequence[str]:
    """The services to restart, each after those it depends on, and with those that restart with one of them."""
    services = _services(stack)
    needs = {name: _needs(service) for name, service in services.items()}
    order = list(TopologicalSorter({name: own.keys() for name, own in needs.items()}).static_order())
    wanted = {*chosen}
    for name in order if with_dependents else ():
        if any(need in wanted and rule.get("restart") for need, rule in needs.get(name, {}).items()):
            wanted.add(name)
    undeclared = [name for name in chosen if name not in services]
    return [*(name for name in order if name in wanted), *undeclared]


def _services(stack: Mapping[str, Value]) -> Mapping[str, Any]:
    found = stack.get("services")
    return found if isinstance(found, Mapping) else {}


def _needs(service: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    return {name: rule or {} for name, rule in (service.get("depends_on") or {}).items()}
