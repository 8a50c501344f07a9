"""How the steps of many connections are written: in the order in which they were handed over."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest

from newsletter.errors import StoreError
from newsletter.model.ledger import BeginData, DeliveryId, InstanceId, LedgerStep, RecordOutcome, Snapshot
from newsletter.model.mail import Accepted
from newsletter.model.readers import EmailAddress
from newsletter.wiring import FixedClock
from newsletter.workflows.ledger import LedgerWriter
from tests.support.builders import at

NOW = at("2026-06-16 07:00")
SNAPSHOT = Snapshot(
    "{}", {}, "hash", "{}", "hash", "<id@example.org>", EmailAddress("ada@example.org"), None, 1
)


class Store:
    """Takes a moment for each transaction, and remembers them. A transaction with the step ``refuses`` fails."""

    def __init__(self, refuses: LedgerStep | None = None) -> None:
        self.transactions: list[list[LedgerStep]] = []
        self._refuses = refuses

    async def record(
        self, instance: InstanceId, steps: Sequence[LedgerStep], now: datetime, *, guarded: bool
    ) -> Sequence[bool]:
        await asyncio.sleep(random.random() / 1000)
        if self._refuses in steps:
            raise StoreError("the disk is full")
        self.transactions.append(list(steps))
        return [True] * len(steps)


def make_writer(store: Any) -> LedgerWriter:
    return LedgerWriter(store, InstanceId(1), FixedClock(NOW))


def begin(number: int) -> BeginData:
    return BeginData(DeliveryId(number), 1, SNAPSHOT, "relay")


def settle(number: int) -> RecordOutcome:
    return RecordOutcome(DeliveryId(number), 1, Accepted("250 ok"), "relay")


@pytest.mark.parametrize("connections", [1, 4, 16, 150])
async def test_no_commit_leaves_more_rows_in_data_than_connections(connections: int) -> None:
    store = Store()
    ledger = make_writer(store)

    async def connection(place: int) -> None:
        for number in range(place * 1000, place * 1000 + 20):
            await ledger.record(begin(number))
            await asyncio.sleep(random.random() / 1000)
            ledger.hand_over(settle(number))

    await asyncio.gather(*(connection(place) for place in range(connections)))
    await ledger.finish()

    in_data: set[int] = set()
    for transaction in store.transactions:
        for step in transaction:
            if isinstance(step, BeginData):
                in_data.add(step.delivery)
            else:
                in_data.remove(step.delivery)
        # Of each connection one row at most, at whatever commit the process is killed.
        assert len({number // 1000 for number in in_data}) == len(in_data) <= connections
    assert not in_data


async def test_steps_are_written_in_the_order_in_which_they_were_handed_over() -> None:
    store = Store()
    ledger = make_writer(store)
    steps = [settle(number) if number % 3 else begin(number) for number in range(1000)]

    for step in steps:
        ledger.hand_over(step)
    await ledger.finish()

    assert [step for transaction in store.transactions for step in transaction] == steps


async def test_after_an_outcome_that_could_not_be_written_no_fence_opens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("newsletter.workflows.ledger._OUTCOME_WAITS_S", (0.001,))
    store = Store(refuses=settle(1))
    ledger = make_writer(store)
    await ledger.record(begin(1))

    ledger.hand_over(settle(1))
    with pytest.raises(StoreError, match="the disk is full"):
        await ledger.record(begin(2))
    with pytest.raises(StoreError):
        await ledger.record(begin(3))
    with pytest.raises(StoreError):
        await ledger.finish()

    assert store.transactions == [[begin(1)]]
