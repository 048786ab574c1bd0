"""Each word that the server has for what is in a realm is in the schema, or here, with the reason why it is not.

They are read from the server's own classes, in its container, so that a new release shows what is new in it.
"""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from tests.kit.keycloak.classes import properties
from tests.kit.keycloak.server import Server, server_of

SCHEMA: Final = json.loads((Path(__file__).parents[3] / "schemas" / "users.schema.json").read_text())
FOLDER: Final = "org/keycloak/representations/"
PACKAGES: Final = ("idm/", "idm/authorization/", "idm/oid4vc/", "userprofile/config/", "workflows/")

NEWEST: Final = (26, 7)
"""The release that the tables here are of."""

DEFINED: Final[Mapping[str, str]] = {
    "idm/RealmRepresentation": "realm",
    "idm/RealmEventsConfigRepresentation": "realm",
    "idm/ClientRepresentation": "client",
    "idm/ClientScopeRepresentation": "clientScope",
    "idm/ProtocolMapperRepresentation": "protocolMapper",
    "idm/RolesRepresentation": "roles",
    "idm/RoleRepresentation": "role",
    "idm/RoleRepresentation$Composites": "composites",
    "idm/GroupRepresentation": "group",
    "idm/UserRepresentation": "user",
    "idm/AbstractUserRepresentation": "user",
    "idm/CredentialRepresentation": "credential",
    "idm/FederatedIdentityRepresentation": "federatedIdentity",
    "idm/IdentityProviderRepresentation": "identityProvider",
    "idm/IdentityProviderMapperRepresentation": "identityProviderMapper",
    "idm/AuthenticationFlowRepresentation": "flow",
    "idm/AuthenticationExecutionExportRepresentation": "execution",
    "idm/AbstractAuthenticationExecutionRepresentation": "execution",
    "idm/AuthenticatorConfigRepresentation": "authenticatorConfig",
    "idm/RequiredActionProviderRepresentation": "requiredAction",
    "idm/RequiredActionConfigRepresentation": "requiredAction",
    "idm/ComponentExportRepresentation": "component",
    "idm/ComponentRepresentation": "component",
    "idm/ClientProfilesRepresentation": "clientProfiles",
    "idm/ClientProfileRepresentation": "clientProfile",
    "idm/ClientPolicyExecutorRepresentation": "clientProfileExecutor",
    "idm/ClientPoliciesRepresentation": "clientPolicies",
    "idm/ClientPolicyRepresentation": "clientPolicy",
    "idm/ClientPolicyConditionRepresentation": "clientPolicyCondition",
    "idm/ScopeMappingRepresentation": "scopeMapping",
    "idm/OrganizationRepresentation": "organization",
    "idm/OrganizationDomainRepresentation": "organizationDomain",
    "idm/MemberRepresentation": "organizationMember",
    "idm/authorization/ResourceServerRepresentation": "authorizationSettings",
    "idm/authorization/ResourceRepresentation": "authorizationResource",
    "idm/authorization/ScopeRepresentation": "authorizationScope",
    "idm/authorization/PolicyRepresentation": "authorizationPolicy",
    "idm/authorization/AbstractPolicyRepresentation": "authorizationPolicy",
    "userprofile/config/UPConfig": "userProfile",
    "userprofile/config/UPAttribute": "userProfileAttribute",
    "userprofile/config/UPAttributeRequired": "userProfileAttribute.required",
    "userprofile/config/UPAttributePermissions": "userProfileAttribute.permissions",
    "userprofile/config/UPAttributeSelector": "userProfileAttribute.selector",
    "userprofile/config/UPGroup": "userProfileGroup",
    "workflows/WorkflowRepresentation": "workflow",
    "workflows/WorkflowScheduleRepresentation": "workflow.schedule",
    "workflows/WorkflowConcurrencyRepresentation": "workflow.concurrency",
    "workflows/WorkflowStepRepresentation": "workflowStep",
    "workflows/AbstractWorkflowComponentRepresentation": "workflowStep",
}
"""The part of the schema that is about what a class is about."""

IN_JSON: Final[Mapping[str, Mapping[str, str]]] = {
    "idm/RealmRepresentation": {
        "oAuth2DeviceCodeLifespan": "oauth2DeviceCodeLifespan",
        "oAuth2DevicePollingInterval": "oauth2DevicePollingInterval",
        "parsedClientProfiles": "clientProfiles",
        "parsedClientPolicies": "clientPolicies",
    },
    "idm/ClientPolicyExecutorRepresentation": {"executorProviderId": "executor"},
    "idm/ClientPolicyConditionRepresentation": {"conditionProviderId": "condition"},
    "idm/authorization/ResourceRepresentation": {"id": "_id", "iconUri": "icon_uri"},
    "workflows/WorkflowRepresentation": {"conditions": "if"},
    "workflows/WorkflowScheduleRepresentation": {"batchSize": "batch-size"},
    "workflows/WorkflowConcurrencyRepresentation": {
        "cancelInProgress": "cancel-in-progress",
        "restartInProgress": "restart-in-progress",
    },
    "workflows/WorkflowStepRepresentation": {
        "config": "with",
        "scheduledAt": "scheduled-at",
        "executionStatus": "status",
    },
    "workflows/AbstractWorkflowComponentRepresentation": {"config": "with"},
}
"""What a property is called in JSON, where that is another word."""

NOT_IN_JSON: Final = "only other code of the server asks for it"
OLD: Final = "of releases long ago; the server no longer writes it"
UNSUPPORTED: Final = "an error in a file, which says why"
IN_CONFIG: Final = "a file has it in config"
WITHOUT: Final[Mapping[str, Mapping[str, str]]] = {
    "idm/RealmRepresentation": {
        **dict.fromkeys(("federatedUsers", "protocolMappers"), UNSUPPORTED),
        **dict.fromkeys(("userFederationMappers", "userFederationProviders"), UNSUPPORTED),
        **dict.fromkeys(("applicationScopeMappings", "applications", "clientTemplates", "oauthClients"), OLD),
        **dict.fromkeys(("identityFederationEnabled", "passwordCredentialGrantAllowed"), OLD),
        **dict.fromkeys(("social", "socialProviders", "updateProfileOnInitialSocialLogin"), OLD),
        "attributesOrEmpty": NOT_IN_JSON,
    },
    "idm/ClientRepresentation": dict.fromkeys(
        ("clientTemplate", "useTemplateConfig", "useTemplateMappers", "useTemplateScope"), OLD
    ),
    "idm/RolesRepresentation": {"application": OLD},
    "idm/UserRepresentation": dict.fromkeys(
        (
            "applicationRoles",
            "clientConsents",
            "federationLink",
            "issuedVerifiableCredentials",
            "socialLinks",
            "verifiableCredentials",
        ),
        UNSUPPORTED,
    ),
    "idm/AbstractUserRepresentation": {"rawAttributes": NOT_IN_JSON},
    "idm/CredentialRepresentation": dict.fromkeys(
        ("algorithm", "config", "counter", "device", "digits", "hashIterations", "hashedSaltedValue", "period", "salt"),
        OLD,
    ),
    "idm/authorization/AbstractPolicyRepresentation": {
        "scopes": IN_CONFIG,
        "resourcesData": "only the server's pages ask for it",
        "scopesData": "only the server's pages ask for it",
    },
    "userprofile/config/UPAttributeRequired": {"always": NOT_IN_JSON},
    "userprofile/config/UPAttributePermissions": {"empty": NOT_IN_JSON},
    "workflows/WorkflowRepresentation": {
        "cancelInProgress": "it is in concurrency",
        "restartInProgress": "it is in concurrency",
        "supports": NOT_IN_JSON,
    },
    "workflows/WorkflowStepRepresentation": {"priority": "follows from the order of the steps"},
}
"""What no file has, with the reason."""

NO_PART_OF_A_REALM: Final[Mapping[str, str]] = {
    "what happened, and who is logged in": """
        idm/AdminEventRepresentation idm/AuthDetailsRepresentation idm/EventRepresentation idm/UserSessionRepresentation
        idm/SynchronizationResultRepresentation idm/KeysMetadataRepresentation idm/UserConsentRepresentation
        idm/oid4vc/IssuedVerifiableCredentialRepresentation idm/oid4vc/UserVerifiableCredentialRepresentation
        workflows/WorkflowStateRepresentation workflows/StepExecutionStatus
        idm/authorization/PermissionTicketRepresentation
    """,
    "what the server says of its providers": """
        idm/AuthenticatorConfigInfoRepresentation idm/ComponentTypeRepresentation idm/ConfigPropertyRepresentation
        idm/IdentityProviderMapperTypeRepresentation idm/LDAPCapabilityRepresentation
        idm/PasswordPolicyTypeRepresentation idm/ProtocolMapperTypeRepresentation
        idm/RequiredActionConfigInfoRepresentation idm/RequiredActionProviderSimpleRepresentation
        idm/authorization/PolicyProviderRepresentation
    """,
    "another form of what DEFINED has": """
        idm/AuthenticationExecutionInfoRepresentation idm/AuthenticationExecutionRepresentation
        idm/MappingsRepresentation idm/ClientMappingsRepresentation idm/PublishedRealmRepresentation
        idm/UserProfileMetadata idm/UserProfileAttributeMetadata idm/UserProfileAttributeGroupMetadata
        idm/authorization/AggregatePolicyRepresentation idm/authorization/ClientPolicyRepresentation
        idm/authorization/ClientScopePolicyRepresentation idm/authorization/GroupPolicyRepresentation
        idm/authorization/JSPolicyRepresentation idm/authorization/RegexPolicyRepresentation
        idm/authorization/ResourcePermissionRepresentation idm/authorization/RolePolicyRepresentation
        idm/authorization/ScopePermissionRepresentation idm/authorization/TimePolicyRepresentation
        idm/authorization/UmaPermissionRepresentation idm/authorization/UserPolicyRepresentation
    """,
    "in a map that may have any key": """
        idm/ClientPolicyConditionConfigurationRepresentation idm/ClientPolicyExecutorConfigurationRepresentation
        idm/oid4vc/VerifiableCredentialOfferActionConfig
    """,
    "written by the server, neither compared nor sent": """
        idm/authorization/AuthorizationSchema idm/authorization/ResourceType
        idm/authorization/ResourceOwnerRepresentation
    """,
    "a request or its answer": """
        idm/CertificateRepresentation idm/ClientInitialAccessCreatePresentation idm/ClientInitialAccessPresentation
        idm/ErrorRepresentation idm/OAuth2ErrorRepresentation idm/OrganizationInvitationRepresentation
        idm/PartialImportRepresentation idm/TestLdapConnectionRepresentation idm/authorization/AuthorizationRequest
        idm/authorization/AuthorizationResponse idm/authorization/Permission idm/authorization/PermissionRequest
        idm/authorization/PermissionResponse idm/authorization/PermissionTicketToken
        idm/authorization/PolicyEvaluationRequest idm/authorization/PolicyEvaluationResponse
    """,
    "one of a few words": """
        idm/MembershipType idm/authorization/DecisionEffect idm/authorization/DecisionStrategy idm/authorization/Logic
        idm/authorization/PolicyEnforcementMode
    """,
    "of an experiment that is off, kept in an attribute of the realm": """
        idm/ClientTypeRepresentation idm/ClientTypesRepresentation
    """,
    "of the first form of permissions for administrators, which is off": """
        idm/ManagementPermissionReference idm/ManagementPermissionRepresentation
    """,
    "the server's own settings": "idm/SecurityProfileConfiguration",
    "of releases long ago": """
        idm/ApplicationRepresentation idm/ClaimRepresentation idm/ClientTemplateRepresentation
        idm/OAuthClientRepresentation idm/SocialLinkRepresentation idm/UserFederationMapperRepresentation
        idm/UserFederationMapperSyncConfigRepresentation idm/UserFederationMapperTypeRepresentation
        idm/UserFederationProviderFactoryRepresentation idm/UserFederationProviderRepresentation
    """,
    "how it is done": """
        workflows/MultivaluedHashMapValueDeserializer workflows/MultivaluedHashMapValueSerializer
        workflows/WorkflowConstants
    """,
}
"""The other classes, by the reason why no file is about them."""


@pytest.fixture(scope="module")
def classes(server: Server) -> Mapping[str, bytes]:
    """The classes of the packages that realms are made of, by their names below the folder."""
    if not server.container:
        pytest.skip("the server is not ours, so its classes are out of reach")
    client = server.client()
    version = server_of(client).version
    client.close()
    if tuple(map(int, version.split(".")[:2])) < NEWEST:
        pytest.skip("of older releases there are other words; what they lack is in since.py")
    return dict(_classes(_jar(server, version)))


def _jar(server: Server, version: str) -> bytes:
    import docker

    engine = docker.from_env()
    try:
        container = engine.containers.get(server.container)
        path = f"/opt/keycloak/lib/lib/main/org.keycloak.keycloak-core-{version}.jar"
        packed, _ = container.get_archive(path)
        with tarfile.open(fileobj=io.BytesIO(b"".join(packed))) as archive:
            found = archive.extractfile(archive.getmembers()[0])
            assert found
            return found.read()
    finally:
        engine.close()


def _classes(jar: bytes) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(jar)) as archive:
        for entry in archive.namelist():
            name = entry.removeprefix(FOLDER).removesuffix(".class")
            if entry.startswith(FOLDER) and entry.endswith(".class") and name.startswith(PACKAGES):
                yield name, archive.read(entry)


def described(place: str) -> Mapping[str, Any]:
    """The properties of a definition, or of what a property of it holds."""
    name, _, inside = place.partition(".")
    found = SCHEMA["$defs"][name]["properties"]
    return found[inside]["properties"] if inside else found


def test_every_word_is_in_the_schema_or_has_a_reason_not_to_be(classes: Mapping[str, bytes]) -> None:
    missing = [
        f"{name}.{word}"
        for name, place in DEFINED.items()
        for word in sorted(properties(classes[name]))
        if word not in WITHOUT.get(name, {})
        if IN_JSON.get(name, {}).get(word, word) not in described(place)
    ]

    assert missing == []


def test_no_class_is_new(classes: Mapping[str, bytes]) -> None:
    known = {*DEFINED, *(name for names in NO_PART_OF_A_REALM.values() for name in names.split())}

    new = {name for name in classes if "$" not in name} - known

    assert new == set()


def test_what_is_said_of_words_is_true_of_the_newest_release(classes: Mapping[str, bytes]) -> None:
    """So that a word which a class no longer has is no longer excused."""
    said = {(name, word) for table in (IN_JSON, WITHOUT) for name, words in table.items() for word in words}

    assert {(name, word) for name, word in said if word not in properties(classes[name])} == set()
