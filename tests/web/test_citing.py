"""A paper's page as something to take along: links in its abstract, how it is cited, what is like it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import httpx2
import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st

from newsletter.model.entries import EntryKey
from newsletter.web.paper_views import find_links, write_share
from newsletter.web.site import Site
from tests.render.test_citations import read_bibtex, read_ris
from tests.support.examples import examples
from tests.support.website import AGENTS, FRIDAY, HOSTILE_PAPER, MONDAY, POST, RAG, URL, new, save_run


async def load(client: httpx2.AsyncClient, path: str) -> BeautifulSoup:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text[:500]
    return BeautifulSoup(answer.content, "lxml")


# --- links in a text ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("Code: https://github.com/a/b.", {"https://github.com/a/b": "https://github.com/a/b"}),
        ("(see https://x.org/a_(b)), then", {"https://x.org/a_(b)": "https://x.org/a_(b)"}),
        ("[https://x.org/?q=1&r=2#top]", {"https://x.org/?q=1&r=2#top": "https://x.org/?q=1&r=2#top"}),
        ("at github.com/a/b and www.x.org!", {"github.com/a/b": "https://github.com/a/b", "www.x.org": "https://www.x.org"}),
        ("huggingface.co/spaces/a/b…", {"huggingface.co/spaces/a/b": "https://huggingface.co/spaces/a/b"}),
        ("https://a.org/x,https://b.org/y", {"https://a.org/x,https://b.org/y": "https://a.org/x,https://b.org/y"}),
        ("“https://x.org/a”。", {"https://x.org/a": "https://x.org/a"}),
        ("代码见https://x.org/a。其他", {"https://x.org/a": "https://x.org/a"}),
        ("HTTPS://X.org/A", {"HTTPS://X.org/A": "HTTPS://X.org/A"}),
        ("https://x.org/a'onclick='b", {"https://x.org/a": "https://x.org/a"}),
        ('https://x.org/"><script>', {"https://x.org/": "https://x.org/"}),
        ("javascript:alert(1) data:text/html,x ftp://x.org/a", {}),
        ("either/or, e.g./i.e., Node.js/React, me@x.org/a, 3.5/4.com", {}),
        ("http://", {}),
        ("https://...", {}),
        ("", {}),
    ],
)  # fmt: skip
def test_addresses_in_a_text_are_links(text: str, links: dict[str, str]) -> None:
    pieces = find_links(text)

    assert "".join(piece.text for piece in pieces) == text
    assert {piece.text: piece.url for piece in pieces if piece.url} == links


@examples(100)
@given(st.text(max_size=80) | st.text("htps:/w.ax()[]'\"<> \n&", max_size=80))
def test_pieces_are_the_text_and_links_lead_to_the_web_only(text: str) -> None:
    pieces = find_links(text)

    assert "".join(piece.text for piece in pieces) == text
    assert all(piece.url == "" or piece.url.lower().startswith(("http://", "https://")) for piece in pieces)


def test_a_mail_to_somebody_has_title_and_address() -> None:
    assert write_share("R&D: 100%?", f"{URL}/papers/arxiv:1") == (
        "mailto:?subject=R%26D%3A%20100%25%3F"
        "&body=R%26D%3A%20100%25%3F%0D%0Ahttp%3A%2F%2F127.0.0.1%3A8080%2Fpapers%2Farxiv%3A1"
    )


# --- a paper's page -----------------------------------------------------------------------


async def test_page_says_how_the_paper_is_cited_and_zotero_finds_it(client: httpx2.AsyncClient) -> None:
    page = await load(client, f"/papers/{AGENTS.key}")

    [(_, key, fields)] = read_bibtex(page.select_one("#bib").get_text())  # type: ignore[union-attr]
    assert (key, fields["title"]) == ("02026agents", "Agents that use tools")
    assert "TI  - Agents that use tools" in page.select_one("#ris").get_text()  # type: ignore[union-attr]
    meta = [(tag["name"], tag["content"]) for tag in page.select("meta[name^=citation_]")]
    assert [content for name, content in meta if name == "citation_author"] == [
        f"{n}, Author" for n in range(12)
    ]
    facts = dict(meta)
    assert facts["citation_title"] == "Agents that use tools"
    assert facts["citation_doi"] == "10.1000/agents"
    assert facts["citation_arxiv_id"] == "2606.00101"
    assert facts["citation_publication_date"] == "2026/06/10"
    assert facts["citation_pdf_url"] == AGENTS.pdf_url
    assert facts["citation_abstract_html_url"] == f"{URL}/papers/{AGENTS.key}"
    assert [button["hidden"] for button in page.select("button[data-copy]")] == ["", ""]
    assert page.select_one("a[href^='mailto:?subject=Agents%20that']")


@pytest.mark.parametrize(
    ("form", "media_type"),
    [("bib", "application/x-bibtex"), ("ris", "application/x-research-info-systems")],
)
async def test_each_paper_edition_and_search_is_a_file(
    client: httpx2.AsyncClient, form: str, media_type: str
) -> None:
    for path, name, count in (
        (f"/papers/{AGENTS.key}.{form}", f"02026agents.{form}", 1),
        (f"/{FRIDAY}.{form}", f"2026-06-12.{form}", 2),
        (f"/search.{form}?q=agents", f"search.{form}", None),
        (f"/search.{form}?q=title:agents", f"search.{form}", None),
    ):
        answer = await client.get(path)
        assert answer.status_code == 200, path
        assert answer.headers["content-type"] == f"{media_type}; charset=utf-8"
        assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
        assert answer.headers["x-robots-tag"] == "noindex"
        works = read_bibtex(answer.text) if form == "bib" else read_ris(answer.text)
        assert len(works) == (count or len(works))
        assert works
        again = await client.get(path, headers={"if-none-match": answer.headers["etag"]})
        assert again.status_code == 304


async def test_pages_lead_to_the_files(client: httpx2.AsyncClient) -> None:
    for path, files in (
        (f"/papers/{AGENTS.key}", f"{URL}/papers/{AGENTS.key}"),
        (f"/{MONDAY}", f"{URL}/{MONDAY}"),
        ("/search?q=agents", f"{URL}/search"),
    ):
        found = {
            str(link["href"]).partition("?")[0] for link in (await load(client, path)).select("main a[href]")
        }
        assert {f"{files}.bib", f"{files}.ris"} <= found, path


async def test_another_name_of_a_paper_leads_to_the_file_of_its_own(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/papers/doi:10.1000/agents.bib")

    assert answer.status_code == 301
    assert answer.headers["location"] == f"{URL}/papers/{AGENTS.key}.bib"


@pytest.mark.parametrize(
    "path",
    [
        "/papers/arxiv:2606.99999.bib",
        "/papers/.bib",
        "/papers/arxiv:2606.00101.xyz",
        "/2026-06-13.bib",
        "/2026-13-01.ris",
    ],
)
async def test_there_is_no_file_of_what_is_not_there(client: httpx2.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 404


async def test_search_for_nothing_has_an_empty_file(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/search.bib?q=")

    assert (answer.status_code, answer.text) == (200, "")


async def test_paper_whose_address_ends_like_a_file_keeps_its_page(
    site: Site, client: httpx2.AsyncClient
) -> None:
    refs = replace(
        POST,
        key=EntryKey("url:https://blog.example.org/refs.bib"),
        title="Our references",
        url="https://blog.example.org/refs.bib",
    )
    await save_run(site.newsletter.runs, "2026-06-17 18:00", new(refs))
    address = site.links.paper(refs.key).removeprefix(URL)

    assert (await load(client, address)).select_one("h1").get_text() == "Our references"  # type: ignore[union-attr]
    answer = await client.get(f"{address}.bib")
    assert answer.headers["content-type"].startswith("application/x-bibtex")
    assert not (await load(client, address)).select("meta[name^=citation_]")


async def test_whatever_stands_in_a_title_stays_text(client: httpx2.AsyncClient) -> None:
    answer = await client.get(f"/papers/{HOSTILE_PAPER.key}")
    page = BeautifulSoup(answer.content, "lxml")

    assert "<script>alert" not in answer.text
    assert [script.get("src") for script in page.select("script")] == [page.select("script")[0]["src"]]
    [(_, _, fields)] = read_bibtex(page.select_one("#bib").get_text())  # type: ignore[union-attr]
    assert "$\\alpha$" in fields["title"]


async def test_abstract_and_note_are_readable_and_lead_on(site: Site, client: httpx2.AsyncClient) -> None:
    paper = replace(
        RAG,
        key=EntryKey("arxiv:2606.00777"),
        title=r"Beyond $\mathsf{TC}^0$ and NC^1",
        summary=r"We prove $O(n^2)$, see \url{https://github.com/example/tc0}.",
        note=r"$\alpha$ version; published as https://doi.org/10.1038/182",
        listed_on=date(2026, 6, 17),
    )
    await save_run(site.newsletter.runs, "2026-06-17 18:00", new(paper))
    page = await load(client, f"/papers/{paper.key}")

    text = page.select_one("main").get_text(" ")  # type: ignore[union-attr]
    assert page.select_one("h1").get_text() == "Beyond TC⁰ and NC¹"  # type: ignore[union-attr]
    assert "We prove O(n²), see" in text
    assert "α version" in text
    onward = {link["href"]: link.get("rel") for link in page.select(".abstract a, dd a")}
    assert onward == {
        "https://github.com/example/tc0": ["nofollow"],
        "https://doi.org/10.1038/182": ["nofollow"],
    }
    found = await load(client, "/search?q=Beyond")
    assert found.select_one(".paper h2").get_text() == "Beyond TC⁰ and NC¹"  # type: ignore[union-attr]


async def test_page_names_papers_like_it(site: Site, client: httpx2.AsyncClient) -> None:
    one = replace(
        RAG, key=EntryKey("arxiv:2606.00801"), title="Gaussian splatting of indoor scenes", summary=""
    )
    other = replace(one, key=EntryKey("arxiv:2606.00802"), title="Indoor scenes by Gaussian splatting")
    await save_run(site.newsletter.runs, "2026-06-17 18:00", new(one), new(other))
    page = await load(client, f"/papers/{one.key}")

    assert [link["href"] for link in page.select(".alike a")] == [f"{URL}/papers/{other.key}"]
    assert not (await load(client, f"/papers/{HOSTILE_PAPER.key}")).select(".alike")


@pytest.mark.parametrize(
    ("language", "says"), [("de", "Dieses Paper zitieren"), ("ar", "الاستشهاد بهذه الورقة")]
)
async def test_page_speaks_the_language_of_its_visitor(
    client: httpx2.AsyncClient, language: str, says: str
) -> None:
    answer = await client.get(f"/papers/{AGENTS.key}", headers={"accept-language": language})

    assert says in answer.text
    assert '<pre id="bib" dir="ltr"' in answer.text
