from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from newsletter.compose.digest import Wanted, compose_digest
from newsletter.compose.diversity import Comparison
from newsletter.compose.item import build_card
from newsletter.compose.pool import Pool, choose_entries, may_enter
from newsletter.compose.snapshot import dump_digest, parse_digest
from newsletter.compose.window import choose_window
from newsletter.model.digest import Digest, Shown, Window
from newsletter.model.entries import Entry, EntryId, EntryKey
from newsletter.model.readers import Slot
from newsletter.model.topics import Candidate, Likeness, Match, Topic, TopicMatches, VoteRank
from tests.support.builders import DAY, at, make_entry, make_match, make_subscriber, make_topic

NOW = at("2026-06-16 07:00")
WINDOW = Window(after_run=6, upto_run=7)


def found(topic: Topic, *entries: Entry, match: Match | None = None) -> TopicMatches:
    return TopicMatches(topic, tuple(Candidate(entry, match or make_match(), 0.5) for entry in entries))


def compose(
    *matches: TopicMatches,
    everything_else: tuple[Entry, ...] = (),
    shown: tuple[int, ...] = (),
    vote_ranks: dict[EntryId, VoteRank] | None = None,
    previous_on: date = date(2026, 6, 15),
    compare: Comparison = lambda _one, _other: 0.0,
) -> Digest:
    pool = Pool(WINDOW, everything_else, vote_ranks or {}, compare, NOW)
    return compose_digest(
        pool,
        [Wanted(topic.topic.name, pool.offer(topic)) for topic in matches],
        slot=Slot(DAY, NOW),
        everything_else=9,
        shown=Shown(frozenset(EntryId(number) for number in shown), ever=bool(shown)),
        previous_on=previous_on,
    )


def papers(digest: Digest) -> dict[str, list[int]]:
    return {section.topic: [item.entry_id for item in section.items] for section in digest.sections}


def new(number: int, **facts: int | None) -> Entry:
    return make_entry(number, first_seen_run=7, upvotes=facts.get("upvotes"))


def test_entry_of_a_later_run_waits_for_the_next_digest() -> None:
    late = make_entry(first_seen_run=8)

    assert choose_entries([late], WINDOW) == []


def test_summary_that_a_model_wrote_is_marked_and_only_stands_in() -> None:
    written = replace(new(1), ai_summary="Robots rest.")

    assert build_card(written).summary == written.summary
    card = build_card(replace(written, summary=""))
    assert (card.summary, card.is_model_summary) == ("Robots rest.", True)
    assert build_card(replace(written, summary="", ai_summary="")).summary == ""


@pytest.mark.parametrize(
    ("key", "source"),
    [
        ("url:https://blog.example.org/1", "A blog"),
        ("guid:A blog:1", "A blog"),
        ("arxiv:2606.1", ""),
        ("doi:10.1/1", ""),
    ],
)
def test_what_is_no_paper_is_shown_with_its_source(key: str, source: str) -> None:
    entry = replace(make_entry(), key=EntryKey(key), sources=("A blog", "Others"))

    assert build_card(entry).source == source


def test_withdrawn_entry_enters_no_digest() -> None:
    withdrawn = replace(new(1), withdrawn=True)

    assert choose_entries([withdrawn], WINDOW) == []
    assert compose(found(make_topic(), withdrawn), everything_else=(withdrawn,)).is_empty


def test_window_goes_from_the_last_counted_digest_to_the_newest_run() -> None:
    assert choose_window(make_subscriber(counted_run=6), 9) == Window(6, 9)


def test_window_of_a_database_that_went_back_is_empty_not_negative() -> None:
    assert choose_window(make_subscriber(counted_run=6), 2) == Window(6, 6)


def test_entry_shown_in_an_earlier_edition_is_left_out() -> None:
    assert papers(compose(found(make_topic(), new(1), new(2)), shown=(1,))) == {"RAG": [2]}


def test_paper_stands_once_in_the_topic_of_greater_weight() -> None:
    light, heavy = make_topic("A"), make_topic("B", weight=1.5)

    digest = compose(found(light, new(1), new(2)), found(heavy, new(1)))

    assert papers(digest) == {"A": [2], "B": [1]}


def test_paper_stands_where_its_title_was_hit() -> None:
    digest = compose(
        found(make_topic("A"), new(1), match=make_match(in_title=False)),
        found(make_topic("B"), new(1), match=make_match(in_title=True)),
    )

    assert papers(digest) == {"B": [1]}


def also(digest: Digest) -> dict[int, tuple[str, ...]]:
    return {item.entry_id: item.also for section in digest.sections for item in section.items if item.also}


def test_topic_whose_papers_stand_under_others_in_this_mail_is_named_with_them_and_not_called_quiet() -> None:
    digest = compose(
        found(make_topic("A"), new(1), new(3)),
        found(make_topic("B"), new(1)),
        found(make_topic("D"), new(1), new(3)),
        found(make_topic("C")),
        shown=(2,),
    )

    assert papers(digest) == {"A": [1, 3]}
    assert also(digest) == {1: ("B", "D"), 3: ("D",)}
    assert digest.quiet_topics == ("C",)


def test_topic_with_a_section_is_not_named_with_papers_of_others() -> None:
    digest = compose(found(make_topic("A"), new(1)), found(make_topic("B"), new(1), new(2)))

    assert papers(digest) == {"A": [1], "B": [2]}
    assert also(digest) == {}


def test_topic_whose_words_fit_a_paper_that_lacks_its_votes_is_not_called_quiet_beside_that_paper() -> None:
    few, asking = new(1, upvotes=1), make_topic("B", min_upvotes=9)

    assert also(compose(found(make_topic("A"), few), found(asking, few))) == {1: ("B",)}
    assert compose(found(make_topic("A"), few), found(asking, few)).quiet_topics == ()
    assert compose(found(make_topic("A"), new(2)), found(asking, few)).quiet_topics == ("B",)


def test_paper_over_a_limit_names_no_topic_but_keeps_it_from_being_called_quiet() -> None:
    digest = compose(found(make_topic("A", limit=1), new(1), new(2)), found(make_topic("B"), new(2)))

    assert digest.sections[0].overflow == (2,)
    assert (also(digest), digest.quiet_topics) == ({}, ())


def test_between_equal_topics_the_readers_order_decides() -> None:
    assert papers(compose(found(make_topic("A"), new(1)), found(make_topic("B"), new(1)))) == {"A": [1]}


def test_what_exceeds_the_limit_is_counted_with_a_link() -> None:
    entries = [
        make_entry(n, first_seen_run=7, listing_url="https://example.org/day" if n == 3 else "")
        for n in (1, 2, 3)
    ]

    section = compose(found(make_topic(limit=1), *entries)).sections[0]

    assert [item.entry_id for item in section.items] == [1]
    assert section.overflow == (2, 3)
    assert section.overflow_url == "https://example.org/day"


def test_everything_else_holds_only_what_no_topic_took() -> None:
    digest = compose(found(make_topic(), new(1)), everything_else=(new(1), new(2)), shown=(3,))

    assert papers(digest) == {"RAG": [1], "": [2]}


def test_digest_without_entries_is_empty_and_names_the_quiet_topics() -> None:
    digest = compose(found(make_topic("A")), found(make_topic("B")))

    assert digest.is_empty
    assert digest.quiet_topics == ("A", "B")


@pytest.mark.parametrize(
    ("upvotes", "first_seen_run", "seen_at", "enters"),
    [
        (5, 7, "2026-06-16 06:00", True),
        (4, 7, "2026-06-16 06:00", False),
        (None, 7, "2026-06-16 06:00", True),  # its source has no votes
        (5, 6, "2026-06-15 06:00", True),  # had to wait, has them now
        (4, 6, "2026-06-15 06:00", False),
        (None, 6, "2026-06-15 06:00", False),  # nothing to wait for: it was in an earlier digest
        (5, 6, "2026-06-14 06:59", False),  # the wait is over
        (5, 0, "2026-06-15 06:00", False),  # older than our first run
        (5, 8, "2026-06-16 06:00", False),  # not in this window yet
    ],
)
def test_a_paper_enters_when_it_has_the_votes_that_its_topic_asks_for(
    upvotes: int | None, first_seen_run: int, seen_at: str, enters: bool
) -> None:
    topic = make_topic(min_upvotes=5, wait=timedelta(days=2))
    entry = make_entry(upvotes=upvotes, first_seen_run=first_seen_run, first_seen_at=at(seen_at))

    assert may_enter(topic, entry, WINDOW, NOW) is enters


def test_reason_names_the_rule_and_the_standing() -> None:
    vote_rank = VoteRank(projected=110, place=2, of=31, age_hours=9)
    digest = compose(found(make_topic(), new(1, upvotes=47)), vote_ranks={EntryId(1): vote_rank})

    reason = digest.sections[0].items[0].reason

    assert (reason.rule, reason.scope, reason.upvotes) == ("RAG", "title", 47)
    assert (reason.projected, reason.place, reason.of, reason.age_hours) == (110, 2, 31, 9)


def test_paper_of_a_day_whose_digest_has_gone_out_is_marked_late() -> None:
    entry = make_entry(first_seen_run=7, listed_on=date(2026, 6, 15))

    assert compose(found(make_topic(), entry)).sections[0].items[0].reason.late
    assert not compose(found(make_topic(), new(1))).sections[0].items[0].reason.late


def test_described_topic_takes_its_best_and_leaves_the_others_to_other_topics() -> None:
    described = replace(make_topic("Small models", limit=1, weight=9), is_described=True)
    near = [Candidate(new(number), Match((), 0.9, Likeness(0.9, 0.01, ("phone",))), 0.9) for number in (1, 2)]

    digest = compose(
        TopicMatches(described, tuple(near)), found(make_topic(), new(2)), everything_else=(new(1), new(3))
    )

    assert papers(digest) == {"Small models": [1], "RAG": [2], "": [3]}
    assert digest.sections[0].overflow == ()
    reason = digest.sections[0].items[0].reason
    assert (reason.share, reason.words) == (0.01, ("phone",))
    assert parse_digest(*dump_digest(digest)) == digest


def test_topic_that_is_too_full_leaves_out_what_is_like_what_it_has() -> None:
    ranked = tuple(Candidate(new(number), make_match(), 1 - number / 100) for number in range(1, 6))
    topic = make_topic(limit=4)

    def digest(compare: Comparison) -> Digest:
        return compose(TopicMatches(topic, ranked), compare=compare)

    assert papers(digest(lambda one, other: 0.9 if {one.id, other.id} == {3, 4} else 0.0)) == {
        "RAG": [1, 2, 3, 5]
    }
    assert digest(lambda _one, _other: 0.0).sections[0].overflow == (5,)


def test_digest_is_the_first_until_something_was_shown() -> None:
    some = found(make_topic(), new(1))

    assert compose(some).is_first
    assert not compose(some, shown=(9,)).is_first
    assert not compose(found(make_topic())).is_first


def test_digest_covers_the_days_since_the_readers_last_slot() -> None:
    assert compose(
        found(make_topic(), new(1)), previous_on=DAY - timedelta(days=7)
    ).since_on == DAY - timedelta(days=6)
