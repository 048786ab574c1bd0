"""`reconcile status`: its exit code tells whether something is not in sync, and a watch survives a server's absence."""

from __future__ import annotations

import os
import signal

import pytest

from tests.kit.docker.memory import PROJECT, Line, Refusal


def by_hand(engine):
    Line(engine).post(f"/containers/{PROJECT}-web-1/update", {"Memory": 100 << 20, "MemorySwap": 200 << 20})


def gone(engine):
    Line(engine).delete(f"/containers/{PROJECT}-web-1", force=1)


def test_what_is_in_sync_ends_with_zero(reconcile):
    ran = reconcile("status")

    assert (ran.code, "in sync" in ran.out) == (0, True)


@pytest.mark.parametrize(("change", "state"), [(by_hand, "drifted"), (gone, "missing")])
@pytest.mark.parametrize("form", ["text", "json"])
def test_what_is_not_in_sync_ends_with_two_unless_that_is_not_asked_for(reconcile, engine, change, state, form):
    change(engine)

    ran, asked = reconcile("status", "--format", form), reconcile("status", "--format", form, "--exit-zero")

    assert (ran.code, asked.code) == (2, 0)
    assert ran.out == asked.out
    assert state in ran.out


def test_what_a_person_has_paused_is_no_trouble(reconcile, engine):
    by_hand(engine)
    reconcile("pause", "web", "--for", "2h")

    ran = reconcile("status")

    assert (ran.code, "paused" in ran.out) == (0, True)


def test_a_watch_goes_on_while_the_engine_can_not_be_read(reconcile, engine):
    looks = []

    def at_each_look(when, call):
        if when != "asked" or not call.startswith("GET /networks"):
            return
        looks.append(call)
        if len(looks) == 2:
            raise Refusal(500, "the engine has a bad moment")
        if len(looks) == 4:
            os.kill(os.getpid(), signal.SIGINT)

    engine.watch = at_each_look
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's job in the background lacks

    try:
        ran = reconcile("status", "--watch")
    finally:
        signal.signal(signal.SIGINT, before)

    assert ran.code == 130
    assert "the engine has a bad moment" in ran.err
    assert ran.out.count("in sync") >= 4
