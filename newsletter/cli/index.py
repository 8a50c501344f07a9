"""The index of all previews: one page with sizes, checks and, where they are asked for, pictures in light and dark."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from typing import TYPE_CHECKING

import jinja2

from newsletter.cli.progress import counting_progress
from newsletter.files import FOLDER_MODE, write_private

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from newsletter.workflows.preview import MailPreview

MAX_PICTURES = 200  # a browser takes about two seconds for each mail
_TIMEOUT_S = 60

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>Previews of {{ newsletter }}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 64rem; padding: 0 1rem; }
li { border-top: 1px solid #8888; list-style: none; padding: 1rem 0; overflow-wrap: anywhere; }
ul { padding: 0; } img { border: 1px solid #8888; height: 16rem; width: auto; vertical-align: top; }
.wrong { color: #b91c1c; font-weight: 600; } @media (prefers-color-scheme: dark) { .wrong { color: #fca5a5; } }
</style></head><body>
<h1>Previews of {{ newsletter }}</h1>
<p>{{ previews | length }} mails, {{ "{:,}".format(previews | sum(attribute="size")) }} bytes.
{% if is_checked %}{{ previews | selectattr("wrong") | list | length }} fail a check.{% endif %}</p>
<ul>{% for preview in previews %}
<li><h2>{{ preview.subject }}</h2>
<p>{{ preview.address }} · {{ preview.slot_at.strftime("%Y-%m-%d %H:%M UTC") }} · {{ preview.entries }} entries ·
{{ "{:,}".format(preview.size) }} bytes ·
<a href="{{ below }}{{ preview.name | urlencode }}.html">HTML of {{ preview.address }}</a> ·
<a href="{{ below }}{{ preview.name | urlencode }}.txt">text</a> ·
<a href="{{ below }}{{ preview.name | urlencode }}.eml">message</a></p>
{% for check in preview.wrong %}<p class="wrong">{{ check.item }} {{ check.what }}: {{ check.wrong }}</p>{% endfor %}
{% if has_pictures and loop.index <= max_pictures %}<p>{% for scheme in ("light", "dark") %}
<img src="{{ below }}{{ preview.name | urlencode }}-{{ scheme }}.png" alt="{{ preview.subject }}, {{ scheme }}">
{% endfor %}</p>{% endif %}</li>{% endfor %}
</ul></body></html>
"""


def write_index(
    folder: Path,
    newsletter: str,
    previews: Sequence[MailPreview],
    *,
    below: str = "",
    has_pictures: bool = False,
    is_checked: bool = False,
) -> Path:
    """Write ``index.html`` and return its path. below: where the previews are from there, such as ``previews/``."""
    template = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(_PAGE)
    page = template.render(
        newsletter=newsletter,
        previews=previews,
        below=below,
        has_pictures=has_pictures,
        is_checked=is_checked,
        max_pictures=MAX_PICTURES,
    )
    folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    path = folder / "index.html"
    write_private(path, page.encode())
    return path


def take_pictures(folder: Path, previews: Sequence[MailPreview]) -> bool:
    """Take a picture in light and dark of each of the first 200 previews; return whether there is a browser for it."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        return False
    with counting_progress("taking pictures", min(len(previews), MAX_PICTURES)) as advance:
        for preview in previews[:MAX_PICTURES]:
            for scheme in ("light", "dark"):
                _take_picture(browser, folder, preview.name, scheme)
            advance()
    return True


def _take_picture(browser: str, folder: Path, name: str, scheme: str) -> None:
    command = [
        *(browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"),
        *(
            "--disable-background-networking",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            "--window-size=600,900",
        ),
        f"--blink-settings=preferredColorScheme={0 if scheme == 'dark' else 1}",
        f"--screenshot={(folder / f'{name}-{scheme}.png').resolve()}",
    ]
    with tempfile.TemporaryDirectory(prefix="newsletter-browser-") as profile:
        page = (folder / f"{name}.html").resolve().as_uri()
        subprocess.run(
            [*command, f"--user-data-dir={profile}", page],
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
