"""The words of an engine become errors, some of which have a type that callers answer to."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from reconciler.core.message.errors import Rejected, Unobtainable
from reconciler.providers.docker.engine.failures import NeedsBuildKit, NoReference, error_of, raise_error_in, rejected


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


@pytest.mark.parametrize(
    "words",
    [
        "dial tcp: lookup regsitry.example.com on 127.0.0.53:53: no such host",
        'Get "https://r/v2/": dial tcp 10.0.0.1:443: i/o timeout',
        'Get "https://r/v2/": net/http: TLS handshake timeout',
        "failed to resolve source metadata for r/x: dial tcp: lookup r: server misbehaving",
    ],
)
def test_a_registry_that_can_t_be_reached_is_no_wrong_value(words: str) -> None:
    answer = SimpleNamespace(status_code=500, content=json.dumps({"message": words}).encode())

    assert type(error_of(answer, "POST /images/create")) is Unobtainable
    assert type(error_of(answer, "POST /containers/x/start")) is Rejected
    with pytest.raises(Unobtainable, match=words[:10]):
        raise_error_in({"error": words})
