"""Names that planning and reading share: milestones of a start, and suffixes of containers in a replacement."""

from __future__ import annotations

from typing import Final

STARTED: Final = "started"
"""The milestone of a container that has been started, whether it is ready or not."""

PREPARED: Final = "prepared"
"""The milestone of a container before whose start all has been run that is to be."""

NEXT: Final = ".next"
PREVIOUS: Final = ".prev"
"""What a replacement appends to the names of the container to come and of the one before; see ``replace``."""
