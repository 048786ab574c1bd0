"""A realm export read as if it were live, for a comparison without a server."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from reconciler.core.message.errors import ProviderError
from reconciler.core.provider import Verdict
from reconciler.core.resource.address import Address
from reconciler.core.resource.resource import Observed, Resource
from reconciler.core.resource.values import ABSENT, Secret, Value
from reconciler.providers.keycloak.ids import Directory
from reconciler.providers.keycloak.read.observe import observe
from reconciler.providers.keycloak.registry import KINDS
from reconciler.providers.keycloak.table.connection import BASE, Connection, Representation
from reconciler.vocabulary.keycloak import PASSWORD, USER

_BY_REQUEST: Final = frozenset(name for name, kind in KINDS.items() if kind.reading.more)
"""Types of which an export does not have all that a server tells."""


def comparable(realms: Sequence[Representation], desired: Collection[Resource]) -> Sequence[Resource]:
    """The desired resources that exports have the live state of: no passwords, nothing that takes more requests.

    A partial export has no users.
    """
    with_users = {str(realm["realm"]): "users" in realm for realm in realms}
    return [each for each in desired if _is_in_export(each.address, with_users)]


def _is_in_export(address: Address, with_users: Mapping[str, bool]) -> bool:
    realm = address.path[0]
    if realm not in with_users or address.kind in _BY_REQUEST or address.kind == PASSWORD:
        return False
    return address.kind != USER or with_users[realm]


def exported(realms: Sequence[Representation], desired: Collection[Resource]) -> Sequence[Observed]:
    """The live resources of exported realms. Raises ProviderError for what is no whole export."""
    export = Export({str(realm["realm"]): realm for realm in realms})
    try:
        return tuple(observe(export, Directory(export), comparable(realms, desired), users=export.users))
    except KeyError as error:
        raise ProviderError(f"the export has an object without {error}; take one with `kc.sh export`") from error


class Export(Connection):
    """Answers requests that only read from the exports of realms."""

    def __init__(self, realms: Mapping[str, Representation]) -> None:
        self.realms = realms
        self._bases = {BASE.format(realm=quote(name, safe="")): realm for name, realm in realms.items()}

    def users(self, realm: str) -> Iterator[Representation]:
        """The users of a realm, with their groups and roles; one without an id goes by the name."""
        for body in self.realms[realm].get("users") or ():
            yield {"id": body["username"], "groups": [], "realmRoles": [], "clientRoles": {}, **body}

    def get(self, path: str) -> Any:
        base, _, rest = path.partition("/clients") if path.endswith("/clients") else (path, "", "")
        realm = self._bases.get(base)
        if realm is None or rest:
            return ABSENT
        return realm.get("clients") or [] if path.endswith("/clients") else realm

    def ask(self, path: str) -> Any:
        return self._bases.get(path.partition("/partial-export")[0], ABSENT)

    def is_account(self, _address: Address) -> bool:
        return False

    def takes(self, _realm: str, _username: str, _password: Secret) -> bool:
        return False

    def login(self) -> None:
        return

    def post(self, path: str, _body: Value = None) -> None:
        raise _unwritable(path)

    def create(self, path: str, _body: Value) -> str:
        raise _unwritable(path)

    def put(self, path: str, _body: Value = None) -> None:
        raise _unwritable(path)

    def delete(self, path: str, _body: Value = None) -> None:
        raise _unwritable(path)

    def put_text(self, path: str, _text: str) -> None:
        raise _unwritable(path)

    def ready(self) -> Verdict:
        raise _unwritable("the export")


def _unwritable(path: str) -> ProviderError:
    return ProviderError(f"an export can't be written: {path}")
