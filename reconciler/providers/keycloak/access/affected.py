"""The users whose access a plan changes: reads more than the look only if a change is about access.

An export of the realm, unless the look had one; who is in the groups and has the roles that change; what else those
users have, unless the files declare it; and the organizations that change, with those that who is switched off is in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import quote

from reconciler.core.difference.change import Action, Change
from reconciler.core.message.errors import ProviderError
from reconciler.core.plan.access import AccessChange
from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Resource
from reconciler.core.resource.values import Spec
from reconciler.providers.keycloak.access.changes import changed, differences, moved, replaced
from reconciler.providers.keycloak.access.grants import MEMBERSHIPS, Grants, Role, specs_of
from reconciler.providers.keycloak.ids import Directory
from reconciler.providers.keycloak.read.organizations import of_users, organizations, with_everybody
from reconciler.providers.keycloak.read.users import People
from reconciler.providers.keycloak.read.whole import shown
from reconciler.providers.keycloak.table.connection import BASE, Representation
from reconciler.record import Struct
from reconciler.vocabulary.keycloak import (
    CLIENT,
    CLIENT_ROLE,
    GROUP,
    ORGANIZATION,
    ORGANIZATION_GROUPS,
    REALM,
    ROLE,
    USER,
)

_INSIDE: Final = (ORGANIZATION, ORGANIZATION_GROUPS)
_WHOLE: Final = ("clients", "groups", "roles")


def access_changes(directory: Directory, changes: Sequence[Change]) -> Iterator[AccessChange]:
    """Lists the users who gain or lose by changes of access."""
    realms: dict[str, list[Change]] = {}
    for change in changes:
        realms.setdefault(change.address.path[0], []).append(change)
    for realm, found in realms.items():
        try:
            yield from _Affected(directory, realm, found).differences()
        # Access is shown for the reader; a plan can be made without it.
        except ProviderError as error:
            yield AccessChange(realm, note=f"can't be told: {error.args[0]}")


class _Affected(Struct, frozen=True):
    """The changes of one realm, and who is concerned by them."""

    directory: Directory
    realm: str
    changes: Sequence[Change]

    def differences(self) -> Iterator[AccessChange]:
        live = self._live()
        specs = specs_of(live) if live else {}
        before, after = Grants(self.realm, specs), Grants(self.realm, changed(specs, self.changes))
        # Users are read only where a group or role of theirs changes: there may be a hundred thousand.
        groups, roles = moved(before, after)
        if (live or {}).get("organizationsEnabled"):
            # Roles within organizations show in tokens only where a mapper tells them.
            every = bool(roles) and (before.tells_roles_inside or after.tells_roles_inside)
            specs |= specs_of({"realm": self.realm, "organizations": [*self._organizations(every=every)]}, _INSIDE)
        inside = replaced(Grants(self.realm, specs), Grants(self.realm, changed(specs, self.changes)))
        specs |= self._users({*self._members(groups, roles), *inside}, live or {})
        # Of a new realm only the plan is known, so the picture is not complete.
        is_new = Address(REALM, (self.realm,)) not in specs
        after = Grants(self.realm, changed(specs, self.changes), complete=not is_new)
        yield from differences(self.realm, Grants(self.realm, specs), after)

    def _live(self) -> Representation | None:
        """The realm with its clients, groups and roles; None where there is none."""
        seen = self.directory.realms.get(self.realm)
        if seen is None or all(name in seen for name in _WHOLE):
            return seen
        found = shown(self.directory.connection, self.realm)
        return found.require(CLIENT, CLIENT_ROLE, GROUP, ROLE) if found else None

    def _members(self, groups: Iterable[str], roles: Iterable[Role]) -> Iterator[str]:
        """The members of these groups, or holders of these roles."""
        people = People(self.directory.connection, self._base, {}, False, {})  # noqa: FBT003
        for path in groups:
            group = self.directory.id(Address(GROUP, (self.realm, *path.strip("/").split("/"))))
            yield from people.members(f"groups/{group}/members")
        for role in roles:
            holder = f"clients/{self.directory.id(Address(CLIENT, (self.realm, role[0])))}/" if role[1:] else ""
            yield from people.members(f"{holder}roles/{quote(role[-1], safe='')}/users")

    def _organizations(self, *, every: bool) -> Iterator[Representation]:
        """The organizations that change, or all, with their members; of others those of changing users."""
        connection, touched = self.directory.connection, {each.address.path[1:2] for each in self._of(*_INSIDE)}
        known = self.directory.realms[self.realm].get("organizations")
        bodies = (organizations(connection, self._base) if known is None else known) if every or touched else ()
        read = {body["alias"]: body for body in bodies if every or (body["alias"],) in touched}
        if not every:
            switched = [each.address for each in self._of(USER) if _is_switched(each)]
            ids = {address.name: self.directory.id(address) for address in switched}
            yield from (each for each in of_users(connection, self._base, ids) if each["alias"] not in read)
        yield from (with_everybody(connection, self._base, body) for body in read.values())

    def _of(self, *kinds: str) -> Iterator[Change]:
        return (change for change in self.changes if change.address.kind in kinds)

    def _users(self, names: set[str], live: Representation) -> Mapping[Address, Spec]:
        """The present memberships of those users, and of those who change themselves."""
        own = {change.address.name: change for change in self._of(USER)}
        # Users who declare all of their memberships are known already, and need no request.
        told = {name: change.observed for name, change in own.items() if _is_told(change)}
        asked = dict.fromkeys(MEMBERSHIPS, ())
        unknown = {*names, *own} - told.keys()
        wanted = {name: Resource(Address(USER, (self.realm, name)), asked) for name in sorted(unknown)}
        read = People(self.directory.connection, self._base, wanted, False, live).read() if wanted else ()  # noqa: FBT003
        found = [*({"username": name, **seen.spec} for name, seen in told.items() if seen), *read]
        return specs_of({"realm": self.realm, "users": found}, (USER,))

    @property
    def _base(self) -> str:
        return BASE.format(realm=quote(self.realm, safe=""))


def _is_switched(change: Change) -> bool:
    """Returns whether an existing user loses or gains all access at once."""
    return change.action is Action.DELETE or (
        change.observed is not None and any(each.path[0] == "enabled" for each in change.fields)
    )


def _is_told(change: Change) -> bool:
    """Returns whether the look had everything that the user belongs to."""
    return change.observed is None or all(name in change.observed.spec for name in MEMBERSHIPS)
