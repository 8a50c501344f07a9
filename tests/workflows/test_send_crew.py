"""A crew: when there is one, what its workers tell, and what follows when they die. Real ones: tests/acceptance."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from newsletter.model.ledger import Hold, HoldKind, PauseKind, RelayPause, State
from newsletter.model.servers import Part
from newsletter.workflows.send_crew import Crew, WorkOrder, hire
from tests.support.office import IN_MEMORY, MORNING, Office


@pytest.fixture
def database_url() -> str:
    return IN_MEMORY


@dataclass(eq=False)
class Script:
    """A worker that tells this, and then ends. waits: it tells nothing before it is stopped."""

    news: Sequence[dict[str, Any]]
    waits: bool = False
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    may_begin: bool = False

    async def listen(self) -> AsyncIterator[dict[str, Any]]:
        if self.waits:
            await self.stopped.wait()
        for news in self.news:
            yield news

    def let_begin(self) -> None:
        self.may_begin = True

    def stop(self) -> None:
        self.stopped.set()


@dataclass
class Scripts:
    """Workers as they are started, one after the other."""

    workers: list[Script]
    most: int = 2
    least: int = 3
    orders: list[WorkOrder] = field(default_factory=list)

    async def start(self, order: WorkOrder) -> Script:
        self.orders.append(order)
        return self.workers.pop(0)


def end(taken: int = 0, stopped: str = "", **counts: int) -> list[dict[str, Any]]:
    return [
        {"pid": 1, "counts": {}, "mails": []},
        {"counts": counts, "mails": list(range(taken))},
        {
            "counts": {},
            "mails": [],
            "taken": taken,
            "stopped": stopped,
            "ended": True,
        },
    ]


DEAD: list[dict[str, Any]] = [{"pid": 7, "counts": {"accepted": 1}, "mails": [1]}]


async def test_what_workers_do_is_added_up_and_told() -> None:
    scripts = Scripts([Script(end(3, accepted=2, rejected=1)), Script(end(2, "no relay", accepted=2))])
    heard: list[State] = []
    crew = Crew(scripts, asyncio.Event(), lambda _delivery, state: heard.append(state))
    crew.start("2026-06-16", MORNING)
    report = await crew.finish()

    assert scripts.orders == [WorkOrder(Part(number, 2), "2026-06-16", MORNING) for number in range(2)]
    assert report.states == {State.ACCEPTED: 4, State.REJECTED: 1}
    assert (report.taken, len(report.claimed)) == (5, 5)
    assert report.stopped == "no relay"
    assert sorted(heard) == [State.ACCEPTED] * 4 + [State.REJECTED]


async def test_a_worker_that_dies_is_replaced_but_not_for_ever() -> None:
    scripts = Scripts([Script(DEAD) for _ in range(9)], most=1)
    crew = Crew(scripts, asyncio.Event(), lambda _delivery, _state: None)
    crew.start()
    report = await crew.finish()

    assert len(scripts.orders) == 4
    assert report.states == {State.ACCEPTED: 4}, "what it told before counts"


async def test_a_stop_reaches_all_and_starts_none_again() -> None:
    workers = [Script(end(1, accepted=1), waits=True), Script(DEAD, waits=True)]
    scripts, stop = Scripts(list(workers)), asyncio.Event()
    crew = Crew(scripts, stop, lambda _delivery, _state: None)
    crew.start()
    finishing = asyncio.create_task(crew.finish())
    while len(scripts.orders) < 2:  # noqa: ASYNC110
        await asyncio.sleep(0)
    stop.set()
    report = await asyncio.wait_for(finishing, 5)

    assert all(worker.stopped.is_set() for worker in workers)
    assert len(scripts.orders) == 2
    assert report.states == {State.ACCEPTED: 2}


async def test_few_mails_need_no_others() -> None:
    scripts, stop = Scripts([Script(end()), Script(end())]), asyncio.Event()
    assert hire(None, 10_000, stop, lambda _delivery, _state: None) is None
    assert hire(scripts, 2, stop, lambda _delivery, _state: None) is None
    crew = hire(scripts, 3, stop, lambda _delivery, _state: None)
    assert crew is not None
    await crew.finish()


@pytest.mark.parametrize("what", ["held", "paused"])
async def test_while_nothing_can_go_out_nobody_is_started_for_it(office: Office, what: str) -> None:
    scripts = Scripts([Script(end()), Script(end())])
    newsletter = replace(office.newsletter, forks=scripts)
    settings = newsletter.settings
    if what == "held":
        await settings.save_hold(Hold(HoldKind.MANUAL, "why"))
    else:
        (relay,) = newsletter.config.relays
        pause = RelayPause(office.clock.at + timedelta(minutes=5), "why", 1, PauseKind.UNUSABLE)
        await settings.save_pause(str(relay), pause)
    assert await newsletter.hire(asyncio.Event(), lambda _delivery, _state: None, due=5_000) is None

    await settings.save_hold(None)
    office.clock.at += timedelta(minutes=5)
    crew = await newsletter.hire(asyncio.Event(), lambda _delivery, _state: None, due=5_000)
    assert crew is not None
    await crew.finish()


async def test_workers_connect_when_they_may_begin_and_those_that_come_later_at_once() -> None:
    first, second = Script(DEAD, waits=True), Script(end())
    crew = Crew(Scripts([first, second], most=1), asyncio.Event(), lambda _delivery, _state: None)
    crew.start()
    await asyncio.sleep(0)
    before = first.may_begin
    crew.let_begin()
    first.stop()
    await crew.finish()
    assert (before, first.may_begin, second.may_begin) == (False, True, True)
    assert crew.is_over
