"""What somebody wrote outside reaches no text column unclean, on both engines alike."""

from __future__ import annotations

import json
from functools import partial

import pytest
from sqlalchemy import (
    ARRAY,
    JSON,
    Connection,
    Enum,
    LargeBinary,
    String,
    Text,
    cast,
    delete,
    insert,
    literal,
    make_url,
    select,
    text,
    update,
)
from sqlalchemy.types import TypeDecorator

from newsletter.errors import StoreError
from newsletter.match.lookup import Run
from newsletter.model.ledger import Hold, HoldKind, RelayPause
from newsletter.model.mail import Rejected
from newsletter.model.steps import StepFailure, StepName
from newsletter.storage import Database, FeedbackStore, Ledger, SettingStore
from newsletter.storage.dialects import CleanText, insert_or_update
from newsletter.storage.tables import confirmations, metadata, settings
from newsletter.storage.word_index import find_words
from tests.support.given import NOW, claim_one, given_instance, given_queued, given_reader, settle
from tests.support.statements import execute, load_rows, load_values

POISON = [
    ("no\0pe", "nope"),
    ("\x1b[31mred\x1b]0;title\x07", "[31mred]0;title"),
    ("C1 \x9b31m and DEL \x7f", "C1 31m and DEL "),
    ("half \ud83d a pair", "half  a pair"),
    ("\ufffe\uffff no character", " no character"),
    ("two\nlines\tstay, größe 论文 😀", "two\nlines\tstay, größe 论文 😀"),
]


def test_every_text_column_is_a_clean_text() -> None:
    kinds = (String, Text, Enum, JSON, ARRAY, LargeBinary)
    found = {
        f"{table.name}.{column.name}"
        for table in metadata.sorted_tables
        for column in table.columns
        if not isinstance(column.type, CleanText)
        and isinstance(column.type.impl if isinstance(column.type, TypeDecorator) else column.type, kinds)
    }

    assert found == {"pictures.body"}  # bytes that we have encoded ourselves


@pytest.mark.parametrize(("written", "clean"), POISON)
async def test_what_is_written_is_clean_and_found_by_what_was_written(
    database: Database, written: str, clean: str
) -> None:
    def change(connection: Connection) -> None:
        connection.execute(insert(settings).values(key="k", value="old"))
        connection.execute(update(settings).where(settings.c.key == "k\0").values(value=written))
        connection.execute(
            insert_or_update(connection, settings), [{"key": f"{name}\0", "value": written} for name in "ab"]
        )

    await database.write(change)

    for same in (
        settings.c.value == written,
        settings.c.value.in_([written]),
        settings.c.value.startswith(written),
    ):
        rows = await load_rows(database, select(settings.c.key, settings.c.value).where(same))
        assert {(row.key, row.value) for row in rows} == {(name, clean) for name in "kab"}
    await execute(database, delete(settings).where(settings.c.value == written))
    assert await load_rows(database, select(settings).where(settings.c.key.in_(list("kab")))) == []


async def test_texts_inside_of_json_are_clean_too(database: Database) -> None:
    """There control characters are escapes, which no engine minds, and which come back when it is read."""
    wanted = {"name": "a\0b\x1b\r\x7f", "backslash": "\\u0000 \\b", "lines": "one\n\ttwo", "half": "\ud800x"}
    written = literal(json.dumps(wanted, ensure_ascii=False), confirmations.c.wanted_json.type)

    (read,) = await load_values(database, select(cast(written, Text)))

    assert json.loads(read) == {
        "name": "ab",
        "backslash": "\\u0000 \\b",
        "lines": "one\n\ttwo",
        "half": "x",
    }


async def test_a_search_for_what_no_index_holds_finds_nothing(database: Database) -> None:
    for token in ("no\0pe", "half\ud83d"):
        assert await database.read(partial(find_words, lookup=Run((token,)), limit=10)) == []


async def test_a_value_that_the_driver_refuses_is_no_lost_connection(database: Database) -> None:
    """Waiting would not help, and saying that the server is away would send the operator the wrong way."""
    if database.is_sqlite:
        pytest.skip("SQLite takes a NUL")

    with pytest.raises(StoreError, match="refused a value") as caught:
        await execute(database, text("SELECT CAST(:raw AS TEXT)").bindparams(raw="no\0pe"))

    assert not caught.value.is_passing


async def test_a_server_that_is_out_of_reach_is_one_that_may_come_back() -> None:
    lost = Database(make_url("postgresql+psycopg://nobody@127.0.0.1:1/none"))
    try:
        with pytest.raises(StoreError, match="cannot be reached") as caught:
            await load_rows(lost, text("SELECT 1"))
    finally:
        await lost.close()

    assert caught.value.is_passing


@pytest.mark.parametrize(("said", "kept"), POISON[:5])
async def test_an_outcome_is_written_whatever_the_relay_said(
    database: Database, said: str, kept: str
) -> None:
    """Else one reply would stop the ledger, and with it the mails of all others."""
    reader, instance = await given_reader(database), await given_instance(database)
    await given_queued(database, reader)
    delivery = await claim_one(database, instance)
    ledger = Ledger(database)

    assert await settle(ledger, delivery, instance, Rejected(f"550 {said}"))

    assert [attempt.reply for attempt in await ledger.reads.load_attempts(delivery.id)] == [f"550 {kept}"]


@pytest.mark.parametrize(("said", "kept"), POISON[:5])
async def test_a_reason_and_a_report_are_kept_whatever_they_say(
    database: Database, said: str, kept: str
) -> None:
    store, pause = SettingStore(database), RelayPause(NOW, said, 1)
    await store.save_hold(Hold(HoldKind.MANUAL, said))
    await store.save_pause("1", pause)
    await store.save_step_failure(StepFailure(StepName.SENDING, NOW, 1, NOW, said))
    assert await store.load_hold() == Hold(HoldKind.MANUAL, kept)
    assert await store.load_pauses() == {"1": pause._replace(why=kept)}
    assert [failure.error for failure in await store.load_step_failures()] == [kept]
    assert await FeedbackStore(database).find_by_message_ids([f"<{said}@mx.example.org>"]) is None
