"""Two runs of one change on the engine in memory, each stopped and woken, or killed, at a chosen moment of a request.

Each runs in threads of its own, under the real lock, with a clock that differs from the other's by ten minutes. A run
that is stopped holds a request back that it was permitted to send: that is the worst that a stopped process can do.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.core.execution.report import Event, Report
from reconciler.core.message.errors import Locked, LockLost, Unreachable
from reconciler.providers.docker.provider import DockerProvider
from reconciler.record import replace
from reconciler.run.lock.lock import LEASE_S, Lock
from tests.kit.docker.crashes import Recorded, after_the_kill, ended_process, problems_at_the_end
from tests.kit.docker.memory import PROJECT, Line, MemoryEngine
from tests.kit.docker.scenarios import Scenario

APART_S = 600.0
NEVER = 1 << 30
PATIENCE_S = 60.0
LOCKED = "has the lock"


class _Clock:
    """The shared time, as a machine whose clock differs shows it. Who waits for the lock waits in long steps."""

    def __init__(self, run: Run, apart_s: float) -> None:
        self._run, self._apart_s = run, apart_s

    def now(self) -> float:
        return self._run.engine.clock.now() + self._apart_s

    def sleep(self, seconds: float) -> None:
        # For others no time passes by what a dead process does.
        if self._run.is_dead:
            self._apart_s += seconds
        else:
            self._run.engine.clock.sleep(seconds * (1.0 if self._run.has_begun else 40.0))


class _Seat:
    """The other end of a run's client. Everything but requests is the engine's own."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def __getattr__(self, name: str) -> Any:
        return getattr(self._run.engine, name)

    def request(self, method: str, url: str, *, params: Mapping[str, Any], data: Any = "{}", **rest: Any) -> Any:
        run, is_read = self._run, method == "GET"
        run.has_begun = run.has_begun or not is_read
        call = f"{method} {url.partition('/v1.41')[2]}"
        run.moment(counts=not is_read)
        if not is_read and "reconcile-lock" not in url and "reconcile.lock" not in str(data):
            run.writes.append((run.name, call, threading.get_ident()))
        if run.is_elsewhere and "reconcile.lock.pid" in str(data):
            data = _from_elsewhere(data)
        answer = run.engine.request(method, url, params=params, data=data, **rest)
        run.moment(counts=not is_read)
        return answer


def _from_elsewhere(data: str) -> str:
    """A mark from another PID namespace, with the number of a process that is not here."""
    body = json.loads(data)
    there = {"pid": ended_process(), "domain": "the-same-boot pid:[1] time:[1]"}
    body["Labels"] |= {f"reconcile.lock.{key}": value for key, value in there.items()}
    return json.dumps(body)


class Run:
    """One run in a thread, which stops at its moment number ``stops_at``: before a changing request or its answer.

    In a read it does not stop: locks of the standard library, which runs of one process share, may be held there.
    """

    def __init__(
        self,
        name: str,
        world: World,
        *,
        stops_at: int = NEVER,
        apart_s: float = 0.0,
        is_elsewhere: bool = False,
    ) -> None:
        self.name, self.engine, self.writes, self.scenario = name, world.engine, world.writes, world.scenario
        self.is_elsewhere, self.is_dead, self.has_begun, self.moments = is_elsewhere, False, False, 0
        self.failure: BaseException | None = None
        self.failed: tuple[Event, ...] = ()
        self._stops_at, self._clock, self._mutex = stops_at, _Clock(self, apart_s), threading.Lock()
        self._go, self._quiet = threading.Event(), threading.Event()
        self._go.set()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    def go(self) -> None:
        """Let it run until it stops or ends."""
        self._quiet.clear()
        self._go.set()
        if self._thread.ident is None:
            self._thread.start()
        if not self.is_over:
            assert self._quiet.wait(PATIENCE_S), f"{self.name} neither stops nor ends"

    def die(self) -> None:
        """Let none of its further requests reach the engine."""
        self.is_dead = True
        self._go.set()
        self._thread.join(PATIENCE_S)

    @property
    def is_over(self) -> bool:
        return self._thread.ident is not None and not self._thread.is_alive()

    def moment(self, *, counts: bool) -> None:
        """A moment at which the process may be stopped, where it ``counts``; it goes no further while it is."""
        with self._mutex:
            self.moments += counts
            if counts and self.moments == self._stops_at:
                self._stops_at = NEVER
                self._go.clear()
                self._quiet.set()
        if counts:
            self._go.wait()
        if self.is_dead:
            raise Unreachable("the process was killed")

    def _work(self) -> None:
        try:
            self.failed = self._report().failed
        except (Locked, LockLost, Unreachable) as error:
            self.failure = error
        finally:
            self._quiet.set()

    def _report(self) -> Report:
        reconciler = self.scenario.reconciler(self.engine)
        provider = reconciler.providers["docker"]
        assert isinstance(provider, DockerProvider)
        provider.engine = Line(_Seat(self))  # type: ignore[arg-type]  # it answers in the engine's place
        lock = Lock(self._clock, uptime=self._clock.now)
        reconciler = replace(
            reconciler,
            clock=self._clock,
            before_change=lock.require_held,
            after_failure=lock.require_held_after_failure,
        )
        with lock.held(provider, PROJECT, "apply", wait_s=5 * LEASE_S):
            self.writes.append((self.name, LOCKED, 0))
            happened = self.scenario.acted(reconciler, provider)
        return Report(tuple(each for each in happened if isinstance(each, Event)))


class World:
    """An engine, and what is written there by whom. ``first`` and ``second`` are moments of two runs."""

    def __init__(self, scenario: Scenario, first: int, second: int, *, is_elsewhere: bool = True) -> None:
        self.scenario, self.engine = scenario, MemoryEngine.restored(scenario.begun)
        self.writes: list[tuple[str, str, int]] = []
        self.first = Run("first", self, stops_at=first, is_elsewhere=is_elsewhere)
        self.second = Run("second", self, stops_at=second, apart_s=APART_S, is_elsewhere=not is_elsewhere)

    def play(self, *, kills: bool) -> None:
        """The first run stops, the second one takes its lock and stops as well, and both go on, or one is killed."""
        self.first.go()
        self.second.go()
        self.first.go()
        if kills:
            self.second.die()
            self.engine = after_the_kill(self.engine.saved())
        else:
            self.second.go()

    def problems(self, recorded: Recorded) -> Iterator[str]:
        """The faults of what was written, and of what one more run, alone, makes of it."""
        holder, late = "", Counter[int]()
        for name, call, thread in self.writes:
            holder = name if call == LOCKED else holder
            late[thread] += name != holder
        # Each step under way may still send a request that was permitted just before its process was stopped.
        if max(late.values(), default=0) > 1:
            yield f"two wrote at once: {[each[:2] for each in self.writes]}"
        last = Run("last", self, apart_s=-APART_S)
        last.go()
        if last.failure or bool(last.failed) != self.scenario.fails:
            yield f"the next run ends with {last.failure or [event.note for event in last.failed]}"
        yield from problems_at_the_end(self.scenario, recorded, self.engine)
