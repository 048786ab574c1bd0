"""Secrets of the KV engine of Vault or OpenBao, over HTTP."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

import requests

from reconciler.deadlines import watch
from reconciler.secrets.sources.files import text_of
from reconciler.secrets.sources.interface import SourceError, Surroundings

_MOST_BYTES: Final = 4 << 20
"""Vault itself takes no request above 32 MiB, and its storage no value above 1 MiB."""

_PIECE: Final = 1 << 16
_TOKEN_FILE: Final = "~/.vault-token"  # noqa: S105  # a path
_REMEDIES: Final[Mapping[int, str]] = {
    403: "the token is not valid, or its policy does not allow to read this path",
    404: "there is no secret at this path; check path, mount and version",
    429: "it is a standby; name the address of the active server",
    503: "it is sealed or under maintenance",
}


def read_vault(settings: Any, around: Surroundings) -> str:
    """A key of a secret. The token is in the environment (VAULT_TOKEN, BAO_TOKEN) or in a file. Raises SourceError."""
    address = str(settings.get("address") or _variable(around, "ADDR"))
    if not address.startswith(("http://", "https://")):
        raise SourceError("it has no `address`; set one, or VAULT_ADDR, such as https://vault.example.com:8200")
    key = str(settings["key"])
    url = f"{address.rstrip('/')}/v1/{_path(settings)}"
    found = _answer(url, _headers(settings, around), settings.get("ca_file"), around)
    value = found.get(key)
    if not isinstance(value, str):
        raise SourceError(f"{url} has no text under `{key}`" if key in found else f"{url} has no key `{key}`")
    return value


def _path(settings: Any) -> str:
    mount, path = (quote(str(each).strip("/")) for each in (settings.get("mount") or "secret", settings["path"]))
    return f"{mount}/{path}" if settings.get("version") == 1 else f"{mount}/data/{path}"


def _variable(around: Surroundings, ending: str) -> str:
    return around.environment.get(f"VAULT_{ending}") or around.environment.get(f"BAO_{ending}") or ""


def _headers(settings: Any, around: Surroundings) -> Mapping[str, str]:
    token = _variable(around, "TOKEN")
    # A named file comes before the variable: the file is part of the project, the variable of a shell.
    if settings.get("token_file") or not token:
        try:
            token = text_of(around.path(str(settings.get("token_file") or _TOKEN_FILE))).strip()
        except SourceError as error:
            raise SourceError(f"there is no token: {error}; set VAULT_TOKEN, or name a `token_file`") from error
    namespace = str(settings.get("namespace") or _variable(around, "NAMESPACE"))
    return {
        "X-Vault-Token": token,
        "X-Vault-Request": "true",
        **({"X-Vault-Namespace": namespace} if namespace else {}),
    }


def _answer(url: str, headers: Mapping[str, str], ca_file: Any, around: Surroundings) -> Mapping[str, Any]:
    """The keys of the secret. No redirect is followed: the token would go to whoever is named there."""
    trusted = ca_file or _variable(around, "CACERT")
    verify = str(around.path(str(trusted))) if trusted else True
    options: Any = {"timeout": around.patience_s, "allow_redirects": False, "verify": verify, "stream": True}
    try:
        with _session() as session, session.get(url, headers=headers, **options) as answer:
            content = b""
            if answer.status_code == 200:
                content = _content(answer)
    except (requests.RequestException, OSError, ValueError) as error:
        raise SourceError(f"{url} does not answer: {type(error).__name__}; check address and certificate") from error
    if answer.status_code != 200:
        remedy = _REMEDIES.get(answer.status_code, "see the log of the server")
        # A standby sends on to the active server; following that would send the token there.
        if answer.is_redirect:
            remedy = f"it sends on to {answer.headers.get('Location')}; name that server as `address`"
        raise SourceError(f"{url} answers {answer.status_code}: {remedy}")
    return _found(url, content)


def _found(url: str, content: bytes) -> Mapping[str, Any]:
    try:
        data = json.loads(content)["data"]
        # The second version of the store wraps the keys of a secret once more.
        found = data["data"] if url_is_versioned(data) else data
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise SourceError(f"{url} does not answer as Vault does; check the address") from error
    if not isinstance(found, Mapping):
        raise SourceError(f"{url} has no secret any more: its newest version is deleted")
    return found


def _session() -> requests.Session:
    """A session whose answers come whole within the time-out of a request, from the first byte to the last."""
    session = requests.Session()
    for adapter in session.adapters.values():
        watch(adapter)
    return session


def _content(answer: requests.Response) -> bytes:
    """The body, within a limit. Raises ValueError for a larger one."""
    content = bytearray()
    for piece in answer.iter_content(_PIECE):
        content += piece
        if len(content) > _MOST_BYTES:
            raise ValueError
    return bytes(content)


def url_is_versioned(data: Any) -> bool:
    """Returns whether the answer is of the second version of the engine, which has metadata beside the secret."""
    return isinstance(data, Mapping) and {"data", "metadata"} <= data.keys()
