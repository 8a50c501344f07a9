"""Every move of the ledger, whoever makes it: the database itself writes it down, to be held against the table."""

from __future__ import annotations

from sqlalchemy import Connection, text

from newsletter.deliver.ledger_rules import TRANSITIONS
from newsletter.storage import Database
from tests.support.statements import load_rows

ALLOWED = {
    (before, after) for moves in TRANSITIONS.values() for before, states in moves.items() for after in states
}
# In its place, and from the one to the other: a row is put into its new place before it is taken out of the old one.
_IN_PLACE = "INSERT INTO watched VALUES (old.state, new.state)"
_ENDED = "INSERT INTO watched SELECT state, new.state FROM queue WHERE id = new.delivery"
_AGAIN = "INSERT INTO watched SELECT state, new.state FROM outcomes WHERE delivery = new.id"
_WATCHED = (
    ("queue", "UPDATE OF state", _IN_PLACE),
    ("outcomes", "UPDATE OF state", _IN_PLACE),
    ("outcomes", "INSERT", _ENDED),
    ("queue", "INSERT", _AGAIN),
)
_SQLITE = "CREATE TRIGGER {name} AFTER {what} ON {table} {when} BEGIN {note}; END"
_POSTGRESQL = """
    CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {note}; RETURN NULL; END $$;
    CREATE TRIGGER {name} AFTER {what} ON {table} FOR EACH ROW {when} EXECUTE FUNCTION {name}()
"""


async def watch_moves(database: Database) -> None:
    """Have each move of a delivery from one state to another written down from now on."""

    def change(connection: Connection) -> None:
        connection.exec_driver_sql("CREATE TABLE watched (before TEXT, after TEXT)")
        for number, (table, what, note) in enumerate(_WATCHED):
            when = "WHEN (old.state <> new.state)" if what != "INSERT" else ""
            statement = (_SQLITE if database.is_sqlite else _POSTGRESQL).format(
                name=f"watch_{number}", table=table, what=what, note=note, when=when
            )
            connection.exec_driver_sql(statement)

    await database.write(change)


async def check_moves(database: Database) -> None:
    """Assert that each move since then is one of the table of deliver/ledger_rules.py."""
    rows = await load_rows(database, text("SELECT DISTINCT before, after FROM watched"))
    moves = {(row.before, row.after) for row in rows}
    assert moves <= ALLOWED, f"the table has no such move: {sorted(moves - ALLOWED)}"
