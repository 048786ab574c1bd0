"""Images for another platform than the declared one, and those that somebody else built."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from reconciler.providers.docker.kinds import image
from reconciler.providers.docker.provider import DockerProvider
from reconciler.providers.docker.table import labels
from tests.kit.docker.memory import a_stack

LIVE = {"Os": "linux", "Architecture": "arm64", "Variant": "v8"}


@pytest.mark.parametrize(
    ("platform", "is_other"),
    [
        *((same, False) for same in ("", "linux/arm64", "linux/arm64/v8", "linux/aarch64", "linux")),
        *((other, True) for other in ("linux/amd64", "windows/arm64", "amd64")),
    ],
)
def test_another_platform_is_reported(platform, is_other):
    assert bool(image.other_platform({"platform": platform}, LIVE)) is is_other
    assert bool(image.other_platform({"platform": "", "build": {"platform": platform}}, LIVE)) is is_other
    assert image.other_platform({"platform": platform}, {}) == ""


@pytest.mark.parametrize(
    ("named", "is_since"),
    [("2026-11-24T03:05:00.5Z", True), ("2026-11-24T03:04:59Z", False), ("0001-01-01T00:00:00Z", False), (None, False)],
)
def test_when_an_image_was_named_is_compared_in_seconds(named, is_since):
    changed_at = datetime(2026, 11, 24, 3, 5, 0, 900_000, UTC)

    assert image.is_named_since({"Metadata": {"LastTagTime": named}}, changed_at) is is_since


def test_ours_is_told_by_its_label():
    assert image.is_ours({"Config": {"Labels": {labels.INPUTS: "abc"}}})
    assert not image.is_ours({"Config": {"Labels": None}})


@pytest.mark.parametrize(
    ("found", "is_from_compose"),
    [
        ({labels.SERVICE: "web"}, True),
        ({labels.IMAGE_BUILDER: "classic"}, True),
        ({labels.SERVICE: "other", labels.IMAGE_BUILDER: "classic"}, False),
        ({"team": "a"}, False),
        (None, False),
    ],
)
def test_compose_says_in_labels_that_it_built_an_image(found, is_from_compose):
    assert image.is_from_compose({"services": ("web", "worker")}, {"Config": {"Labels": found}}) is is_from_compose


STACK = """services:
  web: {image: 'app:1'}
  own: {image: 'app:2', platform: linux/amd64}
  built: {build: {context: .}}
  several: {build: {context: ., platforms: [linux/amd64, linux/s390x]}}
"""


def test_the_usual_platform_of_the_command_line_is_that_of_services_without_one(folder):
    provider = DockerProvider("p", {"DOCKER_DEFAULT_PLATFORM": "linux/arm64"})

    found = {each.address.name: each.spec for each in provider.expand(a_stack(STACK, folder))}

    asked = {name: (spec.get("build") or spec).get("platform") for name, spec in found.items() if "ref" in spec}
    assert asked == {"app:1": "linux/arm64", "app:2": "linux/amd64", "p-built": "linux/arm64", "p-several": ""}
