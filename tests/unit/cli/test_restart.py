"""`reconcile restart`: the right containers in the right order, as they are."""

from __future__ import annotations

from functools import partial

import pytest

from tests.kit.cli import called
from tests.kit.docker.memory import MemoryEngine, served

STACK = """name: p
services:
  web:
    image: app:1
    depends_on: {api: {condition: service_started, restart: true}}
  api:
    image: app:1
    depends_on: [db]
    deploy: {replicas: 2}
  db: {image: 'app:1', stop_grace_period: 3s}
"""


@pytest.fixture
def world(tmp_path, monkeypatch, capsys):
    (tmp_path / "stack.yaml").write_text(STACK, encoding="utf-8")
    engine = MemoryEngine()
    engine.image("app:1")
    with served(engine) as url:
        run = partial(called, monkeypatch, capsys, cwd=tmp_path, env={"DOCKER_HOST": url})
        assert run("apply", "--yes").code == 0
        yield run, engine


def restarted(ran):
    return [line.split()[1] for line in ran.err.splitlines() if "restarted" in line]


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ([], ["db", "api-1", "api-2", "web"]),
        (["db"], ["db"]),
        (["api"], ["api-1", "api-2", "web"]),
        (["--no-deps", "api"], ["api-1", "api-2"]),
        (["web", "db"], ["db", "web"]),
    ],
)
def test_services_restart_after_those_they_depend_on_and_with_those_that_say_so(world, arguments, names):
    run, _ = world

    ran = run("restart", *arguments)

    assert (ran.code, restarted(ran)) == (0, names)
    assert run("diff").code == 0


ATTACHED = """name: p
services:
  vpn: {image: 'app:1', ipc: shareable}
  a: {image: 'app:1', network_mode: 'service:vpn'}
  b: {image: 'app:1', network_mode: 'container:p-vpn-1'}
  c: {image: 'app:1', pid: 'container:p-b-1'}
  d: {image: 'app:1', ipc: 'container:p-vpn-1', network_mode: none}
  v: {image: 'app:1', network_mode: bridge}
  l: {image: 'app:1', network_mode: bridge, links: ['v:vee']}
  z: {image: 'app:1'}
"""


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["vpn"], {"vpn", "a", "b", "c", "d"}),
        (["b"], {"b", "c"}),
        (["v"], {"v", "l"}),
        (["--no-deps", "vpn"], {"vpn"}),
        ([], {"vpn", "a", "b", "c", "d", "v", "l", "z"}),
    ],
)
def test_services_restart_with_those_that_they_are_attached_to(tmp_path, monkeypatch, capsys, arguments, names):
    (tmp_path / "stack.yaml").write_text(ATTACHED, encoding="utf-8")
    engine = MemoryEngine()
    engine.image("app:1")
    with served(engine) as url:
        run = partial(called, monkeypatch, capsys, cwd=tmp_path, env={"DOCKER_HOST": url})
        assert run("apply", "--yes").code == 0

        ran = run("restart", *arguments)

        assert (ran.code, set(restarted(ran))) == (0, names)
        ordered = [name for name in restarted(ran) if name in ("vpn", "b", "c")]
        assert ordered == [name for name in ("vpn", "b", "c") if name in names]


def test_a_container_has_its_own_time_to_stop_or_the_one_given(world):
    run, engine = world

    run("restart", "db", "web")
    run("restart", "--timeout", "1", "db")

    assert engine.restarted == [("p-db-1", "3"), ("p-web-1", "10"), ("p-db-1", "1")]


@pytest.mark.parametrize("name", ["logs", "restart"])
def test_an_unknown_service_is_named_with_the_nearest_and_all_there_are(world, name):
    run, _ = world

    ran = run(name, "wbe")

    assert ran.code == 64
    assert (
        "there is no service `wbe`; the services are: api, api-1, api-2, db, web\n     = help: did you mean `web`?"
        in ran.err
    )


def test_without_a_stack_there_is_nothing_to_restart(tmp_path, monkeypatch, capsys):
    (tmp_path / "users.yaml").write_text("realm: r\n", encoding="utf-8")

    ran = called(monkeypatch, capsys, "restart", cwd=tmp_path, env={"RECONCILE_KEYCLOAK_URL": "http://localhost:1"})

    assert ran.code == 64
    assert "no containers to restart" in ran.err


def test_a_service_of_which_an_interrupted_run_left_two_containers_is_not_restarted(world):
    run, engine = world
    (database,) = [each for each in engine.containers.values() if each["Name"] == "/p-db-1"]
    engine.rename("p-db-1", params={"name": "p-db-1.prev"})
    body = {"Image": "app:1", "Labels": database["Config"]["Labels"]}
    engine.create_container(body=body, params={"name": "p-db-1.next"})
    engine.stop("p-db-1.prev")

    ran = run("restart", "db")

    assert ran.code != 0
    assert "an interrupted run left p-db-1.next, p-db-1.prev" in ran.err
    assert "`reconcile apply` finishes that run" in ran.err
    assert engine.restarted == []

    assert run("apply", "--yes").code == 0
    assert run("restart", "db").code == 0
    assert [name for name, _ in engine.restarted] == ["p-db-1"]
