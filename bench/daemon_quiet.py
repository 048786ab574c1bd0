"""The cost of a quiet daemon, as a table for docs/performance.md: processor time and requests of each look.

Usage: python -m bench.daemon_quiet. It makes a project of six services, and a realm if RECONCILE_TEST_KEYCLOAK_URL
names a Keycloak (its account: admin, admin); both are removed.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
import uuid
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from reconciler.core.message.errors import ProviderError
from reconciler.providers.keycloak.server.client import AdminClient, Settings
from tests.kit.daemon import Running, daemon
from tests.kit.docker.engine import READY, Project, a_project, the_engine

SERVICES = 6
INTERVAL_S = 2.0
SECONDS = 40.0
WARM_UP_S = 15.0


def declared(project: Project, url: str, realm: str) -> None:
    for number in range(SERVICES):
        project.service(f"s{number}", mem_limit="64m", volumes=[f"v{number}:/data"], **READY)
    project.write(volumes={f"v{number}": {} for number in range(SERVICES)})
    users = [{"username": f"user{number}", "enabled": True, "groups": ["/all"]} for number in range(2)]
    parts = {"users": users, "groups": [{"name": "all"}], "clients": [{"clientId": "app", "enabled": True}]}
    connection = {"url": url, "auth": {"username": "admin", "password": "admin"}}
    file = {"realm": realm, "enabled": True, "adminEventsEnabled": True, **parts}
    if url:
        text = json.dumps({**file, "x-reconcile": {"connection": connection}})
        (project.directory / "users.yaml").write_text(text, encoding="utf-8")


def processor_s(process_id: int) -> float:
    fields = Path(f"/proc/{process_id}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measured(running: Running) -> tuple[int, float, Counter[str]]:
    """The number of looks, the processor time of all, and the requests by server."""
    time.sleep(WARM_UP_S)
    running.of("")
    running.lines.clear()
    began = processor_s(running.process.pid)
    time.sleep(SECONDS)
    spent = processor_s(running.process.pid) - began
    looks = len(running.of("looked"))
    requests = Counter(line["provider"] for line in running.of("request"))
    running.lines.clear()
    return looks, spent, requests


def quiet_looks() -> tuple[int, float, Counter[str]]:
    """The same of a project and a realm that are made for it, and removed."""
    url, realm = os.environ.get("RECONCILE_TEST_KEYCLOAK_URL", ""), f"quiet-{uuid.uuid4().hex[:8]}"
    account: Any = {"url": url, "auth": {"username": "admin", "password": "admin"}}
    with tempfile.TemporaryDirectory() as folder, closing(the_engine()) as engine:
        try:
            with a_project(Path(folder), engine) as project:
                declared(project, url, realm)
                rhythm = ("--interval", str(INTERVAL_S), "--resync", "3600", "--listen", "off")
                with daemon(project.directory, *rhythm) as running:
                    running.until("pass done")
                    return measured(running)
        finally:
            if url:
                # There is no realm yet if the daemon has not come so far.
                with closing(AdminClient(Settings.of(account))) as admin, suppress(ProviderError):
                    admin.delete(f"admin/realms/{realm}")


def main() -> int:
    """Print the table."""
    looks, spent, requests = quiet_looks()
    print("| a quiet look | |\n|---|---|")
    print(f"| processor time | {1000 * spent / looks:.1f} ms |")
    for server in ("docker", "keycloak"):
        print(f"| requests to {server} | {requests[server] / looks:.2f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
