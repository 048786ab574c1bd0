"""Threads that do calls for the executor, and that nobody has to wait for when the program is to end at once.

A ``ThreadPoolExecutor`` is waited for at its end and, once more, when the interpreter exits: a build would hold up a
second Ctrl-C until it is done.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Thread
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Workers(Generic[T, R]):
    """So many threads, begun as they are needed; each takes the next task when it is done with one."""

    def __init__(self, do: Callable[[T], R], most: int) -> None:
        self._do, self._most = do, most
        self._tasks: SimpleQueue[tuple[T, Future[R]] | None] = SimpleQueue()
        self._threads: list[Thread] = []

    def submit(self, task: T) -> Future[R]:
        """Have it done; the future has what comes of it, or what was raised."""
        future: Future[R] = Future()
        self._tasks.put((task, future))
        # Threads are made as they are needed; a plan with one step needs one.
        if len(self._threads) < self._most:
            thread = Thread(target=self._work, name=f"worker {len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()
        return future

    def close(self) -> None:
        """Let the threads end, each after the task that it has; without waiting for them."""
        for _ in self._threads:
            self._tasks.put(None)

    def _work(self) -> None:
        while (given := self._tasks.get()) is not None:
            task, future = given
            try:
                result = self._do(task)
            except BaseException as error:  # noqa: BLE001 (whoever asks the future gets it)
                future.set_exception(error)
            else:
                future.set_result(result)
