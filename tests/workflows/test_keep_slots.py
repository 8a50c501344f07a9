"""Mails go out at the moment for which they wait, and what they need is ready by then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from newsletter.model.steps import StepName
from newsletter.storage import SettingStore
from newsletter.workflows import keep_slots
from newsletter.workflows.keep_slots import SlotKeeper
from newsletter.workflows.plan import PLANNED_AHEAD
from newsletter.workflows.tick import Clockwork, StepGuard
from tests.support.clock import GoingClock
from tests.support.office import IN_MEMORY, MORNING, Office
from tests.support.papers import make_day


@pytest.fixture
def database_url() -> str:
    return IN_MEMORY


@dataclass
class World:
    """What a keeper meets: when mails are due, and what it did about that, each with its moment after MORNING."""

    due: list[datetime]
    clock: GoingClock
    warming_s: float = 0
    warmed: list[float] = field(default_factory=list)
    sent: list[float] = field(default_factory=list)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    moved: Callable[[], None] = lambda: None

    async def next_due(self, now: datetime) -> datetime | None:
        return min((at for at in self.due if at > now), default=None)

    async def warm_up(self, _due_at: datetime) -> None:
        self.warmed.append((self.clock.now() - MORNING).total_seconds())
        self.moved()
        await asyncio.sleep(self.warming_s)

    def send(self) -> None:
        self.sent.append((self.clock.now() - MORNING).total_seconds())
        self.stop.set()

    async def keep(self) -> None:
        async with asyncio.timeout(20):
            await SlotKeeper(self.next_due, self.warm_up, self.clock).run(self.send, self.stop)


async def test_sending_begins_at_the_moment_and_not_before() -> None:
    world = World([MORNING], GoingClock(MORNING - timedelta(seconds=0.3)))
    await world.keep()
    assert world.warmed[0] < 0 <= world.sent[0] < 1


async def test_what_is_warmed_up_for_too_long_delays_sending_by_a_little_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(keep_slots, "_LATE_S", 0.2)
    world = World([MORNING], GoingClock(MORNING - timedelta(seconds=0.1)), warming_s=60)
    await world.keep()
    assert 0.15 < world.sent[0] < 5


async def test_a_machine_that_slept_over_the_slot_looks_at_the_world_first() -> None:
    """The tick sends then, after it has looked: somebody's wish to leave may wait in the mailbox."""
    world = World([MORNING], GoingClock(MORNING - timedelta(seconds=0.2)))

    def fall_asleep() -> None:
        world.clock.begin += timedelta(hours=1)
        asyncio.get_running_loop().call_later(0.3, world.stop.set)

    world.moved = fall_asleep
    await world.keep()
    assert world.sent == []


async def test_where_nothing_is_due_a_stop_ends_it_at_once() -> None:
    world = World([], GoingClock(MORNING))
    asyncio.get_running_loop().call_later(0.05, world.stop.set)
    await world.keep()
    assert (world.warmed, world.sent) == ([], [])


@asynccontextmanager
async def running_clockwork(office: Office, act: Callable[[], object]) -> AsyncIterator[Clockwork]:
    async def send() -> object:
        result = act()
        return await result if isinstance(result, asyncio.Future) else result

    async def never_first() -> bool:
        return False

    guard = StepGuard(SettingStore(office.newsletter.database), office.clock)
    world = World([], GoingClock(MORNING))
    slots = SlotKeeper(world.next_due, world.warm_up, office.clock)
    clockwork = Clockwork(dict.fromkeys(StepName, send), guard, never_first, asyncio.Event(), slots)
    yield clockwork
    await clockwork.finish()


async def test_a_slot_in_the_middle_of_a_pass_is_looked_at_again_when_that_ends(office: Office) -> None:
    passes: list[asyncio.Future[None]] = []
    begun = asyncio.Event()

    def act() -> object:
        passes.append(asyncio.get_running_loop().create_future())
        begun.set()
        return passes[-1]

    async with running_clockwork(office, act) as clockwork:
        clockwork.send_now()
        await begun.wait()
        clockwork.send_now()
        begun.clear()
        passes[0].set_result(None)
        await asyncio.wait_for(begun.wait(), 5)
        assert len(passes) == 2
        passes[1].set_result(None)


# --- planned ahead, and warm --------------------------------------------------------------


async def plan_ahead(office: Office) -> None:
    office.clock.at = MORNING - PLANNED_AHEAD
    await office.newsletter.planner.plan_and_log()
    assert set((await office.states()).values()) == {"queued"}


async def test_what_is_planned_ahead_waits_for_its_slot(office: Office) -> None:
    await office.join("ada@example.org", "bob@example.org")
    await office.collect()
    await plan_ahead(office)
    dispatcher = office.newsletter.dispatcher(asyncio.Event())

    office.clock.at = MORNING - timedelta(seconds=1)
    await dispatcher.send_all()
    assert office.sink.messages == []
    assert await office.newsletter.ledger.claims.load_next_due(office.clock.at) == MORNING

    office.clock.at = MORNING
    await dispatcher.send_all()
    assert {message.rcpt_to for message in office.sink.messages} == {"ada@example.org", "bob@example.org"}
    assert await office.newsletter.ledger.claims.load_next_due(office.clock.at) is None


async def test_warming_up_sends_nothing_and_leaves_connections_for_the_first_mails(office: Office) -> None:
    await office.join("ada@example.org", "bob@example.org")
    await office.collect()
    await plan_ahead(office)
    dispatcher = office.newsletter.dispatcher(asyncio.Event())

    office.clock.at = MORNING - timedelta(seconds=1)
    await dispatcher.warm_up(MORNING)
    assert office.sink.connections == office.sink.open_now == 2, "no more than there are mails"
    assert office.sink.messages == []
    assert set((await office.states()).values()) == {"queued"}

    office.clock.at = MORNING
    await dispatcher.send_all()
    assert len(office.sink.messages) == 2
    assert office.sink.connections == 2


async def test_who_leaves_after_the_plan_gets_nothing_and_a_paper_of_the_last_minute_is_in_the_mail(
    office: Office,
) -> None:
    await office.join("ada@example.org", "bob@example.org")
    await office.collect()
    await plan_ahead(office)
    dispatcher = office.newsletter.dispatcher(asyncio.Event())
    office.clock.at = MORNING - timedelta(seconds=5)
    await dispatcher.warm_up(MORNING)

    await office.leave("bob@example.org")
    office.write_day(make_day(20))
    await office.collect()
    office.clock.at = MORNING
    await dispatcher.send_all()

    assert [message.rcpt_to for message in office.sink.messages] == ["ada@example.org"]
    assert b"part 20" in office.sink.messages[0].content
    assert (await office.states())["bob@example.org"] == "suppressed"


async def test_a_relay_that_cannot_be_reached_before_the_slot_keeps_nobody_from_trying_at_it(
    office: Office,
) -> None:
    await office.join("ada@example.org")
    await office.collect()
    await plan_ahead(office)
    dispatcher = office.newsletter.dispatcher(asyncio.Event())
    office.sink.hang_up_at = "connect"
    office.clock.at = MORNING - timedelta(seconds=5)
    await dispatcher.warm_up(MORNING)
    assert office.sink.connections == 1, "the first one decides: a refused login is not tried by all"

    office.sink.hang_up_at = ""
    office.clock.at = MORNING
    await dispatcher.send_all()
    assert len(office.sink.messages) == 1
