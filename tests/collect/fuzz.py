"""Mutated files for every parser: each must end in a ParsedFeed that can be stored, or in a FeedError.

    python -m tests.collect.fuzz [--data DIR] [--count N] [--processes N] [--json FILE]

A mutant is made by its parser's name and its number alone, so that a finding can be made again. The files to
mutate are the project's own samples and, where there is a folder of real inputs, those. A finding is any
other exception, two seconds of CPU time or more, a process that dies or hangs, a value that no database takes,
and a process that grows by 100 MB or more after the first tenth. Mutants that were found are saved.
"""

from __future__ import annotations

import argparse
import faulthandler
import gc
import json
import multiprocessing
import os
import random
import re
import resource
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from newsletter.collect.registry import KINDS
from newsletter.errors import FeedError
from newsletter.model.entries import Announce
from newsletter.model.sources import Fetched, ParsedFeed, Request, Source

MAX_SECONDS = 2.0
MAX_GROWTH_MB = 100.0

# Items with markup take a millisecond each, so a megabyte of small ones takes seconds: that is no finding.
MAX_MUTANT_BYTES = 200_000
_HANGS_AFTER_S = 60.0
_WARM_UP = 10  # the tenth of the mutants after which memory is measured
_SAMPLES = Path(__file__).parent / "samples"
_URL = "https://example.org/feed"

PARSERS: Mapping[str, str] = {
    "hf_daily_papers, JSON": "hf_daily_papers",
    "hf_daily_papers, page": "hf_daily_papers",
    "hf_papers_capture": "hf_papers_capture",
    "feed, RSS or Atom": "feed",
    "feed, JSON": "feed",
    "feed, web page": "feed",
    "arxiv_listing": "arxiv_listing",
    "arxiv_search": "arxiv_search",
    "oai_pmh": "oai_pmh",
}
"""What is fuzzed: a name, and the kind whose parser it is."""

_OWN: Mapping[str, Sequence[str]] = {
    "hf_daily_papers, JSON": ["daily.json"],
    "hf_daily_papers, page": ["page-2024.html", "page-2026.html"],
    "hf_papers_capture": ["capture.txt"],
    "feed, RSS or Atom": ["blog.rss", "arxiv-answer.atom"],
    "arxiv_listing": ["arxiv-listing.rss"],
    "arxiv_search": ["arxiv-answer.atom"],
    "oai_pmh": ["repository.xml"],
}
_JSON_FEED = b"""{"version": "https://jsonfeed.org/version/1.1", "title": "A lab", "home_page_url": "https://example.org/",
"feed_url": "https://example.org/feed.json", "authors": [{"name": "Ada Example"}], "items": [
{"id": "https://example.org/1", "url": "/1", "title": "One &amp; two", "content_html": "<p>Text <b>bold</b></p>",
"date_published": "2026-06-16T08:00:00+02:00", "tags": ["robots"], "image": "https://example.org/1.png",
"attachments": [{"url": "https://example.org/1.mp4", "mime_type": "video/mp4", "size_in_bytes": 12}]},
{"id": 2, "external_url": "https://arxiv.org/abs/2606.01234v2", "content_text": "Only text", "author": {"name": "B"}}]}
"""
_PAGE = b"""<!doctype html><html><head><base href="https://example.org/blog/"><title>A lab</title>
<link rel="alternate" type="application/rss+xml" title="Posts" href="feed.xml">
<link rel="alternate" type="application/rss+xml" title="Comments" href="/comments.xml">
<link rel="stylesheet" href="a.css"></head><body><p>Hello &mdash; world</p></body></html>
"""

Seeds = Mapping[str, Sequence[bytes]]
"""For each of PARSERS the files that are mutated."""


def load_seeds(data: Path | None = None) -> Seeds:
    """Return the files to mutate: the project's samples, and what is in the folder of real inputs, if given."""
    seeds: dict[str, list[bytes]] = {
        name: [(_SAMPLES / one).read_bytes() for one in _OWN.get(name, ())] for name in PARSERS
    }
    seeds["feed, JSON"].append(_JSON_FEED)
    seeds["feed, web page"].append(_PAGE)
    for path in sorted(path for path in data.rglob("*") if path.is_file()) if data else ():
        top = path.relative_to(data).parts[0] if data else ""
        body = path.read_bytes()
        if name := _choose_parser(top, path, body):
            seeds[name].append(body)
    return seeds


def _choose_parser(top: str, path: Path, body: bytes) -> str | None:
    if top == path.name:
        return "hf_papers_capture" if path.suffix == ".txt" else None
    if top in ("hf-daily-papers-json", "hf-daily-papers-html"):
        return f"hf_daily_papers, {'JSON' if top.endswith('json') else 'page'}"
    if top == "arxiv" and path.parent.name.startswith("oai"):
        return "oai_pmh" if path.suffix == ".xml" and b"<OAI-PMH" in body[:2_000] else None
    if top == "arxiv" and path.suffix == ".xml":
        return "arxiv_search" if b"opensearch" in body[:2_000] else "arxiv_listing"
    if top in ("feeds", "feed-to-mail") and not re.search(r"\.(expected|serde|config)\b", path.name):
        if body.lstrip()[:1] == b"{":
            return "feed, JSON"
        return "feed, web page" if path.suffix == ".html" else "feed, RSS or Atom"
    return None


# --- mutations ----------------------------------------------------------------------------

_TOKENS: Sequence[bytes] = (
    *(b"\x00", b"\x00" * 500, b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc3", b"\x1b[31m"),
    *(b"<", b">", b"&", b'"', b"'", b"]]>", b"<![CDATA[", b"<!--", b"-->", b"<?xml", b"</", b"/>", b"{", b"}", b"["),
    *(b"<script>alert(1)</script>", b"<b>", b"</item>", b"<item>", b"<entry>", b"<title>", b"<p", b"<svg/onload=x>"),
    *(b"&lt;script&gt;", b"&nbsp;", b"&#0;", b"&#x110000;", b"&#xD800;", b"&#99999999999;", b"&amp;amp;amp;", b"&y;"),
    *(b"javascript:alert(1)", b"http://[::1", b"https://example.org:99999999/", b"file:///etc/passwd", b"data:,x"),
    *(b"\\u0000", b"\\ud800", b"\\udfff\\ud800", b"\\", b"NaN", b"Infinity", b"-1", b"1e999", b"null", b"true", b'""'),
    *("\u202e\u2066\u200b".encode(), "𝒳".encode(), "\u2028".encode(), "İıẞ".encode(), b"\r", b"\x0b\x0c\x1c\x85"),
    *(b"9" * 20, b"9" * 5_000, b"-" + b"9" * 400, b"0.0" * 50, b"2026-13-45T99:99:99Z", b"0000-00-00"),
    *(b"9999-12-31T23:59:59-23:59", b"0001-01-01T00:00:00+23:59", b"Mon, 32 Foo 99999 99:99:99 GMT"),
    *(b"February 30", b"29 Feb 2025", b"3 authors", b"99999 authors", b"Feb 29", b"x" * 20_000, b" " * 20_000),
    b"<!DOCTYPE a [<!ENTITY b 'cc'><!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;'><!ENTITY d '&c;&c;&c;&c;&c;'>]>&d;",
    b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
)  # fmt: skip
_NESTS: Sequence[tuple[bytes, bytes]] = (
    *(
        (b"<div>", b"</div>"),
        (b"<b>", b""),
        (b"[", b"]"),
        (b'{"a":', b"}"),
        (b"&lt;div&gt;", b""),
        (b"<item>", b""),
    ),
    *(
        (b"(", b")"),
        (b"<![CDATA[", b""),
        (b"<a:b xmlns:a='c'>", b""),
        (b"&amp;", b""),
        (b'<p x="', b""),
        (b"<!--", b""),
    ),
)
_ENCODINGS = (
    "utf-8",
    "utf-16",
    "utf-16-le",
    "utf-32",
    "iso-8859-1",
    "windows-1252",
    "shift_jis",
    "us-ascii",
    "bogus",
    "utf-7",
)
_TYPES = (
    *("", "", "", "text/html", "application/json", "text/xml", "application/rss+xml; charset=utf-8", "garbage"),
    *("text/xml; charset=iso-8859-1", "application/atom+xml; charset=bogus", 'text/xml; charset="utf-16"', "charset="),
)  # fmt: skip

_Mutation = Callable[[bytes, bytes, random.Random], bytes]


def mutate(body: bytes, other: bytes, chance: random.Random) -> bytes:
    """Return the body after one to five mutations; other is a second file to take parts from."""
    max_bytes = max(len(body), MAX_MUTANT_BYTES)
    for _ in range(chance.choice((1, 1, 2, 3, 5))):
        body = chance.choice(_MUTATIONS)(body, other, chance)[:max_bytes]
    return body


def _flip(body: bytes, other: bytes, chance: random.Random) -> bytes:
    changed = bytearray(body)
    for _ in range(chance.choice((1, 3, 30, 300)) if changed else 0):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _cut_end(body: bytes, other: bytes, chance: random.Random) -> bytes:
    return body[: _place(body, chance)]


def _cut_out(body: bytes, other: bytes, chance: random.Random) -> bytes:
    start, end = _slice(body, chance)
    return body[:start] + body[end:]


def _repeat(body: bytes, other: bytes, chance: random.Random) -> bytes:
    start, end = _slice(body, chance)
    times = min(chance.choice((2, 5, 50, 3_000)), MAX_MUTANT_BYTES // (end - start + 1))
    return body[:start] + body[start:end] * times + body[end:]


def _move(body: bytes, other: bytes, chance: random.Random) -> bytes:
    start, end = _slice(body, chance)
    place = _place(body, chance)
    return body[:place] + body[start:end] + body[place:]


def _insert(body: bytes, other: bytes, chance: random.Random) -> bytes:
    for _ in range(chance.choice((1, 1, 4, 20))):
        place = _place(body, chance)
        body = body[:place] + chance.choice(_TOKENS) + body[place:]
    return body


def _replace_text(body: bytes, other: bytes, chance: random.Random) -> bytes:
    """Put a token in the place of one text, attribute or JSON value."""
    found = list(re.finditer(rb">([^<>]{1,200})<|\"([^\"]{1,200})\"|: ?(\d+|null|true)\b", body[:200_000]))
    if not found:
        return body
    match = chance.choice(found)
    start, end = match.span(match.lastindex or 0)
    return body[:start] + chance.choice(_TOKENS) + body[end:]


def _replace_value(body: bytes, other: bytes, chance: random.Random) -> bytes:
    """Give one value of JSON another type."""
    found = list(
        re.finditer(rb'(?<=": )("[^"]*"|-?\d+|null|true|false)|(?<=":)("[^"]*"|-?\d+)', body[:200_000])
    )
    if not found:
        return body
    start, end = chance.choice(found).span()
    value = chance.choice(
        (
            b"null",
            b"true",
            b"-1",
            b"1e400",
            b"[]",
            b"{}",
            b'""',
            b"[[]]",
            b'[{"name": 1}]',
            b'{"a": "b"}',
            b"9" * 5_000,
        )
    )
    return body[:start] + value + body[end:]


def _nest(body: bytes, other: bytes, chance: random.Random) -> bytes:
    opening, closing = chance.choice(_NESTS)
    depth = chance.choice((10, 60, 300, 2_000, 10_000))
    place = _place(body, chance)
    return body[:place] + opening * depth + b"x" + closing * depth + body[place:]


def _redeclare(body: bytes, other: bytes, chance: random.Random) -> bytes:
    """Declare another encoding, in the XML declaration or a meta element."""
    name = chance.choice(_ENCODINGS).encode()
    if not re.search(rb"(encoding|charset)=", body[:2_000]):
        return b'<?xml version="1.0" encoding="' + name + b'"?>' + body
    return re.sub(rb"((?:encoding|charset)=[\"']?)[\w-]+", rb"\g<1>" + name, body, count=1)


def _reencode(body: bytes, other: bytes, chance: random.Random) -> bytes:
    name = chance.choice([name for name in _ENCODINGS if name != "bogus"])
    return body.decode("utf-8", "replace").encode(name, "replace")


def _grow_numbers(body: bytes, other: bytes, chance: random.Random) -> bytes:
    share = chance.choice((0.02, 0.5))
    huge = chance.choice((b"9" * 12, b"9" * 400, b"-5", b"0", b"1e308"))
    return re.sub(rb"\d+", lambda match: huge if chance.random() < share else match[0], body[:200_000])


def _splice(body: bytes, other: bytes, chance: random.Random) -> bytes:
    return body[: _place(body, chance)] + other[_place(other, chance) :]


def _swap_tags(body: bytes, other: bytes, chance: random.Random) -> bytes:
    """Give one element the name of another."""
    names = sorted(set(re.findall(rb"</([\w:]{1,30})>", body[:100_000])))
    if len(names) < 2:
        return body
    one, two = chance.sample(names, 2)
    return re.sub(rb"(</?)" + re.escape(one) + rb"\b", rb"\g<1>" + two, body)


_MUTATIONS: Sequence[_Mutation] = (
    *(
        _flip,
        _cut_end,
        _cut_out,
        _repeat,
        _move,
        _insert,
        _insert,
        _replace_text,
        _replace_text,
        _replace_value,
    ),
    *(_nest, _redeclare, _reencode, _grow_numbers, _splice, _swap_tags),
)


def _place(body: bytes, chance: random.Random) -> int:
    return chance.randrange(len(body) + 1)


def _slice(body: bytes, chance: random.Random) -> tuple[int, int]:
    start = _place(body, chance)
    return start, min(len(body), start + chance.choice((1, 10, 200, 5_000)))


# --- one mutant ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Mutant:
    """A body as a hostile server could send it, and the source that it is read for."""

    fetched: Fetched
    source: Source
    request: Request


def make_mutant(name: str, number: int, seeds: Seeds) -> Mutant:
    """Return the mutant of that number for one of PARSERS. Small files are mutated more often: they are quicker."""
    chance = random.Random(f"{name} {number}")
    bodies = seeds[name]
    body = chance.choices(bodies, weights=[1 / (len(one) + 2_000) for one in bodies])[0]
    everything = [one for others in seeds.values() for one in others]
    other = chance.choice(bodies if chance.random() < 0.8 else everything)
    source = Source(
        "fuzz",
        PARSERS[name],
        _URL,
        captured_on=chance.choice((None, date(2026, 6, 16), date(2025, 2, 28))),
        categories=chance.choice(((), ("cs.AI",))),
        cross_lists=chance.random() < 0.5,
    )
    request = Request(_URL, chance.choice((None, date(2026, 6, 16))))
    return Mutant(
        Fetched(mutate(body, other, chance), _URL, content_type=chance.choice(_TYPES)), source, request
    )


def try_mutant(mutant: Mutant) -> tuple[str, str, float]:
    """Return how the parser ended (``read``, ``refused``, ``finding``), what was found, and its CPU seconds.

    One that seems slow is tried twice: the machine may have been busy.
    """
    ended, what, seconds = _try_once(mutant)
    if seconds >= MAX_SECONDS:
        ended, what, again = _try_once(mutant)
        seconds = min(seconds, again)
    if seconds >= MAX_SECONDS:
        return "finding", f"{seconds:.1f} s of CPU time {what}".strip(), seconds
    return ended, what, seconds


def _try_once(mutant: Mutant) -> tuple[str, str, float]:
    begun = time.process_time()
    try:
        feed = KINDS[mutant.source.kind].parse(mutant.fetched, mutant.source, mutant.request)
    except FeedError as error:
        ended, what = ("refused", "") if str(error).strip() else ("finding", "a FeedError without a message")
    except Exception:  # the very thing that is looked for
        ended, what = "finding", traceback.format_exc()
    else:
        what = why_unfit(feed)
        ended = "finding" if what else "read"
    return ended, what, time.process_time() - begun


def why_unfit(feed: ParsedFeed) -> str:
    """Return why what was read could not be stored or shown; "" where it can."""
    for sighting in feed.sightings:
        is_deleted = sighting.announce is Announce.DELETED
        if not (sighting.entry.title or is_deleted) or not sighting.guid:
            return "an entry without title or guid"
        for value in (sighting.guid, sighting.listing_url, *_values(sighting.entry)):
            if why := _why_bad(value):
                return why
    return next((why for text in (*feed.notes, *feed.unknown_fields) if (why := _why_bad(text))), "")


def _values(value: Any) -> Iterator[Any]:
    for one in fields(value):
        found = getattr(value, one.name)
        yield from found if isinstance(found, tuple) else (found,)


def _why_bad(value: Any) -> str:
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return f"text with a lone surrogate: {value[:40]!r}"
        if "\x00" in value or "\n" in value:
            return f"text with NUL or line ends: {value[:40]!r}"
        return "a text of more than 10,000 characters" if len(value) > 10_000 else ""
    if isinstance(value, int) and not -1 < value < 2**31:
        return f"a number that is no count: {value}"
    if isinstance(value, datetime) and value.tzinfo is not UTC:
        return f"a time that is not in UTC: {value!r}"
    return ""


# --- many mutants -------------------------------------------------------------------------


@dataclass
class Tally:
    """What came of the mutants for one parser."""

    ended: Counter[str] = field(default_factory=Counter)
    slowest_s: float = 0.0
    growth_mb: float = 0.0
    findings: list[tuple[int, str]] = field(default_factory=list)


def main() -> int:
    """Fuzz every parser, print a table, save what was found; 1 if anything was."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--count", type=int, default=20_000, help="mutants for each parser")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    data = arguments.data if arguments.data.is_dir() else None
    if data is None:
        print(f"there is no folder {arguments.data}: only the project's own samples are mutated")
    seeds = load_seeds(data)
    tallies = {name: fuzz(name, seeds, arguments.count, arguments.processes) for name in PARSERS}
    show(tallies)
    found = save_findings(tallies, seeds)
    if arguments.json:
        figures = {
            name: {
                **{how: tally.ended[how] for how in ("read", "refused", "finding")},
                "slowest_s": round(tally.slowest_s, 3),
                "growth_mb": round(tally.growth_mb, 1),
            }
            for name, tally in tallies.items()
        }
        arguments.json.write_text(json.dumps({"parsers": figures}, indent=2) + "\n")
    return 1 if found else 0


def fuzz(name: str, seeds: Seeds, count: int, processes: int) -> Tally:
    """Try so many mutants with one parser, in processes of their own: one may die or hang."""
    tally = Tally()
    context = multiprocessing.get_context("fork")  # the files are there already
    workers: dict[Connection, int] = {}
    running = []

    def start(first: int) -> None:
        if first < count:
            receive, send = context.Pipe(duplex=False)
            worker = context.Process(target=_work, args=(name, seeds, range(first, count, processes), send))
            worker.start()
            send.close()
            running.append(worker)
            workers[receive] = first

    for first in range(min(processes, count)):
        start(first)
    while workers:
        for connection in wait(list(workers)):
            assert isinstance(connection, Connection)
            number = workers[connection]
            try:
                ended, what, seconds, growth_mb = connection.recv()
            except EOFError:
                del workers[connection]
                if number < count:  # it died at that one; the others are still to be tried
                    _add(tally, number, "finding", "the process died or hung", 0.0)
                    start(number + processes)
                continue
            _add(tally, number, ended, what, seconds)
            tally.growth_mb = max(tally.growth_mb, growth_mb)
            workers[connection] = number + processes
            if (done := sum(tally.ended.values())) % 1_000 == 0:
                print(f"{name}: {done} of {count}, {len(tally.findings)} findings", flush=True)
    for worker in running:
        worker.join()
    if tally.growth_mb >= MAX_GROWTH_MB:
        tally.findings.append((count - 1, f"the process grew by {tally.growth_mb:.0f} MB"))
    return tally


def _add(tally: Tally, number: int, ended: str, what: str, seconds: float) -> None:
    tally.ended[ended] += 1
    tally.slowest_s = max(tally.slowest_s, seconds)
    if ended == "finding":
        tally.findings.append((number, what))


def _work(name: str, seeds: Seeds, numbers: range, results: Connection) -> None:
    start_mb = 0.0
    for place, number in enumerate(numbers):
        faulthandler.dump_traceback_later(_HANGS_AFTER_S, exit=True)
        ended, what, seconds = try_mutant(make_mutant(name, number, seeds))
        faulthandler.cancel_dump_traceback_later()
        growth_mb = 0.0
        if place == len(numbers) // _WARM_UP:
            start_mb = _memory_mb()
        elif place == len(numbers) - 1:
            growth_mb = _memory_mb() - start_mb
        results.send((ended, what, seconds, growth_mb))


def _memory_mb() -> float:
    """Return the resident memory of this process; its greatest so far where the system tells no more."""
    gc.collect()
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return pages * resource.getpagesize() / 2**20


def save_findings(tallies: Mapping[str, Tally], seeds: Seeds) -> bool:
    """Save the mutants that were found to a folder, and print what was found in each, alike ones once.

    Returns whether there are any.
    """
    alike: dict[tuple[str, str], list[str]] = {}
    told: dict[tuple[str, str], str] = {}
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    for name, tally in tallies.items():
        for number, what in tally.findings:
            mutant = make_mutant(name, number, seeds)
            file = folder / f"{re.sub('[^a-z]+', '-', name.lower())}-{number}"
            file.write_bytes(mutant.fetched.body)
            place = re.findall(r"line \d+, in \w+", what)
            kind = (name, place[-1] if place else re.sub(r"\d", "", what)[:40])
            alike.setdefault(kind, []).append(f"{file} ({mutant.fetched.content_type or 'no content type'})")
            told.setdefault(kind, what)
    for kind, files in alike.items():
        print(f"\n{kind[0]}, {len(files)} times, first {files[0]}:\n{told[kind].strip()}")
    if not alike:
        folder.rmdir()
    return bool(alike)


def show(tallies: Mapping[str, Tally]) -> None:
    """Print one line for each parser."""
    table = Table("parser", "mutants", "read", "refused", "findings", "slowest, s", "growth, MB", box=None)
    for name, tally in tallies.items():
        ended = (str(tally.ended[how]) for how in ("read", "refused"))
        counts = (str(tally.ended.total()), *ended, str(len(tally.findings)))
        table.add_row(name, *counts, f"{tally.slowest_s:.2f}", f"{tally.growth_mb:.0f}")
    Console(width=None if sys.stdout.isatty() else 120).print(table)


if __name__ == "__main__":
    sys.exit(main())
