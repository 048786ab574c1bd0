"""The git program, for one repository: it asks nobody, takes no settings but ours, and is ended with all it has begun.

docs/decisions/0011-git-by-its-program.md has the reasons for the program rather than a library.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from reconciler.core.message.errors import Denied, Misconfigured, ProviderError, Rejected, Unreachable
from reconciler.core.resource.values import Secret
from reconciler.pattern import lazy_pattern
from reconciler.record import Struct

PATIENCE_S: Final = 60.0
LARGEST_MESSAGE: Final = 300
HEAD: Final = "refs/reconcile/head"
"""The ref under which the fetched revision is kept, so that git does not throw it away."""

_SCHEMES: Final = ("https", "http", "ssh", "git", "file")
_COMMIT: Final = lazy_pattern(r"[0-9a-f]{40}|[0-9a-f]{64}")
_AS_SSH: Final = lazy_pattern(r"[^/@:]+@[^/:]+:[^:].*")
_PASSED_ON: Final = ("PATH", "LANG", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "https_proxy", "http_proxy", "no_proxy")
_GENERIC: Final = "Could not read from remote repository"
_DENIED: Final = ("authentication failed", "could not read username", "permission denied", "403", "401")


class Remote(Struct, frozen=True):
    """A repository, the ref to follow in it, and how to get at it.

    ``account`` has a user and a password or token for http. ``known_hosts`` and ``key`` are files for ssh.
    ``signers`` is a file of ssh's allowed signers; with it each revision must be signed by one of them.
    """

    url: str
    ref: str = "main"
    account: tuple[str, Secret] | None = None
    known_hosts: Path | None = None
    key: Path | None = None
    signers: Path | None = None

    @property
    def scheme(self) -> str:
        """The transport. Raises Misconfigured for one that is not spoken, or that lacks what makes it safe."""
        scheme = "ssh" if _AS_SSH.fullmatch(self.url) else urlsplit(self.url).scheme
        if scheme not in _SCHEMES:
            raise Misconfigured(f"a repository is named by a URL of {', '.join(_SCHEMES)}")
        # Without a known key ssh would trust whoever answers first.
        if scheme == "ssh" and not self.known_hosts:
            raise Misconfigured("a repository by ssh needs --git-known-hosts, a file with the key of its host")
        if urlsplit(self.url).password is not None:
            raise Misconfigured("the URL of the repository holds a password; give it with --git-credentials-file")
        return scheme

    @property
    def name(self) -> str:
        """The last part of the URL, which a folder of it has."""
        return re.split(r"[/:]", self.url.rstrip("/"))[-1].removesuffix(".git") or "repository"


class Git:
    """The git program at work on a bare repository in ``folder``."""

    def __init__(self, remote: Remote, folder: Path, environment: Mapping[str, str]) -> None:
        self._remote, self._repository, self._home = remote, folder / "repository", folder / "home"
        self._environment = self._made(environment)
        self._running: set[subprocess.Popen[str]] = set()

    def begin(self) -> None:
        """Make the repository, unless it is there."""
        self._home.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not (self._repository / "HEAD").exists():
            self._run("init", "--quiet", "--bare", str(self._repository), inside=False)

    def close(self) -> None:
        """End each git that is at work; for the end of the program, which they would survive."""
        for process in tuple(self._running):
            _kill(process)

    def remote_id(self) -> str:
        """The id that the ref has in the remote repository. Raises Rejected where there is no such ref."""
        ref = self._remote.ref
        if _COMMIT.fullmatch(ref):
            return ref
        names = [ref] if ref.startswith("refs/") else [f"refs/heads/{ref}", f"refs/tags/{ref}"]
        lines = self._run("ls-remote", "--exit-code", "--", self._remote.url, *names, missing=f"has no `{ref}`")
        found = {name: object_id for object_id, _, name in (line.partition("\t") for line in lines.splitlines())}
        return next((found[name] for name in names if name in found), "")

    def fetch(self) -> str:
        """Fetch the revision of the ref, without what was before it; returns its commit."""
        ref = self._remote.ref
        options = ("--quiet", "--depth", "1", "--no-tags", "--no-recurse-submodules", "--force")
        self._run("fetch", *options, "--", self._remote.url, f"+{ref}:{HEAD}")
        return self._run("rev-parse", "--verify", f"{HEAD}^{{commit}}").strip()

    def require_signature(self, commit: str) -> None:
        """Raises Rejected unless one of the allowed signers has signed a commit, where there are such."""
        if self._remote.signers:
            try:
                self._run("-c", f"gpg.ssh.allowedSignersFile={self._remote.signers}", "verify-commit", commit)
            except ProviderError as error:
                raise Rejected(f"revision {commit[:12]} is not signed by an allowed signer: {error}") from error

    def check_out(self, commit: str, tree: Path) -> None:
        """Bring the files of a commit into a folder. What git does not know there stays."""
        tree.mkdir(parents=True, exist_ok=True)
        index = {"GIT_INDEX_FILE": str(tree.parent / f"{tree.name}.index"), "GIT_WORK_TREE": str(tree)}
        self._run("read-tree", "--reset", "-u", commit, more=index)

    def _run(self, *words: str, inside: bool = True, missing: str = "", more: Mapping[str, str] | None = None) -> str:
        """Returns the output. Raises ProviderError with its last words; ``missing`` are those for exit code 2."""
        place = {"GIT_DIR": str(self._repository)} if inside else {}
        try:
            process = subprocess.Popen(  # noqa: S603 (no shell; what is foreign in it comes after `--`)
                ["git", *words],  # noqa: S607 (where it is differs from machine to machine)
                env={**self._environment, **place, **(more or {})},
                cwd=self._home,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                text=True,
                errors="replace",
            )
        except OSError as error:
            raise Misconfigured("a repository needs the program `git`, which is not there") from error
        self._running.add(process)
        try:
            output, errors = process.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired as error:
            _kill(process)
            process.communicate()
            raise Unreachable(f"git {words[0]} did not end within {PATIENCE_S:g} s") from error
        except BaseException:
            _kill(process)  # a signal ends the wait
            process.communicate()
            raise
        finally:
            self._running.discard(process)
        if process.returncode == 0:
            return output
        if missing and process.returncode == 2:
            raise Rejected(f"the repository {missing}")
        raise _error(words[0], errors)

    def _made(self, environment: Mapping[str, str]) -> dict[str, str]:
        """The environment of git: nothing of a user's settings, and one transport."""
        remote, scheme = self._remote, self._remote.scheme
        settings = {
            "protocol.allow": "never",
            f"protocol.{scheme}.allow": "always",
            "http.followRedirects": "false",
            "core.hooksPath": "/dev/null",
            "core.symlinks": "false",
            "core.fsmonitor": "false",
            "submodule.recurse": "false",
            "credential.helper": "",
        }
        # As a header for one host: in the URL, the password would be in the process list and in messages.
        if remote.account and scheme in ("https", "http"):
            user, password = remote.account
            address = urlsplit(remote.url)
            proof = b64encode(f"{user}:{password.reveal()}".encode()).decode()
            host = f"{scheme}://{address.netloc.rpartition('@')[2]}/"  # the only one that gets to see it
            settings[f"http.{host}.extraHeader"] = f"Authorization: Basic {proof}"
        numbered = dict(enumerate(settings.items()))
        keys = {f"GIT_CONFIG_KEY_{number}": key for number, (key, _) in numbered.items()}
        values = {f"GIT_CONFIG_VALUE_{number}": value for number, (_, value) in numbered.items()}
        return {
            **{name: environment[name] for name in _PASSED_ON if name in environment},
            "HOME": str(self._home),
            # Messages are recognised by their English words.
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "/bin/false",
            "GIT_SSH_COMMAND": _ssh(remote),
            "GIT_CONFIG_COUNT": str(len(numbered)),
            **keys,
            **values,
        }


def _kill(process: subprocess.Popen[str]) -> None:
    """Kills the whole group: git leaves the transport to other programs, which would go on."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _ssh(remote: Remote) -> str:
    """The command for ssh: the host must have the key that is known, and nobody is asked anything."""
    from shlex import quote

    options = ["BatchMode=yes", "StrictHostKeyChecking=yes", f"UserKnownHostsFile={remote.known_hosts}"]
    options += ["GlobalKnownHostsFile=/dev/null", "ConnectTimeout=20", "ServerAliveInterval=15"]
    options += ["IdentitiesOnly=yes"] if remote.key else []
    words = ["ssh", "-F", "/dev/null", *(word for option in options for word in ("-o", option))]
    words += ["-i", str(remote.key)] if remote.key else []
    return " ".join(map(quote, words))


def _error(doing: str, said: str) -> ProviderError:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    last = lines[-1] if lines else "no reason is given"
    chosen = next((line for line in lines if line.startswith(("fatal:", "error:"))), last)
    # Behind ssh, git knows only that it could not read; the reason is the last word of ssh before that.
    if _GENERIC in chosen:
        chosen = lines[max(lines.index(chosen) - 1, 0)]
    message = f"git {doing}: {chosen.removeprefix('fatal: ').removeprefix('error: ')[:LARGEST_MESSAGE]}"
    is_denied = any(words in said.lower() for words in _DENIED)
    return Denied(message) if is_denied else Unreachable(message)
