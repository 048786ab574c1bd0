"""A git repository of a test, and ways to serve it as a forge does."""

from __future__ import annotations

import base64
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import CGIHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.kit.serving import in_background

AUTHOR = ("-c", "user.name=ann", "-c", "user.email=ann@example.org")


class Repository:
    """A bare repository ``app.git``, and a working copy beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.bare, self.work = folder, folder / "srv" / "app.git", folder / "work"
        self.git("init", "--quiet", "--bare", "--initial-branch", "main", str(self.bare), cwd=folder)
        self.git("clone", "--quiet", str(self.bare), str(self.work), cwd=folder)
        self.git("checkout", "--quiet", "-B", "main")

    def git(self, *words: str, cwd: Path | None = None) -> str:
        environment = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}
        command = ["git", *AUTHOR, *words]
        return subprocess.run(
            command, cwd=cwd or self.work, env=environment, check=True, capture_output=True, text=True
        ).stdout.strip()

    def commit(self, text: str, *options: str, file: str = "stack.yaml") -> str:
        """Push a new content of a file; returns the commit."""
        path = self.work / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        self.git("add", "--all")
        self.git(*options, "commit", "--quiet", "--message", "change")
        self.git("push", "--quiet", "--force", str(self.bare), "HEAD:main")
        return self.git("rev-parse", "HEAD")


@contextmanager
def served_by_git(repository: Repository) -> Iterator[str]:
    """The URL at which `git daemon` serves it."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    base = repository.bare.parent
    options = ["--export-all", "--reuseaddr", "--listen=127.0.0.1", f"--port={port}", f"--base-path={base}"]
    process = subprocess.Popen(["git", "daemon", *options, str(base)], stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 10
        while not _answers(port):
            assert time.monotonic() < end
            time.sleep(0.05)
        yield f"git://127.0.0.1:{port}/app.git"
    finally:
        process.terminate()
        process.wait()


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1):
            return True
    except OSError:
        return False


@contextmanager
def served_by_http(repository: Repository, *, user: str, password: str) -> Iterator[str]:
    """The URL at which `git http-backend` serves it to this account alone."""
    scripts = repository.folder / "cgi-bin"
    scripts.mkdir()
    backend = Path(repository.git("--exec-path")) / "git-http-backend"
    script = scripts / "git"
    script.write_text(
        f'#!/bin/sh\nGIT_PROJECT_ROOT="{repository.bare.parent}" GIT_HTTP_EXPORT_ALL=1 exec "{backend}"\n',
        encoding="utf-8",
    )
    script.chmod(0o755)
    expected = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    class Handler(CGIHTTPRequestHandler):
        have_fork = False

        def translate_path(self, path: str) -> str:
            return str(repository.folder / path.lstrip("/").partition("?")[0])

        def is_cgi(self) -> bool:
            self.cgi_info = "/cgi-bin", self.path.removeprefix("/cgi-bin/")
            return True

        def parse_request(self) -> bool:
            if not super().parse_request():
                return False
            if self.headers.get("Authorization") != expected:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="git"')
                self.send_header("Content-Length", "0")
                self.end_headers()
                return False
            return True

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with in_background(server):
        yield f"http://127.0.0.1:{server.server_port}/cgi-bin/git/app.git"
