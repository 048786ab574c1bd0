"""`diff --report FORMAT=FILE`: several reports from one look."""

from __future__ import annotations

import json
from functools import partial

import pytest
from junitparser import JUnitXml

from tests.kit.cli import called
from tests.kit.docker.memory import MemoryEngine, served


@pytest.fixture
def reconcile(monkeypatch, capsys, tmp_path):
    (tmp_path / "stack.yaml").write_text("name: p\nservices: {web: {image: 'app:1'}}\n", encoding="utf-8")
    with served(MemoryEngine()) as url:
        yield partial(called, monkeypatch, capsys, cwd=tmp_path, env={"DOCKER_HOST": url})


def test_each_report_is_what_the_format_prints(reconcile, tmp_path):
    forms = ("github", "gitlab", "junit", "sarif", "markdown")

    ran = reconcile("diff", *(part for form in forms for part in ("--report", f"{form}={tmp_path / form}")))

    assert ran.code == 2
    for form in forms:
        assert (tmp_path / form).read_text(encoding="utf-8") == reconcile("diff", "--format", form).out
    assert len(json.loads((tmp_path / "gitlab").read_text(encoding="utf-8"))) == 3
    assert JUnitXml.fromstring((tmp_path / "junit").read_bytes()) is not None


@pytest.mark.parametrize("value", ["junit", "junit=", "xml=report.xml"])
def test_a_report_without_a_format_or_a_file_is_wrong_usage(reconcile, value):
    ran = reconcile("diff", "--report", value)

    assert ran.code == 64
    assert "= help: write FORMAT=FILE with markdown, github" in ran.err


@pytest.mark.parametrize("option", ["--report=junit={}", "--out={}"])
def test_a_file_that_cannot_be_written_is_no_wrong_usage(reconcile, tmp_path, option):
    path = tmp_path / "no" / "such"

    ran = reconcile("diff", option.format(path))

    assert ran.code == 1
    what = "report" if "report" in option else "plan"
    assert ran.err.count(f"error[RC0502]: {path}: the {what} can't be written: No such file") == 1
    assert "warning" not in ran.err
    assert "check who may write there and whether the disk has room, or name another path" in ran.err
