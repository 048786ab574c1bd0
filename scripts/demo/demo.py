#!/usr/bin/env python3
"""`make demo`: from a clean Debian or Ubuntu machine to MLflow behind Keycloak, with one command.

    scripts/demo/demo.py up      install what is missing, get the images, apply stack.yaml and users.yaml
    scripts/demo/demo.py down    remove containers, networks and data again

DEMO_YES=1          do not ask before system packages are installed (nor without a terminal)
DEMO_S3=minio       where no registry answers: MinIO, compiled here, instead of the S3 server from PyPI
DEMO_SKIP_CHECKS=1  begin even if disk or memory look too small

Running it again is safe at any point and does only what is still missing.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import envfile
import host
import local_images
import machine
from host import ROOT, Failure
from machine import say

VENV = ROOT / ".venv"
RECONCILE = VENV / "bin/reconcile"
# Written after an installation: the first by the demo, the second by `make venv`.
STAMPS = (VENV / ".installed", VENV / ".installed-dev")

PULL_LIMIT_S = 600
DISK_NEEDED_GB = 6
MEMORY_NEEDED_GB = 2

# Variable of an image in stack.yaml -> its stand-in. DEMO_S3 chooses between two for MINIO_IMAGE.
STAND_INS = {
    "POSTGRES_IMAGE": "postgres",
    "REDIS_IMAGE": "redis",
    "MINIO_IMAGE": "s3",
    "KEYCLOAK_IMAGE": "keycloak",
    "PYTHON_IMAGE": "python",
}
OF_OTHER_PROFILES = ("RECONCILE_IMAGE", "HAPROXY_IMAGE")
"""Images that the demo does not run."""


def begin(step: str) -> None:
    say(f"==> {step}")


def follow(command: Sequence[str], *, step: str, remedy: str) -> None:
    """Run a command whose output the user sees as it comes."""
    try:
        code = subprocess.run(command, cwd=ROOT, check=False).returncode
    except FileNotFoundError:
        raise host.missing(command[0], step=step) from None
    if code:
        raise Failure(step, f"`{host.command_line(command)}` ended with code {code}, see above", remedy)


# --------------------------------------------------------------------------- Python and the program itself


def check_python() -> None:
    if sys.version_info < (3, 11):  # noqa: UP036  the Makefile looks for a newer one, but one may come without it
        version = ".".join(map(str, sys.version_info[:3]))
        remedy = "use Debian 12, Ubuntu 24.04 or newer, or run it with another Python: make demo PYTHON=python3.12"
        raise Failure("check Python", f"this is Python {version}, and 3.11 is needed", remedy)


def ensure_program() -> None:
    """.venv with the command `reconcile` in it, installed again when pyproject.toml changed."""
    if is_installed():
        return
    if not importlib.util.find_spec("ensurepip"):
        package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
        machine.install([package], reason="this Python cannot make virtual environments")
    step = "install reconcile into .venv"
    if not host.answer(str(VENV / "bin/python"), "--version"):
        host.run([sys.executable, "-m", "venv", "--clear", str(VENV)], step=step, remedy="rm -rf .venv, then try again")
    pip = [str(VENV / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    remedy = "check that pip reaches its package index (`pip config list`), then run `make demo` again"
    host.run([*pip, "--editable", str(ROOT)], step=step, remedy=remedy)
    STAMPS[0].touch()


def is_installed() -> bool:
    changed = (ROOT / "pyproject.toml").stat().st_mtime
    return RECONCILE.exists() and any(stamp.exists() and stamp.stat().st_mtime >= changed for stamp in STAMPS)


# --------------------------------------------------------------------------- settings


@dataclass(frozen=True, slots=True)
class Settings:
    """The variables of stack.yaml: the shell's value, else that of .env, else the default in stack.yaml."""

    project: str
    defaults: Mapping[str, str]
    set_values: Mapping[str, str]

    def value(self, name: str) -> str:
        return self.set_values.get(name) or self.defaults[name]

    def is_set(self, name: str) -> bool:
        return bool(self.set_values.get(name))

    @property
    def ports(self) -> dict[str, int]:
        return {name: int(self.value(name)) for name in self.defaults if name.endswith("_PORT")}


def defaults(stack: str) -> dict[str, str]:
    """Variable -> default, as stack.yaml states them."""
    return dict(re.findall(r"\$\{(\w+):?-([^}]*)\}", stack))


def project_name(stack: str) -> str:
    named = re.search(r"^name:\s*(\S+)", stack, re.MULTILINE)
    assert named, "stack.yaml names its project"
    return named[1]


def read_settings() -> Settings:
    stack = (ROOT / "stack.yaml").read_text()
    path = ROOT / ".env"
    in_file = envfile.settings(path.read_text()) if path.exists() else {}
    known = defaults(stack)
    in_shell = {name: os.environ[name] for name in known if os.environ.get(name)}
    settings = Settings(project_name(stack), known, {**in_file, **in_shell})
    for name in known:
        if name.endswith("_PORT") and not settings.value(name).isdigit():
            raise Failure("read .env", f"{name} is `{settings.value(name)}`, not a number", f"correct {name} in .env")
    return settings


# --------------------------------------------------------------------------- is there room?


def check_machine(settings: Settings) -> None:
    """Look early for what would stop the stack late. Only where the engine is on this machine."""
    if not engine_is_local():
        return
    own = own_ports(settings.project)
    for name, port in settings.ports.items():
        if port not in own and not is_free(port):
            raise port_taken(name, port, owner_of(port))
    if os.environ.get("DEMO_SKIP_CHECKS"):
        return
    if not own:
        check_memory(available_memory_gb(Path("/proc/meminfo").read_text()))
    if not is_present(settings.value("MLFLOW_IMAGE")):
        check_disk(free_disk_gb())


def engine_is_local() -> bool:
    address = os.environ.get("DOCKER_HOST") or host.answer(
        "docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"
    )
    return address.strip().startswith(("unix://", "fd://"))


def own_ports(project: str) -> set[int]:
    """The ports that containers of this project hold."""
    label = f"label=com.docker.compose.project={project}"
    return published_ports(host.answer("docker", "ps", "--filter", label, "--format", "{{.Ports}}"))


def published_ports(text: str) -> set[int]:
    """The ports in the words of `docker ps`, which writes neighbours as a range."""
    ranges = re.findall(r":(\d+)(?:-(\d+))?->", text)
    return {port for first, last in ranges for port in range(int(first), int(last or first) + 1)}


def is_free(port: int) -> bool:
    with contextlib.closing(socket.socket()) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # else a port just given up counts as taken
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def owner_of(port: int) -> str:
    """The program that listens on a port, as far as this user may know."""
    found = re.search(r'users:\(\("([^"]+)"', host.answer("ss", "-Hltnp", f"sport = :{port}"))
    return found[1] if found else "another program"


def port_taken(name: str, port: int, owner: str) -> Failure:
    return Failure(
        "check the ports",
        f"port {port} ({name}) is taken by {owner}",
        f"stop it, or put another number into .env, such as {name}={port + 10000}",
    )


def free_disk_gb() -> float:
    folder = Path(host.answer("docker", "info", "--format", "{{.DockerRootDir}}").strip() or "/")
    nearest = next(place for place in (folder, *folder.parents) if os.access(place, os.F_OK))
    return shutil.disk_usage(nearest).free / 1e9


def available_memory_gb(meminfo: str) -> float:
    found = re.search(r"^MemAvailable:\s+(\d+) kB", meminfo, re.MULTILINE)
    return int(found[1]) * 1024 / 1e9 if found else MEMORY_NEEDED_GB


def check_disk(free_gb: float) -> None:
    if free_gb < DISK_NEEDED_GB:
        raise Failure(
            "check the disk",
            f"{free_gb:.1f} GB are free where the engine keeps its images; about {DISK_NEEDED_GB} GB are needed",
            "make room (`docker system df` shows what the engine holds), or begin all the same: DEMO_SKIP_CHECKS=1",
        )


def check_memory(available_gb: float) -> None:
    if available_gb < MEMORY_NEEDED_GB:
        raise Failure(
            "check the memory",
            f"{available_gb:.1f} GB of memory are available; the stack takes about {MEMORY_NEEDED_GB} GB",
            "end other programs, or begin all the same: DEMO_SKIP_CHECKS=1",
        )


# --------------------------------------------------------------------------- images


def ensure_images(settings: Settings) -> None:
    """Official images where a registry answers, else stand-ins, whose names are then written into .env."""
    wanted = [name for name in STAND_INS if stand_in_of(name, settings.value(name))]
    absent = [name for name in STAND_INS if name not in wanted and not is_present(settings.value(name))]
    for name in sorted(absent, key=settings.is_set, reverse=True):
        reason = pull(settings.value(name))
        if reason and settings.is_set(name):
            raise own_image_missing(name, settings.value(name), reason)
        if reason:
            say(f"    no registry gives {settings.value(name)}: {reason}")
            wanted += [name for name in absent if not settings.is_set(name) and not is_present(settings.value(name))]
            break
    if wanted:
        use_stand_ins(wanted, settings)


def stand_in_of(variable: str, image: str) -> str:
    """The stand-in that this is the name of, of whichever version; empty for any other image."""
    choices = ("s3", "minio") if variable == "MINIO_IMAGE" else (STAND_INS[variable],)
    return next((name for name in choices if image.startswith(f"localhost/{name}:")), "")


def is_present(image: str) -> bool:
    return bool(local_images.describe(image))


def pull(image: str) -> str:
    """Pull an image; the reason where that does not work."""
    say(f"    pulling {image}")
    try:
        done = subprocess.run(
            ["docker", "pull", image], stderr=subprocess.PIPE, text=True, timeout=PULL_LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return f"not finished after {PULL_LIMIT_S // 60} minutes"
    return "" if done.returncode == 0 else host.last_lines(done.stderr, 1) or f"code {done.returncode}"


def own_image_missing(name: str, image: str, reason: str) -> Failure:
    return Failure(
        "get the images",
        f"{name} is set to {image}, which could not be pulled: {reason}",
        f"correct {name} in .env, or take the line out to use the official image",
    )


def use_stand_ins(variables: Iterable[str], settings: Settings) -> None:
    chosen = {name: choose_stand_in(name, settings.value(name), os.environ.get("DEMO_S3", "")) for name in variables}
    if moved := {name for name in chosen if stand_in_of(name, settings.value(name)) not in ("", chosen[name])}:
        refuse_foreign_data(moved, f"{settings.project}_s3data")
    say("    using local stand-ins, made from distribution packages, PyPI and Maven")
    outdated = local_images.stale(local_images.with_parents(chosen.values()))
    if outdated:
        say(f"    building {', '.join(outdated)}; this takes some minutes")
        if packages := [host.PACKAGES[tool] for tool in local_images.missing_tools(outdated)]:
            machine.install(packages, reason="they are made from distribution packages and Maven")
        local_images.ensure(chosen.values())
    values = {name: local_images.reference(stand_in) for name, stand_in in chosen.items()}
    envfile.change(ROOT / ".env", {**values, **build_settings(settings, values)})


def choose_stand_in(variable: str, current: str, s3: str) -> str:
    """Chooses the stand-in for a variable: for S3 the one asked for, else the one in use, else the one from PyPI."""
    if variable != "MINIO_IMAGE":
        return STAND_INS[variable]
    if s3 not in ("", "minio", "s3", "seaweedfs"):
        raise Failure("choose the S3 server", f"DEMO_S3 is `{s3}`", "set it to minio, or leave it out")
    if s3 == "minio":
        return "minio"
    return "s3" if s3 else stand_in_of(variable, current) or "s3"


def refuse_foreign_data(moved: Iterable[str], volume: str) -> None:
    """SeaweedFS and MinIO keep data in different ways: one must not be started on what the other wrote."""
    if "MINIO_IMAGE" in moved and host.answer("docker", "volume", "ls", "-q", "--filter", f"name=^{volume}$"):
        cause = f"the volume {volume} holds data of the S3 server used so far"
        raise Failure("change the S3 server", cause, "make demo-down (this deletes all data), then try again")


def build_settings(settings: Settings, images: Mapping[str, str]) -> dict[str, str]:
    """The settings for building MLflow's image on a machine with package sources of its own."""
    if "PYTHON_IMAGE" not in images:
        return {}
    pip = host.this_pip_options()
    found = {
        "BUILD_NETWORK": "host",
        "UV_DEFAULT_INDEX": pip.get("index-url", ""),
        "UV_INSECURE_HOST": pip.get("trusted-host", ""),
    }
    return {name: value for name, value in found.items() if value and not settings.is_set(name)}


# --------------------------------------------------------------------------- the two commands


def up() -> None:
    begin("Python and the program")
    check_python()
    ensure_program()
    begin("Docker engine")
    machine.ensure_engine()
    begin("Settings and secrets (.env)")
    remedy = "the message above says what to correct"
    follow([str(RECONCILE), "init"], step="write .env", remedy=remedy)
    settings = read_settings()
    check_machine(settings)
    begin("Images")
    ensure_images(settings)
    begin("Containers, realm and users (reconcile apply)")
    remedy = (
        "run `make demo` again, which goes on from here; `.venv/bin/reconcile doctor` looks for the cause of what stays"
    )
    follow([str(RECONCILE), "apply", "--yes"], step="apply stack.yaml and users.yaml", remedy=remedy)
    say(welcome(settings))
    if machine.has_joined_group():
        say("\nYou are new in the group docker: log in again (or `newgrp docker`) before you use reconcile yourself.")


def welcome(settings: Settings) -> str:
    ports = {name: f"http://localhost:{port}" for name, port in settings.ports.items()}
    return f"""
MLflow      {ports["MLFLOW_PORT"]}   mlflow_user, password password123
                                     mlflow_admin, password MLFLOW_ADMIN_PASSWORD in .env
Keycloak    {ports["KEYCLOAK_PORT"]}   {settings.value("KEYCLOAK_ADMIN")}, password KEYCLOAK_ADMIN_PASSWORD in .env
S3 console  {ports["S3_CONSOLE_PORT"]}   {settings.value("MINIO_ROOT_USER")}, password MINIO_ROOT_PASSWORD in .env

Change stack.yaml or users.yaml, then:  .venv/bin/reconcile diff   and   .venv/bin/reconcile apply
Remove everything again:                make demo-down"""


def down() -> None:
    begin("Removing containers, networks and data")
    if not RECONCILE.exists():
        raise Failure("find reconcile", "there is no .venv/bin/reconcile", "`make demo` installs it")
    settings = read_settings()
    command = [str(RECONCILE), "down", "--volumes", "--confirm", settings.project]
    follow(command, step="take the stack down", remedy="start the Docker engine if it is not running, then try again")
    say(leftovers(settings))


def leftovers(settings: Settings) -> str:
    own = (name for name in settings.defaults if name.endswith("_IMAGE") and name not in OF_OTHER_PROFILES)
    images = [settings.value(name) for name in own]
    if any(image.startswith("localhost/") for image in images):
        images.append(local_images.reference("base"))
    text = f"""
Left as they are, and how to remove them:
  images        docker image rm {" ".join(images)}
  settings      rm .env   (with the generated secrets)
  the program   rm -rf .venv"""
    packages = " ".join(machine.installed())
    return f"{text}\n  packages      apt-get remove {packages}   (installed by this program)" if packages else text


def main() -> int:
    commands: dict[str, Callable[[], None]] = {"up": up, "down": down}
    command = commands.get(sys.argv[1]) if len(sys.argv) == 2 else None
    if not command:
        print(__doc__, file=sys.stderr)
        return 64
    try:
        command()
    except Failure as failure:
        print(f"demo {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ndemo: interrupted; run it again to go on", file=sys.stderr)
        return 130
    except Exception as error:
        if os.environ.get("DEMO_DEBUG"):
            raise
        cause = f"{type(error).__name__}: {error}"
        print(f"demo {Failure('unknown', cause, 'please report this with the output of DEMO_DEBUG=1 make demo')}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
