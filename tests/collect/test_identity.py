from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from functools import reduce
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.collect.identity import choose_keys, merge_entries
from newsletter.model import Entry, EntryId, EntryKey
from tests.builders import at


@pytest.mark.parametrize(
    "given_as",
    [
        {"arxiv_id": "2606.01234"},
        {"arxiv_id": "2606.01234v3"},
        {"arxiv_id": " arXiv:2606.01234v1 "},
        {"guid": "oai:arXiv.org:2606.01234v1"},
        {"guid": "http://arxiv.org/abs/2606.01234v2"},
        {"doi": "10.48550/arXiv.2606.01234"},
        {"doi": "https://doi.org/10.48550/ARXIV.2606.01234"},
        {"url": "https://arxiv.org/abs/2606.01234"},
        {"url": "http://export.arxiv.org/abs/2606.01234v2?utm_source=x#top"},
        {"url": "https://arxiv.org/pdf/2606.01234v1.pdf"},
        {"url": "https://arxiv.org/html/2606.01234v1/"},
        {"url": "https://huggingface.co/papers/2606.01234"},
        {"url": "https://hf.co/papers/2606.01234"},
        {"url": "https://www.alphaxiv.org/abs/2606.01234"},
        {"url": "https://ar5iv.labs.arxiv.org/html/2606.01234"},
        {"url": "https://doi.org/10.48550/arXiv.2606.01234"},
    ],
    ids=str,
)
def test_arxiv_id_is_found_under_every_form_that_it_takes(given_as: dict[str, str]) -> None:
    assert choose_keys(**given_as) == ("arxiv:2606.01234",)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("math/0309136", "arxiv:math/0309136"),
        ("math.GT/0309136v2", "arxiv:math/0309136"),
        ("https://arxiv.org/abs/cond-mat/9901001", "arxiv:cond-mat/9901001"),
        ("0704.0001", "arxiv:0704.0001"),
    ],
)
def test_old_arxiv_ids_are_known(text: str, key: str) -> None:
    assert choose_keys(arxiv_id=text) == (key,)


@pytest.mark.parametrize(
    "text", ["2613.01234", "post/0309136", "1234", "2606.01234x", "x2606.01234", "", "𝟚606.01234"]
)
def test_what_only_looks_like_an_arxiv_id_is_none(text: str) -> None:
    assert choose_keys(arxiv_id=text) == ()


def test_bare_number_as_guid_is_no_arxiv_id() -> None:
    assert choose_keys(guid="2606.01234", source="shop") == ("guid:shop:2606.01234",)


@pytest.mark.parametrize(
    ("url", "key"),
    [
        (
            "HTTP://Example.org:80/Post/?utm_source=rss&b=2&a=1&fbclid=x",
            "url:https://example.org/Post?a=1&b=2",
        ),
        ("https://example.org:443/post", "url:https://example.org/post"),
        ("https://user:pass@example.org:8443/post", "url:https://example.org:8443/post"),
        ("https://example.org/post#utm_campaign=x", "url:https://example.org/post"),
        ("https://example.org/log#2026-06-16", "url:https://example.org/log#2026-06-16"),
        ("https://[::1]/post", "url:https://[::1]/post"),
        ("https://doi.org/10.1000/ABC%28x%29", "doi:10.1000/abc(x)"),
        (" https://example.org/a b ", "url:https://example.org/a%20b"),
    ],
)
def test_address_is_brought_to_one_form(url: str, key: str) -> None:
    assert choose_keys(url=url) == (key,)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org",
        "https://example.org/?utm_source=rss",
        "https://huggingface.co/papers?q=Sheep",
        "ftp://example.org/post",
        "javascript:alert(1)",
        "https://",
        "http://[",
        "https://example.org:port/",
        "not an address",
    ],
)
def test_address_where_many_works_stand_or_none_names_nothing(url: str) -> None:
    assert choose_keys(url=url) == ()


def test_keys_stand_in_order_of_strength() -> None:
    keys = choose_keys(
        url="https://example.org/post", guid="17", source="blog", arxiv_id="2606.01234", doi="doi:10.1000/X"
    )

    assert keys == ("arxiv:2606.01234", "doi:10.1000/x", "url:https://example.org/post", "guid:blog:17")


def test_long_key_is_bounded_and_still_its_own() -> None:
    one, other = (choose_keys(guid="x" * 5_000 + end, source="blog")[0] for end in "ab")

    assert one != other
    assert max(len(one), len(other)) < 700


@given(st.text(), st.text(), st.text(), st.text())
def test_any_text_gives_keys_that_can_be_stored(url: str, guid: str, arxiv_id: str, doi: str) -> None:
    for key in choose_keys(url=url, guid=guid, source="s", arxiv_id=arxiv_id, doi=doi):
        assert len(key.encode()) < 2_700
        assert "\x00" not in key


@given(st.from_regex(r"https?://[a-z]{1,5}\.org(:\d{1,4})?/[a-z/?=&#+%0-9]{0,30}", fullmatch=True))
def test_canonical_address_is_its_own_canonical_address(url: str) -> None:
    for key in choose_keys(url=url):
        assert choose_keys(url=key.removeprefix("url:")) == (key,)


# --- merging ------------------------------------------------------------------------------


def entry(*keys: str, **facts: Any) -> Entry:
    facts.setdefault("title", "A paper")
    return Entry(key=EntryKey(keys[0]), aliases=tuple(map(EntryKey, keys[1:])), **facts)


def test_stronger_key_of_a_later_sighting_becomes_the_key() -> None:
    merged = merge_entries(entry("guid:blog:1", id=EntryId(7)), entry("arxiv:2606.01234", "guid:blog:1"))

    assert merged.keys == ("arxiv:2606.01234", "guid:blog:1")
    assert merged.id == 7


def test_newest_votes_win_and_missing_ones_change_nothing() -> None:
    old = entry("arxiv:2606.01234", upvotes=3, comments=1, code_stars=5)

    assert merge_entries(old, entry("arxiv:2606.01234", upvotes=9)) == replace(old, upvotes=9)


def test_source_corrects_what_only_it_has_said() -> None:
    old = entry("arxiv:2606.01234", title="Draft", code_url="https://example.org/code", sources=("hf",))
    new = entry("arxiv:2606.01234", title="Final", sources=("hf",))

    merged = merge_entries(old, new)

    assert (merged.title, merged.code_url) == ("Final", "https://example.org/code")


def test_other_source_only_fills_what_is_missing() -> None:
    old = entry("arxiv:2606.01234", title="One way to write it", sources=("hf",))
    new = entry("arxiv:2606.01234", title="Another way", summary="New.", sources=("arxiv",))

    merged = merge_entries(old, new)

    assert (merged.title, merged.summary, merged.sources) == ("One way to write it", "New.", ("arxiv", "hf"))


def test_listing_address_belongs_to_the_earliest_listing() -> None:
    late = entry("arxiv:2606.01234", listed_on=date(2026, 6, 16), listing_url="https://example.org/16")
    early = entry("arxiv:2606.01234", listed_on=date(2026, 6, 10), listing_url="https://example.org/10")

    for merged in (merge_entries(late, early), merge_entries(early, late)):
        assert (merged.listed_on, merged.listing_url) == (date(2026, 6, 10), "https://example.org/10")


KEYS = [
    "arxiv:2606.00001",
    "arxiv:2606.00002",
    "doi:10.1000/x",
    "url:https://example.org/a",
    "guid:a:1",
    "guid:b:1",
]

entries = st.builds(
    lambda keys, sources, number, run, minutes, day: entry(
        *keys,
        sources=tuple(sources),
        id=EntryId(number),
        first_seen_run=run if number else 0,
        first_seen_at=at("2026-06-16 06:00") + timedelta(minutes=minutes) if number else None,
        listed_on=day,
    ),
    st.lists(st.sampled_from(KEYS), min_size=1, max_size=4, unique=True),
    st.lists(st.sampled_from(["hf", "arxiv", "blog"]), unique=True),
    st.integers(0, 4),
    st.integers(0, 4),
    st.integers(0, 4),
    st.none() | st.dates(date(2026, 6, 1), date(2026, 6, 5)),
)


def identity_of(merged: Entry) -> tuple[object, ...]:
    return (
        merged.keys,
        merged.sources,
        merged.id,
        merged.first_seen_run,
        merged.first_seen_at,
        merged.listed_on,
    )


@settings(max_examples=60)
@given(st.lists(entries, min_size=1, max_size=4))
def test_identity_does_not_depend_on_the_order_of_arrival(works: list[Entry]) -> None:
    results = {identity_of(reduce(merge_entries, order, order[0])) for order in permutations(works)}

    assert len(results) == 1


@given(entries, entries, entries)
def test_merging_is_associative_for_identity(a: Entry, b: Entry, c: Entry) -> None:
    left = merge_entries(merge_entries(a, b), c)
    right = merge_entries(a, merge_entries(b, c))

    assert identity_of(left) == identity_of(right)
