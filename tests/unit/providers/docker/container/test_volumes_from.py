"""The services whose volumes a service mounts, and those that have to be there first."""

from __future__ import annotations

from reconciler.core.resource.values import UNKNOWN
from reconciler.providers.docker.container import volumes_from


def named(source, target):
    return {"type": "volume", "source": source, "target": target}


SERVICES = {
    "a": {
        "volumes": [
            named("one", "/1"),
            {"type": "volume", "target": "/unnamed"},
            {"type": "bind", "source": "/etc", "target": "/etc", "read_only": True},
            {"type": "tmpfs", "target": "/memory"},
        ]
    },
    "b": {"volumes": [named("two", "/2")], "volumes_from": ["a:ro"]},
    "c": {"volumes": [named("own", "/2")], "volumes_from": ["b", "container:x:ro", "a:rw"]},
    "d": {"volumes": [{"type": "volume", "target": "/1"}], "volumes_from": ["b"]},
    "e": {"volumes_from": ["d"]},
    "f": {"volumes_from": ["container:p-a-1:ro", "container:x"]},
}


def lent(name):
    found = volumes_from.lent(SERVICES, SERVICES[name], lambda service: service.get("volumes") or (), {"p-a-1": "a"})
    return {mount["target"]: (mount["source"], mount.get("read_only")) for mount in found}


def test_what_the_files_name_is_lent_on_and_what_is_declared_wins():
    assert lent("a") == {}
    assert lent("b") == {"/1": ("one", True), "/etc": ("/etc", True)}
    assert lent("c") == {"/1": ("one", None), "/etc": ("/etc", True)}
    assert lent("f") == {"/1": ("one", True), "/etc": ("/etc", True)}
    assert lent("d") == {"/2": ("two", None), "/etc": ("/etc", True)}


def test_a_volume_without_a_name_hides_one_that_its_owner_was_lent():
    assert lent("e") == {"/2": ("two", None), "/etc": ("/etc", True)}


def test_volumes_without_a_name_are_lent_by_the_names_that_they_have():
    spec = {"volumes": {"/a": {"source": "(anonymous)"}, "/b": {"source": "(anonymous)"}, "/c": {"source": "named"}}}

    found = volumes_from.unnamed(spec, {"/a": "f" * 64, "/i": "e" * 64}, ["/i", "/j", "/c"])

    names = {target: mount["source"] for target, mount in found.items()}
    assert names == {"/a": "f" * 64, "/b": UNKNOWN, "/i": "e" * 64, "/j": UNKNOWN}


def test_a_source_is_called_as_the_container_is():
    assert list(volumes_from.sources(SERVICES["c"], lambda name: f"p-{name}-1")) == ["p-b-1", "x:ro", "p-a-1"]


def test_what_is_lent_last_wins_and_memory_is_not_lent():
    shown = {
        "x": [("/a", "volume", "one"), ("/b", "tmpfs", "")],
        "y": [("/a", "volume", "two"), ("/c", "volume", "three")],
    }

    def inspected(name):
        mounts = [{"Type": kind, "Destination": to, "Name": volume, "RW": True} for to, kind, volume in shown[name]]
        return {"Mounts": mounts}

    found = volumes_from.mounts(("x:ro", "y"), inspected)

    assert {target: (mount["source"], mount["read_only"]) for target, mount in found.items()} == {
        "/a": ("two", False),
        "/c": ("three", False),
    }
