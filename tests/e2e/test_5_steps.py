"""The way of docs/step-by-step.md, on the stack that is up; its last steps take the stack away."""

from __future__ import annotations

import re

import pytest

from tests.kit import sso
from tests.kit.cli import ROOT
from tests.kit.sso import Outcome

PAGE = (ROOT / "docs/step-by-step.md").read_text(encoding="utf-8")
STEPS = [row.split("|")[3] for row in PAGE.split("## Settings")[0].splitlines() if row.count("|") == 4]
COMMANDS = [command for step in STEPS for command in re.findall(r"`reconcile ([^`]+)`", step)]
LOOKS = [command for command in COMMANDS if not command.startswith(("apply", "down", "build --push"))]


def test_the_page_has_the_steps_of_the_test():
    """Each command is run below, or in test_1_login."""
    rest = [command for command in COMMANDS if command not in LOOKS]

    assert LOOKS == ["init", "validate", "build mlflow", "diff", "status", "logs mlflow"]
    assert rest == ["build --push mlflow", "apply", "apply", "apply", "down", "down --volumes --confirm mlflow"]


@pytest.mark.parametrize("command", LOOKS)
def test_a_step_that_has_nothing_to_do_is_done(seed, command):
    before = seed.identities()

    done = seed.run(*command.split())

    assert done.code == 0, done.err
    assert seed.identities() == before


def test_groups_get_other_names_in_both_halves(seed):
    with (seed.directory / ".env").open("a", encoding="utf-8") as file:
        file.write("OIDC_GROUP_NAME=team\nOIDC_ADMIN_GROUP_NAME=leads\n")

    assert seed.run("apply", "--yes").code == 0

    login = sso.login(seed.url("MLFLOW_PORT"), "mlflow_user", "password123")
    assert login.outcome is Outcome.SIGNED_IN, login.message
    admin = sso.login(seed.url("MLFLOW_PORT"), "mlflow_admin", seed.settings["MLFLOW_ADMIN_PASSWORD"])
    assert sso.whoami(admin.session).is_admin


def test_down_leaves_the_data_and_down_with_volumes_does_not(seed):
    mine = {"label": [f"com.docker.compose.project={seed.project}"]}

    assert seed.run("down").code == 0
    assert not seed.identities()
    assert len(seed.engine.get("/volumes", filters=mine)["Volumes"]) == 3

    assert seed.run("down", "--volumes", "--confirm", seed.project).code == 0
    assert not seed.engine.get("/volumes", filters=mine)["Volumes"]
