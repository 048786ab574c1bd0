"""The engine's location, found as the Docker CLI finds it: DOCKER_HOST, else a context. Contacts nobody.

The library's own reading of contexts takes the engine of this machine where a context is missing or can't be read,
and a whole stack might then be made on the wrong one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from reconciler.core.message.errors import Unreachable
from reconciler.record import Struct

USUAL: Final = "unix:///var/run/docker.sock"
_DEFAULT: Final = "default"
_PORT: Final = 2375
_TLS_PORT: Final = 2376


class Tls(Struct, frozen=True):
    """The certificates in a folder: ``ca.pem``, and our own in ``cert.pem`` and ``key.pem``. Any may be missing."""

    folder: Path
    verify: bool

    @property
    def authority(self) -> str | None:
        """The file by which the engine's certificate is checked; None for the authorities that the system knows."""
        return self._file("ca.pem")

    @property
    def own(self) -> tuple[str, str] | None:
        """Our certificate and its key."""
        certificate, key = self._file("cert.pem"), self._file("key.pem")
        return (certificate, key) if certificate and key else None

    def _file(self, name: str) -> str | None:
        path = self.folder / name
        return str(path) if _is_file(path) else None


class Location(Struct, frozen=True):
    """An engine's URL, its certificates, and who says so."""

    url: str
    tls: Tls | None = None
    said_by: str = ""

    def __str__(self) -> str:
        return f"{self.url} ({self.said_by})" if self.said_by else self.url

    @property
    def socket(self) -> Path | None:
        """The socket, where that is how the engine is reached."""
        scheme, _, path = self.url.partition("://")
        return Path(path or USUAL.partition("://")[2]) if scheme == "unix" else None

    @property
    def is_ssh(self) -> bool:
        return self.url.startswith("ssh://")

    @property
    def is_elsewhere(self) -> bool:
        """Returns whether the engine does not see the files of this machine.

        A port without TLS is taken for a proxy in front of this machine's own socket.
        """
        return self.is_ssh or self.tls is not None


def settings_of(environment: Mapping[str, str]) -> Mapping[str, Any]:
    """The config file of the Docker CLI; nothing where there is none. Raises Unreachable where it can't be read."""
    file = _folder(environment) / "config.json"
    return _read(file) if _is_file(file) else {}


def _folder(environment: Mapping[str, str]) -> Path:
    return Path(environment.get("DOCKER_CONFIG") or Path(environment.get("HOME") or Path.home()) / ".docker")


def located(environment: Mapping[str, str]) -> Location:
    """The engine that the Docker CLI would speak to. Raises Unreachable for a context that is not there."""
    config = _folder(environment)
    if host := environment.get("DOCKER_HOST"):
        return _of_environment(host, environment, config, "DOCKER_HOST")
    name, said_by = _context(environment, config)
    if name == _DEFAULT:
        return _of_environment(USUAL, environment, config, "")
    return _of_context(name, config / "contexts", said_by)


def _context(environment: Mapping[str, str], config: Path) -> tuple[str, str]:
    """The name of the context in use, and what says so."""
    if name := environment.get("DOCKER_CONTEXT"):
        return name, "DOCKER_CONTEXT"
    file = config / "config.json"
    found = _read(file) if _is_file(file) else {}
    return str(found.get("currentContext") or _DEFAULT), str(file)


def _of_environment(host: str, environment: Mapping[str, str], config: Path, said_by: str) -> Location:
    url = host if "://" in host else f"tcp://{host}"
    verify = bool(environment.get("DOCKER_TLS_VERIFY"))
    # As the CLI has it: DOCKER_TLS asks for TLS without a check, DOCKER_TLS_VERIFY for both.
    if not url.startswith("tcp://") or not (verify or environment.get("DOCKER_TLS")):
        return Location(_with_port(url, _PORT), said_by=said_by)
    tls = Tls(Path(environment.get("DOCKER_CERT_PATH") or config), verify)
    if verify and not tls.authority:
        raise Unreachable(f"there is no ca.pem in {tls.folder}, by which to check the engine; see DOCKER_CERT_PATH")
    return Location(_with_port(url, _TLS_PORT), tls, said_by)


def _of_context(name: str, folder: Path, said_by: str) -> Location:
    identity = hashlib.sha256(name.encode()).hexdigest()  # which is how the CLI names its folders
    file = folder / "meta" / identity / "meta.json"
    if not _is_file(file):
        raise Unreachable(f"there is no Docker context `{name}`, which {said_by} names; see `docker context ls`")
    endpoint = (_read(file).get("Endpoints") or {}).get("docker") or {}
    url, unchecked = str(endpoint.get("Host") or USUAL), bool(endpoint.get("SkipTLSVerify"))
    tls = Tls(folder / "tls" / identity / "docker", verify=not unchecked)
    # The metadata does not say that there is TLS; the folder of its files does.
    is_tls = url.startswith("tcp://") and (unchecked or _is_folder(tls.folder))
    port = _TLS_PORT if is_tls else _PORT
    return Location(_with_port(url, port), tls if is_tls else None, f"the context `{name}`")


def _with_port(url: str, port: int) -> str:
    try:
        is_complete = not url.startswith("tcp://") or urlsplit(url).port
    except ValueError as error:
        raise Unreachable(f"{url} is not a valid address of a Docker engine: {error}") from error
    return url if is_complete else f"{url.rstrip('/')}:{port}"


def _is_file(path: Path) -> bool:
    """Returns whether the file exists. Raises Unreachable if that can't be seen (``is_file`` of 3.11 to 3.13 does)."""
    with _readable(path):
        return path.is_file()


def _is_folder(path: Path) -> bool:
    with _readable(path):
        return path.is_dir()


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, RecursionError) as error:
        why = getattr(error, "strerror", None) or error
        raise Unreachable(
            f"{path} can't be read, so it is not known which engine is meant: {why}; set DOCKER_HOST"
        ) from error


def _read(file: Path) -> dict[str, Any]:
    with _readable(file):
        found = json.loads(file.read_text(encoding="utf-8"))
    return found if isinstance(found, dict) else {}
