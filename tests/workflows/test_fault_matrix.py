"""Faults between plan and outcome, each with the five invariants of docs/reliability.md, on both engines."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from newsletter.errors import MailerError, StoreError
from newsletter.model import (
    BeginData,
    Consent,
    EmailAddress,
    Envelope,
    InstanceId,
    Settle,
    SmtpReply,
    State,
    Step,
)
from newsletter.storage import SqlDeliveryStore
from newsletter.workflows.build_edition import plan_due
from newsletter.workflows.send_edition import Sender
from tests.workflows.conftest import MORNING, Office

READERS = tuple(f"reader{number}@example.org" for number in range(12))


async def given_planned(office: Office, *addresses: str) -> None:
    await office.join(*(addresses or READERS))
    await office.collect()
    office.clock.at = MORNING
    store = office.newsletter
    await plan_due(store.subscribers, store.deliveries, office.clock.now(), timedelta(days=2))


@asynccontextmanager
async def sending(office: Office) -> AsyncIterator[Sender]:
    async with office.newsletter.sender(asyncio.Event()) as sender:
        yield sender


async def check_invariants(office: Office, edition: str = "2026-06-16") -> dict[str, State]:
    """Assert what must hold after every fault; return the states by address."""
    rows = await office.rows(edition)
    counts = [count for count in await office.newsletter.deliveries.load_counts() if count.edition == edition]
    # (i) one row a reader, (ii) they add up
    assert sum(count.count for count in counts) == len(rows)
    # (iii) one copy, or two under one name where the mail was uncertain
    copies = Counter(message.rcpt_to for message in office.sink.messages)
    for address, row in rows.items():
        assert copies[address] <= (2 if row.uncertain_at else 1), f"{address} has {copies[address]} copies"
        if row.state is State.ACCEPTED:
            assert copies[address] >= 1, f"{address} is called accepted and has nothing"
    names = {message.rcpt_to: message.message_id for message in office.sink.messages}
    assert all(names[message.rcpt_to] == message.message_id for message in office.sink.messages)
    # (iv) no entry in two digests that count
    for row in rows.values():
        if row.frozen:
            entries = [entry for entry, _, _ in row.frozen.entry_ids]
            assert len(entries) == len(set(entries))
    # (v) who has left got nothing since
    for address in copies:
        reader = await office.newsletter.subscribers.load(EmailAddress(address))
        assert reader is None or reader.consent is not Consent.UNCONFIRMED
    return {address: row.state for address, row in rows.items()}


async def given_dead_instance(office: Office) -> InstanceId:
    """An instance of this machine whose process is gone."""
    return await office.newsletter.deliveries.register_instance(
        "elsewhere", "boot", 1, MORNING - timedelta(hours=1)
    )


async def test_row_1_killed_after_planning(office: Office) -> None:
    await given_planned(office)

    await office.send()

    assert set((await check_invariants(office)).values()) == {State.ACCEPTED}
    assert len(office.sink.messages) == len(READERS)


async def test_row_2_killed_between_claim_and_data(office: Office) -> None:
    await given_planned(office)
    dead = await given_dead_instance(office)
    assert await office.newsletter.deliveries.claim(dead, office.clock.now(), 5, ())

    await office.send()

    assert set((await check_invariants(office)).values()) == {State.ACCEPTED}
    assert len(office.sink.messages) == len(READERS)


@pytest.mark.parametrize("taken", [True, False])
async def test_rows_3_and_4_killed_after_the_dot(office: Office, taken: bool) -> None:
    """Whether the 250 was read and not written down, or never came: both are the same from here."""
    await given_planned(office, "ada@example.org", "bo@example.org")
    deliveries = office.newsletter.deliveries
    dead = await given_dead_instance(office)
    (row, _) = await deliveries.claim(dead, office.clock.now(), 5, ())
    async with sending(office) as sender:
        (one,) = await sender._look_up([row])
        assert one.reader is not None
        mail = await sender._build(row, one.reader, one.shown)
        assert await deliveries.record(dead, [BeginData(row.id, 1, mail.frozen)], office.clock.now()) == [
            True
        ]
        if taken:
            session = await sender.mailer.begin(mail.envelope)
            assert not isinstance(session, SmtpReply)
            await session.data(mail.message)

    await office.send()

    states = await check_invariants(office)
    assert set(states.values()) == {State.ACCEPTED}
    settled = (await office.rows())[one.reader.address]
    assert (settled.resends, settled.uncertain_at is not None) == (1, True)
    assert Counter(message.rcpt_to for message in office.sink.messages)[one.reader.address] == 1 + taken


async def test_row_6_a_stop_finishes_the_mails_in_flight(office: Office) -> None:
    await given_planned(office)
    stop = asyncio.Event()
    office.sink.on_accepted = lambda _message: stop.set()

    async with office.newsletter.sender(stop) as sender:
        await sender.send_pending()

    states = Counter((await check_invariants(office)).values())
    assert states[State.UNCERTAIN] == 0
    assert states[State.ACCEPTED] == len(office.sink.messages)
    assert states[State.QUEUED] == len(READERS) - len(office.sink.messages) > 0
    await office.send()
    assert set((await check_invariants(office)).values()) == {State.ACCEPTED}


async def test_row_10_an_outcome_waits_for_a_store_that_is_away(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    await given_planned(office)
    real = SqlDeliveryStore.record
    away = 3

    async def record(store: SqlDeliveryStore, instance: InstanceId, steps: list[Step], now: object) -> object:
        nonlocal away
        if any(isinstance(step, Settle) for step in steps) and away:
            away -= 1
            raise StoreError("the server restarts", is_passing=True)
        return await real(store, instance, steps, now)  # type: ignore[arg-type]

    monkeypatch.setattr(SqlDeliveryStore, "record", record)
    monkeypatch.setattr("newsletter.workflows.ledger.PASSING_WAITS_S", (0.01,) * 10)
    await office.send()

    assert set((await check_invariants(office)).values()) == {State.ACCEPTED}
    assert len(office.sink.messages) == len(READERS)


async def test_row_11_the_answer_to_a_commit_is_lost(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    await given_planned(office)
    real = SqlDeliveryStore.record
    lost = 4

    async def record(store: SqlDeliveryStore, instance: InstanceId, steps: list[Step], now: object) -> object:
        nonlocal lost
        done = await real(store, instance, steps, now)  # type: ignore[arg-type]
        if lost:
            lost -= 1
            raise StoreError("the connection is lost", is_passing=True)
        return done

    monkeypatch.setattr(SqlDeliveryStore, "record", record)
    monkeypatch.setattr("newsletter.workflows.ledger.PASSING_WAITS_S", (0.01,) * 10)
    await office.send()

    assert set((await check_invariants(office)).values()) == {State.ACCEPTED}
    assert len(office.sink.messages) == len(READERS)


async def test_rows_13_and_14_two_processes_plan_and_send_at_once(office: Office) -> None:
    await office.join(*READERS)
    await office.collect()
    office.clock.at = MORNING

    await asyncio.gather(office.send(), office.send())
    await office.send()

    assert set((await check_invariants(office)).values()) == {State.ACCEPTED}
    assert len(office.sink.messages) == len(READERS)


@pytest.mark.parametrize(
    ("local", "state"),
    [
        ("rcpt450-", State.DEFERRED),
        ("data451-", State.DEFERRED),
        ("dot452-", State.DEFERRED),
        ("dot421-", State.DEFERRED),
        ("rcpt550-", State.REJECTED),
        ("dot554-", State.REJECTED),
        ("dropatrcpt-", State.DEFERRED),
        ("dropbeforedot-", State.UNCERTAIN),
        ("lostafterdot-", State.UNCERTAIN),
        ("dropafterdot-", State.UNCERTAIN),
        ("garbledafterdot-", State.UNCERTAIN),
    ],
)
async def test_rows_19_22_24_25_26_one_bad_recipient_leaves_the_rest_alone(
    office: Office, local: str, state: State
) -> None:
    await given_planned(office, f"{local}bad@example.org", *READERS)

    await office.send()

    states = await check_invariants(office)
    assert states.pop(f"{local}bad@example.org") is state
    assert set(states.values()) == {State.ACCEPTED}


async def test_row_20_greylisting_is_overcome_with_one_copy(office: Office) -> None:
    await given_planned(office, "grey450-ada@example.org")
    await office.send()
    assert await office.states() == {"grey450-ada@example.org": State.DEFERRED}

    office.clock.at += timedelta(minutes=10)
    await office.send()

    assert set((await check_invariants(office)).values()) == {State.ACCEPTED}
    assert len({message.mail_from for message in office.sink.messages}) == 1


async def test_row_21_a_storm_of_4xx_pauses_the_relay_and_passes(office: Office) -> None:
    bad = [f"rcpt451-r{number}@example.org" for number in range(30)]
    await given_planned(office, *bad)

    async with sending(office) as sender:
        report = await sender.send_pending()

    assert "defers nearly everything" in report.stopped
    states = Counter((await check_invariants(office)).values())
    assert states[State.DEFERRED] < 20, "no more than it takes to see the storm"
    assert states[State.QUEUED] == 30 - states[State.DEFERRED]
    with pytest.raises(MailerError, match="left alone until"):
        await office.newsletter.choose_mailer().begin(_envelope("ada@example.org"))
    office.clock.at += timedelta(minutes=6)
    session = await office.newsletter.choose_mailer().begin(_envelope("ada@example.org"))
    assert not isinstance(session, SmtpReply)
    await session.abandon()


async def test_row_31_a_digest_that_cannot_be_built_fails_alone(office: Office) -> None:
    await given_planned(office, "ada@example.org", "bo@example.org")
    reader = await office.newsletter.subscribers.load(EmailAddress("bo@example.org"))
    assert reader is not None
    broken = replace(reader, topics_json='["titel:((("]')
    await office.newsletter.subscribers.save([broken], office.clock.now(), "by hand")

    await office.send()

    assert await check_invariants(office) == {
        "ada@example.org": State.ACCEPTED,
        "bo@example.org": State.REJECTED,
    }
    assert "could not be built" in (await office.rows())["bo@example.org"].last_reply


async def test_row_34_who_leaves_or_is_suppressed_or_erased_after_planning_gets_nothing(
    office: Office,
) -> None:
    await given_planned(office, "left@example.org", "erased@example.org", "stays@example.org")
    store = office.newsletter.subscribers
    left, erased = [await store.load(EmailAddress(f"{name}@example.org")) for name in ("left", "erased")]
    assert left is not None
    assert erased is not None
    await store.save([replace(left, consent=Consent.LEFT)], office.clock.now(), "left")
    assert await store.erase(erased.id, office.clock.now())

    await office.send()

    assert [message.rcpt_to for message in office.sink.messages] == ["stays@example.org"]
    counts = {count.state: count.count for count in await office.newsletter.deliveries.load_counts()}
    assert counts == {State.ACCEPTED: 1, State.SUPPRESSED: 2}


async def test_row_8_copies_of_the_database_at_random_moments_open_and_add_up(office: Office) -> None:
    file = office.newsletter.database.file
    if file is None:
        pytest.skip(
            "power loss is simulated by copying the files of SQLite; PostgreSQL's log is its own promise"
        )
    await given_planned(office)
    copies: list[tuple[dict[str, bytes], int]] = []

    def copy_files(_message: object) -> None:
        endings = ("-wal", "")  # the log first: what a disk that keeps the order of writes can show
        found = {ending: file.with_name(file.name + ending) for ending in endings}
        copies.append(
            (
                {ending: path.read_bytes() for ending, path in found.items() if path.exists()},
                len(office.sink.messages),
            )
        )

    office.sink.on_accepted = copy_files
    await office.send()

    assert len(copies) == len(READERS)
    for number, (files, sent) in enumerate(copies):
        again = office.folder / f"copy{number}.db"
        for ending, content in files.items():
            again.with_name(again.name + ending).write_bytes(content)
        connection = sqlite3.connect(again)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        states = dict(connection.execute("SELECT state, count(*) FROM deliveries GROUP BY state").fetchall())
        connection.close()
        assert sum(states.values()) == len(READERS)
        known = states.get("accepted", 0) + states.get("in_data", 0)
        assert known >= sent, "a message was accepted that the ledger does not know to be on its way"


def _envelope(address: str) -> Envelope:
    return Envelope(EmailAddress("bounces@news.example.org"), EmailAddress(address))
