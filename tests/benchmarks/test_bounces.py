from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.bounces import ask_ours, load_written_cases, measure, measure_written


@pytest.mark.corpus
def test_reports_of_many_servers_are_read_right(corpus: Path) -> None:
    score = measure(corpus / "bounces", ask_ours)

    assert score.crashed == 0
    assert score.labelled > 150
    assert score.wrongly_suppressed == 0
    assert score.reports_kind_right >= score.reports * 0.98
    assert score.reports_recipient_right >= score.reports * 0.98
    assert score.others_kind_right >= score.others * 0.90


def test_written_diagnostics_in_many_languages_are_judged_right() -> None:
    cases = load_written_cases()

    suppressed, wrong = measure_written(cases)

    assert len(cases) >= 400
    assert len({case.language for case in cases}) >= 12
    assert {case.blame for case in cases} == {"recipient", "us", "message", "unknown"}
    assert all(case.source for case in cases)
    assert suppressed == 0
    assert len(wrong) <= len(cases) * 0.03, wrong
