"""The time to make, read and change many users, beside the raw requests that any program needs.

    python -m bench.keycloak_users 1000 10000

Prints a table in Markdown. The realm has 50 groups and 200 roles, each user is in one group and has one role, and no
password. The server is that of RECONCILE_TEST_KEYCLOAK_URL, or a container of its own.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.kit.docker.engine import the_engine
from tests.kit.keycloak.server import ByHand, Driver, Server, dropped, running

_GROUPS, _ROLES, _BATCH = 50, 200, 100
_FULL: tuple[int, str] = (1000, "")
_BRIEF: tuple[int, str] = (5000, "&briefRepresentation=true")
"""How many users a page has, and how they are asked for: with all that a list shows, or with names and so on."""
_MOST_RAW = 10_000
"""Up to how many the raw imports are made beside ours: they take as long again."""


def a_company(name: str, size: int) -> dict[str, Any]:
    return {
        "realm": name,
        "enabled": True,
        "roles": {"realm": [{"name": f"role{number}"} for number in range(_ROLES)]},
        "groups": [{"name": f"group{number}"} for number in range(_GROUPS)],
        "users": [
            {
                "username": f"user{number}",
                "email": f"user{number}@example.org",
                "enabled": True,
                "firstName": "First",
                "lastName": "Last",
                "groups": [f"group{number % _GROUPS}"],
                "realmRoles": [f"role{number % _ROLES}"],
            }
            for number in range(size)
        ],
    }


def with_others(company: dict[str, Any], every: int) -> dict[str, Any]:
    """The company with another name for each so many of its people."""
    users = [
        {**user, "firstName": "Other"} if number % every == 0 else user for number, user in enumerate(company["users"])
    ]
    return {**company, "users": users}


@dataclass(frozen=True)
class Bench:
    """A server, and what is done with it."""

    driver: Driver
    server: Server

    def timed(self, work: Callable[[], Any]) -> tuple[float, float, float, int, int]:
        """Seconds; those that a processor was at work in this process, and in the server; reads and writes."""
        client = self.driver.client
        reads, writes = len(client.reads), len(client.writes)
        began, own, theirs = time.monotonic(), time.process_time(), self._server_cpu_s()
        work()
        seconds, own, theirs = time.monotonic() - began, time.process_time() - own, self._server_cpu_s() - theirs
        return seconds, own, theirs, len(client.reads) - reads, len(client.writes) - writes

    def _server_cpu_s(self) -> float:
        """The processor time of the container so far; 0 if the server is another one."""
        if not self.server.container:
            return 0.0
        stats = the_engine().get(f"/containers/{self.server.container}/stats", **{"stream": 0, "one-shot": 1})
        return float(stats["cpu_stats"]["cpu_usage"]["total_usage"]) / 1e9


def raw_reads(hand: ByHand, size: int, shown: tuple[int, str]) -> None:
    """The reads that any program needs: the pages of users, the members of each group and of each role."""
    page, query = shown
    for first in range(0, size + 1, page):
        hand.get(f"users?first={first}&max={page}{query}")
    for group in hand.get("groups"):
        hand.get(f"groups/{group['id']}/members?max=100000&briefRepresentation=true")
    for role in hand.get("roles"):
        if not role["name"].startswith("default-roles-"):
            hand.get(f"roles/{role['name']}/users?max=100000&briefRepresentation=true")


def raw_writes(hand: ByHand, users: list[dict[str, Any]]) -> None:
    """The writes that any program needs: the users, a hundred at a time, with the role that everybody has."""
    default = f"default-roles-{hand.realm}"
    users = [{**user, "realmRoles": [*user["realmRoles"], default]} for user in users]
    for start in range(0, len(users), _BATCH):
        body: dict[str, Any] = {"ifResourceExists": "SKIP", "users": users[start : start + _BATCH]}
        hand.client.post(hand.path("partialImport"), body)


def rows(server: Server, size: int) -> Iterator[tuple[str, float, float, float, int, int]]:
    name, client = f"bench-{size}", server.client()
    driver, company = Driver(client), a_company(name, size)
    hand, timed = ByHand(driver.client, name), Bench(driver, server).timed
    try:
        if size <= _MOST_RAW:
            driver.apply({**company, "users": []})
            yield "raw imports", *timed(lambda: raw_writes(hand, company["users"]))
            dropped(server, name)
        driver.apply({**company, "users": []})
        yield "first apply", *timed(lambda: driver.once(company))
        raw_reads(hand, size, _FULL)  # so that what follows finds the server's caches as full
        yield "raw reads, in full", *timed(lambda: raw_reads(hand, size, _FULL))
        yield "raw reads, in brief", *timed(lambda: raw_reads(hand, size, _BRIEF))
        yield "nothing to do", *timed(lambda: driver.look(company))
        yield "one user changed", *timed(lambda: driver.once(with_others(company, size)))
        yield "1 % changed", *timed(lambda: driver.once(with_others(company, 100)))
    finally:
        dropped(server, name)
        client.close()


def warmed(server: Server) -> None:
    """Let the server translate what it is about to run, so that what is measured first is not measured slower."""
    name, client = "bench-warm", server.client()
    company, hand = a_company(name, 1000), ByHand(client, name)
    try:
        Driver(client).apply({**company, "users": []})
        raw_writes(hand, company["users"])
        raw_reads(hand, len(company["users"]), _FULL)
    finally:
        dropped(server, name)
        client.close()


def main() -> None:
    with TemporaryDirectory() as shared, running(Path(shared)) as server:
        warmed(server)
        _print(server, [int(size) for size in sys.argv[1:] or ["1000"]])


def _print(server: Server, sizes: list[int]) -> None:
    print("| users | what | seconds | own CPU, s | server's CPU, s | reads | writes | memory, MiB |")
    print("|---|---|---|---|---|---|---|---|")
    for size in sizes:
        for what, seconds, own, theirs, reads, writes in rows(server, size):
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            took = f"{seconds:.1f} | {own:.1f} | {theirs:.1f}"
            print(f"| {size:,} | {what} | {took} | {reads} | {writes} | {memory} |", flush=True)


if __name__ == "__main__":
    main()
