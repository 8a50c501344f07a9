"""Many rows in one statement, whose text goes to the driver as it is.

The driver's executemany hands each row over by itself; in between, other threads may take the interpreter, and on
PostgreSQL each row is planned anew. What SQLAlchemy does at each execution takes longer than some rows do, so the text
of a statement is put together here, once. On SQLite all values are parameters. On PostgreSQL, which would plan a
statement anew for another number of them, they are one JSON text, taken apart once (JSONB).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache, lru_cache
from itertools import chain
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Connection,
    CursorResult,
    Dialect,
    Row,
    Table,
    any_,
    bindparam,
    func,
    select,
)
from sqlalchemy.types import Text

_dump = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=datetime.isoformat).encode
Rows = Sequence[Mapping[str, Any]]
_AT_ONCE = 500
"""How many rows a statement of SQLite has at most: it takes 32,766 parameters."""


def are_among(dialect: str, column: ColumnElement[int]) -> ColumnElement[bool]:
    """Return the condition that a number is one of those of the parameter ``ids``, made by ``dump_ids``: one parameter
    for all of them, and the same statement for any number."""
    if dialect == "sqlite":
        each = func.json_each(bindparam("ids", type_=Text())).table_valued("value")
        return column.in_(select(each.c.value))
    return column == any_(bindparam("ids", type_=ARRAY(BigInteger())))


def dump_ids(dialect: str, ids: Iterable[int]) -> dict[str, Any]:
    """Return the parameter of ``are_among``."""
    return {"ids": _dump(sorted(ids)) if dialect == "sqlite" else sorted(ids)}


def update_rows(connection: Connection, table: Table, rows: Rows, *, only: str = "true") -> None:
    """Update rows by their id, each of ``rows`` with its id and the same other columns; with ``only``, a condition in
    SQL, those for which it holds of the table's row and the ``new`` values."""
    _execute(connection, _write_update, table, rows, only)


def upsert_rows(connection: Connection, table: Table, rows: Rows) -> None:
    """Insert rows, each with the same columns, and overwrite those with the same primary key."""
    _execute(connection, _write_upsert, table, rows)


def insert_rows(
    connection: Connection, table: Table, rows: Rows, *, returning: Sequence[str] = ()
) -> Sequence[Row[Any]]:
    """Insert rows, each with the same columns, but for those that are there already; return these columns of the new
    ones, numbers and texts."""
    done = _execute(connection, _write_insert, table, rows, ", ".join(returning))
    return [row for one in done for row in one.all()] if returning else []


def _execute(
    connection: Connection, write: Callable[..., str], table: Table, rows: Rows, detail: str = ""
) -> list[CursorResult[Any]]:
    """Execute what ``write`` makes of a table, columns and a query for their new values, with these rows."""
    dialect = connection.dialect
    at_once = _AT_ONCE if dialect.name == "sqlite" else len(rows)
    done = []
    for start in range(0, len(rows), at_once or 1):
        some = rows[start : start + at_once]
        columns = tuple(some[0])
        statement = _write(dialect, write, table, columns, len(some), detail)
        done.append(connection.exec_driver_sql(statement, _build_parameters(dialect, table, columns, some)))
    return done


@lru_cache(maxsize=1024)
def _write(
    dialect: Dialect,
    write: Callable[..., str],
    table: Table,
    columns: tuple[str, ...],
    number: int,
    detail: str,
) -> str:
    """Return the statement for so many rows. PostgreSQL's is the same for any number."""
    quote = dialect.identifier_preparer.quote
    names = [quote(name) for name in columns]
    if dialect.name == "sqlite":
        values = ", ".join(f"column{place} AS {name}" for place, name in enumerate(names, 1))
        row = f"({', '.join('?' * len(names))})"
        query = f"SELECT {values} FROM (VALUES {', '.join([row] * number)})"
    else:
        types = [_plain(table, name).compile(dialect) for name in columns]
        values = ", ".join(
            f"CAST(value ->> {place} AS {kind}) AS {name}"
            for place, (name, kind) in enumerate(zip(names, types, strict=True))
        )
        query = f"SELECT {values} FROM jsonb_array_elements(CAST(%(rows)s AS JSONB))"
    keys = [quote(column.name) for column in table.primary_key]
    return write(table.name, names, keys, query, detail)


def _write_update(table: str, names: Sequence[str], keys: Sequence[str], query: str, only: str) -> str:
    changes = ", ".join(f"{name} = new.{name}" for name in names if name not in keys)
    return f"UPDATE {table} SET {changes} FROM ({query}) AS new WHERE {table}.id = new.id AND {only}"


def _write_upsert(table: str, names: Sequence[str], keys: Sequence[str], query: str, _detail: str) -> str:
    changes = ", ".join(f"{name} = excluded.{name}" for name in names if name not in keys)
    # SQLite would else take ON CONFLICT for a part of the SELECT.
    beginning = f"INSERT INTO {table} ({', '.join(names)}) {query} WHERE true"
    return f"{beginning} ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {changes}"


def _write_insert(table: str, names: Sequence[str], keys: Sequence[str], query: str, returning: str) -> str:
    statement = f"INSERT INTO {table} ({', '.join(names)}) {query} WHERE true ON CONFLICT DO NOTHING"
    return f"{statement} RETURNING {returning}" if returning else statement


def _plain(table: Table, name: str) -> Any:
    """Return the type in which a column is stored."""
    kind = table.c[name].type
    return getattr(kind, "impl_instance", kind)


@cache
def _list_processors(dialect: Dialect, table: Table, columns: tuple[str, ...]) -> list[Any]:
    return [table.c[name].type.dialect_impl(dialect).bind_processor(dialect) for name in columns]


def _build_parameters(
    dialect: Dialect, table: Table, columns: tuple[str, ...], rows: Rows
) -> tuple[Any, ...] | dict[str, str]:
    """Return the values of the rows as the driver takes them, each as the type of its column gives it to it."""
    processors = _list_processors(dialect, table, columns)
    by_column = zip(*(row.values() for row in rows), strict=True)
    processed = zip(
        *(
            _process(act, values) if act else values
            for act, values in zip(processors, by_column, strict=True)
        ),
        strict=True,
    )
    return (
        tuple(chain.from_iterable(processed))
        if dialect.name == "sqlite"
        else {"rows": _dump(list(processed))}
    )


def _process(act: Callable[[Any], Any], values: Sequence[Any]) -> list[Any]:
    """Return what a type makes of values, each different one once: the rows of a batch have most of them in common."""
    known = {value: None if value is None else act(value) for value in set(values)}
    return [known[value] for value in values]
