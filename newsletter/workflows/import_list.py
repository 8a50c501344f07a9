"""A list of readers into the store: all who are new, in one transaction, or nobody.

Pure: reading the list (`readers_csv`, `subscribers_file`). I/O: the stores. Somebody who is known stays as they are: a
list is no way to change what readers chose, or to bring back who left.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from newsletter.address import address_key, parse_address
from newsletter.compose.subscription import WORDS, add
from newsletter.errors import AddressError, ClashError, StoreError
from newsletter.model.readers import AddressKey, Cadence, EmailAddress, Refusal, Subscriber, Unwanted
from newsletter.settings.readers import new_subscriber
from newsletter.settings.readers_csv import ListRow, Named, Skipped, Taken
from newsletter.workflows.import_subscribers import find_window_start

if TYPE_CHECKING:
    from newsletter.ports import Clock
    from newsletter.storage import EntryStore, SubscriberStore

_TRIES = 5


@dataclass(frozen=True, slots=True)
class ListImport:
    """What becomes of those whom a list names: new ones, how many are known already, who is refused and why, by line,
    and who is suppressed because the list says that they left, bounced or complained."""

    new: tuple[Subscriber, ...]
    known: int
    refused: tuple[tuple[int, str], ...]
    unwanted: tuple[Unwanted, ...]


@dataclass(frozen=True, slots=True)
class Suppressing:
    """What a list of addresses that are to be mailed no more changes: which are not suppressed yet, which of those
    belong to readers, and how many are suppressed already."""

    new: tuple[EmailAddress, ...]
    readers: tuple[EmailAddress, ...]
    already: int


async def choose_from_list(
    rows: Sequence[ListRow], name: str, subscribers: SubscriberStore, entries: EntryStore, now: datetime
) -> ListImport:
    """Decide what becomes of a list of that name; writes nothing. The first digest of whoever is new covers what an
    ordinary one would."""
    people = [row for row in rows if isinstance(row, Taken)]
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
    unwanted = await _choose_unwanted(rows, name, subscribers)
    return ListImport(tuple(new), known_already, tuple(refused), unwanted)


async def _choose_unwanted(
    rows: Sequence[ListRow], name: str, subscribers: SubscriberStore
) -> tuple[Unwanted, ...]:
    """Return who is to be suppressed, because mail to them ended elsewhere. A reader of ours has decided here, and of
    whoever was erased nothing is stored again."""
    ended: dict[AddressKey, Unwanted] = {}
    for row in rows:
        if isinstance(row, Skipped) and row.has_ended:
            with suppress(AddressError):  # what is no address is never mailed
                address = parse_address(row.address)
                one = Unwanted(address, f"{row.why} in {name}", row.is_complaint)
                ended.setdefault(address_key(address), one)
    addresses = [one.address for one in ended.values()]
    done = {
        *await subscribers.load_known(addresses),
        *await subscribers.load_suppressed(addresses),
        *await subscribers.load_erased(addresses),
    }
    return tuple(one for one in ended.values() if one.address not in done)


async def import_list(
    rows: Sequence[ListRow],
    name: str,
    subscribers: SubscriberStore,
    entries: EntryStore,
    clock: Clock,
    why: str,
) -> ListImport:
    """Save who of a list is new, and suppress whom it says to have left; return what became of everybody. why goes into
    the record of consent."""
    for _ in range(_TRIES):
        now = clock.now()
        chosen = await choose_from_list(rows, name, subscribers, entries, now)
        try:
            await subscribers.suppress_all(chosen.unwanted, now)
            await subscribers.save(chosen.new, now, why)
        except ClashError:  # somebody of the list subscribes at this moment: look again
            continue
        return chosen
    raise StoreError("other processes keep changing the same readers; try again", is_passing=True)


async def choose_suppressing(rows: Sequence[ListRow], subscribers: SubscriberStore) -> Suppressing:
    """Return what a list of addresses that are to be mailed no more changes; writes nothing."""
    addresses = [row.address for row in rows if isinstance(row, Named)]
    suppressed = await subscribers.load_suppressed(addresses)
    new = tuple(address for address in addresses if address not in suppressed)
    known = await subscribers.load_known(new)
    return Suppressing(new, tuple(address for address in new if address in known), len(addresses) - len(new))
