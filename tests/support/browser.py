"""A real headless Chromium, and pages that note everything they should not do."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.support.web_town import NAMES, PASSWORD

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
"""Empty where there is none."""
PATIENCE_MS = 120_000
"""A busy machine may take long; nothing here waits longer than it must."""
ARGUMENTS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"),
)


_QUIET: dict[str, object] = {"viewport": {"width": 1440, "height": 900}, "reduced_motion": "reduce"}
"""Rings that pulse cost a machine without a graphics card dearly."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser with a profile of its own."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS, timeout=PATIENCE_MS)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Watched:
    """What a page did that it should not."""

    errors: list[str] = field(default_factory=list)
    """Of its console, uncaught, or answers that were refusals."""
    elsewhere: list[str] = field(default_factory=list)
    """Addresses beyond this server that it asked for."""


@dataclass(frozen=True, kw_only=True)
class Visit:
    """Somebody before a page."""

    page: Page
    watched: Watched

    def tell(self, words: str) -> None:
        """Wait until the page says these words anywhere."""
        self.page.get_by_text(words, exact=False).first.wait_for()


@contextmanager
def visit(
    browser: Browser, url: str, role: str | None, path: str = "/map", **options: object
) -> Iterator[Visit]:
    """Somebody of a role at ``path``, logged in by name and password; a stranger where ``role`` is None.

    Raises:
        AssertionError: the page wrote errors to its console or asked another machine for something.
    """
    context = browser.new_context(**{**_QUIET, **options})  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE_MS)
    watched = _watched(context, url)
    try:
        page = context.new_page()
        page.goto(url + path)
        if role is not None:
            page.get_by_label("Name").fill(NAMES[role])
            page.get_by_label("Password").fill(PASSWORD)
            page.keyboard.press("Enter")
            page.locator("#head nav a").first.wait_for()
        yield Visit(page=page, watched=watched)
    finally:
        context.close()
    assert not watched.elsewhere, watched.elsewhere
    assert not watched.errors, watched.errors


def _watched(context: BrowserContext, url: str) -> Watched:
    seen = Watched()
    own = urlsplit(url).netloc
    context.on(
        "console",
        lambda message: seen.errors.append(message.text) if message.type in ("error", "warning") else None,
    )
    context.on("weberror", lambda fault: seen.errors.append(str(fault.error)))
    context.on(
        "request",
        lambda request: (
            None
            if urlsplit(request.url).netloc == own or request.url.startswith(("data:", "blob:"))
            else seen.elsewhere.append(request.url)
        ),
    )
    return seen


def shoot(page: Page, path: Path) -> None:
    """A picture of what is in view, once everything stands still."""
    page.screenshot(path=path, animations="disabled")
