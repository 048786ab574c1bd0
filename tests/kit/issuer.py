"""An issuer of tokens that answers as it is told, for what a real Keycloak never does."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from jwcrypto.jwk import JWK  # type: ignore[import-untyped]
from jwcrypto.jwt import JWT  # type: ignore[import-untyped]

from tests.kit.serving import in_background


@cache
def _key() -> JWK:
    return JWK.generate(kty="RSA", size=2048, kid="one", use="sig", alg="RS256")


@dataclass
class Issued:
    """The issuer's next answers. ``claims`` are laid over those of a proper token, by its name; None drops one."""

    url: str = ""
    key: JWK = field(default_factory=_key)
    keys: list[Mapping[str, Any]] | None = None
    claims: dict[str, dict[str, Any]] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    status: int = 200
    nonce: str = ""
    forms: list[dict[str, str]] = field(default_factory=list)

    def token(self, name: str) -> str:
        """A signed token, unless ``tokens`` has another one of this name."""
        if name in self.tokens:
            return self.tokens[name]
        now = time.time()
        usual: dict[str, Any] = {"iss": self.url, "iat": now, "exp": now + 60, "sub": "7", "azp": "reconcile"}
        if name == "id_token":
            usual |= {"aud": "reconcile", "nonce": self.nonce}
        else:
            usual |= {"preferred_username": "olga", "resource_access": {"reconcile": {"roles": ["operator"]}}}
        claims = {key: value for key, value in {**usual, **self.claims.get(name, {})}.items() if value is not None}
        made = JWT(header={"alg": "RS256", "kid": "one", **self.header}, claims=claims)
        made.make_signed_token(self.key)
        return str(made.serialize())

    def answer(self, path: str) -> Any:
        match path:
            case "/realm/.well-known/openid-configuration":
                ends = ("authorization_endpoint", "token_endpoint", "jwks_uri", "end_session_endpoint")
                return {"issuer": self.url, **{end: f"{self.url}/{end}" for end in ends}}
            case "/realm/jwks_uri":
                return {"keys": self.keys if self.keys is not None else [self.key.export_public(as_dict=True)]}
            case "/realm/token_endpoint":
                return {name: self.token(name) for name in ("id_token", "access_token")} | {"refresh_token": "r"}
        return {}


@contextmanager
def issuing() -> Iterator[Issued]:
    """An issuer that listens meanwhile."""
    issued = Issued()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status = issued.status if "token" in self.path else 200
            body = json.dumps(issued.answer(self.path)).encode()
            self.send_response(status)
            self.send_header("Location", "http://127.0.0.1:1/")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["content-length"])).decode()
            issued.forms.append({name: values[0] for name, values in parse_qs(text).items()})
            self.do_GET()

        def log_message(self, *_args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issued.url = f"http://127.0.0.1:{server.server_port}/realm"
    with in_background(server):
        yield issued


def query_of(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
