"""The cost of the same realm with keycloak-config-cli and with this program, each as a command.

    RECONCILE_CONFIG_CLI='java -jar keycloak-config-cli.jar' python -m bench.keycloak_config_cli 1000

Prints a table in Markdown. The realm is that of bench.keycloak_users; requests are counted in the server's access log.
By default keycloak-config-cli compares a checksum of the file with that of its last run; without, it looks.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import docker

from bench.keycloak_users import a_company, warmed, with_others
from tests.kit.cli import reconcile
from tests.kit.keycloak import server as keycloak
from tests.kit.keycloak.server import ByHand, Server, dropped

COMMAND = shlex.split(os.environ.get("RECONCILE_CONFIG_CLI", ""))
_REQUEST = re.compile(rb'"(GET|HEAD|POST|PUT|DELETE) /')
_READS = (b"GET", b"HEAD")


@dataclass(frozen=True)
class Tool:
    """The way a program applies a file to a server."""

    name: str
    apply: Callable[[Server, Path], None]


def _ours(server: Server, file: Path) -> None:
    env = {"RECONCILE_KEYCLOAK_USERNAME": server.user, "RECONCILE_KEYCLOAK_PASSWORD": server.password}
    ran = reconcile("--keycloak-url", server.url, "-u", file, "apply", "--yes", cwd=file.parent, env=env)
    assert ran.code == 0, ran.err


def _theirs(**settings: str) -> Callable[[Server, Path], None]:
    def apply(server: Server, file: Path) -> None:
        env = {
            "KEYCLOAK_URL": server.url,
            "KEYCLOAK_USER": server.user,
            "KEYCLOAK_PASSWORD": server.password,
            "IMPORT_FILES_LOCATIONS": str(file),
            **settings,
        }
        done = subprocess.run(COMMAND, env={**os.environ, **env}, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-2000:]

    return apply


TOOLS = (
    Tool("reconcile", _ours),
    Tool("keycloak-config-cli", _theirs()),
    Tool("the same, without its checksum", _theirs(IMPORT_CACHE_ENABLED="false")),
)


def requests(server: Server, work: Callable[[], None]) -> tuple[float, int, int]:
    """Seconds, reads and writes of some work; tokens are writes, one for each login."""
    engine = docker.from_env()
    try:
        container = engine.containers.get(server.container)
        before = _counted(container.logs())
        began = time.monotonic()
        work()
        seconds = time.monotonic() - began
        time.sleep(1.0)  # the log's last lines
        found = _counted(container.logs()) - before
    finally:
        engine.close()
    reads = sum(found[method] for method in _READS)
    return seconds, reads, found.total() - reads


def _counted(log: bytes) -> Counter[bytes]:
    return Counter(_REQUEST.findall(log))


def rows(server: Server, tool: Tool, size: int, folder: Path) -> Iterator[tuple[str, float, int, int, int | None]]:
    """Lists each run: seconds, reads, writes, and the repaired manual changes, if there were some."""
    name = f"beside-{size}"
    company, file = a_company(name, size), folder / "users.json"
    client = server.client()
    hand = ByHand(client, name)

    def applied(realm: Mapping[str, Any]) -> tuple[float, int, int]:
        file.write_text(json.dumps(realm))
        return requests(server, lambda: tool.apply(server, file))

    try:
        yield "first apply", *applied(company), None
        yield "nothing to do", *applied(company), None
        _edit(hand)
        took = applied(company)
        yield "after four changes by hand", *took, _repaired(hand)
        yield "one user changed in the file", *applied(with_others(company, size)), None
    finally:
        dropped(server, name)
        client.close()


def _edit(hand: ByHand) -> None:
    """Change a user's name, take away a group and a role of it, and another group as a whole."""
    user = _user(hand)
    hand.put(f"users/{user['id']}", {**user, "firstName": "By hand"})
    hand.delete(f"users/{user['id']}/groups/{hand.get('group-by-path/group1')['id']}")
    hand.delete(f"users/{user['id']}/role-mappings/realm", [hand.get("roles/role1")])
    hand.delete(f"groups/{hand.get('group-by-path/group0')['id']}")


def _repaired(hand: ByHand) -> int:
    """Counts how many of these four are as before."""
    user = _user(hand)
    roles = [role["name"] for role in hand.get(f"users/{user['id']}/role-mappings/realm")]
    groups = [group["name"] for group in hand.get("groups?max=1000")]
    joined = hand.get(f"users/{user['id']}/groups")
    return sum((user["firstName"] == "First", bool(joined), "role1" in roles, "group0" in groups))


def _user(hand: ByHand) -> dict[str, Any]:
    found: dict[str, Any] = hand.get("users?username=user1&exact=true&briefRepresentation=false")[0]
    return found


def main() -> None:
    if not COMMAND:
        print("RECONCILE_CONFIG_CLI is not set: say how keycloak-config-cli is run, as 'java -jar FILE.jar'")
        return
    keycloak.OPTIONS.append("--http-access-log-enabled=true")
    with TemporaryDirectory() as shared, keycloak.running(Path(shared)) as server:
        warmed(server)
        print("| users | what | by | seconds | reads | writes | repaired, of 4 |")
        print("|---|---|---|---|---|---|---|")
        for size in [int(size) for size in sys.argv[1:] or ["1000"]]:
            for tool in TOOLS:
                for what, seconds, reads, writes, repaired in rows(server, tool, size, Path(shared)):
                    told = f"{seconds:.1f} | {reads:,} | {writes:,} | {'' if repaired is None else repaired}"
                    print(f"| {size:,} | {what} | {tool.name} | {told} |", flush=True)


if __name__ == "__main__":
    main()
