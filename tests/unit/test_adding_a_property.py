"""docs/adding-a-property.md is enough: what it says, done to a copy of the program, makes a property that works."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "adding-a-property.md").read_text(encoding="utf-8")
STEP = re.compile(r"In\s+`(?P<file>[^`]+)`,[^`]*?above\s+`(?P<anchor>[^\n]+)`:\n\n```\w+\n(?P<text>.*?)```", re.DOTALL)
SCHEMA = "schemas/stack.schema.json"
STACK = """\
services:
  web:
    image: app:1
    masked_paths: [/proc/keys, "${PATH_TO_MASK}"]
    pre_start:
      - command: [prepare]
"""


def run(copy: Path, *command: str) -> str:
    """The output of a command that has to succeed, with the copy in place of the program."""
    environment = {**os.environ, "PYTHONPATH": str(copy), "PATH_TO_MASK": "/proc/acpi"}
    done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the program and its tests, with the property that the page adds."""
    copy = tmp_path_factory.mktemp("copy")
    for folder in ("reconciler", "schemas", "scripts", "tests", "docs"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    for step in STEP.finditer(PAGE):
        file = copy / step["file"]
        before, anchor, after = after_services(file).partition(step["anchor"])
        indent = before[before.rindex("\n") + 1 :]
        head = file.read_text(encoding="utf-8").removesuffix(before + anchor + after)
        file.write_text(f"{head}{before.removesuffix(indent)}{step['text']}{indent}{anchor}{after}", encoding="utf-8")
    run(copy, sys.executable, "scripts/stack_schema.py")
    (copy / "stack.yaml").write_text(STACK, encoding="utf-8")
    return copy


def after_services(file: Path) -> str:
    """The text of a file; of the schema from the definition of a service on."""
    text = file.read_text(encoding="utf-8")
    return text[text.index('    "service": {') :] if file.name == Path(SCHEMA).name else text


def test_the_page_has_a_step_for_each_file():
    assert [step["file"] for step in STEP.finditer(PAGE)] == [
        SCHEMA,
        "reconciler/providers/docker/kinds/container.py",
        "reconciler/config/compose/checks/swarm.py",
        "docs/swarm.md",
        "tests/kit/docker/fields.py",
    ]


def test_the_new_property_is_valid_and_in_the_model_of_service_and_pre_start(copy):
    reconcile = (sys.executable, "-m", "reconciler", "-f", "stack.yaml")

    run(copy, *reconcile, "validate")
    model = run(copy, *reconcile, "config")

    assert re.findall(r"masked_paths:\n\s+- /proc/keys\n\s+- /proc/acpi\n", model) != []
    assert model.count("masked_paths:") == len(("service", "pre_start"))


@pytest.mark.parametrize(
    "tests",
    [
        "tests/unit/providers/docker/kinds/test_rows.py",
        "tests/unit/config/compose/test_carried_out.py",
        "tests/unit/config/compose/test_swarm.py",
    ],
)
def test_the_tests_of_a_property_find_the_new_one_and_pass(tests, copy):
    told = run(copy, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", tests, "-k", "masked")

    assert re.search(r"[1-9]\d* passed", told)


def test_the_tables_agree_with_the_new_property(copy):
    tests = (
        "tests/unit/config/compose/test_tables.py",
        "tests/unit/scripts/test_stack_schema.py",
        "tests/unit/config/compose/test_swarm.py::test_the_docs_list_what_a_swarm_can_not_do",
    )

    assert "passed" in run(copy, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests)
