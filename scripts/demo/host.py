"""The package settings of this machine: its release, its mirrors, its certificates.

The image builder and the demo ask here, so that builds go the same ways as the machine itself.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Command -> the distribution package that brings it.
PACKAGES = {
    "apt-get": "apt",
    "docker": "docker.io",
    "dpkg-deb": "dpkg",
    "git": "git",
    "mmdebstrap": "mmdebstrap",
    "mvn": "maven",
    "newuidmap": "uidmap",
}
PIP_OPTIONS = ("index-url", "trusted-host", "cert")
PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy")
SYSTEM_AUTHORITIES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")
NAMED_AUTHORITIES = ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
LOCAL_AUTHORITIES = Path("/usr/local/share/ca-certificates")
CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


@dataclass
class Failure(Exception):
    """A failed step, for the user: name, reason and remedy."""

    step: str
    cause: str
    remedy: str

    def __str__(self) -> str:
        return f"failed: {self.step}\n  cause:  {_indented(self.cause)}\n  remedy: {_indented(self.remedy)}"


def _indented(text: str) -> str:
    return text.strip().replace("\n", "\n          ")


def run(
    command: Sequence[str],
    *,
    step: str,
    remedy: str,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    timeout_s: float | None = None,
) -> str:
    """The output of a command. A Failure with its last words when it is missing, fails or takes too long."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            check=False,
        )
    except FileNotFoundError:
        raise missing(command[0], step=step) from None
    except subprocess.TimeoutExpired:
        raise Failure(step, f"`{command_line(command)}` did not end within {timeout_s:.0f} s", remedy) from None
    if done.returncode:
        words = last_lines((done.stderr or done.stdout).decode(errors="replace"))
        raise Failure(step, f"`{command_line(command)}` ended with code {done.returncode}:\n{words}", remedy)
    return done.stdout.decode(errors="replace")


def missing(command: str, *, step: str) -> Failure:
    package = PACKAGES.get(command, command)
    return Failure(step, f"the command `{command}` is not installed", f"apt-get install {package}")


def command_line(command: Sequence[str]) -> str:
    """The first words of a command, enough to tell which one it was."""
    return " ".join(command[:4]) + (" …" if len(command) > 4 else "")


def last_lines(text: str, count: int = 15) -> str:
    return "\n".join(text.strip().splitlines()[-count:])


def answer(*command: str) -> str:
    """The output of a command about this machine; empty if it does not exist or does not know."""
    if not shutil.which(command[0]):
        return ""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def release(os_release: str) -> str:
    """The code name of the Debian or Ubuntu release that /etc/os-release describes, also in a derivative."""
    fields = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', os_release, re.MULTILINE))
    own = fields.get("VERSION_CODENAME", "") if fields.get("ID") in ("debian", "ubuntu") else ""
    return own or fields.get("UBUNTU_CODENAME") or fields.get("DEBIAN_CODENAME", "")


def this_release() -> str:
    path = Path("/etc/os-release")
    name = release(path.read_text()) if path.exists() else ""
    if not name:
        raise Failure(
            "find out which release this is",
            "/etc/os-release names no release of Debian or Ubuntu, from whose packages the images are made",
            "build the images on Debian or Ubuntu, or use the official ones from a registry",
        )
    return name


def apt_sources(targets: str, suite: str) -> list[str]:
    """The lines for sources.list that give a release, from what `apt-get indextargets` says of this machine."""
    rows = (row.split("\t") for row in dict.fromkeys(targets.splitlines()))
    return [
        f"deb {uri} {name} {component}"
        for uri, name, codename, component in rows
        if uri.startswith(("http:", "https:"))
        if codename.split("-")[0] == suite and component in ("main", "universe")
    ]


def this_apt_sources(suite: str) -> list[str]:
    form = "$(REPO_URI)\t$(RELEASE)\t$(CODENAME)\t$(COMPONENT)"
    lines = apt_sources(answer("apt-get", "indextargets", "--format", form, "Created-By: Packages"), suite)
    if not lines:
        raise Failure(
            "find this machine's package sources",
            f"apt knows no source of {suite} (or no package lists have been loaded yet)",
            "run `apt-get update`, then try again",
        )
    return lines


def apt_options(config: str) -> list[str]:
    """The options of `apt-config dump` for the age of package lists: needed if a mirror lags behind."""
    return re.findall(r'^(Acquire::(?:Check-Valid-Until|Check-Date|Max-FutureTime) "[^"]*");', config, re.MULTILINE)


def proxies(environment: Mapping[str, str], apt_config: str) -> dict[str, str]:
    """The proxies in use, from the environment or else from apt."""
    names = (*PROXIES, *map(str.upper, PROXIES))
    found = {name: environment[name] for name in names if environment.get(name)}
    for scheme in ("http", "https"):
        proxy = re.search(rf'^Acquire::{scheme}::[Pp]roxy "([^"]+)";', apt_config, re.MULTILINE)
        if proxy and proxy[1] != "DIRECT" and not {f"{scheme}_proxy", f"{scheme}_PROXY".upper()} & found.keys():
            found[f"{scheme}_proxy"] = proxy[1]
    return found


def python_with_pip() -> str:
    """A Python that can run pip: this one, or the project's."""
    for python in (sys.executable, str(ROOT / ".venv/bin/python")):
        if Path(python).exists() and answer(python, "-m", "pip", "--version"):
            return python
    raise Failure("find pip", "this Python has no pip", "run `make venv` first, or apt-get install python3-pip")


def pip_options(config: str) -> dict[str, str]:
    """The settings of pip on how to reach the package index, from what `pip config list` says."""
    rows = re.findall(r"^(:env:|[\w-]+)\.([\w-]+)=(.*)$", config, re.MULTILINE)
    found = {}
    for _, name, value in sorted(rows, key=lambda row: row[0] == ":env:"):  # the environment has the last word
        if name in PIP_OPTIONS:
            found[name] = " ".join(value.strip("'\"").replace("\\n", " ").split())
    return found


def this_pip_options() -> dict[str, str]:
    return pip_options(answer(python_with_pip(), "-m", "pip", "config", "list", "--disable-pip-version-check"))


def authorities(paths: Iterable[Path]) -> dict[str, bytes]:
    """The certificates in some files, each under a file name of its own as Debian's store wants it."""
    blocks = (block for path in paths for block in CERTIFICATE.findall(path.read_bytes()))
    return {f"host-{number}.crt": block + b"\n" for number, block in enumerate(dict.fromkeys(blocks))}


def this_authorities() -> dict[str, bytes]:
    """The authorities that this machine trusts beyond those of its distribution."""
    named = (this_pip_options().get("cert", ""), *(os.environ.get(name, "") for name in NAMED_AUTHORITIES))
    extra = [Path(name) for name in dict.fromkeys(named) if name and name not in SYSTEM_AUTHORITIES]
    return authorities([*sorted(LOCAL_AUTHORITIES.rglob("*.crt")), *(path for path in extra if path.is_file())])
