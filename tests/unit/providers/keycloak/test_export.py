"""The realm that `export` makes to see what is default, and takes away again."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.message.errors import Conflict, Rejected, Unreachable
from reconciler.core.resource.values import ABSENT, Value
from reconciler.providers.keycloak.export import new_realm
from tests.kit.keycloak.scripted import ScriptedConnection


class Server(ScriptedConnection):
    """Makes realms, if only after some time, and deletes what is there."""

    def __init__(self, *, appears_after: int = 0, error: Exception | None = None, export: Any = ABSENT) -> None:
        super().__init__()
        self.there: set[str] = set()
        self.left, self.error, self.export = appears_after, error, export
        self.coming = ""

    def create(self, _path: str, body: Value) -> str:
        assert isinstance(body, dict)
        self.coming = str(body["realm"])
        if not self.left:
            self.there.add(self.coming)
        if self.error:
            raise self.error
        return ""

    def ask(self, path: str) -> Any:
        if isinstance(self.export, Exception):
            raise self.export
        return {"realm": path.split("/")[2]}

    def delete(self, path: str, body: Value = None) -> None:  # noqa: ARG002  # as the protocol has it
        if path.rpartition("/")[2] not in self.there:
            self.left -= 1
            self.there |= {self.coming} if self.left == 0 else set()
            raise Conflict("Realm not found.")
        self.there.clear()


def test_a_new_realm_is_shown_under_the_name_of_another_and_is_gone() -> None:
    server = Server()

    assert new_realm(server, "lab") == {"realm": "lab"}
    assert server.there == set()


@pytest.mark.parametrize("appears_after", [0, 1, 3])
def test_a_realm_whose_creation_was_not_answered_is_taken_away_when_it_appears(appears_after: int) -> None:
    server, slept = Server(appears_after=appears_after, error=Unreachable("took too long")), []

    with pytest.raises(Unreachable, match="took too long"):
        new_realm(server, "lab", sleep=slept.append)

    assert server.there == set()
    assert len(slept) == appears_after


@pytest.mark.parametrize("error", [Unreachable("away"), Rejected("no"), KeyError("realm"), KeyboardInterrupt()])
def test_a_realm_that_can_not_be_read_is_taken_away(error: BaseException) -> None:
    server = Server(export=error)

    def ask(_path: str) -> Any:
        raise error

    server.ask = ask  # type: ignore[method-assign]
    with pytest.raises(type(error)):
        new_realm(server, "lab", sleep=lambda _seconds: None)

    assert server.there == set()
