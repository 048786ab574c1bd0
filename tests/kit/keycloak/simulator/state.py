"""The objects of one simulated realm, by id, and the two answers that a request can have: a right one and a refusal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

MASK: Final = "**********"
Body: TypeAlias = dict[str, Any]


class Refusal(Exception):
    """An answer that is not as wished. Nothing was changed."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        super().__init__(status, body)
        self.status, self.body = status, body


def missing(words: str) -> Refusal:
    return Refusal(404, {"error": words})


def refused(words: str, status: int = 400) -> Refusal:
    return Refusal(status, {"errorMessage": words})


def conflict(words: str) -> Refusal:
    return refused(words, 409)


def duplicate() -> Refusal:
    return Refusal(409, {"error": "conflict", "error_description": "Duplicate resource error"})


def failed() -> Refusal:
    return Refusal(
        500, {"error": "unknown_error", "error_description": "For more on this error consult the server log."}
    )


@dataclass(frozen=True, slots=True)
class Made:
    """The answer 201, with the last part of the place where the new object is."""

    name: str
    body: Any = None


@dataclass(frozen=True, slots=True)
class Given:
    """The part of a request that a handler gets: the names in its path, its query and its body."""

    names: tuple[str, ...]
    query: Mapping[str, str]
    body: Any


Handler: TypeAlias = Callable[["Realm", Given], Any]
Routes: TypeAlias = Mapping[str, Handler]
"""``VERB path below the realm``, in which ``{}`` is a name and ``{*}`` all the rest."""


class Numbers:
    """Ids and times, each once; all realms of a server share them."""

    def __init__(self) -> None:
        self._made = 0

    def next(self) -> int:
        self._made += 1
        return self._made


@dataclass
class Realm:
    """A realm: what it is set to, and its objects by id or, where they have none, by name."""

    name: str
    id: str
    settings: Body
    profile: Body
    numbers: Numbers = field(compare=False)
    is_own_profile: bool = True
    clients: dict[str, Body] = field(default_factory=dict)
    roles: dict[str, Body] = field(default_factory=dict)
    groups: dict[str, Body] = field(default_factory=dict)
    scopes: dict[str, Body] = field(default_factory=dict)
    users: dict[str, Body] = field(default_factory=dict)
    providers: dict[str, Body] = field(default_factory=dict)
    provider_mappers: dict[str, Body] = field(default_factory=dict)
    flows: dict[str, Body] = field(default_factory=dict)
    executions: dict[str, Body] = field(default_factory=dict)
    configs: dict[str, Body] = field(default_factory=dict)
    components: dict[str, Body] = field(default_factory=dict)
    actions: dict[str, Body] = field(default_factory=dict)
    texts: dict[str, dict[str, str]] = field(default_factory=dict)
    default_scopes: dict[str, list[str]] = field(default_factory=lambda: {"default": [], "optional": []})
    default_groups: list[str] = field(default_factory=list)
    mappings: dict[str, list[str]] = field(default_factory=dict)
    """Roles that may get into tokens, by the id of the client or client scope."""

    def new_id(self) -> str:
        number = self.numbers.next()
        return f"{number:08x}-0000-4000-8000-{number:012x}"

    def now_ms(self) -> int:
        return 1_800_000_000_000 + self.numbers.next()

    @property
    def default_role(self) -> Body:
        return next(role for role in self.roles.values() if role["name"] == f"default-roles-{self.name.lower()}")

    def client_named(self, client_id: str) -> Body | None:
        return next((each for each in self.clients.values() if each["clientId"] == client_id), None)


def found(store: Mapping[str, Body], name: str, words: str) -> Body:
    """The object, or the refusal that it is not there."""
    if name not in store:
        raise missing(words)
    return store[name]


def without(body: Mapping[str, Any], *names: str) -> Body:
    return {key: value for key, value in body.items() if key not in names}


def shown(body: Mapping[str, Any]) -> Body:
    """A representation without what is not set: JSON leaves null out."""
    return {key: value for key, value in body.items() if value is not None}


def texts(values: Mapping[str, Any] | None) -> dict[str, str]:
    """A map of texts, as JSON's numbers and truth values become; one without a value is none."""
    return {key: _text(value) for key, value in (values or {}).items() if value not in (None, "")}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def page(bodies: Iterable[Body], query: Mapping[str, str]) -> list[Body]:
    listed = list(bodies)
    first, most = int(query.get("first", 0)), int(query.get("max", 100))
    return listed[first : first + most]
