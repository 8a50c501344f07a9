"""The benchmark of relevance: what it measures of the open data, and how it takes what is missing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.relevance import (
    load,
    measure_all,
    measure_keywords,
    measure_short_terms,
    ndcg,
    spearman,
    to_json,
)


@pytest.mark.corpus
def test_short_terms_in_capitals_find_what_is_meant(corpus: Path) -> None:
    """Of a hundred hits of RL, NER or RAG ninety-eight are the term: in capitals, or as its long form."""
    [measured] = measure_short_terms(load(corpus / "relevance", "author_keywords.jsonl"))

    assert measured.ours is not None
    assert measured.ours >= 0.98


def test_what_is_missing_is_left_out(tmp_path: Path) -> None:
    said: list[str] = []
    found = measure_all(tmp_path, said.append)

    assert found == {}
    assert any("missing: hf_daily.jsonl" in line for line in said)
    assert to_json(found)["keyword_f1"] == {"authors": None, "hf": None}


def test_keywords_are_found_by_the_product_and_by_substring() -> None:
    rows = [
        {"id": number, "title": "Vision" if number % 2 else "LLMs", "abstract": "", "keywords": ["LLM"]}
        for number in range(10)
    ]

    precision, recall, _ = measure_keywords(rows, "keywords", "x")

    assert (precision.ours, recall.ours) == (1.0, 0.5)


def test_measures_of_order() -> None:
    assert ndcg([True, False], 1) == 1.0
    assert ndcg([False, True], 1) == pytest.approx(0.63, abs=0.01)
    assert spearman([3, 2, 1], [30, 20, 10]) == pytest.approx(1)
    assert spearman([1, 1, 2], [1, 1, 1]) is None


def test_figures_have_the_agreed_shape(tmp_path: Path) -> None:
    row = {"id": "2606.00001", "title": "LLMs", "abstract": "We study LLMs.", "keywords": ["LLM"]}
    (tmp_path / "author_keywords.jsonl").write_text(
        "\n".join(json.dumps({**row, "id": str(number)}) for number in range(10)), encoding="utf-8"
    )

    figures = to_json(measure_all(tmp_path, lambda _line: None))

    assert figures["keyword_f1"]["authors"] == 1.0
    assert figures["like_ndcg10"] == {
        "core": {"1": None, "3": None, "10": None},
        "semantic": {"1": None, "3": None, "10": None},
    }
    assert set(figures["votes"]) == {"h16", "mixed", "few"}
