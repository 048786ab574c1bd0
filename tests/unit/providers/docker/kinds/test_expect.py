"""The expected answer of an inspect: the file's value, else the image's, else the engine's default."""

from __future__ import annotations

import pytest

from reconciler.core.difference.change import Action, diff
from reconciler.core.difference.kind import Effect
from reconciler.core.resource.resource import Observed, Resource
from reconciler.core.resource.values import UNKNOWN, Secret
from reconciler.providers.docker.container import rollout
from reconciler.providers.docker.kinds import container, image, network, volume
from tests.kit.build import address

WEB = address("docker.container/web")
IMAGE = {
    "Cmd": ["serve"],
    "Entrypoint": ["/entry"],
    "Env": ["PATH=/bin", "MODE=slow"],
    "Labels": {"vendor": "them", "team": "theirs", "com.docker.compose.project": "x", "reconcile.build.inputs": "y"},
    "User": "app",
    "WorkingDir": "/app",
    "StopSignal": "SIGQUIT",
    "ExposedPorts": {"80/tcp": {}},
    "Volumes": {"/data/": {}},
    "Healthcheck": {"Test": ["CMD", "check"], "Interval": 5_000_000_000, "Retries": 7},
}
USUAL = {"type": "volume", "read_only": False, "source": "(anonymous)"}


def expected(image_config=IMAGE, live=(), **spec):
    desired = Resource(WEB, {"state": "running", **spec})
    return container.expect(desired, Observed(WEB, "id", dict(live), facts={"image": image_config}))


@pytest.mark.parametrize(
    ("field", "silent", "declared", "merged"),
    [
        ("environment", {"PATH": "/bin", "MODE": "slow"}, {"MODE": "fast"}, {"PATH": "/bin", "MODE": "fast"}),
        ("environment", {"PATH": "/bin", "MODE": "slow"}, {"MODE": None}, {"PATH": "/bin", "MODE": None}),
        ("labels", {"vendor": "them", "team": "theirs"}, {"team": "ours"}, {"vendor": "them", "team": "ours"}),
        ("user", "app", "me", "me"),
        ("working_dir", "/app", "/own", "/own"),
        ("stop_signal", "SIGQUIT", "SIGINT", "SIGINT"),
        ("expose", ("80/tcp",), ("53/udp",), ("53/udp", "80/tcp")),
        ("volumes", {"/data": USUAL}, {"/own": USUAL}, {"/data": USUAL, "/own": USUAL}),
        ("volumes", {"/data": USUAL}, {"/data": {"type": "tmpfs"}}, {"/data": {"type": "tmpfs"}}),
        (
            "healthcheck",
            {"test": ("CMD", "check"), "interval": "5s", "retries": 7},
            {"interval": "1s"},
            {"test": ("CMD", "check"), "interval": "1s", "retries": 7},
        ),
        ("healthcheck", {"test": ("CMD", "check"), "interval": "5s", "retries": 7}, *[{"test": ("NONE",)}] * 2),
    ],
)
def test_the_image_fills_in_what_the_file_leaves_open(field, silent, declared, merged):
    assert expected()[field] == silent
    assert expected(**{field: declared})[field] == merged


@pytest.mark.parametrize(
    ("declared", "entrypoint", "command"),
    [
        ({}, ("/entry",), ("serve",)),
        ({"command": ("own",)}, ("/entry",), ("own",)),
        ({"entrypoint": ("own",)}, ("own",), ()),
        ({"entrypoint": ("own",), "command": ("x",)}, ("own",), ("x",)),
        ({"entrypoint": ()}, (), ("serve",)),
        ({"entrypoint": (), "command": ("x",)}, (), ("x",)),
    ],
)
def test_an_entrypoint_of_ones_own_drops_the_command_of_the_image(declared, entrypoint, command):
    found = expected(**declared)

    assert (found["entrypoint"], found["command"]) == (entrypoint, command)


def test_where_nobody_says_anything_the_default_of_the_engine_is_expected():
    found = expected({})

    assert {name: found[name] for name in ("user", "stop_grace_period", "restart", "mem_limit", "init", "cap_add")} == {
        "user": "",
        "stop_grace_period": 10,
        "restart": "no",
        "mem_limit": 0,
        "init": False,
        "cap_add": (),
    }


def test_what_the_configuration_of_the_engine_decides_is_not_compared():
    free = {"shm_size", "ipc", "runtime", "cgroup", "ulimits", "logging.driver", "logging.options", "network_mode"}

    assert free.isdisjoint(expected({}))


def test_only_declared_limits_of_a_process_are_compared():
    live = {"ulimits": {"core": {"soft": 1, "hard": 1}, "nofile": {"soft": 5, "hard": 5}}}

    found = expected(live=live, ulimits={"nofile": {"soft": 9, "hard": 9}})

    assert found["ulimits"] == {"core": {"soft": 1, "hard": 1}, "nofile": {"soft": 9, "hard": 9}}


@pytest.mark.parametrize(
    ("spec", "live", "swap"),
    [
        ({}, 0, 0),
        ({}, 64, 0),
        ({"mem_limit": 64}, 128, 128),
        ({"mem_limit": 64}, -1, -1),
        ({"mem_limit": 64}, 64, 128),
        ({"mem_limit": 64, "memswap_limit": 64}, 128, 64),
    ],
)
def test_swap_is_twice_the_memory_unless_it_is_declared_or_not_counted(spec, live, swap):
    assert expected(live={"memswap_limit": live}, **spec)["memswap_limit"] == swap


@pytest.mark.parametrize(
    ("desired", "live", "action"),
    [
        ("running", "running", Action.KEEP),
        ("running", "restarting", Action.KEEP),
        ("running", "created", Action.START),
        ("running", "exited (0)", Action.START),
        ("running", "paused", Action.START),
        ("running", "dead", Action.REPLACE),
        ("exited (0)", "exited (0)", Action.KEEP),
        ("exited (0)", "running", Action.KEEP),
        ("exited (0)", "restarting", Action.KEEP),
        ("exited (0)", "created", Action.RUN),
        ("exited (0)", "exited (1)", Action.RUN),
        ("exited (0)", "paused", Action.RUN),
        ("exited (0)", "dead", Action.REPLACE),
    ],
)
def test_what_the_state_asks_for(desired, live, action):
    wanted = Resource(WEB, {"state": desired, "rollout": rollout.declared({}, lends=False, several=False)})
    shown = {**container.expect(wanted, Observed(WEB, "id", {}, facts={"image": {}})), "state": live}

    change = diff(container.KIND, wanted, Observed(WEB, "id", shown, facts={"image": {}}))

    assert change.action is action


@pytest.mark.parametrize(
    ("field", "before", "after", "effect"),
    [
        ("mem_limit", 1, 2, Effect.LIVE),
        ("mem_limit", 1, 0, Effect.REPLACE),
        ("cpuset", "0", "", Effect.REPLACE),
        ("cpus", 1.0, 0.5, Effect.LIVE),
        ("restart", "no", "always", Effect.LIVE),
        ("restart", "always", "no", Effect.LIVE),
        ("container_name", "a", "b", Effect.LIVE),
        ("networks", {}, {}, Effect.RECONNECT),
        ("environment", {}, {}, Effect.REPLACE),
        ("image", "app:1", "app:2", Effect.NOTE),
        ("image", "sha256:a", "sha256:b", Effect.REPLACE),
        ("image", "sha256:a", UNKNOWN, Effect.REPLACE),
        ("leftovers", (), ("x",), Effect.LIVE),
    ],
)
def test_what_a_change_costs(field, before, after, effect):
    assert container.KIND.fields[field].cost(before, after) is effect


def test_a_secret_value_is_not_read_back_in_the_open():
    read = container.PROPERTIES["environment"].read({"Config": {"Env": ["DB_PASSWORD=hush", "A=1", "NOVAL"]}})

    assert read == {"DB_PASSWORD": Secret("hush"), "A": "1", "NOVAL": None}


def test_the_body_of_an_update_holds_only_what_changes():
    body = container.live_body({"mem_limit": 64, "memswap_limit": 128, "cpus": 0.5, "restart": "on-failure:2"})

    assert body == {
        "Memory": 64,
        "MemorySwap": 128,
        "NanoCpus": 500_000_000,
        "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 2},
    }


# ------------------------------------------------------------------ images, networks, volumes


@pytest.mark.parametrize(
    ("spec", "expected_inputs"),
    [
        ({"pull_policy": "missing"}, {}),
        ({"pull_policy": "missing", "build": {}}, {"inputs": "new"}),
        ({"pull_policy": "build", "build": {}}, {"inputs": "new"}),
        ({"pull_policy": "never", "build": {}}, {}),
    ],
)
def test_an_image_is_compared_only_where_it_is_built(spec, expected_inputs):
    live = Observed(address("docker.image/x"), "id", {"inputs": "old"}, facts={"inputs": "new"})

    expected = image.expect(Resource(live.address, {"ref": "x", **spec}), live)

    assert {key: value for key, value in expected.items() if key == "inputs"} == expected_inputs


def test_a_build_is_told_what_it_needs_and_nothing_empty():
    build = {
        "context": ".",
        "args": {"A": "1", "HTTP_PROXY": None},
        "labels": {"l": "v"},
        "target": "",
        "no_cache": True,
    }

    assert image.build_options({**build, "no_cache": True}, "hash", "Own") == {
        "dockerfile": "Own",
        "buildargs": {"A": "1"},
        "labels": {"l": "v", "reconcile.build.inputs": "hash"},
        "nocache": True,
        "pull": False,
    }


@pytest.mark.parametrize(
    ("attribute", "value", "option", "told"),
    [
        ("shm_size", "64m", "shmsize", 64 << 20),
        ("extra_hosts", ["h:127.0.0.1"], "extra_hosts", ["h:127.0.0.1"]),
        ("network", "host", "network_mode", "host"),
        ("target", "last", "target", "last"),
        ("cache_from", ["img:1"], "cache_from", ["img:1"]),
    ],
)
def test_the_options_of_a_build_are_told_in_the_words_of_the_builder(attribute, value, option, told):
    assert image.build_options({"context": ".", attribute: value}, "hash", "Dockerfile")[option] == told


def pools(**pool):
    return network.declared({"name": "n", "ipam": {"config": [{"subnet": "10.0.0.0/24", **pool}]}})


@pytest.mark.parametrize(
    ("desired", "action"),
    [
        (network.declared({"name": "n"}), Action.KEEP),
        (pools(), Action.KEEP),
        (pools(gateway="10.0.0.1"), Action.KEEP),
        (pools(gateway="10.0.0.9"), Action.REPLACE),
        (network.declared({"name": "n", "ipam": {"config": [{"subnet": "10.1.0.0/24"}]}}), Action.REPLACE),
        (network.declared({"name": "n", "internal": True}), Action.REPLACE),
        (network.declared({"name": "n", "driver": "macvlan"}), Action.REPLACE),
        (network.declared({"name": "n", "driver_opts": {"mtu": 9000}}), Action.REPLACE),
        (network.declared({"name": "n", "labels": {"a": "b"}}), Action.KEEP),
        ({"name": "n", "external": True}, Action.KEEP),
    ],
)
def test_a_network_is_replaced_for_what_is_declared_and_not_for_what_the_engine_chose(desired, action):
    live = {"Name": "n", "Driver": "bridge", "Options": None, "Labels": {"com.docker.compose.project": "p"}}
    live |= {"IPAM": {"Config": [{"Subnet": "10.0.0.0/24", "Gateway": "10.0.0.1"}]}}
    where = address("docker.network/n")

    assert diff(network.KIND, Resource(where, desired), Observed(where, "id", network.read(live))).action is action


@pytest.mark.parametrize(
    ("declared", "action"),
    [(["fd00:1::/64"], Action.KEEP), (["10.0.0.0/24"], Action.KEEP), (["fd00:2::/64"], Action.REPLACE)],
)
def test_where_one_family_of_addresses_is_declared_the_pool_of_the_other_is_the_engines_choice(declared, action):
    config = [{"subnet": subnet} for subnet in declared]
    desired = network.declared({"name": "n", "enable_ipv6": True, "ipam": {"config": config}})
    live = {"Name": "n", "Driver": "bridge", "EnableIPv6": True}
    live |= {"IPAM": {"Config": [{"Subnet": "10.0.0.0/24", "Gateway": "10.0.0.1"}, {"Subnet": "fd00:1::/64"}]}}
    where = address("docker.network/n")

    assert diff(network.KIND, Resource(where, desired), Observed(where, "id", network.read(live))).action is action


def test_a_network_is_made_as_declared_and_carries_the_owner():
    body = network.body(pools(ip_range="10.0.0.128/25", aux_addresses={"h": "10.0.0.2"}), {"owner": "p"})

    assert body["Labels"] == {"owner": "p"}
    assert body["IPAM"] == {
        "Driver": "default",
        "Config": [{"Subnet": "10.0.0.0/24", "IPRange": "10.0.0.128/25", "AuxiliaryAddresses": {"h": "10.0.0.2"}}],
    }
    assert "IPAM" not in network.body(network.declared({"name": "n"}), {})


@pytest.mark.parametrize(
    ("desired", "effect"),
    [
        ({}, Effect.NOTE),
        ({"labels": {"a": "b"}}, Effect.NOTE),
        ({"driver": "nfs"}, Effect.DATA_LOSS),
        ({"driver_opts": {"type": "tmpfs"}}, Effect.DATA_LOSS),
    ],
)
def test_a_volume_that_differs_costs_its_data(desired, effect):
    live = volume.read({"Name": "v", "Driver": "local", "Options": None, "Labels": {"com.docker.compose.volume": "v"}})
    where = address("docker.volume/v")

    change = diff(volume.KIND, Resource(where, volume.declared({"name": "v", **desired})), Observed(where, "v", live))

    assert change.effect is effect


def test_how_addresses_are_managed_is_told_and_compared():
    where = address("docker.network/n")
    spec = network.declared({"name": "n", "ipam": {"driver": "other", "options": {"o": "p"}}})
    live = {"Name": "n", "Driver": "bridge", "IPAM": {"Driver": "default", "Config": []}}

    change = diff(network.KIND, Resource(where, spec), Observed(where, "id", network.read(live)))

    assert network.body(spec, {})["IPAM"] == {"Driver": "other", "Options": {"o": "p"}, "Config": []}
    assert {field.path[0] for field in change.fields} == {"ipam_driver", "ipam_options"}
