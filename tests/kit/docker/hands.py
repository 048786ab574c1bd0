"""Changes by hand to a running stack, and the promised reaction to each.

The tests do it on the real engine, and ``bench.drift_matrix`` does the same beside the Compose CLI.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from reconciler.core.difference.change import Action
from tests.kit.docker.engine import PROBE, READY, Project
from tests.kit.docker.fields import remade

CONTAINER: Final = "docker.container"
NETWORK: Final = "docker.network"
VOLUME: Final = "docker.volume"
WEB: Final = f"{CONTAINER}/web"
BACK: Final = f"{NETWORK}/back"

SAME, SAME_ID, NEW = "the same, still running", "the same, started again", "a new one"
REFUSED: Final = "refused"
"""Nothing is done unasked; the refusal says how to allow it."""


@dataclass(frozen=True)
class Hand:
    """Something done by hand, or in the file where only the file can.

    ``differs`` are the resources that then differ, and ``by`` the action for the first of them; ``left`` is what
    becomes of the container of ``web``. ``fields`` are those of kinds that have no row of their own.
    """

    name: str
    do: Callable[[Project], None]
    differs: Mapping[str, set[str]]
    by: Action
    left: str = SAME
    fields: frozenset[tuple[str, str]] = frozenset()
    undo: Callable[[Project], None] | None = None
    refused: bool = False


FILES: Final = ("app.conf", "again.conf")


def declare(project: Project) -> None:
    """The stack that all of it is done to; ``other`` may never be touched."""
    own, subnet = f"localhost/{project.name}:1", project.subnet
    if not project.engine.get(f"/images/{own}/json"):
        project.engine.tag(PROBE, own)
    for name in FILES:
        (project.directory / name).write_text("one\n", encoding="utf-8")
    project.write(
        networks={"default": {}, "back": {"ipam": {"config": [{"subnet": subnet}]}}},
        volumes={"data": {}},
        configs={name: {"file": f"./{name}"} for name in FILES},
        services={},
    )
    project.service("other", **READY, networks=["default", "back"])
    project.service(
        "web",
        **READY,
        image=own,
        networks={"default": {}, "back": {"aliases": ["w"], "ipv4_address": address(project)}},
        volumes=["data:/data"],
        configs=list(FILES),
        **{"x-reconcile": {"reload": {"/again.conf": "restart"}}},
        mem_limit="64m",
        restart="unless-stopped",
    )


def clean(project: Project) -> None:
    """Remove the image of its own; the rest goes with the project."""
    project.engine.delete(f"/images/localhost/{project.name}:1")


def address(project: Project) -> str:
    return project.subnet.replace(".0/24", ".77")


def back(project: Project) -> str:
    return f"{project.name}_back"


# ------------------------------------------------------------------ by hand


def _disconnect(project: Project, *services: str) -> None:
    for service in services or ("web",):
        body: dict[str, Any] = {"Container": project.container(service), "Force": True}
        project.engine.post(f"/networks/{back(project)}/disconnect", body)


def _connect(project: Project, network: str, **settings: Any) -> None:
    body: dict[str, Any] = {"Container": project.container(), "EndpointConfig": settings}
    project.engine.post(f"/networks/{network}/connect", body)


def _without_names(project: Project) -> None:
    _disconnect(project)
    _connect(project, back(project))


def _other_address(project: Project) -> None:
    aliases = ["w", "web", project.container()]
    _disconnect(project)
    other = project.subnet.replace(".0/24", ".78")
    _connect(project, back(project), Aliases=aliases, IPAMConfig={"IPv4Address": other})


def _network_anew(project: Project, **changes: Any) -> None:
    """Removed and made anew: the same name with another id."""
    network = project.engine.get(f"/networks/{back(project)}")
    project.engine.delete(f"/networks/{network['Id']}")
    kept = {key: network[key] for key in ("Name", "Driver", "IPAM", "Options", "Labels")}
    project.engine.post("/networks/create", {**kept, **changes})


def _network_anew_when_stopped(project: Project) -> None:
    project.hand("stop", t=0)
    _disconnect(project, "other")
    _network_anew(project)
    _reconnect_other(project)


def _reconnect_other(project: Project) -> None:
    aliases = ["other", project.container("other")]
    body: dict[str, Any] = {"Container": project.container("other"), "EndpointConfig": {"Aliases": aliases}}
    project.engine.post(f"/networks/{back(project)}/connect", body)


def _network_anew_when_running(project: Project) -> None:
    _disconnect(project, "web", "other")
    _network_anew(project)
    _reconnect_other(project)


def _network_internal(project: Project) -> None:
    _disconnect(project, "web", "other")
    _network_anew(project, Internal=True)
    _reconnect_other(project)
    aliases = ["w", "web", project.container()]
    _connect(project, back(project), Aliases=aliases, IPAMConfig={"IPv4Address": address(project)})


def _network_removed(project: Project) -> None:
    _disconnect(project, "web", "other")
    project.engine.delete(f"/networks/{back(project)}")


def _removed(project: Project) -> None:
    project.engine.delete(f"/containers/{project.container()}", force=1)


def _removed_with_data(project: Project) -> None:
    _removed(project)
    project.engine.delete(f"/volumes/{project.name}_data")


def _data_made_otherwise(project: Project) -> None:
    inspect = project.inspect()
    volume = f"{project.name}_data"
    marks = project.engine.get(f"/volumes/{volume}")["Labels"]
    _removed_with_data(project)
    options = {"type": "tmpfs", "device": "tmpfs", "o": "size=1m"}
    project.engine.post("/volumes/create", {"Name": volume, "DriverOpts": options, "Labels": marks})
    remade(project, inspect, {})


def _crashing(project: Project) -> None:
    remade(project, project.inspect(), {"Config": {"Cmd": ["false"]}})


def _other_command(project: Project) -> None:
    remade(project, project.inspect(), {"Config": {"Cmd": ["sleep", "77"]}})


def _other_variable(project: Project) -> None:
    remade(project, project.inspect(), {"Config": {"Env": ["DEBUG=1"]}})


def _other_label(project: Project) -> None:
    remade(project, project.inspect(), {"Config": {"Labels": {"team": "them"}}})


def _no_mounts(project: Project) -> None:
    remade(project, project.inspect(), {"HostConfig": {"Mounts": [], "Binds": []}})


def _no_health_check(project: Project) -> None:
    remade(project, project.inspect(), {"Config": {"Healthcheck": {"Test": ["NONE"]}}})


def _other_image(project: Project) -> None:
    """Another image gets the tag, on this engine."""
    repository, _, tag = f"localhost/{project.name}:1".rpartition(":")
    body = {"Labels": {"built": "again"}}
    project.engine.post("/commit", body, container=project.container("other"), repo=repository, tag=tag)


def _twin(project: Project, name: str, **labels: str) -> None:
    """A container as that of ``web``, never started, under another name and with other labels."""
    inspect = project.inspect()
    config = {**inspect["Config"], "Hostname": "", "Labels": {**inspect["Config"]["Labels"], **labels}}
    project.engine.post("/containers/create", {**config, "HostConfig": inspect["HostConfig"]}, name=name)


def _foreign(project: Project) -> None:
    _removed(project)
    project.engine.post("/containers/create", {"Image": PROBE}, name=project.container())


def _orphan(project: Project) -> None:
    label = {"com.docker.compose.service": "gone"}
    _twin(project, f"{project.name}-gone-1", **label)


def _pile(project: Project) -> None:
    """The leftover of an interrupted recreate of Compose; it piles up with each further one."""
    _twin(project, f"{project.inspect()['Id'][:12]}_{project.container()}")


def _set_aside(project: Project) -> None:
    """A replacement, killed when its predecessor had made room: nothing serves."""
    _twin(project, f"{project.container()}.next")
    project.hand("stop", t=0)
    project.hand("rename", name=f"{project.container()}.prev")


def _edit_config(project: Project, name: str = "app.conf") -> None:
    (project.directory / name).write_text("two\n", encoding="utf-8")


def _edit(project: Project, section: str, key: str, **attributes: Any) -> None:
    items = project.model[section]
    project.write(**{section: {**items, key: {**items[key], **attributes}}})


def _remove_foreign(project: Project) -> None:
    project.engine.delete(f"/containers/{project.container()}", force=1)


def _of(kind: str, *names: str) -> frozenset[tuple[str, str]]:
    return frozenset((kind, name) for name in names)


REJOINED: Mapping[str, set[str]] = {WEB: {"networks"}}
HANDS: Final = (
    Hand("`docker update --memory`", lambda p: p.hand("update", {"Memory": 32 << 20}), {WEB: {"mem_limit"}},
         Action.UPDATE),
    Hand("`docker update --restart`", lambda p: p.hand("update", {"RestartPolicy": {"Name": "no"}}),
         {WEB: {"restart"}}, Action.UPDATE),
    Hand("`docker update --cpus`", lambda p: p.hand("update", {"NanoCpus": 500_000_000}), {WEB: {"cpus"}},
         Action.REPLACE, NEW),
    Hand("`docker update --pids-limit`", lambda p: p.hand("update", {"PidsLimit": 50}), {WEB: {"pids_limit"}},
         Action.UPDATE),
    Hand("a declared network disconnected", _disconnect, REJOINED, Action.UPDATE),
    Hand("another network connected", lambda p: _connect(p, "bridge"), REJOINED, Action.UPDATE),
    Hand("reconnected without aliases: its DNS name is gone", _without_names, REJOINED, Action.UPDATE),
    Hand("reconnected with another static address", _other_address, REJOINED, Action.UPDATE),
    Hand("network removed and made anew, the container stopped", _network_anew_when_stopped,
         {WEB: {"networks", "state"}}, Action.UPDATE, SAME_ID),
    Hand("network removed and made anew, the container running", _network_anew_when_running, REJOINED, Action.UPDATE),
    Hand("network made anew as an internal one", _network_internal,
         {BACK: {"internal"}, WEB: {"networks"}, f"{CONTAINER}/other": {"networks"}}, Action.REPLACE),
    Hand("network removed", _network_removed,
         {BACK: set(), WEB: {"networks"}, f"{CONTAINER}/other": {"networks"}}, Action.CREATE),
    Hand("renamed", lambda p: p.hand("rename", name=f"{p.name}-x"), {WEB: {"container_name"}},
         Action.UPDATE),
    Hand("stopped", lambda p: p.hand("stop", t=0), {WEB: {"state"}}, Action.START, SAME_ID, _of(CONTAINER, "state")),
    Hand("killed", lambda p: p.hand("kill"), {WEB: {"state"}}, Action.START, SAME_ID),
    Hand("paused", lambda p: p.hand("pause"), {WEB: {"state"}}, Action.START),
    Hand("removed", _removed, {WEB: set()}, Action.CREATE, NEW),
    Hand("removed with its volume", _removed_with_data, {f"{VOLUME}/data": set(), WEB: set()}, Action.CREATE, NEW),
    Hand("made anew with a command that crashes, restarting for ever", _crashing, {WEB: {"command"}},
         Action.REPLACE, NEW),
    Hand("made anew with another command", _other_command, {WEB: {"command"}}, Action.REPLACE, NEW),
    Hand("made anew with another variable", _other_variable, {WEB: {"environment"}}, Action.REPLACE, NEW),
    Hand("made anew with another label", _other_label, {WEB: {"labels"}}, Action.REPLACE, NEW),
    Hand("made anew without its mounts", _no_mounts, {WEB: {"volumes"}}, Action.REPLACE, NEW),
    Hand("made anew without its health check", _no_health_check, {WEB: {"healthcheck"}}, Action.REPLACE, NEW),
    Hand("its volume made anew with other options", _data_made_otherwise,
         {f"{VOLUME}/data": {"driver_opts"}, WEB: {"volumes"}}, Action.REPLACE, refused=True),
    Hand("another image behind the same tag", _other_image, {WEB: {"image"}}, Action.REPLACE, NEW,
         _of(CONTAINER, "image")),
    Hand("a mounted config edited", _edit_config, {WEB: {"files"}}, Action.REPLACE, NEW, _of(CONTAINER, "files")),
    Hand("a mounted config edited that asks for a restart", lambda p: _edit_config(p, "again.conf"),
         {WEB: {"files_restart"}}, Action.UPDATE, SAME_ID, _of(CONTAINER, "files_restart")),
    Hand("network label edited in the file", lambda p: _edit(p, "networks", "back", labels={"a": "1"}), {},
         Action.KEEP, SAME, _of(NETWORK, "labels")),
    Hand("volume label edited in the file", lambda p: _edit(p, "volumes", "data", labels={"a": "1"}), {},
         Action.KEEP, SAME, _of(VOLUME, "labels")),
    Hand("a foreign container has the name", _foreign, {WEB: {"command"}}, Action.REPLACE, NEW, refused=True,
         undo=_remove_foreign),
    Hand("a container of a service that the file no longer has", _orphan, {f"{CONTAINER}/gone": set()},
         Action.DELETE),
    Hand("a second container of the service",
         lambda p: _twin(p, f"{p.name}-web-2", **{"com.docker.compose.container-number": "2"}),
         {f"{WEB}/2": set()}, Action.DELETE),
    Hand("left over of an interrupted recreate of Compose", _pile, {}, Action.DELETE),
    Hand("left over: a successor that never started", lambda p: _twin(p, f"{p.container()}.next"),
         {WEB: {"leftovers"}}, Action.UPDATE, SAME, _of(CONTAINER, "leftovers")),
    Hand("left over: a predecessor", lambda p: _twin(p, f"{p.container()}.prev"), {WEB: {"leftovers"}},
         Action.UPDATE),
    Hand("left over: successor made, predecessor set aside and stopped", _set_aside,
         {WEB: {"container_name", "leftovers", "state"}}, Action.UPDATE, SAME_ID),
)  # fmt: skip


def left(before: tuple[str, str], after: tuple[str, str]) -> str:
    """The fate of a container, from its id and the time of its start."""
    return SAME if before == after else SAME_ID if before[0] == after[0] else NEW


def slug(name: str) -> str:
    return re.sub("[^a-z]+", "-", name.lower()).strip("-")


# ------------------------------------------------------------------ networks


@dataclass(frozen=True)
class NetworkRow:
    """One property of a network: two values, and how somebody makes it otherwise by hand.

    ``removed`` says whether it is seen when the line is taken out of the file, ``is_anywhere`` whether every
    machine can make the other value.
    """

    field: str
    value: Mapping[str, Any]
    other: Mapping[str, Any]
    hand: Mapping[str, Any]
    removed: bool = True
    api: tuple[int, int] = (1, 41)
    is_anywhere: bool = True


def pool(subnet: str, **more: Any) -> dict[str, Any]:
    return {"ipam": {"config": [{"subnet": subnet, **more}]}}


IPV6 = "fd00:{hex}::/64"
NETWORK_ROWS: Final = (
    NetworkRow("driver", {"driver": "bridge"}, {"driver": "macvlan"}, {}, is_anywhere=False),
    NetworkRow("driver_opts", {"driver_opts": {"com.docker.network.driver.mtu": 1400}},
               {"driver_opts": {"com.docker.network.driver.mtu": 1300}},
               {"Options": {"com.docker.network.driver.mtu": "1200"}}),
    NetworkRow("internal", {"internal": False}, {"internal": True}, {"Internal": False}),
    NetworkRow("attachable", {"attachable": False}, {"attachable": True}, {"Attachable": False}),
    NetworkRow("enable_ipv6", {**pool(IPV6), "enable_ipv6": True}, {"enable_ipv6": False}, {"EnableIPv6": True,
               "IPAM": {"Config": [{"Subnet": IPV6}]}}, removed=False),
    NetworkRow("enable_ipv4", {}, {"enable_ipv4": False, "enable_ipv6": True, **pool(IPV6)}, {"EnableIPv4": True},
               api=(1, 47)),
    NetworkRow("ipam", pool("{subnet}", gateway="{net}.1"), pool("{subnet}", gateway="{net}.9"),
               {"IPAM": {"Config": [{"Subnet": "{subnet}", "Gateway": "{net}.8"}]}}, removed=False),
    NetworkRow("ipam_driver", {"ipam": {"driver": "default"}}, {"ipam": {"driver": "null"}}, {},
               is_anywhere=False),
    NetworkRow("ipam_options", {**pool("{subnet}"), "ipam": {"options": {"a": "1"}}}, {"ipam": {"options": {"a": "2"}}},
               {"IPAM": {"Options": {"a": "3"}}}, removed=False),
    NetworkRow("name", {"name": "{project}-one"}, {"name": "{project}-two"}, {}),
)  # fmt: skip
