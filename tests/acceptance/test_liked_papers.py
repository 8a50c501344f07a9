"""Papers that a reader likes and no source has brought are looked up, and rank what comes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from tests.support.house import House
from tests.support.papers import make_record

ANSWER = (Path(__file__).parents[1] / "collect" / "samples" / "arxiv-answer.atom").read_text(encoding="utf-8")
READER = """\
subscribers:
  - address: ada@example.org
    days: daily
    topics:
      - name: Sheep
        like: [2606.01234]
        limit: 2
"""


@pytest.fixture
def house(tmp_path: Path, httpserver: HTTPServer) -> House:
    titles = ("Robots that fold laundry", "Counting goats at scale", "Pruning of heads", "Songs of whales")
    records = [make_record(number, title) for number, title in enumerate(titles, start=1)]
    (tmp_path / "day.json").write_text(json.dumps(records), encoding="utf-8")
    httpserver.expect_request("/robots.txt").respond_with_data("", status=404)
    httpserver.expect_request(
        "/api/query", query_string={"id_list": "2606.01234", "max_results": "100"}
    ).respond_with_data(ANSWER, content_type="application/atom+xml")
    house = House.build(tmp_path, sources="- {kind: hf_daily_papers, location: day.json}", subscribers=READER)
    config = tmp_path / "config.yaml"
    api = httpserver.url_for("").rstrip("/")
    config.write_text(
        config.read_text(encoding="utf-8").replace(
            "allow_private_hosts: on}", f"allow_private_hosts: on, arxiv_api: '{api}'}}"
        ),
        encoding="utf-8",
    )
    return house


def test_liked_paper_is_looked_up_once_and_draws_its_like(house: House, httpserver: HTTPServer) -> None:
    first = house.run("collect")
    assert first.returncode == 0, first.stdout + first.stderr
    assert "papers that readers named" in first.stdout
    asked = len(httpserver.log)
    house.run("collect", at="2026-06-16T19:30:00+00:00")
    assert len(httpserver.log) == asked, "what is stored is not asked for again"

    mail = house.run("preview", "ada@example.org", "--format", "text").stdout
    assert "Counting goats at scale" in mail
    assert "Like “Counting Sheep at Scale”, which you liked" in " ".join(mail.split())
    assert "Counting Sheep at Scale\n" not in mail, "a paper that the reader knows is no news"
    assert "Pruning of heads" not in mail


def test_check_says_which_liked_papers_are_not_there_yet(house: House) -> None:
    (house.folder / "subscribers.yaml").write_text(
        READER.replace("2606.01234", "10.1000/182"), encoding="utf-8"
    )

    assert house.run("collect").returncode == 0
    assert "Sheep: 10.1000/182 not stored" in house.run("check").stdout
