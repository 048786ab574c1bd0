"""The time to load and validate a stack, beside the Compose CLI's ``config`` on the same file.

Bars: the stack of this checkout within 30 ms, a stack of 500 services within a second, in process.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from reconciler.record import replace

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from reconciler.config import Sources, declared_secrets, load  # noqa: E402  # from this checkout

SERVICES = 500


def big_stack() -> dict[str, object]:
    """Services of a usual size, each with ports, volumes, variables, a health check and a dependency."""
    services = {
        f"service-{number}": {
            "image": f"registry.example/app-{number}:${{TAG:-1.0}}",
            "command": "serve --port 8080 --verbose",
            "environment": {"NAME": f"service-{number}", "LEVEL": "${LEVEL:-info}", "DEBUG": False},
            "labels": ["team=a", f"number={number}"],
            "ports": [f"{10000 + number}:8080"],
            "volumes": [f"data-{number}:/data", "./config:/etc/app:ro"],
            "networks": {"back": {"aliases": [f"alias-{number}"]}},
            "healthcheck": {"test": "curl -f http://localhost:8080", "interval": "10s", "retries": 3},
            "restart": "unless-stopped",
            "mem_limit": "512m",
            **({"depends_on": [f"service-{number - 1}"]} if number else {}),
        }
        for number in range(SERVICES)
    }
    volumes = {f"data-{number}": None for number in range(SERVICES)}
    return {"services": services, "networks": {"back": None}, "volumes": volumes}


def best_ms(run: Callable[[], object], times: int) -> float:
    """The shortest of some runs: the others were disturbed."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        run()
        found.append(time.perf_counter() - began)
    return min(found) * 1000


@dataclass(frozen=True)
class Stack:
    """A file to load, and the time that it may take."""

    name: str
    bar_ms: int
    file: Path
    env_files: tuple[Path, ...] = ()

    @property
    def sources(self) -> Sources:
        sources = Sources(self.file.parent, (self.file,), env_files=self.env_files)
        secrets = dict.fromkeys(declared_secrets(sources), "a secret")
        return replace(sources, environment={"HOME": "/root", **secrets})

    def ours_ms(self) -> float:
        sources = self.sources
        return best_ms(lambda: load(sources), 10)

    def theirs_ms(self, cli: str) -> float:
        options = [option for file in self.env_files for option in ("--env-file", str(file))]
        command = [cli, "-f", str(self.file), *options, "config", "--quiet"]
        environment = {"PATH": os.environ["PATH"], **self.sources.environment}
        return best_ms(lambda: subprocess.run(command, check=True, capture_output=True, env=environment), 5)


def compose_cli() -> str | None:
    beside = Path(sys.executable).parent / "docker-compose"
    return str(beside) if beside.exists() else shutil.which("docker-compose")


def heading(cli: str | None) -> str:
    if cli is None:
        return "no Compose CLI is installed"
    version = [cli, "version", "--short"]
    start_ms = best_ms(lambda: subprocess.run(version, check=True, capture_output=True), 5)
    shown = subprocess.run(version, check=True, capture_output=True, text=True).stdout.strip()
    return f"Compose CLI {shown}; {start_ms:.0f} ms of its time are its start"


def main() -> None:
    cli = compose_cli()
    print(heading(cli))
    print(f"{'stack':<30}{'bar':>10}{'reconcile':>12}{'Compose CLI':>14}")
    with tempfile.TemporaryDirectory() as folder:
        big = Path(folder) / "stack.yaml"
        big.write_text(json.dumps(big_stack()), encoding="utf-8")
        seed = Stack("stack.yaml of this checkout", 30, ROOT / "stack.yaml", (ROOT / ".env.example",))
        for stack in (seed, Stack(f"{SERVICES} services", 1000, big)):
            theirs = f"{stack.theirs_ms(cli):.0f} ms" if cli else "-"
            print(f"{stack.name:<30}{f'{stack.bar_ms} ms':>10}{f'{stack.ours_ms():.1f} ms':>12}{theirs:>14}")


if __name__ == "__main__":
    main()
