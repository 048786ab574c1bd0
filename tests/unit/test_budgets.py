"""A command has a budget: the modules that it imports, and its requests. Time depends on the machine, these do not.

Whoever needs more raises the number here, and has looked what the new modules are for.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.cli import environment, reconcile
from tests.kit.docker.memory import MemoryEngine, served

ROOT = Path(__file__).parents[2]

# Modules of ours, and of others without the standard library.
BUDGETS = {
    ("--help",): (17, 28),
    ("--version",): (17, 28),
    ("schema", "stack"): (49, 28),
    ("validate",): (287, 52),
}
QUIET_DIFF = (246, 52)
CLIENTS = {"docker", "keycloak", "requests", "urllib3", "httpx"}
REQUESTS = 5
"""Of a look, beside one for each container: version, networks, volumes, containers, and the image of all."""

COUNT = """
import json, sys
from reconciler.cli.main import run
code = run(sys.argv[1:])
names = {name.partition(".")[0] for name in sys.modules}
ours = [name for name in sys.modules if name.partition(".")[0] == "reconciler"]
libraries = [name for name in sys.modules if name.partition(".")[0] not in {*sys.stdlib_module_names, "reconciler"}]
print(json.dumps([code, len(ours), len(libraries), sorted(names)]), file=sys.stderr)
"""


@pytest.mark.parametrize("arguments", BUDGETS)
def test_a_command_imports_no_more_than_its_budget(arguments):
    done = subprocess.run(
        [sys.executable, "-c", COUNT, *arguments], capture_output=True, text=True, check=True, cwd=ROOT
    )
    code, ours, libraries, _ = json.loads(done.stderr.splitlines()[-1])

    assert code == 0, done.stderr
    most_ours, most_libraries = BUDGETS[arguments]
    assert ours <= most_ours
    assert libraries <= most_libraries


@pytest.fixture
def engine(tmp_path):
    """An engine on which twenty services run, as declared."""
    memory = MemoryEngine()
    memory.image("app:1")
    services = {f"s{number}": {"image": "app:1", "volumes": [f"v{number}:/data"]} for number in range(20)}
    model = {"name": "many", "services": services, "volumes": {f"v{number}": {} for number in range(20)}}
    (tmp_path / "stack.yaml").write_text(json.dumps(model), encoding="utf-8")
    with served(memory) as url:
        ran = reconcile("apply", "--yes", cwd=tmp_path, env={"DOCKER_HOST": url})
        assert ran.code == 0, ran.err
        memory.calls.clear()
        yield memory, url


def test_a_quiet_look_imports_no_client_and_asks_once_for_each_container(engine, tmp_path):
    memory, url = engine

    done = subprocess.run(
        [sys.executable, "-c", COUNT, "diff"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env=environment(DOCKER_HOST=url),
    )

    code, ours, libraries, names = json.loads(done.stderr.splitlines()[-1])
    assert code == 0, done.stderr
    assert not CLIENTS & set(names)
    most_ours, most_libraries = QUIET_DIFF
    assert ours <= most_ours
    assert libraries <= most_libraries
    assert len(memory.calls) <= 20 + REQUESTS
    assert {call.partition(" ")[0] for call in memory.calls} == {"GET"}
