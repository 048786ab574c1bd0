"""Questions side by side: the order of the answers, the error of the first that fails, and an end without waiting."""

from __future__ import annotations

import threading

import pytest

from reconciler.providers.side_by_side import AT_ONCE, side_by_side

PATIENCE_S = 60


def test_answers_come_in_the_order_of_the_questions_though_the_first_is_the_last_to_come():
    others_are_answered = threading.Event()

    def ask(number):
        if number == 0:
            assert others_are_answered.wait(PATIENCE_S)
        elif number == 9:
            others_are_answered.set()
        return number * number

    assert list(side_by_side(ask, range(10))) == [number * number for number in range(10)]


def test_as_many_are_under_way_as_may_be():
    all_are_here = threading.Barrier(3)

    def ask(number):
        all_are_here.wait(PATIENCE_S)
        return number

    assert list(side_by_side(ask, range(6), at_once=3)) == list(range(6))


@pytest.mark.parametrize("at_once", [1, 4])
def test_the_error_of_the_first_that_fails_is_raised_after_the_answers_before_it(at_once):
    def ask(number):
        if number in (3, 5):
            raise ValueError(number)
        return number

    answers = side_by_side(ask, range(40), at_once=at_once)

    assert [next(answers) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="3"):
        next(answers)


def ended():
    """Waits until no thread asks any more."""
    for thread in threading.enumerate():
        if thread.name == "side by side":
            thread.join(PATIENCE_S)
            assert not thread.is_alive()


def test_nothing_is_asked_after_an_error_and_nobody_waits_for_what_is_under_way():
    goes_on, asked = threading.Event(), []

    def ask(number):
        asked.append(number)
        if number == 0:
            raise ValueError(number)
        assert goes_on.wait(PATIENCE_S)

    with pytest.raises(ValueError, match="0"):
        list(side_by_side(ask, range(100)))

    goes_on.set()
    ended()
    assert len(asked) <= AT_ONCE


def test_nothing_more_is_asked_if_the_caller_stops():
    goes_on, asked = threading.Event(), []

    def ask(number):
        asked.append(number)
        assert number == 0 or goes_on.wait(PATIENCE_S)

    answers = side_by_side(ask, range(100))
    next(answers)
    answers.close()

    goes_on.set()
    ended()
    assert len(asked) <= AT_ONCE + 1


def test_one_question_or_one_at_a_time_needs_no_thread():
    own = threading.get_ident()

    assert list(side_by_side(lambda _each: threading.get_ident(), [1])) == [own]
    assert list(side_by_side(lambda _each: threading.get_ident(), [1, 2], at_once=1)) == [own, own]
    assert list(side_by_side(lambda each: each, [])) == []
