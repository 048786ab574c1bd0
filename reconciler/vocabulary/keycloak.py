"""Facts about Keycloak's realms that the reader of the files and the provider share: names, natural keys, built-ins.

Each stands here once. What only one type's table needs stands in the file of that type.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reconciler.pattern import lazy_pattern
from reconciler.record import Struct

PROVIDER: Final = "keycloak"
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


TOKEN_OF_MAIL: Final = ("authTokenUrl", "authTokenScope", "authTokenClientId", "authTokenClientSecret")
LOGIN_OF_MAIL: Final = ("user", "password", "authType", *TOKEN_OF_MAIL)
"""The settings of a realm's mail server that Keycloak keeps only with `auth: true` (26.7)."""

WORDS: Final[Mapping[tuple[str, ...], tuple[str, ...]]] = {
    ("sslRequired",): ("all", "external", "none"),
    ("bruteForceStrategy",): ("LINEAR", "MULTIPLE"),
    ("userProfile", "unmanagedAttributePolicy"): ("ENABLED", "ADMIN_VIEW", "ADMIN_EDIT"),
}
"""Settings that have one of a few words; Keycloak answers another one without saying which setting is wrong (26.7)."""


PROFILE_COMPONENT: Final = "org.keycloak.userprofile.UserProfileProvider"
"""The type of the component in which a realm keeps its user profile."""

EXECUTIONS: Final = "authenticationExecutions"
"""The key of a flow's executions."""

AUTHORIZATION_ROLE: Final = "uma_protection"
"""The role of every client with authorization services, which Keycloak makes along with them."""

OWNED: Final = "owned"
EXACT: Final = "exact"
"""The ways to prune undeclared objects: those with the file's mark, or all."""

_ID: Final = lazy_pattern(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def is_id(text: str) -> bool:
    """Returns whether a text is an id that a server made up."""
    return _ID.fullmatch(text) is not None


class Section(Struct, frozen=True):
    """A list of objects at the top of a realm representation.

    The values of ``keys`` tell two of its objects apart. ``kind`` is the type whose addresses end in the first of
    them, where the files show all objects of it; stack.yaml can name these.
    """

    keys: tuple[str, ...]
    kind: str = ""


SECTIONS: Final[Mapping[str, Section]] = {
    "authenticationFlows": Section(("alias",), FLOW),
    "authenticatorConfig": Section(("alias",)),
    "clientScopes": Section(("name",), CLIENT_SCOPE),
    "clients": Section(("clientId",), CLIENT),
    "groups": Section(("name",)),
    "identityProviderMappers": Section(("identityProviderAlias", "name")),
    "identityProviders": Section(("alias",), IDENTITY_PROVIDER),
    "organizations": Section(("alias",)),
    "requiredActions": Section(("alias",)),
    "scopeMappings": Section(("client", "clientScope")),
    "users": Section(("username",)),
    "workflows": Section(("name",), WORKFLOW),
}
"""The sections of a realm. A new type with a list of its own is a row here, its table and its part of the schema."""

INNER_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "applicationScopeMappings": ("client", "clientScope"),
    "attributes": ("name",),
    "federatedIdentities": ("identityProvider",),
    "policies": ("name",),
    "profiles": ("name",),
    "protocolMappers": ("name", "protocol"),
    "subGroups": ("name",),
}
"""The natural keys of lists inside other objects or maps."""

ROLE_KEYS: Final = ("name",)
COMPONENT_KEYS: Final = ("name", "subType", "providerId")

MASTER: Final = "master"
"""The realm that every server has, and whose accounts may administer all others."""
OF_PEOPLE: Final = ("users", "groups", "roles", "organizations")
"""The sections of objects whose attributes have names that an administrator chose."""
SERVICE_ACCOUNT: Final = "service-account-"
"""The beginning of the names of service accounts, before the client's."""
REALM_MANAGEMENT: Final = "realm-management"
"""The client whose roles administrators of a realm have; nobody may change it."""
ADMIN_PERMISSIONS_CLIENT: Final = "admin-permissions"
"""The client whose authorization services hold who may administer what; there once that is switched on."""

BUILT_IN_CLIENTS: Final = frozenset(
    {"account", "account-console", "admin-cli", "broker", REALM_MANAGEMENT, "security-admin-console"}
)
"""The clients of every new realm."""
BUILT_IN_ROLES: Final = frozenset({"offline_access", "uma_authorization"})
"""The roles of every new realm besides its default role."""
BUILT_IN_SCOPES: Final = frozenset(
    {
        "AuthnContextClassRef",
        "acr",
        "address",
        "basic",
        "email",
        "microprofile-jwt",
        "offline_access",
        "organization",
        "phone",
        "profile",
        "role_list",
        "roles",
        "saml_organization",
        "service_account",
        "web-origins",
    }
)
"""The client scopes of every new realm; the server lets one delete them, and breaks."""

BUILT_IN_FLOWS: Final = frozenset(
    {
        "Account verification options",
        "Browser - Conditional 2FA",
        "Browser - Conditional Organization",
        "Direct Grant - Conditional OTP",
        "First Broker Login - Conditional Organization",
        "First broker login - Conditional 2FA",
        "Handle Existing Account",
        "Organization",
        "Reset - Conditional OTP",
        "User creation or linking",
        "Verify Existing Account by Re-authentication",
        "browser",
        "clients",
        "direct grant",
        "docker auth",
        "first broker login",
        "forms",
        "registration",
        "registration form",
        "reset credentials",
        "saml ecp",
    }
)
"""The authentication flows of every new realm."""
BOUND_FLOWS: Final = (
    "browserFlow",
    "registrationFlow",
    "directGrantFlow",
    "resetCredentialsFlow",
    "clientAuthenticationFlow",
    "dockerAuthenticationFlow",
    "firstBrokerLoginFlow",
)
"""The settings of a realm that name a flow."""

POLICY_SETTINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "role": ("roles", "fetchRoles"),
    "group": ("groups", "groupsClaim"),
    "user": ("users",),
    "client": ("clients",),
    "client-scope": ("clientScopes",),
}
"""All settings of a policy of these types, the list of what it is about first; the server drops others (26.7)."""
LISTS_OF_POLICIES: Final = frozenset(
    {*(names[0] for names in POLICY_SETTINGS.values()), "resources", "scopes", "applyPolicies"}
)
"""The settings of policies that are lists, which files and the server write as a text of JSON."""

CLIENT_SECRETS: Final = ("saml.signing.private.key", "saml.encryption.private.key", "client.secret.rotated")
"""The attributes of a client that hold a secret which the server makes."""
