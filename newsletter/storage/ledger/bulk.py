"""Many rows in one statement: they come as one JSON text, which the engine takes apart.

The driver's executemany hands each row over by itself; in between, other threads may take the interpreter, and on
PostgreSQL each row is planned anew. One statement is three times as quick, and on both engines the same expression. On
PostgreSQL it is taken apart once (JSONB), not for each column.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Dialect,
    Executable,
    FromClause,
    Insert,
    Row,
    Select,
    Table,
    Update,
    bindparam,
    cast,
    func,
    select,
    true,
    update,
)
from sqlalchemy.types import Text

from newsletter.storage.dialects import build_insert, build_upsert

_dump = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=datetime.isoformat).encode
Rows = Sequence[Mapping[str, Any]]


def are_among(connection: Connection, column: ColumnElement[int]) -> ColumnElement[bool]:
    """Return the condition that a number is one of those of the parameter ``ids``, made by ``dump_ids``: one parameter
    for all of them, and the same statement for any number."""
    ids = bindparam("ids", type_=Text())
    if connection.dialect.name == "sqlite":
        each = func.json_each(ids).table_valued("value")
        return column.in_(select(each.c.value))
    each = func.jsonb_array_elements_text(_as_json(ids)).table_valued("value")
    return column.in_(select(cast(each.c.value, BigInteger())))


def dump_ids(ids: Iterable[int]) -> dict[str, str]:
    """Return the parameter of ``are_among``."""
    return {"ids": _dump(sorted(ids))}


def update_rows(
    connection: Connection,
    table: Table,
    rows: Rows,
    *,
    only: Callable[[Any], ColumnElement[bool]] | None = None,
) -> None:
    """Update rows by their id, each of ``rows`` with its id and the same other columns; with ``only`` those for which
    that says so of the new values."""
    if rows:
        columns = tuple(rows[0])
        statement = _build_update(connection.dialect.name, table, columns, only)
        connection.execute(statement, {"rows": _dump_rows(connection.dialect, table, columns, rows)})


def upsert_rows(connection: Connection, table: Table, rows: Rows) -> None:
    """Insert rows, each with the same columns, and overwrite those with the same primary key."""
    if rows:
        columns = tuple(rows[0])
        statement = _build_upsert(connection.dialect.name, table, columns)
        connection.execute(statement, {"rows": _dump_rows(connection.dialect, table, columns, rows)})


def insert_rows(
    connection: Connection, table: Table, rows: Rows, *, returning: Sequence[str] = ()
) -> Sequence[Row[Any]]:
    """Insert rows, each with the same columns, but for those that are there already; return these columns of the new
    ones."""
    if not rows:
        return []
    columns = tuple(rows[0])
    statement = _build_insert(connection.dialect.name, table, columns, tuple(returning))
    done = connection.execute(statement, {"rows": _dump_rows(connection.dialect, table, columns, rows)})
    return done.all() if returning else []


@cache
def _build_update(
    dialect: str, table: Table, columns: tuple[str, ...], only: Callable[[Any], ColumnElement[bool]] | None
) -> Update:
    new = _build_values(dialect, table, columns)
    changing = update(table).where(table.c.id == new.c.id)
    if only is not None:
        changing = changing.where(only(new.c))
    return changing.values({name: new.c[name] for name in columns if name != "id"})


@cache
def _build_insert(
    dialect: str, table: Table, columns: tuple[str, ...], returning: tuple[str, ...]
) -> Executable:
    new = select(*_build_values(dialect, table, columns).c).where(true())
    inserting = build_insert(dialect, table).from_select(columns, new)
    return inserting.returning(*(table.c[name] for name in returning)) if returning else inserting


@cache
def _build_upsert(dialect: str, table: Table, columns: tuple[str, ...]) -> Insert:
    # SQLite would else take ON CONFLICT for a part of the SELECT.
    new = select(*_build_values(dialect, table, columns).c).where(true())
    return build_upsert(dialect, table).from_select(columns, new)


def _build_values(dialect: str, table: Table, columns: Sequence[str]) -> FromClause:
    """Return the rows of the parameter ``rows`` as columns of these names and of the table's types."""
    query: Select[Any]
    if dialect == "sqlite":
        each = func.json_each(bindparam("rows", type_=Text())).table_valued("value")
        query = select(
            *(
                func.json_extract(each.c.value, f"$[{place}]").label(name)
                for place, name in enumerate(columns)
            )
        ).select_from(each)
    else:
        each = func.jsonb_array_elements(_as_json(bindparam("rows", type_=Text()))).table_valued("value")
        query = select(
            *(
                cast(each.c.value.op("->>")(place), _plain(table, name)).label(name)
                for place, name in enumerate(columns)
            )
        ).select_from(each)
    return query.subquery("new")


def _as_json(text: ColumnElement[str]) -> ColumnElement[Any]:
    """Return a text as JSON that PostgreSQL has taken apart."""
    from sqlalchemy.dialects.postgresql import JSONB  # here: SQLite's commands do without the other dialect

    return cast(text, JSONB())


def _plain(table: Table, name: str) -> Any:
    """Return the type in which a column is stored."""
    kind = table.c[name].type
    return getattr(kind, "impl_instance", kind)


@cache
def _list_processors(dialect: Dialect, table: Table, columns: tuple[str, ...]) -> list[Any]:
    return [table.c[name].type.dialect_impl(dialect).bind_processor(dialect) for name in columns]


def _dump_rows(dialect: Dialect, table: Table, columns: Sequence[str], rows: Rows) -> str:
    """Return the rows as JSON, each value as the type of its column gives it to the driver."""
    processors = _list_processors(dialect, table, tuple(columns))
    by_column = zip(*(row.values() for row in rows), strict=True)
    processed = [
        _process(act, values) if act else values for act, values in zip(processors, by_column, strict=True)
    ]
    return _dump(list(zip(*processed, strict=True)))


def _process(act: Callable[[Any], Any], values: Sequence[Any]) -> list[Any]:
    """Return what a type makes of values, each different one once: the rows of a batch have most of them in common."""
    known = {value: None if value is None else _write_time(act(value)) for value in set(values)}
    return [known[value] for value in values]


def _write_time(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
