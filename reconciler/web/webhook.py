"""Webhooks of forges. A payload is never parsed: a signed request only means "look", and never says where."""

from __future__ import annotations

from typing import Final

from starlette.responses import JSONResponse, Response

from reconciler.core.provider import Hint
from reconciler.pattern import lazy_pattern
from reconciler.web.access import Role
from reconciler.web.desk import Call, Route, Wrong

BODY: Final = 1_048_576
_EVENT: Final = lazy_pattern(r"[A-Za-z_ ]{1,40}")


def receive(call: Call) -> Response:
    """Look at once, because a forge says that something was pushed."""
    hooks, headers = call.desk.webhooks, call.request.headers
    if not hooks.secrets:
        raise Wrong(404, "No webhook is set up.")
    forge = hooks.forge(headers, call.body)
    if forge is None:
        call.desk.metrics.webhook("unknown", "denied")
        raise Wrong(401, "The signature is missing or wrong.")
    if not hooks.is_new(forge, headers, call.body):
        call.desk.metrics.webhook(forge.name, "replayed")
        raise Wrong(409, "This request has come before.")
    event = headers.get(forge.event, "")
    name = f"webhook of {forge.name}: {event if _EVENT.fullmatch(event) else 'event'}"
    hooks.look(lambda: call.desk.board.ask(Hint(name, is_order=True)))
    call.desk.metrics.webhook(forge.name, "accepted")
    return JSONResponse({"accepted": True}, 202)


WEBHOOKS: Final = (Route("POST", "/webhook", Role.ANYONE, receive, body=BODY, signed=True),)
