"""The environments that an engine shows: each is handed over once, whatever the shape of the answer."""

from __future__ import annotations

import pytest

from reconciler.core.resource.values import Secret
from reconciler.providers.docker.engine.client import Given
from reconciler.providers.docker.table import labels
from tests.kit.docker.memory import Line, MemoryEngine

ENTRIES = ["A=1", "PASSWORD=live-canary"]
VARIABLES = {"A": "1", "PASSWORD": Secret("live-canary")}
CONTAINER = {"Id": "c1", "Config": {"Env": ENTRIES, "Labels": {labels.SERVICE: "web"}}}
TASK = {"ID": "t1", "Spec": {"ContainerSpec": {"Env": ENTRIES}}}
SERVICE = {"ID": "s1", "Version": {"Index": 7}, "Spec": {"TaskTemplate": {"ContainerSpec": {"Env": ENTRIES}}}}
BEFORE = {"PreviousSpec": {"TaskTemplate": {"ContainerSpec": {"Env": ["B=2"]}}}}


def taken(given):
    return list(given.taken())


@pytest.mark.parametrize(
    ("path", "answer", "service"),
    [
        ("/containers/c1/json", CONTAINER, "web"),
        ("/tasks/t1", TASK, ""),
        ("/tasks", [TASK], ""),
        ("/services/s1", SERVICE, ""),
        ("/services", [SERVICE], ""),
    ],
)
def test_an_environment_is_handed_over_once(path, answer, service):
    given = Given()
    given.note(path, answer)
    given.note(path, answer)

    assert taken(given) == [(service, VARIABLES)]
    assert taken(given) == []


def test_a_service_has_another_environment_with_a_new_version():
    given = Given()
    given.note("/services", [SERVICE])
    given.note("/services", [{**SERVICE, **BEFORE, "Version": {"Index": 8}}])

    assert taken(given) == [("", VARIABLES), ("", VARIABLES), ("", {"B": "2"})]


@pytest.mark.parametrize("path", ["/containers/json", "/containers/c1/top", "/images/app:1/json", "/info"])
def test_other_answers_are_not_looked_at(path):
    given = Given()
    given.note(path, CONTAINER)

    assert taken(given) == []


@pytest.mark.parametrize("answer", [None, 1, "text", [1], {}, {"Id": 1, "Config": []}, {"Config": {"Env": 1}}])
def test_an_answer_of_any_shape_is_borne(answer):
    given = Given()
    given.note("/containers/c1/json", answer)

    assert taken(given) == []


@pytest.fixture
def line():
    engine = MemoryEngine()
    engine.image("app:1")
    made = engine.create_container(body={"Image": "app:1", "Labels": {}, "Env": ENTRIES}, params={"name": "web"})
    engine.start(made["Id"])
    line = Line(engine)
    line.identity = made["Id"]
    return line


def test_a_container_is_known_before_its_output_is_read(line):
    next(line.logs(line.identity))

    assert taken(line.given) == [("", {**VARIABLES, "PATH": "/bin"})]


def test_a_container_that_was_seen_is_not_asked_for_again(line):
    line.inspected(line.identity)
    asked = len(line._engine.calls)
    next(line.logs(line.identity))

    assert "json" not in " ".join(line._engine.calls[asked:])


@pytest.mark.parametrize(("path", "asked"), [("/services/s1", "/tasks"), ("/tasks/t1", "/tasks/t1")])
def test_tasks_are_known_before_their_output_is_read(line, path, asked, monkeypatch):
    def get(at, **_params):
        line.given.note(at, [TASK] if at == "/tasks" else TASK)
        paths.append(at)

    paths = []
    monkeypatch.setattr(line, "get", get)
    line._note_given_to_tasks(path)
    line._note_given_to_tasks(path)

    assert paths == ([asked] if path == "/tasks/t1" else [asked, asked])
    assert taken(line.given) == [("", VARIABLES)]
