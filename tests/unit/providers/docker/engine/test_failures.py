"""The words of an engine become errors, some of which have a type that callers answer to."""

from __future__ import annotations

import pytest

from reconciler.core.message.errors import Rejected
from reconciler.providers.docker.engine.failures import NeedsBuildKit, NoReference, raise_error_in, rejected


@pytest.mark.parametrize(
    ("words", "sort"),
    [
        ("the --mount option requires BuildKit. Refer to https://docs.docker.com", NeedsBuildKit),
        ("invalid reference format: repository name must be lowercase", NoReference),
        ("pull access denied for nobody/nothing", Rejected),
    ],
)
def test_a_rejection_that_a_caller_answers_to_has_a_type_of_its_own(words: str, sort: type[Rejected]) -> None:
    error = rejected(words)

    assert type(error) is sort
    assert str(error) == words
    with pytest.raises(sort, match=words[:10]):
        raise_error_in({"error": f"{words}\n"})
