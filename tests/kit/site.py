"""An application and a provider of logins in one small web server, each of whose answers a test can replace."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode

from tests.kit.serving import in_background

USER, PASSWORD = "canary", "right"
FORM = (
    '<form id="f" method="post" action="/sso/post"><input name="username">'
    '<input type="password" name="password"></form>'
)


@dataclass(frozen=True)
class Reply:
    status: int = 200
    body: str = ""
    headers: tuple[tuple[str, str], ...] = ()


def redirect(target: str, *cookies: str) -> Reply:
    return Reply(302, "", (("Location", target), *(("Set-Cookie", cookie) for cookie in cookies)))


@dataclass
class Site:
    """The site. ``replies`` are by path and get the request's parameters and cookies; ``asked`` are the paths."""

    url: str = ""
    replies: dict[str, Callable[[Mapping[str, str], str], Reply]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def reply(self, path: str, given: Mapping[str, str], cookies: str) -> Reply:
        self.asked.append(path)
        found = self.replies.get(path) or getattr(self, "_" + path.strip("/").replace("/", "_"), None)
        return found(given, cookies) if found else Reply(404, "<title>Not Found</title>")

    def _login(self, _given: Mapping[str, str], _cookies: str) -> Reply:
        request = {
            "client_id": "app",
            "response_type": "code",
            "redirect_uri": f"{self.url}/callback",
            "scope": "openid",
            "state": "s",
        }
        return redirect(f"{self.url}/sso/auth?{urlencode(request)}", "app=1; Path=/; HttpOnly")

    def _sso_auth(self, _given: Mapping[str, str], _cookies: str) -> Reply:
        return Reply(200, f"<title>Sign in</title>{FORM}", (("Set-Cookie", "sso=1; Path=/sso; Secure; SameSite=None"),))

    def _sso_post(self, given: Mapping[str, str], cookies: str) -> Reply:
        if "sso=1" not in cookies:
            return Reply(400, '<p class="alert-error">Cookie not found</p>')
        if (given.get("username"), given.get("password")) != (USER, PASSWORD):
            return Reply(200, f'<span class="kc-feedback-text">Invalid username or password.</span>{FORM}')
        return redirect(f"{self.url}/callback?code=c0de&state=s")

    def _callback(self, _given: Mapping[str, str], cookies: str) -> Reply:
        known = "app=1" in cookies
        return (
            redirect("/home") if known else Reply(200, '<div id="snackbar">No state</div><a href="/login">Log in</a>')
        )

    def _home(self, _given: Mapping[str, str], _cookies: str) -> Reply:
        return Reply(200, "<title>Home</title>")


@contextmanager
def serving_site(**replies: Callable[[Mapping[str, str], str], Reply]) -> Iterator[Site]:
    """The site on this machine; a keyword replaces the reply of a path, with ``_`` for ``/``."""
    site = Site(replies={"/" + name.replace("_", "/"): reply for name, reply in replies.items()})

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            path, _, query = self.path.partition("?")
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            reply = site.reply(path, dict(parse_qsl(f"{query}&{body}")), self.headers.get("Cookie") or "")
            self.send_response(reply.status)
            for name, value in reply.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body.encode())))
            self.end_headers()
            self.wfile.write(reply.body.encode())

        do_GET = do_POST = answer  # noqa: N815  # the names that the library looks for

        def log_message(self, *_args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    site.url = f"http://localhost:{server.server_port}"
    with in_background(server):
        yield site
