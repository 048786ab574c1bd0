"""The access of users: roles and groups, as clients see them; pure.

A role comes from the user, from a group or one above it, from a composite role, or with the roles that everybody has.
A client is told of realm roles and of its own as far as its scope allows, and of groups if a mapper tells it.

What comes from a group of an organization holds within that organization only. It is in no token but where a mapper
puts it there, under the organization, whatever the scope of the client; and from the very group alone, not from those
above it (26.7).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Final, TypeAlias

from reconciler.core.plan.access import Access, Inside
from reconciler.core.resource.address import Address
from reconciler.core.resource.values import Path, Spec, Value
from reconciler.providers.keycloak.kinds.client import BUILTIN
from reconciler.providers.keycloak.registry import KINDS
from reconciler.providers.keycloak.table.connection import Representation
from reconciler.providers.keycloak.table.properties import as_map, as_name_map, as_names, merged
from reconciler.record import Struct
from reconciler.vocabulary.keycloak import (
    BUILT_IN_ROLES,
    CLIENT,
    CLIENT_ROLE,
    CLIENT_SCOPE,
    CLIENT_SCOPE_MAPPINGS,
    DEFAULT_CLIENT_SCOPES,
    DEFAULT_GROUPS,
    DEFAULT_ROLES,
    GROUP,
    ORGANIZATION,
    ORGANIZATION_GROUPS,
    REALM,
    ROLE,
    SCOPE_MAPPINGS,
    USER,
)

Role: TypeAlias = tuple[str, ...]
"""The name of a realm role; the client and the name of a client role."""

_LOGINS: Final = ("standardFlowEnabled", "implicitFlowEnabled", "directAccessGrantsEnabled")
MEMBERSHIPS: Final = ("groups", "realmRoles", "clientRoles")
_SCOPES: Final = ("defaultClientScopes", "optionalClientScopes")
_MAPPINGS: Final = ("scopeMappings", "clientScopeMappings")
CONCERNED: Final[Mapping[str, tuple[str, ...]]] = {
    REALM: ("enabled", "organizationsEnabled"),
    ROLE: ("composites",),
    CLIENT_ROLE: ("composites",),
    GROUP: ("realmRoles", "clientRoles"),
    DEFAULT_ROLES: ("realmRoles", "clientRoles"),
    DEFAULT_GROUPS: ("defaultGroups",),
    CLIENT: (
        "enabled",
        "bearerOnly",
        "serviceAccountsEnabled",
        *_LOGINS,
        "fullScopeAllowed",
        "protocolMappers",
        *_SCOPES,
    ),
    CLIENT_SCOPE: ("protocolMappers",),
    DEFAULT_CLIENT_SCOPES: ("defaultDefaultClientScopes", "defaultOptionalClientScopes"),
    SCOPE_MAPPINGS: _MAPPINGS,
    CLIENT_SCOPE_MAPPINGS: _MAPPINGS,
    USER: ("enabled", *MEMBERSHIPS),
    ORGANIZATION: ("enabled", "members"),
    ORGANIZATION_GROUPS: ("groups", "members"),
}
"""The properties that access follows from, by type."""

_GROUP_MAPPERS: Final = frozenset({"oidc-group-membership-mapper", "saml-group-membership-mapper"})
_ROLE_MAPPERS: Final = frozenset({"oidc-hardcoded-role-mapper", "saml-hardcode-role-mapper"})
_ORGANIZATION_MAPPER: Final = "oidc-organization-membership-mapper"
_ORGANIZATION_SCOPE: Final = "organization"  # a built-in one, which has that mapper
_OIDC_GROUPS_INSIDE: Final = "oidc-organization-group-membership-mapper"
_GROUPS_INSIDE: Final = frozenset({_OIDC_GROUPS_INSIDE, "saml-organization-group-membership-mapper"})
EVERYBODY: Final = "everybody"


class _View(Struct, frozen=True):
    """The view of a client: ``scope`` are the roles in its tokens, None for all; ``given`` those of everybody.

    ``shows_groups_inside`` and ``shows_roles_inside`` are about the groups of organizations.
    """

    scope: frozenset[Role] | None
    shows_groups: bool
    given: Mapping[Role, tuple[str, ...]]
    shows_groups_inside: bool = False
    shows_roles_inside: bool = False

    def tells(self, role: Role) -> bool:
        """Returns whether its tokens have a role that is not its own."""
        return role in self.given or (len(role) == 1 and (self.scope is None or role in self.scope))


class _Placed(Struct, frozen=True):
    """The groups of one organization that a user is in, and the roles that hold there, each with its groups."""

    groups: tuple[str, ...]
    roles: Mapping[Role, tuple[str, ...]]


def specs_of(realm: Representation, kinds: Iterable[str] = tuple(CONCERNED)) -> dict[Address, Spec]:
    """The parts of a realm that concern access, in normal form, by address."""
    name = str(realm["realm"])
    return {
        kind.address(name, item.keys): normal(kind.name, item.body)
        for kind in map(KINDS.__getitem__, kinds)
        for item in kind.objects(realm)
    }


def normal(kind: str, body: Mapping[str, Value]) -> Spec:
    rows = KINDS[kind].properties
    return {name: rows[name].normal(body[name]) for name in CONCERNED[kind] if name in body and name in rows}


class Grants:
    """The result of a realm's roles and groups; ``complete`` says that nothing exists outside the specs."""

    def __init__(self, realm: str, specs: Mapping[Address, Spec], *, complete: bool = True) -> None:
        self._realm, self._complete = realm, complete
        self._of: dict[str, dict[Path, Spec]] = {kind: {} for kind in CONCERNED}
        for address, spec in specs.items():
            self._of[address.kind][address.path[1:]] = spec
        self._below: dict[Role, frozenset[Role]] = {}
        self._chains = {f"/{'/'.join(keys)}": keys for keys in self._of[GROUP]}
        # Keycloak names the default role after the realm, in lower case.
        self._default = (f"default-roles-{realm}".lower(),)
        self._of[ROLE] |= self._with_default_roles()
        self._hidden = {(name,) for name in BUILT_IN_ROLES} | {self._default}

    def _with_default_roles(self) -> dict[Path, Spec]:
        """The default role with what is said of it elsewhere, if anything is."""
        said = self._of[DEFAULT_ROLES].get(())
        if said is None:
            return {}
        role = self._of[ROLE].get(self._default, {})
        parts = {
            part: said[name] for part, name in (("realm", "realmRoles"), ("client", "clientRoles")) if name in said
        }
        return {self._default: {**role, "composites": merged(role.get("composites", {}), parts)}}

    # -------------------------------------------------------------- roles

    def below(self, role: Role) -> frozenset[Role]:
        """The role, if there is such a one, and all that it is made of."""
        if role not in self._below:
            found, frontier = set[Role](), {role}
            while frontier:
                # A composite may contain itself over others, so what was found is not followed again.
                found |= {each for each in frontier if self._is_there(each)}
                frontier = {part for each in frontier & found for part in self._composites(each)} - found
            self._below[role] = frozenset(found)
        return self._below[role]

    def _is_there(self, role: Role) -> bool:
        return not self._complete or role in self._of[ROLE if len(role) == 1 else CLIENT_ROLE]

    def _composites(self, role: Role) -> Iterator[Role]:
        spec = self._of[ROLE if len(role) == 1 else CLIENT_ROLE].get(role, {})
        composites = as_map(spec.get("composites") or {})
        return _roles(composites.get("realm"), composites.get("client"))

    def of_everybody(self) -> frozenset[Role]:
        """The roles that come with the default one."""
        return self.below(self._default)

    def shown(self, roles: Iterable[Role]) -> Iterator[Role]:
        """Keeps what means something: without the container of default roles, and roles that let any user log in."""
        return (role for role in roles if role not in self._hidden)

    def of_group(self, path: str) -> Mapping[str, frozenset[Role]]:
        """The roles of a group and of those above it, by path."""
        keys = self._chains.get(path, ())
        chain = {f"/{'/'.join(keys[:end])}": self._of[GROUP].get(keys[:end], {}) for end in range(1, len(keys) + 1)}
        return {
            above: frozenset().union(*map(self.below, _roles(spec.get("realmRoles"), spec.get("clientRoles"))))
            for above, spec in chain.items()
        }

    @property
    def groups(self) -> Collection[str]:
        return self._chains.keys()

    @property
    def roles(self) -> Collection[Role]:
        return {*self._of[ROLE], *self._of[CLIENT_ROLE]} - {self._default}

    @cached_property
    def clients(self) -> Mapping[str, Spec]:
        """The clients that are not switched off, by name."""
        return {path[0]: spec for path, spec in self._of[CLIENT].items() if spec.get("enabled") is not False}

    @cached_property
    def users(self) -> Mapping[str, Spec]:
        return {path[0]: spec for path, spec in self._of[USER].items()}

    def open_clients(self) -> frozenset[str]:
        """The clients that anybody can log in to."""
        if self._of[REALM].get((), {}).get("enabled") is False:
            return frozenset()
        return frozenset(name for name, spec in self.clients.items() if name not in BUILTIN and _logs_in(spec))

    # -------------------------------------------------------------- users

    def groups_of(self, user: Spec) -> tuple[str, ...]:
        """The groups that a user is in; a new one is put into the default ones."""
        given = user.get("groups", self._of[DEFAULT_GROUPS].get((), {}).get("defaultGroups"))
        return tuple(str(path) for path in as_names(given) if not self._complete or path in self._chains)

    def held(self, user: Spec) -> Mapping[Role, tuple[str, ...]]:
        """The roles of a user, each with what it comes through, "" being the user; none of who is switched off."""
        if user.get("enabled") is False:
            return {}
        ways: dict[Role, dict[str, None]] = {}
        # The default role is counted once, as what everybody has.
        for role in {*_roles(user.get("realmRoles"), user.get("clientRoles"))} - {self._default}:
            for each in self.below(role):
                ways.setdefault(each, {})["" if each == role else f"role {role_name(role)}"] = None
        for path in self.groups_of(user):
            for above, roles in self.of_group(path).items():
                for each in roles:
                    ways.setdefault(each, {})[above] = None
        for each in self.of_everybody():
            ways.setdefault(each, {})[EVERYBODY] = None
        return {role: tuple(ways[role]) for role in self.shown(ways)}

    @cached_property
    def placed(self) -> Mapping[str, Mapping[str, _Placed]]:
        """The roles and groups of users within organizations, by name and alias."""
        if self._of[REALM].get((), {}).get("organizationsEnabled") is False:
            return {}
        found: dict[str, dict[str, _Placed]] = {}
        for (alias,), spec in sorted(self._of[ORGANIZATION_GROUPS].items()):
            own = self._of[ORGANIZATION].get((alias,), {})
            if own.get("enabled") is False:
                continue
            roles = dict(_roles_by_path(spec.get("groups", {})))
            # Without a list of members nothing is known about who is in the organization.
            there = {str(name).lower() for name in as_names(own["members"])} if "members" in own else None
            for user, paths in as_name_map(spec.get("members", {})).items():
                groups = tuple(str(path) for path in as_names(paths) if not self._complete or path in roles)
                if groups and (there is None or user in there):
                    found.setdefault(user, {})[alias] = self._placed_in(groups, roles)
        return found

    def _placed_in(self, groups: tuple[str, ...], roles: Mapping[str, Sequence[Role]]) -> _Placed:
        ways: dict[Role, dict[str, None]] = {}
        for path in groups:
            for each in frozenset().union(*map(self.below, roles.get(path, ()))):
                ways.setdefault(each, {})[path] = None
        return _Placed(groups, {role: tuple(ways[role]) for role in self.shown(ways)})

    def entries(self, user: str, clients: Collection[str] = ()) -> Iterator[Access]:
        """The claims about a user, equal clients grouped; of built-in clients only the unusual ones."""
        spec = self.users[user]
        if spec.get("enabled") is False:
            return
        held, groups, placed = self.held(spec), self.groups_of(spec), self.placed.get(user, {})
        own_inside = {role[0] for each in placed.values() for role in each.roles if len(role) > 1}
        own = _of_clients(held, clients)
        for view, names in self._alike:
            shared = {role: through for role, through in {**held, **view.given}.items() if view.tells(role)}
            apart = own.keys() | (own_inside if view.shows_roles_inside else set())
            alone = [name for name in names if name not in apart]
            for together in (alone, *([name] for name in names if name in apart)):
                asked = tuple(name for name in together if not clients or name in clients)
                if not asked:
                    continue
                is_told = (asked[0] not in BUILTIN or asked[0] in clients) and not _is_a_service(self.clients[asked[0]])
                roles = {**(shared if is_told else {}), **own.get(asked[0], {})}
                shown = groups if view.shows_groups and is_told else ()
                inside = tuple(_inside(view, asked[0], placed)) if is_told else ()
                if roles or shown or inside:
                    yield Access(self._realm, user, asked, _by_name(roles), shown, inside)

    # -------------------------------------------------------------- clients

    def told(self, client: str) -> Iterator[str]:
        """The claims of a client about whoever has access, in words."""
        view = self._views[client]
        if view.shows_groups:
            yield "their groups"
        if view.shows_groups_inside:
            yield "their groups of organizations"
        if view.shows_roles_inside:
            yield "their roles within organizations"
        if view.scope is None:
            yield "all their roles"
        else:
            yield from (f"their {role_name(role)}" for role in self.shown(view.scope))
        yield from map(role_name, view.given)

    @property
    def tells_roles_inside(self) -> bool:
        """Returns whether any client sees roles that come from groups of organizations."""
        return any(view.shows_roles_inside for view in self._views.values())

    @cached_property
    def _alike(self) -> Sequence[tuple[_View, Sequence[str]]]:
        """The clients that are told the same of who has no role of theirs; Keycloak's own apart."""
        found: dict[tuple[object, ...], list[str]] = {}
        for name, view in self._views.items():
            inside = view.shows_groups_inside, view.shows_roles_inside
            # A service gets tokens for itself only, so it is no place where a person gets in.
            apart = name if name in BUILTIN else "", _is_a_service(self.clients[name])
            key = (view.scope, view.shows_groups, inside, tuple(sorted(view.given)), apart)
            found.setdefault(key, []).append(name)
        return [(self._views[names[0]], names) for names in found.values()]

    @cached_property
    def _views(self) -> Mapping[str, _View]:
        return {name: self._view(name, spec) for name, spec in sorted(self.clients.items())}

    def _view(self, client: str, spec: Spec) -> _View:
        scopes = self._scopes(spec)
        mappers = [
            as_map(mapper)
            for holder in (spec, *(self._of[CLIENT_SCOPE].get((scope,), {}) for scope in scopes))
            for mapper in as_map(holder.get("protocolMappers") or {}).values()
        ]
        kinds = {mapper.get("protocolMapper") for mapper in mappers}
        # A mapper can put a role into a token without anybody having it.
        given = (as_map(m.get("config") or {}).get("role") for m in mappers if m.get("protocolMapper") in _ROLE_MAPPERS)
        inside = list(self._mappers_inside(mappers, spec, scopes))
        return _View(
            self._scope(client, scopes) if spec.get("fullScopeAllowed") is False else None,
            bool(kinds & _GROUP_MAPPERS),
            {self._named(str(name)): ("a mapper",) for name in given if name},
            shows_groups_inside=bool(inside),
            shows_roles_inside=any(as_map(m.get("config") or {}).get("addGroupRoleMappings") == "true" for m in inside),
        )

    def _mappers_inside(
        self, mappers: Iterable[Mapping[str, Value]], spec: Spec, scopes: Iterable[str]
    ) -> Iterator[Mapping[str, Value]]:
        """The mappers for groups of organizations; with OpenID Connect only of clients that may ask for them."""
        can_ask = any(map(self._is_about_organizations, scopes)) or self._may_have_what_new_ones_have(spec)
        asked = _GROUPS_INSIDE if can_ask else _GROUPS_INSIDE - {_OIDC_GROUPS_INSIDE}
        return (mapper for mapper in mappers if mapper.get("protocolMapper") in asked)

    def _is_about_organizations(self, scope: str) -> bool:
        """Returns whether a client that asks for the scope sees organizations."""
        own = self._of[CLIENT_SCOPE].get((scope,), {})
        if "protocolMappers" not in own:
            return not self._complete and scope == _ORGANIZATION_SCOPE
        found = as_map(own["protocolMappers"] or {}).values()
        return any(as_map(mapper).get("protocolMapper") == _ORGANIZATION_MAPPER for mapper in found)

    def _may_have_what_new_ones_have(self, spec: Spec) -> bool:
        """Returns whether the optional scopes are undeclared: new clients have that of organizations."""
        defaults = self._of[DEFAULT_CLIENT_SCOPES].get((), {})
        return not (self._complete or _SCOPES[1] in spec or "defaultOptionalClientScopes" in defaults)

    def _named(self, name: str) -> Role:
        """The role that the setting of a mapper means: of a client, if what is before the dot is one."""
        client, dot, role = name.rpartition(".")
        return (client, role) if dot and (client,) in self._of[CLIENT] else (name,)

    def _scopes(self, spec: Spec) -> tuple[str, ...]:
        defaults = self._of[DEFAULT_CLIENT_SCOPES].get((), {})
        found = (as_names(spec.get(name, defaults.get(f"default{name[0].upper()}{name[1:]}"))) for name in _SCOPES)
        return tuple(str(scope) for names in found for scope in names)

    def _scope(self, client: str, scopes: Iterable[str]) -> frozenset[Role]:
        holders = (
            self._of[SCOPE_MAPPINGS].get((client,), {}),
            *(self._of[CLIENT_SCOPE_MAPPINGS].get((scope,), {}) for scope in scopes),
        )
        mapped = (role for holder in holders for role in _roles(*map(holder.get, _MAPPINGS)))
        return frozenset().union(*map(self.below, mapped))


def _logs_in(client: Spec) -> bool:
    """Returns whether people can log in to it; a client without flows has the standard flow."""
    flows = (client.get(flow, flow == _LOGINS[0]) for flow in _LOGINS)
    return not client.get("bearerOnly") and any(flows)


def _is_a_service(client: Spec) -> bool:
    """Returns whether it gets tokens for itself only, so that it sees no user."""
    return bool(client.get("serviceAccountsEnabled")) and not _logs_in(client)


def _roles(realm: Value, clients: Value) -> Iterator[Role]:
    """Realm roles, and roles of clients, in one list."""
    yield from ((str(name),) for name in as_names(realm))
    for client, names in as_name_map(clients).items():
        yield from ((client, str(name)) for name in as_names(names))


def _roles_by_path(groups: Value, above: str = "") -> Iterator[tuple[str, Sequence[Role]]]:
    """The groups of an organization with those below them, each with its own roles."""
    for name, body in as_map(groups or {}).items():
        group, path = as_map(body), f"{above}/{name}"
        yield path, tuple(_roles(group.get("realmRoles"), group.get("clientRoles")))
        yield from _roles_by_path(group.get("subGroups"), path)


def _of_clients(held: Mapping[Role, tuple[str, ...]], asked: Collection[str]) -> dict[str, dict[Role, tuple[str, ...]]]:
    """The roles of clients, by client."""
    own: dict[str, dict[Role, tuple[str, ...]]] = {}
    for role, through in held.items():
        # Everybody has roles of the built-in clients; shown, they would hide the few that matter.
        if len(role) > 1 and (role[0] in asked or role[0] not in BUILTIN or through != (EVERYBODY,)):
            own.setdefault(role[0], {})[role] = through
    return own


def _inside(view: _View, client: str, placed: Mapping[str, _Placed]) -> Iterator[Inside]:
    """The claims of a client about a user within organizations: roles of the realm and its own."""
    for alias, each in placed.items():
        groups = each.groups if view.shows_groups_inside else ()
        told = each.roles if view.shows_roles_inside else {}
        roles = {role: through for role, through in told.items() if len(role) == 1 or role[0] == client}
        if groups or roles:
            yield Inside(alias, _by_name(roles), groups)


def _by_name(roles: Mapping[Role, tuple[str, ...]]) -> Mapping[str, tuple[str, ...]]:
    return {role_name(role): roles[role] for role in sorted(roles)}


def role_name(role: Role) -> str:
    """The role as a users file has it in short: ``name``, or ``client/name``."""
    return "/".join(role)
