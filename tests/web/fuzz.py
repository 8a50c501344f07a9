"""Odd requests to every route of the web UI: none may end in an exception, a 5xx, or a page that says what was sent
as if it were its own.

    python -m tests.web.fuzz [--count N] [--processes N] [--json FILE]

A request is made by its number alone, out of methods, paths with odd parameters, queries, forms with every field that
there is, headers, and tokens of which many are true. REQUESTS_A_SITE of them go to one site, one after the other, as
readers leave, move and are erased by them; then the next ones get a fresh copy of the first database. A finding is an
exception, a status of 500 or more, no answer, two seconds of CPU time or more, twice, a header that is missing or has a
line end, a redirect that leads away, a cookie where none belongs, and markup of ours that comes back as markup.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import multiprocessing
import os
import random
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from functools import _lru_cache_wrapper
from pathlib import Path
from unittest.mock import patch
from urllib.parse import quote, quote_from_bytes, quote_plus, urlsplit

import structlog
from rich.console import Console
from rich.table import Table
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from newsletter.model.readers import SubscriberId
from newsletter.settings.shipped import find_shipped
from newsletter.signing import Purpose, Secret, build_token
from newsletter.web import answers
from newsletter.web.app import build_app
from newsletter.web.form_age import build_form_token
from newsletter.web.pages.operate import SESSION_LIFETIME
from newsletter.web.pages.preferences import version_of
from newsletter.web.sessions import choose_cookie, hash_token
from newsletter.web.site import Site
from tests.support import website
from tests.support.website import NOW, opened_site
from tests.web.mails import LEAVING, MOVING, OPERATOR, TAKEN, WITH_OPERATOR, send_every_kind
from tests.web.wire import Got, Sent, ask

REQUESTS_A_SITE = 500
MAX_SECONDS = 2.0
SECRET = Secret(b"a secret of the fuzz, so that a number makes the same request each time")
HOST = urlsplit(website.URL).netloc

# What would be an element or an attribute if it came back as it was sent.
MARKUP = "'\"><q7 x=y>"
_BROKEN_OUT = re.compile(r"<q7|[\"'] q7on=")

_ODD: Sequence[str] = (
    *("", " ", "0", "-1", "1", "2", "yes", "on", "null", "true", "NaN", "1e999", "9" * 18, "9" * 19, "9" * 25,
      "9" * 5_000),
    *("-" + "9" * 30, "0x10", "١٢٣", "²", "½", "1_000", "+1", "1.5", "\x00", "a\x00b", "\r\nX-Injected: 1",
      "a\nb", "a\rb", "\t"),
    *("\u2028", "\u202e\u2066", "\ufeff", "\ufffe", "\U0010ffff", "é" * 300, "İıẞ", "𝒳", "e\u0301" * 50,
      "\x1b[31m", "\x85"),
    *("<script>alert(1)</script>", MARKUP, "x' q7on='1", 'x" q7on="1', "javascript:alert(1)", "{{7*7}}",
      "{% raw %}", "%s%n{0}"),
    *("../../etc/passwd", "//evil.example", "\\\\evil.example", "https://evil.example/", "http:/evil.example",
      "%2e%2e", "%00"),
    *("a" * 300, "a" * 3_000, "x " * 2_000, "(" * 500, "[" * 300, "{" * 300, '"', "'", "\\", "&", ";", "#", "?", "…"),
    *("daily", "weekdays", "chosen", "mon", "sun", "en", "ar", "xx", "compact", "UTC", "Europe/Berlin",
      "../UTC", "07:00", "25:99"),
    *("24:00", "7", "7:5", "2026-06-18", "2026-06-17", "2027-06-17", "9999-12-31", "0001-01-01", "2026-02-30",
      "2026-W25-3"),
    *("00000-1-1", "20260616", "+026-06-16", "ada.secret@readers.example.net", "new@readers.example", "a@b",
      "@", "a@" + "b" * 300),
    *("a@[127.0.0.1]", "ü@müller.example", '"a b"@example.org', "a@example.org\r\nBcc: b@example.org",
      "a@example.org,b@example.org"),
    *("leave", "fewer", "pause-2", "pause-4", "pause-99", "back", "begin", "preview", "subscribe", "One-Click"),
)  # fmt: skip
_TOPICS: Sequence[str] = (
    *("RAG", "robotics: robot*", "(a OR b) AND NOT title:survey", "{name: x, any: [y], limit: 3}", "{name: x",
      "{}", "{a: &b [*b]}"),
    *("{name: x, about: agents that use tools}", "{name: x, like: [2606.00101]}",
      "{name: x, min_upvotes: 99999999999999999999}"),
    *("author:Example", "upvotes>=99999999999999999999", "upvotes>=-1", "date>=9999-12-31", "date>=2026-13-01",
      "date>=today-999999999d"),
    *("/(a+)+b/", "/[/", "/(?P<x>a)(?P=x)/", "/" + "a?" * 40 + "a" * 40 + "/", "=RAG", "~", "*", "a*b*c*",
      '"a b"~5', '"a b"~99999999999'),
    *("NOT", "AND OR", "NOT NOT NOT a", "a AND " * 200 + "a", "(a OR b) AND " * 60 + "c", "RAG\n" * 30,
      "category:cs.*", "title|abstract:a"),
    *("prune~", "org:DeepMind", "word: " * 50, ": :", ":", "x:", "a, b, , c", "C++", "text/image",
      "2606.00101", "10.1000/agents"),
    *("https://arxiv.org/abs/2606.00101v2", "url:https://blog.example.org/rag-in-practice?page=2&x=1",
      "{name: x, weight: .inf}"),
    *("{name: x, wait: 99999999999 days}", "{name: x, query: 'a AND'}", "!!python/object:os.system {x: 1}",
      "{? [a] : b}", "{1: 2}", "- a"),
)  # fmt: skip
_METHODS = ("GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "get", "BREW", "CONNECT")
_CHARSETS = (
    *(
        "utf-8",
        "utf-7",
        "utf-16",
        "latin-1",
        "bogus",
        "unicode_escape",
        "raw_unicode_escape",
        "undefined",
        "idna",
    ),
    *("punycode", "hex"),
)
_HEADERS: Mapping[str, Sequence[str]] = {
    "accept-language": (
        "de", "ar, en;q=0.5", "*", "xx-YY;q=nan", ";;;,,,", "q=1", "de;q=1e999", "-" * 399, "en;q=-1", "\xff",
    ),
    "accept-encoding": ("gzip", "gzip;q=0", "*", "br, gzip;q=1.0", "gzip;q=x", ";q=", "identity;q=0"),
    "if-none-match": ("*", '"x"', 'W/"x", "y-gz"', ",", '"'),
    "if-modified-since": ("Wed, 17 Jun 2026 00:00:00 GMT", "x"),
    "range": ("bytes=0-10", "bytes=-1", "bytes=9-1"),
    "x-forwarded-for": (
        "203.0.113.9", "2001:db8::1", "x, 203.0.113.9", "203.0.113.9, x", "", ",", "fe80::1%eth0",
        "::ffff:203.0.113.9",
    ),
    "x-forwarded-host": ("evil.example",),
    "x-forwarded-proto": ("https", "javascript"),
    "forwarded": ("for=203.0.113.9;host=evil.example",),
    "origin": (website.URL, "null", "https://evil.example", "http://127.0.0.1:8080.evil.example", ""),
    "sec-fetch-site": ("same-origin", "cross-site", "none", "same-site", "x"),
    "user-agent": ("<script>alert(1)</script>", "\xff\xfe", "a" * 5_000),
    "cookie": (
        "operator=", "operator=" + "a" * 43, "operator=" + "é" * 43, "a=b; operator", ";;;=;=",
        'x="\\"; operator="a',
    ),
    "expect": ("100-continue",),
    "connection": ("upgrade",),
    "upgrade": ("websocket",),
    "content-length": ("0", "99999999", "-1", "x", "²", "9" * 5_000, "1, 1", ""),
    "transfer-encoding": ("chunked", "x"),
}  # fmt: skip
_CONTENT_TYPES = (
    *("application/x-www-form-urlencoded",) * 8,
    *("multipart/form-data; boundary=zz",) * 4,
    *("multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=zz; charset=bogus"),
    *("application/x-www-form-urlencoded; charset=utf-16", "text/plain", "application/json", "", "x",
      "multipart/mixed; boundary=zz"),
)  # fmt: skip
_PART_ENDS = (
    *('; filename="a"', "; filename*=utf-8''a", "; name=again"),
    *("\r\nContent-Transfer-Encoding: base64", "\r\nX: " + "y" * 9_000, "; charset=unicode_escape"),
)
_SIGNS = [
    chr(code)
    for code in (
        *range(0x300),
        *range(0x600, 0x610),
        *range(0x2000, 0x2070),
        0xFEFF,
        0xFFFF,
        0x1F600,
        0xE0001,
    )
]
_QUERY_NAMES = ("q", "page", "topic", "before", "token", "do", "x")


# --- what is known of a site ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Known:
    """What requests are made of: routes as path and methods, names of fields, and values that mean something.

    values are by the names of a route's parameters; good are values of fields that a page would send; versions are
    what a reader's page would send along, by their token.
    """

    routes: Sequence[tuple[str, Sequence[str]]]
    fields: Sequence[str]
    values: Mapping[str, Sequence[str]]
    good: Mapping[str, Sequence[str]]
    versions: Mapping[str, str]
    cookie: str


async def learn(site: Site, templates: str) -> Known:
    """Return what is known of a site. templates are those of its pages, one after the other."""
    routes = list(_list_routes(build_app(site).routes))
    names = set(re.findall(r'\bname="([a-z_]+)"', templates)) - {"viewport"}
    numbers = [SubscriberId(number) for number in range(1, 40)]
    readers = (await site.newsletter.subscribers.load_many(numbers)).values()
    versions = {
        build_token(Purpose.PREFERENCES, one.id, site.secret, one.address): version_of(one) for one in readers
    }
    tokens = [
        *versions,
        *(build_token(Purpose.LEAVE, one.id, site.secret) for one in readers),
        *(build_token(Purpose.CONFIRM, number, site.secret) for number in range(1, 12)),
    ]
    session = "s" * 43
    await site.newsletter.sessions.open(OPERATOR, hash_token(session), NOW, NOW + SESSION_LIFETIME)
    keys = [str(key) for key in await site.newsletter.archive.load_keys(limit=1_000)]
    days = [size.day.isoformat() for size in await site.newsletter.archive.load_editions()]
    return Known(
        routes=routes,
        fields=sorted({*names, "topic", "website", "form", "List-Unsubscribe", "q", "page"}),
        values={
            "token": tokens,
            "key": [*keys, "doi:10.1000/agents", "arxiv:2606.00101v2", "url:https:/blog.example.org/x"],
            "day": [*days, "2026-06-17", "0001-01-01", "9999-12-31", "2026-02-30", "2026-06-19"],
            "date": [*days, "2026-06-17"],
            "slug": ["rag", "agents-tools"],
            "name": list(site.static_names.values()),
            "part": ["0", "1", "2"],
        },
        good={
            "form": [build_form_token("subscribe", site.secret, NOW.replace(minute=20))],
            "version": list(versions.values()),
            "address": ["new@readers.example", website.READER, MOVING, TAKEN, LEAVING, OPERATOR],
            "own": [
                "RAG",
                "RAG\nrobotics: robot*",
                "(a OR b) AND NOT title:survey",
                "{name: x, about: agents}",
            ],
            "topic": ["RAG", "Agents & tools", "C++", "{name: x, any: [y], limit: 3}"],
            "q": _TOPICS,
            "when": ["daily", "weekdays", "chosen"],
            "day": ["mon", "fri"],
            "hour": ["07:00", "23:59"],
            "zone": ["UTC", "Europe/Berlin", "America/St_Johns"],
            "language": ["en", "ar", ""],
            "layout": ["cards", "compact", ""],
            "everything_else": ["0", "5"],
            "until": ["2026-06-20", "2026-12-31"],
            "do": ["begin", "preview", "subscribe", "leave", "fewer", "pause-2", "back"],
            "sure": ["yes"],
            "name": ["Ada", "Ada\u202e Example"],
            "website": [""],
            "List-Unsubscribe": ["One-Click"],
        },
        versions=versions,
        cookie=f"{choose_cookie(site.links).name}={session}",
    )


def _list_routes(routes: Sequence[object], prefix: str = "") -> Iterator[tuple[str, Sequence[str]]]:
    for route in routes:
        if isinstance(route, Mount):
            yield from _list_routes(route.routes, prefix + route.path)
        elif isinstance(route, Route):
            yield prefix + route.path, sorted(route.methods or ())


# --- one request ----------------------------------------------------------------------------------


def make_request(number: int, known: Known) -> Sent:
    """Return the request of that number."""
    return _Maker(random.Random(f"request {number}"), known).make()


class _Maker:
    """Makes one request. care is the share of values that a page would send."""

    def __init__(self, chance: random.Random, known: Known) -> None:
        self._chance = chance
        self._known = known
        self._care = chance.choice((0.4, 0.8, 0.97))
        self._good = dict(known.good)

    def make(self) -> Sent:
        chance = self._chance
        path, methods = chance.choice(self._known.routes)
        if self._is(0.03):
            path = chance.choice(("/x", "//", "/%", "/metrics", "", "/subscribe/", "/archive/"))
        target = re.sub(r"\{(\w+)(?::\w+)?\}", lambda name: self._choose_parameter(name[1]), path).encode()
        if self._is(0.05):
            target = self._spoil_path(target)
        target += self._make_query()
        method = chance.choice(methods if self._is(0.8) else _METHODS)
        headers = [(b"x-forwarded-for", f"203.0.113.{chance.randrange(256)}".encode())]
        if self._is(0.97):
            odd = chance.choice((b"evil.example", b"", b"127.0.0.1:8080."))
            headers.append((b"host", odd if self._is(0.02) else HOST.encode()))
        body = b""
        if method not in ("GET", "HEAD") or self._is(0.02):
            kind, body = self._make_body()
            headers += [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
        if self._is(0.15):
            headers.append((b"cookie", self._known.cookie.encode()))
        for name in chance.sample(sorted(_HEADERS), chance.choice((0, 0, 0, 1, 3))):
            headers = [one for one in headers if one[0] != name.encode()]
            headers.append((name.encode(), chance.choice(_HEADERS[name]).encode("latin-1")))
        client = None if self._is(0.02) else "127.0.0.1"
        return Sent(method, target, tuple(headers), body, self._is(0.01), client)

    def _is(self, share: float) -> bool:
        return self._chance.random() < share

    def _choose_parameter(self, name: str) -> str:
        chance, values = self._chance, self._known.values.get(name, ())
        if name == "token":
            token = chance.choice(values)
            if token in self._known.versions:
                self._good["version"] = [self._known.versions[token]]
            if self._is(0.1):
                place = chance.randrange(len(token))
                other = token[:place] + chance.choice("a7A_é") + token[place + 1 :]
                token = chance.choice((token[:place], other, token.upper(), token * 2))
            return quote(token)
        if values and self._is(0.8):
            return quote(chance.choice(values), safe=":/")
        if name == "part":
            return chance.choice(("9" * 18, "9" * 5_000, "00000", "1" * 100, "-1", "²"))
        return quote(self._choose_odd()[:3_000], safe=chance.choice(("", ":/", "/")))

    def _spoil_path(self, target: bytes) -> bytes:
        place = self._chance.randrange(len(target) + 1)
        odd = (b"%00", b"%ff", b"%c3%28", b"/../", b"//", b"%2f", b"%0d%0a", b"\xc3\xa9", b";", b"%")
        inside = target[:place] + self._chance.choice(odd) + target[place:]
        away = b"http://evil.example" + target
        return self._chance.choice((target + b"/", b"/" + target, inside, away, b"*", target.upper()))

    def _make_query(self) -> bytes:
        chance = self._chance
        if self._is(0.35):
            names = chance.choices((*_QUERY_NAMES, *self._known.fields), k=chance.choice((1, 1, 2, 3, 30)))
            return b"?" + b"&".join(self._write_pair(name, self._choose_value(name)) for name in names)
        odd = (b"?", b"?=", b"?&&&", b"?q", b"?%", b"?q=%zz", b"?" + b"a=1&" * 500, b"?q=%ED%A0%80", b"??")
        return chance.choice(odd) if self._is(0.05) else b""

    def _choose_value(self, name: str) -> str:
        good = self._good.get(name)
        if good and self._is(self._care):
            return self._chance.choice(good)
        return self._choose_odd()

    def _choose_odd(self) -> str:
        chance = self._chance
        if self._is(0.2):
            return "".join(chance.choice(_SIGNS) for _ in range(chance.choice((1, 5, 80))))
        if self._is(0.1):
            return chance.choice(("", "RAG ", "a@b.c", "2606.00101")) + MARKUP
        return chance.choice((*_ODD, *_TOPICS))

    def _write_pair(self, name: str, value: str) -> bytes:
        if self._is(0.03):  # bytes that are no UTF-8
            return f"{name}={quote_from_bytes(self._chance.randbytes(12))}".encode()
        return f"{quote_plus(name)}={quote_plus(value)}".encode()

    def _make_body(self) -> tuple[bytes, bytes]:
        chance, fields = self._chance, self._known.fields
        kind = chance.choice(_CONTENT_TYPES)
        some = chance.choices(fields, k=chance.choice((0, 1, 3, 300)))
        names = fields if self._is(0.7) else some
        pairs = [(name, self._choose_value(name)) for name in names if self._is(0.95)]
        if "multipart" in kind:
            body = b"".join(self._write_part(name, value) for name, value in pairs) + b"--zz--\r\n"
        elif "json" in kind:
            body = json.dumps(dict(pairs)).encode()
        else:
            body = b"&".join(self._write_pair(name, value) for name, value in pairs)
        if self._is(0.06):
            place = chance.randrange(len(body) + 1)
            inside = body[:place] + chance.randbytes(20) + body[place:]
            body = chance.choice((body[:place], inside, body * 3, b"\x00" * 100, b"a" * 70_000))
        return kind.encode(), body

    def _write_part(self, name: str, value: str) -> bytes:
        head, text = f'Content-Disposition: form-data; name="{name}"', value.encode()
        if self._is(0.05):
            charset = self._chance.choice(_CHARSETS)
            head += self._chance.choice((*_PART_ENDS, f"\r\nContent-Type: text/plain; charset={charset}"))
            if "escape" in head:
                text = rb"\ud800\x00"
        return f"--zz\r\n{head}\r\n\r\n".encode() + text + b"\r\n"


# --- one answer -----------------------------------------------------------------------------------


def find_problem(sent: Sent, got: Got) -> str:
    """Return what is wrong with an answer, "" for nothing."""
    if got.error:
        return got.error
    if not got.status or got.status >= 500:
        return f"status {got.status}: {got.text[:200]}"
    headers = got.headers
    for header in ("content-security-policy", "x-content-type-options", "referrer-policy", "x-frame-options"):
        if len(headers.getlist(header)) != 1:
            return f"{header} is there {len(headers.getlist(header))} times"
    for name, value in got.fields:
        if re.search(rb"[\r\n\0]", name + value):
            return f"a header with a line end: {name!r}: {value!r}"
    location = headers.get("location", "")
    if (location and not location.startswith((f"{website.URL}/", "/"))) or location.startswith("//"):
        return f"a redirect to {location}"
    if "set-cookie" in headers and not sent.path.startswith(("/operate", "/confirm/", "/language")):
        return "a cookie"
    if got.is_html and (broken := _BROKEN_OUT.search(got.text)):
        return f"markup that came back: {got.text[max(0, broken.start() - 60) : broken.end() + 20]!r}"
    return ""


# --- many requests --------------------------------------------------------------------------------


@dataclass
class Tally:
    """What came of the requests: how many had which status, by route, and what was found in which one."""

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: dict[int, float] = field(default_factory=dict)
    findings: list[tuple[int, str]] = field(default_factory=list)

    @property
    def slowest_s(self) -> float:
        return max(self.seconds.values(), default=0.0)

    def add(self, other: Tally) -> None:
        self.statuses += other.statuses
        self.seconds |= other.seconds
        self.findings += other.findings


@contextmanager
def _without_waiting() -> Iterator[None]:
    with patch.object(answers, "ANSWER_AFTER_S", 0.0):
        yield


async def prepare(folder: Path) -> Known:
    """Fill the database that all sites begin with: ``first.db`` in this folder."""
    async with opened_site(folder, f"sqlite:///{folder}/first.db", more=WITH_OPERATOR) as site:
        with _without_waiting():
            await send_every_kind(site)
        templates = find_shipped("templates") / "web"
        texts = [file.read_text(encoding="utf-8") for file in sorted(templates.glob("*.j2"))]
        return await learn(replace(site, secret=SECRET), "".join(texts))


@asynccontextmanager
async def opened_copy(folder: Path) -> AsyncIterator[ASGIApp]:
    """An application over a copy of that database."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        file = Path(place) / "copy.db"
        shutil.copy(folder / "first.db", file)
        async with opened_site(Path(place), f"sqlite:///{file}", filled=False, more=WITH_OPERATOR) as site:
            yield build_app(replace(site, secret=SECRET))


async def fuzz(folder: Path, known: Known, numbers: Sequence[int]) -> Tally:
    """Send the requests of these numbers to a site of their own.

    Slow is what is slow twice, on a second site: a collection of all garbage, or a thread that somebody else has left
    to this process, falls upon any request, and hardly twice upon the same one.
    """
    tally = await _send(folder, known, numbers)
    if tally.slowest_s >= MAX_SECONDS:
        _forget_results()
        again = await _send(folder, known, numbers)
        for number, seconds in again.seconds.items():
            tally.seconds[number] = min(tally.seconds[number], seconds)
    for number, seconds in tally.seconds.items():
        if seconds >= MAX_SECONDS:
            tally.findings.append((number, f"{seconds:.1f} s of CPU time"))
    return tally


def _forget_results() -> None:
    """Empty what functions of ours, and regular expressions, keep: the same request costs the same again."""
    re.purge()
    for name, module in list(sys.modules.items()):
        if name.startswith("newsletter."):
            for value in vars(module).values():
                if isinstance(value, _lru_cache_wrapper):
                    value.cache_clear()


async def _send(folder: Path, known: Known, numbers: Sequence[int]) -> Tally:
    tally = Tally()
    with _without_waiting():
        async with opened_copy(folder) as app:
            for number in numbers:
                sent = make_request(number, known)
                begun = time.process_time()
                got = await asyncio.wait_for(ask(app, sent), 60)
                tally.seconds[number] = time.process_time() - begun
                tally.statuses[got.status] += 1
                if problem := find_problem(sent, got):
                    tally.findings.append((number, problem))
    return tally


def _fuzz_in_process(folder: Path, known: Known, first: int, count: int) -> Tally:
    logging.disable()
    structlog.configure(
        processors=[structlog.dev.ConsoleRenderer()], logger_factory=structlog.ReturnLoggerFactory()
    )
    return asyncio.run(fuzz(folder, known, range(first, min(first + REQUESTS_A_SITE, count))))


def main() -> int:
    """Fuzz, print what was answered and what was found; 1 if anything was."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    tally = Tally()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        known = asyncio.run(prepare(folder))
        jobs = [
            (folder, known, first, arguments.count) for first in range(0, arguments.count, REQUESTS_A_SITE)
        ]
        with multiprocessing.get_context("spawn").Pool(arguments.processes) as pool:
            for done in [pool.apply_async(_fuzz_in_process, job) for job in jobs]:
                tally.add(done.get())
                print(
                    f"{tally.statuses.total()} of {arguments.count}, {len(tally.findings)} findings",
                    flush=True,
                )
    show(tally, known)
    if arguments.json:
        figures = {"statuses": dict(sorted(tally.statuses.items())), "slowest_s": round(tally.slowest_s, 2)}
        arguments.json.write_text(json.dumps({**figures, "findings": len(tally.findings)}, indent=2) + "\n")
    return 1 if tally.findings else 0


def show(tally: Tally, known: Known) -> None:
    """Print how many requests had which status, and each kind of finding once."""
    table = Table("requests", "routes", *map(str, sorted(tally.statuses)), "findings", "slowest, s", box=None)
    counts = [str(tally.statuses[status]) for status in sorted(tally.statuses)]
    table.add_row(
        str(tally.statuses.total()),
        str(len(known.routes)),
        *counts,
        str(len(tally.findings)),
        f"{tally.slowest_s:.2f}",
    )
    Console(width=None if sys.stdout.isatty() else 120).print(table)
    alike: dict[str, list[int]] = {}
    told: dict[str, str] = {}
    for number, problem in tally.findings:
        places = re.findall(r"line \d+, in \w+", problem)
        kind = (
            places[-1] + problem.strip().rpartition("\n")[2][:30]
            if places
            else re.sub(r"\d", "", problem)[:40]
        )
        alike.setdefault(kind, []).append(number)
        told.setdefault(kind, problem)
    for kind, numbers in alike.items():
        sent = make_request(numbers[0], known)
        print(f"\n{len(numbers)} times, first request {numbers[0]}:\n{sent.method} {sent.target[:300]!r}")
        print(*(f"{name.decode()}: {value[:80]!r}" for name, value in sent.headers), sep="\n")
        print(f"{sent.body[:600]!r}\n{told[kind].strip()[-3_000:]}")


if __name__ == "__main__":
    sys.exit(main())
