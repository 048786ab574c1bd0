"""An image registry of the test's own: Debian's docker-registry, on this machine only, with nothing in it at first."""

from __future__ import annotations

import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError, URLError

LIMIT_S = 20.0
USER, PASSWORD = "somebody", "right-password"
_HASHED = "$2b$05$abcdefghijklmnopqrstuuBO.kmgTJhdt40M5ZyHgFmcpBdUb9aS."
_LOCKED = "auth: {{htpasswd: {{realm: test, path: {folder}/htpasswd}}}}\n"
CONFIGURATION = """\
version: 0.1
log: {{accesslog: {{disabled: true}}, level: error}}
storage: {{filesystem: {{rootdirectory: {folder}/images}}, delete: {{enabled: true}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""


@contextmanager
def a_registry(folder: Path, *, locked: bool = False) -> Iterator[str]:
    """Its name, as the first part of an image's name; engines speak to one on the loopback interface without TLS.

    One that is locked wants the user and the password above.
    """
    port = _free_port()
    configuration = folder / "registry.yml"
    (folder / "htpasswd").write_text(f"{USER}:{_HASHED}\n", encoding="utf-8")
    text = CONFIGURATION + (_LOCKED if locked else "")
    configuration.write_text(text.format(folder=folder, port=port), encoding="utf-8")
    with (folder / "registry.log").open("w") as log:
        process = subprocess.Popen(["docker-registry", "serve", str(configuration)], stdout=log, stderr=log)
    try:
        _await(f"http://127.0.0.1:{port}/v2/", process)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=LIMIT_S)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _await(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + LIMIT_S
    while True:
        try:
            urllib.request.urlopen(url, timeout=1).close()
        except HTTPError:
            return  # it wants a password
        except (URLError, OSError) as error:
            if process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"the registry does not answer: {error}") from error
            time.sleep(0.05)
        else:
            return
