"""The five promises of docs/reliability.md, as one check of the ledger against the mails that really arrived."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

from newsletter.model.entries import EntryId
from newsletter.model.ledger import COUNTED, State
from newsletter.model.readers import Consent, SubscriberId
from newsletter.storage import Ledger, SubscriberStore
from tests.support.moves import check_moves
from tests.support.office import Office
from tests.support.sink import Received

_COUNTS = (*COUNTED, State.IN_DATA)


async def check_invariants(office: Office, edition: str = "2026-06-16") -> dict[str, State]:
    """Assert the five promises over all editions of an office, and that rows moved as the table of states says only;
    return the states of one edition by address."""
    newsletter = office.newsletter
    await check_moves(newsletter.database)
    return await check_ledger(
        *(newsletter.ledger, newsletter.subscribers, office.sink.messages, edition),
        gone=office.gone,
        others=office.others,
    )


async def check_ledger(
    ledger: Ledger,
    subscribers: SubscriberStore,
    messages: Sequence[Received],
    edition: str,
    *,
    gone: Mapping[str, int] = MappingProxyType({}),
    others: Collection[str] = (),
) -> dict[str, State]:
    """Assert the five promises over all editions; return the states of one edition by address.

    Everybody who ever joined was due at each edition so far, so how many are due is known without the ledger.
    gone: who has left, with how many mails they had by then. others: who gets mails that are no digests.
    """
    joined = [
        reader
        for reader in await subscribers.load_all()
        if reader.consent is not Consent.UNCONFIRMED  # somebody who gets alerts, say
    ]
    counts = await ledger.reads.load_counts()
    copies = Counter(message.message_id for message in messages)
    named: dict[str, str] = {}
    shown: dict[SubscriberId, list[EntryId]] = defaultdict(list)
    for key in {edition, *counts}:
        rows = await ledger.reads.load_edition(key)
        # (i) one row for each reader and edition
        assert len({row.recipient for row, _ in rows}) == len(rows), f"two rows for one reader in {key}"
        assert {row.recipient for row, _ in rows} == {reader.id for reader in joined}, (
            f"somebody misses in {key}"
        )
        # (ii) the counts add up to what was due
        assert counts[key].due == len(joined)
        for row, mailed_to in rows:
            if row.snapshot is None or not row.snapshot.message_id:
                assert row.state not in (State.ACCEPTED, State.UNCERTAIN) or mailed_to.endswith(".invalid")
                continue
            # (iii) one copy, or two under one name where the mail was uncertain
            named[row.snapshot.message_id] = row.snapshot.address
            arrived = copies[row.snapshot.message_id]
            assert arrived <= (2 if row.uncertain_at else 1), f"{mailed_to} has {arrived} copies of {key}"
            if row.state is State.ACCEPTED:
                assert arrived >= 1, f"{key} to {mailed_to} is called accepted and never came"
            if row.state in _COUNTS:
                shown[row.recipient] += [entry for entry, _, _ in row.snapshot.entry_ids]
    assert await ledger.audit.find_contradictions(100) == [], "the ledger's records contradict each other"
    # (iv) no paper in two digests of one reader that count
    for recipient, entries in shown.items():
        assert len(entries) == len(set(entries)), f"reader {recipient} was shown a paper twice"
    # (v) nobody who has left got anything since, and nobody got a mail that the ledger does not know
    for address, before in gone.items():
        since = sum(message.rcpt_to == address for message in messages) - before
        assert since == 0, f"{address} has left, and got {since} mails since"
    for message in messages:
        if message.rcpt_to in gone or message.rcpt_to in others:
            continue
        assert named.get(message.message_id) == message.rcpt_to, (
            f"the ledger does not know {message.message_id}"
        )
    return {address: row.state for row, address in await ledger.reads.load_edition(edition)}
