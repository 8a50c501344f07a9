"""The benchmark over real inputs: that it counts right, and what must hold on the real inputs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from benchmarks.corpus import Suite, run
from newsletter.collect.kind import SourceKind
from newsletter.model.sources import ParsedFeed
from tests.support.sightings import SAMPLES

FEED = """<rss version="2.0"><channel><title>A blog</title><link>https://example.org/</link>
<item><title>One</title><link>https://example.org/1</link><pubDate>Tue, 16 Jun 2026 08:00:00 +0200</pubDate>
<author>ada@example.org (Ada Example)</author></item></channel></rss>"""


def test_every_value_that_an_expectation_states_is_compared(tmp_path: Path) -> None:
    item = {
        "title": "O&#110;e",
        "link": "https://example.org/1",
        "publishedParsed": "2026-06-16T06:00:00Z",
        "authors": [{"name": "Ada"}],
    }
    suite = run_on(tmp_path, {"feeds/x/a.xml": FEED, "feeds/x/a.expected.json": {"items": [item]}})["feeds/x"]

    assert (suite.files, suite.parsed, suite.compared, suite.agreeing) == (1, 1, 5, 4)
    assert [remark for remark in suite.remarks if "authors" in remark] == [
        "a.xml: authors: expected Ada, got Ada Example"
    ]


def test_value_that_no_expectation_states_is_not_compared(tmp_path: Path) -> None:
    lost = {"items": [{"title": "Caf\ufffd"}]}
    suite = run_on(tmp_path, {"feeds/x/a.xml": FEED, "feeds/x/a.expected.json": lost})["feeds/x"]

    assert (suite.compared, suite.agreeing) == (1, 1)


@pytest.mark.parametrize(
    ("files", "compared"),
    [
        ({"a.serde.json": {"entries": [{"title": {"content": "One"}, "links": [], "authors": []}]}}, 2),
        (
            {
                "a.expected.json": {
                    "feed": {"items": [{"creator": "Ada Example", "isoDate": "2026-06-16T06:00:00Z"}]}
                }
            },
            3,
        ),
        (
            {
                "a.expected.json": {
                    "entries": [{"links": [{"href": "https://example.org/1", "rel": "alternate"}]}]
                }
            },
            2,
        ),
    ],
)
def test_other_forms_of_expectations_are_read(
    tmp_path: Path, files: Mapping[str, Any], compared: int
) -> None:
    suite = run_on(
        tmp_path, {"feeds/x/a.xml": FEED} | {f"feeds/x/{name}": text for name, text in files.items()}
    )

    assert (suite["feeds/x"].compared, suite["feeds/x"].agreeing) == (compared, compared)


@pytest.mark.parametrize(
    ("expected", "compared"),
    [
        ("not bozo and entries[0]['title'] == 'One'", 1),
        ("len(entries) == 1 and entries[0].link == u'https://example.org/1'", 2),
        ("entries[0]['published_parsed'] == (2026, 6, 16, 6, 0, 0, 1, 167, 0)", 1),
        ("entries[0]['author'] == 'ada@example.org (Ada Example)'", 1),
        ("not entries[0]['title'] == 'Two'", 0),
        ("feed['title'] == 'Two'", 0),
        ("__import__('os').abort() or entries[0]['rights'] == 'x'", 0),
    ],
)
def test_head_comment_is_read_without_running_it(tmp_path: Path, expected: str, compared: int) -> None:
    suite = run_on(tmp_path, {"feeds/x/a.xml": f"<!--\nExpect: {expected}\n-->\n{FEED}"})["feeds/x"]

    assert (suite.compared, suite.agreeing) == (compared, compared)


def test_mails_of_a_feed_are_its_entries_the_last_first(tmp_path: Path) -> None:
    items = "".join(f"<item><title>{n}</title><link>https://example.org/{n}</link></item>" for n in (1, 2))
    mails = "".join(
        f"SENT BY: x\nSubject: {n}\nX-RSS-URL: https://example.org/{n}\n\nText\n\n" for n in (2, 1)
    )
    feed = f'<rss version="2.0"><channel><title>A</title>{items}</channel></rss>'
    suite = run_on(tmp_path, {"feed-to-mail/x/a__feed.rss": feed, "feed-to-mail/x/a__1.expected": mails})

    assert (suite["feed-to-mail/x"].compared, suite["feed-to-mail/x"].agreeing) == (3, 3)


def test_json_feed_is_compared_with_itself_and_feedparser_gets_nothing_for_it(tmp_path: Path) -> None:
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "items": [{"id": "1", "title": "One", "url": "/1"}],
    }
    suite = run_on(tmp_path, {"feeds/x/a.json": feed})["feeds/x"]

    assert (suite.compared, suite.agreeing, suite.peer_agreeing) == (3, 3, 0)


def test_hugging_face_samples_agree_in_every_value_and_damaged_ones_are_refused(tmp_path: Path) -> None:
    suites = run_on(
        tmp_path,
        {
            "hf-daily-papers-json/day.json": (SAMPLES / "daily.json").read_text("utf-8"),
            "hf-daily-papers-json/damaged.json": ["{'paper': None}"],
            "hf-daily-papers-html/page.html": (SAMPLES / "page-2026.html").read_text("utf-8"),
        },
    )

    answers, pages = suites["hf-daily-papers-json"], suites["hf-daily-papers-html"]
    assert (answers.files, answers.parsed, answers.refused) == (2, 1, 1)
    assert answers.compared == answers.agreeing > 0
    assert pages.compared == pages.agreeing > 0


@pytest.mark.parametrize("name", ["arxiv-answer.atom", "arxiv-listing.rss"])
def test_arxiv_samples_agree_in_every_value(tmp_path: Path, name: str) -> None:
    suite = run_on(tmp_path, {f"arxiv/{name}.xml": (SAMPLES / name).read_text("utf-8")})["arxiv"]

    assert suite.parsed == 1
    assert suite.compared == suite.agreeing > 0


def test_recorded_exchange_is_read_as_the_answer_that_it_holds(tmp_path: Path) -> None:
    body = (SAMPLES / "arxiv-answer.atom").read_text("utf-8")
    suite = run_on(tmp_path, {"arxiv/a.json": {"url": "x", "status_code": 200, "body": body}})["arxiv"]

    assert (suite.parsed, suite.compared) == (1, suite.agreeing)


def test_records_of_a_repository_are_compared_with_another_reading_and_with_tagged_text(
    tmp_path: Path,
) -> None:
    files = {
        "arxiv/oai/a.xml": RECORD,
        "arxiv/oai/a.expected.tagged": "%R x\n%T Of sheep\n%A &Ouml;zel, B.; Doe, J.\n%D 2009/02\n%B We\nrest.\n"
        "%I HTML: http://arxiv.org/abs/0901.2443\n",
        "arxiv/oai-other/b.xml": '<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/"><responseDate>2026-08-07'
        f"</responseDate><ListRecords>{RECORD}<resumptionToken>a b</resumptionToken></ListRecords></OAI-PMH>",
    }
    suites = run_on(tmp_path, files)

    alone, answer = suites["arxiv/oai"], suites["arxiv/oai-other"]
    assert (alone.files, alone.compared, alone.agreeing) == (1, 14, 13)
    assert alone.remarks == ["a.xml: month: expected 2009/02, got 2009/01"]
    assert (answer.compared, answer.agreeing) == (8, 8)


def test_what_is_of_no_kind_is_counted_as_not_read(tmp_path: Path) -> None:
    write(tmp_path, {"bounces/a.eml": "x", "README.md": "x", "feeds/x/a.xml": FEED})
    suites, not_read = run(tmp_path)

    assert not_read == {"bounces": 1}
    assert list(suites) == ["feeds/x"]


def test_crash_is_counted_and_ends_with_exit_code_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object) -> ParsedFeed:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("benchmarks.corpus.KINDS", {"feed": SourceKind("feed", crash)})
    suite = run_on(tmp_path, {"feeds/x/a.xml": FEED})["feeds/x"]

    assert (suite.crashed, suite.parsed, suite.refused) == (1, 0, 0)
    assert suite.remarks == ["a.xml: CRASHED, ZeroDivisionError: oh"]


def test_command_prints_the_table_and_writes_the_figures(tmp_path: Path) -> None:
    write(tmp_path, {"feeds/x/a.xml": FEED})
    figures = tmp_path / "figures.json"
    command = [sys.executable, "-m", "benchmarks.corpus", "--data", str(tmp_path), "--json", str(figures)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert "feeds/x" in done.stdout
    zeros = {"refused": 0, "crashed": 0, "compared": 0, "agreeing": 0, "peer_agreeing": 0}
    assert json.loads(figures.read_text()) == {
        "suites": {"feeds/x": {"files": 1, "parsed": 1} | zeros},
        "not_read": {},
    }


@pytest.mark.corpus
def test_real_inputs_are_read_right_or_refused(corpus: Path) -> None:
    suites, _ = run(corpus)

    assert {name: suite.remarks for name, suite in suites.items() if suite.crashed} == {}
    for name, suite in suites.items():
        assert suite.parsed + suite.refused == suite.files, suite.remarks
        if name.startswith(("hf-", "arxiv")):
            assert suite.agreeing == suite.compared > 0, suite.remarks
        else:
            assert suite.agreeing >= suite.peer_agreeing, suite.remarks
    # Of the answers of Hugging Face only those are refused that their archive has damaged.
    answers = suites["hf-daily-papers-json"]
    assert answers.refused == len(answers.remarks) == 2


RECORD = """<record><header><identifier>oai:arXiv.org:0901.2443</identifier></header><metadata>
<oai_dc:dc xmlns:oai_dc="http://www.openarchives.org/OAI/2.0/oai_dc/" xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:title>Of sheep</dc:title><dc:creator>&#xd6;zel, B.</dc:creator><dc:creator>Doe, J.</dc:creator>
<dc:description>We
rest.</dc:description><dc:date>2009-01-16</dc:date><dc:identifier>http://arxiv.org/abs/0901.2443</dc:identifier>
</oai_dc:dc></metadata></record>"""


def run_on(folder: Path, files: Mapping[str, Any]) -> dict[str, Suite]:
    write(folder, files)
    return run(folder)[0]


def write(folder: Path, files: Mapping[str, Any]) -> None:
    """Write files by path; what is not text becomes JSON."""
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
