"""A whole realm as one representation, for `export` and `access`; and what a new realm looks like on this server."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final
from urllib.parse import quote

from reconciler.core.message.errors import (
    Conflict,
    Denied,
    NoLogin,
    NotThere,
    ProviderError,
    Rejected,
    Throttled,
    Unreachable,
)
from reconciler.core.message.wording import listed
from reconciler.core.provider import LiveRealm, Sample
from reconciler.core.resource.resource import Resource
from reconciler.providers.keycloak.access.grants import MEMBERSHIPS
from reconciler.providers.keycloak.kinds import admin_permissions, client, user_profile
from reconciler.providers.keycloak.kinds.user import KIND as USERS
from reconciler.providers.keycloak.read.organizations import of_users, organizations, with_everybody
from reconciler.providers.keycloak.read.users import IN_FULL, People
from reconciler.providers.keycloak.read.whole import Shown, needing, shown
from reconciler.providers.keycloak.registry import KINDS
from reconciler.providers.keycloak.table.connection import BASE, WHOLE_EXPORT, Connection, Representation
from reconciler.providers.keycloak.table.nearest import meant
from reconciler.providers.keycloak.table.properties import DIGESTS
from reconciler.record import replace
from reconciler.vocabulary.keycloak import (
    CLIENT,
    CLIENT_ROLE,
    GROUP,
    ORGANIZATION,
    ORGANIZATION_GROUPS,
    ROLE,
    USER,
    WORKFLOW,
)

_MOST_REALMS: Final = 10
_OF_ACCESS: Final = (CLIENT, CLIENT_ROLE, GROUP, ROLE)
"""The types of which an account must see all objects to tell who has access."""


def live_realm(
    connection: Connection, realm: str, *, with_secrets: bool = False, sleep: Callable[[float], None] = time.sleep
) -> LiveRealm:
    """The realm, with what tells the defaults: a new realm, and in it a client of each sort that the realm has.

    An account that may make no realm gets the defaults as well, and a remark.
    """
    found, remarks = _whole(connection, realm)
    shown_as = {**found, "clients": _with_secrets(connection, realm, found)} if with_secrets else found
    asked = client.samples(found.get("clients") or ())
    try:
        new = new_realm(
            connection,
            realm,
            clients=[each.asked for each in asked],
            users=[_SAMPLE_USER] if found.get("users") else [],
            with_profile=user_profile.SECTION in found,
            sleep=sleep,
        )
    except NoLogin:
        raise
    except Denied:
        return LiveRealm(shown_as, {}, remarks=(*remarks, _NO_NEW))
    # The samples were made for comparison, and must not look like clients that each new realm has.
    made = {str(each["clientId"]): each for each in new.get("clients") or ()}
    clients = [replace(each, made=made.pop(str(each.asked["clientId"]), {})) for each in asked]
    users = _user_samples(found, new, asked)
    samples = {"clients": [each for each in clients if each.made], "users": list(users)}
    return LiveRealm(shown_as, {**new, "clients": list(made.values()), "users": []}, samples, remarks)


_OF_CLIENT: Final = "serviceAccountClientId"
_SAMPLE_USER: Final = {"username": "reconcile-sample"}
_NO_NEW: Final = (
    "the account may make no realm to tell what is default, so defaults are printed as well; an account with the role "
    "create-realm of master has them left out"
)


def _user_samples(live: Representation, new: Representation, clients: Sequence[Sample]) -> Iterator[Sample]:
    """A user as the server makes one; and for each service account that of a client like its own."""
    made = {each.get(_OF_CLIENT): each for each in new.get("users") or ()}
    if None in made:
        yield Sample(_SAMPLE_USER, {_OF_CLIENT: None}, made[None])
    for own in live.get("clients") or ():
        like = next((each for each in clients if all(own.get(key) == value for key, value in each.like.items())), None)
        if like and like.asked["clientId"] in made:
            asked = like.asked["clientId"]
            yield Sample({_OF_CLIENT: asked}, {_OF_CLIENT: own["clientId"]}, made[asked])


def _with_secrets(connection: Connection, realm: str, found: Representation) -> list[Representation]:
    """The clients with the secrets that the list of clients shows in the clear, and an export masks."""
    with needing("view-clients", realm):
        listed = connection.get(f"{BASE.format(realm=quote(realm, safe=''))}/clients")
    secret = {each["clientId"]: each.get("secret") for each in listed}
    # Only where the export shows a mask: a client without a secret gets none.
    return [
        {**each, "secret": secret[each["clientId"]]} if each.get("secret") and secret.get(each["clientId"]) else each
        for each in found.get("clients") or ()
    ]


def whole(connection: Connection, realm: str) -> dict[str, Any]:
    """The realm with its users, organizations and workflows; secrets are masked, as in the server's own export."""
    return _whole(connection, realm)[0]


def _whole(connection: Connection, realm: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The whole realm, with remarks on what an account that may only look does not see of it."""
    base, seen = _exported(connection, realm)
    hidden = _Hidden(seen)
    found = seen.body
    flows = {flow["id"]: flow["alias"] for flow in found.get("authenticationFlows") or ()}
    made = {
        **found,
        "attributes": {key: part for key, part in (found.get("attributes") or {}).items() if key != DIGESTS},
        **hidden.unless(ORGANIZATION, lambda: _organizations(connection, base, realm, found)),
        **hidden.unless(WORKFLOW, lambda: _workflows(connection, base, realm, found)),
        **user_profile.exported(found),
        "clients": [client.with_flow_names(each, flows) for each in found.get("clients") or ()],
        **hidden.unless(USER, lambda: {"users": list(_users(connection, base, found))}),
    }
    made["clients"] = admin_permissions.exported(connection, base, made)
    # Empty sections say nothing, and would only lengthen a file.
    return {key: value for key, value in made.items() if value not in (None, [], {})}, hidden.remarks()


class _Hidden:
    """The types that an account which may only look does not see, each with a reason."""

    def __init__(self, seen: Shown) -> None:
        self._by_parts, self._reasons = seen.by_parts, dict(seen.unread)

    def unless(self, kind: str, read: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
        """The objects of a type; nothing, and a remark, where they are refused to such an account."""
        try:
            return read()
        except Denied as error:
            if not self._by_parts:
                raise
            self._reasons[kind] = str(error.args[0])
            return {}

    def remarks(self) -> tuple[str, ...]:
        return tuple(
            f"{kind.partition('.')[2].replace('-', ' ')}: can't be read, and is left out: {reason}"
            for kind, reason in sorted(self._reasons.items())
        )


def _users(connection: Connection, base: str, export: Representation) -> Iterator[Representation]:
    """All users, service accounts among them, without the default role, which everybody has."""
    default = (export.get("defaultRole") or {}).get("name")
    asked = {*MEMBERSHIPS, *IN_FULL, *(["federatedIdentities"] if export.get("identityProviders") else [])}
    people = People(connection, base, {}, True, export, frozenset(asked)).read()  # noqa: FBT003
    for each in (*(export.get("users") or ()), *people):
        yield {**each, "realmRoles": [role for role in each.get("realmRoles") or () if role != default]}


def realm_of_roles(connection: Connection, realm: str) -> Representation:
    """The realm with its clients, groups and roles, and without users; raises ProviderError if there is none."""
    return _exported(connection, realm)[1].require(*_OF_ACCESS)


def realm_of_access(connection: Connection, realm: str, users: Collection[str] = ()) -> Representation:
    """As much of the realm as access follows from, with these users or all; raises NotThere if there is none."""
    base, seen = _exported(connection, realm)
    found = seen.require(*_OF_ACCESS)
    wanted = {name.lower(): Resource(USERS.address(realm, (name.lower(),)), {}) for name in users}
    people = People(connection, base, wanted, not users, found, frozenset(MEMBERSHIPS))
    with needing("view-users", realm):
        read = tuple(people.read())
    with needing(KINDS[ORGANIZATION].reading.shown_to, realm):
        inside = _organizations_of(connection, base, found, {each["username"]: each["id"] for each in read}, users)
    return {**found, "users": [*(found.get("users") or ()), *read], "organizations": inside}


def _organizations_of(
    connection: Connection, base: str, export: Representation, ids: Mapping[str, str], users: Collection[str]
) -> list[Representation]:
    """The organizations with who is in their groups; of these users only, where there are some."""
    if not export.get("organizationsEnabled"):
        return []
    if users:
        return list(of_users(connection, base, ids))
    return [with_everybody(connection, base, body) for body in organizations(connection, base)]


def _exported(connection: Connection, realm: str) -> tuple[str, Shown]:
    base = BASE.format(realm=quote(realm, safe=""))
    found = shown(connection, realm)
    if found is None:
        raise NotThere(f"there is no realm `{realm}`{_known(connection, realm)}")
    return base, found


def _known(connection: Connection, realm: str) -> str:
    """The realms that the account may see, and the one that was most likely meant."""
    with suppress(ProviderError):
        found = sorted(each["realm"] for each in connection.get("admin/realms?briefRepresentation=true"))
        names = f"; the realms are: {listed(found, _MOST_REALMS)}" if found else ""
        return f"{meant(realm, found)}{names}"
    return ""


def _organizations(connection: Connection, base: str, realm: str, export: Representation) -> Mapping[str, Any]:
    kind = KINDS[ORGANIZATION]
    if not export.get("organizationsEnabled") or kind.reading.more is None:
        return {}
    found = kind.reading.more(connection, base, export, ())["organizations"]
    # Named in the wish, as members are only read for organizations that declare them.
    lists = {"members": (), "identityProviders": ()}
    wanted = [Resource(kind.address(realm, (body["alias"],)), lists) for body in found]
    read = kind.reading.more(connection, base, export, wanted)
    with_groups = _with_groups(connection, base, realm, {**export, **read})
    return {"organizations": [_organization(body) for body in with_groups]}


def _with_groups(connection: Connection, base: str, realm: str, read: Representation) -> Iterable[Representation]:
    """The organizations with all of their groups, and each member with its own."""
    kind = KINDS[ORGANIZATION_GROUPS]
    wanted = [
        Resource(
            kind.address(realm, (body["alias"],)),
            {"groups": (), "members": tuple({"username": each["username"], "groups": ()} for each in body["members"])},
        )
        for body in read["organizations"]
    ]
    found: Iterable[Representation] = (
        kind.reading.more(connection, base, read, wanted)["organizations"] if kind.reading.more else ()
    )
    return found


def _organization(body: Representation) -> Representation:
    """The form of an organization in a file: names of members and providers, and the members' groups."""
    return {
        **body,
        "members": [
            {name: each[name] for name in ("username", "groups") if each.get(name)} for each in body["members"]
        ],
        "identityProviders": [{"alias": each["alias"]} for each in body["identityProviders"]],
    }


def _workflows(connection: Connection, base: str, realm: str, export: Representation) -> Mapping[str, Any]:
    kind = KINDS[WORKFLOW]
    with needing(kind.right, realm):
        return kind.reading.more(connection, base, export, ()) if kind.reading.more else {}


def new_realm(
    connection: Connection,
    realm: str,
    *,
    clients: Sequence[Mapping[str, Any]] = (),
    users: Sequence[Mapping[str, Any]] = (),
    with_profile: bool = False,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """A realm as this server makes it, under the name of another; it is there for a moment, and gone again.

    These clients and users are made in it, as far as the server takes them.
    """
    name = f"reconcile-{secrets.token_hex(6)}"
    try:
        connection.create("admin/realms", {"realm": name, "enabled": True})
        # A token has the roles of its issue; without a new one the account has none in the new realm.
        connection.login()
        _make(connection, name, clients=clients, users=users)
        found = connection.ask(f"admin/realms/{name}/{WHOLE_EXPORT}")
        if users:
            found = {**found, "users": list(_users(connection, f"admin/realms/{name}", found))}
        if with_profile:
            found = {**found, user_profile.SECTION: connection.get(f"admin/realms/{name}/users/profile")}
    except (Unreachable, Throttled):  # its creation may be under way
        _take_away(connection, name, _PAUSES_S, sleep)
        raise
    except BaseException:
        _take_away(connection, name, (), sleep)
        raise
    connection.delete(f"admin/realms/{name}")
    # The name of the realm stands in addresses and descriptions, too.
    made: dict[str, Any] = json.loads(json.dumps(found).replace(name, realm))
    return made


def _make(connection: Connection, realm: str, **objects: Sequence[Mapping[str, Any]]) -> None:
    """Makes objects by the sections that they stand in."""
    for section, asked in objects.items():
        for each in asked:
            # An object that this server does not take has no defaults worth knowing.
            with suppress(Rejected, Conflict):
                connection.create(f"admin/realms/{realm}/{section}", each)


_PAUSES_S: Final = (1.0, 2.0, 4.0)


def _take_away(connection: Connection, name: str, pauses: Sequence[float], sleep: Callable[[float], None]) -> None:
    """Delete a realm by its name, also where it comes into being only now."""
    # A creation whose answer was lost may still be under way, and be done after the first try.
    for pause_s in (0.0, *pauses):
        if pause_s:
            sleep(pause_s)
        with suppress(ProviderError):
            connection.delete(f"admin/realms/{name}")
            return
