"""Secrets whose values are lost, on a real engine: nothing new is rolled out, and containers give them back."""

from __future__ import annotations

import stat

import pytest

from tests.kit.cli import reconcile
from tests.kit.docker.engine import READY

SECRETS = {"secrets": ["PASSWORD", "TOKEN", "FILE", "PART"]}


@pytest.fixture
def run(project):
    def run(*arguments, **rest):
        return reconcile(*arguments, cwd=project.directory, **rest)

    return run


@pytest.fixture
def lost(project, run):
    """A project whose .env is gone; what was in it."""
    project.write(
        **{"x-reconcile": SECRETS},
        secrets={"token": {"environment": "FILE"}},
        configs={"settings": {"content": "part=${PART}\n"}},
        volumes={"data": {}},
    )
    project.service("db", **READY, environment={"P": "${PASSWORD}"}, volumes=["data:/data"], secrets=["token"])
    web = {"environment": {"URL": "postgres://u:${PASSWORD}@db/x?token=${TOKEN}"}, "configs": ["settings"]}
    project.service("web", **READY, **web, command=["sh", "-c", "sleep 3600 # ${TOKEN}"])
    assert run("apply", "--yes").code == 0
    env = project.directory / ".env"
    text = env.read_text(encoding="utf-8")
    env.unlink()
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def test_nothing_is_rolled_out_and_all_are_recovered(project, run, lost):
    before, env = project.identity("db"), project.directory / ".env"

    refused = [run(*command) for command in (["apply", "--yes"], ["diff"], ["init"])]
    listed = run("secrets", "list")
    assert not env.exists()
    recovered = run("secrets", "recover")
    again, applied = run("secrets", "recover"), run("apply", "--yes")

    assert [ran.code for ran in refused] == [65, 65, 65], refused
    assert all(ran.err.count("reconcile secrets recover") == len(lost) for ran in refused)
    assert (listed.code, recovered.code, again.code, applied.code) == (0, 0, 0, 0), recovered.err
    assert "No changes" in applied.out
    assert project.identity("db") == before
    written = env.read_text(encoding="utf-8")
    assert dict(line.split("=", 1) for line in written.splitlines() if "=" in line) == lost
    assert stat.S_IMODE(env.stat().st_mode) == 0o600
    shown = "".join(ran.out + ran.err for ran in (*refused, listed, recovered, again, applied))
    assert not [name for name, value in lost.items() if value in shown]


def test_where_only_the_data_is_left_nothing_is_generated_for_it(project, run, lost):
    assert lost
    assert run("down").code == 0

    refused, recovered = run("apply", "--yes"), run("secrets", "recover")

    assert (refused.code, recovered.code) == (65, 1)
    assert "PASSWORD has no value, and must not be generated: docker.volume/data" in refused.err
    assert not (project.directory / ".env").exists()


def test_a_new_secret_of_a_new_service_is_generated(project, run, lost):
    (project.directory / ".env").write_text("".join(f"{k}={v}\n" for k, v in lost.items()), encoding="utf-8")
    project.write(**{"x-reconcile": {"secrets": [*SECRETS["secrets"], "NEW"]}})
    project.service("late", **READY, environment={"K": "${NEW}"})

    ran = run("apply", "--yes")

    assert ran.code == 0, ran.err
    assert "NEW=" in (project.directory / ".env").read_text(encoding="utf-8")
