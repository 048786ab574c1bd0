"""A browser's rules for cookies, as far as a login meets them."""

from __future__ import annotations

from email.message import Message
from http.cookiejar import CookieJar
from urllib.request import Request

import pytest

from reconciler.login.browser import _Policy, is_this_machine


class Response:
    """An answer with one cookie."""

    def __init__(self, cookie):
        self._headers = Message()
        self._headers["Set-Cookie"] = cookie

    def info(self):
        return self._headers


def sent_back(cookie, at, to, *, caused_by="", method="GET"):
    """The cookies that a browser sends, after an answer at one address, to another; and what it lost."""
    policy = _Policy()
    jar = CookieJar(policy)
    jar.extract_cookies(Response(cookie), Request(at))
    policy.caused_by = caused_by
    request = Request(to, method=method)
    jar.add_cookie_header(request)
    return request.get_header("Cookie"), [lost.reason for lost in policy.lost]


def test_secure_cookies_count_over_http_on_this_machine():
    assert sent_back("a=1; Secure", "http://localhost:1/", "http://localhost:2/") == ("a=1", [])


def test_secure_cookies_are_lost_over_http_elsewhere():
    found, lost = sent_back("a=1; Secure", "http://app.test/", "http://app.test/")

    assert (found, lost) == (None, ["it is marked Secure, and the address is plain http"])


def test_secure_cookies_count_over_https():
    assert sent_back("a=1; Secure; SameSite=None", "https://app.test/", "https://app.test/") == ("a=1", [])


def test_same_site_none_needs_secure():
    assert sent_back("a=1; SameSite=None", "https://app.test/", "https://app.test/")[0] is None


@pytest.mark.parametrize(
    ("rule", "caused_by", "method", "is_sent"),
    [
        ("Strict", "", "GET", True),
        ("Strict", "https://sso.app.test/", "GET", True),
        ("Strict", "https://other.test/", "GET", False),
        ("Lax", "https://other.test/", "GET", True),
        ("Lax", "https://other.test/", "POST", False),
        ("None; Secure", "https://other.test/", "POST", True),
    ],
)
def test_another_site_gets_no_strict_cookie(rule, caused_by, method, is_sent):
    found, lost = sent_back(
        f"a=1; SameSite={rule}", "https://app.test/", "https://app.test/", caused_by=caused_by, method=method
    )

    assert (found == "a=1", bool(lost)) == (is_sent, not is_sent)


@pytest.mark.parametrize(
    ("host", "expected"),
    [("localhost", True), ("a.localhost", True), ("127.0.0.2", True), ("::1", True), ("10.0.0.1", False)],
)
def test_this_machine_is_known_by_its_names(host, expected):
    assert is_this_machine(host) is expected
