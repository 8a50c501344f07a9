from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.bounces import ask_ours, measure


@pytest.mark.corpus
def test_reports_of_many_servers_are_read_right(corpus: Path) -> None:
    score = measure(corpus / "bounces", ask_ours)

    assert score.crashed == 0
    assert score.labelled > 150
    assert score.wrongly_suppressed <= score.labelled * 0.01
    assert score.reports_kind_right >= score.reports * 0.97
    assert score.reports_recipient_right >= score.reports * 0.97
    assert score.others_kind_right >= score.others * 0.80
