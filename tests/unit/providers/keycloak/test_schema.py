"""The schema of users.yaml against itself, the tables and the seed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from reconciler.config import Sources, load
from reconciler.core.message.errors import ConfigError
from reconciler.providers.keycloak.registry import KINDS
from reconciler.vocabulary import keycloak as vocabulary
from tests.kit.variables import with_defaults

ROOT = Path(__file__).parents[4]
SCHEMA = json.loads((ROOT / "schemas" / "users.schema.json").read_text())
DEFINITIONS = SCHEMA["$defs"]
DEFINED = {
    **{
        section.kind: DEFINITIONS["realm"]["properties"][name]["items"]["$ref"].rpartition("/")[2]
        for name, section in vocabulary.SECTIONS.items()
        if section.kind
    },
    "keycloak.realm": "realm",
    "keycloak.role": "role",
    "keycloak.client-role": "role",
    "keycloak.group": "group",
    "keycloak.user": "user",
    "keycloak.user-profile": "userProfile",
    "keycloak.component": "component",
    "keycloak.flow-bindings": "realm",
    "keycloak.required-action": "requiredAction",
    "keycloak.identity-provider-mapper": "identityProviderMapper",
    "keycloak.client-profiles": "clientProfiles",
    "keycloak.client-policies": "clientPolicies",
    "keycloak.default-client-scopes": "realm",
    "keycloak.authorization": "authorizationSettings",
    "keycloak.admin-permissions": "authorizationSettings",
    "keycloak.default-groups": "realm",
    "keycloak.organization": "organization",
    "keycloak.organization-groups": "organization",
    "keycloak.scope-mappings": "realm",
    "keycloak.client-scope-mappings": "realm",
}
# Maps of texts; a mode of a credential; what stands in the realm and in its clients.
OF_NO_DEFINITION = {"keycloak.localization", "keycloak.password", "keycloak.default-roles"}
NOT_COMPARED = "neither compared nor sent"


AS_KEYCLOAK_26_4_EXPORTS_IT = {
    "alias": "elsewhere",
    "enabled": True,
    "updateProfileFirstLoginMode": "on",
    "trustEmail": False,
    "storeToken": False,
    "addReadTokenRoleOnCreate": False,
    "authenticateByDefault": False,
    "linkOnly": False,
    "hideOnLogin": False,
    "config": {},
}


def problems(realm: Any) -> list[str]:
    return [error.message for error in Draft202012Validator(SCHEMA).iter_errors(realm)]


def test_it_is_a_valid_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_the_seed_is_valid() -> None:
    assert problems(yaml.safe_load(with_defaults((ROOT / "users.yaml").read_text()))) == []


def properties(schema: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(schema, dict):
        for name, body in schema.get("properties", {}).items():
            yield f"{path}/{name}", body
        for key, inner in schema.items():
            yield from properties(inner, f"{path}/{key}")


def test_every_property_has_a_title_and_a_description() -> None:
    bare = [path for path, body in properties(SCHEMA) if not body.get("title") or not body.get("description")]

    assert bare == []


OPEN = {
    "/$defs/realm/properties/smtpServer": "the server keeps any setting, also of an own way to send; all are compared",
    "/$defs/identityProvider/properties/config": "each type of provider has its own settings",
    "/$defs/free": "settings of what may be an extension, and notes for the forms",
}
"""Objects that may have any key, each with the reason."""


def open_objects(schema: Any, path: str = "") -> Iterator[str]:
    """Lists the places of objects that may have any key, with a value that the schema says nothing about."""
    if isinstance(schema, dict):
        types = schema.get("type", ())
        is_object = "properties" in schema or "object" in (types if isinstance(types, list) else [types])
        is_known = "if" in schema or "additionalProperties" in schema or schema.get("maxProperties") == 0
        if is_object and not is_known:
            yield path
        for key, inner in schema.items():
            yield from open_objects(inner, f"{path}/{key}")


def test_no_key_is_ignored_where_the_keys_are_known() -> None:
    assert set(open_objects(SCHEMA)) == OPEN.keys()


def test_every_table_has_its_part_of_the_schema() -> None:
    assert KINDS.keys() == DEFINED.keys() | OF_NO_DEFINITION


NO_LISTS = "roles components userProfile clientProfiles clientPolicies localizationTexts messageBundles defaultRoles"
SECTIONS = {*NO_LISTS.split(), *vocabulary.SECTIONS} - {"scopeMappings"}
SUGAR_AND_SECTIONS = {
    "realm": {"realm", "x-reconcile", *SECTIONS},
    "client": {"clientId", "x-reconcile", "serviceAccountRoles", "authorizationSettings", "defaultRoles"},
    "role": {"name", "x-reconcile"},
    "group": {"name", "x-reconcile", "subGroups"},
    "user": {"username", "x-reconcile", "roles", "password", "serviceAccountClientId"},
    "component": {"x-reconcile", "subComponents"},
    "requiredAction": {"alias", "x-reconcile"},
    "identityProviderMapper": {"name", "x-reconcile"},
    "organization": {"alias", "x-reconcile"},
}


@pytest.mark.parametrize("defined", sorted(set(DEFINED.values())))
def test_what_the_schema_lets_through_is_managed_or_says_that_it_is_not(defined: str) -> None:
    described = DEFINITIONS[defined]["properties"]
    keys = {KINDS[kind].key for kind, its in DEFINED.items() if its == defined}
    promised = {name for name, body in described.items() if NOT_COMPARED not in body["description"]}
    rows = {name for kind, its in DEFINED.items() if its == defined for name in KINDS[kind].properties}

    assert promised - SUGAR_AND_SECTIONS.get(defined, {"x-reconcile", *keys} & described.keys()) == rows


def test_what_is_not_supported_yet_is_in_no_definition() -> None:
    for path in SCHEMA["x-unsupported"]:
        section, _, name = path.rpartition(".")
        place = {
            "": "realm",
            "clients.*": "client",
            "users.*": "user",
            "organizations.*": "organization",
            "x-reconcile": "realmOptions",
        }.get(section)
        assert path == "$comment" or (place and name not in DEFINITIONS[place]["properties"])


@pytest.mark.parametrize(
    "realm",
    [
        {"realm": "a", "federatedUsers": []},
        {"realm": "a", "workflows": [{"name": "no steps"}]},
        {"realm": "a", "workflows": [{"name": "x", "steps": [{"uses": "delete-user", "afer": "1d"}]}]},
        {"realm": "a", "users": [{"firstName": "neither name nor address"}]},
        {"realm": "a", "organizations": [{"alias": "acme", "groups": [{"title": "no name"}]}]},
        {"realm": "a", "identityProviders": [{"displayName": "no alias"}]},
        {"realm": "a", "components": {"org.keycloak.keys.KeyProvider": [{"nmae": "x"}]}},
        {"realm": "a", "enabld": True},
        {"realm": "a", "enabled": None},
        {"realm": "a", "clients": [{"name": "no id"}]},
        {"realm": "a", "users": [{"username": "ann", "credentials": [{"type": "password", "ensure": "sometimes"}]}]},
        {"realm": "a", "accessTokenLifespan": "soon"},
        {"displayName": "no name"},
    ],
)
def test_mistakes_are_seen(realm: Any) -> None:
    assert problems(realm)


@pytest.mark.parametrize(
    "document",
    [
        {"realms": [{"realm": "a"}, {"realm": "b"}], "x-reconcile": {"connection": {"url": "https://id"}}},
        [{"realm": "a"}],
        {"realm": "a", "x-notes": {"any": "thing"}, "displayName": None, "supportedLocales": []},
        {"realm": "a", "users": [{"username": "ann", "roles": ["a", "app/b"], "password": "x", "groups": ["b"]}]},
        {"realm": "a", "registrationEmailAsUsername": True, "users": [{"email": "ann@example.org"}]},
        {"realm": "a", "organizations": [{"alias": "acme", "identityProviders": [AS_KEYCLOAK_26_4_EXPORTS_IT]}]},
        {"realm": "a", "workflows": [{"name": "x", "on": None, "steps": [{"uses": "disable-user", "after": 5}]}]},
        {
            "realm": "a",
            "clients": [{"clientId": "c", "serviceAccountRoles": {"realm": ["x"], "clients": {"d": ["y"]}}}],
        },
    ],
)
def test_every_form_of_a_file_is_let_through(document: Any) -> None:
    assert problems(document) == []


EXPORT = ROOT / "tests" / "cases" / "keycloak" / "export-26.7.3.json"


def test_an_export_that_the_server_wrote_is_taken_as_it_is() -> None:
    """The `kc.sh export` of the realm in tests/kit/keycloak/realms.py; its keys and secrets are taken out."""
    loaded = load(Sources(EXPORT.parent, users_files=(EXPORT,), environment={}))

    (realm,) = loaded.document.realms or ()
    (organization,) = realm["organizations"]
    assert loaded.warnings == ()
    assert [(each["username"], each["groups"]) for each in organization["members"]] == [("ann", ("/smiths/r&d",))]


def test_what_can_be_pruned_is_what_tables_say() -> None:
    described = DEFINITIONS["realmOptions"]["properties"]["prune"]["properties"]

    assert {name: tuple(body["enum"]) for name, body in described.items()} == {
        kind.pruning.section: ("off", "owned", "exact") if kind.pruning.mark else ("off", "exact")
        for kind in KINDS.values()
        if kind.pruning.section
    }


def test_what_is_not_carried_out_is_an_error_with_its_line(tmp_path: Path) -> None:
    users = tmp_path / "users.yaml"
    users.write_text(
        "realm: lab\nusers:\n  - username: ann\n    socialLinks: [{socialProvider: x}]\nfederatedUsers: []\n"
    )

    with pytest.raises(ConfigError) as raised:
        load(Sources(tmp_path, (), (users,)))

    assert [str(problem) for problem in raised.value.problems] == [
        "users.yaml:4:5: `socialLinks` is not supported yet: write federatedIdentities",
        "users.yaml:5:1: `federatedUsers` is not supported yet: Keycloak takes them with a whole new realm only",
    ]
