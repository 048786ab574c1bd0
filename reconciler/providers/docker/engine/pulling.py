"""The progress of a pull: the engine's lines about single layers, folded into layers and bytes of the whole image."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from reconciler.core.provider import Pending
from reconciler.core.resource.amount import Amount
from reconciler.providers.docker.engine.failures import raise_error_in

_COMPLETE: Final = ("Pull complete", "Already exists")
_DOWNLOADED: Final = ("Verifying Checksum", "Download complete", "Extracting", *_COMPLETE)
_TITLE: Final = "Pulling from "
"""The line that begins a pull has the tag where others have a layer's id."""


def pulled(lines: Iterable[Mapping[str, Any]]) -> Iterator[Pending]:
    """The progress of the pull after each line. Raises the error that a line has."""
    layers = _Layers()
    for line in lines:
        raise_error_in(line)
        yield layers.after(line)


class _Layers:
    def __init__(self) -> None:
        self._sizes: dict[str, tuple[int, int]] = {}
        self._state: dict[str, str] = {}

    def after(self, line: Mapping[str, Any]) -> Pending:
        """The progress of the image once this line is known."""
        layer, status = str(line.get("id") or ""), str(line.get("status") or "")
        if layer and not status.startswith(_TITLE):
            self._state[layer] = status
            self._count(layer, status, line.get("progressDetail") or {})
        if not self._state:
            return Pending(0.0, status)
        return Pending(0.0, self._note(), amount=self._amount(), milestone=self._complete)

    def _count(self, layer: str, status: str, detail: Mapping[str, Any]) -> None:
        current, total = int(detail.get("current") or 0), int(detail.get("total") or 0)
        if status == "Downloading" and total:
            self._sizes[layer] = min(current, total), total  # an engine counts more than there is
        elif status in _DOWNLOADED and layer in self._sizes:
            self._sizes[layer] = self._sizes[layer][1], self._sizes[layer][1]

    @property
    def _complete(self) -> int:
        return sum(state in _COMPLETE for state in self._state.values())

    def _note(self) -> str:
        states = self._state.values()
        doing = ", extracting" if "Extracting" in states and all(state in _DOWNLOADED for state in states) else ""
        return f"{self._complete} of {len(states)} layers{doing}"

    def _amount(self) -> Amount | None:
        if not self._sizes:
            return None
        done, total = (sum(column) for column in zip(*self._sizes.values(), strict=True))
        return Amount(done, total, "bytes")
