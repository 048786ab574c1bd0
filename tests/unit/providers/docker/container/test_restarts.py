"""Services that are started again with the ones that they need."""

from __future__ import annotations

import pytest

from reconciler.providers.docker.container import restarts
from reconciler.providers.docker.expand import expand
from tests.kit.docker.memory import a_stack

STACK = """
services:
  a: {image: app:1, scale: 2, depends_on: {b: {condition: service_started, restart: true}}}
  b: {image: app:1, depends_on: {c: {condition: service_started, restart: true}, d: {condition: service_started}}}
  c: {image: app:1, scale: 2}
  d: {image: app:1, scale: 0}
  e: {image: app:1, depends_on: {d: {condition: service_started, restart: true}}}
  job: {image: app:1, x-reconcile: {job: true}, depends_on: {c: {condition: service_started, restart: true}}}
"""


def test_it_goes_on_over_however_many_and_only_where_it_is_said(folder):
    needs = {str(r.address): list(r.spec.get("restarts_with", ())) for r in expand(a_stack(STACK, folder))}

    assert needs["docker.container/a"] == needs["docker.container/a/2"] == ["b", "c"]
    assert needs["docker.container/b"] == ["c"]
    assert not any(needs[f"docker.container/{name}"] for name in ("c", "e", "job"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2026-11-24T03:05:00.12Z", "2026-11-24T03:05:00.123Z"),
        ("2026-11-24T03:05:00Z", "2026-11-24T03:05:00.000000001Z"),
        ("2026-11-24T03:05:00.9Z", "2026-11-24T03:05:01Z"),
        ("", "0001-01-01T00:00:00Z"),
    ],
)
def test_times_of_the_engine_sort(one, other):
    assert restarts.moment(one) < restarts.moment(other)


ATTACHED = """
services:
  vpn: {image: app:1}
  a: {image: app:1, network_mode: "service:vpn", depends_on: {vpn: {condition: service_started}}}
  b: {image: app:1, pid: "container:p-vpn-1"}
  c: {image: app:1, network_mode: bridge, links: [d]}
  d: {image: app:1, network_mode: bridge}
  e: {image: app:1, links: [vpn]}
  f: {image: app:1, ipc: "container:far", volumes_from: ["container:store:ro"]}
"""


def test_who_is_attached_to_whom(folder):
    found = {r.address.name: r.spec for r in expand(a_stack(ATTACHED, folder)) if r.address.kind == "docker.container"}

    assert {name: list(spec.get("attached_to", ())) for name, spec in found.items()} == {
        "vpn": [], "a": ["vpn"], "b": ["vpn"], "c": ["d"], "d": [], "e": [], "f": []
    }  # fmt: skip
    assert [(each["container"], each["at"], each["is_attached"]) for each in found["f"]["outside"]] == [
        ("far", "stack.yaml:9:21", True),
        ("store", "stack.yaml:9:58", False),
    ]
