"""The access difference: the roles that users and groups gain and lose by a plan."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from reconciler.core.difference.change import Action, Change
from reconciler.core.plan.access import AccessChange
from reconciler.core.resource.address import Address
from reconciler.core.resource.values import Path, Spec
from reconciler.providers.keycloak.access.grants import CONCERNED, EVERYBODY, Grants, Role, normal, role_name
from reconciler.providers.keycloak.table.properties import merged
from reconciler.providers.keycloak.write.steps import patch_of
from reconciler.vocabulary.keycloak import (
    CLIENT,
    CLIENT_ROLE,
    ORGANIZATION,
    ORGANIZATION_GROUPS,
    SCOPE_MAPPINGS,
)

_SAID: Final = frozenset({"description", "attributes"})


def concerns(change: Change) -> bool:
    """Returns whether somebody may gain or lose access by this change."""
    names = CONCERNED.get(change.address.kind, ())
    if change.action in (Action.CREATE, Action.DELETE):
        return bool(names)
    return change.acts and any(each.path[0] in names and _gives(change, each.path) for each in change.fields)


def _gives(change: Change, path: Path) -> bool:
    """Not what a group of an organization is said to be; in its path every other part is the name of a group."""
    return change.address.kind != ORGANIZATION_GROUPS or _SAID.isdisjoint(path[2::2])


def changed(specs: Mapping[Address, Spec], changes: Iterable[Change]) -> dict[Address, Spec]:
    """The state after the changes."""
    after = dict(specs)
    for change in filter(concerns, changes):
        kind = change.address.kind
        # What goes along with it, such as the roles of a client, gives nobody access any more.
        if change.action is Action.DELETE:
            gone = [each for each in after if _goes_with(each, change.address)]
            after = {address: spec for address, spec in after.items() if address not in gone}
        # A built-in object may be there already, and the declaration adds to it.
        elif change.action is Action.CREATE and change.desired:
            after[change.address] = {**after.get(change.address, {}), **normal(kind, change.desired.spec)}
        else:
            fields = [each for each in change.fields if each.path[0] in CONCERNED[kind]]
            after[change.address] = merged(after.get(change.address, {}), patch_of(fields))
    return after


def _goes_with(address: Address, gone: Address) -> bool:
    """Subgroups go with their group, roles with their client, groups of an organization with it."""
    return address.kind in _GO_TOGETHER.get(gone.kind, (gone.kind,)) and address.path[: len(gone.path)] == gone.path


_GO_TOGETHER: Final = {
    CLIENT: (CLIENT, CLIENT_ROLE, SCOPE_MAPPINGS),
    ORGANIZATION: (ORGANIZATION, ORGANIZATION_GROUPS),
}


def moved(before: Grants, after: Grants) -> tuple[frozenset[str], frozenset[Role]]:
    """The groups and the roles that no longer give what they gave: whose members and holders may gain or lose."""
    groups = {path for path in before.groups if path not in after.groups or _given(before, path) != _given(after, path)}
    return frozenset(groups), frozenset(role for role in before.roles if before.below(role) != after.below(role))


def _given(grants: Grants, path: str) -> frozenset[Role]:
    return frozenset().union(*grants.of_group(path).values())


def replaced(before: Grants, after: Grants) -> frozenset[str]:
    """The users whose access within organizations differs."""
    names = before.placed.keys() | after.placed.keys()
    return frozenset(name for name in names if before.placed.get(name) != after.placed.get(name))


def differences(realm: str, before: Grants, after: Grants) -> Iterator[AccessChange]:
    """The users' gains and losses; equal ones are grouped."""
    both = before.clients.keys() & after.clients.keys()
    old_all, new_all = _of_all(before, both), _of_all(after, both)
    # Gains and losses that everybody shares are said once, and not of each user.
    gained, lost = new_all - old_all, old_all - new_all
    if gained or lost:
        yield AccessChange(realm, (), tuple(sorted(gained)), tuple(sorted(lost)))
    together: dict[tuple[frozenset[str], frozenset[str]], list[str]] = {}
    inside = after.tells_roles_inside
    for name in sorted({**before.users, **after.users}):
        (old, all_old), (new, all_new) = (_of_user(each, name, inside=inside) for each in (before, after))
        found = new - all_old, old - all_new
        if any(found):
            together.setdefault(found, []).append(name)
    for (gains, loses), names in together.items():
        yield AccessChange(realm, tuple(names), tuple(sorted(gains)), tuple(sorted(loses)))


def _of_user(grants: Grants, name: str, *, inside: bool) -> tuple[frozenset[str], frozenset[str]]:
    """The user's own part and the whole access of a user; roles ``inside`` organizations if any client sees them."""
    user = grants.users.get(name, {"enabled": False})
    # A user who is switched off can't log in, whatever roles are left.
    if user.get("enabled") is False:
        return frozenset(), frozenset()
    held, rest = grants.held(user), {"login", *grants.groups_of(user)}
    for alias, placed in grants.placed.get(name, {}).items():
        rest |= {f"{path} of organization {alias}" for path in placed.groups}
        rest |= {f"{role_name(role)} in organization {alias}" for role in placed.roles if inside}
    own = (role_name(role) for role, through in held.items() if through != (EVERYBODY,))
    return frozenset((*rest, *own)), frozenset((*rest, *map(role_name, held)))


def _of_all(grants: Grants, clients: Collection[str]) -> frozenset[str]:
    """The access of everybody, and the claims that those clients get about whoever has it."""
    told = (f"{what} in {name}" for name in clients for what in grants.told(name))
    logins = (f"login to {name}" for name in grants.open_clients())
    return frozenset((*map(role_name, grants.shown(grants.of_everybody())), *logins, *told))
