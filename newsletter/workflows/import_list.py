"""A list of readers into the store: all who are new, in one transaction, or nobody.

Pure: reading the list (`readers_csv`, `subscribers_file`). I/O: the stores. Somebody who is known stays as they are: a
list is no way to change what readers chose, or to bring back who left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from newsletter.compose.subscription import WORDS, add
from newsletter.errors import ClashError, StoreError
from newsletter.model.readers import Cadence, Refusal, Subscriber
from newsletter.ports import Clock
from newsletter.settings.readers import new_subscriber
from newsletter.settings.readers_csv import Taken
from newsletter.storage import EntryStore, SubscriberStore
from newsletter.workflows.import_subscribers import find_window_start

_TRIES = 5


@dataclass(frozen=True, slots=True)
class ListImport:
    """What becomes of those whom a list names: new ones, how many are known already, and who is refused and why, by
    line."""

    new: tuple[Subscriber, ...]
    known: int
    refused: tuple[tuple[int, str], ...]


async def choose_from_list(
    people: Sequence[Taken], subscribers: SubscriberStore, entries: EntryStore, now: datetime
) -> ListImport:
    """Decide who of a list is new; writes nothing. Their first digest covers what an ordinary one would."""
    addresses = [person.reader.address for person in people]
    known = await subscribers.load_known(addresses)
    suppressed = await subscribers.load_suppressed(addresses)
    erased = await subscribers.load_erased(addresses)
    began: dict[Cadence, int] = {}
    new, refused, known_already = [], [], 0
    for person in people:
        reader = person.reader
        if reader.address in suppressed:
            why = f"{reader.address} is suppressed: {suppressed[reader.address].reason}"
            refused.append((person.line, why))
        elif reader.address in known:
            known_already += 1
        elif reader.address in erased:
            refused.append((person.line, f"{reader.address} {WORDS[Refusal.ERASED]}"))
        else:
            if reader.cadence not in began:
                began[reader.cadence] = await find_window_start(reader.cadence, entries, now)
            joined = add(new_subscriber(reader), now, began[reader.cadence])
            assert isinstance(joined, Subscriber)  # somebody new may always be added
            new.append(joined)
    return ListImport(tuple(new), known_already, tuple(refused))


async def import_list(
    people: Sequence[Taken], subscribers: SubscriberStore, entries: EntryStore, clock: Clock, why: str
) -> ListImport:
    """Save who of a list is new, and return what became of everybody; why goes into the record of consent."""
    for _ in range(_TRIES):
        now = clock.now()
        chosen = await choose_from_list(people, subscribers, entries, now)
        try:
            await subscribers.save(chosen.new, now, why)
        except ClashError:  # somebody of the list subscribes at this moment: look again
            continue
        return chosen
    raise StoreError("other processes keep changing the same readers; try again", is_passing=True)
