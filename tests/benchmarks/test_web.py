from __future__ import annotations

from argparse import Namespace

from benchmarks.web import run


def test_pages_are_measured_beside_a_hello_world_route() -> None:
    figures = run(Namespace(rate=20, seconds=0.5, subscribers=200, entries=700, postgres=False))

    assert list(figures) == ["hello", "home", "archive", "topic preview", "unsubscribe POST"]
    assert all(0 < one.p50_ms <= one.p99_ms for one in figures.values())
    assert all(one.per_second > 0 for page, one in figures.items() if page != "topic preview")
