"""Realm files that other people wrote: applied on an empty server they are there, and a second look finds nothing.

The files are those below RECONCILE_KEYCLOAK_CORPUS, where that is set: of each folder's files one in
RECONCILE_KEYCLOAK_CORPUS_EVERY, 50 unless it is said.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reconciler.config import Sources, load
from tests.kit.keycloak.server import ByHand, Driver, Server, dropped, with_quick_keys

FOLDER = os.environ.get("RECONCILE_KEYCLOAK_CORPUS", "")
EVERY = int(os.environ.get("RECONCILE_KEYCLOAK_CORPUS_EVERY", "50"))

# What its files look up by `$(env:…)` and `$(sys:…)`.
ENVIRONMENT = {"JUNIT_LDAP_HOST": "ldap.example.org", "JUNIT_LDAP_PORT": "389"}

# Files of keycloak-config-cli's own tests that can't be there, and why.
_REASONS = {
    "a client without clientId: Keycloak would make one up, and the next look could not tell which client it is": (
        "clients/01_update_realm__add_client.json",
        "clients/11_update_realm__add_authorization.json",
        "clients/12_update_realm__update_authorization.json",
        "clients/13_update_realm__remove_authorization.json",
        "clients/92_update_realm__invalid-client.json",
    ),
    "a key that Keycloak does not have": (
        "auth-config/07_test_admin_permissions_client_in_import.json",
        "realm-file-type/json/99_invalid_realm.json",
        "realm-file-type/yaml/99_invalid_realm.yaml",
    ),
    "a variable that holds a piece of JSON: here it is a text, which can't become anything else": (
        "realm-substitution/0_create_realm.json",
        "realm-substitution/1_update_realm.json",
        "realm-substitution/2_update_realm_with_env.json",
        "realm-substitution/3_update_realm.json",
        "realm-substitution/custom-pre-suffix/0_create_realm.json",
        "realm-substitution/extended/0_update_realm.json",
    ),
    "a step of a workflow after years, which Keycloak 26.7 refuses (HTTP 400)": (
        "workflows/00_create_realm_with_workflow.json",
        "workflows/01_update_workflow.json",
    ),
    "attributes that the realm's user profile does not have: Keycloak would drop them without a word": (
        "organizations/01_create_organization_empty.json",
        "organizations/06_import_organizations_full_realm.json",
        "parallel/0_create_realm.json",
        "realm-file-type/yaml/3_update_realm_anchors.yaml",
        "user-federation/07_update_realm_with_federation_readonly_change_attributes.json",
        "users/15.0_update_realm_change_clientusers_password.json",
        "users/15.1_update_realm_change_clientusers_password.json",
    ),
    "binds a flow that only an earlier file has": ("auth-flows/51_update_realm__skip-remove-top-level-flow.json",),
    "has realm-management bear tokens only and offer authorization services, which exclude each other: a new realm "
    "takes the second, and Keycloak 26.7 lets nobody change that client (HTTP 403)": (
        "clients/41_update_realm_add_authz_policy_realm-management.json",
        "clients/42_update_realm_update_authz_policy_realm-management.json",
        "clients/43_update_realm_remove_client_and_authz_policy_realm-management.json",
        "clients/45_update_realm_update_authz_policy_for_idp_realm-management.json",
        "clients/46_update_realm_update_authz_policy_for_idp_with_placeholder_realm-management.json",
        "clients/47_update_realm_update_authz_policy_for_role_with_placeholder_realm-management.json",
        "clients/48_update_realm_update_authz_policy_for_group_with_placeholder_realm-management.json",
        "clients/49.0_update_realm_update_authz_policy_for_unknown_type_with_placeholder_realm-management.json",
        "clients/49.1_update_realm_update_authz_policy_for_client_with_error_placeholder_realm-management.json",
        "clients/49.2_update_realm_update_authz_policy_for_idp_with_error_placeholder_realm-management.json",
        "clients/49.3_update_realm_update_authz_policy_for_role_with_error_placeholder_realm-management.json",
        "clients/49.4_update_realm_update_authz_policy_for_group_with_error_placeholder_realm-management.json",
        "clients/50.0_update_realm_update_authz_policy_for_unknown_type_with_id_realm-management.json",
        "clients/50.1_update_realm_update_authz_policy_for_client_with_bad_id_realm-management.json",
        "clients/50.2_update_realm_update_authz_policy_for_idp_with_bad_id_realm-management.json",
        "clients/50.3_update_realm_update_authz_policy_for_role_with_bad_id_realm-management.json",
        "clients/51_update_realm_with_client_with_more_than_100_roles_in_realm_management_authorization.json",
    ),
    "a policy in JavaScript, of which this server has none": (
        "fgap-v2-compatibility/02_test_fgap_v2_501_error_handling.json",
    ),
    "made to fail: a text too long": (
        "clients/90_update_realm__try-to-create-client.json",
        "clients/91.1_update_realm__try-to-update-client.json",
        "components/12_update_realm__try-to-create-component.json",
        "simple-realm/04_create_simple-realm_with_invalid_name.json",
        "simple-realm/09_update_simple-realm_with_invalid_property.json",
    ),
    "made to fail: a type of flow that does not exist": (
        "auth-flows/27_update_realm__try-to-update-non-top-level-flow-with-pseudo-id.json",
        "auth-flows/29_update_realm__try-to-update-invalid-top-level-flow.json",
    ),
    "made to fail: adds to a built-in flow": (
        "auth-flows/40_update_realm__try-to-update-built-in-flow.json",
        "auth-flows/45_update_realm__try-to-update-flow-set-builtin-true.json",
    ),
    "made to fail: an execution that does not exist": (
        "auth-flows/05_try_to_update_realm__add_flow_with_defective_execution_flow.json",
        "auth-flows/06_try_to_update_realm__change_requirement_in_defective_flow_with_execution_flow.json",
        "auth-flows/07_try_to_update_realm__change_requirement_flow_with_execution_flow_with_not_existing_execution.json",
    ),
    "made to fail: an incomplete execution": (
        "auth-flows/08_try_to_update_realm__change_requirement_flow_with_execution_flow_with_defective_execution.json",
        "auth-flows/09_try_to_update_realm__change_requirement_flow_with_defective_execution_flow.json",
    ),
    "made to fail: authorization settings of a client without authorization services": (
        "clients/10.3_update_realm__raise_error_update_authorization_client_bearer_only.json",
        "clients/10.4.2_update_realm__raise_error_update_authorization_client_public.json",
        "clients/10.5_update_realm__raise_error_update_authorization_without_service_account_enabled.json",
        "clients/10.0_update_realm__raise_error_add_authorization_client_bearer_only.json",
        "clients/10.1_update_realm__raise_error_add_authorization_client_public.json",
        "clients/10.2_update_realm__raise_error_add_authorization_without_service_account_enabled.json",
    ),
    "made to fail: changes the type of a built-in flow": (
        "auth-flows/46_update_realm__try-to-create-builtin-flow.json",
    ),
    "made to fail: no JSON": ("simple-realm/81_invalid_json.json",),
    "made to fail: no realm, but unknown keys": (
        "import/invalid/0_realm.json",
        "simple-realm/80_invalid_import_property.json",
    ),
    "made to fail: two users with one address": (
        "users/50.3_update_realm_with_email_as_username_with_invalid_username.json",
    ),
    "names what only an earlier file has, or nothing has": (
        "fgap-v2-compatibility/02_update_realm_management_permissions_fgap_v2.json",
        "auth-flows/41_update_realm__try-to-update-with-non-existing-flow.json",
        "clients/18_cannot_update_realm__with_invalid_auth-flow-overrides.json",
        "default-groups/96_update_realm_add_non_exists_default_subgroup.json",
        "fgap-v2-compatibility/01_update_realm_authorization_fgap_v2.json",
        "managed-no-delete/1_update-realm_not-delete-one.json",
        "organizations/03_add_organization_members.json",
        "roles/15.2_update_realm__add_non_existing_composite_client_to_realm_role.json",
        "roles/19.2_update_realm__add_non_existing_client_role_composite_to_client_role.json",
        "roles/28_try-to_update_realm__refer-non-exist-role.json",
        "roles/29_try-to_update_realm__add-client-role-without-client.json",
        "scope-mappings/09_update-realm__update-role-for-client.json",
        "scope-mappings/10_1_update-realm__throw-invalid-client-scope.json",
        "scope-mappings/10_2_update-realm__throw-invalid-client-scope-role.json",
        "scope-mappings/10_3_update-realm__throw-invalid-client.json",
        "scope-mappings/10_4_update-realm__throw-invalid-client-role.json",
        "simple-realm/10.5_update_simple-realm_invalid-default_defaultScopes.json",
        "simple-realm/10.6_update_simple-realm_invalid-optional_defaultScopes.json",
        "users/07_update_realm_try_to_create_user_invalid_role.json",
        "users/08_update_realm_try_to_create_user_invalid_group.json",
    ),
    "changes the realm master, by which tests work; tried by hand": (
        "service-account/00_update_realm_create_service_account_in_master_realm.json",
    ),
}
EXCEPTIONS = {f"import-files/{file}": reason for reason, files in _REASONS.items() for file in files}


def every() -> list[Path]:
    """The files of the corpus."""
    return (
        sorted(file for file in Path(FOLDER).rglob("*") if file.suffix in (".json", ".yaml", ".yml")) if FOLDER else []
    )


def files() -> list[Path]:
    """The files that are tried."""
    return [file for file in every()[::EVERY] if str(file.relative_to(FOLDER)) not in EXCEPTIONS]


@pytest.mark.skipif(not FOLDER, reason="RECONCILE_KEYCLOAK_CORPUS names no folder of realm files")
@pytest.mark.parametrize("file", files(), ids=lambda file: str(file.relative_to(FOLDER)))
def test_a_realm_file_is_there_after_it_was_applied(driver: Driver, server: Server, file: Path) -> None:
    loaded = load(Sources(file.parent, users_files=(file,), environment=ENVIRONMENT)).document.realms or ()
    realms = [with_quick_keys({**realm, "adminEventsEnabled": True}) for realm in loaded]
    names = [str(realm["realm"]) for realm in realms]
    client = server.client()
    for name in names:
        dropped(server, name)
    try:
        driver.apply(*realms)
        before = [ByHand(client, name).events() for name in names]
        again = driver.once(*realms)

        assert again.plan.in_sync
        assert again.writes == ()
        assert [ByHand(client, name).events() for name in names] == before
    finally:
        client.close()
        for name in names:
            dropped(server, name)


def test_every_exception_is_a_file() -> None:
    there = {str(file.relative_to(FOLDER)) for file in every()}

    assert not FOLDER or {pattern for pattern in EXCEPTIONS if pattern not in there} == set()
