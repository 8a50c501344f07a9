"""The fixed words of a mail, in English: counts, dates, names, reasons. Pure; no markup."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from math import ceil

from newsletter.model import Cadence, Card, Reason, Scope
from newsletter.render.tex import read_tex

MAX_REASON_CHARS = 110
MAX_SUBJECT_CHARS = 60
PREHEADER_CHARS = (40, 110)

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)

# Control characters, marks that turn the reading direction, lone surrogates and noncharacters. White space is
# folded afterwards. Joiners stay: some scripts and emoji need them.
_UNSEEN = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u200b\u2060\ufeff\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)


def clean(text: str, max_chars: int) -> str:
    """Return the text as one line that can stand in a mail: nothing invisible, cut at max_chars."""
    return cut_line(" ".join(_UNSEEN.sub("", text).split()), max_chars)


def cut_line(line: str, max_chars: int) -> str:
    """Return the line, cut at a word and ended with "…" where it is longer than max_chars."""
    if len(line) <= max_chars:
        return line
    words = line[:max_chars].rpartition(" ")[0]
    return (words if len(words) > max_chars // 2 else line[: max_chars - 1]).rstrip(" ,;:.–-") + "…"


# A sentence ends before a blank and anything but a small letter; not behind an abbreviation or an initial.
_SENTENCE_END = re.compile(r"[.!?][\"'”’)\]]*(?=\s+[^\sa-z])|[。！？](?=.)")
_ABBREVIATION = re.compile(r"\b(?:[A-Z]|e\.g|i\.e|et al|vs|cf|Figs?|Eqs?|No|approx)$")


def cut_summary(text: str, max_chars: int) -> str:
    """Return as many whole sentences as max_chars can hold.

    Where the first sentence alone is too long, or what fits is less than a third of max_chars, it is
    cut at a word with "…".
    """
    if len(text) <= max_chars:
        return text
    end = 0
    for match in _SENTENCE_END.finditer(text, 0, max_chars + 2):
        if match.end() <= max_chars and not _ABBREVIATION.search(
            text[max(0, match.start() - 8) : match.start()]
        ):
            end = match.end()
    return text[:end] if end >= max_chars // 3 else cut_line(text, max_chars)


def count(number: int, noun: str) -> str:
    """Return ``1 paper``, ``12 papers``, ``1,204 stars``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def join_words(words: Sequence[str]) -> str:
    """Return ``a``, ``a and b``, ``a, b and c``."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def write_day(day: date) -> str:
    """Return ``18 June``."""
    return f"{day.day} {_MONTHS[day.month - 1]}"


def write_date(day: date) -> str:
    """Return ``Thursday, 18 June 2026``."""
    return f"{_DAYS[day.weekday()]}, {write_day(day)} {day.year}"


def write_byline(card: Card) -> str:
    """Return who wrote a paper, where, and when it was published, as far as that is known."""
    published = f"{write_day(card.published_on)} {card.published_on.year}" if card.published_on else ""
    parts = (write_authors(card), clean(card.organization, 80), published)
    return " · ".join(part for part in parts if part)


def write_cadence(cadence: Cadence) -> str:
    """Return ``every day at 07:30 (Europe/Berlin)``."""
    days = sorted(cadence.days)
    match days:
        case [0, 1, 2, 3, 4, 5, 6]:
            when = "every day"
        case [0, 1, 2, 3, 4]:
            when = "Monday to Friday"
        case _:
            when = "on " + join_words([f"{_DAYS[day]}s" for day in days])
    return f"{when} at {cadence.at:%H:%M} ({cadence.zone})"


def write_authors(card: Card) -> str:
    """Return up to four names, or three and how many more; only the number where the names are not known."""
    names = [name for name in (clean(read_tex(name), 60) for name in card.authors) if name]
    total = max(card.author_count, len(names))
    if not names:
        return count(total, "author") if total else ""
    if total <= 4 and total == len(names):
        return join_words(names)
    shown = names[:3]
    return f"{', '.join(shown)} and {total - len(shown):,} more"


def write_facts(card: Card) -> tuple[str, ...]:
    """Return what the numbers say: upvotes, comments, stars. What is unknown or zero is left out."""
    facts = []
    if card.upvotes:
        facts.append(count(card.upvotes, "upvote"))
    if card.comments:
        facts.append(count(card.comments, "comment"))
    if card.code_stars:
        facts.append(count(card.code_stars, "star") + " on the code")
    return tuple(facts)


_WHERE = {
    Scope.TITLE: "Matched {} in the title",
    Scope.ABSTRACT: "Matched {} in the abstract",
    Scope.AUTHOR: "Matched the author {}",
    Scope.CATEGORY: "Matched the category {}",
    Scope.PRIMARY: "Matched the primary category {}",
    Scope.TAG: "Matched the tag {}",
    Scope.SOURCE: "Matched the source {}",
    Scope.COMMENT: "Matched {} in the authors’ comment",
    Scope.ORG: "Matched the organisation {}",
    Scope.ID: "Matched the id {}",
}


def write_reason(reason: Reason, listed_on: date | None, topic: str) -> str:
    """Return why an entry is here, in at most 110 characters.

    First the word that hit, then what is unusual (listed late, reached the votes asked for), then the votes
    and the place. A part that has no room any more is left out.
    """
    parts = [_write_match(reason, topic)]
    if reason.late and listed_on:
        parts.append(f"listed on {write_day(listed_on)}")
    if reason.reached:
        parts.append(f"reached your {count(reason.reached, 'upvote')}")
    if reason.upvotes is not None:
        parts.append(_write_votes(reason))
    if reason.place:
        parts.append(f"#{reason.place} of {reason.of}")
    line = parts[0]
    for part in parts[1:]:
        longer = f"{line} · {part}"
        if len(longer) <= MAX_REASON_CHARS:
            line = longer
    return line


def _write_match(reason: Reason, topic: str) -> str:
    if not topic:
        return "Outside your topics"
    if reason.share:
        return _write_likeness(reason, topic)
    if reason.scope is None or not reason.rule:
        return f"Matched your topic “{clean(topic, 60)}”"
    hit = f"“{clean(reason.rule, 60)}”"
    where = _WHERE[reason.scope]
    expansion = clean(reason.expansion, 80)
    longer = where.format(f"{hit} ({expansion})")
    return longer if expansion and len(longer) <= MAX_REASON_CHARS else where.format(hit)


def _write_likeness(reason: Reason, topic: str) -> str:
    """Return ``Like “BitNet”, which you liked (top 3 %): ternary, 1-bit``, or that it is close to the topic."""
    share = f"(top {max(1, ceil(reason.share * 100))} %)"
    near = f"Close to your topic “{clean(topic, 40)}” {share}"
    if reason.paper:
        near = f"Like “{clean(reason.paper, 50)}”, which you liked {share}"
    for taken in range(len(reason.words), 0, -1):
        line = f"{near}: {', '.join(clean(word, 30) for word in reason.words[:taken])}"
        if len(line) <= MAX_REASON_CHARS:
            return line
    return near


def _write_votes(reason: Reason) -> str:
    assert reason.upvotes is not None
    if reason.upvotes == 0:
        return "no upvotes yet"
    votes = count(reason.upvotes, "upvote")
    if reason.age_hours >= 48:
        votes += f" in {reason.age_hours // 24} days"
    elif reason.age_hours >= 1:
        votes += f" in {reason.age_hours} h"
    projected = _round_roughly(reason.projected or 0)
    return f"{votes}, on course for about {projected:,}" if projected > reason.upvotes else votes


def _round_roughly(number: int) -> int:
    """Return the number with two digits that count: a projection knows no more."""
    power = max(0, len(str(number)) - 2)
    return int(round(number, -power))


def write_overview(papers: int, topics: int, outside: int) -> str:
    """Return ``12 papers in 3 topics``. outside is how many more stand under no topic."""
    if not papers:
        return (
            f"{count(outside, 'paper')} outside your topics" if outside else "No new papers for your topics"
        )
    overview = f"{count(papers, 'paper')} in {count(topics, 'topic')}"
    return (
        f"{overview}, and {outside:,} more outside {'it' if topics == 1 else 'them'}" if outside else overview
    )


def write_headline(papers: int, topics: Sequence[str], outside: int, day: date) -> str:
    """Return what is new, in at most 60 characters: ``12 new papers on RAG and 1 more topic · 18 June``."""
    end = f" · {write_day(day)}"
    if not papers:
        start = f"{count(outside, 'trending paper')}" if outside else "No new papers for your topics"
        return start + end
    start = count(papers, "new paper")
    for named in range(len(topics), 0, -1):
        left = len(topics) - named
        names = [*topics[:named], count(left, "more topic")] if left else list(topics)
        headline = f"{start} on {join_words(names)}{end}"
        if len(headline) <= MAX_SUBJECT_CHARS:
            return headline
    return f"{start} in {count(len(topics), 'topic')}{end}"


def write_preheader(titles: Sequence[str], fallback: Sequence[str]) -> str:
    """Return the line that a mail program shows behind the subject: the first titles, 40 to 110 characters.

    fallback are further texts for where the titles are too short.
    """
    shortest, longest = PREHEADER_CHARS
    line = ""
    for title in titles:
        if len(line) >= shortest and len(f"{line} · {title}") > longest:
            break
        line = f"{line} · {title}" if line else title
    for text in fallback:
        if len(line) >= shortest:
            break
        line = f"{line} · {text}" if line else text
    return cut_line(line, longest)


def write_more(number: int, has_url: bool) -> str:
    """Return ``12 more on the web``, ``12 more, not shown`` where they have no address; "" for none."""
    if not number:
        return ""
    return f"{number:,} more on the web" if has_url else f"{number:,} more, not shown"


def write_quiet(topics: Sequence[str]) -> str:
    """Return ``Nothing new today for pruning and RAG.``, "" where no topic was quiet."""
    if not topics:
        return ""
    named = [f"“{topic}”" for topic in topics[:8]]
    if len(topics) > 8:
        named.append(f"{len(topics) - 8} other topics" if len(topics) > 9 else "1 other topic")
    return f"Nothing new this time for {join_words(named)}."
