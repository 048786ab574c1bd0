"""Roles, groups and users of a simulated realm, and who has what."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from tests.kit.keycloak.simulator.state import (
    Body,
    Given,
    Made,
    Realm,
    Refusal,
    Routes,
    conflict,
    duplicate,
    failed,
    found,
    missing,
    page,
    refused,
    shown,
    without,
)

_NO_CLIENT: Final = "Could not find client"
_NO_ROLE: Final = "Could not find role"
_NO_ROLE_ID: Final = "Could not find role with id"
_NO_GROUP: Final = "Could not find group by id"
_NO_USER: Final = "User not found"
SERVICE_ACCOUNT: Final = "service-account-"
_CREDENTIAL_DATA: Final = (
    '{"hashIterations":5,"algorithm":"argon2","additionalParameters":{"hashLength":["32"],"memory":["7168"],'
    '"type":["id"],"version":["1.3"],"parallelism":["1"]}}'
)


# ------------------------------------------------------------------ as a new realm has them


def fill(realm: Realm, export: Body) -> None:
    bodies = [*export["roles"]["realm"], *(each for own in export["roles"]["client"].values() for each in own)]
    realm.roles = {each["id"]: {**without(each, "composites", "composite"), "parts": []} for each in bodies}
    for each in export["roles"]["realm"]:
        each["containerId"] = realm.roles[each["id"]]["containerId"] = realm.id
    for each in bodies:
        named = each.get("composites") or {}
        parts = [role_named(realm, None, name) for name in named.get("realm", ())]
        for client_id, names in named.get("client", {}).items():
            parts += [role_named(realm, client_id, name) for name in names]
        realm.roles[each["id"]]["parts"] = [part["id"] for part in parts if part]


def role_named(realm: Realm, client_id: str | None, name: str) -> Body | None:
    client = realm.client_named(client_id) if client_id else None
    container = client["id"] if client else realm.id
    if client_id and not client:
        return None
    return next(
        (each for each in realm.roles.values() if each["containerId"] == container and each["name"] == name), None
    )


# ------------------------------------------------------------------ roles


def role_shown(realm: Realm, role: Body) -> Body:
    return shown({**without(role, "parts"), "composite": bool(realm.roles[role["id"]]["parts"])})


def _brief(realm: Realm, role: Body) -> Body:
    return without(role_shown(realm, role), "attributes")


def _container(realm: Realm, given: Given) -> str:
    """The id of what the roles of a path are in: of a client, where the path begins with one."""
    return str(found(realm.clients, given.names[0], _NO_CLIENT)["id"]) if given.names else realm.id


def _role_by_name(realm: Realm, given: Given) -> Body:
    *client, name = given.names
    container = _container(realm, Given(tuple(client), given.query, given.body))
    own = (each for each in realm.roles.values() if each["containerId"] == container and each["name"] == name)
    role = next(own, None)
    if role is None:
        raise missing(_NO_ROLE)
    return role


def _list_roles(realm: Realm, given: Given) -> list[Body]:
    container = _container(realm, given)
    own = [each for each in realm.roles.values() if each["containerId"] == container]
    is_brief = given.query.get("briefRepresentation", "true") == "true"
    return [_brief(realm, each) if is_brief else role_shown(realm, each) for each in own]


def _create_role(realm: Realm, given: Given) -> Made:
    container, body = _container(realm, given), given.body
    if not body.get("name"):
        raise Refusal(400, {"error": "role has no name"})
    if any(each["containerId"] == container and each["name"] == body["name"] for each in realm.roles.values()):
        raise conflict(f"Role with name {body['name']} already exists")
    new_role(realm, container, body)
    return Made(str(body["name"]))


def new_role(realm: Realm, container: str, body: Mapping[str, Any]) -> Body:
    role = {
        "id": realm.new_id(),
        "name": body["name"],
        "description": body.get("description"),
        "clientRole": container != realm.id,
        "containerId": container,
        "attributes": dict(body.get("attributes") or {}),
        "parts": [],
    }
    realm.roles[role["id"]] = role
    return role


def _put_role(realm: Realm, given: Given) -> None:
    role, body = found(realm.roles, given.names[0], _NO_ROLE_ID), given.body
    if _is_taken(realm.roles.values(), role, name=body["name"], containerId=role["containerId"]):
        raise duplicate()
    _follow_name(realm, role, body["name"])
    role |= {"name": body["name"], "description": body.get("description")}
    if body.get("attributes") is not None:
        role["attributes"] = dict(body["attributes"])


def _follow_name(realm: Realm, role: Body, name: str) -> None:
    """Mappers of identity providers that give a role know it by its name, and the server keeps them in step."""
    client = realm.clients.get(role["containerId"])
    prefix = f"{client['clientId']}." if client else ""
    for mapper in realm.provider_mappers.values():
        if mapper["config"].get("role") == f"{prefix}{role['name']}":
            mapper["config"]["role"] = f"{prefix}{name}"


def _is_taken(others: Iterable[Body], own: Body, **keys: Any) -> bool:
    return any(each is not own and all(each.get(key) == value for key, value in keys.items()) for each in others)


def _delete_role(realm: Realm, given: Given) -> None:
    role = found(realm.roles, given.names[0], _NO_ROLE_ID)
    if role is realm.default_role:
        raise refused(f"{role['name']} is default role of the realm and cannot be removed.")
    forget_roles(realm, [role["id"]])


def forget_roles(realm: Realm, gone: Sequence[str]) -> None:
    """The roles are no more, and whoever had them has them no more."""
    for role_id in gone:
        del realm.roles[role_id]
    holders = (
        *(role["parts"] for role in realm.roles.values()),
        *(each["roles"] for each in (*realm.groups.values(), *realm.users.values())),
        *realm.mappings.values(),
    )
    for held in holders:
        held[:] = [role_id for role_id in held if role_id not in gone]


def _composites(realm: Realm, given: Given) -> list[Body]:
    role = found(realm.roles, given.names[0], _NO_ROLE_ID)
    return [_brief(realm, realm.roles[each]) for each in role["parts"]]


def _add_composites(realm: Realm, given: Given) -> None:
    role = found(realm.roles, given.names[0], _NO_ROLE_ID)
    _add(role["parts"], [_composite(realm, each) for each in given.body])


def _composite(realm: Realm, body: Body) -> Body:
    return found(realm.roles, str(body.get("id")), "Could not find composite role")


def _remove_composites(realm: Realm, given: Given) -> None:
    role = found(realm.roles, given.names[0], _NO_ROLE_ID)
    _remove(role["parts"], [_composite(realm, each) for each in given.body])


def _add(held: list[str], roles: Sequence[Body]) -> None:
    held.extend(role["id"] for role in roles if role["id"] not in held)


def _remove(held: list[str], roles: Sequence[Body]) -> None:
    gone = {role["id"] for role in roles}
    held[:] = [each for each in held if each not in gone]


def _users_of_role(realm: Realm, given: Given) -> list[Body]:
    role = _role_by_name(realm, given)
    held = (user for user in _ordered(realm) if role["id"] in user["roles"])
    return [_user(each, given, access={"manage": True}) for each in page(held, given.query)]


def _groups_of_role(realm: Realm, given: Given) -> list[Body]:
    role = _role_by_name(realm, given)
    held = (group for group in realm.groups.values() if role["id"] in group["roles"])
    return [_group_in_list(realm, each) for each in page(held, given.query)]


# ------------------------------------------------------------------ roles that others have


def _mapped(realm: Realm, held: Sequence[str]) -> Body:
    of_realm = [_brief(realm, realm.roles[each]) for each in held if not realm.roles[each]["clientRole"]]
    of_clients: Body = {}
    for each in held:
        role = realm.roles[each]
        if role["clientRole"]:
            client = realm.clients[role["containerId"]]
            entry = of_clients.setdefault(
                client["clientId"], {"id": client["id"], "client": client["clientId"], "mappings": []}
            )
            entry["mappings"].append(_brief(realm, role))
    return shown({"realmMappings": of_realm or None, "clientMappings": of_clients or None})


def _names(realm: Realm, held: Sequence[str]) -> tuple[list[str], dict[str, list[str]]]:
    """The names of roles of the realm and of clients."""
    of_clients: dict[str, list[str]] = {}
    for each in held:
        role = realm.roles[each]
        if role["clientRole"]:
            of_clients.setdefault(realm.clients[role["containerId"]]["clientId"], []).append(role["name"])
    return [realm.roles[each]["name"] for each in held if not realm.roles[each]["clientRole"]], of_clients


def _meant(realm: Realm, container: str, bodies: Sequence[Body]) -> list[Body]:
    """Both are wanted, id and name; one of them alone is not enough."""
    meant = [realm.roles.get(str(body.get("id"))) for body in bodies]
    for role, body in zip(meant, bodies, strict=True):
        if role is None or role["name"] != body.get("name") or role["containerId"] != container:
            raise missing("Role not found")
    return [role for role in meant if role]


def _change(realm: Realm, held: list[str], given: Given, words: str, *, adds: bool) -> None:
    client = given.names[1:2]
    if client and client[0] not in realm.clients:
        raise missing(words)
    roles = _meant(realm, client[0] if client else realm.id, given.body)
    (_add if adds else _remove)(held, roles)


def mapping_routes(path: str, holder: Any, no_client: str = "Client not found") -> Routes:
    """The routes of the roles that an object has, which ``holder`` finds."""

    def shown_of(realm: Realm, given: Given) -> Body:
        return _mapped(realm, holder(realm, given.names[0]))

    def add(realm: Realm, given: Given) -> None:
        _change(realm, holder(realm, given.names[0]), given, no_client, adds=True)

    def remove(realm: Realm, given: Given) -> None:
        _change(realm, holder(realm, given.names[0]), given, no_client, adds=False)

    return {
        f"GET {path}": shown_of,
        f"POST {path}/realm": add,
        f"DELETE {path}/realm": remove,
        f"POST {path}/clients/{{}}": add,
        f"DELETE {path}/clients/{{}}": remove,
    }


# ------------------------------------------------------------------ groups


def _path_of(realm: Realm, group: Body) -> str:
    above = realm.groups.get(group["parent"] or "")
    return f"{_path_of(realm, above) if above else ''}/{group['name']}"


def paths_of(realm: Realm, groups: Iterable[str]) -> list[str]:
    return [_path_of(realm, realm.groups[each]) for each in groups]


def _group(realm: Realm, group: Body) -> Body:
    """A group in full."""
    realm_roles, client_roles = _names(realm, group["roles"])
    return {
        **_group_in_list(realm, group),
        "subGroupCount": sum(each["parent"] == group["id"] for each in realm.groups.values()),
        "attributes": group["attributes"],
        "realmRoles": realm_roles,
        "clientRoles": client_roles,
    }


def _group_in_list(realm: Realm, group: Body) -> Body:
    return shown(
        {
            "id": group["id"],
            "name": group["name"],
            "description": group.get("description"),
            "path": _path_of(realm, group),
            "parentId": group["parent"],
            "subGroups": [],
        }
    )


_GROUP_ACCESS: Final = {
    "access": {"view": True, "viewMembers": True, "manageMembers": True, "manage": True, "manageMembership": True}
}


def _get_group(realm: Realm, given: Given) -> Body:
    return {**_group(realm, found(realm.groups, given.names[0], _NO_GROUP)), **_GROUP_ACCESS}


def _group_by_path(realm: Realm, given: Given) -> Body:
    group = _at_path(realm, given.names[0])
    if group is None:
        raise missing("Group path does not exist")
    return _group(realm, group)


def _at_path(realm: Realm, path: str) -> Body | None:
    wanted = "/" + path.strip("/")
    return next((each for each in realm.groups.values() if _path_of(realm, each) == wanted), None)


def _list_groups(realm: Realm, _given: Given) -> list[Body]:
    return [
        {**_group(realm, each), **_GROUP_ACCESS}
        for each in sorted(realm.groups.values(), key=lambda each: str(each["name"]))
        if each["parent"] is None
    ]


def _children(realm: Realm, given: Given) -> list[Body]:
    parent = found(realm.groups, given.names[0], _NO_GROUP)
    own = [each for each in realm.groups.values() if each["parent"] == parent["id"]]
    return [{**_group(realm, each), **_GROUP_ACCESS} for each in page(own, given.query)]


def _create_group(realm: Realm, given: Given) -> Made:
    if not given.body.get("name"):
        raise refused("Group name is missing")
    if _is_taken(realm.groups.values(), {}, name=given.body["name"], parent=None):
        raise conflict(f"Top level group named '{given.body['name']}' already exists.")
    return Made(_new_group(realm, given.body, None)["id"])


def _new_group(realm: Realm, body: Body, parent: str | None) -> Body:
    group = {
        "id": realm.new_id(),
        "name": body["name"],
        "description": body.get("description"),
        "parent": parent,
        "attributes": dict(body.get("attributes") or {}),
        "roles": [],
    }
    realm.groups[group["id"]] = group
    return group


def _create_child(realm: Realm, given: Given) -> Made | None:
    """A new group; or, where the body has the id of one, that group is moved."""
    parent, body = found(realm.groups, given.names[0], _NO_GROUP), given.body
    moved = realm.groups.get(str(body.get("id"))) if body.get("id") else None
    if _is_taken(realm.groups.values(), moved or {}, name=body["name"], parent=parent["id"]):
        raise conflict(f"Sibling group named '{body['name']}' already exists.")
    if moved is not None:
        moved["parent"] = parent["id"]
        return None
    group = _new_group(realm, body, parent["id"])
    return Made(group["id"], without({**_group(realm, group), **_GROUP_ACCESS}, "subGroupCount"))


def _put_group(realm: Realm, given: Given) -> None:
    group, body = found(realm.groups, given.names[0], _NO_GROUP), given.body
    if not body.get("name"):
        raise refused("Group name is missing")
    if _is_taken(realm.groups.values(), group, name=body["name"], parent=group["parent"]):
        raise conflict(f"Sibling group named '{body['name']}' already exists.")
    group |= {"name": body["name"], "description": body.get("description")}
    if body.get("attributes") is not None:
        group["attributes"] = dict(body["attributes"])


def _delete_group(realm: Realm, given: Given) -> None:
    gone = [found(realm.groups, given.names[0], _NO_GROUP)["id"]]
    for parent in gone:
        gone += [each["id"] for each in realm.groups.values() if each["parent"] == parent]
    for group_id in gone:
        del realm.groups[group_id]
    for held in (realm.default_groups, *(user["groups"] for user in realm.users.values())):
        held[:] = [each for each in held if each not in gone]


def _members(realm: Realm, given: Given) -> list[Body]:
    group = found(realm.groups, given.names[0], _NO_GROUP)
    own = (user for user in _ordered(realm) if group["id"] in user["groups"])
    return [_user(each, given) for each in page(own, given.query)]


def _default_groups(realm: Realm, _given: Given) -> list[Body]:
    return [_group_in_list(realm, realm.groups[each]) for each in realm.default_groups]


def _add_default_group(realm: Realm, given: Given) -> None:
    group = found(realm.groups, given.names[0], "Group not found")
    if group["id"] not in realm.default_groups:
        realm.default_groups.append(group["id"])


def _remove_default_group(realm: Realm, given: Given) -> None:
    group = found(realm.groups, given.names[0], "Group not found")
    realm.default_groups = [each for each in realm.default_groups if each != group["id"]]


# ------------------------------------------------------------------ users


def _ordered(realm: Realm) -> list[Body]:
    return sorted(realm.users.values(), key=lambda user: str(user["username"]))


def _listed(realm: Realm) -> list[Body]:
    """The users of a plain list, which has no service accounts."""
    return [user for user in _ordered(realm) if not user.get("client")]


def _user(user: Body, given: Given, access: Body | None = None) -> Body:
    brief = {
        "id": user["id"],
        "username": user["username"],
        "firstName": user.get("firstName"),
        "lastName": user.get("lastName"),
        "email": user.get("email"),
        "emailVerified": user["emailVerified"],
        "enabled": user["enabled"],
        "createdTimestamp": user["createdTimestamp"],
        "access": access,
    }
    if given.query.get("briefRepresentation") == "true":
        return shown(brief)
    return shown({**brief, **_more_of(user)})


def _more_of(user: Body) -> Body:
    return {
        "attributes": user["attributes"] or None,
        "totp": False,
        "disableableCredentialTypes": [],
        "requiredActions": list(user["requiredActions"]),
        "notBefore": 0,
    }


_OWN_ACCESS: Final = dict.fromkeys(
    ("manageGroupMembership", "resetPassword", "view", "mapRoles", "impersonate", "manage"), True
)


def _get_user(realm: Realm, given: Given) -> Body:
    body = _user(found(realm.users, given.names[0], _NO_USER), given, access=_OWN_ACCESS)
    return {**body, "federatedIdentities": _links(realm, given)} if realm.providers else body


def _list_users(realm: Realm, given: Given) -> list[Body]:
    name = given.query.get("username")
    named = [user for user in _ordered(realm) if user["username"] == str(name).lower()]
    own = _listed(realm) if name is None else named
    return [_user(each, given, access={"manage": True}) for each in page(own, given.query)]


def _count(realm: Realm, _given: Given) -> int:
    return len(_listed(realm))


def _create_user(realm: Realm, given: Given) -> Made:
    body = given.body
    name, email = str(body.get("username") or "").lower(), str(body.get("email") or "").lower()
    if not name:
        raise refused("User name is missing")
    _check_free(realm, name, email)
    _check_profile(name, email)
    groups = [_at_path(realm, path) for path in body.get("groups") or ()]
    if None in groups:
        raise failed()
    user = new_user(realm, body, name)
    user["roles"] = [realm.default_role["id"]]
    user["groups"] = [*dict.fromkeys([*realm.default_groups, *(each["id"] for each in groups if each)])]
    user["requiredActions"] = [*dict.fromkeys([*default_actions(realm), *user["requiredActions"]])]
    _give_credentials(realm, user, body)
    _require_known_actions(realm, user)
    return Made(user["id"])


def default_actions(realm: Realm) -> list[str]:
    """The required actions of everybody who is made by hand."""
    return [alias for alias, each in realm.actions.items() if each["enabled"] and each["defaultAction"]]


def _check_free(realm: Realm, name: str, email: str, own: Body | None = None) -> None:
    # Where people may log in by e-mail, nobody's name is somebody else's address.
    keys = ("email", "username") if realm.settings.get("loginWithEmailAllowed") else ()
    for own_key, value in (("email", email), ("username", name)):
        others = (each for each in realm.users.values() if each is not own)
        if value and any(each.get(key) == value for each in others for key in (own_key, *keys)):
            raise conflict(f"User exists with same {own_key}")


def _check_profile(name: str, email: str) -> None:
    if len(name) < 3:
        raise Refusal(
            400, {"field": "username", "errorMessage": "error-invalid-length", "params": ["username", 3, 255]}
        )
    if email and not re.fullmatch(r"[^@\s]+@[^@\s]+", email):
        raise Refusal(400, {"field": "email", "errorMessage": "error-invalid-email", "params": ["email", email]})


def new_user(realm: Realm, body: Body, name: str) -> Body:
    user: Body = {
        "id": realm.new_id(),
        "username": name,
        "enabled": bool(body.get("enabled")),
        "emailVerified": bool(body.get("emailVerified")),
        "email": str(body["email"]).lower() if body.get("email") else None,
        "firstName": body.get("firstName") or None,
        "lastName": body.get("lastName") or None,
        "attributes": _kept_attributes(realm, body.get("attributes") or {}),
        "requiredActions": list(body.get("requiredActions") or ()),
        "createdTimestamp": realm.now_ms(),
        "roles": [],
        "groups": [],
        "credentials": [],
        "links": {},
    }
    realm.users[user["id"]] = user
    return user


def _kept_attributes(realm: Realm, sent: Mapping[str, Any]) -> Body:
    """The attributes that the profile lets an administrator write; the rest is dropped without a word."""
    known = {each["name"] for each in realm.profile.get("attributes") or ()}
    is_open = realm.profile.get("unmanagedAttributePolicy") in ("ENABLED", "ADMIN_EDIT")
    own = {"username", "email", "firstName", "lastName"}
    return {key: list(value) for key, value in sent.items() if (is_open or key in known) and key not in own and value}


def _give_credentials(realm: Realm, user: Body, body: Body) -> None:
    for each in body.get("credentials") or ():
        _set_password(realm, user, each)


def _set_password(realm: Realm, user: Body, credential: Body) -> None:
    kept = next((each for each in user["credentials"] if each["type"] == "password"), None)
    made = {
        "id": kept["id"] if kept else realm.new_id(),
        "type": "password",
        "createdDate": realm.now_ms(),
        "credentialData": _CREDENTIAL_DATA,
        "value": credential.get("value"),
    }
    user["credentials"] = [made]
    if credential.get("temporary") and "UPDATE_PASSWORD" not in user["requiredActions"]:
        user["requiredActions"].append("UPDATE_PASSWORD")


def _require_known_actions(realm: Realm, user: Body) -> None:
    user["requiredActions"] = [each for each in user["requiredActions"] if each in realm.actions]


def _put_user(realm: Realm, given: Given) -> None:
    user, body = found(realm.users, given.names[0], _NO_USER), given.body
    name = body.get("username")
    if name is not None and str(name).lower() != user["username"]:
        raise Refusal(
            400, {"field": "username", "errorMessage": "error-user-attribute-read-only", "params": ["username"]}
        )
    email = str(body.get("email") or "").lower()
    _check_free(realm, "", email, own=user)
    _check_profile(user["username"], email)
    is_replaced = body.get("attributes") is not None or "unmanagedAttributePolicy" in realm.profile
    for key in ("email", "firstName", "lastName"):
        if key in body or is_replaced:
            user[key] = (email if key == "email" else body.get(key)) or None
    if is_replaced:
        user["attributes"] = _kept_attributes(realm, body.get("attributes") or {})
    for key in ("enabled", "emailVerified", "requiredActions"):
        if body.get(key) is not None:
            user[key] = body[key]
    _give_credentials(realm, user, body)
    _require_known_actions(realm, user)


def _delete_user(realm: Realm, given: Given) -> None:
    del realm.users[found(realm.users, given.names[0], _NO_USER)["id"]]


def _groups_of_user(realm: Realm, given: Given) -> list[Body]:
    user = found(realm.users, given.names[0], _NO_USER)
    own = sorted((realm.groups[each] for each in user["groups"]), key=lambda each: str(each["name"]))
    return [_group_in_list(realm, each) for each in page(own, given.query)]


def _join(realm: Realm, given: Given) -> None:
    user = found(realm.users, given.names[0], _NO_USER)
    group = found(realm.groups, given.names[1], "Group not found")
    if group["id"] not in user["groups"]:
        user["groups"].append(group["id"])


def _leave(realm: Realm, given: Given) -> None:
    user = found(realm.users, given.names[0], _NO_USER)
    group = found(realm.groups, given.names[1], "Group not found")
    user["groups"] = [each for each in user["groups"] if each != group["id"]]


def _credentials(realm: Realm, given: Given) -> list[Body]:
    return [without(each, "value") for each in found(realm.users, given.names[0], _NO_USER)["credentials"]]


def _reset_password(realm: Realm, given: Given) -> None:
    _set_password(realm, found(realm.users, given.names[0], _NO_USER), given.body)


def _put_label(realm: Realm, given: Given) -> None:
    user = found(realm.users, given.names[0], _NO_USER)
    own = next((each for each in user["credentials"] if each["id"] == given.names[1]), None)
    if own is None:
        raise missing("Credential not found")
    own["userLabel"] = given.body


def _links(realm: Realm, given: Given) -> list[Body]:
    user = found(realm.users, given.names[0], _NO_USER)
    return [each for alias, each in user["links"].items() if alias in realm.providers]


def _link(realm: Realm, given: Given) -> None:
    user, alias = found(realm.users, given.names[0], _NO_USER), given.names[1]
    if alias in user["links"]:
        raise conflict("User is already linked with provider")
    own = {key: given.body.get(key) for key in ("userId", "userName")}
    user["links"][alias] = {"identityProvider": alias, **own}


def _unlink(realm: Realm, given: Given) -> None:
    user, alias = found(realm.users, given.names[0], _NO_USER), given.names[1]
    if alias not in user["links"]:
        raise missing("Link not found")
    del user["links"][alias]


# ------------------------------------------------------------------ many at once


def _import(realm: Realm, given: Given) -> Body:
    """One transaction: all of them, or none."""
    before, made, skipped = dict(realm.users), [], 0
    try:
        for body in given.body.get("users") or ():
            name = str(body["username"]).lower()
            if any(user["username"] == name for user in realm.users.values()):
                if given.body.get("ifResourceExists") != "SKIP":
                    raise conflict(f"User with user name {name} already exists.")
                skipped += 1
            else:
                made.append(_imported(realm, body, name))
    except Refusal:
        realm.users = before
        raise
    return {"overwritten": 0, "added": len(made), "skipped": skipped, "results": []}


def _imported(realm: Realm, body: Body, name: str) -> Body:
    email = str(body.get("email") or "").lower()
    if email and any(user.get("email") == email for user in realm.users.values()):
        raise failed()
    groups = [_at_path(realm, path) for path in body.get("groups") or ()]
    if None in groups:
        raise failed()
    user = new_user(realm, body, name)
    user["groups"] = [group["id"] for group in groups if group]
    user["roles"] = [role["id"] for role in _imported_roles(realm, body)]
    actions = list(user["requiredActions"])
    _give_credentials(realm, user, body)
    user["requiredActions"] = actions
    for link in body.get("federatedIdentities") or ():
        user["links"][link["identityProvider"]] = dict(link)
    return user


def _imported_roles(realm: Realm, body: Body) -> Iterator[Body]:
    for name in body.get("realmRoles") or ():
        yield role_named(realm, None, name) or new_role(realm, realm.id, {"name": name})
    for client_id, names in (body.get("clientRoles") or {}).items():
        client = realm.client_named(client_id)
        if client is None:
            raise failed()
        for name in names:
            yield role_named(realm, client_id, name) or new_role(realm, client["id"], {"name": name})


# ------------------------------------------------------------------ in an export


def exported(realm: Realm, *, with_clients: bool, with_groups: bool) -> Body:
    accounts = [_account(realm, user) for user in _ordered(realm) if _is_exported(realm, user)]
    roles: Body | None = None
    if with_groups:
        own = [_exported_role(realm, each) for each in realm.roles.values()]
        roles = {"realm": [each for each in own if not each["clientRole"]]}
        if with_clients:
            roles["client"] = {
                client["clientId"]: [each for each in own if each["containerId"] == client["id"]]
                for client in realm.clients.values()
            }
    return {
        "roles": roles,
        "groups": [_tree(realm, each) for each in realm.groups.values() if each["parent"] is None]
        if with_groups
        else None,
        "users": accounts if with_clients and accounts else None,
    }


def _is_exported(realm: Realm, user: Body) -> bool:
    client = realm.clients.get(user.get("client", ""))
    return bool(client and not client["publicClient"])


def _exported_role(realm: Realm, role: Body) -> Body:
    of_realm, of_clients = _names(realm, role["parts"])
    composites = shown({"realm": of_realm or None, "client": of_clients or None})
    return shown({**role_shown(realm, role), "composites": composites or None})


def _tree(realm: Realm, group: Body) -> Body:
    below = [_tree(realm, each) for each in realm.groups.values() if each["parent"] == group["id"]]
    return {**without(_group(realm, group), "subGroupCount"), "subGroups": below}


def _account(realm: Realm, user: Body) -> Body:
    of_realm, of_clients = _names(realm, user["roles"])
    full = _user(user, Given((), {}, None))
    return shown(
        {
            **full,
            "serviceAccountClientId": realm.clients[user["client"]]["clientId"],
            "realmRoles": of_realm or None,
            "clientRoles": of_clients or None,
            "groups": paths_of(realm, user["groups"]),
        }
    )


def _roles_of_group(realm: Realm, group_id: str) -> list[str]:
    return list_of(found(realm.groups, group_id, _NO_GROUP))


def _roles_of_user(realm: Realm, user_id: str) -> list[str]:
    return list_of(found(realm.users, user_id, _NO_USER))


def list_of(holder: Body) -> list[str]:
    roles: list[str] = holder["roles"]
    return roles


ROUTES: Final[Routes] = {
    "GET /roles": _list_roles,
    "POST /roles": _create_role,
    "GET /roles/{}": lambda realm, given: role_shown(realm, _role_by_name(realm, given)),
    "GET /roles/{}/users": _users_of_role,
    "GET /roles/{}/groups": _groups_of_role,
    "GET /clients/{}/roles": _list_roles,
    "POST /clients/{}/roles": _create_role,
    "GET /clients/{}/roles/{}": lambda realm, given: role_shown(realm, _role_by_name(realm, given)),
    "GET /clients/{}/roles/{}/users": _users_of_role,
    "GET /clients/{}/roles/{}/groups": _groups_of_role,
    "GET /roles-by-id/{}": lambda realm, given: role_shown(realm, found(realm.roles, given.names[0], _NO_ROLE_ID)),
    "PUT /roles-by-id/{}": _put_role,
    "DELETE /roles-by-id/{}": _delete_role,
    "GET /roles-by-id/{}/composites": _composites,
    "POST /roles-by-id/{}/composites": _add_composites,
    "DELETE /roles-by-id/{}/composites": _remove_composites,
    "GET /groups": _list_groups,
    "POST /groups": _create_group,
    "GET /groups/{}": _get_group,
    "PUT /groups/{}": _put_group,
    "DELETE /groups/{}": _delete_group,
    "GET /groups/{}/children": _children,
    "POST /groups/{}/children": _create_child,
    "GET /groups/{}/members": _members,
    "GET /group-by-path/{*}": _group_by_path,
    "GET /default-groups": _default_groups,
    "PUT /default-groups/{}": _add_default_group,
    "DELETE /default-groups/{}": _remove_default_group,
    **mapping_routes("/groups/{}/role-mappings", _roles_of_group),
    "GET /users": _list_users,
    "POST /users": _create_user,
    "GET /users/count": _count,
    "GET /users/{}": _get_user,
    "PUT /users/{}": _put_user,
    "DELETE /users/{}": _delete_user,
    "GET /users/{}/groups": _groups_of_user,
    "PUT /users/{}/groups/{}": _join,
    "DELETE /users/{}/groups/{}": _leave,
    "GET /users/{}/credentials": _credentials,
    "PUT /users/{}/credentials/{}/userLabel": _put_label,
    "PUT /users/{}/reset-password": _reset_password,
    "GET /users/{}/federated-identity": _links,
    "POST /users/{}/federated-identity/{}": _link,
    "DELETE /users/{}/federated-identity/{}": _unlink,
    **mapping_routes("/users/{}/role-mappings", _roles_of_user),
    "POST /partialImport": _import,
}
