from __future__ import annotations

from dataclasses import fields, replace
from datetime import date, timedelta
from functools import reduce
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.collect.identity import (
    choose_keys,
    merge_entries,
    merge_versions,
    parse_arxiv_version,
    update_entry,
)
from newsletter.model.entries import Entry, EntryId, EntryKey
from tests.support.builders import at
from tests.support.examples import examples


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
        {"url": "https://cn.arxiv.org/abs/2606.01234?context=cs.CL"},
        {"url": "https://browse.arxiv.org/html/2606.01234v1"},
        {"url": "http://xxx.lanl.gov/abs/2606.01234"},
        {"url": "https://huggingface.co/papers/2606.01234"},
        {"url": "https://huggingface.co/papers/2606.01234#community"},
        {"url": "https://hf.co/papers/2606.01234"},
        {"url": "https://www.alphaxiv.org/abs/2606.01234"},
        {"url": "https://www.alphaxiv.org/pdf/2606.01234v1.pdf"},
        {"url": "https://alphaxiv.org/zh/overview/2606.01234v2"},
        {"url": "https://www.alphaxiv.org/resources/2606.01234"},
        {"url": "https://ar5iv.org/abs/2606.01234"},
        {"url": "https://ar5iv.labs.arxiv.org/html/2606.01234"},
        {"url": "https://api.semanticscholar.org/arXiv:2606.01234"},
        {"url": "https://ui.adsabs.harvard.edu/abs/arXiv%3A2606.01234/abstract"},
        {"url": "https://www.arxiv-vanity.com/papers/2606.01234/"},
        {"url": "https://papers.cool/arxiv/2606.01234"},
        {"url": "https://scirate.com/arxiv/2606.01234"},
        {"url": "https://hjfy.top/arxiv/2606.01234"},
        {"url": "https://www.emergentmind.com/papers/2606.01234"},
        {"url": "https://www.catalyzex.com/paper/arxiv:2606.01234"},
        {"url": "https://paperswithcode.co/paper/2606.01234"},
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
    ("text", "version"),
    [
        ("2606.01234", 0),
        ("2606.01234v3", 3),
        ("oai:arXiv.org:2606.01234v12", 12),
        ("math.GT/0309136v2", 2),
        ("https://arxiv.org/pdf/2606.01234v4.pdf", 4),
        ("10.48550/arXiv.2606.01234v2", 0),
        ("2606.01234v99999", 0),
        ("tool v3", 0),
        ("", 0),
    ],
)
def test_version_is_what_the_id_names(text: str, version: int) -> None:
    assert parse_arxiv_version(text) == version


@pytest.mark.parametrize(
    "url",
    [
        "https://huggingface.co/datasets/2606.01234",
        "https://alphaxiv.org/topics/2606.01234",
        "https://papers.cool/arxiv/cs.CL",
        "https://paperswithcode.co/paper/102599",
        "https://paperswithcode.com/paper/2606.01234",
        "https://arxiv.org/a/2606.01234",
        "https://arxiv.org.example.org/abs/2606.01234",
        "https://notarxiv.org/abs/2606.01234",
        "https://example.org/abs/2606.01234",
    ],
)
def test_other_addresses_with_a_number_are_only_addresses(url: str) -> None:
    assert choose_keys(url=url) == (f"url:{url}",)


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
        ("https://example.org/post?ref=rss&source=rss----1a2b---4&wt_mc=x", "url:https://example.org/post"),
        (
            "https://example.org/post?ref=main&source=print",
            "url:https://example.org/post?ref=main&source=print",
        ),
        ("https://example.org/post#utm_terms", "url:https://example.org/post#utm_terms"),
        (" https://example.org/a b ", "url:https://example.org/a%20b"),
    ],
)
def test_address_is_brought_to_one_form(url: str, key: str) -> None:
    assert choose_keys(url=url) == (key,)


@pytest.mark.parametrize(
    ("url", "doi"),
    [
        ("https://doi.org/10.1000/ABC%28x%29", "10.1000/abc(x)"),
        ("https://doi.org/10.1000/x?utm_source=rss#top", "10.1000/x"),
        ("https://dl.acm.org/doi/10.1145/3292500.3330701", "10.1145/3292500.3330701"),
        ("https://dl.acm.org/doi/pdf/10.1145/3292500.3330701?download=true", "10.1145/3292500.3330701"),
        ("https://dl.acm.org/doi/fullHtml/10.1145/3292500.3330701/", "10.1145/3292500.3330701"),
        ("https://onlinelibrary.wiley.com/doi/10.1002/aic.690010222/abstract", "10.1002/aic.690010222"),
        ("https://agupubs.onlinelibrary.wiley.com/doi/epdf/10.1029/2026GL1", "10.1029/2026gl1"),
        ("https://www.tandfonline.com/doi/full/10.1080/01.2026.1", "10.1080/01.2026.1"),
        ("https://www.science.org/doi/10.1126/science.abc1", "10.1126/science.abc1"),
        ("https://link.springer.com/article/10.1007/s10994-026-1-2", "10.1007/s10994-026-1-2"),
        ("https://link.springer.com/content/pdf/10.1007%2Fs10994-026-1-2.pdf", "10.1007/s10994-026-1-2"),
        ("https://link.springer.com/article/10.1007/s10994-026-1-2/fulltext.html", "10.1007/s10994-026-1-2"),
        ("https://www.biorxiv.org/content/10.1101/2026.06.15.123456v2.full.pdf", "10.1101/2026.06.15.123456"),
        (
            "https://www.biorxiv.org/content/10.64898/2026.06.15.123456v1.full-text",
            "10.64898/2026.06.15.123456",
        ),
        ("https://www.medrxiv.org/content/10.1101/2026.06.15.26123456", "10.1101/2026.06.15.26123456"),
    ],
)
def test_address_that_carries_a_doi_gives_it(url: str, doi: str) -> None:
    assert choose_keys(url=url) == (f"doi:{doi}",)


@pytest.mark.parametrize(
    "url",
    [
        "https://dl.acm.org/doi/suppl/10.1145/3292500.3330701",
        "https://link.springer.com/journal/10.1007/volumes",
        "https://link.springer.com/article/10.1007/s1/figures/1",
        "https://www.biorxiv.org/content/early/recent",
        "https://example.org/doi/10.1145/3292500.3330701",
    ],
)
def test_other_addresses_with_a_doi_are_only_addresses(url: str) -> None:
    assert choose_keys(url=url) == (f"url:{url.replace('www.', '')}",)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org",
        "https://example.org/?utm_source=rss",
        "https://huggingface.co/papers?q=Sheep",
        "https://huggingface.co/papers/date/2026-06-16",
        "https://huggingface.co/papers/trending",
        "https://arxiv.org/list/cs.CL/new",
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


NAME = EntryKey("arxiv:2606.01234")


KEYS = [
    "arxiv:2606.00001",
    "arxiv:2606.00002",
    "doi:10.1000/x",
    "url:https://example.org/a",
    "guid:a:1",
    "guid:b:1",
]
texts = st.sampled_from(["", "A", "B", "Ab", "Ba…", "A longer text", "A longer one…"])
lists = st.lists(st.sampled_from(["A", "B", "Cc"]), max_size=3, unique=True).map(tuple)
counts = st.none() | st.integers(0, 3)
urls = st.sampled_from(
    [
        "",
        "https://arxiv.org/abs/1",
        "http://www.arxiv.org/pdf/1",
        "https://example.org/a",
        "https://example.org/b",
    ]
)
moments = st.none() | st.integers(0, 4).map(lambda hours: at("2026-06-16 06:00") + timedelta(hours=hours))
entries = st.builds(
    Entry,
    key=st.just(NAME),
    title=texts,
    summary=texts,
    authors=lists,
    author_count=st.integers(0, 3),
    organization=texts,
    published_at=moments,
    listed_on=st.none() | st.dates(date(2026, 6, 1), date(2026, 6, 3)),
    categories=lists,
    primary_category=st.sampled_from(["", "A", "D"]),
    ai_summary=texts,
    ai_keywords=lists,
    note=texts,
    version=st.integers(0, 3),
    withdrawn=st.booleans(),
    upvotes=counts,
    comments=counts,
    code_stars=counts,
    url=urls,
    pdf_url=urls,
    discussion_url=urls,
    code_url=urls,
    project_url=urls,
    thumbnail_url=urls,
    media_urls=lists,
    listing_url=urls,
    sources=st.lists(st.sampled_from(["arxiv", "blog", "hf"]), unique=True).map(
        lambda names: tuple(sorted(names))
    ),
    id=st.integers(0, 4).map(EntryId),
    first_seen_run=st.integers(0, 4),
    first_seen_at=moments,
)
named = st.lists(st.sampled_from(KEYS), min_size=1, max_size=4, unique=True).map(
    lambda keys: tuple(map(EntryKey, sorted(keys, key=KEYS.index)))
)
works = st.builds(lambda one, keys: replace(one, key=keys[0], aliases=keys[1:]), entries, named)


FULL = Entry(
    key=NAME,
    title="Sheep",
    summary="We count.",
    authors=("Ada Example",),
    author_count=3,
    organization="Example",
    published_at=at("2026-06-15 12:00"),
    listed_on=date(2026, 6, 16),
    categories=("cs.LG", "cs.AI"),
    primary_category="cs.LG",
    ai_summary="Counted.",
    ai_keywords=("sheep",),
    note="12 pages",
    version=2,
    withdrawn=True,
    upvotes=1,
    comments=2,
    code_stars=3,
    url="https://example.org/1",
    pdf_url="https://example.org/2",
    discussion_url="https://example.org/3",
    code_url="https://example.org/4",
    project_url="https://example.org/5",
    thumbnail_url="https://example.org/6",
    media_urls=("https://example.org/7",),
    listing_url="https://example.org/8",
    aliases=(EntryKey("guid:hf:1"),),
    sources=("hf",),
    id=EntryId(7),
    first_seen_run=4,
    first_seen_at=at("2026-06-16 06:00"),
)


def test_nothing_that_is_known_is_lost_to_an_entry_that_lacks_it() -> None:
    bare = Entry(NAME, "")

    assert [
        field.name for field in fields(Entry) if getattr(FULL, field.name) == getattr(bare, field.name)
    ] == ["key"]
    assert merge_entries(FULL, bare) == merge_entries(bare, FULL) == FULL
    assert merge_versions([bare, FULL]) == merge_versions([FULL, bare]) == FULL
    assert update_entry(FULL, bare) == update_entry(bare, FULL) == FULL
    for same in (replace(bare, version=2), replace(bare, version=2, sources=("hf",))):
        assert update_entry(FULL, same) == update_entry(same, FULL) == FULL


def test_older_version_fills_and_never_overrides() -> None:
    older = entry(NAME, title="A", summary="A long and old summary.", note="old", version=1)
    newer = entry(NAME, title="A title", summary="New.", version=2)

    for merged in (merge_versions([older, newer]), merge_versions([newer, older])):
        assert (merged.title, merged.summary, merged.note, merged.version) == ("A title", "New.", "old", 2)


# --- a later look ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "wins", "loses"),
    [
        ("id", EntryId(3), EntryId(8)),
        ("id", EntryId(3), EntryId(0)),
        ("published_at", at("2026-06-15 12:00"), at("2026-06-15 13:00")),
        ("published_at", at("2026-06-15 12:00"), None),
        ("title", "Sheep", "Sheep, revisited"),
        ("title", "Sheep, revisited", "Sheep…"),
        ("title", "Sheep A", "Sheep B"),
        ("summary", "All that we found.", "We found."),
        ("note", "12 pages, 3 figures", "12 pages"),
        ("organization", "University of Example", "UoE"),
        ("ai_summary", "Sheep sleep.", ""),
        ("authors", ("A. Example", "B. Example"), ("Ada Example",)),
        ("authors", ("Ada Example",), ("A. Example",)),
        ("author_count", 40, 3),
        ("ai_keywords", ("sheep", "sleep"), ("animals",)),
        ("upvotes", 9, 3),
        ("comments", 0, None),
        ("code_stars", 9, 3),
        ("url", "https://arxiv.org/abs/2606.01234", "https://hf.co/papers/1"),
        ("url", "https://hf.co/papers/1", "https://huggingface.co/papers/1"),
        ("url", "https://hf.co/papers/1", ""),
        ("pdf_url", "https://arxiv.org/pdf/2606.01234", "https://arxiv.org/pdf/2606.01234v1"),
        ("code_url", "https://example.org/code", ""),
        ("project_url", "https://example.org/a", "https://example.org/b"),
        ("media_urls", ("https://example.org/1", "https://example.org/2"), ("https://example.org/3",)),
    ],
)
def test_one_value_wins_whoever_says_it(field: str, wins: Any, loses: Any) -> None:
    one, other = (replace(entry(NAME), **{field: value}) for value in (wins, loses))

    assert getattr(merge_entries(one, other), field) == wins
    assert getattr(merge_entries(other, one), field) == wins


def test_categories_are_a_union_with_the_primary_one_first() -> None:
    listed = entry(NAME, categories=("stat.ML", "cs.LG"), primary_category="stat.ML")
    tagged = entry(NAME, categories=("cs.AI",))

    merged = merge_entries(tagged, listed)

    assert (merged.categories, merged.primary_category) == (("stat.ML", "cs.AI", "cs.LG"), "stat.ML")


def test_categories_that_only_one_source_names_stay_in_its_order() -> None:
    merged = merge_entries(entry(NAME), entry(NAME, categories=("sheep", "animals")))

    assert merged.categories == ("sheep", "animals")


def test_withdrawal_belongs_to_its_version() -> None:
    withdrawn = entry(NAME, version=2, withdrawn=True)

    assert merge_entries(entry(NAME, version=1), withdrawn).withdrawn
    assert not merge_entries(withdrawn, entry(NAME, version=3)).withdrawn


def test_listing_address_belongs_to_the_earliest_listing() -> None:
    late = entry(NAME, listed_on=date(2026, 6, 16), listing_url="https://example.org/16")
    early = entry(NAME, listed_on=date(2026, 6, 10), listing_url="https://example.org/10")

    for merged in (merge_entries(late, early), merge_entries(early, late)):
        assert (merged.listed_on, merged.listing_url) == (date(2026, 6, 10), "https://example.org/10")


@given(works, works, works)
def test_merging_is_associative(a: Entry, b: Entry, c: Entry) -> None:
    assert merge_entries(merge_entries(a, b), c) == merge_entries(a, merge_entries(b, c))


@given(works, works)
def test_merging_is_commutative(a: Entry, b: Entry) -> None:
    assert merge_entries(a, b) == merge_entries(b, a)


@given(works, works)
def test_merging_what_is_known_already_changes_nothing(a: Entry, b: Entry) -> None:
    both = merge_entries(a, b)

    assert merge_entries(a, a) == a
    assert merge_entries(both, a) == merge_entries(both, b) == both


@examples(40)
@given(st.lists(works, min_size=1, max_size=4))
def test_merging_does_not_depend_on_the_order_of_arrival(works: list[Entry]) -> None:
    assert len({reduce(merge_entries, order) for order in permutations(works)}) == 1
    assert len({merge_versions(order) for order in permutations(works)}) == 1
