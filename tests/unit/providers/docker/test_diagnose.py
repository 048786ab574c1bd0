"""Each check of an engine and its containers finds its fault, and a healthy stack has none."""

from __future__ import annotations

import copy

import pytest

from reconciler.core.message.errors import Denied, Unreachable
from reconciler.providers.docker.diagnose import ROWS, Site, Unseen
from reconciler.providers.docker.engine.versions import UnknownVersion, spoken
from tests.kit.docker.memory import PROJECT, Line, MemoryEngine, a_stack, apply

STACK = """
services:
  db: {image: "app:1", healthcheck: {test: "true"}}
  web:
    image: "app:1"
    environment: {DB_HOST: db, DB_URL: "postgres://u:p@db:5432/x"}
    ports: ["127.0.0.1:8080:80"]
    depends_on: [db]
  job: {image: "app:1", command: "exit 0", restart: "no"}
"""
NOW = 1_767_225_600.0  # the memory engine's first day


class Asked(Line):
    """The engine in memory, with what commands in containers answer."""

    def __init__(self, engine, inside):
        super().__init__(engine)
        self.inside = inside

    def execute(self, container, body, *, timeout_s):  # noqa: ARG002
        return self.inside

    def logs(self, container, **options):  # noqa: ARG002
        yield b"one\ntwo\n"


@pytest.fixture
def engine():
    made = MemoryEngine()
    made.image("app:1")
    return made


@pytest.fixture
def site(engine, tmp_path):
    document = a_stack(STACK, tmp_path)
    apply(document, engine)
    engine.clock.sleep(5)

    def made(**rest):
        line = Asked(engine, rest.pop("inside", (0, "")))
        return Site(line, PROJECT, document, **{"program_at": lambda _: "", "free_bytes": lambda _: 1 << 40, **rest})

    return made


def found(site):
    return {each.code: each for row in ROWS for each in row.check(site).find()}


def container(engine, service):
    return next(each for each in engine.containers.values() if each["Name"] == f"/{PROJECT}-{service}-1")


def test_a_healthy_stack_has_no_findings(site):
    assert found(site()) == {}


def showing(site, service, **changes):
    """The site as the engine would show it with another container: paths with dots, and their values."""
    shown = copy.deepcopy(dict(site.containers))
    for each in shown[service]:
        for path, value in changes.items():
            *above, last = path.split("__")
            part = each
            for key in above:
                part = part.setdefault(key, {})
            part[last] = value
    site.__dict__["containers"] = shown
    return site


STATES = {
    "service-stopped": {"State__Status": "exited", "State__ExitCode": 1},
    "service-out-of-memory": {"State__Status": "exited", "State__OOMKilled": True, "State__ExitCode": 137},
    "service-crashing": {"State__Status": "restarting", "RestartCount": 4},
    "service-unhealthy": {"State__Health": {"Status": "unhealthy", "Log": [{"Output": "no answer", "ExitCode": 1}]}},
    "service-paused": {"State__Status": "paused"},
    "service-starting": {"State__Health": {"Status": "starting", "Log": []}},
}


@pytest.mark.parametrize("code", STATES)
def test_a_state_is_named_with_its_container(site, code):
    diagnosis = found(showing(site(), "db", **STATES[code]))

    assert list(diagnosis) == [code]
    assert diagnosis[code].where == f"container {PROJECT}-db-1"
    assert str(diagnosis[code].address) == "docker.container/db"


def test_a_stopped_container_shows_its_last_lines(site):
    assert "one | two" in found(showing(site(), "db", **STATES["service-stopped"]))["service-stopped"].message


def test_a_job_that_ended_well_is_fine_and_one_that_failed_is_not(site):
    assert found(showing(site(), "job", State__ExitCode=0)) == {}
    assert "service-stopped" in found(showing(site(), "job", State__ExitCode=3))


def test_a_container_that_restarted_long_ago_does_not_crash(site):
    assert found(showing(site(), "db", RestartCount=9)) == {}


def test_a_missing_container_is_named(site, engine):
    del engine.containers[container(engine, "db")["Id"]]

    assert list(found(site())) == ["service-missing"]


def test_a_taken_port_is_named_with_its_holder_and_its_line(site, engine):
    del engine.containers[container(engine, "web")["Id"]]
    diagnosis = found(site(program_at=lambda port: f"python ({port}) (process 77)"))["port-taken"]

    assert "host port 8080 is in use by python" in diagnosis.message
    assert diagnosis.remedy.startswith("kill 77")
    assert str(diagnosis.origin).endswith("stack.yaml:7:13")


def test_a_port_that_another_container_holds_is_named_with_it(site, engine):
    web = container(engine, "web")
    del engine.containers[web["Id"]]
    theirs = {**web, "Id": "f" * 64, "Name": "/other", "Config": {**web["Config"], "Labels": {}}}
    engine.containers[theirs["Id"]] = theirs

    assert found(site())["port-taken"].remedy.startswith("docker stop other")


def test_a_free_port_is_no_finding(site, engine):
    del engine.containers[container(engine, "web")["Id"]]

    assert "port-taken" not in found(site())


def test_a_service_out_of_the_network_is_named(site):
    diagnosis = found(showing(site(), "db", NetworkSettings__Networks={}))["name-unknown"]

    assert diagnosis.where == f"container {PROJECT}-web-1"
    assert "`db`: they share no network" in diagnosis.message


def test_a_lost_name_is_named(site):
    lost = {f"{PROJECT}_default": {"Aliases": ["other"], "IPAddress": "172.18.0.9"}}

    assert (
        "`db` is no name of it" in found(showing(site(), "db", NetworkSettings__Networks=lost))["name-unknown"].message
    )


@pytest.mark.parametrize("inside", [(2, ""), (0, "10.9.9.9 STREAM db\n")])
def test_a_name_that_leads_elsewhere_is_named(site, inside):
    networks = {f"{PROJECT}_default": {"Aliases": ["db"], "IPAddress": "172.18.0.9"}}
    diagnosis = found(showing(site(inside=inside), "db", NetworkSettings__Networks=networks))

    assert list(diagnosis) == ["name-wrong"]
    assert "instead of 172.18.0.9" in diagnosis["name-wrong"].message


@pytest.mark.parametrize("inside", [(0, "172.18.0.9 STREAM db\n"), (127, ""), (-1, "")])
def test_a_name_that_is_right_or_can_not_be_asked_is_no_finding(site, inside):
    networks = {f"{PROJECT}_default": {"Aliases": ["db"], "IPAddress": "172.18.0.9"}}

    assert found(showing(site(inside=inside), "db", NetworkSettings__Networks=networks)) == {}


# ------------------------------------------------------------------ the engine


class Failing(Line):
    """An engine that answers each request with an error."""

    def __init__(self, error):
        super().__init__(MemoryEngine())
        self.error = error

    def get(self, path, **params):  # noqa: ARG002
        raise self.error


def refused():
    error = Unreachable("you may not use the Docker engine")
    error.__cause__ = PermissionError(13, "Permission denied")
    return error


def too_old():
    with pytest.raises(UnknownVersion) as raised:
        spoken((1, 12), (1, 24), "")
    return raised.value


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("engine-unreachable", Unreachable("does not answer")),
        ("engine-denied", Denied("no")),
        ("engine-denied", refused()),
        ("engine-version", too_old()),
    ],
)
def test_an_engine_that_does_not_serve_us_is_named(site, code, error):
    asked = Site(Failing(error), PROJECT, site().document)
    codes = [each.code for row in ROWS if not row.needs for each in row.check(asked).find()]

    assert codes == [code]


def test_a_clock_that_differs_is_named(site, engine):
    engine.own = {"SystemTime": "2026-01-01T00:00:00.123456789Z"}

    assert "+60 s" in found(site(now=lambda: NOW - 60))["engine-clock"].message
    assert "engine-clock" not in found(site(now=lambda: NOW + 5))


def test_a_full_disk_is_named(site, engine):
    engine.own = {"DockerRootDir": "/var/lib/docker"}

    assert "200 MiB" in found(site(free_bytes=lambda _: 200 << 20))["disk-full"].message
    assert "disk-full" not in found(site())


def test_from_inside_a_container_the_machine_is_not_judged(site, engine):
    engine.own = {"DockerRootDir": "/var/lib/docker"}
    disk = next(row for row in ROWS if row.code == "disk-full")
    inside = site(is_inside=True, free_bytes=lambda _: 1, program_at=lambda port: f"python ({port}) (process 77)")

    with pytest.raises(Unseen, match="/var/lib/docker is on another machine, or outside of this container"):
        list(disk.check(inside).find())
    assert not [row.code for row in ROWS if row is not disk and list(row.check(inside).find())]


def test_every_row_has_a_case():
    engine = {"engine-unreachable", "engine-version", "engine-denied", "engine-clock", "disk-full"}
    others = {"port-taken", "service-missing", "name-unknown", "name-wrong"}

    assert {row.code for row in ROWS} == engine | others | set(STATES)
