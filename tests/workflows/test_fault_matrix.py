"""Faults between plan and outcome, each with the five invariants of docs/reliability.md, on both engines."""

from __future__ import annotations

import asyncio
import sqlite3
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, create_engine, make_url, text, update

from newsletter.errors import MailerError, StoreError
from newsletter.model.ledger import (
    BeginData,
    Delivery,
    InstanceId,
    LedgerStep,
    PauseKind,
    RecordOutcome,
    State,
)
from newsletter.model.mail import Envelope, SmtpReply
from newsletter.model.readers import EmailAddress
from newsletter.storage.ledger.recording import Recording
from newsletter.storage.suppressions import suppress
from newsletter.storage.tables import settings
from newsletter.workflows.mended_relays import try_failed_relays
from newsletter.workflows.send_pending import Sender
from tests.support.builders import at
from tests.support.invariants import check_invariants
from tests.support.office import MORNING, Office
from tests.support.statements import execute

READERS = tuple(f"reader{number}@example.org" for number in range(12))


async def given_planned(office: Office, *addresses: str) -> None:
    await office.join(*(addresses or READERS))
    await office.collect()
    office.clock.at = MORNING
    store = office.newsletter
    await store.planner.plan_due()


@asynccontextmanager
async def sending(office: Office) -> AsyncIterator[Sender]:
    async with office.newsletter.sender(asyncio.Event()) as sender:
        yield sender


async def given_dead_instance(office: Office) -> InstanceId:
    """An instance of this machine whose process is gone."""
    return await office.newsletter.ledger.claims.register_instance(
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
    assert await office.newsletter.ledger.claims.claim(dead, office.clock.now(), 5, ())

    await office.send()

    assert set((await check_invariants(office)).values()) == {State.ACCEPTED}
    assert len(office.sink.messages) == len(READERS)


@pytest.mark.parametrize("taken", [True, False])
async def test_rows_3_and_4_killed_after_the_dot(office: Office, taken: bool) -> None:
    """Whether the 250 was read and not written down, or never came: both are the same from here."""
    await given_planned(office, "ada@example.org", "bo@example.org")
    ledger = office.newsletter.ledger
    dead = await given_dead_instance(office)
    (row, _) = await ledger.claims.claim(dead, office.clock.now(), 5, ())
    async with sending(office) as sender:
        (one,) = await sender._look_up([row])
        assert one.reader is not None
        mail = await sender._build(row, one.reader, one.shown)
        assert await ledger.recording.record(
            dead, [BeginData(row.id, 1, mail.snapshot)], office.clock.now()
        ) == [True]
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
        report = await sender.send_pending()

    assert (report.stopped, report.failed) == ("", False), "a stop that was asked for is no failure"
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
    real = Recording.record
    away = 3

    async def record(
        recording: Recording, instance: InstanceId, steps: list[LedgerStep], now: object, *, guarded: bool
    ) -> object:
        nonlocal away
        if any(isinstance(step, RecordOutcome) for step in steps) and away:
            away -= 1
            raise StoreError("the server restarts", is_passing=True)
        return await real(recording, instance, steps, now, guarded=guarded)  # type: ignore[arg-type]

    monkeypatch.setattr(Recording, "record", record)
    monkeypatch.setattr("newsletter.workflows.ledger.PASSING_WAITS_S", (0.01,) * 10)
    await office.send()

    assert set((await check_invariants(office)).values()) == {State.ACCEPTED}
    assert len(office.sink.messages) == len(READERS)


async def test_row_11_the_answer_to_a_commit_is_lost(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    await given_planned(office)
    real = Recording.record
    lost = 4

    async def record(
        recording: Recording, instance: InstanceId, steps: list[LedgerStep], now: object, *, guarded: bool
    ) -> object:
        nonlocal lost
        done = await real(recording, instance, steps, now, guarded=guarded)  # type: ignore[arg-type]
        if lost:
            lost -= 1
            raise StoreError("the connection was lost", is_passing=True)
        return done

    monkeypatch.setattr(Recording, "record", record)
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
        ("policy-", State.DEFERRED),
        ("dropatrcpt-", State.DEFERRED),
    ],
)
async def test_rows_19_and_22_one_refused_recipient_leaves_the_rest_alone(
    office: Office, local: str, state: State
) -> None:
    bad = f"{local}bad@example.org"
    await given_planned(office, bad, *READERS)

    await office.send()

    states = await check_invariants(office)
    assert states.pop(bad) is state
    assert set(states.values()) == {State.ACCEPTED}
    row = (await office.rows())[bad]
    assert row.attempt == 1
    if state is State.DEFERRED:
        assert row.next_attempt_at is not None
        wait = row.next_attempt_at - office.clock.now()
        assert timedelta(minutes=5) <= wait <= timedelta(minutes=6), "back-off with jitter"
    # Only "no such mailbox" (the sink's 550) ends more than this one mail.
    suppressed = await office.newsletter.subscribers.load_suppressed([EmailAddress(bad)])
    assert bool(suppressed) == (local == "rcpt550-")


@pytest.mark.parametrize("where", ["greeting", "mail"])
async def test_row_19_a_relay_that_is_busy_is_asked_again_later(office: Office, where: str) -> None:
    await given_planned(office, *READERS[:3])
    setattr(office.sink, where, "421 4.3.2 too busy" if where == "greeting" else "451 4.3.0 later")

    await office.send()

    assert set((await check_invariants(office)).values()) == {State.DEFERRED}
    office.sink.greeting, office.sink.mail = "220 ready", ""
    office.clock.at += timedelta(minutes=10)
    await office.send()
    assert set((await check_invariants(office)).values()) == {State.ACCEPTED}


@pytest.mark.parametrize(
    ("local", "copies"),
    [
        ("once-dropbeforedot-", 1),  # row 24: the end of the message was never sent
        ("once-dropafterdot-", 2),  # row 25: accepted, and nobody heard it
        ("once-garbledafterdot-", 2),
        ("once-lostafterdot-", 1),  # row 26: not accepted
    ],
)
async def test_rows_24_25_26_silence_is_uncertain_and_sent_once_more(
    office: Office, local: str, copies: int
) -> None:
    bad = f"{local}bad@example.org"
    await given_planned(office, bad, *READERS)

    await office.send()

    assert set((await check_invariants(office)).values()) == {State.ACCEPTED}
    row = (await office.rows())[bad]
    assert (row.resends, row.uncertain_at) == (1, MORNING), "the row says for ever that it was uncertain"
    assert sum(message.rcpt_to == bad for message in office.sink.messages) == copies


@pytest.mark.parametrize(("local", "copies"), [("dropafterdot-", 1), ("lostafterdot-", 0)])
async def test_rows_25_26_with_hold_nothing_is_sent_again_and_it_is_visible(
    office: Office, local: str, copies: int
) -> None:
    bad = f"{local}bad@example.org"
    await given_planned(office, bad, *READERS)
    async with sending(office) as sender:
        await replace(sender, resend=frozenset()).send_pending()
    async with sending(office) as sender:
        await replace(sender, resend=frozenset()).send_pending()

    states = await check_invariants(office)
    assert states.pop(bad) is State.UNCERTAIN
    assert set(states.values()) == {State.ACCEPTED}
    assert sum(message.rcpt_to == bad for message in office.sink.messages) == copies


async def test_row_20_greylisting_is_overcome_with_one_copy(office: Office) -> None:
    await given_planned(office, "grey450-ada@example.org")
    await office.send()
    assert await office.states() == {"grey450-ada@example.org": State.DEFERRED}

    office.clock.at += timedelta(minutes=10)
    await office.send()

    assert set((await check_invariants(office)).values()) == {State.ACCEPTED}
    assert len({message.mail_from for message in office.sink.messages}) == 1


async def test_row_21_a_storm_of_4xx_pauses_the_relay_and_passes(office: Office) -> None:
    """Nine of ten are deferred for half an hour, with a pass each minute."""
    readers = [f"{'storm451-' if number % 10 else ''}r{number}@example.org" for number in range(40)]
    await given_planned(office, *readers)
    office.sink.storm = True

    async with sending(office) as sender:
        report = await sender.send_pending()

    assert "defers nearly all mail" in report.stopped
    states = Counter((await check_invariants(office)).values())
    assert states[State.DEFERRED] < 20, "no more than it takes to see the storm"
    assert states[State.QUEUED] > 15, "who was not tried is not charged"
    with pytest.raises(MailerError, match="paused until"):
        await office.newsletter.choose_mailer().begin(_envelope("ada@example.org"))
    for _ in range(30):
        office.clock.at += timedelta(minutes=1)
        await office.send()
    await check_invariants(office)
    tries = sum(command.startswith("RCPT") for command in office.sink.commands)
    assert tries <= 80, "no hot loop: a pass each minute would else have tried 36 readers 30 times"

    office.sink.storm = False
    for _ in range(8):
        office.clock.at += timedelta(hours=1)
        await office.send()
    assert set((await check_invariants(office)).values()) == {State.ACCEPTED}, "it recovers by itself"


async def test_row_21_a_mail_that_is_deferred_for_ever_expires(office: Office) -> None:
    await given_planned(office, "rcpt451-ada@example.org", "bo@example.org")
    for _ in range(18):
        office.clock.at += timedelta(hours=3)
        async with sending(office) as sender:
            await sender.send_pending()

    states = await check_invariants(office)
    assert states == {"rcpt451-ada@example.org": State.EXPIRED, "bo@example.org": State.ACCEPTED}
    assert (await office.rows())["rcpt451-ada@example.org"].attempt <= 20


async def test_row_23_a_refused_login_charges_nobody_and_the_operator_is_told(office: Office) -> None:
    await given_planned(office)
    office.sink.logins = {"ada": "right"}
    office.use_relay(username="ada", password="wr0ng")

    report = await office.send()

    assert "it refused the login as ada" in report.stopped
    assert set((await check_invariants(office)).values()) == {State.QUEUED}
    assert {row.attempt for row in (await office.rows()).values()} == {0}
    assert not any(command.startswith("MAIL") for command in office.sink.commands)
    pauses = await office.newsletter.settings.load_pauses()
    assert [pause.kind for pause in pauses.values()] == [PauseKind.UNUSABLE]
    office.use_relay(username="ada", password="right")  # as after a restart with the right one
    assert (await office.send()).stopped, "still left alone"
    office.use_relay(username="ada", password="right")  # as in a process of its own, by a 'send' by hand
    await try_failed_relays(office.newsletter.settings, office.clock)
    await office.send()
    assert set((await check_invariants(office)).values()) == {State.ACCEPTED}


@pytest.mark.parametrize(("wait_s", "state"), [(60.0, State.ACCEPTED), (0.2, State.UNCERTAIN)])
async def test_row_27_a_slow_answer_is_waited_for_and_others_go_on(
    office: Office, wait_s: float, state: State
) -> None:
    """As nine minutes of ten, and as eleven."""
    await given_planned(office, "slow-bad@example.org", *READERS)
    office.sink.slow_s = 0.6
    office.use_relay(data_timeout_s=wait_s)
    order: list[str] = []
    others = asyncio.Event()
    if state is State.ACCEPTED:
        office.sink.slow_until = others  # whoever waited for the slow one would wait for ever

    def note(delivery: Delivery, _state: State) -> None:
        order.append(str(delivery.recipient))
        if len(order) == len(READERS):
            others.set()

    async with office.newsletter.sender(asyncio.Event(), note) as sender:
        await replace(sender, resend=frozenset()).send_pending()

    states = await check_invariants(office)
    assert states.pop("slow-bad@example.org") is state
    assert set(states.values()) == {State.ACCEPTED}
    assert len(order) == len(READERS) + 1
    slow = (await office.rows())["slow-bad@example.org"].recipient
    assert wait_s < 1 or order[-1] == str(slow), "nobody waited for the slow one"


@pytest.mark.parametrize(
    ("fault", "settings"),
    [
        ({"mute": True}, {"connect_timeout_s": 0.2}),  # row 28: it never greets
        ({}, {"security": "starttls"}),  # row 30: it has no STARTTLS
        ({"greeting": "554 5.7.1 go away"}, {}),
        ({"hang_up_at": "connect"}, {}),
    ],
)
async def test_rows_28_and_30_a_relay_that_cannot_be_used_charges_nobody(
    office: Office, fault: dict[str, Any], settings: dict[str, Any]
) -> None:
    await given_planned(office)
    for name, value in fault.items():
        setattr(office.sink, name, value)
    office.use_relay(**settings)

    report = await office.send()

    assert report.stopped
    assert set((await check_invariants(office)).values()) == {State.QUEUED}
    assert {row.attempt for row in (await office.rows()).values()} == {0}
    assert not any(command.startswith(("MAIL", "AUTH")) for command in office.sink.commands), (
        "nothing in clear"
    )
    office.sink.mute, office.sink.greeting, office.sink.hang_up_at = False, "220 ready", ""
    office.use_relay()
    office.clock.at += timedelta(minutes=2)
    await office.send()
    assert set((await check_invariants(office)).values()) == {State.ACCEPTED}


async def test_row_30_a_certificate_that_nobody_vouches_for_is_refused(
    office: Office, server_tls: ssl.SSLContext
) -> None:
    await given_planned(office)
    office.sink.starttls = server_tls
    office.use_relay(security="starttls")

    report = await office.send()

    assert "certificate is not valid" in report.stopped
    assert set((await check_invariants(office)).values()) == {State.QUEUED}
    assert {command.split()[0] for command in office.sink.commands} == {"EHLO", "STARTTLS"}


@pytest.mark.parametrize("fault", [{"close_after": 1}, {"enough_after": 2}])
async def test_row_29_a_relay_that_closes_connections_costs_nothing(
    office: Office, fault: dict[str, Any]
) -> None:
    await given_planned(office)
    for name, value in fault.items():
        setattr(office.sink, name, value)

    await office.send()

    assert set((await check_invariants(office)).values()) == {State.ACCEPTED}
    assert len(office.sink.messages) == len(READERS)


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
    await given_planned(
        office, "left@example.org", "bounced@example.org", "erased@example.org", "stays@example.org"
    )
    store = office.newsletter.subscribers
    erased = await store.load(EmailAddress("erased@example.org"))
    assert erased is not None
    await office.leave("left@example.org")
    await office.newsletter.database.write(
        lambda connection: suppress(connection, "bounced@example.org", "5.1.1", office.clock.now())
    )
    assert await store.erase(erased.id)
    office.note_gone("bounced@example.org")
    office.note_gone("erased@example.org")

    await office.send()

    states = await check_invariants(office)
    assert states.pop("stays@example.org") is State.ACCEPTED
    assert list(states.values()) == [State.SUPPRESSED] * 3
    assert [message.rcpt_to for message in office.sink.messages] == ["stays@example.org"]


async def test_row_12_a_lock_of_another_process_makes_the_run_wait(office: Office, database_url: str) -> None:
    """SQLite has one lock for all; on PostgreSQL somebody changes the table by hand."""
    await given_planned(office)
    other = _open_beside(database_url).connect()
    is_sqlite = office.newsletter.database.is_sqlite
    known: list[int] = []

    def lock(_: object) -> None:
        if not known:
            other.exec_driver_sql("BEGIN IMMEDIATE" if is_sqlite else "LOCK TABLE queue")
            known.append(0)
            asyncio.get_running_loop().call_later(1.0, let_go)

    def let_go() -> None:
        known[0] = len(office.sink.messages)
        other.rollback()

    office.sink.on_accepted = lock
    await office.send()
    other.close()
    other.engine.dispose()

    assert known[0] <= office.newsletter.choose_mailer().connections, "no mail begins that cannot be recorded"
    assert set((await check_invariants(office)).values()) == {State.ACCEPTED}
    assert len(office.sink.messages) == len(READERS)


@pytest.mark.parametrize("down", [5, 9 * 60, 11 * 60, 6 * 3600, 3 * 86400])
async def test_row_17_an_outage_over_the_slot_is_made_good_with_one_digest(office: Office, down: int) -> None:
    await office.join(*READERS[:3])
    await office.collect()
    office.clock.at = MORNING + timedelta(seconds=down)

    await office.send()
    await office.send()

    await check_invariants(office)
    assert Counter(message.rcpt_to for message in office.sink.messages) == dict.fromkeys(READERS[:3], 1)
    newest = f"{office.clock.at:%Y-%m-%d}"
    for day in range((office.clock.at - MORNING).days + 1):
        key = f"{MORNING + timedelta(days=day):%Y-%m-%d}"
        expected = State.ACCEPTED if key == newest else State.SKIPPED
        assert set((await office.states(key)).values()) == {expected}


@pytest.mark.parametrize("start", ["2026-03-29", "2026-10-04", "2026-11-01"])
async def test_row_16_each_zone_gets_one_digest_a_day_over_a_change_of_the_clock(
    office: Office, start: str
) -> None:
    """The nights in which Berlin and Lord Howe skip 02:15, and the one after New York has had an hour twice."""
    zones = ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia")
    office.clock.at = at(f"{start} 18:00") - timedelta(days=1)
    (office.folder / "subscribers.yaml").write_text(
        "defaults: {days: daily, hour: '02:15'}\nsubscribers:\n"
        + "".join(
            f"  - {{address: r{number}@example.org, zone: {zone}, topics: [robot]}}\n"
            for number, zone in enumerate(zones)
        )
    )
    await office.newsletter.file.take_over()
    await office.collect()
    begun = office.clock.at
    for _ in range(2 * 12):
        office.clock.at += timedelta(hours=2)
        await office.send()

    for number, zone in enumerate(zones):
        first, last = [
            moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for moment in (begun, office.clock.at)
        ]
        due = [
            day
            for day in (first.date() + timedelta(days=days) for days in range(5))
            if first < datetime.combine(day, time(2, 15)) <= last
        ]
        reader = await office.newsletter.subscribers.load(EmailAddress(f"r{number}@example.org"))
        assert reader is not None
        rows = await office.newsletter.ledger.reads.load_of_reader(reader.id)
        assert sorted(row.key for row in rows) == [day.isoformat() for day in due], zone
        assert {row.state for row in rows} <= {State.ACCEPTED, State.EMPTY}
    copies = Counter(message.message_id for message in office.sink.messages)
    assert max(copies.values()) == 1


async def test_row_18_a_database_whose_counter_is_behind_sends_nothing(office: Office) -> None:
    await given_planned(office, "ada@example.org", "rcpt450-bo@example.org")
    await office.send()
    guard = office.newsletter.guard
    assert await guard.check() == ""
    as_before_the_last_claim = update(settings).where(settings.c.key.startswith("epoch:")).values(value="0")
    await execute(office.newsletter.database, as_before_the_last_claim)
    office.clock.at += timedelta(minutes=10)

    report = await office.send()

    assert "older than the mails that were sent last" in report.stopped
    assert len(office.sink.messages) == 1
    await check_invariants(office)
    await guard.accept()
    assert await guard.check() == ""


_STATES = """
    SELECT state, count(*) FROM (SELECT state FROM queue UNION ALL SELECT state FROM outcomes) GROUP BY state
"""


async def test_row_8_copies_of_the_database_at_each_message_open_and_add_up(office: Office) -> None:
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
        states = dict(connection.execute(_STATES).fetchall())
        connection.close()
        assert sum(states.values()) == len(READERS)
        known = states.get("accepted", 0) + states.get("in_data", 0)
        assert known >= sent, "a message was accepted that the ledger does not know to be on its way"


def _envelope(address: str) -> Envelope:
    return Envelope(EmailAddress("bounces@news.example.org"), EmailAddress(address))


def _open_beside(database_url: str) -> Engine:
    """Another program's way into the same database, as a backup has."""
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        return create_engine(url, connect_args={"timeout": 30, "check_same_thread": False})
    return create_engine(url.set(drivername="postgresql+psycopg"), isolation_level="REPEATABLE READ")


async def test_row_35_a_backup_holds_its_snapshot_all_the_while(office: Office, database_url: str) -> None:
    await given_planned(office)
    beside = _open_beside(database_url)
    count = text("SELECT count(*) FROM outcomes WHERE state = 'accepted'")

    with beside.connect() as backup:
        if office.newsletter.database.is_sqlite:
            backup.exec_driver_sql("BEGIN")
        assert backup.execute(count).scalar_one() == 0
        await office.send()
        assert backup.execute(count).scalar_one() == 0, "it sees what was when it began"
    beside.dispose()

    assert set((await check_invariants(office)).values()) == {State.ACCEPTED}
    assert len(office.sink.messages) == len(READERS)


async def test_row_36_the_database_is_vacuumed_in_the_middle_of_a_send(
    office: Office, database_url: str
) -> None:
    await given_planned(office)
    beside = _open_beside(database_url).execution_options(isolation_level="AUTOCOMMIT")
    vacuum = (
        "VACUUM" if office.newsletter.database.is_sqlite else "VACUUM FULL queue, mails, contents, outcomes"
    )
    going_on: list[asyncio.Task[None]] = []

    def run() -> None:
        with beside.connect() as connection:
            connection.exec_driver_sql(vacuum)

    def begin(_: object) -> None:
        if not going_on:
            going_on.append(asyncio.create_task(asyncio.to_thread(run)))

    office.sink.on_accepted = begin
    await office.send()
    await going_on[0]
    beside.dispose()

    assert set((await check_invariants(office)).values()) == {State.ACCEPTED}
    assert len(office.sink.messages) == len(READERS)


async def test_row_37_mails_age_in_the_middle_of_a_send(office: Office) -> None:
    await given_planned(office)
    await office.send()
    before = await office.newsletter.ledger.reads.load_counts()
    office.clock.at = MORNING + timedelta(days=1)
    await office.newsletter.planner.plan_due()
    retention = office.newsletter.ledger.retention

    async def age() -> int:
        gone = 0
        for _ in READERS:
            await retention.drop_contents(MORNING + timedelta(hours=1), 2)
            gone += await retention.drop_deliveries(MORNING + timedelta(hours=1), 2)
        return gone

    gone, _ = await asyncio.gather(age(), office.send())

    counts = await office.newsletter.ledger.reads.load_counts()
    assert {day: counts[day] for day in before} == before, "what is gone is counted"
    assert gone == len(READERS), "and nobody's newest mail went"
    newest = await office.newsletter.ledger.reads.load_edition(max(counts))
    assert {row.state for row, _ in newest} <= {State.ACCEPTED, State.EMPTY}
    assert len(newest) == len(READERS)
    assert await office.newsletter.ledger.audit.find_contradictions(9) == []
