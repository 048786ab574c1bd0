"""`reconcile doctor` as a person and as a program use it: exit codes, findings with their lines, no secrets."""

from __future__ import annotations

import json
from functools import partial

import jsonschema
import pytest

from tests.kit.cli import ROOT, called
from tests.kit.docker.memory import PROJECT, MemoryEngine, served
from tests.kit.site import PASSWORD, USER, Reply, serving_site

STACK = """
x-reconcile:
  login: {{url: "{url}/login", user: {user}, password: {password}}}
services:
  web: {{image: "app:1"}}
"""


@pytest.fixture
def engine():
    made = MemoryEngine()
    made.image("app:1")
    with served(made) as made.url:
        yield made


@pytest.fixture
def reconcile(monkeypatch, capsys, tmp_path, engine):
    run = partial(
        called, monkeypatch, capsys, cwd=tmp_path, env={"DOCKER_HOST": engine.url, "COMPOSE_PROJECT_NAME": PROJECT}
    )

    def made(site, *arguments, password=PASSWORD):
        (tmp_path / "stack.yaml").write_text(STACK.format(url=site.url, user=USER, password=password), encoding="utf-8")
        assert run("apply", "--yes").code == 0
        return run(*arguments)

    return made


def test_a_healthy_project_ends_with_zero(reconcile):
    with serving_site() as site:
        ran = reconcile(site, "doctor")

    assert ran.code == 0, ran.out + ran.err
    assert f"{site.url}/login as canary: works" in ran.out
    assert "No findings." in ran.out


def test_a_finding_ends_with_two_and_has_place_and_remedy(reconcile):
    with serving_site(home=lambda *_: Reply(200, '<a href="/login">Log in</a>')) as site:
        ran = reconcile(site, "doctor")

    assert ran.code == 2
    assert "fails at `return to the application`" in ran.out
    assert f"session  {site.url} (stack.yaml:3:11)" in ran.out
    assert "    remedy: check the store of its sessions: reconcile status" in ran.out


def test_the_document_fits_its_schema(reconcile):
    with serving_site(callback=lambda *_: Reply(500, "<title>Oops</title>")) as site:
        ran = reconcile(site, "doctor", "--format", "json")
    found = json.loads(ran.out)

    jsonschema.validate(found, json.loads((ROOT / "schemas/doctor.schema.json").read_text(encoding="utf-8")))
    assert (ran.code, found["healthy"], found["login"]["works"], found["login"]["status"]) == (2, False, False, 500)
    assert found["findings"]


def test_a_password_is_in_no_output(reconcile):
    said = lambda given, _: Reply(400, f'<p class="alert">No {given["password"]}</p>')  # noqa: E731
    with serving_site(sso_post=said) as site:
        for form in ("text", "json"):
            ran = reconcile(site, "-v", "doctor", "--format", form, password="s3cr3tpassw0rd")

            assert ran.code == 2
            assert "s3cr3tpassw0rd" not in ran.out + ran.err


def test_verbose_lists_each_check(reconcile):
    with serving_site() as site:
        assert "ok      service-stopped: each service runs" in reconcile(site, "-v", "doctor").out


def test_an_engine_that_is_away_is_a_finding(monkeypatch, capsys, tmp_path):
    (tmp_path / "stack.yaml").write_text("services: {web: {image: x}}\n", encoding="utf-8")
    ran = called(monkeypatch, capsys, "doctor", cwd=tmp_path, env={"DOCKER_HOST": "tcp://127.0.0.1:9"})

    assert ran.code == 2
    assert "✗ engine-unreachable  the engine" in ran.out
