from __future__ import annotations

from urllib.parse import quote

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.web.pages.search import PAPERS_A_PAGE, parse_page
from newsletter.web.site import Site
from newsletter.workflows.search import find_keys, read_question
from tests.support.website import AGENTS, HF, RAG, SMALL, URL, make_paper, new, save_run
from tests.web.test_archive import load, text_of, titles


async def search(client: httpx2.AsyncClient, text: str) -> list[str]:
    return titles(await load(client, f"/search?q={quote(text)}"))


async def test_plain_words_are_found_in_any_form_and_in_the_title_first(client: httpx2.AsyncClient) -> None:
    assert await search(client, "small language models phone") == [SMALL.title]
    assert await search(client, "how to use a tool with agents") == await search(client, "agent use tool")
    in_title = "PhoneHarness: Harnessing Phone-Use Agents through Mixed GUI, CLI, and Tool Actions"
    assert (await search(client, "agent tool"))[:2] == [in_title, AGENTS.title]
    assert AGENTS.title in await search(client, "author 11")
    assert await search(client, "nothing-of-the-kind") == []


async def test_query_means_what_it_means_in_a_topic(client: httpx2.AsyncClient) -> None:
    assert await search(client, "title:RAG OR title:=phones") == ["RAG in practice", SMALL.title, RAG.title]
    assert await search(client, "title:phone AND upvotes>=12") == [SMALL.title]
    assert await search(client, "title:phone AND upvotes>=13") == []
    assert await search(client, 'author:"Sample, B" AND title:small') == [SMALL.title]
    assert await search(client, "title:=phones") == [SMALL.title]
    assert await search(client, "title:/ph.nes/") == [SMALL.title]


async def test_wrong_query_tells_its_place_and_finds_its_words(client: httpx2.AsyncClient) -> None:
    page = await load(client, f"/search?q={quote('titel:phones AND small')}")

    assert "did you mean 'title:'?" in text_of(page, ".error")
    assert text_of(page, ".error mark").startswith("titel")
    assert titles(page) == []
    page = await load(client, f"/search?q={quote('(small AND phones')}")
    assert "this parenthesis is not closed" in text_of(page, ".error")
    assert titles(page) == [SMALL.title]


async def test_name_of_a_paper_leads_to_it(client: httpx2.AsyncClient) -> None:
    for name in ("2606.00101", "arXiv:2606.00101v2", "https://arxiv.org/abs/2606.00101", "10.1000/agents"):
        answer = await client.get("/search", params={"q": name})
        assert (answer.status_code, answer.headers["location"]) == (302, f"{URL}/papers/{AGENTS.key}"), name
    assert (await client.get("/search", params={"q": "2606.99999"})).status_code == 200


async def test_pages_have_every_paper_once(site: Site, client: httpx2.AsyncClient) -> None:
    papers = [
        make_paper(f"2605.{number:05}", f"Walrus {number}", None) for number in range(PAPERS_A_PAGE * 2 + 1)
    ]
    await save_run(site.newsletter.runs, "2026-06-17 10:00", *(new(paper, source=HF) for paper in papers))
    found = []
    for number in (1, 2, 3):
        page = await load(client, f"/search?q=walrus&page={number}")
        found += titles(page)
    beyond = await load(client, "/search?q=walrus&page=4")

    assert sorted(found) == sorted(paper.title for paper in papers)
    assert "no more papers" in text_of(beyond, "main")
    assert "page 2 of 3" in text_of(await load(client, "/search?q=walrus&page=2"), "main")


ODD = (
    "", " ", "'", '"', '""', "(", ")", "((((", "()", "*", "%", "_", "-", "--", "-agent", "~", "=", "AND", "NOT",
    "OR OR", "title:", "title:()", "a:b:c", "date>=2026-99-99", "upvotes>=x", "upvotes>=99999999999999999999", "/(/",
    "/(a+)+$/", "\0", "a\0b", "\ufffe", "\U0010ffff", "😀", "\u202e", "a" * 10_000, "(" * 5_000, "NOT " * 3_000,
    "a OR " * 2_000, '"x" ' * 2_000, "\\", "{", "}", "a&b|c!d", "a:*", "<->", "'; DROP TABLE entries; --",
    "NEAR(a b, 2)", "title : x", "^a", "+a", "\r\n\t", "category:cs.{CL,LG}", "author:*", '"a b"~99999999', "ｆｕｌｌ",
    "语言 模型", "id:x", "source:x", "http://[", "10.1/x",
)  # fmt: skip


async def test_odd_input_never_fails(client: httpx2.AsyncClient) -> None:
    for text in ODD:
        for path in ("/search", "/search.atom", "/search.json"):
            answer = await client.get(path, params={"q": text})
            assert answer.status_code == 200, (path, text[:40])
            assert len(answer.text) < 200_000


@pytest.mark.parametrize(
    "query", ["q=%FF%FE", "q=%00", "q=a&q=b", "q", "page=-1&q=rag", "page=99999999999999&q=rag"]
)
async def test_odd_addresses_never_fail(client: httpx2.AsyncClient, query: str) -> None:
    assert (await client.get(f"/search?{query}")).status_code == 200


@pytest.mark.parametrize(
    ("text", "page"), [("", 1), ("0", 1), ("2", 2), ("-1", 1), ("x", 1), ("²", 1), ("9" * 9, 1)]
)
def test_page_counts_from_one(text: str, page: int) -> None:
    assert parse_page(text) == page


@pytest.mark.parametrize(
    ("text", "is_query"),
    [
        ("small models", False), ("C++ and text/image", False), ("e-mail", False), ("Müller's", False),
        ("50%", False), ("GPT-4: a report", False), ("(a OR b)", True), ("title:a", True), ('"a b"', True),
        ("robot*", True),
        ("a AND b", True), ("a and b", False), ("=RAG", True), ("upvotes>=3", True), ("/ag.nt/", True),
    ],
)  # fmt: skip
def test_operators_make_a_query(text: str, is_query: bool) -> None:
    question = read_question(text)
    assert (question.query is not None) is is_query
    assert question.problem is None


@given(st.text(max_size=600))
def test_every_text_can_be_read(text: str) -> None:
    question = read_question(text)
    assert question.query is None or question.problem is None
    find_keys(text)


async def test_client_who_asks_too_many_queries_waits_and_others_do_not(
    site: Site, client: httpx2.AsyncClient
) -> None:
    answers = [await client.get("/search", params={"q": f"title:walrus{number}"}) for number in range(45)]

    assert [answer.status_code for answer in answers] == [200] * 40 + [429] * 5
    assert int(answers[-1].headers["retry-after"]) > 0
    # What was answered before, and plain words, are free; so is another client behind our proxy.
    assert (await client.get("/search", params={"q": "title:walrus1"})).status_code == 200
    assert (await client.get("/search", params={"q": "walrus"})).status_code == 200
    other = {"x-forwarded-for": "192.0.2.7"}
    assert (await client.get("/search.atom", params={"q": "title:new"}, headers=other)).status_code == 200
