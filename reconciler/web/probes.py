"""The probes and the metrics. They answer from memory, so nothing that hangs makes them hang."""

from __future__ import annotations

from typing import Final

from starlette.responses import JSONResponse, PlainTextResponse, Response

from reconciler.core.history.facts import Ailment
from reconciler.web.access import Role
from reconciler.web.desk import Call, Desk, Route
from reconciler.web.metrics import CONTENT_TYPE


def live(call: Call) -> Response:
    """Says whether the daemon's loop comes round. A server that is away has no say in this."""
    return _answer({"loop": call.desk.board.is_alive}, call)


def ready(call: Call) -> Response:
    """Says whether the daemon does its work: one look is finished, and the files are right."""
    return _answer(checks(call.desk), call)


def checks(desk: Desk) -> dict[str, bool]:
    board, scene = desk.board, desk.board.scene
    troubles = scene.state.troubles if scene else ()
    return {
        "loop": board.is_alive,
        "look": scene is not None or not board.leads,  # a daemon that stands by is ready to take over
        "files": all(each.ailment is not Ailment.WRONG_FILE for each in troubles),
    }


def _answer(found: dict[str, bool], call: Call) -> Response:
    status = 200 if all(found.values()) else 503
    if "verbose" in call.query:
        return JSONResponse(found, status)
    return PlainTextResponse("ok\n" if status == 200 else "not ok\n", status)


def metrics(call: Call) -> Response:
    """The metrics in the text format of Prometheus."""
    return Response(call.desk.metrics.exposition(), media_type=CONTENT_TYPE)


PROBES: Final = (
    Route("GET", "/livez", Role.ANYONE, live, "Says whether the daemon's loop comes round.", quick=True),
    Route("GET", "/healthz", Role.ANYONE, live, "The same as /livez.", quick=True),
    Route("GET", "/readyz", Role.ANYONE, ready, "Says whether a look is finished and the files are right.", quick=True),
    Route("GET", "/metrics", Role.READER, metrics, "Metrics in the text format of Prometheus."),
)
