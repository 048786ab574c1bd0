"""Undeclared objects: left alone, or deleted where the file says so; and those that may never go."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.difference.change import Action
from reconciler.core.plan.plan import Plan, make
from reconciler.core.plan.policy import Policy, refusals
from reconciler.core.resource.address import Address
from reconciler.providers.keycloak.expand import expand
from reconciler.providers.keycloak.ids import Directory
from reconciler.providers.keycloak.provider import KeycloakProvider
from reconciler.providers.keycloak.read.observe import observe
from tests.kit.keycloak.scripted import ScriptedConnection
from tests.kit.keycloak.server import document

CLIENTS: list[dict[str, Any]] = [
    {"id": "1", "clientId": "account"},
    {"id": "2", "clientId": "ours", "attributes": {"reconcile.owner": "test"}},
    {"id": "3", "clientId": "theirs", "attributes": {"reconcile.owner": "other"}},
    {"id": "4", "clientId": "by-hand"},
    {"id": "5", "clientId": "declared", "enabled": True, "bearerOnly": False},
]
EXPORT: dict[str, Any] = {
    "id": "lab",
    "realm": "lab",
    "enabled": True,
    "clients": CLIENTS,
    "users": [{"id": "u1", "username": "service-account-by-hand"}],
    "components": {
        "org.keycloak.keys.KeyProvider": [{"id": "k", "name": "a key", "providerId": "rsa"}],
        "org.keycloak.storage.UserStorageProvider": [{"id": "l", "name": "ldap", "providerId": "ldap"}],
        "org.keycloak.models.workflow.WorkflowProvider": [{"id": "w", "providerId": "default", "config": {}}],
    },
}
PEOPLE = [
    {"id": "u2", "username": "ann"},
    {"id": "u3", "username": "bob"},
    {"id": "u4", "username": "fay", "federationLink": "l"},
]


def planned(realm: dict[str, Any], *, account: Address | None = None, policy: Policy | None = None) -> Plan:
    flags = (f"exportClients={a}&exportGroupsAndRoles={b}" for a in ("true", "false") for b in ("true", "false"))
    answers: dict[str, Any] = {f"ASK lab/partial-export?{flag}": EXPORT for flag in flags}
    answers |= {
        "GET lab": {**EXPORT, "accessTokenLifespan": 60},
        "GET lab/clients": CLIENTS,
        "GET lab/users?first=0&max=5000&briefRepresentation=true": PEOPLE,
    }
    connection = ScriptedConnection(answers, account=account)
    desired = list(expand(document({"realm": "lab", **realm})))
    live = list(observe(connection, Directory(connection), desired))
    return make({"keycloak": KeycloakProvider({})}, desired, live, prunes=(policy or Policy()).prunes)


def gone(realm: dict[str, Any], **more: Any) -> list[str]:
    plan = planned(realm, **more)
    return [str(change.address) for change in plan.changes if change.action is Action.DELETE]


DECLARED = [{"clientId": "declared"}]


@pytest.mark.parametrize("modes", [{}, {"clients": "off"}, {"groups": "exact"}])
def test_what_is_not_declared_is_left_alone(modes: Any) -> None:
    assert gone({"clients": DECLARED, "x-reconcile": {"prune": modes}}) == []


def test_exact_takes_away_all_but_what_keycloak_brought() -> None:
    assert gone({"clients": DECLARED, "x-reconcile": {"prune": {"clients": "exact"}}}) == [
        "keycloak.client/lab/by-hand",
        "keycloak.client/lab/ours",
        "keycloak.client/lab/theirs",
    ]


def test_owned_takes_away_what_this_project_made() -> None:
    assert gone({"x-reconcile": {"prune": {"clients": "owned"}}}) == ["keycloak.client/lab/ours"]


def test_what_is_made_is_marked_where_the_mark_has_a_use() -> None:
    def created(mode: str) -> Any:
        options = {"prune": {"clients": mode}}
        (step,) = planned({"clients": [{"clientId": "new"}], "x-reconcile": options}).steps[:1]
        return step.args.get("body")

    assert created("owned") == {"clientId": "new", "attributes": {"reconcile.owner": "test"}}
    assert created("off") == {"clientId": "new"}


def test_a_mark_is_no_difference() -> None:
    declared = {"clients": [{"clientId": "ours", "attributes": {}}], "x-reconcile": {"prune": {"clients": "owned"}}}

    assert planned(declared).in_sync


def test_the_account_in_use_and_what_is_protected_stay() -> None:
    own, kept = (Address("keycloak.client", ("lab", name)) for name in ("ours", "theirs"))
    realm = {"x-reconcile": {"prune": {"clients": "exact"}}}

    left = gone(realm, account=own, policy=Policy(protected=frozenset({kept})))

    assert left == ["keycloak.client/lab/by-hand", "keycloak.client/lab/declared"]


def test_keys_service_accounts_and_federated_users_stay() -> None:
    assert gone({"x-reconcile": {"prune": {"components": "exact", "users": "exact"}}}) == [
        "keycloak.component/lab/ldap",
        "keycloak.user/lab/ann",
        "keycloak.user/lab/bob",
    ]


def test_a_user_goes_only_when_it_is_named_on_the_command_line() -> None:
    policy = Policy.of(KeycloakProvider({}).kinds.values(), deletes=True)
    plan = planned({"users": [{"username": "bob"}], "x-reconcile": {"prune": {"users": "exact"}}}, policy=policy)

    assert [each.remedy for each in refusals(plan, policy)] == ["allow it with `--allow-delete keycloak.user/lab/ann`"]


# ------------------------------------------------------------------ the account in use


@pytest.mark.parametrize(
    ("account", "realm"),
    [
        (("keycloak.client", "lab", "declared"), {"clients": [{"clientId": "declared", "enabled": False}]}),
        (("keycloak.client", "lab", "declared"), {"clients": [{"clientId": "declared", "bearerOnly": True}]}),
        (("keycloak.realm", "lab"), {"enabled": False}),
    ],
)
def test_a_plan_cannot_lock_out_the_account_in_use(account: Any, realm: Any) -> None:
    own = Address(account[0], account[1:])

    refused = refusals(planned(realm, account=own), Policy())
    other = refusals(planned(realm), Policy())

    assert [each.address for each in refused] == [own]
    assert "lock it out" in str(refused[0])
    assert other == ()
