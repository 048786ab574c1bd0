"""The login to the daemon's page in a real browser, through a real Keycloak: each role, two tabs, back, and the end."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

from reconciler.web.access import IDLE_S
from reconciler.web.oidc import Issuer
from reconciler.web.server import listening, serving
from tests.kit.clock import TurnedClock
from tests.kit.machine.browser import FLAGS, chromium
from tests.kit.page_login import PASSWORD, a_client_with_users
from tests.kit.web import Stage, box, living


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        yield launched
        launched.close()


class Site:
    """A daemon's page whose login leads to a real Keycloak."""

    def __init__(self, browser, stage, url):
        self.browser, self.stage, self.url = browser, stage, url

    def page(self):
        page = self.browser.new_context().new_page()
        page.set_default_timeout(15_000)
        return page

    def logged_in(self, name, where="/plan"):
        """A page on which somebody has logged in, as far as Keycloak lets them."""
        page = self.page()
        page.goto(f"{self.url}{where}")
        page.get_by_role("link", name="Log in through Keycloak").click()
        self.at_keycloak(page, name)
        return page

    @staticmethod
    def at_keycloak(page, name):
        page.fill("#username", name)
        page.fill("#password", PASSWORD)
        page.click("#kc-login")


@pytest.fixture
def site(tmp_path, browser, server, realm, by_hand):
    own, clock = listening("127.0.0.1", 0), TurnedClock()
    url = f"http://localhost:{own.getsockname()[1]}"
    a_client_with_users(by_hand, url)
    issuer = Issuer(f"{server.url}/realms/{realm}", "reconcile", url)
    stage = Stage(tmp_path, [box("a", size=2)], [living("a", size=1)], public_url=url, issuer=issuer, now=clock.now)
    stage.clock = clock
    stage.look()
    with serving(stage.desk, own):
        yield Site(browser, stage, url)


def heading(page):
    return page.get_by_role("heading", level=1)


def test_an_operator_acts_a_reader_reads_and_a_stranger_learns_why_not(site):
    operator, reader, stranger = (site.logged_in(name) for name in ("olga", "rita", "sam"))

    expect(heading(operator)).to_have_text("Plan")
    expect(operator.locator(".who")).to_contain_text("olga, operator")
    operator.goto(f"{site.url}/confirm/sync")
    operator.get_by_role("button", name="Look now").click()
    expect(operator.locator("#verdict")).to_be_visible()
    assert site.stage.commands() == [("sync", "olga", 0)]
    expect(reader.locator(".who")).to_contain_text("rita, reader")
    reader.goto(f"{site.url}/confirm/sync")
    expect(reader.locator("main")).to_contain_text("need the role operator")
    expect(heading(stranger)).to_have_text("Not permitted")
    expect(stranger.get_by_role("alert")).to_contain_text("sam, who has neither the role operator nor reader")
    serious = [each for each in Axe().run(stranger).response["violations"] if each["impact"] in ("serious", "critical")]
    assert serious == []
    cookies = {each["name"]: each for each in operator.context.cookies(site.url)}
    assert cookies["reconcile"]["httpOnly"]
    assert cookies["reconcile"]["sameSite"] == "Lax"

    operator.get_by_role("button", name="Log out").click()
    expect(heading(operator)).to_have_text("Log in")
    operator.go_back()
    expect(heading(operator)).to_have_text("Log in")
    operator.get_by_role("link", name="Log in through Keycloak").click()
    expect(operator.locator("#password")).to_be_visible()  # Keycloak has forgotten who it was


def test_two_tabs_log_in_and_the_way_back_breaks_nothing(site):
    first, second = (page := site.page()), page.context.new_page()
    for tab, where in ((first, "/plan"), (second, "/graph")):
        tab.goto(f"{site.url}{where}")
        tab.get_by_role("link", name="Log in through Keycloak").click()
        expect(tab.locator("#password")).to_be_visible()
    site.at_keycloak(first, "rita")
    expect(heading(first)).to_have_text("Plan")
    second.goto(f"{site.url}/graph")
    expect(heading(second)).to_have_text("Graph")

    first.go_back()
    first.wait_for_load_state()
    first.goto(f"{site.url}/history")

    expect(heading(first)).to_have_text("History")
    expect(first.locator(".who")).to_contain_text("rita, reader")


def test_a_session_that_is_over_leads_to_the_login_and_back(site):
    page = site.logged_in("rita", "/history?who=x")
    expect(heading(page)).to_have_text("History")

    site.stage.clock.sleep(IDLE_S + 1)
    page.reload()

    expect(heading(page)).to_have_text("Log in")
    page.get_by_role("link", name="Log in through Keycloak").click()  # Keycloak's own session goes on
    expect(heading(page)).to_have_text("History")
    assert page.url.endswith("/history?who=x")
