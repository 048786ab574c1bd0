"""Normal forms: equal things look equal, and normalising twice changes nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.resource.values import ABSENT, Secret
from reconciler.providers.keycloak.registry import KINDS
from reconciler.providers.keycloak.table.properties import (
    MASK,
    as_list_map,
    as_name_map,
    as_names,
    as_secret,
    as_text,
    as_text_map,
    flag,
    number,
    unmasked,
    without_masks,
)

ROWS = [(kind.name, name, row) for kind in KINDS.values() for name, row in kind.properties.items()]


@pytest.mark.parametrize("nothing", [None, "", ABSENT])
def test_nothing_is_nothing_whichever_way_it_is_written(nothing: Any) -> None:
    assert as_text(nothing) is ABSENT


@pytest.mark.parametrize(("written", "text"), [(True, "true"), (False, "false"), (25, "25"), ("x", "x")])
def test_a_free_map_has_texts_only(written: Any, text: str) -> None:
    assert as_text_map({"key": written}) == {"key": text}


def test_a_set_has_one_order_and_nothing_twice() -> None:
    assert as_names(["b", "a", "b"]) == as_names(("a", "b")) == ("a", "b")
    assert as_names(None) == as_names(ABSENT) == as_names([]) == as_names([""]) == ()
    assert as_names(["", "a"]) == ("a",)


def test_a_single_attribute_value_is_a_set_of_one() -> None:
    assert as_list_map({"floor": "1", "team": ["b", "a"], "none": []}) == {
        "floor": ("1",),
        "team": ("a", "b"),
        "none": ABSENT,
    }


def test_an_empty_set_of_client_roles_is_as_good_as_none() -> None:
    assert as_name_map({"app": [], "account": ["x"]}) == {"account": ("x",)}


@pytest.mark.parametrize(("written", "value"), [(True, True), ("true", True), ("FALSE", False), (None, False)])
def test_a_flag_may_come_as_text_from_a_variable(written: Any, value: bool) -> None:
    assert flag().normal(written) is value


@pytest.mark.parametrize(("written", "value"), [(5, 5), ("5", 5), ("-1", -1), (ABSENT, 0), ("", 0)])
def test_a_number_may_come_as_text_from_a_variable(written: Any, value: int) -> None:
    assert number().normal(written) == value


def test_a_mask_is_no_secret_but_any_other_text_is() -> None:
    assert as_secret(MASK) == MASK
    assert as_secret("x") == as_secret(Secret("x")) == Secret("x")


@pytest.mark.parametrize("mask", [MASK, Secret(MASK)])
def test_where_either_side_is_masked_the_live_value_is_kept(mask: Any) -> None:
    declared = {"host": "new", "password": mask, "other": mask}
    live = {"host": "old", "password": "x"}

    assert unmasked(declared, live) == {"host": "new", "password": "x", "other": ABSENT}
    assert unmasked({"password": Secret("x")}, {"password": MASK}) == {"password": MASK}
    assert without_masks(declared) == {"host": "new"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("length(8) and notUsername", "notUsername(undefined) and length(8)"),
        ("", None),
        ("digits(1)  and  length(8)", "digits(1) and length(8)"),
    ],
)
def test_password_policies_are_compared_as_a_set(one: Any, other: Any) -> None:
    normal = KINDS["keycloak.realm"].properties["passwordPolicy"].normal

    assert normal(one) == normal(other)


def test_group_paths_may_lack_their_slash() -> None:
    normal = KINDS["keycloak.user"].properties["groups"].normal

    assert normal(["b/c", "/a"]) == normal(["/b/c", "a"]) == ("/a", "/b/c")


def test_mail_and_host_names_are_lower_case() -> None:
    assert KINDS["keycloak.user"].properties["email"].normal("Ann@Example.ORG") == "ann@example.org"
    assert KINDS["keycloak.realm"].properties["sslRequired"].normal("EXTERNAL") == "external"


def test_passwords_are_secret_from_the_moment_they_are_read() -> None:
    (credential,) = (
        KINDS["keycloak.user"].properties["credentials"].normal([{"type": "password", "value": "x", "id": "1"}])
    )
    mail = KINDS["keycloak.realm"].properties["smtpServer"].normal({"auth": "true", "password": "x", "ssl": "false"})

    assert credential == {"type": "password", "value": Secret("x")}
    assert mail == {"auth": "true", "password": Secret("x"), "ssl": ABSENT}


TEXTS = st.text("ab*", max_size=3)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | TEXTS | st.just(ABSENT) | TEXTS.map(Secret),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=30)
@given(st.lists(TEXTS) | st.none(), st.dictionaries(TEXTS, TEXTS | st.booleans() | st.lists(TEXTS)), TEXTS)
def test_normalising_twice_is_normalising_once(names: Any, mapping: Any, text: str) -> None:
    for kind, name, row in ROWS:
        for value in (names, mapping, text, ABSENT, None):
            if _fits(row.normal, value):
                once = row.normal(value)
                assert row.normal(once) == once, (kind, name, value)


def _fits(normal: Any, value: Any) -> bool:
    try:
        normal(value)
    except (AssertionError, TypeError, ValueError, KeyError, AttributeError):
        return False  # a value that the schema doesn't let through
    return True
