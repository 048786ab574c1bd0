"""Ids of live objects by the names that lead to them.

Steps carry names, as ids of what is created in the same pass are not known when the plan is made. A look at the
live system fills the directory, creations add to it, and what is still missing is asked for when it is needed.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from reconciler.core.message.errors import Conflict
from reconciler.core.resource.address import Address
from reconciler.core.resource.values import Path, Value
from reconciler.providers.keycloak.expand import key_of
from reconciler.providers.keycloak.registry import KINDS
from reconciler.providers.keycloak.table.connection import BASE, EXPORT, Connection, Representation
from reconciler.providers.keycloak.table.required_release import lack, server
from reconciler.vocabulary.keycloak import GROUP, USER


class Directory:
    """The ids of live objects since the last look; used from several threads.

    ``realms`` are representations of those that were seen, as far as they were asked for.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection: Final = connection
        self.settled: Final = set[tuple[Address, Value]]()
        self.realms: Final = dict[str, Representation]()
        self._ids: dict[tuple[str, Path], str] = {}
        self._answers: dict[str, Any] = {}
        self._lock = threading.Lock()

    def forget(self) -> None:
        """Begin anew: ids of objects that somebody made again are other ones."""
        with self._lock:
            self._ids.clear()
            self._answers.clear()
            self.realms.clear()

    def learn(self, address: Address, object_id: str) -> None:
        with self._lock:
            self._ids[key_of(address)] = object_id

    def drop(self, address: Address) -> None:
        with self._lock:
            self._ids.pop(key_of(address), None)

    def id(self, address: Address) -> str:
        """The id of an object; raises Conflict where there is none."""
        found = self.find(address)
        if found is None:
            raise Conflict(f"{address} is not there; declare it, or see who deleted it")
        return found

    def find(self, address: Address) -> str | None:
        """The id of an object, None where there is none."""
        with self._lock:
            known = self._ids.get(key_of(address))
        return known or self._asked(address)

    def once(self, path: str) -> Any:
        """An answer that is good for the whole pass."""
        with self._lock:
            if path in self._answers:
                return self._answers[path]
        answer = self.connection.get(path)
        # Two threads may have asked at the same time; all go on with the same answer.
        with self._lock:
            return self._answers.setdefault(path, answer)

    def lack(self, address: Address, name: str, asked: Value) -> str:
        """Explains why the server can't hold this property of an object, or "" the object itself; empty if it can."""
        check = KINDS[address.kind].requirements.checks.get(name)
        if check:
            return check.lack(self.once, asked)
        realm = BASE.format(realm=quote(address.path[0], safe=""))
        return lack(KINDS[address.kind].requirements.since, name, server(self.once, self.connection.ask, realm), asked)

    def path(self, template: str, address: Address, **more: str) -> str:
        """A path of a table with the names and ids filled in that it asks for."""
        kind = KINDS[address.kind]
        parts = {"realm": address.path[0], "name": address.name, **more}
        if "{id}" in template:
            parts["id"] = self.id(address)
        if "{parent}" in template:
            parent = kind.parent_of(address)
            assert parent is not None
            parts["parent"] = self.id(parent)
        # Names may hold slashes; only the path of a group is made of several names.
        quoted = {key: quote(part, safe="") for key, part in parts.items()}
        quoted["path"] = "/".join(quote(name, safe="") for name in address.path[1:])
        return template.format_map(quoted)

    def _asked(self, address: Address) -> str | None:
        kind = KINDS[address.kind]
        try:
            path = self.path(kind.paths.find, address)
        except Conflict:  # what it would be in is not there
            return None
        # Some objects are in no list of their own, but in the export.
        if kind.paths.find.endswith(EXPORT):
            export = self.connection.ask(path)
            found = [item.body for item in kind.objects(export)] if isinstance(export, Mapping) else []
        else:
            answer = self.connection.get(path)
            found = [body for body in (answer if isinstance(answer, list) else [answer]) if isinstance(body, Mapping)]
        for body in found:  # some lists can't be asked for one object; then all of it is worth keeping
            self.learn(address if _is_meant(body, address) else _sibling(body, address), kind.id_of(body, address))
        return next((kind.id_of(body, address) for body in found if _is_meant(body, address)), None)


def _sibling(body: Representation, address: Address) -> Address:
    return Address(address.kind, (*address.path[:-1], KINDS[address.kind].named(body)))


def _is_meant(body: Representation, address: Address) -> bool:
    if address.kind == USER:
        return True  # asked for by its exact name; where addresses serve as names, the answer shows the address
    if address.kind == GROUP:
        return bool(body.get("path") == "/" + "/".join(address.path[1:]))
    return KINDS[address.kind].named(body) == address.name
