"""A database of 0.1 goes on: its tables are today's, and every store reads what it holds."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from datetime import date, time, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, make_url, text

from newsletter.compose.snapshot import dump_digest, dump_notice, parse_digest, parse_notice
from newsletter.compose.subscription import status_of
from newsletter.errors import StoreError
from newsletter.match.lookup import Run
from newsletter.model.digest import Digest, Window
from newsletter.model.entries import EntryKey, EventKind
from newsletter.model.ledger import DeliveryFilter, InstanceId, Kind, PauseKind, RelayPause, State
from newsletter.model.readers import Cadence, EmailAddress, Status, Subscriber
from newsletter.model.steps import StepFailure, StepName
from newsletter.signing import Secret
from newsletter.storage import (
    Archive,
    ConfirmationStore,
    Database,
    EntryStore,
    FeedbackStore,
    Ledger,
    RunStore,
    SessionStore,
    SettingStore,
    SubscriberStore,
    open_database,
)
from newsletter.workflows.change_address import AddressMove, AddressStep, read_move
from newsletter.workflows.subscribe import read_wanted
from tests.storage.test_schema import check_promises
from tests.support.builders import DAY
from tests.support.given import NOW

HOUR, ONE_DAY = timedelta(hours=1), timedelta(days=1)
OF_0_1 = Path(__file__).parent / "of_0_1"

STATUSES = {
    **dict.fromkeys(
        ("queued", "claimed", "in_data", "deferred", "accepted", "rejected", "suppressed", "expired"),
        Status.CONFIRMED,
    ),
    **dict.fromkeys(("uncertain", "empty", "skipped", "Ada.Example"), Status.CONFIRMED),
    **dict.fromkeys(("paused", "waking"), Status.PAUSED),
    **dict.fromkeys(("left", "complained"), Status.LEFT),
    "unconfirmed": Status.UNCONFIRMED,
    "absent": Status.ABSENT,
    "declined": Status.DECLINED,
}
"""Each reader of the database of 0.1 but one who was erased, by the name before @example.org. Who is called as a state
has a digest in it."""
DIGESTS = {State(name) for name in STATUSES if name in set(State)}
FROZEN = {State.IN_DATA, State.DEFERRED, State.ACCEPTED, State.REJECTED, State.UNCERTAIN}


@pytest.fixture
def url_of_0_1(bare_database_url: str) -> str:
    """A database that the program of 0.1 made."""
    url = make_url(bare_database_url)
    script = (OF_0_1 / f"{url.get_backend_name()}.sql").read_text("utf-8")
    if url.get_backend_name() == "sqlite":
        with sqlite3.connect(str(url.database)) as file:
            file.executescript(script)
        file.close()
    else:
        import psycopg

        with psycopg.connect(bare_database_url, autocommit=True) as connection:
            connection.execute(script.encode())
    return bare_database_url


@pytest.fixture
async def old(url_of_0_1: str) -> AsyncIterator[Database]:
    """The same, opened by today's program."""
    database = await open_database(url_of_0_1)
    yield database
    await database.close()


async def load_readers(database: Database) -> dict[str, Subscriber]:
    return {reader.address.partition("@")[0]: reader for reader in await SubscriberStore(database).load_all()}


async def test_a_database_of_0_1_makes_todays_promises(old: Database) -> None:
    await check_promises(old)


async def test_readers_of_0_1_are_where_they_were(old: Database) -> None:
    readers = await load_readers(old)

    found = {name: status_of(reader) for name, reader in readers.items()}
    assert Status.ERASED in [found.pop(name) for name in set(found) - STATUSES.keys()]
    assert found == STATUSES


async def test_a_reader_of_0_1_has_kept_what_they_chose(old: Database) -> None:
    reader = await SubscriberStore(old).load(EmailAddress("ada.example@EXAMPLE.ORG"))

    assert reader is not None
    assert reader.address == "Ada.Example@example.org"
    assert reader.cadence == Cadence(frozenset({0, 3}), time(6, 30), "Europe/Berlin")
    assert reader.topics_json == '["RAG",{"any":["agent*","tool use"],"name":"Agents"}]'
    assert (reader.language, reader.layout, reader.everything_else) == ("de", "list", 5)
    assert (reader.decided_at, reader.next_due_at, reader.file_owned) == (NOW - ONE_DAY, NOW + ONE_DAY, False)


async def test_what_was_suppressed_in_0_1_still_is(old: Database) -> None:
    addresses = [EmailAddress(f"{name}@example.org") for name in ("SUPPRESSED", "complained", "accepted")]

    found = await SubscriberStore(old).load_suppressed(addresses)

    assert {why.reason: why.is_complaint for why in found.values()} == {
        "hard bounce": False,
        "complaint": True,
    }


async def test_digests_of_0_1_are_as_far_as_they_were(old: Database) -> None:
    rows = await Ledger(old).reads.load_edition(DAY.isoformat())

    assert {row.state for row, _ in rows} == DIGESTS == set(State)
    assert all(address == f"{row.state}@example.org" for row, address in rows)
    assert {row.state for row, _ in rows if row.snapshot} == FROZEN


async def test_a_digest_that_0_1_has_begun_can_be_sent_again_as_it_was(old: Database) -> None:
    rows = await Ledger(old).reads.load_edition(DAY.isoformat())
    digests: dict[State, Digest] = {}

    for row, address in rows:
        if row.snapshot:
            digest = digests[row.state] = parse_digest(row.snapshot.content_json, row.snapshot.cards)
            assert (row.snapshot.address, row.snapshot.window) == (address, Window(0, 2))
            assert dump_digest(digest)[1] == row.snapshot.cards
            if row.state is not State.UNCERTAIN:
                assert dump_digest(digest)[0] == row.snapshot.content_json

    older = digests.pop(State.UNCERTAIN)  # of before digests had a look
    assert (older.layout, older.sections[0].topic) == ("", "RAG")
    assert {(digest.layout, digest.since_on, digest.entry_count) for digest in digests.values()} == {
        ("list", date(2026, 6, 15), 4)
    }


async def test_who_sent_with_0_1_and_is_dead_gives_its_claims_back(old: Database) -> None:
    ledger = Ledger(old)

    assert await ledger.claims.void_claims(InstanceId(1), NOW) == (1, 1)

    states = {address: row.state for row, address in await ledger.reads.load_edition(DAY.isoformat())}
    assert states[EmailAddress("claimed@example.org")] is State.QUEUED
    assert states[EmailAddress("in_data@example.org")] is State.UNCERTAIN
    assert await ledger.audit.find_contradictions(10) == []


async def test_mails_of_0_1_that_are_no_digests_say_what_they_said(old: Database) -> None:
    reads = Ledger(old).reads

    ((waiting, asked),) = await reads.find(DeliveryFilter(kind=Kind.CONFIRM))
    ((sent, told),) = await reads.find(DeliveryFilter(kind=Kind.GOODBYE))

    assert (waiting.state, asked) == (State.QUEUED, "unconfirmed@example.org")
    assert (sent.state, told) == (State.ACCEPTED, "left@example.org")
    assert parse_notice(waiting.content_json)[0].button == "Confirm"
    for row in (waiting, sent):
        assert dump_notice(*parse_notice(row.content_json)) == row.content_json


async def test_what_waits_for_a_click_since_0_1_is_understood(old: Database) -> None:
    confirmations, readers = ConfirmationStore(old), await load_readers(old)
    subscribe, address = await confirmations.load(1), await confirmations.load(2)
    assert subscribe is not None
    assert address is not None

    wanted = read_wanted(readers["unconfirmed"], subscribe.wanted_json)

    assert wanted.cadence == Cadence(frozenset({0, 2, 4}), time(18, 30), "Asia/Kolkata")
    assert (wanted.name, wanted.language, wanted.layout, wanted.everything_else) == ("Žofia", "ar", "list", 3)
    assert wanted.topics_json == '["RAG",{"any":["agent*"],"name":"Agents"}]'
    assert read_move(address) == AddressMove(
        AddressStep.OLD, EmailAddress("accepted@example.org"), EmailAddress("New.Home@example.org")
    )


async def test_papers_of_0_1_are_found(old: Database) -> None:
    entries = EntryStore(old)
    (entry,) = await entries.load_known([EntryKey("doi:10.5555/example.1")])
    history = await entries.load_history(entry.id)

    assert (entry.key, entry.version, entry.ai_keywords) == ("arxiv:2606.00001", 2, ("rag", "memory"))
    assert [event.kind for event in history.events] == [EventKind.NEW_VERSION]
    assert len(await entries.load_entries(Window(0, 2))) == 6
    assert len((await Archive(old).search(Run(("paper",), is_open=False), limit=10)).entries) == 6
    assert (await RunStore(old).load_health())["arxiv"].failures == 2


async def test_facts_of_0_1_are_known(old: Database) -> None:
    settings = SettingStore(old)
    hold = await settings.load_hold()

    assert await settings.load_secret() == Secret.from_hex("01" * 32)
    assert hold is not None
    assert hold.why == "the template is wrong"
    assert await settings.load_pauses() == {
        "smtp.example.org": RelayPause(NOW + HOUR, "451 4.7.1 slower …", 2, PauseKind.STORM),
        "old.example.org": RelayPause(NOW, "no connection", 1, PauseKind.UNUSABLE),
    }
    assert await settings.load_step_failures() == [
        StepFailure(StepName.COLLECTING, NOW - HOUR, 3, NOW, "the disk is full", True)
    ]
    assert await SessionStore(old).load("d" * 64, NOW) == "operator@example.org"
    assert await FeedbackStore(old).find_by_message_ids(["<accepted@news.example.org>"]) is not None


@pytest.mark.parametrize("version", ["0001", "0008"])
async def test_a_database_of_earlier_in_0_1_is_refused_untouched(url_of_0_1: str, version: str) -> None:
    database = await open_database(url_of_0_1)

    def change(connection: Connection) -> None:
        connection.execute(text("UPDATE alembic_version SET version_num = :it"), {"it": version})

    await database.write(change)
    await database.close()

    with pytest.raises(StoreError, match=rf"tables are at {version}.*open it once with newsletter 0\.1\.0"):
        await open_database(url_of_0_1)
