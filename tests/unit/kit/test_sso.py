"""The parts of the sign-on kit that can be wrong without a server: reading pages, signing requests."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.kit.machine import s3
from tests.kit.sso import Page

LOGIN_PAGE = """
<html><head><title>
  Sign in to MLflow</title><meta charset="utf-8"></head><body>
<form id="kc-form-login" action="http://localhost/login?a=1&amp;b=2" method="post"><input id="username"><br>
  <span class="pf-v5-c-helper-text__item-text kc-feedback-text">
     Invalid username or password.
  </span><a>Forgot it?</a>
</form></body></html>
"""


def test_a_login_page_is_read() -> None:
    page = Page(LOGIN_PAGE)

    assert page.title == "Sign in to MLflow"
    assert page.form_action == "http://localhost/login?a=1&b=2"
    assert page.message == "Invalid username or password."


def test_a_refusal_is_read() -> None:
    page = Page(
        '<p>Login</p><div id="snackbar"><ul><li><img src="x"><span>Not allowed.</span></li></ul></div><p>Bye</p>'
    )

    assert page.message == "Not allowed."
    assert page.form_action == ""


def test_a_page_without_message_has_none() -> None:
    assert Page("<html><body>hello</body></html>").message == ""


def test_signature_is_the_one_of_amazons_example() -> None:
    headers = s3.signed_headers(
        "https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J",
        "AKIAIOSFODNN7EXAMPLE",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        now=datetime(2013, 5, 24, tzinfo=UTC),
    )

    assert headers["Authorization"].endswith(
        "SignedHeaders=host;x-amz-content-sha256;x-amz-date,"
        "Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
    )
