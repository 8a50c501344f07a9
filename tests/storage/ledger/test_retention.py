"""What ages in the ledger, and what stays."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from newsletter.model.digest import Shown
from newsletter.model.ledger import DeliveryFilter, Kind, LedgerCounts, QueuedNotice, Snapshot, State
from newsletter.model.mail import Notice, Outcome
from newsletter.storage import Database, Ledger
from newsletter.storage.tables import attempts, contents
from tests.storage.ledger.cases import ACCEPTED, DEFERRED, DIGESTS, ONE_DAY, REJECTED, UNCERTAIN
from tests.support.builders import DAY
from tests.support.given import (
    DUE,
    NOW,
    given_entries,
    given_in_data,
    given_instance,
    given_queued,
    given_reader,
    load_row,
    make_snapshot,
    settle,
)
from tests.support.statements import load_values

EDITION = DAY.isoformat()
LATER = DUE + timedelta(days=30)


async def given_sent(
    database: Database,
    outcome: Outcome = ACCEPTED,
    address: str = "ada@example.org",
    snapshot: Snapshot | None = None,
) -> None:
    """A digest of DAY with this outcome."""
    reader, instance = await given_reader(database, address), await given_instance(database)
    delivery = await given_in_data(database, reader, instance, snapshot=snapshot)
    await settle(Ledger(database), delivery, instance, outcome)


@pytest.mark.parametrize(
    ("outcome", "is_kept"), [(ACCEPTED, False), (REJECTED, False), (DEFERRED, True), (UNCERTAIN, True)]
)
async def test_contents_go_unless_the_mail_may_still_be_sent(
    database: Database, outcome: Outcome, is_kept: bool
) -> None:
    await given_sent(database, outcome)
    ledger = Ledger(database)
    before = await load_row(database)

    assert await ledger.retention.drop_contents(DUE) == 0, "it is not before its own slot"
    assert await load_row(database) == before
    assert await ledger.retention.drop_contents(LATER) == (not is_kept)
    assert await ledger.retention.drop_contents(LATER) == 0

    after = await load_row(database)
    assert (after.snapshot is not None) == is_kept
    assert (after.state, after.attempt, after.last_reply) == (before.state, before.attempt, before.last_reply)
    assert await ledger.audit.find_contradictions(9) == []


async def test_what_readers_were_shown_stays_when_the_contents_go(database: Database) -> None:
    (entry,) = await given_entries(database, 1)
    await given_sent(database, snapshot=make_snapshot(entries=[entry.id]))
    ledger, reader = Ledger(database), (await load_row(database)).recipient
    shown = await ledger.reads.load_shown([reader])

    await ledger.retention.drop_contents(LATER)

    assert shown[reader] == Shown(frozenset({entry.id}), ever=True)
    assert await ledger.reads.load_shown([reader]) == shown


async def test_a_mail_whose_content_is_gone_is_not_sent_again(database: Database) -> None:
    await given_sent(database, REJECTED)
    await given_queued(database, await given_reader(database, "bo@example.org"))
    ledger = Ledger(database)
    await ledger.planning.expire(LATER)
    await ledger.retention.drop_contents(LATER)

    wanted = DeliveryFilter(EDITION, frozenset({State.REJECTED, State.EXPIRED}))
    assert await ledger.planning.retry(wanted, LATER, LATER + ONE_DAY) == (1, 0)

    assert (await ledger.reads.load_counts())[EDITION].states == {State.QUEUED: 1, State.REJECTED: 1}


async def test_notices_lose_what_they_said(database: Database) -> None:
    ada, ledger = await given_reader(database), Ledger(database)
    notice = QueuedNotice(Kind.LOGIN, "1", ada.id, ada.address, Notice("S", "", ("T",)), "en", NOW + ONE_DAY)
    await ledger.planning.queue_notice(notice, NOW)
    await ledger.retention.drop_contents(LATER)
    assert len(await load_values(database, select(contents.c.json))) == 1, "it waits"

    await ledger.planning.expire(LATER)
    await ledger.retention.drop_contents(LATER)

    assert await load_values(database, select(contents.c.json)) == []
    ((row, _),) = await ledger.reads.find(DeliveryFilter(kind=Kind.LOGIN))
    assert (row.state, row.content_json) == (State.EXPIRED, "")


async def test_rows_go_and_stay_counted_for_ever(database: Database) -> None:
    ledger = Ledger(database)
    await given_sent(database, ACCEPTED)
    await given_sent(database, REJECTED, "bo@example.org")
    await given_sent(database, UNCERTAIN, "cy@example.org")
    before = await ledger.reads.load_counts()
    await ledger.kept.keep(DAY + ONE_DAY)

    dropped = [await ledger.retention.drop_deliveries(LATER, at_once=2) for _ in range(3)]

    assert dropped == [2, 1, 0]
    assert await ledger.reads.load_counts() == before
    assert await load_values(database, select(func.count()).select_from(attempts)) == [0]
    await ledger.kept.keep(DAY + ONE_DAY)
    assert await ledger.reads.load_counts() == before


async def test_an_edition_of_which_some_rows_are_gone_still_adds_up(database: Database) -> None:
    ledger = Ledger(database)
    for address in ("ada@example.org", "bo@example.org", "cy@example.org"):
        await given_sent(database, ACCEPTED, address)

    await ledger.retention.drop_deliveries(LATER, at_once=1)

    assert (await ledger.reads.load_counts())[EDITION].states == {State.ACCEPTED: 3}
    await ledger.kept.keep(DAY + ONE_DAY)
    assert (await ledger.reads.load_counts())[EDITION].states == {State.ACCEPTED: 3}


async def test_what_is_pending_stays_however_old(database: Database) -> None:
    await given_queued(database, await given_reader(database))
    ledger = Ledger(database)

    assert await ledger.retention.drop_deliveries(LATER) == 0

    instance = await given_instance(database)
    assert len(await ledger.claims.claim(instance, NOW, 10, DIGESTS)) == 1


async def test_notices_that_are_gone_are_counted_by_kind(database: Database) -> None:
    ada, ledger = await given_reader(database), Ledger(database)
    for key in ("1", "2"):
        notice = QueuedNotice(
            Kind.LOGIN, key, ada.id, ada.address, Notice("S", "", ("T",)), "en", NOW + ONE_DAY
        )
        await ledger.planning.queue_notice(notice, NOW)
    await ledger.planning.expire(LATER)

    await ledger.retention.drop_deliveries(LATER, at_once=1)

    assert await ledger.reads.load_notice_counts() == {Kind.LOGIN: LedgerCounts({State.EXPIRED: 2})}
    assert await ledger.reads.load_counts() == {}


async def test_who_was_never_shown_anything_still_was_not(database: Database) -> None:
    await given_sent(database)
    ledger, other = Ledger(database), await given_reader(database, "bo@example.org")
    await ledger.retention.drop_deliveries(LATER)

    assert await ledger.reads.load_shown([other.id]) == {other.id: Shown()}
