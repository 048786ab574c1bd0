"""The form of an attribute is what the schema says of it."""

from __future__ import annotations

import pytest

from reconciler.config.compose.model import model
from reconciler.config.compose.model.attributes import by_form, forms


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("cap_add", "texts"),
        ("environment", "mapping"),
        ("hostname", "string"),
        ("oom_score_adj", "integer"),
        ("pid", "string"),
        ("privileged", "boolean"),
        ("pull_policy", "string"),
        ("stop_grace_period", "duration"),
        ("use_api_socket", "boolean"),
    ],
)
def test_a_form_is_a_named_one_or_the_type_of_a_scalar(name, form):
    assert forms("service")[name] == form
    assert forms("container")[name] == form


@pytest.mark.parametrize("name", ["cpus", "gpus", "logging", "models", "volumes"])
def test_what_the_schema_describes_in_place_has_no_form(name):
    assert forms("service")[name] == ""


def test_a_rule_of_a_form_is_that_of_its_attributes():
    assert by_form("service", {"ulimits": "a rule"}) == {"ulimits": "a rule"}


def test_extensions_are_no_attributes():
    assert [name for name in forms("service") if name.startswith("x-")] == []


def test_an_attribute_without_form_and_row_is_reported_by_its_name():
    rows = {name: field for name, field in model.SERVICE.items() if name != "logging"}

    with pytest.raises(LookupError, match="becomes of logging; add"):
        model.fields("service", rows)
