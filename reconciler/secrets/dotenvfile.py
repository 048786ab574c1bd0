"""Secrets into ``.env``: readable by its owner alone, never half written, never over a value that is there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from reconciler.atomicfile import alone, file_text, replace_file
from reconciler.core.message.errors import writing
from reconciler.secrets.dotenvtext import changed, filled_in, without

_PRIVATE: Final = 0o600
_TRIES: Final = 5


def write_secrets(path: Path, values: Mapping[str, str], *, over_example: bool = False) -> Mapping[str, str]:
    """Write the values that the file does not have yet, and return those that were written.

    A file that is not there begins as a copy of its ``.example``. A value that is in there counts as one of the file,
    unless these are to be written ``over_example``. Raises Unwritable.
    """
    with writing("secrets", path), alone(path):
        return _written(path, values, over_example=over_example)


def change_secrets(path: Path, values: Mapping[str, str]) -> None:
    """Put other values in the place of those that the file has. Raises Unwritable."""
    with writing("secrets", path), alone(path):
        for _ in range(_TRIES):
            before = file_text(path)
            if before is not None and replace_file(path, before, changed(before, values), mode=_PRIVATE):
                return
        raise OSError(f"{path} is being changed by another program, or gone")


def _written(path: Path, values: Mapping[str, str], *, over_example: bool) -> Mapping[str, str]:
    for _ in range(_TRIES):
        before = file_text(path)
        text = before
        if text is None:
            text = without(_beginning(path), values) if over_example else _beginning(path)
        filled = filled_in(text, values)
        if (
            filled.text != before
            and (filled.text or before is not None)
            and not replace_file(path, before, filled.text, mode=_PRIVATE)
        ):
            continue  # somebody edits it right now: look again
        # For the owner alone, also where the file was there before.
        if path.exists():
            path.chmod(_PRIVATE)
        return {name: values[name] for name in filled.names}
    raise OSError(f"{path} is being changed by another program")


def _beginning(path: Path) -> str:
    return file_text(path.with_name(f"{path.name}.example")) or ""
