"""Health: what an operator, a monitor and an alert need to know, from the ledger, the sources and the relays.

Pure: what is wrong (choose_alerts) and how it is written (to_json, build_metrics). I/O: load_health reads the stores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from newsletter.model import PENDING, Fact, LedgerCount, SetAside, SourceHealth, State, StepFailure, StepName
from newsletter.ports import DeliveryStore, EntryStore, Guard, SettingStore

_EDITIONS = 9
CHECKED_EDITIONS = 3
"""How many of the newest editions are held against their own records after each run and for each report."""
SHOWN_SET_ASIDE = timedelta(days=7)
"""So long is it told that messages were set aside."""
_BROKEN_AFTER = 3
_PARTIAL = 0.05
_FAILED = (State.REJECTED, State.EXPIRED, State.UNCERTAIN)


@dataclass(frozen=True, slots=True)
class Health:
    """The state of a newsletter at one moment. counts are those of the newest editions, the newest first; late is how
    many deliveries have waited since before late_since; paused names relays that are left alone, and why;
    contradictions is what does not fit together in the ledger; failing are the steps of the clock that fail; set_aside
    is what came in of late and could not be handled."""

    at: datetime
    counts: Mapping[str, Mapping[State, int]]
    late: int
    held: str
    refused: str
    sources: tuple[SourceHealth, ...]
    paused: Mapping[str, str]
    last_collect_at: datetime | None
    contradictions: tuple[str, ...] = ()
    failing: tuple[StepFailure, ...] = ()
    set_aside: SetAside | None = None

    @property
    def is_well(self) -> bool:
        wrong = self.late or self.refused or self.paused or self.contradictions or self.failing
        return not (wrong or any(map(_is_broken, self.sources)))


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that the operator must know, once: key names it. what is one sentence; advice says what to do."""

    key: str
    what: str
    facts: tuple[Fact, ...]
    advice: str


async def load_health(
    deliveries: DeliveryStore,
    entries: EntryStore,
    settings: SettingStore,
    guard: Guard,
    paused: Mapping[str, str],
    late_after: timedelta,
    set_aside: SetAside | None,
    now: datetime,
) -> Health:
    """Return how the newsletter is. paused are the relays that this process leaves alone."""
    return Health(
        at=now,
        counts=_by_edition(await deliveries.load_counts(_EDITIONS)),
        late=await deliveries.count_late(now - late_after),
        held=await settings.load_hold(),
        refused=await guard.check(),
        sources=tuple((await entries.load_health()).values()),
        paused=paused,
        last_collect_at=await entries.load_last_pass_at(),
        contradictions=tuple(await deliveries.find_contradictions(CHECKED_EDITIONS)),
        failing=tuple(await settings.load_step_failures()),
        set_aside=set_aside,
    )


def choose_alerts(health: Health) -> list[Alert]:
    """Decide what the operator must be told: a run that is late, partial or empty against expectation, a relay that
    refuses us, a source that is broken, a database that may not send."""
    day = f"{health.at:%Y-%m-%d}"
    alerts = []
    if health.late:
        alerts.append(
            Alert(
                f"late:{day}",
                f"{health.late} mails are late",
                (Fact("Held", health.held),) if health.held else (),
                "See 'newsletter status', and whether 'newsletter run' runs and the relay takes mail.",
            )
        )
    if health.refused:
        alerts.append(
            Alert(f"guard:{day}", "nothing is sent", (Fact("Why", health.refused),), health.refused)
        )
    if health.contradictions:
        alerts.append(
            Alert(
                f"ledger:{day}",
                "the ledger does not add up",
                tuple(Fact("Found", what) for what in health.contradictions),
                "Say 'newsletter hold' until it is known why: somebody might get a mail twice, or none."
                " Has a hand, or another program, been in the database?",
            )
        )
    for relay, why in sorted(health.paused.items()):
        alerts.append(
            Alert(
                f"relay:{relay}:{day}",
                f"the relay {relay} is left alone",
                (Fact("Why", why),),
                "See 'newsletter check --relay', and what its operator says.",
            )
        )
    alerts += [
        Alert(
            f"source:{source.source}:{day}",
            f"the source {source.source} is broken",
            (Fact("Looks that failed", str(source.failures)), Fact("Why", source.why)),
            "See 'newsletter sources'.",
        )
        for source in health.sources
        if _is_broken(source)
    ]
    return alerts + _choose_clock_alerts(health) + _choose_edition_alerts(health)


def _choose_clock_alerts(health: Health) -> list[Alert]:
    """Look at the steps of the clock: a failure that may pass by itself is told when it has not; and at what was set
    aside today."""
    day = f"{health.at:%Y-%m-%d}"
    alerts = [
        Alert(
            f"step:{failure.step}:{day}",
            f"the clock's step '{failure.step}' fails",
            (
                Fact("Since", f"{failure.since:%Y-%m-%d %H:%M} UTC"),
                Fact("Times in a row", str(failure.times)),
                Fact("Why", failure.error),
            ),
            "See 'newsletter status' and the log. The other steps go on.",
        )
        for failure in health.failing
        if failure.times >= _BROKEN_AFTER or not failure.is_passing
    ]
    if health.set_aside and f"{health.set_aside.at:%Y-%m-%d}" == day:
        alerts.append(
            Alert(
                f"set-aside:{day}",
                "mail that came in could not be handled",
                (
                    Fact(f"Messages in {SHOWN_SET_ASIDE.days} days", str(health.set_aside.count)),
                    Fact("Why", health.set_aside.why),
                ),
                "They are set aside. Look at them: one may be the wish to leave (docs/operations.md).",
            )
        )
    return alerts


def _choose_edition_alerts(health: Health) -> list[Alert]:
    """Look at the newest edition that is done."""
    done = [edition for edition, states in health.counts.items() if not any(states.get(s) for s in PENDING)]
    if not done:
        return []
    edition = max(done)
    states = health.counts[edition]
    facts = tuple(Fact(str(state), str(count)) for state, count in states.items() if count)
    failed = sum(states.get(state, 0) for state in _FAILED)
    sent = states.get(State.ACCEPTED, 0)
    alerts = []
    if failed > _PARTIAL * (failed + sent):
        advice = f"See 'newsletter deliveries --edition {edition}'; 'newsletter retry' sends the failed ones again."
        alerts.append(Alert(f"partial:{edition}", f"{failed} mails of {edition} failed", facts, advice))
    week_ago = health.counts.get(f"{datetime.fromisoformat(edition) - timedelta(days=7):%Y-%m-%d}", {})
    if not sent and states.get(State.EMPTY) and week_ago.get(State.ACCEPTED):
        advice = "See 'newsletter sources': most likely nothing new was read."
        alerts.append(Alert(f"empty:{edition}", f"{edition} had nothing for anybody", facts, advice))
    return alerts


def word_clock(failing: Sequence[StepFailure], set_aside: SetAside | None) -> list[str]:
    """Return a sentence for each step of the clock that fails, and one for what was set aside."""
    lines = [
        f"the clock's step '{failure.step}' fails since {failure.since:%Y-%m-%d %H:%M} UTC,"
        f" {failure.times} {'time' if failure.times == 1 else 'times in a row'}: {failure.error}"
        for failure in failing
    ]
    if set_aside:
        lines.append(
            f"mail that came in could not be handled and is set aside, {set_aside.count} in"
            f" {SHOWN_SET_ASIDE.days} days, last {set_aside.at:%Y-%m-%d %H:%M} UTC: {set_aside.why}"
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
        "sources": {one.source: {"failures": one.failures, "why": one.why} for one in health.sources},
        "editions": {
            edition: {
                "due": sum(states.values()),
                "pending": sum(states.get(state, 0) for state in PENDING),
                **{str(state): states.get(state, 0) for state in State if state not in PENDING},
            }
            for edition, states in health.counts.items()
        },
    }


def _set_aside_to_json(found: SetAside | None) -> dict[str, Any] | None:
    return {"count": found.count, "at": found.at.isoformat(), "why": found.why} if found else None


def build_metrics(health: Health) -> str:
    """Return the same as Prometheus reads it (text exposition format)."""
    registry = CollectorRegistry()
    deliveries = Gauge(
        "newsletter_deliveries", "Deliveries of the newest editions.", ["edition", "state"], registry=registry
    )
    for edition, states in health.counts.items():
        for state in State:
            deliveries.labels(edition, str(state)).set(states.get(state, 0))
    failures = Gauge(
        "newsletter_source_failures", "Looks in a row that failed.", ["source"], registry=registry
    )
    for source in health.sources:
        failures.labels(source.source).set(source.failures)
    steps = Gauge(
        "newsletter_step_failures", "Failures in a row of a step of the clock.", ["step"], registry=registry
    )
    for step in StepName:
        steps.labels(str(step)).set(next((f.times for f in health.failing if f.step is step), 0))
    numbers = {
        "newsletter_late": ("Deliveries that have waited for too long.", health.late),
        "newsletter_held": ("1 while sending is held.", int(bool(health.held))),
        "newsletter_refused": ("1 while this database may not send.", int(bool(health.refused))),
        "newsletter_ledger_contradictions": (
            "What does not fit together in the ledger.",
            len(health.contradictions),
        ),
        "newsletter_relays_paused": ("Relays that are left alone now.", len(health.paused)),
        "newsletter_mail_set_aside": (
            f"Messages of the last {SHOWN_SET_ASIDE.days} days that came in and could not be handled.",
            health.set_aside.count if health.set_aside else 0,
        ),
        "newsletter_last_collect_timestamp_seconds": (
            "When the last look at the sources ended.",
            health.last_collect_at.timestamp() if health.last_collect_at else 0,
        ),
    }
    for name, (what, number) in numbers.items():
        Gauge(name, what, registry=registry).set(number)
    return generate_latest(registry).decode()


def _by_edition(counts: Sequence[LedgerCount]) -> dict[str, dict[State, int]]:
    editions: dict[str, dict[State, int]] = {}
    for count in counts:
        editions.setdefault(count.edition, {})[count.state] = count.count
    return editions


def _is_broken(source: SourceHealth) -> bool:
    return source.failures >= _BROKEN_AFTER
