from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import pytest

from newsletter.compose.digest import Wanted, compose_digest
from newsletter.compose.disposition import Disposition, DispositionKind, choose_disposition
from newsletter.compose.pool import Pool
from newsletter.model.digest import Digest, Shown, Window
from newsletter.model.entries import Entry
from newsletter.model.ledger import EntryDelivery, State
from newsletter.model.readers import Consent, EmailAddress, Slot, Subscriber, SubscriberId
from newsletter.model.topics import Candidate, Topic, TopicMatches
from tests.support.builders import DAY, at, make_entry, make_match, make_subscriber, make_topic

NOW = at("2026-06-16 08:00")
WINDOW = Window(after_run=6, upto_run=7)
READER = make_subscriber()
NEW, SEEN_BEFORE = make_entry(first_seen_run=7), make_entry(first_seen_run=5)


def make_delivery(state: State = State.ACCEPTED, *, shown: bool = True, topic: str = "RAG") -> EntryDelivery:
    return EntryDelivery(EmailAddress(READER.address), SubscriberId(1), "2026-06-15", state, topic, shown)


def compose(entry: Entry, topics: Sequence[Topic]) -> Digest:
    pool = Pool(WINDOW, (), {}, lambda _one, _other: 0.0, NOW)
    matches = [TopicMatches(topic, (Candidate(entry, make_match(), 0.5),)) for topic in topics]
    return compose_digest(
        pool,
        [Wanted(topic.topic.name, pool.offer(topic)) for topic in matches],
        slot=Slot(date(2026, 6, 17), at("2026-06-17 07:00")),
        everything_else=0,
        shown=Shown(),
        previous_on=DAY,
    )


def disposition(
    entry: Entry,
    *topics: Topic,
    reader: Subscriber = READER,
    deliveries: Sequence[EntryDelivery] = (),
    suppressed: str = "",
) -> Disposition:
    return choose_disposition(
        entry,
        reader,
        deliveries=deliveries,
        suppressed=suppressed,
        matched=topics,
        obstacles=[],
        digest=compose(entry, topics),
        now=NOW,
    )


ASKS_FIVE = make_topic(min_upvotes=5)
WAITS = make_topic(min_upvotes=5, wait=timedelta(days=2))


@pytest.mark.parametrize(
    ("entry", "topics", "kind", "why"),
    [
        (
            NEW,
            [make_topic()],
            DispositionKind.COMING,
            "in the next digest, due 2026-06-17 07:00 UTC, under RAG",
        ),
        (NEW, [make_topic(limit=0)], DispositionKind.COMING, "over the topic's limit"),
        (NEW, [], DispositionKind.NO_TOPIC, "none of the reader's topics"),
        (make_entry(first_seen_run=0), [make_topic()], DispositionKind.OLD, "before the first poll"),
        (make_entry(first_seen_run=0), [], DispositionKind.OLD, "before the first poll"),
        (replace(NEW, withdrawn=True), [make_topic()], DispositionKind.WITHDRAWN, "withdrawn before"),
        (SEEN_BEFORE, [make_topic()], DispositionKind.PASSED, "before this reader's window began"),
        (
            make_entry(first_seen_run=7, upvotes=2),
            [ASKS_FIVE],
            DispositionKind.TOO_FEW_VOTES,
            "2 votes, topic RAG requires 5",
        ),
        (
            make_entry(first_seen_run=7, upvotes=2),
            [WAITS],
            DispositionKind.WAITING,
            "it waits until 2026-06-18 06:00 UTC",
        ),
        (
            make_entry(first_seen_run=5, upvotes=2),
            [WAITS],
            DispositionKind.WAITING,
            "it waits until 2026-06-18 06:00 UTC",
        ),
        (make_entry(first_seen_run=5, upvotes=7), [WAITS], DispositionKind.COMING, "under RAG"),
        (
            make_entry(first_seen_run=5, upvotes=2, first_seen_at=at("2026-06-10 06:00")),
            [WAITS],
            DispositionKind.TOO_FEW_VOTES,
            "its wait is over",
        ),
    ],
)
def test_fate_is_told_with_the_rule_that_decided(
    entry: Entry, topics: list[Topic], kind: DispositionKind, why: str
) -> None:
    told = disposition(entry, *topics)

    assert told.kind is kind
    assert why in told.why


@pytest.mark.parametrize(
    ("delivery", "kind", "why"),
    [
        (make_delivery(), DispositionKind.SENT, "digest of 2026-06-15, under RAG: accepted"),
        (make_delivery(topic=""), DispositionKind.SENT, "under everything else"),
        (make_delivery(State.UNCERTAIN), DispositionKind.SENT, "uncertain"),
        (make_delivery(State.DEFERRED), DispositionKind.SENT, "deferred"),
        (make_delivery(shown=False), DispositionKind.OVER_LIMIT, "one over the topic's limit"),
        (make_delivery(State.REJECTED), DispositionKind.COMING, "in the next digest"),
        (make_delivery(State.EXPIRED), DispositionKind.COMING, "in the next digest"),
    ],
)
def test_digest_that_counts_is_the_fate_and_one_that_failed_is_not(
    delivery: EntryDelivery, kind: DispositionKind, why: str
) -> None:
    told = disposition(NEW, make_topic(), deliveries=[delivery])

    assert told.kind is kind
    assert why in told.why


@pytest.mark.parametrize("consent", [Consent.PAUSED, Consent.LEFT, Consent.UNCONFIRMED])
def test_reader_who_gets_no_mail_gets_this_entry_neither(consent: Consent) -> None:
    told = disposition(NEW, make_topic(), reader=replace(READER, consent=consent))

    assert (told.kind, told.why) == (DispositionKind.NOT_MAILED, f"the reader is {consent}")


def test_suppressed_address_gets_no_mail() -> None:
    assert disposition(NEW, make_topic(), suppressed="5.1.1 no such mailbox").why.endswith(
        "5.1.1 no such mailbox"
    )


def test_what_was_sent_before_the_reader_left_was_sent() -> None:
    told = disposition(NEW, reader=replace(READER, consent=Consent.LEFT), deliveries=[make_delivery()])

    assert told.kind is DispositionKind.SENT


def test_entry_that_is_near_a_description_is_told_that_others_are_nearer() -> None:
    described = replace(make_topic("Small models"), is_described=True, limit=1)
    other = replace(make_entry(2, first_seen_run=7))
    digest = compose(other, [described])

    told = choose_disposition(
        NEW,
        READER,
        deliveries=(),
        suppressed="",
        matched=[described],
        obstacles=[],
        digest=digest,
        now=NOW,
    )

    assert told.kind is DispositionKind.NOT_BEST
    assert told.why == "it is similar to Small models, but below its top 1"
