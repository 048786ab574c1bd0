"""The contents of configs and secrets reach the container, and a change of them is seen."""

from __future__ import annotations

import time

from tests.kit.docker.engine import READY

SHOWS = {"command": "sh -c 'cat /app.conf /run/secrets/key; exec sleep 3600'"}


def shown(project):
    return b"".join(project.engine.logs(project.container())).decode().splitlines()


def test_a_config_and_a_secret_are_mounted_and_followed(project):
    files = {"app.conf": project.directory / "app.conf", "key": project.directory / "key"}
    for name, file in files.items():
        file.write_text(f"{name} 1\n", encoding="utf-8")
    project.write(configs={"app.conf": {"file": "./app.conf"}}, secrets={"key": {"file": "./key"}})
    project.service("web", **READY, **SHOWS, configs=["app.conf"], secrets=["key"])
    project.settle()
    before = shown(project)

    files["key"].write_text("key 2\n", encoding="utf-8")
    fields = project.fields()
    project.settle()

    assert before == ["app.conf 1", "key 1"]
    assert set(fields) == {"files./run/secrets/key"}
    assert shown(project) == ["app.conf 1", "key 2"]


def test_what_is_written_in_the_stack_or_a_variable_is_copied_with_owner_and_mode(project, monkeypatch):
    monkeypatch.setenv("KEY", "hush 1")
    (project.directory / "plain").write_text("plain\n", encoding="utf-8")
    shows = "sh -c 'cat /app.conf /run/secrets/key /etc/p; stat -c \"%a %u:%g\" /app.conf /etc/p; exec sleep 3600'"
    configs = {"app.conf": {"content": "written\n"}, "plain": {"file": "./plain"}}
    project.write(configs=configs, secrets={"key": {"environment": "KEY"}})
    mounts = ["app.conf", {"source": "plain", "target": "/etc/p", "mode": "0600", "uid": "12", "gid": "13"}]
    project.service("web", **READY, command=shows, configs=mounts, secrets=["key"])
    project.settle()
    before = shown(project)
    text = str(project.inspect())

    monkeypatch.setenv("KEY", "hush 2")
    fields = project.fields()
    project.settle()

    assert before == ["written", "hush 1plain", "444 0:0", "600 12:13"]
    assert "hush" not in text
    assert set(fields) == {"files./run/secrets/key"}
    assert "hush 2plain" in shown(project)
    assert "hush" not in str(project.inspect())


def test_a_process_is_told_of_a_change_by_a_signal_and_stays_the_same(project):
    """Also where the file was put in the place of the old one, as editors and git do."""
    file = project.directory / "app.conf"
    file.write_text("one\n", encoding="utf-8")
    (project.directory / "conf.d").mkdir()
    loop = "trap 'cat /app.conf /conf.d/*' HUP; cat /app.conf; while :; do sleep 0.1; done"
    project.write(configs={"app.conf": {"file": "./app.conf"}})
    project.service(
        "web",
        **READY,
        command=["sh", "-c", loop],
        init=False,
        stop_signal="KILL",
        configs=["app.conf"],
        volumes=["./conf.d:/conf.d"],
        **{"x-reconcile": {"reload": {"/app.conf": {"signal": "HUP"}, "/conf.d": {"signal": "HUP"}}}},
    )
    project.settle()
    before = project.identity()

    (project.directory / "new").write_text("two\n", encoding="utf-8")
    (project.directory / "new").rename(file)
    (project.directory / "conf.d" / "more").write_text("three\n", encoding="utf-8")
    fields = project.fields()
    project.settle()
    wait_for_lines(project, 3)

    assert set(fields) == {"files_signal./app.conf", "files_signal./conf.d"}
    assert shown(project) == ["one", "two", "three"]
    assert project.identity() == before


def test_a_restart_shows_the_new_file_to_the_same_container(project):
    file = project.directory / "key"
    file.write_text("one\n", encoding="utf-8")
    project.write(secrets={"key": {"file": "./key"}})
    shows = "cat /run/secrets/key; exec sleep 3600"
    reload = {"x-reconcile": {"reload": "restart"}}
    project.service("web", **READY, command=["sh", "-c", shows], secrets=["key"], **reload)
    project.settle()
    identity, started = project.identity()

    file.unlink()
    file.write_text("two\n", encoding="utf-8")
    project.settle()

    assert shown(project) == ["one", "two"]
    assert project.identity()[0] == identity
    assert project.identity()[1] != started


def wait_for_lines(project, number):
    end = time.monotonic() + 30
    while len(shown(project)) < number:
        assert time.monotonic() < end, f"within 30 seconds no more than {shown(project)}"
        time.sleep(0.05)
