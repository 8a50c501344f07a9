"""Which entries one reader gets, in which section, and why.

A paper stands once, in its best topic; nothing that the reader was shown before comes again; what
exceeds a limit is counted in one line. The same arguments give the same digest.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple

from newsletter.compose.choice import Claim, choose_topics
from newsletter.model.digest import Digest, Shown

if TYPE_CHECKING:
    from newsletter.compose.pool import Offer, Pool
    from newsletter.model.readers import Slot


class Wanted(NamedTuple):
    """A topic of a reader: what the reader calls it, and what it may bring."""

    name: str
    offer: Offer


def compose_digest(
    pool: Pool,
    wanted: Sequence[Wanted],
    *,
    slot: Slot,
    everything_else: int,
    shown: Shown,
    previous_on: date,
) -> Digest:
    """Return what the reader gets in this slot.

    wanted are the reader's topics in the reader's order, with what they may bring from this pool. So many entries may
    come that the words of no topic match as everything_else says. shown is what the reader was shown before;
    previous_on is the date of the reader's slot before this one.
    """
    known = pool.choose_known(shown.entries)
    offers = [pool.leave_out(topic.offer, known) for topic in wanted]
    claims = (
        Claim(value, index, entries) for index, offer in enumerate(offers) for value, entries in offer.claims
    )
    chosen = choose_topics(claims)
    # What fits a topic may all stand under others of this very mail: then its entries say so, and it is not quiet.
    without = [
        (topic.name, offer.entries | offer.matched)
        for index, (topic, offer) in enumerate(zip(wanted, offers, strict=True))
        if index not in chosen
    ]
    sections = [
        pool.fill(topic.name, offers[index], chosen[index], previous_on, _share(without, chosen[index]))
        for index, topic in enumerate(wanted)
        if index in chosen
    ]
    taken = sum(chosen.values())  # no entry is there twice
    if everything_else:
        for offer in offers:
            known |= offer.matched | offer.entries
        sections += pool.fill_rest(known, everything_else, previous_on)
    return Digest(
        slot=slot,
        window=pool.window,
        sections=tuple(sections),
        quiet_topics=tuple([name for name, fitting in without if not fitting & taken]),
        since_on=min(previous_on + timedelta(days=1), slot.local_on),
        is_first=bool(sections) and not shown.ever,
    )


def _share(topics: Sequence[tuple[str, int]], entries: int) -> tuple[tuple[str, int], ...]:
    """Return the topics that some of these entries fit, with those that do."""
    return tuple([(name, fitting & entries) for name, fitting in topics if fitting & entries])
