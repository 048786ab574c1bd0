"""The list of all types of objects in a realm. A new type is a new file in `kinds/`, and its name in this list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reconciler.providers.keycloak.kinds import (
    admin_permissions,
    authorization,
    client,
    client_policies,
    client_role,
    client_scope,
    component,
    default_client_scopes,
    default_groups,
    default_roles,
    flow,
    flow_bindings,
    group,
    identity_provider,
    identity_provider_mapper,
    localization,
    organization,
    organization_groups,
    password,
    realm,
    required_action,
    role,
    scope_mappings,
    user,
    user_profile,
    workflow,
)
from reconciler.providers.keycloak.table.kind import RestKind

KINDS: Final[Mapping[str, RestKind]] = {
    table.name: table
    for table in (
        realm.KIND,
        user_profile.KIND,
        component.KIND,
        localization.KIND,
        flow.KIND,
        flow_bindings.KIND,
        required_action.KIND,
        identity_provider.KIND,
        identity_provider_mapper.KIND,
        client_policies.PROFILES,
        client_policies.POLICIES,
        client_scope.KIND,
        default_client_scopes.KIND,
        client.KIND,
        authorization.KIND,
        admin_permissions.KIND,
        role.KIND,
        client_role.KIND,
        default_roles.KIND,
        scope_mappings.OF_CLIENTS,
        scope_mappings.OF_SCOPES,
        group.KIND,
        default_groups.KIND,
        user.KIND,
        password.KIND,
        organization.KIND,
        organization_groups.KIND,
        workflow.KIND,
    )
}
"""All types by name; the order is that in which a reader of a plan meets them, and has no other meaning."""
