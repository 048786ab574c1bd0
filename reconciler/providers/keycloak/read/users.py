"""Reading users and what they belong to, by the way that takes the fewest requests.

Few are read one by one (5 ms each); many in pages, which show them in full only where a file declares what is not
shown otherwise. What groups and roles they have is asked for by user, or by group and role, whichever is less: never
both, and never what no file declares. A few requests go side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from reconciler.core.message.errors import Conflict, Denied
from reconciler.core.resource.resource import Resource
from reconciler.core.resource.values import ABSENT, Value
from reconciler.providers.keycloak.registry import KINDS
from reconciler.providers.keycloak.server.pages import BRIEF, pages
from reconciler.providers.keycloak.table.connection import Connection, Representation
from reconciler.providers.keycloak.table.properties import as_names
from reconciler.providers.side_by_side import side_by_side
from reconciler.record import Struct, field
from reconciler.vocabulary.keycloak import CLIENT_ROLE, GROUP, ROLE

FEW: Final = 20
_LOOK_UPS_PER_PAGED: Final = 17  # looking one user up takes as long as 17 in a page (26.7: 5.5 and 0.32 ms)
_ROLES: Final = ("realmRoles", "clientRoles")
IN_FULL: Final = frozenset({"attributes", "requiredActions"})
"""What a brief list of users does not show of them."""


class People(Struct, frozen=True):
    """Users of one realm: those that are ``wanted``, or ``everyone``; ``export`` is what is known of the realm.

    What a resource declares of a user is read, and of each what ``always`` names.
    """

    connection: Connection
    base: str
    wanted: Mapping[str, Resource]
    everyone: bool
    export: Representation
    always: frozenset[str] = frozenset()

    def read(self) -> Iterator[Representation]:
        """The users that there are, each with the memberships that are declared of it."""
        found = self._users()
        # An empty list may mean that the account does not see users.
        if self.wanted and not found:
            self._check_sight()
        memberships, identities = self._memberships(found), self._identities(found)
        for name, body in found.items():
            yield {**body, **memberships[name], **identities.get(name, {})}

    def _is_read(self, name: str, *properties: str) -> bool:
        """Returns whether one of these is read for this user."""
        resource = self.wanted.get(name)
        declared = self.always.union(resource.spec if resource else ())
        return not declared.isdisjoint(properties)

    def members(self, path: str) -> Sequence[str]:
        """The names of all users of a list, as of the members of a group."""
        return [str(body["username"]).lower() for body in pages(self.connection, f"{self.base}/{path}", BRIEF)]

    # -------------------------------------------------------------- users

    def _users(self) -> dict[str, Representation]:
        if not self.everyone and len(self.wanted) <= FEW:
            return self._each(self.wanted)
        found = self.connection.get(f"{self.base}/users/count")
        count = found if isinstance(found, int) else 0
        # Many pages for a few users take longer than a question for each.
        is_paged = self.everyone or count <= len(self.wanted) * _LOOK_UPS_PER_PAGED
        return self._paged(count) if is_paged else self._each(self.wanted)

    def _paged(self, count: int) -> dict[str, Representation]:
        """Users out of the list of all, of whom there are about ``count``."""
        found: dict[str, Representation] = {}
        asked = (self.always, *(resource.spec for resource in self.wanted.values()))
        # The brief form is faster, and enough while nobody declares what it lacks.
        query = BRIEF if all(map(IN_FULL.isdisjoint, asked)) else ""
        for body in pages(self.connection, f"{self.base}/users", query, count=count):
            name = str(body["username"]).lower()
            if self.everyone or name in self.wanted:
                found[name] = body
        if self.export.get("registrationEmailAsUsername"):
            missing = self.wanted.keys() - found.keys()
            found |= self._each(missing)
        return found

    def _each(self, names: Iterable[str]) -> dict[str, Representation]:
        """Users looked up one by one."""
        names = tuple(names)
        found = zip(names, side_by_side(self._looked_up, names), strict=True)
        return {name: body for name, body in found if body is not None}

    def _looked_up(self, name: str) -> Representation | None:
        found = self.connection.get(f"{self.base}/users?username={quote(name, safe='')}&exact=true")
        # Where e-mail addresses serve as names, the server finds by the name it stores, and shows the address.
        return None if found is ABSENT or not found else {**found[0], "username": name}

    def _check_sight(self) -> None:
        """Tell "there are none" from "we see none": with query-users alone lists are empty, only the count is true."""
        if self.connection.get(f"{self.base}/users?max=1&{BRIEF}"):
            return
        if self.connection.get(f"{self.base}/users/count"):
            raise Denied("there are users, but the account sees none of them")

    def _identities(self, found: Mapping[str, Representation]) -> Mapping[str, Mapping[str, Value]]:
        """The identities at other providers of the users that declare them, by name."""
        names = [name for name in found if self._is_read(name, _IDENTITIES)]
        return _of_each(self._identities_of, names, found)

    def _identities_of(self, body: Representation) -> Mapping[str, Value]:
        return {_IDENTITIES: self._of(body, "federated-identity")}

    # -------------------------------------------------------------- memberships

    def _memberships(self, found: Mapping[str, Representation]) -> Mapping[str, Mapping[str, Value]]:
        """The memberships of the users that declare them, by name."""
        with_groups = [name for name in found if self._is_read(name, "groups")]
        with_roles = [name for name in found if self._is_read(name, *_ROLES)]
        made: dict[str, dict[str, Value]] = {name: {} for name in found}
        listed, held = self._by_group(with_groups), self._by_role(with_roles)
        # None means that it takes fewer requests to ask user by user.
        if listed is None:
            listed = _of_each(self._groups_of, with_groups, found)
        if held is None:
            held = _of_each(self._roles_of, with_roles, found)
        for name in with_groups:
            made[name] |= listed[name]
        for name in with_roles:
            made[name] |= held[name]
        return made

    def _groups(self) -> Iterator[tuple[str, str]]:
        """Every group's path and id."""
        for item in KINDS[GROUP].objects(self.export):
            yield "/" + "/".join(item.keys), item.body["id"]

    def _sorts(self, names: Collection[str]) -> Sequence[str]:
        """The sorts of roles to read for these users: those of the realm, those of clients."""
        return [sort for sort in _ROLES if any(self._is_read(name, sort) for name in names)]

    def _roles(self, names: Collection[str]) -> Iterator[tuple[tuple[str, ...], str]]:
        """Every role's keys and path, of the sort that is asked for of somebody.

        The default role, which everybody has, only where it is declared.
        """
        sorts = self._sorts(names)
        default = str((self.export.get("defaultRole") or {}).get("name"))
        declared = (as_names(self.wanted[name].spec.get("realmRoles")) for name in names if name in self.wanted)
        is_asked = any(default in roles for roles in declared)
        clients = {client["clientId"]: client["id"] for client in self.export.get("clients") or ()}
        for item in KINDS[ROLE].objects(self.export):
            if "realmRoles" in sorts and (is_asked or item.keys[-1] != default):
                yield item.keys, f"roles/{quote(item.keys[-1], safe='')}/users"
        for item in KINDS[CLIENT_ROLE].objects(self.export):
            client, role = item.keys
            if "clientRoles" in sorts and client in clients:
                yield item.keys, f"clients/{clients[client]}/roles/{quote(role, safe='')}/users"

    def _by_group(self, names: Collection[str]) -> Mapping[str, Mapping[str, Value]] | None:
        """The groups of these users, read group by group; None if reading user by user is less."""
        groups = dict(self._groups())
        # Lists of many members cost more than they save where few users are asked about.
        if len(names) <= FEW or len(groups) >= len(names):
            return None
        found: dict[str, list[str]] = {name: [] for name in names}
        lists = (f"groups/{group_id}/members" for group_id in groups.values())
        for path, members in zip(groups, side_by_side(self.members, lists), strict=True):
            for name in members:
                found.get(name, []).append(path)
        return {name: {"groups": tuple(paths)} for name, paths in found.items()}

    def _by_role(self, names: Collection[str]) -> Mapping[str, Mapping[str, Value]] | None:
        """The roles of these users, read role by role; None if reading user by user is less."""
        roles = dict(self._roles(names))
        # As many roles as users: then each user is asked, and not each role.
        if len(names) <= FEW or len(roles) >= len(names):
            return None
        found = {name: _Held() for name in names}
        nobody = _Held()
        for keys, holders in zip(roles, side_by_side(self.members, roles.values()), strict=True):
            for name in holders:
                found.get(name, nobody).add(keys)
        sorts = self._sorts(names)
        return {name: {sort: held.of(sort) for sort in sorts} for name, held in found.items()}

    def _of(self, body: Representation, part: str) -> Any:
        """A part of a user who existed a moment ago; raises Conflict if there is none any more."""
        answer = self.connection.get(f"{self.base}/users/{body['id']}/{part}")
        if answer is ABSENT:
            raise Conflict(f"user {body['username']} was deleted while the realm was read")
        return answer

    def _groups_of(self, body: Representation) -> Mapping[str, Value]:
        found = self._of(body, "groups")
        return {"groups": [group["path"] for group in found]}

    def _roles_of(self, body: Representation) -> Mapping[str, Value]:
        mappings = self._of(body, "role-mappings")
        of_clients = mappings.get("clientMappings", {})
        return {
            "realmRoles": [role["name"] for role in mappings.get("realmMappings", ())],
            "clientRoles": {client: [role["name"] for role in held["mappings"]] for client, held in of_clients.items()},
        }


_IDENTITIES: Final = "federatedIdentities"


class _Held(Struct):
    """The roles that one user turns out to have."""

    realm: list[str] = field(default_factory=list)
    clients: dict[str, list[str]] = field(default_factory=dict)

    def of(self, sort: str) -> Value:
        return tuple(self.realm) if sort == "realmRoles" else self.clients

    def add(self, keys: tuple[str, ...]) -> None:
        if len(keys) == 1:
            self.realm.append(keys[0])
        else:
            self.clients.setdefault(keys[0], []).append(keys[1])


def _of_each(
    ask: Callable[[Representation], Mapping[str, Value]], names: Sequence[str], found: Mapping[str, Representation]
) -> Mapping[str, Mapping[str, Value]]:
    """The parts to read of each of these users, by name."""
    return dict(zip(names, side_by_side(ask, (found[name] for name in names)), strict=True))
