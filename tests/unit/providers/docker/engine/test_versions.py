"""The version of the API that is spoken with an engine."""

from __future__ import annotations

import pytest

from reconciler.core.message.errors import Unreachable
from reconciler.providers.docker.engine.versions import OLDEST_API, TESTED_API, spoken, version_of

NEWER = (TESTED_API[0], TESTED_API[1] + 5)


@pytest.mark.parametrize(
    ("oldest", "newest", "asked", "version"),
    [
        ((1, 12), (1, 41), "", (1, 41)),
        ((1, 24), (1, 47), "", (1, 47)),
        ((1, 24), NEWER, "", TESTED_API),
        ((1, 44), NEWER, "1.44", (1, 44)),
        ((1, 24), (1, 47), "v1.45", (1, 45)),
    ],
)
def test_it_is_the_newest_that_both_know_or_the_one_that_is_asked_for(oldest, newest, asked, version):
    assert spoken(oldest, newest, asked) == version


@pytest.mark.parametrize(
    ("oldest", "newest", "asked", "said"),
    [
        ((1, 12), (1, 40), "", r"speaks API 1\.40, and reconcile 1\.41 to .*; update it to Docker 20\.10 or newer"),
        ((1, 12), (1, 40), "1.40", r"speaks API 1\.40"),
        (NEWER, NEWER, "", "or newer, and reconcile .*; update reconcile"),
        ((1, 24), (1, 47), "1.40", r"DOCKER_API_VERSION is 1\.40; this engine supports only 1\.41 to 1\.47"),
        ((1, 44), (1, 47), "1.41", r"this engine supports only 1\.44 to 1\.47; unset it"),
        ((1, 24), NEWER, "1.99", f"this engine supports only 1.41 to {TESTED_API[0]}.{TESTED_API[1]}"),
        ((1, 24), (1, 47), "newest", "DOCKER_API_VERSION is newest"),
    ],
)
def test_beyond_what_both_know_it_is_said_what_can_be_done(oldest, newest, asked, said):
    with pytest.raises(Unreachable, match=said):
        spoken(oldest, newest, asked)


@pytest.mark.parametrize(("text", "version"), [("1.41", (1, 41)), ("v1.9", (1, 9)), ("", (0, 0)), ("1", (0, 0))])
def test_a_text_that_is_no_version_is_older_than_all(text, version):
    assert version_of(text) == version
    assert version < (1, 99)
    assert OLDEST_API <= TESTED_API
