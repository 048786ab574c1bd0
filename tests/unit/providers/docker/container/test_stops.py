"""The end of a container: a person has stopped it, or it has ended by itself."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.providers.docker.container.stops import Stops


def inspected(status: str = "exited", restart: str = "no", error: str = "") -> dict[str, Any]:
    state = {"Status": status, "Error": error}
    return {"Id": "c", "State": state, "HostConfig": {"RestartPolicy": {"Name": restart}}}


def after(*events: str) -> Stops:
    """The knowledge after these events: an action, with the signal of a kill."""
    made = Stops()
    for event in events:
        action, _, signal = event.partition(" ")
        made.happened({"Action": action, "Actor": {"ID": "c", "Attributes": {"signal": signal}}})
    return made


@pytest.mark.parametrize(
    ("events", "is_by_hand"),
    [
        (("kill 15", "die", "stop"), True),
        (("kill 9", "die"), True),
        (("die",), False),
        (("oom", "die"), False),
        (("kill 1", "die"), False),
        (("stop", "start", "die"), False),
        ((), False),
    ],
)
def test_events_tell_who_ended_it(events: tuple[str, ...], is_by_hand: bool) -> None:
    assert after(*events).was_by_hand(inspected()) is is_by_hand


@pytest.mark.parametrize(
    ("restart", "error", "is_by_hand"),
    [
        ("always", "", True),
        ("unless-stopped", "", True),
        ("on-failure", "", False),
        ("no", "", False),
        ("always", "port is already allocated", False),
    ],
)
def test_without_events_the_restarts_of_the_engine_tell(restart: str, error: str, is_by_hand: bool) -> None:
    assert after().was_by_hand(inspected(restart=restart, error=error)) is is_by_hand


@pytest.mark.parametrize("status", ["running", "restarting", "paused", "created", "dead"])
def test_what_is_not_exited_was_not_stopped(status: str) -> None:
    assert not after("stop").was_by_hand(inspected(status, "always"))
