"""Programs of this machine that listen at a port, as /proc shows them: they hold host ports as containers do.

Asked for by a plan that publishes ports, and by `doctor`. Nothing here sees another machine, or another network
namespace of this one.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from reconciler.pattern import lazy_pattern
from reconciler.record import Struct

FULL_ID: Final = lazy_pattern(r"\b[0-9a-f]{64}\b")
PROC: Final = Path("/proc")
_TABLES: Final = {"tcp": (("tcp", "tcp6"), "0A"), "udp": (("udp", "udp6"), "07")}
"""Protocol → the kernel's tables, and the state in them of a socket that waits for anybody."""

_PROXY: Final = "docker-proxy"
"""The engine's own program for a published port; it ends with the container."""


class Listener(Struct, frozen=True):
    """A socket that holds a port. ``program``, ``process`` and ``container`` are empty where they can't be seen.

    ``container`` is the id of the container in which the program runs, which has the network of the machine then.
    """

    address: str
    port: int
    protocol: str
    program: str = ""
    process: str = ""
    container: str = ""

    def __str__(self) -> str:
        return f"{self.program} (process {self.process})" if self.process else "another program"


class Sockets:
    """The sockets of this machine that hold ports. Each table is read once: the kernel takes 5 ms to write one."""

    def __init__(self, proc: Path = PROC) -> None:
        self._proc = proc
        self._tables: dict[str, Mapping[int, Mapping[str, str]]] = {}
        self._programs: dict[str, Mapping[str, tuple[str, str, str]]] = {}

    def at(self, port: int, protocol: str = "tcp") -> Iterator[Listener]:
        """The sockets that hold a port, without those of the engine's own proxies."""
        inodes = self._table(protocol).get(port, {})
        programs = self._programs_of(protocol) if inodes else {}
        for inode, address in inodes.items():
            name, process, container = programs.get(inode, ("", "", ""))
            # The engine's proxy holds a port for a container, which is the holder to name.
            if name != _PROXY:
                yield Listener(address, port, protocol, name, process, container)

    def _table(self, protocol: str) -> Mapping[int, Mapping[str, str]]:
        """Port → inode → address."""
        if protocol not in self._tables:
            held: dict[int, dict[str, str]] = {}
            for port, address, inode in _sockets(protocol, self._proc):
                held.setdefault(port, {})[inode] = address
            self._tables[protocol] = held
        return self._tables[protocol]

    def _programs_of(self, protocol: str) -> Mapping[str, tuple[str, str, str]]:
        if protocol not in self._programs:
            inodes = [inode for held in self._table(protocol).values() for inode in held]
            self._programs[protocol] = _programs(inodes, self._proc)
        return self._programs[protocol]


def shares_our_network(engine: Path | None, *, proc: Path = PROC) -> bool:
    """Returns whether the engine behind a socket publishes ports where our own programs listen.

    A process that can't be seen from here is in another PID namespace, and then most likely in another network too.
    """
    # The process at the other end of the socket is the engine itself.
    process = _peer(engine) if engine else 0
    if not process:
        return False
    try:
        own, other = ((proc / name / "ns" / "net").readlink() for name in ("self", str(process)))
    except PermissionError:  # of another user, and of no namespace that we know
        return True
    except OSError:
        return False
    return own == other


def _peer(path: Path) -> int:
    """The process that made the socket to listen; 0 where there is none, or it can't be seen."""
    with suppress(OSError), closing(socket.socket(socket.AF_UNIX)) as line:
        line.settimeout(1)
        line.connect(str(path))
        answer = line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        return int(struct.unpack("3i", answer)[0])
    return 0


def _sockets(protocol: str, proc: Path) -> Iterator[tuple[int, str, str]]:
    """Port, address and inode of each socket that holds a port."""
    tables, state = _TABLES.get(protocol, ((), ""))
    for table in tables:
        with suppress(OSError):
            for line in (proc / "net" / table).read_text(encoding="ascii").splitlines()[1:]:
                fields = line.split()
                address, _, number = fields[1].rpartition(":")
                if fields[3] == state:
                    yield int(number, 16), _address(address), fields[9]


def _address(text: str) -> str:
    """An address of the kernel's tables: words of four bytes in the order of this machine.

    >>> _address("0100007F")
    '127.0.0.1'
    """
    words = (int(text[start : start + 8], 16) for start in range(0, len(text), 8))
    return str(ipaddress.ip_address(b"".join(struct.pack("=I", word) for word in words)))


def _programs(inodes: Iterable[str], proc: Path) -> dict[str, tuple[str, str, str]]:
    """Inode of a socket → name, number and container of a process that has it open, where we may look."""
    wanted = {f"socket:[{inode}]": inode for inode in inodes}
    found: dict[str, tuple[str, str, str]] = {}
    for folder in proc.iterdir():
        if folder.name.isdecimal():
            for inode in _open_sockets(folder, wanted):
                found.setdefault(inode, (_read(folder / "comm"), folder.name, _container(folder)))
    return found


def _open_sockets(folder: Path, wanted: dict[str, str]) -> Iterator[str]:
    with suppress(OSError):  # another user's process, or one that has ended
        for descriptor in (folder / "fd").iterdir():
            with suppress(OSError):
                if inode := wanted.get(str(descriptor.readlink())):
                    yield inode


def _container(folder: Path) -> str:
    found = FULL_ID.search(_read(folder / "cgroup"))
    return found[0] if found else ""


def _read(path: Path) -> str:
    with suppress(OSError):
        return path.read_text(encoding="utf-8", errors="replace").strip()
    return ""
