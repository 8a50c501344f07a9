"""The benchmark of a whole edition, as far as it writes rows itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, func, select

from benchmarks.claim_times import sum_up_claims
from benchmarks.counting_sink import count_ids
from benchmarks.delivery_newsletter import prepare, write_config
from benchmarks.million import choose_slot
from benchmarks.old_mails import write_old_mails
from newsletter.storage.tables import contents, mails, outcomes
from newsletter.wiring import FixedClock, open_newsletter
from newsletter.workflows.plan import PLANNED_AHEAD

NOW = datetime(2026, 6, 16, 4, 0, tzinfo=UTC)


@pytest.mark.parametrize("old", [3, 10, 25])
async def test_old_mails_are_whole_and_keep_nobody_from_their_next_one(
    tmp_path: Path, database_url: str, old: int
) -> None:
    config = write_config(tmp_path, 1, database_url, False, 1)
    engine = create_engine(database_url.replace("postgresql://", "postgresql+psycopg://"))
    async with open_newsletter(config, clock=FixedClock(NOW)) as newsletter:
        await prepare(newsletter, 10)

        await write_old_mails(newsletter, engine, old, NOW.date() - timedelta(days=1))

        counts = await newsletter.ledger.reads.load_counts()
        assert sum(edition.due for edition in counts.values()) == max(old, 10)
        assert await newsletter.ledger.audit.find_contradictions(len(counts)) == []
        with engine.connect() as connection:
            for table in (mails, contents, outcomes):
                assert connection.scalar(select(func.count()).select_from(table)) == max(old, 10)
        readers = await newsletter.subscribers.load_all()
        assert {reader.counted_run for reader in readers} == {0}
    engine.dispose()


def test_the_slot_lies_behind_the_plan_and_no_further_than_is_planned_ahead() -> None:
    for readers in (10, 100_000, 1_000_000):
        for engine in ("sqlite", "postgresql"):
            slot = choose_slot(NOW, readers, engine)
            assert NOW + timedelta(seconds=45) < slot < NOW + PLANNED_AHEAD
            assert (slot.second, slot.microsecond) == (0, 0)


def test_claims_of_all_processes_are_summed_up_in_the_order_of_their_time(tmp_path: Path) -> None:
    for pid in (1, 2):
        lines = [f"{second + pid / 10} {second * 1.0}" for second in range(10)]
        (tmp_path / str(pid)).write_text("\n".join(lines))

    summed = sum_up_claims(tmp_path)

    assert summed == {"claims": 20, "median": 4.5, "p99": 9.0, "first_tenth": 0.0, "last_tenth": 9.0}


def test_what_the_sink_heard_twice_is_no_second_mail() -> None:
    once, twice = count_ids([b"<a@x>", b"<b@x>"]), count_ids([b"<a@x>", b"<b@x>", b"<a@x>"])

    assert (once.different, once.sum) == (twice.different, twice.sum)
    assert (once.mails, twice.mails) == (2, 3)
