"""This program's own share of the work with many users: time and memory beside a server that answers at once.

    python -m bench.keycloak_own 10000 100000

Prints a table in Markdown. The realm is that of bench.keycloak_users; what is asked is answered from memory, in JSON.
Each row is a process of its own, so that its memory is that of nothing else.
"""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from bench.keycloak_users import a_company, with_others
from reconciler.core.resource.values import ABSENT, Value
from reconciler.providers.keycloak.server.client import revealed
from tests.kit.keycloak.scripted import ScriptedConnection
from tests.kit.keycloak.server import Driver

_LOOKS: Final = ("first apply", "nothing to do", "one user changed", "1 % changed")


class AtOnce(ScriptedConnection):
    """A server with the users of a company, or without any; writes are taken and forgotten."""

    def __init__(self, company: Mapping[str, Any], users: Sequence[Mapping[str, Any]]) -> None:
        super().__init__()
        self._groups = [{"id": each["name"], "path": f"/{each['name']}", **each} for each in company["groups"]]
        self._roles = [{"id": each["name"], **each} for each in company["roles"]["realm"]]
        self._realm = {"id": "own"} | {
            key: value for key, value in company.items() if key not in ("users", "groups", "roles")
        }
        self._users = users
        self.requests_made = 0

    def _answer(self, request: str, body: Value) -> Any:
        self.requests_made += 1
        if body is not None:
            json.dumps(revealed(body))
            return ABSENT
        verb, path = request.split(" ", 1)
        return (
            ABSENT if verb == "PUT" else json.loads(json.dumps(self._found(path.partition("/")[2].partition("/")[2])))
        )

    def _found(self, path: str) -> Any:
        place, _, query = path.partition("?")
        of_page = re.search(r"first=(\d+)&max=(\d+)", query)
        first, most = map(int, of_page.groups()) if of_page else (0, 1)
        match place.strip("/").split("/"):
            case [_, "partial-export"]:
                return {**self._realm, "groups": self._groups, "roles": {"realm": self._roles}, "clients": []}
            case [_, "users", "count"]:
                return len(self._users)
            case [_, "users"]:
                return [_shown(user) for user in self._users[first : first + most]]
            case [_, "users", name]:
                return next(_shown(user) for user in self._users if user["username"] == name)
            case [_, "groups", name, "members"]:
                return [_shown(user) for user in self._of("groups", name)[first : first + most]]
            case [_, "roles", name, "users"]:
                return [_shown(user) for user in self._of("realmRoles", name)[first : first + most]]
            case _:
                return []

    def _of(self, name: str, member: str) -> Sequence[Mapping[str, Any]]:
        step = {"groups": len(self._groups), "realmRoles": len(self._roles)}[name]
        return self._users[int(re.sub(r"\D", "", member)) :: step]


def _shown(user: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": user["username"], "createdTimestamp": 1, "totp": False, "requiredActions": [], "notBefore": 0} | {
        key: value for key, value in user.items() if key not in ("groups", "realmRoles")
    }


def measure(size: int, what: str) -> str:
    company = a_company("own", size)
    connection = AtOnce(company, [] if what == _LOOKS[0] else company["users"])
    every = {"one user changed": size, "1 % changed": 100}.get(what)
    wanted = with_others(company, every) if every else company
    began = time.process_time()
    done = Driver(connection).once(wanted)
    own = time.process_time() - began
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    assert len(done.writes) == {"nothing to do": 0, "one user changed": 1}.get(what, size // 100), len(done.writes)
    return f"| {size:,} | {what} | {own:.1f} | {len(done.reads)} | {len(done.writes)} | {memory} |"


def main() -> None:
    if len(sys.argv) == 3 and sys.argv[2] in _LOOKS:
        print(measure(int(sys.argv[1]), sys.argv[2]), flush=True)
        return
    print("| users | what | CPU, s | reads | writes | memory, MiB |\n|---|---|---|---|---|---|", flush=True)
    for size in sys.argv[1:] or ["1000"]:
        for what in _LOOKS:
            subprocess.run([sys.executable, "-m", "bench.keycloak_own", size, what], check=True)


if __name__ == "__main__":
    main()
