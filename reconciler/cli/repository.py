"""The options of the daemon that name a repository, and files with secrets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from reconciler.cli.output import writer
from reconciler.cli.state import State, settings_of

if TYPE_CHECKING:
    from reconciler.run.sources.forge import Judgement
    from reconciler.run.sources.revisions import Revisions
    from reconciler.settings import Settings

FORGES: Final = ("github", "gitlab", "gitea", "forgejo")
_FOLDER: Final = ".repositories"
"""The folder of all repositories in the state directory; no project has such a name."""


@contextmanager
def sourced(state: State, to_log: Any, options: Mapping[str, Any]) -> Iterator[Revisions | None]:
    """The repository that the files come from, if one is named."""
    if not options["git"]:
        yield None
        return
    from reconciler.core.resource.values import Secret
    from reconciler.run.sources.git import Remote
    from reconciler.run.sources.revisions import Revisions

    user, _, token = next(iter(secret_lines(options["git_credentials_file"], least=1)), "").partition(":")
    files = {name: options[f"git_{name}"] for name in ("known_hosts", "signers")}
    account = (user, Secret(token)) if token else None
    remote = Remote(options["git"], options["ref"], account, key=options["git_ssh_key"], **files)
    folder = state.settings.state(_FOLDER)
    if folder is None:
        raise click.UsageError("there is no place for the repository; give --state-directory")
    # Known before git is called, whose words may repeat the URL with it.
    writer().known.learn("git", lambda: as_secrets((token,) if token else ()))
    settings_in = partial(_settings_in, state, click.get_current_context().find_root().params)
    with _judged(to_log, options) as report:
        more = {"path": options["path"], "every_s": options["git_interval"], "report": report}
        with closing(Revisions(remote, folder, settings_in, state.settings.environment, **more)) as revisions:
            yield revisions


@contextmanager
def _judged(to_log: Any, options: Mapping[str, Any]) -> Iterator[Callable[[Judgement], None]]:
    """Report the state of revisions meanwhile, where that is asked for."""
    if not options["git_status"]:
        yield lambda _judgement: None
        return
    from reconciler.core.resource.values import Secret
    from reconciler.run.sources.forge import CommitStatus

    token = next(iter(secret_lines(options["git_status_token_file"], least=1)), "")
    if not token:
        raise click.UsageError("--git-status has no token; give --git-status-token-file")
    writer().known.learn("forge", lambda: as_secrets((token,)))
    clean, api = writer().line, options["git_api"]
    made = CommitStatus(options["git_status"], options["git"], Secret(token), to_log, clean=clean, api=api)
    try:
        yield made
    finally:
        made.close()


def _settings_in(state: State, params: Mapping[str, Any], folder: Path) -> Settings:
    """The settings for a folder with a revision, whose files are right. Raises ConfigError.

    Secrets are in no repository: they are in the env files that were named, else in .env of the project's directory.
    """
    from reconciler.core.message.errors import ConfigError
    from reconciler.core.message.problem import Problem
    from reconciler.core.resource.resource import Origin
    from reconciler.run.session.session import read

    env_files = state.settings.env_files or (state.settings.directory / ".env",)
    for file in env_files:
        file.touch(mode=0o600)
    names = {name: tuple(folder / each for each in params[name] or ()) for name in ("file", "users")}
    found = settings_of({**params, **names, "project_directory": folder, "env_file": env_files})
    if not found.stack_files and not found.users_files:
        raise ConfigError([Problem("there is neither stack.yaml nor users.yaml in this folder", Origin(str(folder)))])
    # Loaded once for its errors, so that wrong files never come into force.
    read(found)
    return found


def secret_lines(file: Path | None, *, least: int = 0) -> list[str]:
    """The secrets of a file. A short one could be guessed, so it is refused."""
    from reconciler.web.access import LEAST_TOKEN

    least = least or LEAST_TOKEN
    try:
        found = [line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip()] if file else []
    except (OSError, ValueError) as error:
        raise click.UsageError(f"{file} can't be read: {error}; check its permissions") from error
    if file and (not found or any(len(each) < least for each in found)):
        raise click.UsageError(f"{file} has too little in it; write one or more lines of at least {least} characters")
    return found


def as_secrets(texts: tuple[str, ...]) -> list[object]:
    from reconciler.core.resource.values import Secret

    return [Secret(text) for text in texts]
