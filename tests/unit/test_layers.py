"""Imports go down only, each heavy library has one home, and the core looks at nothing outside itself."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "reconciler"

# What each part may import besides itself. Parts that are not named here may import nothing of ours.
MAY_IMPORT = {
    "core": set(),
    "config": {"core"},
    "secrets": {"core"},
    "providers": {"core"},
    "render": {"core"},
    "log": set(),
    "settings": set(),
    "run": {"core", "config", "secrets", "providers", "render", "settings"},
    "cli": {"core", "config", "secrets", "providers", "render", "run", "log", "settings"},
    "__main__": {"cli"},
}
HOMES = {
    "docker": {"providers/docker/engine/client.py", "providers/docker/engine/credentials.py"},
    "keycloak": {"providers/keycloak/server/client.py"},
    "requests": {"providers/docker/engine/client.py", "providers/keycloak/server/client.py"},
    "urllib3": {"providers/docker/engine/client.py", "providers/docker/engine/ssh.py"},
    "yaml": {"config/yaml/parse.py"},
    "jsonschema": {"config/schema/validator.py"},
    "jsonschema_rs": {"config/schema/validator.py"},
    "deepdiff": {"render/explain.py"},
    "structlog": {"log.py"},
    "watchfiles": {"run/hints.py"},
}
NEIGHBOURS = ("providers/docker", "providers/keycloak")
IMPURE = {"os", "time", "datetime", "random", "socket", "logging", "threading", "pathlib", "io", "subprocess"}

FILES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


def imports(file):
    """Every module that a file imports, wherever in the file it does."""
    tree = ast.parse((PACKAGE / file).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def part(file):
    return file.partition("/")[0].removesuffix(".py")


@pytest.mark.parametrize("file", FILES)
def test_imports_go_down_only(file):
    own = part(file)
    ours = {name.split(".")[1] for name in imports(file) if name.startswith("reconciler.")}

    assert ours - {own} <= MAY_IMPORT.get(own, set())


@pytest.mark.parametrize("file", FILES)
def test_heavy_libraries_stay_in_their_homes(file):
    tops = {name.partition(".")[0] for name in imports(file)}

    strangers = {library for library in tops & HOMES.keys() if file not in HOMES[library]}
    assert not strangers
    assert "click" not in tops or part(file) == "cli"


@pytest.mark.parametrize("file", [file for file in FILES if part(file) == "core"])
def test_the_core_is_the_standard_library_without_the_world(file):
    tops = {name.partition(".")[0] for name in imports(file)} - {"reconciler"}

    assert tops <= sys.stdlib_module_names
    assert not tops & IMPURE


@pytest.mark.parametrize("neighbour", NEIGHBOURS)
def test_providers_do_not_know_each_other(neighbour):
    others = [other.replace("/", ".") for other in NEIGHBOURS if other != neighbour]
    for file in FILES:
        if file.startswith(neighbour):
            assert not [name for name in imports(file) if any(other in name for other in others)]


@pytest.mark.parametrize(
    ("arguments", "allowed"),
    [
        (["--help"], {"click"}),
        (["--version"], {"click"}),
        (["schema", "stack"], {"click"}),
    ],
)
def test_a_command_imports_only_what_it_needs(arguments, allowed):
    code = (
        "import sys\n"
        "from reconciler.cli.main import run\n"
        f"run({arguments!r})\n"
        f"print(*sorted({set(HOMES) | {'click', 'rich', 'asyncio'}!r} & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parent)

    assert set(done.stderr.split()) <= allowed
