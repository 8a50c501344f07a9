from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from time import process_time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from newsletter.collect import arxiv
from newsletter.collect.arxiv_paper import is_withdrawn
from newsletter.errors import FeedError
from newsletter.model.entries import Announce, Entry, EntryKey
from newsletter.model.sources import ParsedFeed, Request, Source
from tests.support.builders import at
from tests.support.sightings import make_fetched, make_request, make_source

LISTING = make_source("arxiv_listing", "https://rss.arxiv.org", categories=("cs.CL", "math"))
SEARCH = make_source("arxiv_search", "https://export.arxiv.org", categories=("cs.RO",))
NOW = at("2026-06-16 12:00")


ANNOUNCED = [Announce.NEW, Announce.CROSS, Announce.REPLACE, Announce.REPLACE_CROSS]


def parse_listing(body: str | bytes, **options: Any) -> ParsedFeed:
    source = make_source("arxiv_listing", "https://rss.arxiv.org", **{"categories": ("cs.CL",), **options})
    body = body.encode() if isinstance(body, str) else body
    return arxiv.parse_listing(make_fetched(body, "https://rss.arxiv.org/atom/cs.CL"), source, make_request())


def parse_search(body: str | bytes, **options: Any) -> ParsedFeed:
    source = make_source("arxiv_search", "https://export.arxiv.org", **{"categories": ("cs.RO",), **options})
    body = body.encode() if isinstance(body, str) else body
    return arxiv.parse_search(
        make_fetched(body, "https://export.arxiv.org/api/query"), source, make_request()
    )


def make_item(
    number: int, announce: str = "new", categories: str = "cs.CL", version: int = 1, comment: str = ""
) -> str:
    return (
        f"<item><title>Paper {number}</title><link>https://arxiv.org/abs/2606.{number:05}</link>"
        f"<description>arXiv:2606.{number:05}v{version} Announce Type: {announce} \nAbstract: "
        "If a &lt; b, we rest.</description>"
        f'<guid isPermaLink="false">oai:arXiv.org:2606.{number:05}v{version}</guid>'
        + "".join(f"<category>{name}</category>" for name in categories.split())
        + "<pubDate>Tue, 16 Jun 2026 00:00:00 -0400</pubDate>"
        f"<arxiv:announce_type>{announce}</arxiv:announce_type><arxiv:comment>{comment}</arxiv:comment>"
        "<dc:creator>Ada Example, Bo van der Example (A Lab, Somewhere)</dc:creator></item>"
    )


def make_rss(*items: str, title: str = "cs.CL updates on arXiv.org") -> str:
    return (
        '<rss xmlns:arxiv="http://arxiv.org/schemas/atom" xmlns:dc="http://purl.org/dc/elements/1.1/" version="2.0">'
        f"<channel><title>{title}</title><link>http://rss.arxiv.org/rss/cs.CL</link>"
        "<description>What is new</description>"
        "<lastBuildDate>Tue, 16 Jun 2026 04:00:14 +0000</lastBuildDate>"
        "<pubDate>Tue, 16 Jun 2026 00:00:00 -0400</pubDate>"
        f"<skipDays><day>Sunday</day><day>Saturday</day></skipDays>{''.join(items)}</channel></rss>"
    )


def test_announcement_is_read_whole() -> None:
    feed = parse_listing(make_rss(make_item(1, categories="cs.CL cs.LG", version=1, comment="12 pages")))

    assert feed.listed_on == date(2026, 6, 16)
    assert feed.quiet_days == {5, 6}
    [sighting] = feed.sightings
    assert (sighting.guid, sighting.listed_on) == ("oai:arXiv.org:2606.00001v1", date(2026, 6, 16))
    assert sighting.entry == Entry(
        key=EntryKey("arxiv:2606.00001"),
        aliases=sighting.entry.aliases,
        title="Paper 1",
        summary="If a < b, we rest.",
        authors=("Ada Example", "Bo van der Example"),
        listed_on=date(2026, 6, 16),
        categories=("cs.CL", "cs.LG"),
        primary_category="cs.CL",
        note="12 pages",
        version=1,
        url="https://arxiv.org/abs/2606.00001",
        pdf_url="https://arxiv.org/pdf/2606.00001",
        listing_url="https://arxiv.org/list/cs.CL/new",
        sources=("papers",),
    )


@pytest.mark.parametrize("announce", ANNOUNCED)
def test_each_item_says_as_what_it_is_announced(announce: Announce) -> None:
    [sighting] = parse_listing(make_rss(make_item(1, announce, version=3))).sightings

    assert (sighting.announce, sighting.entry.version) == (announce, 3)


def test_cross_lists_are_left_out_where_the_operator_wants_only_primary_ones() -> None:
    body = make_rss(
        make_item(1),
        make_item(2, "cross", "cs.CL stat.ML"),
        make_item(3, "new", "stat.ML cs.CL"),
        make_item(4, "new", "math.CO"),
        make_item(5, "replace-cross"),
    )

    feed = parse_listing(body, categories=("cs.CL", "math"), cross_lists=False)

    assert [sighting.entry.title for sighting in feed.sightings] == ["Paper 1", "Paper 4"]
    assert (feed.left_out, feed.refused, feed.notes) == (3, 0, ("3 cross-lists left out",))
    assert len(parse_listing(body).sightings) == 5


def test_atom_listing_says_the_same_as_the_rss_one() -> None:
    [sighting] = parse_listing(
        '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:arxiv="http://arxiv.org/schemas/atom"'
        ' xmlns:dc="http://purl.org/dc/elements/1.1/" xml:lang="en-us">'
        "<id>http://rss.arxiv.org/atom/hep-th</id><title>hep-th updates on arXiv.org</title>"
        "<updated>2026-06-16T04:00:14.123456+00:00</updated>"
        '<link href="http://rss.arxiv.org/atom/hep-th" rel="self" type="application/atom+xml"/>'
        "<entry><id>oai:arXiv.org:hep-th/9901001v3</id><title>Strings\n that rest</title>"
        "<updated>2026-06-16T04:00:15.123456+00:00</updated>"
        '<link href="https://arxiv.org/abs/hep-th/9901001" rel="alternate" type="text/html"/>'
        "<summary>arXiv:hep-th/9901001v3 Announce Type: replace-cross \nAbstract: They do.</summary>"
        '<category term="hep-th"/><category term="math.AG"/><published>2026-06-16T00:00:00-04:00</published>'
        "<arxiv:announce_type>replace-cross</arxiv:announce_type><arxiv:DOI>10.1000/182</arxiv:DOI>"
        "<dc:creator>Ada Example, Bo Example</dc:creator></entry></feed>"
    ).sightings
    entry = sighting.entry

    assert (sighting.announce, sighting.listed_on) == (Announce.REPLACE_CROSS, date(2026, 6, 16))
    assert (entry.keys[:2], entry.version) == (("arxiv:hep-th/9901001", "doi:10.1000/182"), 3)
    assert (entry.title, entry.summary) == ("Strings that rest", "They do.")
    assert (entry.authors, entry.categories) == (("Ada Example", "Bo Example"), ("hep-th", "math.AG"))
    assert (entry.url, entry.published_at) == ("https://arxiv.org/abs/hep-th/9901001", None)


@pytest.mark.parametrize(("count", "is_cut"), [(2, False), (3, True)])
def test_listing_as_long_as_arxiv_makes_them_may_lack_new_papers(
    count: int, is_cut: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arxiv, "_FEED_LIMIT", 3)

    feed = parse_listing(make_rss(*(make_item(number) for number in range(count))))

    assert (len(feed.sightings), feed.refused, feed.is_cut) == (count, 0, is_cut)
    assert any("new papers may be missing" in note for note in feed.notes) == is_cut


def test_titles_of_before_2024_lose_what_stood_around_them() -> None:
    item = (
        '<item rdf:about="http://arxiv.org/abs/2301.00001">'
        "<title>Old paper. (arXiv:2301.00001v2 [cs.CL] UPDATED)</title>"
        "<link>http://arxiv.org/abs/2301.00001</link><description>&lt;p&gt;We look back.&lt;/p&gt;</description></item>"
    )
    [sighting] = parse_listing(
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"'
        ' xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>cs.CL updates on arXiv.org</title>'
        f"<dc:date>2023-01-02T20:30:00-05:00</dc:date></channel>{item}</rdf:RDF>"
    ).sightings

    assert (sighting.entry.title, sighting.entry.summary) == ("Old paper", "We look back.")
    assert sighting.listed_on == date(2023, 1, 2)
    assert (sighting.announce, sighting.entry.version) == (Announce.REPLACE, 2)
    assert sighting.entry.categories == ("cs.CL",)


def test_weekend_is_an_empty_listing() -> None:
    feed = parse_listing(make_rss())

    assert (feed.sightings, feed.listed_on) == ((), date(2026, 6, 16))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (make_rss(title="Feed error for query: cs.XX"), "arXiv says: Feed error for query: cs.XX"),
        ("<html><body>Rate exceeded.</body></html>", "found an HTML page"),
        ("Rate exceeded.", "begins with 'Rate exceeded.'"),
        ("", "found nothing"),
        (make_rss("<item><title>Hello</title><link>https://example.org/1</link></item>"), "none of 1 items"),
    ],
)
def test_what_is_no_listing_is_refused_with_the_reason(body: str, message: str) -> None:
    with pytest.raises(FeedError, match=message):
        parse_listing(body)


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-06-16 09:59", date(2026, 6, 15)),  # Tuesday 05:59 in New York
        ("2026-06-16 10:00", date(2026, 6, 16)),
        ("2026-06-20 12:00", date(2026, 6, 19)),  # Saturday
        ("2026-06-22 09:00", date(2026, 6, 19)),  # Monday, in the night
        ("2026-12-15 10:59", date(2026, 12, 14)),  # in winter an hour later
        ("2026-12-15 11:00", date(2026, 12, 15)),
    ],
)
def test_batch_is_due_six_hours_after_midnight_in_new_york(now: str, due: date) -> None:
    assert arxiv.choose_batch_due(at(now)) == due


@pytest.mark.parametrize(
    ("location", "asked"),
    [
        ("https://rss.arxiv.org", "https://rss.arxiv.org/atom/cs.CL+math"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080/atom/cs.CL+math"),
        ("https://rss.arxiv.org/rss/cs.CL", "https://rss.arxiv.org/rss/cs.CL"),
        ("saved.xml", "saved.xml"),
    ],
)
def test_all_categories_are_one_listing(location: str, asked: str) -> None:
    source = make_source("arxiv_listing", location, categories=("cs.CL", "math"))

    assert arxiv.choose_listing_request(source, NOW) == (Request(asked),)


# --- searches -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "query"),
    [
        ({"categories": ("cs.RO",)}, "(cat:cs.RO)"),
        ({"categories": ("math", "hep-th")}, "(cat:math.* OR cat:hep-th)"),
        ({"authors": ("Ada Lovelace", 'Grace "H" Hopper')}, '(au:"Ada Lovelace" OR au:"Grace H Hopper")'),
        ({"search": "ti:a OR abs:b", "categories": ("cs.RO",)}, "(cat:cs.RO) AND (ti:a OR abs:b)"),
    ],
)
def test_what_is_given_is_joined(options: dict[str, Any], query: str) -> None:
    source = make_source("arxiv_search", "https://export.arxiv.org", days_back=3, **options)

    assert (
        arxiv.build_search_query(source, NOW) == f"{query} AND submittedDate:[202606130000 TO 202606162359]"
    )


def next_page(request: Request, read: int, total: int) -> Request | None:
    feed = ParsedFeed((), left_out=read, total=total)
    return arxiv.choose_next_page(SEARCH, request, feed, frozenset())


def start_of(request: Request) -> int:
    return int(parse_qs(urlsplit(request.location).query)["start"][0])


def test_search_is_asked_page_after_page_the_newest_first() -> None:
    [first] = arxiv.choose_search_request(SEARCH, NOW)
    asked = parse_qs(urlsplit(first.location).query)
    assert first.location.startswith("https://export.arxiv.org/api/query?")
    assert (asked["start"], asked["max_results"], asked["sortOrder"]) == (["0"], ["100"], ["descending"])

    second = next_page(first, read=100, total=250)
    assert second is not None
    assert start_of(second) == 100
    third = next_page(second, read=100, total=250)
    assert third is not None
    assert (start_of(third), third.page) == (200, 2)
    assert next_page(third, read=50, total=250) is None


def test_page_with_fewer_results_than_asked_for_is_followed_from_where_it_ended() -> None:
    [first] = arxiv.choose_search_request(SEARCH, NOW)

    second = next_page(first, read=60, total=250)

    assert second is not None
    assert start_of(second) == 60


def test_word_in_a_query_that_looks_like_the_place_of_a_page_stays() -> None:
    source = make_source("arxiv_search", "https://export.arxiv.org", search='all:"start=5"')
    [first] = arxiv.choose_search_request(source, NOW)

    second = next_page(first, read=100, total=250)

    assert second is not None
    assert start_of(second) == 100
    assert parse_qs(urlsplit(second.location).query)["search_query"][0].startswith('(all:"start=5")')


def test_endless_search_is_left_after_twenty_pages() -> None:
    [request] = arxiv.choose_search_request(SEARCH, NOW)
    pages = 0
    following: Request | None = request
    while following is not None:
        following = next_page(following, read=100, total=10**6)
        pages += 1

    assert pages == 20


def test_search_that_finds_too_much_says_how_much_was_read() -> None:
    source = make_source("arxiv_search", "https://export.arxiv.org")
    body = make_answer(make_result("2026-06-15T08:00:00Z"), total=5_000, start=1_999)

    feed = arxiv.parse_search(make_fetched(body.encode()), source, Request("x", page=19))

    assert feed.notes == ("only the newest 2000 of 5000 results were read; narrow the search or days_back",)
    assert feed.refused == 0


def test_cross_lists_of_a_search_are_left_out_by_their_first_category() -> None:
    body = make_answer(make_result("2026-06-15T08:00:00Z"))

    assert len(parse_search(body, categories=("cs.RO",), cross_lists=False).sightings) == 1
    feed = parse_search(body, categories=("cs.AI",), cross_lists=False)
    assert (feed.sightings, feed.left_out, feed.refused) == ((), 1, 0)
    assert feed.notes == ("1 cross-list left out",)


def make_answer(*entries: str, total: int = 1, start: int = 0) -> str:
    return (
        '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/"'
        ' xmlns:arxiv="http://arxiv.org/schemas/atom"><id>https://arxiv.org/api/x</id><title>arXiv Query</title>'
        f"<updated>2026-06-16T12:00:00Z</updated><opensearch:totalResults>{total}</opensearch:totalResults>"
        f"<opensearch:startIndex>{start}</opensearch:startIndex>{''.join(entries)}</feed>"
    )


def make_result(published: str, version: int = 1, id_: str = "2606.00001") -> str:
    return (
        f"<entry><id>http://arxiv.org/abs/{id_}v{version}</id><title>Robots\n  that rest</title>"
        f'<link href="https://arxiv.org/abs/{id_}v{version}" rel="alternate" type="text/html"/>'
        f"<summary>  They do.</summary><published>{published}</published><updated>2026-06-16T10:00:00Z</updated>"
        '<category term="cs.RO"/><category term="cs.AI"/><arxiv:primary_category term="cs.RO"/>'
        "<arxiv:doi>10.1000/182</arxiv:doi><author><name>The ABC, D Collaboration</name></author></entry>"
    )


def test_result_is_read_whole() -> None:
    feed = parse_search(make_answer(make_result("2026-06-15T08:00:00Z", version=2), total=7))

    [sighting] = feed.sightings
    entry = sighting.entry
    assert feed.total == 7
    assert (entry.key, entry.aliases[0]) == ("arxiv:2606.00001", "doi:10.1000/182")
    assert (entry.title, entry.summary) == ("Robots that rest", "They do.")
    assert entry.authors == ("The ABC, D Collaboration",)
    assert (entry.categories, entry.primary_category) == (("cs.RO", "cs.AI"), "cs.RO")
    assert (entry.published_at, entry.version) == (at("2026-06-15 08:00"), 2)
    assert (entry.url, sighting.announce) == ("https://arxiv.org/abs/2606.00001", Announce.NEW)


def test_old_paper_with_a_new_version_is_not_announced_as_new() -> None:
    [sighting] = parse_search(make_answer(make_result("2024-06-15T08:00:00Z", version=4))).sightings

    assert sighting.announce is Announce.REPLACE


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            make_answer(
                "<entry><id>https://arxiv.org/api/errors#incorrect_id</id><title>Error</title>"
                "<summary>incorrect id format for abc</summary></entry>"
            ),
            "arXiv says: incorrect id format for abc",
        ),
        (make_answer(total=300, start=100), "an empty page although arXiv has 300 results"),
        ("<html>Service Unavailable</html>", "found an HTML page"),
        ("Rate exceeded.", "begins with 'Rate exceeded.'"),
    ],
)
def test_answer_that_is_an_error_is_refused_with_arxivs_words(body: str, message: str) -> None:
    with pytest.raises(FeedError, match=message):
        parse_search(body)


def test_search_without_results_says_so() -> None:
    assert parse_search(make_answer(total=0)).total == 0


@pytest.mark.parametrize(
    ("note", "summary"),
    [
        ("This paper has been withdrawn by the author due to an error", ""),
        ("This submission has been temporarily withdrawn", ""),
        ("Withdrawn: the proof of Lemma 3 is wrong", ""),
        ("Paper withdrawn", ""),
        ("12 pages; withdrawn by arXiv administrators", ""),
        ("", "This paper has been withdrawn by the authors."),
        ("", "This paper was withdrawn"),
        ("This submission has been removed by arXiv administrators: the license was wrong", ""),
        ("This version withdrawn by arXiv administrators", ""),
        ("[Withdrawn]", ""),
        ("12 pages, 3 figures. Withdrawn due to a gap in the proof", ""),
        ("The authors have withdrawn this paper", ""),
        ("We withdraw this paper because of an error", ""),
        ("This paper, titled A Rest, has been withdrawn by the first author", ""),
        ("This paper (v2) has been withdrawn", ""),
        ("This paper has been withdrawn from arXiv", ""),
        ("This work has been withdrawn and replaced by 2606.00002", ""),
        ("", "Withdrawn."),
        ("", "[This manuscript has been withdrawn]"),
    ],
)
def test_withdrawn_paper_is_known_by_its_words(note: str, summary: str) -> None:
    assert is_withdrawn(note, summary)


@pytest.mark.parametrize(
    ("note", "summary"),
    [
        ("", ""),
        ("12 pages, 3 figures", "We study why drugs are withdrawn from the market."),
        ("Accepted at ICML", "Papers that were withdrawn by the authors of a venue are counted."),
        ("Code available", "Users have withdrawn by the thousands, and this platform was abandoned."),
        ("", "This drug was withdrawn in 1998."),
        ("", "This paper studies how consent, once given, is withdrawn by users."),
        (
            "",
            "Once a paper has been withdrawn, who cites it? This paper has been withdrawn, one reads, and yet.",
        ),
        ("", "Withdrawn papers on arXiv are rarely studied."),
        ("", "We withdraw a ball from an urn."),
        ("This paper was withdrawn from a conference and accepted at another", ""),
        ("Withdrawn by the authors from ICLR, now at ACL", ""),
        ("An earlier version of this paper was withdrawn; this one is right", ""),
        ("Replaces the withdrawn paper 2601.00001", ""),
        ("This paper has not been withdrawn", ""),
        ("Figure 3 was removed by the authors", ""),
        ("Withdrawn submissions of a conference, as a dataset", ""),
    ],
)
def test_paper_about_withdrawal_is_not_withdrawn(note: str, summary: str) -> None:
    assert not is_withdrawn(note, summary)


CATEGORIES = ["cs.CL", "cs.LG", "math.CO", ""]


@given(st.lists(st.tuples(st.sampled_from(ANNOUNCED), st.sampled_from(CATEGORIES)), max_size=6))
def test_each_announcement_is_taken_or_counted(kinds: list[tuple[Announce, str]]) -> None:
    body = make_rss(
        *(make_item(place, kind, categories) for place, (kind, categories) in enumerate(kinds, 1))
    )

    everything = parse_listing(body)
    primary = parse_listing(body, categories=("cs.CL", "math"), cross_lists=False)

    assert [sighting.announce for sighting in everything.sightings] == [kind for kind, _ in kinds]
    assert len(primary.sightings) + primary.left_out == len(kinds)
    assert all(one.announce in (Announce.NEW, Announce.REPLACE) for one in primary.sightings)
    assert all(one.entry.primary_category in ("cs.CL", "math.CO") for one in primary.sightings)


@pytest.mark.parametrize("words", [". ", "(", "this paper, ", "the paper (", "withdrawn ", "we have "])
def test_long_comment_is_judged_at_once(words: str) -> None:
    comment = words * (10_000 // len(words))
    began = process_time()

    is_withdrawn(comment, comment)

    assert process_time() - began < 1


@given(st.integers(0, 3_000), st.binary(max_size=20))
def test_any_bytes_are_read_or_refused(place: int, noise: bytes) -> None:
    for parse, body in (
        (parse_listing, make_rss(make_item(1)).encode()),
        (parse_search, make_answer(make_result("2026-06-15T08:00:00Z")).encode()),
    ):
        try:
            parse(body[:place] + noise + body[place + len(noise) :])
        except FeedError:
            continue


# --- real answers -------------------------------------------------------------------------

ATOM, SCHEMA = "{http://www.w3.org/2005/Atom}", "{http://arxiv.org/schemas/atom}"


def real_answers(corpus: Path) -> Iterator[tuple[str, bytes]]:
    for file in sorted((corpus / "arxiv").iterdir()):
        if file.suffix == ".xml":
            yield file.name, file.read_bytes()
        elif file.suffix == ".json":
            exchange = json.loads(file.read_text("utf-8"))
            yield file.name, exchange["body"].encode()


def words(text: str | None) -> str:
    """The text in one line. Some recordings hold UTF-8 that was read as Latin-1: here it is made good."""
    text = text or ""
    with suppress(ValueError):
        text = text.encode("latin-1").decode("utf-8")
    return " ".join(text.split())


@pytest.mark.corpus
def test_every_result_of_real_searches_is_read_as_it_stands(corpus: Path) -> None:
    compared = 0
    for name, body in real_answers(corpus):
        root = etree.fromstring(body)
        if root.tag != f"{ATOM}feed":
            continue
        if "/api/errors" in body.decode():
            with pytest.raises(FeedError, match="arXiv says"):
                parse_search(body)
            continue
        feed = arxiv.parse_search(make_fetched(body), Source("a", "arxiv_search", "x"), make_request())
        entries = root.findall(f"{ATOM}entry")
        assert len(entries) == len(feed.sightings), name
        for element, sighting in zip(entries, feed.sightings, strict=True):
            entry = sighting.entry
            id_ = words(element.findtext(f"{ATOM}id")).rpartition("/abs/")[2]
            assert f"{entry.key.removeprefix('arxiv:')}v{entry.version}" == id_, name
            assert entry.title == words(element.findtext(f"{ATOM}title"))
            assert entry.summary == words(element.findtext(f"{ATOM}summary"))
            authors = [words(person.text) for person in element.iterfind(f"{ATOM}author/{ATOM}name")]
            assert [words(name) for name in entry.authors] == list(dict.fromkeys(authors))
            assert list(entry.categories) == [one.get("term") for one in element.findall(f"{ATOM}category")]
            primary = element.find(f"{SCHEMA}primary_category")
            assert primary is None or entry.primary_category == primary.get("term")
            assert words(entry.note) == words(element.findtext(f"{SCHEMA}comment"))
            doi = words(element.findtext(f"{SCHEMA}doi"))
            assert not doi or f"doi:{doi.lower()}" in entry.keys
            assert entry.url == f"https://arxiv.org/abs/{id_.rpartition('v')[0]}"
            published = element.findtext(f"{ATOM}published")
            assert entry.published_at == datetime.fromisoformat(published.replace("Z", "+00:00"))
            compared += 1
    assert compared > 100


@pytest.mark.corpus
def test_every_announcement_of_real_listings_is_read_as_it_stands(corpus: Path) -> None:
    compared = 0
    for name, body in real_answers(corpus):
        root = etree.fromstring(body)
        if root.tag != "rss":
            continue
        feed = parse_listing(body)
        for element, sighting in zip(root.iter("item"), feed.sightings, strict=True):
            assert sighting.entry.url == words(element.findtext("link")), name
            assert sighting.entry.title == words(element.findtext("title"))
            assert words(element.findtext("description")).endswith(sighting.entry.summary)
            creators = words(element.findtext("{http://purl.org/dc/elements/1.1/}creator"))
            assert ", ".join(sighting.entry.authors) == creators
            assert list(sighting.entry.categories) == [one.text for one in element.findall("category")]
            assert sighting.announce == element.findtext(f"{SCHEMA}announce_type")
            batch_on = parsedate_to_datetime(root.findtext("channel/pubDate")).date()
            assert sighting.listed_on == feed.listed_on == batch_on
            assert str(sighting.entry.version) == element.findtext("guid").rpartition("v")[2]
            compared += 1
    assert compared >= 6


@pytest.mark.corpus
def test_a_real_error_and_a_real_weekend_are_told_apart(corpus: Path) -> None:
    answers = dict(real_answers(corpus))
    [error] = [body for name, body in answers.items() if "id_abc" in name]
    [weekend] = [body for name, body in answers.items() if "weekend_empty" in name]

    with pytest.raises(FeedError, match="incorrect id format for abc"):
        parse_search(error)
    assert parse_listing(weekend).sightings == ()
    assert parse_listing(weekend).listed_on == date(2026, 8, 1)
