"""Reading what there is: whose it is, what stands for a service, what is left over, how it fares."""

from __future__ import annotations

import json

import pytest

from reconciler.core.plan.plan import Step
from reconciler.core.resource.resource import Health
from reconciler.providers.docker.observe import last_probe, status_of
from reconciler.providers.docker.provider import CONTAINERS, OTHERS
from reconciler.providers.docker.table import labels
from tests.kit.docker.memory import Line, MemoryEngine, a_provider, a_stack, apply

STACK = """
services:
  web: {image: "app:1", networks: [back], volumes: [data:/data]}
networks: {back: {}}
volumes: {data: {}}
"""
WEB = {labels.PROJECT: "p", labels.SERVICE: "web"}


@pytest.fixture
def engine():
    engine = MemoryEngine()
    engine.image("app:1")
    return engine


@pytest.fixture
def observed(engine, folder):
    """Address → what is observed of a stack."""

    def read(text=STACK):
        provider = a_provider(engine)
        found = provider.observe(list(provider.expand(a_stack(text, folder))))
        return {str(each.address): each for each in found}

    return read


def made(engine, name, marks=None, *, running=False):
    """A container that is there already."""
    Line(engine).post("/containers/create", {"Image": "app:1", "Labels": marks or {}}, name=name)
    if running:
        Line(engine).post(f"/containers/{name}/start")


@pytest.mark.parametrize(
    ("state", "is_job", "health", "note"),
    [
        ({"Status": "running"}, False, Health.OK, "running"),
        ({"Status": "running"}, True, Health.SETTLING, "job is running"),
        ({"Status": "running", "Health": {"Status": "none"}}, False, Health.OK, "running"),
        ({"Status": "running", "Health": {"Status": "healthy"}}, False, Health.OK, "healthy"),
        ({"Status": "running", "Health": {"Status": "starting"}}, False, Health.SETTLING, "health: starting"),
        (
            {"Status": "running", "Health": {"Status": "unhealthy", "Log": [{"Output": "one\ntwo\n"}]}},
            False,
            Health.FAILED,
            "unhealthy: two",
        ),
        ({"Status": "restarting", "ExitCode": 3}, False, Health.FAILED, "restarting, last exit code 3"),
        ({"Status": "exited", "ExitCode": 0}, True, Health.OK, "exited (0)"),
        ({"Status": "exited", "ExitCode": 137}, False, Health.FAILED, "exited (137)"),
        ({"Status": "paused"}, False, Health.FAILED, "paused"),
        ({"Status": "created"}, False, Health.FAILED, "created"),
    ],
)
def test_how_a_container_fares(state, is_job, health, note):
    status = status_of({"State": state}, is_job=is_job)

    assert (status.health, status.note) == (health, note)


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ([{"Output": "first\n"}, {"Output": "  page 404\nlast\n"}], "last"),
        ([{"Output": "", "ExitCode": 7}], "exit code 7"),
        ([], "exit code ?"),
        (None, "exit code ?"),
    ],
)
def test_the_last_words_of_a_health_check(log, words):
    assert last_probe({"State": {"Health": {"Log": log}}}) == words


def test_nothing_there_is_nothing_observed_but_the_image(observed):
    assert set(observed()) == {"docker.image/app:1"}


def test_what_the_project_made_is_its_own_and_says_what_it_uses(engine, observed, folder):
    apply(a_stack(STACK, folder), engine)

    found = observed()

    assert set(found) == {"docker.image/app:1", "docker.network/back", "docker.volume/data", "docker.container/web"}
    assert all(each.owned for each in found.values())
    assert set(map(str, found["docker.container/web"].after)) == {"docker.network/back", "docker.volume/data"}
    assert found["docker.network/back"].outputs["id"] == found["docker.container/web"].spec["networks"]["back"]["id"]


def test_what_belongs_to_another_project_or_to_nobody_is_not_looked_at(engine, observed):
    made(engine, "q-web-1", {labels.PROJECT: "q", labels.SERVICE: "web"})
    made(engine, "stray")
    made(engine, "p-web-run-1", {**WEB, labels.ONEOFF: "True"})
    made(engine, "xp-web-1")

    assert set(observed()) == {"docker.image/app:1"}
    assert not any(
        call.endswith("/json") and "containers/" in call and call != "GET /containers/json" for call in engine.calls
    )


def test_a_stranger_on_the_name_of_a_service_stands_for_it_and_is_not_ours(engine, observed):
    made(engine, "p-web-1")

    assert observed()["docker.container/web"].owned is False


def test_a_network_of_a_stranger_is_not_ours_unless_it_is_external(engine, observed):
    Line(engine).post("/networks/create", {"Name": "p_back"})
    external = STACK.replace("networks: {back: {}}", "networks: {back: {external: true, name: p_back}}")

    assert observed()["docker.network/back"].owned is False
    assert observed(external)["docker.network/back"].owned is True


def test_of_networks_with_one_name_ours_is_meant(engine, observed):
    Line(engine).post("/networks/create", {"Name": "p_back", "Labels": {labels.PROJECT: "p", labels.NETWORK: "back"}})
    ours = engine.networks[next(reversed(engine.networks))]
    engine.networks["theirs"] = {**ours, "Id": "theirs", "Labels": {}}

    assert observed()["docker.network/back"].id == ours["Id"]


def test_what_is_owned_and_no_longer_declared_is_seen_under_its_key(engine, observed, folder):
    apply(a_stack(STACK, folder), engine)

    found = observed("services:\n  other: {image: 'app:1'}\n")

    assert {"docker.container/web", "docker.network/back", "docker.volume/data"} <= set(found)


def test_the_mark_of_a_lock_is_no_volume_of_the_project(engine, observed):
    a_provider(engine).put_lease("reconcile-lock-p-1", {"reconcile.lock.pid": "1"})

    assert set(observed()) == {"docker.image/app:1"}
    assert list(a_provider(engine).leases()) == ["reconcile-lock-p-1"]


@pytest.mark.parametrize(
    ("names", "main", "leftovers"),
    [
        (["p-web-1"], "p-web-1", ()),
        (["p-web-1", "p-web-1.next"], "p-web-1", ("p-web-1.next",)),
        (["p-web-1.prev", "p-web-1.next"], "p-web-1.prev", ("p-web-1.next",)),
        (["p-web-1", "p-web-1.prev"], "p-web-1", ("p-web-1.prev",)),
        (["p-web-1", "p-web-1.prev", "p-web-1.next"], "p-web-1", ("p-web-1.next", "p-web-1.prev")),
        (["p-web-1.next"], "p-web-1.next", ()),
        (["p-web-1.prev"], "p-web-1.prev", ()),
        (["renamed", "p-web-1.next"], "renamed", ("p-web-1.next",)),
    ],
)
def test_what_stands_for_a_service_and_what_an_interrupted_replacement_left(engine, observed, names, main, leftovers):
    for name in reversed(names):
        made(engine, name, WEB)

    found = observed()

    assert [where for where in found if "container" in where] == ["docker.container/web"]
    assert found["docker.container/web"].spec["container_name"] == main
    assert found["docker.container/web"].spec["leftovers"] == leftovers


def test_of_two_containers_of_a_service_the_one_of_the_right_name_stands_for_it_else_one_that_runs(engine, observed):
    made(engine, "first", WEB)
    made(engine, "second", WEB, running=True)
    without = observed()
    made(engine, "p-web-1", WEB)

    assert set(without) == {"docker.image/app:1", "docker.container/web", "docker.container/web/first"}
    assert observed()["docker.container/web"].spec["container_name"] == "p-web-1"


def test_a_container_of_a_higher_number_is_one_of_its_own(engine, observed):
    made(engine, "p-web-2", {**WEB, labels.NUMBER: "2"})

    assert "docker.container/web/2" in observed()


def test_what_is_on_its_way_out_is_not_there(engine, observed):
    made(engine, "p-web-1", WEB)
    next(iter(engine.containers.values()))["State"]["Status"] = "removing"

    assert set(observed()) == {"docker.image/app:1"}


def test_a_container_that_goes_between_two_looks_is_not_there(engine, observed):
    made(engine, "p-web-1", WEB)
    listed = engine.list_containers

    def going(**rest):
        found = listed(**rest)
        engine.containers.clear()
        return found

    engine.list_containers = going

    assert set(observed()) == {"docker.image/app:1"}


def test_the_network_of_a_container_that_never_ran_is_known_by_its_name(engine, observed):
    Line(engine).post("/networks/create", {"Name": "p_back", "Labels": {labels.PROJECT: "p", labels.NETWORK: "back"}})
    host = {"HostConfig": {"NetworkMode": "p_back"}, "Labels": WEB, "Image": "app:1"}
    Line(engine).post("/containers/create", host, name="p-web-1")

    found = observed()

    assert found["docker.container/web"].spec["networks"]["back"]["id"] == found["docker.network/back"].id


def test_a_network_made_anew_is_not_the_one_that_a_container_was_in(engine, observed, folder):
    apply(a_stack(STACK, folder), engine)
    Line(engine).post("/containers/p-web-1/stop")
    Line(engine).delete("/networks/p_back")
    Line(engine).post("/networks/create", {"Name": "p_back"})

    found = observed()

    assert found["docker.container/web"].spec["networks"]["back"]["id"] not in ("", found["docker.network/back"].id)


def test_a_shared_namespace_is_shown_by_the_name_of_its_owner(engine, observed):
    made(engine, "p-web-1", WEB, running=True)
    host = {"HostConfig": {"NetworkMode": "container:p-web-1"}, "Labels": {**WEB, labels.SERVICE: "side"}}
    Line(engine).post("/containers/create", {"Image": "app:1", **host}, name="p-side-1")

    found = observed(STACK + "  # and one more\n")

    assert found["docker.container/side"].spec["network_mode"] == "container:p-web-1"


def test_a_look_costs_a_list_and_an_inspect_of_each_and_reads_an_image_once(engine, observed, folder):
    text = "services:\n" + "".join(f"  s{n}: {{image: 'app:1'}}\n" for n in range(5))
    apply(a_stack(text, folder), engine)
    engine.calls.clear()

    observed(text)

    assert len(engine.calls) == 3 + 1 + 5
    assert engine.writes == []


def test_a_stranger_that_is_renamed_between_two_looks_is_not_there(engine, observed):
    made(engine, "p-web-1")
    listed = engine.list_containers

    def renamed(**rest):
        found = listed(**rest)
        if found:
            Line(engine).post("/containers/p-web-1/rename", name="elsewhere")
        return found

    engine.list_containers = renamed

    assert set(observed()) == {"docker.image/app:1"}


# ------------------------------------------------------------------ a look of the daemon


@pytest.fixture
def glanced(engine, folder):
    """A container as declared, read once while events come; then what a glance sees, and what it asks for."""
    document = a_stack(STACK, folder)
    apply(document, engine)
    provider = a_provider(engine)
    desired = list(provider.expand(document))
    with provider.unchanged.followed(CONTAINERS), provider.unchanged.followed(OTHERS):
        provider.observe(desired)

        def glance():
            engine.calls.clear()
            return {str(each.address): each for each in provider.glance(desired)}, list(engine.calls)

        yield provider, desired, glance


LISTS = ["GET /networks", "GET /volumes", "GET /containers/json"]


def test_a_glance_at_what_is_unchanged_takes_three_requests_and_sees_the_same(glanced):
    provider, desired, glance = glanced
    whole = {str(each.address): each for each in provider.observe(desired)}

    seen, calls = glance()

    assert [call.partition("?")[0] for call in calls] == LISTS
    assert seen == whole


def test_a_glance_sees_what_the_list_shows(engine, glanced):
    Line(engine).post("/containers/p-web-1/stop")

    seen, calls = glanced[2]()

    assert seen["docker.container/web"].spec["state"] != "running"
    assert len(calls) == len(LISTS) + 1


def test_a_change_without_an_event_is_seen_by_the_next_full_look(engine, glanced):
    provider, desired, glance = glanced
    Line(engine).post("/containers/p-web-1/update", {"Memory": 32 << 20})

    unseen, _ = glance()
    found = {str(each.address): each for each in provider.observe(desired)}

    assert unseen["docker.container/web"].spec["mem_limit"] == 0
    assert found["docker.container/web"].spec["mem_limit"] == 32 << 20


def test_what_we_change_ourselves_is_seen_before_its_event_comes(engine, glanced):
    provider, desired, glance = glanced
    web = next(each for each in provider.observe(desired) if str(each.address) == "docker.container/web")
    Line(engine).post("/containers/p-web-1/update", {"Memory": 32 << 20})

    provider.perform(Step("s", web.address, "container.start", {"container": web.id}))

    assert glance()[0]["docker.container/web"].spec["mem_limit"] == 32 << 20


class Patterns(MemoryEngine):
    """An engine that knows the most patterns it was given for one list."""

    most = 0

    def list_containers(self, *, params):
        self.most = max(self.most, len(json.loads(params.get("filters") or "{}").get("name") or ()))
        return super().list_containers(params=params)


@pytest.mark.parametrize("services", [1, 10, 11, 300])
def test_a_stranger_on_one_of_many_names_is_found_and_the_engine_gets_few_patterns(folder, services):
    engine = Patterns()
    engine.image("app:1")
    made(engine, "p-s0-1")
    made(engine, "p-s0-1-and-more")
    provider = a_provider(engine)
    stack = json.dumps({"services": {f"s{number}": {"image": "app:1"} for number in range(services)}})

    found = provider.observe(list(provider.expand(a_stack(stack, folder))))

    assert [each.address.name for each in found if each.address.kind == "docker.container"] == ["s0"]
    assert engine.most <= 10


@pytest.mark.parametrize("volumes", [1, 10, 11, 300])
def test_a_stranger_s_volume_among_many_is_found_with_few_requests(engine, folder, volumes):
    for name in ("p_v0", "p_v0-and-more"):
        Line(engine).post("/volumes/create", {"Name": name})
    provider = a_provider(engine)
    names = [f"v{number}" for number in range(volumes)]
    user = {"image": "app:1", "volumes": [f"{name}:/{name}" for name in names]}
    stack = json.dumps({"services": {"web": user}, "volumes": dict.fromkeys(names)})
    engine.calls.clear()

    found = provider.observe(list(provider.expand(a_stack(stack, folder))))

    assert [each.address.name for each in found if each.address.kind == "docker.volume"] == ["v0"]
    assert len(engine.calls) <= 5 + 10
