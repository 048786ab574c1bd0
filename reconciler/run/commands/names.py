"""The names that the files declare, for the completion of a command line, and the addresses they mean; asks nobody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reconciler.config.yaml.suggest import suggestion
from reconciler.core.message.errors import UnknownAddress
from reconciler.core.message.wording import listed
from reconciler.core.provider import ServiceSource
from reconciler.core.resource.address import Address
from reconciler.record import Struct, field
from reconciler.run.clock import RealClock
from reconciler.run.session.session import opened
from reconciler.settings import Settings

_MOST: Final = 6
"""So many addresses are named where a name may mean several."""


class Names(Struct, frozen=True):
    """Addresses and services, in the order of the files; the latter with the address that each stands for."""

    project: str = ""
    addresses: tuple[str, ...] = ()
    services: Mapping[str, Address] = field(default_factory=dict)

    def address(self, text: str) -> Address:
        """The address that a text means: its own, or that of the one resource with this name, a service before others.

        Raises UnknownAddress, with the addresses that may be meant.
        """
        if "/" in text:
            return Address.parse(text)
        # A service comes before another resource of its name, since commands are about services as a rule.
        if text in self.services:
            return self.services[text]
        meant = [each for each in self.addresses if Address.parse(each).name == text]
        if len(meant) == 1:
            return Address.parse(meant[0])
        if meant:
            raise UnknownAddress(f"`{text}` may be {listed(meant, _MOST)}; name one of them")
        near = suggestion(text, [*self.services, *self.addresses])
        raise UnknownAddress(f"nothing is named `{text}`{near or '; expected KIND/NAME, or the name of a service'}")


def names_in_files(settings: Settings) -> Names:
    """The declared names. Raises ConfigError."""
    if not settings.stack_files and not settings.users_files:
        return Names()
    with opened(settings, RealClock()) as session:
        addresses = tuple(str(resource.address) for resource in session.reconciler().desired())
        source = next((each for each in session.providers.values() if isinstance(each, ServiceSource)), None)
        named = session.document.section("services")
        meanings = {name: source.service_address(name) for name in named} if source else {}
        return Names(session.document.project, addresses, meanings)
