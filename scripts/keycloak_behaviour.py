#!/usr/bin/env python3
"""Writes docs/keycloak-behaviour.md from what a Keycloak shows: that of RECONCILE_TEST_KEYCLOAK_URL, or a container."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.integration.keycloak.tables import tables  # noqa: E402 (the path comes first)
from tests.kit.keycloak.behaviour import page  # noqa: E402 (the path comes first)
from tests.kit.keycloak.server import running, server_of  # noqa: E402


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as server:
        release = server_of(server.client()).version
        (ROOT / "docs" / "keycloak-behaviour.md").write_text(page(server, release, tables()), encoding="utf-8")


if __name__ == "__main__":
    main()
