"""Templates into answers. Each value passes the program's writer and is escaped: no template has to remember to."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from hashlib import sha256
from importlib import resources
from typing import Any, Final
from zoneinfo import ZoneInfo, available_timezones

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import Response

from reconciler.core.history.facts import Ailment
from reconciler.web.access import Role, Visitor
from reconciler.web.desk import Desk

NAVIGATION: Final = (
    *(("/", "Overview"), ("/plan", "Plan"), ("/history", "History"), ("/graph", "Graph")),
    *(("/doctor", "Doctor"), ("/access", "Access")),
)
MIME: Final = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_STATIC: Final = "reconciler.web.static"
_MARK: Final = 10
_ZONE: Final[ContextVar[tzinfo]] = ContextVar("the reader's zone", default=UTC)
_AGES: Final = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"), (1.0, "s"))


@lru_cache(1)
def assets() -> Mapping[str, tuple[bytes, str]]:
    """The files beside the page: name with a digest → content and type. A changed file has another name."""
    found: dict[str, tuple[bytes, str]] = {}
    for file in resources.files(_STATIC).iterdir():
        stem, _, ending = file.name.rpartition(".")
        if ending in MIME:
            content = file.read_bytes()
            found[f"{stem}.{sha256(content).hexdigest()[:_MARK]}.{ending}"] = content, MIME[ending]
    return found


@lru_cache(None)
def static(name: str) -> str:
    """The address of one of these files."""
    stem, _, ending = name.rpartition(".")
    found = next(each for each in assets() if each.startswith(f"{stem}.") and each.endswith(f".{ending}"))
    return f"/static/{found}"


@lru_cache(1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def zone_of(name: str) -> ZoneInfo | None:
    """The reader's zone, None for a name that is none."""
    return ZoneInfo(name) if name in _zones() else None


class Pages:
    """The templates for one daemon."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._environment = Environment(
            loader=PackageLoader("reconciler.web.page"),
            autoescape=True,
            undefined=StrictUndefined,
            finalize=self._finalized,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.filters |= {"iso": _iso, "ago": self._ago, "moment": _moment}
        self._environment.globals |= {"static": static, "NAVIGATION": NAVIGATION, "READER": Role.READER}

    def html(self, template: str, visitor: Visitor, zone: str = "", /, *, status: int = 200, **values: Any) -> Response:
        """A page. ``zone`` is the name of the reader's time zone."""
        desk, scene = self._desk, self._desk.board.scene
        _ZONE.set(zone_of(zone) or UTC)
        usual: dict[str, Any] = {
            "scene": None,
            "live": "",
            "here": "",
            "notices": self._notices() if visitor.role >= Role.READER else (),
            "project": scene.project if scene and visitor.role >= Role.READER else "",
            "visitor": visitor,
            "operator": visitor.role >= Role.OPERATOR,
            "csrf": lambda: Markup(desk.gate.csrf_token(visitor)),  # noqa: S704 (hexadecimal digits of our own)
        }
        text = self._environment.get_template(f"{template}.html").render({**usual, **values})
        return Response(text, status, media_type="text/html")

    def _finalized(self, value: Any) -> Any:
        """A value as it may leave the program: one line, without secrets and control characters."""
        if isinstance(value, Markup):
            return value
        return "" if value is None else self._desk.writer.line(str(value))

    def _notices(self) -> tuple[str, ...]:
        """Sentences that every view has to show: what is seen may not be what is."""
        board, scene, found = self._desk.board, self._desk.board.scene, list[str]()
        if not board.leads:
            no_lease = "This daemon has no lease, so it changes nothing."
            other = f"This daemon stands by. The one that acts is {board.leader}."
            found.append(other if board.leader else no_lease)
        if not board.is_alive:
            found.append("The daemon's loop hangs. What is shown is old.")
        if board.error:
            found.append(f"The last look failed: {board.error}")
        if scene is None:
            return tuple(found)
        age_s = self._desk.wall() - scene.at
        if board.leads and age_s > max(2 * board.interval_s, 60.0):
            found.append(f"The last look is {_age(age_s)} old.")
        names = {each.value for each in (Ailment.UNREAD, Ailment.UNDECIDED_FILE, Ailment.WRONG_FILE)}
        found += [f"{t.subject}: {t.ailment.value}. {t.note}" for t in scene.state.troubles if t.ailment.value in names]
        return tuple(found)

    def _ago(self, at: float) -> str:
        return _age(max(self._desk.wall() - at, 0.0))


def _age(seconds: float) -> str:
    size, unit = next((each for each in _AGES if seconds >= each[0]), _AGES[-1])
    return f"{seconds / size:.0f} {unit}"


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, _ZONE.get()).strftime("%Y-%m-%d %H:%M:%S %Z")


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
