"""Credentials for registries, as the Docker CLI stores them."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from reconciler.core.message.errors import Conflict, Denied, Rejected


@contextmanager
def logged_in(name: str) -> Iterator[dict[str, Any]]:
    """The credentials for an image's registry, from the Docker config file or a credential helper; {} for none.

    Where the registry turns out not to like them, it is said how to get better ones. Raises Denied.
    """
    from docker import auth

    with readable_credentials():
        registry, _ = auth.resolve_repository_name(name)
        login: dict[str, Any] = auth.load_config().resolve_authconfig(registry) or {}
    try:
        yield login
    except (Rejected, Conflict, Denied) as error:
        if not any(words in str(error).lower() for words in _NOT_LOGGED_IN):
            raise
        why = "does not accept the credentials of the Docker config file" if login else "wants credentials"
        raise Denied(f"{error}: {registry} {why}; log in with `docker login {registry}`") from error


_NOT_LOGGED_IN: Final = ("unauthorized", "authentication required", "no basic auth credentials", "denied")


_ONE_AT_A_TIME: Final = threading.Lock()  # which warnings are told is a setting of the whole process


def login_header(image: str) -> dict[str, str]:
    """The header with the credentials for an image's registry; none where there are no credentials."""
    from docker import auth

    with logged_in(image.partition("@")[0]) as login:
        return {"X-Registry-Auth": auth.encode_header(login).decode()} if login else {}


@contextmanager
def readable_credentials() -> Iterator[None]:
    try:
        with _ONE_AT_A_TIME, warnings.catch_warnings(action="ignore"):  # of what is an error a moment later
            yield
    except Exception as error:  # the library expects the file to be in order
        words = str(error.__cause__ or error)
        raise Denied(f"the credentials of the Docker config file can't be read: {words}; see `docker login`") from error
