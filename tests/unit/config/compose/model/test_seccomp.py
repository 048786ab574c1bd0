"""Seccomp profiles that a stack names."""

from __future__ import annotations

import pytest

from reconciler.config import Sources, load, printable
from reconciler.core.message.errors import ConfigError

STACK = 'services: {{a: {{image: x, security_opt: ["{}"]}}}}\n'


@pytest.fixture
def sources(tmp_path):
    def made(option, profile='{ "defaultAction": "SCMP_ACT_ALLOW" }', more=""):
        file = tmp_path / "deep" / "stack.yaml"
        file.parent.mkdir()
        file.write_text(STACK.format(option) + more)
        (tmp_path / "sec.json").write_text(profile)
        return Sources(tmp_path, (file,))

    return made


@pytest.mark.parametrize("option", ["seccomp=./sec.json", "seccomp:sec.json"])
def test_the_file_is_read_from_the_project_s_directory_and_followed(sources, tmp_path, option):
    loaded = load(sources(option))

    assert loaded.document.stack["services"]["a"]["security_opt"] == ('seccomp={"defaultAction":"SCMP_ACT_ALLOW"}',)
    assert tmp_path / "sec.json" in loaded.files


@pytest.mark.parametrize("option", ["seccomp=unconfined", "seccomp:unconfined", "seccomp=builtin", "label=disable"])
def test_words_are_no_files(sources, option):
    assert load(sources(option)).document.stack["services"]["a"]["security_opt"] == (option,)


def test_it_is_printed_as_it_is_written(sources):
    assert printable(sources("seccomp=./sec.json")).model["services"]["a"]["security_opt"] == ["seccomp=./sec.json"]


@pytest.mark.parametrize(
    ("option", "profile", "says"),
    [
        ("seccomp=./other.json", "{}", "the seccomp profile other.json: no such file"),
        ("seccomp=./sec.json", "{,", "the seccomp profile sec.json is no JSON: line 1, column 2: a name"),
    ],
)
def test_a_profile_that_can_t_be_read_is_reported_at_its_line(sources, option, profile, says):
    with pytest.raises(ConfigError) as error:
        load(sources(option, profile))

    (problem,) = error.value.problems
    assert (problem.origin.line, problem.message[: len(says)]) == (1, says)


def test_one_outside_the_project_is_refused_where_paths_are_confined(sources, tmp_path):
    (tmp_path.parent / "far.json").write_text("{,")

    with pytest.raises(ConfigError, match="outside of the project's directory") as error:
        load(sources("seccomp=../far.json", more="x-reconcile: {policy: {paths: project}}"))

    assert len(error.value.problems) == 1
