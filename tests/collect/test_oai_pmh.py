from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from time import process_time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from newsletter.collect import oai_pmh
from newsletter.errors import FeedError
from newsletter.model.entries import Announce, Entry
from newsletter.model.sources import ParsedFeed, Request
from tests.support.builders import at
from tests.support.repository import Work, make_answer, make_metadata
from tests.support.sightings import make_fetched, make_source

BASE = "https://oai.example.org/oai"
SOURCE = make_source("oai_pmh", BASE)
HARVEST = f"{BASE}?verb=ListRecords&metadataPrefix=oai_dc#papers"
FIRST = Request(f"{BASE}?verb=ListRecords&metadataPrefix=oai_dc&from=2026-06-09", harvest=HARVEST)
WORK = Work(
    "2606.00001",
    "Sheep that fold\n laundry",
    versions=(at("2026-06-15 10:00:30"), at("2026-06-16 09:30")),
    sets=("cs:cs:RO", "stat:stat:ML"),
    categories="cs.RO stat.ML",
    abstract="If $a < b$, we rest.\n",
    comments="12 pages",
    doi="10.1000/182",
)


def read(inner: str | bytes, request: Request = FIRST, **options: Any) -> ParsedFeed:
    body = inner if isinstance(inner, bytes) else make_answer(inner).encode()
    return oai_pmh.parse(make_fetched(body, BASE), make_source("oai_pmh", BASE, **options), request)


def make_record(
    metadata: str, identifier: str = "oai:repository.example.org:1", header: str = "", status: str = ""
) -> str:
    return (
        f"<ListRecords><record><header{status}><identifier>{identifier}</identifier><datestamp>2026-06-16</datestamp>"
        f"{header}</header>{metadata}</record></ListRecords>"
    )


def make_core(*elements: str) -> str:
    return (
        '<metadata><oai_dc:dc xmlns:oai_dc="http://www.openarchives.org/OAI/2.0/oai_dc/"'
        f' xmlns:dc="http://purl.org/dc/elements/1.1/">{"".join(elements)}</oai_dc:dc></metadata>'
    )


def make_paper(prefix: str, work: Work = WORK) -> str:
    sets = "".join(f"<setSpec>{one}</setSpec>" for one in work.sets)
    return make_record(
        f"<metadata>{make_metadata(work, prefix)}</metadata>", f"oai:arXiv.org:{work.number}", sets
    )


def read_one(inner: str, **options: Any) -> Entry:
    [sighting] = read(inner, **options).sightings
    return sighting.entry


# --- formats ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prefix", "published_at", "version"),
    [
        ("oai_dc", at("2026-06-15 00:00"), 0),
        ("arXiv", at("2026-06-16 00:00"), 0),
        ("arXivRaw", at("2026-06-15 10:00:30"), 2),
    ],
)
def test_every_format_of_arxiv_tells_the_same_of_a_paper(
    prefix: str, published_at: datetime, version: int
) -> None:
    [sighting] = read(make_paper(prefix)).sightings

    assert (sighting.guid, sighting.announce) == ("oai:arXiv.org:2606.00001", Announce.NEW)
    assert sighting.entry == Entry(
        key=sighting.entry.key,
        aliases=sighting.entry.aliases,
        title="Sheep that fold laundry",
        summary="If $a < b$, we rest.",
        authors=("Ada Example", "Bo van der Example"),
        published_at=published_at,
        categories=("cs.RO", "stat.ML"),
        primary_category="cs.RO",
        note="12 pages",
        version=version,
        url="https://arxiv.org/abs/2606.00001",
        pdf_url="https://arxiv.org/pdf/2606.00001",
        sources=("papers",),
    )
    assert sighting.entry.keys[:2] == ("arxiv:2606.00001", "doi:10.1000/182")


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        (["<dc:identifier>https://r.example.org/1</dc:identifier>"], {"url": "https://r.example.org/1"}),
        (["<dc:identifier>doi:10.1000/182</dc:identifier>"], {"url": "https://doi.org/10.1000/182"}),
        (["<dc:identifier>10.1000/AB(1)</dc:identifier>"], {"url": "https://doi.org/10.1000/ab(1)"}),
        (["<dc:identifier>system:99</dc:identifier>"], {"url": ""}),
        (
            [
                "<dc:identifier>https://r.example.org/1.pdf</dc:identifier>",
                "<dc:identifier>https://r.example.org/1</dc:identifier>",
            ],
            {"url": "https://r.example.org/1", "pdf_url": "https://r.example.org/1.pdf"},
        ),
        (["<dc:creator>Doe, Jane</dc:creator>", "<dc:creator>[s.n.]</dc:creator>"], {"authors": ("Doe, Jane",)}),
        (["<dc:creator>jane@example.org</dc:creator>"], {"authors": ()}),
        (["<dc:subject>Sheep</dc:subject>", "<dc:subject/>"], {"categories": ("Sheep",)}),
        (["<dc:description> <p>We &lt;b&gt;rest&lt;/b&gt;.</p></dc:description>"], {"summary": "We rest."}),
        (["<dc:description/>", "<dc:description>Second</dc:description>"], {"summary": "Second"}),
        (["<dc:date>2026</dc:date>"], {"published_at": None}),
        (["<dc:date>2026-06</dc:date>"], {"published_at": None}),
        (["<dc:date>2026-06-15</dc:date>"], {"published_at": at("2026-06-15 00:00")}),
        (["<dc:date>2026-06-16T08:00:00Z</dc:date>", "<dc:date>2026-06-15</dc:date>"],
         {"published_at": at("2026-06-15 00:00")}),
        (["<dc:date>0000-99-99</dc:date>"], {"published_at": None}),
        (["<dc:date>[18--?]</dc:date>"], {"published_at": None}),
    ],
)  # fmt: skip
def test_dublin_core_is_read_as_repositories_write_it(
    elements: list[str], expected: dict[str, object]
) -> None:
    entry = read_one(make_record(make_core("<dc:title>Of sheep</dc:title>", *elements)))

    assert entry.title == "Of sheep"
    assert {name: getattr(entry, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("written", "names"),
    [
        (r"Fr\'ed\'eric Lagouti\`ere, Stanis{\l}awa Kanas", ("Frédéric Lagoutière", "Stanisława Kanas")),
        ("J. P. Coe, V. V. Fran\\c{c}a and I. D'Amico", ("J. P. Coe", "V. V. França", "I. D'Amico")),
        (
            'Irina Lupu (1), Pierre Courbin (2) and Jo\\"el Goossens (1) ((1) U.L.B., (2) ECE)',
            ("Irina Lupu", "Pierre Courbin", "Joël Goossens"),
        ),
        (
            "HESS Collaboration: A. Abramowski, F. Acero",
            ("HESS Collaboration", "A. Abramowski", "F. Acero"),
        ),
        ("Roldao da Rocha, Waldyr A. Rodrigues Jr", ("Roldao da Rocha", "Waldyr A. Rodrigues Jr")),
        ("P. Erd\\H{o}s", ("P. Erdős",)),
    ],
)
def test_people_of_arxivs_raw_format_are_read_one_by_one(written: str, names: tuple[str, ...]) -> None:
    work = replace(WORK, authors=((written, ""),))

    assert read_one(make_paper("arXivRaw", work)).authors == names


@pytest.mark.parametrize(
    ("spec", "category"),
    [
        ("cs:cs:AI", "cs.AI"),
        ("physics:hep-th", "hep-th"),
        ("physics:astro-ph:GA", "astro-ph.GA"),
        ("physics:physics:acc-ph", "physics.acc-ph"),
        ("math:math:MP", "math.MP"),
        ("physics:math-ph", "math-ph"),
        ("q-bio:q-bio:NC", "q-bio.NC"),
        ("math", ""),
        ("cs:cs", ""),
        ("physics", ""),
    ],
)
def test_sets_of_arxiv_stand_for_its_categories(spec: str, category: str) -> None:
    entry = read_one(make_paper("oai_dc", replace(WORK, sets=(spec,))))

    assert entry.categories == ((category,) if category else ())


def test_a_version_that_was_taken_back_is_withdrawn() -> None:
    told = make_paper("arXivRaw").replace(
        "<size>14kb</size></version><authors>",
        "<size>0kb</size><source_type>I</source_type></version><authors>",
    )
    said = make_paper("oai_dc", replace(WORK, comments="This paper has been withdrawn by the author"))

    assert read_one(told).withdrawn
    assert read_one(said).withdrawn
    assert not read_one(make_paper("arXivRaw")).withdrawn


# --- what is new --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dates", "announce"),
    [
        (["2026-06-15"], Announce.NEW),
        (["2026-06-08"], Announce.NEW),  # as old as the harvest, and a day for the zone
        (["2026-06-07"], Announce.REPLACE),
        (["1962"], Announce.REPLACE),
        (["2026"], Announce.NEW),  # it may be of yesterday
        (["2026-06"], Announce.NEW),
        (["2026-05"], Announce.REPLACE),
        (["2019-03-01", "2026-06-16T08:00:00Z"], Announce.NEW),  # written long ago, deposited today
        ([], Announce.NEW),
        (["[s.a.]"], Announce.NEW),
        (["2026-13"], Announce.NEW),
    ],
)
def test_a_changed_record_of_an_old_work_is_no_news(dates: list[str], announce: Announce) -> None:
    elements = [f"<dc:date>{date}</dc:date>" for date in dates]
    [sighting] = read(make_record(make_core("<dc:title>Of sheep</dc:title>", *elements))).sightings

    assert sighting.announce is announce


@pytest.mark.parametrize(
    ("number", "versions", "announce"),
    [
        ("2606.00001", ("2026-06-15",), Announce.NEW),
        ("2606.00001", ("2026-06-02", "2026-06-16"), Announce.REPLACE),
        ("2605.00001", ("2026-05-30", "2026-06-16"), Announce.REPLACE),
        ("0806.4129", ("2008-06-25", "2026-06-16"), Announce.REPLACE),
        ("hep-th/9901001", ("1999-01-01", "2026-06-16"), Announce.REPLACE),
        ("hep-th/9901001", ("1999-01-01",), Announce.REPLACE),
    ],
)
@pytest.mark.parametrize("prefix", ["oai_dc", "arXiv", "arXivRaw"])
def test_a_new_version_of_an_old_paper_is_no_news_in_any_format(
    prefix: str, number: str, versions: tuple[str, ...], announce: Announce
) -> None:
    work = replace(WORK, number=number, versions=tuple(at(f"{day} 10:00") for day in versions))
    [sighting] = read(make_paper(prefix, work)).sightings

    if prefix == "arXiv" and number == "2606.00001":
        announce = Announce.NEW  # this format has the newest version's date only
    assert sighting.announce is announce


def test_what_came_while_nobody_could_look_is_new() -> None:
    work = replace(WORK, versions=(at("2026-06-03 10:00"),))
    since = replace(FIRST, location=FIRST.location.replace("2026-06-09", "2026-06-02"))

    assert [one.announce for one in read(make_paper("arXivRaw", work)).sightings] == [Announce.REPLACE]
    assert [one.announce for one in read(make_paper("arXivRaw", work), since).sightings] == [Announce.NEW]


def test_a_deleted_record_says_nothing_but_that() -> None:
    [sighting] = read(make_record("", "oai:arXiv.org:2606.00001", status=' status="deleted"')).sightings

    assert sighting.announce is Announce.DELETED
    assert sighting.entry.keys == ("arxiv:2606.00001", "guid:papers:oai:arXiv.org:2606.00001")


# --- the protocol -------------------------------------------------------------------------

RECORD = make_record(make_core("<dc:title>Of sheep</dc:title>"))
TOKEN = RECORD.replace("</ListRecords>", "<resumptionToken {}>{}</resumptionToken></ListRecords>")


@pytest.mark.parametrize(
    "token",
    [
        "ID6127915",
        "a=b&amp;c",
        "a b+c",
        "a%3Db%2520c",
        "760571|10001",
        "cursor_p_3D10/../?x#y",
        "ü",
        "eyJ2IjoiMSJ9==",
        " \n  padded ",
        "2026-06-16T20:00:00Z!!!oai_dc",
    ],
)
def test_a_token_goes_back_as_it_came_and_alone(token: str) -> None:
    feed = read(TOKEN.format('cursor="0" completeListSize="163709"', token))
    second = oai_pmh.choose_next(SOURCE, FIRST, feed, frozenset())

    assert second is not None
    assert (second.page, second.harvest) == (1, HARVEST)
    asked = parse_qs(urlsplit(second.location).query)
    assert asked == {"verb": ["ListRecords"], "resumptionToken": [token.replace("&amp;", "&").strip()]}
    assert feed.resume_at == ""


@pytest.mark.parametrize("token", ["<resumptionToken/>", "<resumptionToken> </resumptionToken>", ""])
def test_an_empty_token_ends_the_list_and_the_next_look_begins_an_hour_before_it(token: str) -> None:
    feed = read(RECORD.replace("</ListRecords>", f"{token}</ListRecords>"))

    assert oai_pmh.choose_next(SOURCE, FIRST, feed, frozenset()) is None
    assert feed.resume_at == f"{BASE}?verb=ListRecords&metadataPrefix=oai_dc&from=2026-06-16"


def test_the_next_look_begins_where_the_list_began_not_where_it_ended() -> None:
    last = Request(
        f"{BASE}?verb=ListRecords&resumptionToken=x#since=2026-06-01&begun=2026-06-10T00:30:00Z",
        None,
        3,
        HARVEST,
    )

    assert read(RECORD, last).resume_at.endswith("&from=2026-06-09")
    finer = replace(last, location=last.location.replace("since=2026-06-01", "since=2026-06-01T00:00:00Z"))
    assert read(RECORD, finer).resume_at.endswith("&from=2026-06-09T23:30:00Z")


def test_a_harvest_is_left_after_ten_pages_and_says_so() -> None:
    request: Request | None = FIRST
    pages = 0
    while request is not None:
        feed = read(TOKEN.format("", f"token-{pages}"), request)
        pages += 1
        request = oai_pmh.choose_next(SOURCE, request, feed, frozenset())

    assert pages == oai_pmh.MAX_PAGES
    assert feed.notes == ("10 pages were read; the next look goes on from there",)
    assert "resumptionToken=token-9#since=2026-06-09&begun=2026-06-16T20:00:00Z" in feed.following


def test_a_token_that_leads_to_itself_is_refused() -> None:
    again = Request(f"{BASE}?verb=ListRecords&resumptionToken=x#since=2026-06-09", None, 1, HARVEST)

    with pytest.raises(FeedError, match="the token that it was asked with"):
        read(TOKEN.format("", "x"), again)


def test_an_expired_token_of_the_last_look_begins_the_list_again() -> None:
    stopped = Request(
        f"{BASE}?verb=ListRecords&resumptionToken=x#since=2026-06-02&begun=2026-06-09T20:00:00Z",
        harvest=HARVEST,
    )
    feed = read("<error code='badResumptionToken'>expired</error>", stopped)

    assert oai_pmh.choose_next(SOURCE, stopped, feed, frozenset()) == Request(
        f"{BASE}?verb=ListRecords&metadataPrefix=oai_dc&from=2026-06-02", None, 1, HARVEST
    )
    assert feed.notes == (
        "where the last look stopped is not known there any more; the list was begun again",
    )
    with pytest.raises(FeedError, match="badResumptionToken"):
        read("<error code='badResumptionToken'>expired</error>", replace(stopped, page=1))


@pytest.mark.parametrize(
    ("inner", "told"),
    [
        (
            "<error code='badArgument'>until too late</error>",
            "the repository says: badArgument: until too late",
        ),
        ("<error code='badVerb'/>", "the repository says: badVerb"),
        ("<error code='cannotDisseminateFormat'>No</error>", "cannotDisseminateFormat: No"),
        ("<error code='noSetHierarchy'>No sets</error>", "noSetHierarchy: No sets"),
        ("<error code='noMetadataFormats'>None</error>", "noMetadataFormats: None"),
        (
            "<error code='badArgument'>one</error><error code='badVerb'>two</error>",
            "badArgument: one; badVerb: two",
        ),
        ("<error>Whatever</error>", "the repository says: : Whatever"),
        ("<ListSets><set><setSpec>x</setSpec></set></ListSets>", "expected records, found ListSets"),
        ("", "expected records, found request"),
    ],
)
def test_errors_are_told_in_the_repositorys_words(inner: str, told: str) -> None:
    with pytest.raises(FeedError, match=told):
        read(inner)


@pytest.mark.parametrize("code", ["noRecordsMatch", "idDoesNotExist"])
def test_no_records_is_an_answer(code: str) -> None:
    feed = read(f"<error code='{code}'>an empty list</error>")

    assert (feed.sightings, feed.total) == ((), 0)
    assert feed.resume_at.endswith("&from=2026-06-16")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "found nothing"),
        (b"<!doctype html><html><p>Sorry</p></html>", "an HTML page"),
        (b"Rate exceeded.", "begins with 'Rate exceeded.'"),
        (b'{"error": 1}', "begins with"),
        (b'<rss version="2.0"><channel/></rss>', "an element <rss>"),
        (b"<OAI-PMH></OAI-PMH>", "responseDate"),
        (make_answer(RECORD).replace("2026-06-16T20:00:00Z", "yesterday").encode(), "responseDate"),
        (b"\x00\x01\x02", "expected an answer of OAI-PMH"),
    ],
)
def test_what_is_no_answer_is_refused(body: bytes, told: str) -> None:
    with pytest.raises(FeedError, match=told):
        read(body)


@pytest.mark.parametrize(
    "document_type",
    [
        '<!DOCTYPE OAI-PMH [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE OAI-PMH [<!ENTITY a "aaaaaaaaaa"><!ENTITY x "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE OAI-PMH SYSTEM "http://evil.example.org/x.dtd">',
        "<!DOCTYPE OAI-PMH [<!ENTITY x '" + "y" * 100_000 + "'>]>",
    ],
)
def test_no_entity_is_unfolded_and_nothing_outside_is_read(document_type: str) -> None:
    text = make_answer(RECORD.replace("Of sheep", "&x;" * 1_000))
    body = text.replace("?>\n", f"?>\n{document_type}", 1).encode()
    began = process_time()

    with pytest.raises(FeedError, match="document type"):
        read(body)
    assert process_time() - began < 2


@pytest.mark.parametrize(
    ("damage", "titles", "is_cut"),
    [
        (lambda text: text[: text.index("Two") + 3], ["One"], True),
        (lambda text: text[: text.index("</ListRecords>")], ["One", "Two"], True),
        (lambda text: text.replace("</OAI-PMH>", ""), ["One", "Two"], True),
        (lambda text: text.replace("One", "O\x0bne"), ["One", "Two"], False),
        (lambda text: text.replace("One", "One & all"), ["One all", "Two"], False),
        (lambda text: text.replace("One", "&nbsp;One"), ["One", "Two"], False),
        (lambda text: text.replace("One", "O&#xD800;ne"), ["One", "Two"], False),
        (lambda text: text.replace("One", "O&#0;n&#x1F;e&#x110000;"), ["One", "Two"], False),
        (lambda text: text.replace("One", "&#xD835;&#xDCB3;"), ["𝒳", "Two"], False),
        (
            lambda text: text.replace('xmlns="http://www.openarchives.org/OAI/2.0/"', ""),
            ["One", "Two"],
            False,
        ),
        (lambda text: text.replace("http://purl.org/dc/elements/1.1/", "urn:x"), ["One", "Two"], False),
    ],
)
def test_xml_with_mistakes_is_read_as_far_as_it_goes(damage: Any, titles: list[str], is_cut: bool) -> None:
    record = make_record(make_core("<dc:title>{}</dc:title>"))[len("<ListRecords>") : -len("</ListRecords>")]
    body = damage(make_answer(f"<ListRecords>{record.format('One')}{record.format('Two')}</ListRecords>"))

    feed = read(body.encode())

    assert [" ".join(one.entry.title.split()) for one in feed.sightings] == titles
    assert feed.is_cut is is_cut


@pytest.mark.parametrize(
    ("record", "why"),
    [
        (make_record(make_core("<dc:title> </dc:title>")), "it has no title"),
        (make_record(make_core(), ""), "it has no identifier"),
        (make_record(""), "it has no metadata"),
        (make_record("<metadata/>"), "it has no metadata"),
        (make_record("<metadata><mods/></metadata>"), "its format mods is not read"),
        ("<ListRecords><record/></ListRecords>", "it has no identifier"),
    ],
)
def test_a_record_that_is_no_entry_is_refused_and_counted(record: str, why: str) -> None:
    feed = read(record)

    assert (feed.refused, feed.notes) == (1, (f"record 1 refused: {why}",))


def test_of_many_refused_records_a_few_are_told() -> None:
    record = make_record("")[len("<ListRecords>") : -len("</ListRecords>")]
    feed = read(f"<ListRecords>{record * 2_000}</ListRecords>")

    assert (feed.refused, len(feed.notes), feed.notes[-1]) == (2_000, 6, "and 1995 more")


# --- the beginning ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("granularity", "earliest", "days_back", "since"),
    [
        ("YYYY-MM-DD", "2005-09-16", 7, "2026-06-09"),
        ("YYYY-MM-DD", "2026-06-12", 7, "2026-06-12"),
        ("YYYY-MM-DDThh:mm:ssZ", "2005-09-16T00:00:00Z", 7, "2026-06-09T20:00:00Z"),
        ("YYYY-MM-DDThh:mm:ssZ", "2026-06-12T10:30:00Z", 30, "2026-06-12T10:30:00Z"),
        ("YYYY-MM-DD", "2027-01-01", 7, "2026-06-09"),
        ("", "", 1, "2026-06-15"),
        ("day", "long ago", 60, "2026-04-17"),
    ],
)
def test_a_harvest_begins_as_the_repository_says_of_itself(
    granularity: str, earliest: str, days_back: int, since: str
) -> None:
    [first] = oai_pmh.choose_requests(SOURCE, at("2026-06-16 20:00"))
    feed = read(
        f"<Identify><earliestDatestamp>{earliest}</earliestDatestamp><granularity>{granularity}</granularity></Identify>",
        first,
        days_back=days_back,
    )

    assert first.location == f"{BASE}?verb=Identify"
    second = oai_pmh.choose_next(SOURCE, first, feed, frozenset())
    assert second is not None
    assert second.location == f"{BASE}?verb=ListRecords&metadataPrefix=oai_dc&from={since}"


def test_each_set_is_a_harvest_of_its_own() -> None:
    source = make_source("oai_pmh", BASE, sets=("cs:cs:CL", "col_1"), metadata_prefix="arXivRaw")

    assert [request.harvest for request in oai_pmh.choose_requests(source, at("2026-06-16 20:00"))] == [
        f"{BASE}?verb=ListRecords&metadataPrefix=arXivRaw&set=cs:cs:CL#papers",
        f"{BASE}?verb=ListRecords&metadataPrefix=arXivRaw&set=col_1#papers",
    ]


@pytest.mark.parametrize(
    "location",
    ["saved/page.xml", f"{BASE}?verb=ListRecords&metadataPrefix=oai_dc&from=2026-01-01&until=2026-01-31"],
)
def test_a_question_of_ones_own_is_asked_as_it_stands(location: str) -> None:
    [request] = oai_pmh.choose_requests(make_source("oai_pmh", location), at("2026-06-16 20:00"))

    assert request == Request(location)
    assert read(RECORD, request).resume_at == ""
