"""Every drift, one by one, in both halves of the seed stack: seen, named alone, repaired, nothing else touched."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest

CLIENTS = "/admin/realms/mlflow/clients"
USERS = "/admin/realms/mlflow/users"
GROUPS = "/admin/realms/mlflow/groups"


@dataclass(frozen=True)
class Drift:
    """Changes by hand, the differences that diff names, and the means of their repair."""

    name: str
    by_hand: Callable[[Any, Any], None]
    address: str
    action: str
    fields: dict[str, tuple[Any, Any]]
    touched: frozenset[str] = frozenset()
    writes: tuple[tuple[str, str], ...] = ()


ANY = object()
SECRET = object()
"""A value of which only that it is secret may be told."""


# ------------------------------------------------------------------ containers


def hand(path, service="redis", body=None, **params):
    def act(seed, _admin):
        seed.engine.post(f"/containers/{seed.container(service)}/{path}", body or {}, **params)

    return act


def disconnect(seed, _admin):
    body = {"Container": seed.container("redis"), "Force": True}
    seed.engine.post(f"/networks/{seed.project}_default/disconnect", body)


def remove(seed, _admin):
    seed.engine.delete(f"/containers/{seed.container('redis')}", force=1)


def make_anew(seed, _admin):
    """As with `docker run`: everything the same, but for two variables."""
    inspect = seed.inspect("redis")
    seed.engine.delete(f"/containers/{inspect['Id']}", force=1)
    kept = [entry for entry in inspect["Config"]["Env"] if not entry.startswith("REDISCLI_AUTH=")]
    network = f"{seed.project}_default"
    aliases = [a for a in inspect["NetworkSettings"]["Networks"][network]["Aliases"] if a != inspect["Id"][:12]]
    body = {
        **inspect["Config"],
        "Hostname": "",
        "Env": [*kept, "REDISCLI_AUTH=other", "DEBUG=1"],
        "HostConfig": inspect["HostConfig"],
        "NetworkingConfig": {"EndpointsConfig": {network: {"Aliases": aliases}}},
    }
    seed.engine.post("/containers/create", body, name=seed.container("redis"))
    seed.engine.post(f"/containers/{seed.container('redis')}/start")


REDIS = "docker.container/redis"
MIB = 1 << 20
CONTAINERS = [
    Drift(
        "memory limit",
        hand("update", body={"Memory": 64 * MIB}),
        REDIS,
        "update",
        {"deploy.resources.limits.memory": (64 * MIB, 128 * MIB)},
    ),
    Drift(
        "restart policy",
        hand("update", body={"RestartPolicy": {"Name": "always"}}),
        REDIS,
        "update",
        {"restart": ("always", "unless-stopped")},
    ),
    Drift("network disconnected", disconnect, REDIS, "update", {"networks.default": (None, ANY)}),
    Drift("stopped", hand("stop", t=5), REDIS, "start", {"state": ("exited (0)", "running")}, frozenset({"redis"})),
    Drift("paused", hand("pause"), REDIS, "start", {"state": ("paused", "running")}),
    Drift("renamed", hand("rename", name="rte2e-x"), REDIS, "update", {"container_name": ("rte2e-x", ANY)}),
    Drift("removed", remove, REDIS, "create", {}, frozenset({"redis"})),
    Drift(
        "environment",
        make_anew,
        REDIS,
        "replace",
        {"environment.REDISCLI_AUTH": (SECRET, SECRET), "environment.DEBUG": ("1", None)},
        frozenset({"redis"}),
    ),
]  # fmt: skip


# ------------------------------------------------------------------ Keycloak


def the(admin, path, **query):
    found = admin.get(f"{path}?" + "&".join(f"{key}={value}" for key, value in query.items()))
    return next(item for item in found if query.items() <= item.items() or len(found) == 1)


def client(admin):
    return the(admin, CLIENTS, clientId="mlflow")


def user(admin, name="mlflow_user"):
    (found,) = admin.get(f"{USERS}?username={name}&exact=true")
    return found


def change_user(**fields):
    def act(_seed, admin):
        found = user(admin)
        admin.put(f"{USERS}/{found['id']}", {**found, **fields})

    return act


def redirect(_seed, admin):
    found = client(admin)
    admin.put(f"{CLIENTS}/{found['id']}", {**found, "redirectUris": ["http://evil.example/*"]})


def delete_mapper(_seed, admin):
    found = client(admin)
    (mapper,) = (each for each in found["protocolMappers"] if each["name"] == "groups")
    admin.delete(f"{CLIENTS}/{found['id']}/protocol-mappers/models/{mapper['id']}")


def new_secret(_seed, admin):
    admin.post(f"{CLIENTS}/{client(admin)['id']}/client-secret")


def delete_group(_seed, admin):
    (group,) = (each for each in admin.get(GROUPS) if each["name"] == "mlflow_admins")
    admin.delete(f"{GROUPS}/{group['id']}")


def leave_group(_seed, admin):
    (group,) = (each for each in admin.get(GROUPS) if each["name"] == "mlflow_users")
    admin.delete(f"{USERS}/{user(admin)['id']}/groups/{group['id']}")


CLIENT, USER = "keycloak.client/mlflow/mlflow", "keycloak.user/mlflow/mlflow_user"
IDENTITIES = [
    Drift(
        "redirect address",
        redirect,
        CLIENT,
        "update",
        {"redirectUris": (["http://evil.example/*"], ANY)},
        writes=(("UPDATE", "CLIENT"),),
    ),
    Drift(
        "mapper deleted",
        delete_mapper,
        CLIENT,
        "update",
        {"protocolMappers.groups": (None, ANY)},
        writes=(("CREATE", "PROTOCOL_MAPPER"),),
    ),
    Drift(
        "secret made anew",
        new_secret,
        CLIENT,
        "update",
        {"secret": (SECRET, SECRET)},
        writes=(("UPDATE", "CLIENT"),),
    ),
    Drift(
        "user disabled",
        change_user(enabled=False),
        USER,
        "update",
        {"enabled": (False, True)},
        writes=(("UPDATE", "USER"),),
    ),
    Drift(
        "e-mail changed",
        change_user(email="other@example.com"),
        USER,
        "update",
        {"email": ("other@example.com", "mlflow_user@example.com")},
        writes=(("UPDATE", "USER"),),
    ),
    Drift(
        "left the group",
        leave_group,
        USER,
        "update",
        {"groups": ([], ["/mlflow_users"])},
        writes=(("CREATE", "GROUP_MEMBERSHIP"),),
    ),
]  # fmt: skip


# ------------------------------------------------------------------ seen, repaired, nothing else touched


def differences(seed):
    ran = seed.run("diff", "--format", "json")
    assert ran.code == 2, ran.out + ran.err
    return json.loads(ran.out)["actions"]


def is_as_expected(value, expected):
    if expected is SECRET:
        return value["sensitive"] is True
    return expected is ANY or value == expected


def named(action):
    """Path → (before, after), a whole mapping that came or went under its own path."""
    return {change["path"]: (change["before"], change["after"]) for change in action["changes"]}


def events_since(admin, moment):
    """Operation and type of every admin event after a moment (milliseconds)."""
    found = admin.get("/admin/realms/mlflow/admin-events?max=1000")
    return tuple((event["operationType"], event["resourceType"]) for event in found if event["time"] > moment)


def newest(admin):
    found = admin.get("/admin/realms/mlflow/admin-events?max=1")
    return found[0]["time"] if found else 0


@pytest.mark.sweep(every=2)
@pytest.mark.parametrize("drift", [*CONTAINERS, *IDENTITIES], ids=lambda drift: drift.name)
def test_a_drift_is_seen_repaired_and_nothing_else_touched(seed, drift):
    with closing(seed.admin()) as admin:
        before = seed.identities()
        drift.by_hand(seed, admin)
        moment = newest(admin)

        (action,) = differences(seed)
        assert (action["address"], action["action"]) == (drift.address, drift.action)
        if drift.action != "create":
            fields = named(action)
            assert fields.keys() == drift.fields.keys()
            for path, (old, new) in drift.fields.items():
                assert is_as_expected(fields[path][0], old)
                assert is_as_expected(fields[path][1], new)
        assert action["source"]["line"] > 0

        time.sleep(0.01)  # so that the repair's events carry a later millisecond
        applied = seed.run("apply", "--yes")

        assert applied.code == 0, applied.out + applied.err
        assert seed.run("diff").code == 0
        after = seed.identities()
        assert {name for name in after if after[name] != before.get(name)} == drift.touched
        assert events_since(admin, moment) == drift.writes


def test_a_deleted_group_comes_back_with_its_member(seed):
    """Two resources differ: the group, and the one who was in it."""
    with closing(seed.admin()) as admin:
        delete_group(seed, admin)
        moment = newest(admin)

        actions = {action["address"]: action for action in differences(seed)}
        assert {address: action["action"] for address, action in actions.items()} == {
            "keycloak.group/mlflow/mlflow_admins": "create",
            "keycloak.user/mlflow/mlflow_admin": "update",
        }
        assert named(actions["keycloak.user/mlflow/mlflow_admin"]) == {"groups": ([], ["/mlflow_admins"])}

        time.sleep(0.01)
        assert seed.run("apply").code == 0

        assert seed.run("diff").code == 0
        assert sorted(events_since(admin, moment)) == [("CREATE", "GROUP"), ("CREATE", "GROUP_MEMBERSHIP")]


def test_after_all_that_a_user_still_logs_in(seed):
    from tests.kit import sso

    login = sso.login(seed.url("MLFLOW_PORT"), "mlflow_user", "password123")

    assert login.outcome is sso.Outcome.SIGNED_IN, login.message
