"""Every page in Chromium: axe in light and dark, the keyboard alone, small screens and large letters, weight, what
moves while it is loaded, print.

Each page is opened in one language, which are taken in turn; "make looks" opens each in every one. A new page is not
forgotten: its route must stand in tests/web/looks.py.
"""

from __future__ import annotations

import asyncio
import random
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from starlette.routing import Route

from newsletter.web.app import build_app
from tests.support.website import WEDNESDAY, browsing, make_paper, new, opened_site, read_sample_day, save_run
from tests.web.browser import needs_browser, open_browser, open_page
from tests.web.looks import NO_PAGES, Look, list_looks
from tests.web.showcase import Showcase, open_showcase
from tests.web.visits import visit

if TYPE_CHECKING:
    from playwright.async_api import Browser, ConsoleMessage, Page, Request, ViewportSize

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="module"),
    needs_browser("axe_playwright_python"),
]

TELEPHONE: ViewportSize = {"width": 390, "height": 844}
DESK: ViewportSize = {"width": 1280, "height": 900}
LANGUAGES = ("en", "de", "ar")
_AXE = find_spec("axe_playwright_python")
AXE = Path(_AXE.origin or "").with_name("axe.min.js") if _AXE else Path()

MOST_BYTES = 60_000
"""What a page may weigh with its style sheet, script and icon."""
MOST_BYTES_WITH_PICTURES = 250_000
"""What a browser may load when a page is opened; what lies far below comes when somebody goes there."""
PICTURE_BYTES = 12_000
"""What a picture counts: those drawn here are plainer than what the collector keeps."""
LAZY_PX = 2_500
"""How far below the window Chromium loads what is lazy, on a slow line; on a quick one half as far."""

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
OF_COLOUR = ["color-contrast", "link-in-text-block"]
"""The rules that a colour scheme can break."""

FOCUS = """
() => {
  const interactive = 'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]';
  const wanted = [...document.querySelectorAll(interactive)].filter(one => one.checkVisibility()
    && !one.disabled && one.tabIndex >= 0 && !one.closest('.trap'));
  const key = one => one.type === 'radio' ? 'radio ' + one.name : wanted.indexOf(one);
  window.missing = new Map(wanted.map(one => [key(one), one.outerHTML.slice(0, 100)]));
  window.dim = [];
  document.addEventListener('focusin', event => {
    const one = event.target, style = getComputedStyle(one);
    if (one.id === 'main') return;
    missing.delete(key(one));
    if (style.outlineStyle === 'none' || parseFloat(style.outlineWidth) < 2) dim.push(one.outerHTML.slice(0, 100));
  });
  return missing.size;
}
"""
"""Note which elements get the focus, and which of them do not show it; return how many there are to reach."""

LOADED = """
() => [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
  .map(one => [one.name, one.decodedBodySize])
"""
"""What the browser has loaded for this page, from its cache too: addresses, and bytes."""

PICTURES = """
far => [...document.querySelectorAll('img.picture')]
  .filter(one => one.loading !== 'lazy' || one.getBoundingClientRect().top < innerHeight + far).length
"""
"""How many pictures of papers are loaded when the page is opened, before anybody goes down."""

SHIFTS = """
async () => {
  const shifts = [];
  const note = list => shifts.push(...list.filter(one => !one.hadRecentInput && one.value >= 0.01));
  const observer = new PerformanceObserver(list => note(list.getEntries()));
  observer.observe({type: 'layout-shift', buffered: true});
  for (let at = 0; at < document.documentElement.scrollHeight; at += innerHeight) {
    scrollTo(0, at);
    await new Promise(requestAnimationFrame);
  }
  await Promise.all([...document.images].map(one => one.decode()));
  scrollTo(0, 0);
  await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
  note(observer.takeRecords());
  return shifts.map(one => `${one.value.toFixed(3)} at ${Math.round(one.startTime)} ms`);
}
"""
"""Go through the page until each picture is there; return what has moved meanwhile, and before. Less than a hundredth,
a tenth of what web.dev calls good, is a script that came late on a busy machine."""

OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


@dataclass(slots=True)
class Seen:
    """What was seen of one page: each thing that is wrong, and what it weighs in the language where it is the largest,
    alone and with the pictures that a browser loads with it."""

    size_bytes: int = 0
    with_pictures_bytes: int = 0
    pictures: int = 0
    shifts: list[str] = field(default_factory=list)
    axe: list[str] = field(default_factory=list)
    unreached: list[str] = field(default_factory=list)
    unmarked: list[str] = field(default_factory=list)
    overflow: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def showcase(
    tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Path
) -> AsyncIterator[Showcase]:
    folder = tmp_path_factory.mktemp("showcase")
    shutil.copy(migrated_sqlite, folder / "newsletter.db")
    async with open_showcase(folder, f"sqlite:///{folder / 'newsletter.db'}") as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with open_browser() as opened:
        yield opened


@pytest_asyncio.fixture(
    scope="module",
    loop_scope="module",
    params=["one language", pytest.param("all languages", marks=pytest.mark.slow)],
)
async def seen(request: pytest.FixtureRequest, browser: Browser, showcase: Showcase) -> dict[str, Seen]:
    """What was seen of each page, by its name."""
    looks = list_looks(showcase)
    found = {look.name: Seen() for look in looks}
    for place, language in enumerate(LANGUAGES):
        async with open_page(browser, viewport=DESK, locale=language) as page:
            visitor = Visitor(page, showcase, language)
            for look in looks if request.param == "all languages" else looks[place :: len(LANGUAGES)]:
                visitor.seen = found[look.name]
                await visitor.visit(look)
                await visitor.weigh()
                await visitor.measure()
                await visitor.walk()
                await visitor.ask_axe()
    return found


class Visitor:
    """Somebody who goes from page to page and notes in ``seen`` what is wrong."""

    def __init__(self, page: Page, showcase: Showcase, language: str) -> None:
        self._page = page
        self._language = language
        self._showcase = showcase
        self._base = showcase.site.links.base
        self.seen = Seen()
        page.on("console", self._note_console)
        page.on("pageerror", lambda error: self.seen.console.append(str(error)))
        page.on("request", self._note_request)

    async def visit(self, look: Look) -> None:
        """Open a page."""
        answer = await visit(self._page, self._showcase, look)
        assert answer.status < 500, look.name
        await self._page.wait_for_load_state()

    async def weigh(self) -> None:
        """Weigh the page that was just opened, and see whether something moves while it and its pictures come."""
        pictures = f"{self._base}/pictures/"
        loaded: list[tuple[str, int]] = await self._page.evaluate(LOADED)
        assert all(size for _, size in loaded), f"something was not there: {loaded}"
        size_bytes = sum(size for url, size in loaded if not url.startswith(pictures))
        shown = await self._page.evaluate(PICTURES, LAZY_PX)
        seen = self.seen
        seen.pictures = max(seen.pictures, shown)
        seen.size_bytes = max(seen.size_bytes, size_bytes)
        seen.with_pictures_bytes = max(seen.with_pictures_bytes, size_bytes + shown * PICTURE_BYTES)
        seen.shifts += await self._page.evaluate(SHIFTS)

    async def ask_axe(self) -> None:
        """Note what axe finds on a desk: by all rules in light, by those of colours in dark."""
        page, seen = self._page, self.seen
        await page.evaluate(AXE.read_text("utf-8"))
        light = await self._run_axe({"type": "tag", "values": RULES})
        await page.emulate_media(color_scheme="dark")
        dark = await self._run_axe({"type": "rule", "values": OF_COLOUR})
        await page.emulate_media(color_scheme="light")
        seen.axe += [f"{self._language}, light: {wrong}" for wrong in light]
        seen.axe += [f"{self._language}, dark: {wrong}" for wrong in dark]

    async def measure(self) -> None:
        """Note what sticks out at 320 px, at 200 % zoom of a window of 1,280 px, and with letters twice as large."""
        for width, letters in ((320, "100%"), (640, "100%"), (640, "200%"), (390, "200%")):
            await self._page.set_viewport_size({"width": width, "height": 844})
            await self._page.evaluate("size => { document.documentElement.style.fontSize = size; }", letters)
            over = await self._page.evaluate(OVERFLOW)
            if over > 0:
                self.seen.overflow.append(f"{self._language}: {over} px at {width} px, letters {letters}")
        await self._page.evaluate("document.documentElement.style.fontSize = ''")
        await self._page.set_viewport_size(DESK)

    async def walk(self) -> None:
        """Go through the page with the tab key alone."""
        keyboard = self._page.keyboard
        count = await self._page.evaluate(FOCUS)
        for _ in range(4):  # a time has three stops, and there are the skip link and the window itself
            # Held down: the browser draws what the eye would see, and not each of the stops.
            await asyncio.gather(*(keyboard.down("Tab") for _ in range(count + 10)))
            await keyboard.up("Tab")
            if not await self._page.evaluate("missing.size"):
                break
        self.seen.unreached += await self._page.evaluate("[...missing.values()]")
        self.seen.unmarked += await self._page.evaluate("dim")
        await self._page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")

    async def _run_axe(self, only: dict[str, Any]) -> list[str]:
        found = await self._page.evaluate(
            "only => axe.run(document, {runOnly: only, resultTypes: ['violations']})", only
        )
        return [f"{one['id']}: {node['html'][:120]}" for one in found["violations"] for node in one["nodes"]]

    def _note_console(self, message: ConsoleMessage) -> None:
        # That the page itself is a 404 or 422 is told as an error, too.
        own = message.location.get("url") == self._page.url and message.text.startswith("Failed to load")
        if message.type in ("error", "warning") and not own:
            self.seen.console.append(message.text)

    def _note_request(self, request: Request) -> None:
        if not request.url.startswith(self._base + "/"):
            self.seen.strangers.append(request.url)


def list_wrong(seen: dict[str, Seen], what: str) -> dict[str, object]:
    """Return what is wrong in one way, by page."""
    return {name: getattr(one, what) for name, one in seen.items() if getattr(one, what)}


# --- all pages ------------------------------------------------------------------------------------


async def test_every_route_that_answers_with_a_page_is_looked_at(showcase: Showcase) -> None:
    routes = {route.path for route in build_app(showcase.site).routes if isinstance(route, Route)}
    looked_at = {look.route for look in list_looks(showcase)} - {""}

    assert routes - NO_PAGES == looked_at


async def test_axe_finds_nothing_in_light_and_dark(seen: dict[str, Seen]) -> None:
    assert list_wrong(seen, "axe") == {}


async def test_the_keyboard_alone_reaches_everything(seen: dict[str, Seen]) -> None:
    assert list_wrong(seen, "unreached") == {}


async def test_what_has_the_focus_shows_it(seen: dict[str, Seen]) -> None:
    assert list_wrong(seen, "unmarked") == {}


async def test_nothing_sticks_out_of_a_small_screen_or_at_twice_the_size(seen: dict[str, Seen]) -> None:
    assert list_wrong(seen, "overflow") == {}


async def test_no_page_weighs_much(seen: dict[str, Seen]) -> None:
    heavy = {name: one.size_bytes for name, one in seen.items() if one.size_bytes >= MOST_BYTES}
    assert heavy == {}


async def test_no_page_weighs_much_with_its_pictures(seen: dict[str, Seen]) -> None:
    weights = {name: one.with_pictures_bytes for name, one in seen.items() if one.pictures}
    assert {"home", "edition", "paper", "search-found", "topic"} <= weights.keys()
    assert {name: size for name, size in weights.items() if size >= MOST_BYTES_WITH_PICTURES} == {}


async def test_nothing_moves_while_a_page_is_loaded(seen: dict[str, Seen]) -> None:
    assert list_wrong(seen, "shifts") == {}


async def test_the_largest_day_is_light_on_its_way(tmp_path: Path, migrated_sqlite: Path) -> None:
    shutil.copy(migrated_sqlite, tmp_path / "newsletter.db")
    sample = [change.entry for change in read_sample_day()]
    words = " ".join(entry.summary for entry in sample).split()
    chance = random.Random(7)
    papers = [
        make_paper(
            f"2606.07{number:03}",
            " ".join(chance.choices(words, k=10)),
            WEDNESDAY,
            summary=" ".join(chance.choices(words, k=200)),
            code_url=f"https://github.com/example{chance.random()}/code",
        )
        for number in range(71)  # the most that Hugging Face has listed on a day
    ]
    async with opened_site(tmp_path, f"sqlite:///{tmp_path / 'newsletter.db'}", filled=False) as site:
        await save_run(site.newsletter.runs, "2026-06-17 09:00", *(new(paper) for paper in papers))
        async with browsing(site) as client:
            page = await client.get("/2026-06-17", headers={"accept-encoding": "gzip"})

    assert page.text.count("<article") == 71
    assert int(page.headers["content-length"]) + sum(map(len, site.statics.values())) < MOST_BYTES


async def test_the_console_stays_empty(seen: dict[str, Seen]) -> None:
    assert list_wrong(seen, "console") == {}


async def test_nothing_is_loaded_from_elsewhere(seen: dict[str, Seen]) -> None:
    assert list_wrong(seen, "strangers") == {}


async def test_the_script_and_the_style_sheet_stay_small(showcase: Showcase) -> None:
    statics = showcase.site.statics
    assert len(statics["comfort.js"]) < 6_000
    assert len(statics["style.css"]) < 20_000


# --- one page -------------------------------------------------------------------------------------


async def test_on_paper_there_is_the_text_alone(browser: Browser, showcase: Showcase) -> None:
    async with open_page(browser, viewport=TELEPHONE, color_scheme="dark") as page:
        await page.goto(f"{showcase.site.links.base}/2026-06-16")
        await page.emulate_media(media="print")
        ground = await page.evaluate("getComputedStyle(document.body).backgroundColor")

        assert ground == "rgb(255, 255, 255)"
        assert await page.locator("article.paper").first.is_visible()
        assert not await page.locator("nav:visible, form:visible, footer:visible").count()


async def test_a_page_goes_on_at_its_content_for_the_keyboard(browser: Browser, showcase: Showcase) -> None:
    async with open_page(browser, viewport=TELEPHONE) as page:
        await page.goto(f"{showcase.site.links.base}/2026-06-16")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")

        assert await page.evaluate("document.activeElement.closest('main') !== null")
