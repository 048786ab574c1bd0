"""New secrets, for variables that are declared to be secrets and have no value yet."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from typing import Final

RANDOM_BYTES: Final = 32


def generated_secrets(names: Iterable[str]) -> Mapping[str, str]:
    """A fresh value for each name: hexadecimal, so that it may stand in a URL or a shell as it is."""
    return {name: secrets.token_hex(RANDOM_BYTES) for name in names}
