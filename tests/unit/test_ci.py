"""The action for GitHub and the template for GitLab: as their schemas say, and run with what the systems give them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.kit.cli import ROOT, environment
from tests.kit.docker.memory import MemoryEngine, served

CI = ROOT / "ci"
STACK = "name: p\nservices: {web: {image: 'app:1', mem_limit: 64M}}\n"


@pytest.mark.parametrize(
    ("schema", "file"),
    [
        ("vendor.github-actions", "github/action.yml"),
        ("vendor.github-workflows", "github/example.yml"),
        ("vendor.gitlab-ci", "gitlab/example.gitlab-ci.yml"),
    ],
)
def test_each_file_is_as_its_system_wants_it(schema, file):
    checked = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema]
    done = subprocess.run([*checked, str(CI / file)], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_template_is_as_gitlab_wants_it_once_its_inputs_are_there(tmp_path):
    text = (CI / "gitlab/reconcile.yml").read_text(encoding="utf-8")
    head, body = text.split("\n---\n")
    inputs = yaml.safe_load(head)["spec"]["inputs"]
    for name, options in inputs.items():
        body = body.replace(f"$[[ inputs.{name} ]]", str(options["default"]))
    (tmp_path / "made.yml").write_text(body, encoding="utf-8")

    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.gitlab-ci", str(tmp_path / "made.yml")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert "$[[" not in body
    assert done.returncode == 0, done.stdout + done.stderr


def test_inputs_of_the_action_are_no_code():
    steps = yaml.safe_load((CI / "github/action.yml").read_text(encoding="utf-8"))["runs"]["steps"]

    assert not [step["run"] for step in steps if "${{" in step["run"]]


GH = """#!/usr/bin/env bash
printf '%s\\n' "$*" >>"$GH_CALLS"
for each in "$@"; do case "$each" in body=@*) cat "${each#body=@}" >>"$GH_CALLS";; esac; done
[[ "$*" == *--paginate* ]] && echo "$GH_FOUND"
exit "${GH_CODE:-0}"
"""


class Runner:
    """A runner of GitHub: what the script is given, and what it left."""

    def __init__(self, folder: Path, engine: str) -> None:
        self.folder = folder
        programs = folder / "bin"
        programs.mkdir()
        for name, text in (("gh", GH), ("reconcile", f'#!/bin/sh\nexec {sys.executable} -m reconciler "$@"\n')):
            (programs / name).write_text(text, encoding="utf-8")
            (programs / name).chmod(0o755)
        (folder / "deploy").mkdir()
        self.write(STACK)
        self.variables = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "DOCKER_HOST": engine,
            "DIRECTORY": "deploy",
            "GITHUB_WORKSPACE": str(folder),
            "GITHUB_REPOSITORY": "us/shop",
            **{name: str(folder / name) for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT", "GH_CALLS")},
        }

    def write(self, text: str) -> None:
        (self.folder / "deploy/stack.yaml").write_text(text, encoding="utf-8")

    def run(self, **variables: str) -> subprocess.CompletedProcess[str]:
        for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT", "GH_CALLS"):
            (self.folder / name).write_text("", encoding="utf-8")
        env = environment(**self.variables, **variables)
        script = str(CI / "github/diff.sh")
        return subprocess.run([script], cwd=self.folder, env=env, capture_output=True, text=True, check=False)

    def left(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8")

    def outputs(self) -> dict[str, str]:
        return dict(line.split("=", 1) for line in self.left("GITHUB_OUTPUT").splitlines())


@pytest.fixture
def runner(tmp_path):
    engine = MemoryEngine()
    engine.image("app:1")
    with served(engine) as url:
        yield Runner(tmp_path, url)


def test_a_difference_is_marked_commented_and_told_to_later_steps(runner):
    ran = runner.run(PULL_REQUEST="7", SARIF=str(runner.folder / "out.sarif"))

    outputs = runner.outputs()
    assert ran.returncode == 0, ran.stderr
    assert "::warning file=deploy/stack.yaml,line=2,col=12,title=docker.container/web%3A create" in ran.stdout
    assert (outputs["changed"], outputs["exit-code"], len(outputs["checksum"])) == ("true", "2", 32)
    assert "### reconcile: p" in runner.left("GITHUB_STEP_SUMMARY")
    calls = runner.left("GH_CALLS")
    assert "api --method POST repos/us/shop/issues/7/comments" in calls
    assert "<!-- reconcile-action:deploy -->\n### reconcile: p" in calls
    assert json.loads(runner.left("out.sarif"))["version"] == "2.1.0"


def test_the_comment_is_edited_where_there_is_one(runner):
    runner.run(PULL_REQUEST="7", GH_FOUND="4711", COMMENT_KEY="production")

    calls = runner.left("GH_CALLS")
    assert "api --method PATCH repos/us/shop/issues/comments/4711" in calls
    assert "<!-- reconcile-action:production -->" in calls
    assert "POST" not in calls


def test_a_comment_that_fails_does_not_hide_the_result(runner):
    ran = runner.run(PULL_REQUEST="7", GH_CODE="1", FAIL_ON_DIFFERENCE="true")

    assert ran.returncode == 2
    assert "The comment on the pull request could not be written" in ran.stdout


def test_wrong_files_fail_the_job_and_are_commented(runner):
    runner.write("services: {web: {imagee: x}}\n")

    ran = runner.run(PULL_REQUEST="7")

    assert ran.returncode == 65
    assert "::error file=deploy/stack.yaml,line=1," in ran.stdout
    assert runner.outputs() == {"exit-code": "65", "changed": "false", "checksum": ""}
    assert "did you mean `image`?" in runner.left("GH_CALLS")


def test_without_a_pull_request_there_is_no_comment(runner):
    ran = runner.run(ARGUMENTS="--profile nope -p other")

    assert ran.returncode == 0
    assert runner.left("GH_CALLS") == ""
    assert "### reconcile: other" in runner.left("GITHUB_STEP_SUMMARY")


def test_the_checksum_lets_exactly_the_shown_plan_be_applied(runner):
    checksum = (runner.run(), runner.outputs()["checksum"])[1]
    apply = [sys.executable, "-m", "reconciler", "apply", "--checksum", checksum]
    env, deploy = environment(**runner.variables), runner.folder / "deploy"

    runner.write(STACK.replace("64M", "32M"))
    other = subprocess.run(apply, cwd=deploy, env=env, capture_output=True, text=True, check=False)
    runner.write(f"# a comment\n{STACK}")
    shown = subprocess.run(apply, cwd=deploy, env=env, capture_output=True, text=True, check=False)
    again = subprocess.run(apply, cwd=deploy, env=env, capture_output=True, text=True, check=False)

    assert (other.returncode, "is not the checksum of this plan" in other.stderr) == (5, True)
    assert shown.returncode == 0, shown.stderr
    assert again.returncode == 5
