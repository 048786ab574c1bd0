"""Declarations of a service by which its container can reach beyond itself: one row for each rule. Pure.

Sources: the engine's seccomp profile and default capabilities (moby, profiles/seccomp and oci/caps); CIS Docker
Benchmark 1.6, section 5.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final, TypeAlias

from reconciler.core.plan.risk import Risk
from reconciler.core.resource.address import Address
from reconciler.core.resource.document import Document
from reconciler.core.resource.options import ServiceOptions
from reconciler.pattern import lazy_pattern
from reconciler.providers.docker.table.property import Json
from reconciler.record import Struct
from reconciler.vocabulary.compose import paths_of_options

Found: TypeAlias = Iterator[tuple[tuple[str | int, ...], str]]
"""Paths within a service, and what stands there, as a person reads it."""

Real: TypeAlias = Callable[[str], str]
"""The path to which a path of the machine leads; of a block device one below /dev/block."""


class Machine(Struct, frozen=True):
    """The facts about the engine's machine that the rules ask for: its links, if it is this one, and its socket."""

    real: Real = str
    socket: str = ""

    def risky(self, path: str, is_risky: Callable[[str], bool]) -> str:
        """The path in words if it is risky as it is written, or the one to which it leads; "" otherwise."""
        if is_risky(path):
            return path
        real = _normal(self.real(path))
        return f"{path}, which leads to {real}" if is_risky(real) else ""


ELSEWHERE: Final = Machine()
"""A machine of which nothing but the files is known."""

Find: TypeAlias = Callable[[Json, Json, Machine], Found]
"""Finds what is risky in a service, or in a container that runs before it, of a stack on a machine."""


class Rule(Struct, frozen=True):
    """A sort of risk: what it lets a container do, and how it is found. One that is ``asked`` counts only if asked."""

    name: str
    effect: str
    find: Find
    asked: bool = False


# ------------------------------------------------------------------ what is looked for


def _of_host(at: str) -> Find:
    def find(service: Json, _stack: Json, _machine: Machine) -> Found:
        if service.get(at) == "host":
            yield (at,), f"`{at}: host`"

    return find


def _listed(at: str, is_risky: Callable[[str], bool]) -> Find:
    def find(service: Json, _stack: Json, _machine: Machine) -> Found:
        for index, each in enumerate(service.get(at) or ()):
            if is_risky(str(each)):
                yield (at, index), f"`{each}` in `{at}`"

    return find


def _privileged(service: Json, _stack: Json, _machine: Machine) -> Found:
    if service.get("privileged"):
        yield ("privileged",), "`privileged: true`"
    # A hook may have more rights than its container.
    for moment in ("post_start", "pre_stop"):
        for index, hook in enumerate(service.get(moment) or ()):
            if hook.get("privileged"):
                yield (moment, index, "privileged"), f"`privileged: true` in `{moment}`"


def _host_network(service: Json, stack: Json, machine: Machine) -> Found:
    yield from _of_host("network_mode")(service, stack, machine)
    for key in service.get("networks") or ():
        if _part(stack, "networks", key).get("name") == "host":
            yield ("networks", key), "the machine's network among its `networks`"


def _devices(service: Json, _stack: Json, machine: Machine) -> Found:
    for index, device in enumerate(service.get("devices") or ()):
        if found := machine.risky(str(device.get("source")), _is_disk_or_memory):
            yield ("devices", index), f"the device {found}"
    for index, rule in enumerate(service.get("device_cgroup_rules") or ()):
        if _is_of_disks(str(rule)):
            yield ("device_cgroup_rules", index), f"`{rule}` in `device_cgroup_rules`"


def _is_disk_or_memory(path: str) -> bool:
    return bool(_DISK_OR_MEMORY.match(path))


def _is_of_disks(rule: str) -> bool:
    """Returns whether a rule lets in block devices, the machine's memory, or devices of any sort."""
    kind, _, rest = rule.strip().partition(" ")
    major, _, minor = rest.strip().partition(" ")[0].partition(":")
    return kind != "c" or major in ("*", _OF_SCSI) or (major == _OF_MEMORY and minor in _MEMORY)


_OF_MEMORY: Final = "1"
_MEMORY: Final = frozenset({"*", "1", "2", "4"})
"""Numbers of /dev/mem, /dev/kmem and /dev/port; others of their major number are /dev/null and the like."""

_OF_SCSI: Final = "21"
"""The major number of /dev/sg0 and its like, by which commands go to disks."""

_DISK_OR_MEMORY: Final = lazy_pattern(
    r"/dev/(sd|hd|vd|xvd|ubd|nvme|mmcblk|mtd|ubi|pmem|dax|dm-|md|mapper|loop|nbd|rbd|drbd|bcache|zram|zd\d|zvol|ram\d"
    r"|sg\d|bsg|sr\d|n?st\d|fd\d|dasd|raw|disk|block|cciss|(mem|kmem|port|core|crash|oldmem)$)|/dev/?$"
)


def _insecure_build(service: Json, _stack: Json, _machine: Machine) -> Found:
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


def _unpinned(service: Json, _stack: Json, _machine: Machine) -> Found:
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
        volume = _part(stack, "volumes", str(mount.get("source") or "")) if mount.get("type") == "volume" else {}
        options = volume.get("driver_opts") or {}
        can_write = is_writable and "ro" not in str(options.get("o") or "").split(",")
        for _, path in paths_of_options(str(volume.get("driver") or "local"), options):
            if path.startswith("/"):
                yield at, _normal(path), can_write
    for section in ("configs", "secrets"):
        for index, mount in enumerate(service.get(section) or ()):
            if file := _part(stack, section, str(mount.get("source") or "")).get("file"):
                yield (section, index), _normal(file), False


def _normal(source: Any) -> str:
    return "/" + posixpath.normpath(str(source or "")).lstrip("/")


def _engine_socket(service: Json, stack: Json, machine: Machine) -> Found:
    for at, source, _ in _bound(service, stack):
        if found := machine.risky(source, partial(_is_socket, machine)):
            yield at, f"a mount of {found}"


def _is_socket(machine: Machine, path: str) -> bool:
    return path == machine.socket or bool(_SOCKET.search(path))


_SOCKET: Final = lazy_pattern(
    r"/((docker|podman|containerd|crio|buildkitd|cri-dockerd)\.sock"
    r"|run/(user/\d+/)?(docker|podman|containerd|crio|buildkit))$"
)


def _host_paths(service: Json, stack: Json, machine: Machine) -> Found:
    for at, source, is_writable in _bound(service, stack):
        found = machine.risky(source, partial(_is_of_machine, is_writable=is_writable))
        if found and not machine.risky(source, partial(_is_socket, machine)):
            yield at, f"a mount of {found}"
    for index, mount in enumerate(service.get("volumes") or ()):
        propagation = str((mount.get("bind") or {}).get("propagation") or "")
        # A mount that the container makes appears on the machine.
        if propagation.endswith("shared"):
            yield ("volumes", index), f"a mount with `propagation: {propagation}`"


def _is_of_machine(path: str, *, is_writable: bool) -> bool:
    return path in _WHOLE or _is_disk_or_memory(path) or _is_inside(path, is_writable=is_writable)


def _is_inside(source: str, *, is_writable: bool) -> bool:
    below = (*_CLOSED, *(_WRITTEN_BY_NOBODY if is_writable else ()))
    return any(source.startswith(f"{each}/") for each in below) or bool(_KEYS.search(source) or _CONTROL.match(source))


_CLOSED: Final = (
    *("/boot", "/proc", "/sys", "/root", "/etc/ssh", "/etc/sudoers.d", "/etc/kubernetes", "/etc/docker"),
    *("/var/lib/docker", "/var/lib/containerd", "/var/lib/kubelet", "/var/lib/etcd"),
)
"""Folders of which no part is to be mounted."""

_WRITTEN_BY_NOBODY: Final = ("/etc", "/usr", "/bin", "/sbin", "/lib", "/lib64", "/var/spool/cron", "/var/run", "/run")
"""Folders of which no part is to be mounted for writing."""

# A socket is written to whether its mount is read-only or not.
_CONTROL: Final = lazy_pattern(
    r"(/var)?/run/(user(/\d+)?|systemd(/private)?|dbus(/system_bus_socket)?|libvirt(/libvirt-sock)?|snapd\.socket)$"
    r"|/var/(snap/lxd/common|lib)/(lxd|incus)(/unix\.socket)?$"
)
"""Sockets by which the machine itself is commanded, and their folders."""

_WHOLE: Final = frozenset(
    {"/", *_CLOSED, *_WRITTEN_BY_NOBODY, "/home", "/var", "/var/lib", "/var/spool", "/etc/shadow", "/etc/sudoers"}
)
"""Paths that are not to be mounted as a whole."""

_KEYS: Final = lazy_pattern(r"/\.(ssh|gnupg|aws|kube)(/|$)|^/etc/g?shadow-?$")

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
    return option.replace(":", "=", 1) in _UNCONFINED or bool(_FREE_TYPE.fullmatch(option))


_FREE_TYPE: Final = lazy_pattern(r"label[=:]type:(spc|unconfined|container_(runtime|engine))_t")
"""Types of SELinux that confine nothing."""


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


def risks(document: Document, kind: str, machine: Machine = ELSEWHERE) -> Iterator[Risk]:
    """The risks of all services, whose resources are of this kind, with their waivers."""
    stack: Any = document.stack or {}
    asked = document.options.policy.images == "pinned"
    for name, service in document.section("services").items():
        waivers = ServiceOptions.of(service).waivers
        for path, container in (((), service), *_before(service)):
            for rule in RULES if asked else (each for each in RULES if not each.asked):
                for at, words in rule.find(container, stack, machine):
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
