"""An answer that comes byte by byte, or without an end, to each client of the program: bounded in time and memory."""

from __future__ import annotations

import io
import queue
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from reconciler.core.message.errors import ProviderError, Rejected, Unreachable
from reconciler.core.resource.values import Secret
from reconciler.login.browser import Browser, NoAnswer
from reconciler.providers.answers import Limits
from reconciler.providers.docker.engine.client import Engine, Silences
from reconciler.providers.keycloak.server.client import AdminClient, Settings
from reconciler.run.sources.forge import CommitStatus, Judgement, Verdict
from reconciler.secrets.sources.interface import SourceError, Surroundings
from reconciler.secrets.sources.vault import read_vault
from reconciler.web.oidc import Issuer, LoginFailed
from tests.kit.campaigns import WHOLE as EVERYTHING
from tests.kit.dripping import BODIES, DRIPS, FLOODS, HEADS, PAUSE_S, WAYS, Dripping, Endless, dripping

PATIENCE_S = 10 * PAUSE_S
LIMITS = Limits(seconds=PATIENCE_S, size_bytes=1 << 20)
LONGEST_S = 30.0


@pytest.fixture
def server() -> Iterator[Dripping]:
    with TemporaryDirectory() as folder, dripping(Path(folder)) as made:  # a short path, as sockets want it
        yield made


def sample(first: Iterable[str], *others: Iterable[str]) -> list[tuple[str, ...]]:
    """All combinations, or each one of the others with one of the first in turn."""
    choices, rest = sorted(first), list(product(*map(sorted, others)))
    if EVERYTHING:
        return list(product(choices, *map(sorted, others)))
    return [(choices[number % len(choices)], *each) for number, each in enumerate(rest)]


# ------------------------------------------------------------------ the engine


def pull(engine: Engine) -> list[Any]:
    return list(engine.pull("app:1"))


def push(engine: Engine) -> list[Any]:
    return list(engine.push("app:1"))


def build(engine: Engine) -> list[Any]:
    return list(engine.build(io.BytesIO(b""), tag="app:1"))


def logs(engine: Engine) -> list[Any]:
    return list(engine.logs("web", tail=20))


def cluster_logs(engine: Engine) -> list[Any]:
    return list(engine.cluster_logs("/services/web", tail=20))


def past_events(engine: Engine) -> list[Any]:
    with engine.events({}, since=0.0, until=1.0) as found:
        return list(found)


def events(engine: Engine) -> list[Any]:
    with engine.events({}) as found:
        return list(found)


def read(engine: Engine) -> Any:
    return engine.get("/info")


def write(engine: Engine) -> Any:
    return engine.post("/volumes/create", {"Name": "data"})


Asks = Callable[[Engine], Any]
WHOLE: Mapping[str, Asks] = {each.__name__: each for each in (read, write)}
STREAMS: Mapping[str, Asks] = {
    each.__name__: each for each in (pull, push, build, logs, cluster_logs, past_events, events)
}


@contextmanager
def the_engine(environment: Mapping[str, str]) -> Iterator[Engine]:
    silences = Silences(transfer_s=PATIENCE_S, build_s=PATIENCE_S)
    made = Engine(environment, limits=LIMITS, pause=lambda _seconds: None, silences=silences)
    try:
        yield made
    finally:
        made.close()


def get_to_know(engine: Engine) -> None:
    """Asks for the version until it comes: on a busy machine the program of a tunnel may start slowly."""
    end = time.monotonic() + LONGEST_S
    while time.monotonic() < end:
        with suppress(Unreachable):
            assert engine.api_version
            return


def raised_by(asks: Asks, server: Dripping, way: str, endless: Endless) -> ProviderError:
    server.endless = endless
    with WAYS[way](server, server.path.parent) as environment, the_engine(environment) as engine:
        get_to_know(engine)
        began = time.monotonic()
        with pytest.raises(ProviderError) as caught, engine.understood():
            asks(engine)
        assert time.monotonic() - began < LONGEST_S
    return caught.value


@pytest.mark.parametrize(("drip", "asks", "way"), sample(DRIPS, WHOLE, WAYS))
def test_an_answer_of_the_engine_that_drips_is_given_up(server, drip: str, asks: str, way: str) -> None:
    error = raised_by(WHOLE[asks], server, way, DRIPS[drip])

    assert isinstance(error, Unreachable)
    assert f"the Docker engine took more than {PATIENCE_S:g} s to answer " in str(error)


@pytest.mark.parametrize(("drip", "asks", "way"), sample(BODIES, {*STREAMS} - {"events"}, WAYS))  # silent for ever
def test_a_stream_that_drips_is_given_up(server, drip: str, asks: str, way: str) -> None:
    error = raised_by(STREAMS[asks], server, way, DRIPS[drip])

    assert isinstance(error, Unreachable)
    assert f"the Docker engine took more than {PATIENCE_S:g} s for the next line of " in str(error)


@pytest.mark.parametrize(("flood", "asks", "way"), sample(FLOODS, {*STREAMS} - {"cluster_logs"}, WAYS))  # in pieces
def test_a_stream_without_an_end_of_a_line_is_refused(server, flood: str, asks: str, way: str) -> None:
    error = raised_by(STREAMS[asks], server, way, FLOODS[flood])

    assert isinstance(error, Rejected)
    assert "with a line of more than 1024 KiB" in str(error)


# ------------------------------------------------------------------ the other clients


def keycloak(url: str) -> AbstractContextManager[AdminClient]:
    settings = Settings(f"{url}/", username="admin", password=Secret("admin"), limits=LIMITS)
    return closing(AdminClient(settings, pause=lambda _seconds: None))


def keycloak_reads(url: str) -> None:
    with keycloak(url) as client:
        client.get("admin/realms/shop")


def keycloak_writes(url: str) -> None:
    with keycloak(url) as client:
        client.put("admin/realms/shop", {})


def vault(url: str) -> None:
    around = Surroundings(Path(), {"VAULT_ADDR": url, "VAULT_TOKEN": "t"}, lambda _path: {}, patience_s=PATIENCE_S)
    read_vault({"path": "shop/db", "key": "password"}, around)


def login_page(url: str) -> None:
    Browser(now=lambda: 0.0, end=PATIENCE_S).request("GET", url)


def issuer(url: str) -> None:
    Issuer(url, "reconcile", "http://localhost", patience_s=PATIENCE_S).begin("/")


def forge(url: str) -> None:
    """The thread that reports has only its log to say so."""
    found: queue.Queue[str] = queue.Queue()

    class Log:
        def warning(self, _phrase: str, *, reason: str, **_rest: Any) -> None:
            found.put(reason)

    made = CommitStatus("gitea", f"{url}/a/b", Secret("t"), Log(), clean=lambda text: text, patience_s=PATIENCE_S)
    made.close()  # it tries once
    made(Judgement("1" * 40, Verdict.SUCCESS, "done"))
    raise TimeoutError(found.get(timeout=LONGEST_S))


CLIENTS: Mapping[str, tuple[Callable[[str], None], type[Exception], str]] = {
    "Keycloak, reads": (keycloak_reads, Unreachable, f"Keycloak took more than {PATIENCE_S:g} s to answer GET"),
    "Keycloak, writes": (keycloak_writes, Unreachable, "to answer PUT"),
    "Vault": (vault, SourceError, "does not answer"),
    "a login": (login_page, NoAnswer, "no answer within"),
    "the issuer of a login": (issuer, LoginFailed, "Keycloak does not answer"),
    "a forge": (forge, TimeoutError, "the forge can't be reached"),
}


CASES = [
    (drip, client)
    for drip in DRIPS
    for client in CLIENTS
    if client != "a forge" or drip in HEADS  # it reads no body
]


@pytest.mark.parametrize(("drip", "client"), CASES)
def test_an_answer_to_each_other_client_that_drips_is_given_up(server, drip: str, client: str) -> None:
    asks, error, words = CLIENTS[client]
    server.endless = DRIPS[drip]
    with WAYS["a port"](server, server.path.parent) as environment:
        began = time.monotonic()
        with pytest.raises(error, match=words):
            asks(environment["DOCKER_HOST"].replace("tcp:", "http:"))
        assert time.monotonic() - began < LONGEST_S
