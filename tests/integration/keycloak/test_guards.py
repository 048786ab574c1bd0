"""Objects that `prune: exact` may not take away by a mere yes: inside a protected one, or given to people."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest

from reconciler.core.difference.change import Action, Change
from reconciler.core.message.errors import Rejected
from reconciler.core.plan.policy import Policy
from reconciler.core.resource.address import Address
from reconciler.providers.keycloak.expand import expand
from reconciler.providers.keycloak.provider import KeycloakProvider
from reconciler.providers.keycloak.registry import KINDS
from reconciler.providers.keycloak.write.steps import steps
from reconciler.run.clock import RealClock
from reconciler.run.reconciliation.once import Look, Reconciler
from tests.integration.keycloak.test_fields import AN_ADDRESS
from tests.kit.keycloak.realms import a_whole_realm
from tests.kit.keycloak.server import ByHand, Driver, Server, a_made_realm, document, dropped, without_newer

EXACT = {"x-reconcile": {"prune": {"groups": "exact", "roles": "exact", "clientRoles": "exact", "clients": "exact"}}}
SECTIONS: Mapping[str, Any] = {"groups": [], "roles": {"realm": [], "client": {}}, "clients": []}
THERE: Mapping[str, Any] = {
    "roles": {"realm": [{"name": "vip"}, {"name": "idle"}], "client": {"app": [{"name": "reader"}]}},
    "clients": [{"clientId": "app"}, {"clientId": "lone"}],
    "groups": [
        {"name": "staff", "subGroups": [{"name": "night"}]},
        {"name": "empty"},
        {"name": "board", "realmRoles": ["vip"]},
    ],
    "users": [
        {"username": "ann", "groups": ["/staff/night"], "realmRoles": ["vip"], "clientRoles": {"app": ["reader"]}},
        {"username": "bob", "groups": ["/board"]},
    ],
}


def reconciler(driver: Driver, realm: Mapping[str, Any], **policy: Any) -> Reconciler:
    provider = KeycloakProvider({}, client=driver.client)
    rules = Policy.of(provider.kinds.values(), deletes=True, **policy)
    return Reconciler(document(realm), {"keycloak": provider}, RealClock(), rules)


def looked(driver: Driver, realm: Mapping[str, Any], **policy: Any) -> Look:
    return reconciler(driver, realm, **policy).look()


@pytest.fixture
def lab(driver: Driver, realm: str) -> str:
    """A realm whose objects were all made by somebody else."""
    driver.apply({"realm": realm, **THERE})
    return realm


def deleted(look: Look, realm: str) -> set[str]:
    gone = (change.address for change in look.plan.changes if change.action is Action.DELETE)
    return {str(each).replace(f"/{realm}/", "/").removeprefix("keycloak.") for each in gone}


def test_an_object_that_people_have_is_deleted_by_its_name_only(driver: Driver, lab: str) -> None:
    look = looked(driver, {"realm": lab, **SECTIONS, **EXACT})

    said = {str(each.address).replace(f"/{lab}/", "/"): each for each in look.plan.refusals}
    assert said.keys() == {
        "keycloak.client-role/app/reader",
        "keycloak.group/board",
        "keycloak.group/staff/night",
        "keycloak.role/vip",
    }
    assert "in use by user ann, which would lose it" in said["keycloak.group/staff/night"].message
    assert "user ann" in said["keycloak.role/vip"].message
    assert said["keycloak.group/board"].remedy == f"allow it with `--allow-disrupt keycloak.group/{lab}/board`"
    allowed = frozenset(each.address for each in look.plan.refusals if each.address)
    assert looked(driver, {"realm": lab, **SECTIONS, **EXACT}, may_disrupt=allowed).plan.refusals == ()


def test_a_client_takes_its_roles_from_people(driver: Driver, lab: str) -> None:
    look = looked(driver, {"realm": lab, "clients": [], "x-reconcile": {"prune": {"clients": "exact"}}})

    assert deleted(look, lab) == {"client/app", "client/lone"}
    assert [(each.address and each.address.name, "user ann" in each.message) for each in look.plan.refusals] == [
        ("app", True)
    ]


def test_who_is_told_by_the_file_what_they_belong_to_is_not_asked(driver: Driver, lab: str) -> None:
    users = [{"username": "ann", "groups": [], "realmRoles": [], "clientRoles": {}}, {"username": "bob", "groups": []}]

    look = looked(driver, {"realm": lab, **SECTIONS, **EXACT, "users": users})

    assert [str(each) for each in look.plan.refusals] == []


def test_what_is_in_a_protected_object_stays(driver: Driver, lab: str) -> None:
    protected = frozenset({Address("keycloak.group", (lab, "staff")), Address("keycloak.client", (lab, "app"))})

    look = looked(driver, {"realm": lab, **SECTIONS, **EXACT}, protected=protected)

    assert deleted(look, lab) == {"client/lone", "group/board", "group/empty", "role/idle", "role/vip"}


# ------------------------------------------------------------------ what names it, and who is hurt


@dataclass(frozen=True)
class Loss:
    """Sections of a live realm, and of a file that takes something away; who is hurt, in words.

    Whoever is ``reported`` is so without a refusal; ``held`` says that no flag allows it.
    """

    kind: str
    there: Mapping[str, Any]
    file: Mapping[str, Any]
    refused: tuple[str, ...] = ()
    reported: tuple[str, ...] = ()
    held: bool = False


def services(*policies: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    guarded = {"clientId": "rs", "serviceAccountsEnabled": True, "authorizationServicesEnabled": True}
    return {**guarded, "authorizationSettings": {"policies": [*policies], **more}}


def policy(sort: str, key: str, value: Any) -> dict[str, Any]:
    return {"name": "p", "type": sort, "config": {key: json.dumps(value)}}


def pruned(section: str, **sections: Any) -> dict[str, Any]:
    return {**sections, "x-reconcile": {"prune": {section: "exact"}}}


FLOWS = [{"alias": "old", "providerId": "basic-flow", "topLevel": True}]
IDP = {"alias": "corp", "providerId": "oidc", "config": AN_ADDRESS}
FEDERATION = "org.keycloak.storage.UserStorageProvider"
LDAP = {
    "vendor": "other",
    "connectionUrl": "ldap://localhost:1",
    "usersDn": "ou=people",
    "editMode": "READ_ONLY",
    "usernameLDAPAttribute": "uid",
    "rdnLDAPAttribute": "uid",
    "uuidLDAPAttribute": "entryUUID",
    "userObjectClasses": "person",
    "authType": "none",
    "enabled": "false",
}
APP = {"clientId": "app", "fullScopeAllowed": False}
ANN = {"username": "ann", "enabled": True}
LOSSES = {
    "role": Loss(
        "keycloak.role",
        {
            "roles": {"realm": [{"name": "old"}, {"name": "all", "composites": {"realm": ["old"]}}]},
            "clients": [
                services(policy("role", "roles", [{"id": "old"}])),
                APP,
            ],
            "scopeMappings": [{"client": "app", "roles": ["old"]}],
            "defaultRoles": {"realmRoles": ["old"]},
        },
        pruned("roles", roles={"realm": [{"name": "all"}]}),
        ("policy p of client rs, which would lose it",),
        ("role all", "scope mappings app", "role default-roles-"),
    ),
    "group": Loss(
        "keycloak.group",
        {
            "groups": [{"name": "old"}],
            "clients": [services(policy("group", "groups", [{"path": "/old"}]))],
            "defaultGroups": ["/old"],
        },
        pruned("groups", groups=[]),
        ("policy p of client rs, which would lose it",),
        ("default groups",),
    ),
    "client": Loss(
        "keycloak.client",
        {"clients": [services(policy("client", "clients", ["old"])), {"clientId": "old"}]},
        pruned("clients", clients=[{"clientId": "rs"}]),
        ("policy p of client rs, which would lose it",),
    ),
    "role of a client that goes": Loss(
        "keycloak.client-role",
        {
            "clients": [services(policy("role", "roles", [{"id": "old/x"}])), {"clientId": "old"}],
            "roles": {"client": {"old": [{"name": "x"}]}},
        },
        pruned("clients", clients=[{"clientId": "rs"}]),
        ("policy p of client rs, which would lose it",),
    ),
    "client scope": Loss(
        "keycloak.client-scope",
        {
            "clientScopes": [{"name": "old", "protocol": "openid-connect"}],
            "clients": [
                services(policy("client-scope", "clientScopes", [{"id": "old"}])),
                {"clientId": "app", "optionalClientScopes": ["old"]},
            ],
        },
        pruned("clientScopes", clientScopes=[]),
        ("policy p of client rs, which would lose it",),
        ("client app",),
    ),
    "flow of a client": Loss(
        "keycloak.flow",
        {
            "authenticationFlows": FLOWS,
            "clients": [{**APP, "authenticationFlowBindingOverrides": {"browser": "old"}}],
        },
        pruned("authenticationFlows", authenticationFlows=[]),
        ("client app, which can't do without it",),
        held=True,
    ),
    "flow of a provider": Loss(
        "keycloak.flow",
        {"authenticationFlows": FLOWS, "identityProviders": [{**IDP, "postBrokerLoginFlowAlias": "old"}]},
        pruned("authenticationFlows", authenticationFlows=[]),
        ("identity provider corp, which can't do without it",),
        held=True,
    ),
    "flow of the realm": Loss(
        "keycloak.flow",
        {"authenticationFlows": FLOWS, "registrationFlow": "old"},
        pruned("authenticationFlows", authenticationFlows=[]),
        ("flow bindings, which can't do without it",),
        held=True,
    ),
    "identity provider": Loss(
        "keycloak.identity-provider",
        {
            "identityProviders": [IDP],
            "users": [{**ANN, "federatedIdentities": [{"identityProvider": "corp", "userId": "1", "userName": "a"}]}],
        },
        pruned("identityProviders", identityProviders=[]),
        ("user ann, which would lose their identity at it",),
    ),
    "organization": Loss(
        "keycloak.organization",
        {
            "organizationsEnabled": True,
            "organizations": [
                {"name": "o", "alias": "o", "domains": [{"name": "o.org"}], "members": [{"username": "ann"}]}
            ],
            "users": [ANN],
        },
        pruned("organizations", organizationsEnabled=True, organizations=[]),
        ("user ann, which would lose it",),
    ),
    "resource of a permission": Loss(
        "keycloak.authorization",
        {"clients": [services(policy("resource", "resources", ["page"]), resources=[{"name": "page"}])]},
        {"clients": [{"clientId": "rs", "authorizationSettings": {"resources": []}}]},
        ("policy p of client rs, which would be deleted along with it",),
    ),
    "scope of a permission": Loss(
        "keycloak.authorization",
        {"clients": [services(policy("scope", "scopes", ["a", "b"]), scopes=[{"name": "a"}, {"name": "b"}])]},
        {"clients": [{"clientId": "rs", "authorizationSettings": {"scopes": [{"name": "b"}]}}]},
        ("policy p of client rs, which would lose it",),
    ),
}


@pytest.mark.sweep(every=3)
@pytest.mark.parametrize("case", LOSSES)
def test_what_names_a_deleted_object_is_named_and_what_it_guards_is_not_opened(
    driver: Driver, fresh: str, case: str
) -> None:
    loss = LOSSES[case]
    driver.apply({"realm": fresh, "enabled": True, **loss.there})
    file = {"realm": fresh, **loss.file}

    plan = looked(driver, file).plan

    said = [f"{each.message}; {each.remedy}" for each in plan.refusals]
    for words in loss.refused:
        assert any(words in each for each in said), said
    remarks = " ".join(each.message for each in plan.remarks())
    assert not [words for words in loss.reported if words not in remarks], remarks
    assert ["remove what uses it first" in each for each in said] == [loss.held]
    if not loss.held:
        allowed = frozenset(each.address for each in plan.refusals if each.address)
        assert looked(driver, file, may_disrupt=allowed).plan.refusals == ()
        list(reconciler(driver, file, may_disrupt=allowed).converge(lambda _look: None))
        assert driver.pruning(file).in_sync


def test_a_federation_takes_the_users_along_that_it_imported(driver: Driver, realm: str, by_hand: ByHand) -> None:
    settings = {key: [value] for key, value in LDAP.items()}
    by_hand.post("components", {"name": "ldap", "providerId": "ldap", "providerType": FEDERATION, "config": settings})
    found = by_hand.id_of("components", name="ldap")
    user = {"username": "far", "enabled": True, "federationLink": found}
    by_hand.client.post(by_hand.path("partialImport"), {"ifResourceExists": "SKIP", "users": [user]})

    plan = looked(driver, {"realm": realm, **pruned("components", components={})}).plan

    said = f"{realm}/ldap would be deleted, but is in use by user far, which would be deleted along with it"
    assert [each.message for each in plan.refusals if "/ldap" in each.message] == [f"keycloak.component/{said}"]


# ------------------------------------------------------------------ deleted by hand


def deletable() -> list[str]:
    """Everything of a realm that hangs together, and that an administrator can delete; below the realm.

    A subflow goes with its execution. Keycloak deletes it alone, too, and nobody can read the realm any more.
    """
    found = (each.address for each in expand(document(a_whole_realm("lab"))) if each.address.name != "our forms")
    own = [each for each in found if len(each.path) > 1 and not KINDS[each.kind].is_setting]
    return [
        f"{each.kind}//{'//'.join(each.path[1:])}"
        for each in own
        if not KINDS[each.kind].builtins.is_builtin(each.path)
    ]


@pytest.fixture(scope="module")
def whole(server: Server) -> Iterator[tuple[Driver, dict[str, Any]]]:
    """A realm in which everything names something else; each test puts it together again."""
    name, client = a_made_realm(server), server.client()
    file = without_newer(client, a_whole_realm(name))
    driver = Driver(client)
    try:
        driver.apply(file)
        yield driver, file
    finally:
        client.close()
        dropped(server, name)


@pytest.mark.sweep(every=8)
@pytest.mark.parametrize("which", deletable())
def test_what_somebody_deletes_is_put_together_again_with_all_that_hung_on_it(
    whole: tuple[Driver, dict[str, Any]], which: str
) -> None:
    driver, file = whole
    kind, *keys = which.split("//")
    address = Address(kind, (file["realm"], *keys))
    live = {change.address: change for change in driver.plan(file).changes}
    if address not in live:
        pytest.skip("this release does not have it")
    with suppress(Rejected):  # a flow in use
        driver.perform(steps([Change(address, Action.DELETE, observed=live[address].observed)]))
    driver.apply(copy.deepcopy(file))

    assert driver.look(file).plan.in_sync


PARTS_BY_HAND = ("resources/files", "scopes/read", "policies/viewers", "policies/may read")
PARTS = {"resources": ("resource", "_id"), "scopes": ("scope", "id"), "policies": ("policy", "id")}


@pytest.mark.sweep(every=3)
@pytest.mark.parametrize("name", PARTS_BY_HAND)
def test_a_part_of_authorization_services_that_somebody_deletes_comes_back_with_what_applied_it(
    whole: tuple[Driver, dict[str, Any]], name: str
) -> None:
    driver, file = whole
    hand = ByHand(driver.client, file["realm"])
    section, part = name.split("/")
    path, key = PARTS[section]
    base = f"clients/{hand.id_of('clients', clientId='app')}/authz/resource-server/{path}"
    found = next(each[key] for each in hand.get(f"{base}?name={quote(part)}&max=100") if each["name"] == part)
    with suppress(Rejected):  # a scope in use
        hand.delete(f"{base}/{found}")

    driver.apply(copy.deepcopy(file))

    assert driver.look(file).plan.in_sync
