"""A text that is no image reference is an error at its line."""

from __future__ import annotations

import json

import pytest

from reconciler.core.message.errors import ConfigError
from tests.kit.docker.memory import a_stack


def stack(reference, **service):
    return json.dumps({"services": {"web": {"image": reference, **service}, "db": {"image": "app:1"}}}, indent=1)


@pytest.mark.parametrize(
    "reference",
    [
        "app",
        "app:1.2-alpine_3",
        "library/app",
        "localhost:5000/a/b_c/d__e/f--g:v1",
        "[::1]:5000/app",
        "registry.example.org/app@sha256:" + "0" * 64,
        "ghcr.io/team/app:1@sha256:" + "a" * 64,
        "sha256:" + "b" * 64,
        "0123456789ab",
        "Registry/app",
    ],
)
def test_what_the_engine_takes_is_taken(reference, tmp_path):
    assert a_stack(stack(reference), tmp_path).stack


@pytest.mark.parametrize(
    "reference",
    ["App", "app:", "app:1:2", "a//b", "/app", "app/", "a b", "registry.invalid/UPPER", "app@sha256:12", "app:-1", "ä"],
)
def test_what_is_none_is_an_error_at_its_line(reference, tmp_path):
    with pytest.raises(ConfigError) as raised:
        a_stack(stack(reference), tmp_path)

    (problem,) = raised.value.problems
    assert (problem.origin.line, problem.origin.column) == (4, 13)
    assert f"services.web.image: `{reference}` is not a valid image reference" in problem.message


def test_an_image_that_is_mounted_is_looked_at_as_well(tmp_path):
    mounted = [{"type": "image", "source": "UP:1", "target": "/up"}]

    with pytest.raises(ConfigError, match="services.web.volumes: `UP:1` is not a valid image reference"):
        a_stack(stack("app:1", volumes=mounted), tmp_path)
