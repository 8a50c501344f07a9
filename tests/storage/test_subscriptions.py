"""Moves of subscriptions in the database: only those of the table, decided on the row as it is now, with their mail."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from newsletter.compose.subscription import (
    MOVES,
    change,
    come_back,
    confirm,
    drop_from_file,
    follow_file,
    leave,
    may_send,
    pause,
    pause_instead,
    restore,
    resume,
    status_of,
    wake,
)
from newsletter.errors import MoveError
from newsletter.model.ledger import Kind, QueuedNotice
from newsletter.model.mail import Notice
from newsletter.model.readers import Consent, ConsentMove, Lift, Refusal, Refused, Status, Subscriber
from newsletter.storage import Database, Ledger, SubscriberStore, open_database
from newsletter.storage.suppressions import suppress
from tests.support.builders import make_subscriber
from tests.support.examples import examples
from tests.support.given import NOW, given_reader, put_readers, reload

Act = Callable[[Subscriber], Subscriber | Refused]
ACTS: dict[ConsentMove, Act] = {
    ConsentMove.LIST: lambda reader: follow_file(reader, replace(reader, topics_json='["x"]'), NOW, 3),
    ConsentMove.UNLIST: drop_from_file,
    ConsentMove.CONFIRM: lambda reader: confirm(reader, reader, NOW, NOW, 3),
    ConsentMove.CHANGE: lambda reader: change(reader, replace(reader, topics_json='["y"]'), NOW),
    ConsentMove.PAUSE: lambda reader: pause(reader, (NOW + timedelta(days=9)).date(), NOW),
    ConsentMove.WAKE: lambda reader: wake(reader, 3),
    ConsentMove.RESUME: lambda reader: resume(reader, NOW, 3),
    ConsentMove.LEAVE: lambda reader: leave(reader, NOW),
    ConsentMove.COME_BACK: lambda reader: come_back(reader, NOW, 3),
    ConsentMove.PAUSE_INSTEAD: lambda reader: pause_instead(reader, 2, NOW),
    ConsentMove.RESTORE: lambda reader: restore(reader, NOW, 3),
}


async def act(database: Database, reader: Subscriber, move: ConsentMove) -> Subscriber | Refused:
    return await SubscriberStore(database).move(reader.id, move, ACTS[move], NOW, f"{move}")


# --- what is not in the table is not written ----------------------------------------------


@pytest.mark.parametrize(
    ("consent", "wanted", "move"),
    [
        (Consent.LEFT, Consent.CONFIRMED, None),
        (Consent.LEFT, Consent.CONFIRMED, ConsentMove.LIST),
        (Consent.LEFT, Consent.PAUSED, ConsentMove.PAUSE),
        (Consent.LEFT, Consent.CONFIRMED, ConsentMove.WAKE),
        (Consent.UNCONFIRMED, Consent.CONFIRMED, None),
        (Consent.UNCONFIRMED, Consent.CONFIRMED, ConsentMove.RESTORE),
        (Consent.UNCONFIRMED, Consent.PAUSED, ConsentMove.PAUSE),
        (Consent.PAUSED, Consent.CONFIRMED, ConsentMove.LIST),
        (Consent.CONFIRMED, Consent.LEFT, ConsentMove.PAUSE),
    ],
)
async def test_the_store_refuses_a_move_that_the_table_does_not_have(
    database: Database, consent: Consent, wanted: Consent, move: ConsentMove | None
) -> None:
    await put_readers(database, make_subscriber(consent=consent), make_subscriber("bob@example.org"))
    reader, bob = await reload(database), await reload(database, "bob@example.org")

    with pytest.raises(MoveError):
        await SubscriberStore(database).save(
            [replace(bob, name="Bob"), replace(reader, consent=wanted)], NOW, "by mistake", move=move
        )

    assert await reload(database) == reader
    assert await reload(database, "bob@example.org") == bob


@pytest.mark.parametrize("consent", [Consent.PAUSED, Consent.LEFT])
async def test_nobody_begins_as_one_who_has_left_or_is_paused(database: Database, consent: Consent) -> None:
    with pytest.raises(MoveError):
        await SubscriberStore(database).save([make_subscriber(consent=consent)], NOW, "by mistake")


async def test_what_was_loaded_before_somebody_left_does_not_bring_them_back(database: Database) -> None:
    shown = await given_reader(database)
    await act(database, shown, ConsentMove.LEAVE)
    store = SubscriberStore(database)

    with pytest.raises(MoveError):
        await store.save([replace(shown, name="New")], NOW, "edited")

    assert (await reload(database)).consent is Consent.LEFT


async def test_of_two_processes_that_move_a_reader_at_once_each_decides_on_what_the_other_did(
    database: Database, database_url: str
) -> None:
    other = await open_database(database_url)
    try:
        for number in range(8):
            reader = await given_reader(database, f"r{number}@example.org")
            left, paused = await asyncio.gather(
                act(database, reader, ConsentMove.LEAVE), act(other, reader, ConsentMove.PAUSE)
            )

            assert isinstance(left, Subscriber)
            assert isinstance(paused, Subscriber) or paused == Refused(Refusal.LEFT)
            assert (await reload(database, reader.address)).consent is Consent.LEFT
    finally:
        await other.close()


# --- one transaction ----------------------------------------------------------------------


def write_goodbye(_before: Subscriber, after: Subscriber) -> QueuedNotice:
    notice = Notice("Goodbye", "", ("Bye.",))
    return QueuedNotice(Kind.GOODBYE, "1", after.id, after.address, notice, "en", NOW + timedelta(days=1))


async def test_the_mail_about_a_move_is_queued_with_it_or_not_at_all(database: Database) -> None:
    reader = await given_reader(database)
    store, ledger = SubscriberStore(database), Ledger(database)

    def fail(_before: Subscriber, _after: Subscriber) -> QueuedNotice:
        raise RuntimeError("the mail cannot be written")

    with pytest.raises(RuntimeError):
        await store.move(reader.id, ConsentMove.LEAVE, ACTS[ConsentMove.LEAVE], NOW, "left", write=fail)
    assert await reload(database) == reader

    await store.move(reader.id, ConsentMove.LEAVE, ACTS[ConsentMove.LEAVE], NOW, "left", write=write_goodbye)
    assert list(await ledger.reads.load_notice_counts()) == [Kind.GOODBYE]


@pytest.mark.parametrize(
    ("is_complaint", "lift", "is_over"),
    [
        (False, Lift.BOUNCES, True),
        (True, Lift.BOUNCES, False),
        (True, Lift.ALL, True),
        (False, Lift.NOTHING, False),
    ],
)
async def test_confirming_ends_what_bounces_began_and_no_complaint(
    database: Database, is_complaint: bool, lift: Lift, is_over: bool
) -> None:
    reader = await given_reader(database)
    await database.write(
        lambda connection: suppress(connection, reader.address, "why", NOW, is_complaint=is_complaint)
    )
    store = SubscriberStore(database)

    await store.move(reader.id, ConsentMove.CONFIRM, ACTS[ConsentMove.CONFIRM], NOW, "by link", lift=lift)

    assert (await store.load_suppressed([reader.address]) == {}) == is_over


async def test_a_complaint_weighs_more_than_the_bounce_before_it(database: Database) -> None:
    reader = await given_reader(database)

    for is_complaint in (False, True, False):
        await database.write(
            lambda connection, weight=is_complaint: suppress(  # type: ignore[misc]
                connection, reader.address, "why", NOW, is_complaint=weight
            )
        )

    (suppression,) = (await SubscriberStore(database).load_suppressed([reader.address])).values()
    assert suppression.is_complaint


# --- any order of moves -------------------------------------------------------------------


@pytest.fixture
def opened(database_url: str) -> Iterator[tuple[asyncio.Runner, Database]]:
    """A database that many examples use, one after the other."""
    with asyncio.Runner() as runner:
        database = runner.run(open_database(database_url))
        yield runner, database
        runner.run(database.close())


STEPS = st.lists(st.sampled_from([*sorted(ACTS), "bounce", "complaint", "lift", "erase"]), max_size=10)
_numbers = count()


@examples(25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(is_asked=st.booleans(), steps=STEPS)
def test_whatever_happens_only_who_agreed_and_takes_mail_is_due(
    opened: tuple[asyncio.Runner, Database], is_asked: bool, steps: Sequence[str]
) -> None:
    runner, database = opened
    runner.run(_live(database, f"r{next(_numbers)}@example.org", steps, is_asked=is_asked))


async def _live(database: Database, address: str, steps: Sequence[str], *, is_asked: bool) -> None:
    """Let these things happen to somebody new, and look after each whether a digest could be theirs."""
    store = SubscriberStore(database)
    begins = Consent.UNCONFIRMED if is_asked else Consent.CONFIRMED
    await store.save([make_subscriber(address, consent=begins)], NOW, "begins")
    reader = await reload(database, address)
    expected, has_agreed, is_suppressed = Status(begins), not is_asked, False
    for step in steps:
        if step in ("bounce", "complaint"):
            is_complaint = step == "complaint"
            await database.write(
                lambda connection, weight=is_complaint: suppress(  # type: ignore[misc]
                    connection, address, "why", NOW, is_complaint=weight
                )
            )
            is_suppressed = True
        elif step == "lift":
            await store.lift_suppression(reader.address, "asked", NOW)
            is_suppressed = False
        elif step == "erase":
            assert await store.erase(reader.id)
            expected = Status.ERASED
        else:
            move = ConsentMove(step)
            target = MOVES[expected][move]
            moved = await act(database, reader, move)
            assert isinstance(moved, Refused) == isinstance(target, Refusal), (expected, move)
            if isinstance(target, Status):
                has_agreed |= target is Status.CONFIRMED
                expected = target
        (now,) = (await store.load_many([reader.id])).values()
        assert status_of(now) is expected
        is_due = now.id in {one.id for one in await store.load_due(NOW + timedelta(days=400), 10_000)}
        suppression = (await store.load_suppressed([reader.address])).get(reader.address)
        assert (suppression is not None) == is_suppressed
        is_mailed = is_due and may_send(Kind.DIGEST, now, suppression) == ""
        assert not is_mailed or (has_agreed and expected is Status.CONFIRMED and not is_suppressed)
