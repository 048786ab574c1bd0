"""Commands of a person in a container, begun and awaited by way of its engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from reconciler.core.message.errors import Rejected
from reconciler.core.provider import Command
from reconciler.core.resource.values import Value
from reconciler.providers.docker.engine.client import Engine

if TYPE_CHECKING:
    from reconciler.providers.docker.engine.attached import Attached


def begun(engine: Engine, container: str, command: Command) -> Attached:
    """Begins a command, with its input and outputs. Raises ProviderError."""
    if command.takes_input and not command.size and engine.location.tls:
        raise Rejected(
            "an engine behind TLS can't be told that the input of a command ends; "
            "use `</dev/null`, a terminal, or an engine behind ssh://"
        )
    return engine.attached(container, _body(command), size=command.size)


def begin(engine: Engine, container: str, command: Command) -> None:
    """Begins a command, and leaves it alone. Raises ProviderError."""
    engine.detached(container, _body(command))


def finished(engine: Engine, container: str, command: Command, *, timeout_s: float) -> tuple[int, str]:
    """The exit code of a command that was run to its end, and what it wrote. Raises ProviderError."""
    engine.note_given(container)  # before its output is shown
    return engine.execute(container, _body(command), timeout_s=timeout_s)


def _body(command: Command) -> Mapping[str, Value]:
    return {
        "Cmd": command.words,
        "Env": command.environment,
        "User": command.user,
        "WorkingDir": command.directory,
        "Privileged": command.is_privileged,
        "Tty": command.size is not None,
        "AttachStdin": command.takes_input,
        "AttachStdout": True,
        "AttachStderr": True,
    }
