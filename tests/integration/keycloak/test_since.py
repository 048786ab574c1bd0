"""The tables are right about older releases; files that need more get a message first, and others notice nothing.

Run it with RECONCILE_TEST_KEYCLOAK_IMAGE for each release that is supported.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import pytest

from reconciler.core.message.errors import Rejected
from reconciler.core.resource.values import ABSENT
from reconciler.providers.keycloak.export import whole
from reconciler.providers.keycloak.provider import KeycloakProvider
from reconciler.providers.keycloak.registry import KINDS
from reconciler.record import replace
from reconciler.vocabulary.keycloak import CLIENT_POLICIES, ORGANIZATION_GROUPS, REALM, WORKFLOW
from tests.kit.keycloak.realms import a_whole_realm
from tests.kit.keycloak.server import (
    ByHand,
    CountingClient,
    Driver,
    Server,
    lacks,
    server_of,
    with_roles,
    without_newer,
)

VALUES: dict[str, Any] = {
    "maxSecondaryAuthFailures": 3,
    "scimApiEnabled": False,
    "verifiableCredentialsEnabled": False,
    "organizationsEnabled": False,
    "adminPermissionsEnabled": False,
    "webAuthnPolicyResidentKey": "required",
    "webAuthnPolicyPasswordlessResidentKey": "required",
    "webAuthnPolicyPasswordlessMediation": "conditional",
}
ACME = {"alias": "acme", "name": "acme", "domains": [{"name": "acme.example.org"}]}
WORKFLOWS = [{"name": "leave", "steps": [{"uses": "disable-user", "after": "1d"}]}]


def refuses(hand: ByHand, name: str) -> bool:
    try:
        hand.put("", {name: VALUES[name]})
    except Rejected as error:
        return "nrecognized field" in str(error)
    return False


def test_settings_that_a_release_is_said_to_lack_are_those_that_it_refuses(by_hand: ByHand) -> None:
    rows = KINDS[REALM].requirements.since
    server = replace(server_of(by_hand.client), features=frozenset(row.feature for row in rows.values()))

    for name in rows:
        assert refuses(by_hand, name) == lacks(server, REALM, name), name


def test_groups_of_organizations_and_workflows_are_where_they_are_said_to_be(by_hand: ByHand) -> None:
    server = server_of(by_hand.client)
    by_hand.put("", {"organizationsEnabled": True})
    acme = by_hand.post("organizations", ACME)

    assert (by_hand.get(f"organizations/{acme}/groups") is ABSENT) == lacks(server, ORGANIZATION_GROUPS, "groups")
    if not server.version.startswith("26.4."):  # which can have some, in other words
        assert (by_hand.get("workflows") is ABSENT) == lacks(server, WORKFLOW)


def test_what_the_server_lacks_is_told_before_anything_is_written(driver: Driver, realm: str, by_hand: ByHand) -> None:
    driver.apply({"realm": realm, "organizationsEnabled": True, "organizations": [ACME]})
    server = server_of(by_hand.client)
    newer: dict[str, dict[str, Any]] = {
        f"keycloak.realm/{realm}": {"maxSecondaryAuthFailures": 3},
        f"keycloak.organization-groups/{realm}/acme": {"organizations": [{**ACME, "groups": [{"name": "smiths"}]}]},
        f"keycloak.workflow/{realm}/leave": {"workflows": WORKFLOWS},
    }
    lacking = {
        f"keycloak.realm/{realm}": lacks(server, REALM, "maxSecondaryAuthFailures"),
        f"keycloak.organization-groups/{realm}/acme": lacks(server, ORGANIZATION_GROUPS, "groups"),
        f"keycloak.workflow/{realm}/leave": lacks(server, WORKFLOW),
    }

    for address, section in newer.items():
        file = {"realm": realm, "displayName": "Lab", "clients": [{"clientId": "app"}], **section}
        plan, before = driver.plan(file), len(driver.client.writes)
        told = [str(each.address) for each in driver.provider.obstacles(plan.steps)]
        if not lacking[address]:
            assert told == []
            continue
        assert told == [address]
        with pytest.raises(
            Rejected, match=rf"is written:\nusers\.yaml:1:1: {address} .*needs (Keycloak 26\.|the feat)"
        ):
            driver.perform(plan.steps)
        assert len(driver.client.writes) == before

    fits = {key: part for at, each in newer.items() if not lacking[at] for key, part in each.items()}
    assert driver.apply({"realm": realm, **fits})[-1].plan.in_sync


def is_told(driver: Driver, file: dict[str, Any], words: str) -> None:
    """Asserts that an apply ends before it writes anything, with the reason, and that a look reports it as well."""
    plan, before = driver.plan(file), len(driver.client.writes)

    assert [words in each.message for each in driver.provider.obstacles(plan.steps)] == [True]
    with pytest.raises(Rejected, match=re.escape(words)):
        driver.perform(plan.steps)
    assert len(driver.client.writes) == before


@pytest.mark.sweep(every=2)
@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("scimApiEnabled", "--features=scim-api"),
        ("verifiableCredentialsEnabled", "--features=oid4vc-vci"),
        ("organizationsEnabled", "--features-disabled=organization"),
        ("adminPermissionsEnabled", "--features-disabled=admin-fine-grained-authz"),
    ],
)
def test_a_setting_of_a_feature_is_told_of_where_the_server_has_it_not_switched_on(
    driver: Driver, realm: str, by_hand: ByHand, name: str, option: str
) -> None:
    file = {"realm": realm, "displayName": "Lab", name: True}

    if lacks(server_of(by_hand.client), REALM, name):
        is_told(driver, file, f"`{option}`")
    else:
        assert driver.apply(file)[-1].plan.in_sync
        by_hand.change("", **{name: False})
        assert list(driver.once(file).fields) == [f"keycloak.realm/{realm} {name}"]
        assert by_hand.get("")[name] is True
    assert driver.apply({**file, name: False})[-1].plan.in_sync


def test_the_mode_of_a_client_policy_is_set_or_told_of(driver: Driver, realm: str, by_hand: ByHand) -> None:
    condition = {"condition": "any-client", "configuration": {}}
    policy = {"name": "all", "enabled": True, "mode": "STRICT", "conditions": [condition], "profiles": []}
    file = {"realm": realm, "displayName": "Lab", "clientPolicies": {"policies": [policy]}}

    if lacks(server_of(by_hand.client), CLIENT_POLICIES, "policies.*.mode"):
        is_told(driver, file, "`mode` needs Keycloak 26.7 or newer")
        return
    assert driver.apply(file)[-1].plan.in_sync
    by_hand.put("client-policies/policies", {"policies": [{**policy, "mode": "DEFAULT"}]})
    seen = driver.once(file)
    assert seen.fields == {f"keycloak.client-policies/{realm} policies.all.mode": ("DEFAULT", "STRICT")}
    assert by_hand.get("client-policies/policies")["policies"][0]["mode"] == "STRICT"


@dataclass
class Noting(CountingClient):
    """A line that notes which paths are not there."""

    absent: list[str] = field(default_factory=list)

    def get(self, path: str) -> Any:
        answer = super().get(path)
        if answer is ABSENT:
            self.absent.append(path.partition("?")[0])
        return answer


def test_no_path_is_asked_for_that_the_server_does_not_have(server: Server, driver: Driver, realm: str) -> None:
    file = without_newer(driver.client, a_whole_realm(realm))
    driver.apply(file)
    client = server.client()
    noting = Noting(client)
    own = Driver(noting)
    own.provider = KeycloakProvider({}, client=noting)

    assert own.look(file).plan.in_sync
    whole(noting, realm)

    asked = [f"admin/realms/{realm}/workflows"]  # which is how it is found out whether 26.5 has them
    about = server_of(client)
    assert noting.absent == (asked if lacks(about, WORKFLOW) and about.version.startswith("26.5.") else [])
    client.close()


def test_an_account_of_the_realm_is_told_as_well(server: Server, driver: Driver, realm: str, by_hand: ByHand) -> None:
    driver.apply({"realm": realm})
    client = server.client(**with_roles(server, by_hand, "manage-realm"))
    worker = Driver(client)
    file = {"realm": realm, "maxSecondaryAuthFailures": 3}

    if lacks(server_of(by_hand.client), REALM, "maxSecondaryAuthFailures"):
        with pytest.raises(
            Rejected, match=r"`maxSecondaryAuthFailures` needs Keycloak 26\.6 or newer, and this server"
        ):
            worker.once(file)
    else:
        assert worker.apply(file)[-1].plan.in_sync
    client.close()


FEDERATION = "org.keycloak.storage.UserStorageProvider"
MAPPERS = "org.keycloak.storage.ldap.mappers.LDAPStorageMapper"
REGISTRATION = "org.keycloak.services.clientregistration.policy.ClientRegistrationPolicy"
KEYS = "org.keycloak.keys.KeyProvider"
LDAP: dict[str, Any] = {
    "connectionUrl": ["ldap://directory.example.org"],
    "usersDn": ["ou=people,dc=example,dc=org"],
    "vendor": ["other"],
    "usernameLDAPAttribute": ["uid"],
    "rdnLDAPAttribute": ["uid"],
    "uuidLDAPAttribute": ["entryUUID"],
    "userObjectClasses": ["person"],
    "authType": ["none"],
    "editMode": ["READ_ONLY"],
}
OF_EVERY_FEDERATION: dict[str, Any] = {
    "batchSizeForSync": ["100"],
    "cacheInvalidBefore": ["1"],
    "cachePolicy": ["EVICT_DAILY"],
    "changedSyncPeriod": ["3600"],
    "enabled": ["false"],
    "evictionDay": ["1"],
    "evictionHour": ["2"],
    "evictionMinute": ["3"],
    "fullSyncPeriod": ["7200"],
    "importEnabled": ["true"],
    "lastSync": ["1"],
    "maxLifespan": ["60"],
    "priority": ["1"],
    "removeInvalidUsersEnabled": ["true"],
}
FULL_NAME = {"name": "full name", "providerId": "full-name-ldap-mapper"}
FULL_NAMES: dict[str, Any] = {"ldap.full.name.attribute": ["cn"], "read.only": ["true"], "write.only": ["false"]}


def components(realm: str, *, directory: Any = (), mapper: Any = (), key: Any = (), policy: Any = ()) -> dict[str, Any]:
    """A realm with one component of each type, with more settings."""
    mappers = {MAPPERS: [{**FULL_NAME, "config": {**FULL_NAMES, **dict(mapper)}}]}
    ldap = {"name": "ldap", "providerId": "ldap", "config": {**LDAP, **dict(directory)}, "subComponents": mappers}
    own = {"name": "own", "providerId": "rsa-generated", "config": {"priority": ["7"], **dict(key)}}
    few = {"max-clients": ["20"], **dict(policy)}
    most = {"name": "few", "providerId": "max-clients", "subType": "anonymous", "config": few}
    return {"realm": realm, "components": {FEDERATION: [ldap], KEYS: [own], REGISTRATION: [most]}}


@pytest.mark.sweep(every=2)
@pytest.mark.parametrize("place", ["directory", "mapper", "key", "policy"])
def test_a_setting_that_the_server_would_drop_is_told_before_anything_is_written(
    driver: Driver, realm: str, by_hand: ByHand, place: str
) -> None:
    """Asserts that the message is true: by hand, the server drops the value."""
    said = "`changedSyncEnabled` is no setting of its provider"
    wrong = components(realm, **{place: {"changedSyncEnabled": ["false"]}})
    right = components(realm, directory=OF_EVERY_FEDERATION)
    more = {place: {**(OF_EVERY_FEDERATION if place == "directory" else {}), "changedSyncEnabled": ["false"]}}

    is_told(driver, wrong, said)
    assert driver.apply(right)[-1].plan.in_sync
    is_told(driver, components(realm, **more), said)

    for each in by_hand.get("components"):
        if each["name"] in ("ldap", "full name", "own", "few"):
            by_hand.put(f"components/{each['id']}", {**each, "config": {**each["config"], "changedSyncEnabled": ["x"]}})
    assert not [each for each in by_hand.get("components") if "changedSyncEnabled" in each["config"]]
    assert driver.look(right).plan.in_sync


def test_an_account_of_the_realm_is_told_of_settings_as_well(server: Server, by_hand: ByHand, realm: str) -> None:
    client = server.client(**with_roles(server, by_hand, "manage-realm"))

    is_told(
        Driver(client), components(realm, directory={"changedSyncEnabled": ["false"]}), "`changedSyncEnabled` is no"
    )
    client.close()
