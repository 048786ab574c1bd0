"""The way to a Docker engine: the only place that imports ``docker`` and knows its exceptions.

Requests and bodies are our own, because the library drops zeroes and lacks newer fields (NanoCpus, PidsLimit,
start intervals). Reads from this machine's socket, or a port without TLS, need no library. Writes, streams, TLS, ssh,
credentials and build contexts are the library's, which is imported by the first call that needs it.
"""

from __future__ import annotations

import io
import json
import threading
import time
import warnings
import zlib
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from functools import cached_property
from itertools import count
from typing import IO, TYPE_CHECKING, Any, Final, Literal, TypeVar
from urllib.parse import urlencode
from weakref import finalize

from reconciler.core.message.errors import Conflict, Denied, ReconcileError, Rejected, Unreachable
from reconciler.core.provider import Pending
from reconciler.core.resource.values import Secret, Value, revealed
from reconciler.pattern import lazy_pattern
from reconciler.providers.answers import (
    Answer,
    Limits,
    Note,
    decoded,
    each_within,
    ignored,
    late,
    noted,
    read_within,
    require_shape,
    understood,
    why,
)
from reconciler.providers.docker.engine import listeners
from reconciler.providers.docker.engine.credentials import (
    all_credentials,
    logged_in,
    login_header,
    readable_credentials,
)
from reconciler.providers.docker.engine.failures import (
    WHO,
    error_of,
    message_of,
    offered_versions,
    raise_error_in,
    unreachable,
)
from reconciler.providers.docker.engine.frames import pieces
from reconciler.providers.docker.engine.headers import custom_headers, secret_headers
from reconciler.providers.docker.engine.listeners import Listener, Sockets
from reconciler.providers.docker.engine.location import Location, located
from reconciler.providers.docker.engine.pulling import pulled
from reconciler.providers.docker.engine.versions import OLDEST_API, spoken, text_of, version_of
from reconciler.providers.docker.table import forms, labels
from reconciler.providers.docker.table.property import dig
from reconciler.providers.side_by_side import AT_ONCE, side_by_side
from reconciler.providers.waits import WAITS
from reconciler.record import Struct

if TYPE_CHECKING:
    from docker import APIClient

    from reconciler.providers.docker.engine.attached import Attached
    from reconciler.providers.docker.engine.ssh import Connections
    from reconciler.providers.transport import Transport

T = TypeVar("T")
U = TypeVar("U")

LIMITS: Final = Limits()
"""The limits of each answer, apart from logs and events."""
PAUSES_OF_A_READ_S: Final = (0.25, 0.5)
"""How long a read waits before it is tried again; what changes something is tried again by who has planned it."""
BETWEEN_TWO_LOOKS_S: Final = 0.1
DETACHED_AFTER_S: Final = 5.0
"""A command that runs for so long after its terminal was closed was left by way of the engine's detach keys."""
LONGEST_LINE_BYTES: Final = 1 << 20
"""The most that a part of a stream has: a line of a pull, a push, a build or of events, a piece of a log."""


class Silences(Struct, frozen=True):
    """The longest time until the next line of a stream: a command of a build may write nothing for long."""

    transfer_s: float = 600.0
    build_s: float = 3600.0


_LIKE_AN_ID: Final = lazy_pattern(r"/containers/([0-9a-f]{1,63})((?:/.*)?)$")
"""A container's name that could also be the beginning of an id."""


_OF_PROGRAMS: Final = lazy_pattern(r"/(?:containers/[^/]+/json|(?:services|tasks)(?:/[^/]+)?)$")


_CONFIGS: Final = (
    *("Config", "Spec.ContainerSpec"),
    *("Spec.TaskTemplate.ContainerSpec", "PreviousSpec.TaskTemplate.ContainerSpec"),
)


class Given:
    """The environments of programs that an engine has shown, each to be taken once: programs may write what they have.

    Safe to use from several threads.
    """

    def __init__(self) -> None:
        self._seen: set[tuple[str, str]] = set()
        self._new: deque[tuple[str, Mapping[str, Value]]] = deque()

    def __contains__(self, identity: object) -> bool:
        return (identity, "") in self._seen

    def note(self, path: str, answer: Any) -> None:
        """Note the environments in the answer to a request for this path."""
        if _OF_PROGRAMS.match(path):
            for shown in answer if isinstance(answer, list) else (answer,):
                self._note(shown)

    def _note(self, shown: Any) -> None:
        # A container and a task keep their environment. A service of a Swarm gets another one with a new version.
        version = dig(shown, "Version.Index") if dig(shown, "Spec.TaskTemplate") else ""
        mark = (str(dig(shown, "Id") or dig(shown, "ID")), str(version))
        if mark not in self._seen:
            for config in _configs(shown):
                if entries := _entries(config):
                    marks = dig(config, "Labels")
                    service = str(marks.get(labels.SERVICE) or "") if isinstance(marks, Mapping) else ""
                    self._new.append((service, forms.variables(entries)))
            # Last: who sees the mark may rely on what was noted.
            self._seen.add(mark)

    def taken(self) -> Iterator[tuple[str, Mapping[str, Value]]]:
        """Hands over what is new: the service, "" where it is not shown, and the variables."""
        while True:
            try:
                yield self._new.popleft()
            except IndexError:
                return


def _configs(shown: Any) -> Iterator[Any]:
    """The places of an answer that have an environment. A service shows that of its previous version as well."""
    for path in _CONFIGS:
        yield dig(shown, path)


def _entries(config: Any) -> Sequence[Any]:
    entries = dig(config, "Env")
    return entries if isinstance(entries, list) else ()


class _Lent(Struct, frozen=True, eq=False, weakref=True):
    """A client of the library that a thread has; it is gone with the thread."""

    api: APIClient


class Engine:
    """One Docker engine. Safe to use from several threads: each has its own client of the library."""

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        limits: Limits = LIMITS,
        pause: Callable[[float], None] = time.sleep,
        note: Note = ignored,
        silences: Silences = Silences(),  # noqa: B008  # it is frozen
    ) -> None:
        """``environment`` holds DOCKER_HOST, DOCKER_CONTEXT and the like, as the Docker CLI reads them."""
        self._silences = silences
        self._environment, self._limits, self._pause, self._note = dict(environment), limits, pause, note
        self._location: Location | None = None
        self._ssh: Connections | None = None
        self._own: Mapping[str, Any] | None = None
        self._is_beside: bool | None = None
        self._local = threading.local()
        self._clients: list[APIClient] = []
        self._idle: deque[APIClient] = deque()
        self._transport: Transport | None = None
        self._lock, self._negotiation = threading.Lock(), threading.Lock()
        self._version = ""
        self.given = Given()

    @property
    def location(self) -> Location:
        """The address of the engine; it need not exist."""
        self._location = self._location or located(self._environment)
        return self._location

    @cached_property
    def _headers(self) -> Mapping[str, str]:
        """The headers of every request, which proxies in front of an engine may ask for. Raises Unreachable."""
        return custom_headers(self._environment)

    @property
    def credentials(self) -> Sequence[Secret]:
        """The secrets among these headers."""
        try:
            return tuple(secret_headers(self._environment))
        except Unreachable:  # which is reported when the engine is first spoken to
            return ()

    @property
    def own(self) -> Mapping[str, Any]:
        """The engine's information about itself; nothing if that is forbidden, as by some proxies."""
        if self._own is None:
            try:
                self._own = self.get("/info") or {}
            except Denied:
                self._own = {}
        return self._own

    def programs_at(self, port: int, protocol: str, sockets: Sockets | None = None) -> Sequence[Listener]:
        """The sockets of this machine that hold a port, if that is where the engine publishes; else nothing.

        ``sockets`` are those read before, for who asks about several ports.
        """
        if self._is_beside is None:
            self._is_beside = listeners.shares_our_network(self.location.socket)
        return tuple((sockets or Sockets()).at(port, protocol)) if self._is_beside else ()

    # -------------------------------------------------------------- requests

    def get(self, path: str, **params: Any) -> Any:
        """The decoded answer, or None where there is no such thing (404). Mappings in params become JSON.

        What fails for a reason that may be gone is tried again. Raises Rejected where the answer has another shape.
        A container is meant by its whole name or id; see :meth:`inspected`.
        """
        exact = self._exact(path)
        return self._get(exact, params) if exact else None

    def inspected(self, reference: str) -> Any:
        """A container by its name, its id, or the beginning of its id; None if there is none."""
        return self._get(f"/containers/{reference}/json", {})

    def _exact(self, path: str) -> str:
        """The path with the id of the container that it names; "" if no container has that name.

        The engine takes a name that no container has for the beginning of an id, and `db` may well be one: that of a
        container of somebody else.
        """
        named = _LIKE_AN_ID.match(path)
        if not named:
            return path
        name, rest = named.groups()
        found = self._get("/containers/json", {"all": 1, "filters": {"name": [f"^/{name}$"]}})
        ids = (item["Id"] for item in found if f"/{name}" in item["Names"])
        return next((f"/containers/{each}{rest}" for each in ids), "")

    def _get(self, path: str, params: Mapping[str, Any]) -> Any:
        asked = _asked("GET", path)
        for pause_s in PAUSES_OF_A_READ_S:
            began = time.monotonic()
            try:
                return self._got(path, params, asked)
            except Unreachable:
                # A server that never answered is not waited for here: whoever looks knows whether it is starting.
                if not self._has_answered or time.monotonic() - began >= self._limits.seconds:
                    raise
            self._pause(pause_s)
        return self._got(path, params, asked)

    def _got(self, path: str, params: Mapping[str, Any], asked: str) -> Any:
        answer = self._read(path, params)
        if answer.status_code == 404:
            # Lists are always there, so a 404 for one comes from another program at this address.
            if path in _SHAPES or not message_of(answer):
                raise Unreachable(f"what answers {asked} with 404 at {self.location} is no Docker engine")
            return None
        found = require_shape(decoded(answer.content, WHO, asked), _SHAPES.get(path, dict), WHO, asked)
        self.given.note(path, found)
        return found

    @property
    def _has_answered(self) -> bool:
        return bool(self._version)

    def post(self, path: str, body: Mapping[str, Value] | None = None, *, image: str = "", **params: Any) -> Any:
        """The decoded answer, None where it is empty. Secrets in the body are revealed here.

        The credentials for the registry of an ``image`` go along, for nodes that are to pull it.
        """
        exact = self._exact(path)
        if not exact:
            raise Conflict(f"No such container: {path.split('/')[2]}")
        path = exact
        data = json.dumps(revealed(body or {}))
        headers = {"Content-Type": "application/json", **(login_header(image, self._environment) if image else {})}
        answer = self._request("POST", path, params=params, data=data, headers=headers)
        asked = _asked("POST", path)
        if answer.status_code == 404:
            raise error_of(answer, asked)
        return require_shape(decoded(answer.content, WHO, asked), dict, WHO, asked) if answer.content else None

    def unpack(self, container: str, archive: bytes) -> None:
        """Unpack a tar at the root of a container, which need not run."""
        headers = {"Content-Type": "application/x-tar"}
        answer = self._request(
            "PUT", f"/containers/{container}/archive", params={"path": "/"}, data=archive, headers=headers
        )
        if answer.status_code == 404:
            raise error_of(answer, _asked("PUT", f"/containers/{container}/archive"))

    def file(self, container: str, path: str) -> bytes | None:
        """Reads a file of a container, which need not run; None if there is no such file."""
        import tarfile

        answer = self._read(f"/containers/{container}/archive", {"path": path})
        if answer.status_code == 404:
            return None
        try:
            with tarfile.open(fileobj=io.BytesIO(answer.content)) as archive:
                found = next((archive.extractfile(member) for member in archive if member.isfile()), None)
                return found.read() if found else None
        except tarfile.TarError as error:
            raise Rejected(f"the engine's archive of {path} can't be read: {error}") from error

    def delete(self, path: str, **params: Any) -> None:
        """Delete; what is gone already is fine."""
        if exact := self._exact(path):
            self._request("DELETE", exact, params=params)

    @property
    def api_version(self) -> tuple[int, int]:
        """The version spoken: the engine's, but none newer than we have tried."""
        return version_of(self._spoken())

    # -------------------------------------------------------------- streams

    def pull(self, reference: str, platform: str | None = None) -> Iterator[Pending]:
        """Pull an image; yields progress. Raises Rejected or Denied with the registry's words."""
        from docker.utils import parse_repository_tag

        repository, tag = parse_repository_tag(reference)
        with logged_in(repository, self._environment) as login, self._streamed("POST /images/create") as stream:
            options = {"stream": True, "decode": True, "platform": platform, "auth_config": login}
            lines = stream.api.pull(repository, tag or "latest", **options)
            yield from pulled(stream.each(lines, self._silences.transfer_s))

    def push(self, reference: str) -> Iterator[str]:
        """Push an image; yields progress. Raises Rejected or Denied with the registry's words."""
        from docker.utils import parse_repository_tag

        repository, tag = parse_repository_tag(reference)
        asked = f"POST /images/{repository}/push"
        with logged_in(repository, self._environment) as login, self._streamed(asked) as stream:
            lines = stream.api.push(repository, tag or "latest", stream=True, decode=True, auth_config=login)
            yield from map(_progress, stream.each(lines, self._silences.transfer_s))

    def digest_in_registry(self, reference: str) -> str:
        """The digest of what the registry has under this name. Raises Rejected, Conflict or Denied with its words."""
        with logged_in(reference, self._environment) as login, self._library(f"GET /distribution/{reference}/json"):
            api: Any = self._api()
            digest: str = api.inspect_distribution(reference, auth_config=login)["Descriptor"]["digest"]
            return digest

    def build(
        self, context: IO[bytes], *, tag: str, ulimits: Sequence[Any] = (), **options: Any
    ) -> Generator[str, None, None]:
        """Build from a tar stream with the builder inside the engine; yields its output line by line.

        Secrets among the options are revealed here. Raises Rejected, or Denied where a base image is not to be had.
        """
        accounts: Any = all_credentials(self._environment)
        plain: Any = revealed(options)
        with self._streamed("POST /build") as stream:
            api = stream.api
            api._auth_configs = accounts  # noqa: SLF001  # which the library sends along
            api.params = {"ulimits": json.dumps(list(ulimits))} if ulimits else {}  # the library has no such option
            try:
                lines = api.build(
                    fileobj=context, custom_context=True, tag=tag, rm=True, forcerm=True, decode=True, **plain
                )
            finally:
                api.params = {}
            for line in stream.each(lines, self._silences.build_s):
                raise_error_in(line)
                yield from str(line.get("stream") or line.get("status") or "").splitlines()

    def tag(self, reference: str, other: str) -> None:
        """Give an image a second name."""
        from docker.utils import parse_repository_tag

        repository, tag = parse_repository_tag(other)
        self.post(f"/images/{reference}/tag", repo=repository, tag=tag or "latest")

    def logs(
        self, container: str, *, tail: int | Literal["all"] = "all", follow: bool = False, timestamps: bool = False
    ) -> Generator[bytes, None, None]:
        """Yields the output of a container, both streams, in pieces as they come."""
        self.note_given(container)
        with self._streamed(_asked("GET", f"/containers/{container}/logs")) as stream:
            found = stream.api.logs(
                container, stdout=True, stderr=True, stream=True, follow=follow, tail=tail, timestamps=timestamps
            )
            yield from stream.each(found, None if follow else self._limits.seconds)

    def note_given(self, container: str) -> None:
        """Have noted what a container was given, before anything that it writes is read."""
        if container not in self.given:
            self.inspected(container)

    def _note_given_to_tasks(self, path: str) -> None:
        """The same for a task, or for those of a service, at this path."""
        _, noun, identity = path.split("/")
        if noun == "services":
            self.get("/tasks", filters={"service": [identity]})
        elif identity not in self.given:
            self.get(path)

    def cluster_logs(
        self, path: str, *, tail: int | Literal["all"] = "all", follow: bool = False, timestamps: bool = False
    ) -> Generator[bytes, None, None]:
        """Yields the output of a service or a task of a Swarm, wherever it runs, in pieces as they come."""
        self._note_given_to_tasks(path)
        asked = {"stdout": 1, "stderr": 1, "tail": tail, "follow": int(follow), "timestamps": int(timestamps)}
        with self._streamed(_asked("GET", f"{path}/logs")) as stream:
            api = stream.api
            answer = api.get(f"{api.base_url}/v{self._version}{path}/logs", params=asked, stream=True)
            if answer.status_code >= 400:
                raise error_of(answer, _asked("GET", f"{path}/logs"))
            found = stream.each(pieces(answer.raw), None if follow else self._limits.seconds)
            yield from (piece for _, piece in found)

    @contextmanager
    def events(
        self, filters: Mapping[str, Any], *, since: float | None = None, until: float | None = None
    ) -> Iterator[Iterator[Mapping[str, Any]]]:
        """The engine's events from the beginning of the block on, or between two times; they end with the connection
        or with the last one."""
        with self._streamed("GET /events") as stream:
            found = stream.api.events(decode=True, filters=dict(filters), since=since, until=until)
            yield stream.each(found, None if until is None else self._limits.seconds)

    def execute(self, container: str, body: Mapping[str, Value], *, timeout_s: float) -> tuple[int, str]:
        """Run a command in a container; its exit code, and what it wrote to both of its outputs.

        A command may not bear to be run twice. Where the answer is lost the engine is asked what became of it: raises
        Unreachable only if it was not begun, and Rejected if that can't be known.
        """
        made = self.post(f"/containers/{container}/exec", body)["Id"]
        data = json.dumps({"Detach": False, "Tty": False})
        rest = {"data": data, "headers": {"Content-Type": "application/json"}}
        lost, output = None, b""
        # A command may be run once only, so an error does not end this: the engine knows whether it was begun.
        try:
            answer = self._request("POST", f"/exec/{made}/start", params={}, patience_s=timeout_s, **rest)
            output = b"".join(piece for _, piece in pieces(io.BytesIO(answer.content)))
        except Unreachable as error:
            lost = error
        code = self._exit_code(made)
        if code is None:
            raise lost or Rejected("the command has not ended, though its output has")
        return code, output.decode(errors="replace")

    def attached(self, container: str, body: Mapping[str, Value], *, size: tuple[int, int] | None = None) -> Attached:
        """Begins a command in a container; its input and outputs are those of the connection. Raises ProviderError.

        ``size`` has the columns and rows of its terminal.
        """
        from reconciler.providers.docker.engine.attached import Attached

        made = self.post(f"/containers/{container}/exec", body)["Id"]
        # The API takes rows before columns.
        rows_first = list(reversed(size)) if size else None
        start = {"Detach": False, "Tty": bool(body.get("Tty")), **({"ConsoleSize": rows_first} if size else {})}
        headers = {"Content-Type": "application/json", "Connection": "Upgrade", "Upgrade": "tcp"}
        path = f"/exec/{made}/start"
        answer = self._request("POST", path, params={}, data=json.dumps(start), headers=headers, stream=True)
        # `_request` leaves 404 to its callers: here the container is gone since the command was made.
        if answer.status_code == 404:
            raise error_of(answer, _asked("POST", path))

        def resize(columns: int, rows: int) -> None:
            self.post(f"/exec/{made}/resize", w=columns, h=rows)

        tty = bool(body.get("Tty"))
        return Attached(answer, tty=tty, resize=resize, exit_code=lambda: self._awaited_code(made, tty=tty))

    def detached(self, container: str, body: Mapping[str, Value]) -> None:
        """Begins a command in a container, and leaves it there. Raises ProviderError."""
        made = self.post(f"/containers/{container}/exec", body)["Id"]
        self.post(f"/exec/{made}/start", {"Detach": True, "Tty": bool(body.get("Tty"))})

    def _awaited_code(self, command: str, *, tty: bool) -> int | None:
        """The exit code of a command whose outputs have ended: it may have closed them, and go on for a while.

        Of a command with a terminal it is None after that: the engine's detach keys have ended the connection.
        """
        looks = count()
        while (found := self.get(f"/exec/{command}/json") or {}).get("Running"):
            if tty and next(looks) * BETWEEN_TWO_LOOKS_S >= DETACHED_AFTER_S:
                return None
            self._pause(BETWEEN_TWO_LOOKS_S)
        code = found.get("ExitCode")
        if code is None:
            raise Unreachable(f"{WHO} does not tell how the command ended")
        return int(code)

    def _exit_code(self, command: str) -> int | None:
        """The exit code of a command, None if it was not begun."""
        try:
            found = self.get(f"/exec/{command}/json") or {}
        except Unreachable as error:
            raise Rejected(f"it is not known whether the command was run, so it is not run again: {error}") from error
        # A second run beside the first one could do damage, so nothing is repeated here.
        if found.get("Running"):
            raise Rejected("the command still runs, and its output is lost; it is not run again")
        code = found.get("ExitCode")
        return None if code is None else int(code)

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment for a program that speaks to the same engine."""
        return self._environment

    def close(self) -> None:
        with self._lock:
            for client in self._clients:
                client.close()
            self._clients.clear()
            self._idle.clear()
            if self._transport:
                self._transport.close()
            if self._ssh:
                self._ssh.close()

    # -------------------------------------------------------------- underneath

    def _read(self, path: str, params: Mapping[str, Any]) -> Answer | Any:
        """The answer to a GET, without the library if there is a transport."""
        transport = self._direct()
        if transport is None:
            return self._request("GET", path, params=params)
        asked, version = _asked("GET", path), self._spoken()
        query = urlencode({key: value for key, value in _query(params).items() if value is not None})
        answer = self._sent(transport, f"v{version}{path}" + (f"?{query}" if query else ""), asked)
        if answer.status_code >= 400 and answer.status_code != 404:
            raise error_of(answer, asked)
        return answer

    def _sent(self, transport: Transport, path: str, asked: str) -> Answer:
        self._local.asked = asked
        with self._translated(asked), self._awaited(asked, self._limits.seconds):
            return transport.send("GET", path, headers=self._headers)

    def _direct(self) -> Transport | None:
        """The transport for reads, None if only the library reaches the engine."""
        # By ssh and TLS the library's connections are needed; the transport speaks plain sockets.
        if self._transport is None and not (self.location.is_ssh or self.location.tls):
            from reconciler.providers.transport import Transport, port, unix_socket

            location, seconds = self.location, self._limits.seconds
            _require_socket(location)
            path = location.socket
            dial = unix_socket(str(path), connect_s=seconds) if path else port(location.url, connect_s=seconds)
            # Another thread may have been faster; one transport keeps the connections of all.
            with self._lock:
                self._transport = self._transport or Transport(dial, WHO, self._limits, self._note)
        return self._transport

    def _request(
        self, method: str, path: str, *, params: Mapping[str, Any], patience_s: float | None = None, **rest: Any
    ) -> Any:
        _require_permission(method)
        api, query = self._api(), _query(params)
        # A stop answers only when its grace period is over, and a command when it has ended.
        usual_s = float(query.get("t") or 0) + (patience_s or 0)
        timeout = (0 if patience_s else self._limits.seconds) + usual_s
        # Kept for the thread, since the library's hooks see an answer and not the request.
        asked = self._local.asked = _asked(method, path)
        with self._library(asked, timeout), self._awaited(asked, timeout, usual_s):
            answer = api.request(
                method, f"{api.base_url}/v{self._version}{path}", params=query, timeout=timeout, **rest
            )
        if answer.status_code >= 400 and answer.status_code != 404:
            raise error_of(answer, asked)
        return answer

    def side_by_side(self, ask: Callable[[T], U], about: Iterable[T]) -> Iterator[U]:
        """The answers to reads in the order of the questions, several under way at a time.

        One by one where the library reads: it would need a client for each thread.
        """
        return side_by_side(ask, about, at_once=AT_ONCE if self._direct() else 1)

    def uses(self, path: str) -> None:
        """The answer to this GET is used now, as a message has to name it; the last one that came may be another."""
        self._local.asked = _asked("GET", path)

    def understood(self) -> AbstractContextManager[None]:
        """Whatever is raised while answers are used becomes a ProviderError that names the last request."""
        return understood(WHO, lambda: getattr(self._local, "asked", "a request"))

    @contextmanager
    def _streamed(self, asked: str) -> Iterator[_Stream]:
        """A client whose answers need not be read to their end: what it streams is closed at the end of the block."""
        _require_permission(asked.partition(" ")[0])
        api: Any = self._api()
        answers: list[Any] = []

        # The library does not close these answers; one that is not read to its end would hold its connection.
        def keep(answer: Any, *, stream: bool = False, **_sent: Any) -> None:
            if stream:
                answers.append(answer)

        api.hooks["response"].append(keep)
        try:
            with self._library(asked):
                yield _Stream(api, answers, asked)
        finally:
            api.hooks["response"].remove(keep)
            for answer in answers:
                answer.close()

    def _api(self) -> APIClient:
        lent: _Lent | None = getattr(self._local, "lent", None)
        if lent is None:
            # One client for each thread, because a session of requests is not made for several.
            lent = self._local.lent = _Lent(self._unused() or self._connected())
            # A daemon has threads that live for a moment; what one of them had is for the next one.
            finalize(lent, self._idle.append, lent.api)
        return lent.api

    def _unused(self) -> APIClient | None:
        """A client whose thread has ended."""
        with suppress(IndexError):
            return self._idle.pop()
        return None

    def _connected(self) -> APIClient:
        api = self._connect()
        with self._lock:
            self._clients.append(api)
        return api

    def _connect(self) -> APIClient:
        version = version_of(self._spoken())
        with self._library("GET /version"):
            return self._client(version)

    def _spoken(self) -> str:
        """The version that both sides speak; the first call asks the engine, and others wait for its answer."""
        with self._negotiation:
            if not self._version:
                offered = offered_versions(self._offer(), self.location)
                self._version = text_of(spoken(*offered, self._environment.get("DOCKER_API_VERSION") or ""))
            return self._version

    def _offer(self) -> Answer:
        _require_socket(self.location)
        asked, seconds = "GET /version", self._limits.seconds
        if transport := self._direct():
            return self._sent(transport, "version", asked)
        with self._library(asked), self._awaited(asked, seconds), closing(self._client(OLDEST_API)) as probe:
            return Answer.of(probe.get(f"{probe.base_url}/version", timeout=seconds))

    def _client(self, version: tuple[int, int]) -> APIClient:
        """A client of the library, with a way to the engine that it lacks where that is by ssh."""
        from docker import APIClient

        location, url = self.location, self.location.url
        tls = location.tls
        with readable_credentials():
            api: Any = APIClient(
                base_url=_PLACEHOLDER if location.is_ssh else url,
                version=text_of(version),
                timeout=self._limits.seconds,  # type: ignore[arg-type]  # it need not be a whole number
                tls=tls is not None,
            )
        api._general_configs.pop("HttpHeaders", None)  # noqa: SLF001  # the library adds them to some requests
        api.headers.update(self._headers)
        # Without the proxies and the .netrc of the environment: neither is meant for an engine.
        api.trust_env = False
        api.hooks["response"].append(read_within(WHO, self._limits, self._note))
        if tls:
            api.verify, api.cert = (tls.authority or True) if tls.verify else False, tls.own
            _allow_unverified()
        _share_connections(api, self._connections() if location.is_ssh else None)
        made: APIClient = api
        return made

    def _connections(self) -> Connections:
        from reconciler.providers.docker.engine.ssh import Connections

        with self._lock:
            self._ssh = self._ssh or Connections(self.location.url, self._environment)
            return self._ssh

    def _awaited(self, asked: str, most_s: float, usual_s: float = 0.0) -> AbstractContextManager[None]:
        return WAITS.awaited(f"{WHO} at {self.location.url}", asked, most_s=most_s, usual_s=usual_s)

    @contextmanager
    def _translated(self, asked: str) -> Iterator[None]:
        """Exceptions of the standard library as ours."""
        from http.client import HTTPException

        with noted(asked, self._note):
            try:
                yield
            except ReconcileError:
                raise
            except (HTTPException, OSError, zlib.error) as error:
                raise Unreachable(unreachable(self.location, error, asked)) from error
            except Exception as error:  # the library reads some answers itself, and expects them to be in order
                raise Unreachable(f"{WHO} answers {asked} with what can't be used: {why(error)}") from error

    @contextmanager
    def _library(self, asked: str, patience_s: float | None = None) -> Iterator[None]:
        """Exceptions of the library, and of those below it, as ours."""
        import requests
        from docker.errors import APIError, DockerException
        from urllib3.exceptions import HTTPError

        with self._translated(asked):
            try:
                yield
            except APIError as error:
                raise error_of(error.response, asked, str(error.explanation or error)) from error
            except requests.exceptions.ReadTimeout as error:
                raise late(WHO, asked, patience_s or self._limits.seconds) from error
            except (requests.exceptions.RequestException, HTTPError, DockerException) as error:
                raise Unreachable(unreachable(self.location, error, asked)) from error


def files_of_context(context: str, ignored: list[str], dockerfile: str | None) -> set[str]:
    """The names of a build context's files and folders, without those that the patterns leave out."""
    from docker.utils.build import exclude_paths

    return set(exclude_paths(context, ignored, dockerfile))


def _require_permission(method: str) -> None:
    """Raises what forbids a changing request, such as a lost lock."""
    if method != "GET":
        from reconciler.permission import require_permission  # a look changes nothing

        require_permission()


def _require_socket(location: Location) -> None:
    """Say at once that nobody is there, rather than let three libraries find out."""
    try:
        is_there = not location.socket or location.socket.exists()
    except OSError:  # a folder that we may not enter: to connect says the same
        return
    if not is_there:
        raise Unreachable(
            f"there is no Docker engine at {location.socket}; start it, or set DOCKER_HOST to where it is"
        )


class _Stream(Struct, frozen=True):
    """A client of the library, and the answers that it streams in this block."""

    api: Any
    answers: Sequence[Any]
    asked: str

    def each(self, items: Iterable[Any], seconds: float | None) -> Iterator[Any]:
        """The items of what it streams: each comes within its time, and is no longer than a line may be."""
        return each_within(items, self.answers, WHO, self.asked, seconds=seconds, size_bytes=LONGEST_LINE_BYTES)


# ------------------------------------------------------------------ what is said when nobody answers


def _progress(line: Mapping[str, Any]) -> str:
    raise_error_in(line)
    done = line.get("progressDetail") or {}
    current, total = done.get("current") or 0, done.get("total") or 0
    part = f"{25 * min(4 * current // total, 4)} %" if total else ""  # an engine counts more than there is
    return " ".join(text for text in (str(line.get("id") or ""), str(line.get("status") or ""), part) if text)


_PLACEHOLDER: Final = "unix:///ssh"
"""What the library is told instead of a URL for which it would want a library more."""


def _share_connections(api: APIClient, connections: Connections | None) -> None:
    """One pool for the whole engine; the library opens one, so a new connection, for each distinct URL."""
    from docker.transport.unixconn import UnixHTTPAdapter

    from reconciler.deadlines import watch

    class OnePool(UnixHTTPAdapter):
        def get_connection(self, _url: Any, proxies: Any = None) -> Any:
            return connections or super().get_connection("http+docker://localhost", proxies)

    adapter = api.adapters.get("http+docker://")
    if isinstance(adapter, UnixHTTPAdapter):
        api.mount("http+docker://", OnePool(f"http+unix://{adapter.socket_path}", adapter.timeout))
    for each in api.adapters.values():
        watch(each)


def _allow_unverified() -> None:
    """Silences the library's warning with each request: the user chose not to verify TLS."""
    from urllib3.exceptions import InsecureRequestWarning

    warnings.filterwarnings("ignore", category=InsecureRequestWarning)


def _query(params: Mapping[str, Any]) -> dict[str, Any]:
    return {key: json.dumps(value) if isinstance(value, Mapping) else value for key, value in params.items()}


def _asked(method: str, path: str) -> str:
    """A request as messages name it: ids are cut as the Docker CLI cuts them."""
    return f"{method} {listeners.FULL_ID.sub(lambda found: found[0][:12], path)}"


_SHAPES: Final[Mapping[str, type]] = {
    "/networks": list,
    "/containers/json": list,
    "/images/json": list,
    **dict.fromkeys(("/configs", "/nodes", "/secrets", "/services", "/tasks"), list),
    **dict.fromkeys(("/volumes", "/info", "/version"), dict),
}
"""The paths that always exist; any other is one object, or missing."""
