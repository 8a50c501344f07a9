from __future__ import annotations

import time
from contextlib import suppress
from datetime import date
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.collect.atom_rss import parse
from newsletter.errors import FeedError
from newsletter.model.entries import Entry, EntryKey
from newsletter.model.sources import ParsedFeed
from newsletter.text import clean_line
from tests.support.builders import at
from tests.support.examples import examples
from tests.support.sightings import make_fetched, make_request, make_source, read_sample

LOCATION = "https://meadow.example.org/feed.xml"


def parse_feed(body: bytes | str, location: str = LOCATION) -> ParsedFeed:
    body = body.encode() if isinstance(body, str) else body
    return parse(make_fetched(body, location), make_source("feed", location), make_request(location))


def make_rss(*items: str) -> str:
    return f'<rss version="2.0"><channel>{"".join(f"<item>{item}</item>" for item in items)}</channel></rss>'


def make_atom(entry: str) -> str:
    return f'<feed xmlns="http://www.w3.org/2005/Atom"><entry>{entry}</entry></feed>'


def test_rss_item_is_read_whole() -> None:
    feed = parse_feed(read_sample("blog.rss"))

    first = feed.sightings[0]
    assert (first.guid, first.listed_on, first.listing_url) == (
        "post-17",
        None,
        "https://meadow.example.org/",
    )
    assert first.entry == Entry(
        key=EntryKey("url:https://meadow.example.org/posts/sheep"),
        aliases=(EntryKey("guid:papers:post-17"),),
        title="Why sheep & goats differ",
        summary="First paragraph. Second.",
        authors=("Ada Example",),
        published_at=at("2026-06-16 08:00"),
        categories=("animals",),
        url="https://meadow.example.org/posts/sheep?utm_source=rss",
        discussion_url="https://meadow.example.org/posts/sheep#comments",
        listing_url="https://meadow.example.org/",
        sources=("papers",),
    )


def test_item_without_title_is_named_by_its_text_and_one_with_nothing_is_refused() -> None:
    feed = parse_feed(read_sample("blog.rss"))

    assert feed.sightings[1].entry.title == "Only a text, and when it was dated."
    assert feed.sightings[1].entry.published_at == at("2026-06-15 08:00")
    assert (feed.refused, feed.notes) == (1, ("item 3 refused: it has no title, text or link",))


def test_arxiv_listing_is_named_by_the_paper_without_its_version() -> None:
    (sighting,) = parse_feed(read_sample("arxiv-listing.rss"), "https://rss.arxiv.org/rss/cs.LG").sightings

    entry = sighting.entry
    assert entry.keys == ("arxiv:2606.01234", "guid:papers:oai:arXiv.org:2606.01234v2")
    assert entry.summary == "We show that models which count sheep fall asleep."
    assert entry.authors == ("Ada Example", "Émile Exemple", "Jan van Voorbeeld")
    assert entry.categories == ("cs.LG", "cs.AI")
    assert entry.published_at == at("2026-06-16 04:00")
    assert sighting.listing_url == ""


def test_arxiv_answer_is_read_whole() -> None:
    (sighting,) = parse_feed(read_sample("arxiv-answer.atom"), "https://export.arxiv.org/api/query").sightings

    assert sighting.entry == Entry(
        key=EntryKey("arxiv:2606.01234"),
        aliases=(EntryKey("doi:10.1000/sheep.7"), EntryKey("guid:papers:http://arxiv.org/abs/2606.01234v1")),
        title="Counting Sheep at Scale",
        summary="We show that p < 0.05.",
        authors=("Ada Example", "Émile Exemple"),
        published_at=at("2026-06-12 17:59:59"),
        categories=("cs.LG",),
        note="12 pages",
        url="https://arxiv.org/abs/2606.01234v1",
        pdf_url="https://arxiv.org/pdf/2606.01234v1",
        sources=("papers",),
    )


@pytest.mark.parametrize(
    ("title", "line"),
    [
        ("<title>p &lt; 0.05</title>", "p < 0.05"),
        ("<title>AT&amp;amp;T</title>", "AT&T"),
        ("<title>&lt;b&gt;Bold&lt;/b&gt; claims</title>", "Bold claims"),
        ("<title><![CDATA[<i>Tilted</i> &amp; sound]]></title>", "Tilted & sound"),
        ("<title>Two\n   lines</title>", "Two lines"),
        ("<title>Old form. (arXiv:2301.00001v2 [cs.LG] UPDATED)</title>", "Old form"),
    ],
)
def test_title_reads_well(title: str, line: str) -> None:
    assert parse_feed(make_rss(title)).sightings[0].entry.title == line


@pytest.mark.parametrize(
    ("date_element", "published_at"),
    [
        ("<published>2026-06-16T10:00:00+02:00</published>", "2026-06-16 08:00"),
        ("<updated>2026-06-16T10:00:00Z</updated>", "2026-06-16 10:00"),
        (
            "<updated>2026-06-16T10:00:00Z</updated><published>2026-06-01T00:00:00Z</published>",
            "2026-06-01 00:00",
        ),
        ("<published>yesterday</published><updated>2026-06-16T10:00:00Z</updated>", "2026-06-16 10:00"),
        ("<published>yesterday</published>", ""),
        ("", ""),
    ],
)
def test_time_is_when_it_was_published_else_updated(date_element: str, published_at: str) -> None:
    entry = parse_feed(make_atom(f"<title>x</title>{date_element}")).sightings[0].entry

    assert entry.published_at == (at(published_at) if published_at else None)


def test_relative_links_are_resolved_only_against_an_address() -> None:
    feed = make_rss("<title>x</title><link>posts/1</link>")

    assert parse_feed(feed).sightings[0].entry.url == "https://meadow.example.org/posts/1"
    assert parse_feed(feed, "feeds/saved.xml").sightings[0].entry.url == ""


def test_item_without_id_and_link_has_a_steady_name() -> None:
    feed = make_rss(
        "<title>x</title><description>y</description>", "<title>x</title><description>z</description>"
    )

    first, second = (parse_feed(feed).sightings, parse_feed(feed).sightings)

    assert first == second
    assert len({sighting.guid for sighting in first}) == 2


def test_feed_without_news_is_empty_and_no_failure() -> None:
    assert parse_feed('<rss version="2.0"><channel><title>Quiet</title></channel></rss>') == ParsedFeed(())


def test_blank_lines_before_the_declaration_do_no_harm() -> None:
    feed = parse_feed('\n\n<?xml version="1.0"?>' + make_rss("<title>x</title><pubDate>2026-06-16</pubDate>"))

    assert (len(feed.sightings), feed.notes) == (1, ())


def test_feed_that_breaks_off_gives_what_came_and_says_so() -> None:
    feed = parse_feed(make_rss("<title>one</title>", "<title>two</title>")[:-40])

    assert feed.sightings[0].entry.title == "one"
    assert feed.notes[0].startswith("not well-formed: ")


@pytest.mark.parametrize(
    ("whole", "end"),
    [
        (
            make_rss(
                *(f"<title>{n}</title><link>https://example.org/{n}</link><guid>{n}</guid>" for n in (1, 2))
            ),
            "</item>",
        ),
        (make_atom("<title>1</title></entry><entry><title>2</title><link href='/2'/><id>2</id>"), "</entry>"),
    ],
)
def test_item_in_whose_middle_a_feed_ends_waits_until_it_is_whole(whole: str, end: str) -> None:
    known = parse_feed(whole).sightings
    tail = whole.rindex(end) + len(end)

    for length in range(whole.index(end), tail + 1):
        feed = parse_feed(whole[:length])

        assert feed.is_cut
        assert feed.sightings == known[: whole[:length].count(end)]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"", "nothing"),
        (b"  \n", "nothing"),
        (b"<!DOCTYPE html><html><title>Sign in</title></html>", "an HTML page"),
        (b'<?xml version="1.0"?><OAI-PMH><record/></OAI-PMH>', "an element <OAI-PMH>"),
        (b'{"version": "https://jsonfeed.org/version/1.1"}', "JSON"),
        (b"Not found", "something that begins with 'Not found'"),
        (b"\x1f\x8b\x08", "something that begins with"),
    ],
)
def test_what_is_no_feed_is_refused_with_the_reason(body: bytes, found: str) -> None:
    with pytest.raises(FeedError) as caught:
        parse_feed(body)

    assert found in str(caught.value)


def test_item_that_cannot_be_used_is_refused_and_counted() -> None:
    feed = parse_feed(make_rss("<category>x</category>", "<title>y</title>"))

    assert (len(feed.sightings), feed.refused) == (1, 1)


@pytest.mark.parametrize(
    ("content_type", "encoding", "declared"),
    [
        ("", "utf-8", ""),
        ("text/xml", "utf-8", ""),
        ("text/xml; charset=utf-8", "utf-8", "iso-8859-1"),
        ("application/rss+xml; charset=ISO-8859-1", "utf-8", "utf-8"),
        ("application/rss+xml; charset=ISO-8859-1", "iso-8859-1", ""),
        ("application/rss+xml; charset=utf-8", "iso-8859-1", "iso-8859-1"),
        ("text/xml", "windows-1252", "windows-1252"),
        ("text/xml", "utf-8", "iso-8859-1"),
        ("text/xml; charset=koi8-r", "utf-8", ""),
        ("text/xml; charset=gbk", "utf-8", "utf-8"),
        ("text/xml; charset=utf-8", "utf-16", "utf-16"),
        ("application/xml; charset=nonsense", "utf-8", "utf-8"),
        ("", "utf-16", "utf-16"),
    ],
)
def test_charset_is_the_one_that_the_bytes_bear_out(content_type: str, encoding: str, declared: str) -> None:
    declaration = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    body = (declaration + make_rss("<title>Füße – ganz</title>".replace("–", "-"))).encode(encoding)
    fetched = make_fetched(body, LOCATION, content_type)

    feed = parse(fetched, make_source("feed", LOCATION), make_request(LOCATION))

    assert feed.sightings[0].entry.title == "Füße - ganz"


@pytest.mark.parametrize(
    ("content_type", "encoding", "title"),
    [
        ("text/xml; charset=iso-8859-1", "windows-1251", "Счёт овец"),
        ("text/xml; charset=us-ascii", "euc-kr", "양을 세다"),
        ("text/xml; charset=koi8-r", "koi8-r", "Счет овец"),
        ("application/xml", "shift_jis", "羊を数える"),
        ("", "gb2312", "数羊的人"),
    ],
)
def test_declared_encoding_goes_before_what_servers_claim_for_all(
    content_type: str, encoding: str, title: str
) -> None:
    body = f'<?xml version="1.0" encoding="{encoding}"?>{make_rss(f"<title>{title}</title>")}'.encode(
        encoding
    )

    feed = parse(
        make_fetched(body, LOCATION, content_type), make_source("feed", LOCATION), make_request(LOCATION)
    )

    assert feed.sightings[0].entry.title == title


@pytest.mark.parametrize("content_type", ["", "text/xml; charset=utf-8", "text/xml; charset=iso-8859-1"])
def test_stray_byte_or_half_a_character_spoils_no_other(content_type: str) -> None:
    body = make_rss("<title>Füße</title>", "<title>Schäfchen</title>", "<title>Ähre</title>").encode()
    half = body[: body.index("Ä".encode()) + 1]
    stray = body.replace("ä".encode(), b"\xe4")

    def read_titles(body: bytes) -> list[str]:
        fetched = make_fetched(body, LOCATION, content_type)
        feed = parse(fetched, make_source("feed", LOCATION), make_request(LOCATION))
        return [sighting.entry.title for sighting in feed.sightings]

    assert read_titles(half) == ["Füße", "Schäfchen"]
    assert read_titles(stray) == ["Füße", "Sch\ufffdfchen", "Ähre"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_endless_name_takes_no_endless_time(encoding: str) -> None:
    author = "a" * 100_001
    feed = make_rss(f"<title>x</title><author>{author}</author>", "<title>y</title>")
    body = f'<?xml version="1.0" encoding="{encoding}"?>{feed}'.encode(encoding)
    began = time.process_time()

    assert [sighting.entry.title for sighting in parse_feed(body).sightings] == ["x", "y"]
    assert time.process_time() - began < 2


def test_each_of_several_links_has_its_place() -> None:
    entry = (
        parse_feed(
            make_atom(
                "<title>x</title>"
                '<link rel="self" href="https://meadow.example.org/1.atom"/>'
                '<link rel="replies" type="text/html" href="https://meadow.example.org/1#comments"/>'
                '<link rel="enclosure" type="video/mp4" href="https://meadow.example.org/1.mp4"/>'
                '<link rel="enclosure" type="application/pdf" href="https://meadow.example.org/1.pdf"/>'
                '<link rel="alternate" type="text/html" href="https://meadow.example.org/1"/>'
                '<media:thumbnail xmlns:media="http://search.yahoo.com/mrss/" url="https://meadow.example.org/1.png"/>'
            )
        )
        .sightings[0]
        .entry
    )

    assert entry.url == "https://meadow.example.org/1"
    assert entry.discussion_url == "https://meadow.example.org/1#comments"
    assert entry.pdf_url == "https://meadow.example.org/1.pdf"
    assert entry.media_urls == ("https://meadow.example.org/1.mp4",)
    assert entry.thumbnail_url == "https://meadow.example.org/1.png"


def test_feed_of_the_answers_is_no_page_to_discuss_on() -> None:
    links = (
        '<link rel="replies" type="application/atom+xml" href="/1.atom"/><link rel="replies" href="/1#talk"/>'
    )

    entry = parse_feed(make_atom(f"<title>x</title>{links}")).sightings[0].entry

    assert entry.discussion_url == "https://meadow.example.org/1#talk"


def test_relative_media_are_resolved_as_links_are() -> None:
    body = (
        '<rss version="2.0" xmlns:media="http://search.yahoo.com/mrss/"><channel><item><title>x</title>'
        '<enclosure url="1.jpg" type="image/jpeg" length="1"/><enclosure url="1.mp3" type="audio/mpeg" length="1"/>'
        '<media:group><media:content url="/1.webm" medium="video"/><media:thumbnail url="/s.png"/></media:group>'
        '<enclosure url="1.pdf" type="application/pdf" length="1"/></item></channel></rss>'
    )

    entry = parse_feed(body, "https://meadow.example.org/feeds/all.xml").sightings[0].entry

    assert entry.media_urls == (
        "https://meadow.example.org/feeds/1.jpg",
        "https://meadow.example.org/1.webm",
    )
    assert entry.thumbnail_url == "https://meadow.example.org/s.png"
    assert entry.pdf_url == "https://meadow.example.org/feeds/1.pdf"


def test_picture_of_a_podcast_episode_is_its_thumbnail() -> None:
    itunes = "http://www.itunes.com/dtds/podcast-1.0.dtd"
    item = f'<title>x</title><itunes:image xmlns:itunes="{itunes}" href="https://meadow.example.org/1.png"/>'

    assert parse_feed(make_rss(item)).sightings[0].entry.thumbnail_url == "https://meadow.example.org/1.png"


@pytest.mark.parametrize(
    ("element", "authors"),
    [
        ("<author>ada@example.org (Ada Example)</author>", ("Ada Example",)),
        ("<author>Ada Example &lt;ada@example.org&gt;</author>", ("Ada Example",)),
        ("<author>ada@example.org</author>", ()),
        (
            "<dc:creator>Ada Example</dc:creator><dc:creator>Bo Example</dc:creator>",
            ("Ada Example", "Bo Example"),
        ),
        ("<itunes:author>Ada Example</itunes:author>", ("Ada Example",)),
        ("<author>&lt;b&gt;Ada&lt;/b&gt; Example</author>", ("Ada Example",)),
        ("<dc:creator><![CDATA[ ]]></dc:creator>", ()),
    ],
)
def test_authors_are_names(element: str, authors: tuple[str, ...]) -> None:
    spaces = 'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd"'
    body = make_rss(f"<title>x</title>{element}").replace("<rss ", f"<rss {spaces} ")

    assert parse_feed(body).sightings[0].entry.authors == authors


@pytest.mark.parametrize(
    ("entry", "authors"),
    [
        ("", ("Ada Example",)),
        ("<author><name>Bo Example</name></author>", ("Bo Example",)),
        ("<source><author><name>Cy Example</name></author></source>", ("Cy Example",)),
        ("<id>http://arxiv.org/abs/2606.01234v1</id>", ()),
    ],
)
def test_authors_of_an_atom_feed_are_those_of_an_entry_that_names_none(
    entry: str, authors: tuple[str, ...]
) -> None:
    body = make_atom(f"<title>x</title>{entry}").replace(
        "<entry>", "<author><name>Ada Example</name></author><entry>"
    )

    assert parse_feed(body).sightings[0].entry.authors == authors


def test_days_without_news_are_told() -> None:
    body = make_rss("<title>x</title>").replace(
        "<item>", "<skipDays><day>Sunday</day><day> saturday </day></skipDays><item>", 1
    )

    assert parse_feed(body).quiet_days == {5, 6}


def test_endless_feed_is_read_in_part() -> None:
    feed = parse_feed(make_rss(*(f"<title>{number}</title>" for number in range(2_003))))

    assert len(feed.sightings) == 2_000
    assert feed.notes[0] == "only the first 2000 of 2003 items were read"


def test_name_of_a_file_in_the_body_is_never_opened(tmp_path: Path) -> None:
    file = tmp_path / "feed.xml"
    file.write_text(make_rss("<title>secret</title>"))

    with pytest.raises(FeedError):
        parse_feed(str(file))


def test_external_entity_is_not_loaded(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hidden")
    declared = f'<!DOCTYPE rss [<!ENTITY x SYSTEM "file://{secret}">]>'

    feed = parse_feed(declared + make_rss("<title>a&x;b</title>"))

    assert "hidden" not in str(feed)


def test_deep_nesting_is_survived() -> None:
    nested = escape("<div>" * 10_000 + "text")

    (sighting,) = parse_feed(make_rss(f"<title>x</title><description>{nested}</description>")).sightings

    assert sighting.entry.summary == "text"


def test_long_summary_is_cut() -> None:
    (sighting,) = parse_feed(
        make_rss(f"<title>x</title><description>{'word ' * 50_000}</description>")
    ).sightings

    assert len(sighting.entry.summary) <= 10_000


@examples(80, deadline=1_000)
@given(
    st.binary(max_size=60),
    st.integers(0, 2_000),
    st.sampled_from(["blog.rss", "arxiv-listing.rss", "arxiv-answer.atom"]),
)
def test_damaged_feed_is_read_or_refused(noise: bytes, place: int, sample: str) -> None:
    body = read_sample(sample)

    try:
        feed = parse_feed(body[:place] + noise + body[place + len(noise) :])
    except FeedError:
        return
    assert all(sighting.entry.title for sighting in feed.sightings)


PIECES = [
    "<rss>",
    "<rss version='2.0'>",
    "<channel>",
    "<item>",
    "</item>",
    "<title>",
    "</title>",
    "<link>",
    "</link>",
]
PIECES += [
    "<feed xmlns='http://www.w3.org/2005/Atom'>",
    "<entry>",
    "</entry>",
    "<link href='http://['/>",
    "<id>",
]
PIECES += [
    "<title type='xhtml'>",
    "<title mode='base64'>",
    "<pubDate>",
    "<dc:date>",
    "<author>",
    "<content>",
    "&x;",
]
PIECES += [
    "<!DOCTYPE x [<!ENTITY x 'y'>]>",
    "<![CDATA[",
    "]]>",
    "<media:content url='x'/>",
    "text",
    "2026-06-16",
    "\x00",
]
PIECES += [
    "<updated>0000-00-00T99:99:99Z</updated>",
    "<pubDate>Fri, 31 Feb 2026 25:61:61 +9999</pubDate>",
    "<!--",
    "<?xml",
]


@examples(80, deadline=1_000)
@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
def test_any_heap_of_tags_is_read_or_refused(body: str) -> None:
    with suppress(FeedError):
        parse_feed(body)


@pytest.mark.corpus
def test_every_real_feed_is_read_or_refused(corpus: Path) -> None:
    read = 0
    for file in sorted([*corpus.joinpath("feeds").rglob("*"), *corpus.joinpath("arxiv").rglob("*")]):
        if not file.is_file() or ".expected." in file.name or file.name.endswith(".serde.json"):
            continue
        try:
            feed = parse_feed(file.read_bytes(), f"https://example.org/{file.name}")
        except FeedError:
            continue
        read += 1
        for sighting in feed.sightings:
            entry = sighting.entry
            assert entry.title == " ".join(entry.title.split())
            assert "\n" not in entry.summary + "".join(entry.authors)
    assert read >= 150


@pytest.mark.corpus
def test_real_arxiv_listing_reads_well(corpus: Path) -> None:
    feed = parse_feed((corpus / "arxiv" / "distill__arxiv_cs_ai.xml").read_bytes())

    entry = feed.sightings[0].entry
    assert entry.key == "arxiv:2604.21935"
    assert entry.authors == ("Michael Cooper", "Samuel Cooper")
    assert entry.summary.startswith("Although language models")
    assert entry.published_at is not None
    assert entry.published_at.date() == date(2026, 4, 27)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Odd &#xD800; news", "Odd news"),
        ("Odd &#55296; news", "Odd news"),
        ("Odd &#0; news", "Odd news"),
        ("Odd &#x1b;[31m news", "Odd [31m news"),
        ("Odd &#x110000; news", "Odd news"),
        ("Odd &#99999999999999999999; news", "Odd news"),
        ("Odd &#xFFFE; news", "Odd news"),
        ("Odd &#xFFFFFFFFF; news", "Odd news"),
        ("Happy &#55357;&#56832; news", "Happy 😀 news"),
        ("Happy &#xd83d;&#xDE00; news", "Happy 😀 news"),
        ("Upside &#56832;&#55357; down", "Upside down"),
        ("Gr&#246;&#xDF;e &#8211; &#13;&#10; fine &#128512;", "Größe – fine 😀"),
        ("R&amp;D &#38; &#60;b&#62;", "R&D & <b>"),
        ("Twice &amp;#xD800; escaped", None),
        ("<![CDATA[Within &#xD800; data]]>", None),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1"])
@pytest.mark.parametrize("kind", ["rss", "atom"])
def test_a_reference_to_no_character_costs_that_letter_and_not_the_feed(
    written: str, read: str | None, encoding: str, kind: str
) -> None:
    link = "https://notes.example.net/"
    if kind == "rss":
        item = "<title>{}</title><link>{}</link><guid>{}</guid><description>{}</description>"
        good = item.format("Pebbles", link + "pebbles", "p", "x")
        feed = make_rss(item.format(written, link + "odd", "o", written), good)
    else:
        item = "<title>{}</title><link href='{}'/><id>{}</id><summary>{}</summary>"
        good = item.format("Pebbles", link + "pebbles", "p", "x")
        feed = make_atom(item.format(written, link + "odd", "o", written) + "</entry><entry>" + good)
    body = f'<?xml version="1.0" encoding="{encoding}"?>{feed}'.encode(encoding)

    found = {seen.entry.url: seen.entry for seen in parse_feed(body).sightings}

    assert found[link + "pebbles"].title == "Pebbles"
    odd = found[link + "odd"]
    if read is not None and "<b>" not in read:
        assert odd.title == odd.summary == read
    assert clean_line(odd.title) == odd.title
    assert clean_line(odd.summary) == odd.summary


SPACES = (
    'xmlns:media="http://search.yahoo.com/mrss/" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:foo="https://example.org/foo" xmlns:content="http://purl.org/rss/1.0/modules/content/"'
)
OWN = (
    "<title>Own title</title>",
    "<link>https://meadow.example.org/own</link>",
    "<description>Own text.</description>",
    "<author>Own Author</author>",
)
FOREIGN = [
    "<image><title>Other</title><link>https://x.example.net/</link><url>https://x.example.net/i.png</url></image>",
    "<image><description>Other</description></image>",
    "<textInput><title>Other</title><name>Other</name><link>https://x.example.net/</link></textInput>",
    '<media:content url="https://x.example.net/i.jpg"><media:title>Other</media:title></media:content>',
    '<media:content url="i.jpg"><media:description type="plain">Other</media:description></media:content>',
    "<media:group><media:title>Other</media:title><media:description>Other</media:description></media:group>",
    "<media:title>Other</media:title>",
    '<media:description type="html">Other</media:description>',
    "<media:credit>Other</media:credit>",
    "<itunes:title>Other</itunes:title>",
    "<itunes:summary>Other</itunes:summary>",
    "<itunes:subtitle>Other</itunes:subtitle>",
    "<itunes:author>Other</itunes:author>",
    "<dc:title>Other</dc:title>",
    "<dc:description>Other</dc:description>",
    "<foo:card><title>Other</title><link>https://x.example.net/</link><description>Other</description></foo:card>",
    "<foo:card><author><name>Other</name></author><pubDate>Fri, 01 Jan 2021 00:00:00 GMT</pubDate></foo:card>",
    "<card><title>Other</title><guid>other</guid></card>",
    '<source url="https://x.example.net/"><title>Other</title></source>',
]


@pytest.mark.parametrize("foreign", FOREIGN)
@pytest.mark.parametrize("place", range(len(OWN) + 1))
@pytest.mark.parametrize("damage", ["", "<p>&nbsp;"], ids=["well-formed", "not well-formed"])
def test_what_stands_in_another_element_never_replaces_an_items_own(
    foreign: str, place: int, damage: str
) -> None:
    item = "".join((*OWN[:place], foreign, *OWN[place:], "<pubDate>Mon, 01 Jun 2026 00:00:00 GMT</pubDate>"))
    body = make_rss(item).replace("<rss ", f"<rss {SPACES} ").replace("</channel>", f"{damage}</channel>")

    entry = parse_feed(body).sightings[0].entry

    assert (entry.title, entry.url, entry.summary) == (
        "Own title",
        "https://meadow.example.org/own",
        "Own text.",
    )
    assert (entry.authors, entry.published_at) == (("Own Author",), at("2026-06-01"))


@pytest.mark.parametrize(
    ("second", "field", "value"),
    [
        ("<media:title>Waves</media:title>", "title", "Waves"),
        ("<itunes:title>Waves</itunes:title>", "title", "Waves"),
        ("<dc:title>Waves</dc:title>", "title", "Waves"),
        ('<media:group><media:title type="plain">Waves</media:title></media:group>', "title", "Waves"),
        ("<itunes:summary>At sea.</itunes:summary>", "summary", "At sea."),
        ("<dc:description>At &lt;b&gt;sea&lt;/b&gt;.</dc:description>", "summary", "At sea."),
        ("<media:description>At sea.</media:description>", "summary", "At sea."),
        ("<itunes:subtitle>At sea.</itunes:subtitle>", "summary", "At sea."),
        ("<itunes:author>Ada Roe</itunes:author>", "authors", ("Ada Roe",)),
        ("<authors>Ada Roe; Bo Doe</authors>", "authors", ("Ada Roe", "Bo Doe")),
        ("<description>Volume 1 &lt;p&gt;Author(s): Ada Roe&lt;/p&gt;</description>", "authors", ("Ada Roe",)),
    ],
)  # fmt: skip
def test_what_a_module_says_fills_what_an_item_leaves_open(second: str, field: str, value: object) -> None:
    body = make_rss(f"<guid>1</guid>{second}").replace("<rss ", f"<rss {SPACES} ")
    body = body if field == "title" else body.replace("<guid>", "<title>x</title><guid>")

    assert getattr(parse_feed(body).sightings[0].entry, field) == value


@pytest.mark.parametrize(
    ("title", "line"),
    [
        ("In <math xmlns='x'><msub><mi>CuO</mi><mn>2</mn></msub></math> planes", "In CuO2 planes"),
        ("In <mml:math><mml:mi>x</mml:mi><mml:mo>=</mml:mo><mml:mn>1</mml:mn></mml:math>", "In x=1"),
        ("<math><semantics><mi>x</mi><annotation>\\mathrm{x}</annotation></semantics></math>-ray", "x-ray"),
        ("Genes of <jats:italic>Arabis alpina</jats:italic> in snow", "Genes of Arabis alpina in snow"),
        ("Genes of <italic toggle='yes'>Arabis</italic>", "Genes of Arabis"),
        ("The <scp>DNA</scp> of <o:p>x</o:p>", "The DNA of x"),
        ("Water H<sub>2</sub>O and 10<sup>6</sup> drops", "Water H2O and 106 drops"),
        ("H<inf>2</inf>O", "H2O"),
        ("<ce:italic>In vitro</ce:italic> study", "In vitro study"),
        ("One line<br/>and another", "One line and another"),
        ("One line<br>and another", "One line and another"),
        ("micro<wbr>scope and micro<wbr/>phone", "microscope and microphone"),
        ("A picture <img src='x.png'/> of it", "A picture of it"),
        ("<b>Bold</b> and Map<K,V>", "Bold and Map<K,V>"),
        ("Map<K,V> joins", "Map<K,V> joins"),
        ("Vec<T> &amp; friends", "Vec<T> & friends"),
        ("What is <b> for?", "What is <b> for?"),
        ("p < 0.05 and q > 1", "p < 0.05 and q > 1"),
        ("a</kubernetes>", "a</kubernetes>"),
        ("<tex-math>$x$</tex-math><mml:math><mml:mi>x</mml:mi></mml:math> rays", "x rays"),
    ],
)  # fmt: skip
def test_markup_in_a_title_becomes_text_and_other_brackets_stay(title: str, line: str) -> None:
    assert parse_feed(make_rss(f"<title>{escape(title)}</title>")).sightings[0].entry.title == line


def test_title_of_atom_is_what_its_type_says() -> None:
    titles = [
        parse_feed(make_atom(f"<title{type_}>&lt;b&gt;Bold&lt;/b&gt; x</title>")).sightings[0].entry.title
        for type_ in ("", " type='text'", " type='html'")
    ]

    assert titles == ["<b>Bold</b> x", "<b>Bold</b> x", "Bold x"]


def test_episode_without_a_page_leads_to_its_sound_and_a_guid_is_no_address() -> None:
    sound = '<enclosure url="https://cdn.example.net/1.mp3" type="audio/mpeg" length="9"/>'
    entries = [
        parse_feed(make_rss(f"<title>x</title>{guid}{sound}")).sightings[0].entry
        for guid in (
            "<guid>b7-19</guid>",
            '<guid isPermaLink="false">b7-19</guid>',
            "<guid>https://pod.example.net/1</guid>",
        )
    ]

    assert [entry.url for entry in entries] == ["https://cdn.example.net/1.mp3"] * 2 + [
        "https://pod.example.net/1"
    ]
    assert entries[0].keys == entries[1].keys == ("guid:papers:b7-19",)


@pytest.mark.parametrize(
    "file",
    [
        '<enclosure url="https://cdn.example.net/1" length="9"/>',
        '<enclosure url="https://cdn.example.net/1" type="application/ogg"/>',
        '<media:content xmlns:media="http://search.yahoo.com/mrss/" url="https://cdn.example.net/1" medium="video"/>',
    ],
)
def test_item_without_a_page_leads_to_the_file_that_it_brings(file: str) -> None:
    assert parse_feed(make_rss(f"<title>x</title><guid>b7</guid>{file}")).sightings[0].entry.url == (
        "https://cdn.example.net/1"
    )


@pytest.mark.parametrize(
    "second",
    [
        "<link/>",
        "<link></link>",
        "<title/>",
        "<pubDate/>",
        "<description/>",
        '<atom:link hreflang="de" href="https://x.example/de"/>',
    ],
)
@pytest.mark.parametrize("is_first", [True, False])
def test_an_empty_element_or_another_language_takes_nothing_from_an_item(second: str, is_first: bool) -> None:
    own = (
        "<title>Own title</title><link>https://meadow.example.org/own</link><description>Own text.</description>"
        "<pubDate>Mon, 01 Jun 2026 00:00:00 GMT</pubDate>"
    )
    body = make_rss(second + own if is_first else own + second).replace("<rss ", f"<rss {SPACES} ")

    entry = parse_feed(body).sightings[0].entry

    assert (entry.title, entry.url, entry.summary, entry.published_at) == (
        "Own title",
        "https://meadow.example.org/own",
        "Own text.",
        at("2026-06-01"),
    )


@pytest.mark.parametrize(
    "odd",
    [
        '<gml:posList xmlns:gml="http://www.opengis.net/gml">1 x</gml:posList>',
        '<georss:polygon xmlns:georss="http://www.georss.org/georss">1 2 x</georss:polygon>',
        "<summary><![CDATA[never ended</summary>",
    ],
)
def test_an_element_that_nobody_can_read_costs_no_other_item(odd: str) -> None:
    feed = parse_feed(make_rss(f"<title>Ice</title>{odd}", "<title>Pebbles</title>"))

    assert [sighting.entry.title for sighting in feed.sightings] == ["Ice", "Pebbles"]


def test_guess_and_undated_items_are_told() -> None:
    feed = parse_feed(make_rss("<title>Größe</title>").encode("latin1"))

    assert feed.sightings[0].entry.title == "Größe"
    assert feed.notes == (
        "its charset is not known, cp1252 is a guess: letters may be wrong",
        "no item has a date that can be read",
    )
