"""The sources of secrets: a reference becomes a Secret."""

from __future__ import annotations

from reconciler.secrets.dotenvfile import change_secrets, write_secrets
from reconciler.secrets.generate import generated_secrets

__all__ = ["change_secrets", "generated_secrets", "write_secrets"]
