"""The work of Compose besides a container's settings is recovered, or reported by name."""

from __future__ import annotations

import json

import pytest

from reconciler.core.provider import Adoption, MadeOf
from reconciler.run.commands.recovered import recovered


def recover(tmp_path, services, containers, *, mounted=(), **sections):
    """The recovery of a project; ``containers`` has for each service what its container has at which path."""
    file = tmp_path / "compose.yaml"
    used = {name: {"image": "a", **service} for name, service in services.items()}
    file.write_text(json.dumps({"services": used, **sections}), encoding="utf-8")
    adoption = Adoption(
        {"name": "p", "services": {name: {"image": "a"} for name in services}, "secrets": {"known": {"file": "/k"}}},
        made_of=MadeOf((str(file),), (), str(tmp_path)),
        mounted={name: frozenset(mounted) for name in services},
        containers={name: name for name in services},
    )
    return recovered(adoption, lambda container, path: containers[container].get(path), {})


def test_what_is_mounted_is_left_to_the_mounts(tmp_path):
    configs = {"ini": {"content": "x"}}
    found = recover(
        tmp_path, {"web": {"configs": ["ini"]}}, {"web": {"/ini": b"x"}}, mounted=("/ini",), configs=configs
    )

    assert (found.stack["services"], found.files) == ({"web": {"image": "a"}}, {})


def test_the_owner_and_the_mode_stay_and_the_content_is_that_of_the_container(tmp_path):
    mount = {"source": "ini", "target": "/etc/ini", "uid": "5", "mode": "0400"}
    found = recover(
        tmp_path,
        {"web": {"configs": [mount]}},
        {"web": {"/etc/ini": b"\xff changed since"}},
        configs={"ini": {"content": "x"}},
    )

    assert found.stack["services"]["web"]["configs"] == [mount]
    assert found.stack["configs"] == {"ini": {"file": "./configs/ini"}}
    assert found.files == {"./configs/ini": b"\xff changed since"}


def test_contents_of_one_name_that_differ_are_kept_apart(tmp_path):
    two = [{"source": "ini", "target": "/one"}, {"source": "ini", "target": "/two"}]
    found = recover(
        tmp_path,
        {"a": {"configs": ["ini"]}, "b": {"configs": two}, "c": {"configs": ["ini"]}, "d": {"secrets": ["known"]}},
        {
            "a": {"/ini": b"1"},
            "b": {"/one": b"2", "/two": b"3"},
            "c": {"/ini": b"1"},
            "d": {"/run/secrets/known": b"4"},
        },
        configs={"ini": {"content": "x"}},
        secrets={"known": {"environment": "HOME"}},
    )

    assert found.files == {
        "./configs/ini": b"1",
        "./configs/b-ini": b"2",
        "./configs/b-ini-2": b"3",
        "./secrets/d-known": b"4",
    }
    assert found.stack["secrets"] == {"known": {"file": "/k"}, "d-known": {"file": "./secrets/d-known"}}
    assert found.stack["services"]["c"]["configs"][0]["source"] == "ini"


def test_a_file_that_is_gone_from_its_container_is_reported_by_name(tmp_path):
    found = recover(tmp_path, {"web": {"configs": ["ini"]}}, {"web": {}}, configs={"ini": {"content": "x"}})

    assert found.remarks == ("web has no file /ini, where its config `ini` was; it is left out",)
    assert "configs" not in found.stack


@pytest.mark.parametrize("hook", ["post_start", "pre_stop"])
def test_hooks_are_those_of_the_compose_files(tmp_path, hook):
    found = recover(tmp_path, {"web": {hook: [{"command": ["true"]}]}}, {"web": {}})

    assert found.stack["services"]["web"][hook][0]["command"] == ["true"]


def test_without_readable_compose_files_it_is_said_what_may_be_missing(tmp_path):
    adoption = Adoption({"name": "p", "services": {}}, made_of=MadeOf((str(tmp_path / "compose.yaml"),)))

    found = recovered(adoption, lambda _container, _path: None, {})

    assert found.stack is adoption.file
    assert "compose.yaml can't be read: configs and secrets that Compose copies" in found.remarks[0]


def test_what_no_compose_file_has_made_is_as_the_engine_shows_it():
    adoption = Adoption({"name": "p", "services": {}})

    assert recovered(adoption, lambda _container, _path: None, {}).stack is adoption.file
