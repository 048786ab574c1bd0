"""The one form of what file and engine write differently; and what is the engine's own is left out."""

from __future__ import annotations

import pytest

from reconciler.core.resource.values import ABSENT, Secret
from reconciler.providers.docker.container import endpoints
from reconciler.providers.docker.container.healthcheck import HEALTHCHECK
from reconciler.providers.docker.container.mounts import anonymous_volumes
from reconciler.providers.docker.kinds.container import PROPERTIES
from reconciler.providers.docker.table import forms, labels
from reconciler.providers.docker.table import property as properties

UNNAMED = "0123456789abcdef" * 4
ID = "f" * 64


@pytest.mark.parametrize(
    ("form", "spellings", "one"),
    [
        (forms.capabilities, [["cap_net_admin", "ALL"], ["all", "NET_ADMIN"]], ("ALL", "NET_ADMIN")),
        (forms.security, [["no-new-privileges:true"], ["no-new-privileges"]], ("no-new-privileges",)),
        (forms.hosts, [["a:1.2.3.4"], ["a=1.2.3.4"]], ("a:1.2.3.4",)),
        (forms.hosts, [["a=::1"], ["a:::1"]], ("a:::1",)),
        (forms.restart, [{}, {"Name": ""}, {"Name": "no"}, {"Name": "no", "MaximumRetryCount": 3}], "no"),
        (forms.restart, [{"Name": "on-failure"}, {"Name": "on-failure", "MaximumRetryCount": 0}], "on-failure"),
        (forms.restart, [{"Name": "on-failure", "MaximumRetryCount": 2}], "on-failure:2"),
        (forms.restart, [{"Name": "always", "MaximumRetryCount": 2}], "always"),
        (forms.declared_restart, ["", "no", {"condition": "none"}], "no"),
        (forms.declared_restart, ["always", {}, {"condition": "any", "max_attempts": 3}], "always"),
        (forms.declared_restart, ["on-failure:2", {"condition": "on-failure", "max_attempts": 2}], "on-failure:2"),
        (forms.declared_restart, ["on-failure", {"condition": "on-failure"}], "on-failure"),
        (forms.positive, [None, 0, -1, "0"], 0),
        (forms.cpus, [None, 0, "0"], 0.0),
        (forms.whole_seconds, [None, 10, "10"], 10),
        (forms.text_map, [None, {}], {}),
        (forms.texts, [None, [], ()], ()),
        (forms.text_set, [["b", "a", "b"], ("a", "b")], ("a", "b")),
        (
            forms.devices,
            [["/dev/x"], ["/dev/x:/dev/x"], ["/dev/x:/dev/x:rwm"], [{"source": "/dev/x"}], [{"PathOnHost": "/dev/x"}]],
            ("/dev/x:/dev/x:rwm",),
        ),
        (
            forms.ulimits,
            [{"n": 1}, {"n": {"soft": 1, "hard": 1}}, [{"Name": "n", "Soft": 1, "Hard": 1}]],
            {"n": {"soft": 1, "hard": 1}},
        ),
        (endpoints.network_mode, [None, "", "default", "bridge"], "bridge"),
        (endpoints.network_mode, ["p_default"], "p_default"),
        (endpoints.network_mode, ["host"], "host"),
        (endpoints.network_mode, ["container:abc"], "container:abc"),
    ],
)
def test_all_spellings_of_a_value_are_one(form, spellings, one):
    assert [form(spelling) for spelling in spellings] == [one] * len(spellings)


def test_a_secret_stays_one_in_every_form():
    secret = Secret("hush")

    assert forms.texts([secret, "x"]) == (secret, "x")
    assert forms.text_map({"a": secret}) == {"a": secret}


def test_labels_of_selinux_are_kept_where_somebody_declares_them():
    assert PROPERTIES["security_opt"].declared({"security_opt": ["label=disable"]}) == ("label=disable",)
    assert forms.selinux(["label=disable", "no-new-privileges"]) == ("label=disable",)


# ------------------------------------------------------------------ trees


def test_trees_are_laid_over_each_other_leaf_by_leaf():
    trees = ({"a": {"x": 1, "y": 1}, "b": 1}, {"a": {"y": 2}}, {"b": {"z": 3}})

    assert properties.merged(*trees) == {"a": {"x": 1, "y": 2}, "b": {"z": 3}}


@pytest.mark.parametrize(("path", "value"), [("a.b", 1), ("a.b.c", None), ("a.x", None), ("y.z", None), ("n.a", None)])
def test_a_path_that_ends_before_leads_to_nothing(path, value):
    assert properties.dig({"a": {"b": 1}, "n": None}, path) == value


def test_a_property_in_two_places_is_that_of_the_first():
    service = {"mem_limit": 1, "deploy": {"resources": {"limits": {"memory": 2}}}}

    assert PROPERTIES["mem_limit"].declared(service) == 1
    assert PROPERTIES["mem_limit"].declared({"deploy": service["deploy"]}) == 2
    assert PROPERTIES["mem_limit"].declared({"deploy": {}}) is ABSENT


# ------------------------------------------------------------------ ports


@pytest.mark.parametrize(
    ("declared", "shown"),
    [
        ({"target": 80}, {"80/tcp": [{"HostIp": "", "HostPort": ""}]}),
        ({"target": 80}, {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "0"}]}),
        ({"target": 80, "published": "8080"}, {"80": [{"HostIp": "::", "HostPort": "8080"}]}),
        ({"target": 80, "published": "8080", "host_ip": "0.0.0.0"}, {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}),
        ({"target": 80, "published": "9000-9005"}, {"80/tcp": [{"HostIp": "", "HostPort": "9000-9005"}]}),
        (
            {"target": 53, "protocol": "udp", "published": "53", "host_ip": "::1"},
            {"53/udp": [{"HostIp": "::1", "HostPort": "53"}]},
        ),
    ],
)
def test_a_published_port_is_what_the_engine_shows(declared, shown):
    ports = PROPERTIES["ports"]

    assert ports.declared({"ports": [declared]}) == ports.read({"HostConfig": {"PortBindings": shown}})


def test_what_is_written_of_a_port_reads_back_as_it_was():
    ports = PROPERTIES["ports"]
    declared = ports.declared({"ports": [{"target": 80, "published": "1"}, {"target": 80, "host_ip": "::1"}]})

    assert ports.read(ports.write({"ports": declared})) == declared == {"80/tcp": (":1", "::1:")}


def test_ports_of_a_stopped_container_are_those_it_will_have():
    shown = {"HostConfig": {"PortBindings": {"80/tcp": [{"HostPort": "1"}]}}, "NetworkSettings": {"Ports": None}}

    assert PROPERTIES["ports"].read(shown) == {"80/tcp": (":1",)}


# ------------------------------------------------------------------ mounts


@pytest.mark.parametrize(
    ("declared", "shown"),
    [
        (
            {"type": "volume", "source": "p_data", "target": "/data/"},
            {"Type": "volume", "Name": "p_data", "Source": "/var/x", "Destination": "/data", "RW": True, "Mode": "z"},
        ),
        (
            {"type": "volume", "target": "/data"},
            {"Type": "volume", "Name": UNNAMED, "Destination": "/data", "RW": True},
        ),
        (
            {"type": "bind", "source": "/h", "target": "/b", "read_only": True},
            {"Type": "bind", "Source": "/h", "Destination": "/b", "RW": False, "Propagation": "rprivate"},
        ),
        (
            {"type": "bind", "source": "/h", "target": "/b", "bind": {"propagation": "rshared"}},
            {"Type": "bind", "Source": "/h", "Destination": "/b", "RW": True, "Propagation": "rshared"},
        ),
        (
            {"type": "tmpfs", "target": "/t"},
            {"Type": "tmpfs", "Destination": "/t", "RW": True},
        ),
    ],
)
def test_a_mount_is_what_the_engine_shows(declared, shown):
    volumes = PROPERTIES["volumes"]

    assert volumes.declared({"volumes": [declared]}) == volumes.read({"Mounts": [shown], "HostConfig": {}})


def test_the_size_of_a_memory_mount_is_read_from_where_it_was_asked_for():
    shown = {
        "Mounts": [{"Type": "tmpfs", "Destination": "/t", "RW": True}],
        "HostConfig": {"Mounts": [{"Target": "/t", "TmpfsOptions": {"SizeBytes": 5, "Mode": 448}}]},
    }

    assert PROPERTIES["volumes"].read(shown)["/t"] == {"type": "tmpfs", "read_only": False, "size": 5, "mode": 448}


def test_volumes_without_a_name_are_known_by_where_they_are_mounted():
    mounts = [
        {"Type": "volume", "Name": UNNAMED, "Destination": "/data/"},
        {"Type": "volume", "Name": "p_data", "Destination": "/named"},
        {"Type": "bind", "Source": "/h", "Destination": "/b"},
    ]

    assert anonymous_volumes({"Mounts": mounts}) == {"/data": UNNAMED}
    assert anonymous_volumes({"Mounts": None}) == {}


@pytest.mark.parametrize(
    ("declared", "shown"),
    [(["/t"], {"/t": ""}), (["/t:a,b"], {"/t/": "b,a"}), (["/t:size=1m"], {"/t": "size=1m"})],
)
def test_options_of_a_memory_file_system_have_no_order(declared, shown):
    tmpfs = PROPERTIES["tmpfs"]

    assert tmpfs.declared({"tmpfs": declared}) == tmpfs.read({"HostConfig": {"Tmpfs": shown}})


# ------------------------------------------------------------------ networks


def shown(**endpoint):
    return {"Id": ID, "Config": {"Hostname": "h"}, "NetworkSettings": {"Networks": {"p_back": endpoint}}}


def test_the_engines_own_names_in_a_network_are_left_out():
    read = endpoints.NETWORKS.read(shown(Aliases=["web", ID[:12], "h", "w"], NetworkID="n"))

    assert read["p_back"]["aliases"] == ("w", "web")


@pytest.mark.parametrize("empty", [{}, {"Aliases": None, "IPAMConfig": None, "NetworkID": ""}])
def test_an_endpoint_without_settings_is_read_as_one(empty):
    nothing = {"name": "p_back", "id": "", "aliases": (), "ipv4_address": "", "ipv6_address": ""}

    assert endpoints.NETWORKS.read(shown(**empty)) == {"p_back": nothing}


def test_only_addresses_that_were_asked_for_count():
    read = endpoints.NETWORKS.read(shown(IPAMConfig={"IPv4Address": "10.0.0.5"}, IPAddress="10.0.0.5"))
    given = endpoints.NETWORKS.read(shown(IPAMConfig={}, IPAddress="10.0.0.6"))

    assert (read["p_back"]["ipv4_address"], given["p_back"]["ipv4_address"]) == ("10.0.0.5", "")


def test_a_connection_is_made_with_all_its_settings():
    endpoint = {"name": "n", "aliases": ("a",), "ipv4_address": "10.0.0.5", "ipv6_address": ""}

    assert endpoints.endpoint_body(endpoint) == {"Aliases": ["a"], "IPAMConfig": {"IPv4Address": "10.0.0.5"}}
    assert endpoints.endpoint_body({**endpoint, "ipv4_address": ""}) == {"Aliases": ["a"]}


# ------------------------------------------------------------------ health checks


@pytest.mark.parametrize(
    ("declared", "shown"),
    [
        ({"test": ["CMD-SHELL", "x"]}, {"Test": ["CMD-SHELL", "x"]}),
        ({"test": ["CMD", "x"], "interval": "90s"}, {"Test": ["CMD", "x"], "Interval": 90_000_000_000, "Retries": 0}),
        ({"test": ["CMD", "x"], "retries": 3, "timeout": "0s"}, {"Test": ["CMD", "x"], "Retries": 3}),
        ({"disable": True}, {"Test": ["NONE"], "Interval": 5}),
        ({"disable": True, "test": ["CMD", "x"]}, {"Test": ["NONE"]}),
    ],
)
def test_a_health_check_is_what_the_engine_shows(declared, shown):
    read = HEALTHCHECK.read({"Config": {"Healthcheck": shown}})

    assert HEALTHCHECK.declared({"healthcheck": declared}) == read


@pytest.mark.parametrize("nothing", [None, {}])
def test_no_health_check_is_nothing_on_both_sides(nothing):
    assert HEALTHCHECK.declared({"healthcheck": nothing}) is ABSENT
    assert HEALTHCHECK.read({"Config": {"Healthcheck": nothing}}) == {}


# ------------------------------------------------------------------ labels


def test_labels_that_nobody_declares_are_not_compared():
    marks = {
        "team": "a",
        "com.docker.compose.version": "2",
        "reconcile.lock": "p",
        "desktop.docker.io/binds/0": "x",
        "com.docker.other": "kept",
    }

    assert labels.declared_only(marks) == {"team": "a", "com.docker.other": "kept"}
    assert labels.declared_only(None) == {}


def test_compose_finds_a_container_by_all_it_looks_for():
    marks = labels.of_container("p", "web", 1, "/project", {})

    wanted = ("project", "service", "container-number", "oneoff", "config-hash", "project.working_dir")
    assert set(marks) == {f"com.docker.compose.{key}" for key in wanted}
    assert labels.declared_only(marks) == {}
