"""A whole realm as one representation, for `export` and `access`; and what a new realm looks like on this server."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final
from urllib.parse import quote

from reconciler.core.message.errors import Conflict, NotThere, ProviderError, Rejected, Throttled, Unreachable
from reconciler.core.message.wording import listed
from reconciler.core.provider import LiveRealm
from reconciler.core.resource.resource import Resource
from reconciler.core.resource.values import ABSENT
from reconciler.providers.keycloak.access.grants import MEMBERSHIPS
from reconciler.providers.keycloak.kinds import admin_permissions, client, user_profile
from reconciler.providers.keycloak.kinds.user import KIND as USERS
from reconciler.providers.keycloak.read.observe import needing
from reconciler.providers.keycloak.read.organizations import of_users, organizations, with_everybody
from reconciler.providers.keycloak.read.users import IN_FULL, People
from reconciler.providers.keycloak.registry import KINDS
from reconciler.providers.keycloak.table.connection import BASE, WHOLE_EXPORT, Connection, Representation
from reconciler.providers.keycloak.table.nearest import meant
from reconciler.providers.keycloak.table.properties import DIGESTS
from reconciler.record import replace
from reconciler.vocabulary.keycloak import ORGANIZATION, ORGANIZATION_GROUPS, WORKFLOW

_MOST_REALMS: Final = 10


def live_realm(
    connection: Connection, realm: str, *, with_secrets: bool = False, sleep: Callable[[float], None] = time.sleep
) -> LiveRealm:
    """The realm, with what tells the defaults: a new realm, and in it a client of each sort that the realm has."""
    found = whole(connection, realm)
    asked = client.samples(found.get("clients") or ())
    new = new_realm(
        connection,
        realm,
        clients=[each.asked for each in asked],
        with_profile=user_profile.SECTION in found,
        sleep=sleep,
    )
    # The samples were made for comparison, and must not look like clients that each new realm has.
    made = {str(each["clientId"]): each for each in new.get("clients") or ()}
    samples = [replace(each, made=made.pop(str(each.asked["clientId"]), {})) for each in asked]
    own = {**new, "clients": list(made.values())} if asked else new
    shown = {**found, "clients": _with_secrets(connection, realm, found)} if with_secrets else found
    return LiveRealm(shown, own, {"clients": [each for each in samples if each.made]})


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
    base, found = _exported(connection, realm)
    flows = {flow["id"]: flow["alias"] for flow in found.get("authenticationFlows") or ()}
    made = {
        **found,
        "attributes": {key: part for key, part in (found.get("attributes") or {}).items() if key != DIGESTS},
        **_organizations(connection, base, realm, found),
        **_workflows(connection, base, realm, found),
        **user_profile.exported(found),
        "clients": [client.with_flow_names(each, flows) for each in found.get("clients") or ()],
        "users": [*(found.get("users") or ()), *_users(connection, base, found)],
    }
    made["clients"] = admin_permissions.exported(connection, base, made)
    # Empty sections say nothing, and would only lengthen a file.
    return {key: value for key, value in made.items() if value not in (None, [], {})}


def _users(connection: Connection, base: str, export: Representation) -> list[Representation]:
    asked = {*MEMBERSHIPS, *IN_FULL, *(["federatedIdentities"] if export.get("identityProviders") else [])}
    return list(People(connection, base, {}, True, export, frozenset(asked)).read())  # noqa: FBT003


def realm_of_roles(connection: Connection, realm: str) -> Representation:
    """The realm with its clients, groups and roles, and without users; raises ProviderError if there is none."""
    return _exported(connection, realm)[1]


def realm_of_access(connection: Connection, realm: str, users: Collection[str] = ()) -> Representation:
    """As much of the realm as access follows from, with these users or all; raises NotThere if there is none."""
    base, found = _exported(connection, realm)
    wanted = {name.lower(): Resource(USERS.address(realm, (name.lower(),)), {}) for name in users}
    people = People(connection, base, wanted, not users, found, frozenset(MEMBERSHIPS))
    with needing("view-users", realm):
        read = tuple(people.read())
    with needing(KINDS[ORGANIZATION].right, realm):
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


def _exported(connection: Connection, realm: str) -> tuple[str, Representation]:
    base = BASE.format(realm=quote(realm, safe=""))
    with needing("manage-realm, view-clients and query-groups", realm):
        found = connection.ask(f"{base}/{WHOLE_EXPORT}")
    if found is ABSENT:
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
    with_profile: bool = False,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """A realm as this server makes it, under the name of another; it is there for a moment, and gone again.

    These clients are made in it, as far as the server takes them.
    """
    name = f"reconcile-{secrets.token_hex(6)}"
    try:
        connection.create("admin/realms", {"realm": name, "enabled": True})
        # A token has the roles of its issue; without a new one the account has none in the new realm.
        connection.login()
        for each in clients:
            # A client that this server does not take has no defaults worth knowing.
            with suppress(Rejected, Conflict):
                connection.create(f"admin/realms/{name}/clients", each)
        found = connection.ask(f"admin/realms/{name}/{WHOLE_EXPORT}")
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
