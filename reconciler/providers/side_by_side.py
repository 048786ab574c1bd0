"""Several questions to one server at a time, with the answers in the order of the questions."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, TypeVar

AT_ONCE: Final = 4
"""How many requests are under way at a time: enough that the server is at work while an answer is read."""

_In = TypeVar("_In")
_Out = TypeVar("_Out")


def side_by_side(ask: Callable[[_In], _Out], about: Iterable[_In], *, at_once: int = AT_ONCE) -> Iterator[_Out]:
    """Yields the answers in the order of the questions; an error of one is raised in its place.

    After an error, or if the caller stops, no further question is asked. Nobody waits for those under way then: an
    interrupted command ends at once.
    """
    questions = tuple(about)
    if min(len(questions), at_once) < 2:  # which needs no threads
        yield from map(ask, questions)
        return
    work = _Work(ask, questions)
    for _ in range(min(len(questions), at_once)):
        threading.Thread(target=work.run, name="side by side", daemon=True).start()
    try:
        yield from map(work.answer, range(len(questions)))
    finally:
        work.stop()


class _Work:
    """The questions that are left, and the answers that nobody has taken yet, each with its number."""

    def __init__(self, ask: Callable[[Any], Any], questions: Sequence[Any]) -> None:
        self._ask, self._questions = ask, questions
        self._left = iter(range(len(questions)))
        self._answers: dict[int, tuple[Any, BaseException | None]] = {}
        self._changed = threading.Condition()
        self._is_stopped = False

    def run(self) -> None:
        """Asks until no question is left. Runs in several threads."""
        while (number := self._next()) is not None:
            try:
                answer: tuple[Any, BaseException | None] = self._ask(self._questions[number]), None
            except BaseException as error:  # noqa: BLE001  # raised where the answer is wanted
                answer = None, error
                self.stop()
            with self._changed:
                self._answers[number] = answer
                self._changed.notify_all()

    def _next(self) -> int | None:
        # Questions are handed out in order, so those before one that fails are all answered.
        with self._changed:
            return None if self._is_stopped else next(self._left, None)

    def answer(self, number: int) -> Any:
        """Waits for an answer; raises its error."""
        with self._changed:
            while number not in self._answers:
                self._changed.wait()
            answer, error = self._answers.pop(number)
        if error:
            raise error
        return answer

    def stop(self) -> None:
        with self._changed:
            self._is_stopped = True
