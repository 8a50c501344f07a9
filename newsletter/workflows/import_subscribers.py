"""Import: subscribers.yaml into the store, at each run, by address.

Pure: reading the file and deciding what changes (subscribers_file). I/O: the file and the store. A file
that is wrong anywhere changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from newsletter.address import address_key
from newsletter.compose.slots import previous_slot
from newsletter.compose.subscription import add
from newsletter.errors import ClashError, ConfigError, Problem, StoreError
from newsletter.logs import log
from newsletter.match.topics import parse_topics
from newsletter.model.readers import Cadence, Consent, ConsentMove, Subscriber
from newsletter.settings.samples import find_sample_readers
from newsletter.settings.subscribers_file import FileImport, choose_import, parse_subscribers
from newsletter.settings.yaml_text import load_yaml, read_text

if TYPE_CHECKING:
    from newsletter.model.topics import Topic
    from newsletter.ports import Clock
    from newsletter.storage import EntryStore, SubscriberStore

_TRIES = 5


@dataclass(slots=True)
class SubscribersFile:
    """The operator's file beside the store. path is None where there is none.

    everything_else counts where neither a row nor the file's defaults say it. layouts are those that there are.
    samples are those of 'init' that the configuration still has; None: no relay gets what samples say.
    """

    path: Path | None
    subscribers: SubscriberStore
    entries: EntryStore
    library: Mapping[str, Topic]
    layouts: Collection[str]
    everything_else: int
    samples: Sequence[Problem] | None
    clock: Clock
    _taken_over: str | None = field(default=None, init=False)

    async def choose(self) -> FileImport:
        """Decide what the file changes in the store; writes nothing. Raises ConfigError.

        A new reader's window starts one cadence back: at the newest run before the slot that would have come last.
        Readers who come back into the file begin with what is new from now on.
        """
        if self.path is None:
            return FileImport((), ())
        now, owned = self.clock.now(), await self.subscribers.load_file_owned()
        is_owner = any(reader.consent is Consent.CONFIRMED for reader in owned)
        rows = parse_subscribers(
            read_text(self.path),
            str(self.path),
            everything_else=self.everything_else,
            layouts=self.layouts,
            check_topics=lambda topics_json: parse_topics(topics_json, self.library) and None,
            may_be_empty=not is_owner,
        )
        named = await self.subscribers.load_named([row.address for row in rows])
        known = {reader.id: reader for reader in (*owned, *named)}
        known_keys = {address_key(reader.address) for reader in known.values()}
        chosen = choose_import(
            list(known.values()),
            rows,
            now=now,
            counted_run=await self.entries.newest_run(),
            erased=await self.subscribers.load_erased(
                [row.address for row in rows if address_key(row.address) not in known_keys]
            ),
        )
        save = [await start_window(reader, self.entries, now) for reader in chosen.save]
        return replace(chosen, save=tuple(save))

    def refuse_samples(self) -> None:
        """Raise ConfigError where mail goes to a relay and samples of 'init' are left: addresses, hosts, readers."""
        if self.samples is None:
            return
        readers: Sequence[Problem] = ()
        if self.path is not None:
            with suppress(ConfigError):  # what is wrong with the file is told when it is taken over
                readers = tuple(find_sample_readers(load_yaml(read_text(self.path), str(self.path))))
        if self.samples or readers:
            raise ConfigError([*self.samples, *readers])

    async def take_over_and_log(self) -> None:
        """As take_over, for the clock, which tells its log: at the start, and when the file has changed since."""
        text = read_text(self.path) if self.path is not None else ""
        if text == self._taken_over:
            return
        for note in await self.take_over():
            log.info(note)
        self._taken_over = text

    async def take_over(self) -> tuple[str, ...]:
        """Write what the file changes; return notes. Raises ConfigError; then nothing has changed."""
        self.refuse_samples()
        for _ in range(_TRIES):
            chosen = await self.choose()
            with suppress(ClashError):  # another process takes the same file over: see what it has left to do
                now, why = self.clock.now(), "subscribers file"
                await self.subscribers.save(chosen.save, now, why, move=ConsentMove.LIST)
                await self.subscribers.save(chosen.dropped, now, why, move=ConsentMove.UNLIST)
                return chosen.notes
        raise StoreError("other processes keep changing the same readers; try again", is_passing=True)


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
