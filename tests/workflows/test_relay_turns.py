"""A crew uses all that the relays allow: nothing is sent beside it. The relay is real, the worker a script."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from newsletter.workflows import relay_turns
from newsletter.workflows.relay_turns import RelayTurns
from newsletter.workflows.send_crew import Crew
from tests.support.office import IN_MEMORY, MORNING, Office
from tests.support.sink import Sink
from tests.workflows.test_send_crew import Script, Scripts, end

CONNECTIONS = 4
EARLY = [f"early{number}@example.org" for number in range(6)]
LATE = [f"late{number}@example.org" for number in range(8)]
SECOND_SLOT = MORNING + timedelta(hours=1)


async def wait_until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - a task decides
            await asyncio.sleep(0.005)


@pytest.fixture
def database_url() -> str:
    return IN_MEMORY


@dataclass(eq=False)
class Watcher(Script):
    """A worker that looks who is connected when it may begin, and waits."""

    sink: Sink | None = None
    open_then: int | None = None

    def let_begin(self) -> None:
        assert self.sink is not None
        self.open_then = self.sink.open_now


async def test_a_pass_gives_way_to_a_crew_and_leaves_it_the_rest(office: Office) -> None:
    rows = [
        f"  - {{address: {address}, topics: [robot], hour: '{hour}'}}\n"
        for addresses, hour in ((EARLY, "07:00"), (LATE, "08:00"))
        for address in addresses
    ]
    defaults = "defaults: {days: daily, zone: UTC}\nsubscribers:\n"
    (office.folder / "subscribers.yaml").write_text(defaults + "".join(rows))
    await office.newsletter.file.take_over()
    await office.collect()
    office.clock.at = SECOND_SLOT - timedelta(minutes=5)
    await office.newsletter.planner.plan_and_log()
    watcher = Watcher(end(), waits=True, sink=office.sink)
    scripts = Scripts([watcher], most=1, least=len(EARLY) + 1)
    dispatcher = replace(office.newsletter, forks=scripts).dispatcher(asyncio.Event())

    office.sink.delay_s = 0.2
    own = asyncio.create_task(dispatcher.send_all())
    await wait_until(lambda: office.sink.open_now == CONNECTIONS)
    office.clock.at = SECOND_SLOT - timedelta(seconds=10)
    await dispatcher.warm_up(SECOND_SLOT)
    await own
    await wait_until(lambda: watcher.open_then is not None)
    assert watcher.open_then == 0, "nobody is connected when it begins"
    assert len(office.sink.messages) == CONNECTIONS, "the mails in flight are finished"

    office.clock.at = SECOND_SLOT
    await dispatcher.send_notices()
    assert office.sink.open_now == 0
    watcher.stop()  # it has sent nothing, so this process does
    await dispatcher.send_all()
    assert sorted(message.rcpt_to for message in office.sink.messages) == sorted([*EARLY, *LATE])
    assert office.sink.open_at_most == CONNECTIONS


async def test_a_crew_does_not_wait_for_an_answer_that_does_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_turns, "PATIENCE_S", 0.01)

    async def disconnect() -> None:
        pass

    turns = RelayTurns(asyncio.Event(), disconnect)
    worker = Script(end(), waits=True)
    crew = Crew(Scripts([worker], most=1), asyncio.Event(), lambda _delivery, _state: None)
    crew.start()
    async with turns.take() as stop:
        await turns.give(crew)
        assert stop.is_set()
    assert turns.is_with_crew
    worker.stop()
    await crew.finish()
    assert worker.may_begin
    assert not turns.is_with_crew


async def test_a_stop_of_all_stops_each_pass() -> None:
    async def disconnect() -> None:
        pass

    all_stop = asyncio.Event()
    turns = RelayTurns(all_stop, disconnect)
    async with turns.take() as first, turns.take() as second:
        all_stop.set()
        async with asyncio.timeout(5):
            await asyncio.gather(first.wait(), second.wait())
