"""No secret of a realm in any output: marked secrets go through every command, format and state."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.kit.canaries import Outputs
from tests.kit.cli import called
from tests.kit.keycloak.server import ByHand, Server

VARIABLES = {"APP_SECRET": "canary-01-app", "smtpPwd": 'canary-02-"smtp', "PLAIN": "canary-03/declared"}
LITERALS = (
    "canary-04-idp",
    "canary-05-bind",
    "canary-06-password",
    "canary-07-url",
    "canary-08-mapper",
    "canary-09-sugar",
    "canary-11-by-hand",
)
LDAP = {
    "connectionUrl": ["ldap://nobody.invalid"],
    "bindDn": ["cn=admin"],
    "bindCredential": ["canary-05-bind"],
    "vendor": ["other"],
    "usersDn": ["ou=people"],
    "usernameLDAPAttribute": ["uid"],
    "rdnLDAPAttribute": ["uid"],
    "uuidLDAPAttribute": ["entryUUID"],
    "userObjectClasses": ["person"],
    "editMode": ["READ_ONLY"],
    "enabled": ["false"],
}


def a_realm(name: str, **changes: Any) -> dict[str, Any]:
    """A realm in which secrets are wherever Keycloak has a place for one."""
    realm = {
        "realm": name,
        "enabled": True,
        "userProfile": {"unmanagedAttributePolicy": "ADMIN_EDIT"},
        "smtpServer": {
            "host": "h.invalid",
            "from": "a@example.org",
            "auth": "true",
            "user": "u",
            "password": "${smtpPwd:-}",
        },
        "attributes": {"note": "${APP_SECRET}", "frontendUrl": "https://u:canary-07-url@example.org"},
        "identityProviders": [
            {
                "alias": "other",
                "providerId": "oidc",
                "config": {
                    "clientId": "c",
                    "clientSecret": "canary-04-idp",
                    "authorizationUrl": "https://other.example.org/auth",
                    "tokenUrl": "https://u:canary-07-url@other.example.org/token",
                },
            }
        ],
        "clients": [
            {"clientId": "app", "secret": "${APP_SECRET}", "attributes": {"note": "${PLAIN}"}},
            {"clientId": "literal", "secret": "canary-08-mapper", "description": "has ${APP_SECRET} in it"},
        ],
        "users": [
            {"username": "ann", "password": "canary-09-sugar", "attributes": {"secret": ["${PLAIN}"]}},
            {
                "username": "bob",
                "credentials": [{"type": "password", "value": "canary-06-password", "ensure": "label"}],
            },
        ],
        "components": {
            "org.keycloak.storage.UserStorageProvider": [{"name": "ldap", "providerId": "ldap", "config": LDAP}]
        },
    }
    return {key: value for key, value in {**realm, **changes}.items() if value is not None}


class Folder:
    """The files of a project."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, realm: dict[str, Any]) -> None:
        text = json.dumps({**realm, "x-reconcile": {"secrets": ["PLAIN"]}}, indent=1)
        (self.path / "users.yaml").write_text(
            text.replace("${smtpPwd:-}", VARIABLES["smtpPwd"].replace('"', '\\"')), "utf-8"
        )

    def variables(self, **values: str) -> None:
        (self.path / ".env").write_text("".join(f"{name}='{value}'\n" for name, value in values.items()), "utf-8")


@pytest.fixture
def outputs(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Outputs:
    env = {
        "RECONCILE_KEYCLOAK_URL": server.url,
        "RECONCILE_KEYCLOAK_USERNAME": server.user,
        "RECONCILE_KEYCLOAK_PASSWORD": server.password,
    }
    return Outputs(tmp_path, (*VARIABLES.values(), *LITERALS), partial(called, monkeypatch, capsys, env=env))


def test_no_secret_of_a_realm_is_in_any_output(outputs: Outputs, tmp_path: Path, realm: str, by_hand: ByHand) -> None:
    files = Folder(tmp_path)
    files.variables(**VARIABLES)
    files.write(a_realm(realm))
    more = (("access", "--live"), ("access", "--live", "--format", "json"), ("export", "--realm", realm))

    outputs.everything("nothing there", ("permissions",))
    applied = outputs.run("apply", "--log-format", "json", "apply", "--yes")
    assert applied.code == 0, applied.err
    outputs.everything("in sync", *more)

    (app,) = by_hand.get("clients?clientId=app")
    by_hand.put(f"clients/{app['id']}", {**app, "secret": "canary-11-by-hand"})
    (ann,) = by_hand.get("users?username=ann&exact=true")
    by_hand.put(f"users/{ann['id']}", {**ann, "attributes": {"note": ["changed"]}})
    outputs.everything("changed by hand", *more)

    clients = [{"clientId": "app", "attributes": {}}, {"clientId": "literal", "description": ""}]
    users = [{"username": "ann", "attributes": {}}]
    files.write(a_realm(realm, attributes={"note": "", "frontendUrl": ""}, clients=clients, users=users, smtpServer={}))
    outputs.everything("lines are gone", *more)

    files.variables(RENAMED_SECRET=VARIABLES["APP_SECRET"], PLAIN=VARIABLES["PLAIN"])
    files.write(a_realm(realm, attributes={"note": "x"}, clients=[{"clientId": "app", "secret": "another"}]))
    outputs.everything("a variable is renamed")

    for name, wrong in WRONG.items():
        files.write(a_realm(realm, **wrong))
        for command in ("validate", "diff", "apply", "status", "config"):
            outputs.run(f"wrong file, {name}", command)
    files.write(
        a_realm(
            realm,
            identityProviders=[{"alias": "other", "providerId": "nosuch", "config": {"clientSecret": "canary-04-idp"}}],
        )
    )
    outputs.run("refused by the server", "apply", "--yes")

    assert outputs.leaks == []
    assert outputs.count > 80, outputs.count


WRONG: dict[str, dict[str, Any]] = {
    "an unknown key": {"smtpSever": {"password": "canary-04-idp"}},
    "a secret that is a list": {"clients": [{"clientId": "app", "secret": ["canary-08-mapper"]}]},
    "an unknown key of a client": {
        "clients": [{"clientId": "app", "scret": "canary-08-mapper", "secret": "${APP_SECRET}"}]
    },
    "a wrong type": {"users": [{"username": "ann", "password": {"value": "canary-09-sugar"}}]},
}
