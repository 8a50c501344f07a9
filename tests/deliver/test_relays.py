from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import date, timedelta

import pytest

from newsletter.deliver.outcome import choose_outcome, read_hint
from newsletter.deliver.relay_health import RelayHealth, note_failure, note_reply
from newsletter.deliver.relays import PooledSession, Relay, RelayPool
from newsletter.deliver.smtp import SmtpMailer
from newsletter.errors import MailerError, StoreError
from newsletter.model.ledger import PauseKind, RelayPause
from newsletter.model.mail import Deferred, Envelope, Silence, SmtpReply
from newsletter.model.readers import EmailAddress
from newsletter.model.servers import RelayConfig
from newsletter.storage import Database, SettingStore, open_database
from newsletter.workflows.mended_relays import try_failed_relays
from tests.support.builders import at
from tests.support.clock import SetClock
from tests.support.sink import Sink

NOW = at("2026-06-16 08:00")
MESSAGE = b"Message-ID: <one@example.org>\r\n\r\n.dots\r\n..and more\r\n"


def make_relay(sink: Sink, name: str, *, per_second: float = 0, per_day: int = 0) -> Relay:
    config = RelayConfig(host="127.0.0.1", port=sink.port, security="none", connect_timeout_s=5)
    return Relay(name, SmtpMailer(config), per_second, per_day)


@asynccontextmanager
async def pool(*relays: Relay, clock: SetClock | None = None) -> AsyncIterator[RelayPool]:
    database = await open_database("sqlite:///:memory:")
    made = RelayPool(relays, SettingStore(database), clock or SetClock(NOW))
    try:
        yield made
    finally:
        await made.close()
        await database.close()


async def send(relays: RelayPool, local: str = "ada", only: str = "") -> SmtpReply | Silence:
    envelope = Envelope(EmailAddress("bounces@example.org"), EmailAddress(f"{local}@example.org"))
    session = await relays.begin(envelope, only)
    return session if isinstance(session, SmtpReply) else await session.data(MESSAGE)


async def test_the_preferred_relay_gets_everything_while_it_works() -> None:
    async with (
        Sink() as first,
        Sink() as second,
        pool(make_relay(first, "1"), make_relay(second, "2")) as relays,
    ):
        replies = [await send(relays) for _ in range(3)]

    assert [reply.relay for reply in replies] == ["1", "1", "1"]
    assert (len(first.messages), len(second.messages)) == (3, 0)
    assert first.messages[0].content == MESSAGE


async def test_another_stands_in_for_a_relay_that_cannot_be_used() -> None:
    clock = SetClock(NOW)
    async with (
        Sink(greeting="554 go away") as first,
        Sink() as second,
        pool(make_relay(first, "1"), make_relay(second, "2"), clock=clock) as relays,
    ):
        assert (await send(relays)).relay == "2"
        assert (await send(relays)).relay == "2"
        assert first.connections == 1, "a relay that is unwell is left alone"
        first.greeting = "220 better"
        clock.at += timedelta(minutes=2)
        assert (await send(relays)).relay == "1"


@pytest.mark.parametrize("text", ["5.7.1 blocked", "5.1.8 Sender address rejected: Domain not found"])
async def test_another_stands_in_for_a_relay_that_finds_fault_with_us(text: str) -> None:
    async with (
        Sink(rcpt=f"550 {text}") as first,
        Sink() as second,
        pool(make_relay(first, "1"), make_relay(second, "2")) as relays,
    ):
        replies = [await send(relays) for _ in range(4)]

    assert [(reply.relay, str(reply)[:3]) for reply in replies] == [("2", "250")] * 4


async def test_what_is_wrong_with_a_mail_or_its_recipient_no_other_relay_is_asked_about() -> None:
    async with (
        Sink(rcpt="550 5.1.1 no such user") as first,
        Sink() as second,
        pool(make_relay(first, "1"), make_relay(second, "2")) as relays,
    ):
        assert (await send(relays)).relay == "1"
        assert not second.messages


async def test_a_refusal_of_us_after_the_message_goes_to_the_other_relay_at_once() -> None:
    async with (
        Sink(dot="550 5.4.5 Daily user sending limit exceeded") as first,
        Sink() as second,
        pool(make_relay(first, "1"), make_relay(second, "2")) as relays,
    ):
        reply = await send(relays)
        assert isinstance(reply, SmtpReply)
        assert (reply.relay, reply.elsewhere) == ("1", True)
        assert choose_outcome(reply, 1, NOW, jitter=1) == Deferred(str(reply), NOW)
        assert (await send(relays)).relay == "2"


async def test_a_message_that_one_relay_may_have_taken_is_not_given_to_another() -> None:
    async with (
        Sink() as first,
        Sink() as second,
        pool(make_relay(first, "1"), make_relay(second, "2")) as relays,
    ):
        reply = await send(relays, "dropafterdot-ada")
        assert isinstance(reply, Silence)
        assert reply.relay == "1"
        assert not second.messages
        assert (await send(relays, only="1")).relay == "1"
        with pytest.raises(MailerError, match="no longer configured"):
            await send(relays, only="gone")


async def test_a_daily_limit_holds_over_restarts_and_ends_with_the_day() -> None:
    clock = SetClock(NOW)
    database = await open_database("sqlite:///:memory:")
    limits = SettingStore(database)
    async with Sink() as sink:
        for expected in (3, 2, 0):
            relays = RelayPool([make_relay(sink, "1", per_day=5)], limits, clock)
            before = len(sink.messages)
            for _ in range(3):
                if len(sink.messages) < 5:
                    await send(relays)
            assert len(sink.messages) - before == expected
            await relays.close()
        relays = RelayPool([make_relay(sink, "1", per_day=5)], limits, clock)
        with pytest.raises(MailerError, match="daily limit of 5"):
            await send(relays)
        clock.at += timedelta(days=1)
        await send(relays)
        await relays.close()
        assert len(sink.messages) == 6
    await database.close()


async def test_a_pause_is_known_to_other_processes_and_after_a_restart_and_ends_for_all() -> None:
    clock = SetClock(NOW)
    database = await open_database("sqlite:///:memory:")
    async with Sink(mail="554 5.7.1 we do not want you") as sink:
        one = RelayPool([make_relay(sink, "1")], SettingStore(database), clock)
        with pytest.raises(MailerError, match="refuses the sender"):
            await send(one)
        asked = sink.connections

        other = RelayPool([make_relay(sink, "1")], SettingStore(database), clock)
        with pytest.raises(MailerError, match="paused until 08:01 UTC"):
            await send(other)
        assert sink.connections == asked, "the other process leaves the relay alone without asking it"

        clock.at += timedelta(minutes=2)
        sink.mail = ""
        assert isinstance(await send(other), SmtpReply)
        assert not await SettingStore(database).load_pauses()
        await one.close()
        await other.close()
    await database.close()


async def test_all_connections_know_of_a_pause_from_before_a_restart() -> None:
    """Also those that begin while the first one is asking the store."""
    clock = SetClock(NOW)
    database = await open_database("sqlite:///:memory:")
    store = SettingStore(database)
    await store.save_pause(
        "1", RelayPause(NOW + timedelta(minutes=1), "it defers nearly all mail", 1, PauseKind.STORM)
    )
    async with Sink() as sink:
        relays = RelayPool([make_relay(sink, "1")], store, clock)
        found = await asyncio.gather(*(send(relays) for _ in range(4)), return_exceptions=True)
        await relays.close()
    await database.close()

    assert [isinstance(error, MailerError) for error in found] == [True] * 4
    assert sink.connections == 0


async def test_after_a_pause_one_message_decides_and_a_login_that_is_still_refused_is_tried_once() -> None:
    clock = SetClock(NOW)
    async with (
        Sink(mail="554 5.7.1 we do not want you") as sink,
        pool(make_relay(sink, "1"), clock=clock) as relays,
    ):
        with pytest.raises(MailerError):
            await send(relays)
        clock.at += timedelta(minutes=2)
        before = sink.connections

        found = await asyncio.gather(*(send(relays) for _ in range(4)), return_exceptions=True)
        assert [isinstance(error, MailerError) for error in found] == [True] * 4
        assert sink.connections == before + 1
        [relay] = relays.relays
        assert relay.health.pause is not None
        assert relay.health.pause.until == clock.at + timedelta(minutes=2), "twice as long as the first"

        clock.at += timedelta(minutes=3)
        sink.mail = ""
        found = await asyncio.gather(*(send(relays) for _ in range(4)))
        assert [str(reply)[:3] for reply in found] == ["250"] * 4
        assert relay.health.pause is None


@pytest.mark.parametrize("kind", list(PauseKind))
async def test_who_begins_to_send_ends_the_pauses_of_relays_that_could_not_be_used_and_no_others(
    kind: PauseKind, database: Database
) -> None:
    store, until = SettingStore(database), NOW + timedelta(hours=1)
    await store.save_pause("1", RelayPause(until, "why", 3, kind))
    await store.save_pause("2", RelayPause(NOW - timedelta(hours=1), "long ago", 2, kind))

    await try_failed_relays(store, SetClock(NOW))

    pauses = await store.load_pauses()
    assert pauses["1"] == RelayPause(NOW if kind is PauseKind.UNUSABLE else until, "why", 3, kind)
    assert pauses["2"] == RelayPause(NOW - timedelta(hours=1), "long ago", 2, kind)


async def test_a_reply_is_not_lost_where_the_store_is_away() -> None:
    class Away(SettingStore):
        async def save_pause(self, relay: str, pause: RelayPause | None) -> None:
            raise StoreError("away")

        async def load_pauses(self) -> Mapping[str, RelayPause]:
            raise StoreError("away")

    database = await open_database("sqlite:///:memory:")
    async with Sink() as sink:
        relay = make_relay(sink, "1")
        relays = RelayPool([relay], Away(database), SetClock(NOW))
        relay.health = RelayHealth(RelayPause(NOW, "no connection", 2, PauseKind.UNUSABLE))
        assert str(await send(relays)).startswith("250")
        assert len(sink.messages) == 1
        await relays.close()
    await database.close()


async def test_two_processes_share_a_daily_limit() -> None:
    database = await open_database("sqlite:///:memory:")
    one, other = SettingStore(database), SettingStore(database)
    day = date(2026, 6, 16)

    assert await one.reserve("1", day, 20, 30) == 20
    assert await other.reserve("1", day, 20, 30) == 10
    assert await other.reserve("1", day, 20, 30) == 0
    await one.give_back("1", day, 5)
    assert await other.reserve("1", day, 20, 30) == 5
    await database.close()


@pytest.mark.parametrize("processes", [1, 2])
async def test_no_more_messages_a_second_than_allowed_by_all_processes_together(processes: int) -> None:
    async with Sink() as sink:
        relay = make_relay(sink, "1", per_second=20)
        relay.processes = processes
        async with pool(relay) as relays:
            begun = time.monotonic()
            for _ in range(5):
                await send(relays)

    assert time.monotonic() - begun >= 4 / 20 * 0.9 * processes


async def test_a_refused_recipient_costs_nothing_of_the_daily_limit() -> None:
    async with Sink() as sink, pool(make_relay(sink, "1", per_day=1)) as relays:
        assert (await send(relays, "rcpt550-bo")).relay == "1"
        session = await relays.begin(Envelope(EmailAddress("b@example.org"), EmailAddress("c@example.org")))
        assert isinstance(session, PooledSession)
        await session.abandon()
        await send(relays)

    assert len(sink.messages) == 1


# --- the health of a relay ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind", "minutes"),
    [
        ("5.7.1 blocked", PauseKind.POLICY, 60),
        ("5.7.25 no PTR", PauseKind.POLICY, 60),
        ("5.1.8 Sender address rejected: Domain not found", PauseKind.UNUSABLE, 1),
        ("5.4.5 Daily user sending limit exceeded", PauseKind.UNUSABLE, 1),
    ],
)
def test_refusals_that_blame_us_stop_a_relay_when_they_come_in_a_row(
    text: str, kind: PauseKind, minutes: int
) -> None:
    health = RelayHealth()
    for _ in range(2):
        health = note_reply(health, SmtpReply(550, text), NOW)
    assert not health.is_paused(NOW), "it may have been two odd recipients"
    health = note_reply(health, SmtpReply(550, text), NOW)
    assert health.pause is not None
    assert (health.pause.kind, health.pause.until) == (kind, NOW + timedelta(minutes=minutes))


@pytest.mark.parametrize(
    "text", ["5.1.1 no such user", "5.2.2 mailbox full", "5.6.0 content", "5.0.0 something odd"]
)
def test_refusals_that_blame_others_never_stop_a_relay(text: str) -> None:
    health = RelayHealth()
    for _ in range(30):
        health = note_reply(health, SmtpReply(550, text), NOW)
    assert health.pause is None


def test_one_odd_recipient_among_many_stops_no_relay() -> None:
    health = RelayHealth()
    for n in range(40):
        reply = SmtpReply(550, "Sender verify failed") if n % 10 == 0 else SmtpReply(250)
        health = note_reply(health, reply, NOW)
    assert health.pause is None


def test_pauses_grow_until_something_is_taken() -> None:
    health = RelayHealth()
    lengths = []
    for _ in range(4):
        health = note_failure(health, "no connection", NOW)
        assert health.pause is not None
        lengths.append((health.pause.until - NOW).total_seconds() / 60)
    assert lengths == [1, 2, 4, 8]

    assert health.pause is not None
    assert note_reply(health, SmtpReply(250), NOW).pause == health.pause, "begun before the pause"
    assert note_reply(health, SmtpReply(250), health.pause.until).pause is None


def test_a_relay_that_is_told_to_be_slow_gets_gaps_that_shrink_again() -> None:
    health = RelayHealth()
    for _ in range(3):
        health = note_reply(health, SmtpReply(421, "4.7.0 too fast"), NOW)
    assert health.gap_s == pytest.approx(0.4)

    for _ in range(40):
        health = note_reply(health, SmtpReply(250), NOW)
    assert health.gap_s == 0


# --- how long to wait ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("4.7.1 Greylisted, try again in 300 seconds", 300),
        ("please retry in 2 minutes", 120),
        ("4.2.0 wait 30s", 30),
        ("try again later", None),
        ("try again in 9 days and 100 hours", 86_400),
    ],
)
def test_how_long_a_reply_asks_us_to_wait(text: str, seconds: int | None) -> None:
    hint = read_hint(text)

    assert hint == (None if seconds is None else timedelta(seconds=seconds))


def test_a_wait_that_is_asked_for_is_kept_but_not_for_ever() -> None:
    reply = SmtpReply(450, "4.7.1 greylisted, try again in 60 seconds")

    first = choose_outcome(reply, 1, NOW, jitter=0)
    late = choose_outcome(reply, 5, NOW, jitter=0)

    assert first == Deferred(str(reply), NOW + timedelta(seconds=60))
    assert late == Deferred(str(reply), NOW + timedelta(minutes=80))
