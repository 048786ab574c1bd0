"""Values that Keycloak accepts: words of its settings, password policies, and the validations of a user profile.

Source: Keycloak 26.7, each asked for by writing it. An extension of a server can add words to an open set.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from reconciler.pattern import lazy_pattern
from reconciler.record import Struct, field

# ------------------------------------------------------------------ words


class Words(Struct, frozen=True):
    """The words that a setting may have.

    An extension can add words to sets that are ``is_open``. Keycloak refuses another word if ``is_refused``, and else
    takes it without an effect.
    """

    words: tuple[str, ...]
    is_open: bool = True
    is_refused: bool = True
    meant: Mapping[str, str] = field(default_factory=dict)
    """The right words for others that people know them by."""

    def has(self, word: str) -> bool:
        return word in self.words


_SIGNATURES: Final = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "HS256", "HS384"),
    "HS512",
)
_PROTOCOLS: Final = Words(
    ("openid-connect", "saml", "docker-v2", "oid4vc"), meant={"oidc": "openid-connect", "openid": "openid-connect"}
)
PROTOCOLS_OF_EVERY_SERVER: Final = ("openid-connect", "saml")
SETTINGS: Final[Mapping[str, Words]] = {
    "otpPolicyType": Words(("totp", "hotp"), is_open=False),
    "otpPolicyAlgorithm": Words(("HmacSHA1", "HmacSHA256", "HmacSHA512"), is_open=False),
    "defaultSignatureAlgorithm": Words(_SIGNATURES, is_refused=False),
    "clients.*.protocol": _PROTOCOLS,
    "clients.*.protocolMappers.*.protocol": _PROTOCOLS,
    "clients.*.clientAuthenticatorType": Words(
        ("client-secret", "client-jwt", "client-secret-jwt", "client-x509", "federated-jwt"), is_refused=False
    ),
    "clientScopes.*.protocol": _PROTOCOLS,
    "clientScopes.*.protocolMappers.*.protocol": _PROTOCOLS,
    "identityProviders.*.providerId": Words(
        (
            *("oidc", "keycloak-oidc", "saml", "oauth2", "kubernetes", "jwt-authorization-grant", "bitbucket"),
            *("facebook", "github", "gitlab", "google", "instagram", "linkedin-openid-connect", "microsoft"),
            *("openshift-v3", "openshift-v4", "paypal", "stackoverflow", "twitter", "spiffe"),
        )
    ),
    "users.*.credentials.*.type": Words(
        (
            *("password", "password-history", "otp", "totp", "hotp", "webauthn", "webauthn-passwordless"),
            *("recovery-authn-codes", "secret", "kerberos", "cert"),
        )
    ),
}
"""The settings of a realm with such words, by their paths in its files; ``*`` is any item."""

# ------------------------------------------------------------------ password policies

_NUMBER: Final = "a whole number"
_POLICIES: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        (
            *("digits", "forceExpiredPasswordChange", "hashIterations", "length", "lowerCase", "maxAuthAge"),
            *("maxLength", "passwordAge", "passwordHistory", "recoveryCodesWarningThreshold", "specialChars"),
            "upperCase",
        ),
        _NUMBER,
    ),
    "hashAlgorithm": "",
    "notContainsUsername": "",
    "notEmail": "",
    "notUsername": "",
    "passwordBlacklist": "",
    "regexPattern": "",
}
"""The policies of every server, each with the form of what is in its parentheses where it has one."""
PASSWORD_POLICIES: Final = tuple(_POLICIES)
_POLICY: Final = lazy_pattern(r"\s*(?P<name>[^(]*?)\s*(?:\((?P<value>.*)\))?\s*", re.DOTALL)
_WHOLE: Final = lazy_pattern(r"[+-]?[0-9]+")


def policies(text: str) -> Iterator[tuple[str, str | None]]:
    """The name and the value of each policy in a text, None for a value that is not written."""
    for part in re.split(r"\s+and\s+", text) if text.strip() else ():
        found = _POLICY.fullmatch(part)
        yield (found["name"], found["value"]) if found else (part, None)


def wrong_policy_value(name: str, value: str | None) -> str:
    """Describes what a policy needs in its parentheses, "" if its value is possible or has no known form."""
    wanted = _POLICIES.get(name)
    return wanted if wanted and value not in (None, "undefined") and not _WHOLE.fullmatch(value.strip()) else ""


# ------------------------------------------------------------------ user profile

DEFAULT_PROFILE: Final[Mapping[str, Mapping[str, Mapping[str, Any]]]] = {
    "username": {
        "length": {"min": 3, "max": 255},
        "username-prohibited-characters": {},
        "up-username-not-idn-homograph": {},
    },
    "email": {"email": {}, "length": {"max": 255}},
    "firstName": {"length": {"max": 255}, "person-name-prohibited-characters": {}},
    "lastName": {"length": {"max": 255}, "person-name-prohibited-characters": {}},
}
"""The validations of the attributes that a new realm has."""

_OF_NAMES: Final = lazy_pattern(r"[<>&\"$%!#?§;*~/\\|^=\[\]{}()\x00-\x1f\x7f]")
_OF_USERNAMES: Final = lazy_pattern(r"[<>&\"'\s$%!#?§,;:*~/\\|^=\[\]{}()`\x00-\x1f\x7f]")


def _length(value: str, settings: Mapping[str, Any]) -> str:
    counted = value if str(settings.get("trim-disabled", "")).lower() == "true" else value.strip()
    least, most = _whole(settings.get("min")), _whole(settings.get("max"))
    if least is not None and len(counted) < least:
        return f"must have at least {least} characters"
    return f"must have at most {most} characters" if most is not None and len(counted) > most else ""


def _whole(value: Any) -> int | None:
    return int(str(value)) if _WHOLE.fullmatch(str(value)) else None


def _without(pattern: re.Pattern[str]) -> Callable[[str, Mapping[str, Any]], str]:
    def check(value: str, _settings: Mapping[str, Any]) -> str:
        found = pattern.search(value)
        shown = "a space" if found and found[0].isspace() else f"`{found[0]}`" if found else ""
        return f"can't have {shown} in it" if found else ""

    return check


def _options(value: str, settings: Mapping[str, Any]) -> str:
    known = settings.get("options")
    is_list = isinstance(known, Sequence) and not isinstance(known, str)
    return f"must be one of {', '.join(map(str, known or ()))}" if is_list and value not in (known or ()) else ""


_VALIDATIONS: Final[Mapping[str, Callable[[str, Mapping[str, Any]], str]]] = {
    "length": _length,
    "options": _options,
    "person-name-prohibited-characters": _without(_OF_NAMES),
    "username-prohibited-characters": _without(_OF_USERNAMES),
}
"""The checks of a profile that can be made elsewhere; those that need Java's patterns are left to the server."""


def broken_validation(validations: Mapping[str, Any], value: str) -> str:
    """Describes the first validation that a value breaks, "" if none; an empty value is no value."""
    for name, settings in validations.items() if value else ():
        check = _VALIDATIONS.get(name)
        if check and (found := check(value, settings if isinstance(settings, Mapping) else {})):
            return found
    return ""
