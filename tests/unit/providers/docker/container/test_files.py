"""Configs and secrets are mounted as files, and a change of what is in them is seen."""

from __future__ import annotations

import hashlib
import json

import pytest

from reconciler.core.difference.change import Action
from reconciler.core.difference.kind import Effect
from reconciler.core.resource.address import Address
from reconciler.providers.docker.container import files
from reconciler.providers.docker.table.labels import FILES
from reconciler.providers.docker.table.property import dig
from tests.kit.docker.memory import Killed, MemoryEngine, a_reconciler, a_stack, apply

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


# ------------------------------------------------------------------ copied

COPIED = """
services:
  web:
    image: app:1
    configs: [site, {source: plain, target: /etc/plain, mode: 0400, uid: "7", gid: "8"}]
    secrets: [key]
configs:
  site: {content: "site ${WHICH}"}
  plain: {file: ./app.conf}
secrets: {key: {environment: KEY}}
"""


def copied(document_or_engine):
    (container,) = document_or_engine.containers.values()
    return container.get("copied", {})


@pytest.fixture
def made(tmp_path, engine):
    (tmp_path / "app.conf").write_text("plain", encoding="utf-8")

    def make(text=COPIED, **variables):
        return a_stack(text, tmp_path, **{"WHICH": "1", "KEY": "hush hush", **variables})

    apply(make(), engine)
    return make


def test_what_is_no_file_or_has_an_owner_is_copied_before_the_start(made, engine):
    assert copied(engine) == {
        "/site": "site 1 444 0:0",
        "/etc/plain": "plain 400 7:8",
        "/run/secrets/key": "hush hush 444 0:0",
    }
    writes = [call.split("/")[0] + call.rpartition("/")[2] for call in engine.writes if "containers" in call]
    assert writes == ["POST create", "PUT archive", "POST start"]
    assert the_change(made(), engine).action is Action.KEEP


@pytest.mark.parametrize(
    ("change", "target"),
    [
        ({"WHICH": "2"}, "/site"),
        ({"KEY": "other"}, "/run/secrets/key"),
        ({"text": COPIED.replace("0400", "0440")}, "/etc/plain"),
        ({"text": COPIED.replace('uid: "7"', 'uid: "9"')}, "/etc/plain"),
        ({"text": COPIED.replace("[site,", "[site, {source: site, target: /also},")}, "/also"),
        ({"text": COPIED.replace("[site,", "[")}, "/site"),
    ],
)
def test_another_content_owner_or_mode_is_a_difference_and_is_settled(made, engine, change, target):
    document = made(**change)

    difference = the_change(document, engine)
    apply(document, engine)

    assert [field.path for field in difference.fields] == [("files", target)]
    assert difference.action is Action.REPLACE
    assert the_change(document, engine).action is Action.KEEP


def test_a_secret_from_a_variable_is_in_no_label_and_no_plan(made, engine):
    document = made(KEY="hush again")

    difference = the_change(document, engine)
    apply(document, engine)

    assert "hush" not in str(marks(engine))
    assert "hush" not in str(difference)
    assert "hush" not in str(document)


def test_one_that_was_made_and_not_yet_given_its_files_gets_them_before_it_starts(made, engine):
    def killed(_number, call):
        if call.startswith("PUT"):
            raise Killed

    engine.containers.clear()
    engine.before = killed
    with pytest.raises(Killed):
        apply(made(), engine)
    engine.before = lambda *_: None
    assert copied(engine) == {}

    apply(made(), engine)

    assert set(copied(engine)) == {"/site", "/etc/plain", "/run/secrets/key"}
    assert the_change(made(), engine).action is Action.KEEP


# ------------------------------------------------------------------ reactions

RELOADED = STACK.replace(
    "    configs:", "    volumes: ['./conf.d:/conf.d']\n    x-reconcile: {reload: HOW}\n    configs:"
)


@pytest.fixture
def reloaded(tmp_path, engine, document):  # noqa: ARG001  # its files
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "a").write_text("1", encoding="utf-8")

    def make(how):
        return a_stack(RELOADED.replace("HOW", how), tmp_path)

    return make


def told(engine):
    (container,) = engine.containers.values()
    return container.get("signals", [])


def test_a_signal_is_sent_once_when_what_is_in_a_config_changes(reloaded, engine, tmp_path):
    document = reloaded("{/app: {signal: HUP}}")
    apply(document, engine)
    identity = list(engine.containers)

    (tmp_path / "app.conf").write_text("b = 2\n", encoding="utf-8")
    change = the_change(document, engine)

    assert change.action is Action.REPLACE  # the same file is mounted at another place, too
    other = reloaded("{/app: {signal: HUP}, /etc/app.conf: {signal: HUP}}")
    apply(other, engine)
    (tmp_path / "app.conf").write_text("c = 3\n", encoding="utf-8")
    identity = list(engine.containers)
    difference = the_change(other, engine)
    apply(other, engine)

    assert {field.path for field in difference.fields} == {("files_signal", "/app"), ("files_signal", "/etc/app.conf")}
    assert difference.action is Action.UPDATE
    assert list(engine.containers) == identity
    assert told(engine) == ["HUP"]
    assert copied(engine)["/app"] == "c = 3\n 444 0:0"
    assert the_change(other, engine).action is Action.KEEP


def test_a_restart_is_enough_where_that_is_said(reloaded, engine, tmp_path):
    document = reloaded("restart")
    apply(document, engine)
    identity = list(engine.containers)

    (tmp_path / "key.txt").write_text("hush hush\n", encoding="utf-8")
    change = the_change(document, engine)
    engine.calls.clear()
    apply(document, engine)

    assert {field.path[0] for field in change.fields} == {"files_restart"}
    assert change.effect is Effect.RESTART
    assert list(engine.containers) == identity
    calls = [call.rpartition("/")[2] for call in engine.writes if "/containers/" in call]
    assert [call for call in calls if call in ("stop", "start")] == ["stop", "start"]
    assert the_change(document, engine).action is Action.KEEP


def test_nothing_is_done_where_that_is_said(reloaded, engine, tmp_path):
    document = reloaded("nothing")
    apply(document, engine)

    (tmp_path / "key.txt").write_text("hush hush\n", encoding="utf-8")

    assert the_change(document, engine).action is Action.KEEP


def test_a_bind_mount_is_looked_into_from_when_it_is_named(reloaded, engine, tmp_path):
    apply(reloaded("replace"), engine)
    (tmp_path / "conf.d" / "a").write_text("2", encoding="utf-8")
    assert the_change(reloaded("replace"), engine).action is Action.KEEP

    document = reloaded("{/conf.d/: {signal: SIGUSR1}}")
    first = the_change(document, engine)
    apply(document, engine)
    before = told(engine)
    (tmp_path / "conf.d" / "b").write_text("new", encoding="utf-8")
    second = the_change(document, engine)
    apply(document, engine)

    assert (first.action, second.action) == (Action.UPDATE, Action.UPDATE)
    assert before == []
    assert told(engine) == ["SIGUSR1"]
    assert the_change(document, engine).action is Action.KEEP


def test_the_mark_of_a_container_goes_with_it(reloaded, engine, tmp_path):
    document = reloaded("restart")
    apply(document, engine)
    (tmp_path / "key.txt").write_text("hush hush\n", encoding="utf-8")
    apply(document, engine)
    assert [name.rpartition("-")[0] for name in engine.volumes] == ["reconcile-files-p-web"]
    assert "hush" not in str(engine.volumes)

    apply(a_stack("services: {}", tmp_path), engine)

    assert not engine.volumes
    assert not engine.containers


def test_one_that_does_not_run_is_started_with_what_is_new(reloaded, engine, tmp_path):
    how = "{/app: {signal: HUP}, /etc/app.conf: {signal: HUP}}"
    apply(reloaded(how), engine)
    (tmp_path / "app.conf").write_text("b = 2\n", encoding="utf-8")
    engine.stop(engine.names[0])

    apply(reloaded(how), engine)

    assert told(engine) == []
    assert copied(engine)["/app"] == "b = 2\n 444 0:0"
    assert the_change(reloaded(how), engine).action is Action.KEEP


def test_each_container_has_a_mark_of_its_own():
    addresses = [("p", "web", "2"), ("p", "web-2"), ("p-web", "2")]

    names = {files.mark_of(project, Address("docker.container", tuple(path))) for project, *path in addresses}

    assert len(names) == 3
