"""The start of a command has a budget: the modules that it imports. Time depends on the machine, their number does not.

Whoever needs more raises the number here, and has looked what the new modules are for.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Modules of ours, and of others without the standard library.
BUDGETS = {
    ("--help",): (17, 32),
    ("--version",): (17, 32),
    ("schema", "stack"): (47, 32),
    ("validate",): (299, 60),
}

COUNT = """
import json, sys
from reconciler.cli.main import run
code = run(sys.argv[1:])
names = {name.partition(".")[0] for name in sys.modules}
ours = [name for name in sys.modules if name.partition(".")[0] == "reconciler"]
libraries = [name for name in sys.modules if name.partition(".")[0] not in {*sys.stdlib_module_names, "reconciler"}]
print(json.dumps([code, len(ours), len(libraries)]), file=sys.stderr)
"""


@pytest.mark.parametrize("arguments", BUDGETS)
def test_a_command_imports_no_more_than_its_budget(arguments):
    done = subprocess.run(
        [sys.executable, "-c", COUNT, *arguments], capture_output=True, text=True, check=True, cwd=ROOT
    )
    code, ours, libraries = json.loads(done.stderr.splitlines()[-1])

    assert code == 0, done.stderr
    most_ours, most_libraries = BUDGETS[arguments]
    assert ours <= most_ours
    assert libraries <= most_libraries
