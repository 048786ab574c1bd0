"""A realm's own settings: every property of a RealmRepresentation that is a setting and not a section.

``attributes`` and ``browserSecurityHeaders`` are managed by declared key, as the server keeps entries of its own
there; ``smtpServer`` is exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from reconciler.core.difference.kind import Field
from reconciler.core.resource.address import Address
from reconciler.core.resource.values import ABSENT, Path, Spec, Value
from reconciler.providers.keycloak.table.connection import BASE, Representation, View
from reconciler.providers.keycloak.table.deployed import not_deployed, password_policies
from reconciler.providers.keycloak.table.groups import Builtins, Creation, Paths, Put, Reading, Requirements
from reconciler.providers.keycloak.table.kind import Item, RestKind
from reconciler.providers.keycloak.table.properties import (
    DIGESTS,
    Property,
    as_secret,
    as_text,
    as_text_map,
    as_word,
    declared_keys,
    flag,
    kept_if_usual,
    names,
    number,
    settings,
    text,
    text_or,
    unmasked,
    without_blanks,
)
from reconciler.providers.keycloak.table.required_release import Since
from reconciler.vocabulary.accepted import PASSWORD_POLICIES, policies
from reconciler.vocabulary.keycloak import LOGIN_OF_MAIL, MASTER, REALM, TOKEN_OF_MAIL


def _policies(value: Value) -> Value:
    """A password policy; their order says nothing, and "undefined" is how the console writes "no argument"."""
    value = as_text(value)
    if not isinstance(value, str):
        return value
    parts = (part.strip().removesuffix("(undefined)") for part in value.split(" and "))
    return " and ".join(sorted(part for part in parts if part)) or ABSENT


def _lower(value: Value) -> Value:
    value = as_word(value)
    return value.lower() if isinstance(value, str) else value


def _smtp(value: Value) -> Mapping[str, Value]:
    """Mail settings; the console writes "false" where there was nothing.

    Without `auth` the server keeps no account, and with a password none of the settings for tokens (26.7).
    """
    found = {key: ABSENT if part == "false" else part for key, part in as_text_map(value).items()}
    is_known, is_by_token = str(found.get("auth")).lower() == "true", found.get("authType") == "token"
    dropped = LOGIN_OF_MAIL if not is_known else () if is_by_token else TOKEN_OF_MAIL
    return {key: as_secret(part) if key in _MAIL_SECRETS else part for key, part in found.items() if key not in dropped}


def _attributes(value: Value) -> Mapping[str, Value]:
    """Attributes of the realm without ours, which exports of the server have."""
    return {key: part for key, part in as_text_map(value).items() if key != DIGESTS}


def _masked(_spec: Spec) -> Iterable[str]:
    return ("smtpServer",)


_MAIL_SECRETS: Final = ("password", "authTokenClientSecret")
_TEXTS: Final = (
    "displayName displayNameHtml defaultSignatureAlgorithm loginTheme accountTheme adminTheme emailTheme defaultLocale"
)
_FLAGS: Final = (
    "enabled revokeRefreshToken offlineSessionMaxLifespanEnabled registrationAllowed registrationEmailAsUsername "
    "rememberMe verifyEmail loginWithEmailAllowed duplicateEmailsAllowed resetPasswordAllowed editUsernameAllowed "
    "bruteForceProtected permanentLockout eventsEnabled adminEventsEnabled adminEventsDetailsEnabled "
    "internationalizationEnabled userManagedAccessAllowed organizationsEnabled adminPermissionsEnabled "
    "verifiableCredentialsEnabled scimApiEnabled"
)
_NUMBERS: Final = (
    "refreshTokenMaxReuse accessTokenLifespan accessTokenLifespanForImplicitFlow ssoSessionIdleTimeout "
    "ssoSessionMaxLifespan ssoSessionMaxLifespanRememberMe ssoSessionIdleTimeoutRememberMe offlineSessionIdleTimeout "
    "offlineSessionMaxLifespan clientSessionIdleTimeout clientSessionMaxLifespan clientOfflineSessionIdleTimeout "
    "clientOfflineSessionMaxLifespan accessCodeLifespan accessCodeLifespanUserAction accessCodeLifespanLogin "
    "actionTokenGeneratedByAdminLifespan actionTokenGeneratedByUserLifespan oauth2DeviceCodeLifespan "
    "oauth2DevicePollingInterval maxTemporaryLockouts maxFailureWaitSeconds minimumQuickLoginWaitSeconds "
    "waitIncrementSeconds quickLoginCheckMilliSeconds maxDeltaTimeSeconds failureFactor maxSecondaryAuthFailures "
    "eventsExpiration"
)
_SETS: Final = "eventsListeners enabledEventTypes supportedLocales requiredCredentials"

# The one-time-password policy is taken as a whole, and only together with its type; the rest would be reset.
_OTP: Final[Mapping[str, Value]] = {
    "otpPolicyType": "totp",
    "otpPolicyAlgorithm": "HmacSHA1",
    "otpPolicyInitialCounter": 0,
    "otpPolicyDigits": 6,
    "otpPolicyLookAheadWindow": 1,
    "otpPolicyPeriod": 30,
    "otpPolicyCodeReusable": False,
}
_OTP_ROWS: Final = {
    name: flag() if value is False else number() if isinstance(value, int) else text() for name, value in _OTP.items()
}


def _specified(value: Value) -> Value:
    """A word of a policy for security keys; the server shows "not specified" where there is none (26.7)."""
    value = as_text(value)
    return ABSENT if value == "not specified" else value


# So are the two policies for security keys, each only together with the name of the relying party.
_WEBAUTHN: Final = {
    "RpEntityName": text_or("keycloak"),
    "RpId": text(),
    "SignatureAlgorithms": kept_if_usual(names(), ("ES256", "RS256"), ("ES256",)),
    "AttestationConveyancePreference": text(_specified),
    "AuthenticatorAttachment": text(_specified),
    "RequireResidentKey": text(_specified),
    "ResidentKey": text(_specified),
    "UserVerificationRequirement": text(_specified),
    "CreateTimeout": number(),
    "AvoidSameAuthenticatorRegister": flag(),
    "AcceptableAaguids": names(),
    "ExtraOrigins": names(),
}
_SECURITY_KEY_ROWS: Final = {f"webAuthnPolicy{name}": row for name, row in _WEBAUTHN.items()}
_PASSKEY_ROWS: Final = {
    f"webAuthnPolicyPasswordless{name}": row
    for name, row in {
        **_WEBAUTHN,
        "ResidentKey": kept_if_usual(text(_specified), "required"),
        "UserVerificationRequirement": kept_if_usual(text(_specified), "required"),
        "PasskeysEnabled": flag(),
        "Mediation": text(without_blanks(_specified)),
    }.items()
}

_ROWS: Final[Mapping[str, Property]] = {
    "enabled": flag(),
    **{name: text() for name in _TEXTS.split()},
    **{name: flag() for name in _FLAGS.split()},
    **{name: number() for name in _NUMBERS.split()},
    **{name: names() for name in _SETS.split()},
    "sslRequired": text_or("external", _lower),
    "bruteForceStrategy": text_or("MULTIPLE", as_word),
    "passwordPolicy": text(_policies),
    **_OTP_ROWS,
    **_SECURITY_KEY_ROWS,
    **_PASSKEY_ROWS,
    "browserSecurityHeaders": settings(),
    "smtpServer": Property(Field(normalise=_smtp), complete=unmasked, unset={}, whole=True),
    "attributes": Property(Field(normalise=_attributes), complete=declared_keys, whole=True),
}

_SINCE: Final = {
    "organizationsEnabled": Since((26, 0), feature="organization", by_default=(26, 0)),
    "adminPermissionsEnabled": Since((26, 2), feature="admin-fine-grained-authz-v2", by_default=(26, 2)),
    "maxSecondaryAuthFailures": Since((26, 6)),
    "scimApiEnabled": Since((26, 6), feature="scim-api"),
    "verifiableCredentialsEnabled": Since((26, 0), feature="oid4vc-vci"),
    "webAuthnPolicyResidentKey": Since((26, 7)),
    "webAuthnPolicyPasswordlessResidentKey": Since((26, 7)),
    "webAuthnPolicyPasswordlessMediation": Since((26, 7)),
}

# Attributes that only mirror a setting of another name.
_MIRRORS: Final = {
    "realmReusableOtpCode": "otpPolicyCodeReusable",
    **{f"webAuthnPolicy{name}Passwordless": f"webAuthnPolicyPasswordless{name}" for name in _WEBAUTHN},
}
_HEADER: Final = "_browser_header."


def _itself(realm: Representation) -> Iterator[Item]:
    yield Item((), (), with_mirrors_lifted(realm))


def with_mirrors_lifted(realm: Representation) -> Representation:
    """The realm with attributes that mirror a setting in the setting's own place.

    The server follows the setting and not its mirror: PUT `attributes.oauth2DeviceCodeLifespan` resets both to
    600 (26.7). Files have the mirrors, as exports do, and are to mean the same.
    """
    attributes = realm.get("attributes")
    if not isinstance(attributes, Mapping):
        return realm
    mirrored = {_MIRRORS.get(name, str(name)): value for name, value in attributes.items()}
    headers = {name.removeprefix(_HEADER): value for name, value in mirrored.items() if name.startswith(_HEADER)}
    if headers:
        mirrored["browserSecurityHeaders"] = headers
    # A setting that the file has in its own place wins over its mirror.
    lifted = {name: value for name, value in mirrored.items() if name in _ROWS and name not in realm}
    kept = {name: value for name, value in mirrored.items() if name not in _ROWS and not name.startswith(_HEADER)}
    return {**realm, **lifted, "attributes": kept}


def _whole_otp_policy(body: Mapping[str, Value]) -> Mapping[str, Value]:
    return {**_OTP, **body} if _OTP.keys() & body.keys() else body


def _unknown_policies(view: View, _address: Address, body: Mapping[str, Value]) -> str:
    text = body.get("passwordPolicy")
    named = [name for name, _ in policies(text)] if isinstance(text, str) else []
    others = [name for name in named if name not in PASSWORD_POLICIES]
    known = password_policies(view) if others else ()
    return next(filter(None, (not_deployed("password policy", name, known) for name in others)), "")


def _is_master(path: Path) -> bool:
    return path == (MASTER,)


def _together(rows: Mapping[str, Property]) -> Mapping[str, frozenset[str]]:
    return dict.fromkeys(rows, frozenset(rows))


# Settings kept in attributes (CIBA, PAR, device codes) are reset by a PUT without them, whatever it is about.
ALWAYS: Final = ("attributes", "oauth2DeviceCodeLifespan", "oauth2DevicePollingInterval")

KIND: Final = RestKind(
    name=REALM,
    key="realm",
    properties=_ROWS,
    objects=_itself,
    paths=Paths(item=BASE, find=BASE, collections={"": "admin/realms"}),
    right="manage-realm",
    parent=None,
    keeps_data=True,
    vital=frozenset({"enabled"}),
    put=Put(
        always=ALWAYS,
        carries={
            **_together(_OTP_ROWS),
            **_together(_SECURITY_KEY_ROWS),
            **_together(_PASSKEY_ROWS),
        },
    ),
    creation=Creation(
        defaults={"enabled": True},  # the server's own default is a realm that nobody can use
        complete=_whole_otp_policy,
    ),
    builtins=Builtins(is_builtin=_is_master),
    requirements=Requirements(since=_SINCE, rejects=_unknown_policies),
    reading=Reading(masked=_masked),
)
