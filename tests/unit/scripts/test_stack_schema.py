"""The schema of a stack is as its script writes it."""

from __future__ import annotations

import json

from scripts.stack_schema import FILE, ONLY_OF_SERVICES, with_containers

TEXT = FILE.read_text(encoding="utf-8")


def test_the_schema_has_what_the_script_writes():
    assert with_containers(TEXT) == TEXT


def test_an_attribute_that_is_new_to_services_comes_to_the_containers_of_pre_start():
    one_more = '        "attach": {\n          "title": "Fresh",\n          "type": "string"\n        },\n'
    service = TEXT.index('    "service": {\n')
    place = TEXT.index('        "attach": {\n', service)
    text = TEXT[:place] + one_more.replace("attach", "fresh") + TEXT[place:]

    container = json.loads(with_containers(text))["$defs"]["container"]["properties"]

    assert container["fresh"]["title"] == "Fresh"
    assert container["fresh"]["$ref"] == "#/$defs/service/properties/fresh"


def test_what_only_a_service_can_have_is_an_attribute_of_services():
    definitions = json.loads(TEXT)["$defs"]

    assert set(definitions["service"]["properties"]) >= ONLY_OF_SERVICES
    assert not ONLY_OF_SERVICES & set(definitions["container"]["properties"])
