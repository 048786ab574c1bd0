"""The server: it listens before the daemon begins, serves in a thread of its own, and ends within two seconds."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import uvicorn

from reconciler.core.message.errors import Misconfigured
from reconciler.web.app import application
from reconciler.web.desk import Desk

END_S: Final = 2
MOST_CONNECTIONS: Final = 200


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises Misconfigured where that is not possible."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        raise Misconfigured(
            f"can't listen on {host}:{port}: {error.strerror}; choose another one with --listen"
        ) from error


_OPTIONS: Final[dict[str, Any]] = {
    "log_config": None,
    "access_log": False,
    # The daemon begins before the server and ends after it, so the application has nothing to do at either end.
    "lifespan": "off",
    "ws": "none",
    "http": "h11",
    "loop": "asyncio",
    "server_header": False,
    # A forwarded address is what a client says. The gate only asks whether there is one.
    "proxy_headers": False,
    "limit_concurrency": MOST_CONNECTIONS,
    "timeout_keep_alive": 5,
    "timeout_graceful_shutdown": END_S,
}


@contextmanager
def serving(desk: Desk, own: socket.socket) -> Iterator[None]:
    """Serve on this socket meanwhile."""
    server = uvicorn.Server(uvicorn.Config(application(desk), **_OPTIONS))
    thread = threading.Thread(target=server.run, args=([own],), name="http", daemon=True)
    thread.start()
    try:
        yield
    finally:
        desk.is_over.set()  # streams end first: the server would wait for them
        server.should_exit = True
        thread.join(END_S + 1)
        own.close()
