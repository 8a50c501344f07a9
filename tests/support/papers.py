"""A Daily Papers day that was invented for tests, and a server that answers as the real one does."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from html import escape
from typing import Any

from aiohttp import web

PAGE = 50


def make_record(number: int, title: str, *, upvotes: int = 3, on: str = "2026-06-16") -> dict[str, Any]:
    """One record as the API sends it."""
    return {
        "paper": {
            "id": f"2606.{number:05}",
            "title": title,
            "summary": f"We study {title.lower()} and report what we found.",
            "authors": [{"name": "Ada Example", "hidden": False}],
            "publishedAt": "2026-06-14T12:00:00.000Z",
            "submittedOnDailyAt": f"{on}T01:00:00.000Z",
            "upvotes": upvotes,
        },
        "title": title,
        "publishedAt": "2026-06-14T08:00:00.000Z",
        "numComments": 1,
    }


def make_day(count: int = 8, on: str = "2026-06-16") -> str:
    """The answer of the API for a day with papers on robots and on pruning, in turn."""
    subjects = ("Robots that fold laundry", "Pruning of language models")
    records = [
        make_record(number, f"{subjects[number % 2]}, part {number}", upvotes=number, on=on)
        for number in range(1, count + 1)
    ]
    return json.dumps(records)


def make_page(count: int, on: str) -> str:
    """The web page of a day, with its records in an attribute as the real one has them."""
    props = {"dateString": on, "dailyPapers": json.loads(make_day(count, on))}
    return (
        "<!doctype html><html><body>"
        f'<div data-target="DailyPapers" data-props="{escape(json.dumps(props))}"></div></body></html>'
    )


@asynccontextmanager
async def replay(days: Mapping[str, Sequence[object]]) -> AsyncIterator[str]:
    """Serve ``/api/daily_papers?date=…&p=…`` page by page on 127.0.0.1; yield the base URL."""

    async def answer(request: web.Request) -> web.Response:
        page = int(request.query.get("p", "0"))
        records = days.get(request.query["date"], [])
        return web.json_response(records[PAGE * page : PAGE * (page + 1)])

    app = web.Application()
    app.router.add_get("/api/daily_papers", answer)
    async with serving(app) as url:
        yield url


@asynccontextmanager
async def serving(app: web.Application) -> AsyncIterator[str]:
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield "http://{}:{}".format(*runner.addresses[0][:2])
    finally:
        await runner.cleanup()
