"""The tables: one file per type of object in a realm. A new type is a new file, and its name in this list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reconciler.providers.keycloak.kinds import client, client_role, client_scope, group, realm, role, user
from reconciler.providers.keycloak.rest import RestKind

KINDS: Final[Mapping[str, RestKind]] = {
    table.name: table
    for table in (realm.KIND, client_scope.KIND, client.KIND, role.KIND, client_role.KIND, group.KIND, user.KIND)
}
"""All types by name; the order is that in which a reader of a plan meets them, and has no other meaning."""
