"""One sign-on with a real browser: Debian's Chromium, driven by playwright without downloading another one."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

# No sandbox, because root in a container has none; nothing that talks to the browser's maker.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
)


@dataclass(frozen=True, slots=True)
class Visit:
    """The pages that the browser showed: their titles in order, and the text and picture of the last one."""

    titles: tuple[str, ...]
    text: str
    screenshot: Path


def chromium() -> str | None:
    """The installed browser; None lets a test skip itself."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def sign_in(base_url: str, username: str, password: str, *, screenshot: Path, timeout_s: float = 60) -> Visit:
    """Open MLflow, follow its login button, fill in Keycloak's page and look at MLflow's start page."""
    from playwright.sync_api import sync_playwright  # slow to import, and only this needs it

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        try:
            page = browser.new_page()
            page.set_default_timeout(timeout_s * 1000)
            page.goto(base_url)
            titles = [page.title()]
            page.get_by_role("button", name="Login with").click()
            page.wait_for_selector("#kc-form-login")
            titles.append(page.title())
            page.fill("#username", username)
            page.fill("#password", password)
            page.click("#kc-login")
            page.wait_for_url(f"{base_url}/**")
            titles.append(page.title())
            page.goto(base_url)
            page.wait_for_load_state("networkidle")
            titles.append(page.title())
            page.screenshot(path=screenshot)
            return Visit(tuple(titles), page.inner_text("body"), screenshot)
        finally:
            browser.close()
