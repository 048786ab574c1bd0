from __future__ import annotations

import pytest

from reconciler.core.message.errors import (
    ConfigError,
    Locked,
    ProviderError,
    Refusal,
    Refused,
    Rejected,
    Throttled,
    Unreachable,
    unforeseen,
)
from reconciler.core.message.problem import Problem
from reconciler.core.resource.resource import Origin
from tests.kit.build import address

WEB = address("memory.box/web")


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({}, "no"),
        ({"doing": "put"}, "put: no"),
        ({"address": WEB}, f"{WEB}: no"),
        ({"address": WEB, "doing": "put"}, f"put {WEB}: no"),
    ],
)
@pytest.mark.parametrize("kind", [ProviderError, Rejected, Unreachable])
def test_a_failed_call_says_what_was_done_to_what(kind, given, text):
    error = kind("no", **given)

    assert str(error) == text
    assert (error.address, error.doing) == (given.get("address"), given.get("doing", ""))


def test_a_server_that_asks_for_patience_says_for_how_long():
    error = Throttled("later", retry_in=2.5, address=WEB, doing="put")

    assert (error.retry_in, error.address, error.doing) == (2.5, WEB, "put")
    assert str(error) == f"put {WEB}: later"


def test_an_exception_that_nobody_translated_is_named_and_kept():
    cause = KeyError("a")

    error = unforeseen(cause, address=WEB, doing="put")

    assert str(error) == f"put {WEB}: unexpected KeyError: 'a'"
    assert error.__cause__ is cause


def test_errors_that_are_lists_have_each_of_them_on_a_line():
    problems = [Problem("is wrong", Origin("a.yaml", 1, 2)), Problem("too", Origin("b.yaml"))]
    refusals = [Refusal(WEB, "would go", "allow it"), Refusal(None, "more", "less")]

    wrong, refused = ConfigError(problems), Refused(refusals)

    assert str(wrong) == "a.yaml:1:2: is wrong\nb.yaml: too"
    assert wrong.problems == tuple(problems)
    assert str(refused) == "would go; allow it\nmore; less"
    assert refused.refusals == tuple(refusals)


def test_a_lock_has_an_owner():
    error = Locked("held", "somebody")

    assert (str(error), error.owner) == ("held", "somebody")
