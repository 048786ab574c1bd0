"""The desired resources of a stack: addresses, names, order, gates, and omissions."""

from __future__ import annotations

import sys
from collections import Counter

import pytest

from reconciler.core.plan.plan import make
from reconciler.core.resource.values import Ref, Secret
from reconciler.providers.docker.expand import expand
from reconciler.providers.docker.provider import DockerProvider
from tests.kit.build import a_document, address
from tests.kit.docker.memory import MemoryEngine, a_provider, a_stack

WEB = "docker.container/web"


@pytest.fixture
def stack(folder):
    """Address → resource of a stack."""

    def expanded(text, **variables):
        return {str(each.address): each for each in expand(a_stack(text, folder, **variables))}

    return expanded


def needs(resource):
    return {str(where): milestone for where, milestone in resource.after.items()}


def test_no_stack_is_no_resources():
    assert list(expand(a_document())) == []


def test_only_what_a_service_uses_is_made(stack):
    found = stack("""
services:
  web: {image: "app:1", volumes: [data:/data]}
networks: {unused: {}}
volumes: {data: {}, unused: {}}
""")

    assert set(found) == {"docker.network/default", "docker.volume/data", "docker.image/app:1", WEB}


def test_real_names_carry_the_project_unless_they_are_given(stack):
    found = stack("""
services:
  web: {image: "app:1", networks: [back, own], volumes: [data:/data, mine:/mine]}
  other: {image: "app:1", container_name: other, network_mode: none}
networks: {back: {}, own: {name: own}}
volumes: {data: {}, mine: {name: mine}}
""")

    assert {where: spec.get("name", spec.get("container_name", "")) for where, spec in specs(found).items()} == {
        "docker.network/back": "p_back",
        "docker.network/own": "own",
        "docker.volume/data": "p_data",
        "docker.volume/mine": "mine",
        "docker.image/app:1": "",
        WEB: "p-web-1",
        "docker.container/other": "other",
    }


def specs(found):
    return {where: resource.spec for where, resource in found.items()}


def test_an_external_network_or_volume_is_known_by_its_name_only(stack):
    found = stack("""
services:
  web: {image: "app:1", networks: [theirs], volumes: [data:/data]}
networks: {theirs: {external: true, name: shared}}
volumes: {data: {external: true}}
""")

    assert found["docker.network/theirs"].spec == {"name": "shared", "external": True}
    assert found["docker.volume/data"].spec == {"name": "data", "external": True}


def test_services_of_one_image_share_it_and_the_one_that_builds_says_how(stack):
    found = stack("""
services:
  plain: {image: "app:1"}
  built: {image: "app:1", build: {context: ., target: last}, pull_policy: build}
  named: {build: .}
""")

    image = found["docker.image/app:1"].spec
    assert (image["ref"], image["pull_policy"], image["build"]["target"]) == ("app:1", "build", "last")
    assert found["docker.image/p-named"].spec["ref"] == "p-named"
    assert found["docker.container/plain"].spec["image"] == {"ref": "app:1", "id": ref("docker.image/app:1")}


def ref(where):
    return Ref(address(where), "id")


def test_a_container_needs_its_image_networks_volumes_and_what_it_depends_on(stack):
    found = stack("""
services:
  web:
    image: app:1
    volumes: [data:/data, /unnamed, /host:/bind]
    depends_on:
      db: {condition: service_healthy}
      job: {condition: service_completed_successfully}
      cache: {condition: service_started}
    x-reconcile: {depends_on: [keycloak.realm/shop]}
  db: {image: "app:1", healthcheck: {test: "true"}}
  job: {image: "app:1"}
  cache: {image: "app:1"}
  side: {image: "app:1", network_mode: "service:web", pid: "service:db"}
volumes: {data: {}}
""")

    assert needs(found[WEB]) == {
        "docker.image/app:1": "",
        "docker.network/default": "",
        "docker.volume/data": "",
        "docker.container/db": "",
        "docker.container/job": "",
        "docker.container/cache": "started",
        "keycloak.realm/shop": "",
    }
    assert needs(found["docker.container/side"]) == {
        "docker.image/app:1": "",
        WEB: "started",
        "docker.container/db": "started",
    }


def test_a_namespace_of_another_service_is_that_of_its_container(stack):
    found = stack("""
services:
  web: {image: "app:1", container_name: main}
  side: {image: "app:1", network_mode: "service:web", ipc: "service:web", pid: "container:elsewhere"}
""")

    spec = found["docker.container/side"].spec
    assert (spec["network_mode"], spec["ipc"], spec["pid"]) == (
        "container:main",
        "container:main",
        "container:elsewhere",
    )
    assert "networks" not in spec


def test_networks_come_by_priority_then_by_name_with_all_their_settings(stack):
    found = stack("""
services:
  web:
    image: app:1
    hostname: w
    networks:
      a: {}
      z: {priority: 10, aliases: [web, w, other], ipv4_address: 10.0.0.5}
      b: {}
networks: {a: {}, b: {}, z: {ipam: {config: [{subnet: 10.0.0.0/24}]}}}
""")

    endpoints = found[WEB].spec["networks"]
    assert list(endpoints) == ["z", "a", "b"]
    assert endpoints["z"] == {
        "name": "p_z",
        "id": ref("docker.network/z"),
        "aliases": ("other", "p-web-1", "web"),
        "ipv4_address": "10.0.0.5",
        "ipv6_address": "",
    }


@pytest.mark.parametrize(
    ("attributes", "state", "gate"),
    [
        ("", "running", {"until": "ready", "timeout_s": 300.0, "strict": False}),
        (
            "healthcheck: {test: 'true', interval: 5s, timeout: 1s, retries: 9, start_period: 1m}",
            "running",
            {"until": "ready", "timeout_s": 60.0 + 60.0 + 10 * 6.0, "strict": False},
        ),
        ("x-reconcile: {job: true}", "exited (0)", {"until": "finished", "timeout_s": 600.0, "strict": False}),
    ],
    ids=["plain", "health check", "job"],
)
def test_the_gate_says_what_is_waited_for_and_how_long(stack, attributes, state, gate):
    found = stack("services:\n  web:\n    image: app:1\n" + (f"    {attributes}\n" if attributes else ""))

    assert (found[WEB].spec["state"], found[WEB].spec["gate"]) == (state, gate)


@pytest.mark.parametrize(
    ("condition", "state", "strict"),
    [
        ("service_started", "running", False),
        ("service_healthy", "running", True),
        ("service_completed_successfully", "exited (0)", False),
    ],
)
def test_what_others_wait_for_decides_what_a_service_is(stack, condition, state, strict):
    found = stack(f"""
services:
  web: {{image: "app:1"}}
  other: {{image: "app:1", depends_on: {{web: {{condition: {condition}}}}}}}
""")

    assert (found[WEB].spec["state"], found[WEB].spec["gate"]["strict"]) == (state, strict)


def test_the_labels_of_compose_say_whose_a_container_is(stack):
    found = stack("services:\n  web: {image: 'app:1'}\n")

    owner = found[WEB].spec["owner"]
    assert owner["com.docker.compose.project"] == "p"
    assert owner["com.docker.compose.service"] == "web"
    assert owner["com.docker.compose.container-number"] == "1"
    assert owner["com.docker.compose.oneoff"] == "False"
    assert owner["com.docker.compose.config-hash"]


def test_fields_and_resources_know_their_place_in_the_file(stack):
    found = stack("services:\n  web:\n    image: app:1\n    deploy: {resources: {limits: {memory: 64m}}}\n")

    source = found[WEB].source("mem_limit")
    assert (source.path, source.origin.line) == ("deploy.resources.limits.memory", 4)
    assert (found[WEB].origin.line, found["docker.image/app:1"].origin.line) == (2, 3)


def test_the_values_of_secret_variables_stay_secret(stack):
    found = stack(
        "services:\n  web: {image: 'app:1', environment: {URL: 'db://u:${DB_PASSWORD}@db'}}\n", DB_PASSWORD="hush"
    )

    assert found[WEB].spec["environment"] == {"URL": Secret("db://u:hush@db")}


def test_every_need_is_met_and_the_plan_follows_them(folder):
    document = a_stack(
        """
services:
  a: {image: "app:1", depends_on: [b]}
  b: {image: "app:1", depends_on: {c: {condition: service_healthy}}}
  c: {image: "app:1", healthcheck: {test: "true"}}
""",
        folder,
    )
    provider = a_provider(MemoryEngine())

    plan = make({"docker": provider}, provider.expand(document), [])

    starts = [step.id for step in plan.steps if step.verb in ("container.start", "container.wait")]
    assert starts == [
        "docker.container/c:container.start",
        "docker.container/c:container.wait",
        "docker.container/b:container.start",
        "docker.container/b:container.wait",
        "docker.container/a:container.start",
        "docker.container/a:container.wait",
    ]


ONE_SHOTS = """
services:
  plain: {image: "app:1", command: run}
  asis: {image: "app:1"}
  often: {image: "app:1", command: run, restart: "on-failure:3"}
  none: {image: "app:1", command: run, deploy: {restart_policy: {condition: none}}}
  always: {image: "app:1", command: run, deploy: {restart_policy: {condition: any}}}
  stays: {image: "app:1", command: run, restart: unless-stopped}
  port: {image: "app:1", command: run, ports: ["80"]}
  checked: {image: "app:1", command: run, healthcheck: {test: "true"}}
  unchecked: {image: "app:1", command: run, healthcheck: {disable: true}}
  awaited: {image: "app:1", command: run}
  waits: {image: "app:1", restart: always, depends_on: {awaited: {condition: service_healthy}}}
  never: {image: "app:1", command: run, x-reconcile: {job: false}}
  job: {image: "app:1", command: run, x-reconcile: {job: true}}
"""


def test_which_services_are_done_once_they_have_ended(folder):
    found = {r.address.name: r.spec for r in expand(a_stack(ONE_SHOTS, folder)) if r.address.kind == "docker.container"}

    shots = {name: spec["one_shot"]["own_command"] for name, spec in found.items() if "one_shot" in spec}
    assert shots == {"plain": True, "asis": False, "often": True, "none": True, "unchecked": True}


def _calls(work):
    """The number of Python functions that a piece of work calls."""
    found = Counter()
    sys.setprofile(lambda _frame, event, _arg: found.update([event]))
    try:
        work()
    finally:
        sys.setprofile(None)
    return found["call"]


def test_the_work_grows_with_the_number_of_services_and_not_faster(folder):
    def of(count):
        services = (
            f"  s{i}: {{image: 'app:1', depends_on: [{f's{i - 1}' if i else ''}], "
            f"{f'pid: service:s{i - 1}' if i % 3 == 2 else 'init: true'}}}\n"
            for i in range(count)
        )
        document = a_stack("services:\n" + "".join(services), folder)
        return _calls(lambda: list(expand(document)))

    of(3)  # whatever is computed only once

    assert of(80) < 2.2 * of(40)


@pytest.mark.parametrize(
    ("said", "separator"),
    [*((yes, "_") for yes in ("1", "true", "TRUE", " y ", "T")), *((no, "-") for no in ("0", "no", ""))],
)
def test_names_have_the_separator_that_compose_would_use(folder, said, separator):
    text = "services: {web: {build: .}, own: {image: app, container_name: mine}, third: {image: app, links: ['web:w']}}"
    provider = DockerProvider("p", {"COMPOSE_COMPATIBILITY": said})

    found = {each.address.name: each.spec for each in provider.expand(a_stack(text, folder))}

    usual = separator.join(("p", "web", "1"))
    assert [found[name]["container_name"] for name in ("web", "own")] == [usual, "mine"]
    assert separator.join(("p", "web")) in found
    aliases = ("w", separator.join(("web", "1")), usual)
    assert set(found["third"]["networks"]["default"]["links"]) == {f"{usual}:{alias}" for alias in aliases}
