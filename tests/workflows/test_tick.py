"""The steps of the clock: what one of them does to the others, which is nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from structlog.testing import capture_logs

from newsletter.errors import ConfigError, MailerError, Problem, StoreError
from newsletter.model.steps import StepFailure, StepName
from newsletter.storage import Database, SettingStore
from newsletter.workflows.keep_slots import SlotKeeper
from newsletter.workflows.tick import BESIDE, Act, Clockwork, StepGuard
from tests.support.builders import at
from tests.support.clock import SetClock
from tests.support.office import IN_MEMORY, Office


@pytest.fixture
def database_url() -> str:
    return IN_MEMORY


NOW = at("2026-06-16 07:00")

FAILURES: tuple[Callable[[], BaseException], ...] = (
    lambda: OSError(5, "Input/output error"),
    lambda: PermissionError(13, "Permission denied"),
    lambda: UnicodeEncodeError("ascii", "\udcff", 0, 1, "surrogates not allowed"),
    lambda: ValueError("a line\nand another \x1b[31m\0"),
    lambda: StoreError("it does not take one of the values", is_refusal=True),
    lambda: ConfigError([Problem("wrong", file="subscribers.yaml"), Problem("wrong, too")]),
    lambda: RecursionError("maximum recursion depth exceeded"),
    lambda: MemoryError(),
    lambda: TimeoutError(),
    lambda: asyncio.CancelledError(),
    lambda: ExceptionGroup("several", [ValueError("one"), OSError("two")]),
)


class Acts(dict[StepName, Act]):
    """Acts for all steps. done are those that ran, in this order; fails says which raise what."""

    def __init__(self) -> None:
        self.done: list[StepName] = []
        self.fails: dict[StepName, Callable[[], BaseException]] = {}
        super().__init__({step: self._build(step) for step in StepName})

    def _build(self, step: StepName) -> Act:
        async def act() -> bool:
            self.done.append(step)
            if step in self.fails:
                raise self.fails[step]()
            return True

        return act


def build_clockwork(
    acts: Acts, settings: SettingStore, *, is_first: bool = False, patience_s: float = 5.0
) -> Clockwork:
    async def tell_first() -> bool:
        return is_first

    clock = SetClock(NOW)
    slots = SlotKeeper(never_due, do_nothing, clock)
    return Clockwork(acts, StepGuard(settings, clock), tell_first, asyncio.Event(), slots, patience_s)


async def never_due(_now: datetime) -> None:
    return None


async def do_nothing(_due_at: datetime) -> None:
    return None


async def wait_for_all(clockwork: Clockwork) -> None:
    await asyncio.gather(*(job.task for job in clockwork._jobs.values()))


async def test_steps_may_fail_in_any_way_and_all_are_reached(database: Database) -> None:
    settings = SettingStore(database)
    for build_failure in FAILURES:
        acts = Acts()
        acts.fails = dict.fromkeys(StepName, build_failure)
        clockwork = build_clockwork(acts, settings)

        with capture_logs() as lines:
            await clockwork.tick()
            await wait_for_all(clockwork)
            clockwork.post()
            await wait_for_all(clockwork)

        assert set(acts.done) == set(StepName), build_failure()
        assert {line["step"] for line in lines} == set(StepName)
        failures = await settings.load_step_failures()
        assert [failure.step for failure in failures] == list(StepName)
        assert all(failure.error and failure.error.isprintable() for failure in failures)


async def test_a_failure_is_kept_and_counted_until_the_step_succeeds(database: Database) -> None:
    settings, clock = SettingStore(database), SetClock(NOW)
    acts = Acts()
    acts.fails[StepName.INCOMING_MAIL] = lambda: MailerError("connection refused", is_passing=True)
    for minute in range(3):
        clock.at = NOW + timedelta(minutes=minute)
        guard = StepGuard(settings, clock)  # of another process each time
        await guard.run(StepName.INCOMING_MAIL, acts[StepName.INCOMING_MAIL])

    kept = StepFailure(StepName.INCOMING_MAIL, NOW, 3, clock.at, "connection refused", is_passing=True)
    assert await settings.load_step_failures() == [kept]
    acts.fails.clear()
    await StepGuard(settings, clock).run(StepName.INCOMING_MAIL, acts[StepName.INCOMING_MAIL])
    assert await settings.load_step_failures() == []


async def test_a_step_that_had_nothing_to_do_has_not_succeeded(database: Database) -> None:
    settings = SettingStore(database)
    guard = StepGuard(settings, SetClock(NOW))

    async def act() -> bool:
        return False

    await guard.note(StepName.COLLECTING, ValueError("broken"))
    await guard.run(StepName.COLLECTING, act)

    assert [failure.times for failure in await settings.load_step_failures()] == [1]


async def test_a_failure_that_cannot_be_kept_is_kept_with_the_next_one(database: Database) -> None:
    class AwayStore(SettingStore):
        is_away = True

        async def save_step_failure(self, failure: StepFailure) -> None:
            if self.is_away:
                raise StoreError("away", is_passing=True)
            await super().save_step_failure(failure)

    settings = AwayStore(database)
    guard = StepGuard(settings, SetClock(NOW))
    await guard.note(StepName.SENDING, StoreError("away"))
    settings.is_away = False
    await guard.note(StepName.SENDING, StoreError("away"))

    assert [failure.times for failure in await settings.load_step_failures()] == [2]


async def test_a_failure_is_logged_with_its_traceback_once_and_then_less_and_less(database: Database) -> None:
    guard = StepGuard(SettingStore(database), SetClock(NOW))
    with capture_logs() as lines:
        for _ in range(9):
            await guard.note(StepName.UPKEEP, ValueError("broken"))
        await guard.note(StepName.UPKEEP, OSError("another kind"))
        await guard.note(StepName.UPKEEP, StoreError("our own words"))

    assert [line["times"] for line in lines] == [1, 2, 4, 8, 10, 11]
    assert ["exc_info" in line for line in lines] == [True, False, False, False, True, False]


async def test_what_is_quick_is_done_before_planning(database: Database) -> None:
    acts = Acts()
    clockwork = build_clockwork(acts, SettingStore(database))

    await clockwork.tick()
    await wait_for_all(clockwork)

    first = len(BESIDE)
    assert set(acts.done[:first]) == set(BESIDE)
    assert acts.done[first : first + 3] == [StepName.PAUSES_AND_ZONES, StepName.PLANNING, StepName.SENDING]


@pytest.mark.parametrize("slow", BESIDE)
async def test_what_is_slow_delays_planning_by_the_patience_only_and_never_runs_twice(
    database: Database, slow: StepName
) -> None:
    acts, go_on = Acts(), asyncio.Event()

    async def wait() -> bool:
        acts.done.append(slow)
        return await go_on.wait()

    acts[slow] = wait
    clockwork = build_clockwork(acts, SettingStore(database), patience_s=0.05)
    for _ in range(3):
        await clockwork.tick()

    assert acts.done.count(StepName.PLANNING) == 3
    assert acts.done.count(slow) == 1
    go_on.set()
    await wait_for_all(clockwork)


@pytest.mark.parametrize("fails", [False, True])
async def test_on_the_first_look_planning_waits_until_collecting_has_ended(
    database: Database, fails: bool
) -> None:
    acts, go_on = Acts(), asyncio.Event()

    async def collect() -> bool:
        await go_on.wait()
        if fails:
            raise OSError("no network")
        return True

    acts[StepName.COLLECTING] = collect
    clockwork = build_clockwork(acts, SettingStore(database), is_first=True, patience_s=0.01)
    ticking = asyncio.create_task(clockwork.tick())
    await asyncio.wait([ticking], timeout=0.2)

    assert StepName.PLANNING not in acts.done
    go_on.set()
    await ticking
    assert StepName.PLANNING in acts.done
    await wait_for_all(clockwork)


async def test_a_stop_cancels_what_runs_beside_and_waits_for_the_mails_in_flight(database: Database) -> None:
    acts, cancelled, sent, go_on = Acts(), asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def hang() -> bool:
        try:
            return await asyncio.Event().wait()
        finally:
            cancelled.set()

    async def send() -> bool:
        await go_on.wait()
        sent.set()
        return True

    acts[StepName.INCOMING_MAIL], acts[StepName.SENDING] = hang, send
    settings = SettingStore(database)
    clockwork = build_clockwork(acts, settings, patience_s=0.01)
    await clockwork.tick()
    clockwork.stop.set()
    ending = asyncio.create_task(clockwork.finish())
    await cancelled.wait()

    assert not sent.is_set()
    go_on.set()
    await ending
    assert sent.is_set()
    assert await settings.load_step_failures() == [], "a stop is no failure"


async def test_a_stop_ends_the_wait_before_planning(database: Database) -> None:
    acts = Acts()
    acts[StepName.COLLECTING] = asyncio.Event().wait
    clockwork = build_clockwork(acts, SettingStore(database), is_first=True, patience_s=600)
    ticking = asyncio.create_task(clockwork.tick())
    await asyncio.sleep(0)
    clockwork.stop.set()
    await ticking
    await clockwork.finish()

    assert StepName.PLANNING not in acts.done


async def test_a_step_that_does_not_end_is_told(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    acts = Acts()
    acts[StepName.COLLECTING] = asyncio.Event().wait
    settings = SettingStore(database)
    clockwork = build_clockwork(acts, settings, patience_s=0.01)
    await clockwork.tick()
    monkeypatch.setattr("newsletter.workflows.tick.OVERDUE_S", -1.0)
    await clockwork.tick()

    # Others may be under way as well, and with no time allowed they are told, too.
    errors = {failure.step: failure.error for failure in await settings.load_step_failures()}
    assert "has been running for" in errors[StepName.COLLECTING]
    await clockwork.finish()


@pytest.mark.parametrize("content", [None, b"a: \xe9\n", b"a: \0\n", b"subscribers: [", "folder"])
async def test_a_clock_begins_whatever_has_become_of_the_subscribers_file(
    office: Office, content: bytes | str | None
) -> None:
    file = office.folder / "subscribers.yaml"
    file.unlink()
    if isinstance(content, bytes):
        file.write_bytes(content)
    elif content:
        file.mkdir()

    office.newsletter.file.refuse_samples()
    clockwork = office.newsletter.build_clockwork(asyncio.Event())
    await clockwork.tick()
    await wait_for_all(clockwork)

    [failure] = await office.newsletter.settings.load_step_failures()
    assert failure.step is StepName.SUBSCRIBERS_FILE
    assert "subscribers.yaml" in failure.error
