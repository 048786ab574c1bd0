"""Commands beside `apply` on a Swarm: exec, doctor, and the state of nodes."""

from __future__ import annotations

import pytest

from reconciler.core.message.errors import Conflict, NotThere, Unreachable
from reconciler.core.provider import Command, Exit
from reconciler.core.resource.address import Address
from reconciler.providers.swarm.diagnose import ROWS, Site
from tests.kit.swarm.memory import PROJECT, MemorySwarm, a_node, a_provider, a_stack, apply, settled

WEB = "services: {web: {image: app:1, deploy: {replicas: 2, placement: {constraints: [node.labels.disk == ssd]}}}}"
JOB = "services: {job: {image: app:1, x-reconcile: {job: true}}}"
LS = Command(("ls", "/"))
NOW = 1_767_225_600.0


@pytest.fixture
def swarm():
    return MemorySwarm()


@pytest.fixture
def document(tmp_path, swarm):
    document = a_stack(WEB, tmp_path)
    settled(document, swarm)
    return document


# ------------------------------------------------------------------ exec


@pytest.mark.usefixtures("document")
def test_a_command_is_run_in_the_first_task_on_the_node_of_the_connection(swarm):
    swarm.places = {1: "n2"}

    container, words = a_provider(swarm).begun("web", None, LS)

    assert container.startswith("container of ")
    assert container.endswith("-2-0")
    assert words == ["ls", "/"]


@pytest.mark.usefixtures("document")
def test_a_command_for_a_task_elsewhere_names_its_node(swarm):
    swarm.others, swarm.places = [a_node("n2", "two", role="worker")], {1: "n2"}

    with pytest.raises(NotThere, match="leads to, which is one; it runs on two: set DOCKER_HOST"):
        a_provider(swarm).begun("web", 1, LS)


@pytest.mark.parametrize(
    ("service", "number", "words"),
    [("web", 3, "service web has no task 3"), ("other", None, "there is no service other")],
)
@pytest.mark.usefixtures("document")
def test_a_command_for_what_is_not_there_says_so(service, number, words, swarm):
    with pytest.raises(NotThere, match=words):
        a_provider(swarm).begun(service, number, LS)


@pytest.mark.usefixtures("document")
def test_a_command_needs_a_task_that_runs(swarm):
    swarm.works = lambda _spec: False

    with pytest.raises(Conflict, match=r"a task of service web has to run .* non-zero exit \(3\)"):
        a_provider(swarm).begun("web", None, LS)


def test_the_last_exit_of_a_service_has_its_last_lines(document, swarm):
    provider = a_provider(swarm)
    live = next(each for each in provider.observe(tuple(provider.expand(document))) if each.address.name == "web")

    assert provider.last_exit(live) is None
    swarm.works = lambda _spec: False
    assert provider.last_exit(live) == Exit(None, ("oh no",))


# ------------------------------------------------------------------ nodes


NODES = [
    (a_node("n1", "one"), ("leader", "ready", True)),
    (a_node("n2", "two", role="worker", availability="drain"), ("worker", "drained", False)),
    (a_node("n3", "three", role="worker", availability="pause"), ("worker", "paused", False)),
    (
        a_node("n4", "four", State="down", Message="heartbeat failure", reachability="unreachable"),
        ("manager", "down (heartbeat failure); not reachable as a manager", False),
    ),
]


def test_machines_are_shown_by_name_with_what_they_lack(swarm):
    swarm.node, *swarm.others = [node for node, _ in NODES]

    found = {each.name: (each.role, each.state, each.works) for each in a_provider(swarm).machines()}

    assert list(found) == sorted(found)
    assert found == {node["Description"]["Hostname"]: expected for node, expected in NODES}


# ------------------------------------------------------------------ doctor


def found(document, swarm):
    site = Site(swarm, PROJECT, document, lambda: NOW)
    absent, made = set(), {}
    for row in ROWS:
        if not absent & set(row.needs):
            made |= {each.code: each for each in row.check(site).find()}
            absent = set(made)
    return made


def nothing(_swarm):
    pass


def is_down(swarm):
    swarm.others = [a_node("n2", "two", role="worker", State="down", Message="heartbeat failure")]


def lost(swarm):
    gone = a_node("n2", "two", reachability="unreachable")
    swarm.others = [gone, a_node("n3", "three")]


def is_worker(swarm):
    swarm.own["Swarm"]["ControlAvailable"] = False


def is_gone(swarm):
    del swarm.objects["services"][swarm.service("web")["ID"]]


def is_paused(swarm):
    swarm.service("web")["UpdateStatus"] = {"State": "paused", "Message": "task abc failed"}


def fits_nowhere(swarm):
    swarm.fits = lambda _spec: False


def crashes(swarm):
    swarm.works = lambda _spec: False


def says_another_time(swarm):
    swarm.own["SystemTime"] = "2026-01-01T00:01:30.123456789Z"


FAULTS = {
    "engine-clock": (says_another_time, "differs by +90 s"),
    "swarm-manager": (is_worker, "it is a worker, which can't be asked"),
    "node-down": (is_down, "it is down (heartbeat failure)"),
    "manager-lost": (lost, "2 of 3 managers are left, and with one more lost nothing can be changed"),
    "service-missing": (is_gone, "it is not there"),
    "update-paused": (is_paused, "its update is paused: task abc failed"),
    "task-without-node": (fits_nowhere, "one: is not node.labels.disk == ssd"),
    "service-crashing": (crashes, "0 of 2 tasks run; the last one failed: task: non-zero exit (3)"),
}
ENGINE = {"engine-unreachable", "engine-version", "engine-denied"}


def test_a_healthy_stack_has_no_findings(document, swarm):
    assert found(document, swarm) == {}


@pytest.mark.parametrize("code", FAULTS)
def test_a_fault_is_named(code, document, swarm):
    FAULTS[code][0](swarm)

    diagnoses = found(document, swarm)

    assert list(diagnoses) == [code]
    assert FAULTS[code][1] in diagnoses[code].message


def test_a_job_that_failed_is_named_and_one_that_ended_is_not(swarm, tmp_path):
    document = a_stack(JOB, tmp_path)
    apply(document, swarm)
    assert found(document, swarm) == {}

    swarm.works, swarm.ends = (lambda _spec: False), (lambda _spec: False)
    diagnosis = found(document, swarm)["job-failed"]

    assert "non-zero exit (3)" in diagnosis.message
    assert diagnosis.address == Address("swarm.service", ("job",))


def test_an_engine_that_is_away_is_the_only_finding(document, swarm):
    def away(*_path, **_params):
        raise Unreachable("nothing answers")

    swarm.get = away

    assert set(found(document, swarm)) == {"engine-unreachable"}


def test_every_row_has_a_case():
    assert {row.code for row in ROWS} == {*FAULTS, *ENGINE, "job-failed"}


def test_checks_of_a_provider_are_those_of_the_table(document, swarm):
    assert [check.code for check in a_provider(swarm).checks(document)] == [row.code for row in ROWS]
