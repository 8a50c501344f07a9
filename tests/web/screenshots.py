"""Take the pictures of the web pages for the documentation, on a telephone and on a desk, of the showcase.

python -m tests.web.screenshots FOLDER
"""

from __future__ import annotations

import asyncio
import io
import logging
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from PIL import Image

from tests.web.browser import find_obstacle, open_browser, open_page
from tests.web.looks import list_looks
from tests.web.showcase import Showcase, open_showcase
from tests.web.visits import visit

if TYPE_CHECKING:
    from playwright.async_api import Browser

SHOWN = {
    "home": "home",
    "subscribe-preview": "subscribe",
    "confirm": "confirm",
    "preferences": "preferences",
    "sent-digest": "sent",
    "goodbye": "goodbye",
    "archive": "archive",
    "edition": "edition",
    "paper": "paper",
    "search-found": "search",
    "topics": "topics",
    "operate": "operate",
}
"""The looks that have a picture, and how it is called."""

IN_THE_DARK = ("home",)
WIDTHS = (390, 1280)
MOST_PIXELS = 2_000
"""The height at which the picture of a long page ends."""
COLOURS = 64
END_OF_PAGE = "document.querySelector('footer').getBoundingClientRect().bottom + scrollY"


async def take_all(folder: Path) -> None:
    """Write ``web-NAME-WIDTH.png`` for each picture, and ``web-NAME-WIDTH-dark.png`` for some."""
    with tempfile.TemporaryDirectory() as house:
        database_url = f"sqlite:///{house}/newsletter.db"
        async with open_showcase(Path(house), database_url) as showcase, open_browser() as browser:
            for width in WIDTHS:
                await _take(browser, showcase, folder, width, "light")
                await _take(browser, showcase, folder, width, "dark")


async def _take(browser: Browser, showcase: Showcase, folder: Path, width: int, scheme: str) -> None:
    ending = "-dark" if scheme == "dark" else ""
    size = {"width": width, "height": 800}
    async with open_page(browser, viewport=size, color_scheme=scheme, locale="en-GB") as page:
        for look in list_looks(showcase):
            if look.name not in (IN_THE_DARK if ending else SHOWN):
                continue
            await visit(page, showcase, look)
            height = min(round(await page.evaluate(END_OF_PAGE)), MOST_PIXELS)
            file = folder / f"web-{SHOWN[look.name]}-{width}{ending}.png"
            png = await page.screenshot(
                full_page=True, clip={"x": 0, "y": 0, "width": width, "height": height}
            )
            _save(png, file)
            print(file, f"{file.stat().st_size / 1000:.0f} kB")


def _save(png: bytes, file: Path) -> None:
    """Write a picture with as many colours as a page needs, which makes the file a third as large."""
    with Image.open(io.BytesIO(png)) as picture:
        picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(file, optimize=True)


def main() -> int:
    """Take the pictures; 2 where there is no browser for it."""
    if obstacle := find_obstacle():
        print(obstacle, file=sys.stderr)
        return 2
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(take_all(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
