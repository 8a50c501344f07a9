from __future__ import annotations

from argparse import Namespace

import pytest

from benchmarks import web


def test_pages_are_measured_beside_a_hello_world_route(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "_WARM_UP", 1)  # that figures are there is the matter, not what they are
    figures = web.run(Namespace(rate=20, seconds=0.2, subscribers=200, entries=300, postgres=False))

    assert list(figures) == ["hello", "home", "archive", "topic preview", "unsubscribe POST"]
    assert all(0 < one.p50_ms <= one.p99_ms for one in figures.values())
    assert all(one.per_second > 0 for page, one in figures.items() if page != "topic preview")
