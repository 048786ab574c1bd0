"""The memory of what was last applied, kept in the history."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from reconciler.core.difference.cause import Applied
from reconciler.core.resource.address import Address
from reconciler.history.store import History
from reconciler.record import Struct


class AppliedMemory(Struct, frozen=True):
    """The part of a history that tells causes. ``servers`` are the addresses of the servers, provider by provider."""

    history: History
    servers: Mapping[str, str]

    def applied(self, addresses: Collection[Address]) -> Mapping[Address, Applied]:
        return {
            address: found
            for provider, own in _by_provider(addresses).items()
            for address, found in self.history.applied(self._server(provider), own).items()
        }

    def knows(self, provider: str) -> bool:
        return bool(self.history.known(self._server(provider)))

    def digest(self, text: str) -> str:
        return self.history.digest(text)

    def keep(self, found: Mapping[Address, Applied], gone: Collection[Address]) -> None:
        """Remember what was seen to be as declared, and forget what is gone."""
        lost = _by_provider(gone)
        by_provider = _by_provider(found)
        for provider in dict.fromkeys((*by_provider, *lost)):
            own = {address: found[address] for address in by_provider.get(provider, ())}
            self.history.keep_applied(self._server(provider), own, lost.get(provider, ()))

    def known(self) -> Collection[Address]:
        """The addresses of which something is remembered."""
        return [address for provider in self.servers for address in self.history.known(self._server(provider))]

    def _server(self, provider: str) -> str:
        return f"{provider} {self.servers.get(provider, '')}".strip()


def _by_provider(addresses: Collection[Address]) -> Mapping[str, list[Address]]:
    found: dict[str, list[Address]] = {}
    for address in addresses:
        found.setdefault(address.provider, []).append(address)
    return found
