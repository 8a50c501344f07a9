from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import insert

from newsletter.model.ledger import NOTICES, Kind, State
from newsletter.model.readers import Asked, Consent, EmailAddress, Subscriber
from newsletter.render.language import load_language
from newsletter.storage.tables import bounces, metadata, strikes, suppressions
from newsletter.web.pages.sent import write_state
from newsletter.web.site import Site
from newsletter.wiring import FixedClock
from tests.support.builders import at
from tests.support.given import claim_one, given_instance
from tests.support.statements import execute
from tests.support.website import NOW, READER
from tests.web.readers import given_other, leave_path, load, load_notices, own_path
from tests.web.snapshot import find_text, take_snapshot

MAILS = {"deliveries", "queue", "mails", "contents", "outcomes", "attempts"}
PERSONAL = MAILS | {
    "subscribers",
    "consents",
    "confirmations",
    "bounces",
    "suppressions",
    "sessions",
    "strikes",
}
"""The tables that may name a person, but for those that all readers share (cards, entries, bundles)."""


NAME = "Adalovelacia"
TOPICS = '["agents","RAG","agents that nobody else wants"]'


async def given_digest(site: Site, topics_json: str = TOPICS) -> Subscriber:
    """READER, who was sent a digest on Tuesday and had nothing new on Wednesday."""
    newsletter = site.newsletter
    reader = replace(
        await load(site),
        name=NAME,
        topics_json=topics_json,
        next_due_at=at("2026-06-16 07:00"),
        file_owned=False,
    )
    await newsletter.subscribers.save([reader], NOW, "edited")
    for now in (at("2026-06-16 08:00"), at("2026-06-17 08:00")):
        await replace(newsletter.planner, clock=FixedClock(now)).plan_due()
        async with newsletter.sender(asyncio.Event()) as sender:
            await sender.send_pending()
    return await load(site)


async def given_history(site: Site, client: httpx2.AsyncClient) -> Subscriber:
    """READER with a row in every table that may name them."""
    newsletter = site.newsletter
    reader = await given_digest(site)
    path = own_path(site, reader)
    await client.post(path + "/address", data={"address": "ada.secret@other.example.net"})
    await client.post((await load_notices(site, Kind.CONFIRM))[-1][2])
    await client.post(leave_path(site, reader), data={"do": "leave"})
    await client.post(leave_path(site, reader), data={"do": "back"})
    await newsletter.sessions.open(reader.address, "f" * 64, NOW, NOW + timedelta(days=1))
    (digest, *_) = await newsletter.ledger.reads.load_of_reader(reader.id, "2026-06-16")
    await execute(
        newsletter.database,
        insert(bounces).values(
            report_hash="a" * 64,
            delivery=digest.id,
            address=reader.address,
            at=NOW,
            kind="failed",
            status="4.2.2",
            diagnostic=f"{reader.address} is full",
            action="counted",
        ),
    )
    domain = reader.address.rpartition("@")[2]
    struck = {
        "address": reader.address,
        "domain": domain,
        "delivery": digest.id,
        "why": f"{reader.address} is full",
    }
    await execute(newsletter.database, insert(strikes).values(day=NOW.date(), **struck))
    return await load(site)


# --- what was sent --------------------------------------------------------------------------------


async def test_digests_are_listed_in_words(site: Site, client: httpx2.AsyncClient) -> None:
    path = own_path(site, await given_digest(site))

    text = (await client.get(path + "/sent")).text

    assert text.index("Wednesday, 17 June 2026") < text.index("Tuesday, 16 June 2026")
    assert "Delivered to your mail server" in text
    assert "No mail: there was nothing new in your topics" in text
    assert "papers ·" in text


async def test_one_digest_shows_its_papers_why_and_how_it_went(
    site: Site, client: httpx2.AsyncClient
) -> None:
    path = own_path(site, await given_digest(site))

    text = (await client.get(path + "/sent/2026-06-16")).text

    assert "Agents that use tools" in text
    assert "Matched “agents” in the title" in text
    assert READER in text
    assert "accepted" in text
    assert "The mail server said: 250" in text
    assert (await client.get(path + "/sent/2026-06-17")).status_code == 200


@pytest.mark.parametrize(
    "day", ["2026-06-01", "2026-02-30", "today", "20260616", "2026-06-16'--", "%00", "x" * 999]
)
async def test_a_date_without_a_digest_is_not_found(site: Site, client: httpx2.AsyncClient, day: str) -> None:
    path = own_path(site, await given_digest(site))

    assert (await client.get(f"{path}/sent/{day}")).status_code == 404
    assert (await client.get(f"{path}/sent", params={"before": day})).status_code == 200


async def test_a_digest_is_shown_to_its_own_reader_alone(site: Site, client: httpx2.AsyncClient) -> None:
    await given_digest(site)
    path = own_path(site, await given_other(site))

    assert (await client.get(path + "/sent/2026-06-16")).status_code == 404
    assert "2026" not in (await client.get(path + "/sent")).text


async def test_many_digests_come_in_pages(
    site: Site, client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("newsletter.web.pages.sent.ON_A_PAGE", 1)
    path = own_path(site, await given_digest(site))

    first = (await client.get(path + "/sent")).text
    second = (await client.get(path + "/sent", params={"before": "2026-06-17"})).text

    assert "17 June" in first
    assert "16 June" not in first
    assert "/sent?before=2026-06-17" in first
    assert "16 June" in second
    assert "17 June" not in second
    assert "before=" not in second


def test_every_state_has_its_words() -> None:
    lang = load_language("en")
    assert (
        len({write_state(lang, state) for state in State}) == len(State) - 2
    )  # the three on the way are one


# --- export ---------------------------------------------------------------------------------------


async def test_export_holds_every_row_about_the_reader(site: Site, client: httpx2.AsyncClient) -> None:
    reader = await given_history(site, client)

    answer = await client.post(own_path(site, reader) + "/export")

    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-disposition"] == 'attachment; filename="papers-my-data.json"'
    exported = answer.json()
    assert exported["newsletter"] == "Trending Papers"
    assert exported["subscriber"]["address"] == READER
    assert [row["consent"] for row in exported["consents"]] == ["confirmed", "left", "confirmed"]
    counted = {
        "subscribers": 1,
        "consents": len(exported["consents"]),
        # What was asked of another mailbox belongs to that one.
        "confirmations": len(exported["confirmations"]) + 1,
        "deliveries": len(exported["mails"]) + 1,
        "bounces": len(exported["reports"]),
        "suppressions": len(exported["suppressions"]),
        "sessions": len(exported["sessions"]),
        "strikes": len(exported["strikes"]),
    }
    stored = await take_snapshot(site.newsletter.database)
    assert counted == {name: len(rows) for name, rows in stored.items() if name in counted}
    assert PERSONAL - counted.keys() == MAILS - {"deliveries"}, (
        "these stand with the mail that they are about"
    )
    assert len(stored["queue"]) + len(stored["outcomes"]) == len(stored["deliveries"])
    assert all(mail["attempts"] for mail in exported["mails"] if mail["state"] == "accepted")
    assert all(mail["content_json"] for mail in exported["mails"] if mail["content_hash"])
    assert sum(len(mail["papers"]) for mail in exported["mails"]) > 1
    assert exported["mails"][0]["papers"][0]["title"]


async def test_export_replaces_no_mailbox(site: Site, client: httpx2.AsyncClient) -> None:
    """Whoever has come by a link to preferences must not find in the export what was mailed as a proof."""
    reader = await given_history(site, client)
    secret = [url for kind in NOTICES for _, _, url in await load_notices(site, kind) if url]
    await site.newsletter.confirmations.ask(
        Asked.LOGIN, reader.id, reader.address, "{}", "", NOW, NOW + timedelta(minutes=15)
    )

    exported = (await client.post(own_path(site, reader) + "/export")).text

    assert len(secret) >= 3
    for url in secret:
        assert url not in exported
        assert url.rpartition("/")[2] not in exported
    assert "f" * 64 not in exported
    assert "/confirm/" not in exported


async def test_no_table_was_forgotten(site: Site) -> None:
    """A table that refers to a reader or keeps an address is one of those that are exported and erased."""
    naming = {
        table.name
        for table in metadata.sorted_tables
        if "address" in table.c
        or "recipient" in table.c
        or "delivery" in table.c
        or any(key.column.table.name in ("subscribers", "deliveries") for key in table.foreign_keys)
    }
    assert naming | {"subscribers"} == PERSONAL


# --- erase ----------------------------------------------------------------------------------------


async def test_erasing_has_to_be_meant(site: Site, client: httpx2.AsyncClient) -> None:
    path = own_path(site, await load(site))
    before = await take_snapshot(site.newsletter.database)

    for data in ({}, {"sure": ""}, {"sure": "no"}, {"sure": ["yes", "no"]}):
        answer = await client.post(path + "/erase", data=data)
        assert answer.status_code == 422
        assert 'name="sure" value="yes"' in answer.text

    assert await take_snapshot(site.newsletter.database) == before


async def test_erased_readers_are_in_no_table_and_all_counts_stay(
    site: Site, client: httpx2.AsyncClient
) -> None:
    reader = await given_history(site, client)
    other = await given_other(site)
    database = site.newsletter.database
    path, leave = own_path(site, reader), leave_path(site, reader)
    traces = (reader.address, "ada.secret", NAME, "127.0.0.0", "agents that nobody else wants")
    counts = await site.newsletter.ledger.reads.load_counts()
    for trace in traces:
        assert await find_text(database, trace)
    assert await find_text(database, *traces)

    answer = await client.post(path + "/erase", data={"sure": "yes"})

    assert answer.status_code == 200
    assert "Your data is erased" in answer.text
    assert await find_text(database, *traces) == []
    assert await site.newsletter.ledger.reads.load_counts() == counts
    assert (await client.get(path)).status_code == 404
    assert (await client.post(path + "/export")).status_code == 404
    snapshot = await take_snapshot(database)
    assert (await client.post(leave, data={"List-Unsubscribe": "One-Click"})).status_code == 200
    assert (await client.post(leave, data={"do": "back"})).status_code == 200
    assert await take_snapshot(database) == snapshot
    assert await load(site, other.address) == other
    async with site.newsletter.sender(asyncio.Event()) as sender:
        await sender.send_pending()
    assert await find_text(database, *traces) == []


async def test_nobody_is_erased_while_a_mail_is_on_its_way(site: Site, client: httpx2.AsyncClient) -> None:
    newsletter = site.newsletter
    due = replace(await load(site), next_due_at=at("2026-06-17 07:00"))
    await newsletter.subscribers.save([due], NOW, "edited")
    await newsletter.planner.plan_due()
    await claim_one(newsletter.database, await given_instance(newsletter.database), NOW)
    before = await take_snapshot(newsletter.database)

    answer = await client.post(own_path(site, due) + "/erase", data={"sure": "yes"})

    assert answer.status_code == 409
    assert "Try again in a minute" in answer.text
    assert await take_snapshot(newsletter.database) == before


async def test_a_suppression_stays(site: Site, client: httpx2.AsyncClient) -> None:
    reader = await load(site)
    await execute(
        site.newsletter.database,
        insert(suppressions).values(address=reader.address, reason="550", since=NOW, lifted_why=""),
    )

    await client.post(own_path(site, reader) + "/erase", data={"sure": "yes"})

    assert set(await find_text(site.newsletter.database, "ada.secret")) == {f"suppressions: {READER}"}
    assert await site.newsletter.subscribers.load_suppressed([EmailAddress(READER)])


async def test_no_list_brings_back_who_was_erased(
    site: Site, client: httpx2.AsyncClient, tmp_path: Path
) -> None:
    newsletter = site.newsletter
    reader, stranger = (
        await load(site),
        await given_other(site, "eve@example.org", consent=Consent.UNCONFIRMED),
    )
    await client.post(own_path(site, reader) + "/erase", data={"sure": "yes"})
    assert await newsletter.subscribers.erase(stranger.id)
    addresses = [READER, stranger.address, "new@example.org"]
    rows = "".join(f"  - {{address: {address}, topics: [RAG]}}\n" for address in addresses)
    (tmp_path / "subscribers.yaml").write_text("subscribers:\n" + rows)

    notes = await newsletter.file.take_over()

    assert [note.partition(":")[0] for note in notes] == [READER]
    assert await newsletter.subscribers.load(EmailAddress(READER)) is None
    # Who never confirmed has refused nothing.
    assert await newsletter.subscribers.load(stranger.address) is not None
    assert await newsletter.subscribers.load_erased([EmailAddress(one) for one in addresses]) == {READER}


async def test_who_was_erased_can_join_and_be_erased_again(site: Site, client: httpx2.AsyncClient) -> None:
    for _ in range(3):
        reader = await given_other(site, "eve@example.org")
        assert (await client.post(own_path(site, reader) + "/erase", data={"sure": "yes"})).status_code == 200
    assert await find_text(site.newsletter.database, "eve@") == []
    assert await site.newsletter.subscribers.load_erased([EmailAddress("eve@example.org")])
