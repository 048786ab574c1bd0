"""Names in a realm of what it has to have elsewhere: those that lead nowhere, each with the nearest right one.

Where the section that a name leads to is not declared, the live realm may have what is named. It is a mistake all the
same if the realm does not exist yet, which only a look tells.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Final, TypeAlias

from reconciler.config.realm.canonical import default_role, group_path, paths_and_ids, split_roles
from reconciler.config.realm.checks import Finding
from reconciler.config.realm.merge import Realm
from reconciler.config.realm.trees import as_dict, as_list, items, names
from reconciler.config.yaml.suggest import suggestion
from reconciler.config.yaml.tree import Tree, TreePath
from reconciler.core.message.problem import SCHEMA, Severity
from reconciler.core.resource.options import OPTIONS
from reconciler.record import Struct, field
from reconciler.vocabulary.keycloak import (
    ADMIN_PERMISSIONS_CLIENT,
    AUTHORIZATION_ROLE,
    BOUND_FLOWS,
    BUILT_IN_CLIENTS,
    BUILT_IN_FLOWS,
    BUILT_IN_ROLES,
    BUILT_IN_SCOPES,
    EXACT,
    LISTS_OF_POLICIES,
    MASTER,
    POLICY_SETTINGS,
    SERVICE_ACCOUNT,
    is_id,
)

_ADMIN_ROLES: Final = frozenset({"admin", "create-realm"})

GROUP, ROLE, CLIENT_ROLE, SCOPE, CLIENT, USER, FLOW, PROVIDER = range(8)
Reference: TypeAlias = tuple[TreePath, str, int, str]
"""A path, the beginning of a message about it, the sort of what is named there, and the name."""


class Sort(Struct, frozen=True):
    """A sort of what can be named: the realm's section, and the names that it has there or by itself.

    Of one that is ``complete`` a declared section is expected to have all that is named. ``prune`` is its name under
    `x-reconcile.prune`, where that is another one than the section's.
    """

    section: str
    names: Callable[[Mapping[str, Tree]], Collection[str]]
    complete: bool = True
    prune: str = ""


class Missing(Struct, frozen=True):
    """A reference to what the files do not declare.

    It ``is_sure`` to lead nowhere where the files have all that there is; of others a warning tells, unless the live
    realm most likely has them and the warning ``is_quiet``.
    """

    path: TreePath
    said: str
    name: str
    declared: Collection[str]
    is_sure: bool = True
    is_quiet: bool = False

    @property
    def finding(self) -> Finding | None:
        """The finding whatever the live realm has; None if there is nothing to say before a look."""
        if self.is_sure:
            return self.of_a_new_realm
        if self.is_quiet:
            return None
        hint = suggestion(self.name, self.declared) or "; it must be in the realm already"
        return Finding(self.path, f"{self.said} `{self.name}`, which is not declared here{hint}", Severity.WARNING)

    @property
    def of_a_new_realm(self) -> Finding:
        """The mistake in a realm that has nothing but what is declared."""
        hint = suggestion(self.name, self.declared) or "; declare it, or remove this"
        return Finding(self.path, f"{self.said} `{self.name}`, which is not declared{hint}")


def missing_references(realm: Realm) -> Iterator[Missing]:
    """Lists references of the realm to what it does not declare."""
    found = _Declared(realm.merged)
    for references, is_strict in _REFERENCES.items():
        for path, said, sort, name in references(realm.merged):
            if name not in found.names(sort):
                # An incomplete list is no proof: an undeclared object may be live.
                is_complete = is_strict and SORTS[sort].complete
                is_sure = found.has_all(sort) or (is_complete and found.declares(sort))
                yield Missing(path, said, name, found.names(sort), is_sure, is_quiet=not is_complete)
    yield from _inside_organizations(realm.merged)
    yield from _inside_authorization(realm.merged)


class _Declared(Struct, frozen=True):
    """The names of a realm, by sort; each is read when it is first asked for."""

    realm: Mapping[str, Tree]
    _names: dict[int, Collection[str]] = field(default_factory=dict)

    def names(self, sort: int) -> Collection[str]:
        if sort not in self._names:
            self._names[sort] = SORTS[sort].names(self.realm)
        return self._names[sort]

    def declares(self, sort: int) -> bool:
        return SORTS[sort].section in self.realm

    def has_all(self, sort: int) -> bool:
        """Returns whether whatever the files do not declare is deleted."""
        prune = as_dict(as_dict(self.realm.get(OPTIONS)).get("prune"))
        return prune.get(SORTS[sort].prune or SORTS[sort].section) == EXACT


# ------------------------------------------------------------------ names


class _ClientRoles(Collection[str]):
    """The declared roles of clients as ``client/role``; Keycloak's own clients have further ones."""

    def __init__(self, realm: Mapping[str, Tree]) -> None:
        roles = as_dict(as_dict(realm.get("roles")).get("client"))
        self._names = {f"{client}/{name}" for client, own in roles.items() for name in names(own)}

    def __contains__(self, name: object) -> bool:
        client, _, role = str(name).rpartition("/")
        # The roles of Keycloak's own clients differ from release to release, so each of them may be meant.
        return name in self._names or client in BUILT_IN_CLIENTS or role == AUTHORIZATION_ROLE

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _roles(realm: Mapping[str, Tree]) -> Collection[str]:
    declared = names(as_dict(realm.get("roles")).get("realm")) | BUILT_IN_ROLES | {default_role(realm)}
    return declared | (_ADMIN_ROLES if realm["realm"] == MASTER else set())


def _clients(realm: Mapping[str, Tree]) -> Collection[str]:
    return names(realm.get("clients"), "clientId") | BUILT_IN_CLIENTS | {ADMIN_PERMISSIONS_CLIENT}


def _users(realm: Mapping[str, Tree]) -> Collection[str]:
    # Keycloak keeps names of users in lower case, whatever the file has.
    own = (str(user.get("username", user.get("email"))).lower() for user in items(realm, "users"))
    return {*own, *(f"{SERVICE_ACCOUNT}{name}".lower() for name in names(realm.get("clients"), "clientId"))}


def _flows(realm: Mapping[str, Tree]) -> Collection[str]:
    # An export has clients name their flows by id.
    ids = {str(flow["id"]) for flow in items(realm, "authenticationFlows") if flow.get("id")}
    return names(realm.get("authenticationFlows"), "alias") | ids | BUILT_IN_FLOWS


_WORDS: Final = {GROUP: "group", ROLE: "role", CLIENT_ROLE: "role", SCOPE: "scope", CLIENT: "client", USER: "user"}
SORTS: Final[Mapping[int, Sort]] = {
    GROUP: Sort("groups", lambda realm: {path for path, _ in paths_and_ids(realm.get("groups"))}),
    ROLE: Sort("roles", _roles),
    CLIENT_ROLE: Sort("roles", _ClientRoles, prune="clientRoles"),
    SCOPE: Sort("clientScopes", lambda realm: names(realm.get("clientScopes")) | BUILT_IN_SCOPES),
    CLIENT: Sort("clients", _clients, complete=False),
    USER: Sort("users", _users, complete=False),
    FLOW: Sort("authenticationFlows", _flows, complete=False),
    PROVIDER: Sort("identityProviders", lambda realm: names(realm.get("identityProviders"), "alias"), complete=False),
}


# ------------------------------------------------------------------ references


def _of_users(realm: Mapping[str, Tree]) -> Iterator[Reference]:
    for index, user in enumerate(items(realm, "users")):
        at: TreePath = ("users", index)
        for place, group in enumerate(as_list(user.get("groups"))):
            yield (*at, "groups", place), f"{_user(user)} is to be in the group", GROUP, group_path(group)
        if user.keys() & {"roles", "realmRoles", "clientRoles"}:
            yield from _roles_of(user, at, _user(user))
        for place, link in enumerate(map(as_dict, as_list(user.get("federatedIdentities")))):
            said = f"{_user(user)} has an identity at the provider"
            yield (*at, "federatedIdentities", place), said, PROVIDER, str(link.get("identityProvider"))


def _of_groups(realm: Mapping[str, Tree]) -> Iterator[Reference]:
    yield from _roles_of_groups(realm, ())
    for place, name in enumerate(as_list(realm.get("defaultGroups"))):
        yield ("defaultGroups", place), "defaultGroups names", GROUP, group_path(name)


def _of_organizations(realm: Mapping[str, Tree]) -> Iterator[Reference]:
    for index, organization in enumerate(items(realm, "organizations")):
        at: TreePath = ("organizations", index)
        called = _organization(organization)
        yield from _roles_of_groups(organization, at, of=f" of {called}")
        for place, member in enumerate(items(organization, "members")):
            yield (*at, "members", place), f"{called} is to have the member", USER, str(member.get("username")).lower()
        for place, provider in enumerate(items(organization, "identityProviders")):
            said = f"{called} is to have the identity provider"
            yield (*at, "identityProviders", place), said, PROVIDER, str(provider.get("alias"))


def _of_default_roles(realm: Mapping[str, Tree]) -> Iterator[Reference]:
    said = "everybody is to have the role"
    for place, role in enumerate(as_list(realm.get("defaultRoles"))):
        yield ("defaultRoles", place), said, ROLE, str(role)
    for index, client in enumerate(items(realm, "clients")):
        for place, role in enumerate(as_list(client.get("defaultRoles"))):
            yield ("clients", index, "defaultRoles", place), said, CLIENT_ROLE, f"{client.get('clientId')}/{role}"


def _of_composites(realm: Mapping[str, Tree]) -> Iterator[Reference]:
    section = as_dict(realm.get("roles"))
    lists: dict[TreePath, Tree] = {("roles", "realm"): section.get("realm")}
    lists |= {("roles", "client", client): own for client, own in as_dict(section.get("client")).items()}
    for at, roles in lists.items():
        for index, role in enumerate(map(as_dict, as_list(roles))):
            composites = as_dict(role.get("composites"))
            # The composites of a role are what a user has under other keys; so one reader serves both.
            inside = {"realmRoles": composites.get("realm"), "clientRoles": composites.get("client")}
            for (key, *rest), said, sort, name in _roles_of(inside, (), f"role `{role.get('name')}`"):
                own = "realm" if key == "realmRoles" else "client"
                yield (*at, index, "composites", own, *rest), said, sort, name


def _of_clients(realm: Mapping[str, Tree]) -> Iterator[Reference]:
    for index, client in enumerate(items(realm, "clients")):
        at: TreePath = ("clients", index)
        called = f"client `{client.get('clientId')}`"
        for key in ("defaultClientScopes", "optionalClientScopes"):
            for place, scope in enumerate(as_list(client.get(key))):
                yield (*at, key, place), f"{called} names the scope", SCOPE, str(scope)
        for key, flow in as_dict(client.get("authenticationFlowBindingOverrides")).items():
            if flow:
                yield (*at, "authenticationFlowBindingOverrides", key), f"{called} names the flow", FLOW, str(flow)
        yield from _of_protocol_mappers(client, at, called)


def _of_scopes(realm: Mapping[str, Tree]) -> Iterator[Reference]:
    for index, scope in enumerate(items(realm, "clientScopes")):
        yield from _of_protocol_mappers(scope, ("clientScopes", index), f"client scope `{scope.get('name')}`")
    for key in ("defaultDefaultClientScopes", "defaultOptionalClientScopes"):
        for place, name in enumerate(as_list(realm.get(key))):
            yield (key, place), f"{key} names the scope", SCOPE, str(name)


def _of_scope_mappings(realm: Mapping[str, Tree]) -> Iterator[Reference]:
    for index, mapping in enumerate(items(realm, "scopeMappings")):
        said = {"realmRoles": mapping.get("roles")}
        yield from _of_scope_mapping(mapping, ("scopeMappings", index), said)
    for client, mappings in as_dict(realm.get("clientScopeMappings")).items():
        for index, mapping in enumerate(map(as_dict, as_list(mappings))):
            said = {"clientRoles": {client: mapping.get("roles")}}
            yield from _of_scope_mapping(mapping, ("clientScopeMappings", client, index), said)


def _of_scope_mapping(mapping: Mapping[str, Tree], at: TreePath, roles: Mapping[str, Tree]) -> Iterator[Reference]:
    holder = str(mapping.get("client") or mapping.get("clientScope"))
    if mapping.get("client"):
        yield (*at, "client"), "a scope mapping names the client", CLIENT, holder
    elif mapping.get("clientScope"):
        yield (*at, "clientScope"), "a scope mapping names the scope", SCOPE, holder
    for (*_, place), said, sort, name in _roles_of(roles, (), f"the scope of `{holder}`"):
        yield (*at, "roles", place), said, sort, name


def _of_providers(realm: Mapping[str, Tree]) -> Iterator[Reference]:
    for index, provider in enumerate(items(realm, "identityProviders")):
        for key in ("firstBrokerLoginFlowAlias", "postBrokerLoginFlowAlias"):
            if provider.get(key):
                said = f"identity provider `{provider.get('alias')}` names the flow"
                yield ("identityProviders", index, key), said, FLOW, str(provider[key])
    for index, mapper in enumerate(items(realm, "identityProviderMappers")):
        at: TreePath = ("identityProviderMappers", index)
        if alias := mapper.get("identityProviderAlias"):
            said = f"mapper `{mapper.get('name')}` is of the identity provider"
            yield (*at, "identityProviderAlias"), said, PROVIDER, str(alias)
        yield from _of_mapper(realm, mapper, at, str(mapper.get("identityProviderMapper")))


def _of_flows(realm: Mapping[str, Tree]) -> Iterator[Reference]:
    for key in BOUND_FLOWS:
        if realm.get(key):
            yield (key,), f"{key} names the flow", FLOW, str(realm[key])
    for index, flow in enumerate(items(realm, "authenticationFlows")):
        for place, execution in enumerate(items(flow, "authenticationExecutions")):
            if alias := execution.get("flowAlias"):
                at = ("authenticationFlows", index, "authenticationExecutions", place, "flowAlias")
                yield at, f"flow `{flow.get('alias')}` names the flow", FLOW, str(alias)


def _of_federations(realm: Mapping[str, Tree]) -> Iterator[Reference]:
    for sort, components in as_dict(realm.get("components")).items():
        for index, component in enumerate(map(as_dict, as_list(components))):
            for inner, mappers in as_dict(component.get("subComponents")).items():
                for place, mapper in enumerate(map(as_dict, as_list(mappers))):
                    at = ("components", sort, index, "subComponents", inner, place)
                    yield from _of_mapper(realm, mapper, at, str(mapper.get("providerId")))


def _of_policies(realm: Mapping[str, Tree]) -> Iterator[Reference]:
    for index, client in enumerate(items(realm, "clients")):
        at: TreePath = ("clients", index, "authorizationSettings", "policies")
        settings = as_dict(client.get("authorizationSettings"))
        for place, policy in enumerate(items(settings, "policies")):
            config = as_dict(policy.get("config"))
            for key, name_of in _SUBJECTS.items():
                for each in listed(config.get(key)):
                    sort, name = name_of(each)
                    # An export may have ids in place of names; whose they are is known to the server alone.
                    if not is_id(name):
                        said = f"policy `{policy.get('name')}` names the {_WORDS[sort]}"
                        yield (*at, place, "config", key), said, sort, name


def _named(key: str, value: Tree) -> str:
    return str(as_dict(value).get(key) if isinstance(value, dict) else value)


def _role_named(value: Tree) -> tuple[int, str]:
    name = _named("id", value)
    return (CLIENT_ROLE if "/" in name else ROLE), name


def _group_named(value: Tree) -> tuple[int, str]:
    body = as_dict(value)
    name = str(body.get("path") or body.get("id")) if body else str(value)
    return GROUP, name if is_id(name) else group_path(name)


_SUBJECTS: Final[Mapping[str, Callable[[Tree], tuple[int, str]]]] = {
    "roles": _role_named,
    "groups": _group_named,
    "clients": lambda value: (CLIENT, str(value)),
    "users": lambda value: (USER, str(value).lower()),
    "clientScopes": lambda value: (SCOPE, _named("id", value)),
}
"""The settings that say what a policy is about, and how a name stands there."""


# ------------------------------------------------------------------ roles and mappers


def _roles_of_groups(
    holder: Mapping[str, Tree], path: TreePath, section: str = "groups", *, of: str = ""
) -> Iterator[Reference]:
    """Lists the roles of the groups of a realm, an organization or a group, at every depth."""
    for index, group in enumerate(items(holder, section)):
        at = (*path, section, index)
        yield from _roles_of(group, at, f"group `{group.get('name')}`{of}")
        yield from _roles_of_groups(group, at, "subGroups", of=of)


def _roles_of(holder: Mapping[str, Tree], path: TreePath, owner: str) -> Iterator[Reference]:
    said = f"{owner} is to have the role"
    for place, role in enumerate(as_list(holder.get("roles"))):
        realm_roles, client_roles = split_roles([role])
        yield from (((*path, "roles", place), said, ROLE, name) for name in realm_roles)
        for client, own in client_roles.items():
            yield from (((*path, "roles", place), said, CLIENT_ROLE, f"{client}/{name}") for name in own)
    for place, role in enumerate(as_list(holder.get("realmRoles"))):
        yield (*path, "realmRoles", place), said, ROLE, str(role)
    for client, roles in as_dict(holder.get("clientRoles")).items():
        for place, role in enumerate(as_list(roles)):
            yield (*path, "clientRoles", client, place), said, CLIENT_ROLE, f"{client}/{role}"


def _of_protocol_mappers(holder: Mapping[str, Tree], path: TreePath, of: str) -> Iterator[Reference]:
    for index, mapper in enumerate(items(holder, "protocolMappers")):
        client = as_dict(mapper.get("config")).get("included.client.audience")
        if mapper.get("protocolMapper") == "oidc-audience-mapper" and client:
            at = (*path, "protocolMappers", index, "config", "included.client.audience")
            yield at, f"mapper `{mapper.get('name')}` of {of} names the client", CLIENT, str(client)


_OF_MAPPERS: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        (
            "keycloak-oidc-role-to-role-idp-mapper",
            "oidc-advanced-role-idp-mapper",
            "oidc-hardcoded-role-idp-mapper",
            "oidc-role-idp-mapper",
            "saml-advanced-role-idp-mapper",
            "saml-role-idp-mapper",
            "hardcoded-ldap-role-mapper",
        ),
        "role",
    ),
    **dict.fromkeys(
        (
            "oidc-advanced-group-idp-mapper",
            "oidc-hardcoded-group-idp-mapper",
            "saml-advanced-group-idp-mapper",
            "hardcoded-ldap-group-mapper",
        ),
        "group",
    ),
}
"""Mappers that give a role or a group to users, by the setting that names it; the server takes any name (26.7)."""


def _of_mapper(realm: Mapping[str, Tree], mapper: Mapping[str, Tree], path: TreePath, sort: str) -> Iterator[Reference]:
    key = _OF_MAPPERS.get(sort)
    value = as_dict(mapper.get("config")).get(key) if key else None
    name = value[0] if isinstance(value, list) and value else value
    if not isinstance(name, str) or not name:
        return
    said, at = f"mapper `{mapper.get('name')}` gives the {key}", (*path, "config", str(key))
    if key == "group":
        yield at, said, GROUP, group_path(name)
    # A name with a dot may be a role of the realm, or CLIENT.ROLE; a declared role decides.
    elif "." not in name or name in _roles(realm):
        yield at, said, ROLE, name
    else:
        yield at, said, CLIENT_ROLE, _role_of_a_client(realm, name)


def _role_of_a_client(realm: Mapping[str, Tree], name: str) -> str:
    """A role as mappers write it, ``client.role``; a client's name may have dots as well."""
    parts = name.split(".")
    splits = [(".".join(parts[:number]), ".".join(parts[number:])) for number in range(1, len(parts))]
    known = _clients(realm)
    client, role = next((each for each in splits if each[0] in known), splits[-1])
    return f"{client}/{role}"


# ------------------------------------------------------------------ names within one object


def _inside_organizations(realm: Mapping[str, Tree]) -> Iterator[Missing]:
    for index, organization in enumerate(items(realm, "organizations")):
        groups = list(paths_and_ids(organization.get("groups")))
        declared, ids = {path for path, _ in groups}, {group_id for _, group_id in groups if group_id}
        for number, member in enumerate(items(organization, "members")):
            said = f"member `{member.get('username')}` of {_organization(organization)} is to be in its group"
            for place, name in enumerate(as_list(member.get("groups"))):
                if name not in ids and group_path(name) not in declared:
                    at: TreePath = ("organizations", index, "members", number, "groups", place)
                    yield Missing(at, said, group_path(name), declared, is_sure="groups" in organization)


def _inside_authorization(realm: Mapping[str, Tree]) -> Iterator[Missing]:
    """Names of resources, scopes and policies; the resources and scopes of administrators' permissions are built in."""
    for index, client in enumerate(items(realm, "clients")):
        at: TreePath = ("clients", index, "authorizationSettings")
        settings = as_dict(client.get("authorizationSettings"))
        is_own = client.get("clientId") != ADMIN_PERMISSIONS_CLIENT
        for path, said, section, name in _in_settings(settings, is_own=is_own):
            declared = {*names(settings.get(section)), *_ids(settings.get(section))}
            if name not in declared:
                yield Missing((*at, *path), said, name, declared, is_sure=section in settings)


def _in_settings(settings: Mapping[str, Tree], *, is_own: bool) -> Iterator[tuple[TreePath, str, str, str]]:
    for place, policy in enumerate(items(settings, "policies")):
        config = as_dict(policy.get("config"))
        at: TreePath = ("policies", place, "config")
        for key, (section, verb) in _OWN.items():
            if is_own or key == "applyPolicies":
                for name in listed(config.get(key)):
                    yield (*at, key), f"policy `{policy.get('name')}` {verb}", section, str(name)
    if "scopes" not in settings:
        return  # the server makes those that a resource names
    for place, resource in enumerate(items(settings, "resources")):
        for number, scope in enumerate(as_list(resource.get("scopes"))):
            if isinstance(scope, str) or as_dict(scope).get("name"):
                said = f"resource `{resource.get('name')}` has the scope"
                yield ("resources", place, "scopes", number), said, "scopes", _named("name", scope)


_OWN: Final = {
    "applyPolicies": ("policies", "applies"),
    "resources": ("resources", "is for the resource"),
    "scopes": ("scopes", "is for the scope"),
}
"""The settings by which a policy names others of the same client: where these are, and the verb."""


def _ids(section: Tree) -> Iterable[str]:
    return (str(each[key]) for each in map(as_dict, as_list(section)) for key in ("_id", "id") if each.get(key))


def listed(value: Tree) -> list[Tree]:
    """A list that may be written as a text of JSON; empty where it is none, which is another mistake."""
    if not isinstance(value, str):
        return as_list(value)
    try:
        return as_list(json.loads(value))
    except ValueError:
        return []


def ill_formed_policies(realm: Realm) -> Iterator[Finding]:
    """Lists settings of policies that have to be lists and are none, and those that the server drops."""
    for index, client in enumerate(items(realm.merged, "clients")):
        settings = as_dict(client.get("authorizationSettings"))
        for place, policy in enumerate(items(settings, "policies")):
            at: TreePath = ("clients", index, "authorizationSettings", "policies", place)
            yield from (Finding((*at, *path), said, code=SCHEMA) for path, said in _ill_formed(policy))


def _ill_formed(policy: Mapping[str, Tree]) -> Iterator[tuple[TreePath, str]]:
    called, config = f"policy `{policy.get('name')}`", as_dict(policy.get("config"))
    if "type" in policy and policy["type"] in (None, ""):
        yield ("type",), f"{called} needs a type, such as `role`, or `scope` for a permission"
    known = POLICY_SETTINGS.get(str(policy.get("type")), config)
    for key, value in config.items():
        if key not in known:
            hint = suggestion(key, known) or f"; it has {', '.join(f'`{each}`' for each in known)}"
            said = f"{called} of type `{policy['type']}` has no setting `{key}`, which Keycloak would drop{hint}"
            yield ("config", key), said
        elif key in LISTS_OF_POLICIES and value not in (None, "") and not _is_list(value):
            yield ("config", key), f'`{key}` of {called} must be a list, or a text of JSON with one, such as `["a"]`'


def _is_list(value: Tree) -> bool:
    if not isinstance(value, str):
        return isinstance(value, list)
    try:
        return isinstance(json.loads(value), list)
    except ValueError:
        return False


def _organization(organization: Mapping[str, Tree]) -> str:
    return f"organization `{organization.get('alias', organization.get('name'))}`"


def _user(user: Mapping[str, Tree]) -> str:
    return f"user `{user.get('username', user.get('email'))}`"


_REFERENCES: Final[Mapping[Callable[[Mapping[str, Tree]], Iterator[Reference]], bool]] = {
    _of_users: True,
    _of_groups: True,
    _of_organizations: True,
    _of_default_roles: True,
    _of_composites: False,
    _of_clients: True,
    _of_scopes: True,
    _of_scope_mappings: False,
    _of_providers: True,
    _of_flows: True,
    _of_federations: True,
    _of_policies: True,
}
"""Functions that list references, and whether a declared section is expected to have all that these name."""
