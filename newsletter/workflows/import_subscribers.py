"""Import: subscribers.yaml into the store, at each run, by address.

Pure: reading the file and deciding what changes (subscribers_file). I/O: the file and the store. A file
that is wrong anywhere changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from newsletter.address import address_key
from newsletter.compose.slots import previous_slot
from newsletter.compose.subscription import add
from newsletter.match.topics import parse_topics
from newsletter.model.readers import Cadence, Consent, Subscriber
from newsletter.model.topics import Topic
from newsletter.settings.subscribers_file import FileImport, choose_import, parse_subscribers
from newsletter.settings.yaml_text import read_text
from newsletter.storage import EntryStore, SubscriberStore


async def choose_subscribers(
    path: Path,
    subscribers: SubscriberStore,
    entries: EntryStore,
    library: Mapping[str, Topic],
    layouts: Collection[str],
    everything_else: int,
    now: datetime,
) -> FileImport:
    """Decide what the file changes in the store; writes nothing.

    A new reader's window starts one cadence back: at the newest run before the slot that would have come last.
    Readers who come back into the file begin with what is new from now on.
    """
    known = await subscribers.load_all()
    rows = parse_subscribers(
        read_text(path),
        str(path),
        everything_else=everything_else,
        layouts=layouts,
        check_topics=lambda topics_json: parse_topics(topics_json, library) and None,
        may_be_empty=not any(reader.file_owned and reader.consent is Consent.CONFIRMED for reader in known),
    )
    known_keys = {address_key(reader.address) for reader in known}
    chosen = choose_import(
        known,
        rows,
        now=now,
        counted_run=await entries.newest_run(),
        erased=await subscribers.load_erased(
            [row.address for row in rows if address_key(row.address) not in known_keys]
        ),
    )
    return replace(chosen, save=tuple([await start_window(reader, entries, now) for reader in chosen.save]))


async def start_window(reader: Subscriber, entries: EntryStore, now: datetime) -> Subscriber:
    """Return a new reader (id 0) with the window started one cadence back; a known reader unchanged."""
    if reader.id:
        return reader
    return replace(reader, counted_run=await find_window_start(reader.cadence, entries, now))


async def find_window_start(cadence: Cadence, entries: EntryStore, now: datetime) -> int:
    """Return the run after which the first digest begins of one who joins now: one cadence back."""
    return await entries.newest_run_before(previous_slot(cadence, now).at)


async def begin_reading(reader: Subscriber, entries: EntryStore, now: datetime) -> Subscriber:
    """Return a new reader with the window and the first slot of one who joins now."""
    joined = add(reader, now, await find_window_start(reader.cadence, entries, now))
    assert isinstance(joined, Subscriber)  # somebody new may always be added
    return joined
