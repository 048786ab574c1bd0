"""Declarations of a service by which its container can reach beyond itself: one row for each rule. Pure.

Sources: the engine's seccomp profile and default capabilities (moby, profiles/seccomp and oci/caps); CIS Docker
Benchmark 1.6, section 5.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from reconciler.core.plan.risk import Risk
from reconciler.core.resource.address import Address
from reconciler.core.resource.document import Document
from reconciler.core.resource.options import ServiceOptions
from reconciler.providers.docker.table.property import Json
from reconciler.record import Struct

Found: TypeAlias = Iterator[tuple[tuple[str | int, ...], str]]
"""Paths within a service, and what stands there, as a person reads it."""

Find: TypeAlias = Callable[[Json, Json], Found]
"""Finds what is risky in a service, or in a container that runs before it, of a stack."""


class Rule(Struct, frozen=True):
    """A sort of risk: what it lets a container do, and how it is found. One that is ``asked`` counts only if asked."""

    name: str
    effect: str
    find: Find
    asked: bool = False


# ------------------------------------------------------------------ what is looked for


def _of_host(at: str) -> Find:
    def find(service: Json, _stack: Json) -> Found:
        if service.get(at) == "host":
            yield (at,), f"`{at}: host`"

    return find


def _listed(at: str, is_risky: Callable[[str], bool]) -> Find:
    def find(service: Json, _stack: Json) -> Found:
        for index, each in enumerate(service.get(at) or ()):
            if is_risky(str(each)):
                yield (at, index), f"`{each}` in `{at}`"

    return find


def _privileged(service: Json, _stack: Json) -> Found:
    if service.get("privileged"):
        yield ("privileged",), "`privileged: true`"
    for moment in ("post_start", "pre_stop"):
        for index, hook in enumerate(service.get(moment) or ()):
            if hook.get("privileged"):
                yield (moment, index, "privileged"), f"`privileged: true` in `{moment}`"


def _host_network(service: Json, stack: Json) -> Found:
    yield from _of_host("network_mode")(service, stack)
    for key in service.get("networks") or ():
        if _part(stack, "networks", key).get("name") == "host":
            yield ("networks", key), "the machine's network among its `networks`"


def _devices(service: Json, _stack: Json) -> Found:
    for index, device in enumerate(service.get("devices") or ()):
        source = str(device.get("source"))
        if _DISK_OR_MEMORY.match(source):
            yield ("devices", index), f"the device {source}"
    for index, rule in enumerate(service.get("device_cgroup_rules") or ()):
        if str(rule).startswith(("a", "b")) or "*:*" in str(rule):
            yield ("device_cgroup_rules", index), f"`{rule}` in `device_cgroup_rules`"


_DISK_OR_MEMORY: Final = re.compile(r"/dev/(sd|hd|vd|xvd|nvme|mmcblk|dm-|md|mapper|loop|disk|mem$|kmem$|port$)|/dev/?$")


def _insecure_build(service: Json, _stack: Json) -> Found:
    build = service.get("build")
    if not isinstance(build, Mapping):
        return
    if build.get("privileged"):
        yield ("build", "privileged"), "`privileged: true` in its build"
    if build.get("network") == "host":
        yield ("build", "network"), "`network: host` in its build"
    for index, each in enumerate(build.get("entitlements") or ()):
        if str(each).partition("=")[0] in ("security.insecure", "network.host"):
            yield ("build", "entitlements", index), f"`{each}` among the entitlements of its build"


def _unpinned(service: Json, _stack: Json) -> Found:
    image = str(service.get("image") or "")
    if image and not service.get("build") and "@sha256:" not in image:
        yield ("image",), f"the image {image} without a digest"


# ------------------------------------------------------------------ paths of the machine


def _bound(service: Json, stack: Json) -> Iterator[tuple[tuple[str | int, ...], str, bool]]:
    """The paths of the machine that a service mounts, also by way of a volume, and whether it can write there."""
    for index, mount in enumerate(service.get("volumes") or ()):
        at, is_writable = ("volumes", index), not mount.get("read_only")
        if mount.get("type") == "bind":
            yield at, _normal(mount.get("source")), is_writable
        options = _part(stack, "volumes", str(mount.get("source") or "")).get("driver_opts") or {}
        words = str(options.get("o") or "").split(",")
        device = str(options.get("device") or "")
        if mount.get("type") == "volume" and device.startswith("/"):
            yield at, _normal(device), is_writable and "ro" not in words


def _normal(source: Any) -> str:
    return "/" + posixpath.normpath(str(source or "")).lstrip("/")


def _engine_socket(service: Json, stack: Json) -> Found:
    for at, source, _ in _bound(service, stack):
        if _SOCKET.search(source):
            yield at, f"a mount of {source}"


_SOCKET: Final = re.compile(
    r"/((docker|podman|containerd|crio|buildkitd|cri-dockerd)\.sock"
    r"|run/(user/\d+/)?(docker|podman|containerd|crio|buildkit))$"
)


def _host_paths(service: Json, stack: Json) -> Found:
    sources = (each for each in _bound(service, stack) if not _SOCKET.search(each[1]))
    for at, source, is_writable in sources:
        if source in _WHOLE or _DISK_OR_MEMORY.match(source) or _is_inside(source, is_writable=is_writable):
            yield at, f"a mount of {source}"
    for index, mount in enumerate(service.get("volumes") or ()):
        propagation = str((mount.get("bind") or {}).get("propagation") or "")
        if propagation.endswith("shared"):
            yield ("volumes", index), f"a mount with `propagation: {propagation}`"


def _is_inside(source: str, *, is_writable: bool) -> bool:
    below = (*_CLOSED, *(_WRITTEN_BY_NOBODY if is_writable else ()))
    return any(source.startswith(f"{each}/") for each in below) or bool(_KEYS.search(source))


_CLOSED: Final = (
    *("/boot", "/proc", "/sys", "/root", "/etc/ssh", "/etc/sudoers.d", "/etc/kubernetes", "/etc/docker"),
    *("/var/lib/docker", "/var/lib/containerd", "/var/lib/kubelet", "/var/lib/etcd"),
)
"""Folders of which no part is to be mounted."""

_WRITTEN_BY_NOBODY: Final = ("/etc", "/usr", "/bin", "/sbin", "/lib", "/lib64", "/var/spool/cron", "/var/run", "/run")
"""Folders of which no part is to be mounted for writing."""

_WHOLE: Final = frozenset(
    {"/", *_CLOSED, *_WRITTEN_BY_NOBODY, "/home", "/var", "/var/lib", "/var/spool", "/etc/shadow", "/etc/sudoers"}
)
"""Paths that are not to be mounted as a whole."""

_KEYS: Final = re.compile(r"/\.(ssh|gnupg|aws|kube)(/|$)|^/etc/g?shadow-?$")

# ------------------------------------------------------------------ the rules

_CAPABILITIES: Final = frozenset(
    {
        *("ALL", "AUDIT_CONTROL", "BPF", "CHECKPOINT_RESTORE", "DAC_READ_SEARCH", "MAC_ADMIN", "MAC_OVERRIDE"),
        *("NET_ADMIN", "PERFMON", "SYSLOG", "SYS_ADMIN", "SYS_BOOT", "SYS_MODULE", "SYS_PTRACE", "SYS_RAWIO"),
        "SYS_TIME",
    }
)
_UNCONFINED: Final = frozenset({"seccomp=unconfined", "apparmor=unconfined", "label=disable", "systempaths=unconfined"})


def _is_dangerous(capability: str) -> bool:
    return capability.upper().removeprefix("CAP_") in _CAPABILITIES


def _is_unconfined(option: str) -> bool:
    return option.replace(":", "=", 1) in _UNCONFINED


RULES: Final[tuple[Rule, ...]] = (
    Rule("privileged", "it has all rights of the machine's root", _privileged),
    Rule("host-pid", "it sees the machine's processes and their environment", _of_host("pid")),
    Rule("host-ipc", "it reads the shared memory of the machine's processes", _of_host("ipc")),
    Rule("host-uts", "it can rename the machine", _of_host("uts")),
    Rule("host-network", "it reaches all that listens on the machine alone", _host_network),
    Rule("host-users", "its root is the machine's root", _of_host("userns_mode")),
    Rule("host-cgroup", "it sees the machine's control groups", _of_host("cgroup")),
    Rule("capabilities", "it can break out of its container", _listed("cap_add", _is_dangerous)),
    Rule("confinement", "calls of the kernel are open that break out", _listed("security_opt", _is_unconfined)),
    Rule("engine-socket", "it can start any container, so it is root of the machine", _engine_socket),
    Rule("host-paths", "it reads or changes the machine itself", _host_paths),
    Rule("devices", "it reads or changes the machine's disks or memory", _devices),
    Rule("insecure-build", "its build runs outside of the builder's sandbox", _insecure_build),
    Rule("unpinned-image", "the registry decides which program runs", _unpinned, asked=True),
)


def risks(document: Document, kind: str) -> Iterator[Risk]:
    """The risks of all services, whose resources are of this kind, with their waivers."""
    stack: Any = document.stack or {}
    asked = document.options.policy.images == "pinned"
    for name, service in (stack.get("services") or {}).items():
        waivers = ServiceOptions.of(service).waivers
        for path, container in (((), service), *_before(service)):
            for rule in RULES if asked else (each for each in RULES if not each.asked):
                for at, words in rule.find(container, stack):
                    place = ("stack", "services", name, *path, *at)
                    said = ".".join(("services", name, *map(str, path[:1])))
                    message = f"{said} has {words}: {rule.effect}"
                    yield Risk(
                        rule.name, Address(kind, (name,)), message, _place(document, place), waivers.get(rule.name)
                    )


def _before(service: Json) -> Iterator[tuple[tuple[str | int, ...], Json]]:
    """The containers that run before it, without what they have from the service itself."""
    for index, hook in enumerate(service.get("pre_start") or ()):
        yield ("pre_start", index), {key: value for key, value in hook.items() if value != service.get(key)}


def _place(document: Document, path: tuple[str | int, ...]) -> Callable[[], Any]:
    return lambda: document.locate(path)


def _part(stack: Json, section: str, name: str) -> Mapping[str, Any]:
    found: Any = (stack.get(section) or {}).get(name)
    return found if isinstance(found, Mapping) else {}
