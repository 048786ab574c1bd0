"""The login at an issuer that does not answer, and answers that nobody has asked for."""

from __future__ import annotations

import pytest

from reconciler.web.oidc import Issuer
from tests.kit.web import HTML, Stage

PUBLIC = "http://localhost:7420"


@pytest.fixture
def stage(tmp_path):
    made = Stage(tmp_path, public_url=PUBLIC, issuer=Issuer("http://127.0.0.1:1/realms/none", "reconcile", PUBLIC))
    made.look()
    return made


@pytest.mark.parametrize("query", ["", "?state=x&code=y", "?error=<b>x</b>&error_description=<script>", "?code=y"])
def test_a_made_up_answer_is_refused_with_words_of_ours(stage, query):
    answer = stage.client(host=PUBLIC).get(f"/login/callback{query}", headers=HTML)

    assert answer.status_code == 401
    assert "This login has not begun in this browser" in answer.text
    assert "<b>" not in answer.text


def test_without_an_issuer_that_answers_the_page_says_so(stage):
    answer = stage.client(host=PUBLIC).get("/login/begin", headers=HTML)

    assert answer.status_code == 503
    assert "Keycloak does not answer." in answer.text


def test_a_login_makes_the_loopback_address_no_operator(stage):
    assert stage.client(host=PUBLIC).get("/api/v1/status").status_code == 401
