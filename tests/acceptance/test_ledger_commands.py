"""What an operator asks of the ledger on the command line: who got what, why not, and again please."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.house import House
from tests.support.papers import make_day
from tests.support.sink import Sink

ADA, GONE, LOST = "ada@example.org", "rcpt550-bo@example.net", "dropafterdot-cy@example.net"
EDITION = "2026-06-16"
LATER = "2026-06-16T19:00:00+00:00"


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    async with Sink() as sink:
        yield sink


@pytest.fixture
async def house(tmp_path: Path, sink: Sink) -> House:
    """A newsletter that has sent to one good reader, one who is gone, and one of whom nobody knows."""
    (tmp_path / "day.json").write_text(make_day())
    rows = "".join(f"  - {{address: {address}, topics: [robot]}}\n" for address in (ADA, GONE, LOST))
    house = House.build(
        tmp_path,
        sources="- {kind: hf_daily_papers, location: day.json}",
        subscribers="defaults: {days: daily, hour: '07:00', zone: UTC}\nsubscribers:\n" + rows,
        port=sink.port,
        more="schedule: {on_uncertain: hold}\n",
    )
    await run(house, "collect")
    assert await run(house, "send", "--edition", EDITION, code=1)
    return house


async def run(house: House, *arguments: str, code: int = 0) -> str:
    done = await asyncio.to_thread(house.run, *arguments)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


async def test_deliveries_are_filtered_and_written_as_csv_and_json(house: House) -> None:
    everything = [
        json.loads(line) for line in (await run(house, "deliveries", "--format", "json")).splitlines()
    ]
    assert {one["address"]: (one["state"], one["attempts"]) for one in everything} == {
        ADA: ("accepted", 1),
        GONE: ("rejected", 1),
        LOST: ("uncertain", 1),
    }

    async def addresses(*filters: str) -> list[str]:
        text = await run(house, "deliveries", "--format", "csv", *filters)
        return [row["address"] for row in csv.DictReader(io.StringIO(text))]

    assert await addresses("--state", "rejected", "--state", "uncertain") == [GONE, LOST]
    assert await addresses("--domain", "example.org") == [ADA]
    assert await addresses("--reason", "no such mailbox") == [GONE]
    assert await addresses("--edition", "2026-06-15") == []
    assert "1 delivery" in await run(house, "deliveries", "--state", "accepted")
    await run(house, "deliveries", "--state", "acepted", code=2)


async def test_explain_says_slot_topics_papers_and_each_attempt_with_its_reply(
    house: House, sink: Sink
) -> None:
    said = await run(house, "explain", ADA, "--date", EDITION)
    assert f"{EDITION}: accepted; slot 2026-06-16 07:00 UTC" in said
    assert re.search(
        r"attempt 1 at 2026-06-16 18:30:\d\d UTC through 127.0.0.1:\d+: accepted, 250 2.0.0 accepted", said
    )
    (mail,) = [message for message in sink.messages if message.rcpt_to == ADA]
    assert f"Message-ID {mail.message_id}, {len(mail.content)} bytes" in said
    assert "  robot:" in said
    assert "Robots that fold laundry, part 2 (Matched “robot” in the title" in said

    said = await run(house, "explain", GONE)
    assert "suppressed: bounced: 550 5.1.1 no such mailbox" in said
    assert "no digest was due on 2026-06-15" in await run(house, "explain", ADA, "--date", "2026-06-15")
    await run(house, "explain", "nobody@example.org", code=2)


async def test_long_lists_come_a_page_at_a_time(house: House) -> None:
    first = await run(house, "deliveries", "--limit", "2")
    assert ADA in first
    assert LOST not in first
    (last,) = re.findall(r"2 deliveries; the next ones: --after (\d+)", first)
    assert "1 delivery\n" in await run(house, "deliveries", "--limit", "2", "--after", last)
    assert len((await run(house, "deliveries", "--format", "json", "--limit", "1")).splitlines()) == 3

    assert "and 1 more: 'newsletter deliveries" in await run(house, "status", "--limit", "1")
    readers = " ".join((await run(house, "subscribers", "list", "--limit", "2")).split())
    assert f"2 of 3 (3 confirmed); the next ones: --after {LOST}" in readers
    assert GONE in await run(house, "subscribers", "list", "--after", LOST)


async def test_retry_queues_just_the_failed_ones(house: House, sink: Sink) -> None:
    await run(house, "subscribers", "lift", GONE, "--reason", "they are back")
    before = len(sink.messages)

    none = await run(house, "retry", "--edition", "2026-06-01", "--state", "rejected")
    assert none == "no rejected mail of 2026-06-01 fits; see 'newsletter deliveries'\n"
    assert "1 queued again" in await run(house, "retry", "--edition", EDITION, "--state", "rejected")
    await asyncio.to_thread(lambda: house.run("send", at=LATER))

    (line,) = (await run(house, "deliveries", "--format", "json", "--state", "rejected")).splitlines()
    one = json.loads(line)
    assert (one["address"], one["attempts"]) == (GONE, 2)
    assert len(sink.messages) == before, "nobody else was mailed again"
    await run(house, "retry", "--edition", EDITION, "--state", "accepted", code=2)


async def test_a_mail_that_stays_uncertain_is_named_until_it_is_settled(house: House) -> None:
    named = "uncertain, may or may not have arrived: 1"
    assert named in " ".join((await run(house, "send", code=1)).split())
    assert named in " ".join((await run(house, "status")).split())

    await run(house, "resolve", LOST, "accepted", "--reason", "the relay's log")

    assert "nobody knows" not in await run(house, "send")


@pytest.mark.parametrize(("outcome", "copies"), [("accepted", 1), ("not-sent", 2)])
async def test_resolve_settles_an_uncertain_mail(house: House, sink: Sink, outcome: str, copies: int) -> None:
    assert LOST in await run(house, "deliveries", "--state", "uncertain")

    await run(house, "resolve", LOST, outcome, "--reason", "the relay's log")
    await asyncio.to_thread(lambda: house.run("send", at=LATER))

    mails = [message for message in sink.messages if message.rcpt_to == LOST]
    assert len(mails) == copies
    assert len({message.message_id for message in mails}) == 1
    if outcome == "accepted":
        assert "the relay's log" in await run(house, "explain", LOST)
        await run(house, "resolve", LOST, outcome, "--reason", "twice", code=1)
