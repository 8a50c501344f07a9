"""Explain: which paper is meant, and what became of it for each reader. Only reads.

Whether it is in a reader's next digest is asked of the very builder that composes digests.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from newsletter.collect.identity import name_keys
from newsletter.compose.disposition import Disposition, choose_disposition
from newsletter.compose.slots import next_slot

if TYPE_CHECKING:
    from newsletter.model.entries import Entry
    from newsletter.model.ledger import EntryDelivery
    from newsletter.model.readers import Subscriber, SubscriberId
    from newsletter.storage import EntryStore, SubscriberStore
    from newsletter.storage.ledger.reads import LedgerReads
    from newsletter.workflows.compose_digests import DigestBuilder

_MOST_TITLES = 20


async def find_entries(text: str, entries: EntryStore) -> Sequence[Entry]:
    """Return the entries that are meant by an arXiv id, a DOI, an address, a key, or words of a title."""
    keys = name_keys(text)
    found = await entries.load_known(keys) if keys else ()
    return found or await entries.find_titles(text, _MOST_TITLES)


async def explain_entry(
    entry: Entry,
    readers: Sequence[Subscriber],
    digests: DigestBuilder,
    subscribers: SubscriberStore,
    reads: LedgerReads,
    now: datetime,
) -> Sequence[Disposition]:
    """Return what became of an entry for each of these readers, in their order."""
    sent: dict[SubscriberId, list[EntryDelivery]] = {}
    for delivery in await reads.load_entry_deliveries(entry.id, [reader.id for reader in readers]):
        sent.setdefault(delivery.subscriber, []).append(delivery)
    suppressed = await subscribers.load_suppressed([reader.address for reader in readers])
    shown = await reads.load_shown([reader.id for reader in readers])
    return [
        choose_disposition(
            entry,
            reader,
            deliveries=sent.get(reader.id, []),
            suppressed=suppressed[reader.address].reason if reader.address in suppressed else "",
            matched=await digests.find_topics(reader, entry),
            obstacles=await digests.find_obstacles(reader, entry),
            digest=await digests.build(reader, next_slot(reader.cadence, now), shown[reader.id]),
            now=now,
        )
        for reader in readers
    ]
