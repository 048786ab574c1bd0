"""The services whose volumes a service mounts, and those that have to be there first."""

from __future__ import annotations

from reconciler.providers.docker.container import volumes_from

SERVICES = {
    "a": {"volumes": [{"type": "volume", "source": "one", "target": "/1"}, {"type": "volume", "target": "/unnamed"}]},
    "b": {"volumes": [{"type": "volume", "source": "two", "target": "/2"}], "volumes_from": ["a:ro"]},
    "c": {
        "volumes": [{"type": "volume", "source": "own", "target": "/2"}],
        "volumes_from": ["b", "container:x:ro", "a:rw"],
    },
}


def test_named_volumes_are_lent_on_and_what_is_declared_wins():
    found = {
        mount["target"]: (mount["source"], mount.get("read_only"))
        for mount in volumes_from.named(SERVICES, SERVICES["c"])
    }

    assert found == {"/1": ("one", None)}


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
