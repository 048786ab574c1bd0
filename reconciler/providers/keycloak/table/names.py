"""The names of all types of objects in a realm, as they stand in addresses."""

from __future__ import annotations

from typing import Final

REALM: Final = "keycloak.realm"
CLIENT_SCOPE: Final = "keycloak.client-scope"
CLIENT: Final = "keycloak.client"
ROLE: Final = "keycloak.role"
CLIENT_ROLE: Final = "keycloak.client-role"
GROUP: Final = "keycloak.group"
USER: Final = "keycloak.user"
PASSWORD: Final = "keycloak.password"  # noqa: S105 (a kind of object)
IDENTITY_PROVIDER: Final = "keycloak.identity-provider"
IDENTITY_PROVIDER_MAPPER: Final = "keycloak.identity-provider-mapper"
FLOW: Final = "keycloak.flow"
FLOW_BINDINGS: Final = "keycloak.flow-bindings"
REQUIRED_ACTION: Final = "keycloak.required-action"
COMPONENT: Final = "keycloak.component"
USER_PROFILE: Final = "keycloak.user-profile"
CLIENT_PROFILES: Final = "keycloak.client-profiles"
CLIENT_POLICIES: Final = "keycloak.client-policies"
DEFAULT_GROUPS: Final = "keycloak.default-groups"
DEFAULT_ROLES: Final = "keycloak.default-roles"
DEFAULT_CLIENT_SCOPES: Final = "keycloak.default-client-scopes"
LOCALIZATION: Final = "keycloak.localization"
ORGANIZATION: Final = "keycloak.organization"
ORGANIZATION_GROUPS: Final = "keycloak.organization-groups"
WORKFLOW: Final = "keycloak.workflow"
AUTHORIZATION: Final = "keycloak.authorization"
ADMIN_PERMISSIONS: Final = "keycloak.admin-permissions"
SCOPE_MAPPINGS: Final = "keycloak.scope-mappings"
CLIENT_SCOPE_MAPPINGS: Final = "keycloak.client-scope-mappings"
