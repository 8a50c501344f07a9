"""Mails that are no digests: queued by what causes them, sent once, kept in the same ledger."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from newsletter.model.ledger import DeliveryFilter, Hold, HoldKind, Kind, LedgerCounts, QueuedNotice, State
from newsletter.model.mail import Notice
from newsletter.model.readers import Consent, EmailAddress, SubscriberId
from newsletter.workflows import send_pending
from newsletter.workflows.notices import find_recipient
from newsletter.workflows.send_pending import choose_claim
from newsletter.workflows.send_pipeline import SendReport
from tests.support.office import IN_MEMORY, MORNING, Office


@pytest.fixture
def database_url() -> str:
    return IN_MEMORY


HELLO = Notice(
    "Please confirm", "One click", ("Somebody asked for this.",), button="Yes", url="https://x.example"
)


async def queue(
    office: Office, address: str, key: str = "confirm:1", kind: Kind = Kind.CONFIRM
) -> SubscriberId:
    """Queue a notice to this address, which may be nobody's yet."""
    store, now = office.newsletter, office.clock.now()
    reader = await find_recipient(EmailAddress(address), store.subscribers, now)
    queued = QueuedNotice(kind, key, reader.id, reader.address, HELLO, "en", now + timedelta(days=1))
    await store.ledger.planning.queue_notice(queued, now)
    return reader.id


async def send(office: Office) -> SendReport:
    async with office.newsletter.sender(asyncio.Event()) as sender:
        return await sender.send_pending()


async def find(office: Office, kind: Kind = Kind.CONFIRM) -> dict[str, State]:
    found = await office.newsletter.ledger.reads.find(DeliveryFilter(kind=kind))
    return {address: delivery.state for delivery, address in found}


async def test_a_notice_is_sent_once_whatever_the_consent_of_its_reader(office: Office) -> None:
    reader = await queue(office, "new@example.org")
    await queue(office, "new@example.org")

    await office.newsletter.dispatcher(asyncio.Event()).send_notices()
    await office.newsletter.dispatcher(asyncio.Event()).send_notices()

    (mail,) = office.sink.messages
    assert mail.rcpt_to == "new@example.org"
    assert b"Subject: Please confirm" in mail.content
    assert await find(office) == {"new@example.org": State.ACCEPTED}
    loaded = await office.newsletter.subscribers.load_many([reader])
    assert loaded[reader].consent is Consent.UNCONFIRMED
    assert await office.newsletter.ledger.reads.load_notice_counts() == {
        Kind.CONFIRM: LedgerCounts({State.ACCEPTED: 1})
    }


async def test_notices_go_before_digests(office: Office) -> None:
    await office.join(*(f"reader{number}@example.org" for number in range(5)))
    await office.collect()
    office.clock.at = MORNING
    store = office.newsletter
    await store.planner.plan_due()
    await queue(office, "new@example.org")

    async with store.sender(asyncio.Event()) as sender:
        await sender.send_pending(at_most=1)

    assert [mail.rcpt_to for mail in office.sink.messages] == ["new@example.org"]


async def test_an_edition_sent_by_hand_takes_no_notice_along(office: Office) -> None:
    await queue(office, "new@example.org")

    async with office.newsletter.sender(asyncio.Event()) as sender:
        await sender.send_pending("2026-06-16")

    assert office.sink.messages == []


async def test_an_uncertain_notice_is_sent_once_more_as_it_was(office: Office) -> None:
    address = "dropafterdot-new@example.org"
    await queue(office, address)

    await send(office)

    assert len(office.sink.messages) == 2
    assert len({mail.content for mail in office.sink.messages}) == 1
    assert await find(office) == {address: State.UNCERTAIN}


async def test_a_deferred_notice_is_tried_again(office: Office) -> None:
    address = "grey451-new@example.org"
    await queue(office, address)
    await send(office)
    assert await find(office) == {address: State.DEFERRED}

    office.clock.at += timedelta(minutes=10)
    await send(office)

    assert await find(office) == {address: State.ACCEPTED}


async def test_while_sending_is_held_only_alerts_go_out(office: Office) -> None:
    await queue(office, "new@example.org")
    await queue(office, "operator@example.org", "alert:1", Kind.ALERT)
    await office.newsletter.settings.save_hold(Hold(HoldKind.MANUAL, "the relay is being moved"))

    await office.newsletter.dispatcher(asyncio.Event()).send_notices()

    assert [mail.rcpt_to for mail in office.sink.messages] == ["operator@example.org"]
    assert await find(office) == {"new@example.org": State.QUEUED}


async def test_a_notice_changes_nothing_of_what_a_reader_was_shown(office: Office) -> None:
    await office.join("ada@example.org")
    await office.collect()
    await queue(office, "ada@example.org", "changed:1", Kind.CHANGED)
    await send(office)

    reader = await office.newsletter.subscribers.load(EmailAddress("ada@example.org"))
    assert reader is not None
    shown = await office.newsletter.ledger.reads.load_shown([reader.id])
    assert shown[reader.id].ever is False
    office.clock.at = MORNING
    await office.send()
    assert await office.states() == {"ada@example.org": State.ACCEPTED}


@pytest.mark.parametrize(
    ("begun", "took_s", "connections", "expected"),
    [
        (200, 1.0, 16, 200),  # a quick relay: as many as are claimed at once at all
        (200, 20.0, 16, 20),
        (20, 2.0, 16, 20),
        (20, 0.1, 16, 40),  # it has become quicker
        (16, 100.0, 16, 16),  # one for each connection
        (3, 0.0, 16, 16),
    ],
)
def test_no_more_is_claimed_than_goes_out_in_two_seconds(
    begun: int, took_s: float, connections: int, expected: int
) -> None:
    assert choose_claim(begun, took_s, connections) == expected


async def test_a_confirmation_passes_the_digests_of_a_long_pass_to_a_slow_relay(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send_pending, "_CLAIM_LASTS_S", 0.2)
    readers = [f"reader{number}@example.org" for number in range(60)]
    await office.join(*readers)
    office.clock.at = MORNING
    await office.collect()
    office.use_relay(connections=2)
    office.sink.delay_s = 0.02

    sending = asyncio.create_task(office.send())
    while len(office.sink.messages) < 10:  # noqa: ASYNC110 - the sink has no event for it
        await asyncio.sleep(0.005)
    before = len(office.sink.messages)
    await queue(office, "ada@example.org")
    await sending

    places = [place for place, one in enumerate(office.sink.messages) if one.rcpt_to == "ada@example.org"]
    assert len(office.sink.messages) == 61
    assert places
    assert places[0] < before + 35
