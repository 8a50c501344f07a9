"""The commands about topics: list, explain and try."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import TYPE_CHECKING

from rich.text import Text

from newsletter.cli.exit_codes import DONE
from newsletter.cli.readers import each_mailed
from newsletter.cli.show import console, draw_bars, json_array, show_doubts, show_table
from newsletter.cli.table import Table
from newsletter.errors import ConfigError, Problem
from newsletter.match.doubts import find_doubts
from newsletter.match.query import list_words, print_query
from newsletter.match.rank import dated_on
from newsletter.match.topics import parse_topic, parse_topics
from newsletter.match.words import compile_words
from newsletter.model.topics import Hit, Match, Scope, Topic
from newsletter.settings.topic_lines import require_topics
from newsletter.stored_json import to_json
from newsletter.wiring import Newsletter, open_newsletter
from newsletter.workflows.try_topics import (
    TopicTrier,
    TopicUse,
    Trial,
    count_by_day,
    find_oddities,
    find_unknown,
    judge_matches,
    open_trier,
    use_topics,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from newsletter.match.near_misses import NearMiss
    from newsletter.model.entries import Entry
    from newsletter.settings.config import Config

_SHOWN = 10
_BARS = 60
_LIST_DAYS = 30
_CHECK_DAYS = 90
_FEWEST_DATES = 3


async def show_list(config: Config, *, is_wide: bool = False, as_json: bool = False) -> int:
    """Show each topic: its readers, how many entries of the last 30 days it takes, and their share."""
    async with open_newsletter(config) as newsletter:
        counts = await _count_topics(newsletter)
        trier = await open_trier(newsletter.entries, counts, newsletter.clock.now(), _LIST_DAYS)
    uses = use_topics(counts, trier)
    if as_json:
        with json_array() as add_value:
            for use in uses:
                add_value(_write_use(use, trier))
        return DONE
    if not uses:
        console.print("there are no topics yet: add some under 'topics', or in subscribers.yaml")
        return DONE
    table = Table("topic", "readers#", f"hits in {_LIST_DAYS} days#", "share#", "query…")
    for use in uses:
        trial = use.trial
        hits, share = str(len(trial.matches)), f"{trial.share:.1%}"
        table.add_row(trial.topic.name, str(use.readers), hits, share, _name_query(trial.topic))
    show_table(table, is_whole=is_wide)
    for use in uses:
        if odd := find_oddities(use.trial, trier):
            console.print(f"{use.trial.topic.name}: {'; '.join(odd)}")
    return DONE


async def _count_topics(newsletter: Newsletter) -> dict[Topic, int]:
    """Return each distinct topic of the library and of the readers, with how many readers have it."""
    counts = dict.fromkeys(newsletter.library.values(), 0)
    async for reader in each_mailed(newsletter):
        for topic in parse_topics(reader.topics_json, newsletter.library):
            counts[topic] = counts.get(topic, 0) + 1
    return counts


def _write_use(use: TopicUse, trier: TopicTrier) -> dict[str, object]:
    """Return how a topic is used as JSON says it."""
    trial = use.trial
    return {
        "topic": trial.topic.name,
        "query": print_query(trial.topic.query),
        "readers": use.readers,
        f"hits_in_{_LIST_DAYS}_days": len(trial.matches),
        "share": round(trial.share, 4),
        "odd": list(find_oddities(trial, trier)),
    }


async def explain_topic(config: Config, text: str) -> int:
    """Show what a topic means in long form, with the other forms that its words stand for."""
    async with open_newsletter(config) as newsletter:
        topic = await _find_topic(newsletter, text)
        trier = await open_trier(newsletter.entries, [topic], newsletter.clock.now(), _LIST_DAYS)
    console.print(f"name:        {topic.name}")
    console.print(f"query:       {print_query(topic.query) or 'everything'}")
    for key, value in (
        ("about", topic.about),
        ("like", ", ".join(topic.like)),
        ("unlike", ", ".join(topic.unlike)),
    ):
        if value:
            console.print(f"{key + ':':12} {value}")
    if topic.is_described:
        console.print(f"             no query: the top {topic.limit} are sent")
    hours = int(topic.wait.total_seconds() // 3600)
    console.print(
        f"min_upvotes: {topic.min_upvotes}\nwait:        {hours}h\nlimit:       {topic.limit}\n"
        f"weight:      {topic.weight:g}\nrank:        {topic.rank}"
    )
    for words in dict.fromkeys(list_words(topic.query)):
        if words.where in ((Scope.CATEGORY,), (Scope.PRIMARY,)):
            continue
        others = [needle.expansion for needle in compile_words(words, trier.acronyms) if needle.expansion]
        if others:
            console.print(f"also found:  {words.text} as {', '.join(others)}")
    return DONE


async def try_query(config: Config, text: str, days: int, other: str) -> int:
    """Show what a topic or query would have found in the stored history, and what an edit would change."""
    async with open_newsletter(config) as newsletter:
        topics = [await _find_topic(newsletter, name) for name in (text, other) if name]
        now = newsletter.clock.now()
        trier = await open_trier(newsletter.entries, topics, now, days)
    if not trier.looked_at:
        console.print(f"nothing is stored from the last {days} days: run 'newsletter collect' first")
        return DONE
    trial, *edited = map(trier.try_topic, topics)
    _show_trial(trial, find_oddities(trial, trier), now.date(), days)
    _show_near_misses(trier.find_near_misses(trial.topic))
    for after in edited:
        _show_diff(trial, after)
    return DONE


async def _find_topic(newsletter: Newsletter, text: str) -> Topic:
    """Return the topic of that name, of the configuration or of a reader; else the text read as a line of
    subscribers.yaml. Raises ConfigError with the place of the mistake."""
    wanted = " ".join(text.split()).casefold()
    if not wanted:
        raise ConfigError([Problem("give a topic's name, or a topic as in subscribers.yaml")])
    named = dict(newsletter.library)
    async for reader in each_mailed(newsletter):
        for topic in parse_topics(reader.topics_json, newsletter.library):
            named.setdefault(topic.name, topic)
    for name, topic in named.items():
        if name.casefold() == wanted:
            return topic
    read = require_topics([text], newsletter.library, "topic")
    show_doubts(read)
    return read.topics[0]


def _show_trial(trial: Trial, odd: Sequence[str], today: date, days: int) -> None:
    found = [entry for entry, _ in trial.matches]
    counts = count_by_day(found, today, days)
    console.print(_name_query(trial.topic))
    console.print(
        f"{len(found)} of {trial.looked_at} entries of the last {days} days ({trial.share:.1%}), "
        f"{sum(counts) / days:.1f} per day, at most {max(counts)}"
    )
    step = -(-days // _BARS)
    bars = [sum(counts[max(0, end - step) : end]) for end in range(days, 0, -step)][::-1]
    each = "one bar per day" if step == 1 else f"one bar per {step} days"
    console.print(f"{today - timedelta(days=days - 1)} {draw_bars(bars)} {today}, {each}")
    for warning in odd:
        console.print(f"warning: {warning}", style="yellow")
    if found:
        console.print("\nnewest matches:")
    for entry, match in trial.matches[:_SHOWN]:
        console.print(Text(f"  {_day(entry)}  ") + _mark_title(entry, match))
        console.print(f"              {_tell_hits(entry, match)}", style="dim")


def _show_near_misses(missed: Sequence[NearMiss]) -> None:
    if missed:
        console.print(f"\nnear misses ({len(missed)}):")
    for miss in missed[:_SHOWN]:
        console.print(f"  {_day(miss.entry)}  {miss.entry.title}\n              {miss.why}")


def _name_query(topic: Topic) -> str:
    """Return the words of a topic, or what stands in their place."""
    if topic.is_described:
        return topic.about or f"like {', '.join(topic.like)}"
    return print_query(topic.query)


def _day(entry: Entry) -> str:
    return str(dated_on(entry) or "no date   ")


def _mark_title(entry: Entry, match: Match) -> Text:
    """Return the title with the words that hit in bold on a terminal, in [brackets] in a log."""
    text = Text()
    done = 0
    for hit in match.hits:
        if hit.scope is Scope.TITLE and hit.start >= done:
            words = entry.title[hit.start : hit.end]
            text.append(entry.title[done : hit.start])
            text.append(words if console.is_terminal else f"[{words}]", style="bold green")
            done = hit.end
    return text.append(entry.title[done:])


def _tell_hits(entry: Entry, match: Match) -> str:
    """Return the first few rules that held, each with its scope and the words that stood there."""
    told: dict[str, None] = {}
    for hit in match.hits:
        words = _hit_text(entry, hit)
        told[f"{hit.rule} ({hit.scope}{f': {words}' if words else ''})"] = None
    if not told and match.likeness:
        near = f"top {match.likeness.share:.1%} by similarity"
        return f"{near}: {', '.join(match.likeness.words)}" if match.likeness.words else near
    return ", ".join(list(told)[:3]) or "by an excluded word or a comparison"


def _hit_text(entry: Entry, hit: Hit) -> str:
    return entry.summary[hit.start : hit.end] if hit.scope is Scope.ABSTRACT else ""


def _show_diff(before: Trial, after: Trial) -> None:
    old, new = (
        {entry.id: entry for entry, _ in before.matches},
        {entry.id: entry for entry, _ in after.matches},
    )
    added = [entry for entry, _ in after.matches if entry.id not in old]
    gone = [entry for entry, _ in before.matches if entry.id not in new]
    console.print(f"\nwith {_name_query(after.topic)}: {len(added)} more, {len(gone)} fewer")
    for sign, entries in (("+", added), ("-", gone)):
        for entry in entries[:_SHOWN]:
            console.print(f"  {sign} {_day(entry)}  {entry.title}")
        if len(entries) > _SHOWN:
            console.print(f"  {sign} and {len(entries) - _SHOWN} others")


async def find_odd_topics(newsletter: Newsletter) -> list[str]:
    """Return a line for each thing that is odd about a topic, judged by the last 90 days, or by as many as are stored;
    a few say nothing of what a topic finds."""
    counts = await _count_topics(newsletter)
    trier = await open_trier(newsletter.entries, counts, newsletter.clock.now(), _CHECK_DAYS)
    dates = trier.count_dates()
    seen = f"of {trier.looked_at} papers from {dates} days"
    return [
        f"{use.trial.topic.name}: {odd}"
        for use in use_topics(counts, trier)
        for odd in (
            *(f"{odd} ({seen})" for odd in judge_matches(use.trial) if dates >= _FEWEST_DATES),
            *find_unknown(use.trial.topic, trier),
        )
    ]


async def find_doubted_topics(newsletter: Newsletter) -> list[str]:
    """Return a line for each word of a topic that will find nothing, or everything, as it is written."""
    forms: dict[str, None] = dict.fromkeys(map(to_json, newsletter.config.topics))
    async for reader in each_mailed(newsletter):
        forms |= dict.fromkeys(map(to_json, json.loads(reader.topics_json)))
    return [
        f"{parse_topic(form, newsletter.library).name}: {doubt}"
        for form in map(json.loads, forms)
        for doubt in find_doubts(form, newsletter.library)
    ]
