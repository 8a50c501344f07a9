from __future__ import annotations

import asyncio
import json
from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import text

from newsletter.model.lateness import build_lateness
from newsletter.model.ledger import DeliveryFilter, Hold, HoldKind, Kind, LedgerCounts, State
from newsletter.model.readers import EmailAddress
from newsletter.model.reports import Noticed
from newsletter.model.sources import HeldBack, SourceHealth
from newsletter.model.steps import StepFailure, StepName
from newsletter.settings.config import AlertSettings
from newsletter.wiring import Newsletter
from newsletter.workflows.alerts import choose_alerts
from newsletter.workflows.health import Health, build_metrics, to_json, word_clock
from newsletter.workflows.pace import Pace
from tests.support.builders import at
from tests.support.invariants import check_invariants
from tests.support.office import IN_MEMORY, MORNING, Office
from tests.support.statements import execute, load_values


@pytest.fixture
def database_url() -> str:
    return IN_MEMORY


NOW = at("2026-06-16 12:00")


def make_failure(times: int, *, is_passing: bool = False) -> StepFailure:
    return StepFailure(StepName.INCOMING_MAIL, NOW, times, NOW, "cannot be read", is_passing)


def make_health(**changes: object) -> Health:
    facts: dict[str, object] = {
        "at": NOW,
        "counts": {},
        "late": 0,
        "held": "",
        "refused": "",
        "sources": (),
        "paused": {},
        "last_collect_at": NOW,
        **changes,
    }
    return Health(**facts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "keys"),
    [
        ({}, []),
        ({"late": 3}, ["late:2026-06-16"]),
        ({"refused": "an old copy"}, ["guard:2026-06-16"]),
        ({"contradictions": ("2026-06-16: 1 mails…",)}, ["ledger:2026-06-16"]),
        ({"paused": {"smtp:25": "by policy"}}, ["relay:smtp:25:2026-06-16"]),
        ({"sources": (SourceHealth("hf", 3), SourceHealth("other", 2))}, ["source:hf:2026-06-16"]),
        ({"held_back": (HeldBack("hf", 18, NOW - timedelta(days=3)),)}, ["archive:hf:2026-06-13"]),
        ({"failing": (make_failure(1),)}, ["step:incoming mail:2026-06-16"]),
        ({"failing": (make_failure(2, is_passing=True),)}, []),
        ({"failing": (make_failure(3, is_passing=True),)}, ["step:incoming mail:2026-06-16"]),
        ({"set_aside": Noticed(2, NOW, "why")}, ["set-aside:2026-06-16"]),
        ({"set_aside": Noticed(2, NOW - timedelta(days=1), "why")}, []),
        ({"counts": {"2026-06-16": LedgerCounts({State.ACCEPTED: 90, State.REJECTED: 4})}}, []),
        (
            {"counts": {"2026-06-16": LedgerCounts({State.ACCEPTED: 90, State.EXPIRED: 10})}},
            ["partial:2026-06-16"],
        ),
        (
            {"counts": {"2026-06-16": LedgerCounts({State.ACCEPTED: 1, State.EXPIRED: 9, State.QUEUED: 1})}},
            [],
        ),
        ({"counts": {"2026-06-16": LedgerCounts({State.EMPTY: 9})}}, []),
        (
            {
                "counts": {
                    "2026-06-16": LedgerCounts({State.EMPTY: 9}),
                    "2026-06-09": LedgerCounts({State.ACCEPTED: 8}),
                }
            },
            ["empty:2026-06-16"],
        ),
    ],
)
def test_what_the_operator_is_told(changes: dict[str, object], keys: list[str]) -> None:
    assert [alert.key for alert in choose_alerts(make_health(**changes))] == keys


def test_the_report_adds_up_and_the_metrics_say_the_same() -> None:
    health = make_health(
        counts={"2026-06-16": LedgerCounts({State.ACCEPTED: 7, State.DEFERRED: 2, State.EMPTY: 1})},
        late=2,
        lateness={"2026-06-16": build_lateness({0: 4, 1: 2, 400: 1})},
    )

    report = json.loads(json.dumps(to_json(health)))
    edition = report["editions"]["2026-06-16"]
    assert edition["due"] == edition["pending"] + sum(
        edition[str(state)] for state in State if str(state) in edition
    )
    assert not report["well"]
    metrics = build_metrics(health)
    assert 'newsletter_deliveries{edition="2026-06-16",state="accepted"} 7.0' in metrics
    assert "newsletter_late 2.0" in metrics
    assert report["lateness"]["2026-06-16"]["mails"] == 7
    assert report["lateness"]["2026-06-16"]["p99_s"] == 400
    for bound, below in [("1.0", 4), ("2.0", 6), ("300.0", 6), ("900.0", 7), ("+Inf", 7)]:
        assert f'newsletter_lateness_seconds_bucket{{edition="2026-06-16",le="{bound}"}} {below}.0' in metrics


def test_a_step_that_fails_is_in_the_report_and_the_metrics() -> None:
    health = make_health(failing=(make_failure(3),), set_aside=Noticed(2, NOW, "why"))

    report = json.loads(json.dumps(to_json(health)))
    assert not report["well"]
    assert report["steps_failing"]["incoming mail"]["times"] == 3
    assert report["mail_set_aside"]["count"] == 2
    metrics = build_metrics(health)
    assert 'newsletter_step_failures{step="incoming mail"} 3.0' in metrics
    assert "newsletter_mail_set_aside 2.0" in metrics
    first, second = word_clock(health.failing, health.set_aside)
    assert "'incoming mail' has failed since 2026-06-16 12:00 UTC, 3 times in a row: cannot be read" in first
    assert "2 in 7 days" in second


async def test_the_operator_is_told_once_by_mail(office: Office) -> None:
    await office.join("rcpt450-ada@example.org")
    await office.collect()
    office.clock.at = MORNING
    await office.send()
    office.clock.at = MORNING + timedelta(hours=3)
    newsletter = _with_alerts(office.newsletter)

    health = await newsletter.load_health()
    assert await newsletter.queue_alerts() == 1, health
    assert await newsletter.queue_alerts() == 0
    await newsletter.settings.save_hold(Hold(HoldKind.MANUAL, "something is wrong"))
    async with newsletter.sender(asyncio.Event()) as sender:
        report = await sender.send_pending()

    # The mail that is late is held; that it is told is not.
    assert report.stopped == "something is wrong"
    (message,) = office.sink.messages
    assert message.rcpt_to == "operator@example.org"
    assert b"Subject: Test Papers needs attention: 1 mails are overdue" in message.content


def _with_alerts(newsletter: Newsletter) -> Newsletter:
    settings = AlertSettings.model_construct(
        to=(EmailAddress("operator@example.org"),), late_after=timedelta(hours=1)
    )
    object.__setattr__(newsletter.config, "alerts", settings)
    return newsletter


async def test_a_canary_sends_so_many_and_no_more(office: Office) -> None:
    await office.join(*(f"reader{number}@example.org" for number in range(9)))
    await office.collect()
    office.clock.at = MORNING
    store = office.newsletter
    await store.planner.plan_due()

    async with store.sender(asyncio.Event()) as sender:
        report = await sender.send_pending(at_most=4)

    assert report.states[State.ACCEPTED] == len(office.sink.messages) == 4
    await office.send()
    assert len(office.sink.messages) == 9


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (
            "UPDATE outcomes SET answered_at = NULL",
            "2 mails have an attempt whose answer is not on record",
        ),
        ("DELETE FROM mails", "1 mails are called sent that were never begun"),
        ("DELETE FROM outcomes WHERE state = 'rejected'", "1 mails are in no state, or in two"),
        (
            "UPDATE subscribers SET counted_run = 0",
            "1 mails count as sent, but not in their readers' windows",
        ),
    ],
)
async def test_a_ledger_that_contradicts_itself_is_noticed(office: Office, tamper: str, said: str) -> None:
    await office.join("ada@example.org", "rcpt550-bo@example.org")
    await office.collect()
    office.clock.at = MORNING
    await office.send()
    assert (await office.newsletter.load_health()).is_well

    await execute(office.newsletter.database, text(tamper))
    await office.newsletter.upkeep.thin()

    health = await office.newsletter.load_health()
    assert any(f"2026-06-16: {said}" in found for found in health.contradictions), health.contradictions
    assert not health.is_well
    assert json.loads(json.dumps(to_json(health)))["ledger_contradictions"] == list(health.contradictions)


async def test_refusals_by_policy_stop_the_relay_and_the_operator_is_told(office: Office) -> None:
    await office.join(*(f"policy-r{number}@example.org" for number in range(30)))
    await office.collect()
    office.clock.at = MORNING
    newsletter = _with_alerts(office.newsletter)

    report = await office.send()

    states = Counter((await check_invariants(office)).values())
    assert "refuses our mail by policy" in report.stopped
    assert not states[State.REJECTED], "nobody can help it"
    assert 3 <= states[State.DEFERRED] <= 3 + newsletter.choose_mailer().connections
    assert states[State.QUEUED] == 30 - states[State.DEFERRED], "the rest waits, and is not burnt"
    office.others.add("operator@example.org")
    assert await newsletter.queue_alerts() >= 1
    alerts = DeliveryFilter(kind=Kind.ALERT)
    keys = [delivery.key for delivery, _ in await newsletter.ledger.reads.find(alerts)]
    assert any(key.startswith("relay:") for key in keys), keys


async def test_upkeep_makes_room_for_what_mails_will_say(office: Office) -> None:
    if office.newsletter.database.is_sqlite:
        pytest.skip("only PostgreSQL has partitions")
    await office.newsletter.upkeep.thin()

    months = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'contents'::regclass"
    assert await load_values(office.newsletter.database, text(months)) == [4], "three months, and the rest"


async def test_health_knows_what_is_due_now_and_how_quickly_it_goes_out(office: Office) -> None:
    await office.join("ada@example.org", "bob@example.org", "eve@example.org")
    await office.collect()
    assert (await office.newsletter.load_health()).sending is None

    office.clock.at = MORNING
    await office.newsletter.planner.plan_due()
    assert (await office.newsletter.load_health()).sending == Pace(0, 3, 1)
    async with office.newsletter.sender(asyncio.Event()) as sender:
        await sender.send_pending(at_most=1)
    office.clock.at = MORNING + timedelta(seconds=20)
    health = await office.newsletter.load_health()

    assert health.sending == Pace(1, 3, 20)
    assert to_json(health)["sending"] == {"due_now": 2, "per_second": 0.05, "remaining_s": 40}
    office.clock.at = MORNING + timedelta(minutes=3)
    assert (await office.newsletter.load_health()).sending == Pace(0, 2, 1)
