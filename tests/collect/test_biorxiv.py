from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from newsletter.collect import biorxiv
from newsletter.collect.categories import parse_subject
from newsletter.collect.identity import choose_keys
from newsletter.errors import FeedError
from newsletter.model.entries import Announce, Entry, EntryKey
from newsletter.model.sources import ParsedFeed, Request
from tests.support.biorxiv_api import make_answer, make_record
from tests.support.builders import at
from tests.support.sightings import make_fetched, make_source

NOW = at("2026-06-16 12:00")
SITE = "https://api.biorxiv.org"
BIORXIV = make_source("biorxiv", SITE)


def page_at(cursor: int, page: int = 0) -> Request:
    return Request(f"{SITE}/details/biorxiv/2026-06-16/2026-06-16/{cursor}/json", page=page)


def parse(body: Any, kind: str = "biorxiv", request: Request | None = None, **options: Any) -> ParsedFeed:
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return biorxiv.parse(make_fetched(body), make_source(kind, SITE, **options), request or page_at(0))


def parse_one(**fields: Any) -> Entry:
    [sighting] = parse(make_answer(make_record(**fields))).sightings
    return sighting.entry


def test_record_is_read_whole() -> None:
    feed = parse(
        make_answer(make_record(title="A <i>Drosophila</i> &amp; CO<sub>2</sub>", version=1), total=7)
    )

    [sighting] = feed.sightings
    assert (sighting.guid, sighting.listed_on, sighting.announce) == (
        "10.1101/2026.06.01.000001",
        date(2026, 6, 16),
        Announce.NEW,
    )
    assert (feed.total, feed.refused, feed.left_out, feed.notes) == (7, 0, 0, ())
    assert sighting.entry == Entry(
        key=EntryKey("doi:10.1101/2026.06.01.000001"),
        aliases=(EntryKey("guid:papers:10.1101/2026.06.01.000001"),),
        title="A Drosophila & CO2",
        summary="We watch cells.",
        authors=("Example, A. B.", "van der Example, C."),
        published_at=at("2026-06-16 00:00"),
        listed_on=date(2026, 6, 16),
        categories=("cell biology",),
        primary_category="cell biology",
        version=1,
        url="https://www.biorxiv.org/content/10.1101/2026.06.01.000001v1",
        pdf_url="https://www.biorxiv.org/content/10.1101/2026.06.01.000001v1.full.pdf",
        sources=("papers",),
    )


@pytest.mark.parametrize(
    "link",
    [
        "https://www.biorxiv.org/content/10.1101/2026.06.01.000001v1?rss=1",
        "https://www.biorxiv.org/content/10.1101/2026.06.01.000001v2.full.pdf",
        "https://doi.org/10.1101/2026.06.01.000001",
    ],
)
def test_preprint_is_the_same_work_as_in_the_feed_of_its_server(link: str) -> None:
    assert parse_one().key in choose_keys(url=link, guid=link, source="RSS")


def test_medrxiv_is_read_alike_and_has_its_own_addresses() -> None:
    record = make_record(
        doi="10.64898/2026.08.05.26359794", category="Infectious Diseases (except HIV/AIDS)", server="medRxiv"
    )
    [sighting] = parse(make_answer(record), "medrxiv").sightings

    assert sighting.entry.key == "doi:10.64898/2026.08.05.26359794"
    assert sighting.entry.url == "https://www.medrxiv.org/content/10.64898/2026.08.05.26359794v1"
    assert sighting.entry.primary_category == "infectious diseases"


def test_later_version_is_a_replacement_and_dates_nothing() -> None:
    [sighting] = parse(make_answer(make_record(version=3, on="2026-06-15"))).sightings

    assert (sighting.announce, sighting.entry.version) == (Announce.REPLACE, 3)
    assert (sighting.entry.published_at, sighting.listed_on) == (None, date(2026, 6, 15))
    assert sighting.entry.url.endswith("v3")


@pytest.mark.parametrize(
    ("said", "note"),
    [
        ("10.1038/s41467-021-21444-5", "Published as https://doi.org/10.1038/s41467-021-21444-5"),
        ("https://doi.org/10.1371/journal.pone.0256482", "Published as https://doi.org/10.1371/journal.pone.0256482"),
        ("NA", ""),
        ("n/a", ""),
        ("", ""),
        (None, ""),
        ("soon", ""),
    ],
)  # fmt: skip
def test_published_article_is_named(said: object, note: str) -> None:
    entry = parse_one(published=said)

    assert entry.note == note
    assert [key for key in entry.keys if key.startswith("doi:")] == ["doi:10.1101/2026.06.01.000001"]


@pytest.mark.parametrize(
    ("fields", "title", "withdrawn"),
    [
        ({"title": "WITHDRAWN: Pollen diets"}, "Pollen diets", True),
        ({"title": "Withdrawn — Pollen diets"}, "Pollen diets", True),
        ({"title": "[WITHDRAWN]: Pollen diets"}, "Pollen diets", True),
        ({"title": "[Withdrawn] Pollen diets"}, "Pollen diets", True),
        ({"abstract": "The authors have withdrawn their manuscript because of an error."}, "Preprint 1", True),
        ({"abstract": "The author has withdrawn this manuscript."}, "Preprint 1", True),
        ({"abstract": "This manuscript has been withdrawn by the authors."}, "Preprint 1", True),
        ({"abstract": "bioRxiv has withdrawn this article at the request of the university."}, "Preprint 1", True),
        ({"abstract": "medRxiv removed this preprint."}, "Preprint 1", True),
        ({"type": "withdrawn"}, "Preprint 1", True),
        ({"abstract": "We study drugs that were withdrawn from the market."}, "Preprint 1", False),
        ({"title": "Withdrawn drugs and their targets"}, "Withdrawn drugs and their targets", False),
        ({"title": "Withdrawn-from-market drugs"}, "Withdrawn-from-market drugs", False),
        ({"abstract": "We removed outliers. The rest is fine."}, "Preprint 1", False),
    ],
)  # fmt: skip
def test_withdrawn_preprints_are_known_by_their_words(
    fields: dict[str, Any], title: str, withdrawn: bool
) -> None:
    entry = parse_one(**fields)

    assert (entry.title, entry.withdrawn) == (title, withdrawn)


@pytest.mark.parametrize(
    ("abstract", "summary"),
    [
        ("AO_SCPLOWBSTRACTC_SCPLOWThe cells rest.", "The cells rest."),
        ("ABSTRACT The cells rest.", "The cells rest."),
        ("We introduce MO_SCPLOWETAC_SCPLOWMO_SCPLOWUSEC_SCPLOW, a tool.", "We introduce METAMUSE, a tool."),
        ("O_ST_ABSBackgroundC_ST_ABSCells move.", "Background Cells move."),
        ("Key messagesO_LIAt night.\nC_LIO_LIBy day.\nC_LI", "Key messages At night. By day."),
        ("They rest.\n\nO_FIG_DISPLAY_L [Figure 1] M_FIG_DISPLAY C_FIG_DISPLAY", "They rest."),
        ("Before.\n\nO_TBL View this table:\norg.highwire C_TBL After.", "Before. After."),
        ("O_FIG O_FIG never closed", "never closed"),
        ("A form: O_FD O_INLINEFIG[Formula 1]C_INLINEFIGM_FD(1)C_FD where S", "A form: [Formula 1] (1) where S"),
        ("If p < 0.05 and n > 3, <i>E. coli</i> rests.", "If p < 0.05 and n > 3, E. coli rests."),
        ("Abstract thought", "Abstract thought"),
        ("NA", ""),
        (None, ""),
    ],
)  # fmt: skip
def test_abstract_is_what_its_authors_wrote(abstract: object, summary: str) -> None:
    assert parse_one(abstract=abstract).summary == summary


@pytest.mark.parametrize(
    ("written", "authors"),
    [
        ("Liu, Y.; Chen, T. M.; d'Example, A.", ("Liu, Y.", "Chen, T. M.", "d'Example, A.")),
        ("Xu, Guangmin; Li, W.", ("Xu, Guangmin", "Li, W.")),
        ("Example, A.; The RECOVERY Collaborative Group", ("Example, A.", "The RECOVERY Collaborative Group")),
        ("Gomez Cuautle, D. D.; ", ("Gomez Cuautle, D. D.",)),
        ("", ()),
        ("NA", ()),
        (None, ()),
        (["Liu, Y."], ()),
    ],
)  # fmt: skip
def test_authors_are_read_one_by_one(written: object, authors: tuple[str, ...]) -> None:
    assert parse_one(authors=written).authors == authors


@pytest.mark.parametrize(
    "record",
    [{}, [], "text", None, 5, {"doi": "10.1101/2026.06.01.000001"}, {"title": "No DOI"}, make_record(doi="NA")],
)  # fmt: skip
def test_record_without_doi_or_title_is_refused_and_counted(record: object) -> None:
    feed = parse(make_answer(make_record(), record))

    assert (len(feed.sightings), feed.refused) == (1, 1)
    assert feed.notes == ("record 2 refused: it has no DOI or no title",)


def test_odd_values_cost_no_more_than_themselves() -> None:
    entry = parse_one(
        version=["x"], date="someday", category=7, abstract={"a": 1}, title="A\u0007 title\n of two lines"
    )

    assert (entry.version, entry.listed_on, entry.categories, entry.summary) == (1, None, (), "")
    assert entry.title == "A title of two lines"


def test_other_subjects_are_left_out_whatever_was_asked_for() -> None:
    records = [make_record(number, category=name) for number, name in enumerate(["Cell Biology", "genomics"])]
    feed = parse(make_answer(*records), categories=("cell biology", "neuroscience"))

    assert [sighting.entry.title for sighting in feed.sightings] == ["Preprint 0"]
    assert feed.left_out == 1


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"<!doctype html><title>503</title>", "expected the JSON of bioRxiv's API, found an HTML page"),
        (b"", "found nothing"),
        (b"Error: too many connections", "found something that begins with 'Error: too many"),
        (b'{"messages": [{"status": "ok"}], "collection": [{"doi": "10.1', "this is not JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[]", "JSON without a 'collection'"),
        (b'{"messages": []}', "JSON without a 'collection'"),
        (b'{"collection": {}}', "JSON without a 'collection'"),
        (make_answer(status="Both dates must be in yyyy-mm-dd"), "bioRxiv says: Both dates must be in yyyy-mm-dd"),
        (make_answer(status="error: db"), "bioRxiv says: error: db"),
        (
            {"messages": [{"status": "ok", "total": "12"}], "collection": []},
            "an empty page although there are 12 records",
        ),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_told(body: object, message: str) -> None:
    with pytest.raises(FeedError) as caught:
        parse(body)

    assert message in str(caught.value)


@pytest.mark.parametrize(
    "status", ["no posts found", "No posts found", "no articles found", "no papers found for x"]
)
def test_no_records_are_an_answer(status: str) -> None:
    feed = parse(make_answer(status=status))

    assert (feed.sightings, feed.total) == ((), 0)


@pytest.mark.parametrize(
    "body",
    [make_answer(), {"messages": [{"status": "ok", "total": "212"}], "collection": []}],
)
def test_pages_end_where_nothing_more_comes_whatever_the_total_says(body: object) -> None:
    feed = parse(body, request=page_at(190, 2))

    assert (feed.sightings, feed.total) == ((), None)
    assert biorxiv.choose_next(BIORXIV, page_at(190, 2), feed, frozenset()) is None


# --- asking -------------------------------------------------------------------------------


def test_each_of_the_last_days_is_asked_for_today_first() -> None:
    source = make_source("medrxiv", f"{SITE}/", days_back=2)

    assert [request.location for request in biorxiv.choose_requests(source, NOW)] == [
        f"{SITE}/details/medrxiv/2026-06-{day}/2026-06-{day}/0/json" for day in (16, 15, 14)
    ]


def test_subjects_are_asked_for_by_name_and_many_of_them_all_at_once() -> None:
    few = make_source("biorxiv", SITE, days_back=0, categories=("cell biology", "hiv/aids"))
    many = make_source("biorxiv", SITE, days_back=1, categories=tuple(f"subject {n}" for n in range(6)))

    assert [request.location.partition("?")[2] for request in biorxiv.choose_requests(few, NOW)] == [
        "category=cell_biology",
        "category=hiv%2Faids",
    ]
    assert [request.location.partition("?")[2] for request in biorxiv.choose_requests(many, NOW)] == ["", ""]


@pytest.mark.parametrize("location", ["saved.json", f"{SITE}/details/biorxiv/2026-06-16/2026-06-16/0/json"])
def test_page_or_file_is_one_request(location: str) -> None:
    assert biorxiv.choose_requests(make_source("biorxiv", location), NOW) == (Request(location),)


@pytest.mark.parametrize(
    ("given", "total", "following"),
    [(30, 100, 30), (100, 101, 100), (30, None, 30), (30, 30, None), (30, 12, None), (0, 100, None)],
)
def test_next_page_begins_where_this_one_ended(given: int, total: int | None, following: int | None) -> None:
    records = [make_record(number) for number in range(given)]
    feed = ParsedFeed(parse(make_answer(*records)).sightings if records else (), total=total)
    request = biorxiv.choose_next(BIORXIV, page_at(0), feed, frozenset())

    assert request == (page_at(following, 1) if following else None)


def test_next_page_keeps_the_subject() -> None:
    first = Request(f"{page_at(0).location}?category=cell_biology")
    feed = parse(make_answer(make_record(), total=2))
    request = biorxiv.choose_next(BIORXIV, first, feed, frozenset())

    assert request
    assert request.location == f"{page_at(1).location}?category=cell_biology"


def test_what_is_left_out_or_refused_counts_for_the_cursor() -> None:
    feed = parse(
        make_answer(make_record(), {}, make_record(2, category="genomics"), total=9), categories=("genomics",)
    )

    assert biorxiv.choose_next(BIORXIV, page_at(0), feed, frozenset()) == page_at(3, 1)


def test_server_that_repeats_its_first_page_is_left() -> None:
    feed = parse(make_answer(make_record(), total=500))
    seen = frozenset(sighting.guid for sighting in feed.sightings)

    assert biorxiv.choose_next(BIORXIV, page_at(30, 1), feed, seen) is None


def test_endless_day_is_left_with_a_note() -> None:
    last = page_at(1_170, 39)
    feed = parse(make_answer(make_record(), total=5_000), request=last)

    assert feed.notes == ("only the first 1171 of 5000 records of a day were read",)
    assert biorxiv.choose_next(BIORXIV, last, feed, frozenset()) is None


@pytest.mark.parametrize(
    ("written", "subject"),
    [
        ("cell biology", "cell biology"),
        ("Cell Biology", "cell biology"),
        ("cell_biology", "cell biology"),
        ("cell-biology", "cell biology"),
        ("HIV/AIDS", "hiv/aids"),
        ("Infectious Diseases (except HIV/AIDS)", "infectious diseases"),
        ("Public and Global Health", "public and global health"),
        ("sleep medicine", "sleep medicine"),
        ("Neuroscience ", "neuroscience"),
        ("pathology", "pathology"),
    ],
)
def test_subject_may_be_written_in_many_ways(written: str, subject: str) -> None:
    assert parse_subject(written) == subject


@pytest.mark.parametrize(
    ("written", "advice"),
    [
        ("neurosciense", "did you mean 'neuroscience'?"),
        ("cellbiology", "did you mean 'cell biology'?"),
        ("bioinformatic", "did you mean 'bioinformatics'?"),
        ("cs.CL", "is not a subject"),
        ("q1", "is not a subject"),
        ("a&b=c", "is not a subject"),
        ("", "is not a subject"),
    ],
)
def test_subject_that_is_none_is_told(written: str, advice: str) -> None:
    with pytest.raises(ValueError, match=r"unknown|not a subject") as caught:
        parse_subject(written)

    assert advice in str(caught.value)
