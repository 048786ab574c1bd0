"""The page on adding a type of Keycloak object does what it says: followed on a copy of the sources, the type works."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
PAGE = ROOT / "docs" / "adding-a-kind.md"
BLOCK = re.compile(
    r"^(?:The file|In) `([^`]+)`(?:, (after|under) `([^`]+)`)?:\n\n```\w+\n(.*?)^```", re.MULTILINE | re.DOTALL
)
USERS = """\
realm: lab
x-reconcile: {prune: {gadgets: exact}}
gadgets:
  - name: lamp
    colour: red
"""
PLAN = """\
from reconciler.core.difference.change import Action
from reconciler.core.plan.plan import make
from reconciler.core.resource.resource import Observed
from reconciler.providers.keycloak.provider import KeycloakProvider
from tests.kit.keycloak.server import document

provider = KeycloakProvider({})
desired = tuple(provider.expand(document({"realm": "lab", "gadgets": [{"name": "lamp", "colour": "red"}]})))
(lamp,) = [each for each in desired if each.address.kind == "keycloak.gadget"]
for live in ((), (Observed(lamp.address, "1", {"enabled": True, "colour": "green"}),)):
    plan = make({"keycloak": provider}, desired, live)
    (change,) = [each for each in plan.changes if each.address == lamp.address]
    steps = [step for step in provider.steps(plan.changes) if step.address == lamp.address]
    fields = [".".join(field.path) for field in change.fields] if change.action is Action.UPDATE else []
    print(change.action.value, *fields, *(step.verb for step in steps))
"""


def follow(page: str, tree: Path) -> None:
    """Does what the page says: writes a file, adds lines after one, adds members to an object of the schema."""
    for file, how, where, text in BLOCK.findall(page):
        path = tree / file
        if how == "after":
            lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
            (at,) = [number for number, line in enumerate(lines, 1) if line.strip() == where]
            path.write_text("".join((*lines[:at], text, *lines[at:])), encoding="utf-8")
        elif how == "under":
            schema = json.loads(path.read_text(encoding="utf-8"))
            place = schema
            for name in where.split("."):
                place = place[name]
            place |= json.loads(text)
            path.write_text(json.dumps(schema, indent=2), encoding="utf-8")
        else:
            path.write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("copy")
    for name in ("reconciler", "schemas", "tests"):
        shutil.copytree(ROOT / name, made / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "users.yaml"):
        shutil.copy(ROOT / name, made / name)
    follow(PAGE.read_text(encoding="utf-8"), made)
    (made / "lab.yaml").write_text(USERS, encoding="utf-8")
    return made


def ran(tree: Path, *arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], cwd=tree, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_file_with_the_new_type_is_valid(tree: Path) -> None:
    assert "valid" in ran(tree, "-m", "reconciler", "-u", "lab.yaml", "validate")


def test_config_prints_the_new_type(tree: Path) -> None:
    assert "colour: red" in ran(tree, "-m", "reconciler", "-u", "lab.yaml", "config")


def test_a_new_object_is_made_and_a_change_is_an_update(tree: Path) -> None:
    made, changed = ran(tree, "-c", PLAN).splitlines()

    assert made == "create create"
    assert changed == "update colour update"


def test_the_shared_tests_of_the_types_find_it(tree: Path) -> None:
    files = ("test_schema.py", "test_vocabulary.py")

    ran(
        tree,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        *(f"tests/unit/providers/keycloak/{name}" for name in files),
    )
