"""The metrics: counted facts, and gauges of the last look. The reference lists their names and labels."""

from __future__ import annotations

from collections import Counter as Count
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from prometheus_client import CONTENT_TYPE_LATEST as CONTENT_TYPE
from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from reconciler import __version__
from reconciler.core.execution.report import State as Condition
from reconciler.core.history.facts import Ailment, Difference, Fact, Pass, Repair
from reconciler.record import Struct
from reconciler.run.daemon.board import Board, Scene

__all__ = ["CONTENT_TYPE", "METRICS", "Metrics"]

disable_created_metrics()  # type: ignore[no-untyped-call]  # a series more for each counter, of which nobody makes use

_BUCKETS: Final = (0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300)
_MOST_ADDRESSES: Final = 5_000
"""A project with more resources has no series for each of them."""


class Described(Struct, frozen=True):
    """A metric as its readers know it: its type, its labels, and its meaning."""

    type: str
    labels: tuple[str, ...]
    text: str


_OF_EACH: Final = f"up to {_MOST_ADDRESSES:,} resources"
METRICS: Final[Mapping[str, Described]] = {
    "build_info": Described("gauge", ("version",), "The version of reconcile"),
    "up": Described("gauge", (), "Whether the daemon's loop comes round"),
    "revision_info": Described("gauge", ("revision",), "The revision of the files in force, if a repository has them"),
    "leader": Described("gauge", (), "Whether this daemon acts; 0 if it stands by"),
    "last_look_timestamp_seconds": Described("gauge", (), "Time of the last look"),
    "provider_up": Described("gauge", ("provider",), "Whether a provider's server can be read"),
    "resources": Described("gauge", ("provider", "state"), "Resources"),
    "resource_info": Described(
        "gauge", ("address", "kind", "state", "paused"), f"A resource and its state, {_OF_EACH}"
    ),
    "drift_seconds": Described("counter", ("address",), f"Time in which it was not as declared, {_OF_EACH}"),
    "under_repair": Described("gauge", (), "Resources under repair"),
    "troubles": Described("gauge", ("trouble",), "Troubles that last"),
    "pauses": Described("gauge", (), "Pauses that have not expired"),
    "differences": Described("counter", ("provider", "cause"), "Differences, each counted once"),
    "repairs": Described("counter", ("provider", "action", "result"), "Repairs that have ended"),
    "repair_duration_seconds": Described("histogram", ("provider",), "Time from the beginning of a repair to its end"),
    "passes": Described("counter", ("result",), "Passes that did something"),
    "http_requests": Described("counter", ("path", "method", "code"), "HTTP requests"),
    "webhooks": Described("counter", ("forge", "result"), "Webhooks"),
}
"""All metrics, by their names without the prefix ``reconcile_``; a counter's has ``_total`` at its end."""


class Metrics:
    """The counters of one daemon: a listener of its facts."""

    def __init__(self, board: Board, clean: Callable[[str], str] = str) -> None:
        self.registry = CollectorRegistry()
        self._differences = self._counter("differences")
        self._repairs = self._counter("repairs")
        self._passes = self._counter("passes")
        self._requests = self._counter("http_requests")
        self._webhooks = self._counter("webhooks")
        self._seconds = Histogram(
            "reconcile_repair_duration_seconds",
            METRICS["repair_duration_seconds"].text,
            METRICS["repair_duration_seconds"].labels,
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.registry.register(_Gauges(board, clean))

    def __call__(self, fact: Fact) -> None:
        """Count a fact."""
        match fact:
            case Difference(change=change, field=field):
                cause = (field.cause if field else change.cause).value
                self._differences.labels(change.address.provider, cause).inc()
            case Repair(change=change):
                result = "error" if fact.error else "success"
                self._repairs.labels(change.address.provider, change.action.value, result).inc()
                self._seconds.labels(change.address.provider).observe(fact.seconds)
            case Pass():
                self._passes.labels("error" if fact.error or fact.failed else "success").inc()
            case _:
                pass

    def request(self, path: str, method: str, code: int) -> None:
        """Count a request; the path is that of a row of the routes, so that the number of series is bounded."""
        # A method is any word that a client sends, and each would be a series for ever.
        known = method if method in ("GET", "HEAD", "POST") else "other"
        self._requests.labels(path, known, str(code)).inc()

    def exposition(self) -> bytes:
        """All metrics as text."""
        return generate_latest(self.registry)

    def webhook(self, forge: str, result: str) -> None:
        self._webhooks.labels(forge, result).inc()

    def _counter(self, name: str) -> Counter:
        return Counter(f"reconcile_{name}", METRICS[name].text, METRICS[name].labels, registry=self.registry)


class _Gauges(Collector):
    """The gauges of the last look, made when they are asked for: a resource that is gone has no series."""

    def __init__(self, board: Board, clean: Callable[[str], str]) -> None:
        self._board, self._clean = board, clean

    def collect(self) -> Iterator[Metric]:
        board = self._board
        yield _gauge("build_info", [([__version__], 1)])
        yield _gauge("up", [([], board.is_alive)])
        # Without a repository there is no revision, and a series with an empty label would look like one.
        if board.revision:
            yield _gauge("revision_info", [([board.revision], 1)])
        yield _gauge("leader", [([], board.leads)])
        scene = board.scene
        if scene is None:  # as long as a daemon stands by
            return
        yield _gauge("last_look_timestamp_seconds", [([], scene.at)])
        yield _gauge("under_repair", [([], len(scene.state.under_repair))])
        yield from _of_scene(scene, board, self._clean)


def _of_scene(scene: Scene, board: Board, clean: Callable[[str], str]) -> Iterator[Metric]:
    troubles = Count(each.ailment.name.lower() for each in scene.state.troubles)
    names = [each.name.lower() for each in Ailment]
    # All kinds of trouble, also those at 0: an alert on a series that comes and goes misses its first value.
    yield _gauge("troubles", [([name], troubles[name]) for name in names])
    unread = scene.state.unknown
    providers = sorted(scene.session.providers)
    readable = [([name], name not in unread) for name in providers]
    yield _gauge("provider_up", readable)
    states = Count((each.address.provider, each.state.value) for each in scene.state.standings)
    every = [([name, state.value], states[name, state.value]) for name in providers for state in Condition]
    yield _gauge("resources", every)
    active = board.pauses.active(board.wall())
    yield _gauge("pauses", [([], len(active))])
    # A realm with 100,000 users would be 200,000 series, more than most of a Prometheus.
    if len(scene.state.standings) > _MOST_ADDRESSES:
        return
    yield from _of_resources(scene, board, clean)


def _of_resources(scene: Scene, board: Board, clean: Callable[[str], str]) -> Iterator[Metric]:
    """The series of each resource."""
    paused = board.paused(each.address for each in scene.state.standings)
    rows = [
        ([clean(str(each.address)), each.address.kind, each.state.value, _yes_no(each.address in paused)], 1)
        for each in scene.state.standings
    ]
    yield _gauge("resource_info", rows)
    family = CounterMetricFamily("reconcile_drift_seconds", METRICS["drift_seconds"].text, labels=["address"])
    for address, seconds in board.drifted_s.items():
        family.add_metric([clean(str(address))], seconds)
    yield family


def _gauge(name: str, rows: list[tuple[list[str], Any]]) -> Metric:
    family = GaugeMetricFamily(f"reconcile_{name}", METRICS[name].text, labels=METRICS[name].labels)
    for values, number in rows:
        family.add_metric(values, float(number))
    return family


def _yes_no(statement: bool) -> str:  # noqa: FBT001
    return "true" if statement else "false"
