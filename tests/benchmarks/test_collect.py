"""The benchmark of collecting: that a second look at what is unchanged costs nothing but its record."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter

import feedparser
import pytest

from benchmarks.collect import (
    ITEMS,
    Pass,
    build_feed,
    collect_twice,
    day_sources,
    feed_sources,
    find_problems,
    run_server,
)
from newsletter.model.sources import FetchState

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="needs all of 127.0.0.0/8 to be local, as on Linux"
)


def test_second_look_at_unchanged_sources_parses_nothing_and_writes_only_its_records() -> None:
    with run_server(3) as port:
        day = asyncio.run(collect_twice(day_sources(port)))
        feeds = asyncio.run(collect_twice(feed_sources(port, 3)))

    assert find_problems(*day) == []
    assert find_problems(*feeds) == []
    assert day[1].writes == {"fetches": 1}
    assert feeds[1].writes == {"fetches": 3}
    assert feeds[0].writes["entries"] == 3 * ITEMS


def test_second_look_that_parses_or_writes_is_a_problem() -> None:
    first = Pass(parsed=1, states=Counter([FetchState.OK]))
    worked = Pass(parsed=1, writes=Counter(entries=1), states=Counter([FetchState.OK]))

    assert len(find_problems(first, worked)) == 3
    assert len(find_problems(Pass(states=Counter([FetchState.FAILED])), Pass())) == 2


def test_feed_of_the_server_is_good() -> None:
    feed = feedparser.parse(build_feed("7"))

    assert not feed.bozo
    assert len(feed.entries) == ITEMS
