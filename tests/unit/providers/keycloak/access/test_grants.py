"""Access, and its gains and losses by a plan: the grants that follow, and the requests for them."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.message.errors import Denied
from reconciler.core.plan.access import AccessChange
from reconciler.core.plan.plan import make
from reconciler.providers.keycloak.access.grants import Grants, specs_of
from reconciler.providers.keycloak.provider import KeycloakProvider
from reconciler.render.answers.access import access_document, access_text
from reconciler.render.plan.text import access_lines
from tests.kit.keycloak.scripted import ScriptedConnection
from tests.kit.keycloak.server import document

GROUPS_TO_APP = {"name": "groups", "protocolMapper": "oidc-group-membership-mapper"}
APP = {"clientId": "app", "protocolMappers": [GROUPS_TO_APP]}
ROLES = {
    "realm": [
        {"name": "lead", "composites": {"realm": ["reader"], "client": {"app": ["edit"]}}},
        {"name": "reader"},
        {"name": "default-roles-lab", "composites": {"realm": ["guest"]}},
        {"name": "guest"},
    ],
    "client": {"app": [{"name": "edit"}]},
}
STAFF = {"name": "staff", "realmRoles": ["reader"], "subGroups": [{"name": "heads", "realmRoles": ["lead"]}]}


def lab(**sections: Any) -> dict[str, Any]:
    return {"realm": "lab", "roles": ROLES, "clients": [APP], "groups": [STAFF], **sections}


def told(realm: Any, user: str = "ann", *clients: str, complete: bool = False) -> dict[str, tuple[Any, Any]]:
    found = Grants("lab", specs_of(realm), complete=complete).entries(user, clients)
    return {client: (dict(each.roles), each.groups) for each in found for client in each.clients}


def ann(**more: Any) -> dict[str, Any]:
    return {"username": "ann", **more}


# ------------------------------------------------------------------ what follows


def test_a_role_comes_from_a_group_above_a_composite_and_the_default_role() -> None:
    roles, groups = told(lab(users=[ann(groups=["/staff/heads"])]))["app"]

    assert groups == ("/staff/heads",)
    assert roles == {
        "app/edit": ("/staff/heads",),
        "guest": ("everybody",),
        "lead": ("/staff/heads",),
        "reader": ("/staff", "/staff/heads"),
    }


def test_what_old_exports_call_default_roles_everybody_has() -> None:
    default = {"realmRoles": ["reader"], "clientRoles": {"app": ["edit"]}}

    assert told(lab(users=[ann()], defaultRoles=default), complete=True)["app"][0] == {
        "app/edit": ("everybody",),
        "reader": ("everybody",),
    }
    assert told(lab(users=[ann()], roles={}, defaultRoles=default))["app"][0].keys() == {"app/edit", "reader"}


def test_a_role_that_is_given_itself_says_so() -> None:
    roles, _ = told(lab(users=[ann(realmRoles=["lead"])]))["app"]

    assert roles["lead"] == ("",)
    assert roles["app/edit"] == ("role lead",)


def test_who_or_what_is_switched_off_gets_nothing() -> None:
    assert told(lab(users=[ann(enabled=False, groups=["/staff"])])) == {}
    assert told(lab(users=[ann(groups=["/staff"])], clients=[{**APP, "enabled": False}])) == {}


def test_a_client_is_told_of_groups_only_by_a_mapper() -> None:
    scope = {"name": "teams", "protocolMappers": [GROUPS_TO_APP]}
    plain, through_scope = {"clientId": "app"}, {"clientId": "app", "defaultClientScopes": ["teams"]}
    users = [ann(groups=["/staff"])]

    assert told(lab(users=users, clients=[plain]))["app"][1] == ()
    assert told(lab(users=users, clients=[through_scope], clientScopes=[scope]))["app"][1] == ("/staff",)


def test_a_client_without_full_scope_is_told_what_is_mapped_and_its_own() -> None:
    narrow = {**APP, "fullScopeAllowed": False}
    users = [ann(realmRoles=["lead", "reader"])]

    assert set(told(lab(users=users, clients=[narrow]))["app"][0]) == {"app/edit"}
    mapped = [{"client": "app", "roles": ["reader"]}]
    assert set(told(lab(users=users, clients=[narrow], scopeMappings=mapped))["app"][0]) == {"app/edit", "reader"}


def test_a_mapper_may_give_a_role_to_everybody() -> None:
    mapper = {"name": "all", "protocolMapper": "oidc-hardcoded-role-mapper", "config": {"role": "app.edit"}}

    assert told(lab(users=[ann()], clients=[{"clientId": "app", "protocolMappers": [mapper]}]))["app"][0] == {
        "app/edit": ("a mapper",),
        "guest": ("everybody",),
    }


def test_of_built_in_clients_only_what_not_everybody_has_is_told() -> None:
    account = {"clientId": "account"}
    admin = {"clientId": "realm-management"}
    users = [ann(clientRoles={"realm-management": ["realm-admin"]})]

    found = told(lab(users=users, clients=[account, admin]))

    assert found == {"realm-management": ({"realm-management/realm-admin": ("",)}, ())}


def test_clients_that_are_told_the_same_are_told_of_together() -> None:
    more = [{"clientId": name} for name in ("b", "c", "d", "e")]
    realm = lab(users=[ann(realmRoles=["reader"], clientRoles={"d": ["boss"]})], clients=more, roles={})

    found = list(Grants("lab", specs_of(realm), complete=False).entries("ann"))

    assert [(each.clients, list(each.roles)) for each in found] == [
        (("b", "c", "e"), ["reader"]),
        (("d",), ["d/boss", "reader"]),
    ]


def test_roles_that_go_round_in_a_circle_come_to_an_end() -> None:
    a, b = {"name": "a", "composites": {"realm": ["b"]}}, {"name": "b", "composites": {"realm": ["a"]}}

    assert set(told({**lab(users=[ann(realmRoles=["a"])]), "roles": {"realm": [a, b]}})["app"][0]) == {"a", "b"}


def test_a_user_of_whom_no_groups_are_declared_is_put_into_the_default_ones() -> None:
    assert told(lab(users=[ann()], defaultGroups=["/staff"]))["app"][1] == ("/staff",)
    assert told(lab(users=[ann(groups=[])], defaultGroups=["/staff"]))["app"][1] == ()


def test_the_table_and_the_document_say_the_same() -> None:
    found = list(Grants("lab", specs_of(lab(users=[ann(groups=["/staff"])])), complete=False).entries("ann"))

    assert access_text(found).splitlines() == [
        "USER  CLIENTS  ROLES                               GROUPS",
        "ann   app      guest (everybody), reader (/staff)  /staff",
    ]
    assert access_document(found, {"lab": ["app"]}) == {
        "schema": "reconcile.access/v1",
        "open": {"lab": ["app"]},
        "access": [
            {
                "realm": "lab",
                "user": "ann",
                "clients": ["app"],
                "roles": [{"name": "guest", "through": ["everybody"]}, {"name": "reader", "through": ["/staff"]}],
                "groups": ["/staff"],
                "organizations": [],
            }
        ],
    }


# ------------------------------------------------------------------ groups of organizations

TELLS_OF_GROUPS = {
    "name": "teams",
    "protocolMapper": "oidc-organization-group-membership-mapper",
    "config": {"addGroupRoleMappings": True},
}
FIRMS = {
    "name": "firms",
    "protocolMappers": [{"name": "firm", "protocolMapper": "oidc-organization-membership-mapper"}],
}
SMITHS = {
    "name": "smiths",
    "realmRoles": ["reader"],
    "subGroups": [{"name": "heads", "realmRoles": ["lead", "offline_access"], "clientRoles": {"other": ["x"]}}],
}


def acme(*groups: str, **more: Any) -> dict[str, Any]:
    members = [{"username": "Ann", "groups": list(groups)}, {"username": "bob"}]
    return {"alias": "acme", "groups": [SMITHS], "members": members, **more}


def inside(realm: Any, client: str = "app", *, complete: bool = False) -> list[tuple[str, Any, Any]]:
    found = Grants("lab", specs_of(realm), complete=complete).entries("ann")
    return [
        (each.organization, dict(each.roles), each.groups)
        for entry in found
        if client in entry.clients
        for each in entry.inside
    ]


def a_firm(mapper: Any = TELLS_OF_GROUPS, **more: Any) -> dict[str, Any]:
    clients = [{"clientId": "app", "protocolMappers": [mapper]}, {"clientId": "plain"}]
    return lab(**{"clients": clients, "users": [ann()], "organizations": [acme("smiths/heads")], **more})


def test_a_role_of_a_group_of_an_organization_holds_within_it_and_not_for_those_below() -> None:
    heads = ("/smiths/heads",)

    assert inside(a_firm()) == [("acme", {"app/edit": heads, "lead": heads, "reader": heads}, heads)]
    assert inside(a_firm(organizations=[acme("smiths")])) == [("acme", {"reader": ("/smiths",)}, ("/smiths",))]
    assert set(told(a_firm())["app"][0]) == {"guest"}


def test_a_client_is_told_of_groups_of_organizations_only_by_a_mapper_and_of_their_roles_if_it_says_so() -> None:
    assert inside(a_firm({**TELLS_OF_GROUPS, "config": {}})) == [("acme", {}, ("/smiths/heads",))]
    assert inside(a_firm(), "plain") == []
    assert "other" not in told(a_firm())


def test_a_client_is_told_of_organizations_only_if_it_can_ask_for_them() -> None:
    def with_scopes(*scopes: str, mapper: Any = TELLS_OF_GROUPS, **more: Any) -> Any:
        client = {"clientId": "app", "protocolMappers": [mapper], "optionalClientScopes": scopes}
        return a_firm(clients=[client], **more)

    saml = {**TELLS_OF_GROUPS, "protocolMapper": "saml-organization-group-membership-mapper"}
    assert inside(with_scopes()) == []
    assert inside(with_scopes("organization"))
    assert inside(with_scopes("organization"), complete=True) == []
    assert inside(with_scopes("firms", clientScopes=[FIRMS]), complete=True)
    assert inside(with_scopes("firms", clientScopes=[{"name": "firms", "protocolMappers": []}])) == []
    assert inside(with_scopes(mapper=saml))


@pytest.mark.parametrize(
    "more",
    [
        {"organizationsEnabled": False},
        {"organizations": [acme("smiths", enabled=False)]},
        {"organizations": [acme()]},
        {"users": [ann(enabled=False)]},
    ],
)
def test_what_is_switched_off_gives_nothing_within_organizations(more: Any) -> None:
    assert inside(a_firm(**more)) == []


def test_what_holds_within_an_organization_is_said_with_it() -> None:
    grants = Grants("lab", specs_of(a_firm(organizations=[acme("smiths")])), complete=False)
    found = list(grants.entries("ann", ["app"]))

    assert access_text(found).splitlines() == [
        "USER  CLIENTS  ROLES                                                     GROUPS",
        "ann   app      guest (everybody), reader in organization acme (/smiths)  /smiths of organization acme",
    ]
    assert access_document(found, {})["access"][0]["organizations"] == [
        {"alias": "acme", "roles": [{"name": "reader", "through": ["/smiths"]}], "groups": ["/smiths"]}
    ]


# ------------------------------------------------------------------ gained and lost

EXPORTS = [
    f"ASK lab/partial-export?exportClients={clients}&exportGroupsAndRoles={roles}"
    for clients in ("true", "false")
    for roles in ("true", "false")
]
EXPORT = "ASK lab/partial-export?exportClients=true&exportGroupsAndRoles=true"
LIVE = {
    "realm": "lab",
    "id": "lab",
    "accessTokenLifespan": 300,
    "defaultRole": {"name": "default-roles-lab"},
    "roles": {
        "realm": [{"id": f"r-{role['name']}", **role} for role in ROLES["realm"]],
        "client": {"app": [{"id": "r-edit", "name": "edit"}]},
    },
    "clients": [{"id": "c1", "enabled": True, "standardFlowEnabled": True, **APP}],
    "groups": [{"id": "g1", "name": "staff", "realmRoles": ["reader"], "subGroups": []}],
}


SETTINGS = {key: LIVE[key] for key in ("realm", "id", "accessTokenLifespan")}


def at_work(*, users: Any = (), members: Any = (), **more: Any) -> ScriptedConnection:
    by_name = {f"GET lab/users?username={user['username']}&exact=true": [user] for user in users}
    listed = [{"username": name} for name in members]
    return ScriptedConnection(
        {
            "GET lab": SETTINGS,
            **dict.fromkeys(EXPORTS, LIVE),
            "GET lab/clients": LIVE["clients"],
            "GET lab/groups/g1/members?first=0&max=5000&briefRepresentation=true": listed,
            **by_name,
            **more,
        }
    )


def gained(connection: ScriptedConnection, realm: Any) -> list[AccessChange]:
    provider = KeycloakProvider({}, client=connection)
    desired = list(provider.expand(document(realm)))
    plan = make({"keycloak": provider}, desired, provider.observe(desired))
    return list(provider.access(plan.changes))


def user(name: str, *, groups: Any = (), roles: Any = ()) -> tuple[dict[str, Any], dict[str, Any]]:
    """A live user, and what is answered of it."""
    mappings = {"realmMappings": [{"name": role} for role in roles]}
    answers = {
        f"GET lab/users/u-{name}/groups": [{"path": path} for path in groups],
        f"GET lab/users/u-{name}/role-mappings": mappings,
    }
    return {"id": f"u-{name}", "username": name, "enabled": True}, answers


def test_a_user_who_leaves_a_group_loses_it_and_its_roles() -> None:
    body, answers = user("ann", groups=["/staff"])
    connection = at_work(users=[body], **answers)

    found = gained(connection, {"realm": "lab", "users": [ann(groups=[])]})

    assert found == [AccessChange("lab", ("ann",), (), ("/staff", "reader"))]
    assert list(access_lines(found)) == ["Access in realm lab:", "  - ann loses /staff, reader"]


def test_what_a_user_keeps_another_way_is_not_lost() -> None:
    body, answers = user("ann", groups=["/staff"], roles=["reader"])

    found = gained(at_work(users=[body], **answers), {"realm": "lab", "users": [ann(groups=[])]})

    assert found == [AccessChange("lab", ("ann",), (), ("/staff",))]


def test_who_is_in_a_group_gains_what_the_group_gains_though_no_file_declares_them() -> None:
    people = [user(name, groups=["/staff"]) for name in ("ann", "bob", "cat", "dan")]
    answers = {key: value for _, each in people for key, value in each.items()}
    connection = at_work(users=[body for body, _ in people], members=["ann", "bob", "cat", "dan"], **answers)
    group = {"name": "staff", "realmRoles": ["reader"], "clientRoles": {"app": ["edit"]}}

    found = gained(connection, {"realm": "lab", "groups": [group]})

    assert found == [AccessChange("lab", ("ann", "bob", "cat", "dan"), ("app/edit",), ())]
    assert list(access_lines(found))[1] == "  + ann, bob, cat, dan gain app/edit"


def test_who_is_in_a_group_that_goes_is_told_though_it_gives_no_role() -> None:
    body, answers = user("bob", groups=["/plain"])
    live = {**LIVE, "groups": [{"id": "g1", "name": "plain", "path": "/plain", "subGroups": []}]}
    connection = at_work(users=[body], members=["bob"], **answers, **dict.fromkeys(EXPORTS, live))
    provider = KeycloakProvider({}, client=connection)
    desired = list(provider.expand(document({"realm": "lab", "x-reconcile": {"prune": {"groups": "exact"}}})))

    plan = make({"keycloak": provider}, desired, provider.observe(desired), prunes=lambda orphan: orphan.surplus)

    assert list(provider.access(plan.changes)) == [AccessChange("lab", ("bob",), (), ("/plain",))]


def test_what_everybody_gains_names_nobody() -> None:
    role = {"name": "default-roles-lab", "composites": {"realm": ["guest", "reader"]}}

    found = gained(at_work(), {"realm": "lab", "roles": {"realm": [role]}})

    assert found == [AccessChange("lab", (), ("reader",), ())]
    assert list(access_lines(found))[1] == "  + everybody gains reader"


def test_what_everybody_gains_and_loses_by_default_roles_of_an_old_export_is_told() -> None:
    default = {"realmRoles": ["reader"], "clientRoles": {"app": ["edit"]}}

    found = gained(at_work(), {"realm": "lab", "defaultRoles": default})

    assert found == [AccessChange("lab", (), ("app/edit", "reader"), ("guest",))]


def test_a_role_that_everybody_gets_is_no_loss_to_who_had_it_from_a_group() -> None:
    body, answers = user("ann", groups=["/staff"])
    role = {"name": "default-roles-lab", "composites": {"realm": ["guest", "reader"]}}
    realm = {"realm": "lab", "roles": {"realm": [role]}, "users": [ann(groups=[])]}

    assert gained(at_work(users=[body], **answers), realm) == [
        AccessChange("lab", (), ("reader",), ()),
        AccessChange("lab", ("ann",), (), ("/staff",)),
    ]


def test_a_mapper_that_goes_takes_the_groups_from_the_client() -> None:
    assert gained(at_work(), {"realm": "lab", "clients": [{"clientId": "app", "protocolMappers": []}]}) == [
        AccessChange("lab", (), (), ("their groups in app",))
    ]


def test_a_client_that_is_switched_off_can_not_be_logged_in_to() -> None:
    (found,) = gained(at_work(), {"realm": "lab", "clients": [{"clientId": "app", "enabled": False}]})

    assert found.users == ()
    assert "login to app" in found.loses


def test_a_realm_that_is_switched_on_lets_everybody_in_whoever_changes_besides() -> None:
    body, answers = user("ann", groups=["/staff"])
    off = {
        key: {**realm, "enabled": False} for key, realm in {"GET lab": SETTINGS, **dict.fromkeys(EXPORTS, LIVE)}.items()
    }

    found = gained(
        at_work(users=[body], **answers, **off), {"realm": "lab", "enabled": True, "users": [ann(groups=[])]}
    )

    assert found == [
        AccessChange("lab", (), ("login to app",), ()),
        AccessChange("lab", ("ann",), (), ("/staff", "reader")),
    ]


def test_a_new_realm_gives_its_users_what_the_file_says() -> None:
    found = gained(ScriptedConnection(), lab(users=[ann(groups=["/staff"])]))

    assert AccessChange("lab", ("ann",), ("/staff", "login", "reader"), ()) in found


@pytest.mark.parametrize(
    "realm",
    [
        {"realm": "lab", "displayName": "Lab"},
        {"realm": "lab", "users": [ann(email="ann@example.org")]},
        {"realm": "lab", "groups": [{"name": "staff", "description": "all of us"}]},
    ],
)
def test_nothing_is_asked_where_no_change_is_about_access(realm: Any) -> None:
    body, answers = user("ann")
    connection = at_work(users=[body], **answers)
    provider = KeycloakProvider({}, client=connection)
    desired = list(provider.expand(document(realm)))
    plan = make({"keycloak": provider}, desired, provider.observe(desired))
    before = len(connection.requests)

    assert not plan.in_sync
    assert provider.access(plan.changes) == ()
    assert len(connection.requests) == before


def test_an_account_that_may_not_see_it_makes_no_failure_of_it() -> None:
    body, answers = user("ann", groups=["/staff"])
    connection = at_work(users=[body], **answers, **{EXPORT: Denied("HTTP 403 Forbidden")})

    found = gained(connection, {"realm": "lab", "users": [ann(groups=[])]})

    title, line = access_lines(found)
    assert title == "Access in realm lab:"
    assert line == "  ! can't be told: the account does not see all clients; it takes the roles view-clients"


def test_many_are_summed_up() -> None:
    names = tuple(f"user{number}" for number in range(97))

    (_, line) = access_lines([AccessChange("lab", names, ("app/edit",), ())])

    assert line == "  + user0, user1, user2 and 94 more gain app/edit"
