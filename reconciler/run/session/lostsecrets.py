"""Declared secrets without a value: whether anything that lives was given one, and what it was.

Called before a secret is generated, and by ``reconcile secrets``. Sends no request where no secret is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from reconciler.config import Sources, load
from reconciler.core.difference.kind import Effect
from reconciler.core.message.errors import ConfigError, ProviderError
from reconciler.core.message.problem import Problem
from reconciler.core.provider import ContentSource, Provider
from reconciler.core.resource.address import Address
from reconciler.core.resource.document import Document
from reconciler.core.resource.resource import Observed, Origin, Resource
from reconciler.core.resource.values import ABSENT, UNKNOWN, Value, refs
from reconciler.record import replace
from reconciler.secrets import generated_secrets
from reconciler.secrets.recovery import Clue, Recovery, Use, as_text, live_text, recovered, uses

Connect: TypeAlias = Callable[[Document], Mapping[str, Provider]]

BY_HAND: Final = "restore it from a backup, or if it is really new set it by hand (`openssl rand -hex 32` makes one)"
_ALL_PROFILES: Final = ("*",)


def uses_of_secrets(sources: Sources, names: Iterable[str], connect: Connect) -> Sequence[Use]:
    """Every text of the desired state into which these secrets go; asks nobody. Raises ConfigError."""
    # Texts that are random enough are found again in whatever they became a part of.
    stand_ins = generated_secrets(names)
    document = _loaded(replace(sources, environment={**sources.environment, **stand_ins}))
    with _connected(connect, document) as providers:
        resources = [each for provider in providers.values() for each in provider.expand(document)]
        return [use for each in resources for use in uses(each.address, each.spec, stand_ins)]


def recovery(sources: Sources, names: Sequence[str], connect: Connect) -> Recovery:
    """Reports the fate of declared secrets that have no value. Raises ConfigError, ProviderError.

    Providers that others are served by are asked first: what they show may be what the others are reached with.
    """
    search = _Search(names, generated_secrets(names))
    document = _loaded(replace(sources, generated=search.stand_ins))
    with _connected(connect, document) as providers:
        order = tuple(providers)
    for name in order:
        # The document is loaded again with what was found, since it may hold the password of the next server.
        document = _loaded(replace(sources, generated={**search.stand_ins, **search.result().found}))
        with _connected(connect, document) as providers:
            search.ask(providers[name], document)
    return search.result()


def require_new(sources: Sources, names: Sequence[str], connect: Connect, file: str) -> None:
    """Raises ConfigError where something that lives was given one of these secrets: then it must not be generated.

    ``file`` is where their values belong.
    """
    became = recovery(sources, names, connect) if names else Recovery()
    known = [
        f"{name} has no value, and {place} was given one; get it back with `reconcile secrets recover`"
        for name, place in became.where.items()
    ]
    lost = [f"{name} has no value, and must not be generated: {why}; {BY_HAND}" for name, why in became.lost.items()]
    if known or lost:
        raise ConfigError([Problem(message, Origin(file)) for message in (*known, *lost)])


@dataclass
class _Search:
    """The state of a search for the secrets ``names``."""

    names: Sequence[str]
    stand_ins: Mapping[str, str] = field(repr=False)
    clues: list[Clue] = field(default_factory=list, repr=False)
    held: dict[str, str] = field(default_factory=dict)
    lives: bool = False
    outside: dict[Address, Sequence[str]] = field(default_factory=dict)
    beside: dict[Address, Mapping[str, Observed]] = field(default_factory=dict)

    def result(self) -> Recovery:
        return recovered(self.names, self.clues, self.held, self.stand_ins)

    def ask(self, provider: Provider, document: Document) -> None:
        """Look at what lives. A provider whose host is not there yet, nor any data, has nothing that lives."""
        desired = list(provider.expand(document))
        found = {use: each for each in desired for use in uses(each.address, each.spec, self.stand_ins)}
        is_reached_by_secrets = not isinstance(provider, ContentSource)
        if is_reached_by_secrets and (not found or (provider.served_by and not self.lives)):
            return
        missing = {name for use in uses(_CONNECTION, document.connection, self.stand_ins) for name in use.names}
        if is_reached_by_secrets and missing:
            self._hold_all(found, f"{', '.join(sorted(missing))}, by which it is reached, has no value")
            return
        try:
            observed = {each.address: each for each in provider.observe(desired)}
        except ProviderError as error:
            if provider.served_by is None:
                raise
            self._hold_all(found, str(error))
            return
        self.lives = self.lives or any(_lives(each, provider) for each in observed.values())
        for use, resource in found.items():
            self._note(provider, use, resource, observed)

    def _hold_all(self, found: Iterable[Use], why: str) -> None:
        for use in found:
            self._hold(use, f"{use.place} may have been given it, and can't be looked at ({why})")

    def _note(self, provider: Provider, use: Use, resource: Resource, observed: Mapping[Address, Observed]) -> None:
        live = observed.get(use.address)
        holds_data = provider.kinds[use.address.kind].holds_data
        if live and (live.owned or holds_data):
            self.clues.append(Clue(use, _shown(provider, use, resource, live)))
            # A replacement that was cut off leaves two containers, which may have been given different values.
            for name, other in self._left_beside(provider, live).items():
                self.clues.append(Clue(use, _shown(provider, use, resource, other), name))
        # The user of the secret is gone, but its data may have been made with the value.
        elif not live:
            for ref in refs(resource.spec):
                data = observed.get(ref.address)
                # Also data that somebody else has made is used as it is, and may need the value.
                if data and provider.kinds[data.address.kind].holds_data:
                    self._hold(use, f"{data.address} may have data made with it, and {use.address} is not there")
            for place in self._outside(provider, resource):
                self._hold(use, f"{place} may have data made with it, and {use.address} is not there")

    def _left_beside(self, provider: Provider, live: Observed) -> Mapping[str, Observed]:
        """The other forms of a live resource, asked for once."""
        if live.address not in self.beside:
            found = provider.left_beside(live) if isinstance(provider, ContentSource) else {}
            self.beside[live.address] = found
        return self.beside[live.address]

    def _outside(self, provider: Provider, resource: Resource) -> Sequence[str]:
        """The data outside of all resources, asked for once."""
        if resource.address not in self.outside:
            found = provider.data_outside(resource) if isinstance(provider, ContentSource) else ()
            self.outside[resource.address] = found
        return self.outside[resource.address]

    def _hold(self, use: Use, why: str) -> None:
        for name in use.names:
            self.held.setdefault(name, why)


_CONNECTION: Final = Address("connection", ())


def _shown(provider: Provider, use: Use, resource: Resource, live: Observed) -> Value:
    """The live text in the place of a use; UNKNOWN where the provider does not show what is there."""
    if use.path[0] in provider.kinds[use.address.kind].fields:
        text = live_text(live.spec, use.path)
    elif isinstance(provider, ContentSource):
        text = as_text(provider.content(resource, live, use.path))
    else:
        text = UNKNOWN
    if isinstance(provider, ContentSource):
        return text if text is not UNKNOWN or _lives(live, provider) else ABSENT
    return UNKNOWN if text is ABSENT else text  # a server may keep what it does not show


def _lives(observed: Observed, provider: Provider) -> bool:
    """Returns whether the resource is one of the project that runs, or anybody's with data that the project uses."""
    kind = provider.kinds[observed.address.kind]
    runs = any(field.effect is Effect.START for field in kind.fields.values())
    return kind.holds_data or (observed.owned and runs)


def _loaded(sources: Sources) -> Document:
    """The document with the services of all profiles: one that is not active now may live all the same."""
    try:
        return load(replace(sources, profiles=_ALL_PROFILES)).document
    # With all of them at once the files may be wrong, though each profile alone is right.
    except ConfigError:  # services of different profiles may contradict each other
        return load(sources).document


@contextmanager
def _connected(connect: Connect, document: Document) -> Iterator[Mapping[str, Provider]]:
    providers = connect(document)
    try:
        yield providers
    finally:
        for provider in providers.values():
            provider.close()
