from __future__ import annotations

import hashlib
import json
from datetime import UTC, date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.compose.snapshot import (
    dump_digest,
    dump_notice,
    dump_shown,
    parse_digest,
    parse_notice,
    parse_shown,
)
from newsletter.model.digest import Card, Digest, Item, Reason, Section, Window
from newsletter.model.entries import EntryId, EntryKey
from newsletter.model.mail import Fact, Notice
from newsletter.model.pictures import PictureFile
from newsletter.model.readers import Slot
from newsletter.model.topics import Scope
from tests.support.builders import DAY, at

Snapshot = tuple[str, dict[str, str]]

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SHARED = {
    "upvotes": st.none() | st.integers(0, 10**6),
    "published_on": st.none() | st.dates(date(2020, 1, 1), date(2040, 1, 1)),
}
PICTURES = st.builds(PictureFile, TEXTS, st.integers(1, 400), st.integers(1, 225), st.integers(1, 10**6))
CARDS = st.builds(
    Card,
    *(TEXTS, TEXTS, TEXTS),
    authors=st.lists(TEXTS).map(tuple),
    is_model_summary=st.booleans(),
    picture=st.none() | PICTURES,
    **SHARED,
)
REASONS = st.builds(
    Reason,
    rule=TEXTS,
    scope=st.none() | st.sampled_from(Scope),
    upvotes=SHARED["upvotes"],
    late=st.booleans(),
    share=st.floats(0, 1),
    words=st.lists(TEXTS).map(tuple),
)
NUMBERS = st.integers(0, 2**40)
SECTIONS = st.builds(
    Section,
    TEXTS,
    st.lists(st.builds(Item, NUMBERS, CARDS, REASONS), max_size=3).map(tuple),
    st.lists(NUMBERS).map(tuple),
    TEXTS,
)
DIGESTS = st.builds(
    Digest,
    st.builds(Slot, st.dates(), st.datetimes(timezones=st.just(UTC))),
    st.builds(Window, NUMBERS, NUMBERS),
    st.lists(SECTIONS, max_size=3).map(tuple),
    st.lists(TEXTS).map(tuple),
    SHARED["published_on"],
    TEXTS,
    TEXTS,
    st.booleans(),
    st.booleans(),
)
NOTICES = st.builds(
    Notice, TEXTS, TEXTS, st.lists(TEXTS).map(tuple), st.lists(st.builds(Fact, TEXTS, TEXTS)).map(tuple)
)

with (Path(__file__).parent / "snapshots_of_0_1.jsonl").open(encoding="utf-8") as file:
    OF_0_1 = [json.loads(line) for line in file]
"""[kind, JSON, cards], as the program of 0.1 wrote them. Their content is invented."""

FULL = Digest(
    slot=Slot(DAY, at("2026-06-16 07:00")),
    window=Window(0, 2),
    sections=(
        Section(
            "RAG",
            (
                Item(
                    EntryId(1),
                    Card(
                        key=EntryKey("arxiv:2606.00001"),
                        title="Retrieval “as” a habit: 100 % of $\\alpha$",
                        summary="It does something new.",
                        authors=("Ada Example", "Žofia Příkladová"),
                        author_count=12,
                        organization="Example Lab",
                        published_on=date(2026, 6, 15),
                        listed_on=DAY,
                        upvotes=47,
                        comments=3,
                        code_stars=1200,
                        url="https://example.org/1",
                        pdf_url="https://example.org/1.pdf",
                        discussion_url="https://example.org/1/talk",
                        code_url="https://example.org/1/code",
                        project_url="https://example.org/1/project",
                        is_model_summary=True,
                    ),
                    Reason(
                        rule="RAG",
                        scope=Scope.TITLE,
                        expansion="retrieval-augmented generation",
                        upvotes=47,
                        age_hours=9,
                        projected=110,
                        place=2,
                        of=31,
                        late=True,
                        reached=5,
                    ),
                ),
                Item(
                    EntryId(2),
                    Card(EntryKey("arxiv:2606.00002"), "ورقة عن الاسترجاع 🔬"),
                    Reason("rag", Scope.ABSTRACT),
                ),
            ),
            overflow=(EntryId(3), EntryId(4)),
            overflow_url="https://example.org/editions/2026-06-16#rag",
        ),
        Section(
            "Small models",
            (
                Item(
                    EntryId(5),
                    Card(EntryKey("doi:10.5555/example.5"), "On phones", upvotes=0, listed_on=DAY),
                    Reason(upvotes=0, projected=0, share=0.1, words=("phone", "edge"), paper="A liked paper"),
                ),
            ),
        ),
        Section(
            "",
            (
                Item(
                    EntryId(6),
                    Card(EntryKey("arxiv:2606.00006"), "Something else"),
                    Reason(place=1, of=2),
                ),
            ),
        ),
    ),
    quiet_topics=("Benchmarks", 'a, "b"\\c'),
    since_on=date(2026, 6, 15),
    layout="list",
    language="de",
    is_first=True,
)
"""The first of them as a value."""


def snapshots(kind: str) -> list[Snapshot]:
    return [(text, cards) for written, text, cards in OF_0_1 if written == kind]


@given(DIGESTS)
def test_a_digest_comes_back_from_its_snapshot_as_it_was(digest: Digest) -> None:
    snapshot = dump_digest(digest)

    assert parse_digest(*snapshot) == digest
    assert dump_digest(parse_digest(*snapshot)) == snapshot


@given(NOTICES, TEXTS)
def test_a_notice_comes_back_from_its_snapshot_as_it_was(notice: Notice, language: str) -> None:
    assert parse_notice(dump_notice(notice, language)) == (notice, language)


@pytest.mark.parametrize("snapshot", snapshots("digest"))
def test_a_snapshot_has_the_bytes_that_0_1_wrote(snapshot: Snapshot) -> None:
    assert dump_digest(parse_digest(*snapshot)) == snapshot


@pytest.mark.parametrize(("text", "_cards"), snapshots("notice"))
def test_a_notice_has_the_bytes_that_0_1_wrote(text: str, _cards: object) -> None:
    assert dump_notice(*parse_notice(text)) == text


def test_a_snapshot_of_0_1_means_the_same() -> None:
    assert parse_digest(*snapshots("digest")[0]) == FULL


def test_a_snapshot_of_before_there_was_a_look_means_the_same() -> None:
    (snapshot,) = snapshots("older digest")

    older = parse_digest(*snapshot)

    assert (older.layout, older.language, older.since_on, older.is_first) == ("", "", None, False)
    assert [item.card for section in older.sections for item in section.items] == [
        item.card for section in FULL.sections for item in section.items
    ]


@given(CARDS)
def test_a_card_is_named_by_its_bytes(card: Card) -> None:
    digest = Digest(FULL.slot, FULL.window, (Section("", (Item(EntryId(1), card, Reason()),)),))

    _, cards = dump_digest(digest)

    assert list(cards) == [hashlib.sha256(text.encode()).hexdigest() for text in cards.values()]


def test_a_snapshot_without_one_of_its_cards_is_an_error() -> None:
    text, _ = dump_digest(FULL)

    with pytest.raises(KeyError):
        parse_digest(text, {})


@given(
    st.lists(
        st.tuples(
            st.integers(1, 10**6).map(EntryId),
            st.sampled_from(["RAG", "", 'a "b" \\', "主题"]),
            st.booleans(),
        )
    )
)
def test_what_a_digest_showed_is_read_as_it_was_written(shown: list[tuple[EntryId, str, bool]]) -> None:
    assert parse_shown(dump_shown(shown)) == tuple(shown)


def test_what_nothing_was_shown_in_is_nothing() -> None:
    assert dump_shown([]) == "[]"
    assert parse_shown("[]") == parse_shown(None) == parse_shown("") == ()
