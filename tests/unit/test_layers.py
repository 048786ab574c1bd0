"""Imports go down only, each heavy library has one home, and the core looks at nothing outside itself."""

from __future__ import annotations

import ast
import graphlib
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "reconciler"

# What each part may import besides itself, `pattern` and `record`. Parts that are not named here may import nothing
# else of ours.
MAY_IMPORT = {
    "core": set(),
    "vocabulary": set(),
    "config": {"core", "vocabulary"},
    "atomicfile": set(),
    "deadlines": set(),
    "permission": set(),
    "history": {"core"},
    "secrets": {"atomicfile", "core", "deadlines"},
    "providers": {"core", "deadlines", "permission", "vocabulary"},
    "login": {"core", "deadlines", "providers"},
    "render": {"core"},
    "log": set(),
    "settings": set(),
    "run": {
        *("core", "config", "history", "secrets", "providers", "login", "render"),
        *("atomicfile", "deadlines", "permission", "settings", "vocabulary"),
    },
    "web": {"core", "render", "run"},
    "cli": {
        *("core", "config", "history", "secrets", "providers", "render", "run", "web"),
        *("atomicfile", "log", "settings"),
    },
    "__main__": {"cli"},
}
HOMES = {
    "apprise": {"run/daemon/notify.py"},
    "cronsim": {"config/schedule.py"},
    "docker": {"providers/docker/engine/client.py", "providers/docker/engine/credentials.py"},
    "keycloak": {"providers/keycloak/server/library.py"},
    "msgspec": {"record.py"},
    "rich": {"cli/live.py"},
    "requests": {
        *("providers/docker/engine/client.py", "secrets/sources/vault.py"),
    },
    "urllib3": {"providers/docker/engine/client.py", "providers/docker/engine/ssh.py"},
    "yaml": {"config/yaml/parse.py"},
    "jsonschema": {"config/schema/validator.py"},
    "jsonschema_rs": {"config/schema/validator.py"},
    "deepdiff": {"render/plan/explain.py"},
    "sqlite3": {"history/store.py"},
    "httpx": {"web/oidc.py"},
    "jwcrypto": {"web/oidc.py"},
    "jinja2": {"web/page/render.py"},
    "markupsafe": {"web/page/render.py"},
    "prometheus_client": {"web/metrics.py"},
    "structlog": {"log.py"},
    "uvicorn": {"web/server.py"},
    "watchfiles": {"run/daemon/hints.py"},
}
NEIGHBOURS = ("providers/docker", "providers/keycloak", "providers/swarm")
# A Swarm is a mode of the same engine: its provider stands on the lowest floors of the Docker provider, and on nothing
# else of it.
STANDS_ON = {
    "providers/swarm": tuple(
        f"reconciler.providers.docker.{room}" for room in ("table", "container", "engine", "kinds")
    )
}
IMPURE = {"os", "time", "datetime", "random", "socket", "logging", "threading", "pathlib", "io", "subprocess"}

# The rooms of the big folders from the ground up. A room imports from lower floors only, so that those of one floor do
# not know each other.
FLOORS = {
    "core": (
        {"resource"},
        {"message"},
        {"difference", "diagnosis", "login"},
        {"plan"},
        {"execution"},
        {"history"},
        {"provider"},
    ),
    "render": (
        {"output"},
        {"plan", "progress"},
        {"answers", "ci"},
    ),
    "run": (
        {"clock", "sources"},
        {"lock", "reconciliation"},
        {"session"},
        {"commands"},
        {"daemon"},
    ),
    "config": (
        {"schedule", "yaml"},
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
        {"authors", "bystanders", "expand", "permissions", "replace", "residence"},
        {"adoption", "observe"},
        {"diagnose", "perform", "ways"},
        {"provider"},
        {"engines"},
    ),
    "providers/swarm": (
        {"table"},
        {"kinds", "nodes", "tasks"},
        {"expand", "inside"},
        {"observe", "perform", "steps"},
        {"adoption", "declaration", "diagnose"},
        {"provider"},
    ),
    "providers/keycloak": (
        {"table"},
        {"admin_events", "server"},
        {"kinds"},
        {"registry"},
        {"cascade", "declaration", "diagnose", "expand"},
        {"ids"},
        {"read", "write"},
        {"access", "authors", "permissions"},
        {"export"},
        {"provider"},
    ),
}

# Nothing outside the providers knows one of them. A person is told of Docker and Keycloak, with a capital letter; these
# are the only words in lower case, and what they are for.
BLIND = {"core", "login", "run", "cli", "render", "web"}
PROVIDERS = re.compile("docker|keycloak|swarm")
SPEAKS_OF_A_PROVIDER = {
    ("core/resource/address.py", "docker.container/redis"): "the example of an address in a message",
    ("cli/examples.py", "docker."): "the addresses of examples",
    ("cli/main.py", "--keycloak-url"): "the option",
    ("cli/permissions.py", "--docker"): "the option",
    ("cli/examples.py", "--docker"): "the option",
    ("cli/state.py", "keycloak_url"): "the option's value",
    ("cli/state.py", "--keycloak-url"): "the option",
    ("login/causes.py", "keycloak-address"): "the code of a finding",
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

    assert ours - {own, "pattern", "record"} <= MAY_IMPORT.get(own, set())


@pytest.mark.parametrize("file", FILES)
def test_heavy_libraries_stay_in_their_homes(file):
    tops = {name.partition(".")[0] for name in imports(file)}

    strangers = {library for library in tops & HOMES.keys() if file not in HOMES[library]}
    assert not strangers
    assert "click" not in tops or part(file) == "cli"


@pytest.mark.parametrize("file", [file for file in FILES if part(file) in {"core", "vocabulary"}])
def test_the_core_and_the_vocabulary_are_the_standard_library_without_the_world(file):
    tops = {name.partition(".")[0] for name in imports(file)} - {"reconciler"}

    assert tops <= sys.stdlib_module_names
    assert not tops & IMPURE


@pytest.mark.parametrize("neighbour", NEIGHBOURS)
def test_providers_do_not_know_each_other(neighbour):
    others = [other.replace("/", ".") for other in NEIGHBOURS if other != neighbour]
    for file in FILES:
        if file.startswith(neighbour):
            foreign = [name for name in imports(file) if any(other in name for other in others)]
            assert not [name for name in foreign if not name.startswith(STANDS_ON.get(neighbour, "none"))]


@cache
def ours(file):
    """The files of ours that a file imports, wherever in the file it does."""
    return [found for name in whole_names(file) if (found := file_of(name)) in FILES]


def whole_names(file):
    """The modules of ours that a file imports from, and what it imports from them as if these were modules."""
    tree = ast.parse((PACKAGE / file).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("reconciler"):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
            yield node.module


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


def words(file):
    """All texts and names of a file, without docstrings and the texts that stand under constants."""
    tree = ast.parse((PACKAGE / file).read_text(encoding="utf-8"))
    explained = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if id(node) not in explained:
            yield from (value for _, value in ast.iter_fields(node) if isinstance(value, str))
            yield from (name for name in getattr(node, "names", ()) if isinstance(name, str))


def test_nothing_above_the_providers_knows_one_of_them():
    found = {(file, word) for file in FILES if part(file) in BLIND for word in words(file) if PROVIDERS.search(word)}
    excused = {(file, word) for file, word in found for of, text in SPEAKS_OF_A_PROVIDER if of == file and text in word}

    assert found == excused
    assert all(any(of == file and text in word for file, word in found) for of, text in SPEAKS_OF_A_PROVIDER)


@pytest.mark.parametrize(
    ("arguments", "allowed"),
    [
        (["--help"], {"click", "msgspec"}),
        (["--version"], {"click", "msgspec"}),
        (["schema", "stack"], {"click", "msgspec"}),
    ],
)
def test_a_command_imports_only_what_it_needs(arguments, allowed):
    loaded = set(HOMES) | {"click", "rich", "asyncio", "starlette"}
    code = (
        "import sys\n"
        "from reconciler.cli.main import run\n"
        f"run({arguments!r})\n"
        f"print(*sorted({loaded!r} & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parent)

    assert set(done.stderr.split()) <= allowed
