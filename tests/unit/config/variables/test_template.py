"""Variables in texts: Compose's grammar, and the narrower one of users.yaml."""

from __future__ import annotations

import pytest

from reconciler.config.variables.template import KEYCLOAK, Variables, interpolate
from reconciler.config.yaml.tree import Tainted

VARIABLES = Variables({"A": "1", "EMPTY": "", "lower": "l", "DB_PASSWORD": "pw", "URL": "x"}, frozenset({"URL"}))


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("plain", "plain"),
        ("$A", "1"),
        ("${A}", "1"),
        ("$A.$lower${A}", "1.l1"),
        ("$$A", "$A"),
        ("$$$A", "$1"),
        ("$1 $. $", "$1 $. $"),
        ("${EMPTY}", ""),
        ("${NONE-x}", "x"),
        ("${EMPTY-x}", ""),
        ("${EMPTY:-x}", "x"),
        ("${A:-x}", "1"),
        ("${NONE:-}", ""),
        ("${NONE:-a-b:-c}", "a-b:-c"),
        ("${A+x}", "x"),
        ("${EMPTY+x}", "x"),
        ("${EMPTY:+x}", ""),
        ("${NONE+x}", ""),
        ("${NONE:-${A}}", "1"),
        ("${NONE:-${ALSO:-${A}}}!", "1!"),
        ("${NONE:-{}}", "{}"),
        ('${NONE:-{"a":1}}', '{"a":1}'),
        ("${NONE:-$$}", "$"),
        ("${A:?no}${A?no}", "11"),
        ("a${NONE:-b}c${A}d", "abc1d"),
        ("${A:-${B}b", "1b"),
        ("${A:?${B}", "1"),
        ("${NONE:+${B}", ""),
        ("${NONE:-{x}", "{x"),
        ("${A:-${B} and ${C:-x}!", "1!"),
        ("${A:-${B}\nb}", "1\nb}"),
    ],
)
def test_variables_are_filled_in(text, filled):
    assert interpolate(text, VARIABLES) == (filled, ())


@pytest.mark.parametrize(
    ("text", "filled", "index", "message"),
    [
        ("a$NONE", "a", 1, "undefined variable `NONE`: set it in .env, in the environment, or write ${NONE:-default}"),
        ("ab${NONE}c", "abc", 2, "undefined variable `NONE`"),
        ("${NONE?say}", "", 0, "required variable `NONE` is not set: say"),
        ("${EMPTY:?}", "", 0, "required variable `EMPTY` is empty; set it in .env or in the environment"),
        ("${NONE:?need $A}", "", 0, "required variable `NONE` is not set: need 1"),
        ("x${", "x", 1, "the `${` here is not closed"),
        ("x${A", "x", 1, "the `${` here is not closed"),
        ("${}", "", 0, "`${}` names no variable"),
        ("${1}", "", 0, "`${1}` names no variable"),
        ("${A b}", "", 0, "`${A b}` is not understood"),
        ("${NONE:-${ALSO}", "", 8, "the `${` here is not closed"),
        ("${A:-a\nb}", "", 0, "the `${` here is not closed in its line"),
        ("${NONE:-${ALSO}}", "", 8, "undefined variable `ALSO`"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text, filled, index, message):
    done, (fault,) = interpolate(text, VARIABLES)

    assert done == filled
    assert fault.index == index
    assert fault.message.startswith(message)


@pytest.mark.parametrize(
    ("text", "is_tainted"),
    [
        ("$A", False),
        ("$DB_PASSWORD", True),
        ("postgres://u:${DB_PASSWORD}@db/x", True),
        ("${DB_PASSWORD:-default}", True),
        ("${NONE:-$DB_PASSWORD}", True),
        ("${URL}", True),  # declared to be one
        ("${DB_PASSWORD:+set}", False),  # says that it is there, not what it is
        ("$$DB_PASSWORD", False),
    ],
)
def test_a_text_with_a_secret_in_it_is_tainted(text, is_tainted):
    filled, _ = interpolate(text, VARIABLES)

    assert isinstance(filled, Tainted) is is_tainted


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("${A}", "1"),
        ("${A}-${NONE:-x}", "1-x"),
        ("$A $$ ${role_default-roles} ${client_account} ${vault.x} ${lower}", None),
        ("$${A}", "${A}"),
        ("$$A", None),
        ("$${lower}", None),
        ("${Ab}", None),
        ("${", None),
        ("$(env:A)", "1"),
        ("a $(env:lower) $(env:A)${A}", "a l 11"),
        ("$(env:NONE:-x)", "x"),
        ("$(env:NONE:-)", ""),
        ("$(env:EMPTY:-x)", ""),  # as keycloak-config-cli has it: the default is for what is not there
        ("$(env:NONE:-a(b):-c)", "a(b):-c"),
        ("$(env:NONE:-$(env:ALSO:-${A}))!", "1!"),
        ("$(sys:A)", "1"),
        ("$(sys:none.such:-x)", "x"),
        ("$$(env:A)", "$(env:A)"),
        ("$(document).ready() $(A) $() $( $(environment:A) $(#id:first)", None),
    ],
)
def test_in_users_files_only_names_in_capitals_are_variables(text, filled):
    assert interpolate(text, VARIABLES, KEYCLOAK) == (text if filled is None else filled, ())


@pytest.mark.parametrize(
    ("text", "filled", "index", "message"),
    [
        (
            "a$(env:NONE)b",
            "ab",
            1,
            "undefined variable `NONE`: set it in .env, in the environment, or write $(env:NONE",
        ),
        ("$(sys:a.b)", "", 0, "undefined variable `a.b`"),
        ("x$(env:A", "x", 1, "the `$(` here is not closed; write `$$(`"),
        ("$(file:UTF-8:x)", "", 0, "`$(file:UTF-8:x)` is not understood; expected $(env:NAME) or $(env:NAME:-default)"),
        ("$(url:UTF-8:http://a.org)b", "b", 0, "`$(url:UTF-8:http://a.org)` is not understood"),
        ("$(env:)", "", 0, "`$(env:)` is not understood"),
        ("$(env:A B)", "", 0, "`$(env:A B)` is not understood"),
        ("$(env:NONE:-$(env:ALSO))", "", 12, "undefined variable `ALSO`"),
        ("$(env:N:-" * 60 + ")" * 60, "", 450, "variables are nested more than 50 deep"),
    ],
)
def test_what_is_wrong_with_a_look_up_is_said_with_its_place(text, filled, index, message):
    done, (fault,) = interpolate(text, VARIABLES, KEYCLOAK)

    assert done == filled
    assert fault.index == index
    assert fault.message.startswith(message)


@pytest.mark.parametrize(
    ("text", "is_tainted"),
    [
        ("$(env:A)", False),
        ("x $(env:DB_PASSWORD)", True),
        ("$(env:DB_PASSWORD:-default)", True),
        ("$(env:NONE:-$(env:DB_PASSWORD))", True),
        ("$(sys:URL)", True),
        ("$$(env:DB_PASSWORD)", False),
    ],
)
def test_a_secret_that_is_looked_up_taints_its_text(text, is_tainted):
    filled, _ = interpolate(text, VARIABLES, KEYCLOAK)

    assert isinstance(filled, Tainted) is is_tainted


def test_elsewhere_a_look_up_is_a_text():
    assert interpolate("$(env:A) $$(env:A)", VARIABLES) == ("$(env:A) $(env:A)", ())
