"""A ledger of before the queue goes on: rows in each state are where they were, and what was open is sent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import Connection, text

from newsletter.compose.snapshot import dump_notice
from newsletter.model.ledger import OPEN, DeliveryFilter, InstanceId, Kind, State
from newsletter.model.mail import Notice
from newsletter.model.readers import SubscriberId
from newsletter.storage import Database, FeedbackStore, Ledger, open_database
from newsletter.storage.schema import _connect, build_alembic_config
from tests.storage.ledger.cases import ONE_DAY, load_attempts
from tests.storage.test_schema import check_promises
from tests.support.builders import DAY
from tests.support.given import NOW, given_reader

HOLDER = InstanceId(1)
NOTICE = dump_notice(Notice("Subject", "", ("Text",)), "en")
FROZEN = {State.IN_DATA, State.DEFERRED, State.ACCEPTED, State.REJECTED, State.UNCERTAIN}
ANSWERED = {State.DEFERRED, State.ACCEPTED, State.REJECTED, State.UNCERTAIN}
CONTENT = '{"sections":[]}'
COLUMNS = (
    *("id", "kind", "key", "recipient", "state", "slot_at", "expires_at", "attempt", "next_attempt_at"),
    *("last_reply", "relay", "uncertain_at", "claimed_by", "state_before_claim", "address", "after_run"),
    *("upto_run", "content_json", "entries_json", "bundle_hash", "content_hash", "message_id", "size_bytes"),
)


def list_rows() -> list[dict[str, Any]]:
    """A digest in each state, one whose content is gone, one whose reader is erased, a notice that waits, one that went
    out."""
    rows = [make_row(number, state) for number, state in enumerate(State, 1)]
    aged = make_row(12, State.ACCEPTED) | {"content_json": None, "bundle_hash": None}
    erased = make_row(13, State.ACCEPTED) | {
        "content_json": "",
        "address": "",
        "message_id": None,
        "last_reply": "erased",
    }
    notice = {"kind": Kind.CONFIRM, "key": "1", "content_json": NOTICE, "address": "other@example.org"}
    waiting = make_row(14, State.QUEUED) | notice
    sent = make_row(15, State.ACCEPTED) | {**notice, "kind": Kind.LOGIN, "after_run": None, "upto_run": None}
    return [*rows, aged, erased, waiting, sent]


def make_row(number: int, state: State) -> dict[str, Any]:
    is_held, is_frozen = state in (State.CLAIMED, State.IN_DATA), state in FROZEN
    frozen = {
        "address": f"reader{number}@example.org",
        "content_json": CONTENT,
        "entries_json": "[]",
        "bundle_hash": "bundle",
        "content_hash": "content",
        "message_id": f"<{number}@example.org>",
        "size_bytes": 4_000,
    }
    return {
        **dict.fromkeys(COLUMNS),
        "id": number,
        "kind": Kind.DIGEST,
        "key": DAY.isoformat(),
        "recipient": number,
        "state": state,
        "slot_at": NOW,
        "next_attempt_at": NOW,
        "expires_at": NOW + ONE_DAY,
        "attempt": int(state in ANSWERED or state is State.IN_DATA),
        "last_reply": "250 ok" if state in ANSWERED else "",
        "relay": "relay:25" if is_frozen else "",
        "uncertain_at": NOW if state is State.UNCERTAIN else None,
        "claimed_by": HOLDER if is_held else None,
        "state_before_claim": State.QUEUED if is_held else None,
        "after_run": 0 if is_frozen or state is State.EMPTY else None,
        "upto_run": 1 if is_frozen or state is State.EMPTY else None,
        **(frozen if is_frozen else {}),
    }


def fill(connection: Connection) -> None:
    """Build the tables of before, and write these rows."""
    from alembic import command

    command.upgrade(build_alembic_config(connection), "0018")
    connection.execute(
        text("INSERT INTO instances (host, boot, pid, heartbeat_at) VALUES ('h', 'b', 1, :at)"),
        {"at": NOW.replace(tzinfo=None) if connection.dialect.name == "sqlite" else NOW},
    )
    connection.execute(text("INSERT INTO bundles (hash, json) VALUES ('bundle', '{}')"))
    rows = [
        {
            name: value.replace(tzinfo=None) if hasattr(value, "tzinfo") else value
            for name, value in row.items()
        }
        if connection.dialect.name == "sqlite"
        else row
        for row in list_rows()
    ]
    connection.execute(
        text(
            "INSERT INTO subscribers (id, address, address_key, name, language, days, local_time, zone, topics_json,"
            " everything_else, consent, counted_run, file_owned) VALUES (:id, :address, :address, '', 'en', '[0]',"
            " '07:00', 'UTC', '[]', 0, 'confirmed', 1, :no)"
        ),
        [{"id": row["id"], "address": f"reader{row['id']}@example.org", "no": False} for row in rows],
    )
    names = ", ".join(COLUMNS)
    values = ", ".join(f":{name}" for name in COLUMNS)
    connection.execute(text(f"INSERT INTO deliveries ({names}) VALUES ({values})"), rows)
    connection.execute(
        text(
            "INSERT INTO attempts (delivery, number, at, outcome, reply, relay)"
            " VALUES (:id, 1, :slot_at, :state, :last_reply, :relay)"
        ),
        [row for row in rows if row["attempt"] and row["state"] in ANSWERED],
    )


@pytest.fixture
async def old(bare_database_url: str) -> AsyncIterator[Database]:
    """A database that the program of before has filled, opened by today's."""
    before = _connect(bare_database_url)
    await before.change_schema(fill)
    await before.close()
    database = await open_database(bare_database_url)
    yield database
    await database.close()


async def test_tables_promise_what_new_ones_do(old: Database) -> None:
    await check_promises(old)


async def test_each_row_is_in_the_state_in_which_it_was(old: Database) -> None:
    ledger = Ledger(old)
    rows = {int(row.id): row for row, _ in await ledger.reads.load_edition(DAY.isoformat())}

    assert [rows[number].state for number in sorted(rows)][:11] == list(State)
    for row in list_rows()[:11]:
        found = rows[row["id"]]
        assert (found.attempt, found.last_reply, found.relay, found.uncertain_at, found.slot_at) == (
            *(row["attempt"], row["last_reply"], row["relay"], row["uncertain_at"], row["slot_at"]),
        )
        assert (found.snapshot is not None) == (found.state in FROZEN)
        if found.state in OPEN:
            assert (found.next_attempt_at, found.expires_at) == (row["next_attempt_at"], row["expires_at"])
    assert rows[12].snapshot is None, "its content was gone"
    assert rows[13].address is None, "its reader was erased"
    counts = (await ledger.reads.load_counts())[DAY.isoformat()]
    assert (counts.due, counts[State.ACCEPTED]) == (13, 3)
    assert await ledger.audit.find_contradictions(9) == []


async def test_a_reader_who_is_new_gets_a_number_that_nobody_had(bare_database_url: str) -> None:
    before = _connect(bare_database_url)
    await before.change_schema(fill)
    gone = 99

    def come_and_go(connection: Connection) -> None:
        columns = "address, address_key, name, language, days, local_time, zone, topics_json, everything_else, consent"
        connection.execute(
            text(
                f"INSERT INTO subscribers (id, {columns}, counted_run, file_owned) SELECT {gone}, 'gone', 'gone', name,"
                " language, days, local_time, zone, topics_json, everything_else, consent, 1, file_owned"
                " FROM subscribers WHERE id = 1"
            )
        )
        connection.execute(text(f"DELETE FROM subscribers WHERE id = {gone}"))
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SELECT setval('subscribers_id_seq', {gone})"))

    await before.change_schema(come_and_go)
    await before.close()
    database = await open_database(bare_database_url)

    reader = await given_reader(database, "new@example.org")
    await database.close()

    assert reader.id > gone


async def test_each_answer_is_there_once(old: Database) -> None:
    answered = [row for row in list_rows() if row["attempt"] and row["state"] in ANSWERED]

    found = [reply for _, _, reply in await load_attempts(old)]

    assert found == [row["last_reply"] for row in answered]


async def test_what_was_open_goes_on(old: Database) -> None:
    ledger, later = Ledger(old), NOW + ONE_DAY / 2
    assert await ledger.claims.void_claims(HOLDER, NOW) == (1, 1)

    instance = await ledger.claims.register_instance("host", "boot", 2, NOW)
    claimed = await ledger.claims.claim(instance, later, 99, frozenset(Kind))

    assert [(row.kind, row.id) for row in claimed] == [
        (Kind.CONFIRM, 14),
        *((Kind.DIGEST, number) for number in (1, 2, 3, 4, 9)),
    ]
    assert claimed[0].content_json == NOTICE
    assert claimed[0].address == "other@example.org"
    assert [row.id for row in claimed if row.snapshot] == [3, 4, 9]


async def test_what_had_ended_can_be_retried_and_reported(old: Database) -> None:
    ledger = Ledger(old)

    wanted = DeliveryFilter(DAY.isoformat(), frozenset({State.REJECTED, State.EXPIRED}))
    assert await ledger.planning.retry(wanted, NOW, NOW + ONE_DAY) == (2, 0)

    assert await FeedbackStore(old).find_by_message_ids(["<5@example.org>"]) == 5
    assert await FeedbackStore(old).find_last_mail(SubscriberId(12)) == 12
    assert [reply for _, outcome, reply in await load_attempts(old) if outcome == "rejected"] == ["250 ok"]
    assert await ledger.audit.find_contradictions(9) == []
