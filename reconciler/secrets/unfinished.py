"""Values of a rotation that is under way, kept beside the env file until it is over: readable by the owner alone.

A run that was killed leaves the file, and the next one goes on with the very same values.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from reconciler.atomicfile import file_text, replace_file
from reconciler.core.message.errors import ConfigError, writing
from reconciler.core.message.problem import Problem
from reconciler.core.resource.resource import Origin
from reconciler.record import Discreet, replace

ENDING: Final = ".rotation"
"""The file is named as the env file, with this after it."""

_FORMAT: Final = "reconcile.rotation/v1"
_PRIVATE: Final = 0o600


class Unfinished(Discreet, frozen=True):
    """The values of a rotation by the names of its secrets; ``changed`` are those that the service has taken."""

    old: Mapping[str, str]
    new: Mapping[str, str]
    changed: tuple[str, ...] = ()

    @property
    def present(self) -> Mapping[str, str]:
        """The values that open the services now, as far as is known."""
        return {name: self.new[name] if name in self.changed else value for name, value in self.old.items()}

    def with_changed(self, name: str) -> Unfinished:
        """The same after one more service has taken its value."""
        return replace(self, changed=(*self.changed, name))

    def without_changed(self, name: str) -> Unfinished:
        """The same after a service has got its old value back."""
        return replace(self, changed=tuple(each for each in self.changed if each != name))


def unfinished_file(env_file: Path) -> Path:
    """The file of a rotation of the secrets in this env file."""
    return env_file.with_name(env_file.name + ENDING)


def read_unfinished(path: Path) -> Unfinished | None:
    """The rotation that a file keeps; None where there is no file. Raises ConfigError for any other file."""
    try:
        text = file_text(path)
        return _parsed(json.loads(text)) if text is not None else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        message = (
            "is not a rotation that `reconcile secrets rotate` has left; it may hold the only copy of a password, "
            "so look into it before you remove it"
        )
        raise ConfigError([Problem(message, Origin(str(path)))]) from error


def write_unfinished(path: Path, rotation: Unfinished) -> None:
    """Keep a rotation. Raises Unwritable."""
    document = {
        "format": _FORMAT,
        "secrets": {name: {"old": old, "new": rotation.new[name]} for name, old in rotation.old.items()},
        "changed": list(rotation.changed),
    }
    with writing("the old and new values", path):
        if not replace_file(path, file_text(path), f"{json.dumps(document, indent=2)}\n", mode=_PRIVATE):
            raise OSError(f"{path} is being changed by another program")


def _parsed(document: Any) -> Unfinished:
    if document["format"] != _FORMAT:
        raise ValueError(document["format"])
    secrets = {str(name): (str(each["old"]), str(each["new"])) for name, each in document["secrets"].items()}
    return Unfinished(
        {name: old for name, (old, _) in secrets.items()},
        {name: new for name, (_, new) in secrets.items()},
        tuple(name for name in document["changed"] if name in secrets),
    )
