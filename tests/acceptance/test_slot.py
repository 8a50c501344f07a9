"""A slot is kept, whatever is slow beside it."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from newsletter.model.ledger import State
from newsletter.scheduler import run_forever
from newsletter.settings.config import load_config
from newsletter.storage.backup import backup
from newsletter.wiring import FixedClock, Newsletter, open_newsletter
from tests.support.builders import at
from tests.support.clock import GoingClock
from tests.support.house import House
from tests.support.papers import make_day
from tests.support.sink import Sink

SLOT = at("2026-06-16 07:00")
READERS = 200


async def be_silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take connections and never say a word: a source that takes its whole deadline, a mailbox that hangs."""
    with suppress(asyncio.CancelledError):
        await asyncio.Event().wait()
    writer.close()


async def test_the_slot_is_kept_while_a_source_is_slow_a_mailbox_hangs_and_a_backup_runs(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("newsletter.workflows.tick.PATIENCE_S", 2.0)
    silent = await asyncio.start_server(be_silent, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    has_all = asyncio.Event()
    async with Sink() as sink:
        sink.on_accepted = lambda _received: has_all.set() if len(sink.messages) >= READERS else None
        config = write_house(tmp_path, sink.port, port)
        (tmp_path / "day.json").write_text(make_day())
        env = {"DATABASE": database_url, "IMAP_PASSWORD": "sesame"}
        eve = FixedClock(SLOT - timedelta(hours=13))
        async with open_newsletter(load_config(tmp_path / "before.yaml", env), clock=eve) as newsletter:
            await newsletter.file.take_over()
            await newsletter.collector.collect()
        clock = GoingClock(SLOT - timedelta(seconds=2))
        async with open_newsletter(load_config(config, env), clock=clock) as newsletter:
            stop = asyncio.Event()
            running = asyncio.create_task(run_forever(newsletter, stop, timedelta(seconds=1)))
            copying = asyncio.create_task(copy_again_and_again(newsletter, tmp_path, stop))
            with suppress(TimeoutError):
                async with asyncio.timeout(62):
                    await has_all.wait()
            accepted_at = clock.now()
            stop.set()
            stopped = time.monotonic()
            await running
            await copying
            accepted = await count_accepted(newsletter)
    silent.close()

    assert len(sink.messages) == READERS
    assert accepted_at < SLOT + timedelta(seconds=60)
    assert accepted == READERS
    assert time.monotonic() - stopped < 10, "a stop waits neither for the source nor for the mailbox"


async def test_mails_go_out_at_the_slot_and_not_at_the_next_tick(tmp_path: Path, database_url: str) -> None:
    has_first = asyncio.Event()
    async with Sink() as sink:
        sink.on_accepted = lambda _received: has_first.set()
        write_house(tmp_path, sink.port, sink.port)
        (tmp_path / "day.json").write_text(make_day())
        env = {"DATABASE": database_url}
        config = load_config(tmp_path / "before.yaml", env)
        async with open_newsletter(config, clock=FixedClock(SLOT - timedelta(hours=13))) as newsletter:
            await newsletter.file.take_over()
            await newsletter.collector.collect()
        clock = GoingClock(SLOT - timedelta(seconds=4))
        async with open_newsletter(config, clock=clock) as newsletter:
            stop = asyncio.Event()
            running = asyncio.create_task(run_forever(newsletter, stop, timedelta(hours=1)))
            async with asyncio.timeout(60):
                await has_first.wait()
            first_at = clock.now()
            stop.set()
            await running
    assert SLOT <= first_at < SLOT + timedelta(minutes=1)


def write_house(folder: Path, relay: int, silent: int) -> Path:
    """Write the configuration, and beside it one without what is slow; return its path."""
    rows = "".join(
        f"  - {{address: reader{number}@example.org, topics: [robot]}}\n" for number in range(READERS)
    )
    subscribers = "defaults: {days: daily, hour: '07:00', zone: UTC}\nsubscribers:\n" + rows
    day = "- {kind: hf_daily_papers, location: day.json}"
    arguments = {"subscribers": subscribers, "port": relay, "database_url": "${DATABASE}"}
    House.build(folder, sources=day, **arguments)  # type: ignore[arg-type]
    (folder / "config.yaml").rename(folder / "before.yaml")
    House.build(
        folder,
        sources=f"{day}\n- {{kind: feed, name: slow, location: 'http://127.0.0.1:{silent}/'}}",
        more=f"""
        bounces:
          imap: {{host: 127.0.0.1, port: {silent}, security: none, username: b, password: '${{IMAP_PASSWORD}}'}}
        """,
        **arguments,  # type: ignore[arg-type]
    )
    return folder / "config.yaml"


async def copy_again_and_again(newsletter: Newsletter, folder: Path, stop: asyncio.Event) -> None:
    """Back an SQLite database up until told to stop; PostgreSQL has a tool of its own."""
    number = 0
    while newsletter.database.is_sqlite and not stop.is_set():
        await backup(newsletter.database, folder / f"copy{number}.db")
        number += 1


async def count_accepted(newsletter: Newsletter) -> int:
    counts = await newsletter.ledger.reads.load_counts()
    return sum(found[State.ACCEPTED] for found in counts.values())
