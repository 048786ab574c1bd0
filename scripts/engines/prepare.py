#!/usr/bin/env python3
"""Makes a machine ready for the tests that need real servers.

    scripts/engines/prepare.py            a Docker engine, Chromium, a registry, an ssh server, buildx, promtool,
                                          and the images to run
    scripts/engines/prepare.py restart    restart the engine, as a test of what survives that asks for
    scripts/engines/prepare.py stop       end the engine, where it was started by the first

DEMO_YES=1 does not ask before system packages are installed.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

# The demo's modules know machines and images.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "demo"))

import host
import local_images
import machine
from host import Failure

IMAGES = ("probe", "keycloak", "haproxy")
STARTED = Path("/var/run/reconcile-tests.dockerd")
"""Is there where the engine was started for the tests."""

BUILDX = Path.home() / ".cache/reconcile/cli-plugins/docker-buildx"
"""Debian's package of the plugin, put where only tests look for it: this machine's own builds stay as they are."""

APT = """\
Dir::Etc::SourceList "{folder}/sources.list";
Dir::Etc::SourceParts "-";
Dir::State::Lists "{folder}/lists";
Dir::Cache "{folder}/cache";
Acquire::Check-Valid-Until "false";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::Languages "none";
APT::Sandbox::User "";
"""

PROMTOOL = Path.home() / ".cache/reconcile/bin/promtool"
"""Out of Debian's package of Prometheus, which would start a server where it is installed."""

WEIGHTS = {Path("/sys/fs/cgroup/cpu/docker/cpu.shares"): 6144, Path("/sys/fs/cgroup/docker/cpu.weight"): 600}
"""The weight of the containers in both versions of control groups, where a process has 1024 and 100."""

LIMIT_S = 60


def ready() -> None:
    was_there = shutil.which("docker") and not machine.engine_trouble()
    machine.ensure_engine()
    if not was_there and not Path("/run/systemd/system").is_dir():
        STARTED.touch()
    if not shutil.which("chromium") and not shutil.which("chromium-browser"):
        machine.install(["chromium"], reason="a test logs in with a real browser")
    if not shutil.which("docker-registry"):
        machine.install(["docker-registry"], reason="a test pulls an image")
    if not shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin"):
        machine.install(["openssh-server"], reason="a test reaches an engine by ssh")
    if not host.answer("docker", "buildx", "version") and not BUILDX.exists():
        fetch_buildx()
    if not shutil.which("promtool") and not PROMTOOL.exists():
        fetch_promtool()
    names = local_images.with_parents(IMAGES)
    if packages := [host.PACKAGES[tool] for tool in local_images.missing_tools(local_images.stale(names))]:
        machine.install(packages, reason="the images are made from distribution packages and Maven")
    local_images.ensure(IMAGES)
    if STARTED.exists():
        weigh_containers()


def weigh_containers() -> None:
    """Give all containers together the weight of six processes.

    To the kernel they are one process beside those of the tests, so a Keycloak would start for minutes.
    """
    for file, weight in WEIGHTS.items():
        if file.exists():
            file.write_text(str(weight))


def fetch_buildx() -> None:
    """Take the plugin out of its package, that of Debian sid where this distribution has none; tests do without it."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            own = "Candidate: (none)" not in host.answer("apt-cache", "policy", "docker-buildx") != ""
            environment = {} if own else {"APT_CONFIG": str(apt_for_sid(Path(folder)))}
            for command in (["update", "-qq"], ["download", "-qq", "docker-buildx"])[own:]:
                subprocess.run(["apt-get", *command], cwd=folder, env={**os.environ, **environment}, check=True)
            package = next(Path(folder).glob("docker-buildx_*.deb"))
            subprocess.run(["dpkg-deb", "--extract", package, f"{folder}/root"], check=True)
            BUILDX.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(next(Path(folder, "root").rglob("cli-plugins/docker-buildx")), BUILDX)
    except (subprocess.CalledProcessError, OSError, StopIteration) as reason:
        machine.say(f"    builds with BuildKit are not tested: docker-buildx can't be had here: {reason}")


def fetch_promtool() -> None:
    """Take Prometheus's own check of rules out of its package."""
    step, remedy = "fetch promtool", "check that this machine reaches its package sources: apt-get update"
    machine.refresh_package_lists()
    with tempfile.TemporaryDirectory() as folder:
        host.run(["apt-get", "download", "-q", "prometheus"], folder=Path(folder), step=step, remedy=remedy)
        package = next(Path(folder).glob("prometheus_*.deb"))
        host.run(["dpkg-deb", "--extract", str(package), f"{folder}/root"], step=step, remedy=remedy)
        PROMTOOL.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(f"{folder}/root/usr/bin/promtool", PROMTOOL)


def apt_for_sid(folder: Path) -> Path:
    """A configuration with which apt knows Debian sid alone, from where this machine's own packages come."""
    source = host.answer("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages").split()[:1]
    (folder / "sources.list").write_text(f"deb {''.join(source)} sid main\n", encoding="utf-8")
    for below in ("lists/partial", "cache/archives/partial"):
        (folder / below).mkdir(parents=True)
    configuration = folder / "apt.conf"
    configuration.write_text(APT.format(folder=folder), encoding="utf-8")
    return configuration


def restart() -> None:
    if Path("/run/systemd/system").is_dir():
        command = machine.as_root(["systemctl", "restart", "docker"])
        host.run(command, step="restart the Docker engine", remedy="`journalctl -u docker` says why")
    else:
        end_engine()
        machine.start_dockerd()
    machine.wait_for_engine()


def stop() -> None:
    if STARTED.exists():
        end_engine()
        STARTED.unlink()


def end_engine() -> None:
    """End dockerd, and wait until it is gone."""
    number = int(machine.DOCKERD_PID.read_text())
    os.kill(number, signal.SIGTERM)
    give_up_at = time.monotonic() + LIMIT_S
    while is_running(number):
        if time.monotonic() > give_up_at:
            raise Failure("end the Docker engine", f"still there after {LIMIT_S} s", f"kill process {number}")
        time.sleep(0.2)


def is_running(number: int) -> bool:
    return subprocess.run(["kill", "-0", str(number)], capture_output=True, check=False).returncode == 0


def main() -> int:
    commands: dict[str, Callable[[], None]] = {"ready": ready, "restart": restart, "stop": stop}
    command = commands.get(sys.argv[1] if len(sys.argv) > 1 else "ready")
    if not command:
        print(__doc__, file=sys.stderr)
        return 64
    try:
        command()
    except Failure as failure:
        print(f"test machine {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
