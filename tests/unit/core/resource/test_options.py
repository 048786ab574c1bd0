"""The options of ``x-reconcile`` have names, types and defaults; the schema and they name the same ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reconciler.core.plan.restraint import Restraint, Window
from reconciler.core.resource.options import LoginOptions, PolicyOptions, ServiceOptions, StackOptions, Waiver
from reconciler.core.resource.values import Secret

SCHEMA = json.loads((Path(__file__).parents[4] / "schemas/stack.schema.json").read_text(encoding="utf-8"))["$defs"]
READ_BY_THE_LOADER, REFUSED = {"daemon", "secrets", "keycloak"}, {"hooks", "environment"}


@pytest.mark.parametrize(
    ("options", "schema", "others"),
    [
        (StackOptions, SCHEMA["settings"], READ_BY_THE_LOADER | REFUSED),
        (ServiceOptions, SCHEMA["service_settings"], REFUSED),
        (PolicyOptions, SCHEMA["settings"]["properties"]["policy"], set()),
        (Waiver, SCHEMA["waiver"], set()),
        (LoginOptions, SCHEMA["settings"]["properties"]["login"], set()),
        (Restraint, SCHEMA["settings"]["properties"]["daemon"], set()),
        (Window, SCHEMA["window"], set()),
    ],
)
def test_an_option_of_the_schema_is_a_field(options, schema, others):
    assert set(options.__struct_fields__) == schema["properties"].keys() - others


def test_options_that_are_left_out_have_their_defaults():
    assert StackOptions.of(None) == StackOptions.of({}) == StackOptions.of({"x-reconcile": {}}) == StackOptions()
    assert ServiceOptions.of({"x-reconcile": None}) == ServiceOptions()


def test_a_secret_stays_one():
    stack = {"x-reconcile": {"login": {"url": "http://localhost/", "password": Secret("sesame")}}}

    login = StackOptions.of(stack).login

    assert login
    assert login.password == Secret("sesame")


def test_the_needs_of_a_service_are_addresses():
    service = {"x-reconcile": {"depends_on": ["keycloak.client/mlflow/mlflow"]}}

    assert [str(address) for address in ServiceOptions.of(service).needs] == ["keycloak.client/mlflow/mlflow"]
