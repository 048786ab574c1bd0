"""The programs of this machine that hold a port, as /proc shows them."""

from __future__ import annotations

import os
import socket
from contextlib import closing
from pathlib import Path

import pytest

from reconciler.providers.docker.engine import listeners
from reconciler.providers.docker.engine.listeners import Listener

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
CONTAINER = "ab" * 32


def a_line(address: str, state: str, inode: int) -> str:
    return f"   0: {address} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000  1000        0 {inode} 1 0\n"


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """The /proc of a machine: 8080 is a program's, 8081 the engine's, 8082 a container's, 8083 unseen."""
    (tmp_path / "net").mkdir()
    lines = [
        *(a_line("0100007F:1F90", "0A", 1), a_line("00000000:1F90", "01", 2), a_line("00000000:1F91", "0A", 3)),
        *(a_line("00000000:1F92", "0A", 4), a_line("00000000:1F93", "0A", 5)),
    ]
    (tmp_path / "net/tcp").write_text(HEAD + "".join(lines))
    (tmp_path / "net/tcp6").write_text(HEAD + a_line(f"{'0' * 32}:1F90", "0A", 6))
    (tmp_path / "net/udp").write_text(HEAD + a_line("00000000:1F90", "07", 7) + a_line("00000000:1F91", "01", 8))
    processes = {"77": ("nginx", "0::/user.slice", [1, 6]), "78": ("docker-proxy", "0::/", [3]), "self": ("me", "", [])}
    processes["79"] = ("app", f"0::/system.slice/docker-{CONTAINER}.scope", [4])
    for number, (name, group, inodes) in processes.items():
        (tmp_path / number / "fd").mkdir(parents=True)
        (tmp_path / number / "comm").write_text(f"{name}\n")
        (tmp_path / number / "cgroup").write_text(f"{group}\n")
        for inode in inodes:
            (tmp_path / number / "fd" / str(inode)).symlink_to(f"socket:[{inode}]")
    return tmp_path


def test_a_port_is_held_at_each_address_by_the_program_that_has_the_socket(proc: Path) -> None:
    found = list(listeners.Sockets(proc).at(8080))

    assert found == [
        Listener("127.0.0.1", 8080, "tcp", "nginx", "77", ""),
        Listener("::", 8080, "tcp", "nginx", "77", ""),
    ]
    assert str(found[0]) == "nginx (process 77)"


@pytest.mark.parametrize(
    ("port", "protocol", "found"),
    [
        (8080, "udp", [Listener("0.0.0.0", 8080, "udp")]),
        (8081, "tcp", []),
        (8081, "udp", []),
        (8082, "tcp", [Listener("0.0.0.0", 8082, "tcp", "app", "79", CONTAINER)]),
        (8083, "tcp", [Listener("0.0.0.0", 8083, "tcp")]),
        (8084, "tcp", []),
        (8080, "sctp", []),
    ],
)
def test_what_holds_a_port(proc: Path, port: int, protocol: str, found: list[Listener]) -> None:
    assert list(listeners.Sockets(proc).at(port, protocol)) == found


def test_a_program_that_can_t_be_seen_has_no_name(proc: Path) -> None:
    assert str(next(listeners.Sockets(proc).at(8083))) == "another program"


def test_a_machine_without_proc_has_no_listeners(tmp_path: Path) -> None:
    assert list(listeners.Sockets(tmp_path / "none").at(8080)) == []


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_our_own_socket_is_found(family: socket.AddressFamily, kind: socket.SocketKind) -> None:
    with closing(socket.socket(family, kind)) as own:
        own.bind(("127.0.0.1" if family == socket.AF_INET else "::1", 0))
        if kind == socket.SOCK_STREAM:
            own.listen()
        address, port, *_ = own.getsockname()

        (found,) = listeners.Sockets().at(port, "tcp" if kind == socket.SOCK_STREAM else "udp")

    assert (found.address, found.port, found.process) == (address, port, str(os.getpid()))


def test_an_engine_is_in_our_network_if_the_process_behind_its_socket_is(tmp_path: Path) -> None:
    path = tmp_path / "engine.sock"
    with closing(socket.socket(socket.AF_UNIX)) as engine:
        engine.bind(str(path))
        engine.listen()
        for name, network in (("self", "net:[1]"), (str(os.getpid()), "net:[2]")):
            (tmp_path / name / "ns").mkdir(parents=True)
            (tmp_path / name / "ns/net").symlink_to(network)

        assert listeners.shares_our_network(path)
        assert not listeners.shares_our_network(path, proc=tmp_path)

    assert not listeners.shares_our_network(path)
    assert not listeners.shares_our_network(tmp_path / "none")
    assert not listeners.shares_our_network(None)


def test_the_tables_are_read_once_for_all_ports(proc: Path) -> None:
    sockets = listeners.Sockets(proc)
    first = list(sockets.at(8080))
    for table in ("tcp", "tcp6"):
        (proc / "net" / table).write_text("")

    assert (first, list(sockets.at(8080))) == (first, first)
    assert [str(each) for each in sockets.at(8082)] == ["app (process 79)"]
