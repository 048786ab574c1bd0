"""Checks for contradictions in a stack, and for combinations that can't work."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from reconciler.config.compose.checks.checks import Check, Stack, impossible, said
from reconciler.config.compose.model.mounts import clean
from reconciler.config.compose.model.ports import PROTOCOLS
from reconciler.config.yaml.quantities import single, size
from reconciler.config.yaml.suggest import suggestion
from reconciler.config.yaml.textfile import shown_name, sort_of_special
from reconciler.config.yaml.tree import Items, Map, Place, Tree, dotted, entries, like, placed, reached
from reconciler.core.message.problem import UNREADABLE, Problem, Severity
from reconciler.core.resource.options import OPTIONS, ServiceOptions
from reconciler.core.resource.units import BadQuantity, nanoseconds
from reconciler.pattern import lazy_pattern
from reconciler.vocabulary.compose import ANY_ADDRESS

_RESTART: Final = lazy_pattern(r"no|always|unless-stopped|on-failure(:[0-9]+)?")
_FIRST_WORDS: Final = ("CMD", "CMD-SHELL", "NONE")
_PORT_DIGITS: Final = 5
_PORTS: Final = 65536
_RUN: Final = ("build", "provider")
_MOST_HINTS: Final = 100
_MOST_REPLICAS: Final = 1000


def something_to_run(stack: Stack) -> Iterator[Problem]:
    idle = [name for name, service in stack.each() if not _runs(stack, name, service)]
    others = [name for name in stack.services if name not in idle]
    for number, name in enumerate(idle):
        hint = suggestion(name, others) if number < _MOST_HINTS else ""
        yield from said(stack.place("services", name), f"services.{name} has neither `image` nor `build`{hint}")


def _runs(stack: Stack, name: str, service: Map) -> bool:
    runs = service.get("image") or any(service.get(key) is not None for key in _RUN)
    return bool(runs) or any(stack.is_doubtful("services", name, key) for key in ("image", "extends", *_RUN))


def one_dockerfile(stack: Stack) -> Iterator[Problem]:
    for name, service in stack.each():
        build = service.get("build")
        if isinstance(build, Map) and build.get("dockerfile") and build.get("dockerfile_inline"):
            place = stack.place("services", name, "build", "dockerfile_inline")
            yield from said(place, f"services.{name}.build has both `dockerfile` and `dockerfile_inline`; keep one")


def one_kind_of_network(stack: Stack) -> Iterator[Problem]:
    for name, service in stack.each():
        if service.get("network_mode") and service.get("networks"):
            place = stack.place("services", name, "network_mode")
            yield from said(place, f"services.{name} has both `network_mode` and `networks`; keep one")


def names_that_say_something(stack: Stack) -> Iterator[Problem]:
    """Compose asks the engine for a network or volume without a name, and gets another one each time."""
    for section in ("networks", "volumes"):
        for key, item in stack.section(section).items():
            if isinstance(item, Map) and item.get("name") == "":
                message = f"{section}.{key}.name is empty; name it, or take the line out"
                yield from impossible(stack.place(section, key, "name"), message)


def one_name_each(stack: Stack) -> Iterator[Problem]:
    owners: dict[tuple[str, str], str] = {}
    for name, service in stack.each():
        wanted, engine = service.get("container_name"), stack.engine(service)
        if owner := owners.get((engine, str(wanted))):
            place = stack.place("services", name, "container_name")
            yield from said(place, f"`{wanted}` is the container_name of services.{owner} already", at_value=True)
        elif wanted:
            owners[engine, str(wanted)] = name


def known_health_words(stack: Stack) -> Iterator[Problem]:
    for name, service in stack.each():
        test = (service.get("healthcheck") or {}).get("test")
        if isinstance(test, Items) and test and test[0] not in _FIRST_WORDS:
            place = stack.place("services", name, "healthcheck", "test")
            yield from impossible(
                place,
                f"services.{name}.healthcheck.test must begin with one of {', '.join(_FIRST_WORDS)}",
                at_value=False,
            )


def same_limits(stack: Stack) -> Iterator[Problem]:
    for name, service in stack.each():
        resources = (service.get("deploy") or {}).get("resources") or {}
        for (key, side, other), read in _LIMITS.items():
            mine, theirs = service.get(key), (resources.get(side) or {}).get(other)
            if side in resources and not _equal(mine, theirs, read):
                place = stack.place("services", name, key)
                message = f"services.{name}.{key} and deploy.resources.{side}.{other} differ; keep one of them"
                yield from said(place, message)


_LIMITS: Final[Mapping[tuple[str, str, str], Callable[[Tree], object]]] = {
    ("cpus", "limits", "cpus"): single,
    ("mem_limit", "limits", "memory"): size,
    ("mem_reservation", "reservations", "memory"): size,
    ("pids_limit", "limits", "pids"): int,
}


def _equal(mine: Tree, theirs: Tree, read: Callable[[Tree], object]) -> bool:
    try:
        return not mine or read(mine) == read(theirs or 0)
    except (ValueError, TypeError):
        return True  # said elsewhere


def one_scale(stack: Stack) -> Iterator[Problem]:
    for name, service in stack.each():
        replicas, scale = (service.get("deploy") or {}).get("replicas"), service.get("scale")
        wanted = scale if scale is not None else replicas
        place = stack.place("services", name, *(("scale",) if scale is not None else ("deploy", "replicas")))
        if None not in (replicas, scale) and replicas != scale:
            yield from said(place, f"services.{name}.scale and deploy.replicas differ; keep one of them")
        if isinstance(wanted, int) and wanted < 0:
            yield from impossible(place, f"services.{name}: there can't be {wanted} containers")
        # A fixed name can be that of one container only.
        if isinstance(wanted, int) and wanted > 1 and service.get("container_name"):
            message = f"services.{name}: {wanted} containers can't have one `container_name`; take one of the two out"
            yield from said(stack.place("services", name, "container_name"), message)


def one_on_each_engine(stack: Stack) -> Iterator[Problem]:
    for name, service in stack.each():
        is_global = (service.get("deploy") or {}).get("mode") == "global"
        for path in (("scale",), ("deploy", "replicas")) if is_global else ():
            if reached(service, path) is not None:
                message = f"services.{name} has one container on each engine by its `mode: global`, and so no number"
                yield from said(stack.place("services", name, *path), f"{message}; keep one of the two")


def platform_among_those_built(stack: Stack) -> Iterator[Problem]:
    for name, service in stack.each():
        platform, built = service.get("platform"), (service.get("build") or {}).get("platforms") or ()
        if platform and built and platform not in built:
            place = stack.place("services", name, "build", "platforms")
            yield from said(place, f"services.{name}.build.platforms lacks `{platform}`, the `platform` of the service")


def copies_that_lead_somewhere(stack: Stack) -> Iterator[Problem]:
    for name, service in stack.each():
        for index, rule in enumerate((service.get("develop") or {}).get("watch") or ()):
            if not rule.get("target") and rule.get("action") not in ("rebuild", "restart"):
                place = stack.place("services", name, "develop", "watch", index)
                message = f"services.{name}.develop.watch[{index}] says not where to copy to; add its `target`"
                yield from said(place, message)


def one_source_each(stack: Stack) -> Iterator[Problem]:
    """Checks that secrets and configs have exactly one source."""
    for section, sources in _SOURCES.items():
        for name, file in stack.section(section).items():
            given = [key for key in sources if key in (file or ())]
            place = stack.place(section, name)
            if len(given) > 1:
                yield from said(place, f"{section}.{name} has both `{given[0]}` and `{given[1]}`; keep one")
            # What was taken out for a fault of its own is not reported as missing.
            elif file is not None and not given and not file.get("external") and not _lost(stack, section, name):
                yield from said(place, f"{section}.{name} has nothing in it; add one of {', '.join(sources)}")


def _lost(stack: Stack, section: str, name: str) -> bool:
    return any(stack.is_doubtful(section, name, key) for key in _SOURCES[section])


_SOURCES: Final = {"secrets": ("file", "environment"), "configs": ("file", "environment", "content")}


def some_devices_or_those(stack: Stack) -> Iterator[Problem]:
    for name, service in stack.each():
        for path in (("gpus",), ("deploy", "resources", "reservations", "devices")):
            for index, device in enumerate(reached(service, path) or ()):
                if "count" in device and "device_ids" in device:
                    place = stack.place("services", name, *path, index)
                    where = dotted(("services", name, *path, index))
                    yield from said(place, f"{where} has both `count` and `device_ids`; keep one")


def one_mount_each(stack: Stack) -> Iterator[Problem]:
    for name, service in stack.each():
        taken: dict[str, str] = {}
        for target, key, place in _targets(service):
            if target in taken:
                yield from said(place, f"services.{name}: {target} is mounted under `{taken[target]}` already")
            taken[target] = key


def _targets(service: Map) -> Iterator[tuple[str, str, Place | None]]:
    tmpfs = service.get("tmpfs")
    if isinstance(tmpfs, str):
        yield tmpfs.partition(":")[0], "tmpfs", placed(service, "tmpfs")
    elif isinstance(tmpfs, Items):
        yield from ((str(item).partition(":")[0], "tmpfs", place) for item, place in entries(tmpfs))
    for item, place in entries(service.get("volumes") or ()):
        if item.get("target"):
            yield like(item["target"], clean(item["target"])), "volumes", place


def bound_to_something(stack: Stack) -> Iterator[Problem]:
    for name, service in stack.each():
        for index, item in enumerate(service.get("volumes") or ()):
            if item.get("type") == "bind" and not item.get("source"):
                place = stack.place("services", name, "volumes", index)
                yield from said(place, f"services.{name}.volumes[{index}] binds nothing; add its `source`")


def external_as_it_is(stack: Stack) -> Iterator[Problem]:
    for key, volume in stack.section("volumes").items():
        for other in volume or ():
            if volume.get("external") is True and other not in ("name", "external") and not other.startswith("x-"):
                place = stack.place("volumes", key, other)
                yield from said(place, f"volumes.{key} is external, so `{other}` has no effect; remove it")


def known_targets(stack: Stack) -> Iterator[Problem]:
    for name, service in stack.each():
        for index, port in enumerate(service.get("ports") or ()):
            target = port.get("target") or 0
            if not isinstance(target, int) or not 0 < target < _PORTS:
                place = stack.place("services", name, "ports", index)
                message = f"services.{name}.ports[{index}] needs a container port as `target`, from 1 to {_PORTS - 1}"
                yield from said(place, message)


def known_mount_points(stack: Stack) -> Iterator[Problem]:
    for name, service in stack.each():
        for index, item in enumerate(service.get("volumes") or ()):
            if "target" not in item and not stack.is_doubtful("services", name, "volumes", "target"):
                place = stack.place("services", name, "volumes", index)
                yield from said(
                    place, f"services.{name}.volumes[{index}] names no path in the container; add its `target`"
                )


def ports_exist(stack: Stack) -> Iterator[Problem]:
    """Exposed ports, each a number or a range, with a protocol or without."""
    for name, service in stack.each():
        for index, text in enumerate(service.get("expose") or ()):
            ports, _, protocol = str(text).partition("/")
            first, _, last = ports.partition("-")
            numbers = [
                int(port) if port.isdecimal() and len(port) <= _PORT_DIGITS else 0 for port in (first, last or first)
            ]
            is_known = not protocol or protocol.lower() in PROTOCOLS
            if not (is_known and 0 < numbers[0] <= numbers[1] < _PORTS):
                place = stack.place("services", name, "expose", index)
                message = (
                    f"services.{name}.expose[{index}] can't be `{text}`; expected PORT or FIRST-LAST, then /PROTOCOL"
                )
                yield from impossible(place, message)


def real_addresses(stack: Stack) -> Iterator[Problem]:
    for name, service in stack.each():
        for index, port in enumerate(service.get("ports") or ()):
            address = port.get("host_ip")
            if address and not _is_address(address):
                place = stack.place("services", name, "ports", index)
                yield from impossible(place, f"services.{name}.ports[{index}].host_ip: `{address}` is no IP address")


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def one_owner_per_port(stack: Stack) -> Iterator[Problem]:
    owners: dict[tuple[str, str, str], list[tuple[str, str]]] = {}
    for name, service in stack.each():
        engine = stack.engine(service)
        for index, port in enumerate(service.get("ports") or ()):
            published, host_ip = str(port.get("published") or ""), port.get("host_ip") or ""
            # A range, or a port of the engine's choice, finds a free one.
            if not published.isdigit() or published == "0":
                continue
            taken = owners.setdefault((engine, published, port.get("protocol") or "tcp"), [])
            # The same port may be published twice at different addresses of the machine.
            owner = next((owner for owner, other_ip in taken if _overlap(host_ip, other_ip)), None)
            if owner:
                place = stack.place("services", name, "ports", index)
                yield from said(place, f"host port {published} is published by services.{owner} already")
            taken.append((name, host_ip))


def _overlap(one: str, other: str) -> bool:
    return one == other or one in ANY_ADDRESS or other in ANY_ADDRESS


def something_for_each(stack: Stack) -> Iterator[Problem]:
    """Checks that a service with several containers needs nothing that only one can have at a time."""
    for name, service in stack.each():
        count = _replicas(service)
        for place, what in _had_by_one(stack, name, service, count) if count > 1 else ():
            yield from said(place, f"services.{name}: {count} containers can't have one {what}")


def _replicas(service: Map) -> int:
    wanted = (service.get("scale"), (service.get("deploy") or {}).get("replicas"))
    return next((count for count in wanted if isinstance(count, int)), 1)


def _had_by_one(stack: Stack, name: str, service: Map, count: int) -> Iterator[tuple[Place | None, str]]:
    for index, port in enumerate(service.get("ports") or ()):
        published = str(port.get("published") or "")
        if published not in ("", "0") and _ports_in(published) < count:
            remedy = "leave it to the engine, or write a range with a port for each"
            yield stack.place("services", name, "ports", index), f"host port {published}; {remedy}"
    if service.get("mac_address"):
        yield stack.place("services", name, "mac_address"), "`mac_address`; take it out"
    for network, endpoint in (service.get("networks") or {}).items():
        for key in _OF_ONE:
            if (endpoint or {}).get(key):
                yield stack.place("services", name, "networks", network, key), f"`{key}`; take it out"


_OF_ONE: Final = ("ipv4_address", "ipv6_address", "link_local_ips", "mac_address")


def _ports_in(published: str) -> int:
    first, _, last = published.partition("-")
    is_known = all(each.isdecimal() and len(each) <= _PORT_DIGITS for each in (first, last or first))
    return int(last or first) - int(first) + 1 if is_known else 1


def networks_to_be_found_in(stack: Stack) -> Iterator[Problem]:
    """Checks that a service without networks of its own declares nothing about its place in them."""
    for name, service in stack.each():
        for key in _OF_NETWORKS if service.get("network_mode") else ():
            is_linked = key in _LINKS and service["network_mode"] in _BRIDGE
            if service.get(key) and not is_linked:
                message = f"services.{name}.{key} has no effect with `network_mode`; take one of the two out"
                yield from said(stack.place("services", name, key), message)


_LINKS: Final = ("links", "external_links")
_OF_NETWORKS: Final = (*_LINKS, "mac_address")
_BRIDGE: Final = ("bridge", "default")


def nothing_of_its_own(stack: Stack) -> Iterator[Problem]:
    """Checks for attributes that the engine refuses for a container in the network of another one."""
    for name, service in stack.each():
        kind = str(service.get("network_mode") or "").partition(":")[0]
        for key in _OF_ITS_OWN if kind in ("service", "container") else ():
            if service.get(key):
                message = f"services.{name}.{key} can't be had in the network of another container"
                whose = f"write it for `{service['network_mode'].partition(':')[2]}`, or take it out"
                yield from said(stack.place("services", name, key), f"{message} (`network_mode`); {whose}")


_OF_ITS_OWN: Final = ("ports", "expose", "hostname", "dns", "extra_hosts")


def hostname_of_the_machine(stack: Stack) -> Iterator[Problem]:
    """Checks for a hostname that the engine refuses for a container with the machine's own one."""
    for name, service in stack.each():
        if service.get("uts") == "host" and service.get("hostname"):
            message = f"services.{name}.hostname can't be had with `uts: host`, which gives the machine's own hostname"
            yield from said(stack.place("services", name, "hostname"), f"{message}; take one of the two out")


def two_at_a_time(stack: Stack) -> Iterator[Problem]:
    """Checks that containers which overlap during a replacement need nothing that only one can have."""
    for name, service in stack.each():
        rollout = (service.get("deploy") or {}).get("update_config") or {}
        obstacle = next(_in_the_way(stack, name, service), "") if rollout.get("order") == "start-first" else ""
        if obstacle:
            place = stack.place("services", name, "deploy", "update_config", "order")
            message = f"services.{name} can't be replaced start-first: {obstacle}; write `order: stop-first`"
            yield from said(place, message, at_value=True)


def _in_the_way(stack: Stack, name: str, service: Map) -> Iterator[str]:
    for what in (what.partition(";")[0] for _, what in _had_by_one(stack, name, service, 2)):
        yield f"two containers can't have one {what}"
    # In a shared network the second container would find its ports taken by the first one.
    if str(service.get("network_mode") or "").partition(":")[0] in ("host", "service", "container"):
        yield f"its network is not its own (`network_mode: {service['network_mode']}`)"
    if ServiceOptions.of(service).job:
        yield "it is a job"
    # Others are bound to the container that they joined, and would stay with the old one.
    for other, their in stack.each():
        if f"service:{name}" in (their.get("network_mode"), their.get("ipc"), their.get("pid")):
            yield f"services.{other} lives in its namespace"
    for mount in service.get("volumes") or ():
        if mount.get("type") == "volume" and not mount.get("source"):
            yield f"the data in {mount.get('target')} goes along from the one to the other"
        elif _is_written(mount) and _replicas(service) < _SEVERAL:
            yield f"two containers would write to `{mount['source']}` (if they may, mount it in several, with `scale`)"


def _is_written(mount: Map) -> bool:
    source = str(mount.get("source") or "")
    return mount.get("type") in ("volume", "bind") and not mount.get("read_only") and not source.endswith(".sock")


_SEVERAL: Final = 2


def known_failure_actions(stack: Stack) -> Iterator[Problem]:
    for name, service in stack.each():
        rollout = (service.get("deploy") or {}).get("update_config") or {}
        action = rollout.get("failure_action")
        if action and action not in _ON_FAILURE:
            hint = suggestion(action, _ON_FAILURE) or f"; expected one of {', '.join(_ON_FAILURE)}"
            place = stack.place("services", name, "deploy", "update_config", "failure_action")
            message = f"services.{name}.deploy.update_config.failure_action can't be `{action}`{hint}"
            yield from impossible(place, message)


_ON_FAILURE: Final = ("rollback", "pause", "continue")


def known_restart(stack: Stack) -> Iterator[Problem]:
    for name, service in stack.each():
        policy = service.get("restart")
        if policy and not _RESTART.fullmatch(policy):
            words = ["no", "always", "unless-stopped", "on-failure"]
            counted = "; write a number of times, as in on-failure:3" if policy.startswith("on-failure:") else ""
            hint = counted or suggestion(policy, words) or f"; expected one of {', '.join(words)}, on-failure:TIMES"
            place = stack.place("services", name, "restart")
            yield from impossible(place, f"services.{name}.restart can't be `{policy}`{hint}")


def jobs_end(stack: Stack) -> Iterator[Problem]:
    for name, service in stack.each():
        for other, edge in (service.get("depends_on") or {}).items():
            policy = (stack.services.get(other) or {}).get("restart")
            if edge.get("condition") == "service_completed_successfully" and policy in ("always", "unless-stopped"):
                place = stack.place("services", name, "depends_on", other)
                message = f"services.{name} waits for `{other}` to end, but that is started again (`restart: {policy}`)"
                yield from said(place, f'{message}; write `restart: "no"` there')


def rooted_targets(stack: Stack) -> Iterator[Problem]:
    for name, service in stack.each():
        for index, item in enumerate(service.get("volumes") or ()):
            target = item.get("target", "/")
            if not target.startswith("/"):
                place = stack.place("services", name, "volumes", index)
                yield from impossible(place, f"services.{name}.volumes[{index}]: {_why_not_rooted(target)}")


def _why_not_rooted(target: str) -> str:
    if re.match(r"[A-Za-z]:", target):
        return f"`{target}` is read as a Windows path, as the volume's name is one letter; give it a longer name"
    return f"the path in the container must begin with `/`, but is `{target}`"


def files_that_are_there(stack: Stack) -> Iterator[Problem]:
    """A missing file would become a directory: the engine makes what a short form binds."""
    for name, service in stack.each():
        for index, item in enumerate(service.get("volumes") or ()):
            source = item.get("source") if item.get("type") == "bind" else None
            # Without a suffix it is likely to be a directory, and making that is what is wanted.
            if source and PurePosixPath(source).suffix and not Path(source).exists():
                place = stack.place("services", name, "volumes", index)
                shown = like(source, shown_name(Path(source), stack.around.directory))
                message = f"services.{name}.volumes[{index}]: there is no `{shown}`"
                yield from said(place, f"{message}; the engine would make a directory of it", Severity.WARNING)


def images_mounted_once(stack: Stack) -> Iterator[Problem]:
    for name, service in stack.each():
        taken: set[str] = set()
        for index, item in enumerate(service.get("volumes") or ()):
            if item.get("type") == "image":
                place = stack.place("services", name, "volumes", index)
                source, where = item.get("source"), f"services.{name}.volumes[{index}]"
                if not source:
                    yield from said(place, f"{where} mounts no image; add its `source`")
                elif source in taken:
                    message = f"{where} mounts the image `{source}` once more, which the engine does not do"
                    yield from said(place, f"{message}; take one of them out")
                taken.add(source or "")


def valid_images(stack: Stack) -> Iterator[Problem]:
    for name, service in stack.each():
        found: list[tuple[tuple[str | int, ...], Tree]] = [(("image",), service.get("image"))]
        found += [
            (("volumes", index, "source"), item.get("source"))
            for index, item in enumerate(service.get("volumes") or ())
            if item.get("type") == "image"
        ]
        for path, reference in found:
            if reference and not _is_reference(str(reference)):
                shown = like(reference, str(reference))
                message = f"services.{name}.{path[0]}: `{shown}` is not a valid image reference"
                place = stack.place("services", name, *path)
                yield from impossible(place, f"{message}; expected [HOST/]NAME[:TAG][@DIGEST] in lower case")


def _is_reference(text: str) -> bool:
    return len(text) <= _LONGEST_REFERENCE and bool(_REFERENCE.fullmatch(text))


# The grammar of distribution/reference; a host is generous, as whether a first name is one depends on the release.
_NAME: Final = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_HOST: Final = r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(?::[0-9]+)?"
_TAG: Final = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_DIGEST: Final = r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9A-Fa-f]{32,}"
_REFERENCE: Final = lazy_pattern(rf"(?:{_HOST}/)?{_NAME}(?:/{_NAME})*(?::{_TAG})?(?:@{_DIGEST})?")
_LONGEST_REFERENCE: Final = 1024


def known_refreshes(stack: Stack) -> Iterator[Problem]:
    """Checks the permitted age of an image."""
    for name, service in stack.each():
        after, policy = service.get("pull_refresh_after"), service.get("pull_policy")
        place = stack.place("services", name, "pull_refresh_after")
        if after and policy not in (None, "refresh"):
            message = f"services.{name}.pull_refresh_after has no effect with `pull_policy: {policy}`"
            yield from said(place, f"{message}; write `pull_policy: refresh`")
        for key, span in (("pull_refresh_after", after), ("pull_policy", str(policy or "").partition("every_")[2])):
            try:
                nanoseconds(span or "0")
            except BadQuantity as error:
                place = stack.place("services", name, key)
                yield from impossible(place, f"services.{name}.{key}: {error}")


def files_that_can_be_read(stack: Stack) -> Iterator[Problem]:
    """A pipe would be waited for, and a device has no end."""
    for section in ("configs", "secrets"):
        for name, item in stack.section(section).items():
            path = item.get("file") if isinstance(item, Map) else None
            if path and (sort := sort_of_special(Path(path))):
                place = stack.place(section, name, "file")
                yield from impossible(
                    place, f"{section}.{name}.file is a {sort}; expected a file or a folder", code=UNREADABLE
                )


def not_too_many(stack: Stack) -> Iterator[Problem]:
    for name, service in stack.each():
        wanted, place = _replicas(service), stack.place("services", name, "scale")
        if wanted > _MOST_REPLICAS:
            place = place or stack.place("services", name, "deploy", "replicas")
            yield from said(
                place, f"services.{name}: {wanted} containers are more than the {_MOST_REPLICAS} there can be"
            )


def files_that_can_be_copied(stack: Stack) -> Iterator[Problem]:
    """A config or secret that is no file, or has an owner or mode of its own, is copied into the container."""
    for name, service in stack.each():
        for section in ("configs", "secrets"):
            for index, item in enumerate(service.get(section) or ()):
                for key in ("uid", "gid"):
                    if item.get(key) and not str(item[key]).isdecimal():
                        place = stack.place("services", name, section, index, key)
                        message = f"services.{name}.{section}[{index}].{key} can't be `{item[key]}`; expected a number"
                        yield from impossible(place, message)
                why = _why_copied(item, stack.section(section).get(item.get("source") or ""), service)
                if why and service.get("read_only") is True:
                    place = stack.place("services", name, section, index)
                    message = f"services.{name}.{section}[{index}] {why} and is copied, but `read_only` forbids that"
                    yield from said(place, f"{message}; write it into a `file` without these, to be mounted")


def _why_copied(item: Map, file: Tree, service: Map) -> str:
    if isinstance(file, Map) and not file.get("file") and not file.get("external"):
        return "is no file"
    if any(item.get(key) for key in ("uid", "gid", "mode")):
        return "has an owner or mode of its own"
    reload = reached(service, (OPTIONS, "reload"))
    target = str(item.get("target") or item.get("source") or "")
    named = [path for path in reload if path.endswith(f"/{target.lstrip('/')}")] if isinstance(reload, Map) else []
    asked = [reload, *(reload[path] for path in named)] if isinstance(reload, Map) else []
    return "is reloaded by a signal" if any(isinstance(each, Map) and "signal" in each for each in asked) else ""


COMPOSE: Final[tuple[Check, ...]] = (
    something_to_run,
    one_dockerfile,
    one_kind_of_network,
    one_name_each,
    known_health_words,
    same_limits,
    one_scale,
    platform_among_those_built,
    copies_that_lead_somewhere,
    one_source_each,
    some_devices_or_those,
    one_mount_each,
    bound_to_something,
    external_as_it_is,
    known_targets,
    known_mount_points,
    real_addresses,
)
"""Errors to the Compose CLI as well."""

OURS: Final[tuple[Check, ...]] = (
    one_on_each_engine,
    one_owner_per_port,
    something_for_each,
    names_that_say_something,
    networks_to_be_found_in,
    nothing_of_its_own,
    hostname_of_the_machine,
    ports_exist,
    two_at_a_time,
    known_failure_actions,
    known_restart,
    jobs_end,
    rooted_targets,
    files_that_are_there,
    files_that_can_be_read,
    files_that_can_be_copied,
    not_too_many,
    known_refreshes,
    images_mounted_once,
    valid_images,
)
"""Errors where the stack is to be carried out."""

OF_HOOKS: Final[tuple[Check, ...]] = (
    some_devices_or_those,
    one_mount_each,
    bound_to_something,
    known_mount_points,
    rooted_targets,
    files_that_are_there,
    files_that_can_be_copied,
    valid_images,
)
"""Errors of what is run before a service as well, where Compose does not look."""
