"""Regular expressions that are compiled at their first use.

Python compiles them in Python. About 150 are declared in this program, a command uses a few of them, and compiling all
took a tenth of its time.
"""

from __future__ import annotations

import re
from typing import Any, cast


def lazy_pattern(text: str, flags: int = 0) -> re.Pattern[str]:
    """A regular expression that is compiled when one of its methods or attributes is first asked for.

    The functions of ``re`` do not take it in place of a pattern; call its methods.
    """
    return cast("re.Pattern[str]", _LazyPattern(text, flags))


class _LazyPattern:
    def __init__(self, text: str, flags: int) -> None:
        self._declared = (text, flags)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what copying and the like look for is not kept
            raise AttributeError(name)
        compiled = re.compile(*self._declared)
        # From now on the attribute is there, and this method is no longer asked.
        found = self.__dict__[name] = getattr(compiled, name)
        return found

    def __repr__(self) -> str:
        return repr(re.compile(*self._declared))
