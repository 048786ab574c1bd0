#!/usr/bin/env python3
"""Writes the part of schemas/stack.schema.json that repeats another: the containers of `pre_start`.

They have the attributes of a service but for those that only a service can have.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

FILE: Final = Path(__file__).resolve().parents[1] / "schemas" / "stack.schema.json"
ONLY_OF_SERVICES: Final = frozenset(
    {"attach", "build", "container_name", "depends_on", "deploy", "develop", "expose", "extends", "external_links"}
    | {"healthcheck", "links", "ports", "post_start", "pre_start", "pre_stop", "profiles", "provider", "restart"}
    | {"scale", "stdin_open", "tty", "x-reconcile"}
)
_BEGIN: Final = '    "container": {\n      "type": "object",\n      "properties": {\n'
_END: Final = '        "per_replica": {\n'


def with_containers(text: str) -> str:
    """The text of the schema with the containers of `pre_start` as its services are."""
    service = json.loads(text)["$defs"]["service"]["properties"]
    attributes = {name: _attribute(name, node["title"]) for name, node in service.items()}
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    kept = "".join(part for name, part in attributes.items() if name not in ONLY_OF_SERVICES)
    return f"{before}{begin}{kept}{end}{after}"


def _attribute(name: str, title: str) -> str:
    attribute = {
        "title": title,
        "description": "As of the service, whose own it is laid over.",
        "$ref": f"#/$defs/service/properties/{name}",
    }
    body = json.dumps(attribute, indent=2, ensure_ascii=False).replace("\n", "\n" + " " * 8)
    return f'        "{name}": {body},\n'


if __name__ == "__main__":
    FILE.write_text(with_containers(FILE.read_text(encoding="utf-8")), encoding="utf-8")
