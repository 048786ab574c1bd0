"""The table of requests: each request in the source is a row, and each row a request in the source."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.core.resource.document import Document
from reconciler.core.resource.resource import Origin
from reconciler.core.resource.rotation import Call, Rotation
from reconciler.providers.docker.engine.endpoints import ENDPOINTS, SWARM, Use, needed
from reconciler.providers.docker.provider import DockerProvider
from reconciler.providers.swarm.provider import SwarmProvider

PROVIDERS = Path(__file__).parents[5] / "reconciler/providers"
SOURCES = sorted({*PROVIDERS.glob("docker/**/*.py"), *PROVIDERS.glob("swarm/**/*.py")})
METHODS = {"get": "GET", "post": "POST", "delete": "DELETE", "container": "GET"}
WHOLE = "{}/v{}{}/logs"
"""The whole address of a request that is in the source beside it."""

LIBRARY = {"GET /version"}
"""Asked by a client of the library, without a path in our source."""


def text_of(node: ast.expr) -> str | None:
    """A text with {} for each part that varies; None for what is none."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=values):
            parts = (part.value if isinstance(part, ast.Constant) else "{}" for part in values)
            return "".join(map(str, parts))
    return None


def requests_of(file: Path) -> Iterator[str]:
    """Each `METHOD path` of a file; a path that goes on from a variable begins with {}."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if id(node) in parts:
            continue
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            arguments = [text_of(each) for each in node.args[:2]]
            if (
                node.func.attr in METHODS
                and arguments
                and (arguments[0] or "").startswith(("/", "{}/"))
                and arguments[0] != WHOLE
            ):
                yield f"{METHODS[node.func.attr]} {arguments[0]}"
            if node.func.attr == "_request" and None not in arguments:
                yield f"{arguments[0]} {arguments[1]}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_removed":
            yield f"DELETE {text_of(node.args[1])}"
        text = text_of(node) if isinstance(node, ast.expr) else None
        if text and re.fullmatch(r"(GET|PUT|POST|DELETE) /\S+", text):
            yield text


ASKED = {(file, asked) for file in SOURCES if file.name != "endpoints.py" for asked in requests_of(file)}
KNOWN = {re.sub(r"{\w+}", "{}", str(each)) for each in (*ENDPOINTS, *SWARM)}


def rows_of(asked: str) -> set[str]:
    """The rows that a request of the source may be."""
    method, _, path = asked.partition(" ")
    if path.startswith("{}/"):
        return {row for row in KNOWN if row.startswith(f"{method} ") and row.endswith(path[2:])}
    pattern = re.escape(path).replace(r"\{\}", ".+") if path.startswith("/{}") else re.escape(path)
    return {row for row in KNOWN if re.fullmatch(f"{method} {pattern}", row)}


def test_the_source_is_read() -> None:
    assert {asked for _, asked in ASKED} >= {
        *("GET /containers/{}/json", "PUT /containers/{}/archive", "POST {}/rename", "POST /exec/{}/start"),
        *("POST /images/create", "GET /distribution/{}/json", "GET /events", "POST /build"),
    }


@pytest.mark.parametrize(("file", "asked"), sorted(ASKED), ids=lambda each: str(getattr(each, "name", each)))
def test_each_request_of_the_source_is_in_the_table(file: Path, asked: str) -> None:
    assert rows_of(asked), f"{file}: {asked} is no row of endpoints.py: a proxy in front of the engine refuses it"


def test_each_row_of_the_table_is_a_request_of_the_source() -> None:
    used = set().union(*(rows_of(asked) for _, asked in ASKED)) | LIBRARY

    assert KNOWN - used == set()


@pytest.mark.parametrize("endpoint", [*ENDPOINTS, *SWARM], ids=str)
def test_a_pattern_fits_its_own_request_only(endpoint) -> None:
    filled = str(endpoint).replace("{image}", "localhost/probe:1")
    filled = re.sub(r"{\w+}", "one-name.1_x", filled)

    assert re.fullmatch(endpoint.pattern, filled)
    for other in (f"{filled}/more", filled.replace(" /", " /plugins/"), filled.replace(endpoint.method, "PATCH")):
        assert not re.fullmatch(endpoint.pattern, other)


# ------------------------------------------------------------------ what the files need


def wanted(provider, stack, **more) -> set[str]:
    document = Document("shop", "/shop", lambda _path: Origin("stack.yaml"), stack, None, **more)
    return set(provider("shop", {}).endpoints(document))


WEB = {"image": "localhost/probe:1"}


def of_use(*uses: Use) -> set[str]:
    return {str(each) for each in needed(uses)}


def test_a_plain_stack_needs_to_look_change_lock_and_pull() -> None:
    found = wanted(DockerProvider, {"services": {"web": WEB}})

    assert found == of_use(Use.LOOK, Use.CHANGE, Use.LOCK, Use.PULL)
    assert not {each for each in found if "exec" in each or "archive" in each or "build" in each}


@pytest.mark.parametrize(
    ("attributes", "more", "use"),
    [
        ({"build": {"context": "."}}, {}, Use.BUILD),
        ({"post_start": [{"command": ["true"]}]}, {}, Use.HOOK),
        ({"pre_stop": [{"command": ["true"]}]}, {}, Use.HOOK),
        ({}, {"rotations": {"KEY": Rotation("web", change=Call("web", ("true",)))}}, Use.HOOK),
        ({}, {"rotations": {"KEY": Rotation("web", check=Call("web", ("true",)))}}, Use.HOOK),
    ],
)
def test_more_is_needed_for_what_is_declared(attributes, more, use) -> None:
    stack = {"services": {"web": {**WEB, **attributes}}}

    assert wanted(DockerProvider, stack, **more) >= of_use(use)
    assert not wanted(DockerProvider, {"services": {"web": WEB}}) & of_use(use)


def test_a_swarm_needs_its_own_and_of_containers_only_commands() -> None:
    found = wanted(SwarmProvider, {"services": {"web": WEB}})

    assert "POST /services/{service}/update" in found
    assert {each for each in found if "/containers/" in each} == {"POST /containers/{container}/exec"}


def test_without_a_stack_nothing_is_needed() -> None:
    assert wanted(DockerProvider, None) == set()
