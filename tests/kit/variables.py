"""Files as they are where no variable has a value."""

from __future__ import annotations

import re
from typing import Final

_VARIABLE: Final = re.compile(r"\$\{\w+:-([^}]*)\}")


def with_defaults(text: str) -> str:
    """The text with the default of each variable that has one."""
    return _VARIABLE.sub(r"\1", text)
