"""What the operator's page tells, put together from the stores.

Pure: shaping (what adds up, which reasons are the same, which days a chart has). I/O: load_report reads.
"""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from newsletter.model.lateness import BOUNDS_S, Lateness, word_seconds
from newsletter.model.ledger import (
    DayCount,
    Delivery,
    DeliveryFilter,
    DeliveryId,
    Kind,
    LedgerCounts,
    ReplyCount,
    State,
)
from newsletter.model.reports import ReportKind
from newsletter.model.sources import FetchRecord, SourceHealth
from newsletter.web.charts import SERIES_CLASSES, Chart, Series

if TYPE_CHECKING:
    from newsletter.model.acts import ActRecord
    from newsletter.model.readers import Consent, EmailAddress
    from newsletter.render.language import Language
    from newsletter.wiring import Newsletter
    from newsletter.workflows.health import Health

EDITIONS = 7
"""How many days the tables go back, and how many the charts:"""
DAYS = 30
_FEWEST_DAYS = 7
_SHOWN_ACTS = 20
_SHOWN_UNCERTAIN = 50
_SHOWN_REPLIES = 12
_READ_REPLIES = 5_000
_SHOWN_TOPICS = 12
_COUNTED_DIGESTS = 5_000
_LOOKS = 8
_EXPLAINED = (State.REJECTED, State.DEFERRED, State.EXPIRED, State.SUPPRESSED, State.SKIPPED, State.UNCERTAIN)

_MISSED = (State.REJECTED, State.EXPIRED, State.UNCERTAIN, State.SUPPRESSED)

_ADDRESS = re.compile(r"<?[^\s<>()\[\],;:\"]+@[^\s<>()\[\],;:\"]+>?")
_MARK = re.compile(r"\b(?=\w*\d)[\w-]{9,}\b")
"""What relays call one mail or one session: letters and digits that are different each time."""


@dataclass(frozen=True, slots=True)
class Unsettled:
    """A mail of which nobody knows whether it arrived, and the commands that settle it."""

    id: DeliveryId
    edition: str
    address: EmailAddress
    why: str
    since: datetime | None
    accepted: str
    not_sent: str


class Looks(NamedTuple):
    """The newest of some looks in a row, and how many they are: more than one only where all found nothing new."""

    newest: FetchRecord
    times: int


@dataclass(frozen=True, slots=True)
class SourceView:
    """A source: how it is, and its newest looks, the newest first. Looks that found nothing are told together."""

    name: str
    health: SourceHealth
    looks: tuple[Looks, ...]


@dataclass(frozen=True, slots=True)
class OperatorReport:
    """Everything on the page. sample is of how many digests the topics are counted at most."""

    health: Health
    today: LedgerCounts | None
    editions: Mapping[str, LedgerCounts]
    next_due_at: datetime | None
    uncertain: tuple[Unsettled, ...]
    uncertain_count: int
    replies: tuple[ReplyCount, ...]
    sources: tuple[SourceView, ...]
    readers: Mapping[Consent, int]
    suppressed: int
    notices: Mapping[Kind, LedgerCounts]
    charts: tuple[Chart, ...]
    topics: Chart
    lateness: Chart | None
    acts: Sequence[ActRecord]
    sample: int = _COUNTED_DIGESTS


async def load_report(newsletter: Newsletter, lang: Language) -> OperatorReport:
    """Read what the page shows."""
    now = newsletter.clock.now()
    today = now.astimezone(UTC).date()
    since = datetime.combine(today - timedelta(days=DAYS - 1), time(), UTC)
    views, health = newsletter.views, await newsletter.load_health()
    counts = await newsletter.ledger.reads.load_counts(since=since.date())
    uncertain = await newsletter.ledger.reads.find(
        DeliveryFilter(states=frozenset({State.UNCERTAIN})), limit=_SHOWN_UNCERTAIN
    )
    moved, found = await views.count_moves(since), await views.count_new_entries(since)
    bounced = await views.count_bounces(since)
    replies = await views.count_replies(today - timedelta(days=EDITIONS - 1), _EXPLAINED, _READ_REPLIES)
    return OperatorReport(
        health=health,
        today=counts.get(today.isoformat()),
        editions=dict(islice(counts.items(), EDITIONS)),
        next_due_at=await views.load_next_due(),
        uncertain=tuple(
            build_unsettled(delivery, address, str(newsletter.config.file)) for delivery, address in uncertain
        ),
        uncertain_count=await views.count_uncertain(),
        replies=group_replies(replies)[:_SHOWN_REPLIES],
        sources=await _load_sources(newsletter, now - timedelta(days=2)),
        readers=await views.count_readers(),
        suppressed=await views.count_suppressed(),
        notices=await newsletter.ledger.reads.load_notice_counts(),
        charts=build_charts(
            lang,
            choose_days(today, [*moved, *found, *bounced]),
            sent=counts,
            bounced=bounced,
            moved=moved,
            found=found,
        ),
        acts=await newsletter.operator_log.load_newest(_SHOWN_ACTS),
        topics=build_topics(lang, await views.count_topics(_COUNTED_DIGESTS)),
        lateness=build_lateness_chart(lang, health.lateness),
    )


async def _load_sources(newsletter: Newsletter, since: datetime) -> tuple[SourceView, ...]:
    names = [source.name for source in newsletter.config.source_list]
    return build_sources(
        names, await newsletter.runs.load_health(), await newsletter.runs.load_fetches(since)
    )


def build_unsettled(delivery: Delivery, address: EmailAddress, config: str) -> Unsettled:
    """Return an uncertain mail with what settles it: commands that a shell takes as they stand."""

    def command(outcome: str, reason: str) -> str:
        # An address may have what a shell would take for more than a name.
        words = ["newsletter", "resolve", address, outcome, "--edition", delivery.key]
        return shlex.join([*words, "--reason", reason, "--config", config])

    return Unsettled(
        id=delivery.id,
        edition=delivery.key,
        address=address,
        why=delivery.last_reply,
        since=delivery.uncertain_at,
        accepted=command("accepted", "in the relay log"),
        not_sent=command("not-sent", "not in the relay log"),
    )


def group_replies(replies: Iterable[ReplyCount]) -> tuple[ReplyCount, ...]:
    """Put together the replies that differ only in an address or in the name of one mail; the most frequent first.

    No reader's address is left in them.
    """
    groups: Counter[tuple[State, str]] = Counter()
    for state, reply, number in replies:
        groups[state, mask_reply(reply)] += number
    order = {state: place for place, state in enumerate(State)}
    found = sorted(groups.items(), key=lambda one: (-one[1], order[one[0][0]], one[0][1]))
    return tuple(ReplyCount(state, reply, number) for (state, reply), number in found)


def mask_reply(reply: str) -> str:
    """Return a reply without addresses, and without the names that a relay gives to one mail."""
    return " ".join(_MARK.sub("…", _ADDRESS.sub("<…>", reply)).split())[:200]


def build_sources(
    names: Sequence[str], health: Mapping[str, SourceHealth], fetches: Iterable[FetchRecord]
) -> tuple[SourceView, ...]:
    """Return the configured sources in their order, each with its newest looks; then others that were looked at."""
    looks: dict[str, list[FetchRecord]] = {name: [] for name in names}
    for fetch in fetches:
        looks.setdefault(fetch.source, []).append(fetch)
    return tuple(
        SourceView(name, health.get(name, SourceHealth(name)), fold_looks(found)[:_LOOKS])
        for name, found in looks.items()
    )


def fold_looks(fetches: Sequence[FetchRecord]) -> tuple[Looks, ...]:
    """Return the looks of one source, given the oldest first, the newest first; those in a row that found nothing new
    and say the same are one."""
    folded: list[Looks] = []
    for fetch in reversed(fetches):
        last = folded[-1] if folded else None
        if last and not fetch.new and not last.newest.new and _says(fetch) == _says(last.newest):
            folded[-1] = last._replace(times=last.times + 1)
        else:
            folded.append(Looks(fetch, 1))
    return tuple(folded)


def _says(fetch: FetchRecord) -> tuple[str, str]:
    return str(fetch.state), fetch.message


def choose_days(last: date, counted: Iterable[DayCount]) -> list[date]:
    """Return the days of the charts, up to the last: from the first that has something on, a week at least and DAYS at
    most. One bar in an empty month looks broken."""
    began = min((count.day for count in counted if count.number), default=last)
    shown = min(DAYS, max(_FEWEST_DAYS, (last - began).days + 1))
    return [last - timedelta(days=back) for back in reversed(range(shown))]


def build_charts(
    lang: Language,
    days: Sequence[date],
    *,
    sent: Mapping[str, LedgerCounts],
    bounced: Iterable[DayCount],
    moved: Iterable[DayCount],
    found: Sequence[DayCount],
) -> tuple[Chart, ...]:
    """Return the charts by day: what was sent, came back, who joined and left, what the sources brought."""
    charts = _DayCharts(lang, days)
    return (
        _chart_sent(charts, sent),
        _chart_bounced(charts, bounced),
        charts.build(
            "moved",
            lang.say("Joined and left"),
            lang.say("Readers who joined and who left, by day, {days}.", days=charts.span),
            moved,
            {"joined": lang.say("joined"), "left": lang.say("left")},
        ),
        _chart_found(charts, found),
    )


@dataclass(frozen=True, slots=True)
class _DayCharts:
    """Builds charts of the same days."""

    lang: Language
    days: Sequence[date]

    @property
    def span(self) -> str:
        return self.lang.days(self.days[0], self.days[-1])

    def build(
        self, name: str, title: str, description: str, counts: Iterable[DayCount], series: Mapping[str, str]
    ) -> Chart:
        labels = tuple(self.lang.day(day) for day in self.days)
        built = build_series(self.days, counts, series)
        return Chart(name, title, description, labels, built, is_stacked=name != "moved")


def _chart_sent(charts: _DayCharts, sent: Mapping[str, LedgerCounts]) -> Chart:
    lang = charts.lang
    names = {State.ACCEPTED: "accepted"} | dict.fromkeys(_MISSED, "missed")
    return charts.build(
        "sent",
        lang.say("Sent"),
        lang.say("Digests by edition, {days}: accepted by a relay, and not.", days=charts.span),
        [
            DayCount(date.fromisoformat(edition), name, counts[state])
            for edition, counts in sent.items()
            for state, name in names.items()
        ],
        {"accepted": lang.say("accepted"), "missed": lang.say("not accepted")},
    )


def _chart_bounced(charts: _DayCharts, bounced: Iterable[DayCount]) -> Chart:
    lang = charts.lang
    series = {
        str(ReportKind.HARD): lang.say("hard bounces"),
        str(ReportKind.SOFT): lang.say("soft bounces"),
        str(ReportKind.COMPLAINT): lang.say("complaints"),
    }
    return charts.build(
        "bounced",
        lang.say("Bounces and complaints"),
        lang.say("Bounces and complaints by day, {days}.", days=charts.span),
        [count for count in bounced if count.name in series],
        series,
    )


def _chart_found(charts: _DayCharts, found: Sequence[DayCount]) -> Chart:
    """Return the chart of what sources brought; those that brought least are put together."""
    lang = charts.lang
    totals = Counter[str]()
    for _, name, number in found:
        totals[name] += number
    sources = [name for name, _ in totals.most_common(len(SERIES_CLASSES))]
    if len(totals) > len(sources):
        sources[-1:] = [""]
        found = [one if one.name in sources else one._replace(name="") for one in found]
    return charts.build(
        "found",
        lang.say("New papers"),
        lang.say("New papers by source and day, {days}.", days=charts.span),
        found,
        {name: name or lang.say("other sources") for name in sources},
    )


def build_series(
    days: Sequence[date], counts: Iterable[DayCount], names: Mapping[str, str]
) -> tuple[Series, ...]:
    """Return a series for each name, with a value for each day; names maps each to the word for it."""
    by_name: dict[str, Counter[date]] = {name: Counter() for name in names}
    for day, name, number in counts:
        by_name[name][day] += number
    return tuple(
        Series(names[name], tuple(numbers[day] for day in days)) for name, numbers in by_name.items()
    )


def build_topics(lang: Language, counts: Sequence[tuple[str, int]]) -> Chart:
    """Return the chart of what topics brought; the topics that brought least are put together."""
    named = [(topic, number) for topic, number in counts if topic]
    shown, rest = named[:_SHOWN_TOPICS], sum(number for _, number in named[_SHOWN_TOPICS:])
    if rest:
        shown.append((lang.say("other topics"), rest))
    return Chart(
        "topics",
        lang.say("Hits by topic"),
        lang.say("How many papers each topic contributed to the latest digests."),
        tuple(topic for topic, _ in shown),
        (Series(lang.say("papers"), tuple(number for _, number in shown)),),
    )


def build_lateness_chart(lang: Language, lateness: Mapping[str, Lateness]) -> Chart | None:
    """Return the chart of how late the mails of the newest edition were, None where none was sent."""
    for edition, found in lateness.items():
        labels = [word_seconds(bound - 1) for bound in BOUNDS_S]
        return Chart(
            "lateness",
            lang.say("After the slot"),
            lang.say(
                "How long after their slot the mails of {edition} were accepted.",
                edition=lang.day(date.fromisoformat(edition)),
            ),
            (*(f"< {label}" for label in labels), f"> {labels[-1]}"),
            (Series(lang.say("mails"), found.counts),),
        )
    return None
