"""The names that the files declare, for the completion of a command line; asks nobody."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.record import Struct
from reconciler.run.clock import RealClock
from reconciler.run.session.session import opened
from reconciler.settings import Settings


class Names(Struct, frozen=True):
    """Addresses and services, in the order of the files."""

    addresses: tuple[str, ...] = ()
    services: tuple[str, ...] = ()


def names_in_files(settings: Settings) -> Names:
    """The declared names. Raises ConfigError."""
    if not settings.stack_files and not settings.users_files:
        return Names()
    with opened(settings, RealClock()) as session:
        addresses = tuple(str(resource.address) for resource in session.reconciler().desired())
        services = (session.document.stack or {}).get("services")
        return Names(addresses, tuple(services) if isinstance(services, Mapping) else ())
