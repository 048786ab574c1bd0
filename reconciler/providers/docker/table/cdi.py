"""Names of devices of the Container Device Interface, such as ``nvidia.com/gpu=all``: no paths of the machine.

Source: pkg/parser of tags.cncf.io/container-device-interface, which Compose and the Docker CLI call. They send such
names as a request for devices.
"""

from __future__ import annotations

from typing import Final

from reconciler.pattern import lazy_pattern
from reconciler.providers.docker.table.property import Json

DRIVER: Final = "cdi"
"""The driver of a request for such devices."""

_WORD: Final = "[A-Za-z](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?"
_NAME: Final = lazy_pattern(rf"{_WORD}/{_WORD}=[A-Za-z0-9](?:[A-Za-z0-9_.:-]*[A-Za-z0-9])?")


def is_name(text: str) -> bool:
    """Returns whether a text is the full name of such a device: vendor, class and name."""
    return bool(_NAME.fullmatch(text))


def is_asked(device: Json) -> bool:
    """Returns whether a declared device is one of these."""
    source = str(device["source"])
    return device.get("target", source) == source and is_name(source)
