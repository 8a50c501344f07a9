"""Counts of editions that are over."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from newsletter.model.ledger import DeliveryFilter, DeliveryId, PlanResult, State
from newsletter.model.mail import Blame, Outcome, Weight
from newsletter.model.reports import BounceReport, ReportedRecipient, ReportKind
from newsletter.storage import Database, FeedbackStore, Ledger
from newsletter.storage.tables import kept_counts
from tests.storage.ledger.cases import ACCEPTED, DEFERRED, ONE_DAY, REJECTED, UNCERTAIN
from tests.support.builders import DAY
from tests.support.given import (
    NOW,
    given_in_data,
    given_instance,
    given_queued,
    given_reader,
    make_plan,
    plan_one,
    settle,
)
from tests.support.statements import load_values

TOMORROW = DAY + ONE_DAY
EDITION = DAY.isoformat()


async def given_settled(database: Database, outcome: Outcome, address: str = "ada@example.org") -> DeliveryId:
    """A digest of DAY with this outcome."""
    instance = await given_instance(database)
    delivery = await given_in_data(database, await given_reader(database, address), instance)
    await settle(Ledger(database), delivery, instance, outcome)
    return delivery.id


async def list_kept(database: Database) -> list[str]:
    return await load_values(database, select(kept_counts.c.key).distinct())


@pytest.mark.parametrize(
    ("outcome", "is_over"), [(ACCEPTED, True), (REJECTED, True), (DEFERRED, False), (UNCERTAIN, False)]
)
async def test_an_edition_is_over_when_nothing_of_it_is_open(
    database: Database, outcome: Outcome, is_over: bool
) -> None:
    await given_settled(database, outcome)
    ledger = Ledger(database)
    before = await ledger.reads.load_counts()

    assert await ledger.kept.keep(DAY) == [], "it is not old enough"
    assert await ledger.kept.keep(TOMORROW) == [EDITION] * is_over
    assert await ledger.kept.keep(TOMORROW) == [], "what is kept is not counted again"

    assert await list_kept(database) == [EDITION] * is_over
    assert await ledger.reads.load_counts() == before


async def test_what_changes_an_edition_that_is_over_has_it_counted_again(database: Database) -> None:
    accepted = await given_settled(database, ACCEPTED)
    await given_settled(database, REJECTED, "bo@example.org")
    ledger = Ledger(database)

    await ledger.kept.keep(TOMORROW)
    gone = ReportedRecipient(
        "ada@example.org", ReportKind.HARD, "5.1.1", "gone", Blame.RECIPIENT, Weight.GONE
    )
    report = BounceReport(ReportKind.HARD, (gone,))
    assert await FeedbackStore(database).note("report", report, accepted, NOW)
    assert (await ledger.reads.load_counts())[EDITION].states == {State.REJECTED: 2}

    await ledger.kept.keep(TOMORROW)
    wanted = DeliveryFilter(EDITION, frozenset({State.REJECTED}))
    assert await ledger.planning.retry(wanted, NOW, NOW + ONE_DAY) == (2, 0)
    assert (await ledger.reads.load_counts())[EDITION].states == {State.DEFERRED: 2}


async def test_a_plan_for_an_edition_that_is_over_is_counted(database: Database) -> None:
    await given_settled(database, ACCEPTED)
    ledger = Ledger(database)
    await ledger.kept.keep(TOMORROW)

    late = await given_reader(database, "bo@example.org")
    assert await plan_one(ledger, late, make_plan()) is PlanResult.PLANNED

    assert (await ledger.reads.load_counts())[EDITION].states == {State.QUEUED: 1, State.ACCEPTED: 1}


async def test_pending_digests_are_counted_of_all_editions_or_of_one(database: Database) -> None:
    await given_settled(database, ACCEPTED, "cy@example.org")
    await given_queued(database, await given_reader(database))
    await given_queued(database, await given_reader(database, "bo@example.org"), days=1)
    reads = Ledger(database).reads

    assert await reads.count_pending() == 2
    assert await reads.count_pending(EDITION) == 1
    assert await reads.count_pending((DAY + timedelta(days=9)).isoformat()) == 0
