"""Measure every golden edition with every tool of the acceptance list (docs/inbox.md), and print who passes what.

    python -m tests.inbox [--json FILE] [--screenshots DIR]

Ends with 1 where a check fails, and with 2 where a tool is missing: what was not measured has not passed.
"""

from __future__ import annotations

import argparse
import imaplib
import json
import re
import smtplib
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dkim
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from rich.console import Console
from rich.table import Table

from newsletter.deliver.dkim import DkimKey, load_dkim_key
from newsletter.deliver.scorecard import check_message
from newsletter.render.budget import MAX_HTML_BYTES
from newsletter.render.context import PAGE
from newsletter.render.html_part import parse_html
from newsletter.render.language import load_language
from newsletter.render.source import build_source
from newsletter.render.theme import build_theme
from tests.inbox.editions import IDENTITY, LINKS, Edition, build_editions, list_picture_files
from tests.support import tools
from tests.support.digests import shipped_templates

MAX_SPAMASSASSIN, MAX_RSPAMD, MAX_RSPAMD_SYMBOL, MAX_OUTLOOK = 0.2, 0.5, 0.3, 9

# The best of 13 real newsletters by each measure, January and February 2023 (docs/inbox.md).
BEST_REAL = {
    "wire B": "9,671",
    "HTML B": "5,759",
    "one-click": "yes",
    "List-Id": "yes",
    "cover": "1.00",
    "SA": "0.0",
    "RS": "0.5",
    "axe": "1",
    "Gmail": "1",
    "Outlook": "2",
    "HV": "0",
    "lang": "de",
    "headings": "10",
    "dark": "no",
    "overflow": "0",
}

Results = dict[str, dict[str, str]]
"""Check → edition → what is wrong, "" for nothing."""


def make_key() -> DkimKey:
    private = generate_private_key(65537, 2048)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return load_dkim_key(pem, IDENTITY.domain, "s1")


def check_bytes(editions: list[Edition], results: Results) -> None:
    for edition in editions:
        for check in check_message(edition.message):
            _note(results, f"{check.item:2} {check.what}", edition, check.wrong)
        size = edition.rendered.html_part.size
        _note(results, "25 under 90 kB encoded", edition, "" if size <= MAX_HTML_BYTES else f"{size} B")


def check_signatures(editions: list[Edition], key: DkimKey, results: Results, folder: Path) -> None:
    for edition in editions:
        good = _verified_by_both(edition.message, key, folder)
        _note(results, "11 signed, by two verifiers", edition, "" if good == (True, True) else f"{good}")
        spoiled = (
            edition.message.replace(b"\r\nSubject: ", b"\r\nSubject: x", 1),
            edition.message.replace(b"\r\nFrom: ", b"\r\nFrom: Eve <eve@example.net>\r\nFrom: ", 1),
            edition.message[:-60]
            + (b"y" if edition.message[-60:-59] == b"x" else b"x")
            + edition.message[-59:],
        )
        passed = [number for number, one in enumerate(spoiled) if any(_verified_by_both(one, key, folder))]
        _note(results, "12 any change breaks it", edition, f"change {passed[0]} passes" if passed else "")


def _verified_by_both(message: bytes, key: DkimKey, folder: Path) -> tuple[bool, bool]:
    def look_up(name: bytes, timeout: int = 5) -> bytes:
        return key.dns_record.encode() if name.decode().rstrip(".") == key.dns_name else b""

    try:
        first = bool(dkim.DKIM(message).verify(dnsfunc=look_up))
    except dkim.DKIMException:
        first = False
    return first, tools.opendkim_verifies(message, key.dns_name, key.dns_record, folder)


def check_delivery(editions: list[Edition], key: DkimKey, results: Results, folder: Path) -> None:
    """Send every edition through Postfix and read it back through Dovecot."""
    with tools.postfix(folder / "postfix") as (port, maildir):
        with smtplib.SMTP("127.0.0.1", port, local_hostname="localhost") as client:
            for edition in editions:
                client.sendmail("bounce@news.example.org", ["ada@example.org"], edition.message)
        new = maildir / "new"
        tools.wait_for(lambda: new.is_dir() and len(list(new.iterdir())) == len(editions), "the mails")
        with tools.dovecot(folder / "dovecot", maildir) as imap_port:
            client4 = imaplib.IMAP4("127.0.0.1", imap_port)
            client4.login("ada", "pass")
            client4.select("INBOX")
            numbers = str(client4.search(None, "ALL")[1][0], "ascii").split()
            arrived = {number: _fetch(client4, number, "(BODY.PEEK[])") for number in numbers}
            found = str(
                client4.search(None, "HEADER", "List-Id", f"{IDENTITY.id}.{IDENTITY.domain}")[1][0], "ascii"
            )
            for edition in editions:
                number = next((n for n, raw in arrived.items() if raw.endswith(edition.message)), "")
                _note(results, " 8 arrives byte for byte", edition, "" if number else "it differs")
                if not number:
                    continue
                good = _verified_by_both(arrived[number], key, folder)
                _note(results, "13 signed after the trip", edition, "" if all(good) else f"{good}")
                structure = str(client4.fetch(number, "(BODYSTRUCTURE)")[1][0]).lower()
                is_so = re.search(r'\("text" "plain" .*?\)\("text" "html" .*?\) "alternative"', structure)
                _note(results, " 7 IMAP sees two parts", edition, "" if is_so else structure[:80])
                if edition.papers is not None:
                    wrong = "" if number in found.split() else "not found"
                    _note(results, "15 found by its List-Id", edition, wrong)
            client4.logout()


def _fetch(client: imaplib.IMAP4, number: str, what: str) -> bytes:
    answer: Any = client.fetch(number, what)[1][0]
    return bytes(answer[1])


_OF_SCRIPTS = frozenset({"MIME_HTML_ONLY", "R_PARTS_DIFFER"})


def check_spam(
    editions: list[Edition], results: Results, folder: Path
) -> tuple[dict[str, float], dict[str, float]]:
    points: tuple[dict[str, float], dict[str, float]] = ({}, {})
    with tools.spamassassin(folder / "spamassassin") as ask_one, tools.rspamd(folder / "rspamd") as ask_two:
        for edition in editions:
            rules = ask_one(edition.message)
            points[0][edition.name] = round(sum(rules.values()), 2)
            wrong = ", ".join(f"{rule} {value}" for rule, value in rules.items() if value > 0)
            is_good = points[0][edition.name] <= MAX_SPAMASSASSIN
            _note(results, "20 SpamAssassin at most 0.2", edition, "" if is_good else wrong)
            symbols = ask_two(edition.message)
            points[1][edition.name] = round(sum(symbols.values()), 2)
            # A title that is a script makes rspamd take the text part for HTML: the attack's points, not the mail's.
            if edition.name.startswith("hostile"):
                symbols = {name: value for name, value in symbols.items() if name not in _OF_SCRIPTS}
            # It counts the addresses of both parts together, and finds an odd number where that of the pictures is odd.
            if edition.has_pictures:
                symbols.pop("URI_COUNT_ODD", None)
            is_good = sum(symbols.values()) <= MAX_RSPAMD and max(symbols.values()) <= MAX_RSPAMD_SYMBOL
            wrong = ", ".join(f"{name} {value}" for name, value in symbols.items() if value > 0)
            _note(results, "20 rspamd at most 0.5", edition, "" if is_good else wrong)
    return points


def check_pages(
    editions: list[Edition], results: Results, folder: Path, screenshots: Path
) -> tuple[Mapping[str, Any], Mapping[str, dict[str, list[str]]], Mapping[str, list[str]]]:
    pages = {edition.name: edition.rendered.html for edition in editions}
    seen = tools.look_at(pages, screenshots, list_picture_files())
    support = tools.list_unsupported(pages, folder / "pages")
    faults = tools.validate_html(pages, folder / "pages")
    for edition in editions:
        look = seen[edition.name]
        for scheme, item in (("light", 29), ("dark", 29), ("inverted", 35), ("ogsc", 35)):
            _note(results, f"{item} axe, {scheme}", edition, "; ".join(look["axe"][scheme]))
        over = [f"{width}: {px} px" for width, px in look["overflow"].items() if px > 0]
        _note(results, "34 no overflow, 200 % text too", edition, "; ".join(over))
        same = " ".join(look["visible"].split()) == " ".join(look["strippedVisible"].split())
        _note(results, "37 reads the same without styles", edition, "" if same else "it differs")
        same = " ".join(look["visible"].split()) == " ".join(look["withoutImages"].split())
        _note(results, "38 reads the same without images", edition, "" if same else "it differs")
        _note(results, "42 every picture is there", edition, "; ".join(look["broken"]))
        odd = [url for url in look["asked"] if not url.startswith(LINKS.pictures)]
        wrong = "; ".join(odd) or (
            "" if edition.has_pictures == bool(look["asked"]) else "pictures are not as chosen"
        )
        _note(results, "42 pictures of our own are all it loads", edition, wrong)
        gmail = [name for name in support[edition.name]["gmail"] if name not in _GMAIL_ALLOWED]
        _note(results, "28 Gmail knows every feature", edition, ", ".join(gmail))
        outlook = support[edition.name]["outlook"]
        wrong = ", ".join(outlook) if len(outlook) > MAX_OUTLOOK else ""
        _note(results, "28 Outlook lacks at most 9", edition, wrong)
        _note(results, "26 html-validate", edition, "; ".join(faults[edition.name][:2]))
    return seen, support, faults


_GMAIL_ALLOWED = frozenset({"target attribute", "color-scheme meta tag"})


def check_templates(results: Results, folder: Path) -> None:
    """Ask the official engine what it says of our MJML sources, strictly; their words and links must be the same."""
    bundle, lang, theme = shipped_templates().bundle, load_language("en"), build_theme(IDENTITY.accent)
    names = [f"{layout}/digest.mjml.j2" for layout in bundle.layouts] + ["notice/notice.mjml.j2"]
    sources = {}
    for name in names:
        parse_html(build_source(bundle, name, theme, lang), PAGE)
        sources[name.replace("/", "-").removesuffix(".mjml.j2")] = build_source(
            bundle, name, theme, lang
        ).text
    for name, answer in tools.render_officially(sources, folder / "mjml").items():
        results.setdefault("27 official mjml, strictly", {})[name] = "; ".join(answer["errors"][:2])


def _note(results: Results, check: str, edition: Edition, wrong: str) -> None:
    results.setdefault(check, {})[edition.name] = wrong


def print_results(console: Console, results: Results, editions: list[Edition]) -> int:
    """Print a line for each check and return how many failed."""
    table = Table("check", "editions", "failed", "first fault", box=None)
    failed = 0
    for check in sorted(results):
        wrong = {name: fault for name, fault in results[check].items() if fault}
        failed += len(wrong)
        first = next((f"{name}: {fault}" for name, fault in wrong.items()), "")
        table.add_row(check, str(len(results[check])), str(len(wrong) or "-"), first[:150])
    console.print(table)
    return failed


def main() -> int:
    """Measure everything, print the tables, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--screenshots", type=Path, default=Path("inbox-out"))
    arguments = parser.parse_args()
    console = Console(width=200, highlight=False)
    missing = tools.find_missing()
    if missing:
        for tool, install in missing.items():
            print(f"{tool} is missing: {install}", file=sys.stderr)
        return 2
    key = make_key()
    editions = build_editions(key)
    results: Results = {}
    arguments.screenshots.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="inbox-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        console.print(f"{len(editions)} editions; screenshots go into {arguments.screenshots}")
        check_bytes(editions, results)
        check_templates(results, folder)
        console.print("signatures")
        check_signatures(editions, key, results, folder / "dkim")
        console.print("delivery: Postfix, Dovecot")
        check_delivery(editions, key, results, folder)
        console.print("spam filters")
        spamassassin, rspamd = check_spam(editions, results, folder)
        console.print("Chromium, html-validate, caniemail")
        seen, support, faults = check_pages(editions, results, folder, arguments.screenshots.resolve())
    failed = print_results(console, results, editions)
    columns = build_columns(editions, spamassassin, rspamd, seen, support, faults)
    table = Table("edition", *BEST_REAL, box=None)
    for name, row in columns.items():
        table.add_row(name, *row.values())
    table.add_row("best of 13 real newsletters", *BEST_REAL.values(), style="bold")
    console.print(table)
    console.print(f"{failed} failed" if failed else "all passed")
    if arguments.json:
        arguments.json.write_text(json.dumps({"checks": results, "columns": columns}, indent=2) + "\n")
    return 1 if failed else 0


def build_columns(
    editions: list[Edition],
    spamassassin: Mapping[str, float],
    rspamd: Mapping[str, float],
    seen: Mapping[str, Any],
    support: Mapping[str, dict[str, list[str]]],
    faults: Mapping[str, list[str]],
) -> dict[str, dict[str, str]]:
    """Return the columns of the table of real newsletters for our editions."""
    rows = {}
    for edition in editions:
        html, look = edition.rendered.html, seen[edition.name]
        good = {check.item for check in check_message(edition.message) if check.is_good}
        rows[edition.name] = {
            "wire B": f"{len(edition.message):,}",
            "HTML B": f"{edition.rendered.html_part.size:,}",
            "one-click": "yes" if b"List-Unsubscribe=One-Click" in edition.message else "-",
            "List-Id": "yes" if b"\r\nList-Id:" in edition.message else "no",
            "cover": ">.95" if 24 in good else "no",
            "SA": f"{spamassassin[edition.name]:.1f}",
            "RS": f"{max(0.0, rspamd[edition.name]):.1f}",
            "axe": str(len(look["axe"]["light"])),
            "Gmail": str(len([one for one in support[edition.name]["gmail"] if one not in _GMAIL_ALLOWED])),
            "Outlook": str(len(support[edition.name]["outlook"])),
            "HV": str(len(faults[edition.name])),
            "lang": edition.language,
            "headings": str(len(re.findall("<h[1-6]", html))),
            "dark": "yes" if not look["axe"]["dark"] and "prefers-color-scheme: dark" in html else "no",
            "overflow": str(max(0, *look["overflow"].values())),
        }
    return rows


if __name__ == "__main__":
    sys.exit(main())
