"""The OpenAPI document, made from the table of routes, so that the two can't differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from reconciler import __version__
from reconciler.web.access import Role
from reconciler.web.desk import Route

VERSION: Final = "3.1.0"
_ERROR: Final = {
    "description": "It is not granted; `error` says why.",
    "content": {
        "application/json": {
            "schema": {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]}
        }
    },
}


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """The description of these routes."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": VERSION,
        "info": {"title": "reconcile daemon", "version": __version__},
        "paths": paths,
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }


def _operation(route: Route) -> Mapping[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.path.rsplit("/", 1)[1].replace(".", "_"),
        "summary": route.summary,
        "description": f"Needs the role {Role(route.role).name.lower()}.",
        "security": [{"token": []}],
        "parameters": [
            {"name": name, "in": "query", "description": text, "schema": {"type": "string"}}
            for name, text in route.parameters.items()
        ],
        "responses": {"200" if route.method == "GET" else "2XX": {"description": route.summary}, "4XX": _ERROR},
    }
    if route.request:
        schema = {"type": "object", "properties": dict(route.request)}
        operation["requestBody"] = {"content": {"application/json": {"schema": schema}}}
    return operation
