"""Objects outside the plan that name what it deletes, and people who are deleted or cut off along with it.

The server takes a deleted object out of whatever names it, without a word: policies stay and hold for nobody,
permissions go with their last resource. A flow in use it keeps, with an error 500 (26.7). All of it is read only if
something goes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import quote

from reconciler.core.difference.change import Change
from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Bystander
from reconciler.core.resource.values import ABSENT, Spec, Value
from reconciler.providers.keycloak.expand import key_of
from reconciler.providers.keycloak.ids import Directory
from reconciler.providers.keycloak.kinds.authorization import POLICIES
from reconciler.providers.keycloak.kinds.component import FEDERATION
from reconciler.providers.keycloak.kinds.policies import listed
from reconciler.providers.keycloak.read.whole import shown
from reconciler.providers.keycloak.registry import KINDS
from reconciler.providers.keycloak.server.pages import BRIEF, pages
from reconciler.providers.keycloak.table.connection import BASE, Representation
from reconciler.providers.keycloak.table.kind import RestKind
from reconciler.providers.keycloak.table.properties import as_map
from reconciler.vocabulary.keycloak import (
    ADMIN_PERMISSIONS,
    AUTHORIZATION,
    CLIENT,
    CLIENT_ROLE,
    CLIENT_SCOPE,
    COMPONENT,
    FLOW,
    GROUP,
    IDENTITY_PROVIDER,
    ORGANIZATION,
    ROLE,
    USER,
)

LOSS: Final = "would lose it"
GONE: Final = "would be deleted along with it"
_IN_THE_WAY: Final = "can't do without it"
NAMED: Final = frozenset({CLIENT, CLIENT_ROLE, CLIENT_SCOPE, FLOW, GROUP, IDENTITY_PROVIDER, ROLE, USER})
"""The types whose objects others name."""
_NAMED_OTHERWISE: Final = frozenset({FLOW, GROUP, USER})
"""The types whose names are known: a subflow goes along with what it is in, and bystanders.py asks for people."""
_PERMISSIONS: Final = {"resources": "resources", "scopes": "scopes"}
"""The lists of authorization settings by which a permission holds, and its setting that names them."""

Changes = Mapping[Address, Change]


# ------------------------------------------------------------------ objects that name it


def namers(directory: Directory, gone: Changes, changes: Changes) -> Mapping[Address, Sequence[Bystander]]:
    """Returns for deletions what else of the live realm names what goes, unless a file says so of it."""
    along = {each: address for address, change in gone.items() for each in _along(change)}
    owners = {key_of(each): owner for each, owner in along.items() if each.kind in NAMED}
    found: dict[Address, dict[Bystander, None]] = {}
    for realm in dict.fromkeys(owner.path[0] for owner in owners.values()):
        live = shown(directory.connection, realm)
        for label, target, holder in _names(realm, live.body if live else {}, changes):
            owner = owners.get(key_of(target)) or owners.get(key_of(KINDS[target.kind].parent_of(target) or target))
            # A holder that goes itself loses nothing.
            if owner and along.keys().isdisjoint((holder, KINDS[holder.kind].parent_of(holder))):
                found.setdefault(owner, {})[_loser(label, target, holder)] = None
    return {address: tuple(losers) for address, losers in found.items()}


def _along(change: Change) -> Iterable[Address]:
    """The objects that are deleted: the one itself, and whatever goes along."""
    return (change.address, *(change.observed.along.get((), ()) if change.observed else ()))


def _names(realm: str, live: Representation, changes: Changes) -> Iterator[tuple[str, Address, Address]]:
    """Every name in the live realm that no file declares: what has it, what it names, and the object around it."""
    for kind in KINDS.values():
        if kind.name in _NAMED_OTHERWISE:
            continue
        for item in kind.objects(live):
            holder = kind.address(realm, item.keys)
            change = changes.get(holder)
            for name in kind.properties.keys() & item.body.keys():
                if not is_declared(change, name):
                    for label, spec in _labelled(kind, holder, name, item.body[name]):
                        yield from ((label, target, holder) for target in _named(kind, realm, spec))


def is_declared(change: Change | None, name: str) -> bool:
    """Returns whether a plan deletes the holder itself, or has what it belongs to from the files."""
    return change is not None and (change.desired is None or name in change.desired.spec)


def _labelled(kind: RestKind, holder: Address, name: str, value: Value) -> Iterator[tuple[str, Spec]]:
    """A property of an object with the words for it; each policy is one of its own."""
    # A policy is an object to its reader, though all of them are one property.
    if kind.name in (AUTHORIZATION, ADMIN_PERMISSIONS) and name == "policies":
        for policy, body in as_map(POLICIES.normal(value)).items():
            yield _policy(policy, holder), {name: {policy: body}}
        return
    words = kind.name.partition(".")[2].replace("-", " ")
    yield f"{words} {'/'.join(holder.path[1:])}".rstrip(), {name: value}


def _policy(name: str, holder: Address) -> str:
    return f"policy {name} of client {holder.name}"


def _named(kind: RestKind, realm: str, spec: Spec) -> Iterator[Address]:
    yield from kind.dependencies.uses(realm, spec)
    for name, links in kind.links.items():
        if name in spec:
            yield from links.targets(realm, kind.properties[name].normal(spec[name]))


def _loser(label: str, gone: Address, holder: Address) -> Bystander:
    if gone.kind == FLOW:
        return Bystander(label, label, _IN_THE_WAY, holds=True)
    return Bystander(label, label, LOSS, lasting=holder.kind in (AUTHORIZATION, ADMIN_PERMISSIONS))


# ------------------------------------------------------------------ permissions


def permissions(change: Change) -> Iterator[Bystander]:
    """Lists the live permissions of a client that are for resources and scopes which go, and that no file declares."""
    desired, observed = change.desired, change.observed
    if change.address.kind != AUTHORIZATION or desired is None or observed is None or "policies" in desired.spec:
        return
    gone = {
        section: {
            field.path[1] for field in change.fields if field.path[0] == section and _is_whole(field.path, field.after)
        }
        for section in _PERMISSIONS
    }
    for name, body in as_map(POLICIES.normal(observed.spec.get("policies", ()))).items():
        config = as_map(as_map(body).get("config", {}))
        for section, setting in _PERMISSIONS.items():
            named = {str(each) for each in listed(config.get(setting)) or ()}
            if named & gone[section]:
                label = _policy(name, change.address)
                # A permission for other resources as well stays, and only loses these.
                yield Bystander(label, label, GONE if named <= gone[section] else LOSS)


def _is_whole(path: tuple[str, ...], after: Value) -> bool:
    return len(path) == 2 and after is ABSENT


# ------------------------------------------------------------------ people


def imported(directory: Directory, change: Change, _changes: Changes) -> Iterator[Bystander]:
    """Lists the users that a federation has imported, who are deleted along with it."""
    if change.observed is None or change.observed.spec.get("providerType") != FEDERATION:
        return
    for body in _users(directory, change.address.path[0], BRIEF):
        if body.get("federationLink") == change.observed.id:
            yield _user(body, GONE)


def linked(directory: Directory, change: Change, changes: Changes) -> Iterator[Bystander]:
    """Lists the users who have an identity at a provider."""
    realm, alias = change.address.path
    for body in _users(directory, realm, f"{BRIEF}&idpAlias={quote(alias, safe='')}"):
        holder = Address(USER, (realm, str(body["username"]).lower()))
        if not is_declared(changes.get(holder), "federatedIdentities"):
            yield _user(body, "would lose their identity at it")


def members(directory: Directory, change: Change, _changes: Changes) -> Iterator[Bystander]:
    """Lists the members of an organization; it takes those along that it manages."""
    base = directory.path(f"{BASE}/organizations/{{id}}", change.address)
    for body in pages(directory.connection, f"{base}/members"):
        yield _user(body, GONE if body.get("membershipType") == "MANAGED" else LOSS)


def _users(directory: Directory, realm: str, query: str) -> Iterable[Representation]:
    return pages(directory.connection, f"{BASE.format(realm=quote(realm, safe=''))}/users", query)


def _user(body: Representation, loss: str) -> Bystander:
    name = str(body["username"]).lower()
    return Bystander(name, f"user {name}", loss)


PEOPLE: Final[Mapping[str, Callable[[Directory, Change, Changes], Iterator[Bystander]]]] = {
    COMPONENT: imported,
    IDENTITY_PROVIDER: linked,
    ORGANIZATION: members,
}
"""The types with which people are deleted or cut off, and who they are."""
