"""Secrets that Keycloak masks: another one in the file is seen by any later run, written once and then as declared."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from reconciler.core.resource.values import Secret, Value
from tests.integration.keycloak.test_fields import AN_ADDRESS
from tests.kit.keycloak.server import ByHand, CountingClient, Driver, Server

LDAP = "org.keycloak.storage.UserStorageProvider"


def mail(secret: str) -> dict[str, Any]:
    return {"smtpServer": {"host": "m", "from": "a@x.org", "auth": "true", "user": "u", "password": Secret(secret)}}


def provider(secret: str) -> dict[str, Any]:
    config = {**AN_ADDRESS, "clientSecret": Secret(secret)}
    return {"identityProviders": [{"alias": "corp", "providerId": "oidc", "config": config}]}


def federation(secret: str) -> dict[str, Any]:
    config = {
        "vendor": ["other"],
        "connectionUrl": ["ldap://localhost:1"],
        "bindDn": ["cn=a"],
        "bindCredential": [Secret(secret)],
        "usersDn": ["ou=a"],
        "editMode": ["READ_ONLY"],
        "usernameLDAPAttribute": ["uid"],
        "rdnLDAPAttribute": ["uid"],
        "uuidLDAPAttribute": ["entryUUID"],
        "userObjectClasses": ["person"],
    }
    return {"components": {LDAP: [{"name": "ldap", "providerId": "ldap", "config": config}]}}


def form(secret: str) -> dict[str, Any]:
    """A flow for registration whose CAPTCHA has a secret."""
    settings = {"alias": "captcha", "config": {"site.key": "a", "secret.key": Secret(secret)}}
    return {
        "authenticationFlows": [
            {
                "alias": "join",
                "providerId": "basic-flow",
                "topLevel": True,
                "authenticationExecutions": [
                    {
                        "authenticator": "registration-page-form",
                        "authenticatorFlow": True,
                        "flowAlias": "join form",
                        "requirement": "REQUIRED",
                        "priority": 10,
                    }
                ],
            },
            {
                "alias": "join form",
                "providerId": "form-flow",
                "topLevel": False,
                "authenticationExecutions": [
                    {
                        "authenticator": "registration-recaptcha-action",
                        "authenticatorConfig": "captcha",
                        "requirement": "REQUIRED",
                        "priority": 10,
                    }
                ],
            },
        ],
        "authenticatorConfig": [settings],
    }


@dataclass
class Noting(CountingClient):
    """Also notes the bodies of what it sends."""

    def put(self, path: str, body: Value = None) -> None:
        self.bodies.append(body)
        super().put(path, body)

    def __post_init__(self) -> None:
        self.bodies: list[Value] = []


def texts(value: Value) -> list[str]:
    """The secrets inside a value, in the open."""
    match value:
        case Secret():
            return [value.reveal()]
        case Mapping():
            return [text for part in value.values() for text in texts(part)]
        case list() | tuple():
            return [text for part in value for text in texts(part)]
        case _:
            return []


Section = Callable[[str], dict[str, Any]]
SECTIONS: Mapping[str, tuple[Section, str]] = {
    "mail": (mail, "smtpServer.password"),
    "identity provider": (provider, "config.clientSecret"),
    "user federation": (federation, "config.bindCredential"),
    "execution of a flow": (
        form,
        "authenticationExecutions.registration-recaptcha-action.authenticatorConfig.config.secret.key",
    ),
}


def later(server: Server) -> tuple[Driver, Noting]:
    """A run of another process."""
    driver = Driver(server.client())
    noting = Noting(driver.client.inner)
    driver.client.inner = noting
    return driver, noting


@pytest.mark.sweep(every=2)
@pytest.mark.parametrize("place", SECTIONS)
def test_another_secret_in_the_file_is_seen_and_written_once(server: Server, fresh: str, place: str) -> None:
    section, path = SECTIONS[place]
    first, second = ({"realm": fresh, "enabled": True, **section(secret)} for secret in ("one", "two"))
    later(server)[0].apply(copy.deepcopy(first))

    driver, noting = later(server)
    kept = driver.look(copy.deepcopy(first))
    seen = driver.look(copy.deepcopy(second))
    written = driver.once(copy.deepcopy(second))
    after = later(server)[0].look(copy.deepcopy(second))

    assert kept.plan.in_sync, kept.fields
    ((field, values),) = seen.fields.items()
    assert field.endswith(f" {path}")
    assert not any(text in str(values) for text in ("one", "two"))
    assert [text for body in noting.bodies for text in texts(body)] == ["two"]
    assert len(written.writes) == 2
    assert after.plan.in_sync, after.fields


def test_the_secret_of_another_object_under_the_same_name_is_not_taken_for_ours(driver: Driver, fresh: str) -> None:
    file = {"realm": fresh, "enabled": True, **provider("one")}
    driver.apply(copy.deepcopy(file))
    hand = ByHand(driver.client, fresh)
    there = hand.get("identity-provider/instances/corp")
    hand.delete("identity-provider/instances/corp")
    made = {key: value for key, value in there.items() if key != "internalId"}
    hand.post("identity-provider/instances", {**made, "config": {**there["config"], "clientSecret": "by hand"}})

    seen = driver.look(copy.deepcopy(file))

    assert [field.rpartition(" ")[2] for field in seen.fields] == ["config.clientSecret"]


def test_a_secret_that_nobody_has_noted_is_written_once(driver: Driver, fresh: str) -> None:
    """As of a realm that an earlier release of the program made, or another program."""
    file = {"realm": fresh, "enabled": True, **mail("one")}
    driver.apply(copy.deepcopy(file))
    hand = ByHand(driver.client, fresh)
    realm = hand.get()
    kept = {key: value for key, value in realm["attributes"].items() if not key.startswith("reconcile.")}
    hand.put("", {**realm, "attributes": kept})

    passes = driver.apply(copy.deepcopy(file))

    assert [field.rpartition(" ")[2] for field in passes[0].fields] == ["smtpServer.password"]
    assert len(passes) == 2
    assert driver.look(copy.deepcopy(file)).plan.in_sync


def test_other_settings_of_the_realm_leave_the_digests_alone(driver: Driver, fresh: str) -> None:
    file = {"realm": fresh, "enabled": True, **mail("one"), **provider("two")}
    driver.apply(copy.deepcopy(file))

    driver.apply({**copy.deepcopy(file), "displayName": "Lab", "attributes": {"note": "a"}, "browserFlow": "browser"})

    assert driver.look(copy.deepcopy(file)).plan.in_sync
