"""``reconcile export --patch --add`` on an engine in memory: a live object comes into the file, and nothing else."""

from __future__ import annotations

from functools import partial

import pytest

from tests.kit.cli import called
from tests.kit.docker.memory import MemoryEngine, a_stack, apply, served

LIVE = """
name: p
services:
  web: {image: "app:1", mem_limit: 64m, networks: [front], depends_on: [db]}
  db: {image: "app:1", environment: {DB_PASSWORD: s3cret-value, PRICE: 5$$}, volumes: ["data:/var/lib/db"]}
  job: {image: "app:1", networks: {front: {aliases: [worker]}}, labels: {team: blue}}
networks: {front: {labels: {tier: edge}}}
volumes: {data: {labels: {keep: "yes"}}}
"""

FILE = """\
# The project.
name: p

services:
    web:   # the front
        image: "app:1"
        mem_limit: 64m   # as measured
        networks: [front]
        {needs}
    # more below
networks: {front: {labels: {tier: edge}}}   # one
"""
ALONE = FILE.replace("{needs}", "restart: 'no'")


@pytest.fixture
def engine():
    engine = MemoryEngine(api="1.51")
    engine.image("app:1")
    return engine


@pytest.fixture
def reconcile(monkeypatch, capsys, tmp_path, engine):
    apply(a_stack(LIVE, tmp_path), engine)
    with served(engine) as url:
        yield partial(called, monkeypatch, capsys, cwd=tmp_path, env={"DOCKER_HOST": url})


def declared(folder, text=ALONE):
    (folder / "stack.yaml").write_text(text, encoding="utf-8")
    return folder / "stack.yaml"


def kept(before, after):
    """The lines of the file that are still there, in their order."""
    lines = iter(after.splitlines())
    return [line for line in before.splitlines() if line not in lines]


def add(reconcile, *addresses, write=True):
    options = [part for address in addresses for part in ("--add", address)]
    return reconcile("export", "--patch", "stack.yaml", *options, *(["--write"] if write else []))


def test_a_service_comes_behind_the_last_one_and_comments_stay(reconcile, tmp_path):
    path = declared(tmp_path)

    ran = add(reconcile, "docker.container/job")

    text = path.read_text(encoding="utf-8")
    assert (ran.code, "docker.container/job: written." in ran.err) == (0, True), ran.err
    assert kept(ALONE, text) == []
    assert "    job:\n" in text
    assert "aliases: [worker]" in text or "- worker" in text
    assert "docker.container/job" not in reconcile("diff").out


def test_it_needs_no_more_than_is_missing(reconcile, tmp_path):
    path = declared(tmp_path)

    ran = add(reconcile, "docker.container/db")

    assert ran.code == 0, ran.err
    text = path.read_text(encoding="utf-8")
    assert kept(ALONE, text) == []
    assert "    data:" in text.partition("volumes:")[2] or "data:" in text
    assert reconcile("status").code == 0


def test_a_secret_becomes_a_variable_that_is_declared(reconcile, tmp_path):
    path = declared(tmp_path)

    shown = add(reconcile, "docker.container/db", write=False)
    assert (shown.code, path.read_text(encoding="utf-8")) == (0, ALONE)
    assert not (tmp_path / ".env").exists()
    ran = add(reconcile, "docker.container/db")

    text = path.read_text(encoding="utf-8")
    assert ran.code == 0, ran.err
    assert "s3cret-value" not in text + ran.out + ran.err + shown.out + shown.err
    assert "${DB_PASSWORD}" in text
    assert "secrets: [DB_PASSWORD]" in text or "- DB_PASSWORD" in text
    assert "PRICE: 5$$" in text
    assert "DB_PASSWORD=s3cret-value" in (tmp_path / ".env").read_text(encoding="utf-8")
    assert reconcile("status").code == 0


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("docker.container/web", "docker.container/web is declared already"),
        ("docker.container/jbo", "is not live, or no file can have it; did you mean `docker.container/job`?"),
        ("keycloak.group/shop/staff", "does not belong into stack.yaml"),
    ],
)
def test_what_can_not_be_added_is_left_and_explained(reconcile, tmp_path, address, words):
    path = declared(tmp_path)

    ran = add(reconcile, address)

    assert (ran.code, path.read_text(encoding="utf-8")) == (3, ALONE)
    assert words in ran.err


def test_a_file_is_needed_and_an_address(reconcile, tmp_path):
    declared(tmp_path)

    assert "--add goes with --patch only" in reconcile("export", "--add", "docker.container/job").err
    assert "`job` is not a valid address" in add(reconcile, "job").err
