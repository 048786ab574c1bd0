"""Who gains or loses access by a plan: reads what that takes besides the look, and only where a change is about it.

An export of the realm, unless the look had one; who is in the groups and has the roles that change; and what else those
users have, unless the files declare it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from reconciler.core.access import AccessChange
from reconciler.core.address import Address
from reconciler.core.change import Change
from reconciler.core.errors import ProviderError
from reconciler.core.resource import Resource
from reconciler.core.values import ABSENT, Spec
from reconciler.providers.keycloak.access import MEMBERSHIPS, Grants, Role, changed, differences, moved, specs_of
from reconciler.providers.keycloak.directory import Directory
from reconciler.providers.keycloak.people import People
from reconciler.providers.keycloak.rest import BASE, CLIENT, GROUP, REALM, USER, WHOLE_EXPORT, Representation

_WHOLE: Final = ("clients", "groups", "roles")


def access_changes(directory: Directory, changes: Sequence[Change]) -> Iterator[AccessChange]:
    """Who gains or loses by changes that are about access."""
    realms: dict[str, list[Change]] = {}
    for change in changes:
        realms.setdefault(change.address.path[0], []).append(change)
    for realm, found in realms.items():
        try:
            yield from _Affected(directory, realm, found).differences()
        except ProviderError as error:
            yield AccessChange(realm, note=f"can't be told: {error.args[0]}")


@dataclass(frozen=True, slots=True)
class _Affected:
    """The changes of one realm, and who is concerned by them."""

    directory: Directory
    realm: str
    changes: Sequence[Change]

    def differences(self) -> Iterator[AccessChange]:
        live = self._live()
        specs = specs_of(live) if live else {}
        groups, roles = moved(Grants(self.realm, specs), Grants(self.realm, changed(specs, self.changes)))
        specs |= self._users({*self._members(groups, roles)}, live or {})
        is_new = Address(REALM, (self.realm,)) not in specs
        after = Grants(self.realm, changed(specs, self.changes), complete=not is_new)
        yield from differences(self.realm, Grants(self.realm, specs), after)

    def _live(self) -> Representation | None:
        """The realm with its clients, groups and roles; None where there is none."""
        seen = self.directory.realms.get(self.realm)
        if seen is None or all(name in seen for name in _WHOLE):
            return seen
        found = self.directory.connection.ask(f"{self._base}/{WHOLE_EXPORT}")
        return None if found is ABSENT else found

    def _members(self, groups: Iterable[str], roles: Iterable[Role]) -> Iterator[str]:
        """Who is in these groups, or has these roles."""
        people = People(self.directory.connection, self._base, {}, False, {})  # noqa: FBT003
        for path in groups:
            group = self.directory.id(Address(GROUP, (self.realm, *path.strip("/").split("/"))))
            yield from people.members(f"groups/{group}/members")
        for role in roles:
            holder = f"clients/{self.directory.id(Address(CLIENT, (self.realm, role[0])))}/" if role[1:] else ""
            yield from people.members(f"{holder}roles/{quote(role[-1], safe='')}/users")

    def _users(self, names: set[str], live: Representation) -> Mapping[Address, Spec]:
        """What those users belong to now, and those who change themselves."""
        own = {change.address.name: change for change in self.changes if change.address.kind == USER}
        told = {name: change.observed for name, change in own.items() if _is_told(change)}
        asked = dict.fromkeys(MEMBERSHIPS, ())
        unknown = {*names, *own} - told.keys()
        wanted = {name: Resource(Address(USER, (self.realm, name)), asked) for name in sorted(unknown)}
        read = People(self.directory.connection, self._base, wanted, False, live).read() if wanted else ()  # noqa: FBT003
        found = [*({"username": name, **seen.spec} for name, seen in told.items() if seen), *read]
        return specs_of({"realm": self.realm, "users": found})

    @property
    def _base(self) -> str:
        return BASE.format(realm=quote(self.realm, safe=""))


def _is_told(change: Change) -> bool:
    """Whether the look said all that the user belongs to."""
    return change.observed is None or all(name in change.observed.spec for name in MEMBERSHIPS)
