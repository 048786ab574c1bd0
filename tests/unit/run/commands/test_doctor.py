"""The search for a cause: in time whatever hangs, causes before symptoms, and an apply where the files know better."""

from __future__ import annotations

import threading
import time

import pytest

from reconciler.core.diagnosis import Check, Diagnosis, Verdict
from reconciler.core.difference.kind import Effect, Field
from reconciler.core.login import Stage, Trouble, Walk, Way
from reconciler.core.message.errors import Unreachable
from reconciler.core.resource.values import Secret
from reconciler.providers.memory import MemoryProvider
from reconciler.record import replace
from reconciler.render.answers.doctor import doctor_text
from reconciler.run.commands.doctor import examined, login_of
from reconciler.run.lock.lock import Lock
from reconciler.run.session.session import Session
from reconciler.settings import Settings
from tests.kit.build import a_document, address, live, resource
from tests.kit.clock import TurnedClock

LOGIN = {"x-reconcile": {"login": {"url": "http://localhost:1/login", "user": "canary", "password": "p"}}}
DB, APP = "memory.box/db", "memory.box/app"


class Checking(MemoryProvider):
    """A provider with these checks."""

    def __init__(self, desired=(), checks=(), login_checks=()):
        super().__init__(desired)
        self.own, self.of_login = tuple(checks), tuple(login_checks)

    def checks(self, _document):
        return self.own

    def login_checks(self, _document, _evidence):
        return self.of_login

    def log_names(self, _services=()):
        return ["app"]

    def logs(self, _name, **_options):
        yield "2100-01-01T00:00:00.0Z redis.exceptions.ConnectionError: Connection refused"
        yield "2001-01-01T00:00:00.0Z authlib: unauthorized_client"


def a_session(tmp_path, provider, stack=LOGIN, **rest):
    clock = TurnedClock()
    return Session(Settings(tmp_path), a_document(stack), (), {"memory": provider}, clock, Lock(clock, print), **rest)


def a_check(code, *found, needs=(), **rest):
    made = [Diagnosis(code, "it is wrong", each, "mend it", address(each), **rest) for each in found]
    return Check(code, f"{code} is fine", lambda: iter(made), needs)


def works(login):
    return Walk(login, Stage.DONE, Trouble.NONE)


def fails(login):
    return Walk(login, Stage.RETURN, Trouble.STATUS, "http://localhost:1/callback", 500, "Internal Server Error")


def verdicts(examination):
    return {each.code: each.verdict for each in examination.checked}


def test_a_healthy_project_has_no_findings(tmp_path):
    found = examined(a_session(tmp_path, Checking(checks=[a_check("a")])), walks=works)

    assert (found.diagnoses, found.walk.works) == ((), True)
    assert verdicts(found) == {"a": Verdict.OK, "differences": Verdict.OK}


def test_what_is_needed_and_wrong_leaves_checks_out(tmp_path):
    checks = [a_check("a", DB), a_check("b", needs=("a",)), a_check("c", needs=("b",)), a_check("d")]
    found = examined(a_session(tmp_path, Checking(checks=checks)), walks=works)

    assert verdicts(found) == {"a": Verdict.FOUND, "b": Verdict.SKIPPED, "c": Verdict.SKIPPED, "d": Verdict.OK}


@pytest.mark.parametrize("error", [Unreachable("no answer"), KeyError("bug")])
def test_a_check_that_fails_is_no_finding_and_the_others_go_on(tmp_path, error):
    def raises():
        raise error

    checks = [Check("a", "a is fine", raises), a_check("b", DB)]
    found = examined(a_session(tmp_path, Checking(checks=checks)), walks=works)

    assert verdicts(found)["a"] is Verdict.UNKNOWN
    assert [each.code for each in found.diagnoses] == ["b"]


def test_what_hangs_is_left_in_time_and_the_rest_is_reported(tmp_path):
    never = threading.Event()
    checks = [a_check("a", DB), Check("b", "b is fine", lambda: never.wait(60) and ())]
    began = time.monotonic()

    found = examined(a_session(tmp_path, Checking(checks=checks)), walks=lambda _: never.wait(60), phase_s=0.2)

    assert time.monotonic() - began < 5
    assert (verdicts(found)["b"], verdicts(found)["login"]) == (Verdict.UNKNOWN, Verdict.UNKNOWN)
    assert [each.code for each in found.diagnoses] == ["a"]
    never.set()


def test_a_cause_comes_before_its_symptoms(tmp_path):
    desired = [resource(DB), resource(APP, [DB])]
    checks = [a_check("sick", APP, is_symptom=True), a_check("stopped", DB)]
    provider = Checking(desired, checks)
    provider.live = {each.address: live(str(each.address)) for each in desired}

    found = examined(a_session(tmp_path, provider), walks=works).diagnoses

    assert [(each.code, str(each.after or "")) for each in found] == [("stopped", ""), ("sick", DB)]


@pytest.mark.parametrize(
    ("lived", "follows"),
    [
        (live(APP, size=2), ""),  # a field, written by hand
        (None, ""),  # removed, or under another name
        (live(APP, size=1, is_up=False), DB),  # ended, perhaps for what it needs
    ],
)
@pytest.mark.parametrize("is_db_changed", [False, True])
def test_only_what_can_follow_from_the_trouble_of_another_resource_does(tmp_path, lived, follows, is_db_changed):
    desired = [resource(DB, size=1), resource(APP, [DB], size=1, is_up=True)]
    provider = Checking(desired, [] if is_db_changed else [a_check("stopped", DB)])
    box = provider.kinds["memory.box"]
    fields = {**box.fields, "is_up": Field(Effect.START)}
    provider.kinds = {**provider.kinds, "memory.box": replace(box, fields=fields)}
    provider.live = {address(DB): live(DB, size=2 if is_db_changed else 1)}
    if lived:
        own = {"is_up": True, **lived.spec}
        provider.live[lived.address] = replace(lived, spec=own)

    found = examined(a_session(tmp_path, provider), walks=fails).diagnoses

    (mine,) = [each for each in found if each.address == address(APP)]
    assert str(mine.after or "") == ("" if is_db_changed else follows)


def test_a_field_that_differs_from_the_files_is_mended_by_apply(tmp_path):
    provider = Checking(
        [resource(DB, size=1)], [a_check("size", DB, field="size"), a_check("other", DB, field="image")]
    )
    provider.live = {address(DB): live(DB, size=2)}

    found = {each.code: each.remedy for each in examined(a_session(tmp_path, provider), walks=works).diagnoses}

    assert found == {"size": f"reconcile apply --target {DB}", "other": "mend it"}


def test_differences_are_suspects_of_a_failed_login_only(tmp_path):
    provider = Checking([resource(DB, size=1)])
    provider.live = {address(DB): live(DB, size=2)}

    assert examined(a_session(tmp_path, provider), walks=works).diagnoses == ()
    found = examined(a_session(tmp_path, provider), walks=fails).diagnoses
    assert [each.message for each in found if each.code == "difference"] == ["size differs from the files"]


def test_only_lines_of_the_walk_are_evidence(tmp_path):
    found = examined(a_session(tmp_path, Checking()), walks=fails).diagnoses

    assert [each.code for each in found] == ["server-refused"]


def test_what_can_not_be_reached_from_here_is_no_finding_and_said_to_be_unknown(tmp_path):
    def hidden(login):
        return Walk(login, Stage.OPEN, Trouble.HIDDEN, "http://localhost:1/login", message="it shares no network")

    provider = Checking(login_checks=[a_check("client", APP)])

    found = examined(a_session(tmp_path, provider), walks=hidden)

    assert found.diagnoses == ()
    (login,) = (each for each in found.checked if each.code == "login")
    assert (login.verdict, login.note) == (
        Verdict.UNKNOWN,
        "http://localhost:1 can't be reached from here: it shares no network",
    )
    assert "not walked to its end" in doctor_text(found.checked, found.diagnoses, found.login, found.walk)


def test_the_login_is_walked_by_the_ways_that_a_provider_knows(tmp_path):
    class Inside(Checking):
        def ways(self, _document):
            return {1: Way(hidden="it shares no network with web")}

    class Away(Checking):
        def ways(self, _document):
            raise Unreachable("the engine is away")

    notes = [
        each.note
        for provider in (Inside(), Away())
        for each in examined(a_session(tmp_path, provider)).checked
        if each.code == "login"
    ]

    assert [note.rpartition(": ")[2] for note in notes] == ["it shares no network with web", "the engine is away"]


def test_a_failure_that_nothing_explains_is_a_finding_itself(tmp_path):
    class Silent(Checking):
        def logs(self, _name, **_options):
            return iter(())

    (found,) = examined(a_session(tmp_path, Silent()), walks=fails).diagnoses

    assert (found.code, "return to the application" in found.message) == ("login", True)


def test_the_checks_of_a_login_are_carried_out_after_a_failure_only(tmp_path):
    provider = Checking(login_checks=[a_check("client", DB)])

    assert "client" not in verdicts(examined(a_session(tmp_path, provider), walks=works))
    assert examined(a_session(tmp_path, provider), walks=fails).diagnoses[0].code == "client"


def test_a_code_is_reported_once(tmp_path):
    provider = Checking(checks=[a_check("server-refused", DB)])

    assert [each.code for each in examined(a_session(tmp_path, provider), walks=fails).diagnoses] == ["server-refused"]


def test_without_a_declared_login_nothing_is_walked(tmp_path):
    def never(_login):
        raise AssertionError

    found = examined(a_session(tmp_path, Checking(), stack={}), walks=never)

    assert (found.login, found.walk, found.diagnoses) == (None, None, ())


def test_a_secret_without_a_value_is_a_finding(tmp_path):
    found = examined(a_session(tmp_path, Checking(), made_up={"DB_PASSWORD": "x"}), walks=works).diagnoses

    assert [(each.code, each.remedy) for each in found] == [("secret-missing", "reconcile secrets recover")]


def test_a_provider_that_can_not_be_read_is_not_compared(tmp_path):
    class Away(Checking):
        def observe(self, _desired):
            raise AssertionError

    checks = [a_check("away", DB), a_check("b", needs=("away",))]
    found = examined(a_session(tmp_path, Away([resource(DB)], checks)), walks=works)

    assert "differences" not in verdicts(found)


def test_the_password_of_the_login_is_a_secret():
    login = login_of(a_document(LOGIN))

    assert login.password == Secret("p")
    assert login_of(replace(a_document(), stack=None)) is None
