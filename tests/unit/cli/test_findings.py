"""The formats for CI systems from the command line: also of wrong files, at paths that the CI system knows."""

from __future__ import annotations

import json
from functools import partial

import pytest
from junitparser import JUnitXml

from tests.kit.cli import called
from tests.kit.docker.memory import MemoryEngine, served

WRONG = "services:\n  web:\n    imagee: nginx\n"
STACK = "name: p\nservices:\n  web:\n    image: app:1\n    environment:\n      V: '1'\n    mem_limit: 64M\n"
FORMATS = ("github", "gitlab", "junit", "sarif", "markdown")


@pytest.fixture
def reconcile(monkeypatch, capsys):
    return partial(called, monkeypatch, capsys)


def places_of(form, text):
    """The file and line of each finding, as a CI system reads them."""
    match form:
        case "github":
            lines = [line for line in text.splitlines() if line.startswith("::")]
            found = [
                dict(part.split("=", 1) for part in line.split("::")[1].partition(" ")[2].split(",")) for line in lines
            ]
            return {(each["file"], int(each.get("line", 1))) for each in found}
        case "gitlab":
            return {(each["location"]["path"], each["location"]["lines"]["begin"]) for each in json.loads(text)}
        case "junit":
            cases = next(iter(JUnitXml.fromstring(text.encode())))
            return {(case._elem.get("file"), int(case._elem.get("line"))) for case in cases if case.result}
        case "sarif":
            places = [each["locations"][0]["physicalLocation"] for each in json.loads(text)["runs"][0]["results"]]
            return {(each["artifactLocation"]["uri"], each["region"]["startLine"]) for each in places}
    return {("deploy/stack.yaml", 3)} if "`deploy/stack.yaml:3`" in text else set()


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("command", ["diff", "validate"])
def test_a_wrong_file_is_65_and_marked_at_its_line(reconcile, tmp_path, command, form):
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy/stack.yaml").write_text(WRONG, encoding="utf-8")

    ran = reconcile("-f", "deploy/stack.yaml", command, "--format", form, cwd=tmp_path)

    assert ran.code == 65
    assert places_of(form, ran.out) == {("deploy/stack.yaml", 3)}
    assert "did you mean `image`?" in ran.out
    assert "1 problem; nothing was touched." in ran.err


@pytest.mark.parametrize("variable", ["GITHUB_WORKSPACE", "CI_PROJECT_DIR"])
@pytest.mark.parametrize("arguments", [[], ["--project-directory", "."], ["-f", "stack.yaml"]])
def test_paths_begin_at_the_folder_of_the_repository(reconcile, tmp_path, variable, arguments):
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy/stack.yaml").write_text(WRONG, encoding="utf-8")

    ran = reconcile(*arguments, "diff", "--format", "gitlab", cwd=tmp_path / "deploy", env={variable: str(tmp_path)})

    assert places_of("gitlab", ran.out) == {("deploy/stack.yaml", 3)}


@pytest.mark.parametrize("form", FORMATS)
def test_an_engine_that_does_not_answer_is_a_finding_and_69(reconcile, tmp_path, form):
    (tmp_path / "stack.yaml").write_text(STACK, encoding="utf-8")

    ran = reconcile("diff", "--format", form, cwd=tmp_path, env={"DOCKER_HOST": "unix:///nowhere.sock"})

    assert ran.code == 69
    assert "there is no Docker engine at /nowhere.sock" in ran.out


@pytest.mark.parametrize("form", FORMATS[:-1])
def test_a_drifted_field_is_marked_in_each_format(reconcile, tmp_path, form):
    (tmp_path / "stack.yaml").write_text(STACK, encoding="utf-8")
    engine = MemoryEngine()
    engine.image("app:1")
    with served(engine) as url:
        env = {"DOCKER_HOST": url}
        assert reconcile("apply", "--yes", cwd=tmp_path, env=env).code == 0
        clean = reconcile("diff", "--format", form, cwd=tmp_path, env=env)
        next(iter(engine.containers.values()))["HostConfig"]["Memory"] = 32 << 20
        ran = reconcile("diff", "--format", form, cwd=tmp_path, env=env)

    assert (clean.code, places_of(form, clean.out)) == (0, set())
    assert (ran.code, places_of(form, ran.out)) == (2, {("stack.yaml", 7)})
    assert "mem_limit: 32 MiB → 64 MiB" in ran.out or "mem_limit: 32 MiB \\u2192 64 MiB" in ran.out


@pytest.mark.parametrize("form", FORMATS[:-1])
def test_valid_files_have_no_findings_but_their_warnings(reconcile, tmp_path, form):
    (tmp_path / "stack.yaml").write_text(STACK, encoding="utf-8")

    ran = reconcile("--profile", "nope", "validate", "--format", form, cwd=tmp_path)

    assert ran.code == 0
    assert "no service has the profile `nope`" in ran.out
