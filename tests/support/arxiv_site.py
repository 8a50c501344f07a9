"""arXiv on 127.0.0.1: its API, which may refuse, and its repository, of the same papers and with the same clock."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Self
from xml.sax.saxutils import escape

from aiohttp import web

from newsletter.collect.arxiv_query import parse_query
from newsletter.model.entries import Entry, EntryKey
from tests.support.repository import NOW, Repository, Work

_PAGE = 100


class ArxivSite:
    """``async with ArxivSite(works) as site:`` has its API at ``site.api``, its repository at ``site.repository.url``.

    refusal is what the API answers instead of what it should: a status, headers and a body. asked are the queries that
    came to it. lag is how much later the API knows a paper than the repository lists it.
    """

    def __init__(self, works: Sequence[Work] = (), *, now: datetime = NOW, page_size: int = 100) -> None:
        self.repository = Repository(works, now=now, page_size=page_size)
        self.refusal: tuple[int, dict[str, str], str] | None = None
        self.asked: list[dict[str, str]] = []
        self.lag = timedelta()

    @property
    def now(self) -> datetime:
        return self.repository.now

    @now.setter
    def now(self, now: datetime) -> None:
        self.repository.now = now

    async def __aenter__(self) -> Self:
        await self.repository.__aenter__()
        app = web.Application()
        app.router.add_get("/api/query", self._answer)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.api = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()
        await self.repository.__aexit__()

    async def _answer(self, request: web.Request) -> web.Response:
        query = dict(request.query)
        self.asked.append(query)
        if self.refusal:
            status, headers, body = self.refusal
            return web.Response(status=status, headers=headers, text=body)
        works = [work for work in self.repository.works if work.changed_at + self.lag <= self.now]
        if named := query.get("id_list"):
            found = [work for work in works if work.number in named.split(",")]
        else:
            is_found = parse_query(query["search_query"])
            found = [work for work in works if is_found(_as_entry(work))]
        found.sort(key=lambda work: work.versions[0], reverse=True)
        start = int(query.get("start", 0))
        return web.Response(text=self._make_feed(found, start), content_type="application/atom+xml")

    def _make_feed(self, works: Sequence[Work], start: int) -> str:
        entries = "".join(map(make_api_entry, works[start : start + _PAGE]))
        return (
            '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:arxiv="http://arxiv.org/schemas/atom"'
            ' xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/"><id>https://arxiv.org/api/x</id>'
            f"<title>arXiv Query</title><updated>{self.now:%Y-%m-%dT%H:%M:%SZ}</updated>"
            f"<opensearch:totalResults>{len(works)}</opensearch:totalResults>"
            f"<opensearch:startIndex>{start}</opensearch:startIndex>{entries}</feed>"
        )


def make_api_entry(work: Work) -> str:
    """A work as arXiv's API writes it."""
    named = f"{work.number}v{len(work.versions)}"
    primary, *_ = work.categories.split()
    return (
        f"<entry><id>http://arxiv.org/abs/{named}</id><title>{escape(work.title)}</title>"
        f'<updated>{work.versions[-1]:%Y-%m-%dT%H:%M:%SZ}</updated><link href="https://arxiv.org/abs/{named}"'
        f' rel="alternate" type="text/html"/><summary>{escape(work.abstract)}</summary>'
        + "".join(f'<category term="{name}"/>' for name in work.categories.split())
        + f"<published>{work.versions[0]:%Y-%m-%dT%H:%M:%SZ}</published>"
        + (f"<arxiv:comment>{escape(work.comments)}</arxiv:comment>" if work.comments else "")
        + f'<arxiv:primary_category term="{primary}"/>'
        + "".join(f"<author><name>{given} {family}</name></author>" for given, family in work.authors)
        + (f"<arxiv:doi>{work.doi}</arxiv:doi>" if work.doi else "")
        + "</entry>"
    )


def _as_entry(work: Work) -> Entry:
    return Entry(
        EntryKey(f"arxiv:{work.number}"),
        title=work.title,
        summary=work.abstract,
        authors=tuple(f"{given} {family}" for given, family in work.authors),
        categories=tuple(re.split(r"\s+", work.categories)),
        note=work.comments,
        published_at=work.versions[0],
    )
