"""The daemon on the running seed stack: it repairs what is done by hand, follows the files, and ends when told."""

from __future__ import annotations

import signal
import time
from contextlib import closing, contextmanager

from tests.kit.daemon import daemon as a_daemon


@contextmanager
def daemon(seed, *arguments):
    with a_daemon(
        seed.directory, *arguments, program=[seed.directory / ".venv/bin/reconcile"], env={"PYTHONPATH": ""}
    ) as it:
        yield it


def test_an_event_brings_a_repair_long_before_the_next_look(seed):
    with daemon(seed, "--interval", "600") as running:
        began = time.monotonic()
        seed.engine.post(f"/containers/{seed.container('redis')}/stop", t=5)

        running.until("difference", address="docker.container/redis", action="start")
        running.until("pass done", failed=0)

        assert time.monotonic() - began < 30
        assert seed.inspect("redis")["State"]["Running"]


def test_what_no_event_tells_is_found_at_the_next_look(seed):
    with daemon(seed, "--interval", "2") as running, closing(seed.admin()) as admin:
        (user,) = admin.get("/admin/realms/mlflow/users?username=mlflow_user&exact=true")
        admin.put(f"/admin/realms/mlflow/users/{user['id']}", {**user, "enabled": False})

        running.until("difference", address="keycloak.user/mlflow/mlflow_user", field="enabled")
        running.until("pass done", failed=0)

        (user,) = admin.get("/admin/realms/mlflow/users?username=mlflow_user&exact=true")
        assert user["enabled"] is True


def test_a_changed_file_is_followed_and_a_wrong_one_is_told(seed):
    stack = seed.directory / "stack.yaml"
    before = stack.read_text(encoding="utf-8")
    assert "memory: 128M" in before
    try:
        with daemon(seed, "--interval", "600") as running:
            stack.write_text(before.replace("memory: 128M", "memory: 160M"), encoding="utf-8")
            running.until("difference", address="docker.container/redis", action="update")
            running.until("pass done", failed=0)
            assert seed.inspect("redis")["HostConfig"]["Memory"] == 160 << 20

            stack.write_text(before.replace("services:", "servicess:"), encoding="utf-8")
            problem = running.until("file is wrong, the last right one stays in force")["note"]
            assert "did you mean `services`?" in problem

            stack.write_text(before, encoding="utf-8")
            running.until("pass done", failed=0)
            assert seed.inspect("redis")["HostConfig"]["Memory"] == 128 << 20
    finally:
        stack.write_text(before, encoding="utf-8")
    assert seed.run("diff").code == 0


def test_it_only_reports_where_it_shall_only_observe(seed):
    with daemon(seed, "--interval", "600", "--observe") as running:
        seed.engine.post(f"/containers/{seed.container('redis')}/update", {"Memory": 64 << 20})

        running.until("difference", address="docker.container/redis", action="update")
        time.sleep(2)
        assert seed.inspect("redis")["HostConfig"]["Memory"] == 64 << 20
    assert seed.run("apply").code == 0


def test_a_signal_ends_it_cleanly(seed):
    with daemon(seed, "--interval", "600") as running:
        running.process.send_signal(signal.SIGHUP)
        running.process.send_signal(signal.SIGTERM)

        running.until("daemon ends")

        assert running.process.wait(10) == 0
