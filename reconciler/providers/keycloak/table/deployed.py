"""The implementations that a server has: those of every server are known, and of others it is asked."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from reconciler.providers.keycloak.table.connection import View
from reconciler.providers.keycloak.table.nearest import meant

_INFORMATION = "admin/serverinfo"


def deployed(view: View, sort: str) -> Collection[str]:
    """The implementations of a sort, such as ``login-protocol``; none where the account may not see them."""
    return _part(_part(_part(_information(view), "providers"), sort), "providers")


def password_policies(view: View) -> Collection[str]:
    found = _information(view).get("passwordPolicies") or ()
    return {str(each["id"]) for each in found}


def not_deployed(what: str, word: str, known: Collection[str]) -> str:
    """The message about a word that the server does not have, "" if it has it or shows nothing."""
    if not known or word in known:
        return ""
    return f"this server has no {what} `{word}`{meant(word, known)}; deploy its extension, or name another one"


def _information(view: View) -> Mapping[str, Any]:
    found = view.once(_INFORMATION)
    return found if isinstance(found, Mapping) else {}


def _part(found: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    part = found.get(key)
    return part if isinstance(part, Mapping) else {}
