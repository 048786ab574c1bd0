"""Faults that a login to the seed stack meets: what is done, the cause that doctor has to name, how it is undone."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from reconciler.core.resource.values import Value
from tests.kit import sso
from tests.kit.seed import Seed

REALM = "/admin/realms/mlflow"
CLIENTS, USERS, GROUPS = f"{REALM}/clients", f"{REALM}/users", f"{REALM}/groups"
PASSWORD = "password123"


@dataclass(frozen=True)
class Fault:
    """A fault: ``code`` and ``place`` are what the first finding has to name. ``made`` undoes it at its end.

    ``is_quick`` ones are done and undone within seconds.
    """

    name: str
    code: str
    place: str
    made: Callable[[Seed, Any], Any]
    remedy: str = "reconcile apply"
    is_quick: bool = True

    @contextmanager
    def on(self, seed: Seed) -> Iterator[None]:
        with closing(seed.admin()) as admin, self.made(seed, admin):
            yield


def the_client(admin: Any) -> Any:
    (found,) = admin.get(f"{CLIENTS}?clientId=mlflow")
    return found


def the_user(admin: Any) -> Any:
    (found,) = admin.get(f"{USERS}?username=mlflow_user&exact=true")
    return found


# ------------------------------------------------------------------ the realm


def changed(path: str, **fields: Any) -> Callable[[Seed, Any], Any]:
    """An object with other fields, and as it was again; ``path`` ends the address below the realm."""

    @contextmanager
    def made(_seed: Seed, admin: Any) -> Iterator[None]:
        at = f"{REALM}{path}"
        if path == "client":
            at = f"{CLIENTS}/{the_client(admin)['id']}"
        elif path == "user":
            at = f"{USERS}/{the_user(admin)['id']}"
        before = admin.get(at)
        merged = {
            key: {**before.get(key, {}), **value} if isinstance(value, dict) else value for key, value in fields.items()
        }
        admin.put(at, {**before, **merged})
        try:
            yield
        finally:
            undone = {
                key: {**dict.fromkeys(merged[key], ""), **before.get(key, {})}
                for key in merged
                if isinstance(merged[key], dict)
            }
            admin.put(at, {**before, **undone})

    return made


@contextmanager
def no_mapper(_seed: Seed, admin: Any) -> Iterator[None]:
    client = the_client(admin)
    mappers = f"{CLIENTS}/{client['id']}/protocol-mappers/models"
    (mapper,) = (each for each in client["protocolMappers"] if each["name"] == "groups")
    admin.delete(f"{mappers}/{mapper['id']}")
    try:
        yield
    finally:
        admin.post(mappers, {key: value for key, value in mapper.items() if key != "id"})


def mapper_with(**config: str) -> Callable[[Seed, Any], Any]:
    @contextmanager
    def made(_seed: Seed, admin: Any) -> Iterator[None]:
        client = the_client(admin)
        (mapper,) = (each for each in client["protocolMappers"] if each["name"] == "groups")
        at = f"{CLIENTS}/{client['id']}/protocol-mappers/models/{mapper['id']}"
        changed_keys = {key.replace("_", "."): value for key, value in config.items()}
        admin.put(at, {**mapper, "config": {**mapper["config"], **changed_keys}})
        try:
            yield
        finally:
            admin.put(at, mapper)

    return made


@contextmanager
def no_scope(_seed: Seed, admin: Any) -> Iterator[None]:
    client = the_client(admin)
    (scope,) = (each for each in admin.get(f"{REALM}/client-scopes") if each["name"] == "email")
    at = f"{CLIENTS}/{client['id']}/default-client-scopes/{scope['id']}"
    admin.delete(at)
    try:
        yield
    finally:
        admin.put(at)


@contextmanager
def no_group(_seed: Seed, admin: Any, other: str = "") -> Iterator[None]:
    user = the_user(admin)
    groups = {each["name"]: each["id"] for each in admin.get(GROUPS)}
    made = admin.create(GROUPS, {"name": other}) if other else ""
    admin.delete(f"{USERS}/{user['id']}/groups/{groups['mlflow_users']}")
    if made:
        admin.put(f"{USERS}/{user['id']}/groups/{made}")
    try:
        yield
    finally:
        admin.put(f"{USERS}/{user['id']}/groups/{groups['mlflow_users']}")
        if made:
            admin.delete(f"{GROUPS}/{made}")


def other_group(seed: Seed, admin: Any) -> Any:
    return no_group(seed, admin, "strangers")


@contextmanager
def other_password(_seed: Seed, admin: Any) -> Iterator[None]:
    at = f"{USERS}/{the_user(admin)['id']}/reset-password"
    admin.put(at, {"type": "password", "value": "another one", "temporary": False})
    try:
        yield
    finally:
        admin.put(at, {"type": "password", "value": PASSWORD, "temporary": False})


@contextmanager
def no_password(_seed: Seed, admin: Any) -> Iterator[None]:
    user = the_user(admin)
    for each in admin.get(f"{USERS}/{user['id']}/credentials"):
        admin.delete(f"{USERS}/{user['id']}/credentials/{each['id']}")
    try:
        yield
    finally:
        admin.put(f"{USERS}/{user['id']}/reset-password", {"type": "password", "value": PASSWORD, "temporary": False})


@contextmanager
def locked_out(seed: Seed, admin: Any) -> Iterator[None]:
    with changed("", failureFactor=1)(seed, admin):
        sso.login(seed.url("MLFLOW_PORT"), "mlflow_user", "wrong")
        sso.login(seed.url("MLFLOW_PORT"), "mlflow_user", "wrong")
        try:
            yield
        finally:
            admin.delete(f"{REALM}/attack-detection/brute-force/users")


@contextmanager
def renamed_user(_seed: Seed, admin: Any) -> Iterator[None]:
    """Deleted, and made anew by apply: an account's name can't be changed back by the realm's rules."""
    admin.delete(f"{USERS}/{the_user(admin)['id']}")
    try:
        yield
    finally:
        assert _seed.run("apply", "--yes").code == 0


@contextmanager
def no_client(seed: Seed, admin: Any) -> Iterator[None]:
    admin.delete(f"{CLIENTS}/{the_client(admin)['id']}")
    try:
        yield
    finally:
        assert seed.run("apply", "--yes").code == 0


# ------------------------------------------------------------------ containers


def by_hand(service: str, do: str, undo: str, **params: Any) -> Callable[[Seed, Any], Any]:
    @contextmanager
    def made(seed: Seed, _admin: Any) -> Iterator[None]:
        at = f"/containers/{seed.container(service)}"
        seed.engine.post(f"{at}/{do}", {}, **params)
        try:
            yield
        finally:
            seed.engine.post(f"{at}/{undo}", {})
            seed.await_health(service)

    return made


@contextmanager
def out_of_network(seed: Seed, _admin: Any) -> Iterator[None]:
    network, container = f"/networks/{seed.project}_default", seed.container("redis")
    seed.engine.post(f"{network}/disconnect", {"Container": container, "Force": True})
    try:
        yield
    finally:
        seed.engine.post(
            f"{network}/connect", {"Container": container, "EndpointConfig": {"Aliases": ["redis", container]}}
        )


@contextmanager
def other_redis_password(seed: Seed, _admin: Any) -> Iterator[None]:
    def redis(*command: str, password: str) -> None:
        env = (f"REDISCLI_AUTH={password}",)
        body: dict[str, Value] = {"Cmd": ("redis-cli", *command), "Env": env, "AttachStdout": True}
        code, output = seed.engine.execute(seed.container("redis"), body, timeout_s=20)
        assert code == 0
        assert "ERR" not in output, output

    own = seed.settings["REDIS_PASSWORD"]
    redis("config", "set", "requirepass", "another one", password=own)
    redis("client", "kill", "type", "normal", "skipme", "yes", password="another one")
    try:
        yield
    finally:
        redis("config", "set", "requirepass", own, password="another one")
        seed.await_health("redis")


@contextmanager
def port_in_use(seed: Seed, _admin: Any) -> Iterator[None]:
    at = f"/containers/{seed.container('mlflow')}"
    seed.engine.post(f"{at}/stop", {}, t=10)
    holder = socket.create_server(("127.0.0.1", int(seed.settings["MLFLOW_PORT"])))
    try:
        yield
    finally:
        holder.close()
        seed.engine.post(f"{at}/start", {})
        seed.await_health("mlflow")


# ------------------------------------------------------------------ files


def applied(old: str, new: str) -> Callable[[Seed, Any], Any]:
    """Edits stack.yaml, applies it, and takes that back: what is wrong is as the file says."""

    @contextmanager
    def made(seed: Seed, _admin: Any) -> Iterator[None]:
        stack = seed.directory / "stack.yaml"
        before = stack.read_text(encoding="utf-8")
        assert old in before
        try:
            stack.write_text(before.replace(old, new), encoding="utf-8")
            ran = seed.run("apply", "--yes")
            assert ran.code == 0, ran.out + ran.err
            yield
        finally:
            stack.write_text(before, encoding="utf-8")
            assert seed.run("apply", "--yes").code == 0
            seed.engine.post(f"/containers/{seed.container('mlflow')}/restart", {}, t=10)  # it remembers addresses
            seed.await_health("mlflow")

    return made


BY_DAY = ("redirect address", "user in no group", "client secret", "redis stopped")
"""The faults that an ordinary run tries."""

FAULTS = [
    Fault(
        "redirect address", "redirect-uri", "client mlflow", changed("client", redirectUris=["http://other.example/*"])
    ),
    Fault("client disabled", "client-disabled", "client mlflow", changed("client", enabled=False)),
    Fault("client deleted", "client-missing", "client mlflow", no_client, is_quick=False),
    Fault("standard flow off", "client-flow", "client mlflow", changed("client", standardFlowEnabled=False)),
    Fault("client secret", "client-secret", "client mlflow", changed("client", secret="another one")),
    Fault(
        "pkce demanded",
        "pkce",
        "client mlflow",
        changed("client", attributes={"pkce.code.challenge.method": "S256"}),
        "attributes",
    ),
    Fault("scope removed", "scope", "OIDC_SCOPE", no_scope, "ask for `openid profile`"),
    Fault("mapper deleted", "mapper", "client mlflow", no_mapper),
    Fault("mapper not in the ID token", "mapper", "client mlflow", mapper_with(id_token_claim="false")),
    Fault("mapper writes paths", "mapper-path", "client mlflow", mapper_with(full_path="true")),
    Fault("user disabled", "user-disabled", "user mlflow_user", changed("user", enabled=False)),
    Fault("user in no group", "user-groups", "user mlflow_user", no_group),
    Fault("user in another group", "user-group", "user mlflow_user", other_group),
    Fault("user deleted", "user-missing", "user mlflow_user", renamed_user, is_quick=False),
    Fault("user without a name", "user-profile", "user mlflow_user", changed("user", lastName="")),
    Fault(
        "action required",
        "user-action",
        "user mlflow_user",
        changed("user", requiredActions=["UPDATE_PASSWORD"]),
        "requiredActions",
    ),
    Fault("wrong password", "user-password", "user mlflow_user", other_password, "`password` at stack.yaml"),
    Fault("no password", "user-no-password", "user mlflow_user", no_password, "credentials"),
    Fault("locked out", "user-locked", "user mlflow_user", locked_out, "unlock"),
    Fault("realm disabled", "realm-disabled", "realm mlflow", changed("", enabled=False)),
    Fault("https demanded", "https-required", "realm mlflow", changed("", sslRequired="all"), "sslRequired"),
    Fault(
        "frontend address",
        "hostname",
        "realm mlflow",
        changed("", attributes={"frontendUrl": "http://localhost:1"}),
        "frontendUrl",
    ),
    Fault("redis stopped", "service-stopped", "redis", by_hand("redis", "stop", "start", t=5)),
    Fault("redis paused", "service-paused", "redis", by_hand("redis", "pause", "unpause"), "docker unpause"),
    Fault("redis out of its network", "name-unknown", "mlflow", out_of_network),
    Fault("redis has another password", "redis-password", "mlflow", other_redis_password, "reconcile diff"),
    Fault(
        "postgres stopped", "service-stopped", "postgres", by_hand("postgres", "stop", "start", t=20), is_quick=False
    ),
    Fault(
        "keycloak stopped", "service-stopped", "keycloak", by_hand("keycloak", "stop", "start", t=10), is_quick=False
    ),
    Fault("keycloak paused", "service-paused", "keycloak", by_hand("keycloak", "pause", "unpause"), "docker unpause"),
    Fault("minio stopped", "service-stopped", "minio", by_hand("minio", "stop", "start", t=10)),
    Fault("mlflow stopped", "service-stopped", "mlflow", by_hand("mlflow", "stop", "start", t=10), is_quick=False),
    Fault("port in use", "port-taken", "mlflow", port_in_use, "kill", is_quick=False),
    Fault(
        "scopes with commas",
        "scope",
        "OIDC_SCOPE",
        applied("${OIDC_SCOPE:-openid profile email}", "openid,profile,email"),
        "ask for `openid profile email`",
        is_quick=False,
    ),
    Fault(
        "group of the application",
        "user-group",
        "user mlflow_user",
        applied("${OIDC_GROUP_NAME:-mlflow_users}", "others"),
        "add the user",
        is_quick=False,
    ),
    Fault(
        "realm in the discovery address",
        "keycloak-address",
        "OIDC_DISCOVERY_URL",
        applied("realms/mlflow/.well", "realms/mlfow/.well"),
        "correct OIDC_DISCOVERY_URL",
        is_quick=False,
    ),
    Fault(
        "hostname",
        "hostname",
        "KC_HOSTNAME",
        applied("KC_HOSTNAME: http://localhost:${KEYCLOAK_PORT:-8080}", "KC_HOSTNAME: http://sso.invalid:8080"),
        "KC_HOSTNAME: http://localhost",
        is_quick=False,
    ),
    Fault(
        "backchannel",
        "backchannel",
        "KC_HOSTNAME_BACKCHANNEL_DYNAMIC",
        applied('KC_HOSTNAME_BACKCHANNEL_DYNAMIC: "true"', 'KC_HOSTNAME_BACKCHANNEL_DYNAMIC: "false"'),
        "KC_HOSTNAME_BACKCHANNEL_DYNAMIC",
        is_quick=False,
    ),
]
