"""Headers of every request to the engine, as the Docker CLI sends them: a proxy in front of it may ask for them.

``HttpHeaders`` of the CLI's config file, or DOCKER_CUSTOM_HEADERS, which replaces all of these. Source:
``withCustomHeadersFromEnv`` of docker/cli, and ``addHeaders`` of the engine's Go client.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from reconciler.core.message.errors import Unreachable
from reconciler.core.message.secrecy import looks_secret
from reconciler.core.resource.values import Secret
from reconciler.pattern import lazy_pattern
from reconciler.providers.docker.engine.location import settings_of

_VARIABLE: Final = "DOCKER_CUSTOM_HEADERS"
_KEY: Final = "HttpHeaders"
_OWN: Final = frozenset({"Content-Length", "Host", "Trailer", "Transfer-Encoding", "User-Agent"})
"""Headers that the client sets itself; the CLI's does not let them be overridden."""
_NAME: Final = lazy_pattern(r"[-!#$%&'*+.^_`|~0-9A-Za-z]+")
_UNSENDABLE: Final = lazy_pattern(r"[\x00-\x08\x0a-\x1f\x7f]")


def custom_headers(environment: Mapping[str, str]) -> dict[str, str]:
    """The headers by their names. Raises Unreachable for what can't be sent, without its value."""
    if text := environment.get(_VARIABLE):
        said, pairs = _VARIABLE, list(_listed(text))
    else:
        said, pairs = f"`{_KEY}` of the Docker config file", list(_declared(settings_of(environment).get(_KEY)))
    found: dict[str, str] = {}
    for name, value in pairs:
        if not _NAME.fullmatch(name) or _UNSENDABLE.search(value):
            raise Unreachable(f"{said} has the header `{name}`, which can't be sent: check its name and value")
        found[name.title()] = value.strip().encode().decode("latin-1")  # each byte as it is
    return {name: value for name, value in found.items() if name not in _OWN}


def secret_headers(environment: Mapping[str, str]) -> Iterator[Secret]:
    """The values that must not be shown, as a whole and without the word for the way to log in. Raises Unreachable."""
    for name, value in custom_headers(environment).items():
        if looks_secret(name):
            yield from (Secret(value), Secret(value.rpartition(" ")[2]))


def _listed(text: str) -> Iterator[tuple[str, str]]:
    """The pairs of the variable: ``key=value`` with commas between them, quoted as in a CSV file."""
    import csv  # only who has the variable needs it

    try:
        fields: list[str] = next(csv.reader([text], strict=True), [])
    except csv.Error as error:
        raise Unreachable(f"{_VARIABLE} can't be read: {error}; write it as `name=value,other=value`") from error
    for field in fields:
        name, equals, value = field.partition("=")
        if not equals or not name.strip():
            raise Unreachable(f"{_VARIABLE} has an entry without a name or `=`; write it as `name=value,other=value`")
        if value:
            yield name.strip(), value


def _declared(headers: Any) -> Iterable[tuple[str, str]]:
    if headers is None:
        return ()
    if not isinstance(headers, Mapping) or not all(isinstance(value, str) for value in headers.values()):
        raise Unreachable(f"`{_KEY}` of the Docker config file is no mapping of names to texts; correct it")
    return tuple(headers.items())
