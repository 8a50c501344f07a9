"""What columns hold and statements say alike on SQLite and PostgreSQL."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Date,
    DateTime,
    Dialect,
    Integer,
    ScalarSelect,
    Select,
    String,
    Table,
    Text,
    and_,
    case,
    false,
    func,
    select,
    true,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

from newsletter.address import address_key
from newsletter.text import clean_text

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite
    from sqlalchemy.sql.compiler import SQLCompiler

_T = TypeVar("_T")

# Fewer than the 32,766 parameters that SQLite allows in one statement.
_CHUNK = 5_000


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: aware in, aware UTC out, on both engines. Refuses naive values with ValueError.

    SQLite has no type for it: there it is text in UTC, which sorts as it should.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value.isoformat()} has no time zone; give an aware datetime")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class CleanText(TypeDecorator[str]):
    """A text without control characters, lone surrogates and noncharacters (newsletter.text), of any length or of at
    most ``max_chars``: values and what is compared with them are cleaned alike, so both engines take and find the same.
    """

    impl = Text
    cache_ok = True

    def __init__(self, max_chars: int | None = None) -> None:
        super().__init__()
        self.max_chars = max_chars

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[str]:
        return Text() if self.max_chars is None else String(self.max_chars)

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else clean_text(value)


class AddressText(CleanText):
    """An address by which somebody is found: its `address_key`, also of what it is compared with."""

    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        cleaned = super().process_bind_param(value, dialect)
        return None if cleaned is None else address_key(cleaned)


class key_of(FunctionElement[str]):
    """The `address_key` of a column whose addresses are as they were typed, to compare it with an address."""

    inherit_cache = True
    type = AddressText()


@compiles(key_of)
def _compile_key_of(element: key_of, compiler: SQLCompiler, **options: Any) -> str:
    return f"lower({compiler.process(element.clauses, **options)})"  # SQLite knows the case of ASCII only


@compiles(key_of, "postgresql")
def _compile_key_of_there(element: key_of, compiler: SQLCompiler, **options: Any) -> str:
    return f'lower(({compiler.process(element.clauses, **options)}) COLLATE "C")'


class CleanJson(CleanText):
    """JSON whose texts are clean: in it control characters stand as escapes."""

    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        cleaned = super().process_bind_param(value, dialect)
        return cleaned if cleaned is None or "\\" not in cleaned else _ESCAPED_CONTROL.sub(r"\1", cleaned)


# An escaped backslash stays, so that what follows it is not taken for an escape.
_ESCAPED_CONTROL = re.compile(r"(\\\\)|\\(?:[bfr]|u00[01][0-9a-f])")


class utc_day(FunctionElement[Any]):
    """The UTC date of a UtcDateTime column, for comparing with another of its kind."""

    inherit_cache = True
    type = Date()


@compiles(utc_day, "sqlite")
def _compile_utc_day_for_sqlite(element: utc_day, compiler: SQLCompiler, **kw: Any) -> str:
    return f"substr({compiler.process(element.clauses, **kw)}, 1, 10)"


@compiles(utc_day, "postgresql")
def _compile_utc_day_for_postgresql(element: utc_day, compiler: SQLCompiler, **kw: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **kw)} AT TIME ZONE 'UTC' AS DATE)"


def unindexed(column: ColumnElement[str]) -> ColumnElement[str]:
    """Return a text column, never NULL, as an index is not looked up by: SQLite, which keeps no statistics, would take
    one for good that a million rows answer to."""
    return func.coalesce(column, "")


def row_by_row(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return conditions as rows are held against them one after the other: no index is looked up by them, and no engine
    takes a condition that nearly all rows answer to for one that nearly none do, as PostgreSQL does before it has
    counted them. It goes through the rows in the order that is asked for, then, and does not read and sort all."""
    return case((and_(*conditions), true()), else_=false())


def list_values(column: Column[Any], *which: ColumnElement[bool], newest: bool = False) -> Select[Any]:
    """Return the query for the different values of a column, in order: each is looked up in an index, where DISTINCT
    would read all there is of it."""

    def next_one(*after: ColumnElement[bool]) -> ScalarSelect[Any]:
        in_order = column.desc() if newest else column
        return select(column).where(*which, *after).order_by(in_order).limit(1).scalar_subquery()

    found = select(next_one().label("value")).cte(recursive=True)
    value = found.c.value
    rest = next_one(column < value if newest else column > value)
    found = found.union_all(select(rest).where(value.is_not(None)))
    return select(found.c.value).where(found.c.value.is_not(None))


class whole_seconds(FunctionElement[int]):
    """How many whole seconds the second of two UtcDateTime columns lies behind the first; a part of one counts for
    nothing, before it as well."""

    inherit_cache = True
    type = Integer()


@compiles(whole_seconds, "sqlite")
def _compile_whole_seconds_for_sqlite(element: whole_seconds, compiler: SQLCompiler, **kw: Any) -> str:
    first, second = (compiler.process(part, **kw) for part in element.clauses)
    # Days as fractions are exact to some 50 microseconds.
    days = f"(julianday({second}) - julianday({first}))"
    return f"CAST({days} * 86400 + 0.0005 AS INTEGER)"


@compiles(whole_seconds, "postgresql")
def _compile_whole_seconds_for_postgresql(element: whole_seconds, compiler: SQLCompiler, **kw: Any) -> str:
    first, second = (compiler.process(part, **kw) for part in element.clauses)
    return f"CAST(trunc(EXTRACT(EPOCH FROM {second} - {first}) + 0.0005) AS INTEGER)"


def _dialect_insert(dialect: str, table: Table) -> sqlite.Insert | postgresql.Insert:
    # A dialect is dear to import, and a process needs one of them.
    if dialect == "sqlite":
        from sqlalchemy.dialects import sqlite

        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql

    return postgresql.insert(table)


def insert_or_ignore(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """Return an INSERT that leaves rows alone that are there already."""
    return build_insert(connection.dialect.name, table)


def build_insert(dialect: str, table: Table) -> sqlite.Insert | postgresql.Insert:
    """Return the same for a dialect by its name."""
    return _dialect_insert(dialect, table).on_conflict_do_nothing()


def insert_or_update(
    connection: Connection, table: Table, unique: Sequence[str] = (), changed: Sequence[str] = ()
) -> sqlite.Insert | postgresql.Insert:
    """Return an INSERT that overwrites the row with the same primary key, or the same unique columns; in it those that
    are named as changed, else all."""
    return build_upsert(connection.dialect.name, table, unique, changed)


def build_upsert(
    dialect: str, table: Table, unique: Sequence[str] = (), changed: Sequence[str] = ()
) -> sqlite.Insert | postgresql.Insert:
    """Return the same for a dialect by its name."""
    insert = _dialect_insert(dialect, table)
    keys = [table.c[name] for name in unique] or list(table.primary_key.columns)
    names = changed or [column.name for column in table.c if not column.primary_key]
    return insert.on_conflict_do_update(
        index_elements=keys, set_={name: insert.excluded[name] for name in names}
    )


def in_chunks(values: Collection[_T]) -> Iterator[Sequence[_T]]:
    """Yield the values in lists that are short enough for one ``IN (…)``."""
    rest = list(values)
    for start in range(0, len(rest), _CHUNK):
        yield rest[start : start + _CHUNK]
