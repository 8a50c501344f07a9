"""The API of bioRxiv and medRxiv as it behaves: pages by cursor, the oldest first, totals as texts, errors with 200."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


def make_record(number: int = 1, on: str = "2026-06-16", version: int = 1, **fields: Any) -> dict[str, Any]:
    """One version of one preprint."""
    return {
        "title": f"Preprint {number}",
        "authors": "Example, A. B.; van der Example, C.",
        "author_corresponding": "Ada B Example",
        "author_corresponding_institution": "A Lab",
        "doi": f"10.1101/2026.06.01.{number:06}",
        "date": on,
        "version": str(version),
        "type": "new results",
        "license": "cc_by",
        "category": "cell biology",
        "jatsxml": f"https://www.biorxiv.org/content/early/2026.06.01.{number:06}.source.xml",
        "abstract": "We watch cells.",
        "funder": "NA",
        "published": "NA",
        "server": "bioRxiv",
        **fields,
    }


def make_answer(*records: object, total: int | str | None = None, status: str = "ok") -> dict[str, Any]:
    """One page; without a total it says how many there are, as a text."""
    if not records:
        return {"messages": [{"status": "no posts found" if status == "ok" else status}], "collection": []}
    about = {"status": status, "cursor": 0, "count": len(records), "total": str(total or len(records))}
    return {"messages": [about], "collection": list(records)}


@dataclass(slots=True)
class BiorxivApi:
    """A server with these records. page is how many it gives at once; unlisted are those that only its totals count;
    with deaf it knows no subjects; broken are days for which it answers with a page of HTML."""

    records: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {"biorxiv": [], "medrxiv": []})
    page: int = 30
    unlisted: int = 0
    deaf: bool = False
    broken: frozenset[str] = frozenset()
    asked: list[str] = field(default_factory=list)
    url: str = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.path_qs)
        server, since, until, cursor = (
            request.match_info[name] for name in ("server", "since", "until", "cursor")
        )
        if since in self.broken:
            return web.Response(
                text="<!doctype html><title>Under maintenance</title>", content_type="text/html"
            )
        found = [record for record in self.records[server] if since <= record["date"] <= until]
        subject = request.query.get("category", "").replace("_", " ").lower()
        if subject and not self.deaf:
            found = [record for record in found if record["category"].lower() == subject]
        found.sort(key=lambda record: record["date"])
        start = int(cursor)
        page = found[start : start + self.page]
        return web.json_response(make_answer(*page, total=len(found) + self.unlisted))


@asynccontextmanager
async def serve_biorxiv(api: BiorxivApi) -> AsyncIterator[BiorxivApi]:
    """Run the server until the block ends."""
    app = web.Application()
    app.router.add_get("/details/{server}/{since}/{until}/{cursor}/json", api.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    api.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield api
    finally:
        await runner.cleanup()
