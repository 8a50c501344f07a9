"""The sentences of a mail: counts, dates, names, reasons, in a language. Pure; no markup."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from math import ceil
from typing import TYPE_CHECKING

from newsletter.model.topics import Scope
from newsletter.render.tex import read_tex
from newsletter.text import clean_line

if TYPE_CHECKING:
    from newsletter.model.digest import Card, Reason
    from newsletter.model.readers import Cadence
    from newsletter.render.language import Language

MAX_REASON_CHARS = 110
MAX_SUBJECT_CHARS = 60
PREHEADER_CHARS = (40, 110)

# Longer than any word or address that says something to a reader; scripts without spaces are not meant.
_ENDLESS_WORD = re.compile(r"[!-~]{121,}")


def clean(text: str, max_chars: int) -> str:
    """Return the text as one line that can stand in a mail: nothing invisible or endless, cut at max_chars."""
    return cut_line(_ENDLESS_WORD.sub(lambda word: word[0][:60] + "…", clean_line(text)), max_chars)


def cut_line(line: str, max_chars: int) -> str:
    """Return the line, cut at a word and ended with "…" where it is longer than max_chars."""
    if len(line) <= max_chars:
        return line
    words = line[:max_chars].rpartition(" ")[0]
    return (words if len(words) > max_chars // 2 else line[: max_chars - 1]).rstrip(" ,;:.–-") + "…"


# A sentence ends before a space and anything but a small letter; not behind an abbreviation or an initial.
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


def count_papers(lang: Language, number: int) -> str:
    """Return ``1 paper``, ``12 papers``."""
    return lang.say_count("{number} paper", "{number} papers", number)


def write_edition(lang: Language, first: date, last: date) -> str:
    """Return the name of an edition: its date, or for a weekly one the days that it covers."""
    if first == last:
        return lang.full_date(last)
    return lang.say("The week of {days}", days=f"{lang.days(first, last)} {last.year}")


def write_byline(lang: Language, card: Card) -> str:
    """Return where an entry stood, who wrote it, for whom, and when it was published, as far as that is known."""
    published = lang.long_date(card.published_on) if card.published_on else ""
    names = (clean(card.source, 80), clean(card.organization, 80))
    source, organization = (name and _isolate(lang, name) for name in names)
    parts = (source, write_authors(lang, card), organization, published)
    return " · ".join(part for part in parts if part)


def write_cadence(lang: Language, cadence: Cadence) -> str:
    """Return ``every day at 07:30 (Europe/Berlin)``."""
    days = sorted(cadence.days)
    values = {"time": lang.time(cadence.at), "zone": cadence.zone}
    match days:
        case [0, 1, 2, 3, 4, 5, 6]:
            return lang.say("every day at {time} ({zone})", **values)
        case [0, 1, 2, 3, 4]:
            return lang.say("Monday to Friday at {time} ({zone})", **values)
        case _:
            named = lang.join([lang.weekday(day) for day in days])
            return lang.say("every {days} at {time} ({zone})", days=named, **values)


def write_authors(lang: Language, card: Card) -> str:
    """Return up to four names, or three and how many more; only the number where the names are not known."""
    names = [_isolate(lang, name) for name in (clean(read_tex(name), 60) for name in card.authors) if name]
    total = max(card.author_count, len(names))
    if not names:
        return lang.say_count("{number} author", "{number} authors", total) if total else ""
    if total <= 4 and total == len(names):
        return lang.join(names)
    shown = names[:3]
    return lang.say_count(
        "{names} and {number} more", "{names} and {number} more", total - len(shown), names=", ".join(shown)
    )


def write_facts(lang: Language, card: Card, reason: Reason) -> tuple[str, ...]:
    """Return what the numbers say: votes now and on course for, comments, stars. What is unknown is left out."""
    facts = []
    if card.upvotes is not None:
        facts.append(_write_votes(lang, card.upvotes, reason))
    if card.comments:
        facts.append(lang.say_count("{number} comment", "{number} comments", card.comments))
    if card.code_stars:
        facts.append(
            lang.say_count("{number} star on the code", "{number} stars on the code", card.code_stars)
        )
    return tuple(facts)


def _write_votes(lang: Language, upvotes: int, reason: Reason) -> str:
    if not upvotes:
        return lang.say("no upvotes yet")
    votes = lang.say_count("{number} upvote", "{number} upvotes", upvotes)
    if reason.age_hours >= 48:
        days = lang.say_count("{number} day", "{number} days", reason.age_hours // 24)
        votes = lang.say("{votes} in {days}", votes=votes, days=days)
    elif reason.age_hours >= 1:
        votes = lang.say("{votes} in {number} h", votes=votes, number=reason.age_hours)
    projected = _round_roughly(reason.projected or 0)
    if projected > upvotes:
        votes = lang.say(
            "{votes}, on course for about {projected}", votes=votes, projected=lang.number(projected)
        )
    return votes


def is_on_course(card: Card, reason: Reason) -> bool:
    """Tell whether the facts of a paper say how many votes it is on course for."""
    return bool(card.upvotes) and _round_roughly(reason.projected or 0) > (card.upvotes or 0)


def write_legend(lang: Language, *, has_course: bool, has_place: bool) -> str:
    """Return what the numbers of a mail mean, as far as it has them: votes on course for, and places."""
    if has_course and has_place:
        return lang.say(
            "“On course for” is our estimate of a paper’s final upvotes; “#” is its place by it among the new papers."
        )
    if has_course:
        return lang.say("“On course for” is our estimate of a paper’s final upvotes.")
    return lang.say("“#” is a paper’s place among the new ones by its upvotes.") if has_place else ""


def write_marks(lang: Language, card: Card, reason: Reason, year: int) -> tuple[str, ...]:
    """Return what is unusual in an edition of this year: it was listed late, or it waited for the votes that the
    reader asked for."""
    marks = []
    if reason.late and card.listed_on:
        is_of_it = card.listed_on.year == year
        day = lang.day(card.listed_on) if is_of_it else lang.long_date(card.listed_on)
        marks.append(lang.say("Listed on {day}", day=day))
    if reason.reached:
        marks.append(
            lang.say_count(
                "Reached your {number} upvote today", "Reached your {number} upvotes today", reason.reached
            )
        )
    return tuple(marks)


def write_reason(lang: Language, reason: Reason, topic: str, also: Sequence[str] = ()) -> str:
    """Return why an entry is here, in at most 110 characters: the word that hit, then its place by votes.

    also are topics that it fits besides; they follow in as many characters."""
    why = _write_match(lang, reason, topic)
    place = _write_place(lang, reason, why)
    return add_also(lang, f"{why} · {place}" if place else why, also)


def add_also(lang: Language, why: str, topics: Sequence[str]) -> str:
    """Return a reason, and behind it the topics that the entry fits besides: ``also fits “RAG” and “pruning”``."""
    line = ""
    for named in range(len(topics), 0, -1):
        names = [lang.quote(clean(topic, 80)) for topic in topics[:named]]
        if named < len(topics):
            left = len(topics) - named
            names.append(lang.say_count("{number} more topic", "{number} more topics", left))
        line = lang.say("also fits {topics}", topics=lang.join(names))
        if named == 1 or len(line) <= MAX_REASON_CHARS:
            break
    return f"{why} · {line}" if line else why


def _write_place(lang: Language, reason: Reason, why: str) -> str:
    """Return ``#2 of 31``, "" where it has no place, or there is no room for it behind why."""
    if not reason.place:
        return ""
    place = lang.say("#{place} of {all}", place=lang.number(reason.place), all=lang.number(reason.of))
    return place if len(f"{why} · {place}") <= MAX_REASON_CHARS else ""


def has_place(lang: Language, reason: Reason, topic: str) -> bool:
    """Tell whether the reason that is written says a place."""
    return bool(reason.place) and _has_room(lang, reason, name_topic(reason, topic))


@lru_cache(maxsize=8192)
def _has_room(lang: Language, reason: Reason, topic: str) -> bool:
    return bool(_write_place(lang, reason, _write_match(lang, reason, topic)))


def name_topic(reason: Reason, topic: str) -> str:
    """Return the topic where the reason names it, else only that there is one: so that more readers share a card."""
    return topic if not topic or reason.share or reason.scope is None or not reason.rule else "-"


def _write_match(lang: Language, reason: Reason, topic: str) -> str:
    if not topic:
        return lang.say("Outside your topics")
    if reason.share:
        return _write_likeness(lang, reason, topic)
    if reason.scope is None or not reason.rule:
        return lang.say("Matched your topic {topic}", topic=lang.quote(clean(topic, 60)))
    hit = lang.quote(clean(reason.rule, 60))
    expansion = clean(reason.expansion, 80)
    longer = _write_where(lang, reason.scope, f"{hit} ({expansion})")
    if expansion and len(longer) <= MAX_REASON_CHARS:
        return longer
    return _write_where(lang, reason.scope, hit)


def _write_where(lang: Language, scope: Scope, hit: str) -> str:
    match scope:
        case Scope.TITLE:
            return lang.say("Matched {hit} in the title", hit=hit)
        case Scope.ABSTRACT:
            return lang.say("Matched {hit} in the abstract", hit=hit)
        case Scope.AUTHOR:
            return lang.say("Matched the author {hit}", hit=hit)
        case Scope.CATEGORY:
            return lang.say("Matched the category {hit}", hit=hit)
        case Scope.PRIMARY:
            return lang.say("Matched the primary category {hit}", hit=hit)
        case Scope.TAG:
            return lang.say("Matched the tag {hit}", hit=hit)
        case Scope.SOURCE:
            return lang.say("Matched the source {hit}", hit=hit)
        case Scope.COMMENT:
            return lang.say("Matched {hit} in the authors’ comment", hit=hit)
        case Scope.ORG:
            return lang.say("Matched the organisation {hit}", hit=hit)
        case Scope.ID:
            return lang.say("Matched the id {hit}", hit=hit)


def _write_likeness(lang: Language, reason: Reason, topic: str) -> str:
    """Return ``Like “BitNet”, which you liked (top 3 %): ternary, 1-bit``, or that it is close to the topic."""
    percent = max(1, ceil(reason.share * 100))
    if reason.paper:
        title = lang.quote(clean(reason.paper, 50))
        near = lang.say("Like {title}, which you liked (top {percent} %)", title=title, percent=percent)
    else:
        named = lang.quote(clean(topic, 40))
        near = lang.say("Close to your topic {topic} (top {percent} %)", topic=named, percent=percent)
    for taken in range(len(reason.words), 0, -1):
        line = f"{near}: {', '.join(clean(word, 30) for word in reason.words[:taken])}"
        if len(line) <= MAX_REASON_CHARS:
            return line
    return cut_line(near, MAX_REASON_CHARS)


def _round_roughly(number: int) -> int:
    """Return the number with two digits that count: a projection knows no more."""
    power = max(0, len(str(number)) - 2)
    return int(round(number, -power))


def write_overview(lang: Language, papers: int, topics: int, outside: int) -> str:
    """Return ``12 papers in 3 topics``. outside is how many more stand under no topic."""
    if not papers:
        if outside:
            return lang.say_count(
                "{number} paper outside your topics", "{number} papers outside your topics", outside
            )
        return lang.say("No new papers for your topics")
    in_topics = lang.say_count("{number} topic", "{number} topics", topics)
    overview = lang.say("{papers} in {topics}", papers=count_papers(lang, papers), topics=in_topics)
    if not outside:
        return overview
    if topics == 1:
        more = lang.say_count("{number} more outside it", "{number} more outside it", outside)
    else:
        more = lang.say_count("{number} more outside them", "{number} more outside them", outside)
    return lang.say("{overview}, and {more}", overview=overview, more=more)


def write_most_discussed(lang: Language, title: str, comments: int) -> str:
    """Return ``Most discussed: A title (31 comments)``."""
    said = lang.say_count("{number} comment", "{number} comments", comments)
    return lang.say("Most discussed: {title} ({comments})", title=_isolate(lang, title), comments=said)


def _isolate(lang: Language, text: str) -> str:
    return f"\u2068{text}\u2069" if lang.direction == "rtl" else text


def write_headline(lang: Language, papers: int, topics: Sequence[str], outside: int, when: str) -> str:
    """Return what is new, in at most 60 characters: ``12 new papers on RAG and 1 more topic · 18 June``."""
    end = f" · {when}"
    if not papers:
        if outside:
            return lang.say_count("{number} trending paper", "{number} trending papers", outside) + end
        return lang.say("No new papers for your topics") + end
    start = lang.say_count("{number} new paper", "{number} new papers", papers)
    for named in range(len(topics), 0, -1):
        left = len(topics) - named
        names = [_isolate(lang, topic) for topic in topics[:named]]
        if left:
            names.append(lang.say_count("{number} more topic", "{number} more topics", left))
        if sum(map(len, (start, *names, end))) > MAX_SUBJECT_CHARS:
            continue  # too long already without what joins them
        headline = lang.say("{papers} on {topics}", papers=start, topics=lang.join(names)) + end
        if len(headline) <= MAX_SUBJECT_CHARS:
            return headline
    counted = lang.say_count("{number} topic", "{number} topics", len(topics))
    return lang.say("{papers} in {topics}", papers=start, topics=counted) + end


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


def write_more(lang: Language, number: int, has_url: bool) -> str:
    """Return ``12 more on the web``, ``12 more, not shown`` where they have no address; "" for none."""
    if not number:
        return ""
    if has_url:
        return lang.say_count("{number} more on the web", "{number} more on the web", number)
    return lang.say_count("{number} more, not shown", "{number} more, not shown", number)


def write_quiet(lang: Language, topics: Sequence[str]) -> str:
    """Return ``Nothing new this time for pruning and RAG.``, "" where no topic was quiet."""
    if not topics:
        return ""
    named = [lang.quote(topic) for topic in topics[:8]]
    if len(topics) > 8:
        named.append(lang.say_count("{number} other topic", "{number} other topics", len(topics) - 8))
    return lang.say("Nothing new this time for {topics}.", topics=lang.join(named))
