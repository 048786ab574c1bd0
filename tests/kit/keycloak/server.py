"""A Keycloak for tests, and what they need around it: a line that counts, a driver, an administrator's hands.

The server is that of RECONCILE_TEST_KEYCLOAK_URL (with _USER and _PASSWORD, admin and admin by default), or a
container of the image in RECONCILE_TEST_KEYCLOAK_IMAGE, started with RECONCILE_TEST_KEYCLOAK_OPTIONS, one for all
workers of a test run.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

from reconciler.config.realm.minimal import minimal
from reconciler.core.difference.change import Action, Change
from reconciler.core.message.errors import Conflict, Rejected
from reconciler.core.plan.plan import Plan, Step, make
from reconciler.core.plan.policy import Policy
from reconciler.core.provider import Done, Pending, Verdict
from reconciler.core.resource.address import Address
from reconciler.core.resource.document import Document
from reconciler.core.resource.resource import Observed, Origin
from reconciler.core.resource.values import ABSENT, Secret, Value
from reconciler.providers.answers import Limits
from reconciler.providers.keycloak.export import live_realm
from reconciler.providers.keycloak.provider import KeycloakProvider
from reconciler.providers.keycloak.registry import KINDS
from reconciler.providers.keycloak.server.client import AdminClient, Settings
from reconciler.providers.keycloak.table import required_release
from reconciler.providers.keycloak.table.connection import Client
from reconciler.providers.keycloak.table.required_release import Server as About
from reconciler.run.reconciliation.collector import undisturbed
from reconciler.vocabulary.keycloak import ORGANIZATION_GROUPS, REALM, WORKFLOW

IMAGE = os.environ.get("RECONCILE_TEST_KEYCLOAK_IMAGE", "localhost/keycloak:26.7.3")
OPTIONS = os.environ.get("RECONCILE_TEST_KEYCLOAK_OPTIONS", "").split()
START_S = 300.0
_LOCK_TIMEOUT_MS = 60_000
"""How long a transaction waits for another one. By default H2 gives up after a second or two (HTTP 500), and tests
that work on realms of their own at the same time meet in the same tables."""
MOST_PASSES = 4
_RACE = "Duplicate resource error"


# ------------------------------------------------------------------ the server


@dataclass(frozen=True, slots=True)
class Server:
    url: str
    user: str = "admin"
    password: str = "admin"
    container: str = ""
    clients: list[AdminClient] = field(default_factory=list, compare=False)
    """Those that were handed out, which are closed with the server."""

    def connection(self, **auth: str) -> Mapping[str, Value]:
        """As ``Document.connection``, for the administrator or for another account."""
        return {"url": self.url, "auth": auth or {"username": self.user, "password": Secret(self.password)}}

    def client(self, *, limits: Limits = Limits(), **auth: str) -> AdminClient:  # noqa: B008 (it is frozen)
        client = AdminClient(Settings.of(self.connection(**auth), limits=limits))
        self.clients.append(client)
        return client

    def close(self) -> None:
        for client in self.clients:
            client.close()

    def log(self) -> str:
        """The last of what it has written, "" where it is not in a container of ours."""
        import docker

        if not self.container:
            return ""
        engine = docker.from_env()
        try:
            return engine.containers.get(self.container).logs(tail=200).decode()
        finally:
            engine.close()


@contextmanager
def running(shared: Path) -> Iterator[Server]:
    """A server for this worker; ``shared`` is a folder that all workers of the run see."""
    url = os.environ.get("RECONCILE_TEST_KEYCLOAK_URL")
    if url:
        user = os.environ.get("RECONCILE_TEST_KEYCLOAK_USER", "admin")
        with closing(Server(url, user, os.environ.get("RECONCILE_TEST_KEYCLOAK_PASSWORD", "admin"))) as server:
            yield server
        return
    with _counted(shared, +1) as state:
        try:
            if "id" not in state:
                state.update(_started())
        except BaseException:
            state["workers"] -= 1  # else the last one out would leave the container of another try
            raise
    try:
        with closing(Server(state["url"], container=state["id"])) as server:
            yield server
    finally:
        with _counted(shared, -1) as state:
            if state["workers"] == 0:
                _stop(state.pop("id"))


@contextmanager
def _counted(shared: Path, change: int) -> Iterator[dict[str, Any]]:
    """The workers' knowledge of the container, under a lock; the last one out removes it."""
    file = shared / "keycloak.json"
    with (shared / "keycloak.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        state = json.loads(file.read_text()) if file.exists() else {"workers": 0}
        state["workers"] += change
        try:
            yield state
        finally:
            file.write_text(json.dumps(state))


def _started() -> dict[str, str]:
    import docker

    engine = docker.from_env()
    try:
        container = engine.containers.run(
            IMAGE,
            ["start-dev", *OPTIONS],
            name=f"reconcile-test-keycloak-{uuid.uuid4().hex[:8]}",
            detach=True,
            environment={
                "KC_DB": "dev-mem",
                "KC_DB_URL_PROPERTIES": f";LOCK_TIMEOUT={_LOCK_TIMEOUT_MS}",
                "KC_BOOTSTRAP_ADMIN_USERNAME": "admin",
                "KC_BOOTSTRAP_ADMIN_PASSWORD": "admin",
            },
            mem_limit="1600m",
            ports={"8080/tcp": ("127.0.0.1", 0)},
        )
        try:
            container.reload()
            ports = container.ports["8080/tcp"]
            assert ports
            url = f"http://127.0.0.1:{ports[0]['HostPort']}"
            _await(Server(url).client())
        except BaseException:
            container.remove(force=True, v=True)
            raise
        return {"id": str(container.id), "url": url}
    finally:
        engine.close()


def printed(server: Server, realm: str) -> dict[str, Any]:
    """The realm as `export` prints it."""
    client = server.client()
    try:
        found = live_realm(client, realm)
        return minimal(found.realm, found.new, found.samples)
    finally:
        client.close()


def _await(client: AdminClient) -> None:
    end = time.monotonic() + START_S
    try:
        while True:
            match client.ready():
                case Done():
                    return
                case Pending(retry_in, note):
                    assert time.monotonic() < end, f"Keycloak did not start within {START_S:g} s: {note}"
                    time.sleep(retry_in)
    finally:
        client.close()


def _stop(container_id: str) -> None:
    import docker

    engine = docker.from_env()
    try:
        engine.containers.get(container_id).remove(force=True, v=True)
    finally:
        engine.close()


# ------------------------------------------------------------------ a line that counts


@dataclass
class CountingClient:
    """A client that notes what goes through it, apart from tokens."""

    inner: Client
    reads: list[str] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)

    def get(self, path: str) -> Any:
        self.reads.append(f"GET {path}")
        return self.inner.get(path)

    def ask(self, path: str) -> Any:
        self.reads.append(f"POST {path}")
        return self.inner.ask(path)

    def openly(self, path: str, *, host: str = "") -> tuple[int, Mapping[str, Any]]:
        self.reads.append(f"GET {path}")
        return self.inner.openly(path, host=host)

    def clock_offset_s(self) -> float:
        return self.inner.clock_offset_s()

    def post(self, path: str, body: Value = None) -> None:
        self.writes.append(f"POST {path}")
        self.inner.post(path, body)

    def create(self, path: str, body: Value) -> str:
        self.writes.append(f"POST {path}")
        return self.inner.create(path, body)

    def put(self, path: str, body: Value = None) -> None:
        self.writes.append(f"PUT {path}")
        self.inner.put(path, body)

    def delete(self, path: str, body: Value = None) -> None:
        self.writes.append(f"DELETE {path}")
        self.inner.delete(path, body)

    def put_text(self, path: str, text: str) -> None:
        self.writes.append(f"PUT {path}")
        self.inner.put_text(path, text)

    def takes(self, realm: str, username: str, password: Secret) -> bool:
        self.reads.append(f"LOGIN {realm}/{username}")
        return self.inner.takes(realm, username, password)

    def login(self) -> None:
        self.inner.login()

    def is_account(self, address: Address) -> bool:
        return self.inner.is_account(address)

    def ready(self) -> Verdict:
        return self.inner.ready()

    def understood(self) -> AbstractContextManager[None]:
        return self.inner.understood()

    def close(self) -> None:
        self.inner.close()


# ------------------------------------------------------------------ the driver


def document(*realms: Mapping[str, Value], connection: Mapping[str, Value] | None = None) -> Document:
    """The document that the loader makes of a users.yaml with these realms."""
    return Document("test", "/", lambda _path: Origin("users.yaml", 1, 1), None, realms, connection or {})


@dataclass(frozen=True, slots=True)
class Pass:
    """One look, and what was done about it."""

    plan: Plan
    reads: tuple[str, ...]
    writes: tuple[str, ...]

    @property
    def changes(self) -> dict[str, Change]:
        """The differences, by address."""
        return {str(change.address): change for change in self.plan.changes if change.action is not Action.KEEP}

    @property
    def fields(self) -> dict[str, tuple[Value, Value]]:
        """The differences of resources that exist: ``ADDRESS path.of.field`` → old and new value."""
        return {
            f"{address} {'.'.join(difference.path)}": (difference.before, difference.after)
            for address, change in self.changes.items()
            for difference in change.fields
        }


class Driver:
    """Applies realms to a server, as the run does, in one thread."""

    def __init__(self, client: Client) -> None:
        self.client = CountingClient(client)
        self.provider = KeycloakProvider({}, client=self.client)

    def plan(self, *realms: Mapping[str, Value], prunes: Callable[[Observed], bool] = lambda _each: False) -> Plan:
        with undisturbed():
            desired = list(self.provider.expand(document(*realms)))
            return make({"keycloak": self.provider}, desired, self.provider.observe(desired), prunes=prunes)

    def pruning(self, *realms: Mapping[str, Value]) -> Plan:
        """The plan that also takes away what the files don't want."""
        return self.plan(*realms, prunes=Policy().prunes)

    def look(self, *realms: Mapping[str, Value]) -> Pass:
        """Look, and do nothing."""
        return self._noted(lambda: self.plan(*realms))

    def once(self, *realms: Mapping[str, Value]) -> Pass:
        """Look, and do what is to be done, once."""
        return self._noted(lambda: self._applied(realms))

    def apply(self, *realms: Mapping[str, Value]) -> list[Pass]:
        """Look and do until nothing is left; the last pass is the one that found nothing.

        As the program does, it looks again where Keycloak loses a race against itself: while realms of other tests
        are deleted it makes the authorization services of a client twice (409, a key of RESOURCE_SERVER).
        """
        passes: list[Pass] = []
        for _ in range(MOST_PASSES):
            try:
                passes.append(self.once(*realms))
            except Conflict as error:
                if _RACE not in str(error):
                    raise
                continue
            if not passes[-1].plan.steps:
                return passes
        raise AssertionError(f"still different after {MOST_PASSES} passes: {passes[-1].fields}")

    def perform(self, steps: Sequence[Step]) -> None:
        for step in steps:
            assert self.provider.perform(step) == Done()

    def _applied(self, realms: Sequence[Mapping[str, Value]]) -> Plan:
        plan = self.plan(*realms)
        self.perform(plan.steps)
        return plan

    def _noted(self, work: Callable[[], Plan]) -> Pass:
        reads, writes = len(self.client.reads), len(self.client.writes)
        plan = work()
        return Pass(plan, tuple(self.client.reads[reads:]), tuple(self.client.writes[writes:]))


# ------------------------------------------------------------------ an administrator


@dataclass(frozen=True, slots=True)
class ByHand:
    """Somebody with the admin console open."""

    client: Client
    realm: str

    def path(self, below: str = "") -> str:
        return f"admin/realms/{self.realm}" + (f"/{below}" if below else "")

    def get(self, below: str = "") -> Any:
        return self.client.get(self.path(below))

    def put(self, below: str, body: Value = None) -> None:
        self.client.put(self.path(below), body)

    def post(self, below: str, body: Value) -> str:
        return self.client.create(self.path(below), body)

    def delete(self, below: str, body: Value = None) -> None:
        self.client.delete(self.path(below), body)

    def one(self, collection: str, **keys: str) -> Any:
        """The object of a list that has these values."""
        found = self.get(collection)
        return next(body for body in found if all(body.get(key) == value for key, value in keys.items()))

    def id_of(self, collection: str, **keys: str) -> str:
        return str(self.one(collection, **keys)["id"])

    def change(self, below: str, **properties: Value) -> None:
        """As the console does: read, change, send all of it back."""
        self.put(below, {**self.get(below), **properties})

    def events(self) -> list[str]:
        """The writes to the realm, as Keycloak saw them, oldest first."""
        found = self.get("admin-events?max=1000&direction=asc")
        return [f"{event['operationType']} {event['resourceType']}" for event in found]


def with_roles(server: Server, by_hand: ByHand, *names: str) -> dict[str, str]:
    """A service account of the realm with these roles of realm-management; its login."""
    by_hand.post("clients", {"clientId": "worker", "secret": "s", "serviceAccountsEnabled": True})
    worker = by_hand.id_of("clients", clientId="worker")
    user = by_hand.get(f"clients/{worker}/service-account-user")["id"]
    management = by_hand.id_of("clients", clientId="realm-management")
    roles = [by_hand.get(f"clients/{management}/roles/{name}") for name in names]
    mappings = by_hand.path(f"users/{user}/role-mappings/clients/{management}")
    _again(server, lambda: by_hand.client.post(mappings, roles))
    return {"clientId": "worker", "clientSecret": "s", "realm": by_hand.realm}


# ------------------------------------------------------------------ older releases


UNTIL: Final[Mapping[str, tuple[int, int]]] = {
    "lets the client realm-management be changed": (26, 7),
    "says that a user is disabled without looking at the password": (26, 6),
    "drops the secret of a client that only bears tokens": (26, 7),
    "has no permissions for organizations": (26, 7),
    "knows no modes of client policies": (26, 7),
    "takes any strategy of a permission for administrators": (26, 7),
}
"""The first release that does so no more."""


def server_of(client: Client) -> About:
    return required_release.server(client.get, client.ask, "admin/realms/master")


def still(client: Client, what: str) -> bool:
    """Returns whether the server does as older releases do."""
    major, minor, *_ = server_of(client).version.split(".")
    return (int(major), int(minor)) < UNTIL[what]


def lacks(server: About, kind: str, name: str = "") -> bool:
    """Returns whether it can't have a type of object, or one property of it."""
    return bool(required_release.lack(KINDS[kind].requirements.since, name, server))


def without_newer(client: Client, realm: Mapping[str, Any]) -> dict[str, Any]:
    """The realm without what the server can't have."""
    server = server_of(client)
    newer = {name for name in KINDS[REALM].requirements.since if lacks(server, REALM, name)}
    newer |= {"workflows"} if lacks(server, WORKFLOW) else set()
    made = {key: value for key, value in realm.items() if key not in newer}
    if "organizations" in made and lacks(server, ORGANIZATION_GROUPS, "groups"):
        made["organizations"] = [*map(_without_groups, made["organizations"])]
    elif "organizations" in made and lacks(server, ORGANIZATION_GROUPS, "groups.*.**.realmRoles"):
        made["organizations"] = [{**each, **_without_roles(each)} for each in made["organizations"]]
    return made


def _without_roles(group: Mapping[str, Any]) -> dict[str, Any]:
    """A group without its roles and those of the groups below; or an organization's groups without theirs."""
    kept = {key: value for key, value in group.items() if key not in ("realmRoles", "clientRoles")}
    below: dict[str, Any] = {key: [*map(_without_roles, kept[key])] for key in ("groups", "subGroups") if key in kept}
    return {**kept, **below}


def _without_groups(organization: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in organization.items() if key != "groups"}
    if "members" in kept:
        kept["members"] = [{"username": each["username"]} for each in kept["members"]]
    return kept


def unique_realm() -> str:
    """A name that no other test has."""
    return f"rt-{uuid.uuid4().hex[:10]}"


_KEYS = "org.keycloak.keys.KeyProvider"


@cache
def _rsa_key() -> str:
    """A key in PEM; the server makes a certificate for it."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def with_quick_keys(realm: Mapping[str, Any]) -> dict[str, Any]:
    """The realm with keys that we bring, if it declares none: making RSA keys is most of what a new realm takes."""
    components = dict(realm.get("components") or {})
    components.setdefault(
        _KEYS,
        [
            {"name": "signing", "providerId": "rsa", "config": {"privateKey": [_rsa_key()]}},
            {"name": "decrypting", "providerId": "rsa-enc", "config": {"privateKey": [_rsa_key()]}},
            {"name": "hmac", "providerId": "hmac-generated", "config": {"algorithm": ["HS512"]}},
            {"name": "aes", "providerId": "aes-generated"},
        ],
    )
    return {**realm, "components": components}


def a_made_realm(server: Server) -> str:
    """A new realm that somebody else made; its name."""
    name, client = unique_realm(), server.client()
    _again(server, lambda: client.create("admin/realms", with_quick_keys({"realm": name, "enabled": True})))
    client.close()
    return name


def dropped(server: Server, name: str) -> None:
    """No such realm any more. One with many clients takes a busy Keycloak minutes."""
    client = server.client(limits=Limits(seconds=600))
    if client.get(f"admin/realms/{name}") is not ABSENT:
        _again(server, lambda: client.delete(f"admin/realms/{name}"))
    client.close()


def _again(server: Server, work: Callable[[], object]) -> None:
    """Do what is no test, and do it again where the server fails, whose log is shown then.

    Keycloak makes and deletes a whole realm in one transaction, and now and then it fails beside other tests (500).
    """
    for pause_s in (1, 5, 0):
        try:
            work()
        except Rejected as error:
            if not pause_s:
                raise
            print(f"{error}; the server's log ends:\n{server.log()}", file=sys.__stderr__)
            time.sleep(pause_s)
        else:
            return
