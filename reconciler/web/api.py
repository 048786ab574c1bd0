"""The JSON API: the state, the plan and the history as the command line has them, and the acts of an operator."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from starlette.responses import Response

from reconciler.core.history.facts import Trouble
from reconciler.core.plan.restraint import USUAL_PAUSE_S
from reconciler.render.answers.history import history_json, iso
from reconciler.render.answers.status import status_json
from reconciler.render.plan.jsonplan import PlanDocument
from reconciler.run.daemon.board import Scene
from reconciler.run.daemon.pauses import EVERYTHING, Pause
from reconciler.web import events, openapi
from reconciler.web.access import Role
from reconciler.web.desk import Call, Desk, Route, Wrong, natural
from reconciler.web.page.steps import passes_json

BODY: Final = 16_384
MOST_RUNS: Final = 500


def answer(desk: Desk, value: Any, status: int = 200) -> Response:
    """A document, without secrets and control characters."""
    return Response(desk.writer.json(value) + "\n", status, media_type="application/json")


def status(call: Call) -> Response:
    """The state of every resource, as `reconcile status --format json` has it, and what the daemon knows besides."""
    desk, scene = call.desk, call.desk.scene
    document = status_json(scene.state.standings)
    since = {str(address): iso(at) for address, at in scene.since.items()}
    under_repair = {str(address) for address in scene.state.under_repair}
    for row in document["resources"]:
        row |= {"since": since.get(row["address"]), "under_repair": row["address"] in under_repair}
    pauses = desk.board.pauses.active(desk.wall())
    more = {
        "project": scene.project,
        "look": scene.number,
        "at": iso(scene.at),
        "heals": desk.board.heals,
        "leads": desk.board.leads,
        "revision": desk.board.revision or None,
        "error": desk.board.error,
        "troubles": [_trouble(each, scene) for each in scene.state.troubles],
        "under_way": passes_json(desk.board.under_way.passes, desk.wall()),
        "pauses": [pause_json(each) for each in pauses.values()],
    }
    return answer(desk, document | more)


def _trouble(trouble: Trouble, scene: Scene) -> dict[str, Any]:
    since = scene.troubled_since.get(trouble.key)
    return {
        "trouble": trouble.ailment.value,
        "subject": trouble.subject,
        "note": trouble.note,
        "since": iso(since) if since else None,
        "details": dict(trouble.details),
    }


def pause_json(pause: Pause) -> dict[str, Any]:
    return {
        "address": None if pause.subject == EVERYTHING else pause.subject,
        "owner": pause.owner,
        "reason": pause.reason,
        "began": iso(pause.began),
        "until": iso(pause.until),
    }


def plan(call: Call) -> Response:
    """The plan of the last look, as `reconcile diff --format json` has it."""
    scene = call.desk.scene
    document = PlanDocument(scene.project, scene.session.kinds, call.desk.salt)
    return answer(call.desk, document.of(scene.look.plan))


def history(call: Call) -> Response:
    """Runs and changes, newest first."""
    scene = call.desk.scene
    limit = _number(call.query.get("limit", "50"), most=MOST_RUNS)
    runs = scene.session.history.runs(address=call.query.get("address", ""), limit=limit)
    return answer(call.desk, history_json(scene.project, runs))


def _number(text: str, *, most: int) -> int:
    found = natural(text, most=most)
    if not found:
        raise Wrong(422, f"A number from 1 to {most} is needed.")
    return found


def sync(call: Call) -> Response:
    """Look at once; what differs is repaired as after any other look."""
    call.desk.sync(call.visitor, "api")
    return answer(call.desk, {"accepted": True}, 202)


def pause(call: Call) -> Response:
    """Leave a resource alone, or everything where no address is given."""
    asked = _document(call)
    seconds = asked.get("seconds", USUAL_PAUSE_S)
    # `True` is an int for Python, and no number in JSON.
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        raise Wrong(422, "`seconds` is a number.")
    made = call.desk.pause(call.visitor, "api", _subject(asked), _text(asked, "reason"), seconds)
    return answer(call.desk, pause_json(made))


def resume(call: Call) -> Response:
    """End a pause."""
    call.desk.resume(call.visitor, "api", _subject(_document(call)))
    return answer(call.desk, {"accepted": True}, 202)


def _subject(asked: Mapping[str, Any]) -> str:
    """The address; everything only where no address is given at all, not where it is empty by mistake."""
    if "address" not in asked:
        return EVERYTHING
    found = _text(asked, "address")
    if not found:
        raise Wrong(422, "`address` is empty; leave it out to mean everything.")
    return found


def approve(call: Call) -> Response:
    """Carry out, once, what the policy holds back of the plan with this checksum."""
    mark = _text(_document(call), "checksum")
    changes = call.desk.approve(call.visitor, "api", mark)
    return answer(call.desk, {"checksum": mark, "approved": [str(each.address) for each in changes]}, 202)


def _text(asked: Mapping[str, Any], name: str) -> str:
    found = asked.get(name, "")
    if not isinstance(found, str):
        raise Wrong(422, f"`{name}` is a text.")
    return found


def _document(call: Call) -> Mapping[str, Any]:
    kind = call.request.headers.get("content-type", "").partition(";")[0].strip()
    # A form of another site can send three types without asking, and JSON is none of them.
    if kind != "application/json":
        raise Wrong(415, "The body is JSON, with `Content-Type: application/json`.")
    try:
        found = json.loads(call.body or b"{}")
    # The parser gives up on thousands of nested brackets with RecursionError.
    except (ValueError, RecursionError) as error:
        raise Wrong(400, "The body is no JSON.") from error
    if not isinstance(found, dict):
        raise Wrong(422, "The body is a JSON object.")
    return found


def document(call: Call) -> Response:
    """The description of this API."""
    return answer(call.desk, openapi.document(API))


_ADDRESS: Final = {"type": "string", "description": "An address; everything where it is left out."}
_SECONDS: Final = {"type": "number", "default": USUAL_PAUSE_S, "exclusiveMinimum": 0}
_BASE: Final = "/api/v1"
API: Final[tuple[Route, ...]] = (
    Route("GET", f"{_BASE}/status", Role.READER, status, "The state of every resource."),
    Route("GET", f"{_BASE}/plan", Role.READER, plan, "The plan of the last look, as plan.schema.json describes it."),
    Route(
        "GET",
        f"{_BASE}/history",
        Role.READER,
        history,
        "Runs and changes, newest first.",
        parameters={"address": "Only runs that changed this resource.", "limit": f"At most {MOST_RUNS}; usually 50."},
    ),
    Route("GET", f"{_BASE}/events", Role.READER, events.stream, "Facts as server-sent events.", quick=True),
    Route("GET", f"{_BASE}/openapi.json", Role.READER, document, "This description."),
    Route("POST", f"{_BASE}/sync", Role.OPERATOR, sync, "Look at once.", body=BODY),
    Route(
        "POST",
        f"{_BASE}/pause",
        Role.OPERATOR,
        pause,
        "Leave a resource alone for a while.",
        body=BODY,
        request={"address": _ADDRESS, "reason": {"type": "string", "minLength": 1}, "seconds": _SECONDS},
    ),
    Route(
        "POST",
        f"{_BASE}/approve",
        Role.OPERATOR,
        approve,
        "Carry out what the policy holds back of the plan with this checksum.",
        body=BODY,
        request={"checksum": {"type": "string", "description": "That of the plan which was looked at."}},
    ),
    Route("POST", f"{_BASE}/resume", Role.OPERATOR, resume, "End a pause.", body=BODY, request={"address": _ADDRESS}),
)
