"""Configs and secrets are mounted as files, and a change of what is in them is seen."""

from __future__ import annotations

import hashlib
import json

import pytest

from reconciler.core.change import Action
from reconciler.providers.docker.labels import FILES
from reconciler.providers.docker.property import dig
from tests.kit.docker import MemoryEngine, a_reconciler, a_stack, apply

STACK = """
services:
  web:
    image: app:1
    configs: [app, {source: app, target: /etc/app.conf}]
    secrets: [key, {source: key, target: other}]
configs: {app: {file: ./app.conf}}
secrets: {key: {file: ./key.txt}}
"""


@pytest.fixture
def engine():
    engine = MemoryEngine()
    engine.image("app:1")
    return engine


@pytest.fixture
def document(tmp_path):
    (tmp_path / "app.conf").write_text("a = 1\n", encoding="utf-8")
    (tmp_path / "key.txt").write_text("hush\n", encoding="utf-8")
    return a_stack(STACK, tmp_path)


def the_change(document, engine):
    plan = a_reconciler(document, engine).look().plan
    return next(change for change in plan.changes if change.address.kind == "docker.container")


def marks(engine):
    (container,) = engine.containers.values()
    return container["Config"]["Labels"]


def test_they_are_mounted_where_compose_mounts_them_and_cannot_be_written(document, engine, tmp_path):
    apply(document, engine)

    (body,) = [body for body in engine.bodies if "HostConfig" in body]
    mounts = {mount["Target"]: (mount["Source"], mount["ReadOnly"]) for mount in dig(body, "HostConfig.Mounts")}
    app, key = (str(tmp_path / "app.conf"), True), (str(tmp_path / "key.txt"), True)
    assert mounts == {"/app": app, "/etc/app.conf": app, "/run/secrets/key": key, "/run/secrets/other": key}
    assert the_change(document, engine).action is Action.KEEP


@pytest.mark.parametrize(
    ("file", "targets"),
    [("app.conf", {"/app", "/etc/app.conf"}), ("key.txt", {"/run/secrets/key", "/run/secrets/other"})],
)
def test_what_is_written_into_one_is_a_difference_and_is_settled(document, engine, tmp_path, file, targets):
    apply(document, engine)

    (tmp_path / file).write_text("b = 2\n", encoding="utf-8")
    change = the_change(document, engine)
    apply(document, engine)

    assert {field.path for field in change.fields} == {("files", target) for target in targets}
    assert change.action is Action.REPLACE
    assert the_change(document, engine).action is Action.KEEP


def test_no_label_holds_a_secret_or_a_digest_that_is_quick_to_guess(document, engine):
    apply(document, engine)

    quick = {hashlib.new(name, text).hexdigest()[:16] for name in ("sha256", "sha512") for text in (b"hush\n", b"hush")}
    assert "hush" not in str(marks(engine))
    assert not quick & set(json.loads(marks(engine)[FILES]).values())


def test_one_that_is_taken_out_is_a_mount_less_and_nothing_else(document, engine, tmp_path):
    apply(document, engine)

    fewer = a_stack(STACK.replace("[app, {source: app, target: /etc/app.conf}]", "[app]"), tmp_path)
    change = the_change(fewer, engine)
    apply(fewer, engine)

    assert {field.path for field in change.fields} == {("volumes", "/etc/app.conf")}
    assert the_change(fewer, engine).action is Action.KEEP


def test_a_container_of_compose_is_taken_over_as_it_is(document, engine):
    apply(document, engine)

    del marks(engine)[FILES]

    assert the_change(document, engine).action is Action.KEEP


def test_a_file_that_is_gone_meanwhile_is_no_difference(document, engine, tmp_path):
    apply(document, engine)

    (tmp_path / "app.conf").unlink()

    assert the_change(document, engine).action is Action.KEEP
