"""Makes a machine ready for the demo: system packages, and a Docker engine that the user may use."""

from __future__ import annotations

import functools
import getpass
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import host
from host import Failure

DOCKERD_LOG = Path("/var/log/dockerd.log")
DOCKERD_PID = Path("/var/run/docker.pid")
ENGINE_LIMIT_S = 60
INSTALLED = host.ROOT / ".installed-packages"
"""The packages that were installed by this program, for those who want to remove them again."""


def say(text: str) -> None:
    print(text, flush=True)


def agreed(question: str) -> bool:
    """The user's answer; yes where DEMO_YES says so or nobody is there to be asked."""
    if os.environ.get("DEMO_YES") or not sys.stdin.isatty():
        return True
    return input(f"{question} [Y/n] ").strip().lower() in ("", "y", "yes")


# --------------------------------------------------------------------------- system packages


def as_root(command: Sequence[str]) -> list[str]:
    if os.geteuid() == 0:
        return list(command)
    if not shutil.which("sudo"):
        raise Failure(
            "become root",
            f"`{shlex.join(command)}` needs root's rights, and sudo is not installed",
            "run that command as root, then `make demo` again as yourself",
        )
    return ["sudo", *command]


def install(packages: Sequence[str], *, reason: str, with_recommended: bool = False) -> None:
    """Install packages of the distribution, after asking."""
    names = " ".join(packages)
    remedy = f"install them yourself (apt-get install {names}), then run `make demo` again"
    if not shutil.which("apt-get"):
        cause = f"{reason}, and this is neither Debian nor Ubuntu"
        raise Failure("install system packages", cause, f"install what corresponds to: {names}")
    say(f"    {reason}; to be installed: {names}")
    if not agreed("    Install?"):
        raise Failure("install system packages", "you said no", remedy)
    refresh_package_lists()
    new = [package for package in packages if not is_installed(package)]
    silence = ["env", "DEBIAN_FRONTEND=noninteractive", "NEEDRESTART_SUSPEND=1"]
    options = ["-qq", "-y", "-o", "DPkg::Lock::Timeout=120", *([] if with_recommended else ["--no-install-recommends"])]
    host.run(
        as_root([*silence, "apt-get", "install", *options, *packages]), step="install system packages", remedy=remedy
    )
    INSTALLED.write_text("".join(f"{each}\n" for each in dict.fromkeys([*installed(), *new])), encoding="utf-8")


def is_installed(package: str) -> bool:
    return host.answer("dpkg-query", "--show", "--showformat", "${db:Status-Status}", package).strip() == "installed"


def installed() -> list[str]:
    """The packages that were not there before this program installed them."""
    return INSTALLED.read_text(encoding="utf-8").split() if INSTALLED.exists() else []


@functools.cache
def refresh_package_lists() -> None:
    host.run(
        as_root(["apt-get", "update", "-qq", "-o", "DPkg::Lock::Timeout=120"]),
        step="load the package lists",
        remedy="check /etc/apt/sources.list and the network, then run `make demo` again",
    )


# --------------------------------------------------------------------------- the engine


def ensure_engine() -> None:
    """A Docker engine that this user may use: the one that answers, else the distribution's."""
    ensure_command_line()
    trouble = engine_trouble()
    if trouble and engine_is_chosen():
        remedy = "start that engine, or unset DOCKER_HOST and DOCKER_CONTEXT to use this machine's own"
        raise Failure("reach the Docker engine you have chosen", trouble, remedy)
    if is_forbidden(trouble):
        join_docker_group()
    elif trouble:
        start_engine()
    say(f"    Docker engine {engine_version()}")


def ensure_command_line() -> None:
    if shutil.which("docker"):
        return
    if not shutil.which("apt-get"):
        raise Failure("find Docker", "the command `docker` is not installed", "install Docker, then try again")
    refresh_package_lists()
    # Since Debian 13 the command line is a package of its own.
    separate = "Candidate: (none)" not in host.answer("apt-cache", "policy", "docker-cli") != ""
    install(
        ["docker.io", *(["docker-cli"] if separate else [])],
        reason="there is no Docker engine",
        with_recommended=True,  # among them what the engine needs to start under AppArmor
    )


def engine_trouble() -> str:
    """Explains why the engine does not answer; empty when it does."""
    command = ["docker", "version", "--format", "{{.Server.Version}}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except subprocess.TimeoutExpired:
        return "`docker version` did not answer within 30 s"
    return "" if done.returncode == 0 else host.last_lines(done.stderr, 5) or "`docker version` failed without a word"


def is_forbidden(trouble: str) -> bool:
    return "permission denied" in trouble.lower() and os.geteuid() != 0


def engine_version() -> str:
    return host.answer("docker", "version", "--format", "{{.Server.Version}} (API {{.Server.APIVersion}})").strip()


def engine_is_chosen() -> bool:
    """Returns whether the user named an engine; then no other one is started."""
    context = host.answer("docker", "context", "show").strip()
    return bool(os.environ.get("DOCKER_HOST")) or context not in ("", "default")


def start_engine() -> None:
    if not dockerd():
        install(["docker.io"], reason="there is no Docker engine", with_recommended=True)
    say("    starting the Docker engine")
    if Path("/run/systemd/system").is_dir():
        remedy = "`journalctl -u docker` says why"
        host.run(as_root(["systemctl", "start", "docker"]), step="start the Docker engine", remedy=remedy)
    elif engine_trouble():
        start_dockerd()
    wait_for_engine()


def dockerd() -> str:
    return shutil.which("dockerd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") or ""


def start_dockerd() -> None:
    """Without systemd: in the background, where it outlives this program."""
    command = as_root(["sh", "-c", f"nohup {dockerd()} --pidfile {DOCKERD_PID} >{DOCKERD_LOG} 2>&1 &"])
    subprocess.run(command, stdin=subprocess.DEVNULL, start_new_session=True, check=False)
    say(f"    no systemd here: dockerd runs in the background, log {DOCKERD_LOG}, process number in {DOCKERD_PID}")


def wait_for_engine() -> None:
    give_up_at = time.monotonic() + ENGINE_LIMIT_S
    while trouble := engine_trouble():
        if is_forbidden(trouble):
            join_docker_group()
        if time.monotonic() > give_up_at:
            raise no_engine(trouble)
        time.sleep(0.5)


def no_engine(trouble: str) -> Failure:
    log = host.last_lines(DOCKERD_LOG.read_text(errors="replace"), 8) if os.access(DOCKERD_LOG, os.R_OK) else ""
    return Failure(
        "start the Docker engine",
        f"no answer after {ENGINE_LIMIT_S} s: {trouble}\n{log}",
        f"see {DOCKERD_LOG} or `journalctl -u docker`; within a container it needs more rights than usual",
    )


def join_docker_group() -> None:
    """Put the user into the group that may use the engine, and begin again as a member of it. Does not return."""
    user = getpass.getuser()
    step, remedy = "use the Docker engine", f"sudo usermod -aG docker {user}, log in again, and run `make demo` again"
    if has_joined_group():
        raise Failure(step, f"the engine lets {user} in neither way", remedy)
    if not agreed(f"    The engine is for root and the group docker. Put {user} into that group (as good as root)?"):
        raise Failure(step, "you said no", "run it as root: sudo make demo")
    host.run(as_root(["usermod", "-aG", "docker", user]), step=step, remedy=remedy)
    # A running session keeps its old groups; sudo looks them up again.
    os.environ["DEMO_JOINED_GROUP"] = user
    os.execvp("sudo", ["sudo", "--preserve-env", "-u", user, "--", sys.executable, *sys.argv])  # noqa: S606


def has_joined_group() -> bool:
    return "DEMO_JOINED_GROUP" in os.environ
