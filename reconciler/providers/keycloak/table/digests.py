"""Slow, salted digests of secrets that Keycloak keeps and never shows, so that a later run can tell another value."""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64encode
from functools import lru_cache
from hashlib import scrypt
from hmac import compare_digest
from typing import Final

from reconciler.core.resource.values import Secret

ANOTHER: Final = Secret("")
"""Stands for a secret that is live and not the declared one; none can be declared that is empty."""

_SIGN: Final = "reconcile:1"
_SALT_BYTES: Final = 12
_DIGEST_BYTES: Final = 24


def digest_of(secret: Secret, context: str) -> str:
    """A text that tells this secret in this context from others; each time another one."""
    salt = secrets.token_urlsafe(_SALT_BYTES)
    return f"{_SIGN}:{salt}:{_digest(secret, salt, context)}"


def is_digest_of(text: str, secret: Secret, context: str) -> bool:
    """Returns whether the text was made for this secret, and in this context."""
    start, _, digest = text.rpartition(":")
    sign, _, salt = start.rpartition(":")
    return sign == _SIGN and compare_digest(digest.encode(), _digest(secret, salt, context).encode())


@lru_cache(maxsize=10_000)
def _digest(secret: Secret, salt: str, context: str) -> str:
    """As slow as the server's own of a password (argon2id, 7 MiB, 5 rounds): people with read access can see it."""
    seasoned = f"{salt}:{context}".encode()
    raw = scrypt(secret.reveal().encode(), salt=seasoned, n=2**14, r=8, p=5, dklen=_DIGEST_BYTES)
    return urlsafe_b64encode(raw).decode()
