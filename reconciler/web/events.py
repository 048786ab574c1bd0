"""Server-sent events: each fact of the daemon once, with the keys of its log, and what follows looks and steps."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import anyio
from starlette.responses import Response, StreamingResponse

from reconciler.core.difference.kind import Kind
from reconciler.core.history.facts import Fact
from reconciler.render.output.plain import harmless_json
from reconciler.run.daemon.journal import Journal
from reconciler.web.desk import MOST_STREAMS, Call, Desk, Wrong, natural
from reconciler.web.page.steps import passes_json

BATCH_S: Final = 0.5
BEAT_S: Final = 15.0
"""Proxies cut connections that are silent for a minute."""


class _Line:
    """A log of one line, so that events have the very keys of the daemon's log."""

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {}

    def info(self, event: str, **fields: Any) -> None:
        self.fields = {"event": event, **fields}

    warning = error = info


def fact_json(fact: Fact, kinds: Mapping[str, Kind]) -> dict[str, Any]:
    """A fact as the log has it."""
    line = _Line()
    Journal(line, kinds)(fact)
    return line.fields


def stream(call: Call) -> Response:
    """The facts from now on, or after the event that the client has seen last."""
    desk = call.desk
    if desk.streams >= MOST_STREAMS:
        raise Wrong(503, f"There are {MOST_STREAMS} streams already.")
    last = call.request.headers.get("last-event-id", "")
    seen = natural(last, most=desk.board.version)
    known = desk.board.version if seen is None else seen
    # nginx would collect the stream into pieces of some kilobytes.
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(_counted(desk, call, known), media_type="text/event-stream", headers=headers)


async def _counted(desk: Desk, call: Call, known: int) -> AsyncIterator[str]:
    desk.streams += 1
    try:
        async for message in _messages(desk, call, known):
            yield message
    finally:
        desk.streams -= 1


async def _messages(desk: Desk, call: Call, known: int) -> AsyncIterator[str]:
    number, quiet_s, steps = -1, 0.0, desk.board.under_way.version
    examined = desk.examinations.version if desk.examinations else 0
    yield "retry: 3000\n\n"
    while not desk.is_over.is_set():
        # The gate has let in the request; hours later the session may be over, or ended by the issuer.
        if call.visitor.session and desk.gate.sessions.of(call.visitor.session, is_use=False) is None:
            yield _message(desk, "session", {"ended": True})
            return
        # Asked at intervals instead of being called: facts come from other threads, and a slow reader must hold up
        # none.
        scene, sent = desk.board.scene, False
        for noted in desk.board.facts(known) if scene else ():
            assert scene
            known, sent = noted.number, True
            yield _message(desk, "fact", {"at": noted.at, **fact_json(noted.fact, scene.session.kinds)}, noted.number)
        if scene and scene.number != number:
            number, sent = scene.number, True
            yield _message(desk, "look", {"number": scene.number, "at": scene.at})
        if steps != desk.board.under_way.version:
            steps, sent = desk.board.under_way.version, True
            yield _message(desk, "steps", {"passes": passes_json(desk.board.under_way.passes, desk.wall())})
        if desk.examinations and examined != desk.examinations.version:
            examined, sent = desk.examinations.version, True
            yield _message(desk, "doctor", {"under_way": desk.examinations.begun is not None})
        quiet_s = 0.0 if sent else quiet_s + BATCH_S
        if quiet_s >= BEAT_S:
            quiet_s = 0.0
            yield ": beat\n\n"
        await anyio.sleep(BATCH_S)


def _message(desk: Desk, event: str, value: Mapping[str, Any], number: int | None = None) -> str:
    text = harmless_json(json.dumps(desk.writer.document(value), default=str))
    identity = f"id: {number}\n" if number is not None else ""
    return f"event: {event}\n{identity}data: {text}\n\n"
