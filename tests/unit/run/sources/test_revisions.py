"""Revisions of a repository: each is checked before it is in force, and trouble leaves the last good one there."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.message.errors import ConfigError, Misconfigured, ReconcileError
from reconciler.core.message.problem import Problem
from reconciler.core.resource.resource import Origin
from reconciler.core.resource.values import Secret
from reconciler.run.sources.forge import Verdict
from reconciler.run.sources.git import Remote
from reconciler.run.sources.revisions import Revisions
from reconciler.settings import Settings
from tests.kit.repository import Repository, served_by_git, served_by_http

ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
PASSWORD = "correct-horse-battery"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path)
    made.first = made.commit("good 1")  # type: ignore[attr-defined]
    return made


class Followed:
    """Revisions of a repository, whose stack.yaml is right if it begins with `good`."""

    def __init__(self, folder: Path, remote: Remote, **options: Any) -> None:
        self.judged: list[tuple[str, Verdict]] = []
        report = lambda each: self.judged.append((each.commit, each.verdict))  # noqa: E731
        self.revisions = Revisions(remote, folder / "state", self._settings, ENVIRONMENT, report=report, **options)

    def begin(self) -> str:
        """The text in force."""
        self.settings = self.revisions.begin()
        return self.text

    @property
    def text(self) -> str:
        return (self.settings.directory / "stack.yaml").read_text(encoding="utf-8")

    def look(self) -> str:
        """Fetch at once, take what is new; returns the trouble."""
        self.revisions._look()
        self.settings = self.revisions.take() or self.settings
        return self.revisions.trouble

    @staticmethod
    def _settings(folder: Path) -> Settings:
        file = folder / "stack.yaml"
        if not file.exists() or not file.read_text(encoding="utf-8").startswith("good"):
            raise ConfigError([Problem("no such key", Origin(str(file), 1, 1))])
        return Settings(folder, (file,))


@pytest.fixture
def followed(tmp_path: Path, repository: Repository) -> Followed:
    return Followed(tmp_path, Remote(f"file://{repository.bare}"))


def test_the_newest_revision_is_in_force_in_a_folder_that_stays_the_same(followed, repository) -> None:
    assert followed.begin() == "good 1"
    before = followed.settings.directory
    second = repository.commit("good 2")

    assert followed.look() == ""
    assert (followed.text, followed.revisions.revision) == ("good 2", second)
    assert followed.settings.directory == before
    assert before.name == "app"


def test_a_wrong_revision_changes_nothing_and_a_right_one_after_it_is_taken(followed, repository) -> None:
    followed.begin()
    wrong = repository.commit("bad")

    assert followed.look() == f"revision {wrong[:12]} is wrong: stack.yaml:1:1: no such key"
    assert (followed.text, followed.revisions.revision) == ("good 1", repository.first)
    third = repository.commit("good 3")
    assert followed.look() == ""
    assert followed.text == "good 3"
    assert followed.judged == [
        (repository.first, Verdict.PENDING),
        (wrong, Verdict.FAILURE),
        (third, Verdict.PENDING),
    ]


def test_a_branch_or_a_repository_that_is_gone_changes_nothing_and_is_followed_once_it_is_back(
    followed, repository
) -> None:
    followed.begin()

    repository.git("push", "--quiet", str(repository.bare), "HEAD:other")
    repository.git("update-ref", "-d", "refs/heads/main", cwd=repository.bare)
    assert followed.look() == "the repository has no `main`"
    away = repository.bare.rename(repository.folder / "away")
    assert followed.look().startswith("git ls-remote: ")
    assert followed.text == "good 1"

    away.rename(repository.bare)
    repository.commit("good 4")
    assert followed.look() == ""
    assert followed.text == "good 4"


def test_after_a_restart_without_the_repository_the_last_good_revision_is_in_force(
    followed, repository, tmp_path
) -> None:
    followed.begin()
    (followed.settings.directory / "stack.yaml").write_text("changed by hand", encoding="utf-8")
    repository.bare.rename(tmp_path / "away")

    again = Followed(tmp_path, Remote(f"file://{repository.bare}"))

    assert again.begin() == "good 1"
    assert again.revisions.revision == repository.first
    assert again.revisions.trouble


def test_without_any_good_revision_it_does_not_begin(tmp_path, repository) -> None:
    repository.commit("bad")

    with pytest.raises(ConfigError, match="no such key"):
        Followed(tmp_path, Remote(f"file://{repository.bare}")).begin()


def test_without_the_repository_and_any_revision_it_does_not_begin(tmp_path) -> None:
    with pytest.raises(Misconfigured, match="git ls-remote: "):
        Followed(tmp_path, Remote(f"file://{tmp_path}/nothing")).begin()


def test_files_in_a_folder_of_a_tag(tmp_path, repository) -> None:
    repository.commit("good 5", file="deploy/stack.yaml")
    repository.git("tag", "-a", "-m", "x", "v1")
    repository.git("push", "--quiet", str(repository.bare), "v1")
    repository.commit("good 6", file="deploy/stack.yaml")

    assert Followed(tmp_path, Remote(f"file://{repository.bare}", "v1"), path="deploy").begin() == "good 5"


@pytest.mark.parametrize("path", ["../other", "/etc", "a/../../b"])
def test_a_folder_outside_of_the_repository_is_refused(tmp_path, repository, path) -> None:
    with pytest.raises(Misconfigured, match="leads out"):
        Followed(tmp_path, Remote(f"file://{repository.bare}"), path=path)


def test_a_link_in_the_repository_leads_nowhere(followed, repository) -> None:
    (repository.work / "link").symlink_to("/etc/passwd")
    repository.commit("good 7")

    followed.begin()

    assert not (followed.settings.directory / "link").is_symlink()


def test_what_containers_wrote_beside_the_files_stays(followed, repository) -> None:
    followed.begin()
    (followed.settings.directory / "data").write_text("kept", encoding="utf-8")
    repository.commit("good 8")

    followed.look()

    assert (followed.settings.directory / "data").read_text(encoding="utf-8") == "kept"


def test_a_hint_comes_soon_after_it_was_asked_to_look(tmp_path, repository) -> None:
    made = Followed(tmp_path, Remote(f"file://{repository.bare}"), every_s=600.0)
    made.begin()
    second = repository.commit("good 9")
    made.revisions.ask()

    assert str(next(made.revisions.hints())) == f"git: revision {second[:12]}"


# ------------------------------------------------------------------ servers and credentials


def test_a_repository_of_git_daemon_is_fetched_without_its_history(tmp_path, repository) -> None:
    repository.commit("good 2")
    with served_by_git(repository) as url:
        made = Followed(tmp_path, Remote(url))

        assert made.begin() == "good 2"

    fetched = next((tmp_path / "state").glob("*/repository"))
    assert repository.git("rev-list", "--all", "--count", cwd=fetched) == "1"


def test_a_repository_by_http_takes_the_account_and_shows_it_nowhere(tmp_path, repository) -> None:
    with served_by_http(repository, user="bot", password=PASSWORD) as url:
        assert Followed(tmp_path / "a", Remote(url, account=("bot", Secret(PASSWORD)))).begin() == "good 1"

        with pytest.raises(ReconcileError) as caught:
            Followed(tmp_path / "b", Remote(url, account=("bot", Secret("wrong-password")))).begin()

    assert "wrong-password" not in str(caught.value)
    kept = [path for path in (tmp_path / "a").rglob("*") if path.is_file()]
    assert not [path for path in kept if PASSWORD.encode() in path.read_bytes()]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://bot:secret@example.org/app.git", "holds a password"),
        ("ext::sh -c touch% /tmp/x", "is named by a URL"),
        ("/srv/app.git", "is named by a URL"),
        ("git@example.org:app.git", "needs --git-known-hosts"),
        ("ssh://git@example.org/app.git", "needs --git-known-hosts"),
    ],
)
def test_urls_that_are_not_safe_are_refused(tmp_path, url, said) -> None:
    with pytest.raises(Misconfigured, match=said) as caught:
        Followed(tmp_path, Remote(url))

    assert "secret" not in str(caught.value)


def test_only_a_revision_that_an_allowed_signer_has_signed_is_taken(tmp_path, repository) -> None:
    keys = {name: tmp_path / name for name in ("ann", "eve")}
    for key in keys.values():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    signers = tmp_path / "signers"
    public = keys["ann"].with_suffix(".pub").read_text(encoding="utf-8")
    signers.write_text(f"ann@example.org {public}", encoding="utf-8")
    signed = lambda name: ("-c", "gpg.format=ssh", "-c", f"user.signingkey={keys[name]}", "-c", "commit.gpgsign=true")  # noqa: E731
    repository.commit("good 1 ", *signed("ann"))
    made = Followed(tmp_path, Remote(f"file://{repository.bare}", signers=signers))
    assert made.begin() == "good 1 "

    for number, options in enumerate(((), signed("eve"))):
        bad = repository.commit(f"good but foreign {number}", *options)
        assert made.look().startswith(f"revision {bad[:12]} is not signed by an allowed signer")
        assert made.text == "good 1 "

    repository.commit("good 2", *signed("ann"))
    assert made.look() == ""
    assert made.text == "good 2"
