"""An engine's port with TLS on this machine, which wants to know who calls, and the certificates of both sides."""

from __future__ import annotations

import selectors
import socket
import socketserver
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import trustme

from tests.kit.serving import in_background

PAST = datetime(2020, 1, 1, tzinfo=UTC)


class Authority:
    """An authority that signs certificates."""

    def __init__(self) -> None:
        self.ca = trustme.CA()

    def folder(self, path: Path, *, own: Authority | None = None, expired: bool = False, without: str = "") -> Path:
        """A client's folder: this authority's certificate, and one of its own, signed by it or by another one."""
        path.mkdir(parents=True)
        issued = (own or self).ca.issue_cert("client@test", not_after=PAST if expired else None)
        self.ca.cert_pem.write_to_path(path / "ca.pem")
        (path / "cert.pem").write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(path / "key.pem")
        for name in without.split():
            (path / name).unlink()
        return path

    def server(self, *names: str, expired: bool = False) -> ssl.SSLContext:
        """The files of a server that admits the clients of this authority."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(*names, not_after=PAST if expired else None).configure_cert(context)
        self.ca.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
        return context


@contextmanager
def served(context: ssl.SSLContext | None, engine: Path) -> Iterator[str]:
    """A port that leads to an engine's socket, with TLS where there is a context; yields what DOCKER_HOST is to be."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError), closing(socket.socket(socket.AF_UNIX)) as there:
                here = context.wrap_socket(self.request, server_side=True) if context else self.request
                with closing(here):
                    there.connect(str(engine))
                    _pipe(here, there)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    server = Server(("127.0.0.1", 0), Handler)
    with in_background(server):
        yield f"tcp://127.0.0.1:{server.server_address[1]}"


def _pipe(here: socket.socket, there: socket.socket) -> None:
    """Both ways, until one side has nothing more to say."""
    with selectors.DefaultSelector() as both:
        both.register(here, selectors.EVENT_READ, there)
        both.register(there, selectors.EVENT_READ, here)
        while True:
            for key, _ in both.select():
                source: socket.socket = key.fileobj  # type: ignore[assignment]  # only sockets are registered
                piece = source.recv(65536)
                while isinstance(source, ssl.SSLSocket) and source.pending():
                    piece += source.recv(65536)
                if not piece:
                    return
                key.data.sendall(piece)
