"""The sources of secrets: a reference becomes a Secret."""

from __future__ import annotations

from reconciler.secrets.dotenvfile import write_secrets
from reconciler.secrets.generate import generated_secrets

__all__ = ["generated_secrets", "write_secrets"]
