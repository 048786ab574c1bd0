"""Values of one object that Keycloak never has at the same time: it derives one from the other, or refuses both.

Found by writing each switch of an object alone and with every other one on Keycloak 26.7 (tests/integration/keycloak/
test_combinations.py), which sets some back without a word, and answers others with status 500.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reconciler.record import Struct
from reconciler.vocabulary.keycloak import CLIENT, DEFAULT_CLIENT_SCOPES, REALM


class Combination(Struct, frozen=True):
    """Values that an object of a type can't have together; ``at`` is the key to change.

    To write one of those that it ``sets_back`` for makes Keycloak change the other one. To write one of those that it
    is ``refused`` for is answered with an error, or costs more than a change: the other one has to be declared.
    """

    kind: str
    values: Mapping[str, bool]
    at: str
    why: str
    sets_back: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()


class Exclusive(Struct, frozen=True):
    """Two lists of an object of which a name can be in one only; ``words`` are for a name in each of them."""

    kind: str
    lists: tuple[str, str]
    words: tuple[str, str]


_AUTHORIZATION: Final = "authorization services need a client with a secret and a service account; set"
COMBINATIONS: Final = (
    Combination(
        REALM,
        {"duplicateEmailsAllowed": True, "loginWithEmailAllowed": True},
        "loginWithEmailAllowed",
        "Keycloak keeps `loginWithEmailAllowed` false while `duplicateEmailsAllowed` is true; set one of them to false",
        sets_back=frozenset({"duplicateEmailsAllowed", "loginWithEmailAllowed"}),
    ),
    Combination(
        REALM,
        {"duplicateEmailsAllowed": True, "registrationEmailAsUsername": True},
        "registrationEmailAsUsername",
        "Keycloak keeps `registrationEmailAsUsername` false while `duplicateEmailsAllowed` is true; set one of them to "
        "false",
        sets_back=frozenset({"duplicateEmailsAllowed", "registrationEmailAsUsername"}),
    ),
    Combination(
        CLIENT,
        {"authorizationServicesEnabled": True, "serviceAccountsEnabled": False},
        "serviceAccountsEnabled",
        f"{_AUTHORIZATION} `serviceAccountsEnabled` to true, or leave it out",
        sets_back=frozenset({"authorizationServicesEnabled"}),
    ),
    # A client that gets one of the others loses its authorization services with all their settings, without a word.
    Combination(
        CLIENT,
        {"authorizationServicesEnabled": True, "publicClient": True},
        "publicClient",
        f"{_AUTHORIZATION} `publicClient` to false, or `authorizationServicesEnabled`",
        refused=frozenset({"authorizationServicesEnabled", "publicClient"}),
    ),
    Combination(
        CLIENT,
        {"authorizationServicesEnabled": True, "bearerOnly": True},
        "bearerOnly",
        f"{_AUTHORIZATION} `bearerOnly` to false, or `authorizationServicesEnabled`",
        refused=frozenset({"authorizationServicesEnabled", "bearerOnly"}),
    ),
)
EXCLUSIVE: Final = (
    Exclusive(
        CLIENT,
        ("defaultClientScopes", "optionalClientScopes"),
        ("a default scope of the client", "an optional one"),
    ),
    Exclusive(
        DEFAULT_CLIENT_SCOPES,
        ("defaultDefaultClientScopes", "defaultOptionalClientScopes"),
        ("a default scope of new clients", "an optional one"),
    ),
)
