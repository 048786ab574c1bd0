"""The metrics: counted facts, and gauges of the last look. docs/page.md lists their names and labels."""

from __future__ import annotations

from collections import Counter as Count
from collections.abc import Callable, Iterator
from typing import Any, Final

from prometheus_client import CONTENT_TYPE_LATEST as CONTENT_TYPE
from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from reconciler import __version__
from reconciler.core.execution.report import State as Condition
from reconciler.core.history.facts import Ailment, Difference, Fact, Pass, Repair
from reconciler.run.daemon.board import Board, Scene

__all__ = ["CONTENT_TYPE", "Metrics"]

disable_created_metrics()  # type: ignore[no-untyped-call]  # a series more for each counter, of which nobody makes use

_BUCKETS: Final = (0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300)
_MOST_ADDRESSES: Final = 5_000
"""A project with more resources has no series for each of them."""


class Metrics:
    """The counters of one daemon: a listener of its facts."""

    def __init__(self, board: Board, clean: Callable[[str], str] = str) -> None:
        self.registry = CollectorRegistry()
        self._differences = self._counter("differences", "Differences, each counted once", "provider", "cause")
        self._repairs = self._counter("repairs", "Repairs that have ended", "provider", "action", "result")
        self._passes = self._counter("passes", "Passes that did something", "result")
        self._requests = self._counter("http_requests", "HTTP requests", "path", "method", "code")
        self._webhooks = self._counter("webhooks", "Webhooks", "forge", "result")
        self._seconds = Histogram(
            "reconcile_repair_duration_seconds",
            "Time from the beginning of a repair to its end",
            ("provider",),
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
        known = method if method in ("GET", "HEAD", "POST") else "other"
        self._requests.labels(path, known, str(code)).inc()

    def exposition(self) -> bytes:
        """All metrics as text."""
        return generate_latest(self.registry)

    def webhook(self, forge: str, result: str) -> None:
        self._webhooks.labels(forge, result).inc()

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"reconcile_{name}", text, labels, registry=self.registry)


class _Gauges(Collector):
    """The gauges of the last look, made when they are asked for: a resource that is gone has no series."""

    def __init__(self, board: Board, clean: Callable[[str], str]) -> None:
        self._board, self._clean = board, clean

    def collect(self) -> Iterator[Metric]:
        board = self._board
        yield _gauge("build_info", "The version of reconcile", ["version"], [([__version__], 1)])
        yield _gauge("up", "Whether the daemon's loop comes round", [], [([], board.is_alive)])
        if board.revision:
            yield _gauge("revision_info", "The revision of the files in force", ["revision"], [([board.revision], 1)])
        yield _gauge("leader", "Whether this daemon may write", [], [([], board.leads)])
        scene = board.scene
        if scene is None:  # as long as a daemon stands by
            return
        yield _gauge("last_look_timestamp_seconds", "Time of the last look", [], [([], scene.at)])
        yield _gauge("under_repair", "Resources under repair", [], [([], len(scene.state.under_repair))])
        yield from _of_scene(scene, board, self._clean)


def _of_scene(scene: Scene, board: Board, clean: Callable[[str], str]) -> Iterator[Metric]:
    troubles = Count(each.ailment.name.lower() for each in scene.state.troubles)
    names = [each.name.lower() for each in Ailment]
    yield _gauge("troubles", "Troubles that last", ["trouble"], [([name], troubles[name]) for name in names])
    unread = {each.subject for each in scene.state.troubles if each.ailment is Ailment.UNREAD}
    providers = sorted(scene.session.providers)
    readable = [([name], name not in unread) for name in providers]
    yield _gauge("provider_up", "Whether a provider's server can be read", ["provider"], readable)
    states = Count((each.address.provider, each.state.value) for each in scene.state.standings)
    every = [([name, state.value], states[name, state.value]) for name in providers for state in Condition]
    yield _gauge("resources", "Resources", ["provider", "state"], every)
    active = board.pauses.active(board.wall())
    yield _gauge("pauses", "Pauses that have not expired", [], [([], len(active))])
    if len(scene.state.standings) > _MOST_ADDRESSES:
        return
    paused = board.paused(each.address for each in scene.state.standings)
    rows = [
        ([clean(str(each.address)), each.address.kind, each.state.value, _yes_no(each.address in paused)], 1)
        for each in scene.state.standings
    ]
    yield _gauge("resource_info", "A resource and its state", ["address", "kind", "state", "paused"], rows)
    family = CounterMetricFamily("reconcile_drift_seconds", "Time in which it was not as declared", labels=["address"])
    for address, seconds in board.drifted_s.items():
        family.add_metric([clean(str(address))], seconds)
    yield family


def _gauge(name: str, text: str, labels: list[str], rows: list[tuple[list[str], Any]]) -> Metric:
    family = GaugeMetricFamily(f"reconcile_{name}", text, labels=labels)
    for values, number in rows:
        family.add_metric(values, float(number))
    return family


def _yes_no(statement: bool) -> str:  # noqa: FBT001
    return "true" if statement else "false"
