"""Who works and who waits: a household holds up nobody else, who leaves is forgotten, and the queue is short."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from newsletter.errors import BusyError, LeftError
from newsletter.web.turns import Queue


class Visitor:
    """Somebody who takes a turn and works until they are told to stop."""

    def __init__(self, queue: Queue, household: str, order: list[str]) -> None:
        self.leaving: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.stop = asyncio.Event()
        self._order = order
        self.task = asyncio.create_task(self._take(queue, household))

    async def _take(self, queue: Queue, household: str) -> None:
        async with queue.turn(household, self.leaving):
            self._order.append(household)
            await self.stop.wait()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("coming", "working"),
    [
        ("a", "a"),
        ("ab", "ab"),
        ("abc", "ab"),
        ("aab", "ab"),
        ("aaaaab", "ab"),
        ("aaabbbc", "ab"),
        ("bbac", "ba"),
        ("aaa", "a"),
        ("cba", "cb"),
        ("abab", "ab"),
    ],
)
async def test_one_of_each_household_works(coming: str, working: str) -> None:
    queue, order = Queue(at_once=2, waiting=9, of_one=9), list[str]()
    visitors = [Visitor(queue, household, order) for household in coming]
    await settle()
    assert "".join(order) == working
    for visitor in visitors:
        visitor.stop.set()
    await asyncio.gather(*(visitor.task for visitor in visitors))
    assert sorted(order) == sorted(coming)


async def test_others_pass_a_household_that_works() -> None:
    queue, order = Queue(at_once=2, waiting=9, of_one=9), list[str]()
    a, b, _again, c = (Visitor(queue, household, order) for household in "abac")
    await settle()
    b.stop.set()
    await settle()
    assert order == ["a", "b", "c"]
    a.stop.set()
    await settle()
    assert order == ["a", "b", "c", "a"]
    assert not c.task.done()


@pytest.mark.parametrize(("waiting", "of_one", "coming"), [(2, 9, "abcde"), (9, 2, "aaaa"), (0, 9, "abc")])
async def test_beyond_a_short_queue_nobody_waits(waiting: int, of_one: int, coming: Sequence[str]) -> None:
    queue, order = Queue(at_once=2, waiting=waiting, of_one=of_one), list[str]()
    visitors = [Visitor(queue, household, order) for household in coming]
    await settle()
    assert [visitor.task.done() for visitor in visitors] == [False] * (len(coming) - 1) + [True]
    with pytest.raises(BusyError):
        await visitors[-1].task


@pytest.mark.parametrize("how", ["leaves", "is cancelled"])
async def test_who_gives_up_leaves_no_gap(how: str) -> None:
    queue, order = Queue(at_once=1, waiting=9, of_one=9), list[str]()
    a, b, c = (Visitor(queue, household, order) for household in "abc")
    await settle()
    if how == "leaves":
        b.leaving.set_result(None)
    else:
        b.task.cancel()
    await settle()
    assert b.task.done()
    with pytest.raises((LeftError, asyncio.CancelledError)):
        await b.task
    a.stop.set()
    await settle()
    assert order == ["a", "c"]
    c.stop.set()


async def test_who_is_called_while_they_are_cancelled_passes_the_turn_on() -> None:
    queue, order = Queue(at_once=1, waiting=9, of_one=9), list[str]()
    a, b, c = (Visitor(queue, household, order) for household in "abc")
    await settle()
    a.stop.set()
    await asyncio.sleep(0)
    b.task.cancel()
    await settle()
    b.stop.set()
    c.stop.set()
    await settle()
    assert order[-1] == "c"
