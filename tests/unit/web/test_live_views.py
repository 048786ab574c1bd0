"""The views of what goes on: the passes under way step by step, and the doctor with the way of a login."""

from __future__ import annotations

import json
import threading
from types import SimpleNamespace

import anyio
import pytest

from reconciler.core.diagnosis import Checked, Diagnosis, Verdict
from reconciler.core.login import Login, Stage, Trouble, Walk
from reconciler.core.message.errors import Unreachable
from reconciler.core.resource.address import Address
from reconciler.run.commands.doctor import Examination
from reconciler.web import events
from reconciler.web.desk import Call
from tests.kit.web import HTML, OPERATOR, READER, TOKENS, box, form_token, living, shown, words
from tests.kit.web import Stage as WebStage

STACK = {
    "services": {"mlflow": {"ports": ({"published": "5000", "target": 80},)}, "redis": {}},
    "x-reconcile": {"login": {"url": "http://localhost:5000/login", "user": "ann", "password": "correct-horse"}},
}


@pytest.fixture
def stage(tmp_path):
    after = {"postgres": "", "redis": "", "keycloak": "postgres", "mlflow": "keycloak", "worker": "mlflow"}
    resources = [box(name, parent, size=1) for name, parent in after.items()]
    made = WebStage(tmp_path, resources, [living(name, size=1) for name in after], tokens=TOKENS, stack=STACK)
    made.look()
    return made


# ------------------------------------------------------------------ steps


def test_a_pass_under_way_shows_each_step_with_its_state(stage):
    stage.repair("postgres", "redis", "mlflow", note="health: starting")

    text = words(shown(stage, "/", READER))

    assert "Running now 1 of 3 steps ended" in text
    assert "memory.box/postgres starting ✓ done 1.5 s" in text
    assert "memory.box/redis starting ↻ under way 1.5 s health: starting" in text
    assert "memory.box/mlflow starting · waiting" in text


def test_a_resource_shows_its_own_steps_only(stage):
    stage.repair("postgres", "redis")

    own, other = (words(shown(stage, f"/resource?address=memory.box/{name}", READER)) for name in ("redis", "mlflow"))

    assert "Running now 0 of 1 steps ended" in own
    assert "postgres starting" not in own
    assert "Running now" not in other


def test_a_pass_that_is_over_is_shown_no_more(stage):
    stage.repair("postgres")
    stage.board.under_way.end("p1")

    assert "Running now" not in shown(stage, "/", READER)


def test_of_a_long_pass_only_what_goes_on_or_fails_is_shown(stage):
    stage.repair(*(f"box{number:03}" for number in range(300)))

    page = shown(stage, "/", READER)

    assert "299 steps that wait or are done are left out" in page
    assert len(page.encode()) < 100_000


def test_programs_get_the_same_steps(stage):
    stage.repair("postgres", "redis")

    (found,) = stage.client(READER).get("/api/v1/status").json()["under_way"]

    assert found["steps"] == {"total": 2, "ended": 1}
    assert [(each["address"], each["state"]) for each in found["shown"]] == [
        ("memory.box/postgres", "done"), ("memory.box/redis", "under way")
    ]  # fmt: skip


def test_a_stream_tells_of_each_step_and_of_the_doctor(stage):
    visitor = stage.desk.gate.visitor({"authorization": f"Bearer {READER}"}, "", "")
    request = SimpleNamespace(headers={})

    async def read():
        found = []
        body = events.stream(Call(stage.desk, request, visitor)).body_iterator
        async for message in body:
            found.append(message)
            if "event: look" in message:
                stage.repair("postgres", "redis")
                stage.desk.examinations.begin("ann", threading.Lock)
            if "event: doctor" in message:
                break
        await body.aclose()
        return found

    messages = {message.split("\n")[0]: message for message in anyio.run(read)}

    data = json.loads(messages["event: steps"].partition("data: ")[2])
    assert data["passes"][0]["steps"] == {"total": 2, "ended": 1}


# ------------------------------------------------------------------ the doctor


def found_by_the_doctor(*diagnoses, works=False):
    login = Login("http://localhost:5000/login", "ann")
    trouble = Trouble.NONE if works else Trouble.STATUS
    walk = Walk(login, Stage.RETURN, trouble, "http://localhost:5000/callback", 500, "Internal Server Error")
    return Examination((Checked("login", "a login succeeds", Verdict.FOUND),), diagnoses, login, walk)


def run(stage, token=OPERATOR):
    client = stage.client()
    login = client.get("/login", headers=HTML)
    client.post("/login", data={"csrf": form_token(login.text), "token": token}, headers=HTML)
    page = client.get("/confirm/doctor", headers=HTML)
    answer = client.post("/act/doctor", data={"csrf": form_token(page.text)}, headers=HTML)
    stage.examined()
    return answer


def test_the_doctor_is_run_by_an_operator_and_recorded(stage):
    redis = Address("memory.box", ("redis",))
    diagnosis = Diagnosis("APP-7", "Redis refuses the password.", "redis", "reconcile apply", redis)
    stage.examination = found_by_the_doctor(diagnosis)

    answer = run(stage)
    text = words(shown(stage, "/doctor", READER))

    assert (answer.status_code, answer.headers["location"]) == (303, "/doctor")
    assert stage.commands() == [("doctor", "local token", 0)]
    assert "1 finding , causes before their consequences." in text
    assert "APP-7 redis Redis refuses the password. Remedy: reconcile apply" in text
    assert "fails at `return to the application`" in text
    assert "findings of the doctor" in shown(stage, "/", READER)


def test_the_way_of_a_login_leads_from_the_browser_to_all_that_it_needs(stage):
    keycloak = Address("memory.box", ("keycloak",))
    stage.examination = found_by_the_doctor(Diagnosis("KC-1", "It is away.", "keycloak", "look", keycloak))
    run(stage)

    text = words(shown(stage, "/doctor", READER))

    way = text.partition("The same as a list")[2].partition("Checks")[0]
    assert "browser/login: stuck" in way
    assert "memory.box/mlflow: in sync comes from browser/login" in way
    assert "memory.box/keycloak: degraded, KC-1: It is away. comes from memory.box/mlflow" in way
    assert "memory.box/postgres: in sync comes from memory.box/keycloak" in way
    assert "worker" not in way
    assert "redis" not in way


def test_a_login_that_works_is_green_and_one_that_was_not_walked_is_unknown(stage):
    before = words(shown(stage, "/doctor", READER))
    stage.examination = found_by_the_doctor(works=True)
    run(stage)

    assert "Nobody has run the doctor since this daemon began. Login: http://localhost:5000/login: not walked" in before
    assert "browser/login: unknown" in before
    assert "No findings." in words(shown(stage, "/doctor", READER))
    assert "browser/login: in sync" in words(shown(stage, "/doctor", READER))


def test_without_a_declared_login_there_is_no_way_of_it(tmp_path):
    stage = WebStage(tmp_path, [box("a", size=1)], [living("a", size=1)])
    stage.look()

    text = words(shown(stage, "/doctor"))

    assert "declare its address under `x-reconcile.login`" in text
    assert "The way of a login" not in text


def test_one_examination_goes_on_at_a_time(stage):
    go, entered = threading.Event(), threading.Event()

    def slow():
        entered.set()
        go.wait(10)
        return stage.examination

    stage.desk.examinations.examine = slow
    first = threading.Thread(target=run, args=(stage,))
    first.start()
    entered.wait(10)

    second = stage.client(OPERATOR).post("/act/doctor", data={"csrf": "x"})
    shown_meanwhile = words(shown(stage, "/doctor", READER))
    begun = stage.desk.examinations.begin("bob", threading.Lock)
    go.set()
    first.join()

    assert second.status_code == 403
    assert not begun
    assert "local token has begun an examination" in shown_meanwhile


def test_an_examination_that_fails_says_why_and_the_next_one_can_begin(stage):
    def fail():
        raise Unreachable("the engine does not answer")

    stage.desk.examinations.examine = fail
    run(stage)

    assert "The examination failed: the engine does not answer" in words(shown(stage, "/doctor", READER))
    assert stage.commands() == [("doctor", "local token", 1)]
    assert stage.desk.examinations.begun is None


def test_a_reader_can_not_run_the_doctor(stage):
    assert "/confirm/doctor" not in shown(stage, "/doctor", READER)
    assert stage.client(READER).get("/confirm/doctor").status_code == 403


def test_no_password_of_the_login_is_shown(stage):
    stage.examination = found_by_the_doctor()
    run(stage)

    assert "correct-horse" not in shown(stage, "/doctor", OPERATOR)
