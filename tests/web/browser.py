"""Debian's Chromium, driven by Playwright: where it is, and how a test gets a page of its own."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

CHROMIUM = shutil.which("chromium")
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-lcd-text",  # grey edges of letters: pictures are the same on any screen, and smaller
)


def find_obstacle(*packages: str) -> str:
    """Return why there can be no browser tests here; "" where there can. packages: more that they need."""
    for package in ("playwright", *packages):
        if importlib.util.find_spec(package) is None:
            return f"needs the Python package {package}"
    return "" if CHROMIUM else "needs the program chromium (apt install chromium)"


def needs_browser(*packages: str) -> pytest.MarkDecorator:
    """Return the mark that skips tests, with a plain reason, where there is no browser."""
    obstacle = find_obstacle(*packages)
    return pytest.mark.skipif(bool(obstacle), reason=obstacle or "there is a browser")


@asynccontextmanager
async def open_browser() -> AsyncIterator[Browser]:
    """One browser, to be shared: each page gets a context of its own."""
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(_ARGUMENTS))
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def open_page(browser: Browser, **options: Any) -> AsyncIterator[Page]:
    """A page without cookies; options are those of a context, such as ``java_script_enabled``."""
    context = await browser.new_context(**options)
    context.set_default_timeout(60_000)  # a busy machine is slow, and not wrong
    try:
        yield await context.new_page()
    finally:
        await context.close()
