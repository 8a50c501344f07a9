"""A week of Daily Papers made from real days, with all that goes wrong in real weeks, and a server that replays it.

Each weekday is one saved page: the late view of its day. The early view is what the API answered for the same day
on its morning, where that is known, and otherwise two papers of three with half of their votes (on the 71 days of
which both are known, 66 % of the papers were listed in the morning). On Friday two papers of Monday are listed
again. ``python -m tests.acceptance.week --data DIR`` prints what a reader of one page a day would have lost of it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from html import escape
from pathlib import Path
from typing import Any

from aiohttp import web
from bs4 import BeautifulSoup

from tests.support.papers import PAGE, serving

MONDAY = date(2026, 6, 15)
WEEK = tuple(MONDAY + timedelta(days=number) for number in range(7))
TUESDAY, WEDNESDAY = WEEK[1], WEEK[2]
NAIVE_AT = time(8)

Record = dict[str, Any]


@dataclass(frozen=True)
class Day:
    """What a listing date shows until its end (UTC), and what from then on."""

    early: list[Record]
    late: list[Record]

    def at(self, on: date, now: datetime) -> list[Record]:
        """Return what stands under the date ``on`` at this moment: nothing before it, all of it after it."""
        if now < datetime.combine(on, time(), UTC):
            return []
        return self.late if now >= datetime.combine(on + timedelta(days=1), time(), UTC) else self.early


def build_week(corpus: Path) -> dict[date, Day]:
    """Return the week by date, made from the pages and API answers of a folder of real days."""
    pages = sorted((corpus / "hf-daily-papers-html").glob("page-20*.html"))
    days = {}
    for on, page in zip(WEEK, pages, strict=False):
        late = read_page(page)
        morning = corpus / "hf-daily-papers-json" / f"api-{page.stem.removeprefix('page-')}.json"
        early = json.loads(morning.read_text("utf-8")) if morning.exists() else make_early(late)
        days[on] = Day(place(early, on), place(late, on))
    friday = WEEK[4]
    again = days[MONDAY].late[:2]
    api = sorted((corpus / "hf-daily-papers-json").glob("api-2026-0[678]*.json"))[-1]
    late = [*json.loads(api.read_text("utf-8")), *again]
    days[friday] = Day(place(make_early(late), friday), place(late, friday))
    return {on: days.get(on, Day([], [])) for on in WEEK}


def read_page(path: Path) -> list[Record]:
    node = BeautifulSoup(path.read_bytes(), "lxml").select_one('[data-target="DailyPapers"]')
    assert node is not None
    records: list[Record] = json.loads(str(node["data-props"]))["dailyPapers"]
    return records


def make_early(late: list[Record]) -> list[Record]:
    """Return two records of three, with half of their votes."""
    early = deepcopy([record for number, record in enumerate(late) if number % 3 != 2])
    for record in early:
        record["paper"]["upvotes"] //= 2
    return early


def place(records: list[Record], on: date) -> list[Record]:
    """Return the records as listed on another date."""
    placed = deepcopy(records)
    for record in placed:
        record["paper"]["submittedOnDailyAt"] = f"{on.isoformat()}T00:00:00.000Z"
    return placed


def ids(records: list[Record]) -> set[str]:
    return {record["paper"]["id"] for record in records}


def read_naively(days: dict[date, Day]) -> dict[date, set[str]]:
    """Return what one sees who reads one page of the API once each day at 08:00 UTC, except on the missing day
    (Tuesday) and in the outage (Wednesday)."""
    seen = {}
    for on, day in days.items():
        is_up = on not in (TUESDAY, WEDNESDAY)
        seen[on] = ids(day.at(on, datetime.combine(on, NAIVE_AT, UTC))[:PAGE]) if is_up else set()
    return seen


@asynccontextmanager
async def replay_week(days: dict[date, Day], now: Callable[[], datetime]) -> AsyncIterator[str]:
    """Serve the week as the site would, API and pages, at the time that now() tells; yield the base URL.

    On Wednesday the API answers 503 to everything; the pages are there.
    """

    def look_up(text: str) -> tuple[date, list[Record]]:
        on = date.fromisoformat(text)
        day = days.get(on)
        return on, day.at(on, now()) if day else []

    async def api(request: web.Request) -> web.Response:
        if now().date() == WEDNESDAY:
            return web.Response(status=503, text="overloaded")
        _, records = look_up(request.query["date"])
        number = int(request.query.get("p", "0"))
        return web.json_response(records[PAGE * number : PAGE * (number + 1)])

    async def page(request: web.Request) -> web.Response:
        on, records = look_up(request.match_info["on"])
        props = escape(json.dumps({"dateString": on.isoformat(), "dailyPapers": records}))
        return web.Response(
            text=f'<!doctype html><div data-target="DailyPapers" data-props="{props}"></div>',
            content_type="text/html",
        )

    app = web.Application()
    app.router.add_get("/api/daily_papers", api)
    app.router.add_get("/papers/date/{on}", page)
    async with serving(app) as url:
        yield url


def build_table(days: dict[date, Day]) -> list[tuple[str, int, int, int]]:
    """Return for each day: its name, how many papers were listed in the end, at 08:00 UTC, and how many the naive
    reader never saw on any day."""
    seen = read_naively(days)
    ever = set().union(*seen.values())
    rows = []
    for on, day in days.items():
        morning = day.at(on, datetime.combine(on, NAIVE_AT, UTC))
        rows.append((f"{on:%A}", len(day.late), len(morning), len(ids(day.late) - ever)))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    rows = build_table(build_week(parser.parse_args().data))
    print("| day | listed in the end | listed at 08:00 UTC | lost by one page a day |\n|---|---|---|---|")
    rows.append(
        ("all", sum(row[1] for row in rows), sum(row[2] for row in rows), sum(row[3] for row in rows))
    )
    for name, late, morning, lost in rows:
        print(f"| {name} | {late} | {morning} | {lost} |")


if __name__ == "__main__":
    main()
