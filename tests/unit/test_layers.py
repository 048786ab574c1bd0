"""Imports go down only, each heavy library has one home, and the core looks at nothing outside itself."""

from __future__ import annotations

import ast
import graphlib
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

# The rooms of the big folders from the ground up. A room imports from lower floors only, so that those of one floor do
# not know each other.
FLOORS = {
    "config": (
        {"yaml"},
        {"schema", "variables"},
        {"commandline", "compose", "realm"},
        {"loader"},
    ),
    "config/compose": (
        {"model"},
        {"assembly", "checks"},
        {"stack"},
    ),
    "providers/docker": (
        {"table"},
        {"container", "engine"},
        {"build", "kinds"},
        {"bystanders", "expand", "replace"},
        {"observe"},
        {"perform"},
        {"provider"},
    ),
    "providers/keycloak": (
        {"table"},
        {"server"},
        {"kinds"},
        {"registry"},
        {"cascade", "expand"},
        {"ids"},
        {"read", "write"},
        {"access", "permissions"},
        {"export", "provider"},
    ),
}

# What stands above the providers reaches them through their registry, and names none of them. These do, because:
NAMES_A_PROVIDER = {
    "cli/permissions.py": "the permissions are those of an administrator of Keycloak",
    "run/access.py": "who gains and loses what is a question to Keycloak alone",
    "run/export.py": "an export asks one Keycloak, without a document that names it",
    "run/images.py": "only images of the stack can be built and pushed",
}

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


def ours(file):
    """The files of ours that a file imports, wherever in the file it does."""
    tree = ast.parse((PACKAGE / file).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("reconciler"):
            whole = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (found for name in (*whole, node.module) if (found := file_of(name)) in FILES)


def file_of(module):
    path = module.removeprefix("reconciler").removeprefix(".").replace(".", "/")
    return f"{path}.py" if f"{path}.py" in FILES else f"{path}/__init__.py"


def room(file, folder):
    """The file or folder that stands directly in a folder, without its ending; nothing for what is elsewhere."""
    rest = file.removeprefix(f"{folder}/")
    return "" if rest in (file, "__init__.py") else rest.partition("/")[0].removesuffix(".py")


@pytest.mark.parametrize("folder", FLOORS)
def test_rooms_import_from_lower_floors_only(folder):
    floor = {name: level for level, names in enumerate(FLOORS[folder]) for name in names}
    arrows = {(room(file, folder), room(other, folder)) for file in FILES for other in ours(file)}

    assert not {(own, other) for own, other in arrows if own and other and own != other and floor[own] <= floor[other]}


def test_the_floors_name_each_room():
    for folder, levels in FLOORS.items():
        assert sorted(name for names in levels for name in names) == sorted(
            {room(file, folder) for file in FILES} - {""}
        )


def test_no_imports_go_round():
    graphlib.TopologicalSorter({file: {*ours(file)} - {file} for file in FILES}).prepare()


def test_what_stands_above_the_providers_names_none_of_them():
    above = [file for file in FILES if part(file) in {"run", "cli", "render"}]
    named = {file for file in above for other in ours(file) if other.startswith(NEIGHBOURS)}

    assert named == NAMES_A_PROVIDER.keys()


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
