"""Limits on what a server may answer, and words for an answer that can't be used. Both clients read through this.

Nothing here imports a library: their exceptions wrap those of the standard library, and their responses are handed in.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import Any, Final, Protocol, TypeAlias, TypeVar
from urllib.parse import urlsplit

from reconciler.core.message.errors import ProviderError, ReconcileError, Rejected, Unreachable
from reconciler.record import Struct, replace

_PIECE: Final = 1 << 16
_NOT_MODIFIED: Final = 304
_EXCERPT: Final = 80
_Sort = TypeVar("_Sort", bound=BaseException)
_Item = TypeVar("_Item")


class Limits(Struct, frozen=True):
    """Limits of an answer: silence, seconds for the body, and its size, unpacked."""

    seconds: float = 60.0
    size_bytes: int = 64 << 20


class Request(Struct, frozen=True):
    """A request that has ended, for the log: without its query and body, which may hold secrets.

    ``ms`` lasts until the answer was read, or until a stream began. ``error`` says why there is no answer.
    """

    method: str
    path: str
    status: int = 0
    ms: int = 0
    error: str = ""


Note: TypeAlias = Callable[[Request], None]


class Headers(Protocol):
    """The headers of an answer, by names in any case."""

    def get(self, name: str, failobj: str, /) -> str: ...


class Answer(Struct, frozen=True):
    """An answer that was read to its end; ``asked`` has the method and path of its request."""

    asked: str
    status_code: int
    headers: Headers
    content: bytes

    @classmethod
    def of(cls, response: Any) -> Answer:
        """The answer in a library's response."""
        return cls(asked_of(response.request), response.status_code, response.headers, response.content)


def ignored(_request: Request) -> None:
    """Keeps no log of requests."""


def read_within(who: str, limits: Limits, note: Note = ignored) -> Callable[..., None]:
    """A response hook for a session of requests: reads the body within the limits, and follows no redirect.

    A redirect would carry the credentials to wherever the answer says, and turn a write into a read (301 to 303).
    A request with a time-out of its own has that for the body, too. What is streamed is left to its reader, unless it
    is a failure. Each answer that was read is handed to ``note``.
    """
    from reconciler.deadlines import allow  # with http.client, 50 ms

    def read(response: Any, *, stream: bool = False, timeout: Any = None, **_sent: Any) -> None:
        status, asked = response.status_code, asked_of(response.request)
        seconds, began = timeout if isinstance(timeout, int | float) else limits.seconds, monotonic()
        try:
            require_no_redirect(status, response.headers.get("Location", ""), who, asked)
            if not stream or status >= 400:
                # `content` has neither limit
                allow(response, seconds)
                pieces = iter(lambda: response.raw.read1(_PIECE, decode_content=True), b"")  # `read` waits for so much
                response._content = body_of(pieces, who, asked, replace(limits, seconds=seconds))  # noqa: SLF001
                response._content_consumed = True  # noqa: SLF001
            else:
                allow(response, None)
        except BaseException:
            response.close()
            raise
        method, _, path = asked.partition(" ")
        note(Request(method, path, status, milliseconds(response.elapsed.total_seconds() + monotonic() - began)))

    return read


@contextmanager
def noted(asked: str, note: Note) -> Iterator[None]:
    """Hands a request to ``note`` if the block raises what is no answer of the server."""
    began = monotonic()
    try:
        yield
    except Unreachable as error:
        method, _, path = asked.partition(" ")
        note(Request(method, path, ms=milliseconds(monotonic() - began), error=str(error)))
        raise


def milliseconds(seconds: float) -> int:
    """The time as the log has it."""
    return round(seconds * 1000)


def asked_of(request: Any) -> str:
    """The method and path of a request, without its query."""
    return f"{request.method} {urlsplit(request.path_url).path}"


def body_of(pieces: Iterable[bytes], who: str, asked: str, limits: Limits) -> bytes:
    """The body, from its pieces as they come. Raises Rejected for a large one, Unreachable for a slow one."""
    try:
        return b"".join(_bounded(pieces, who, asked, limits))
    except Exception as error:
        if underneath(error, TimeoutError):
            raise late(who, asked, limits.seconds) from error
        raise


def _bounded(pieces: Iterable[bytes], who: str, asked: str, limits: Limits) -> Iterator[bytes]:
    end, size = monotonic() + limits.seconds, 0
    for piece in pieces:
        yield piece
        size += len(piece)
        if size > limits.size_bytes:
            raise Rejected(f"{who} answers {asked} with more than {limits.size_bytes >> 20} MiB")
        if monotonic() > end:
            raise late(who, asked, limits.seconds)


def each_within(
    items: Iterable[_Item],
    answers: Sequence[Any],
    who: str,
    asked: str,
    *,
    seconds: float | None,
    size_bytes: int,
) -> Iterator[_Item]:
    """The items of a stream; each has to come whole within its time, and to have no more bytes than a limit.

    ``answers`` are the responses that the items are read from. Raises Unreachable, and Rejected for a long item.
    """
    from reconciler.deadlines import TooMuch, allow

    rest = iter(items)
    while True:
        for answer in answers:
            allow(answer, seconds, size_bytes)
        try:
            item = next(rest)
        except StopIteration:
            return
        except TooMuch as error:
            raise Rejected(f"{who} answers {asked} with a line of more than {size_bytes >> 10} KiB") from error
        except Exception as error:
            if seconds is not None and underneath(error, TimeoutError):
                raise Unreachable(f"{who} took more than {seconds:g} s for the next line of {asked}") from error
            raise
        yield item


def late(who: str, asked: str, seconds: float) -> Unreachable:
    """The error for an answer that did not come in time."""
    return Unreachable(f"{who} took more than {seconds:g} s to answer {asked}")


def require_no_redirect(status: int, location: str, who: str, asked: str) -> None:
    """Raises Rejected for a redirect: its target must not get the credentials."""
    if 300 <= status < 400 and status != _NOT_MODIFIED:
        parts = urlsplit(location)
        host = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else parts.path
        where = f" to {host}" if location else ""
        raise Rejected(
            f"{who} answers {asked} with a redirect{where} ({status}), which is not followed; "
            "set the URL to where the server itself is"
        )


def decoded(content: bytes, who: str, asked: str) -> Any:
    """The JSON of an answer. Raises Unreachable where it is cut, empty or something else."""
    if not content.strip():
        raise Unreachable(f"{who} answers {asked} with nothing")
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        excerpt = content[:_EXCERPT].decode(errors="replace").strip()
        raise Unreachable(f"{who} answers {asked} with what is cut or no JSON: {excerpt}") from error


def require_shape(found: Any, shape: type[Any], who: str, asked: str) -> Any:
    """The answer, if it is an object (dict), or a list of objects (list), as it has to be. Raises Rejected."""
    if not isinstance(found, shape):
        raise Rejected(f"{who} answers {asked} with {_NAMES.get(type(found), 'a value')} instead of {_NAMES[shape]}")
    if shape is list and not all(isinstance(item, dict) for item in found):
        raise Rejected(f"{who} answers {asked} with a list of something else than objects")
    return found


_NAMES: Final = {dict: "an object", list: "a list", str: "a text", type(None): "null", bool: "a boolean"}


@contextmanager
def understood(who: str, last_asked: Callable[[], str]) -> Iterator[None]:
    """Turns whatever is raised while answers are used into a ProviderError that names the last request.

    An answer whose inner shape is another one shows only where a part of it is missing or of another type.
    """
    try:
        yield
    except ReconcileError:
        raise
    except OSError as error:  # a file of this machine
        raise Rejected(f"{error.filename or who}: {error.strerror or why(error)}") from error
    except Exception as error:  # whatever an answer of another shape causes
        raise ProviderError(f"{who} answers {last_asked()} with what can't be used ({_trouble(error)})") from error


def _trouble(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else f"{type(error).__name__}: {error}"


# ------------------------------------------------------------------ why nothing came


def why(error: BaseException) -> str:
    """The underlying failure, in the words of the operating system or the protocol."""
    from http.client import HTTPException, IncompleteRead, RemoteDisconnected  # 50 ms, for failures only

    for cause in _chain(error):
        match cause:
            case RemoteDisconnected():
                return "it hung up without an answer"
            case IncompleteRead():
                return "the answer was cut"
            case TimeoutError():
                return "timed out"
            case OSError() if cause.strerror:
                return str(cause.strerror)
            case HTTPException():
                return f"the answer is no HTTP: {str(cause).strip()!r}"
            case zlib.error():
                return f"the answer can't be unpacked: {cause}"
    return str(error) or type(error).__name__


def underneath(error: BaseException, sort: type[_Sort]) -> _Sort | None:
    """The exception of this sort that a library has wrapped, if there is one."""
    return next((cause for cause in _chain(error) if isinstance(cause, sort)), None)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An exception and those within it, innermost last; libraries keep it in several places."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        inner = (getattr(current, "reason", None), *current.args, current.__cause__, current.__context__)
        current = next((each for each in inner if isinstance(each, BaseException)), None)
