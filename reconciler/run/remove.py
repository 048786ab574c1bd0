"""Taking a whole project away, as one plan of deletions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from threading import Event as Flag

from reconciler.core.plan import make
from reconciler.core.report import Event
from reconciler.core.resource import Observed
from reconciler.run.execute import execute
from reconciler.run.once import Look, Reconciler


def kinds_to_remove(*, volumes: bool) -> frozenset[str]:
    return frozenset({"docker.container", "docker.network"} | ({"docker.volume"} if volumes else set()))


def removal(reconciler: Reconciler, kinds: frozenset[str], *, stop: Flag | None = None) -> Iterator[Event | Look]:
    """Delete everything of these kinds that is the project's; what is declared as external is not."""
    providers = {name: each for name, each in reconciler.providers.items() if name == "docker"}
    only_containers = replace(reconciler, providers=providers)
    desired = only_containers.desired()
    external = {resource.address for resource in desired if resource.spec.get("external")}

    def goes(live: Observed) -> bool:
        return live.owned and live.address.kind in kinds and live.address not in external

    observed = {each.address: each for each in only_containers.observed(desired)}
    plan = make(providers, (), observed.values(), prunes=goes)
    yield Look(plan, observed)
    yield from execute(plan.steps, only_containers.perform, reconciler.clock, stop=stop)
