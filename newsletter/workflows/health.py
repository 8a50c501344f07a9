"""Health: what an operator, a monitor and an alert need to know, from the ledger, the sources and the relays.

Pure: how it is written (to_json, build_metrics). I/O: load_health reads the stores. What of it the operator is told by
mail: alerts.py.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from newsletter.model.lateness import BOUNDS_S, Lateness
from newsletter.model.ledger import LedgerCounts, State
from newsletter.model.steps import StepFailure, StepName
from newsletter.workflows.pace import Pace

if TYPE_CHECKING:
    from prometheus_client.core import HistogramMetricFamily

    from newsletter.model.reports import Noticed
    from newsletter.model.sources import HeldBack, SourceHealth
    from newsletter.storage import EpochGuard, FeedbackStore, Ledger, RunStore, SettingStore

_EDITIONS = 9
CHECKED_EDITIONS = 3
"""How many of the newest editions are held against their own records once an hour and by 'newsletter status'."""
SHOWN_INCOMING = timedelta(days=7)
"""So long is it told what came in."""
BROKEN_AFTER = 3
_OF_LATE = timedelta(minutes=1)
_LOOKED_AT = 5_000
"""So many mails of an edition tell how quickly it goes out."""


@dataclass(frozen=True, slots=True)
class Health:
    """The state of a newsletter at one moment. counts are those of the newest editions, the newest first; late is how
    many deliveries have waited since before late_since; lateness is how late the accepted ones were, by edition;
    sending is how quickly what is due now goes out, None where nothing is; paused names paused relays, and why;
    contradictions is what did not fit together in the ledger when that was last looked at; failing are the steps of
    the clock that fail; held_back is what counts as archives of sources; set_aside, blamed and wishes are what came
    in of late (model/reports.py:Incoming)."""

    at: datetime
    counts: Mapping[str, LedgerCounts]
    late: int
    held: str
    refused: str
    sources: tuple[SourceHealth, ...]
    paused: Mapping[str, str]
    last_collect_at: datetime | None
    lateness: Mapping[str, Lateness] = field(default_factory=dict)
    contradictions: tuple[str, ...] = ()
    failing: tuple[StepFailure, ...] = ()
    held_back: tuple[HeldBack, ...] = ()
    set_aside: Noticed | None = None
    blamed: Noticed | None = None
    wishes: Noticed | None = None
    sending: Pace | None = None

    @property
    def is_well(self) -> bool:
        wrong = self.late or self.refused or self.paused or self.contradictions or self.failing
        return not (wrong or any(map(is_broken, self.sources)))


async def load_health(
    ledger: Ledger,
    runs: RunStore,
    settings: SettingStore,
    feedback: FeedbackStore,
    guard: EpochGuard,
    *,
    relays: Collection[str],
    late_after: timedelta,
    now: datetime,
) -> Health:
    """Return how the newsletter is. relays are those that are configured; late is what has waited for late_after."""
    counts = await ledger.reads.load_counts(_EDITIONS)
    return Health(
        at=now,
        counts=counts,
        sending=await _load_sending(ledger, counts, now),
        late=await ledger.reads.count_late(now - late_after),
        lateness=await settings.load_lateness(_EDITIONS),
        held=hold.why if (hold := await settings.load_hold()) else "",
        refused=await guard.check(),
        sources=tuple((await runs.load_health()).values()),
        paused={
            relay: f"{pause.why}; until {pause.until:%Y-%m-%d %H:%M} UTC"
            for relay, pause in (await settings.load_pauses()).items()
            if relay in relays and pause.until > now
        },
        last_collect_at=await runs.load_last_pass_at(),
        contradictions=tuple(await settings.load_contradictions()),
        failing=tuple(await settings.load_step_failures()),
        held_back=tuple(await runs.load_held_back()),
        **(await feedback.load_incoming(now - SHOWN_INCOMING))._asdict(),
    )


async def _load_sending(ledger: Ledger, counts: Mapping[str, LedgerCounts], now: datetime) -> Pace | None:
    """Return how quickly what is due now goes out: what was accepted within the last minute of what that and what is
    left come to; None where nothing is due."""
    pending = {edition: found.pending for edition, found in counts.items() if found.pending}
    left = await ledger.claims.count_due(now, sum(pending.values()))
    if not left:
        return None
    found = [await ledger.reads.count_accepted(edition, now - _OF_LATE, _LOOKED_AT) for edition in pending]
    accepted = sum(number for number, _ in found)
    first_at = min((at for _, at in found if at), default=now)
    return Pace(accepted, accepted + left, max((now - first_at).total_seconds(), 1))


def word_clock(failing: Sequence[StepFailure], set_aside: Noticed | None) -> list[str]:
    """Return a sentence for each step of the clock that fails, and one for what was set aside."""
    lines = [
        f"the scheduled step '{failure.step}' has failed since {failure.since:%Y-%m-%d %H:%M} UTC,"
        f" {failure.times} {'time' if failure.times == 1 else 'times in a row'}: {failure.error}"
        for failure in failing
    ]
    if set_aside:
        lines.append(
            f"incoming mail could not be processed and is set aside, {set_aside.count} in"
            f" {SHOWN_INCOMING.days} days, last {set_aside.at:%Y-%m-%d %H:%M} UTC: {set_aside.why}"
        )
    return lines


def to_json(health: Health) -> dict[str, Any]:
    """Return the report for a monitor. Each edition's numbers add up to ``due``."""
    return {
        "at": health.at.isoformat(),
        "well": health.is_well,
        "held": health.held,
        "refused": health.refused,
        "late": health.late,
        "sending": _sending_to_json(health.sending),
        "lateness": {
            edition: {"mails": found.mails, **asdict(found), "bounds_s": BOUNDS_S}
            for edition, found in health.lateness.items()
        },
        "ledger_contradictions": list(health.contradictions),
        "relays_paused": dict(health.paused),
        "last_collect_at": health.last_collect_at.isoformat() if health.last_collect_at else None,
        "steps_failing": {
            str(failure.step): {
                "since": failure.since.isoformat(),
                "times": failure.times,
                "at": failure.at.isoformat(),
                "error": failure.error,
            }
            for failure in health.failing
        },
        "mail_set_aside": _set_aside_to_json(health.set_aside),
        "sources_held_back": {held.source: held.count for held in health.held_back},
        "sources": {one.source: {"failures": one.failures, "why": one.why} for one in health.sources},
        "editions": {
            edition: {
                "due": counts.due,
                "pending": counts.pending,
                **{str(state): number for state, number in counts.final.items()},
            }
            for edition, counts in health.counts.items()
        },
    }


def _sending_to_json(pace: Pace | None) -> dict[str, Any] | None:
    if pace is None:
        return None
    return {"due_now": pace.total - pace.done, "per_second": pace.per_second, "remaining_s": pace.remaining_s}


def _set_aside_to_json(found: Noticed | None) -> dict[str, Any] | None:
    return {"count": found.count, "at": found.at.isoformat(), "why": found.why} if found else None


def build_metrics(health: Health) -> str:
    """Return the same as Prometheus reads it (text exposition format)."""
    from prometheus_client import CollectorRegistry, Gauge, generate_latest  # here: it imports an HTTP server

    registry = CollectorRegistry()
    deliveries = Gauge(
        "newsletter_deliveries", "Deliveries of the newest editions.", ["edition", "state"], registry=registry
    )
    for edition, counts in health.counts.items():
        for state in State:
            deliveries.labels(edition, str(state)).set(counts[state])
    failures = Gauge("newsletter_source_failures", "Failed polls in a row.", ["source"], registry=registry)
    for source in health.sources:
        failures.labels(source.source).set(source.failures)
    steps = Gauge(
        "newsletter_step_failures", "Failures in a row of a scheduled step.", ["step"], registry=registry
    )
    for step in StepName:
        steps.labels(str(step)).set(next((f.times for f in health.failing if f.step is step), 0))
    numbers = {
        "newsletter_late": ("Deliveries that are overdue.", health.late),
        "newsletter_held": ("1 while sending is on hold.", int(bool(health.held))),
        "newsletter_refused": ("1 while this database may not send.", int(bool(health.refused))),
        "newsletter_ledger_contradictions": (
            "Inconsistencies found in the ledger.",
            len(health.contradictions),
        ),
        "newsletter_relays_paused": ("Relays that are paused now.", len(health.paused)),
        "newsletter_mail_set_aside": (
            f"Messages of the last {SHOWN_INCOMING.days} days that could not be processed.",
            health.set_aside.count if health.set_aside else 0,
        ),
        "newsletter_last_collect_timestamp_seconds": (
            "When the sources were last polled.",
            health.last_collect_at.timestamp() if health.last_collect_at else 0,
        ),
    }
    for name, (what, number) in numbers.items():
        Gauge(name, what, registry=registry).set(number)
    registry.register(_LatenessCollector(health.lateness))
    return generate_latest(registry).decode()


@dataclass(eq=False)
class _LatenessCollector:
    """A histogram for each edition, as Prometheus collects it."""

    lateness: Mapping[str, Lateness]

    def collect(self) -> Iterator[HistogramMetricFamily]:
        from prometheus_client.core import HistogramMetricFamily

        family = HistogramMetricFamily(
            "newsletter_lateness_seconds",
            "How long after their slot the mails of an edition were accepted.",
            labels=["edition"],
        )
        for edition, found in self.lateness.items():
            below = accumulate(found.counts)
            bounds = [*(str(float(bound)) for bound in BOUNDS_S), "+Inf"]
            family.add_metric([edition], list(zip(bounds, below, strict=True)), sum_value=None)
        yield family


def is_broken(source: SourceHealth) -> bool:
    return source.failures >= BROKEN_AFTER
