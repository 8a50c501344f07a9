"""Every move of the ledger, whoever makes it: the database itself writes it down, to be held against the table."""

from __future__ import annotations

from sqlalchemy import Connection, text

from newsletter.deliver.ledger_rules import TRANSITIONS
from newsletter.storage import Database
from tests.support.statements import load_rows

ALLOWED = {
    (before, after) for moves in TRANSITIONS.values() for before, states in moves.items() for after in states
}
_SQLITE = """
    CREATE TRIGGER watch AFTER UPDATE OF state ON deliveries WHEN old.state <> new.state
    BEGIN INSERT INTO watched VALUES (old.state, new.state); END
"""
_POSTGRESQL = """
    CREATE FUNCTION watch() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO watched VALUES (old.state, new.state); RETURN NULL; END $$;
    CREATE TRIGGER watch AFTER UPDATE OF state ON deliveries FOR EACH ROW WHEN (old.state <> new.state)
    EXECUTE FUNCTION watch()
"""


async def watch_moves(database: Database) -> None:
    """Have each move of a delivery from one state to another written down from now on."""

    def change(connection: Connection) -> None:
        connection.exec_driver_sql("CREATE TABLE watched (before TEXT, after TEXT)")
        connection.exec_driver_sql(_SQLITE if database.is_sqlite else _POSTGRESQL)

    await database.write(change)


async def check_moves(database: Database) -> None:
    """Assert that each move since then is one of the table of deliver/ledger_rules.py."""
    rows = await load_rows(database, text("SELECT DISTINCT before, after FROM watched"))
    moves = {(row.before, row.after) for row in rows}
    assert moves <= ALLOWED, f"the table has no such move: {sorted(moves - ALLOWED)}"
