"""Containers that a person has stopped, told from those that ended by themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from reconciler.providers.docker.table.property import Json, dig

_ENDING: Final = ("2", "3", "9", "15")
"""The signals by which a program is ended: INT, QUIT, KILL, TERM."""

_RESTARTED: Final = ("always", "unless-stopped")


class Stops:
    """The stops that the engine's events have shown, container by container.

    Before the first event the engine's own restarts tell: what it restarts always, and has not restarted, was stopped.
    """

    def __init__(self) -> None:
        self._by_hand: set[str] = set()

    def happened(self, event: Mapping[str, Any]) -> None:
        """Takes in an event of a container."""
        actor = event.get("Actor") or {}
        container, signal = str(actor.get("ID")), str((actor.get("Attributes") or {}).get("signal"))
        match event.get("Action"):
            # The engine sends this for a request to stop only; a crash has neither it nor a signal.
            case "stop":
                self._by_hand.add(container)
            case "kill" if signal in _ENDING:
                self._by_hand.add(container)
            case "start" | "destroy":
                self._by_hand.discard(container)

    def was_by_hand(self, inspect: Json) -> bool:
        """Returns whether a container is stopped because somebody stopped it."""
        if dig(inspect, "State.Status") != "exited":
            return False
        is_restarted = dig(inspect, "HostConfig.RestartPolicy.Name") in _RESTARTED
        return inspect["Id"] in self._by_hand or (is_restarted and not dig(inspect, "State.Error"))
