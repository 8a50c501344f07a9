from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import date, timedelta

import pytest

from newsletter.deliver.outcome import Meaning, choose_outcome, read_hint, read_reply
from newsletter.deliver.relay_health import RelayHealth, note_failure, note_reply
from newsletter.deliver.relays import PooledSession, Relay, RelayPool
from newsletter.deliver.smtp import SmtpMailer
from newsletter.errors import MailerError, StoreError
from newsletter.model.ledger import PauseKind, RelayPause
from newsletter.model.mail import Deferred, Envelope, Rejected, Silence, SmtpReply
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
        with pytest.raises(MailerError, match="left alone until 08:01 UTC"):
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
        "1", RelayPause(NOW + timedelta(minutes=1), "it defers nearly everything", 1, PauseKind.STORM)
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


async def test_no_more_messages_a_second_than_allowed() -> None:
    async with Sink() as sink, pool(make_relay(sink, "1", per_second=20)) as relays:
        begun = time.monotonic()
        for _ in range(5):
            await send(relays)

    assert time.monotonic() - begun >= 4 / 20 * 0.9


async def test_a_refused_recipient_costs_nothing_of_the_daily_limit() -> None:
    async with Sink() as sink, pool(make_relay(sink, "1", per_day=1)) as relays:
        assert (await send(relays, "rcpt550-bo")).relay == "1"
        session = await relays.begin(Envelope(EmailAddress("b@example.org"), EmailAddress("c@example.org")))
        assert isinstance(session, PooledSession)
        await session.abandon()
        await send(relays)

    assert len(sink.messages) == 1


# --- the health of a relay ----------------------------------------------------------------


def test_refusals_by_policy_stop_a_relay_and_a_few_bad_addresses_do_not() -> None:
    policy = health = RelayHealth()
    for _ in range(5):
        policy = note_reply(policy, SmtpReply(554, "5.7.1 blocked"), NOW)
        health = note_reply(health, SmtpReply(550, "5.1.1 no such user"), NOW)

    assert policy.is_paused(NOW + timedelta(minutes=59))
    assert policy.pause is not None
    assert policy.pause.kind is PauseKind.POLICY
    assert not health.is_paused(NOW)


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


# --- what replies mean --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "meaning"),
    [
        (SmtpReply(250, "2.0.0 ok"), Meaning.TAKEN),
        (SmtpReply(421, "too many connections"), Meaning.SLOW_DOWN),
        (SmtpReply(450, "4.7.1 rate limited"), Meaning.SLOW_DOWN),
        (SmtpReply(450, "4.7.1 greylisted"), Meaning.LATER),
        (SmtpReply(451, "4.3.0 try again"), Meaning.LATER),
        (SmtpReply(552, "5.3.4 too big"), Meaning.TOO_LARGE),
        (SmtpReply(552, "message size exceeds limit"), Meaning.TOO_LARGE),
        (SmtpReply(552, "5.2.2 over quota"), Meaning.FULL),
        (SmtpReply(553, "5.6.7 no SMTPUTF8"), Meaning.NO_UTF8),
        (SmtpReply(550, "5.1.1 unknown"), Meaning.NO_SUCH_ADDRESS),
        (SmtpReply(550, "no such user here"), Meaning.NO_SUCH_ADDRESS),
        (SmtpReply(550, "no such user in sender callout"), Meaning.REFUSED),
        (SmtpReply(554, "5.7.1 spam"), Meaning.POLICY),
        (SmtpReply(554, "transaction failed"), Meaning.REFUSED),
        (SmtpReply(550, "5.1.2 no such host"), Meaning.REFUSED),
    ],
)
def test_what_a_reply_means(reply: SmtpReply, meaning: Meaning) -> None:
    assert read_reply(reply) is meaning


def test_only_a_missing_address_is_suppressed() -> None:
    for text, suppress in (("5.1.1 unknown", True), ("5.7.1 blocked", False), ("5.2.2 full", False)):
        outcome = choose_outcome(SmtpReply(550, text), 1, NOW, jitter=0)
        assert outcome == Rejected(f"550 {text}", suppress)


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
