"""The page in a real browser: what a reader sees, live updates, sessions, keys, and scripts switched off."""

from __future__ import annotations

import os
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

from reconciler.core.diagnosis import Checked, Diagnosis, Verdict
from reconciler.core.history.facts import Ailment, Trouble
from reconciler.core.history.records import ChangeRecord, FieldRecord, Run
from reconciler.core.login import Login, Walk
from reconciler.core.login import Stage as Step
from reconciler.core.login import Trouble as LoginTrouble
from reconciler.core.resource.address import Address
from reconciler.record import replace
from reconciler.run.commands.doctor import Examination
from reconciler.web.access import Role
from reconciler.web.oidc import Issuer
from reconciler.web.server import listening, serving
from tests.kit.machine.browser import FLAGS, chromium
from tests.kit.web import OPERATOR, TOKENS, Access, Stage, box, living

STACK = {
    "services": {"mlflow": {"ports": ({"published": "5000"},)}},
    "x-reconcile": {"login": {"url": "http://localhost:5000/login", "user": "mlflow_user"}},
}
VIEWS = ("/", "/plan", "/history", "/graph", "/resource?address=memory.box/mlflow", "/logs?address=memory.box/mlflow",
         "/confirm/pause?address=memory.box/mlflow", "/runs/1", "/doctor", "/access", "/access?q=an",
         "/access?user=ann", "/access?group=/staff", "/nothing")  # fmt: skip
IMAGES = {"/": "page", "/doctor": "doctor", "/access?user=ann": "access"}
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light", "viewport": {"width": 1200, "height": 900}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1200, "height": 900}},
    "narrow": {"color_scheme": "light", "viewport": {"width": 360, "height": 800}},
}


@dataclass
class Site:
    """A stage that is served, and a browser."""

    stage: Stage
    url: str
    browser: Any

    def page(self, **options):
        """A new page; what goes wrong in it, and each request to elsewhere, is kept."""
        page = self.browser.new_context(**options).new_page()
        page.set_default_timeout(10_000)
        page.wrong = []
        page.on("console", lambda message: message.type == "error" and page.wrong.append(message.text))
        page.on("pageerror", lambda error: page.wrong.append(str(error)))
        page.on("request", lambda request: request.url.startswith(self.url) or page.wrong.append(request.url))
        return page


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        yield launched
        launched.close()


def a_stage(folder, **options):
    """The stack of a small team, of which three things are not as they should be."""
    after = {"postgres": "", "redis": "", "keycloak": "postgres", "minio": "", "mlflow": "keycloak", "worker": "mlflow"}
    also = {"mlflow": ("redis", "minio")}
    wanted = [box(name, parent, *also.get(name, ()), size=2) for name, parent in after.items()]
    live = [living(name, size=2 - (name == "mlflow")) for name in after if name != "worker"]
    stage = Stage(folder, wanted, live, stack=STACK, realms=[{"realm": "mlflow"}], **options)
    users: dict[str, Any] = {"ann": {}, "anton": {}}
    stage.provider.before = Access(users, ["/staff"], {"ann": ["edit (/staff)", "read"], "/staff": ["read"]})
    stage.provider.after = Access(users, ["/staff"], {"ann": ["admin (/leads)", "read"], "/staff": ["read"]})
    stage.look(Trouble(Ailment.FIGHT, "memory.box/mlflow", "size differed 5 times within 40 s"))
    run = stage.history.begin(Run(0, "daemon", stage.time - 600, "root", "host", "resync"))
    field = FieldRecord("size", 1, 2, "drift", "stack.yaml:7:3")
    change = ChangeRecord("memory.box/redis", "update", "drift", "size differs", fields=(field,), result="done")
    stage.history.add(run, [change])
    stage.history.end(run, code=0, seconds=2.1, now=stage.time)
    stage.examination = a_refused_login()
    return stage


def a_refused_login():
    """The doctor's result where Redis has another password than MLflow gives it."""
    login = Login("http://localhost:5000/login", "mlflow_user")
    walk = Walk(login, Step.RETURN, LoginTrouble.STATUS, "http://localhost:5000/callback", 500, "Internal Server Error")
    checks = [Checked("engine", "the engine answers", Verdict.OK), Checked("login", "a login succeeds", Verdict.FOUND)]
    redis = Address("memory.box", ("redis",))
    words = ("Redis refuses the password of `mlflow`.", "redis", "reconcile apply --target memory.box/redis")
    return Examination(tuple(checks), (Diagnosis("redis-password", *words, redis),), login, walk)


@pytest.fixture
def site(tmp_path, browser):
    yield from served(a_stage(tmp_path), browser)


@pytest.fixture
def locked_site(tmp_path, browser):
    yield from served(a_stage(tmp_path, tokens=TOKENS), browser)


def served(stage, browser):
    own = listening("127.0.0.1", 0)
    with serving(stage.desk, own):
        yield Site(stage, f"http://127.0.0.1:{own.getsockname()[1]}", browser)


@pytest.mark.sweep(every=3)
@pytest.mark.parametrize("look", LOOKS)
def test_each_view_is_accessible_fits_and_asks_nobody_else(site, look, tmp_path):
    page, found = site.page(**LOOKS[look]), []
    site.stage.desk.examinations.begin("alice", nullcontext)
    site.stage.examined()
    images = Path(os.environ.get("RECONCILE_TEST_IMAGES") or tmp_path)
    for view in VIEWS:
        page.goto(f"{site.url}{view}")
        expect(page.locator("main")).to_be_visible()
        results = Axe().run(page).response["violations"]
        found += [
            (view, each["id"], each["nodes"][0]["html"])
            for each in results
            if each["impact"] in ("serious", "critical")
        ]
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > LOOKS[look]["viewport"]["width"]:
            found.append((view, "scrolls sideways", width))
        if view in IMAGES:
            page.screenshot(path=images / f"{IMAGES[view]}-{look}.png")

    assert found == []
    assert [text for text in page.wrong if "404" not in text] == []


def test_a_change_shows_in_every_tab_without_a_reload(site):
    tabs = [site.page() for _ in range(2)]
    for tab in tabs:
        tab.goto(f"{site.url}/?q=box")
        expect(tab.locator("#verdict")).to_contain_text("stuck")
        tab.evaluate("window.mark = 'kept'")
    tabs[0].locator("#q").focus()

    address, live = next(
        (address, each) for address, each in site.stage.provider.live.items() if address.name == "mlflow"
    )
    site.stage.provider.live[address] = replace(live, spec={**live.spec, "size": 2})
    site.stage.look()

    for tab in tabs:
        expect(tab.locator("#verdict")).to_contain_text("missing")
        expect(tab.locator("#people")).to_have_text("")
        expect(tab.locator("#wrong")).to_contain_text("memory.box/worker")
        assert tab.evaluate("window.mark") == "kept"
        assert tab.wrong == []
    assert tabs[0].evaluate("document.activeElement.id") == "q"
    assert tabs[0].locator("#q").input_value() == "box"


def test_a_pass_shows_each_step_as_it_comes_without_a_reload(site):
    page = site.page()
    page.goto(site.url)
    expect(page.locator("#verdict")).to_be_visible()
    page.evaluate("window.mark = 'kept'")
    page.wait_for_timeout(700)  # the stream has begun

    site.stage.repair("mlflow", "worker", note="health: starting")
    expect(page.locator("#running")).to_contain_text("1 of 2 steps ended")
    expect(page.locator("#running")).to_contain_text("health: starting")
    site.stage.board.under_way.end("p1")

    expect(page.locator("#running")).to_have_text("")
    assert page.evaluate("window.mark") == "kept"
    assert page.wrong == []


def test_somebody_is_found_and_the_way_back_leads_to_the_search(site):
    page = site.page()
    page.goto(f"{site.url}/access")
    page.get_by_label("User or group").fill("an")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="ann").click()

    expect(page.locator("h1")).to_have_text("Access of ann")
    expect(page.locator("tbody")).to_contain_text("gains admin (/leads)")
    page.go_back()
    expect(page.locator("#m-user")).to_be_visible()
    assert page.locator("#q").input_value() == "an"
    assert page.wrong == []


def test_the_doctor_is_run_from_its_view_and_the_findings_come_by_themselves(site):
    page = site.page()
    page.goto(f"{site.url}/doctor")
    page.get_by_role("link", name="Run the doctor").click()
    page.get_by_role("button", name="Run the doctor").click()

    expect(page.locator("#examination")).to_contain_text("Redis refuses the password")
    page.locator("#graph .node.degraded").first.click()
    expect(page.locator("h1")).to_have_text("memory.box/redis")
    assert [command for command, _, _ in site.stage.commands()][1:] == ["doctor"]
    assert page.wrong == []


def test_an_act_is_confirmed_and_shown_with_scripts_switched_off(site):
    page = site.page(java_script_enabled=False)
    page.goto(f"{site.url}/graph")
    expect(page.locator("button[type=button]").filter(visible=True)).to_have_count(0)  # they need scripts
    page.goto(f"{site.url}/resource?address=memory.box/mlflow")
    page.get_by_role("link", name="Pause").click()
    page.get_by_label("Reason").fill("upgrade")
    page.get_by_role("button", name="Pause").click()

    expect(page.locator("#verdict")).to_contain_text("Paused by local user")
    page.get_by_role("link", name="Resume").click()
    page.get_by_role("button", name="Resume").click()
    expect(page.locator("#verdict")).not_to_contain_text("Paused by")
    assert [command for command, _, _ in site.stage.commands()][1:] == [
        "pause memory.box/mlflow", "resume memory.box/mlflow"
    ]  # fmt: skip


def test_a_login_leads_back_to_the_view_and_a_logout_ends_it(locked_site):
    page = locked_site.page()
    page.goto(f"{locked_site.url}/plan")
    page.get_by_label("Token").fill("wrong-wrong-wrong-wrong")
    page.get_by_role("button", name="Log in with the token").click()
    expect(page.get_by_role("alert")).to_have_text("The token is wrong.")
    page.get_by_label("Token").fill(OPERATOR)
    page.get_by_role("button", name="Log in with the token").click()
    expect(page.get_by_role("heading", name="Plan", exact=True)).to_be_visible()

    cookie = next(each for each in page.context.cookies() if each["name"] == "reconcile")

    page.get_by_role("button", name="Log out").click()

    page.goto(f"{locked_site.url}/plan")
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    assert cookie["httpOnly"]
    assert [each["name"] for each in page.context.cookies()] == ["tz"]


def test_while_keycloak_is_away_the_token_is_the_way_in(locked_site):
    locked_site.stage.desk.issuer = Issuer("http://127.0.0.1:1/realms/none", "reconcile", locked_site.url)
    page = locked_site.page()
    page.goto(f"{locked_site.url}/plan")
    page.get_by_role("link", name="Log in through Keycloak").click()

    expect(page.get_by_role("alert")).to_have_text("Keycloak does not answer. Log in with a token meanwhile.")
    page.get_by_label("Token").fill(OPERATOR)
    page.get_by_role("button", name="Log in with the token").click()

    expect(page.get_by_role("heading", name="Plan", exact=True)).to_be_visible()


def test_a_session_that_ends_is_said_in_each_tab_and_nothing_is_retried(locked_site):
    sessions = locked_site.stage.desk.gate.sessions
    identity = sessions.begin("alice", Role.READER, "login")
    page = locked_site.page()
    page.context.add_cookies([{"name": "reconcile", "value": identity, "url": locked_site.url}])
    page.goto(locked_site.url)
    page.wait_for_timeout(700)  # the stream has begun
    expect(page.locator("#verdict")).to_be_visible()

    sessions.end(identity)

    expect(page.locator("#notices")).to_contain_text("Your session has ended")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(1_500)
    assert asked == []
    expect(page.locator("#verdict")).to_be_visible()


def test_the_keyboard_reaches_everything_and_acts_on_nothing(site):
    page = site.page()
    page.goto(site.url)
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to content")
    page.keyboard.press("n")
    expect(page.locator(":focus")).to_have_text("memory.box/mlflow")
    page.keyboard.press("/")
    expect(page.locator(":focus")).to_have_attribute("id", "q")
    page.keyboard.press("Escape")
    page.locator("main").focus()
    page.keyboard.press("g")
    page.keyboard.press("p")

    expect(page.get_by_role("heading", name="Plan", exact=True)).to_be_visible()
    assert site.stage.asked == []


def test_the_graph_zooms_by_buttons(site):
    page = site.page()
    page.goto(f"{site.url}/graph")
    before = page.locator("svg.graph").get_attribute("viewBox")

    page.get_by_role("button", name="Zoom in").click()

    zoomed = page.locator("svg.graph").get_attribute("viewBox")
    assert zoomed != before
    site.stage.provider.live.clear()
    page.wait_for_timeout(700)  # the stream has begun
    site.stage.look()
    expect(page.locator("svg.graph .node.missing")).to_have_count(6)
    assert page.locator("svg.graph").get_attribute("viewBox") == zoomed
    page.get_by_role("button", name="Whole").click()
    assert page.locator("svg.graph").get_attribute("viewBox") == before
    page.locator("svg.graph a").first.click()
    expect(page.locator("h1")).to_contain_text("memory.box/")
