"""``send``: whose digest a test mail is, what its links are, and why a date has nothing to send."""

from __future__ import annotations

import asyncio
import re
from datetime import date, timedelta
from pathlib import Path

import pytest

from newsletter.cli.nothing_due import word_no_edition, word_nothing_due
from newsletter.compose.slots import next_slot
from newsletter.model.ledger import LedgerCounts, State
from newsletter.model.readers import Cadence, ComingDigests, EmailAddress
from newsletter.signing import read_number
from newsletter.web.app import build_app
from tests.support.builders import at, make_cadence
from tests.support.house import House
from tests.support.papers import make_day
from tests.support.sink import Received, Sink
from tests.support.website import client_of, opened_site

SUBSCRIBERS = """
subscribers:
  - {address: ada@example.org, days: weekdays, hour: "07:00", zone: UTC, topics: [pruning]}
  - {address: zoe@example.org, days: weekdays, hour: "07:00", zone: Pacific/Auckland, topics: [robot]}
"""
TUESDAY = "2026-06-16T05:00:00+00:00"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "day.json").write_text(make_day())
    return tmp_path


async def send(folder: Path, *arguments: str, at: str = TUESDAY) -> tuple[int, str, list[Received]]:
    """Send with these arguments after the day was collected; return exit code, what was said, and the mails."""
    async with Sink() as sink:
        house = House.build(
            folder,
            sources="- {kind: hf_daily_papers, location: day.json}",
            subscribers=SUBSCRIBERS,
            port=sink.port,
            more="web: {url: 'https://news.example.org'}\n",
            at=at,
        )
        await asyncio.to_thread(house.run, "collect")
        done = await asyncio.to_thread(house.run, "send", *arguments)
        return done.returncode, done.stdout + done.stderr, list(sink.messages)


def text_of(message: Received) -> str:
    return message.content.decode("utf-8", "replace").replace("=\r\n", "")


@pytest.mark.parametrize("to", ["zoe@example.org", "ZOE@example.org"])
async def test_a_test_mail_to_a_reader_is_their_own_digest_with_their_own_links(
    folder: Path, to: str
) -> None:
    code, said, [mail] = await send(folder, "--to", to)

    assert code == 0, said
    assert (mail.rcpt_to.lower(), "Robots that fold laundry" in text_of(mail)) == ("zoe@example.org", True)
    assert "sent the digest of zoe@example.org" in said
    assert "the real one comes at its hour" in said
    token = re.search(r"https://news\.example\.org/leave/(\w+)", text_of(mail))
    assert token
    assert read_number(token[1])


async def test_a_test_mail_is_no_copy_of_the_real_one(folder: Path) -> None:
    _, _, [tried] = await send(folder, "--to", "ada@example.org")
    _, _, mails = await send(folder, "--edition", "2026-06-16")

    [sent] = [mail for mail in mails if mail.rcpt_to == "ada@example.org"]
    assert tried.message_id != sent.message_id


async def test_a_test_mail_to_nobody_we_know_asks_whose_it_is(folder: Path) -> None:
    code, said, mails = await send(folder, "--to", "me@example.org")

    assert (code, mails) == (2, [])
    assert "me@example.org is no reader who gets mail" in said
    assert "--reader ada@example.org" in said


async def test_the_links_of_anothers_digest_say_that_they_are_of_a_test(folder: Path, tmp_path: Path) -> None:
    code, said, [mail] = await send(folder, "--to", "me@example.org", "--reader", "zoe@example.org")
    assert code == 0, said
    assert "its links belong to nobody" in said
    paths = re.findall(r"https://news\.example\.org(/(?:leave|me)/\w+)", text_of(mail))
    assert len({path.split("/")[1] for path in paths}) == 2

    site_folder = tmp_path / "site"
    site_folder.mkdir()
    async with (
        opened_site(site_folder, f"sqlite:///{folder / 'newsletter.db'}", filled=False) as site,
        client_of(build_app(site)) as client,
    ):
        for path in sorted(set(paths)):
            page = await client.get(path)
            assert "This link is from a test mail" in page.text


# --- a date with nothing to send ---------------------------------------------------------------------------


async def test_an_edition_goes_out_before_its_hour(folder: Path) -> None:
    code, said, mails = await send(folder, "--edition", "2026-06-16")

    assert code == 0, said
    assert [mail.rcpt_to for mail in mails].count("ada@example.org") == 1


@pytest.mark.parametrize(
    ("edition", "why", "next_on"),
    [
        ("2026-06-14", "Sunday, 2026-06-14: no reader gets a digest on that day", "Tuesday, 2026-06-16"),
        ("2026-06-19", "Friday, 2026-06-19: it is in the future", "Tuesday, 2026-06-16"),
        ("2026-05-12", "Tuesday, 2026-05-12: it is longer ago than 2 days", "Tuesday, 2026-06-16"),
    ],
)
async def test_a_date_without_digests_says_why_and_when_the_next_is(
    folder: Path, edition: str, why: str, next_on: str
) -> None:
    await send(folder, "--dry-run", at="2026-06-15T20:30:00+00:00")
    code, said, mails = await send(folder, "--edition", edition, at="2026-06-15T20:31:00+00:00")

    assert (code, mails) == (0, []), said
    assert f"nothing to send: {why}" in said
    assert f"The next digest is of {next_on}" in said
    assert f"--edition {edition}" not in said


def test_what_is_done_is_told_with_its_sum() -> None:
    coming = [ComingDigests(at("2026-06-17 07:00"), make_cadence(), 1, EmailAddress("ada@example.org"))]
    counts = {"2026-06-16": LedgerCounts({State.ACCEPTED: 3})}

    said = word_no_edition(date(2026, 6, 16), coming, counts, timedelta(days=2), at("2026-06-16 09:00"))

    assert said.startswith("Tuesday, 2026-06-16: its digests are done, 3 due = 3 accepted")


@pytest.mark.parametrize(
    ("days", "now", "command"),
    [
        (range(7), "2026-06-16 05:00", "newsletter send --edition 2026-06-16"),
        (range(7), "2026-06-16 09:00", ""),
        (range(5), "2026-06-14 09:00", ""),
    ],
)
def test_todays_digests_are_offered_only_where_somebody_gets_one(days: range, now: str, command: str) -> None:
    cadence = Cadence(frozenset(days), make_cadence().at, "UTC")
    coming = [ComingDigests(next_slot(cadence, at(now)).at, cadence, 1, EmailAddress("ada@example.org"))]

    said = word_nothing_due(coming, at(now))

    assert ("--edition" in said) == bool(command)
    assert command in said
