"""Users, and the service accounts of clients, which are users that Keycloak makes itself.

``attributes`` are managed by declared key: users and federation write there, too. An empty map says that there
must be none. Groups and roles are exact, but for the default roles that everybody has. Passwords cannot be read
back; they are set when the user is created and not looked at again, except where `ensure` says so (password.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from reconciler.core.difference.kind import Field
from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Observed, Resource
from reconciler.core.resource.values import ABSENT, Path, Spec, Value
from reconciler.providers.keycloak.kinds.group import ROLE_LINKS, group, paths
from reconciler.providers.keycloak.kinds.password import INITIAL
from reconciler.providers.keycloak.table.connection import BASE, Representation, View
from reconciler.providers.keycloak.table.groups import (
    Builtins,
    Creation,
    Dependencies,
    Paths,
    Pruning,
    Put,
    Requirements,
)
from reconciler.providers.keycloak.table.kind import Item, Links, Parts, RestKind
from reconciler.providers.keycloak.table.properties import (
    Property,
    as_list_map,
    as_name_map,
    as_names,
    as_secret,
    as_text,
    by,
    declared_keys_or_none,
    flag,
    names,
    only_on_creation,
    text,
)
from reconciler.vocabulary.accepted import DEFAULT_PROFILE, broken_validation
from reconciler.vocabulary.keycloak import (
    CLIENT,
    COMPONENT,
    DEFAULT_GROUPS,
    IDENTITY_PROVIDER,
    REALM,
    REQUIRED_ACTION,
    SERVICE_ACCOUNT,
    USER,
    USER_PROFILE,
)

_SERVICES: Final = "authorizationServicesEnabled"  # these need a service account
_ACTIONS: Final = "requiredActions"
_UPDATE_PASSWORD: Final = "UPDATE_PASSWORD"  # noqa: S105 (a required action)
_LOCALE: Final = "locale"  # dropped without a word by a realm that has no languages, whatever its policy (26.7)
_READ_ONLY: Final = frozenset(
    {"createtimestamp", "created_timestamp", "kerberos_principal", "ldap_entry_dn", "ldap_id", "modifytimestamp"}
)
"""Attributes that no administrator may set, whatever the profile says, in any spelling (26.7)."""
_ALL: Final = "first=0&max=100000&briefRepresentation=true"
_FLAG: Final = flag()
_IDENTITY: Final = {"userId": text(), "userName": text()}
_identities: Final = by("identityProvider")
_CREDENTIAL_KEYS: Final = ("type", "value", "temporary", "userLabel", "secretData", "credentialData", "priority")


def _lower(value: Value) -> Value:
    """The server stores names and e-mail addresses in lower case."""
    value = as_text(value)
    return value.lower() if isinstance(value, str) else value


def _credentials(value: Value) -> Value:
    """The credentials as a POST takes them: those that are set once, when the user is created."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        return ABSENT
    once = (each for each in value if isinstance(each, Mapping) and each.get("ensure", INITIAL) == INITIAL)
    return tuple(map(_credential, once)) or ABSENT


def _credential(credential: Mapping[str, Value]) -> Mapping[str, Value]:
    known = {key: part for key, part in credential.items() if key in _CREDENTIAL_KEYS}
    return known | {key: as_secret(known[key]) for key in ("value", "secretData") if key in known}


def service_account_of(client_id: str) -> str:
    """The name of the user that acts for a client."""
    return SERVICE_ACCOUNT + client_id.lower()


def _users(realm: Representation) -> Iterator[Item]:
    accounts = {item.keys: item for item in _service_accounts(realm)}
    left = {service_account_of(client["clientId"]) for client in realm.get("clients") or () if _acts_for_none(client)}
    for index, body in enumerate(realm.get("users") or ()):
        keys = (str(body["username"]).lower(),)
        # A service account may be declared at its client, among the users, or in both places.
        account = accounts.pop(keys, None)
        if keys[0] not in left:
            yield Item(keys, ("users", index), {**account.body, **body} if account else body)
    yield from accounts.values()


def _acts_for_none(client: Representation) -> bool:
    """Returns whether the client is to have no service account: exports keep the one that it once had."""
    said = {name: _FLAG.normal(client[name]) for name in ("serviceAccountsEnabled", _SERVICES) if name in client}
    return said.get("serviceAccountsEnabled") is False and not said.get(_SERVICES)


def _service_accounts(realm: Representation) -> Iterator[Item]:
    """The service accounts declared in clients, as the users that they are."""
    for index, client in enumerate(realm.get("clients") or ()):
        roles = client.get("serviceAccountRoles")
        if roles is not None:
            named = {"realmRoles": roles.get("realm"), "clientRoles": roles.get("clients")}
            body = {name: value for name, value in named.items() if value is not None}
            body["serviceAccountClientId"] = client["clientId"]
            yield Item((service_account_of(client["clientId"]),), ("clients", index, "serviceAccountRoles"), body)


def _needs(realm: str, spec: Spec) -> Iterable[Address]:
    """The profile, without which attributes are dropped, the default groups, the client it acts for, and its logins."""
    yield Address(USER_PROFILE, (realm,))
    yield Address(DEFAULT_GROUPS, (realm,))
    client_id = spec.get("serviceAccountClientId")
    if isinstance(client_id, str):
        yield Address(CLIENT, (realm, client_id))
    for alias in _identities(spec.get("federatedIdentities", ())):
        yield Address(IDENTITY_PROVIDER, (realm, alias))


def _arises(path: Path) -> bool:
    return path[-1].startswith(SERVICE_ACCOUNT)


def _adjust(desired: Resource, observed: Observed, expected: dict[str, Value]) -> Mapping[str, Value]:
    """Let stay what the server gives by itself: roles, and the duty to change a temporary password."""
    realm, name = desired.address.path
    default = f"default-roles-{realm}".lower()
    if (
        _ACTIONS in expected
        and _is_temporary(desired.spec)
        and _UPDATE_PASSWORD in as_names(observed.spec.get(_ACTIONS))
    ):
        expected[_ACTIONS] = _with_duty(expected[_ACTIONS])
    # Each user gets the default role, also one whose roles are declared without it.
    if "realmRoles" in expected and default in as_names(observed.spec.get("realmRoles")):
        expected["realmRoles"] = as_names((*as_names(expected["realmRoles"]), default))
    if "clientRoles" in expected and _arises((name,)):
        live = as_name_map(observed.spec.get("clientRoles"))
        # A service account of a client with authorization gets this role from the server.
        own = {client: ("uma_protection",) for client, roles in live.items() if "uma_protection" in as_names(roles)}
        declared = as_name_map(expected["clientRoles"])
        expected["clientRoles"] = {
            **declared,
            **{client: as_names((*as_names(declared.get(client)), *roles)) for client, roles in own.items()},
        }
    return expected


def _imported(realm: str, body: Mapping[str, Value]) -> Mapping[str, Value]:
    """The part that a POST derives from the body and an import does not (26.7): default roles."""
    roles = as_names((*as_names(body.get("realmRoles")), f"default-roles-{realm}".lower()))
    return {**body, "realmRoles": roles}


def _inherits(view: View, address: Address, body: Mapping[str, Value]) -> Mapping[str, Value]:
    """The part that a POST takes from the realm and an import does not (26.7), unless the body speaks of it.

    That are the default groups, the actions that everybody has to do, and the duty to change a temporary password.
    """
    base = BASE.format(realm=quote(address.path[0], safe=""))
    # An import bypasses what Keycloak does for a new user, so these are sent along.
    groups = _listed_at(view, f"{base}/default-groups")
    actions = _listed_at(view, f"{base}/authentication/required-actions")
    own: dict[str, Value] = {
        "groups": tuple(each["path"] for each in groups),
        _ACTIONS: tuple(each["alias"] for each in actions if each.get("enabled") and each.get("defaultAction")),
    }
    found = {**{name: value for name, value in own.items() if value}, **body}
    return {**found, _ACTIONS: _with_duty(found.get(_ACTIONS))} if _is_temporary(body) else found


def _listed_at(view: View, path: str) -> Sequence[Representation]:
    found = view.once(path)
    return found if isinstance(found, list) else ()


def _is_temporary(spec: Spec) -> bool:
    """Returns whether the user gets a temporary password, which Keycloak makes the user change."""
    credentials = spec.get("credentials")
    found = _credentials(credentials if credentials is not None else ABSENT)
    return found is not ABSENT and any(_FLAG.normal(each.get("temporary")) is True for each in found)  # type: ignore[union-attr]  # a tuple of maps


def _with_duty(actions: Value) -> tuple[Value, ...]:
    return as_names((*as_names(actions), _UPDATE_PASSWORD))


def _is_of_others(user: Representation) -> bool:
    """Service accounts go with their clients, federated users belong to another directory."""
    return str(user["username"]).startswith(SERVICE_ACCOUNT) or bool(user.get("federationLink"))


def _refused(view: View, address: Address, body: Mapping[str, Value]) -> str:
    """Explains what of this body the server would refuse in other words, or drop without any (26.7)."""
    base = BASE.format(realm=quote(address.path[0], safe=""))
    found = (_named_by_address(view.once, base, address.name, body), *(rule(view.once, base, body) for rule in _RULES))
    return "; ".join(filter(None, found))


def _named_by_address(read: Callable[[str], Any], base: str, name: str, body: Mapping[str, Value]) -> str:
    """The realm takes the address for the name, and gives another one to a user who is there already (26.7)."""
    email = body.get("email")
    if not isinstance(email, str) or email.lower() == name or name.startswith(SERVICE_ACCOUNT):
        return ""
    realm = read(base)
    if not isinstance(realm, Mapping) or _FLAG.normal(realm.get("registrationEmailAsUsername", ABSENT)) is not True:
        return ""
    return (
        f"the realm has `registrationEmailAsUsername: true`, so Keycloak would name user `{name}` by the address "
        f"`{email}`; leave the username out, or set that to false in the realm"
    )


def _breaks_profile(view: View, address: Address, body: Mapping[str, Value]) -> str:
    """Explains which validations of the realm's user profile a user breaks.

    The profile is read where a value breaks that of a new realm, or where it is needed anyway.
    """
    attributes = body.get("attributes")
    own = attributes if isinstance(attributes, Mapping) else {}
    # Names and addresses have rules in every realm; their breach shows without a request.
    given = {name: (body[name],) for name in DEFAULT_PROFILE if name in body}
    if not own and not list(_broken(DEFAULT_PROFILE, given)):
        return ""
    profile = view.once(f"{BASE.format(realm=quote(address.path[0], safe=''))}/users/profile")
    found = profile.get("attributes") if isinstance(profile, Mapping) else ()
    rules = {each["name"]: each.get("validations") or {} for each in found or ()}
    broken = "; ".join(_broken(rules, {**given, **own}))
    return f"{broken}, by the user profile of the realm" if broken else ""


def _broken(rules: Mapping[str, Any], values: Mapping[str, Any]) -> Iterator[str]:
    for name, several in values.items():
        for value in several if isinstance(several, Sequence) and not isinstance(several, str) else ():
            if isinstance(value, str) and (said := broken_validation(rules.get(name, {}), value)):
                yield f"the {name} `{value}` {said}"


def _attributes_refused(read: Callable[[str], Any], base: str, body: Mapping[str, Value]) -> str:
    attributes = body.get("attributes")
    if not isinstance(attributes, Mapping) or not attributes:
        return ""
    if fixed := sorted(
        name for name, value in attributes.items() if name.lower() in _READ_ONLY and value is not ABSENT
    ):
        what = "it for itself; leave it out" if len(fixed) == 1 else "them for itself; leave them out"
        return f"{_listed(fixed)} can't be set, as Keycloak keeps {what}"
    profile = read(f"{base}/users/profile")
    if not isinstance(profile, Mapping):
        return ""
    # With languages in the realm, `locale` is an attribute that no profile has to name.
    has_languages = _LOCALE in attributes and bool(read(base).get("internationalizationEnabled"))
    return unknown_attributes(profile, attributes, known=(_LOCALE,) if has_languages else ())


def _actions_refused(read: Callable[[str], Any], base: str, body: Mapping[str, Value]) -> str:
    """A POST or a PUT drops unknown actions, and an import takes them."""
    asked = [str(name) for name in as_names(body.get(_ACTIONS))]
    if not asked:
        return ""
    found = read(f"{base}/authentication/required-actions")
    known = {each["alias"] for each in found} if isinstance(found, Sequence) else set(asked)
    if unknown := [name for name in asked if name not in known]:
        # Names of required actions are compared by case, so the wrong case is the likely mistake.
        folded = {each.lower(): each for each in known}
        meant = [f"`{folded[name.lower()]}`" for name in unknown if name.lower() in folded]
        hint = f"did you mean {', '.join(meant)}?" if meant else "declare it under requiredActions, or leave it out"
        return f"the realm has no required action {_listed(unknown)}, so Keycloak would drop it without a word; {hint}"
    return ""


def _identities_refused(read: Callable[[str], Any], base: str, body: Mapping[str, Value]) -> str:
    """A link to nowhere is accepted and never shown, so a second one is refused as a double."""
    asked = _identities(body.get("federatedIdentities", ()))
    if not asked:
        return ""
    found = read(f"{base}/identity-provider/instances?{_ALL}")
    known = {each["alias"] for each in found} if isinstance(found, Sequence) else set(asked)
    unknown = [alias for alias in asked if alias not in known]
    return f"the realm has no identity provider {_listed(unknown)}; declare it, or leave it out" if unknown else ""


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


_RULES: Final = (_attributes_refused, _actions_refused, _identities_refused)


def unknown_attributes(profile: Mapping[str, Any], attributes: Mapping[str, Value], known: Iterable[str] = ()) -> str:
    """The message about attributes that the profile does not let an administrator write, "" if none."""
    known = {*known, *(attribute["name"] for attribute in profile.get("attributes") or ())}
    unknown = sorted(name for name, value in attributes.items() if name not in known and value is not ABSENT)
    if _LOCALE in unknown:
        return (
            "the realm has no languages, so Keycloak would drop the attribute `locale` without a word; set "
            "`internationalizationEnabled: true` in the realm, or declare the attribute in its user profile"
        )
    if not unknown or profile.get("unmanagedAttributePolicy") in ("ENABLED", "ADMIN_EDIT"):
        return ""
    return (
        f"the realm's user profile has no attribute {_listed(unknown)}, so Keycloak would "
        "drop it without a word; add it to the profile, or let administrators set any with "
        "`userProfile: {unmanagedAttributePolicy: ADMIN_EDIT}` in the realm"
    )


KIND: Final = RestKind(
    name=USER,
    key="username",
    keeps_data=True,
    properties={
        "email": text(_lower),
        "emailVerified": flag(),
        "enabled": flag(),
        "firstName": text(),
        "lastName": text(),
        "attributes": Property(Field(normalise=as_list_map), complete=declared_keys_or_none, unset={}, whole=True),
        "requiredActions": names(),
        "credentials": only_on_creation(_credentials),
        "groups": Property(Field(normalise=paths), unset=()),
        "realmRoles": names(),
        "clientRoles": Property(Field(normalise=as_name_map), unset={}),
        "federatedIdentities": Property(Field(normalise=_identities), unset=()),
    },
    objects=_users,
    paths=Paths(
        item=f"{BASE}/users/{{id}}",
        find=f"{BASE}/users?username={{name}}&exact=true&briefRepresentation=true",
        collections={REALM: f"{BASE}/users"},
    ),
    right="manage-users",
    links={"groups": Links("groups/{target}", group, in_creation=True), **ROLE_LINKS},
    parts={"federatedIdentities": Parts("federated-identity", "identityProvider", _IDENTITY, named=True)},
    adjust=_adjust,
    vital=frozenset({"enabled", "groups", "realmRoles", "clientRoles"}),
    put=Put(
        # A PUT replaces the profile: what it leaves out of these is erased, whatever it is about.
        always=("username", "email", "firstName", "lastName", "attributes")
    ),
    creation=Creation(
        defaults={"enabled": True},  # the server's own default is a user who can't log in
        imported=_imported,
        inherits=_inherits,
    ),
    builtins=Builtins(arises=_arises),
    pruning=Pruning(section="users", keeps=_is_of_others),
    dependencies=Dependencies(uses=_needs, behind=(REQUIRED_ACTION, COMPONENT)),
    requirements=Requirements(refuses=_refused, rejects=_breaks_profile),
)
