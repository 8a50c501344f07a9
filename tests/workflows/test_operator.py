"""What an operator settles by hand, and the guard against sending from an old copy."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest

from newsletter.compose.subscription import pause
from newsletter.model.ledger import DeliveryFilter, State
from newsletter.model.readers import Consent, ConsentMove, EmailAddress, Subscriber
from newsletter.settings.config import load_config
from newsletter.storage.backup import backup
from newsletter.wiring import open_newsletter
from tests.support.office import MORNING, Office

ADA = EmailAddress("ada@example.org")
DAY = timedelta(days=1)


async def given_sent(office: Office, *addresses: str) -> None:
    await office.join(*addresses)
    await office.collect()
    office.clock.at = MORNING
    await office.send()


async def test_deliveries_are_found_by_edition_state_domain_and_reason(office: Office) -> None:
    await given_sent(office, "ada@example.org", "rcpt550-bo@example.net", "rcpt450-cy@example.net")
    find = office.newsletter.ledger.reads.find

    async def addresses(wanted: DeliveryFilter) -> list[str]:
        return [address for _, address in await find(wanted)]

    assert await addresses(DeliveryFilter(edition="2026-06-16", states=frozenset({State.ACCEPTED}))) == [ADA]
    assert len(await addresses(DeliveryFilter(domain="example.net"))) == 2
    assert await addresses(DeliveryFilter(reason="NO SUCH mailbox")) == ["rcpt550-bo@example.net"]
    assert await addresses(DeliveryFilter(edition="2026-06-15")) == []


async def test_retry_sends_just_the_failed_ones_again(office: Office) -> None:
    await given_sent(office, "ada@example.org", "dot554-bo@example.org")
    assert (await office.states())["dot554-bo@example.org"] is State.REJECTED
    ledger, now = office.newsletter.ledger, office.clock.now()
    wanted = DeliveryFilter(edition="2026-06-16", states=frozenset({State.REJECTED}))

    assert await ledger.planning.retry(wanted, now, now + DAY) == (1, 0)
    await office.send()

    row = (await office.rows())["dot554-bo@example.org"]
    assert (row.state, row.attempt) == (State.REJECTED, 2)
    assert [message.rcpt_to for message in office.sink.messages] == [ADA]


async def test_retry_leaves_alone_what_a_later_digest_has_covered(office: Office) -> None:
    await given_sent(office, "dot554-bo@example.org")
    office.clock.at = MORNING + DAY
    await office.send()
    # The second one fails as well; nobody has covered that one.
    ledger, now = office.newsletter.ledger, office.clock.now()
    states = frozenset({State.REJECTED})
    await ledger.planning.retry(DeliveryFilter("2026-06-17", states), now, now + DAY)

    assert await ledger.planning.retry(DeliveryFilter("2026-06-16", states), now, now + DAY) == (0, 1)


@pytest.mark.parametrize(("accepted", "copies"), [(True, 1), (False, 2)])
async def test_an_uncertain_mail_is_settled_by_hand(office: Office, accepted: bool, copies: int) -> None:
    await given_sent(office, "dropafterdot-ada@example.org")
    (row,) = (await office.rows()).values()
    ledger = office.newsletter.ledger
    assert row.state is State.UNCERTAIN
    before = len(office.sink.messages)

    expires_at = office.clock.now() + DAY
    assert await ledger.recording.resolve(row.id, accepted, "the relay's log", expires_at)
    assert not await ledger.recording.resolve(row.id, accepted, "twice", expires_at)
    await office.send()

    assert len(office.sink.messages) - before == copies - 1
    assert len({message.message_id for message in office.sink.messages}) == 1


async def test_who_pauses_until_a_day_gets_then_what_one_digest_covers(office: Office) -> None:
    await office.join("ada@example.org")
    reader = await office.newsletter.subscribers.load(ADA)
    assert reader is not None
    paused = pause(reader, (MORNING + 3 * DAY).date(), office.clock.now())
    assert isinstance(paused, Subscriber)
    await office.newsletter.subscribers.save([paused], office.clock.now(), "paused", move=ConsentMove.PAUSE)
    await office.collect()
    for days in range(3):
        office.clock.at = MORNING + days * DAY
        await office.send()
    assert not office.sink.messages
    assert (paused.wake_at, paused.next_due_at) == (MORNING + 2 * DAY, MORNING + 3 * DAY)

    newest = await office.newsletter.entries.newest_run()
    assert await office.newsletter.subscribers.wake(office.clock.now(), newest) == 1
    assert await office.newsletter.subscribers.wake(office.clock.now(), newest) == 0

    awake = await office.newsletter.subscribers.load(ADA)
    assert awake is not None
    assert (awake.consent, awake.counted_run) == (Consent.CONFIRMED, newest)


async def test_an_erased_reader_leaves_counts_and_nothing_else(office: Office) -> None:
    await given_sent(office, "ada@example.org", "rcpt450-bo@example.org")
    store = office.newsletter.subscribers
    for address in ("ada@example.org", "rcpt450-bo@example.org"):
        reader = await store.load(EmailAddress(address))
        assert reader is not None
        assert await store.erase(reader.id)

    (counts,) = (await office.newsletter.ledger.reads.load_counts()).values()
    assert counts.states == {State.ACCEPTED: 1, State.SUPPRESSED: 1}
    office.clock.at += timedelta(hours=1)
    await office.send()
    assert len(office.sink.messages) == 1
    if office.newsletter.database.file:
        with closing(sqlite3.connect(office.newsletter.database.file)) as connection:
            dump = "\n".join(connection.iterdump())
        assert "ada@example.org" not in dump
        assert "bo@example.org" not in dump


async def test_a_database_that_was_put_back_mails_nobody_until_the_operator_says_so(office: Office) -> None:
    file = office.newsletter.database.file
    if file is None:
        pytest.skip("the copy is made of a file")
    await office.join("ada@example.org", "rcpt450-bo@example.org")
    await office.collect()
    await backup(office.newsletter.database, office.folder / "evening.db")
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("VACUUM INTO ?", (str(office.folder / "by-hand.db"),))
    office.clock.at = MORNING
    await office.send()
    assert len(office.sink.messages) == 1

    config = load_config(office.folder / "config.yaml", {"DATABASE": f"sqlite:///{file}"})
    for copy in ("evening.db", "by-hand.db"):
        for ending in ("", "-wal", "-shm"):
            file.with_name(file.name + ending).unlink(missing_ok=True)
        shutil.copy(office.folder / copy, file)
        async with open_newsletter(config, clock=office.clock) as newsletter:
            restored = replace(office, newsletter=newsletter)
            report = await restored.send()
            assert "restored" in report.stopped
            assert len(office.sink.messages) == 1, "nobody gets yesterday's mail again"

    async with open_newsletter(config, clock=office.clock) as newsletter:
        await newsletter.guard.accept()
        assert await newsletter.guard.check() == ""


async def test_a_zone_with_other_rules_moves_the_coming_slot(office: Office) -> None:
    await office.join("ada@example.org")
    reader = await office.newsletter.subscribers.load(ADA)
    assert reader is not None
    assert reader.next_due_at == MORNING
    moved = replace(reader, next_due_at=MORNING - timedelta(hours=1))  # as older rules had it
    await office.newsletter.subscribers.save([moved], office.clock.now(), "by hand")

    await office.newsletter.planner.prepare()

    reader = await office.newsletter.subscribers.load(ADA)
    assert reader is not None
    assert reader.next_due_at == MORNING
