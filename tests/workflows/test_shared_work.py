"""The clock's work as jobs: one that comes twice or to a second process does nothing, and seats divide the relays."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta

import pytest

from newsletter.model.ledger import State
from newsletter.model.servers import Part
from newsletter.model.steps import Role, StepName
from newsletter.workflows import shared_work
from newsletter.workflows.shared_work import SharedWork, choose_seats, name_look, name_seat
from tests.support.office import IN_MEMORY, MORNING, Office

READER = "reader@example.org"


@pytest.fixture
def database_url() -> str:
    return IN_MEMORY


def build_work(office: Office, stop: asyncio.Event, seats: int = 1) -> SharedWork:
    return replace(office.newsletter.build_shared_work(stop), seats=seats)


async def work_until_mailed(office: Office, roles: Collection[Role], mails: int) -> None:
    stop = asyncio.Event()
    async with asyncio.timeout(60):
        working = asyncio.create_task(build_work(office, stop).run(roles))
        while len(office.sink.messages) < mails:
            assert not working.done()
            await asyncio.sleep(0.01)
        stop.set()
        await working


async def test_the_jobs_look_plan_and_send_by_themselves(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_work, "PATIENCE_S", 0)
    await office.join(READER)
    office.clock.at = MORNING
    await work_until_mailed(office, list(Role), 1)
    assert await office.states() == {READER: State.ACCEPTED}


async def test_a_look_that_comes_twice_asks_the_source_once(office: Office) -> None:
    work = build_work(office, asyncio.Event())
    jobs = work.build_jobs([Role.COLLECT])
    (source,) = office.newsletter.collector.sources
    for _ in range(2):
        assert await jobs[name_look(source.name)](0)
    looks = await office.newsletter.runs.load_fetches(office.clock.now() - timedelta(days=1))
    assert [look.source for look in looks] == [source.name]

    office.clock.at += office.newsletter.collector.every
    await jobs[name_look(source.name)](0)
    assert len(await office.newsletter.runs.load_fetches(MORNING - timedelta(days=1))) == 2


async def test_who_holds_a_seat_leaves_another_to_others_and_takes_it_where_nobody_wants_it(
    office: Office,
) -> None:
    office.sink.slow_until = asyncio.Event()
    await office.join("slow-reader@example.org")
    await office.collect()
    office.clock.at = MORNING
    await office.newsletter.planner.plan_due()
    jobs = build_work(office, asyncio.Event(), seats=2).build_jobs([Role.SEND])
    async with asyncio.timeout(60):
        first = asyncio.create_task(jobs[name_seat(0)](0))
        while not office.sink.open_at_most:  # noqa: ASYNC110 - the sink counts
            await asyncio.sleep(0.01)
        assert not await jobs[name_seat(1)](0)
        assert not await jobs[name_seat(1)](1)
        second = asyncio.create_task(jobs[name_seat(1)](2))
        await asyncio.sleep(0)
        office.sink.slow_until.set()
        assert await first
        assert await second
    assert set((await office.states()).values()) == {State.ACCEPTED}
    assert len(office.sink.messages) == 1


async def test_a_worker_has_the_jobs_of_its_roles_alone(office: Office) -> None:
    work = build_work(office, asyncio.Event(), seats=3)
    assert set(work.build_jobs([Role.SEND])) == {"sending 1", "sending 2", "sending 3"}
    assert set(work.build_jobs([Role.MAIL])) == {StepName.INCOMING_MAIL}
    everything = [set(work.build_jobs([role])) for role in Role]
    assert sum(map(len, everything)) == len(work.build_jobs(list(Role))), "each is done by one role"


@pytest.mark.parametrize(
    ("wanted", "connections", "seats"),
    [(None, [8], 4), (None, [3], 3), (6, [8], 6), (6, [8, 2], 2), (1, [8], 1), (None, [], 1), (9, [], 1)],
)
def test_all_seats_together_are_what_the_relays_allow(
    wanted: int | None, connections: list[int], seats: int
) -> None:
    assert choose_seats(wanted, connections) == seats
    for allowed in connections:
        assert sum(Part(seat, seats).share(allowed) for seat in range(seats)) == allowed
