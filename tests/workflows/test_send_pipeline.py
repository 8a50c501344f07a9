"""How mails get from the claim to the relay and into the ledger: with a relay and a ledger that note what they are
asked for. The real ones have test_fault_matrix.py."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime

import pytest

from newsletter.encoding import Part
from newsletter.errors import FellBehindError, MailerError, StoreError
from newsletter.model.ledger import (
    BeginData,
    CloseDelivery,
    Delivery,
    DeliveryId,
    InstanceId,
    Kind,
    LedgerStep,
    RecordOutcome,
    Snapshot,
    State,
)
from newsletter.model.mail import Accepted, Envelope, Rejected, Rendered, Silence, SmtpReply, Uncertain
from newsletter.model.readers import EmailAddress, SubscriberId
from newsletter.ports import MailSession
from newsletter.wiring import FixedClock
from newsletter.workflows.build_mail import LedgerMail
from newsletter.workflows.ledger import LedgerWriter
from newsletter.workflows.send_pipeline import Build, Built, InFlight, SendPipeline, SendReport
from tests.support.builders import at

NOW = at("2026-06-16 07:00")
CONNECTIONS = 3
ROOM = 2 * CONNECTIONS


@dataclass
class World:
    """A relay and a ledger. events is what happened, in order: (what, which delivery).

    refused, dead and silent say which recipients get a 550 at RCPT, no usable relay, no answer to DATA; lost are those
    whose claim is gone; broken raises what it holds at the fence of a delivery.
    """

    refused: set[int] = field(default_factory=set)
    dead: set[int] = field(default_factory=set)
    silent: set[int] = field(default_factory=set)
    lost: set[int] = field(default_factory=set)
    broken: dict[int, Exception] = field(default_factory=dict)
    on_data: Callable[[int], None] = lambda _number: None
    events: list[tuple[str, int]] = field(default_factory=list)
    connections: int = CONNECTIONS

    def of(self, what: str) -> list[int]:
        return [number for name, number in self.events if name == what]

    async def begin(self, envelope: Envelope, only: str = "") -> MailSession | SmtpReply:
        number = int(envelope.rcpt_to.partition("@")[0])
        self.events.append(("begin", number))
        await asyncio.sleep(0)
        if number in self.dead:
            raise MailerError("the relay is down")
        if number in self.refused:
            return SmtpReply(550, "no such user")
        return Session(self, number)

    async def warm_up(self, mails: int) -> None: ...

    async def close(self) -> None: ...

    async def record(
        self, instance: InstanceId, steps: Sequence[LedgerStep], now: datetime, *, guarded: bool
    ) -> Sequence[bool]:
        await asyncio.sleep(0)
        for step in steps:
            if step.delivery in self.broken and isinstance(step, BeginData):
                raise self.broken[step.delivery]
        for step in steps:
            self.events.append(("fence" if isinstance(step, BeginData) else "outcome", step.delivery))
        return [step.delivery not in self.lost for step in steps]


@dataclass
class Session:
    world: World
    number: int
    relay: str = "relay"

    async def data(self, message: bytes) -> SmtpReply | Silence:
        self.world.events.append(("data", self.number))
        self.world.on_data(self.number)
        await asyncio.sleep(0)
        return Silence("it hung up") if self.number in self.world.silent else SmtpReply(250, "ok")

    async def abandon(self) -> None:
        self.world.events.append(("abandon", self.number))


def make_built(number: int) -> Built:
    address = EmailAddress(f"{number}@example.org")
    delivery = Delivery(
        DeliveryId(number), Kind.DIGEST, "2026-06-16", SubscriberId(number), State.CLAIMED, NOW, NOW
    )
    snapshot = Snapshot("{}", {}, "hash", "{}", "hash", f"<{number}@example.org>", address, None, 1)
    envelope = Envelope(EmailAddress("bounces@example.org"), address)
    return Built(
        delivery, mail=LedgerMail(Rendered("", Part.of_text(""), Part.of_text("")), b"", envelope, snapshot)
    )


def make_closed(number: int) -> Built:
    return replace(
        make_built(number), mail=None, close=CloseDelivery(DeliveryId(number), State.EMPTY, "quiet")
    )


def make_uncertain(number: int) -> Built:
    """One that a relay may have: no other gets it."""
    built = make_built(number)
    return replace(built, delivery=replace(built.delivery, uncertain_at=NOW, relay="first"))


def settle(delivery: Delivery, reply: SmtpReply | Silence) -> RecordOutcome:
    if isinstance(reply, Silence):
        return RecordOutcome(delivery.id, 1, Uncertain(reply.why))
    return RecordOutcome(delivery.id, 1, Accepted("ok") if reply.code == 250 else Rejected(str(reply)))


class Run:
    """One pass over these deliveries, and what is left of it."""

    def __init__(self, world: World, *mails: Built | Exception) -> None:
        self.report = SendReport()
        self.stop = asyncio.Event()
        self.told: list[tuple[int, State]] = []
        self.built = 0
        self.ledger = LedgerWriter(world, InstanceId(1), FixedClock(NOW))  # type: ignore[arg-type]  # of its store it only records
        self.pipeline = SendPipeline(world, self.ledger, settle, self.report, self.stop, self._tell)
        self._mails = mails

    async def go(self, claimed: AsyncIterator[Build] | None = None) -> int:
        try:
            return await self.pipeline.run(claimed or self._claim())
        finally:
            with suppress(StoreError):  # as the owner of the ledger does
                await self.ledger.finish()

    def _tell(self, delivery: Delivery, state: State) -> None:
        self.told.append((delivery.id, state))

    async def _claim(self) -> AsyncIterator[Build]:
        for mail in self._mails:
            yield lambda mail=mail: self._build(mail)  # type: ignore[misc]

    async def _build(self, mail: Built | Exception) -> Built:
        self.built += 1
        await asyncio.sleep(0)
        if isinstance(mail, Exception):
            raise mail
        return mail


async def test_a_mail_counts_once_as_coming_and_gives_its_room_back_once() -> None:
    ledger = Run(World()).ledger
    room = asyncio.Semaphore(0)  # its one place is taken
    mail = InFlight(make_built(1), room, ledger)

    mail.come()
    mail.come()
    assert ledger.coming == 1
    mail.release()
    mail.release()
    mail.come()

    assert ledger.coming == 0
    await room.acquire()
    assert room.locked(), "one place came back, not two"


async def test_a_mail_that_no_connection_has_taken_was_never_coming() -> None:
    ledger = Run(World()).ledger
    InFlight(make_built(1), asyncio.Semaphore(0), ledger).release()

    assert ledger.coming == 0


@pytest.mark.parametrize(
    ("world", "make", "states"),
    [
        (World(), make_built, {State.ACCEPTED: 30}),
        (World(), make_closed, {State.EMPTY: 30}),
        (World(refused={3, 4, 5, 29}), make_built, {State.ACCEPTED: 26, State.REJECTED: 4}),
        (World(silent={0, 7}), make_built, {State.ACCEPTED: 28, State.UNCERTAIN: 2}),
        (World(lost={1, 2, 9}), make_built, {State.ACCEPTED: 27}),
        (World(dead=set(range(30))), make_uncertain, {}),
        (World(dead={8}, silent={9}), make_uncertain, {State.ACCEPTED: 28, State.UNCERTAIN: 1}),
    ],
    ids=["accepted", "closed", "refused", "silent", "claim lost", "relay away", "relay away for one"],
)
async def test_whatever_becomes_of_a_mail_its_room_comes_back_and_all_are_taken(
    world: World, make: Callable[[int], Built], states: dict[State, int]
) -> None:
    run = Run(replace(world, events=[]), *(make(number) for number in range(30)))

    assert await run.go() == 30

    assert run.report.states == Counter(states)
    assert Counter(state for _, state in run.told) == Counter(states)
    assert run.report.stopped == ""
    assert run.ledger.coming == 0
    # A place more would have let a mail more be built ahead, a place less would stop the next thirty.
    assert run.pipeline._room._value == ROOM


async def test_of_each_mail_the_fence_is_committed_before_data_and_the_outcome_after_it() -> None:
    world = World(refused={5})
    await Run(world, *(make_built(number) for number in range(20))).go()

    for number in range(20):
        steps = [what for what, other in world.events if other == number]
        assert steps == (["begin", "outcome"] if number == 5 else ["begin", "fence", "data", "outcome"])


async def test_a_lost_claim_is_left_without_data_and_without_an_outcome() -> None:
    world = World(lost={1})
    await Run(world, make_built(1)).go()

    assert world.events == [("begin", 1), ("fence", 1), ("abandon", 1)]


async def test_no_more_is_built_ahead_than_there_is_room_for() -> None:
    world = World()
    run = Run(world, *(make_built(number) for number in range(40)))
    ahead: list[int] = []
    world.on_data = lambda _number: ahead.append(run.built - len(world.of("data")))

    await run.go()

    # Beside those that have room, each connection has one whose fence is being written.
    assert max(ahead) <= ROOM + CONNECTIONS


async def test_most_mails_are_built_while_fences_are_written() -> None:
    built_meanwhile: list[int] = []

    class SlowWorld(World):
        async def record(
            self, instance: InstanceId, steps: Sequence[LedgerStep], now: datetime, *, guarded: bool
        ) -> Sequence[bool]:
            before = run.built
            for _ in range(50):
                await asyncio.sleep(0)
            built_meanwhile.append(run.built - before)
            return await super().record(instance, steps, now, guarded=guarded)

    run = Run(SlowWorld(), *(make_built(number) for number in range(40)))
    await run.go()

    assert sum(built_meanwhile) > 20


async def test_a_relay_that_cannot_be_used_stops_the_pass_with_its_words_and_charges_nobody() -> None:
    world = World(dead=set(range(30)))
    run = Run(world, *(make_built(number) for number in range(30)))

    await run.go()

    assert run.report.stopped == "the relay is down"
    assert run.report.states == {}
    assert len(world.of("begin")) <= CONNECTIONS, "no other begins"
    assert set(dict(world.events)) == {"begin"}


async def test_when_one_connection_has_no_relay_the_others_finish_what_they_have_begun() -> None:
    world = World(dead={1})
    run = Run(world, *(make_built(number) for number in range(30)))

    taken = await run.go()

    assert run.report.stopped == "the relay is down"
    begun = set(world.of("begin"))
    assert len(begun) == taken < 30
    assert set(world.of("outcome")) == set(world.of("fence")) == begun - {1}


@pytest.mark.parametrize("error", [StoreError("the disk is full"), FellBehindError("an older copy")])
async def test_a_store_that_cannot_record_stops_all_before_another_message(error: Exception) -> None:
    world = World(broken={4: error})
    run = Run(world, *(make_built(number) for number in range(30)))

    with pytest.raises(type(error)):
        await run.go()

    assert run.report.stopped == "stopped by an error"
    assert 4 not in world.of("data")
    assert 4 in world.of("abandon")
    assert set(world.of("data")) <= set(world.of("fence")), "nothing is sent that is not recorded"
    assert len(world.of("begin")) < 4 + ROOM


def test_the_first_reason_to_stop_stays() -> None:
    report = SendReport()

    for why in ("", "the relay is down", "stopped by an error", ""):
        report.stop(why)

    assert report.stopped == "the relay is down"


async def test_a_mail_that_the_store_keeps_from_being_built_stops_the_pass() -> None:
    world = World()
    run = Run(world, make_built(0), StoreError("the server is gone"), *(make_built(n) for n in range(2, 30)))

    with pytest.raises(StoreError, match="the server is gone"):
        await run.go()

    assert run.report.stopped == "stopped by an error"
    assert len(world.of("data")) < 30
    assert set(world.of("outcome")) == set(world.of("data")), "what has gone out is written down"


async def test_a_claim_that_fails_lets_what_is_in_flight_finish() -> None:
    world = World()
    run = Run(world)

    async def claim() -> AsyncIterator[Build]:
        for number in range(4):
            yield lambda number=number: run._build(make_built(number))  # type: ignore[misc]
        raise StoreError("the server is gone")

    with pytest.raises(StoreError, match="the server is gone"):
        await run.go(claim())

    assert run.report.stopped == "stopped by an error"
    assert set(world.of("outcome")) == set(world.of("data"))


async def test_a_stop_that_is_asked_for_finishes_what_is_in_flight_and_is_no_failure() -> None:
    world = World()
    run = Run(world, *(make_built(number) for number in range(30)))
    world.on_data = lambda _number: run.stop.set()

    taken = await run.go()

    assert run.report.stopped == ""
    assert not run.report.failed
    assert 0 < taken <= CONNECTIONS
    assert set(world.of("outcome")) == set(world.of("begin"))
    assert run.report.states == {State.ACCEPTED: taken}


async def test_a_pass_that_is_cancelled_begins_nothing_more() -> None:
    world = World()
    run = Run(world, *(make_built(number) for number in range(30)))
    going = asyncio.create_task(run.go())

    def cancel(_number: int) -> None:
        going.cancel()

    world.on_data = cancel

    with pytest.raises(asyncio.CancelledError):
        await going

    assert run.report.stopped == "stopped by an error"
    assert len(world.of("data")) <= CONNECTIONS
