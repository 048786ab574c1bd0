"""Secrets that another program prints: any command, SOPS, age."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from reconciler.secrets.sources.files import without_line_end
from reconciler.secrets.sources.interface import SourceError, Surroundings

if TYPE_CHECKING:
    from subprocess import CompletedProcess

_PATIENCE_S: Final = 60.0
_SHOWN: Final = 300


def read_command(settings: Any, around: Surroundings) -> str:
    """The output of a command, without the end of its last line."""
    return without_line_end(_printed([str(word) for word in settings], around, "check that it is installed"))


def read_age(settings: Any, around: Surroundings) -> str:
    """The content of a file that is encrypted with age."""
    path, identity = around.path(str(settings["path"])), around.path(str(settings["identity"]))
    words = ["age", "--decrypt", "--identity", str(identity), str(path)]
    return without_line_end(_printed(words, around, "install age (Debian's package `age`)"))


def read_sops(settings: Any, around: Surroundings) -> str:
    """A value of a file that is encrypted with SOPS; the keys that lead to it are parted by dots."""
    path, key = around.path(str(settings["path"])), str(settings["key"])
    words = ["sops", "--decrypt", "--output-type", "json", str(path)]
    try:
        found: Any = json.loads(_printed(words, around, "install SOPS (https://getsops.io)"))
    except ValueError as error:
        raise SourceError(f"sops does not print {path} as JSON; is it a YAML, JSON or env file?") from error
    for part in key.split("."):
        if not isinstance(found, Mapping) or part not in found:
            raise SourceError(f"{path} has no value under `{key}`; keys that lead to it are parted by dots")
        found = found[part]
    if not isinstance(found, str):
        raise SourceError(f"`{key}` of {path} is no text; write it in quotes")
    return found


def _printed(words: Sequence[str], around: Surroundings, remedy: str) -> str:
    """The output of a program. It reads no input, and its error output is shown only where it fails."""
    import subprocess

    try:
        done = subprocess.run(  # noqa: S603  # the file's owner has chosen the command
            words,
            cwd=around.directory,
            env=dict(around.environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE_S,
            check=False,
        )
    except OSError as error:
        raise SourceError(f"`{words[0]}` can't be run: {error.strerror or error}; {remedy}") from error
    except subprocess.TimeoutExpired as error:
        raise SourceError(f"`{words[0]}` has not ended within {_PATIENCE_S:g} s; it must not ask anybody") from error
    return _output(words[0], done)


def _output(program: str, done: CompletedProcess[bytes]) -> str:
    if done.returncode:
        said = " ".join(done.stderr.decode(errors="replace").split())[-_SHOWN:]
        raise SourceError(f"`{program}` ended with {done.returncode}{f': {said}' if said else ''}")
    try:
        return done.stdout.decode()
    except UnicodeDecodeError as error:
        raise SourceError(f"`{program}` prints no text; a secret must be one") from error
