"""Reading the live realms, with the fewest requests: what is not declared is not asked for.

A realm without its users is two requests: a partial export (Keycloak 26.7: all but users, in one answer of about
60 ms for 50 clients), and the list of clients, which has their secrets in clear.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from reconciler.core.message.errors import Denied
from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Observed, Resource
from reconciler.core.resource.values import ABSENT, Secret, Value
from reconciler.providers.keycloak.cascade import Cascades
from reconciler.providers.keycloak.expand import prune_modes
from reconciler.providers.keycloak.ids import Directory
from reconciler.providers.keycloak.kinds.client import secret_of
from reconciler.providers.keycloak.kinds.password import told
from reconciler.providers.keycloak.read.users import FEW, People
from reconciler.providers.keycloak.read.whole import Shown, is_whole, needing, shown
from reconciler.providers.keycloak.registry import KINDS
from reconciler.providers.keycloak.table.connection import BASE, Connection, Representation
from reconciler.providers.keycloak.table.kind import Item, RestKind, options_of
from reconciler.providers.keycloak.table.masked import recalled
from reconciler.providers.keycloak.table.properties import MARK, as_names
from reconciler.record import Struct, replace
from reconciler.vocabulary.keycloak import (
    CLIENT,
    CLIENT_ROLE,
    EXACT,
    FLOW,
    FLOW_BINDINGS,
    OWNED,
    PASSWORD,
    REALM,
    SERVICE_ACCOUNT,
    USER,
)


def observe(
    connection: Connection,
    directory: Directory,
    desired: Collection[Resource],
    *,
    users: Callable[[str], Iterable[Representation]] | None = None,
) -> Iterator[Observed]:
    """Reads the live objects of the desired resources; the directory learns the ids of all that was seen.

    ``users`` gives the users of a realm where they are known already.
    """
    realms: dict[str, dict[Address, Resource]] = {}
    for resource in desired:
        realms.setdefault(resource.address.path[0], {})[resource.address] = resource
    for realm, wanted in realms.items():
        yield from _realm(connection, directory, realm, wanted, users)


def _realm(
    connection: Connection,
    directory: Directory,
    realm: str,
    wanted: Mapping[Address, Resource],
    users: Callable[[str], Iterable[Representation]] | None,
) -> Iterator[Observed]:
    modes = _modes(realm, wanted)
    found = _snapshot(connection, realm, wanted, modes)
    if found is None:
        return
    live = directory.realms[realm] = found.body
    yield from _objects(connection, directory, found, wanted, modes)
    # All users are read only where the undeclared ones are to be deleted.
    everyone = modes.of(KINDS[USER]) == EXACT
    try:
        people = users(realm) if users else _people(connection, realm, wanted, everyone=everyone, live=live)
    except Denied as error:
        if not found.by_parts:
            raise
        names = [address for address in wanted if address.kind in (USER, PASSWORD) and not _is_exported(address)]
        yield from (_unseen(address, str(error.args[0])) for address in names)
    else:
        yield from _users(directory, realm, wanted, modes, people)


def _objects(
    connection: Connection, directory: Directory, found: Shown, wanted: Mapping[Address, Resource], modes: Modes
) -> Iterator[Observed]:
    """The objects that came with the realm: the wanted ones, and the surplus ones where its file says so."""
    live, realm = found.body, str(found.body["realm"])
    unread = _unread(found, wanted)
    yield from (_unseen(address, reason) for address, reason in unread.items())
    seen = {address: item for address, item in _items(live, realm) if address not in unread}
    cascades = Cascades(seen)
    for address, item in seen.items():
        kind = KINDS[address.kind]
        if kind.name != REALM and kind.paths.id_key in item.body:
            directory.learn(address, kind.id_of(item.body, address))
        is_surplus = address not in wanted and _is_surplus(connection, kind, address, item, modes)
        if address in wanted or is_surplus:
            each = _observed(connection, kind, address, item, modes)
            known = recalled(kind, address, wanted[address].spec, live, item.body) if address in wanted else {}
            along, holders = cascades.along(address), cascades.holders(address)
            yield replace(each, spec={**each.spec, **known}, surplus=is_surplus, along=along, holders=holders)
    yield from _unset(wanted.keys() - seen.keys() - unread.keys(), seen.keys())


def _items(live: Representation, realm: str) -> Iterator[tuple[Address, Item]]:
    """The objects of all kinds, also those that nobody declared: cascades lead through them."""
    for kind in KINDS.values():
        yield from ((kind.address(realm, item.keys), item) for item in kind.objects(live))


def _unread(found: Shown, wanted: Iterable[Address]) -> Mapping[Address, str]:
    """The wanted objects that the account can't see, each with the reason. Most users are read later."""
    return {
        address: found.unread[address.kind]
        for address in wanted
        if address.kind in found.unread and (address.kind != USER or _is_exported(address))
    }


def _unseen(address: Address, reason: str) -> Observed:
    return Observed(address, "", {}, unread=reason)


def _users(
    directory: Directory,
    realm: str,
    wanted: Mapping[Address, Resource],
    modes: Modes,
    people: Iterable[Representation],
) -> Iterator[Observed]:
    """Users, and of each what can be told of the password that is declared."""
    connection, kind = directory.connection, KINDS[USER]
    for body in people:
        # Keycloak stores names of users in lower case.
        address = kind.address(realm, (str(body["username"]).lower(),))
        directory.learn(address, body["id"])
        item = Item(address.path[1:], (), body)
        if address in wanted:
            yield _observed(connection, kind, address, item, modes)
        elif _is_surplus(connection, kind, address, item, modes):
            yield replace(_observed(connection, kind, address, item, modes), surplus=True)
        password = wanted.get(Address(PASSWORD, address.path))
        if password is not None:
            with needing("view-users", realm):
                spec = told(directory, password, body)
            yield Observed(password.address, address.name, spec, after=frozenset({address}))


def _unset(missing: Collection[Address], seen: Collection[Address]) -> Iterator[Observed]:
    """Settings that the server does not show because they are empty; what they are in is there."""
    for address in missing:
        kind = KINDS[address.kind]
        parent = kind.parent_of(address)
        if kind.is_setting and parent in seen:
            yield Observed(address, address.name, {}, after=frozenset({parent} if parent else ()))


def _people(
    connection: Connection, realm: str, wanted: Mapping[Address, Resource], *, everyone: bool, live: Representation
) -> Sequence[Representation]:
    """The users that are asked for; all of them where those that are not declared are to go."""
    names = {each.name: of for each, of in wanted.items() if each.kind == USER and not _is_exported(each)}
    if not names and not everyone:
        return ()
    with needing("view-users", realm):
        return tuple(People(connection, BASE.format(realm=quote(realm, safe="")), names, everyone, live).read())


class Modes(Struct, frozen=True):
    """The file's policy for undeclared objects of a realm, by section, and the owner in whose name it speaks."""

    of_sections: Mapping[str, Value]
    owner: Value

    def of(self, kind: RestKind) -> Value:
        return self.of_sections.get(kind.pruning.section) if kind.pruning.section else None

    @property
    def kinds(self) -> set[str]:
        """The types of which undeclared objects are looked for."""
        return {kind.name for kind in KINDS.values() if self.of(kind) in (OWNED, EXACT)}


def _modes(realm: str, wanted: Mapping[Address, Resource]) -> Modes:
    found = wanted.get(Address(REALM, (realm,)))
    return Modes(prune_modes(found.spec), options_of(found.spec).get("owner")) if found else Modes({}, None)


def _is_surplus(connection: Connection, kind: RestKind, address: Address, item: Item, modes: Modes) -> bool:
    """Returns whether undeclared objects of this type are unwanted; never true for indispensable ones."""
    mode = modes.of(kind)
    if mode not in (OWNED, EXACT) or kind.builtins.is_builtin(address.path) or kind.pruning.keeps(item.body):
        return False
    mark = as_names((item.body.get("attributes") or {}).get(MARK))
    return (mode == EXACT or mark == (modes.owner,)) and not connection.is_account(address)


def _observed(connection: Connection, kind: RestKind, address: Address, item: Item, modes: Modes) -> Observed:
    spec = {name: item.body[name] for name in kind.properties if name in item.body}
    for path in kind.reading.secrets:
        spec = _hidden(spec, path)
    parent = kind.parent_of(address)
    # Names are compared only where something may be pruned.
    named = frozenset(_named(kind, address, item.body)) if modes.kinds else frozenset[Address]()
    return Observed(
        address,
        kind.id_of(item.body, address),
        spec,
        outputs={"secret": secret_of(item.body)} if "secret" in kind.outputs else {},
        vital=kind.vital if connection.is_account(address) else frozenset(),
        after=frozenset((*((parent,) if parent else ()), *kind.dependencies.uses(address.path[0], item.body))),
        names=named,
    )


def _named(kind: RestKind, address: Address, body: Representation) -> Iterator[Address]:
    """The objects in sets of others, which let go of them before these are deleted."""
    for name, links in kind.links.items():
        if name in body:
            yield from links.targets(address.path[0], kind.properties[name].normal(body[name]))


def _hidden(spec: dict[str, Any], path: Sequence[str]) -> dict[str, Any]:
    """The properties with the text at ``path`` made a secret."""
    name, *rest = path
    value = spec.get(name)
    match value:
        case str() if not rest:
            return {**spec, name: Secret(value)}
        case dict() if rest:
            return {**spec, name: _hidden(value, rest)}
        case _:
            return spec


# ------------------------------------------------------------------ all but users


def _snapshot(connection: Connection, realm: str, wanted: Mapping[Address, Resource], modes: Modes) -> Shown | None:
    """The realm as far as it is needed; None where there is no such realm."""
    base, kinds = BASE.format(realm=quote(realm, safe="")), _looked_for(wanted, modes)
    # The settings alone are a small request; an export takes the server much longer.
    if not is_exported(kinds):
        settings = _settings(connection, base, realm)
        return None if settings is None else Shown(settings)
    flags = {flag for name in kinds for flag in KINDS[name].reading.flags}
    found = shown(connection, realm, flags, flows=[each.name for each in wanted if each.kind == FLOW])
    if found is None:
        return None
    # The export masks the secrets of clients, and only the export has their authorization services.
    if CLIENT in kinds and not found.by_parts:
        with needing("view-clients", realm):
            clients = connection.get(f"{base}/clients")
        if clients is ABSENT:
            return None
        found = replace(found, body={**found.body, "clients": _together(found.body, clients)})
    # In a fixed order, because a kind may read a section that another one has added.
    for name in sorted(kinds - found.unread.keys()):
        own = [each for address, each in wanted.items() if address.kind == name]
        found = _with_more(connection, base, found, KINDS[name], own)
    return found


def _with_more(connection: Connection, base: str, found: Shown, kind: RestKind, wanted: Iterable[Resource]) -> Shown:
    """The realm with what no export shows of a type."""
    if kind.reading.more is None:
        return found
    try:
        with needing(kind.reading.shown_to or kind.right, str(found.body["realm"])):
            more = kind.reading.more(connection, base, found.body, wanted)
    except Denied as error:
        if not found.by_parts:
            raise
        return replace(found, unread={**found.unread, kind.name: str(error.args[0])})
    return replace(found, body={**found.body, **more})


def looked_for(realm: str, wanted: Mapping[Address, Resource]) -> set[str]:
    """The types of objects that a look at the realm asks for."""
    return _looked_for(wanted, _modes(realm, wanted))


def _looked_for(wanted: Mapping[Address, Resource], modes: Modes) -> set[str]:
    kinds = {address.kind for address in wanted} | modes.kinds
    users = [address for address in wanted if address.kind == USER]
    if len(users) > FEW or any(map(_is_exported, users)):
        kinds.add(CLIENT_ROLE)  # whose export has the service accounts, and all groups and roles
    return kinds


def is_exported(kinds: Collection[str]) -> bool:
    """Returns whether these types need an export of the realm; its settings alone are cheaper."""
    return not {REALM, FLOW_BINDINGS, USER, PASSWORD}.issuperset(kinds)


def _together(export: Representation, clients: Sequence[Representation]) -> Sequence[Representation]:
    """The list of clients has their secrets, the export what they have of authorization services."""
    exported = {client["clientId"]: client for client in export.get("clients") or ()}
    name = "authorizationSettings"
    of_export = {client_id: {name: body[name]} for client_id, body in exported.items() if name in body}
    return [{**client, **of_export.get(client["clientId"], {})} for client in clients]


def _settings(connection: Connection, base: str, realm: str) -> Representation | None:
    with needing("view-realm", realm):
        answer = connection.get(base)
        if answer is not ABSENT and not is_whole(answer):
            raise Denied("the account sees next to nothing")
    return None if answer is ABSENT else answer


# ------------------------------------------------------------------ users


def _is_exported(address: Address) -> bool:
    """Service accounts are in the export, with their roles; other users are not."""
    return address.name.startswith(SERVICE_ACCOUNT)
