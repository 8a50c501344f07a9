"""Which entries one reader gets, in which section, and why.

A paper stands once, in its best topic; nothing that the reader was shown before comes again; what
exceeds a limit is counted in one line. The same arguments give the same digest.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple

from newsletter.compose.choice import Claim, choose_topics
from newsletter.compose.pool import Offer, Pool
from newsletter.model.digest import Digest, Shown
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
    sections = [
        pool.fill(topic.name, offers[index], chosen[index], previous_on)
        for index, topic in enumerate(wanted)
        if index in chosen
    ]
    if everything_else:
        for offer in offers:
            known |= offer.matched | offer.entries
        sections += pool.fill_rest(known, everything_else, previous_on)
    return Digest(
        slot=slot,
        window=pool.window,
        sections=tuple(sections),
        # What a topic brings may stand under another one of this very mail: then it is not quiet.
        quiet_topics=tuple(
            [topic.name for topic, offer in zip(wanted, offers, strict=True) if not offer.entries]
        ),
        since_on=min(previous_on + timedelta(days=1), slot.local_on),
        is_first=bool(sections) and not shown.ever,
    )
