"""Credentials for registries, as the Docker CLI finds them: in DOCKER_AUTH_CONFIG, then where it stores them."""

from __future__ import annotations

import json
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from reconciler.core.message.errors import Conflict, Denied, Rejected

_VARIABLE: Final = "DOCKER_AUTH_CONFIG"


@contextmanager
def logged_in(name: str, environment: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """The credentials for an image's registry; {} for none.

    Where the registry turns out not to like them, it is said how to get better ones. Raises Denied.
    """
    from docker import auth

    with readable_credentials():
        registry, _ = auth.resolve_repository_name(name)
        key = auth.INDEX_URL if registry == auth.INDEX_NAME else registry
        own = _of_environment(environment)
        login: dict[str, Any] = own.get(key) or auth.load_config().resolve_authconfig(registry) or {}
    try:
        yield login
    except (Rejected, Conflict, Denied) as error:
        if not any(words in str(error).lower() for words in _NOT_LOGGED_IN):
            raise
        stored = f"of {_VARIABLE}" if key in own else "of the Docker config file"
        why = f"does not accept the credentials {stored}" if login else "wants credentials"
        remedy = f"correct {_VARIABLE}" if key in own else f"log in with `docker login {registry}`"
        raise Denied(f"{error}: {registry} {why}; {remedy}") from error


_NOT_LOGGED_IN: Final = ("unauthorized", "authentication required", "no basic auth credentials", "denied")


_ONE_AT_A_TIME: Final = threading.Lock()  # which warnings are told is a setting of the whole process


def login_header(image: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The header with the credentials for an image's registry; none where there are no credentials."""
    from docker import auth

    with logged_in(image.partition("@")[0], environment) as login:
        return {"X-Registry-Auth": auth.encode_header(login).decode()} if login else {}


def all_credentials(environment: Mapping[str, str]) -> Any:
    """The credentials for all registries, in the form in which the library sends them to a builder. Raises Denied."""
    from docker import auth

    with readable_credentials():
        accounts: Any = auth.load_config()
        stored: dict[str, Any] = accounts.get_all_credentials()
        return auth.AuthConfig({"auths": {**stored, **_of_environment(environment)}})


def _of_environment(environment: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The credentials in the variable, by registry. Raises Denied."""
    from docker import auth

    text = environment.get(_VARIABLE)
    if not text:
        return {}
    try:
        declared = json.loads(text)["auths"].items()
        return {registry: _login(registry, *auth.decode_auth(entry["auth"])) for registry, entry in declared}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        wanted = '{"auths": {"registry.example": {"auth": "…"}}}'
        raise Denied(f"{_VARIABLE} can't be read; expected JSON such as {wanted}") from error


def _login(registry: str, name: str, password: str) -> dict[str, Any]:
    return {"username": name, "password": password, "serveraddress": registry}


@contextmanager
def readable_credentials() -> Iterator[None]:
    try:
        with _ONE_AT_A_TIME, warnings.catch_warnings(action="ignore"):  # of what is an error a moment later
            yield
    except Denied:
        raise
    except Exception as error:  # the library expects the file to be in order
        words = str(error.__cause__ or error)
        raise Denied(f"the credentials of the Docker config file can't be read: {words}; see `docker login`") from error
