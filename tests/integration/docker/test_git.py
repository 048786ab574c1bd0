"""A daemon that follows a repository: what is pushed is brought about, what is wrong changes nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.core.message.errors import Denied, ProviderError
from reconciler.run.sources.git import Git, Remote
from tests.kit.cli import reconcile
from tests.kit.daemon import daemon
from tests.kit.docker.engine import READY, Project, a_project, the_engine
from tests.kit.machine.sshd import served as ssh_served
from tests.kit.repository import Repository, served_by_git


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    engine = the_engine()
    (tmp_path / "project").mkdir()
    with a_project(tmp_path / "project", engine) as made:
        yield made
    engine.close()


def pushed(repository: Repository, project: Project, value: str) -> str:
    project.service("web", environment={"V": value}, **READY)
    return repository.commit((project.directory / "stack.yaml").read_text(encoding="utf-8"), file="deploy/stack.yaml")


def test_what_is_pushed_is_brought_about_and_a_wrong_revision_changes_nothing(project: Project, tmp_path: Path) -> None:
    (tmp_path / "git").mkdir()
    repository, here = Repository(tmp_path / "git"), tmp_path / "here"
    here.mkdir()
    first = pushed(repository, project, "1")
    state = ("--state-directory", str(tmp_path / "state"))
    options = ("--path", "deploy", "--git-interval", "1", "--interval", "600")
    with served_by_git(repository) as url, daemon(here, "--git", url, *options, before=state) as running:
        running.until("repaired", address="docker.container/web")
        assert "V=1" in project.inspect("web")["Config"]["Env"]

        wrong = repository.commit("services: {web: {imge: x}}", file="deploy/stack.yaml")
        found = running.until("revision can't be used, the last right one stays in force")
        assert f"revision {wrong[:12]} is wrong: stack.yaml:1:" in found["note"]
        project.hand("stop", service="web")
        running.until("repaired", address="docker.container/web", action="start")
        assert "V=1" in project.inspect("web")["Config"]["Env"]

        third = pushed(repository, project, "3")
        running.until("revision taken", revision=third)
        running.until("repaired", address="docker.container/web", action="replace")
        running.until("pass done")
        running.until("looked")
        assert "V=3" in project.inspect("web")["Config"]["Env"]

    file = str(project.directory / "stack.yaml")
    told = reconcile(*state, "-f", file, "history", "--format", "json", cwd=here)
    assert {first, third} <= {each["revision"] for each in json.loads(told.out)["runs"]}


def test_a_repository_by_ssh_has_the_key_that_is_known_and_its_refusals_say_why(tmp_path: Path) -> None:
    (tmp_path / "git").mkdir()
    repository = Repository(tmp_path / "git")
    commit = repository.commit("services: {}")
    with ssh_served(tmp_path / "ssh", "") as server:
        keys = {"known_hosts": server.folder / "known_hosts", "key": server.folder / "client"}
        git = Git(Remote(f"{server.url}{repository.bare}", **keys), tmp_path / "state", os.environ)
        git.begin()
        found = git.remote_id(), git.fetch()

        server.know("client")  # as if another server had taken the place of the right one
        with pytest.raises(ProviderError, match=r"Host key verification failed"):
            git.fetch()

        server.know("host")
        server.lock_out()
        with pytest.raises(Denied, match=r"Permission denied \(publickey"):
            git.fetch()

    assert found == (commit, commit)
