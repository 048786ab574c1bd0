"""Other parts of a live realm that name an object to be deleted, and people who are deleted or cut off with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.core.difference.change import Action, Change, diff
from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Observed, Resource
from reconciler.providers.keycloak.ids import Directory
from reconciler.providers.keycloak.read.bystanders import bystanders, is_harmful
from reconciler.providers.keycloak.registry import KINDS
from reconciler.providers.keycloak.table.connection import WHOLE_EXPORT
from tests.kit.keycloak.scripted import ScriptedConnection

BASE = "lab"
POLICY = {"name": "p", "type": "role", "config": {"roles": '[{"id":"old","required":false}]'}}
LIVE: Mapping[str, Any] = {
    "realm": "lab",
    "roles": {"realm": [{"name": "old"}, {"name": "all", "composites": {"realm": ["old"]}}]},
    "clients": [{"clientId": "rs", "authorizationSettings": {"policies": [POLICY]}}],
    "scopeMappings": [{"client": "rs", "roles": ["old"]}],
    "authenticationFlows": [{"id": "f1", "alias": "ours", "topLevel": True}],
    "browserFlow": "ours",
}
ROLE, FLOW = Address("keycloak.role", ("lab", "old")), Address("keycloak.flow", ("lab", "ours"))


def deleted(address: Address, **spec: Any) -> Change:
    return Change(address, Action.DELETE, observed=Observed(address, "id", spec))


def declared(kind: str, *keys: str, **spec: Any) -> Change:
    address = Address(kind, ("lab", *keys))
    return diff(KINDS[kind].kind, Resource(address, spec), Observed(address, "id", spec))


def hurt(*changes: Change, **answers: Any) -> dict[str, list[tuple[str, str, bool]]]:
    connection = ScriptedConnection({f"ASK {BASE}/{WHOLE_EXPORT}": LIVE, **answers})
    directory = Directory(connection)
    for change in changes:
        directory.learn(change.address, "id")
    found = bystanders(directory, changes)
    return {
        str(address): [(each.name, each.loss, each.lasting) for each in losers] for address, losers in found.items()
    }


def test_whatever_names_a_deleted_role_is_named_and_policies_are_guarded() -> None:
    assert hurt(deleted(ROLE)) == {
        "keycloak.role/lab/old": [
            ("policy p of client rs", "would lose it", True),
            ("role all", "would lose it", False),
            ("scope mappings rs", "would lose it", False),
        ]
    }


def test_what_a_file_says_itself_counts_for_nothing() -> None:
    others = (
        declared("keycloak.authorization", "rs", policies=()),
        declared("keycloak.role", "all", composites={}),
        declared("keycloak.scope-mappings", "rs", scopeMappings=()),
    )

    assert hurt(deleted(ROLE), *others) == {}


def test_what_goes_as_well_loses_nothing() -> None:
    client = deleted(Address("keycloak.client", ("lab", "rs")))

    assert hurt(deleted(ROLE), client) == {"keycloak.role/lab/old": [("role all", "would lose it", False)]}


def test_a_flow_in_use_can_not_go() -> None:
    connection = ScriptedConnection({f"ASK {BASE}/{WHOLE_EXPORT}": LIVE})

    (found,) = bystanders(Directory(connection), [deleted(FLOW)])[FLOW]

    assert (found.name, found.loss, found.holds) == ("flow bindings", "can't do without it", True)


def test_a_permission_goes_with_its_last_resource_unless_a_file_has_the_policies() -> None:
    address = Address("keycloak.authorization", ("lab", "rs"))
    named = {"name": "one", "type": "resource", "config": {"resources": '["page"]'}}
    both = {"name": "two", "type": "resource", "config": {"resources": '["page", "other"]'}}
    live = Observed(address, "rs", {"resources": [{"name": "page"}, {"name": "other"}], "policies": [named, both]})
    kept: dict[str, Any] = {"resources": [{"name": "other"}]}
    kind = KINDS[address.kind].kind
    change = diff(kind, Resource(address, kept), live)
    known = diff(kind, Resource(address, {**kept, "policies": []}), live)

    assert is_harmful(change)
    assert hurt(change) == {
        str(address): [
            ("policy one of client rs", "would be deleted along with it", True),
            ("policy two of client rs", "would lose it", True),
        ]
    }
    assert not is_harmful(known)


def test_people_who_are_deleted_or_cut_off_are_named() -> None:
    federation = deleted(
        Address("keycloak.component", ("lab", "ldap")), providerType="org.keycloak.storage.UserStorageProvider"
    )
    provider = deleted(Address("keycloak.identity-provider", ("lab", "corp")))
    firm = deleted(Address("keycloak.organization", ("lab", "o")))
    brief, user = "briefRepresentation=true", {"id": "1", "username": "ann"}
    answers = {
        f"GET {BASE}/users?first=0&max=5000&{brief}": [user, {"id": "2", "username": "Far", "federationLink": "id"}],
        f"GET {BASE}/users?first=0&max=1000&{brief}&idpAlias=corp": [user],
        f"GET {BASE}/organizations/id/members?first=0&max=1000": [
            {**user, "membershipType": "UNMANAGED"},
            {"username": "bob", "membershipType": "MANAGED"},
        ],
    }

    assert hurt(federation, provider, firm, **answers) == {
        "keycloak.component/lab/ldap": [("user far", "would be deleted along with it", True)],
        "keycloak.identity-provider/lab/corp": [("user ann", "would lose their identity at it", True)],
        "keycloak.organization/lab/o": [
            ("user ann", "would lose it", True),
            ("user bob", "would be deleted along with it", True),
        ],
    }
