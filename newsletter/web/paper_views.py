"""What the pages show of a paper: plain values in the reader's language. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from newsletter.compose.item import build_card
from newsletter.render.context import LinkView, build_links, safe_url, write_title
from newsletter.render.tex import read_tex
from newsletter.render.wording import clean, cut_summary, write_authors

if TYPE_CHECKING:
    from newsletter.model.digest import Card
    from newsletter.model.entries import Entry, Observation
    from newsletter.model.pictures import PictureFile
    from newsletter.render.language import Language
    from newsletter.web_links import WebLinks

_SUMMARY_CHARS = 320
_MOST_BARS = 60
_MAX_WIDTH, _HEIGHT, _HEADROOM = 600, 120, 20


@dataclass(frozen=True, slots=True)
class PaperLine:
    """A paper in a list. page is its own page here; links lead to where it is.

    votes and comments are None where its source has no such thing; author_count is 0 where it is not known.
    """

    title: str
    page: str
    byline: str
    organization: str
    summary: str
    is_model_summary: bool
    votes: int | None
    comments: int | None
    author_count: int
    code_stars: int | None
    links: tuple[LinkView, ...]
    is_new: bool
    is_withdrawn: bool
    day: date | None
    picture: PictureFile | None


def build_line(
    lang: Language,
    links: WebLinks,
    entry: Entry,
    *,
    is_new: bool = False,
    picture: PictureFile | None = None,
) -> PaperLine:
    """Return what a list shows of an entry. picture is the small one that we keep of it."""
    card = build_card(entry)
    return PaperLine(
        title=write_title(lang, card),
        page=links.paper(entry.key),
        byline=write_authors(lang, card),
        organization=clean(card.organization, 80),
        summary=cut_summary(write_summary(card), _SUMMARY_CHARS),
        is_model_summary=card.is_model_summary,
        votes=card.upvotes,
        comments=card.comments,
        author_count=card.author_count,
        code_stars=card.code_stars,
        links=build_links(lang, card),
        is_new=is_new,
        is_withdrawn=entry.withdrawn,
        day=find_day(entry),
        picture=picture,
    )


def find_day(entry: Entry) -> date | None:
    """Return the date under which a paper first stands in the archive."""
    if entry.listed_on or entry.first_seen_at is None:
        return entry.listed_on
    return entry.first_seen_at.astimezone(UTC).date()


def write_summary(card: Card) -> str:
    """Return the whole summary as text that a person can read."""
    return read_tex(clean(card.summary, 10_000))


def list_names(entry: Entry) -> tuple[str, ...]:
    """Return the names of all authors as a page shows them."""
    return tuple(name for name in (clean(read_tex(name), 100) for name in entry.authors) if name)


def write_note(entry: Entry) -> str:
    """Return what the authors say beside their paper, as text that a person can read."""
    return read_tex(clean(entry.note, 10_000))


def write_share(title: str, page: str) -> str:
    """Return the address that opens a mail to somebody about a paper."""
    body = f"{title}\r\n{page}"
    return f"mailto:?subject={quote(title, safe='')}&body={quote(body, safe='')}"


class TextPiece(NamedTuple):
    """A piece of a text; url is where it leads, "" for nowhere."""

    text: str
    url: str = ""


# An address as people write it in a text: with its scheme, or a host with a path. What ends a sentence ends it, too.
_ADDRESS = re.compile(
    r"https?://[^\s<>\"'“”‘’`{}|\\^\u3000-\u303f\uff00-\uffef]{2,500}"
    r"|(?<![\w@./-])(?:www\.|(?:[a-z0-9-]{1,63}\.){1,3}(?:com|org|net|io|ai|co|edu|dev|app|ml|cn|de|uk|fr)/)"
    r"[^\s<>\"'“”‘’`{}|\\^\u3000-\u303f\uff00-\uffef]{1,500}",
    re.IGNORECASE,
)
_BEHIND = ".,;:!?…'*_"
_CLOSING = {")": "(", "]": "["}


def find_links(text: str) -> tuple[TextPiece, ...]:
    """Return a text in pieces, in order, with the web addresses in it as links. All pieces together are the text."""
    pieces = []
    place = 0
    for found in _ADDRESS.finditer(text):
        address = _cut_behind(found[0])
        url = safe_url(address if "://" in address else f"https://{address}")
        if url and "." in url:
            pieces += [TextPiece(text[place : found.start()]), TextPiece(address, url)]
            place = found.start() + len(address)
    pieces.append(TextPiece(text[place:]))
    return tuple(piece for piece in pieces if piece.text)


def _cut_behind(address: str) -> str:
    """Return an address without the signs of the sentence around it; a closing bracket stays where its opening one is
    within."""
    while address:
        last = address[-1]
        opening = _CLOSING.get(last)
        if last not in _BEHIND and (opening is None or address.count(opening) >= address.count(last)):
            break
        address = address[:-1]
    return address


# --- votes by day -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Bar:
    """The votes at the end of a day, as a bar: x, y, width and height in the chart's own units."""

    day: date
    votes: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class VoteChart:
    """The votes of a paper by day, the oldest first. width and height are those of the drawing."""

    bars: tuple[Bar, ...]
    width: int
    height: int


def build_vote_chart(observations: Sequence[Observation]) -> VoteChart | None:
    """Return the votes at the end of each day (UTC) since they were first seen, None where fewer than two days are
    known. Votes stay as they were on days without an observation; of a long history the last 60 days are shown."""
    last_of: dict[date, int] = {}
    for seen in observations:
        if seen.upvotes is not None:
            last_of[seen.observed_at.astimezone(UTC).date()] = seen.upvotes
    if len(last_of) < 2:
        return None
    days = list(_fill(last_of))[-_MOST_BARS:]
    step = 70 if len(days) <= 4 else min(40, _MAX_WIDTH // len(days))
    most = max(max(votes for _, votes in days), 1)
    bars = []
    for place, (day, votes) in enumerate(days):
        height = round(votes / most * (_HEIGHT - _HEADROOM), 1)
        bars.append(Bar(day, votes, place * step, round(_HEIGHT - height, 1), round(step * 0.8, 1), height))
    return VoteChart(tuple(bars), step * len(days), _HEIGHT)


def _fill(last_of: dict[date, int]) -> Iterable[tuple[date, int]]:
    """Yield every day from the first to the last that is known, with the votes at its end."""
    first, last = min(last_of), max(last_of)
    votes = 0
    for number in range(first.toordinal(), last.toordinal() + 1):
        day = date.fromordinal(number)
        votes = last_of.get(day, votes)
        yield day, votes
