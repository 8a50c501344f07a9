"""How many processes send, and what each may use of a relay."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from newsletter.model.servers import Part
from newsletter.settings.config import load_config
from newsletter.workers import Worker, choose_most, count_cores, forking
from newsletter.workflows.send_crew import WorkOrder
from tests.support.builders import at
from tests.support.house import House


@pytest.mark.parametrize(
    ("wanted", "cores", "connections", "most"),
    [
        (None, 4, [16], 4),
        (None, 1, [16], 1),
        (3, 1, [16], 3),
        (None, 8, [4], 4),
        (None, 8, [16, 2], 2),  # a connection to the fallback for each
        (8, 8, [1], 1),
        (None, 8, [], 1),  # a Maildir
    ],
)
def test_each_process_has_a_core_and_a_connection_to_every_relay(
    wanted: int | None, cores: int, connections: list[int], most: int
) -> None:
    assert choose_most(wanted, cores, connections) == most


@pytest.mark.parametrize(("connections", "of"), [(16, 2), (5, 2), (7, 3), (4, 4)])
def test_what_processes_may_use_together_is_what_the_relay_allows(connections: int, of: int) -> None:
    shares = [Part(number, of).share(connections) for number in range(of)]
    assert sum(shares) == connections
    assert max(shares) - min(shares) <= 1


def test_this_machine_has_a_core() -> None:
    assert count_cores() >= 1


def test_an_order_is_the_same_at_the_other_end() -> None:
    for order in (WorkOrder(Part(1, 2)), WorkOrder(Part(0, 3), "2026-06-16", at("2026-06-16 07:00"))):
        assert WorkOrder.from_json(order.to_json()) == order


@pytest.mark.parametrize(
    ("written", "processes"),
    [("auto", None), ("1", 1), ("16", 16), ("0", "below 1"), ("many", "not a whole")],
)
def test_processes_are_a_number_or_auto(tmp_path: Path, written: str, processes: int | str | None) -> None:
    House.build(tmp_path, sources="- {kind: hf_daily_papers}", subscribers="[]", processes=written)
    if isinstance(processes, str):
        with pytest.raises(Exception, match=rf"send\.processes: .*{processes}"):
            load_config(tmp_path / "config.yaml", {})
    else:
        assert load_config(tmp_path / "config.yaml", {}).send.processes == processes


def test_one_process_forks_none(tmp_path: Path) -> None:
    House.build(tmp_path, sources="- {kind: hf_daily_papers}", subscribers="[]", processes=1)
    with forking(load_config(tmp_path / "config.yaml", {})) as forks:
        assert forks is None


async def test_what_a_worker_had_begun_to_tell_when_it_was_killed_is_left_out() -> None:
    ours, theirs = socket.socketpair()
    worker = Worker(*await asyncio.open_connection(sock=ours))
    theirs.sendall(b'{"pid": 7}\n{"counts": {"accepted": 3')
    theirs.close()

    assert [news async for news in worker.listen()] == [{"pid": 7}]
