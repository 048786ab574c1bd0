"""Faults of the machine under the daemon: each is reported, and delays the repair of nothing else.

`make nightly-daemon` runs it as root, with the tools that it needs.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tests.integration.keycloak.test_daemon import drifts_and_is_repaired, ends
from tests.kit.daemon import daemon
from tests.kit.docker.engine import READY, Project, a_project, the_engine

PATIENCE_S = 120.0


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    engine = the_engine()
    with a_project(tmp_path, engine) as made:
        made.service("web", mem_limit="64m", **READY)
        made.settle()
        yield made
    engine.close()


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of 2 MiB at this folder."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def troubles(running: Any) -> dict[str, str]:
    port = next(line["port"] for line in running.of("listens"))
    with urlopen(f"http://127.0.0.1:{port}/api/v1/status", timeout=PATIENCE_S) as answer:
        return {each["trouble"]: each["note"] for each in json.load(answer)["troubles"]}


def fill(file: Path) -> None:
    try:
        with file.open("wb", buffering=0) as written:
            while True:
                written.write(bytes(4096))
    except OSError:
        return


def test_a_full_disk_is_reported_and_repairs_go_on(project: Project, tmp_path: Path) -> None:
    with small_disk(tmp_path / "small") as disk:
        options = {"before": ("--state-directory", str(disk))}
        with daemon(project.directory, "--interval", "2", "--listen", "127.0.0.1:0", **options) as running:
            running.until("looked")
            drifts_and_is_repaired(project)
            fill(disk / "filling")
            for _ in range(5):
                drifts_and_is_repaired(project)
                if running.of("history is not kept"):
                    break
            found = running.of("history is not kept") or [running.until("history is not kept")]
            shown = troubles(running)
            drifts_and_is_repaired(project)

            (disk / "filling").unlink()
            running.until("over", trouble="history is not kept", patience_s=PATIENCE_S)
            drifts_and_is_repaired(project)
            ends(running)

    assert "full" in found[0]["note"]
    assert "full" in shown["history is not kept"]
