"""The four verbs for Keycloak. What there is to know of single types is in their tables, under kinds/."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from reconciler.core.diagnosis import Check
from reconciler.core.difference.change import Change
from reconciler.core.difference.kind import Kind
from reconciler.core.history.author import Author
from reconciler.core.login import Evidence
from reconciler.core.message.problem import Problem
from reconciler.core.plan.access import AccessChange, Matches
from reconciler.core.plan.plan import Step
from reconciler.core.provider import Declaration, Hint, LiveRealm, Verdict
from reconciler.core.resource.address import Address
from reconciler.core.resource.document import Document
from reconciler.core.resource.resource import Bystander, Observed, Resource
from reconciler.core.resource.values import Secret, Spec, Value
from reconciler.providers.answers import Note, ignored
from reconciler.providers.keycloak.access.changes import changed, concerns
from reconciler.providers.keycloak.access.grants import Grants, specs_of
from reconciler.providers.keycloak.admin_events import AdminEvents
from reconciler.providers.keycloak.expand import expand
from reconciler.providers.keycloak.ids import Directory
from reconciler.providers.keycloak.read.bystanders import bystanders, is_harmful
from reconciler.providers.keycloak.registry import KINDS
from reconciler.providers.keycloak.table.connection import Client
from reconciler.record import Struct
from reconciler.vocabulary.keycloak import GROUP, USER

if TYPE_CHECKING:
    from reconciler.providers.keycloak.write.perform import Performer


class _Reading(Struct, frozen=True):
    """The answer to a look, and the state of the admin events before it began."""

    desired: tuple[Resource, ...]
    found: tuple[Observed, ...]
    changes: int


def _nowhere(_service: str) -> None:
    pass


class KeycloakProvider:
    """The provider of all realms of one server; see core.provider.Provider.

    ``connection`` is that of the document; ``address_of`` gives the address of a service. Nothing is connected, and
    what reads and writes is not imported, before the first request. ``client`` takes the place of the real one in
    tests.
    """

    name: Final = "keycloak"
    title: Final = "Keycloak"

    def __init__(
        self,
        connection: Mapping[str, Value],
        *,
        address_of: Callable[[str], Address | None] = _nowhere,
        client: Client | None = None,
        note: Note = ignored,
    ) -> None:
        self._settings, self._address_of, self._client, self._note = connection, address_of, client, note
        self._lock = threading.Lock()
        self._brief: Client | None = client
        self._session: tuple[Directory, Performer] | None = None
        self._events = AdminEvents()
        self._last: _Reading | None = None

    @property
    def kinds(self) -> Mapping[str, Kind]:
        return {name: table.kind for name, table in KINDS.items()}

    @property
    def server(self) -> str:
        return str(self._settings.get("url") or "")

    @property
    def served_by(self) -> Address | None:
        service = self._settings.get("service")
        return self._address_of(str(service)) if service else None

    def expand(self, document: Document) -> Iterable[Resource]:
        return expand(document)

    def observe(self, desired: Collection[Resource]) -> Iterable[Observed]:
        if not desired:
            return ()
        from reconciler.providers.keycloak.read.observe import observe

        directory, performer = self._work()
        # Ids are those of one look: an object that was deleted and made anew by hand has another one.
        directory.forget()
        performer.forget()
        # Noted before the read: an event during it may be of a change that the read has missed.
        changes, self._last = self._events.changes, None
        with self._connected().understood():
            found = tuple(observe(self._connected(), directory, desired))
        self._last = _Reading(tuple(desired), found, changes)
        return found

    def glance(self, desired: Collection[Resource]) -> Iterable[Observed]:
        """The last reading, as long as the admin events of all its realms are polled and none has come since."""
        last = self._last
        is_current = last and last.changes == self._events.changes and last.desired == tuple(desired)
        if last and is_current and self._events.cover({each.address.path[0] for each in desired}):
            # A read is an export, the most expensive request of all; that nothing was changed is known without one.
            return last.found
        return self.observe(desired)

    def exported_live(self, realms: Sequence[Mapping[str, Any]], desired: Collection[Resource]) -> Sequence[Observed]:
        from reconciler.providers.keycloak.read.exported import exported

        return exported(realms, desired)

    def in_exports(self, realms: Sequence[Mapping[str, Any]], desired: Collection[Resource]) -> Sequence[Resource]:
        from reconciler.providers.keycloak.read.exported import comparable

        return comparable(realms, desired)

    def steps(self, changes: Sequence[Change]) -> Sequence[Step]:
        from reconciler.providers.keycloak.write.flow_steps import old_flows_last
        from reconciler.providers.keycloak.write.steps import steps

        return old_flows_last(changes, steps(changes))

    def access(self, changes: Sequence[Change]) -> Sequence[AccessChange]:
        found = [change for change in changes if concerns(change)]
        if not found:
            return ()
        from reconciler.providers.keycloak.access.affected import access_changes

        directory, _ = self._work()
        with self._connected().understood():
            return tuple(access_changes(directory, found))

    def bystanders(self, changes: Sequence[Change]) -> Mapping[Address, tuple[Bystander, ...]]:
        # Answered without a request, as for most plans.
        if not any(map(is_harmful, changes)):
            return {}
        directory, _ = self._work()
        with self._connected().understood():
            return bystanders(directory, changes)

    def authors(self, ids: Mapping[Address, Sequence[str]], *, since: float) -> Mapping[Address, Sequence[Author]]:
        from reconciler.providers.keycloak.authors import authors

        auth: Any = self._settings.get("auth") or {}
        with self._connected().understood():
            return authors(self._connected(), str(auth.get("realm") or "master"), ids, since)

    def declared_grants(self, realm: Mapping[str, Value]) -> Grants:
        return Grants(str(realm["realm"]), specs_of(realm), complete=False)

    def live_grants(self, realm: str, users: Collection[str]) -> Grants:
        from reconciler.providers.keycloak.export import realm_of_access

        with self._connected().understood():
            return Grants(realm, specs_of(realm_of_access(self._connected(), realm, users)))

    user_kind, group_kind = USER, GROUP

    def users_found(self, realm: str, text: str, *, most: int) -> Matches:
        from reconciler.providers.keycloak.access.search import users_found

        with self._connected().understood():
            return users_found(self._connected(), realm, text, most)

    def groups_found(self, realm: str, text: str, *, most: int) -> Matches:
        from reconciler.providers.keycloak.access.search import groups_found

        with self._connected().understood():
            return groups_found(self._connected(), realm, text, most)

    def members_found(self, realm: str, group: str, *, most: int) -> Matches:
        from reconciler.providers.keycloak.access.search import members_found

        with self._connected().understood():
            return members_found(self._connected(), realm, group, most)

    def grants_of_user(self, realm: str, user: str, changes: Sequence[Change]) -> tuple[Grants, Grants]:
        from reconciler.providers.keycloak.export import realm_of_access

        with self._connected().understood():
            specs = specs_of(realm_of_access(self._connected(), realm, (user,)))
        return Grants(realm, specs), Grants(realm, changed(specs, _of_realm(realm, changes)))

    def grants_of_group(self, realm: str, group: str, changes: Sequence[Change]) -> tuple[Grants, Grants]:
        from reconciler.providers.keycloak.export import realm_of_roles

        with self._connected().understood():
            specs = specs_of(realm_of_roles(self._connected(), realm))
        member: dict[Address, Spec] = {Address(USER, (realm, "")): {"groups": (group,)}}
        after = changed(specs, _of_realm(realm, changes))
        return Grants(realm, {**specs, **member}), Grants(realm, {**after, **member})

    def exported(self, realm: str, *, with_secrets: bool = False) -> LiveRealm:
        from reconciler.providers.keycloak.export import live_realm

        with self._connected().understood():
            return live_realm(self._connected(), realm, with_secrets=with_secrets)

    def declarations(
        self, _document: Document, change: Change, fields: Mapping[str, tuple[Value, Value]]
    ) -> Mapping[str, Sequence[Declaration]]:
        from reconciler.providers.keycloak.declaration import declarations

        return declarations(change, fields)

    def permissions(self, desired: Iterable[Resource]) -> Mapping[str, Mapping[str, str]]:
        from reconciler.providers.keycloak.permissions import rights

        return rights(desired)

    def looking(self, desired: Iterable[Resource]) -> Mapping[str, Mapping[str, str]]:
        from reconciler.providers.keycloak.permissions import looking

        return looking(desired)

    def obstacles(self, steps: Sequence[Step]) -> Sequence[Problem]:
        if not steps:
            return ()
        from reconciler.providers.keycloak.write.foreseen import Foreseen
        from reconciler.providers.keycloak.write.steps import REQUIRE

        directory, performer = self._work()
        # Requirements are steps of a plan, and asked for here without being carried out.
        asking = [step for step in steps if step.verb == REQUIRE]
        with self._connected().understood():
            lacks = tuple(lack for step in asking for lack in performer.lacks(step))
            return (*lacks, *Foreseen(directory, steps).problems())

    def perform(self, step: Step) -> Verdict:
        _, performer = self._work()
        try:
            with self._connected().understood():
                return performer(step)
        finally:
            # Also after a failure, since the request may have had its effect.
            self._events.changed()

    def has_password(self, address: Address, password: Secret) -> bool:
        realm, username = address.path
        with self._connected().understood():
            return self._connected().takes(realm, username, password)

    def set_password(self, address: Address, password: Secret) -> None:
        from reconciler.providers.keycloak.kinds.password import set_password

        directory, _ = self._work()
        with self._connected().understood():
            set_password(directory, address, password)

    def hint_sources(self) -> Mapping[str, Callable[[], Iterator[Hint]]]:
        return {"admin events": self._admin_hints}

    def _admin_hints(self) -> Iterator[Hint]:
        """One poll of the realms that the last look has read; asks nothing before the first."""
        if self._session is None:
            return
        directory, _ = self._work()
        with self._connected().understood():
            yield from tuple(self._events.poll(self._connected(), dict(directory.realms)))

    def checks(self, document: Document) -> Sequence[Check]:
        from reconciler.providers.keycloak.diagnose import server_checks

        return server_checks(self._briefly_waiting, document, self._address_of)

    def login_checks(self, document: Document, evidence: Evidence) -> Sequence[Check]:
        from reconciler.providers.keycloak.diagnose import login_checks

        return login_checks(self._briefly_waiting, document, evidence, self._address_of)

    def ready(self) -> Verdict:
        """Returns whether a look would succeed; cheap enough to ask every second. Raises Denied."""
        return self._connected().ready()

    def close(self) -> None:
        for client in (self._client, self._brief):
            if client is not None:
                client.close()  # twice for the one client of a test, which is fine

    def _briefly_waiting(self) -> Client:
        """A connection for checks, which must end soon, whatever hangs."""
        from reconciler.providers.keycloak.diagnose import LIMITS
        from reconciler.providers.keycloak.server.client import AdminClient, Settings

        with self._lock:
            if self._brief is None:
                self._brief = AdminClient(Settings.of(self._settings, limits=LIMITS), note=self._note)
            return self._brief

    def _work(self) -> tuple[Directory, Performer]:
        from reconciler.providers.keycloak.write.perform import Performer

        connection = self._connected()
        with self._lock:
            if self._session is None:
                directory = Directory(connection)
                self._session = directory, Performer(connection, directory)
            return self._session

    def _connected(self) -> Client:
        from reconciler.providers.keycloak.server.client import AdminClient, Settings

        with self._lock:
            if self._client is None:
                self._client = AdminClient(Settings.of(self._settings), note=self._note)
            return self._client


def _of_realm(realm: str, changes: Sequence[Change]) -> Iterator[Change]:
    return (
        change
        for change in changes
        if change.address.provider == KeycloakProvider.name and change.address.path[0] == realm
    )
