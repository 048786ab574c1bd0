"""A look of the daemon asks for a container only if an event, or the list, shows that it may have changed."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.providers.docker.engine.unchanged import Unchanged
from reconciler.providers.docker.provider import CONTAINER_EVENTS, OTHER_EVENTS

ITEM = {"Id": "c1", "State": "running", "Status": "Up 5 minutes (healthy)", "Names": ["/web"]}


class Engine:
    """Counts what it is asked, and may have something happen during a request."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.meanwhile: Any = lambda: None

    def get(self, path: str, **_params: Any) -> Any:
        self.asked.append(path)
        number = len(self.asked)
        self.meanwhile()
        return {"number": number}


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def unchanged():
    """One with all its streams connected."""
    made = Unchanged(("a", "b"))
    with made.followed("a"), made.followed("b"):
        yield made


def an_event(kind: str, action: str, identity: str = "c1", **attributes: str) -> dict[str, Any]:
    return {"Type": kind, "Action": action, "Actor": {"ID": identity, "Attributes": attributes}}


def looked(unchanged: Unchanged, engine: Any, *, full: bool = False, **changes: Any) -> int:
    """The number of the answer that a look has of the container."""
    with unchanged.look(full=full):
        return int(unchanged.container(engine, {**ITEM, **changes})["number"])


def test_what_stays_as_it_was_is_asked_for_once(unchanged, engine) -> None:
    assert [looked(unchanged, engine) for _ in range(3)] == [1, 1, 1]
    assert looked(unchanged, engine, Status="Up 2 hours (healthy)") == 1


@pytest.mark.parametrize(
    "change",
    [
        {"State": "exited", "Status": "Exited (1) 2 seconds ago"},
        {"Status": "Up 5 minutes (unhealthy)"},
        {"Status": "Up 5 minutes (Paused)"},
        {"Names": ["/other"]},
    ],
)
def test_what_the_list_shows_otherwise_is_asked_for_again(unchanged, engine, change) -> None:
    looked(unchanged, engine)

    assert looked(unchanged, engine, **change) == 2


@pytest.mark.parametrize("action", [*CONTAINER_EVENTS, "some event of a later engine"])
def test_any_event_of_a_container_has_it_asked_for_again(unchanged, engine, action) -> None:
    looked(unchanged, engine)

    unchanged.happened(an_event("container", action))

    assert looked(unchanged, engine) == 2


def test_the_event_of_another_container_does_not(unchanged, engine) -> None:
    looked(unchanged, engine)

    unchanged.happened(an_event("container", "die", "c2"))
    unchanged.happened(an_event("network", "connect", "n", container="c2"))

    assert looked(unchanged, engine) == 1


def test_a_network_that_is_connected_changes_the_container(unchanged, engine) -> None:
    looked(unchanged, engine)

    unchanged.happened(an_event("network", "connect", "n", container="c1"))

    assert looked(unchanged, engine) == 2


@pytest.mark.parametrize("action", OTHER_EVENTS)
@pytest.mark.parametrize(("kind", "path"), [("image", "/images/app:1/json"), ("volume", "/volumes/data")])
def test_any_event_of_images_or_volumes_has_all_of_them_asked_for_again(unchanged, engine, kind, path, action) -> None:
    with unchanged.look(full=False):
        unchanged.get(engine, path)

    unchanged.happened(an_event(kind, action, "whatever"))

    with unchanged.look(full=False):
        assert unchanged.get(engine, path)["number"] == 2


def test_a_full_look_asks_for_everything(unchanged, engine) -> None:
    looked(unchanged, engine)

    assert looked(unchanged, engine, full=True) == 2
    assert looked(unchanged, engine) == 2


def test_without_one_of_the_streams_each_look_asks_for_everything(engine) -> None:
    unchanged = Unchanged(("a", "b"))

    with unchanged.followed("a"):
        assert [looked(unchanged, engine) for _ in range(2)] == [1, 2]
        with unchanged.followed("b"):
            assert [looked(unchanged, engine) for _ in range(2)] == [3, 3]
        assert [looked(unchanged, engine) for _ in range(2)] == [4, 5]
        with unchanged.followed("b"):
            assert looked(unchanged, engine) == 6


def test_an_answer_during_which_an_event_came_is_not_kept(unchanged, engine) -> None:
    engine.meanwhile = lambda: unchanged.happened(an_event("container", "update"))
    looked(unchanged, engine)
    engine.meanwhile = lambda: None

    assert looked(unchanged, engine) == 2


def test_what_a_look_had_no_use_for_is_not_kept(unchanged, engine) -> None:
    looked(unchanged, engine)
    with unchanged.look(full=False):
        pass

    assert looked(unchanged, engine) == 2
