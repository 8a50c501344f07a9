"""What stands around the pages: a lost link comes by mail, the language, privacy, forms on other sites, hints."""

from __future__ import annotations

from datetime import timedelta

import httpx2
import pytest

from newsletter.model.ledger import Kind
from newsletter.model.readers import Consent
from newsletter.render.catalogs import list_languages
from newsletter.render.language import load_language
from newsletter.storage.suppressions import suppress
from newsletter.storage.tables import metadata
from newsletter.web.pages.language import is_local
from newsletter.web.pages.privacy import list_stored
from newsletter.web.site import Site
from newsletter.workflows.suggest_topics import names_a_subject
from tests.support.website import NOW, READER
from tests.web.readers import given_other, load, load_notices, own_path
from tests.web.snapshot import take_snapshot

# --- the link to one's preferences ----------------------------------------------------------------


async def test_who_lost_the_link_gets_it_by_mail(site: Site, client: httpx2.AsyncClient) -> None:
    reader = await load(site)

    answer = await client.post("/preferences", data={"address": READER.upper()})

    assert answer.status_code == 200
    assert own_path(site, reader) not in answer.text
    ((address, subject, url),) = await load_notices(site, Kind.CONFIRM)
    assert (address, subject) == (READER, "Your preferences: Trending Papers")
    assert url == site.links.base + own_path(site, reader)


@pytest.mark.parametrize("consent", [Consent.LEFT, Consent.UNCONFIRMED])
async def test_who_gets_no_mail_gets_no_link_and_the_same_answer(
    site: Site, client: httpx2.AsyncClient, consent: Consent
) -> None:
    await given_other(site, "gone@example.org", consent=consent)
    before = await take_snapshot(site.newsletter.database)

    answers = [
        (await client.post("/preferences", data={"address": address})).text.replace(address, "…")
        for address in ("gone@example.org", "nobody@example.org")
    ]

    assert answers[0] == answers[1]
    assert await take_snapshot(site.newsletter.database) == before


async def test_an_address_that_refused_our_mail_gets_none(site: Site, client: httpx2.AsyncClient) -> None:
    await site.newsletter.database.write(lambda connection: suppress(connection, READER, "550 5.1.1", NOW))

    await client.post("/preferences", data={"address": READER})

    assert await load_notices(site, Kind.CONFIRM) == []


async def test_an_address_gets_only_so_many_links(site: Site, client: httpx2.AsyncClient) -> None:
    for _ in range(5):
        await client.post("/preferences", data={"address": READER})

    assert len(await load_notices(site, Kind.CONFIRM)) == 3


async def test_what_is_no_address_is_told_at_the_field(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/preferences", data={"address": "<b>ada"})

    assert answer.status_code == 422
    assert "This is not an e-mail address." in answer.text
    assert "<b>ada" not in answer.text


# --- the language ---------------------------------------------------------------------------------


async def test_the_language_at_the_foot_of_a_page_is_kept(client: httpx2.AsyncClient) -> None:
    english = await client.get("/archive", headers={"accept-language": "en"})
    assert 'lang="en"' in english.text
    assert "Cookie" in english.headers["vary"]

    chosen = await client.post("/language", data={"language": "de", "back": "/archive"})

    assert (chosen.status_code, chosen.headers["location"]) == (303, "http://127.0.0.1:8080/archive")
    kept = chosen.headers["set-cookie"]
    assert "HttpOnly" in kept
    headers = {"accept-language": "en", "cookie": kept.partition(";")[0]}
    assert '<html lang="de"' in (await client.get("/archive", headers=headers)).text


@pytest.mark.parametrize("code", ["xx", "", "../de", "de; Path=/"])
async def test_what_is_no_language_of_ours_is_not_kept(client: httpx2.AsyncClient, code: str) -> None:
    answer = await client.post("/language", data={"language": code, "back": "/"})

    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "path",
    ["//evil.example", "/\\evil.example", "https://evil.example", "evil", "", "/a\r\nb", "/" + "a" * 3_000],
)
def test_the_way_back_stays_on_this_site(path: str) -> None:
    assert not is_local(path)
    assert is_local("/search?q=robot%2A")


# --- privacy --------------------------------------------------------------------------------------


def test_the_page_on_privacy_tells_of_every_table_that_may_name_somebody() -> None:
    naming = {"address", "subscriber", "recipient", "delivery", "token_hash"}
    tables = {
        table.name for table in metadata.sorted_tables if naming & {column.name for column in table.columns}
    }

    told = {table for one in list_stored(load_language("en"), timedelta(730)) for table in one.tables}

    assert told == tables | {"subscribers"}


@pytest.mark.parametrize("code", list_languages())
async def test_the_page_on_privacy_is_there_in_every_language(client: httpx2.AsyncClient, code: str) -> None:
    answer = await client.get("/privacy", headers={"accept-language": code})

    for one in list_stored(load_language(code), timedelta(730)):
        assert one.until in answer.text


# --- forms on other sites, hints ------------------------------------------------------------------


async def test_a_form_on_another_site_leads_to_subscribe_and_changes_nothing(
    site: Site, client: httpx2.AsyncClient
) -> None:
    before = await take_snapshot(site.newsletter.database)
    elsewhere = {"origin": "https://lab.example.net", "sec-fetch-site": "cross-site"}

    joined = await client.post("/join", data={"address": "eve@example.org"}, headers=elsewhere)
    refused = await client.post("/subscribe", data={"address": "eve@example.org"}, headers=elsewhere)

    assert joined.status_code == 200
    assert 'value="eve@example.org"' in joined.text
    assert refused.status_code == 403
    assert await take_snapshot(site.newsletter.database) == before


async def test_a_search_for_a_word_says_what_its_longer_forms_find(client: httpx2.AsyncClient) -> None:
    page = await client.get("/search", params={"q": "retriev"})

    assert "<code>retriev*</code>" in page.text
    assert "also finds longer words" in page.text
    for question in ("retriev*", "retrieval augmented", "rag", "title:rag"):
        assert "also finds longer words" not in (await client.get("/search", params={"q": question})).text


@pytest.mark.parametrize(
    ("words", "is_one"),
    [
        ("reinforcement learning", True),
        ("world models", True),
        ("RAG", True),
        ("3D reconstruction", True),
        ("distillation", True),
        ("agents", True),
        ("Gaussian splatting", True),
        ("adaptive", False),
        ("AIME 2024", False),
        ("GPT-4o", False),
        ("Audio", False),
        ("Technical Report", False),
        ("Unified Framework", False),
        ("comprehensive benchmark", False),
    ],
)
def test_a_suggestion_names_a_subject(words: str, is_one: bool) -> None:
    assert names_a_subject(words) is is_one
