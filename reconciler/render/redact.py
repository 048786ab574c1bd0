"""The last line of defence: secrets that other programs put into their messages are taken out of ours."""

from __future__ import annotations

import re
from collections.abc import Iterable

from reconciler.core.resource import Resource
from reconciler.core.values import Secret, Value, mapped

_SHORTEST = 6  # a shorter text would be found everywhere


class Redactor:
    """Replaces known secrets in texts."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def learn(self, resources: Iterable[Resource]) -> None:
        """Every secret that the desired resources hold, besides those known already."""

        def collect(leaf: Value) -> Value:
            if isinstance(leaf, Secret) and len(leaf.reveal()) >= _SHORTEST:
                self._known.add(leaf.reveal())
            return leaf

        for resource in resources:
            mapped(dict(resource.spec), collect)
        texts = sorted(self._known, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, texts))) if texts else None

    def __call__(self, text: str) -> str:
        return self._pattern.sub("(secret)", text) if self._pattern else text
